//! Errors of the pattern parser.

use super::{MAX_DEPTH, MAX_NODES, MAX_PATTERN_BYTES};

/// The most characters of the pattern that an error repeats.
const GOT_CHARS: usize = 40;

/// The reason why a text is not a pattern. Offsets count bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The text is longer than [`MAX_PATTERN_BYTES`].
    #[error("pattern: expected at most {MAX_PATTERN_BYTES} bytes, got {bytes}")]
    TooLong {
        /// The length of the text.
        bytes: usize,
    },
    /// Parentheses are nested deeper than [`MAX_DEPTH`].
    #[error("pattern, byte {at}: expected at most {MAX_DEPTH} nested parentheses")]
    TooDeep {
        /// The position of the first parenthesis beyond the limit.
        at: usize,
    },
    /// There are more parts than [`MAX_NODES`].
    #[error(
        "pattern, byte {at}: expected at most {MAX_NODES} comparisons, path steps, literals and qualifiers"
    )]
    TooLarge {
        /// The position of the first part beyond the limit.
        at: usize,
    },
    /// The text violates the grammar.
    #[error("pattern, byte {at}: expected {expected}, got {got}")]
    Syntax {
        /// The start of the offending text.
        at: usize,
        /// The text that the grammar allows there.
        expected: &'static str,
        /// The text that is there.
        got: String,
    },
    /// The text follows the grammar but violates the words of the specification: qualifiers that
    /// mean nothing or occur twice, digests of a wrong form.
    #[error("pattern, byte {at}: expected {expected}, got {got}")]
    Meaning {
        /// The start of the offending part.
        at: usize,
        /// The text that would have a meaning there.
        expected: &'static str,
        /// The text that is there.
        got: String,
    },
}

impl PatternError {
    /// The position in the pattern, in bytes from 0. The length limit if the pattern is too long.
    pub fn at(&self) -> usize {
        match self {
            PatternError::TooLong { .. } => MAX_PATTERN_BYTES,
            PatternError::TooDeep { at }
            | PatternError::TooLarge { at }
            | PatternError::Syntax { at, .. }
            | PatternError::Meaning { at, .. } => *at,
        }
    }

    pub(crate) fn syntax(at: usize, expected: &'static str, got: &str) -> PatternError {
        PatternError::Syntax { at, expected, got: shown(got) }
    }

    pub(crate) fn meaning(at: usize, expected: &'static str, got: &str) -> PatternError {
        PatternError::Meaning { at, expected, got: shown(got) }
    }
}

fn shown(got: &str) -> String {
    if got.is_empty() {
        return "the end of the pattern".to_owned();
    }
    let cut: String = got.chars().take(GOT_CHARS).collect();
    format!("{cut:?}")
}
