//! Zeek's tab-separated logs (`policy/tuning/defaults`, the ASCII writer of the logging framework).
//!
//! Lines that begin with `#` define how the lines after them are read. They may change midway, for
//! example in concatenated files.

mod columns;
mod header;

use std::borrow::Cow;

use memchr::memchr;
use serde_json::{Map, Value};
use threatsieve_blacklist::indicator::Timestamp;
use threatsieve_blacklist::observable::Kind;

pub(crate) use header::Header;

use crate::ecs::Event;
use crate::format::Format;
use crate::malformed::MalformedLine;
use crate::marks::Marks;
use crate::observe::Observer;
use crate::time;
use columns::Column;

/// Passes on the wanted columns in their order, then the URL of host and path.
pub(crate) fn walk(
    header: &Header,
    line: &[u8],
    sink: &mut impl FnMut(&str, Kind, &[u8]),
) -> Result<(), MalformedLine> {
    if line.is_empty() || line[0] == b'#' {
        return Ok(());
    }
    check(header, line)?;
    // Values that had escapes are stored here until the URL has been built.
    let mut unescaped: Vec<(&Column, Vec<u8>)> = Vec::new();
    let mut observer = Observer::default();
    for (column, cell) in header.wanted(line) {
        if header.is_nothing(cell) {
            continue;
        }
        for value in header.values(column, cell).filter(|value| !header.is_nothing(value)) {
            match unescape(value) {
                Cow::Borrowed(value) => {
                    if let Some(role) = column.role {
                        observer.value(column.field(), role, value, sink);
                    }
                }
                Cow::Owned(value) => unescaped.push((column, value)),
            }
        }
    }
    for (column, value) in &unescaped {
        if let Some(role) = column.role {
            observer.value(column.field(), role, value, sink);
        }
    }
    observer.finish(sink);
    Ok(())
}

fn check(header: &Header, line: &[u8]) -> Result<(), MalformedLine> {
    let expected = header.columns.len();
    if expected == 0 {
        return Err(MalformedLine::NoHeader { format: Format::Zeek });
    }
    let got = memchr::memchr_iter(header.separator, line).count() + 1;
    if got == expected {
        return Ok(());
    }
    Err(MalformedLine::Columns { format: Format::Zeek, expected, got })
}

/// Returns the cells of a line.
fn cells(separator: u8, line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    Marks::new(line, separator).chain(std::iter::once(line.len())).map(move |end| {
        let cell = &line[from..end];
        from = end + 1;
        cell
    })
}

/// Undoes escapes. Zeek writes separators, unprintable bytes and backslashes as `\x2c`.
fn unescape(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\\', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = &rest[at..];
        let (byte, len) = match escape {
            [_, b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (digit(*high) << 4 | digit(*low), 4)
            }
            [_, b'\\', ..] => (b'\\', 2),
            _ => (b'\\', 1),
        };
        out.push(byte);
        rest = &escape[len..];
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

fn digit(hex: u8) -> u8 {
    (hex as char).to_digit(16).unwrap_or(0) as u8
}

/// Returns the event's own time, column `ts`.
pub(crate) fn time(header: &Header, line: &[u8]) -> Option<Timestamp> {
    let ts = cell(header, line, "ts")?;
    // Zeek can be configured to write ISO 8601.
    time::epoch(ts).or_else(|| time::iso(std::str::from_utf8(ts).ok()?))
}

fn cell<'l>(header: &Header, line: &'l [u8], name: &str) -> Option<&'l [u8]> {
    if line.first() == Some(&b'#') || check(header, line).is_err() {
        return None;
    }
    let at = header.columns.iter().position(|column| column.name == name)?;
    cells(header.separator, line).nth(at)
}

/// Returns the line in ECS, with `zeek.*` for columns without an ECS name.
pub(crate) fn event(header: &Header, line: &[u8]) -> Option<Map<String, Value>> {
    if line.first() == Some(&b'#') || check(header, line).is_err() {
        return None;
    }
    let mut event = Event::default();
    for (column, cell) in header.columns.iter().zip(cells(header.separator, line)) {
        if cell == header.unset {
            continue;
        }
        if column.name == "ts" {
            event.time(time(header, line));
            continue;
        }
        let name = column.ecs.map_or_else(|| format!("zeek.{}", column.name), str::to_owned);
        event.set(&name, column.json(header, cell));
    }
    Some(event.finish())
}

#[cfg(test)]
mod tests;
