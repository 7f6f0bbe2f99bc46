//! JSON records: the elements of an array, or one document after the other (JSON lines).

use std::io::BufRead;

use serde_json::{Map, Value as Json};
use threatsieve_blacklist::{Indicator, Listed};

use super::columns::{Choice, Column, Columns};
use super::row::Row;
use super::{LineError, Sink, bare};
use crate::FeedError;
use crate::stix::{Element, Splitter};

/// The longest record in bytes, and the deepest nesting.
const MAX_RECORD_BYTES: usize = 1024 * 1024;
const MAX_DEPTH: u32 = 32;

/// Reads all records. The property names of the first record decide the columns.
pub(super) fn read(
    input: &mut dyn BufRead,
    wanted: Option<&str>,
    sink: &mut Sink<'_>,
) -> Result<(), FeedError> {
    let mut records = Records { wanted, columns: None, number: 0, sink };
    Splitter::new(input, MAX_RECORD_BYTES, MAX_DEPTH)
        .run(&mut |element| records.element(&element))?;
    let number = records.number;
    sink.report.lines = number.into();
    Ok(())
}

struct Records<'a, 's> {
    wanted: Option<&'a str>,
    columns: Option<Named>,
    number: u32,
    sink: &'a mut Sink<'s>,
}

/// The columns, and the names of the properties at their positions.
struct Named {
    columns: Columns,
    names: Vec<String>,
}

impl Records<'_, '_> {
    fn element(&mut self, element: &Element<'_>) -> Result<(), FeedError> {
        let bytes = match element {
            Element::Object { bytes, .. }
            | Element::Other { bytes, .. }
            | Element::Beyond { bytes, .. } => bytes,
            // The properties around an array `objects`.
            Element::Envelope { .. } => return Ok(()),
        };
        self.number = self.number.checked_add(1).ok_or(FeedError::TooManyLines)?;
        match element {
            Element::Object { .. } | Element::Other { .. } => match serde_json::from_slice(bytes) {
                Ok(Json::Object(record)) => return self.record(&record, bytes),
                Ok(Json::String(text)) => {
                    self.text(&text);
                    return Ok(());
                }
                _ => {}
            },
            _ => {}
        }
        self.reject(bytes, LineError::NoRecord);
        Ok(())
    }

    fn record(&mut self, record: &Map<String, Json>, bytes: &[u8]) -> Result<(), FeedError> {
        let named = match self.columns.take() {
            Some(named) => named,
            None => Named::choose(record, self.wanted)?,
        };
        let cells: Vec<String> = named.names.iter().map(|name| cell(record.get(name))).collect();
        let field = |place: usize| cells.get(place).map_or("", String::as_str);
        match Row::read(&named.columns, &field, self.number, self.sink.options) {
            Ok(Row::Indicator(indicator)) => {
                let listed = named.columns.place(Column::Value).map_or("", field);
                self.sink.take(*indicator, listed);
            }
            Ok(Row::Skipped(reason)) => self.sink.skip(reason),
            Err(error) => self.reject(bytes, error),
        }
        self.columns = Some(named);
        Ok(())
    }

    fn text(&mut self, text: &str) {
        match Listed::parse(text, self.sink.options.url_mode) {
            Ok(Listed { value, port }) => {
                let port = port.map(|number| self.sink.options.port(number));
                self.sink.take(Indicator { port, ..bare(self.number, vec![value]) }, text);
            }
            Err(error) => self.sink.reject(self.number, text, error.into()),
        }
    }

    fn reject(&mut self, bytes: &[u8], reason: LineError) {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]);
        self.sink.reject(self.number, &text, reason);
    }
}

impl Named {
    fn choose(record: &Map<String, Json>, wanted: Option<&str>) -> Result<Named, FeedError> {
        let names: Vec<String> = record.keys().cloned().collect();
        match Columns::choose(&names, wanted) {
            Choice::Columns(columns) => Ok(Named { columns, names }),
            Choice::None => Err(FeedError::NoValues { format: "json", columns: names }),
            Choice::Several(columns) => Err(FeedError::Ambiguous { format: "json", columns }),
        }
    }
}

/// Converts a property to a cell. Arrays and objects are empty cells.
fn cell(value: Option<&Json>) -> String {
    match value {
        Some(Json::String(text)) => text.trim().to_owned(),
        Some(Json::Number(number)) => number.to_string(),
        Some(Json::Bool(bool)) => bool.to_string(),
        _ => String::new(),
    }
}
