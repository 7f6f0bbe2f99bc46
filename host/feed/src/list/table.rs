//! Lists in CSV with a header, separated by commas, semicolons or tabs.

use super::columns::{Choice, Column, Columns};
use super::line::Lines;
use super::record::{End, Record};
use super::row::Row;
use super::{LineError, ListForm, ListOptions, Sink};
use crate::FeedError;

/// The columns of a table.
pub(super) struct Table {
    delimiter: u8,
    columns: Columns,
    /// The position of the value.
    value: usize,
}

impl Table {
    /// Reads a header. Returns `None` if the line is not a header. A header with no column of
    /// values, or several, is an error. `is_header` is true if the line says that it is a header.
    pub(super) fn from_header(
        line: &str,
        is_header: bool,
        form: &ListForm,
    ) -> Result<Option<Table>, FeedError> {
        let (is_csv, wanted) = match form {
            ListForm::Csv(wanted) => (true, wanted.as_deref()),
            _ => (is_header, None),
        };
        // Names contain no tabs. A tab at the start belongs to a first column without a name.
        let delimiters: &[u8] = if line.contains('\t') { b"\t" } else { b",;" };
        let headers = || delimiters.iter().filter_map(|&by| Some((by, names(line, by, is_csv)?)));
        // If both delimiters are possible, the one that gives a column of values counts, otherwise
        // the one with more columns.
        for (delimiter, names) in headers() {
            match Columns::choose(&names, wanted) {
                Choice::Columns(columns) => {
                    let value = columns.place(Column::Value).unwrap_or_default();
                    return Ok(Some(Table { delimiter, columns, value }));
                }
                Choice::Several(columns) => {
                    return Err(FeedError::Ambiguous { format: "csv", columns });
                }
                Choice::None => {}
            }
        }
        match headers().map(|(_, names)| names).max_by_key(Vec::len) {
            Some(columns) if is_csv || columns.len() > 1 => {
                Err(FeedError::NoValues { format: "csv", columns })
            }
            _ => Ok(None),
        }
    }

    /// Reads the records after the header.
    pub(super) fn read(&self, lines: &mut Lines<'_>, sink: &mut Sink<'_>) -> Result<(), FeedError> {
        let mut record = Record::new(self.delimiter);
        while let Some(line) = lines.next()? {
            let Some(trimmed) = sink.text(&line) else { continue };
            // In a table with tabs, a tab at the start means an empty first field.
            let first =
                if self.delimiter == b'\t' { line.text().unwrap_or(trimmed) } else { trimmed };
            let number = line.number;
            match record.start(first) {
                Ok(End::Whole) => self.record(&record, first, number, sink),
                Ok(End::OpenQuote) => {
                    let first = first.to_owned();
                    let mut text = first.clone();
                    if record.continue_record(&mut text, lines, sink.options)? {
                        self.record(&record, &text, number, sink);
                    } else {
                        let ListOptions { max_record_lines: lines, max_line_bytes: bytes, .. } =
                            *sink.options;
                        sink.reject(number, &first, LineError::OpenQuote { lines, bytes });
                    }
                }
                Err(error) => sink.reject(number, first, error),
            }
        }
        Ok(())
    }

    fn record(&self, record: &Record, text: &str, number: u32, sink: &mut Sink<'_>) {
        match Row::read(&self.columns, &|place| record.field(place), number, sink.options) {
            Ok(Row::Indicator(indicator)) => sink.take(*indicator, record.field(self.value)),
            Ok(Row::Skipped(reason)) => sink.skip(reason),
            Err(error) => sink.reject(number, text, error),
        }
    }
}

/// Returns the names in a header. Unless the line is known to be one, it must look like a header: a
/// value that contains a delimiter (`http://evil.com/a;value`) does not.
fn names(line: &str, delimiter: u8, is_csv: bool) -> Option<Vec<String>> {
    let mut record = Record::new(delimiter);
    if record.start(line).ok()? == End::OpenQuote {
        return None;
    }
    let fields: Vec<String> = (0..record.len()).map(|n| record.field(n).to_owned()).collect();
    let is_name =
        |name: &String| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_- ()#".contains(&b));
    let has_words = fields.iter().any(|name| name.bytes().any(|b| b.is_ascii_alphabetic()));
    (is_csv || has_words && fields.iter().all(is_name)).then_some(fields)
}
