//! CSV records (RFC 4180), which may span several lines.

use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};
use memchr::memchr;

use super::line::Lines;
use super::row::Fields;
use super::{LineError, ListOptions, unquote};
use crate::FeedError;

/// The way in which a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The record ends with the line.
    Whole,
    /// The line ends inside a quoted field that goes on in the next line.
    OpenQuote,
}

/// The fields of one record.
pub(super) struct Record {
    delimiter: u8,
    parser: csv_core::Reader,
    text: Vec<u8>,
    text_bytes: usize,
    ends: Vec<usize>,
    fields: usize,
}

impl Record {
    pub(super) fn new(delimiter: u8) -> Record {
        Record::with_quote(delimiter, Some(b'"'))
    }

    pub(super) fn with_quote(delimiter: u8, quote: Option<u8>) -> Record {
        // By default the parser also ends a record at a carriage return, and the rest of the line
        // would be lost.
        let parser = ReaderBuilder::new()
            .delimiter(delimiter)
            .quote(quote.unwrap_or(b'"'))
            .quoting(quote.is_some())
            .terminator(Terminator::Any(b'\n'))
            .build();
        Record { delimiter, parser, text: Vec::new(), text_bytes: 0, ends: Vec::new(), fields: 0 }
    }

    /// Starts a record with a line.
    pub(super) fn start(&mut self, line: &str) -> Result<End, LineError> {
        self.parser.reset();
        (self.text_bytes, self.fields) = (0, 0);
        self.line(line)
    }

    /// Reads the following lines of a quoted field, and appends them to `text`. Returns false if
    /// the field does not end, for example after a stray quote; the lines are then read again.
    pub(super) fn continue_record(
        &mut self,
        text: &mut String,
        lines: &mut Lines<'_>,
        options: &ListOptions,
    ) -> Result<bool, FeedError> {
        let mut held = Vec::new();
        for _ in 1..options.max_record_lines {
            let Some(line) = lines.next()? else { break };
            held.push(line.hold());
            let Ok(more) = line.text() else { break };
            if text.len() + more.len() >= options.max_line_bytes || self.has_odd_end(more) {
                break;
            }
            text.push('\n');
            text.push_str(more);
            match self.line(more) {
                Ok(End::Whole) => return Ok(true),
                Ok(End::OpenQuote) => {}
                Err(_) => break,
            }
        }
        lines.again(held);
        Ok(false)
    }

    /// Returns whether the field that spans this line ends in it without a delimiter or line end
    /// after its quote. Such a quote more likely opens another field: inside a field quotes are
    /// doubled (RFC 4180, section 2.7).
    fn has_odd_end(&self, line: &str) -> bool {
        let mut rest = line.as_bytes();
        while let Some(quote) = memchr(b'"', rest) {
            rest = &rest[quote + 1..];
            match rest.strip_prefix(b"\"") {
                Some(after) => rest = after,
                None => {
                    let after = rest.trim_ascii_start().first();
                    return rest.first() != Some(&self.delimiter)
                        && after.is_some_and(|b| *b != self.delimiter);
                }
            }
        }
        false
    }

    /// Adds a line and its line ending. Only the parser knows whether a quote opens a field or is a
    /// character in it.
    fn line(&mut self, line: &str) -> Result<End, LineError> {
        let (result, used) = self.feed(line.as_bytes());
        if used < line.len() || !matches!(result, ReadRecordResult::InputEmpty) {
            return Err(LineError::AfterRecord { column: used + 1 });
        }
        match self.feed(b"\n").0 {
            ReadRecordResult::Record => Ok(End::Whole),
            _ => Ok(End::OpenQuote),
        }
    }

    /// Passes bytes to the parser, and returns how many it consumed.
    fn feed(&mut self, bytes: &[u8]) -> (ReadRecordResult, usize) {
        // An empty input would mean the end of the data to the parser.
        if bytes.is_empty() {
            return (ReadRecordResult::InputEmpty, 0);
        }
        // Each byte gives at most one byte of text and one field. There must always be room for one
        // more.
        self.text.resize(self.text_bytes + bytes.len() + 1, 0);
        self.ends.resize(self.fields + bytes.len() + 1, 0);
        let (result, used, wrote, ended) = self.parser.read_record(
            bytes,
            &mut self.text[self.text_bytes..],
            &mut self.ends[self.fields..],
        );
        self.text_bytes += wrote;
        self.fields += ended;
        (result, used)
    }

    pub(super) fn len(&self) -> usize {
        self.fields
    }
}

impl Fields for Record {
    /// Returns a field without the white space and quotes around it; empty if the record is too
    /// short.
    fn field(&self, place: usize) -> &str {
        let ends = &self.ends[..self.fields];
        let start = place.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied());
        let bytes = start.zip(ends.get(place)).and_then(|(start, &end)| self.text.get(start..end));
        unquote(std::str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default().trim())
    }
}
