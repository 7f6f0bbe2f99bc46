//! TAXII 2.1 collections: fetches the objects that were added since the last poll, page by page.

mod discovery;
mod paging;

use std::io::BufReader;

use anyhow::Context;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;
use threatsieve_feed::{BundleReport, StixLimits, StixSet};
use url::Url;

use self::discovery::{Collection, request, resolve};
use self::paging::{MAX_LIMIT, Page, Paging, Resume, Step, Window};
use super::cursor::{self, Moment};
use super::fetched::{Body, Fetched, blocking};
use super::http::{Answer, Deadline, Fault, Fetcher, moment, shown};
use super::reading::limits;
use crate::config::{Feed, Http, TaxiiFeed};

/// The types of objects that are used (`match[type]`, section 3.4.2).
const WANTED: &str = "indicator,marking-definition";
const EXPECTED: &str = "a TAXII 2.1 envelope";
const LAST_ADDED: &str = "x-taxii-date-added-last";
/// Accepted statuses. Some servers answer 206 instead of 200.
const STATUSES: &[StatusCode] = &[StatusCode::OK, StatusCode::PARTIAL_CONTENT];

/// The cursor of a collection.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct At {
    /// The URL of the collection's objects, which saves another discovery.
    objects: String,
    id: String,
    title: String,
    /// Time at which the newest fetched object was added, by the server's clock.
    added_after: Option<Moment>,
    /// The server can filter objects by type.
    filters: bool,
    /// The place where the last poll ended at its limit; `None` if it reached the collection's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resume: Option<Resume>,
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
        None => (found(resolve(&mut fetcher, taxii).await?), false),
    };
    let mut poll = Poll::new(feed, taxii, http, &at, now)?;
    let mut outcome = poll.run(&mut fetcher).await;
    if is_known && outcome.as_ref().is_err_and(is_gone) {
        // The collection may have moved. At another URL its dates differ too, so it is read as new.
        let moved = found(resolve(&mut fetcher, taxii).await?);
        if (&moved.objects, &moved.id) != (&at.objects, &at.id) {
            at = moved;
            poll = Poll::new(feed, taxii, http, &at, now)?;
            outcome = poll.run(&mut fetcher).await;
        }
    }
    let end = outcome?;
    match end {
        End::Reached => {
            // If the server's clock is ahead, the next poll must not skip objects that it adds
            // until then.
            let newest = poll.paging.newest.map(|newest| newest.min(now));
            at.added_after = at.added_after.map(|moment| moment.0).max(newest).map(Moment);
            at.resume = None;
        }
        End::Paused => {
            at.resume = Some(poll.paging.pause());
        }
    }
    at.filters = poll.filters || poll.failed_filtering;
    let body = (poll.taken > 0).then(|| Body::Objects(Box::new(poll.set)));
    let cursor = Some(cursor::write(feed, at)?);
    let goes_on = end == End::Paused;
    Ok(Fetched { body, cursor, objects: poll.objects, bytes: fetcher.bytes, goes_on })
}

/// Returns whether the last poll ended before the end of the collection, according to its cursor.
pub(super) fn is_paused(cursor: &Json) -> bool {
    cursor.get("resume").is_some()
}

/// Describes for people what a poll would fetch.
pub(super) async fn probe(taxii: &TaxiiFeed, http: &Http) -> anyhow::Result<String> {
    let mut fetcher = fetcher(taxii, http, Deadline::of_poll(http))?;
    let Collection { title, id, objects } = resolve(&mut fetcher, taxii).await?;
    let window = Window { added_after: None, next: None, limit: 1 };
    let answer = fetcher.fetch(&page_request(&objects, &window, false)).await?;
    answer.refuse_page(EXPECTED)?;
    let url = shown(&answer.url);
    let mut set = StixSet::new(StixLimits::default());
    let report = blocking(|| set.read(0, BufReader::new(answer.body.into_file()))).context(url)?;
    let holds = if report.objects == 0 { "is empty" } else { "holds objects" };
    Ok(format!(
        "TAXII 2.1 collection {title:?} ({id}) at {}, which can be read and {holds}",
        shown(&objects)
    ))
}

fn fetcher(taxii: &TaxiiFeed, http: &Http, deadline: Deadline) -> anyhow::Result<Fetcher> {
    Fetcher::new(http, &taxii.url, &taxii.auth, taxii.client_certificate.as_ref(), deadline)
}

fn found(collection: Collection) -> At {
    let Collection { title, id, objects } = collection;
    At { objects: objects.into(), id, title, added_after: None, filters: true, resume: None }
}

fn is_gone(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Fault>()
        .and_then(Fault::status)
        .is_some_and(|status| matches!(status, 404 | 410))
}

/// The end of a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The poll reached the collection's last object.
    Reached,
    /// The poll reached its limit of time or objects, after a complete page.
    Paused,
}

/// One poll of a collection.
struct Poll {
    objects_url: Url,
    paging: Paging,
    filters: bool,
    /// A request with the filter failed, perhaps for another reason. The next poll tries the filter
    /// again.
    failed_filtering: bool,
    set: StixSet,
    objects: u64,
    /// Number of objects that are used.
    taken: u64,
    /// Number of objects after which the poll ends with the page.
    max_objects: u64,
}

impl Poll {
    fn new(
        feed: &Feed,
        taxii: &TaxiiFeed,
        http: &Http,
        at: &At,
        now: Timestamp,
    ) -> anyhow::Result<Poll> {
        let overlap = i64::try_from(taxii.overlap.as_micros()).unwrap_or(i64::MAX);
        let added_after =
            at.added_after.map(|moment| Timestamp(moment.0.0.saturating_sub(overlap)));
        Ok(Poll {
            objects_url: at.objects.parse().context("the collection's URL in the cursor")?,
            paging: Paging::new(
                added_after.max(taxii.since),
                taxii.page_objects,
                at.resume.as_ref(),
            ),
            filters: at.filters,
            failed_filtering: false,
            set: StixSet::new(StixLimits {
                // The whole page that reaches the limit is kept.
                max_kept: http.max_poll_objects as usize + MAX_LIMIT as usize,
                ..limits(feed, now)
            }),
            objects: 0,
            taken: 0,
            max_objects: u64::from(http.max_poll_objects),
        })
    }

    /// Fetches page after page. An error discards all pages, a limit only the incomplete page.
    async fn run(&mut self, fetcher: &mut Fetcher) -> anyhow::Result<End> {
        loop {
            let has_pages = self.paging.has_pages();
            if has_pages && (fetcher.is_over() || self.objects >= self.max_objects) {
                return Ok(End::Paused);
            }
            let request = page_request(&self.objects_url, self.paging.window(), self.filters);
            let answer = match fetcher.fetch(&request).await {
                Ok(answer) => answer,
                Err(fault) if has_pages && fault.is_poll_timeout() => return Ok(End::Paused),
                Err(fault) if self.can_ask_otherwise(&fault) => continue,
                Err(fault) => return Err(fault.into()),
            };
            answer.refuse_page(EXPECTED)?;
            let (url, page) = self.read(answer)?;
            let step = self.paging.advance(page).map_err(|what| Fault::Content { url, what })?;
            if step == Step::Done {
                return Ok(End::Reached);
            }
        }
    }

    /// Changes the request after an error status, and returns whether there is something to try.
    /// The server may have forgotten the `next` that it sent, or may not know the filter.
    fn can_ask_otherwise(&mut self, fault: &Fault) -> bool {
        let Some(status) = fault.status() else { return false };
        if self.paging.window().next.is_some() {
            return matches!(status, 400 | 404 | 410 | 416 | 422) && self.paging.restart();
        }
        let is_refused = matches!(status, 400 | 404 | 405 | 422 | 500 | 501) && self.filters;
        if is_refused {
            (self.filters, self.failed_filtering) = (false, status == 500);
        }
        is_refused
    }

    /// Reads a page. Returns its URL for messages, and the page's data for [`Paging`].
    fn read(&mut self, answer: Answer) -> anyhow::Result<(String, Page)> {
        let url = shown(&answer.url);
        let last_added = moment(&answer.headers, LAST_ADDED);
        let digest = answer.body.digest;
        let input = BufReader::with_capacity(64 * 1024, answer.body.into_file());
        let report = blocking(|| self.set.read(0, input)).with_context(|| url.clone())?;
        let BundleReport { objects, indicators, markings, rejected, older, repeated, more, .. } =
            report;
        self.objects += objects;
        self.taken += indicators + markings + rejected;
        let has_news = objects > older + repeated;
        Ok((url, Page { digest, objects, has_news, more, next: report.next, last_added }))
    }
}

/// Builds the request for a page. All pages have the same filters.
fn page_request(objects: &Url, window: &Window, filters: bool) -> super::http::Request {
    let mut url = objects.clone();
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("limit", &window.limit.to_string());
        if let Some(added_after) = window.added_after {
            query.append_pair("added_after", &String::from(Moment(added_after)));
        }
        if filters {
            query.append_pair("match[type]", WANTED);
        }
        if let Some(next) = &window.next {
            query.append_pair("next", next);
        }
    }
    let mut request = request(url, EXPECTED);
    request.statuses = STATUSES;
    request
}
