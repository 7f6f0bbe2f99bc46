//! Messages on standard error.

use std::io::{self, Write};

use super::terminal::{Style, styled, wants_colour};
use crate::text::escape_controls;

/// Prints an error with all its causes.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut text = String::new();
    let mut last = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // Some libraries include the text of the source in their own.
        if last.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
        last = cause;
    }
    let stderr = io::stderr();
    let start = styled("threatsieve:", Style::Alarm, wants_colour(&stderr));
    // If standard error is closed, nobody reads the message.
    let _ = writeln!(stderr.lock(), "{start} {}", escape_controls(&text));
}

/// Prints a message on a line of its own.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "threatsieve: {}", escape_controls(text));
}
