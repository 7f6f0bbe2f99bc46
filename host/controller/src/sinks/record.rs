//! The records of the output file: what is written into an event (docs/records.md).

use std::net::IpAddr;
use std::path::Path;

use serde_json::{Map, Value, json};
use threatsieve_blacklist::{EntryType, Timestamp, Tlp};

use crate::config::Output;
use crate::follow::{Covering, FoundEvent};
use crate::output::moment;
use crate::store::events::{Finding, KnownEvent};

/// What is the same in all records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordShape<'a> {
    pub(crate) output: &'a Output,
    /// The blacklist's name.
    pub(crate) blacklist: &'a str,
}

impl RecordShape<'_> {
    /// Whether an indicator of that marking may be written; unmarked ones always may.
    pub(crate) fn admits(&self, tlp: Option<Tlp>) -> bool {
        tlp.is_none_or(|tlp| tlp <= self.output.max_tlp)
    }
}

/// An event that is flagged now. `coverings` are all that hold for it; what their marking forbids to write is counted only.
pub(crate) fn flag_record(
    shape: &RecordShape<'_>,
    event: &FoundEvent,
    coverings: &[Covering<'_>],
    known: &KnownEvent,
    path: &Path,
    finding: &Finding,
) -> String {
    let mut record = event.event.clone();
    record.retain(|name, _| name != "threatsieve" && !name.starts_with("threatsieve."));
    set_unless_there(&mut record, "event.original", json!(event.raw));
    place(&mut record, event, path);
    if let Some(field) = &shape.output.flag_field {
        set(&mut record, field, json!(shape.output.flag_value));
    }
    finish(record, "flag", shape, event, coverings, known, finding)
}

/// Indicators that cover an event that was flagged before.
pub(crate) fn addition_record(
    shape: &RecordShape<'_>,
    event: &FoundEvent,
    coverings: &[Covering<'_>],
    known: &KnownEvent,
    path: &Path,
    finding: &Finding,
) -> String {
    let mut record = Map::new();
    if let Some(time) = event.event.get("@timestamp") {
        record.insert("@timestamp".into(), time.clone());
    }
    place(&mut record, event, path);
    finish(record, "addition", shape, event, coverings, known, finding)
}

/// An indicator that does not hold for an event any more. It is not named where it never was: its marking forbids that.
pub(crate) fn retraction_record(
    uid: &str,
    named: Option<(&str, &str)>,
    reason: &str,
    now: Timestamp,
) -> String {
    let mut ours = json!({ "id": uid, "kind": "retraction", "reason": reason, "retracted": moment(now) });
    match named {
        Some((feed, indicator)) => {
            ours["feed"] = json!(feed);
            ours["indicator"] = json!(indicator);
        }
        None => ours["withheld"] = json!(1),
    }
    json!({ "threatsieve": ours }).to_string()
}

fn place(record: &mut Map<String, Value>, event: &FoundEvent, path: &Path) {
    set(record, "log.file.path", json!(path.to_string_lossy()));
    set(record, "log.offset", json!(event.offset));
}

fn finish(
    mut record: Map<String, Value>,
    kind: &str,
    shape: &RecordShape<'_>,
    event: &FoundEvent,
    coverings: &[Covering<'_>],
    known: &KnownEvent,
    finding: &Finding,
) -> String {
    let (written, withheld): (Vec<_>, Vec<_>) =
        coverings.iter().partition(|covering| shape.admits(covering.indicator.tlp));
    let occurred = event.time.unwrap_or(finding.now);
    let enrichments: Vec<Value> = written.iter().map(|covering| enrichment(covering, occurred)).collect();
    let confidence: Vec<Value> =
        written.iter().map(|covering| json!(covering.indicator.confidence)).collect();
    let mut ours = json!({
        "id": known.uid,
        "kind": kind,
        "generation": { shape.blacklist: finding.generation },
        "historic": finding.is_historic,
    });
    if !confidence.is_empty() {
        ours["confidence"] = Value::Array(confidence);
    }
    if !withheld.is_empty() {
        ours["withheld"] = json!(withheld.len());
    }
    if event.omitted > 0 {
        ours["omitted"] = json!(event.omitted);
    }
    append_enrichments(&mut record, enrichments);
    record.insert("threatsieve".into(), ours);
    Value::Object(record).to_string()
}

/// One element of ECS `threat.enrichments`.
fn enrichment(covering: &Covering<'_>, occurred: Timestamp) -> Value {
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
        if let Some(from) = view.valid_from {
            set(indicator, "first_seen", json!(moment(from)));
        }
        if let Some(modified) = view.modified {
            set(indicator, "modified_at", json!(moment(modified)));
        }
        if let Some(field) = value_field(entry.kind, &entry.value) {
            set(indicator, field, json!(entry.value));
        }
    }
    json!({
        "indicator": indicator,
        "matched": {
            "atomic": found.observable,
            "field": found.field,
            "type": found.matched.how.name(),
            "occurred": moment(occurred),
        },
        "feed": { "name": view.feed },
    })
}

/// Where below `threat.indicator` ECS has a value of that type; networks and ranges have no place there but the name.
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
    }
}

/// STIX 2.1 appendix A, "None / Low / Med / High", by ECS's names.
fn confidence_word(confidence: Option<u8>) -> &'static str {
    match confidence {
        None => "Not Specified",
        Some(0) => "None",
        Some(1..=29) => "Low",
        Some(30..=69) => "Medium",
        Some(_) => "High",
    }
}

/// Adds to `threat.enrichments`; what others put there stays, first.
fn append_enrichments(record: &mut Map<String, Value>, enrichments: Vec<Value>) {
    if enrichments.is_empty() {
        return;
    }
    let mut all = match take(record, "threat.enrichments") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(theirs)) => theirs,
        Some(theirs) => vec![theirs],
    };
    all.extend(enrichments);
    set(record, "threat.enrichments", Value::Array(all));
}

/// Takes a field out, whether its name is nested or written with dots.
fn take(record: &mut Map<String, Value>, name: &str) -> Option<Value> {
    if let Some(value) = record.remove(name) {
        return Some(value);
    }
    let (outer, inner) = name.split_once('.')?;
    take(record.get_mut(outer)?.as_object_mut()?, inner)
}

/// Sets a field by its dotted name, nested; below something that is no object, by a key with dots.
fn set(record: &mut Map<String, Value>, name: &str, value: Value) {
    take(record, name);
    if let Some((outer, inner)) = name.split_once('.') {
        match record.entry(outer).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(object) => set(object, inner, value),
            _ => {
                record.insert(name.to_owned(), value);
            }
        }
    } else {
        record.insert(name.to_owned(), value);
    }
}

fn set_unless_there(record: &mut Map<String, Value>, name: &str, value: Value) {
    let theirs = take(record, name);
    set(record, name, theirs.filter(|theirs| !theirs.is_null()).unwrap_or(value));
}
