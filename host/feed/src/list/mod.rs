//! Lists: one value a line, hosts files, CSV with a header, and records in JSON.
//!
//! A form's reader takes its input apart; [`row`] makes an indicator of a record by the parts that
//! [`columns`] gives its columns, and [`kind`] reads the value. A [`Sink`] counts what comes of it.

mod banner;
mod cell;
mod columns;
mod json;
mod kind;
mod line;
mod plain;
mod record;
mod row;
mod table;

use std::collections::BTreeMap;
use std::io::BufRead;

use threatsieve_blacklist::value::MAX_VALUE_BYTES;
use threatsieve_blacklist::{Indicator, IndicatorId, Malformed, Port, UrlMode, Value};

use crate::FeedError;
use crate::text::cut;
use banner::Banner;
use line::{Line, Lines};
use table::Table;

/// The form of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ListForm {
    /// Lines of either kind, or CSV if the first line is a header.
    #[default]
    Auto,
    /// One value a line.
    Lines,
    /// Lines `0.0.0.0 NAME...`.
    Hosts,
    /// CSV with a header; the column that holds the values, if it was named.
    Csv(Option<String>),
    /// Records in JSON, in an array or one after the other; the property that holds the values, if
    /// it was named.
    Json(Option<String>),
}

/// How a list is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOptions {
    /// The list's form.
    pub form: ListForm,
    /// Which paths the list's URLs cover.
    pub url_mode: UrlMode,
    /// Values that are listed with a port match only events with that port.
    pub match_port: bool,
    /// Longest line that is read, in bytes; longer ones are rejected.
    pub max_line_bytes: usize,
    /// Most lines that a CSV record with quoted fields may span. Of one that goes on further the first line is rejected, and the others
    /// are read as records of their own; no line is read more often than this.
    pub max_record_lines: u32,
}

impl Default for ListOptions {
    /// Lines as long as the longest value and as much again of comment or other columns; records of at most 100 lines.
    fn default() -> Self {
        ListOptions {
            form: ListForm::Auto,
            url_mode: UrlMode::Exact,
            match_port: false,
            max_line_bytes: 2 * MAX_VALUE_BYTES,
            max_record_lines: 100,
        }
    }
}

impl ListOptions {
    fn port(&self, number: u16) -> Port {
        Port { number, is_matched: self.match_port }
    }
}

/// A line, or one name of it, that is no indicator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedLine {
    /// The number of the line or JSON record, counted from 1.
    pub line: u32,
    /// Its text, cut to the first 200 characters.
    pub text: String,
    /// The reason.
    pub reason: LineError,
}

/// The reason why a line is no indicator.
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
    /// A value with something behind or around it.
    #[error("expected one value and nothing else, got {found:?} in it")]
    Separator {
        /// The character that no value has.
        found: char,
    },
    /// No line of a hosts file.
    #[error("expected a line `0.0.0.0 NAME` of a hosts file, got no such address in front")]
    NoHostsLine,
    /// A column of a record holds something else than it should.
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
    /// A JSON value that is neither an object nor a string.
    #[error("expected a JSON object or string, got something else")]
    NoRecord,
}

impl LineError {
    /// A short name to count by.
    pub fn kind(&self) -> &'static str {
        match self {
            LineError::TooLong { .. } => "line too long",
            LineError::NotUtf8 { .. } => "not UTF-8",
            LineError::Column { .. } => "bad column",
            LineError::AfterRecord { .. } | LineError::OpenQuote { .. } | LineError::NoRecord => {
                "broken record"
            }
            LineError::Value(_) | LineError::Separator { .. } | LineError::NoHostsLine => "not a value",
        }
    }
}

/// The counts of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListReport {
    /// Lines read, or records of JSON.
    pub lines: u64,
    /// Indicators handed over.
    pub indicators: u64,
    /// Lines, or names of a line, that were rejected.
    pub rejected: u64,
    /// Records that are not meant as indicators, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Lines in the form of a hosts file.
    pub hosts_lines: u64,
    /// The list is CSV with a header.
    pub is_table: bool,
    /// A comment says that the list may be empty.
    pub may_be_empty: bool,
}

/// Reads a list to its end: each indicator is handed to `each`, with its value as it is listed (all of them, of a line that names several
/// hosts), and each line that is none to `rejected`. Nothing in a line is fatal.
///
/// Comments (`#`, `;` or `//`, at the start or after white space), blank lines and a byte order mark
/// are passed over, quotes around a value removed. `0.0.0.0 NAME...` and the like is a hosts file's
/// line and holds several values. When the first line is a CSV header, it has to name one column of
/// values (`value`, `url`, `ip` and others); columns such as `type`, `port`, `confidence` and `to_ids`
/// are read too.
///
/// # Errors
///
/// When the input fails, when a header names no column of values or several, and when a comment names
/// a kind of list that is no list of indicators.
pub fn read_list(
    mut input: impl BufRead,
    options: &ListOptions,
    each: &mut dyn FnMut(Indicator, &str),
    rejected: &mut dyn FnMut(RejectedLine),
) -> Result<ListReport, FeedError> {
    let mut sink = Sink { options, each, rejected, report: ListReport::default(), foreign: None };
    if let ListForm::Json(wanted) = &options.form {
        json::read(&mut input, wanted.as_deref(), &mut sink)?;
        return Ok(sink.report);
    }
    let may_have_header = matches!(options.form, ListForm::Auto | ListForm::Csv(_));
    let mut lines = Lines::new(&mut input, options.max_line_bytes);
    let mut is_first = true;
    while let Some(line) = lines.next()? {
        let (number, header) = (line.number, may_have_header.then(|| zeek_header(&line)).flatten());
        let text = match header {
            Some(names) if is_first => names,
            _ => match sink.text(&line) {
                Some(text) => text,
                None => match sink.foreign {
                    Some(kind) => return Err(FeedError::Foreign { got: kind }),
                    None => continue,
                },
            },
        };
        if std::mem::take(&mut is_first) && may_have_header {
            // A tab at the start is a first column without a name.
            let whole = header.or(line.text().ok()).unwrap_or(text);
            if let Some(table) = Table::from_header(whole, header.is_some(), &options.form)? {
                sink.report.is_table = true;
                sink.report.may_be_empty |= header.is_some();
                table.read(&mut lines, &mut sink)?;
                break;
            }
        }
        plain::read(text, number, &mut sink);
    }
    sink.report.lines = lines.number().into();
    Ok(sink.report)
}

/// The names of a header as Zeek's intelligence files have it.
fn zeek_header<'l>(line: &Line<'l>) -> Option<&'l str> {
    line.text().ok()?.strip_prefix("#fields\t")
}

/// Where indicators go, counted.
struct Sink<'a> {
    options: &'a ListOptions,
    each: &'a mut dyn FnMut(Indicator, &str),
    rejected: &'a mut dyn FnMut(RejectedLine),
    report: ListReport,
    /// What a comment says that this is, if that is no list of indicators.
    foreign: Option<&'static str>,
}

impl Sink<'_> {
    /// The text of a line that says something; a line that cannot be read is rejected here.
    fn text<'l>(&mut self, line: &Line<'l>) -> Option<&'l str> {
        match line.text() {
            Ok(text) => {
                let text = text.trim();
                if text.starts_with(['#', ';']) || text.starts_with("//") {
                    self.comment(text);
                    return None;
                }
                (!text.is_empty()).then_some(text)
            }
            Err(error) => {
                self.reject(line.number, &String::from_utf8_lossy(line.bytes), error);
                None
            }
        }
    }

    fn comment(&mut self, text: &str) {
        match Banner::of(text) {
            Some(Banner::MayBeEmpty) => self.report.may_be_empty = true,
            Some(Banner::Foreign(kind)) if self.report.indicators == 0 => self.foreign = Some(kind),
            _ => {}
        }
    }

    fn take(&mut self, indicator: Indicator, listed: &str) {
        self.report.indicators += 1;
        (self.each)(indicator, listed);
    }

    fn skip(&mut self, reason: &'static str) {
        *self.report.skipped.entry(reason).or_default() += 1;
    }

    fn reject(&mut self, line: u32, text: &str, reason: LineError) {
        self.report.rejected += 1;
        (self.rejected)(RejectedLine { line, text: cut(text), reason });
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
