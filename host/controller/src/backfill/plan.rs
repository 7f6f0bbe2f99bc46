//! Decides for an index which of its fields hold observables, where their values can be looked up,
//! and whether its events can be changed at all.

use serde_json::{Value as Json, json};
use threatsieve_blacklist::observable::MAX_OBSERVABLE_BYTES;
use threatsieve_blacklist::{Kind, Timestamp};
use threatsieve_flag::rfc3339;
use threatsieve_log::{Fields, PORT_FIELDS, TIME_FIELDS, Use};

use super::events::Index;
use crate::opensearch::mappings::{Expected, judge};

/// The fields of the host that an event is from.
const SOURCE_FIELDS: [&str; 4] = ["source.ip", "source.domain", "source.address", "host.name"];

/// A field whose values the index lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name, or that of a field in it.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// An address: the index knows networks.
    pub(crate) is_ip: bool,
    /// The index drops longer values, and says nothing about it.
    pub(crate) has_gaps: bool,
}

/// The observables of an index, by how their values can be found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Fields whose values are listed.
    pub(crate) listed: Vec<Listed>,
    /// Fields whose events must be read.
    pub(crate) read: Vec<String>,
    /// Some fields are in the events without being in the index: all events must be read.
    pub(crate) reads_all: bool,
    /// The index knows the events' time.
    pub(crate) has_time: bool,
}

impl Plan {
    pub(crate) fn new(mappings: &Json, fields: &Fields) -> Plan {
        let mut plan = Plan::default();
        for (name, is) in fields.uses() {
            if is != Use::Part {
                plan.add(mappings, name, is);
            }
        }
        plan.has_time = field(mappings, "@timestamp")
            .is_some_and(|field| matches!(field["type"].as_str(), Some("date" | "date_nanos")));
        plan
    }

    fn add(&mut self, mappings: &Json, name: &str, is: Use) {
        let Some(field) = field(mappings, name) else {
            self.reads_all |= is_stored_only(mappings, name);
            return;
        };
        let kind = field["type"].as_str().unwrap_or("object");
        let listed = |name: String, field: &Json, kind: Kind| {
            let is_searched = field["index"] != false && field["doc_values"] != false;
            // A normaliser changes the values that the index lists.
            let is_whole = field["normalizer"].is_null() && field["null_value"].is_null();
            let is_ip = field["type"] == "ip";
            let has_gaps = field["ignore_above"].as_u64().is_some_and(|most| most < longest(kind));
            (is_searched && is_whole).then_some(Listed { name, kind, is_ip, has_gaps })
        };
        let found = match (is, kind) {
            (Use::Value(kind), "ip" | "keyword") => listed(name.to_owned(), field, kind),
            (Use::FileName, "keyword") => listed(name.to_owned(), field, Kind::FileName),
            (Use::Value(kind), "text") => field["fields"].as_object().and_then(|fields| {
                let keyword = |(inner, field): (&String, &Json)| {
                    (field["type"] == "keyword")
                        .then(|| listed(format!("{name}.{inner}"), field, kind))
                        .flatten()
                };
                fields.iter().find_map(keyword)
            }),
            // An alias is another name of a field. Numbers, dates and places hold no observables.
            (
                _,
                "alias" | "boolean" | "date" | "date_nanos" | "byte" | "short" | "integer" | "long"
                | "unsigned_long" | "float" | "half_float" | "double" | "scaled_float"
                | "geo_point",
            ) => return,
            // An object under the name of a field: its own fields may be known.
            (_, "object") if field["enabled"] != false => return,
            _ => None,
        };
        match found {
            Some(listed) if !is_nested(mappings, name) => self.listed.push(listed),
            _ => self.read.push(name.to_owned()),
        }
    }

    /// Returns the query for events whose values are not all listed; `None` if all are.
    pub(crate) fn unlisted(&self) -> Option<Json> {
        if self.reads_all {
            return Some(json!({ "match_all": {} }));
        }
        let mut should: Vec<Json> =
            self.read.iter().map(|name| json!({ "exists": { "field": name } })).collect();
        // Values that were too long are in the event only. Only the lack of any value shows that.
        let gaps = self.listed.iter().filter(|listed| listed.has_gaps);
        should.extend(gaps.map(
            |listed| json!({ "bool": { "must_not": { "exists": { "field": listed.name } } } }),
        ));
        // So are values that are no addresses.
        let names: Vec<&str> = self.listed.iter().map(|listed| listed.name.as_str()).collect();
        if !names.is_empty() {
            should.push(json!({ "terms": { "_ignored": names } }));
        }
        (!should.is_empty()).then(|| json!({ "bool": { "should": should } }))
    }

    /// Returns the query for events within the history window. Events without a time are in it.
    pub(crate) fn within(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Json {
        if !self.has_time || since.is_none() && until.is_none() {
            return json!({ "match_all": {} });
        }
        let mut range = json!({});
        if let Some(since) = since {
            range["gte"] = json!(rfc3339(since));
        }
        if let Some(until) = until {
            range["lt"] = json!(rfc3339(until));
        }
        json!({ "bool": { "should": [
            { "range": { "@timestamp": range } },
            { "bool": { "must_not": { "exists": { "field": "@timestamp" } } } },
        ] } })
    }
}

/// Returns the length in bytes of the longest value of a kind that can match.
fn longest(kind: Kind) -> u64 {
    match kind {
        // RFC 1035 section 2.3.4: a name has at most 253 characters.
        Kind::Host | Kind::Address => 253,
        Kind::Hash => 64,
        // RFC 3696, errata 1690.
        Kind::Email => 254,
        _ => MAX_OBSERVABLE_BYTES as u64,
    }
}

/// Patterns of the fields that are read of an event: those that may match, and those that may be
/// changed.
pub(crate) fn fields_to_read(fields: &Fields, flag_field: Option<&str>) -> Vec<String> {
    let mut names: Vec<String> = fields.uses().map(|(name, _)| name.to_owned()).collect();
    names.extend(TIME_FIELDS.iter().chain(&PORT_FIELDS).chain(&SOURCE_FIELDS).map(|&it| it.into()));
    // Top-level fields are exchanged as a whole.
    names.extend(["threat".to_owned(), "threatsieve".to_owned()]);
    names.extend(flag_field.and_then(|name| name.split('.').next()).map(str::to_owned));
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns why the events of an index cannot be changed; `None` if they can.
pub(crate) fn obstacle(index: &Index, expected: &Expected) -> Option<String> {
    let Index { settings, mappings, .. } = index;
    let is_set = |name: &str| matches!(&settings[name], Json::String(text) if text == "true");
    if is_set("index.verified_before_close") {
        return Some("it is closed; open it".to_owned());
    }
    for block in ["read_only", "write", "read", "read_only_allow_delete"] {
        if is_set(&format!("index.blocks.{block}")) {
            return Some(format!("it has the block `index.blocks.{block}`; remove it"));
        }
    }
    if is_set("index.append_only.enabled") {
        return Some("it is append-only: its events cannot be changed".to_owned());
    }
    if is_set("index.derived_source.enabled") {
        return Some("its source is derived: a change would reorder its values".to_owned());
    }
    let source = &mappings["_source"];
    if source["enabled"] == false {
        return Some("it stores no `_source`: its events cannot be read".to_owned());
    }
    if !source["excludes"].is_null() || !source["includes"].is_null() {
        return Some("its `_source` leaves fields out: a change would lose these".to_owned());
    }
    let problems: Vec<String> = judge(expected, mappings, settings)
        .into_iter()
        .filter(|finding| finding.is_problem)
        .map(|finding| format!("{}; {}", finding.what, finding.remedy))
        .collect();
    (!problems.is_empty()).then(|| problems.join("; "))
}

/// Returns a field's mapping.
fn field<'m>(mappings: &'m Json, name: &str) -> Option<&'m Json> {
    let mut mapping = mappings;
    for part in name.split('.') {
        mapping = mapping["properties"].get(part)?;
    }
    Some(mapping)
}

/// Returns whether a field is in nested documents, which a query does not find by itself.
fn is_nested(mappings: &Json, name: &str) -> bool {
    let mut mapping = mappings;
    for part in name.split('.') {
        let Some(inner) = mapping["properties"].get(part) else { return false };
        mapping = inner;
        if mapping["type"] == "nested" {
            return true;
        }
    }
    false
}

/// Returns whether a field that the mapping does not have may be in events all the same.
fn is_stored_only(mappings: &Json, name: &str) -> bool {
    let is_off = |mapping: &Json| {
        mapping["dynamic"] == false
            || matches!(mapping["dynamic"].as_str(), Some("false" | "false_allow_templates"))
    };
    let mut mapping = mappings;
    let mut is_dynamic_off = is_off(mapping);
    for part in name.split('.') {
        let Some(inner) = mapping["properties"].get(part) else { break };
        mapping = inner;
        match mapping["type"].as_str() {
            None | Some("object" | "nested") if mapping["enabled"] == false => return true,
            None | Some("object" | "nested") => {
                if !mapping["dynamic"].is_null() {
                    is_dynamic_off = is_off(mapping);
                }
            }
            Some("flat_object" | "flattened") => return true,
            Some(_) => return false,
        }
    }
    is_dynamic_off
}
