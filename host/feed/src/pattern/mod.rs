//! STIX patterns: text in, syntax tree out (STIX 2.0 part 5; STIX 2.1 section 9).
//!
//! [`Pattern::parse`] follows both versions of the ANTLR grammar of OASIS (`STIXPattern.g4`), with
//! a handwritten lexer and recursive descent. The specification's text forbids some patterns that
//! the grammar allows. They are rejected with [`PatternError::Meaning`]: `WITHIN 0 SECONDS`,
//! `REPEATS 0 TIMES`, a `STOP` that is not later than its `START`, times in either that no calendar
//! has, and in 2.1 two qualifiers of one kind. [`Pattern::check`] also looks for digests of a wrong
//! form. It is a separate call because one bad digest does not spoil the other branches of an `OR`.
//!
//! ```
//! use threatsieve_feed::pattern::{Grammar, Pattern};
//!
//! let text = "[domain-name:value = 'evil.example'] WITHIN 5 SECONDS";
//! let pattern = Pattern::parse(text, Grammar::V21)?;
//! let error = Pattern::parse("[domain-name:value = evil]", Grammar::V21).unwrap_err();
//! assert_eq!(error.at(), 21);
//! # Ok::<(), threatsieve_feed::pattern::PatternError>(())
//! ```
//!
//! Limits: [`MAX_PATTERN_BYTES`], [`MAX_DEPTH`], [`MAX_NODES`]. Time and memory are linear in the
//! length of the text.

mod comparison;
mod cursor;
mod digest;
mod error;
mod literal;
mod observation;
mod token;
mod tree;

pub use digest::HashKind;
pub use error::PatternError;
pub use tree::{
    Comparison, ComparisonKind, Literal, Observation, ObservationKind, Path, Predicate, Qualifier,
    Span, Step, Test,
};

use cursor::Cursor;
use token::Kind;

/// The longest pattern in bytes: 1 MiB. Publishers put a whole list into one pattern; 2,500 domains
/// take about 80 KB.
pub const MAX_PATTERN_BYTES: usize = 1024 * 1024;
/// The deepest nesting of parentheses, counting those of observations and of comparisons together.
pub const MAX_DEPTH: usize = 64;
/// The most comparisons, path steps, literals of sets and qualifiers together.
pub const MAX_NODES: usize = MAX_PATTERN_BYTES / 4;

/// The versions of the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grammar {
    /// STIX 2.0: without `EXISTS`; `START` and `STOP` also accept plain texts.
    V20,
    /// STIX 2.1.
    V21,
}

/// A pattern with its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    text: Box<str>,
    observation: Observation,
}

impl Pattern {
    /// Parses a pattern.
    pub fn parse(text: &str, grammar: Grammar) -> Result<Pattern, PatternError> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong { bytes: text.len() });
        }
        let mut cursor = Cursor::new(text, grammar)?;
        let observation = observation::expression(&mut cursor)?;
        if cursor.kind() != Kind::End {
            let expected = "`AND`, `OR`, `FOLLOWEDBY`, a qualifier or the end of the pattern";
            return Err(cursor.unexpected(expected));
        }
        Ok(Pattern { text: text.into(), observation })
    }

    /// Checks that every digest in the pattern has the form of its algorithm.
    pub fn check(&self) -> Result<(), PatternError> {
        digest::check(&self.observation)
    }

    /// The pattern as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a part of this pattern's tree.
    pub fn text_of(&self, span: &Span) -> &str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// The syntax tree.
    pub fn observation(&self) -> &Observation {
        &self.observation
    }
}
