//! A log line with matches.

use threatsieve_blacklist::Timestamp;
use threatsieve_flag::Found;
use threatsieve_log::Parser;

/// A line with at least one match.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    /// The name of the log.
    pub(crate) file: &'a str,
    /// The line's number, from 1.
    pub(crate) number: u64,
    /// Offset of the line's first byte in the unpacked log.
    pub(crate) offset: u64,
    /// The line, without its line end.
    pub(crate) line: &'a [u8],
    pub(crate) parser: &'a Parser,
    pub(crate) found: Vec<Found>,
    /// Number of matches beyond the limit for one event.
    pub(crate) omitted: u64,
}

impl Event<'_> {
    /// The event's own time.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.parser.time(self.line)
    }
}
