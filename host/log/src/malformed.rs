//! Why a line is not of its format.

use crate::format::Format;

/// Bytes of the longest line that is read: 16 MiB. One CloudTrail file is one line of several MiB; a longer "line" is no log.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// Why a line is not of the format it is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedLine {
    /// Longer than [`MAX_LINE_BYTES`].
    #[error("line of {got} bytes, at most {MAX_LINE_BYTES} are read")]
    TooLong {
        /// Bytes of the line.
        got: usize,
    },
    /// The line ends before all fields of its format were there.
    #[error("{} line ends early: expected {expected} fields, got {got}", .format.name())]
    TooFewFields {
        /// The format it was read as.
        format: Format,
        /// Fields the format has.
        expected: usize,
        /// Fields found.
        got: usize,
    },
    /// A field does not have its form.
    #[error("{} line, field {position} ({field}): expected {expected}", .format.name())]
    Field {
        /// The format it was read as.
        format: Format,
        /// The field's place in the line, counted from 1.
        position: usize,
        /// The field's name in the format's own documentation.
        field: &'static str,
        /// What should have stood there.
        expected: &'static str,
    },
    /// Not a JSON object, or an array of them.
    #[error("ndjson line, byte {column}: expected {expected}")]
    Json {
        /// Where reading stopped, counted from 1.
        column: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// A Zeek line with more or fewer columns than its header says.
    #[error("zeek line: expected the {expected} columns of its #fields line, got {got}")]
    Columns {
        /// Columns of the header.
        expected: usize,
        /// Columns found.
        got: usize,
    },
    /// A Zeek line before any header.
    #[error("zeek line: expected a #fields line before it")]
    NoHeader,
}
