//! One element of ECS `threat.enrichments`.

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use threatsieve_blacklist::{EntryType, Threat, ThreatKind, Timestamp};

use crate::Ceiling;
use crate::covering::Covering;
use crate::fields::set;
use crate::rfc3339;

/// Builds the enrichment for one indicator that covers an event. Its field `threatsieve` marks it
/// as ours.
pub(crate) fn enrichment(
    covering: &Covering<'_>,
    ceiling: &Ceiling,
    blacklist: &str,
    occurred: Timestamp,
) -> Value {
    let Covering { found, indicator: view } = covering;
    let entry = &found.matched.entry;
    let mut indicator = json!({
        "id": view.shown_id(),
        "type": entry.kind.stix_name(),
        "provider": view.feed,
        "name": view.name.as_deref().unwrap_or(&entry.value),
        "confidence": confidence_word(view.confidence),
    });
    if let Value::Object(indicator) = &mut indicator {
        if let Some(tlp) = view.tlp {
            set(indicator, "marking.tlp", json!(tlp.name()));
        }
        if let Some(port) = view.port {
            set(indicator, "port", json!(port.number));
        }
        if let Some(from) = view.valid_from {
            set(indicator, "first_seen", json!(rfc3339(from)));
        }
        if let Some(modified) = view.modified {
            set(indicator, "modified_at", json!(rfc3339(modified)));
        }
        if let Some(field) = value_field(entry.kind, &entry.value) {
            set(indicator, field, json!(entry.value));
        }
    }
    let mut ours = json!({ "blacklist": blacklist });
    if let Some(part) = &view.conjunction {
        ours["conjunction"] = json!(part.text);
    }
    let mut enrichment = json!({
        "indicator": indicator,
        "matched": {
            "atomic": found.observable,
            "field": found.field,
            "type": found.matched.how.name(),
            "occurred": rfc3339(occurred),
        },
        "feed": { "name": view.feed },
        "threatsieve": ours,
    });
    if let Value::Object(enrichment) = &mut enrichment {
        add_threats(enrichment, &view.threats, ceiling);
    }
    enrichment
}

/// Adds the names and ids of threats, by the names that ECS has for them below `threat`. Threats
/// that are marked too strictly are left out.
fn add_threats(enrichment: &mut Map<String, Value>, threats: &[Threat], ceiling: &Ceiling) {
    for kind in ThreatKind::ALL {
        let of_kind =
            || threats.iter().filter(|threat| threat.kind == kind && ceiling.admits(threat.tlp));
        let names: Vec<&str> = of_kind().map(|threat| threat.name.as_str()).collect();
        let ids: Vec<&str> = of_kind().filter_map(|threat| threat.id.as_deref()).collect();
        for (field, values) in [("name", names), ("id", ids)] {
            if !values.is_empty() {
                set(enrichment, &format!("{}.{field}", kind.name()), json!(values));
            }
        }
    }
}

/// The field below `threat.indicator` for a value of this type. ECS has no field for networks and
/// ranges; only the name shows them.
fn value_field(kind: EntryType, value: &str) -> Option<&'static str> {
    match kind {
        EntryType::Domain => Some("url.domain"),
        EntryType::Url if value.contains("://") => Some("url.full"),
        EntryType::Url => Some("url.original"),
        EntryType::Ipv4 | EntryType::Ipv6 => value.parse::<IpAddr>().ok().map(|_| "ip"),
        EntryType::Md5 => Some("file.hash.md5"),
        EntryType::Sha1 => Some("file.hash.sha1"),
        EntryType::Sha256 => Some("file.hash.sha256"),
        EntryType::Email => Some("email.address"),
        EntryType::FileName => Some("file.name"),
    }
}

/// Returns ECS's name for a confidence on the scale "None / Low / Med / High" of STIX 2.1, appendix
/// A.
fn confidence_word(confidence: Option<u8>) -> &'static str {
    match confidence {
        None => "Not Specified",
        Some(0) => "None",
        Some(1..=29) => "Low",
        Some(30..=69) => "Medium",
        Some(_) => "High",
    }
}
