//! What is told of bundles beside their indicators.

use std::borrow::Cow;
use std::collections::BTreeMap;

use threatsieve_blacklist::Timestamp;

use super::object::ObjectError;
use super::version::Version;
use crate::pattern::PatternError;
use crate::reduce;

/// What one input held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BundleReport {
    /// Objects of any type.
    pub objects: u64,
    /// Indicators, those that were not kept among them.
    pub indicators: u64,
    /// Marking definitions.
    pub markings: u64,
    /// Objects of types that are not used.
    pub others: u64,
    /// Objects that were refused; [`super::StixSet::finish`] lists them.
    pub refused: u64,
    /// Indicators of which a newer version was read before.
    pub older: u64,
    /// Indicators of which the same version was read before.
    pub repeated: u64,
    /// A TAXII envelope said that there is more to fetch.
    pub more: bool,
    /// Where it said that goes on (TAXII 2.1, section 3.7): a string, though some servers write a number.
    pub next: Option<String>,
}

/// An indicator whose newest version gives no values, so that older ones are out of force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valueless {
    /// Its identifier.
    pub id: String,
    /// Of the newest version.
    pub modified: Option<Timestamp>,
    /// It is withdrawn; otherwise its pattern says nothing that single values can stand for.
    pub is_revoked: bool,
}

/// What all inputs held together, once the newest versions are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StixReport {
    /// Indicators that gave at least one value.
    pub indicators: u64,
    /// Their values.
    pub values: u64,
    /// Indicators that are revoked.
    pub revoked: u64,
    /// Versions that a newer one replaced, whichever was read first.
    pub older: u64,
    /// Indicators with a part that was not reduced to values, or with no such part but another pattern language.
    pub unreduced: u64,
    /// Those among them of which another part was.
    pub partial: u64,
    /// Objects that were refused.
    pub refused: u64,
    /// Indicators with a marking that was never defined or is not understood: treated as TLP:RED.
    pub unknown_markings: u64,
    /// Indicators in other pattern languages (`yara`, `sigma`), by language.
    pub other_pattern_types: BTreeMap<String, u64>,
}

impl StixReport {
    /// Counts an indicator that holds.
    pub(super) fn count(&mut self, version: &Version) {
        self.indicators += u64::from(!version.values.is_empty());
        self.values += version.values.len() as u64;
        self.unreduced += u64::from(!version.unreduced.is_empty());
        self.partial += u64::from(!version.unreduced.is_empty() && !version.values.is_empty());
        for part in &version.unreduced {
            if let UnreducedReason::Language(language) = &part.reason {
                *self.other_pattern_types.entry(language.clone()).or_default() += 1;
            }
        }
    }
}

/// A part of an indicator's pattern that is not in the values, or an object that is not used.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreduced {
    /// The caller's number of the feed.
    pub feed: u16,
    /// The object's identifier; empty if it has none.
    pub id: String,
    /// The part of the pattern, cut to its first 200 characters; of an object without a readable pattern its first characters.
    pub pattern: String,
    /// Why.
    pub reason: UnreducedReason,
    /// Other parts of the same pattern were reduced to values.
    pub partial: bool,
}

/// Why a pattern, or a part of it, is not in the values.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreducedReason {
    /// It says something that no single value of an event can answer.
    #[error("{0}")]
    Part(reduce::Reason),
    /// It is no STIX pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// It is in another language.
    #[error("pattern_type: expected `stix`, got {0:?}")]
    Language(String),
    /// The object is not used at all.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

impl UnreducedReason {
    /// The reason's kind in a few words, to count by.
    pub fn kind(&self) -> Cow<'static, str> {
        match self {
            UnreducedReason::Part(reason) => reason.kind().into(),
            UnreducedReason::Pattern(_) => "not a STIX pattern".into(),
            UnreducedReason::Language(language) => format!("pattern type {language}").into(),
            UnreducedReason::Object(error) => error.kind().into(),
        }
    }

    /// Whether it is about what the pattern says, not about a mistake in it or around it.
    pub fn is_pattern(&self) -> bool {
        matches!(self, UnreducedReason::Part(_) | UnreducedReason::Language(_))
    }
}
