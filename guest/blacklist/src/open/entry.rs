//! Resolves a hit to its entry and to the indicators that are valid for an event.

use super::Blacklist;
use super::conjunction::Conjoined;
use crate::compile::metadata::{
    BY_LINE, MATCH_PORT, NO_BYTE, NO_PORT, NO_STRING, NO_TIME, PROFILE_BYTES, RECORD_BYTES,
    THREAT_FIELD_SEPARATOR, THREAT_SEPARATOR, TYPE_SEPARATOR,
};
use crate::compile::{domain_mode, url_mode};
use crate::hit::{Hit, How};
use crate::image::{EntryType, Image, Role, Section};
use crate::indicator::{IndicatorId, Port, Threat, ThreatKind, Timestamp, Tlp};
use crate::normalise::observed_port;
use crate::sets::reverse_labels;
use crate::value::{DomainMode, UrlMode};
use crate::values::value_at;

/// An indicator behind an entry, and what it says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndicatorView {
    /// Its id.
    pub id: IndicatorId,
    /// The name of its feed.
    pub feed: String,
    /// The confidence, 0 to 100; `None` if unknown.
    pub confidence: Option<u8>,
    /// The strictest TLP marking.
    pub tlp: Option<Tlp>,
    /// Events before this time do not match.
    pub valid_from: Option<Timestamp>,
    /// Events at or after this time do not match.
    pub valid_until: Option<Timestamp>,
    /// The time of the publisher's last change.
    pub modified: Option<Timestamp>,
    /// The publisher's title for it.
    pub name: Option<String>,
    /// The kinds of threat it indicates.
    pub types: Vec<String>,
    /// The threats that it is related to.
    pub threats: Vec<Threat>,
    /// The port that it is listed with.
    pub port: Option<Port>,
    /// The hosts it covers, if the entry is a domain.
    pub mode: DomainMode,
    /// The paths it covers, if the entry is a URL.
    pub url_mode: UrlMode,
    /// The conjunction that the entry is part of. `None` if the entry alone is enough.
    pub conjunction: Option<Conjoined>,
}

impl IndicatorView {
    /// The id as it is shown: `FEED:LINE` for a line of a list.
    pub fn shown_id(&self) -> String {
        match &self.id {
            IndicatorId::Stix(id) => id.clone(),
            IndicatorId::Line(line) => format!("{}:{line}", self.feed),
        }
    }

    /// Returns whether it is valid at a time: from `valid_from` on, and before `valid_until`.
    pub fn is_valid(&self, at: Timestamp) -> bool {
        is_within(self.valid_from, self.valid_until, at)
    }
}

fn is_within(from: Option<Timestamp>, until: Option<Timestamp>, at: Timestamp) -> bool {
    from.is_none_or(|from| from <= at) && until.is_none_or(|until| at < until)
}

/// An entry with its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Blocked or allowed.
    pub role: Role,
    /// Its type.
    pub kind: EntryType,
    /// Its value.
    pub value: String,
    /// The indicators that name it.
    pub indicators: Vec<IndicatorView>,
}

/// Facts about an event that decide which indicators hold for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventContext {
    /// The time of the event.
    pub at: Timestamp,
    /// The destination port, if the log records it ([`EventContext::with_ports`]).
    pub port: Option<u16>,
}

impl From<Timestamp> for EventContext {
    fn from(at: Timestamp) -> EventContext {
        EventContext { at, port: None }
    }
}

impl EventContext {
    /// The context of an observable in an event. A port that the observable itself names (in
    /// `evil.com:8080`, or by the scheme of its URL) takes precedence over the event's destination
    /// port.
    pub fn with_ports(at: Timestamp, observable: &[u8], destination: Option<u16>) -> EventContext {
        EventContext { at, port: observed_port(observable).or(destination) }
    }
}

/// The indicators that count.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Indicators with less confidence are dropped. Those with unknown confidence are kept: unknown
    /// is not 0.
    pub min_confidence: u8,
    /// Indicators with a stricter marking are dropped.
    pub max_tlp: Tlp,
    /// Keep partial matches ([`How::is_partial`]).
    pub partial: bool,
    /// Listed domains do not cover the names below them, unless the indicator asks for it (`*.x`).
    pub exact: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { min_confidence: 0, max_tlp: Tlp::Red, partial: false, exact: false }
    }
}

impl Policy {
    pub(super) fn takes(&self, profile: &Profile<'_>, how: How, seen: EventContext) -> bool {
        self.takes_mode(profile.mode(), how)
            && is_within(profile.valid_from(), profile.valid_until(), seen.at)
            && profile.port().is_none_or(|port| !port.is_matched || seen.port == Some(port.number))
            && self.takes_statement(profile.confidence(), profile.tlp())
    }

    /// Returns the condition under which an indicator counts for an observable with this port of
    /// its own; `None` if it never counts.
    fn condition(
        &self,
        profile: &Profile<'_>,
        how: How,
        observed: Option<u16>,
    ) -> Option<Condition> {
        let (from, until) = (profile.valid_from(), profile.valid_until());
        let is_ever_valid = from.zip(until).is_none_or(|(from, until)| from < until);
        let wanted = profile.port().filter(|port| port.is_matched).map(|port| port.number);
        let (is_other, port) = match (wanted, observed) {
            (Some(wanted), Some(observed)) => (wanted != observed, None),
            (wanted, _) => (false, wanted),
        };
        let counts = is_ever_valid
            && !is_other
            && self.takes_mode(profile.mode(), how)
            && self.takes_statement(profile.confidence(), profile.tlp());
        counts.then_some(Condition { from, until, port })
    }

    /// Returns whether an indicator with this confidence and marking counts.
    pub fn takes_statement(&self, confidence: Option<u8>, tlp: Option<Tlp>) -> bool {
        confidence.is_none_or(|confidence| confidence >= self.min_confidence)
            && tlp.is_none_or(|tlp| tlp <= self.max_tlp)
    }

    /// Returns whether an indicator with this mode covers a host that was hit in this way. One
    /// entry can have indicators with different modes.
    pub(super) fn takes_mode(&self, mode: DomainMode, how: How) -> bool {
        match (how, mode) {
            (How::Subdomain, DomainMode::Below) => true,
            (How::Subdomain, DomainMode::AtAndBelow | DomainMode::Tree) => !self.exact,
            (How::Subdomain, DomainMode::Exact) => false,
            (_, mode) => mode != DomainMode::Below,
        }
    }
}

/// A hit that counts, with the indicators that hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The way in which the entry covers the observable.
    pub how: How,
    /// The entry, with only the indicators that hold.
    pub entry: Entry,
    /// The number of indicators that hold too but exceed the requested limit.
    pub omitted: u64,
}

impl<B: AsRef<[u8]>> Blacklist<B> {
    /// Returns the entry with this number, or `None` if there is none.
    pub fn entry(&self, number: u32) -> Option<Entry> {
        let image = self.image().ok()?;
        let records = records(&image, number)?;
        let indicators =
            records.filter_map(|record| record.profile(&image)?.view(&image, record)).collect();
        bare_entry(&image, number).map(|entry| Entry { indicators, ..entry })
    }

    /// Resolves a hit to a match. Returns `None` if the allow-list suppresses it, if it is partial
    /// and the policy drops those, or if no indicator holds: valid at the event's time, with enough
    /// confidence, within the TLP ceiling, and with the event's port if ports are compared.
    pub fn resolve(
        &self,
        hit: &Hit,
        policy: &Policy,
        seen: impl Into<EventContext>,
    ) -> Option<Match> {
        self.resolve_up_to(hit, policy, seen, usize::MAX)
    }

    /// Resolves a hit to a match with at most `limit` indicators. Further ones are only counted and
    /// not decoded. An entry with a hundred thousand indicators costs about two milliseconds, and
    /// the memory of `limit` of them.
    pub fn resolve_up_to(
        &self,
        hit: &Hit,
        policy: &Policy,
        seen: impl Into<EventContext>,
        limit: usize,
    ) -> Option<Match> {
        let seen = seen.into();
        if hit.allowed_by.is_some() || (hit.how.is_partial() && !policy.partial) {
            return None;
        }
        let image = self.image().ok()?;
        let (mut indicators, mut omitted) = (Vec::new(), 0);
        for record in records(&image, hit.entry)? {
            let Some(profile) = record.profile(&image) else { continue };
            if !policy.takes(&profile, hit.how, seen) {
                continue;
            }
            if indicators.len() < limit {
                indicators.extend(profile.view(&image, record));
            } else {
                omitted += 1;
            }
        }
        if indicators.is_empty() && omitted == 0 {
            return None;
        }
        let entry = Entry { indicators, ..bare_entry(&image, hit.entry)? };
        Some(Match { how: hit.how, entry, omitted })
    }
}

/// A condition on an event: its time, and perhaps its destination port. The default always holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Condition {
    /// The first time at which it holds.
    pub from: Option<Timestamp>,
    /// The time from which on it holds no more.
    pub until: Option<Timestamp>,
    /// The destination port; `None` for any, and for none.
    pub port: Option<u16>,
}

impl<B: AsRef<[u8]>> Blacklist<B> {
    /// Returns the conditions of which an event must fulfil one for a hit to count
    /// ([`Blacklist::resolve`]): one for each indicator that can hold for this observable.
    pub fn conditions(&self, hit: &Hit, policy: &Policy, observable: &[u8]) -> Vec<Condition> {
        let image = self
            .image()
            .ok()
            .filter(|_| hit.allowed_by.is_none() && (policy.partial || !hit.how.is_partial()));
        let records = image.as_ref().and_then(|image| records(image, hit.entry));
        let (Some(image), Some(records)) = (image, records) else { return Vec::new() };
        let port = observed_port(observable);
        records
            .filter_map(|record| policy.condition(&record.profile(&image)?, hit.how, port))
            .collect()
    }
}

/// Returns an entry without its indicators.
pub(super) fn bare_entry(image: &Image<'_>, number: u32) -> Option<Entry> {
    let (role, kind) = place(image, number)?;
    let value = value_at(image.section(Role::Block, Section::Values)?, number)?;
    let value = match kind {
        EntryType::Domain => {
            let mut name = Vec::with_capacity(value.len());
            reverse_labels(&value, &mut name);
            name
        }
        _ => value,
    };
    Some(Entry {
        role,
        kind,
        value: String::from_utf8_lossy(&value).into_owned(),
        indicators: Vec::new(),
    })
}

fn place(image: &Image<'_>, number: u32) -> Option<(Role, EntryType)> {
    let all = Role::ALL.iter().flat_map(|role| EntryType::ALL.map(|kind| (*role, kind)));
    let mut end = 0;
    for (role, kind) in all {
        end += image.count(role, kind);
        if number < end {
            return Some((role, kind));
        }
    }
    None
}

/// An encoded record: an indicator of an entry.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) profile: u32,
    /// The line, or the number of the id's text.
    pub(super) id: u32,
}

/// An encoded profile: the properties that many indicators share.
pub(super) struct Profile<'a>(&'a [u8]);

/// Returns the records of an entry.
pub(super) fn records<'a>(
    image: &Image<'a>,
    number: u32,
) -> Option<impl Iterator<Item = Record> + use<'a>> {
    let starts = image.section(Role::Block, Section::EntryRecords)?;
    let (start, end) = (u32_at(starts, number as usize)?, u32_at(starts, number as usize + 1)?);
    // There are none if all entries are only parts of conjunctions.
    let records = image.section(Role::Block, Section::Records).unwrap_or_default();
    Some((start as usize..end as usize).map_while(move |record| {
        let record = records.get(record * RECORD_BYTES..(record + 1) * RECORD_BYTES)?;
        Some(Record { profile: u32_at(record, 0)?, id: u32_at(record, 1)? })
    }))
}

impl Record {
    pub(super) fn profile<'a>(self, image: &Image<'a>) -> Option<Profile<'a>> {
        let at = self.profile as usize * PROFILE_BYTES;
        image.section(Role::Block, Section::Profiles)?.get(at..at + PROFILE_BYTES).map(Profile)
    }
}

impl Profile<'_> {
    fn confidence(&self) -> Option<u8> {
        Some(self.0[2]).filter(|&byte| byte != NO_BYTE)
    }

    fn tlp(&self) -> Option<Tlp> {
        Tlp::ALL.get(usize::from(self.0[3])).copied()
    }

    fn mode(&self) -> DomainMode {
        domain_mode(self.0[4])
    }

    fn port(&self) -> Option<Port> {
        let number = u16::from_le_bytes([self.0[6], self.0[7]]);
        (number != NO_PORT).then_some(Port { number, is_matched: self.0[5] & MATCH_PORT != 0 })
    }

    fn valid_from(&self) -> Option<Timestamp> {
        self.time(16)
    }

    fn valid_until(&self) -> Option<Timestamp> {
        self.time(24)
    }

    fn time(&self, at: usize) -> Option<Timestamp> {
        let bytes = self.0.get(at..at + 8)?.first_chunk()?;
        Some(Timestamp(i64::from_le_bytes(*bytes))).filter(|time| time.0 != NO_TIME)
    }

    /// Decodes the whole record of an indicator.
    pub(super) fn view(&self, image: &Image<'_>, record: Record) -> Option<IndicatorView> {
        let profile = self.0;
        let strings = image.section(Role::Block, Section::Strings)?;
        let feed = u16::from_le_bytes([profile[0], profile[1]]);
        let string = |number: u32| if number == NO_STRING { None } else { text(strings, number) };
        Some(IndicatorView {
            id: match profile[5] & BY_LINE {
                0 => IndicatorId::Stix(text(strings, record.id)?),
                _ => IndicatorId::Line(record.id),
            },
            feed: text(image.section(Role::Block, Section::Feeds)?, u32::from(feed))?,
            confidence: self.confidence(),
            tlp: self.tlp(),
            valid_from: self.valid_from(),
            valid_until: self.valid_until(),
            modified: self.time(32),
            name: string(u32_at(profile, 2)?),
            types: string(u32_at(profile, 3)?)
                .map(|types| types.split(TYPE_SEPARATOR).map(str::to_owned).collect())
                .unwrap_or_default(),
            threats: string(u32_at(profile, 10)?).map(|text| threats(&text)).unwrap_or_default(),
            port: self.port(),
            mode: self.mode(),
            url_mode: url_mode(profile[4]),
            conjunction: None,
        })
    }
}

/// Reads what `threats_text` wrote.
fn threats(text: &str) -> Vec<Threat> {
    let threat = |line: &str| {
        let mut fields = line.splitn(4, THREAT_FIELD_SEPARATOR);
        let kind = fields.next()?.parse::<usize>().ok()?;
        let (tlp, id, name) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Threat {
            kind: *ThreatKind::ALL.get(kind)?,
            name: name.to_owned(),
            id: Some(id.to_owned()).filter(|id| !id.is_empty()),
            tlp: tlp.parse::<usize>().ok().and_then(|tlp| Tlp::ALL.get(tlp).copied()),
        })
    };
    text.split(THREAT_SEPARATOR).filter_map(threat).collect()
}

/// Returns a text from a section of texts.
pub(super) fn text(section: &[u8], number: u32) -> Option<String> {
    let count = u32_at(section, 0)? as usize;
    let place = number as usize;
    if place >= count {
        return None;
    }
    let start = if place == 0 { 0 } else { u32_at(section, place)? as usize };
    let end = u32_at(section, place + 1)? as usize;
    let texts = section.get(4 + count * 4..)?;
    Some(String::from_utf8_lossy(texts.get(start..end)?).into_owned())
}

pub(super) fn u32_at(bytes: &[u8], index: usize) -> Option<u32> {
    bytes.get(index.checked_mul(4)?..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}
