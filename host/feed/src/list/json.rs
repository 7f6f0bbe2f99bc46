//! JSON records: the elements of an array, one document after the other (JSON lines), or what a
//! preset declares.

use std::fmt::Display;
use std::io::BufRead;

use serde_json::{Map, Value as Json};
use threatsieve_blacklist::{Indicator, Listed};

use super::columns::{Choice, Columns};
use super::row::{self, Fields};
use super::{LineError, Sink, bare, walk};
use crate::FeedError;
use crate::preset::{Format, Preset};
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
    let mut records = Records { wanted, named: None, number: 0, sink };
    records.split(input)
}

/// Reads the records that a preset declares.
pub(super) fn read_declared(
    input: &mut dyn BufRead,
    preset: &Preset,
    sink: &mut Sink<'_>,
) -> Result<(), FeedError> {
    let names = Columns::used(preset);
    let named = Columns::declared(&names, preset).map(|columns| Named { columns, names });
    let mut records = Records { wanted: None, named, number: 0, sink };
    if preset.format == Format::Jsonl {
        return records.split(input);
    }
    let mut failed = None;
    walk::records(input, &preset.records.all(), &mut |record| {
        if failed.is_none() {
            failed = records.value(record, record).err();
        }
    })?;
    match failed {
        Some(error) => Err(error),
        None => {
            records.end();
            Ok(())
        }
    }
}

struct Records<'a, 's> {
    wanted: Option<&'a str>,
    named: Option<Named>,
    number: u32,
    sink: &'a mut Sink<'s>,
}

/// The columns, and the names of the properties at their positions.
struct Named {
    columns: Columns,
    names: Vec<String>,
}

impl Records<'_, '_> {
    /// Reads the elements of an array, or one document after the other.
    fn split(&mut self, input: &mut dyn BufRead) -> Result<(), FeedError> {
        Splitter::new(input, MAX_RECORD_BYTES, MAX_DEPTH)
            .run(&mut |element| self.element(&element))?;
        self.end();
        Ok(())
    }

    fn end(&mut self) {
        self.sink.report.lines = self.number.into();
    }

    fn element(&mut self, element: &Element<'_>) -> Result<(), FeedError> {
        let bytes = match element {
            Element::Object { bytes, .. }
            | Element::Other { bytes, .. }
            | Element::Beyond { bytes, .. } => bytes,
            // The properties around an array `objects`.
            Element::Envelope { .. } => return Ok(()),
        };
        match element {
            Element::Object { .. } | Element::Other { .. } => {
                if let Ok(record) = serde_json::from_slice(bytes) {
                    return self.value(&record, &String::from_utf8_lossy(bytes));
                }
            }
            _ => {}
        }
        self.count()?;
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]);
        self.sink.reject(self.number, &text, LineError::NoRecord);
        Ok(())
    }

    fn count(&mut self) -> Result<(), FeedError> {
        self.number = self.number.checked_add(1).ok_or(FeedError::TooManyLines)?;
        Ok(())
    }

    /// Reads a record. `text` is its text, for messages.
    fn value(&mut self, record: &Json, text: &dyn Display) -> Result<(), FeedError> {
        if self.sink.is_full() {
            return Ok(());
        }
        self.count()?;
        match record {
            Json::Object(map) => self.record(map, text)?,
            Json::String(text) => self.text(text),
            _ => self.sink.reject(self.number, &text.to_string(), LineError::NoRecord),
        }
        Ok(())
    }

    fn record(&mut self, map: &Map<String, Json>, text: &dyn Display) -> Result<(), FeedError> {
        let named = match self.named.take() {
            Some(named) => named,
            None => Named::choose(map, self.wanted)?,
        };
        let cells = Cells(named.names.iter().map(|name| cells(map, name)).collect());
        row::read(&named.columns, &cells, self.number, text, self.sink);
        self.named = Some(named);
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
}

impl Named {
    fn choose(record: &Map<String, Json>, wanted: Option<&str>) -> Result<Named, FeedError> {
        let names: Vec<String> = record.keys().cloned().collect();
        match Columns::choose(&names, wanted) {
            Choice::Columns(columns) => Ok(Named { columns: *columns, names }),
            Choice::None => Err(FeedError::NoValues {
                format: "json",
                columns: names,
                suggestion: String::new(),
            }),
            Choice::Several(columns) => {
                Err(FeedError::Ambiguous { format: "json", columns, suggestion: String::new() })
            }
        }
    }
}

/// The cells of a record. A list has several items.
struct Cells(Vec<Vec<String>>);

impl Fields for Cells {
    fn field(&self, place: usize) -> &str {
        self.0.get(place).and_then(|items| items.first()).map_or("", String::as_str)
    }

    fn each(&self, place: usize, item: &mut dyn FnMut(&str)) {
        for one in self.0.get(place).into_iter().flatten() {
            item(one);
        }
    }
}

/// Returns the items at a path in a record: `value`, `details.ip`, `addresses[]`. An array, unless
/// the path ends in `[]`, and an object are empty cells.
fn cells(record: &Map<String, Json>, path: &str) -> Vec<String> {
    if let Some(value) = record.get(path) {
        return vec![cell(value)];
    }
    let (path, is_list) = match path.strip_suffix("[]") {
        Some(path) => (path, true),
        None => (path, false),
    };
    let mut keys = path.split('.');
    let first = keys.next().and_then(|key| record.get(key));
    match keys.try_fold(first, |at, key| Some(at?.get(key))).flatten() {
        Some(Json::Array(items)) if is_list => items.iter().map(cell).collect(),
        Some(value) => vec![cell(value)],
        None if is_list => Vec::new(),
        None => vec![String::new()],
    }
}

/// Converts a property to a cell. Arrays and objects are empty cells.
fn cell(value: &Json) -> String {
    match value {
        Json::String(text) => text.trim().to_owned(),
        Json::Number(number) => number.to_string(),
        Json::Bool(bool) => bool.to_string(),
        _ => String::new(),
    }
}
