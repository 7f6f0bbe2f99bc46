//! Metadata of the indicators behind the entries. Shared parts are stored once, so that a line of a
//! list costs eight bytes.

use hashbrown::DefaultHashBuilder;
use indexmap::IndexSet;

use super::texts::Texts;
use super::{CompileError, number};
use crate::indicator::{Indicator, IndicatorId};

/// The properties that many indicators share: all except their ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Profile {
    feed: u16,
    confidence: u8,
    tlp: u8,
    mode: u8,
    flags: u8,
    /// [`NO_PORT`] if the indicator has no port.
    port: u16,
    name: u32,
    types: u32,
    valid_from: i64,
    valid_until: i64,
    modified: i64,
}

/// Marks an unknown confidence or TLP level.
pub(crate) const NO_BYTE: u8 = u8::MAX;
/// Marks a missing text.
pub(crate) const NO_STRING: u32 = u32::MAX;
/// Marks an unknown time.
pub(crate) const NO_TIME: i64 = i64::MIN;
/// Marks a missing port. No packet uses port 0.
pub(crate) const NO_PORT: u16 = 0;
/// Flag of a profile: its indicators are identified by line numbers.
pub(crate) const BY_LINE: u8 = 1;
/// Flag of a profile: only events with its port match.
pub(crate) const MATCH_PORT: u8 = 2;
/// Size of an encoded profile in bytes.
pub(crate) const PROFILE_BYTES: usize = 40;
/// Size of an encoded record in bytes: the number of its profile (4), and its line or the number of
/// its id's text (4).
pub(crate) const RECORD_BYTES: usize = 8;
/// Separates the types of one profile.
pub(crate) const TYPE_SEPARATOR: char = '\n';

/// Interned feeds, texts, profiles and records.
#[derive(Default)]
pub(super) struct Metadata {
    feeds: Texts,
    strings: Texts,
    profiles: IndexSet<Profile, DefaultHashBuilder>,
    /// A buffer that is used again for each indicator's types.
    types: String,
    records: Vec<Record>,
}

#[derive(Clone, Copy)]
struct Record {
    profile: u32,
    id: u32,
}

impl Metadata {
    pub(super) fn feed(&mut self, name: &str) -> Result<u16, CompileError> {
        u16::try_from(self.feeds.share(name)?).map_err(|_| CompileError::Feeds)
    }

    pub(super) fn feed_name(&self, feed: u16) -> &str {
        self.feeds.get(feed.into())
    }

    /// Adds a record of an indicator for a value with this mode, and returns the record's number.
    pub(super) fn record(
        &mut self,
        feed: u16,
        indicator: &Indicator,
        mode: u8,
    ) -> Result<u32, CompileError> {
        let by_line = matches!(indicator.id, IndicatorId::Line(_));
        let is_matched = indicator.port.is_some_and(|port| port.is_matched);
        let profile = Profile {
            feed,
            confidence: indicator.confidence.map_or(NO_BYTE, |confidence| confidence.min(100)),
            tlp: indicator.tlp.map_or(NO_BYTE, |tlp| tlp as u8),
            mode,
            flags: if by_line { BY_LINE } else { 0 } | if is_matched { MATCH_PORT } else { 0 },
            port: indicator.port.map_or(NO_PORT, |port| port.number),
            name: indicator
                .name
                .as_deref()
                .map_or(Ok(NO_STRING), |name| self.strings.share(name))?,
            types: match indicator.types.as_slice() {
                [] => NO_STRING,
                types => {
                    self.types.clear();
                    for (place, one) in types.iter().enumerate() {
                        if place > 0 {
                            self.types.push(TYPE_SEPARATOR);
                        }
                        self.types.push_str(one);
                    }
                    self.strings.share(&self.types)?
                }
            },
            valid_from: indicator.valid_from.map_or(NO_TIME, |time| time.0),
            valid_until: indicator.valid_until.map_or(NO_TIME, |time| time.0),
            modified: indicator.modified.map_or(NO_TIME, |time| time.0),
        };
        let id = match &indicator.id {
            IndicatorId::Line(line) => *line,
            IndicatorId::Stix(id) => self.strings.append(id)?,
        };
        let profile = self.profile(profile)?;
        self.records.push(Record { profile, id });
        number(self.records.len() - 1, "statements")
    }

    fn profile(&mut self, profile: Profile) -> Result<u32, CompileError> {
        // Successive lines of a list share a profile.
        if self.profiles.last() == Some(&profile) {
            return number(self.profiles.len() - 1, "profiles");
        }
        number(self.profiles.insert_full(profile).0, "profiles")
    }

    pub(super) fn statements(&self) -> u64 {
        self.records.len() as u64
    }

    /// Writes the records of one entry in the order given, without repeats, and returns how many it
    /// wrote. A record is a repeat if an earlier one has the same profile, and it is a line of a
    /// list or has the same id.
    pub(super) fn write_records(
        &self,
        records: impl Iterator<Item = u32>,
        out: &mut Vec<u8>,
    ) -> u32 {
        let start = out.len();
        for record in records {
            let record = self.records[record as usize];
            let written = &out[start..];
            // A list that repeats a value says nothing new.
            let by_line = || self.profiles[record.profile as usize].flags & BY_LINE != 0;
            let same_id = |id: &[u8]| {
                let id = id.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
                id.is_some_and(|id| self.strings.get(id) == self.strings.get(record.id))
            };
            let repeats = |other: &[u8]| {
                other[..4] == record.profile.to_le_bytes() && (by_line() || same_id(&other[4..]))
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
        let mut out = Vec::with_capacity(self.profiles.len() * PROFILE_BYTES);
        for profile in &self.profiles {
            out.extend_from_slice(&profile.feed.to_le_bytes());
            out.extend_from_slice(&[profile.confidence, profile.tlp, profile.mode, profile.flags]);
            out.extend_from_slice(&profile.port.to_le_bytes());
            out.extend_from_slice(&profile.name.to_le_bytes());
            out.extend_from_slice(&profile.types.to_le_bytes());
            for time in [profile.valid_from, profile.valid_until, profile.modified] {
                out.extend_from_slice(&time.to_le_bytes());
            }
        }
        out
    }

    pub(super) fn encode_strings(&self) -> Vec<u8> {
        self.strings.encode()
    }

    pub(super) fn encode_feeds(&self) -> Vec<u8> {
        self.feeds.encode()
    }
}

/// A record is compared with at most this many earlier ones of its entry. Beyond that, repeats
/// stay: comparing all pairs would cost too much.
const MAX_COMPARED: usize = 64;
