//! Reasons why a part of a pattern gives no values.

use std::fmt;

use threatsieve_blacklist::Malformed;

/// The reason why a part of a pattern gives no values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Several comparisons must hold together.
    Conjunction,
    /// `!=` or `NOT`: excluding a value does not give a value.
    Negation,
    /// `EXISTS`.
    Existence,
    /// `<`, `<=`, `>` or `>=`.
    Ordering,
    /// `ISSUPERSET`: the networks around another one.
    Superset,
    /// `LIKE` in a form other than `'%.domain'`.
    Wildcard,
    /// `MATCHES`.
    Expression,
    /// STIX 1.x: a condition other than `Equals` that names no value, such as `Contains`.
    Condition(String),
    /// `AND` between observations: several events.
    SeveralObservations,
    /// `FOLLOWEDBY`: several events, in order.
    Sequence,
    /// `REPEATS` more than once.
    Repetition,
    /// The path names something that is not an observable of logs: a file name, a registry key, a
    /// port.
    NoObservable,
    /// The path names a value by its relation to something else, which a value in a log does not
    /// show.
    Relation,
    /// The operand is not a value of the path's type.
    Unfit(Malformed),
    /// The condition can never hold.
    Contradiction,
    /// Expanding `AND` over `OR` would give more than [`super::MAX_EXPANSION`] comparisons.
    TooComplex,
}

impl Reason {
    /// A short name for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Reason::Conjunction => "conjunction",
            Reason::Negation => "negation",
            Reason::Existence => "existence",
            Reason::Ordering => "ordering",
            Reason::Superset => "superset",
            Reason::Wildcard => "wildcard",
            Reason::Expression => "expression",
            Reason::Condition(_) => "condition",
            Reason::SeveralObservations => "several_observations",
            Reason::Sequence => "sequence",
            Reason::Repetition => "repetition",
            Reason::NoObservable => "no_observable",
            Reason::Relation => "relation",
            Reason::Unfit(_) => "unfit",
            Reason::Contradiction => "contradiction",
            Reason::TooComplex => "too_complex",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Conjunction => "several comparisons that have to hold together",
            Reason::Negation => "a negation",
            Reason::Existence => "EXISTS names no value",
            Reason::Ordering => "an ordering names no value",
            Reason::Superset => "ISSUPERSET names no value",
            Reason::Wildcard => "LIKE in a form other than '%.domain'",
            Reason::Expression => "a regular expression",
            Reason::Condition(name) => return write!(f, "the condition {name} names no value"),
            Reason::SeveralObservations => "AND between observations needs several events",
            Reason::Sequence => "FOLLOWEDBY needs several events",
            Reason::Repetition => "REPEATS needs several events",
            Reason::NoObservable => "no observable of this kind",
            Reason::Relation => "a relation that a value alone does not show",
            Reason::Unfit(malformed) => return malformed.fmt(f),
            Reason::Contradiction => "a contradiction that can never hold",
            Reason::TooComplex => "too many combinations of AND and OR",
        })
    }
}

/// Lets callers pass the reason on as an error.
impl std::error::Error for Reason {}
