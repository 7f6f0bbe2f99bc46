//! The API of a MISP server.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::BufReader;

use anyhow::Context;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use threatsieve_blacklist::Timestamp;
use threatsieve_feed::FeedError;
use threatsieve_feed::misp::{
    IndexEntry, MispEvent, MispReader, is_uuid, read_attributes, read_events, read_index,
};
use url::Url;

use super::{MispEvents, ReadEvent};
use crate::config::{Http, MispServer, UrlFeed};
use crate::feeds::fetched::blocking;
use crate::feeds::http::{Answer, Deadline, Fault, Fetcher, Post, Request, moment, shown, text};

/// Maximum number of attributes of one batch of events.
const MAX_BATCH_ATTRIBUTES: usize = 1_000_000;
/// Maximum size of an answer: 256 MiB. Each is read as a whole.
pub(super) const MAX_ANSWER_BYTES: u64 = 256 * 1024 * 1024;
/// A redirect is an answer, too, so that it is not followed.
const STATUSES: &[StatusCode] = &[StatusCode::OK, StatusCode::FOUND];
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A server, and what is read from it.
pub(super) struct Server {
    fetcher: Fetcher,
    base: Url,
    reader: MispReader,
    page_attributes: u32,
    published_only: bool,
    /// Nothing was read before, so nothing can be withdrawn.
    is_first: bool,
}

/// The events of a server.
pub(super) struct Index {
    pub(super) events: BTreeMap<String, IndexEntry>,
    /// The server's clock.
    pub(super) now: Option<Timestamp>,
}

/// The result of reading a batch of events.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Batch {
    Read,
    /// The events have more attributes than are read at once. Nothing of them was read.
    TooLarge,
}

impl Server {
    pub(super) fn new(
        misp: &MispServer,
        http: &Http,
        reader: MispReader,
        is_first: bool,
        deadline: Deadline,
    ) -> anyhow::Result<Server> {
        let UrlFeed { url, auth, client_certificate } = &misp.server;
        let fetcher = Fetcher::new(http, url, auth, client_certificate.as_ref(), deadline)?;
        Ok(Server {
            fetcher,
            base: url.clone(),
            reader,
            page_attributes: misp.page_attributes,
            published_only: misp.published_only,
            is_first,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.fetcher.bytes
    }

    pub(super) fn is_over(&self) -> bool {
        self.fetcher.is_over()
    }

    pub(super) fn shown(&self) -> String {
        shown(&self.base)
    }

    /// Returns the server's version.
    pub(super) async fn version(&mut self) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        const EXPECTED: &str = "the version of MISP";
        let answer = self.ask("servers/getVersion", None, EXPECTED, 64 * 1024).await?;
        let url = shown(&answer.url);
        let read: Version = serde_json::from_reader(BufReader::new(answer.body.into_file()))
            .map_err(|error| Fault::Content {
                url,
                what: format!("expected {EXPECTED}, got something else: {error}"),
            })?;
        Ok(crate::text::clipped(read.version.as_bytes(), 40))
    }

    /// Returns all events that the user sees and that have attributes.
    pub(super) async fn index(&mut self) -> anyhow::Result<Index> {
        const EXPECTED: &str = "a list of MISP events";
        let answer = self
            .ask("events/index", Some(json!({ "minimal": 1 })), EXPECTED, MAX_ANSWER_BYTES)
            .await?;
        let now = moment(&answer.headers, "date");
        let events = read(answer, |input| read_index(input))?;
        let events = events.into_iter().map(|entry| (entry.uuid.clone(), entry)).collect();
        Ok(Index { events, now })
    }

    /// Reads a batch of events.
    pub(super) async fn read(
        &mut self,
        batch: &[IndexEntry],
        into: &mut MispEvents,
    ) -> anyhow::Result<Batch> {
        let uuids: Vec<&str> = batch.iter().map(|entry| entry.uuid.as_str()).collect();
        let events = self.events(&uuids).await?;
        let is_read = |event: &MispEvent| {
            (event.is_published() || !self.published_only)
                && !self.reader.tags.excludes(event.tags())
        };
        let (whole, by_tag): (Vec<&MispEvent>, Vec<&MispEvent>) = events
            .values()
            .filter(|event| is_read(event))
            .partition(|event| self.reader.tags.wants(event.tags()));
        let mut read: BTreeMap<String, ReadEvent> = uuids
            .iter()
            .map(|uuid| {
                let uuid = (*uuid).to_owned();
                (uuid.clone(), ReadEvent { uuid, ..ReadEvent::default() })
            })
            .collect();
        let mut counts = MispEvents::default();
        let tags = self.reader.tags.wanted.clone();
        for (group, tags) in [(whole, None), (by_tag, Some(tags))] {
            let group: Vec<String> = group.iter().map(|event| event.uuid()).collect();
            if group.is_empty() {
                continue;
            }
            let pages = self.attributes(&group, tags, &events, &mut read, &mut counts).await?;
            if pages == Batch::TooLarge {
                return Ok(Batch::TooLarge);
            }
        }
        into.events.extend(read.into_values());
        into.attributes += counts.attributes;
        for (why, count) in counts.skipped {
            *into.skipped.entry(why).or_default() += count;
        }
        Ok(Batch::Read)
    }

    /// Returns events without their attributes. Those that the user does not see are missing.
    async fn events(&mut self, uuids: &[&str]) -> anyhow::Result<BTreeMap<String, MispEvent>> {
        let query = json!({ "returnFormat": "json", "uuid": uuids, "metadata": 1 });
        let answer =
            self.ask("events/restSearch", Some(query), "MISP events", MAX_ANSWER_BYTES).await?;
        let url = shown(&answer.url);
        let asked: HashSet<&str> = uuids.iter().copied().collect();
        let mut events = BTreeMap::new();
        for event in read(answer, |input| read_events(input))? {
            let uuid = event.uuid();
            // A server that does not know a condition ignores it.
            if !asked.contains(uuid.as_str()) {
                return Err(unasked(url, "an event", &uuid).into());
            }
            events.insert(uuid, event);
        }
        Ok(events)
    }

    /// Reads the attributes of events, page by page.
    async fn attributes(
        &mut self,
        uuids: &[String],
        tags: Option<Vec<String>>,
        events: &BTreeMap<String, MispEvent>,
        read_events: &mut BTreeMap<String, ReadEvent>,
        counts: &mut MispEvents,
    ) -> anyhow::Result<Batch> {
        let asked: BTreeSet<&str> = uuids.iter().map(String::as_str).collect();
        let mut seen: HashSet<String> = HashSet::new();
        for page in 1u32.. {
            let query = self.query(uuids, tags.as_deref(), page);
            let answer = self
                .ask("attributes/restSearch", Some(query), "MISP attributes", MAX_ANSWER_BYTES)
                .await?;
            let url = shown(&answer.url);
            let number = |name: &'static str| text(&answer.headers, name)?.parse::<u64>().ok();
            let (total, skipped) = (number("x-result-count"), number("x-skipped-elements-count"));
            let attributes = read(answer, |input| read_attributes(input))?;
            let count = attributes.len() as u64;
            let before = seen.len();
            for attribute in &attributes {
                let uuid = match attribute.event() {
                    Some(uuid) if asked.contains(uuid.as_str()) => uuid,
                    uuid => {
                        let uuid = uuid.unwrap_or_default();
                        return Err(unasked(url, "an attribute of the event", &uuid).into());
                    }
                };
                let is_new = seen.insert(attribute.uuid());
                if let (true, Some(event), Some(to)) =
                    (is_new, events.get(&uuid), read_events.get_mut(&uuid))
                {
                    counts.add(&self.reader, event, (attribute, false), to);
                }
            }
            if count > 0 && seen.len() == before {
                let what =
                    format!("expected other attributes on page {page}, got those of earlier pages");
                return Err(Fault::Content { url, what }.into());
            }
            if seen.len() > MAX_BATCH_ATTRIBUTES {
                return Ok(Batch::TooLarge);
            }
            // With a limit, MISP counts one more than it returns, and not what it left out.
            let (limit, found) = (u64::from(self.page_attributes), count + skipped.unwrap_or(0));
            if found == 0 || found < limit && total.is_none_or(|total| total <= limit) {
                break;
            }
        }
        Ok(Batch::Read)
    }

    fn query(&self, uuids: &[String], tags: Option<&[String]>, page: u32) -> Json {
        let mut query = json!({
            "returnFormat": "json",
            "eventid": uuids,
            "limit": self.page_attributes,
            "page": page,
        });
        // Later polls also ask for what was deleted or lost `to_ids`, to withdraw it.
        match self.is_first {
            true => query["to_ids"] = json!(1),
            false => query["deleted"] = json!([0, 1]),
        }
        if let Some(types) = &self.reader.types {
            query["type"] = json!(types);
        }
        if let Some(tags) = tags {
            query["tags"] = json!(tags);
        }
        query
    }

    /// Sends a request. Its answer is JSON of at most `max_bytes`.
    pub(super) async fn ask(
        &mut self,
        path: &str,
        query: Option<Json>,
        expected: &'static str,
        max_bytes: u64,
    ) -> Result<Answer, Fault> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        let mut request = Request::new(url, expected).with(ACCEPT, JSON);
        request.max_bytes = max_bytes;
        if let Some(query) = query {
            request = request.with(CONTENT_TYPE, JSON);
            let body = query.to_string().into_bytes();
            request.post = Some(Post { body, is_private: true, may_repeat: true });
        }
        request.statuses = STATUSES;
        let answer = self.fetcher.fetch(&request).await?;
        if answer.status != StatusCode::OK {
            return Err(redirected(&answer));
        }
        answer.refuse_page(expected)?;
        Ok(answer)
    }
}

/// Says what a redirect means. Most lead to the login page, and none is followed.
fn redirected(answer: &Answer) -> Fault {
    let target = text(&answer.headers, LOCATION).unwrap_or_default();
    let url = shown(&answer.url);
    if target.contains("/users/login") {
        let what = "expected JSON, got a redirect to the login page: the server is in maintenance \
                    (`MISP.live` is false), or something in between changes the request's headers";
        return Fault::Content { url, what: what.to_owned() };
    }
    let target = answer.url.join(&target).map_or_else(|_| String::new(), |target| shown(&target));
    Fault::Redirect { url, target, why: "set that URL" }
}

fn unasked(url: String, what: &str, uuid: &str) -> Fault {
    let uuid = if is_uuid(uuid) { uuid } else { "without a UUID" };
    let what = format!(
        "expected the content of the events that were asked for, got {what} {uuid}: the server \
         ignores conditions"
    );
    Fault::Content { url, what }
}

/// Reads an answer's body.
pub(super) fn read<T>(
    answer: Answer,
    read: impl FnOnce(&mut BufReader<std::fs::File>) -> Result<T, FeedError>,
) -> anyhow::Result<T> {
    let url = shown(&answer.url);
    let mut input = BufReader::with_capacity(128 * 1024, answer.body.into_file());
    blocking(|| read(&mut input)).context(url)
}
