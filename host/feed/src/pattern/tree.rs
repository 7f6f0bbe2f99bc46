//! The syntax tree. Equal operators in a row are one node with many children, and qualifiers are a
//! list next to the qualified node. So only parentheses make the tree deeper.

use std::fmt;
use std::ops::Range;

use threatsieve_blacklist::Timestamp;

/// A range of bytes in the pattern's text, counted from 0.
pub type Span = Range<usize>;

/// A condition on one or several observations (STIX 2.1, section 9.4).
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Its text, with the parentheses around it.
    pub span: Span,
    /// The condition.
    pub kind: ObservationKind,
}

/// The kinds of observation expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ObservationKind {
    /// `[...]`: one observation.
    One(Comparison),
    /// Qualifiers, in the order in which they are written.
    Qualified(Box<Observation>, Vec<Qualifier>),
    /// `AND`: at least two different observations.
    And(Vec<Observation>),
    /// `OR`.
    Or(Vec<Observation>),
    /// `FOLLOWEDBY`: no observation is earlier than the one to its left.
    FollowedBy(Vec<Observation>),
}

/// A restriction of an observation expression (STIX 2.1, section 9.5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Qualifier {
    /// `WITHIN n SECONDS`: all observations in a window of this many seconds.
    Within(f64),
    /// `REPEATS n TIMES`: matched this often, by different observations.
    Repeats(u64),
    /// `START t'..' STOP t'..'`: observed at or after the first time and before the second.
    StartStop(Timestamp, Timestamp),
}

/// A condition on one observation (STIX 2.1, section 9.6).
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Its text, with the parentheses around it.
    pub span: Span,
    /// The condition.
    pub kind: ComparisonKind,
}

/// The kinds of comparison expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ComparisonKind {
    /// One comparison.
    Test(Test),
    /// `AND`: at least two.
    And(Vec<Comparison>),
    /// `OR`: at least two.
    Or(Vec<Comparison>),
}

/// One comparison: a path, an operator and its operand.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// The path to the compared value.
    pub path: Path,
    /// True if `NOT` is written before the operator.
    pub negated: bool,
    /// The operator with its operand.
    pub predicate: Predicate,
}

/// A comparison operator with its operand (STIX 2.1, section 9.6.1).
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// `=` or `==`.
    Equal(Literal),
    /// `!=` or `<>`.
    NotEqual(Literal),
    /// `<`.
    Less(Literal),
    /// `<=`.
    LessOrEqual(Literal),
    /// `>`.
    Greater(Literal),
    /// `>=`.
    GreaterOrEqual(Literal),
    /// `IN (...)`; the set may be empty.
    In(Vec<Literal>),
    /// `LIKE`: `%` is any text, `_` any character.
    Like(String),
    /// `MATCHES`: a regular expression.
    Matches(String),
    /// `ISSUBSET`: inside a network.
    IsSubset(String),
    /// `ISSUPERSET`: around a network.
    IsSuperset(String),
    /// `EXISTS` (STIX 2.1).
    Exists,
}

/// The operand of a comparison (STIX 2.1, section 9.3).
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `'...'`, unescaped.
    Text(String),
    /// A 64-bit integer.
    Integer(i64),
    /// A 64-bit float.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// `h'..'` in hexadecimal digits, or `b'..'` in Base64; decoded.
    Bytes(Vec<u8>),
    /// `t'..'` as written. The grammar accepts days that no calendar has.
    Time(String),
}

/// An object path (STIX 2.1, section 9.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    /// The type before the colon.
    pub object: String,
    /// The steps after it, at least one, the first of them a key.
    pub steps: Vec<Step>,
}

/// A step of an object path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// A property, or a key of a dictionary.
    Key(String),
    /// `[n]`: an element of a list.
    Index(i64),
    /// `[*]`: any element of a list.
    Any,
}

/// Writes the path as in a pattern, without white space and comments.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.object)?;
        for (number, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    f.write_str(if number == 0 { "" } else { "." })?;
                    write_key(f, key)?;
                }
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Any => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if plain { f.write_str(key) } else { write_quoted(f, key) }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Writes the literal as in a pattern; bytes as hexadecimal digits.
impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Text(text) => write_quoted(f, text),
            Literal::Integer(number) => number.fmt(f),
            Literal::Float(number) => write!(f, "{number:?}"),
            Literal::Bool(value) => value.fmt(f),
            Literal::Bytes(bytes) => {
                f.write_str("h'")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("'")
            }
            Literal::Time(text) => write!(f, "t'{text}'"),
        }
    }
}
