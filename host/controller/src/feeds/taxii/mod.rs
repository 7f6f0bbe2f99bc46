//! TAXII 2.0 and 2.1 collections: fetches the objects that were added since the last poll, page by
//! page, and adds objects to collections. The version is negotiated with the server.

mod course;
mod discovery;
mod manifest;
mod paging;
mod poll;
mod push;
mod ranges;
mod version;

use std::io::BufReader;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;
use threatsieve_feed::{StixLimits, StixSet};
use url::Url;

use self::course::{Course, Place};
use self::discovery::{Collection, Right, path_segment, resolve};
pub(crate) use self::manifest::{Entry as ManifestEntry, read_manifest};
use self::poll::{EXPECTED, End, Poll};
pub(crate) use self::push::{Added, Object, add_objects};
use self::ranges::Form;
use self::version::Version;
pub(crate) use self::version::Version as TaxiiVersion;
use super::cursor::{self, Moment};
use super::fetched::{Body, Fetched, blocking};
use super::http::{Deadline, Fault, Fetcher, shown};
use crate::config::{Feed, Http, TaxiiFeed};

/// The cursor of a collection.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct At {
    /// The URL of the collection's objects, which saves another discovery.
    objects: String,
    id: String,
    title: String,
    #[serde(default)]
    version: Version,
    /// Time at which the newest fetched object was added, by the server's clock.
    added_after: Option<Moment>,
    /// The server can filter objects by type.
    filters: bool,
    /// The form of the header `Range` that the server accepts.
    #[serde(default)]
    form: Form,
    /// The place where the last poll ended at its limit; `None` if it reached the collection's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resume: Option<Place>,
}

impl At {
    fn objects_url(&self) -> anyhow::Result<Url> {
        self.objects.parse().context("the collection's URL in the cursor")
    }

    /// Returns this collection in the other version of TAXII, read from its beginning.
    fn in_other_version(self) -> At {
        At {
            version: self.version.other(),
            added_after: None,
            filters: true,
            form: Form::default(),
            resume: None,
            ..self
        }
    }
}

impl From<Collection> for At {
    fn from(collection: Collection) -> At {
        let Collection { title, id, objects, version } = collection;
        At {
            objects: objects.into(),
            id,
            title,
            version,
            added_after: None,
            filters: true,
            form: Form::default(),
            resume: None,
        }
    }
}

/// Fetches the objects that were added since the last poll.
pub(super) async fn fetch(
    feed: &Feed,
    taxii: &TaxiiFeed,
    http: &Http,
    cursor: Option<&Json>,
    now: Timestamp,
    deadline: Deadline,
) -> anyhow::Result<Fetched> {
    let mut fetcher = fetcher(taxii, http, deadline)?;
    let known: Option<At> = cursor::read(feed, cursor);
    let (mut at, is_known) = match known {
        Some(at) => (at, true),
        None => (resolve(&mut fetcher, taxii, Right::Read).await?.into(), false),
    };
    let new_poll = |at: &At| Poll::new(feed, taxii, http, at, now);
    let mut poll = new_poll(&at)?;
    let mut outcome = poll.run(&mut fetcher).await;
    if is_known && outcome.as_ref().is_err_and(is_gone) {
        // The collection may have moved. At another URL its dates differ too, so it is read as new.
        let moved = At::from(resolve(&mut fetcher, taxii, Right::Read).await?);
        if (&moved.objects, &moved.id, moved.version) != (&at.objects, &at.id, at.version) {
            at = moved;
            poll = new_poll(&at)?;
            outcome = poll.run(&mut fetcher).await;
        }
    }
    // A server that does not describe its collection may speak either version.
    let is_unacceptable = outcome.as_ref().is_err_and(|error| status(error) == Some(406));
    if matches!(outcome, Ok(End::OtherVersion)) || is_unacceptable && !is_known {
        at = at.in_other_version();
        poll = new_poll(&at)?;
        outcome = poll.run(&mut fetcher).await;
    }
    match outcome? {
        End::Reached => {
            let newest = poll.newest(&mut fetcher).await;
            // If the server's clock is ahead, the next poll must not skip objects that it adds
            // until then.
            let newest = newest.map(|newest| newest.min(now));
            at.added_after = at.added_after.map(|moment| moment.0).max(newest).map(Moment);
            at.resume = None;
        }
        End::Paused => at.resume = Some(poll.course.pause()),
        End::OtherVersion => {
            let what = "expected the objects of one version of TAXII, got those of the other: \
                        the server answers each with the other";
            return Err(Fault::Content { url: at.objects, what: what.to_owned() }.into());
        }
    }
    (at.filters, at.form) = (poll.filters || poll.failed_filtering, poll.course.form());
    let goes_on = at.resume.is_some();
    let body = (poll.taken > 0).then(|| Body::Objects(Box::new(poll.set)));
    let cursor = Some(cursor::write(feed, at)?);
    Ok(Fetched { body, cursor, objects: poll.objects, bytes: fetcher.bytes, goes_on })
}

/// Describes for people what a poll would fetch.
pub(super) async fn probe(taxii: &TaxiiFeed, http: &Http) -> anyhow::Result<String> {
    let mut fetcher = fetcher(taxii, http, Deadline::of_poll(http))?;
    let Collection { title, id, objects, version } =
        resolve(&mut fetcher, taxii, Right::Read).await?;
    let mut course = Course::new(version, None, 1, Form::default(), None);
    let answer = loop {
        match fetcher.fetch(&course.request(&objects, &[], version.objects(), EXPECTED)).await {
            Ok(answer) => break answer,
            Err(fault) => {
                if !fault.status().is_some_and(|status| course.can_ask_otherwise(status)) {
                    return Err(fault.into());
                }
            }
        }
    };
    answer.refuse_page(EXPECTED)?;
    let mut holds = "is empty";
    if course.beyond(&answer).is_none() {
        let url = shown(&answer.url);
        let limits = StixLimits { accepts_items: true, ..StixLimits::default() };
        let mut set = StixSet::new(limits);
        let report =
            blocking(|| set.read(0, BufReader::new(answer.body.into_file()))).context(url)?;
        if report.objects > 0 {
            holds = "holds objects";
        }
    }
    let mut text = format!(
        "TAXII {version} collection {title:?} ({id}) at {}, which can be read and {holds}",
        shown(&objects)
    );
    if taxii.sightings.is_some() {
        let collection = resolve(&mut fetcher, &taxii.for_sightings(), Right::Write).await?;
        text.push_str(&format!(
            "; sightings go to {:?} ({}), which can be written",
            collection.title, collection.id
        ));
    }
    Ok(text)
}

fn fetcher(taxii: &TaxiiFeed, http: &Http, deadline: Deadline) -> anyhow::Result<Fetcher> {
    Fetcher::new(http, &taxii.url, &taxii.auth, taxii.client_certificate.as_ref(), deadline)
}

/// Returns whether an error means that the collection is not at its URL any longer, or speaks
/// another version there.
fn is_gone(error: &anyhow::Error) -> bool {
    matches!(status(error), Some(404 | 406 | 410))
}

fn status(error: &anyhow::Error) -> Option<u16> {
    error.downcast_ref::<Fault>().and_then(Fault::status)
}
