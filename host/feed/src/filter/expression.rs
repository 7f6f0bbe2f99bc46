//! Expressions about the properties of an object, in the form of a STIX pattern with one pair of
//! brackets.

use std::cmp::Ordering;
use std::fmt;

use regex::{Regex, RegexBuilder};
use serde_json::Value as Json;

use crate::pattern::{
    Comparison, ComparisonKind, Grammar, Literal, ObservationKind, Pattern, PatternError,
    Predicate, Step, Test,
};
use crate::text::cut;
use crate::time::rfc3339;

/// The longest expression, in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 16 * 1024;
/// The largest regular expression when compiled, in bytes.
const MAX_REGEX_BYTES: usize = 256 * 1024;

/// The objects that an expression is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Indicators. Paths start with `indicator:`.
    Indicator,
    /// Packages of STIX 1.x. Paths start with `package:`.
    Package,
}

impl Subject {
    /// Returns the type with which paths start.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Indicator => "indicator",
            Subject::Package => "package",
        }
    }
}

/// The reason why a text is not an expression.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// It is not written like a STIX pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// It is longer than [`MAX_EXPRESSION_BYTES`].
    #[error("expected at most {MAX_EXPRESSION_BYTES} bytes, got more")]
    TooLong,
    /// It has several pairs of brackets, or a qualifier.
    #[error("expected one pair of brackets without a qualifier, got more")]
    Observations,
    /// A path leads into another type of object.
    #[error("expected paths that start with `{expected}:`, got `{got}:`")]
    Object {
        /// The type that paths must start with.
        expected: &'static str,
        /// The type that one starts with.
        got: String,
    },
    /// An operator or a literal has no meaning for properties.
    #[error("expected a comparison of texts, numbers, booleans or times, got {0}")]
    Comparison(&'static str),
    /// A regular expression has a fault, or is too large.
    #[error("MATCHES: expected a regular expression that can be used, got one with a fault: {0}")]
    Regex(String),
}

/// An expression about the properties of an object.
///
/// A comparison holds if any value at its path satisfies it. Without a value, it does not hold,
/// even if it is negated.
#[derive(Clone)]
pub struct Expression {
    text: Box<str>,
    node: Node,
}

#[derive(Clone)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Test { steps: Vec<Step>, negated: bool, check: Check },
}

#[derive(Clone)]
enum Check {
    Exists,
    /// The value compares in one of these ways.
    Compares(Literal, &'static [Ordering]),
    /// The value equals none of the other ways.
    Differs(Literal),
    In(Vec<Literal>),
    Text(Regex),
}

impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl Expression {
    /// Reads an expression about indicators.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a STIX pattern, or says something that properties do not have.
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        Expression::about(Subject::Indicator, text)
    }

    /// Reads an expression about this kind of objects.
    ///
    /// # Errors
    ///
    /// Fails as [`Expression::parse`] does.
    pub fn about(subject: Subject, text: &str) -> Result<Expression, ExpressionError> {
        if text.len() > MAX_EXPRESSION_BYTES {
            return Err(ExpressionError::TooLong);
        }
        let pattern = Pattern::parse(text, Grammar::V21)?;
        let ObservationKind::One(comparison) = &pattern.observation().kind else {
            return Err(ExpressionError::Observations);
        };
        Ok(Expression { text: text.into(), node: node(subject, comparison)? })
    }

    /// Returns whether it holds for an object.
    pub fn holds(&self, object: &Json) -> bool {
        self.node.holds(object)
    }
}

impl Node {
    fn holds(&self, object: &Json) -> bool {
        match self {
            Node::All(nodes) => nodes.iter().all(|node| node.holds(object)),
            Node::Any(nodes) => nodes.iter().any(|node| node.holds(object)),
            Node::Test { steps, negated, check: Check::Exists } => {
                any(object, steps, &|_| true) != *negated
            }
            Node::Test { steps, negated, check } => {
                any(object, steps, &|value| check.satisfies(value).is_some_and(|is| is != *negated))
            }
        }
    }
}

/// Returns whether any value at a path passes a test.
fn any(value: &Json, steps: &[Step], test: &dyn Fn(&Json) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else { return !value.is_null() && test(value) };
    match step {
        Step::Key(key) => value.get(key).is_some_and(|value| any(value, rest, test)),
        Step::Index(index) => usize::try_from(*index)
            .ok()
            .and_then(|index| value.get(index))
            .is_some_and(|value| any(value, rest, test)),
        Step::Any => {
            value.as_array().is_some_and(|list| list.iter().any(|value| any(value, rest, test)))
        }
    }
}

impl Check {
    /// Returns whether a value satisfies the comparison; `None` if they cannot be compared.
    fn satisfies(&self, value: &Json) -> Option<bool> {
        match self {
            Check::Exists => Some(true),
            Check::Compares(literal, ways) => Some(ways.contains(&compare(value, literal)?)),
            Check::Differs(literal) => Some(compare(value, literal)? != Ordering::Equal),
            Check::In(literals) => {
                let mut compared = literals.iter().filter_map(|literal| compare(value, literal));
                Some(compared.any(|way| way == Ordering::Equal))
            }
            Check::Text(regex) => Some(regex.is_match(value.as_str()?)),
        }
    }
}

fn compare(value: &Json, literal: &Literal) -> Option<Ordering> {
    match literal {
        Literal::Text(text) => Some(value.as_str()?.cmp(text)),
        Literal::Integer(number) => match value.as_i64() {
            Some(value) => Some(value.cmp(number)),
            None => value.as_f64()?.partial_cmp(&(*number as f64)),
        },
        Literal::Float(number) => value.as_f64()?.partial_cmp(number),
        Literal::Bool(is) => Some(value.as_bool()?.cmp(is)),
        Literal::Time(time) => Some(rfc3339(value.as_str()?)?.cmp(&rfc3339(time)?)),
        Literal::Bytes(_) => None,
    }
}

fn node(subject: Subject, comparison: &Comparison) -> Result<Node, ExpressionError> {
    let all = |parts: &[Comparison]| {
        parts.iter().map(|part| node(subject, part)).collect::<Result<Vec<_>, _>>()
    };
    match &comparison.kind {
        ComparisonKind::And(parts) => Ok(Node::All(all(parts)?)),
        ComparisonKind::Or(parts) => Ok(Node::Any(all(parts)?)),
        ComparisonKind::Test(test) => {
            if test.path.object != subject.name() {
                let got = cut(&test.path.object);
                return Err(ExpressionError::Object { expected: subject.name(), got });
            }
            let steps = test.path.steps.clone();
            Ok(Node::Test { steps, negated: test.negated, check: check(test)? })
        }
    }
}

fn check(test: &Test) -> Result<Check, ExpressionError> {
    match &test.predicate {
        Predicate::Exists => Ok(Check::Exists),
        Predicate::Equal(literal) => compares(literal, &[Ordering::Equal]),
        Predicate::NotEqual(literal) => Ok(Check::Differs(comparable(literal)?)),
        Predicate::Less(literal) => compares(literal, &[Ordering::Less]),
        Predicate::LessOrEqual(literal) => compares(literal, &[Ordering::Less, Ordering::Equal]),
        Predicate::Greater(literal) => compares(literal, &[Ordering::Greater]),
        Predicate::GreaterOrEqual(literal) => {
            compares(literal, &[Ordering::Greater, Ordering::Equal])
        }
        Predicate::In(literals) => {
            Ok(Check::In(literals.iter().map(comparable).collect::<Result<_, _>>()?))
        }
        Predicate::Like(text) => like(text).map(Check::Text),
        Predicate::Matches(text) => regex(text).map(Check::Text),
        Predicate::IsSubset(_) => Err(ExpressionError::Comparison("ISSUBSET")),
        Predicate::IsSuperset(_) => Err(ExpressionError::Comparison("ISSUPERSET")),
    }
}

fn compares(literal: &Literal, ways: &'static [Ordering]) -> Result<Check, ExpressionError> {
    Ok(Check::Compares(comparable(literal)?, ways))
}

fn comparable(literal: &Literal) -> Result<Literal, ExpressionError> {
    match literal {
        Literal::Bytes(_) => Err(ExpressionError::Comparison("bytes")),
        Literal::Time(time) if rfc3339(time).is_none() => {
            Err(ExpressionError::Comparison("a time that no calendar has"))
        }
        literal => Ok(literal.clone()),
    }
}

/// `%` is any text, and `_` any character.
fn like(text: &str) -> Result<Regex, ExpressionError> {
    let mut pattern = String::from("(?s)^");
    for character in text.chars() {
        match character {
            '%' => pattern.push_str(".*"),
            '_' => pattern.push('.'),
            other => pattern.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    pattern.push('$');
    regex(&pattern)
}

fn regex(pattern: &str) -> Result<Regex, ExpressionError> {
    RegexBuilder::new(pattern).size_limit(MAX_REGEX_BYTES).build().map_err(|error| {
        let text = error.to_string();
        ExpressionError::Regex(cut(text.lines().last().unwrap_or_default().trim()))
    })
}
