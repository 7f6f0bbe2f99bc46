//! Turns attributes into indicators.

use std::collections::BTreeSet;

use threatsieve_blacklist::{Indicator, IndicatorId, Port, Timestamp, UrlMode};

use super::answer::is_uuid;
use super::event::{MispAttribute, MispEvent};
use super::scalar::Scalar;
use super::tags::{Meaning, TagFilter};
use crate::LineError;
use crate::list::{TypeWord, check_value, column};
use crate::text::cut;
use crate::time::lenient;

/// The types of attributes that events are matched for.
pub const MATCHED_TYPES: [&str; 20] = [
    "domain",
    "domain|ip",
    "email",
    "email-dst",
    "email-src",
    "filename|md5",
    "filename|sha1",
    "filename|sha256",
    "hostname",
    "hostname|port",
    "ip-dst",
    "ip-dst|port",
    "ip-src",
    "ip-src|port",
    "malware-sample",
    "md5",
    "sha1",
    "sha256",
    "uri",
    "url",
];

const OTHER_TYPE: &str = "a type that events are not matched for";

/// Reads attributes, according to the settings of a feed.
#[derive(Debug, Clone)]
pub struct MispReader {
    /// The paths that URLs cover.
    pub url_mode: UrlMode,
    /// A value with a port matches only events with that port.
    pub match_port: bool,
    /// The types of attributes that are read, as MISP names them; `None` for all.
    pub types: Option<BTreeSet<String>>,
    /// The tags that attributes must have.
    pub tags: TagFilter,
}

impl Default for MispReader {
    /// Reads all types and tags. URLs cover their own path alone.
    fn default() -> MispReader {
        let (types, tags) = Default::default();
        MispReader { url_mode: UrlMode::Exact, match_port: false, types, tags }
    }
}

/// The meaning of an attribute for a blacklist.
#[derive(Debug, Clone, PartialEq)]
pub enum MispReading {
    /// It is an indicator. Its id is the attribute's UUID.
    Indicator(Box<Indicator>),
    /// It is deleted, or not meant for detection, since this time.
    Withdrawn(Option<Timestamp>),
    /// It is not meant as an indicator, for this reason.
    Skipped(&'static str),
    /// It should be an indicator, but cannot be read.
    Rejected(LineError),
}

impl MispReader {
    /// Reads an attribute of an event. `is_deleted` is true if its object is deleted.
    pub fn read(
        &self,
        attribute: &MispAttribute,
        is_deleted: bool,
        event: &MispEvent,
    ) -> MispReading {
        if is_deleted || attribute.is_deleted() || !attribute.is_for_ids() {
            return MispReading::Withdrawn(attribute.timestamp());
        }
        let is_other = |types: &BTreeSet<String>| !types.contains(attribute.kind());
        if self.types.as_ref().is_some_and(is_other) {
            return MispReading::Skipped("a type that the feed does not read");
        }
        let tags = &self.tags;
        if tags.excludes(&attribute.tags) || tags.excludes(event.tags()) {
            return MispReading::Skipped("a tag that is not wanted");
        }
        if !tags.wants(&attribute.tags) && !tags.wants(event.tags()) {
            return MispReading::Skipped("no tag that is wanted");
        }
        // Reading other types by their form would give wrong values, such as `evil.dll`.
        let word = Some(attribute.kind()).filter(|kind| MATCHED_TYPES.contains(kind));
        let Some(TypeWord::Kind(kind)) = word.map(TypeWord::of) else {
            return MispReading::Skipped(OTHER_TYPE);
        };
        let indicator = kind
            .read(attribute.value.text(), self.url_mode)
            .map_err(LineError::from)
            .and_then(|listed| check_value(&listed.value).map(|()| listed))
            .and_then(|listed| {
                let mut indicator = self.common(attribute, event)?;
                let is_matched = self.match_port;
                indicator.port = listed.port.map(|number| Port { number, is_matched });
                indicator.values = vec![listed.value];
                Ok(indicator)
            });
        match indicator {
            Ok(indicator) => MispReading::Indicator(Box::new(indicator)),
            Err(error) => MispReading::Rejected(error),
        }
    }

    /// Reads everything but the value.
    fn common(&self, attribute: &MispAttribute, event: &MispEvent) -> Result<Indicator, LineError> {
        let id = attribute.uuid();
        if !is_uuid(&id) {
            return Err(column("uuid", "a UUID", &id));
        }
        let Meaning { tlp, confidence, threats, labels } =
            Meaning::of(&attribute.tags, event.tags());
        let valid_from = seen("first_seen", &attribute.first_seen)?;
        let last_seen = seen("last_seen", &attribute.last_seen)?;
        Ok(Indicator {
            confidence,
            tlp,
            valid_from,
            // Seen once, and not for a time.
            valid_until: last_seen.filter(|last| valid_from.is_none_or(|first| first < *last)),
            modified: attribute.timestamp(),
            name: name(event.info().trim(), attribute.comment.text().trim()),
            types: labels,
            threats,
            ..Indicator::new(IndicatorId::Stix(id), Vec::new())
        })
    }
}

/// Returns the event's title with the attribute's comment.
fn name(info: &str, comment: &str) -> Option<String> {
    match (info, comment) {
        ("", "") => None,
        (info, "") => Some(cut(info)),
        ("", comment) => Some(cut(comment)),
        (info, comment) => Some(cut(&format!("{info}: {comment}"))),
    }
}

/// Reads the time of an observation.
fn seen(name: &'static str, text: &Scalar) -> Result<Option<Timestamp>, LineError> {
    match text.text().trim() {
        "" => Ok(None),
        text => match lenient(text) {
            Some(time) => Ok(Some(time)),
            None => Err(column(name, "a date and time as in RFC 3339", text)),
        },
    }
}
