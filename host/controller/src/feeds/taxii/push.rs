//! Adding objects to a collection (TAXII 2.0, section 5.4; TAXII 2.1, section 5.4).

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::Url;

use super::discovery::{Collection, Right, max_content_length, resolve, root_of};
use super::manifest;
use super::version::Version;
use super::{fetcher, path_segment};
use crate::config::{Http, TaxiiFeed};
use crate::feeds::fetched::blocking;
use crate::feeds::http::{Answer, Deadline, Fault, Fetcher, Post, Request, parse_moment, shown};
use crate::text::escape_controls;

/// Largest request, in bytes, if the server does not name a limit, or a larger one.
const MAX_REQUEST_BYTES: u64 = 8 * 1024 * 1024;
/// Largest status, in bytes.
const MAX_STATUS_BYTES: u64 = 16 * 1024 * 1024;
/// Shortest and longest wait before a status is requested again.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Maximum number of failures that are checked against the collection's manifest.
const MAX_CHECKED: usize = 1000;
/// Bytes around the objects of a request.
const FRAME_BYTES: u64 = 200;
const STATUSES: &[StatusCode] = &[StatusCode::OK, StatusCode::CREATED, StatusCode::ACCEPTED];
const EXPECTED: &str = "a TAXII status";

/// An object to add.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) id: String,
    /// `modified`; for an object without it, `created`.
    pub(crate) version: Option<String>,
    /// The object in JSON.
    pub(crate) json: Box<RawValue>,
}

/// The result of adding objects.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Added {
    /// The collection's title.
    pub(crate) collection: String,
    pub(crate) objects: u64,
    /// Number of objects that the server added.
    pub(crate) added: u64,
    /// Number of objects of which the collection already had this version.
    pub(crate) known: u64,
    /// Number of objects that the server had not decided about when the time was over.
    pub(crate) pending: u64,
    pub(crate) failures: Vec<Refusal>,
}

/// An object that the server did not add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    pub(crate) id: String,
    /// The server's reason.
    pub(crate) message: String,
}

/// A status resource (TAXII 2.1, section 4.3.1).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    id: String,
    status: String,
    success_count: u64,
    pending_count: u64,
    failure_count: u64,
    failures: Vec<Failed>,
}

/// A failure in a status.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Failed {
    id: String,
    message: Option<String>,
}

impl Status {
    fn is_pending(&self) -> bool {
        self.status == "pending"
    }
}

/// Adds objects to the collection that a feed names, in as many requests as the server's limit
/// needs. `objects` makes them for the version of TAXII that the server speaks. Waits until the
/// server has decided about all of them, or until the time for a poll is over.
pub(crate) async fn add_objects(
    taxii: &TaxiiFeed,
    http: &Http,
    objects: impl FnOnce(Version) -> anyhow::Result<Vec<Object>>,
) -> anyhow::Result<Added> {
    let mut fetcher = fetcher(taxii, http, Deadline::of_poll(http))?;
    let collection = resolve(&mut fetcher, taxii, Right::Write).await?;
    let objects = objects(collection.version)?;
    let limit = max_content_length(&mut fetcher, &collection.objects, collection.version).await?;
    let mut report = Added {
        collection: collection.title.clone(),
        objects: objects.len() as u64,
        ..Added::default()
    };
    for part in parts(&objects, limit.unwrap_or(u64::MAX).min(MAX_REQUEST_BYTES))? {
        let status = add(&mut fetcher, &collection, part).await?;
        let status = settled(&mut fetcher, &collection, status).await?;
        report.count(&mut fetcher, &collection, part, status).await;
    }
    Ok(report)
}

/// Divides objects into requests within the server's limit. Fails before anything is sent if an
/// object alone is too long.
fn parts(objects: &[Object], max_bytes: u64) -> anyhow::Result<Vec<&[Object]>> {
    let room = max_bytes.saturating_sub(FRAME_BYTES);
    let length = |object: &Object| object.json.get().len() as u64 + 1;
    let (mut parts, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (place, object) in objects.iter().enumerate() {
        let own = length(object);
        ensure!(
            own <= room,
            "{}: expected an object of at most {room} bytes, which the server accepts in one \
             request, got one of {own}; nothing was sent",
            escape_controls(&object.id)
        );
        if bytes + own > room {
            parts.push(&objects[start..place]);
            (start, bytes) = (place, 0);
        }
        bytes += own;
    }
    if start < objects.len() {
        parts.push(&objects[start..]);
    }
    Ok(parts)
}

/// Sends one request.
async fn add(
    fetcher: &mut Fetcher,
    collection: &Collection,
    objects: &[Object],
) -> anyhow::Result<Status> {
    let version = collection.version;
    let request = Request::new(collection.objects.clone(), EXPECTED)
        .with(ACCEPT, version.resource())
        .with(CONTENT_TYPE, version.objects());
    let request = Request {
        statuses: STATUSES,
        max_bytes: MAX_STATUS_BYTES,
        // A server that has an object already says so.
        post: Some(Post { body: body(version, objects), is_private: true, may_repeat: true }),
        ..request
    };
    let answer = fetcher.fetch(&request).await?;
    Ok(status(answer)?)
}

/// Returns an envelope, or for TAXII 2.0 a bundle. The bundle's identifier depends on its content
/// only, so a repeated request is the same bundle.
fn body(version: Version, objects: &[Object]) -> Vec<u8> {
    let mut body = Vec::new();
    match version {
        Version::V21 => body.extend_from_slice(b"{\"objects\":["),
        Version::V20 => {
            let mut digest = blake3::Hasher::new();
            objects.iter().for_each(|object| {
                digest.update(object.json.get().as_bytes());
            });
            let hex = digest.finalize().to_hex();
            let id = format!(
                "{}-{}-4{}-8{}-{}",
                &hex[..8],
                &hex[8..12],
                &hex[12..15],
                &hex[15..18],
                &hex[18..30]
            );
            body.extend_from_slice(
                format!(
                    "{{\"type\":\"bundle\",\"id\":\"bundle--{id}\",\"spec_version\":\"2.0\",\
                     \"objects\":["
                )
                .as_bytes(),
            );
        }
    }
    for (place, object) in objects.iter().enumerate() {
        if place > 0 {
            body.push(b',');
        }
        body.extend_from_slice(object.json.get().as_bytes());
    }
    body.extend_from_slice(b"]}");
    body
}

fn status(answer: Answer) -> Result<Status, Fault> {
    answer.refuse_page(EXPECTED)?;
    let url = shown(&answer.url);
    let file = std::io::BufReader::new(answer.body.into_file());
    let status: Status =
        blocking(|| serde_json::from_reader(file)).map_err(|error| Fault::Content {
            url: url.clone(),
            what: format!(
                "expected {EXPECTED}, got something else: {}",
                escape_controls(&error.to_string())
            ),
        })?;
    if status.status.is_empty() {
        let what = format!("expected {EXPECTED}, got JSON without `status`");
        return Err(Fault::Content { url, what });
    }
    Ok(status)
}

/// Requests a status until the server has decided, or the time is over.
async fn settled(
    fetcher: &mut Fetcher,
    collection: &Collection,
    mut status: Status,
) -> anyhow::Result<Status> {
    let mut wait = FIRST_WAIT;
    while status.is_pending() && !fetcher.is_over() {
        ensure!(!status.id.is_empty(), "the server's status is pending and has no `id`");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
        let request = Request::new(status_url(&collection.objects, &status.id)?, EXPECTED)
            .with(ACCEPT, collection.version.resource());
        let request = Request { max_bytes: MAX_STATUS_BYTES, ..request };
        status = match fetcher.fetch(&request).await {
            Ok(answer) => self::status(answer)?,
            Err(fault) if fault.is_poll_timeout() => break,
            Err(fault) => return Err(fault).context("the status of what was sent"),
        };
    }
    Ok(status)
}

fn status_url(objects: &Url, id: &str) -> Result<Url, Fault> {
    let unfit = |_| Fault::Unfit {
        url: shown(objects),
        what: format!("the status's id {id:?} cannot be in a URL"),
    };
    root_of(objects)?.join(&format!("status/{}/", path_segment(id))).map_err(unfit)
}

impl Added {
    /// Adds the result of one request. Some servers call an object that they have already a
    /// failure; the manifest tells.
    async fn count(
        &mut self,
        fetcher: &mut Fetcher,
        collection: &Collection,
        objects: &[Object],
        status: Status,
    ) {
        let listed: HashSet<&str> =
            status.failures.iter().map(|failed| failed.id.as_str()).collect();
        let failed = objects.iter().filter(|object| listed.contains(object.id.as_str()));
        let known = known(fetcher, collection, failed).await;
        for failed in &status.failures {
            if known.contains(&failed.id) {
                self.known += 1;
                continue;
            }
            let message = failed.message.clone().unwrap_or_else(|| "no reason given".to_owned());
            self.failures.push(Refusal { id: failed.id.clone(), message });
        }
        for _ in status.failures.len() as u64..status.failure_count.min(objects.len() as u64) {
            let message = "the server names neither the object nor a reason".to_owned();
            self.failures.push(Refusal { id: String::new(), message });
        }
        self.added += status.success_count;
        if status.is_pending() {
            let decided = status.success_count + status.failure_count;
            self.pending += (objects.len() as u64).saturating_sub(decided);
        } else {
            self.pending += status.pending_count;
        }
    }
}

/// Returns the identifiers of those objects that the collection has in this version.
async fn known(
    fetcher: &mut Fetcher,
    collection: &Collection,
    objects: impl Iterator<Item = &Object>,
) -> HashSet<String> {
    let wanted: Vec<&Object> = objects.take(MAX_CHECKED).collect();
    let mut known = HashSet::new();
    for objects in wanted.chunks(50) {
        let ids = objects.iter().map(|object| object.id.as_str()).collect::<Vec<_>>().join(",");
        let filters = [("match[id]", ids.as_str()), ("match[version]", "all")];
        let mut each = |entry: manifest::Entry| {
            let versions: Vec<&str> =
                entry.version.iter().chain(&entry.versions).map(String::as_str).collect();
            let has = |version: &Option<String>| {
                version.as_ref().is_none_or(|version| versions.iter().any(|one| same(one, version)))
            };
            if objects.iter().any(|object| object.id == entry.id && has(&object.version)) {
                known.insert(entry.id);
            }
        };
        let (url, version) = (&collection.objects, collection.version);
        if let Err(fault) = manifest::walk(fetcher, url, version, &filters, &mut each).await {
            tracing::debug!(error = %fault, "the manifest does not tell which objects are known");
            break;
        }
    }
    known
}

/// Returns whether two times are the same. Servers write them with other numbers of digits.
fn same(one: &str, other: &str) -> bool {
    one == other || parse_moment(one).is_some_and(|moment| parse_moment(other) == Some(moment))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(number: usize, bytes: usize) -> Object {
        let id = format!("indicator--{number}");
        let json = format!("{{\"id\":\"{id}\",\"x\":\"{}\"}}", "x".repeat(bytes));
        Object { id, version: None, json: RawValue::from_string(json).unwrap() }
    }

    #[test]
    fn requests_stay_within_the_limit_of_the_server() {
        let objects: Vec<Object> = (0..10).map(|number| object(number, 300)).collect();
        let parts = parts(&objects, 1200).unwrap();
        assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), 10);
        for part in &parts {
            for version in [Version::V20, Version::V21] {
                let body = body(version, part);
                assert!(body.len() <= 1200, "{}", body.len());
                let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(json["objects"].as_array().unwrap().len(), part.len());
            }
        }
        assert!(self::parts(&[], 1200).unwrap().is_empty());
        let error = self::parts(&[object(1, 2000)], 1200).unwrap_err().to_string();
        assert!(error.contains("indicator--1") && error.contains("nothing was sent"), "{error}");
        assert!(self::parts(&[object(1, 1)], 3).is_err());
    }

    #[test]
    fn a_bundle_is_the_same_for_the_same_objects() {
        let bundle = |number| {
            let body = body(Version::V20, &[object(number, 5)]);
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            json["id"].as_str().unwrap().to_owned()
        };
        assert_eq!(bundle(1), bundle(1));
        assert_ne!(bundle(1), bundle(2));
        assert_eq!(bundle(1).len(), "bundle--00000000-0000-4000-8000-000000000000".len());
    }

    #[test]
    fn versions_are_times_and_not_texts() {
        assert!(same("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000000Z"));
        assert!(same("x", "x") && !same("x", "y"));
        assert!(!same("2026-01-01T00:00:00.001Z", "2026-01-01T00:00:00Z"));
    }

    #[test]
    fn a_status_is_found_next_to_its_collections() {
        let url = "https://h/root/collections/1/objects/".parse().unwrap();
        assert_eq!(status_url(&url, "a/b").unwrap().as_str(), "https://h/root/status/a%2Fb/");
    }
}
