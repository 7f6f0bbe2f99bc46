//! The records of the output file, described in docs/records.md.

use std::path::Path;

use serde_json::{Map, Value, json};
use threatsieve_flag::fields::{set, take};
use threatsieve_flag::{Ceiling, Covering, Flag};

use crate::config::Output;
use crate::pipeline::FoundEvent;
use crate::store::events::{Finding, KnownEvent};
use crate::text::safe_json;

/// The parts that all records have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordShape<'a> {
    pub(crate) output: &'a Output,
    /// The blacklist's name.
    pub(crate) blacklist: &'a str,
}

impl RecordShape<'_> {
    /// The limits for writing. An event's number of matches is limited earlier
    /// ([`FoundEvent::omitted`]).
    pub(crate) fn ceiling(&self) -> Ceiling {
        Ceiling { tlp: self.output.max_tlp, enrichments: usize::MAX }
    }
}

/// Makes the record for an event that is flagged now. `coverings` are all that hold for it. Those
/// whose marking forbids writing are only counted.
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

/// Makes the record for new indicators that cover an event flagged earlier.
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
    let occurred = event.time.unwrap_or(finding.now);
    let flag = Flag::new(coverings, &shape.ceiling(), shape.blacklist, occurred);
    let mut ours = json!({
        "id": known.uid,
        "kind": kind,
        "generation": { shape.blacklist: finding.generation },
        "historic": finding.is_historic,
    });
    if !flag.confidence.is_empty() {
        ours["confidence"] = Value::Array(flag.confidence);
    }
    if flag.withheld > 0 {
        ours["withheld"] = json!(flag.withheld);
    }
    if event.omitted > 0 {
        ours["omitted"] = json!(event.omitted);
    }
    append_enrichments(&mut record, flag.enrichments);
    record.insert("threatsieve".into(), ours);
    safe_json(&Value::Object(record).to_string()).into_owned()
}

/// Adds to `threat.enrichments`. Elements from other programs stay, and come first.
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

fn set_unless_there(record: &mut Map<String, Value>, name: &str, value: Value) {
    let theirs = take(record, name);
    set(record, name, theirs.filter(|theirs| !theirs.is_null()).unwrap_or(value));
}
