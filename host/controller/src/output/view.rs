//! The JSON forms of matches and indicators.

use serde::Serialize;
use threatsieve_blacklist::{Entry, IndicatorView, Match, Threat, Tlp};
use threatsieve_flag::rfc3339;

/// An entry, with the names of STIX.
#[derive(Debug, Serialize)]
pub(crate) struct EntryJson<'a> {
    r#type: &'static str,
    value: &'a str,
    /// The algorithm of a file's digest, as STIX names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<&'static str>,
}

impl<'a> EntryJson<'a> {
    pub(crate) fn new(entry: &'a Entry) -> EntryJson<'a> {
        EntryJson {
            r#type: entry.kind.stix_name(),
            value: &entry.value,
            hash: entry.kind.algorithm(),
        }
    }
}

/// A threat that an indicator is related to.
#[derive(Debug, Serialize)]
struct ThreatJson<'a> {
    /// `software`, `group` or `technique`, as in ECS.
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tlp: Option<&'static str>,
}

impl<'a> ThreatJson<'a> {
    fn new(threat: &'a Threat) -> ThreatJson<'a> {
        ThreatJson {
            kind: threat.kind.name(),
            name: &threat.name,
            id: threat.id.as_deref(),
            tlp: threat.tlp.map(Tlp::name),
        }
    }
}

/// One indicator's statement. Properties that it does not state are left out.
#[derive(Debug, Serialize)]
pub(crate) struct IndicatorJson<'a> {
    id: String,
    feed: &'a str,
    /// The port that is listed with the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tlp: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    types: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    threats: Vec<ThreatJson<'a>>,
    /// All parts of the conjunction that the entry is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    conjunction: Option<&'a str>,
}

impl<'a> IndicatorJson<'a> {
    pub(crate) fn new(indicator: &'a IndicatorView) -> IndicatorJson<'a> {
        IndicatorJson {
            id: indicator.shown_id(),
            feed: &indicator.feed,
            port: indicator.port.map(|port| port.number),
            confidence: indicator.confidence,
            tlp: indicator.tlp.map(Tlp::name),
            valid_from: indicator.valid_from.map(rfc3339),
            valid_until: indicator.valid_until.map(rfc3339),
            modified: indicator.modified.map(rfc3339),
            name: indicator.name.as_deref(),
            types: &indicator.types,
            threats: indicator.threats.iter().map(ThreatJson::new).collect(),
            conjunction: indicator.conjunction.as_ref().map(|part| part.text.as_str()),
        }
    }
}

/// A match: the way in which it matched, and the entry.
#[derive(Debug, Serialize)]
pub(crate) struct MatchJson<'a> {
    observable: &'a str,
    field: &'a str,
    r#match: &'static str,
    entry: EntryJson<'a>,
    indicators: Vec<IndicatorJson<'a>>,
}

impl<'a> MatchJson<'a> {
    pub(crate) fn new(observable: &'a str, field: &'a str, matched: &'a Match) -> MatchJson<'a> {
        MatchJson {
            observable,
            field,
            r#match: matched.how.name(),
            entry: EntryJson::new(&matched.entry),
            indicators: matched.entry.indicators.iter().map(IndicatorJson::new).collect(),
        }
    }
}
