//! Cells of a record other than its value.

use threatsieve_blacklist::{Timestamp, Tlp};

use super::LineError;
use crate::text::cut;
use crate::time::lenient;

pub(super) fn confidence(text: &str) -> Result<u8, LineError> {
    // Programs that store a column with gaps as floats write `75.0`.
    let whole = text
        .split_once('.')
        .filter(|(_, zeros)| !zeros.is_empty() && zeros.bytes().all(|b| b == b'0'));
    let number = whole.map_or(text, |(number, _)| number);
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    let number = number.parse().ok().filter(|&number: &u8| digits && number <= 100);
    number.ok_or_else(|| column("confidence", "a whole number from 0 to 100, or nothing", text))
}

pub(super) fn time(name: &'static str, text: &str) -> Result<Timestamp, LineError> {
    lenient(text)
        .ok_or_else(|| column(name, "a date `YYYY-MM-DD` or date and time as in RFC 3339", text))
}

pub(super) fn tlp(text: &str) -> Result<Tlp, LineError> {
    let name = text
        .get(..4)
        .filter(|start| start.eq_ignore_ascii_case("TLP:"))
        .map_or(text, |_| &text[4..]);
    Tlp::from_name(name.trim()).ok_or_else(|| {
        column("tlp", "a TLP level (CLEAR, WHITE, GREEN, AMBER, AMBER+STRICT, RED)", text)
    })
}

pub(crate) fn column(column: &'static str, expected: &'static str, got: &str) -> LineError {
    LineError::Column { column, expected, got: cut(got) }
}

/// Reads a port. An empty cell, `0` and `-` mean no port.
pub(super) fn port(text: &str) -> Result<Option<u16>, LineError> {
    match text.parse() {
        Ok(0) => Ok(None),
        Ok(port) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(port)),
        _ if text == "-" => Ok(None),
        _ => Err(column("port", "a port of 1 to 65535, or nothing", text)),
    }
}

/// Reads a cell as yes or no; `None` for any other text.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "t" => Some(true),
        "0" | "false" | "no" | "f" => Some(false),
        _ => None,
    }
}
