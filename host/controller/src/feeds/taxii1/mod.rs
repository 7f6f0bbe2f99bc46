//! TAXII 1.1 and 1.0 collections: polls the content blocks that were added since the last poll,
//! part by part. [`threatsieve_feed::taxii1`] writes and reads the messages.
//!
//! The cursor moves to the end of the polled period once all parts of the result are complete. A
//! poll that ends at its limit, or that the server answers with PENDING, keeps the id of its
//! result, and the next poll continues there.

mod blocks;
mod client;
mod poll;
mod push;
mod services;
mod subscription;

use anyhow::bail;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;
use threatsieve_feed::taxii1::{Body as Reply, Poll as PollRequest, PollBy, Request, ResponseType};
use threatsieve_feed::taxii1::{StatusType, Version};
use url::Url;

pub(super) use self::blocks::Blocks;
use self::client::{Asked, Client};
use self::poll::{EXPECTED, End, Poll};
pub(crate) use self::push::{Pushed, push};
use self::services::{Address, Place, resolve};
use self::subscription::{bindings, subscribe, unsubscribe};
use super::archive::Archive;
use super::cursor::{self, Moment};
use super::fetched::{Body, Fetched, blocking};
use super::http::{Deadline, Fault, shown};
use crate::config::{Feed, Http, Taxii1Feed};

/// The cursor of a collection.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct At {
    /// The URL of the poll service, which saves another discovery.
    poll: String,
    /// The service speaks TAXII 1.0 only.
    #[serde(default)]
    is_10: bool,
    collection: String,
    #[serde(default)]
    is_set: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subscription: Option<String>,
    /// Digest of a data set's content, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// End of the last polled period, by the server's clock.
    end: Option<Moment>,
    /// The result that the last poll did not fetch to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resume: Option<Open>,
}

/// A result that is not fetched to its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Open {
    result: String,
    /// The part to fetch next.
    part: u32,
    /// End of the result's period.
    end: Option<Moment>,
    /// Time of the poll request.
    asked: Moment,
    /// The server expects to have the result at this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<Moment>,
}

impl At {
    fn new(place: &Place, address: &Address) -> At {
        At {
            poll: address.url.to_string(),
            is_10: address.version == Version::V10,
            collection: place.collection.clone(),
            is_set: place.is_set,
            subscription: None,
            digest: None,
            end: None,
            resume: None,
        }
    }

    fn version(&self) -> Version {
        if self.is_10 { Version::V10 } else { Version::V11 }
    }
}

/// Fetches the content blocks that were added since the last poll.
pub(super) async fn fetch(
    feed: &Feed,
    taxii: &Taxii1Feed,
    http: &Http,
    cursor: Option<&Json>,
    now: Timestamp,
    deadline: Deadline,
) -> anyhow::Result<Fetched> {
    let mut client = Client::new(taxii, http, deadline)?;
    let known: Option<At> = cursor::read(feed, cursor);
    let (mut at, is_known) = match known {
        Some(at) => (at, true),
        None => (find(&mut client, taxii).await?, false),
    };
    let limit = u64::from(http.max_poll_objects);
    let mut poll = Poll::new(taxii, &at, now, limit)?;
    let mut outcome = poll.run(&mut client).await;
    if is_known && outcome.as_ref().is_err_and(is_gone) {
        // The service may have moved, or the subscription may have ended. At another URL the
        // labels differ too, so the collection is read as new there.
        let mut found = find(&mut client, taxii).await?;
        if (&found.poll, &found.collection) == (&at.poll, &at.collection) {
            found.end = at.end;
        }
        at = found;
        poll = Poll::new(taxii, &at, now, limit)?;
        outcome = poll.run(&mut client).await;
    }
    let end = outcome?;
    let Poll { mut blocks, resume, reached, .. } = poll;
    match end {
        End::Reached => {
            at.end = at.end.map(|moment| moment.0).max(reached).map(Moment);
            at.resume = None;
        }
        End::Paused | End::Pending => at.resume = resume,
    }
    let (objects, bytes) = (blocks.count(), client.fetcher.bytes);
    // A data set comes as a whole. Its last content need not be stored again.
    let is_whole = at.is_set && end == End::Reached;
    let is_new = match is_whole {
        true => {
            let digest = Some(blocks.digest()?.to_hex().to_string());
            std::mem::replace(&mut at.digest, digest.clone()) != digest
        }
        false => !blocks.is_empty(),
    };
    if let Some(mut archive) = Archive::of(feed).filter(|_| is_new) {
        blocking(|| blocks.save(&mut archive))?;
    }
    let body = is_new.then_some(Body::Blocks(blocks, is_whole));
    let cursor = Some(cursor::write(feed, at)?);
    Ok(Fetched { body, cursor, objects, bytes, goes_on: end == End::Paused })
}

/// Finds the collection, and subscribes to it if the feed says so.
async fn find(client: &mut Client<'_>, taxii: &Taxii1Feed) -> anyhow::Result<At> {
    let place = resolve(client, taxii).await?;
    let mut at = At::new(&place, place.poll(&taxii.server.url)?);
    at.subscription = taxii.subscription_id.clone();
    if taxii.subscribe {
        let id = subscribe(client, taxii, &place, false).await?;
        at.subscription = Some(id);
        // A server may list subscriptions to other collections too.
        if !at.is_set
            && let Err(error) = check(client, taxii, &at).await
        {
            if !is_gone(&error) {
                return Err(error);
            }
            at.subscription = Some(subscribe(client, taxii, &place, true).await?);
        }
    }
    Ok(at)
}

/// Polls an empty period, to see whether the server knows the subscription.
async fn check(client: &mut Client<'_>, taxii: &Taxii1Feed, at: &At) -> anyhow::Result<()> {
    let early = Some(Timestamp(0));
    let poll = PollRequest {
        collection: at.collection.clone(),
        begin: early,
        end: early,
        by: terms(taxii, at, ResponseType::Full, false),
    };
    let url: Url = at.poll.parse()?;
    let (version, request) = (at.version(), Request::Poll(poll));
    let asked = Asked { url: &url, version, request: &request, expected: EXPECTED };
    let answer = client.ask(&asked, &mut |_| ()).await?;
    match &answer.message.body {
        Reply::Poll(_) => Ok(()),
        _ => Err(answer.unexpected(EXPECTED, &client.hint(&url)).into()),
    }
}

/// Returns the terms of a poll: those of the subscription, or the feed's own.
fn terms(taxii: &Taxii1Feed, at: &At, response: ResponseType, allow_asynch: bool) -> PollBy {
    match &at.subscription {
        Some(id) => PollBy::Subscription(id.clone()),
        None => PollBy::Parameters { response, bindings: bindings(taxii), allow_asynch },
    }
}

/// Returns whether an error says that something that the cursor names does not exist any more.
fn is_gone(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<Fault>() {
        Some(Fault::Status { kind, .. }) => {
            matches!(kind, StatusType::NotFound | StatusType::PollingUnsupported)
        }
        Some(fault) => matches!(fault.status(), Some(404 | 410)),
        None => false,
    }
}

/// Returns the time at which the server expects to have the result of the last poll.
pub(super) fn pending_until(cursor: &Json) -> Option<Timestamp> {
    let moment = cursor.get("resume")?.get("not_before")?;
    serde_json::from_value::<Moment>(moment.clone()).ok().map(|moment| moment.0)
}

/// Describes for people what a poll would fetch.
pub(super) async fn probe(taxii: &Taxii1Feed, http: &Http) -> anyhow::Result<String> {
    let mut client = Client::new(taxii, http, Deadline::of_poll(http))?;
    let place = resolve(&mut client, taxii).await?;
    let address = place.poll(&taxii.server.url)?.clone();
    let mut at = At::new(&place, &address);
    at.subscription = taxii.subscription_id.clone();
    // Only TAXII 1.1 can count, and only a poll without a subscription has terms of its own.
    let can_count = !at.is_10 && at.subscription.is_none() && !taxii.subscribe;
    let mut count = String::new();
    if can_count {
        let poll = PollRequest {
            collection: at.collection.clone(),
            begin: taxii.since.filter(|_| !at.is_set),
            end: None,
            by: terms(taxii, &at, ResponseType::CountOnly, false),
        };
        let (url, version, request) = (&address.url, address.version, Request::Poll(poll));
        let asked = Asked { url, version, request: &request, expected: EXPECTED };
        let answer = client.ask(&asked, &mut |_| ()).await?;
        let Reply::Poll(response) = &answer.message.body else {
            return Err(answer.unexpected(EXPECTED, &client.hint(url)).into());
        };
        if let Some(record) = response.record_count {
            count = format!(" and has {} content blocks", record.count);
        }
    }
    let version = if at.is_10 { "1.0" } else { "1.1" };
    let kind = if at.is_set { "data set" } else { "data feed" };
    Ok(format!(
        "TAXII {version} {kind} {:?} at {}, which can be polled{count}",
        at.collection,
        shown(&address.url)
    ))
}

/// Ends the feed's subscription, according to its settings or its cursor. Returns its id.
pub(crate) async fn end_subscription(
    feed: &Feed,
    taxii: &Taxii1Feed,
    http: &Http,
    cursor: Option<&Json>,
) -> anyhow::Result<String> {
    let known: Option<At> = cursor::read(feed, cursor);
    let id = taxii.subscription_id.clone().or(known.and_then(|at| at.subscription));
    let Some(id) = id else {
        bail!("{}: expected a subscription, got none: the feed has made none", feed.name);
    };
    let mut client = Client::new(taxii, http, Deadline::of_poll(http))?;
    let place = resolve(&mut client, taxii).await?;
    unsubscribe(&mut client, taxii, &place, id.clone()).await?;
    Ok(id)
}
