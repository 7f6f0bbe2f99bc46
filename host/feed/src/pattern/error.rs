//! Why a pattern is refused.

use super::{MAX_DEPTH, MAX_NODES, MAX_PATTERN_BYTES};

/// Most characters of the text that an error repeats.
const GOT_CHARS: usize = 40;

/// Why a text is no pattern. Offsets count bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Longer than [`MAX_PATTERN_BYTES`].
    #[error("pattern: expected at most {MAX_PATTERN_BYTES} bytes, got {bytes}")]
    TooLong {
        /// The text's length.
        bytes: usize,
    },
    /// Parentheses nested deeper than [`MAX_DEPTH`].
    #[error("pattern, byte {at}: expected at most {MAX_DEPTH} nested parentheses")]
    TooDeep {
        /// Where the first parenthesis too many stands.
        at: usize,
    },
    /// More parts than [`MAX_NODES`].
    #[error(
        "pattern, byte {at}: expected at most {MAX_NODES} comparisons, path steps, literals and qualifiers"
    )]
    TooLarge {
        /// Where the first part too many stands.
        at: usize,
    },
    /// Against the grammar.
    #[error("pattern, byte {at}: expected {expected}, got {got}")]
    Syntax {
        /// Where the offending text starts.
        at: usize,
        /// What the grammar allows there.
        expected: &'static str,
        /// What is there.
        got: String,
    },
    /// Within the grammar, but against the words of the specification: qualifiers that say nothing or twice, digests of a wrong form.
    #[error("pattern, byte {at}: expected {expected}, got {got}")]
    Meaning {
        /// Where the offending part starts.
        at: usize,
        /// What would have been meaningful there.
        expected: &'static str,
        /// What is there.
        got: String,
    },
}

impl PatternError {
    /// Where in the pattern, in bytes from 0; the length limit for a pattern that is too long.
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
