//! Comparison of an index's mapping with the fields that are written into its events.

use serde_json::{Map, Value as Json};

use super::{Expected, Finding, TEMPLATE_NAME};
use crate::text::grouped;

/// The default of `index.mapping.total_fields.limit`.
const FIELDS_LIMIT: u64 = 1000;

/// The handling of fields that an object's mapping does not have (`dynamic`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dynamic {
    /// The field is added to the mapping.
    Add,
    /// The field is stored, but cannot be searched.
    Store,
    /// The event is refused.
    Refuse,
}

impl Dynamic {
    /// Reads the setting of a mapping. Without one, that of the surrounding object applies.
    fn of(mapping: &Json, around: Dynamic) -> Dynamic {
        let text = match &mapping["dynamic"] {
            Json::Bool(is) => return if *is { Dynamic::Add } else { Dynamic::Store },
            Json::String(text) => text.as_str(),
            _ => return around,
        };
        match text {
            "true" | "runtime" => Dynamic::Add,
            "false" | "false_allow_templates" => Dynamic::Store,
            // Dynamic templates would only help if they were made for our fields.
            "strict" | "strict_allow_templates" => Dynamic::Refuse,
            _ => around,
        }
    }
}

/// The findings of a walk through a mapping.
#[derive(Debug, Default)]
struct Walk {
    findings: Vec<Finding>,
    /// Fields for which the index refuses events.
    refused: Vec<String>,
    /// Fields that the index stores without indexing them.
    stored: Vec<String>,
    /// Number of fields that will be added to the mapping.
    added: u64,
}

/// Lists the parts of an index's mapping that refuse flagged events or make them harder to search.
/// Settings have flat keys, such as `index.mapping.total_fields.limit`.
pub(crate) fn judge(expected: &Expected, mapping: &Json, settings: &Json) -> Vec<Finding> {
    let mut walk = Walk::default();
    let is_lenient = is_true(&settings["index.mapping.ignore_malformed"]);
    walk.fields(&expected.0, mapping, Dynamic::of(mapping, Dynamic::Add), "", is_lenient);
    let template = format!(
        "add the mappings of the component template (`threatsieve opensearch template --put`, \
         then {TEMPLATE_NAME:?} in `composed_of` of the index template, and roll over or reindex)"
    );
    if !walk.refused.is_empty() {
        walk.findings.push(Finding {
            is_problem: true,
            what: format!(
                "it is strict, and lacks {}: it refuses flagged events",
                walk.refused.join(", ")
            ),
            remedy: template.clone(),
        });
    }
    if !walk.stored.is_empty() {
        walk.findings.push(Finding {
            is_problem: false,
            what: format!(
                "it stores {} without indexing: searches do not find them",
                walk.stored.join(", ")
            ),
            remedy: template.clone(),
        });
    }
    let limit = number(&settings["index.mapping.total_fields.limit"]).unwrap_or(FIELDS_LIMIT);
    let there = count(mapping["properties"].as_object());
    if walk.added > 0 && there + walk.added > limit {
        walk.findings.push(Finding {
            is_problem: true,
            what: format!(
                "it has {} of at most {} fields, and flagged events bring up to {} more: \
                 it refuses them",
                grouped(there),
                grouped(limit),
                grouped(walk.added)
            ),
            remedy: format!(
                "raise `index.mapping.total_fields.limit` to {} or more, or remove fields",
                there + walk.added
            ),
        });
    }
    walk.findings
}

impl Walk {
    fn fields(
        &mut self,
        expected: &Map<String, Json>,
        mapping: &Json,
        dynamic: Dynamic,
        path: &str,
        is_lenient: bool,
    ) {
        for (name, field) in expected {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let there = &mapping["properties"][name];
            if there.is_null() {
                match dynamic {
                    Dynamic::Add => self.added += added(field),
                    Dynamic::Store => self.stored.push(path),
                    Dynamic::Refuse => self.refused.push(path),
                }
                continue;
            }
            match (is_object(field), is_object(there)) {
                (true, true) => {
                    self.nesting(field, there, &path);
                    // An object that is not enabled is stored without parsing.
                    if let Some(inner) = field["properties"].as_object()
                        && there["enabled"] != false
                    {
                        self.fields(inner, there, Dynamic::of(there, dynamic), &path, is_lenient);
                    }
                }
                (true, false) => self.object(there, &path),
                (false, is_object) => self.leaf(field, there, is_object, &path, is_lenient),
            }
        }
    }

    /// Handles a field at the place where the events have an object.
    fn object(&mut self, there: &Json, path: &str) {
        let kind = kind(there);
        if matches!(kind, "flat_object" | "flattened") {
            return;
        }
        self.findings.push(Finding {
            is_problem: true,
            what: format!("{path} is a {kind}, expected an object: it refuses flagged events"),
            remedy: target_remedy(path),
        });
    }

    /// Notes an array of objects that is not mapped as nested. It is accepted, but searched
    /// differently.
    fn nesting(&mut self, field: &Json, there: &Json, path: &str) {
        if field["type"] == "nested" && there["type"] != "nested" {
            self.findings.push(Finding {
                is_problem: false,
                what: format!(
                    "{path} is an object, not nested: a search for two properties of one \
                     enrichment also finds events that have them in two enrichments"
                ),
                remedy: "map it as nested in the index template and roll over or reindex, \
                         or search with that in mind"
                    .to_owned(),
            });
        }
    }

    fn leaf(&mut self, field: &Json, there: &Json, is_object: bool, path: &str, is_lenient: bool) {
        let (wanted, kind) = (kind(field), kind(there));
        if is_object {
            self.findings.push(Finding {
                is_problem: true,
                what: format!(
                    "{path} is an object, expected a {wanted}: it refuses flagged events"
                ),
                remedy: target_remedy(path),
            });
            return;
        }
        let forgives =
            is_lenient && there["ignore_malformed"] != false || is_true(&there["ignore_malformed"]);
        if takes(kind, wanted) || forgives && is_forgiving(kind) {
            return;
        }
        self.findings.push(Finding {
            is_problem: true,
            what: format!("{path} is of type {kind}, expected {wanted}: it refuses flagged events"),
            remedy: target_remedy(path),
        });
    }
}

/// Returns the remedy for a field that conflicts with another use of the same name.
fn target_remedy(path: &str) -> String {
    let option = match path {
        _ if path == "threat" || path.starts_with("threat.") => {
            "give the processor another `target_field`"
        }
        _ if path == "threatsieve" || path.starts_with("threatsieve.") => "rename that field",
        _ => "give the processor another `flag_field`, or none (\"\")",
    };
    format!("{option}, or change its mapping in the index template and roll over or reindex")
}

fn kind(mapping: &Json) -> &str {
    mapping["type"].as_str().unwrap_or("object")
}

fn is_object(mapping: &Json) -> bool {
    matches!(kind(mapping), "object" | "nested")
}

/// Returns whether a field of one type accepts values of another type.
fn takes(there: &str, wanted: &str) -> bool {
    let takes_all =
        matches!(there, "keyword" | "text" | "wildcard" | "match_only_text" | "search_as_you_type");
    takes_all
        || there == wanted
        || match wanted {
            "byte" | "short" | "integer" | "long" => matches!(
                there,
                "short"
                    | "integer"
                    | "long"
                    | "unsigned_long"
                    | "float"
                    | "half_float"
                    | "double"
                    | "scaled_float"
            ),
            "date" => there == "date_nanos",
            _ => false,
        }
}

/// Returns whether a type can skip values that it cannot read (`ignore_malformed`).
fn is_forgiving(kind: &str) -> bool {
    const FORGIVING: [&str; 12] = [
        "byte",
        "short",
        "integer",
        "long",
        "unsigned_long",
        "float",
        "half_float",
        "double",
        "scaled_float",
        "date",
        "date_nanos",
        "ip",
    ];
    FORGIVING.contains(&kind)
}

/// Counts the fields of a mapping as its limit does: objects, fields, and fields of fields.
fn count(properties: Option<&Map<String, Json>>) -> u64 {
    let fields = properties.into_iter().flat_map(Map::values);
    fields
        .map(|field| {
            1 + count(field["properties"].as_object()) + count(field["fields"].as_object())
        })
        .sum()
}

/// Counts the same for a field that will be added dynamically. A text becomes a `text` field with a
/// `keyword` field in it.
fn added(field: &Json) -> u64 {
    match field["properties"].as_object() {
        Some(inner) => 1 + inner.values().map(added).sum::<u64>(),
        None if matches!(kind(field), "keyword" | "ip") => 2,
        None => 1,
    }
}

/// Returns whether a value is true. Settings have texts, mappings have booleans.
fn is_true(value: &Json) -> bool {
    value == &Json::Bool(true) || value == "true"
}

fn number(value: &Json) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}
