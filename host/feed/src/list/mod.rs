//! Lists: one value per line, hosts files, CSV with a header, and JSON records.
//!
//! A reader for each form splits the input into records. [`columns`] assigns roles to their
//! columns, by their names or as a preset declares them. [`row`] turns a record into indicators,
//! and [`kind`] reads a value. Configurations of other programs have a [`grammar`] instead of
//! records. A [`Sink`] counts the results.

mod banner;
mod cell;
mod columns;
mod divider;
mod grammar;
mod json;
mod kind;
mod line;
mod plain;
mod record;
mod row;
mod table;
mod walk;

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

use threatsieve_blacklist::value::MAX_VALUE_BYTES;
use threatsieve_blacklist::{DomainMode, Indicator, IndicatorId, Malformed, Port, UrlMode, Value};

use crate::FeedError;
use crate::preset::{Confidence, Format, Preset, Scope};
use crate::text::cut;
pub(crate) use cell::column;
use grammar::Grammar;
pub(crate) use kind::TypeWord;
use line::{Line, Lines};
use plain::LineRules;
pub(crate) use row::check_value;
use table::Table;

/// The most exceptions of a list that are kept. More are only counted.
const MAX_EXCEPTIONS: usize = 1_000_000;

/// The form of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ListForm {
    /// Lines of either kind, or CSV if the first line is a header.
    #[default]
    Auto,
    /// One value per line.
    Lines,
    /// Lines `0.0.0.0 NAME...`.
    Hosts,
    /// CSV with a header. The name of the column of values, if it was given.
    Csv(Option<String>),
    /// JSON records, in an array or one after the other. The name of the property with the values,
    /// if it was given.
    Json(Option<String>),
    /// The form that a preset declares.
    Declared(Arc<Preset>),
}

/// Options for reading a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOptions {
    /// The list's form.
    pub form: ListForm,
    /// The paths that the list's URLs cover.
    pub url_mode: UrlMode,
    /// A value with a port matches only events with that port.
    pub match_port: bool,
    /// The longest line that is read, in bytes. Longer lines are rejected.
    pub max_line_bytes: usize,
    /// The most lines that a CSV record with quoted fields may span. If a record goes on longer,
    /// its first line is rejected and the others are read as records of their own. No line is read
    /// more often than this.
    pub max_record_lines: u32,
}

impl Default for ListOptions {
    /// The longest line has room for the longest value and as much again. Records span at most 100
    /// lines.
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

/// A line, or one name in a hosts line, that was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedLine {
    /// The number of the line or JSON record, counted from 1.
    pub line: u32,
    /// Its text, cut to the first 200 characters.
    pub text: String,
    /// The reason.
    pub reason: LineError,
}

/// Reasons for rejecting a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The line is longer than [`ListOptions::max_line_bytes`].
    #[error("expected a line of at most {limit} bytes, got a longer one")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The line is not UTF-8.
    #[error("expected UTF-8, got another byte at column {column}")]
    NotUtf8 {
        /// The column of the first invalid byte in the line, counted from 1.
        column: usize,
    },
    /// The text is not a value of any type.
    #[error(transparent)]
    Value(#[from] Malformed),
    /// There is a value with other text after or around it.
    #[error("expected one value and nothing else, got {found:?} as well")]
    Separator {
        /// The character that values do not contain.
        found: char,
    },
    /// The line is not a line of a hosts file.
    #[error("expected a line `0.0.0.0 NAME` of a hosts file, got no such address at its start")]
    NoHostsLine,
    /// A column of a record has an unexpected value.
    #[error("column {column:?}: expected {expected}, got {got:?}")]
    Column {
        /// The column, as this crate calls it.
        column: &'static str,
        /// The expected value.
        expected: &'static str,
        /// The value found, cut.
        got: String,
    },
    /// A CSV record that ends before its line does.
    #[error("expected the record to end with its line, got more from column {column}")]
    AfterRecord {
        /// The column at which the rest starts, in bytes from 1.
        column: usize,
    },
    /// A CSV field starts with a quote that is not closed, or that is not closed right before a
    /// delimiter or the end of a line.
    #[error(
        "expected a quote that ends the last field within {lines} lines and {bytes} bytes of text, got none; the lines after it are read as records of their own"
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
    /// A short name for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            LineError::TooLong { .. } => "line too long",
            LineError::NotUtf8 { .. } => "not UTF-8",
            LineError::Column { .. } => "bad column",
            LineError::AfterRecord { .. } | LineError::OpenQuote { .. } | LineError::NoRecord => {
                "broken record"
            }
            LineError::Value(_) | LineError::Separator { .. } | LineError::NoHostsLine => {
                "not a value"
            }
        }
    }
}

/// The counts of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListReport {
    /// The number of lines read, or of JSON records.
    pub lines: u64,
    /// The number of indicators passed on.
    pub indicators: u64,
    /// The number of rejected lines, and of rejected names in hosts lines.
    pub rejected: u64,
    /// The number of records that are not meant as indicators, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// The number of lines in the form of a hosts file.
    pub hosts_lines: u64,
    /// The list is CSV with a header.
    pub is_table: bool,
    /// A comment says that the list may be empty.
    pub may_be_empty: bool,
    /// Values that the list says are good, although a rule of it covers them. They are counted as
    /// skipped.
    pub exceptions: Vec<Value>,
}

/// Reads a list to its end. Each indicator goes to `each`, with its value as listed (for a hosts
/// line, all of them). Each line that is not an indicator goes to `rejected`. No line ends the
/// reading.
///
/// Comments (`#`, `;` or `//`, at the start or after white space), blank lines and a byte order
/// mark are skipped, and quotes around a value are removed. A line such as `0.0.0.0 NAME...` is a
/// line of a hosts file and has several values. If the first line is a CSV header, it must name one
/// column of values (`value`, `url`, `ip` and others). Columns such as `type`, `port`, `confidence`
/// and `to_ids` are read too.
///
/// # Errors
///
/// The input fails, or a header names no column of values or several.
pub fn read_list(
    mut input: impl BufRead,
    options: &ListOptions,
    each: &mut dyn FnMut(Indicator, &str),
    rejected: &mut dyn FnMut(RejectedLine),
) -> Result<ListReport, FeedError> {
    let mut sink = Sink::new(options, each, rejected);
    match &options.form {
        ListForm::Json(wanted) => json::read(&mut input, wanted.as_deref(), &mut sink)?,
        ListForm::Declared(preset) if preset.format.is_json() => {
            json::read_declared(&mut input, preset, &mut sink)?;
        }
        _ => {
            let mut lines = Lines::new(&mut input, options.max_line_bytes);
            match &options.form {
                ListForm::Declared(preset) => read_declared(&mut lines, preset, &mut sink)?,
                _ => read_lines(&mut lines, &mut sink)?,
            }
            sink.report.lines = lines.number().into();
        }
    }
    Ok(sink.report)
}

/// Reads lines, or CSV if the first line is a header.
fn read_lines(lines: &mut Lines<'_>, sink: &mut Sink<'_>) -> Result<(), FeedError> {
    let form = &sink.options.form;
    let may_have_header = matches!(form, ListForm::Auto | ListForm::Csv(_));
    let mut is_first = true;
    while let Some(line) = lines.next()? {
        let (number, header) = (line.number, may_have_header.then(|| zeek_header(&line)).flatten());
        let text = match header {
            Some(names) if is_first => names,
            _ => match sink.text(&line) {
                Some(text) => text,
                None => continue,
            },
        };
        if std::mem::take(&mut is_first) && may_have_header {
            // A tab at the start belongs to a first column without a name.
            let whole = header.or(line.text().ok()).unwrap_or(text);
            if let Some(mut table) = Table::from_header(whole, header.is_some(), form)? {
                sink.report.is_table = true;
                sink.report.may_be_empty |= header.is_some();
                return table.read(lines, sink);
            }
        }
        plain::read(text, number, sink);
    }
    Ok(())
}

/// Reads lines of the form that a preset declares.
fn read_declared(
    lines: &mut Lines<'_>,
    preset: &Arc<Preset>,
    sink: &mut Sink<'_>,
) -> Result<(), FeedError> {
    if preset.format == Format::Csv {
        return Table::declared(preset).read(lines, sink);
    }
    let mut grammar = Grammar::of(preset.format);
    while !sink.is_full()
        && let Some(line) = lines.next()?
    {
        let number = line.number;
        let Some(text) = sink.text(&line) else { continue };
        match &mut grammar {
            // White space at the start has a meaning in zones.
            Some(grammar) => grammar.read(line.text().unwrap_or(text), number, sink),
            None => match &preset.separator {
                Some(separator) => {
                    let parts = text.split(separator.as_str()).map(str::trim);
                    for part in parts.filter(|part| !part.is_empty()) {
                        plain::read(part, number, sink);
                    }
                }
                None => plain::read(text, number, sink),
            },
        }
    }
    Ok(())
}

/// Returns the names of a header as in Zeek's intelligence files.
fn zeek_header<'l>(line: &Line<'l>) -> Option<&'l str> {
    line.text().ok()?.strip_prefix("#fields\t")
}

/// Receives the indicators and rejected lines, and counts them.
struct Sink<'a> {
    options: &'a ListOptions,
    preset: Option<&'a Preset>,
    rules: LineRules,
    each: &'a mut dyn FnMut(Indicator, &str),
    rejected: &'a mut dyn FnMut(RejectedLine),
    report: ListReport,
}

impl<'a> Sink<'a> {
    fn new(
        options: &'a ListOptions,
        each: &'a mut dyn FnMut(Indicator, &str),
        rejected: &'a mut dyn FnMut(RejectedLine),
    ) -> Sink<'a> {
        let preset = match &options.form {
            ListForm::Declared(preset) => Some(&**preset),
            _ => None,
        };
        let report = ListReport {
            may_be_empty: preset.is_some_and(|preset| preset.may_be_empty),
            ..ListReport::default()
        };
        let rules = LineRules::of(&options.form);
        Sink { options, preset, rules, each, rejected, report }
    }
}

impl Sink<'_> {
    /// Returns the text of a line, unless it is blank or a comment. Rejects a line that cannot be
    /// read.
    fn text<'l>(&mut self, line: &Line<'l>) -> Option<&'l str> {
        match line.text() {
            Ok(text) => {
                let text = text.trim();
                if self.is_comment(text) {
                    self.report.may_be_empty |= banner::may_be_empty(text);
                    return None;
                }
                if text.is_empty() {
                    return None;
                }
                let only = self.preset.map(|preset| preset.only.as_slice()).unwrap_or_default();
                if !only.is_empty() && !only.iter().any(|start| text.starts_with(start)) {
                    self.skip("a line of another kind");
                    return None;
                }
                Some(text)
            }
            Err(error) => {
                self.reject(line.number, &String::from_utf8_lossy(line.bytes), error);
                None
            }
        }
    }

    fn is_comment(&self, text: &str) -> bool {
        match self.preset.and_then(|preset| preset.comment.as_ref()) {
            Some(starts) => starts.iter().any(|start| text.starts_with(start)),
            // A rule that hides elements of pages starts like a comment.
            None if self.preset.is_some_and(|preset| preset.format == Format::Adblock) => {
                text.starts_with('!') || text == "#" || text.starts_with("# ")
            }
            None => text.starts_with(['#', ';']) || text.starts_with("//"),
        }
    }

    /// Returns whether as many indicators were taken as the preset says.
    fn is_full(&self) -> bool {
        let limit = self.preset.and_then(|preset| preset.limit);
        limit.is_some_and(|limit| self.report.indicators >= limit)
    }

    fn take(&mut self, mut indicator: Indicator, listed: &str) {
        if let Some(preset) = self.preset {
            if preset.skip.iter().any(|skipped| skipped == listed) {
                return self.skip("a test entry");
            }
            if let Some(Confidence::Whole(whole)) = preset.confidence {
                indicator.confidence = Some(whole);
            }
            if let Some(scope) = preset.scope {
                indicator.values.iter_mut().for_each(|value| limit_to(value, scope));
            }
        }
        self.report.indicators += 1;
        (self.each)(indicator, listed);
    }

    /// Notes a value that the list says is good.
    fn except(&mut self, value: Value) {
        self.skip("an exception of the list");
        if self.report.exceptions.len() < MAX_EXCEPTIONS {
            self.report.exceptions.push(value);
        }
    }

    fn skip(&mut self, reason: &'static str) {
        *self.report.skipped.entry(reason).or_default() += 1;
    }

    fn reject(&mut self, line: u32, text: &str, reason: LineError) {
        self.report.rejected += 1;
        (self.rejected)(RejectedLine { line, text: cut(text), reason });
    }
}

/// Gives a domain the scope that a preset declares, unless the list itself says it.
fn limit_to(value: &mut Value, scope: Scope) {
    if let Value::Domain(_, mode @ DomainMode::AtAndBelow) = value {
        *mode = match scope {
            Scope::Exact => DomainMode::Exact,
            Scope::Subtree => DomainMode::Tree,
        };
    }
}

/// An indicator with only its values.
fn bare(line: u32, values: Vec<Value>) -> Indicator {
    Indicator::new(IndicatorId::Line(line), values)
}

/// Removes the quotes around a value.
fn unquote(text: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .map_or(text, str::trim)
}

#[cfg(test)]
mod tests;
