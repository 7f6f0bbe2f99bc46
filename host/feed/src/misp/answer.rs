//! The documents of MISP: answers of its API, and files of its feeds.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::event::{MispAttribute, MispEvent};
use super::scalar::Scalar;
use crate::FeedError;
use crate::text::cut;
use crate::warninglist::WarninglistFile;

/// An event in the list of a server, or in the manifest of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The event's UUID, in lower case.
    pub uuid: String,
    /// The time of the event's last change, in seconds since 1970.
    pub timestamp: i64,
    /// The event is published. All events of a manifest are.
    pub is_published: bool,
}

/// A warninglist in the list of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarninglistEntry {
    /// The number of the list on the server.
    pub id: String,
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The server uses the list.
    pub is_enabled: bool,
}

/// Returns whether a text has the form of a UUID in lower case. MISP checks nothing else.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

fn document<T: DeserializeOwned>(
    input: &mut dyn BufRead,
    expected: &'static str,
) -> Result<T, FeedError> {
    let start = input.fill_buf().map_err(|source| FeedError::Read { offset: 0, source })?;
    if start.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    serde_json::from_reader(input).map_err(|error| match error.is_io() {
        true => FeedError::Read { offset: 0, source: error.into() },
        false => FeedError::Misp { expected, got: cut(&error.to_string()) },
    })
}

#[derive(Deserialize)]
struct Response<T> {
    response: T,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(rename = "Attribute")]
    attributes: Vec<MispAttribute>,
}

#[derive(Deserialize)]
struct Wrapped {
    #[serde(rename = "Event")]
    event: MispEvent,
}

/// Reads a page of attributes, as `/attributes/restSearch` answers.
///
/// # Errors
///
/// The input fails, or is something else.
pub fn read_attributes(input: &mut dyn BufRead) -> Result<Vec<MispAttribute>, FeedError> {
    const EXPECTED: &str = "MISP attributes (`{\"response\": {\"Attribute\": [...]}}`)";
    let read: Response<Attributes> = document(input, EXPECTED)?;
    Ok(read.response.attributes)
}

/// Reads events, as `/events/restSearch` answers.
///
/// # Errors
///
/// The input fails, or is something else.
pub fn read_events(input: &mut dyn BufRead) -> Result<Vec<MispEvent>, FeedError> {
    const EXPECTED: &str = "MISP events (`{\"response\": [{\"Event\": ...}]}`)";
    let read: Response<Vec<Wrapped>> = document(input, EXPECTED)?;
    Ok(read.response.into_iter().map(|one| one.event).collect())
}

/// Reads one event, as a file of a feed has it.
///
/// # Errors
///
/// The input fails, or is something else.
pub fn read_event(input: &mut dyn BufRead) -> Result<MispEvent, FeedError> {
    let read: Wrapped = document(input, "a MISP event (`{\"Event\": {...}}`)")?;
    Ok(read.event)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed {
    uuid: Scalar,
    timestamp: Scalar,
    published: Scalar,
}

impl Listed {
    fn entry(&self, uuid: &str, is_published: bool) -> Option<IndexEntry> {
        let uuid = uuid.to_ascii_lowercase();
        let timestamp = self.timestamp.text().trim().parse().unwrap_or_default();
        is_uuid(&uuid).then_some(IndexEntry { uuid, timestamp, is_published })
    }
}

/// Reads the list of a server's events, as `/events/index` answers.
///
/// # Errors
///
/// The input fails, or is something else.
pub fn read_index(input: &mut dyn BufRead) -> Result<Vec<IndexEntry>, FeedError> {
    const EXPECTED: &str = "a list of MISP events (`[{\"uuid\": ..., \"timestamp\": ...}]`)";
    let read: Vec<Listed> = document(input, EXPECTED)?;
    let entry = |listed: &Listed| listed.entry(listed.uuid.text(), listed.published.is_true());
    read.iter()
        .map(|listed| {
            let got = || format!("an event with the UUID {:?}", cut(listed.uuid.text()));
            entry(listed).ok_or_else(|| FeedError::Misp { expected: EXPECTED, got: got() })
        })
        .collect()
}

/// Reads the manifest of a feed.
///
/// # Errors
///
/// The input fails, or is something else.
pub fn read_manifest(input: &mut dyn BufRead) -> Result<Vec<IndexEntry>, FeedError> {
    const EXPECTED: &str = "the manifest of a MISP feed (`{\"UUID\": {\"timestamp\": ...}}`)";
    let read: BTreeMap<String, Listed> = document(input, EXPECTED)?;
    read.iter()
        .map(|(uuid, listed)| {
            let got = || format!("the key {:?}", cut(uuid));
            // The UUID becomes part of a URL or of a path.
            listed
                .entry(uuid, true)
                .ok_or_else(|| FeedError::Misp { expected: EXPECTED, got: got() })
        })
        .collect()
}

#[derive(Deserialize)]
struct Warninglists {
    #[serde(rename = "Warninglists")]
    all: Vec<OneWarninglist<ListedWarninglist>>,
}

#[derive(Deserialize)]
struct OneWarninglist<T> {
    #[serde(rename = "Warninglist")]
    one: T,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListedWarninglist {
    id: Scalar,
    name: Scalar,
    version: Scalar,
    enabled: Scalar,
}

/// Reads the list of a server's warninglists, as `/warninglists` answers.
///
/// # Errors
///
/// The input fails, or is something else.
pub fn read_warninglist_index(input: &mut dyn BufRead) -> Result<Vec<WarninglistEntry>, FeedError> {
    const EXPECTED: &str = "a list of MISP warninglists (`{\"Warninglists\": [...]}`)";
    let read: Warninglists = document(input, EXPECTED)?;
    let entry = |OneWarninglist { one }| {
        let ListedWarninglist { id, name, version, enabled } = one;
        WarninglistEntry {
            id: id.text().to_owned(),
            name: name.text().to_owned(),
            version: version.text().to_owned(),
            is_enabled: enabled.is_true(),
        }
    };
    Ok(read.all.into_iter().map(entry).collect())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ViewedWarninglist {
    name: Scalar,
    version: Scalar,
    #[serde(rename = "type")]
    kind: Scalar,
    #[serde(rename = "WarninglistEntry")]
    entries: Vec<ViewedEntry>,
    #[serde(rename = "WarninglistType")]
    types: Vec<ViewedType>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ViewedEntry {
    value: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ViewedType {
    #[serde(rename = "type")]
    kind: Scalar,
}

/// Reads one warninglist, as `/warninglists/view/ID` answers, and writes it as a file of
/// MISP/misp-warninglists.
///
/// # Errors
///
/// The input fails, or is something else.
pub fn read_warninglist(input: &mut dyn BufRead) -> Result<Vec<u8>, FeedError> {
    const EXPECTED: &str = "a MISP warninglist (`{\"Warninglist\": {...}}`)";
    let OneWarninglist { one } = document::<OneWarninglist<ViewedWarninglist>>(input, EXPECTED)?;
    let file = serde_json::json!({
        "name": one.name.text(),
        "version": one.version.text(),
        "type": one.kind.text(),
        "matching_attributes": one.types.iter().map(|one| one.kind.text()).collect::<Vec<_>>(),
        "list": one.entries.iter().map(|entry| entry.value.text()).collect::<Vec<_>>(),
    });
    let bytes = file.to_string().into_bytes();
    match WarninglistFile::parse(&bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(FeedError::Misp { expected: EXPECTED, got: error.to_string() }),
    }
}
