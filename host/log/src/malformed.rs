//! Reasons why a line does not have its format.

use crate::format::Format;

/// The longest line that is read, in bytes: 16 MiB. A CloudTrail file is one line of several MiB. A
/// longer "line" is not a log.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// The reason why a line does not have the format it is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedLine {
    /// The line is longer than [`MAX_LINE_BYTES`].
    #[error("line of {got} bytes, expected at most {MAX_LINE_BYTES}")]
    TooLong {
        /// The length of the line in bytes.
        got: usize,
    },
    /// The line ends before all fields of its format.
    #[error("{} line ends early: expected {expected} fields, got {got}", .format.name())]
    TooFewFields {
        /// The format it was read as.
        format: Format,
        /// The number of fields of the format.
        expected: usize,
        /// The number of fields found.
        got: usize,
    },
    /// A field does not have its form.
    #[error("{} line, field {position} ({field}): expected {expected}", .format.name())]
    Field {
        /// The format it was read as.
        format: Format,
        /// The position of the field in the line, counted from 1.
        position: usize,
        /// The field's name in the format's own documentation.
        field: &'static str,
        /// The expected form.
        expected: &'static str,
    },
    /// The line is not a JSON object or an array of them.
    #[error("ndjson line, byte {column}: expected {expected}")]
    Json {
        /// The byte at which reading stopped, counted from 1.
        column: usize,
        /// The expected text.
        expected: &'static str,
    },
    /// A line has more or fewer columns than its header.
    #[error("{} line: expected the {expected} columns of its header, got {got}", .format.name())]
    Columns {
        /// The format it was read as.
        format: Format,
        /// The number of columns in the header.
        expected: usize,
        /// The number of columns found.
        got: usize,
    },
    /// There is no header before the line.
    #[error("{} line: expected a line with the names of its fields before it", .format.name())]
    NoHeader {
        /// The format it was read as.
        format: Format,
    },
    /// The line does not fit the format string it is read with.
    #[error("custom line, byte {column}: expected the text after variable {variable}")]
    Template {
        /// The byte from which the text was searched, counted from 1.
        column: usize,
        /// The number of the variable in the format string, counted from 1.
        variable: usize,
    },
}
