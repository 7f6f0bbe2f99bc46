//! Matching events as JSON, one object per line.

use base64ct::{Base64, Encoding};
use serde::Serialize;
use serde_json::{Map, Value};

use super::view::MatchJson;
use crate::pipeline::Event;
use crate::text::safe_json;

#[derive(Serialize)]
struct EventJson<'a> {
    file: &'a str,
    line: u64,
    /// The line as text. Bytes that are not UTF-8 are replaced (U+FFFD); `raw_base64` then has the
    /// original bytes.
    raw: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
    event: Map<String, Value>,
    matches: Vec<MatchJson<'a>>,
    /// Number of matches beyond the limit for one event.
    #[serde(skip_serializing_if = "Option::is_none")]
    matches_omitted: Option<u64>,
}

/// Appends an event as a line of JSON.
pub(crate) fn write_json(event: &Event<'_>, out: &mut Vec<u8>) {
    let raw = String::from_utf8_lossy(event.line);
    let is_lossy = std::str::from_utf8(event.line).is_err();
    let json = EventJson {
        file: event.file,
        line: event.number,
        raw: &raw,
        raw_base64: is_lossy.then(|| Base64::encode_string(event.line)),
        event: event.parser.event(event.line),
        matches: event
            .found
            .iter()
            .map(|found| MatchJson::new(&found.observable, &found.field, &found.matched))
            .collect(),
        matches_omitted: (event.omitted > 0).then_some(event.omitted),
    };
    // This cannot fail, because all keys are text.
    if let Ok(text) = serde_json::to_string(&json) {
        out.extend_from_slice(safe_json(&text).as_bytes());
        out.push(b'\n');
    }
}
