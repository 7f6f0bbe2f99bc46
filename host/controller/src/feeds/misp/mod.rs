//! MISP: the events of a server, and feeds in MISP's format.
//!
//! Both have a list of events, each with the time of its last change: what a server knows
//! (`/events/index`), or the manifest of a feed. A poll reads the events whose time differs from
//! the one in the cursor, and the state replaces each event as a whole. So attributes that were
//! deleted, that lost `to_ids` or a tag, and events that were deleted, are not published any more
//! or lost a tag, are withdrawn.

mod files;
mod pass;
mod server;
mod warninglists;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use threatsieve_blacklist::{Indicator, Timestamp};
use threatsieve_feed::misp::{IndexEntry, MispAttribute, MispEvent, MispReader, MispReading};
use threatsieve_feed::{FeedReport, LineError};

use self::files::Files;
use self::pass::{End, Pass};
use self::server::Server;
use super::cursor::{self, Moment};
use super::fetched::{Body, Fetched};
use super::http::{Deadline, Fault};
use crate::config::{Feed, Http, MispFiles, MispServer, MispWanted};

/// The events that a poll has read.
#[derive(Debug, Default)]
pub(super) struct MispEvents {
    pub(super) events: Vec<ReadEvent>,
    /// The UUIDs of all events that the feed has now; `None` before the end of the list.
    pub(super) all: Option<BTreeSet<String>>,
    /// The number of attributes that were read.
    pub(super) attributes: u64,
    /// The number of attributes that are not meant as indicators, by reason.
    pub(super) skipped: BTreeMap<&'static str, u64>,
    /// Events that could not be read, with the reason. Their earlier content stays.
    pub(super) unreadable: Vec<(String, String)>,
}

/// The content of one event.
#[derive(Debug, Default)]
pub(super) struct ReadEvent {
    pub(super) uuid: String,
    pub(super) indicators: Vec<Indicator>,
    /// UUIDs of attributes that are deleted, or not meant for detection, with the time of that.
    pub(super) withdrawn: Vec<(String, Option<Timestamp>)>,
    pub(super) rejected: Vec<RejectedAttribute>,
}

/// An attribute that should be an indicator, but cannot be read.
#[derive(Debug)]
pub(super) struct RejectedAttribute {
    pub(super) uuid: String,
    pub(super) value: String,
    pub(super) reason: LineError,
}

impl MispEvents {
    /// Returns the counts.
    pub(super) fn report(&self) -> FeedReport {
        let count = |each: fn(&ReadEvent) -> usize| self.events.iter().map(each).sum::<usize>();
        let rejected = count(|event| event.rejected.len()) + self.unreadable.len();
        FeedReport {
            format: "misp",
            read: self.attributes,
            taken: count(|event| event.indicators.len()) as u64,
            rejected: rejected as u64,
            skipped: self.skipped.clone(),
            ..FeedReport::default()
        }
    }

    /// Adds an attribute of an event.
    fn add(
        &mut self,
        reader: &MispReader,
        event: &MispEvent,
        (attribute, is_deleted): (&MispAttribute, bool),
        to: &mut ReadEvent,
    ) {
        self.attributes += 1;
        match reader.read(attribute, is_deleted, event) {
            MispReading::Indicator(indicator) => to.indicators.push(*indicator),
            MispReading::Withdrawn(at) => {
                *self.skipped.entry("deleted, or to_ids is off").or_default() += 1;
                to.withdrawn.push((attribute.uuid(), at));
            }
            MispReading::Skipped(why) => *self.skipped.entry(why).or_default() += 1,
            MispReading::Rejected(reason) => to.rejected.push(RejectedAttribute {
                uuid: attribute.uuid(),
                value: attribute.value().to_owned(),
                reason,
            }),
        }
    }
}

/// The state of an event that is read again with the next poll.
const UNSETTLED: i64 = -1;

/// The cursor.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct At {
    /// The state of each event that was read, by its UUID.
    events: BTreeMap<String, i64>,
    /// The time at which everything was last read, or began to be.
    whole: Option<Moment>,
    /// `ETag` of the manifest, if all of it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// All events were read once.
    #[serde(default)]
    is_complete: bool,
    /// There are events that are not read yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resume: Option<bool>,
}

/// Returns a number for the state of an event: when it was changed, and whether it is published.
fn state(entry: &IndexEntry) -> i64 {
    entry.timestamp.saturating_mul(2).saturating_add(i64::from(entry.is_published))
}

fn reader(feed: &Feed, wanted: &MispWanted) -> MispReader {
    MispReader {
        url_mode: feed.url_mode,
        match_port: feed.match_port,
        types: wanted.types.clone(),
        tags: wanted.tags.clone(),
    }
}

/// Fetches the events of a server that changed since the last poll.
pub(super) async fn fetch_server(
    feed: &Feed,
    misp: &MispServer,
    http: &Http,
    cursor: Option<&Json>,
    now: Timestamp,
    deadline: Deadline,
) -> anyhow::Result<Fetched> {
    let mut at: At = cursor::read(feed, cursor).unwrap_or_default();
    let is_first = !at.is_complete;
    let is_due = at.whole.is_none_or(|whole| now.since(whole.0) >= misp.compare_every);
    let mut server = Server::new(misp, http, reader(feed, &misp.wanted), is_first, deadline)?;
    let index = server.index().await?;
    if let Some(folder) = &misp.warninglists_to {
        warninglists::save(&mut server, folder).await.context("the server's warninglists")?;
    }
    // Events that the list does not name any more may still have deleted attributes.
    let vanished: Vec<IndexEntry> = at
        .events
        .keys()
        .filter(|uuid| !index.events.contains_key(*uuid))
        .map(|uuid| IndexEntry { uuid: uuid.clone(), timestamp: 0, is_published: true })
        .collect();
    let is_whole = is_due && at.resume.is_none();
    if is_whole {
        at.events.clear();
        at.whole = Some(Moment(now));
    }
    let is_wanted = |entry: &IndexEntry| {
        (entry.is_published || !misp.published_only) && is_recent(entry, &misp.wanted)
    };
    let wanted: BTreeMap<String, IndexEntry> =
        index.events.into_iter().filter(|(_, entry)| is_wanted(entry)).collect();
    let mut pass = Pass::new(at, wanted, vanished, u64::from(http.max_poll_objects));
    pass.changed |= is_whole;
    let end = pass.run_server(&mut server).await?;
    // The server may still have been writing while it answered.
    let settled = index.now.unwrap_or(now).minus(misp.overlap);
    fetched(feed, pass, end, Some(settled), None, server.bytes())
}

/// Fetches the events of a feed in MISP's format that changed since the last poll.
pub(super) async fn fetch_files(
    feed: &Feed,
    files: &MispFiles,
    http: &Http,
    cursor: Option<&Json>,
    deadline: Deadline,
) -> anyhow::Result<Fetched> {
    let at: At = cursor::read(feed, cursor).unwrap_or_default();
    let mut files_of = Files::new(&files.place, http, reader(feed, &files.wanted), deadline)?;
    let Some((events, etag)) = files_of.manifest(at.etag.as_deref()).await? else {
        let bytes = files_of.bytes();
        return Ok(Fetched { body: None, cursor: None, objects: 0, bytes, goes_on: false });
    };
    let wanted: BTreeMap<String, IndexEntry> = events
        .into_iter()
        .filter(|entry| is_recent(entry, &files.wanted))
        .map(|entry| (entry.uuid.clone(), entry))
        .collect();
    let mut pass = Pass::new(at, wanted, Vec::new(), u64::from(http.max_poll_objects));
    let end = pass.run_files(&mut files_of).await?;
    fetched(feed, pass, end, None, etag, files_of.bytes())
}

fn is_recent(entry: &IndexEntry, wanted: &MispWanted) -> bool {
    wanted.since.is_none_or(|since| entry.timestamp.saturating_mul(1_000_000) >= since.0)
}

/// Returns what was fetched. After `settled`, events may have changed without another time.
fn fetched(
    feed: &Feed,
    pass: Pass,
    end: End,
    settled: Option<Timestamp>,
    etag: Option<String>,
    bytes: u64,
) -> anyhow::Result<Fetched> {
    let Pass { mut at, wanted, mut read, changed, .. } = pass;
    match end {
        End::Reached => {
            (at.resume, at.is_complete) = (None, true);
            at.events.retain(|uuid, _| wanted.contains_key(uuid));
            for (uuid, state) in &mut at.events {
                let changed = wanted.get(uuid).map_or(0, |entry| entry.timestamp);
                if settled.is_some_and(|settled| changed.saturating_mul(1_000_000) >= settled.0) {
                    *state = UNSETTLED;
                }
            }
            // Events that could not be read are tried again.
            at.etag = etag.filter(|_| read.unreadable.is_empty());
            read.all = Some(wanted.into_keys().collect());
        }
        End::Paused => at.resume = Some(true),
    }
    let objects = read.attributes;
    let body = changed.then(|| Body::Misp(Box::new(read)));
    let cursor = Some(cursor::write(feed, at)?);
    Ok(Fetched { body, cursor, objects, bytes, goes_on: end == End::Paused })
}

/// Describes for people what a poll of a server would fetch.
pub(super) async fn probe_server(misp: &MispServer, http: &Http) -> anyhow::Result<String> {
    let mut server = Server::new(misp, http, MispReader::default(), true, Deadline::of_poll(http))?;
    let version = server.version().await?;
    let events = server.index().await?.events.len();
    Ok(format!("MISP {version} with {events} events at {}", server.shown()))
}

/// Describes for people what a poll of a feed's files would fetch.
pub(super) async fn probe_files(files: &MispFiles, http: &Http) -> anyhow::Result<String> {
    let deadline = Deadline::of_poll(http);
    let mut files = Files::new(&files.place, http, MispReader::default(), deadline)?;
    let events = files.manifest(None).await?.map_or(0, |(events, _)| events.len());
    Ok(format!("a MISP feed with {events} events at {}", files.shown()))
}

/// Returns whether a poll may end here and keep what it has: its time is over, or the server asks
/// for a pause.
fn ends_poll(fault: &Fault) -> bool {
    fault.is_poll_timeout() || fault.status() == Some(429)
}
