//! Patterns to values, soundly: where a value is emitted, an event with that observable satisfies the pattern, and where a reduction is
//! complete, no other event does.
//!
//! # Which paths give values
//! An event is a bag of observables of five kinds, and says what was seen, not in which role. So the path is read as far as a log can
//! show it: a direction (`src_ref`, `dst_ref`) or a part in a message (`from_ref`, `to_refs[*]`) is dropped, a relation to something
//! else is not.
//!
//! | path | values | why |
//! |---|---|---|
//! | `domain-name:value` | domain | the host of the event is this object |
//! | `hostname:value`, `x-opencti-hostname:value` (OpenCTI's own objects) | domain | the same |
//! | `ipv4-addr:value`, `ipv6-addr:value` | address, or network (`'a/b'`, `ISSUBSET`) of that family | the address of the event is this object |
//! | `network-traffic:src_ref.value`, `dst_ref.value` | address, network or domain, by its form | an end of the connection; direction dropped |
//! | `url:value` | URL, the path itself | the URL of the event is this object |
//! | `file:hashes`, `artifact:hashes`, `x509-certificate:hashes`, with MD5, SHA-1, SHA-256 in any spelling | digest | a digest identifies the thing whatever it is called |
//! | `file:content_ref.hashes`, the same | digest | a file's content is the file |
//! | `email-addr:value` | email address | the address of the event is this object |
//! | `email-message:from_ref.value`, `sender_ref.value` | email address | a party to the message; the part in it dropped |
//! | `email-message:to_refs[*].value`, `cc_refs[*]`, `bcc_refs[*]` | email address | the same |
//! | `domain-name:resolves_to_refs[*].value` | none: [`Reason::Relation`] | an event with the address alone shows no name that resolves to it |
//! | other references to values and digests: `to_refs[0]`, `contains_refs[*]`, `image_ref.hashes`, `body_raw_ref.hashes` | none: [`Reason::Relation`] | position, container and execution are not in the value |
//! | all others: `file:name`, `windows-registry-key:key`, `network-traffic:dst_port`, other digests, custom objects | none: [`Reason::NoObservable`] | |
//!
//! A domain is emitted as [`DomainMode::AtAndBelow`](threatsieve_blacklist::DomainMode::AtAndBelow), the product's reading of a listed
//! domain; STIX itself means the exact name. Where a pattern also excludes names below it, the mode is exact.
//!
//! # Which comparisons give values
//! - `=`, `IN` and `NOT !=`, each element for itself; `ISSUBSET` of an address; `LIKE '%.name'` of a domain (those below it).
//! - `OR`, of comparisons or of observations: what each branch gives. A branch that gives nothing is reported and spoils no other.
//! - `AND` of comparisons, multiplied out over `OR`: what is left once the companions that say nothing are gone. Those are repetitions;
//!   the type of the very object whose value is compared (`dst_ref.type = 'ipv4-addr'` beside `dst_ref.value = '192.0.2.1'`); `EXISTS` of
//!   the path or of a part that leads to it; a wider network or suffix on the same path; an exclusion that the value is not in.
//!   Two different values of one path that is no list, or a type the value is not of, can never hold: nothing is emitted. Whatever else
//!   stands beside a value makes a [`Reason::Conjunction`], two values of the same observable through two paths among them.
//! - `WITHIN` holds for any single observation, `REPEATS 1 TIMES` too. `START` and `STOP` become the value's validity, nested ones their
//!   intersection.
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

pub use reason::Reason;

use crate::pattern::{
    Comparison, ComparisonKind, Observation, ObservationKind, Pattern, Predicate, Qualifier, Test,
};
use atom::{Atom, Atoms, atoms};
use conjunction::{Outcome, conjunction};
use expand::Table;

use crate::text::cut;

/// Most comparisons that multiplying out an `AND` may come to, each counted as often as it occurs.
pub const MAX_EXPANSION: usize = 64 * 1024;

/// What a pattern comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reduction {
    /// The values, each sufficient, in the pattern's order and without repetitions.
    pub values: Vec<Reduced>,
    /// The parts that gave nothing.
    pub unreduced: Vec<Part>,
}

impl Reduction {
    /// Whether the values are all that the pattern says.
    pub fn is_complete(&self) -> bool {
        self.unreduced.is_empty()
    }

    /// Whether the values are only some of what the pattern says.
    pub fn is_partial(&self) -> bool {
        !self.values.is_empty() && !self.unreduced.is_empty()
    }
}

/// A value of which any event satisfies the pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reduced {
    /// The value.
    pub value: Value,
    /// The first moment of an event that satisfies it.
    pub start: Option<Timestamp>,
    /// The first moment after those.
    pub stop: Option<Timestamp>,
}

/// A part of a pattern that gave no values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Why.
    pub reason: Reason,
    /// Its text, cut to the first 200 characters; of a set with other elements, the one in question as a set of its own.
    pub text: String,
    /// Where it stands in the pattern, in bytes from 0.
    pub at: usize,
}

/// Reduces a pattern to values.
pub fn reduce(pattern: &Pattern) -> Reduction {
    let mut reducer = Reducer { pattern, reduction: Reduction::default(), seen: HashSet::new() };
    reducer.observation(pattern.observation(), Window::default());
    reducer.reduction
}

/// When an observation has to be; open where nothing is said.
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
            ObservationKind::Or(branches) => branches.iter().for_each(|of| self.observation(of, window)),
            ObservationKind::And(_) => self.part(Reason::SeveralObservations, &observation.span),
            ObservationKind::FollowedBy(_) => self.part(Reason::Sequence, &observation.span),
            ObservationKind::Qualified(of, qualifiers) => {
                let mut narrow = window;
                for qualifier in qualifiers {
                    match *qualifier {
                        Qualifier::Repeats(2..) => return self.part(Reason::Repetition, &observation.span),
                        Qualifier::StartStop(start, stop) => narrow = narrow.narrowed(start, stop),
                        // One observation is within any time of itself.
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
            ComparisonKind::Or(branches) => branches.iter().for_each(|of| self.comparison(of, window)),
            ComparisonKind::Test(test) => self.test(test, comparison, window),
            ComparisonKind::And(_) => self.and(comparison, window),
        }
    }

    fn test(&mut self, test: &Test, comparison: &Comparison, window: Window) {
        let (alternatives, literals) = match (atoms(test), &test.predicate) {
            (Atoms::All(atoms), _) => return self.outcome(conjunction(&refs(&atoms)), comparison, window),
            (Atoms::Any(atoms), Predicate::In(literals)) if literals.len() == atoms.len() => {
                (atoms, Some(literals))
            }
            (Atoms::Any(atoms), _) => (atoms, None),
        };
        // Path and element apart, for a long path before a long set would be their product.
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
        let (mut values, mut reasons) = (0, IndexSet::new());
        for mut numbers in conjunctions {
            numbers.sort_unstable();
            numbers.dedup();
            let atoms: Vec<&Atom<'_>> = numbers.iter().map(|&number| &table.atoms[number]).collect();
            match conjunction(&atoms) {
                Outcome::Never => {}
                Outcome::Value(value) => {
                    values += 1;
                    self.value(value, window);
                }
                Outcome::Unreduced(reason) => {
                    reasons.insert(reason);
                }
            }
        }
        // Multiplying out gives combinations that nobody meant; only a whole that can never hold is worth a word.
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
