//! JSON that is safe to look at, and one object a line for each matching event.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64ct::{Base64, Encoding};
use serde::Serialize;
use serde_json::{Map, Value};

use super::terminal::is_harmful;
use super::view::MatchJson;
use crate::pipeline::Event;

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

/// One line of JSON with the characters escaped that a terminal may obey: JSON itself leaves DEL,
/// the C1 controls and the direction controls as they are. They can stand in strings only, where
/// RFC 8259 section 7 allows any character to be escaped.
pub(crate) fn safe_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_harmful) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_harmful(c) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| _ = write!(safe, "\\u{unit:04x}"));
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_a_terminal_obeys_are_escaped() {
        let hostile = "é\x1b[2J\u{9b}31m\u{7f}\u{202e}moc\u{200f}\u{2028}\n\"";
        let value = serde_json::json!({ hostile: [hostile, 1, null] });
        let text = value.to_string();
        let text = safe_json(&text);
        assert!(!text.contains(is_harmful), "{text:?}");
        assert!(text.contains("é\\u001b[2J\\u009b31m\\u007f\\u202emoc\\u200f\\u2028\\n\\\""), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
