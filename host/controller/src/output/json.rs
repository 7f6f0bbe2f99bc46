//! One JSON object a line for each matching event.

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
    /// The line; bytes that are no UTF-8 are replaced (U+FFFD), and then the line's own bytes follow.
    raw: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
    event: Map<String, Value>,
    matches: Vec<MatchJson<'a>>,
    /// Matches beyond those that are told of one event.
    #[serde(skip_serializing_if = "Option::is_none")]
    matches_omitted: Option<u64>,
}

/// Appends an event.
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
    // Nothing here can fail: all keys are text.
    if let Ok(text) = serde_json::to_string(&json) {
        out.extend_from_slice(safe_json(&text).as_bytes());
        out.push(b'\n');
    }
}
