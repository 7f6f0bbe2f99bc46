//! Metadata of the indicators behind the entries. Shared parts are stored once, so that a line of a
//! list costs eight bytes.

use hashbrown::DefaultHashBuilder;
use indexmap::IndexSet;

use super::texts::Texts;
use super::{CompileError, number};
use crate::indicator::{Indicator, IndicatorId, Threat};

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
    threats: u32,
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
pub(crate) const PROFILE_BYTES: usize = 44;
/// Size of an encoded record in bytes: the number of its profile (4), and its line or the number of
/// its id's text (4).
pub(crate) const RECORD_BYTES: usize = 8;
/// Separates the types of one profile.
pub(crate) const TYPE_SEPARATOR: char = '\n';
/// Separates the threats of one profile. A threat is the digit of its kind, the digit of its TLP
/// level, its id, and its name, with [`THREAT_FIELD_SEPARATOR`] between them.
pub(crate) const THREAT_SEPARATOR: char = '\n';
pub(crate) const THREAT_FIELD_SEPARATOR: char = '\t';
/// Size of an encoded conjunction in bytes: the entry that finds it, its profile, its id, the text
/// of its file names, its first part, and the number of its parts that are values (4 each).
pub(crate) const CONJUNCTION_BYTES: usize = 24;
/// Size of an encoded part in bytes: its entry, and its mode (4 each).
pub(crate) const PART_BYTES: usize = 8;
/// Separates the file names of one conjunction.
pub(crate) const FILE_NAME_SEPARATOR: char = '\0';

/// Interned feeds, texts, profiles and records.
#[derive(Default)]
pub(super) struct Metadata {
    feeds: Texts,
    strings: Texts,
    profiles: IndexSet<Profile, DefaultHashBuilder>,
    /// A buffer that is used again for each indicator's types.
    types: String,
    records: Vec<Record>,
    conjunctions: Vec<Conjoined>,
    /// The parts of all conjunctions that are values.
    parts: Vec<PartRow>,
    /// Number of entries that are only parts of conjunctions.
    lone_parts: u32,
}

#[derive(Clone, Copy)]
struct Record {
    /// [`PART`] if this is no indicator, but a part of a conjunction.
    profile: u32,
    /// The line, or the number of the id's text. For a part, its number.
    id: u32,
}

/// Marks the record of a part of a conjunction.
const PART: u32 = u32::MAX;

struct Conjoined {
    profile: u32,
    id: u32,
    file_names: u32,
    /// The part by which it is found.
    key: u32,
    parts: std::ops::Range<u32>,
}

struct PartRow {
    /// Known once the entries are numbered.
    entry: u32,
    mode: u8,
}

/// The encoded conjunctions.
pub(super) struct EncodedConjunctions {
    pub(super) count: u32,
    pub(super) lone_parts: u32,
    pub(super) rows: Vec<u8>,
    pub(super) parts: Vec<u8>,
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
        let (profile, id) = self.statement(feed, indicator, mode)?;
        self.records.push(Record { profile, id });
        number(self.records.len() - 1, "statements")
    }

    /// Adds a conjunction, and returns the number of its first part. The caller adds the value of
    /// each part with a record of [`Metadata::part`].
    pub(super) fn conjunction(
        &mut self,
        feed: u16,
        indicator: &Indicator,
        modes: &[u8],
        key: usize,
        file_names: &str,
    ) -> Result<u32, CompileError> {
        let (profile, id) = self.statement(feed, indicator, 0)?;
        let file_names = match file_names {
            "" => NO_STRING,
            names => self.strings.share(names)?,
        };
        let first = number(self.parts.len(), "parts of conjunctions")?;
        self.parts.extend(modes.iter().map(|&mode| PartRow { entry: 0, mode }));
        let end = number(self.parts.len(), "parts of conjunctions")?;
        let key = first + key as u32;
        self.conjunctions.push(Conjoined { profile, id, file_names, key, parts: first..end });
        Ok(first)
    }

    /// Adds a record of a part of a conjunction, and returns the record's number.
    pub(super) fn part(&mut self, part: u32) -> Result<u32, CompileError> {
        self.records.push(Record { profile: PART, id: part });
        number(self.records.len() - 1, "statements")
    }

    /// Returns the profile of an indicator, and its line or the number of its id's text.
    fn statement(
        &mut self,
        feed: u16,
        indicator: &Indicator,
        mode: u8,
    ) -> Result<(u32, u32), CompileError> {
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
            threats: match indicator.threats.as_slice() {
                [] => NO_STRING,
                threats => self.strings.share(&threats_text(threats))?,
            },
        };
        let id = match &indicator.id {
            IndicatorId::Line(line) => *line,
            IndicatorId::Stix(id) => self.strings.append(id)?,
        };
        Ok((self.profile(profile)?, id))
    }

    fn profile(&mut self, profile: Profile) -> Result<u32, CompileError> {
        // Successive lines of a list share a profile.
        if self.profiles.last() == Some(&profile) {
            return number(self.profiles.len() - 1, "profiles");
        }
        number(self.profiles.insert_full(profile).0, "profiles")
    }

    pub(super) fn statements(&self) -> u64 {
        (self.records.len() - self.parts.len() + self.conjunctions.len()) as u64
    }

    /// Writes the records of the entry with this number in the order given, without repeats, and
    /// returns how many it wrote. A record is a repeat if an earlier one has the same profile, and
    /// it is a line of a list or has the same id. Parts of conjunctions get the entry's number.
    pub(super) fn write_records(
        &mut self,
        entry: u32,
        records: impl Iterator<Item = u32>,
        out: &mut Vec<u8>,
    ) -> u32 {
        let start = out.len();
        for record in records {
            let record = self.records[record as usize];
            if record.profile == PART {
                self.parts[record.id as usize].entry = entry;
                continue;
            }
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
        self.lone_parts += u32::from(out.len() == start);
        ((out.len() - start) / RECORD_BYTES) as u32
    }

    /// Encodes the conjunctions, sorted by the entry that finds them. The entries must have been
    /// numbered.
    pub(super) fn encode_conjunctions(&self) -> Result<EncodedConjunctions, CompileError> {
        let key = |one: &Conjoined| self.parts[one.key as usize].entry;
        let mut sorted: Vec<&Conjoined> = self.conjunctions.iter().collect();
        sorted.sort_by_key(|one| key(one));
        let mut rows = Vec::with_capacity(sorted.len() * CONJUNCTION_BYTES);
        for one in &sorted {
            let parts = one.parts.end - one.parts.start;
            for number in [key(one), one.profile, one.id, one.file_names, one.parts.start, parts] {
                rows.extend_from_slice(&number.to_le_bytes());
            }
        }
        let mut parts = Vec::with_capacity(self.parts.len() * PART_BYTES);
        for part in &self.parts {
            parts.extend_from_slice(&part.entry.to_le_bytes());
            parts.extend_from_slice(&u32::from(part.mode).to_le_bytes());
        }
        let count = number(sorted.len(), "conjunctions")?;
        Ok(EncodedConjunctions { count, lone_parts: self.lone_parts, rows, parts })
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
            out.extend_from_slice(&profile.threats.to_le_bytes());
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

/// Writes threats as one text. The characters that separate them become spaces.
fn threats_text(threats: &[Threat]) -> String {
    let clean = |text: &str| text.replace([THREAT_SEPARATOR, THREAT_FIELD_SEPARATOR], " ");
    let mut text = String::new();
    for threat in threats {
        if !text.is_empty() {
            text.push(THREAT_SEPARATOR);
        }
        text.push((b'0' + threat.kind as u8).into());
        text.push(THREAT_FIELD_SEPARATOR);
        text.extend(threat.tlp.map(|tlp| char::from(b'0' + tlp as u8)));
        text.push(THREAT_FIELD_SEPARATOR);
        text.push_str(&clean(threat.id.as_deref().unwrap_or_default()));
        text.push(THREAT_FIELD_SEPARATOR);
        text.push_str(&clean(&threat.name));
    }
    text
}
