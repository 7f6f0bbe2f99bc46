//! One JSON object per line.
//!
//! Only the wanted fields are read; the rest is skipped without building values of it. Values are
//! collected until the line has been read completely, so that a damaged line passes on nothing.

mod names;
mod visit;

use std::borrow::Cow;

use serde_json::{Map, Value};
use threatsieve_blacklist::indicator::Timestamp;
use threatsieve_blacklist::observable::Kind;

pub(crate) use names::Names;
use visit::Found;

use crate::malformed::MalformedLine;
use crate::observe::Observer;
use crate::{ecs, time};

/// The fields that may contain an event's own time, the most reliable first.
pub const TIMES: [&str; 21] = [
    "@timestamp",
    "timestamp",
    "ts",
    // systemd's journal: the time of the message, and that of its receipt.
    "_SOURCE_REALTIME_TIMESTAMP",
    "__REALTIME_TIMESTAMP",
    // Cloudflare
    "EdgeStartTimestamp",
    "EdgeEndTimestamp",
    "Datetime",
    "Timestamp",
    "QueryTimestamp",
    "SessionStartTime",
    "eventTime",
    "Records.eventTime",
    "event.created",
    "time",
    "time_iso8601",
    "time_local",
    "datetime",
    "date",
    "_write_ts",
    "msec",
];

/// Passes on the wanted fields in the order of the line, then the URLs that were logged in parts.
pub(crate) fn walk(
    names: &Names,
    line: &[u8],
    sink: &mut impl FnMut(&str, Kind, &[u8]),
) -> Result<(), MalformedLine> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(());
    }
    let expected = "a JSON object";
    if !matches!(line[0], b'{' | b'[') {
        return Err(MalformedLine::Json { column: 1, expected });
    }
    if let Ok(text) = std::str::from_utf8(line)
        && let Ok(found) = visit::read(names, text)
    {
        emit(names, &found, sink);
        return Ok(());
    }
    let text = repaired(line);
    emit(names, &visit::read(names, &text)?, sink);
    Ok(())
}

fn emit(names: &Names, found: &[Found<'_>], sink: &mut impl FnMut(&str, Kind, &[u8])) {
    let mut observer = Observer::default();
    for found in found {
        match found {
            Found::Value(field, value) => {
                let field = names.field(*field);
                observer.value(&field.name, field.role, value.as_bytes(), sink);
            }
            Found::EventEnd => std::mem::take(&mut observer).finish(sink),
        }
    }
}

/// Replaces bytes that are not UTF-8, and lone surrogates. Neither is valid JSON, but attackers
/// send both.
fn repaired(line: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(line);
    if memchr::memmem::find(text.as_bytes(), b"\\u").is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let (high, low) = (surrogate(&rest[at..]), rest.get(at + 6..).and_then(surrogate));
        let len = match (high, low) {
            (Some(0xd8..=0xdb), Some(0xdc..=0xdf)) => 12,
            (Some(_), _) => 6,
            // Any other escape: two bytes, so that the second backslash of `\\` does not begin
            // another one.
            _ => 1 + rest[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
        out.push_str(if len == 6 { "\u{fffd}" } else { &rest[at..at + len] });
        rest = &rest[at + len..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Returns the upper byte of the `\uD8xx` to `\uDFxx` at the start of the text.
fn surrogate(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let unit = u16::from_str_radix(digits, 16).ok()?;
    (0xd800..0xe000).contains(&unit).then_some((unit >> 8) as u8)
}

/// Returns the event's own time.
pub(crate) fn time(line: &[u8]) -> Option<Timestamp> {
    let map = event(line)?;
    let own =
        |map: &Map<String, Value>| TIMES.iter().find_map(|name| time::json(ecs::get(map, name)?));
    own(&map).or_else(|| own(map.get("_source")?.as_object()?))
}

/// Returns the object as it is. An array of events is put into a field `records`.
pub(crate) fn event(line: &[u8]) -> Option<Map<String, Value>> {
    let line = line.trim_ascii();
    let value =
        serde_json::from_slice(line).or_else(|_| serde_json::from_str(&repaired(line))).ok()?;
    match value {
        Value::Object(map) => Some(map),
        Value::Array(mut events) => match events.as_mut_slice() {
            [Value::Object(only)] => Some(std::mem::take(only)),
            _ => Some(Map::from_iter([("records".to_owned(), Value::Array(events))])),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
