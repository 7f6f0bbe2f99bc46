//! What is said on standard error.

use std::io::{self, Write};

use super::terminal::{Style, styled, wants_colour};
use crate::text::escape_controls;

/// Tells of something that went wrong: what, where, and the causes down to the first.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut text = String::new();
    let mut last = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // Some libraries repeat their source in their own words.
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
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(stderr.lock(), "{start} {}", escape_controls(&text));
}

/// Says something in a line of its own.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "threatsieve: {}", escape_controls(text));
}
