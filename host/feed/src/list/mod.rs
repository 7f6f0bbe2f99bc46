//! Plain lists: one value a line, the form of a hosts file, or CSV with a header.

mod line;
mod plain;
mod table;

use std::io::BufRead;

use threatsieve_blacklist::value::MAX_VALUE_BYTES;
use threatsieve_blacklist::{Indicator, IndicatorId, Malformed, UrlMode, Value};

use crate::FeedError;
use crate::text::cut;
use line::{Line, Lines};
use table::Table;

/// How a list is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOptions {
    /// What the list's URLs cover.
    pub url_mode: UrlMode,
    /// Longest line that is read, in bytes; longer ones are refused.
    pub max_line_bytes: usize,
    /// Most lines that a CSV record with quoted fields may span. Of one that goes on further the first line is refused, and the others
    /// are read as records of their own; no line is read more often than this.
    pub max_record_lines: u32,
}

impl Default for ListOptions {
    /// Lines as long as the longest value and as much again of comment or other columns; records of at most 100 lines.
    fn default() -> Self {
        ListOptions { url_mode: UrlMode::Exact, max_line_bytes: 2 * MAX_VALUE_BYTES, max_record_lines: 100 }
    }
}

/// A line, or one name of it, that is no indicator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLine {
    /// The line's number, counted from 1.
    pub line: u32,
    /// Its text, cut to the first 200 characters.
    pub text: String,
    /// What is wrong with it.
    pub reason: LineError,
}

/// Why a line is no indicator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// Longer than [`ListOptions::max_line_bytes`].
    #[error("expected a line of at most {limit} bytes, got a longer one")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// Not text.
    #[error("expected UTF-8, got another byte at column {column}")]
    NotUtf8 {
        /// The first such byte's place in the line, counted from 1.
        column: usize,
    },
    /// No value of any type.
    #[error(transparent)]
    Value(#[from] Malformed),
    /// A column of a CSV record holds something else than it should.
    #[error("column {column:?}: expected {expected}, got {got:?}")]
    Column {
        /// The column, as this crate calls it.
        column: &'static str,
        /// What could stand there.
        expected: &'static str,
        /// What stands there, cut.
        got: String,
    },
    /// A CSV record that ends before its line does.
    #[error("expected the record to end with its line, got more from column {column}")]
    AfterRecord {
        /// Where the rest starts, in bytes from 1.
        column: usize,
    },
    /// A CSV field that starts with a quote and does not end, or not so that a delimiter or its line's end follows.
    #[error(
        "expected a quote that ends the last field within {lines} lines and {bytes} bytes of text, got none; the lines below are read on their own"
    )]
    OpenQuote {
        /// [`ListOptions::max_record_lines`].
        lines: u32,
        /// [`ListOptions::max_line_bytes`].
        bytes: usize,
    },
}

/// What a list held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListReport {
    /// Lines read.
    pub lines: u64,
    /// Indicators handed over.
    pub indicators: u64,
    /// Lines, or names of a line, that were refused.
    pub refused: u64,
    /// The list is CSV with a header.
    pub is_table: bool,
}

/// Reads a list to its end: each indicator is handed to `each`, with its value as it is listed (all of them, of a line that names several
/// hosts), and each line that is none to `refused`. Nothing in a line is fatal.
///
/// Comments (`#`, `;` or `//` at the start; ` #` after white space), blank lines and a byte order mark are passed over, quotes around a value
/// removed. `0.0.0.0 NAME...` and the like is a hosts file's line and holds several values. When the first line is a CSV header that names
/// a column `value`, `indicator` or `ioc`, the columns `confidence` (0 to 100), `valid_from`, `valid_until`, `tlp`, `name` and `type` are
/// read too, and others are not.
pub fn read_list(
    mut input: impl BufRead,
    options: &ListOptions,
    each: &mut dyn FnMut(Indicator, &str),
    refused: &mut dyn FnMut(RefusedLine),
) -> Result<ListReport, FeedError> {
    let mut lines = Lines::new(&mut input, options.max_line_bytes);
    let mut reader = Reader { options, each, refused, report: ListReport::default() };
    let mut is_first = true;
    while let Some(line) = lines.next()? {
        let Some(text) = reader.text(&line) else { continue };
        if std::mem::take(&mut is_first)
            && let Some(table) = Table::from_header(line.text().unwrap_or(text))
        {
            reader.report.is_table = true;
            table.read(&mut lines, &mut reader)?;
            break;
        }
        plain::read(text, line.number, &mut reader);
    }
    reader.report.lines = lines.number().into();
    Ok(reader.report)
}

/// Where what is read goes, counted.
struct Reader<'a> {
    options: &'a ListOptions,
    each: &'a mut dyn FnMut(Indicator, &str),
    refused: &'a mut dyn FnMut(RefusedLine),
    report: ListReport,
}

impl Reader<'_> {
    /// The text of a line that says something; a line that cannot be read is refused here.
    fn text<'l>(&mut self, line: &Line<'l>) -> Option<&'l str> {
        match line.text() {
            Ok(text) => {
                let text = text.trim();
                let is_comment = text.starts_with(['#', ';']) || text.starts_with("//");
                (!text.is_empty() && !is_comment).then_some(text)
            }
            Err(error) => {
                self.refuse(line.number, &String::from_utf8_lossy(line.bytes), error);
                None
            }
        }
    }

    fn take(&mut self, indicator: Indicator, listed: &str) {
        self.report.indicators += 1;
        (self.each)(indicator, listed);
    }

    fn refuse(&mut self, line: u32, text: &str, reason: LineError) {
        self.report.refused += 1;
        (self.refused)(RefusedLine { line, text: cut(text), reason });
    }
}

/// An indicator of which the list says no more than its values.
fn bare(line: u32, values: Vec<Value>) -> Indicator {
    Indicator::new(IndicatorId::Line(line), values)
}

/// A value without the quotes around it.
fn unquote(text: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .map_or(text, str::trim)
}

#[cfg(test)]
mod tests;
