//! A log line that matched.

use threatsieve_blacklist::Timestamp;
use threatsieve_flag::Found;
use threatsieve_log::Parser;

/// A line with at least one match.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    /// The log it is from.
    pub(crate) file: &'a str,
    /// Counted from 1.
    pub(crate) number: u64,
    /// Of the line's first byte in the unpacked log.
    pub(crate) offset: u64,
    /// Without its line end.
    pub(crate) line: &'a [u8],
    pub(crate) parser: &'a Parser,
    pub(crate) found: Vec<Found>,
    /// Further matches, of a line with too many to tell.
    pub(crate) omitted: u64,
}

impl Event<'_> {
    /// The event's own time.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.parser.time(self.line)
    }
}
