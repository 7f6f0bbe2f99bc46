//! Reduces patterns to values, soundly. An event with an emitted value satisfies the pattern. If
//! the reduction is complete, no other event does.
//!
//! # Paths that give values
//! An event is a set of observables of five kinds. It tells what was seen, not in which role. So a
//! path is read as far as a log can show it. A direction (`src_ref`, `dst_ref`) or a role in a
//! message (`from_ref`, `to_refs[*]`) is dropped, but a relation to something else is not.
//!
//! - `domain-name:value`, `hostname:value`, and OpenCTI's own `x-opencti-hostname:value`: a domain.
//!   The host of the event is this object.
//! - `ipv4-addr:value`, `ipv6-addr:value`: an address or a network (`'a/b'`, `ISSUBSET`) of that
//!   family. The address of the event is this object.
//! - `network-traffic:src_ref.value`, `dst_ref.value`: an address, network or domain, by its form.
//!   It is an end of the connection; the direction is dropped.
//! - `url:value`: a URL, exactly this path. The URL of the event is this object.
//! - `hashes` of `file`, `artifact`, `x509-certificate` and `file:content_ref`, with MD5, SHA-1 or
//!   SHA-256 in any spelling: a digest. It identifies the object whatever its type, and the content
//!   of a file is the file.
//! - `email-addr:value`: an email address. The address of the event is this object.
//! - `email-message:from_ref.value`, `sender_ref.value`, `to_refs[*].value`, `cc_refs[*]`,
//!   `bcc_refs[*]`: an email address. It is a party to the message; the role is dropped.
//! - `domain-name:resolves_to_refs[*].value`: nothing, [`Reason::Relation`]. An event with only the
//!   address does not show a name that resolves to it.
//! - Other references to values and digests, such as `to_refs[0]`, `contains_refs[*]`,
//!   `image_ref.hashes`, `body_raw_ref.hashes`: nothing, [`Reason::Relation`]. The value does not
//!   show position, container or execution.
//! - `file:name`: nothing alone. Together with values, it is a part of a conjunction.
//! - All others, such as `windows-registry-key:key`, `network-traffic:dst_port`, other
//!   digests and custom objects: nothing, [`Reason::NoObservable`].
//!
//! A domain is emitted as
//! [`DomainMode::AtAndBelow`](threatsieve_blacklist::DomainMode::AtAndBelow), which is how the
//! product reads a listed domain. STIX itself means the exact name. If a pattern also excludes
//! names below it, the mode is exact.
//!
//! # Comparisons that give values
//! - `=`, `IN` and `NOT !=`, each element separately; `ISSUBSET` of an address; `LIKE '%.name'` of
//!   a domain (the names below it).
//! - `OR`, of comparisons or of observations: the values of each branch. A branch without values is
//!   reported and does not affect the others.
//! - `AND` of comparisons, expanded over `OR`. Comparisons that add nothing are dropped:
//!   repetitions; the type of the object whose value is compared (`dst_ref.type = 'ipv4-addr'` with
//!   `dst_ref.value = '192.0.2.1'`); `EXISTS` of the path or of a part that leads to it; a wider
//!   network or suffix on the same path; an exclusion that does not contain the value. Two
//!   different values of one path that is not a list, or a type that the value does not have, can
//!   never hold: nothing is emitted. What is left, if it is more than one value, becomes a
//!   conjunction ([`Value::All`]): different values of different paths or of a list, by equality or
//!   `ISSUBSET`, and names of files. An event has to carry all of them. Any other comparison
//!   together with a value gives [`Reason::Conjunction`], including one value through two paths.
//! - `WITHIN` holds for any single observation, and so does `REPEATS 1 TIMES`. `START` and `STOP`
//!   become the value's validity. Nested ones become their intersection.
//!
//! Everything else is reported with its reason and its text.

mod atom;
mod conjunction;
mod expand;
#[doc(hidden)]
pub mod fuzzing;
mod place;
mod reason;
mod region;

use std::collections::HashSet;

use indexmap::IndexSet;
use threatsieve_blacklist::{Timestamp, Value};

pub(crate) use place::digest;
pub use reason::Reason;

use crate::pattern::{
    Comparison, ComparisonKind, Observation, ObservationKind, Pattern, Predicate, Qualifier, Test,
};
use atom::{Atom, Atoms, atoms};
use conjunction::{Outcome, conjunction};
use expand::Table;

use crate::text::cut;

/// The most comparisons that expanding an `AND` may produce, each counted as often as it occurs.
pub const MAX_EXPANSION: usize = 64 * 1024;

/// The most conjunctions of one `AND`.
pub const MAX_CONJUNCTIONS: usize = 1000;

/// The result of reducing a pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reduction {
    /// The values in the pattern's order, without repetitions. Each of them is sufficient.
    pub values: Vec<Reduced>,
    /// The parts that gave no values.
    pub unreduced: Vec<Part>,
}

/// A value. Any event with it satisfies the pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reduced {
    /// The value.
    pub value: Value,
    /// The earliest time of an event that satisfies it.
    pub start: Option<Timestamp>,
    /// The end of its validity: events at or after this time do not satisfy it.
    pub stop: Option<Timestamp>,
}

/// A part of a pattern that gave no values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The reason.
    pub reason: Reason,
    /// Its text, cut to the first 200 characters. For one element of a set, the set with only this
    /// element.
    pub text: String,
    /// Its position in the pattern, in bytes from 0.
    pub at: usize,
}

/// Reduces a pattern to values.
pub fn reduce(pattern: &Pattern) -> Reduction {
    let mut reducer = Reducer { pattern, reduction: Reduction::default(), seen: HashSet::new() };
    reducer.observation(pattern.observation(), Window::default());
    reducer.reduction
}

/// The window of time of an observation; open where the pattern sets no limit.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    start: Option<Timestamp>,
    stop: Option<Timestamp>,
}

impl Window {
    fn narrowed(self, start: Timestamp, stop: Timestamp) -> Window {
        Window {
            start: Some(self.start.map_or(start, |own| own.max(start))),
            stop: Some(self.stop.map_or(stop, |own| own.min(stop))),
        }
    }

    fn is_empty(self) -> bool {
        matches!((self.start, self.stop), (Some(start), Some(stop)) if start >= stop)
    }
}

struct Reducer<'a> {
    pattern: &'a Pattern,
    reduction: Reduction,
    seen: HashSet<Reduced>,
}

impl Reducer<'_> {
    fn observation(&mut self, observation: &Observation, window: Window) {
        match &observation.kind {
            ObservationKind::One(comparison) => self.comparison(comparison, window),
            ObservationKind::Or(branches) => {
                branches.iter().for_each(|of| self.observation(of, window))
            }
            ObservationKind::And(_) => self.part(Reason::SeveralObservations, &observation.span),
            ObservationKind::FollowedBy(_) => self.part(Reason::Sequence, &observation.span),
            ObservationKind::Qualified(of, qualifiers) => {
                let mut narrow = window;
                for qualifier in qualifiers {
                    match *qualifier {
                        Qualifier::Repeats(2..) => {
                            return self.part(Reason::Repetition, &observation.span);
                        }
                        Qualifier::StartStop(start, stop) => narrow = narrow.narrowed(start, stop),
                        // A single observation is within any period.
                        Qualifier::Repeats(_) | Qualifier::Within(_) => {}
                    }
                }
                if narrow.is_empty() {
                    return self.part(Reason::Contradiction, &observation.span);
                }
                self.observation(of, narrow);
            }
        }
    }

    fn comparison(&mut self, comparison: &Comparison, window: Window) {
        match &comparison.kind {
            ComparisonKind::Or(branches) => {
                branches.iter().for_each(|of| self.comparison(of, window))
            }
            ComparisonKind::Test(test) => self.test(test, comparison, window),
            ComparisonKind::And(_) => self.and(comparison, window),
        }
    }

    fn test(&mut self, test: &Test, comparison: &Comparison, window: Window) {
        let (alternatives, literals) = match (atoms(test), &test.predicate) {
            (Atoms::All(atoms), _) => {
                return self.outcome(conjunction(&refs(&atoms)), comparison, window);
            }
            (Atoms::Any(atoms), Predicate::In(literals)) if literals.len() == atoms.len() => {
                (atoms, Some(literals))
            }
            (Atoms::Any(atoms), _) => (atoms, None),
        };
        // The path and the element are written separately: a long path before each element of a
        // long set would be too much text.
        let path = literals.map(|_| cut(&test.path.to_string())).unwrap_or_default();
        for (number, atom) in alternatives.iter().enumerate() {
            let outcome = conjunction(&[atom]);
            match (outcome, literals) {
                (Outcome::Unreduced(reason), Some(literals)) => {
                    let text = cut(&format!("{path} IN ({})", literals[number]));
                    self.reduction.unreduced.push(Part { reason, text, at: comparison.span.start });
                }
                (outcome, _) => self.outcome(outcome, comparison, window),
            }
        }
    }

    fn and(&mut self, comparison: &Comparison, window: Window) {
        let mut table = Table::default();
        let Some(conjunctions) = table.expand(comparison) else {
            return self.part(Reason::TooComplex, &comparison.span);
        };
        let (mut values, mut reasons, mut whole) = (0, IndexSet::new(), 0);
        for mut numbers in conjunctions {
            numbers.sort_unstable();
            numbers.dedup();
            let atoms: Vec<&Atom<'_>> =
                numbers.iter().map(|&number| &table.atoms[number]).collect();
            match conjunction(&atoms) {
                Outcome::Never => {}
                Outcome::Value(Value::All(_)) if whole == MAX_CONJUNCTIONS => {
                    reasons.insert(Reason::TooComplex);
                }
                Outcome::Value(value) => {
                    values += 1;
                    whole += usize::from(matches!(value, Value::All(_)));
                    self.value(value, window);
                }
                Outcome::Unreduced(reason) => {
                    reasons.insert(reason);
                }
            }
        }
        // Expanding gives combinations that nobody meant. They are only reported if the whole `AND`
        // can never hold.
        if values == 0 && reasons.is_empty() {
            reasons.insert(Reason::Contradiction);
        }
        for reason in reasons {
            self.part(reason, &comparison.span);
        }
    }

    fn outcome(&mut self, outcome: Outcome, comparison: &Comparison, window: Window) {
        match outcome {
            Outcome::Value(value) => self.value(value, window),
            Outcome::Never => self.part(Reason::Contradiction, &comparison.span),
            Outcome::Unreduced(reason) => self.part(reason, &comparison.span),
        }
    }

    fn value(&mut self, value: Value, window: Window) {
        let reduced = Reduced { value, start: window.start, stop: window.stop };
        if self.seen.insert(reduced.clone()) {
            self.reduction.values.push(reduced);
        }
    }

    fn part(&mut self, reason: Reason, span: &std::ops::Range<usize>) {
        let text = cut(self.pattern.text_of(span));
        self.reduction.unreduced.push(Part { reason, text, at: span.start });
    }
}

fn refs<'b, 'a>(atoms: &'b [Atom<'a>]) -> Vec<&'b Atom<'a>> {
    atoms.iter().collect()
}
