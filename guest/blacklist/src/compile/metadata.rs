//! What is known of the indicators behind the entries: shared parts once, so that a line of a list costs eight bytes.

use std::collections::HashMap;

use super::CompileError;
use crate::indicator::{Indicator, IndicatorId};

/// What many indicators share: all of them but their names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Profile {
    feed: u16,
    confidence: u8,
    tlp: u8,
    mode: u8,
    by_line: bool,
    name: u32,
    types: u32,
    valid_from: i64,
    valid_until: i64,
    modified: i64,
}

/// Not said.
pub(crate) const NO_BYTE: u8 = u8::MAX;
/// Not said: no text.
pub(crate) const NO_STRING: u32 = u32::MAX;
/// Not said: earlier than any moment.
pub(crate) const NO_TIME: i64 = i64::MIN;
/// Bytes of an encoded profile.
pub(crate) const PROFILE_BYTES: usize = 40;
/// Bytes of an encoded record: its profile, and its line or the string that names it.
pub(crate) const RECORD_BYTES: usize = 8;
/// Between the types of one profile.
pub(crate) const TYPE_SEPARATOR: char = '\n';

/// Interned feeds, texts, profiles and records.
#[derive(Default)]
pub(super) struct Metadata {
    feeds: Vec<String>,
    strings: HashMap<Box<str>, u32>,
    string_order: Vec<Box<str>>,
    profiles: HashMap<Profile, u32>,
    profile_order: Vec<Profile>,
    records: Vec<Record>,
}

#[derive(Clone, Copy)]
struct Record {
    profile: u32,
    id: u32,
}

impl Metadata {
    pub(super) fn feed(&mut self, name: &str) -> Result<u16, CompileError> {
        let place = self.feeds.iter().position(|feed| feed == name).unwrap_or_else(|| {
            self.feeds.push(name.to_owned());
            self.feeds.len() - 1
        });
        u16::try_from(place).map_err(|_| CompileError::Feeds)
    }

    pub(super) fn feed_name(&self, feed: u16) -> &str {
        self.feeds.get(usize::from(feed)).map_or("", String::as_str)
    }

    /// A record of the indicator with a value of that mode; gives its number.
    pub(super) fn record(&mut self, feed: u16, indicator: &Indicator, mode: u8) -> Result<u32, CompileError> {
        let profile = Profile {
            feed,
            confidence: indicator.confidence.map_or(NO_BYTE, |confidence| confidence.min(100)),
            tlp: indicator.tlp.map_or(NO_BYTE, |tlp| tlp as u8),
            mode,
            by_line: matches!(indicator.id, IndicatorId::Line(_)),
            name: self.optional_string(indicator.name.as_deref())?,
            types: match indicator.types.as_slice() {
                [] => NO_STRING,
                types => self.string(&types.join(&TYPE_SEPARATOR.to_string()))?,
            },
            valid_from: indicator.valid_from.map_or(NO_TIME, |time| time.0),
            valid_until: indicator.valid_until.map_or(NO_TIME, |time| time.0),
            modified: indicator.modified.map_or(NO_TIME, |time| time.0),
        };
        let id = match &indicator.id {
            IndicatorId::Line(line) => *line,
            IndicatorId::Stix(id) => self.string(id)?,
        };
        let profile = self.profile(profile)?;
        self.records.push(Record { profile, id });
        number(self.records.len() - 1, "statements")
    }

    fn profile(&mut self, profile: Profile) -> Result<u32, CompileError> {
        if let Some(last) = self.profile_order.last()
            && *last == profile
        {
            return number(self.profile_order.len() - 1, "profiles");
        }
        if let Some(&known) = self.profiles.get(&profile) {
            return Ok(known);
        }
        let new = number(self.profile_order.len(), "profiles")?;
        self.profiles.insert(profile.clone(), new);
        self.profile_order.push(profile);
        Ok(new)
    }

    fn optional_string(&mut self, text: Option<&str>) -> Result<u32, CompileError> {
        text.map_or(Ok(NO_STRING), |text| self.string(text))
    }

    fn string(&mut self, text: &str) -> Result<u32, CompileError> {
        if let Some(&known) = self.strings.get(text) {
            return Ok(known);
        }
        let new = number(self.string_order.len(), "texts")?;
        self.strings.insert(text.into(), new);
        self.string_order.push(text.into());
        Ok(new)
    }

    pub(super) fn statements(&self) -> u64 {
        self.records.len() as u64
    }

    /// Writes the records of one entry and gives how many: one for each feed's saying the same, and in the order they came.
    pub(super) fn write_records(&self, records: impl Iterator<Item = u32>, out: &mut Vec<u8>) -> u32 {
        let start = out.len();
        for record in records {
            let record = self.records[record as usize];
            let written = &out[start..];
            // A list that repeats a value says nothing new.
            let by_line = || self.profile_order[record.profile as usize].by_line;
            let repeats = |other: &[u8]| {
                other[..4] == record.profile.to_le_bytes()
                    && (other[4..] == record.id.to_le_bytes() || by_line())
            };
            if written.len() >= MAX_COMPARED * RECORD_BYTES
                || !written.chunks_exact(RECORD_BYTES).any(repeats)
            {
                out.extend_from_slice(&record.profile.to_le_bytes());
                out.extend_from_slice(&record.id.to_le_bytes());
            }
        }
        ((out.len() - start) / RECORD_BYTES) as u32
    }

    pub(super) fn encode_profiles(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.profile_order.len() * PROFILE_BYTES);
        for profile in &self.profile_order {
            out.extend_from_slice(&profile.feed.to_le_bytes());
            out.extend_from_slice(&[
                profile.confidence,
                profile.tlp,
                profile.mode,
                u8::from(profile.by_line),
                0,
                0,
            ]);
            out.extend_from_slice(&profile.name.to_le_bytes());
            out.extend_from_slice(&profile.types.to_le_bytes());
            for time in [profile.valid_from, profile.valid_until, profile.modified] {
                out.extend_from_slice(&time.to_le_bytes());
            }
        }
        out
    }

    pub(super) fn encode_strings(&self) -> Result<Vec<u8>, CompileError> {
        encode_texts(self.string_order.iter().map(|text| &**text))
    }

    pub(super) fn encode_feeds(&self) -> Result<Vec<u8>, CompileError> {
        encode_texts(self.feeds.iter().map(String::as_str))
    }
}

/// Records of one entry that a new one is compared with: beyond it a value is named so often that repeats may stay.
const MAX_COMPARED: usize = 64;

fn number(place: usize, what: &'static str) -> Result<u32, CompileError> {
    match u32::try_from(place) {
        Ok(number) if number != u32::MAX => Ok(number),
        _ => Err(CompileError::TooLarge { what, limit: u64::from(u32::MAX) }),
    }
}

/// Number of texts (4), where each ends (4 each), the texts.
fn encode_texts<'a>(texts: impl ExactSizeIterator<Item = &'a str> + Clone) -> Result<Vec<u8>, CompileError> {
    let mut out = Vec::new();
    out.extend_from_slice(&number(texts.len(), "texts")?.to_le_bytes());
    let mut end = 0usize;
    for text in texts.clone() {
        end += text.len();
        out.extend_from_slice(&number(end, "bytes of texts")?.to_le_bytes());
    }
    texts.for_each(|text| out.extend_from_slice(text.as_bytes()));
    Ok(out)
}
