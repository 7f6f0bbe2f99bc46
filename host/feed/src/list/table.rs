//! Records with delimiters: CSV with a header that names the columns, or a form that a preset
//! declares.

use std::sync::Arc;

use super::columns::{Choice, Columns};
use super::divider::Divider;
use super::line::Lines;
use super::record::End;
use super::{LineError, ListForm, ListOptions, Sink, row};
use crate::FeedError;
use crate::preset::{Header, HeaderWord, Preset};

/// A table.
pub(super) struct Table {
    divider: Divider,
    /// `None` until the header was read.
    columns: Option<Columns>,
    preset: Option<Arc<Preset>>,
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
                    let divider = Divider::csv(delimiter);
                    return Ok(Some(Table { divider, columns: Some(*columns), preset: None }));
                }
                Choice::Several(columns) => {
                    return Err(FeedError::Ambiguous {
                        format: "csv",
                        columns,
                        suggestion: String::new(),
                    });
                }
                Choice::None => {}
            }
        }
        match headers().map(|(_, names)| names).max_by_key(Vec::len) {
            Some(columns) if is_csv || columns.len() > 1 => {
                Err(FeedError::NoValues { format: "csv", columns, suggestion: String::new() })
            }
            _ => Ok(None),
        }
    }

    /// The table that a preset declares.
    pub(super) fn declared(preset: &Arc<Preset>) -> Table {
        let columns = match &preset.header {
            Header::Names(names) => Columns::declared(names, preset),
            Header::Word(_) => None,
        };
        Table { divider: Divider::of(preset), columns, preset: Some(Arc::clone(preset)) }
    }

    /// Reads the records after the header, and the header if it is not known yet.
    pub(super) fn read(
        &mut self,
        lines: &mut Lines<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), FeedError> {
        let mut has_record = false;
        while !sink.is_full()
            && let Some(line) = lines.next()?
        {
            if !has_record && line.text().is_ok_and(|text| self.is_header(text)) {
                continue;
            }
            let Some(trimmed) = sink.text(&line) else { continue };
            // In a table with tabs, a tab at the start means an empty first field.
            let first = match self.divider.has_tabs() {
                true => line.text().unwrap_or(trimmed),
                false => trimmed,
            };
            let number = line.number;
            if self.columns.is_none() {
                self.header(first)?;
                continue;
            }
            has_record = true;
            match self.divider.start(first) {
                Ok(End::Whole) => self.record(first, number, sink),
                Ok(End::OpenQuote) => {
                    let first = first.to_owned();
                    let mut text = first.clone();
                    let is_whole = match &mut self.divider {
                        Divider::Csv { record, .. } => {
                            record.continue_record(&mut text, lines, sink.options)?
                        }
                        Divider::Text(_) => false,
                    };
                    if is_whole {
                        self.record(&text, number, sink);
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

    /// Returns whether a comment names the columns, and takes the names over. Publishers add
    /// columns from time to time, so the names in the file count more than those of the preset.
    fn is_header(&mut self, line: &str) -> bool {
        let Some(preset) = &self.preset else { return false };
        let names = match &preset.header {
            Header::Word(HeaderWord::Fields) => line.strip_prefix("#fields"),
            Header::Names(_) => line.strip_prefix('#'),
            Header::Word(HeaderWord::First) => None,
        };
        let names = names.and_then(|names| self.divider.names(names.trim()));
        let names = names.filter(|names| names.len() > 1);
        let columns = names.and_then(|names| Columns::declared(&names, preset));
        // A comment that names only some of the columns is a sentence, or an older form.
        let known = self.columns.as_ref().map_or(0, Columns::count);
        let columns = columns.filter(|columns| columns.count() >= known);
        match columns {
            Some(columns) => {
                self.columns = Some(columns);
                true
            }
            None => false,
        }
    }

    /// Reads the first line that is not a comment as the header.
    fn header(&mut self, line: &str) -> Result<(), FeedError> {
        let names = self.divider.names(line).unwrap_or_default();
        let columns = self.preset.as_ref().and_then(|preset| Columns::declared(&names, preset));
        match columns {
            Some(columns) => {
                self.columns = Some(columns);
                Ok(())
            }
            None => Err(FeedError::NoValues {
                format: "csv",
                columns: names,
                suggestion: String::new(),
            }),
        }
    }

    fn record(&self, text: &str, number: u32, sink: &mut Sink<'_>) {
        if let Some(columns) = &self.columns {
            row::read(columns, self.divider.fields(), number, &text, sink);
        }
    }
}

/// Returns the names in a header. Unless the line is known to be one, it must look like a header: a
/// value that contains a delimiter (`http://evil.com/a;value`) does not.
fn names(line: &str, delimiter: u8, is_csv: bool) -> Option<Vec<String>> {
    let fields = Divider::csv(delimiter).names(line)?;
    let is_name =
        |name: &String| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_- ()#".contains(&b));
    let has_words = fields.iter().any(|name| name.bytes().any(|b| b.is_ascii_alphabetic()));
    (is_csv || has_words && fields.iter().all(is_name)).then_some(fields)
}
