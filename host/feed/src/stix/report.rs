//! Reports about bundles, besides their indicators.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use threatsieve_blacklist::Timestamp;

use super::object::ObjectError;
use crate::pattern::PatternError;
use crate::{Dropped, reduce};

/// An odd number, with which the fingerprints of several objects are mixed.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Counts for one input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BundleReport {
    /// The number of objects of any type.
    pub objects: u64,
    /// The number of indicators, including those that were not kept.
    pub indicators: u64,
    /// The number of marking definitions.
    pub markings: u64,
    /// The number of objects of all other types.
    pub others: u64,
    /// The number of those that are threats, relationships or reports.
    pub threats: u64,
    /// The number of rejected objects; [`super::StixSet::finish`] lists them.
    pub rejected: u64,
    /// The number of indicators of which a newer version was read before.
    pub older: u64,
    /// The number of indicators of which the same version was read before.
    pub repeated: u64,
    /// A TAXII envelope says that there is more to fetch.
    pub more: bool,
    /// The envelope's `next` (TAXII 2.1, section 3.7): a string, though some servers write a
    /// number.
    pub next: Option<String>,
    /// The objects are in a bundle, as TAXII 2.0 sends them, and not in an envelope.
    pub is_bundle: bool,
    /// Fingerprints of the input's first and last objects, and of all objects together. They are
    /// the same for the same bytes; what is around the objects does not count.
    pub first: Option<u64>,
    /// See [`BundleReport::first`].
    pub last: Option<u64>,
    /// See [`BundleReport::first`].
    pub content: u64,
}

impl BundleReport {
    /// Adds an object to the fingerprints.
    pub(super) fn remember(&mut self, object: &[u8]) {
        let mut hasher = DefaultHasher::new();
        hasher.write(object);
        let print = hasher.finish();
        self.first = self.first.or(Some(print));
        self.last = Some(print);
        // The order of the objects counts.
        self.content = self.content.rotate_left(7).wrapping_mul(MIX) ^ print;
    }

    /// Takes back a document that was counted as an object, but is an envelope or a bundle without
    /// objects.
    pub(super) fn forget_document(&mut self) {
        self.objects = self.objects.saturating_sub(1);
        if self.objects == 0 {
            (self.first, self.last, self.content) = (None, None, 0);
        }
    }
}

/// An indicator whose newest version gives no values. Its older versions no longer apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valueless {
    /// The identifier.
    pub id: String,
    /// The `modified` time of the newest version.
    pub modified: Option<Timestamp>,
    /// True if it is revoked. Otherwise its pattern cannot be reduced to values.
    pub is_revoked: bool,
}

/// Counts for all inputs together, once the newest versions are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StixReport {
    /// The number of indicators with at least one value.
    pub indicators: u64,
    /// The number of their values.
    pub values: u64,
    /// The number of revoked indicators.
    pub revoked: u64,
    /// The number of versions that a newer one replaced, in any order of reading.
    pub older: u64,
    /// The number of indicators with a part that was not reduced to values, or in another pattern
    /// language.
    pub unreduced: u64,
    /// The number of those of which another part was reduced.
    pub partial: u64,
    /// The number of rejected objects.
    pub rejected: u64,
    /// The number of indicators with a marking that was never defined or is not understood. They
    /// are treated as TLP:RED.
    pub unknown_markings: u64,
    /// The number of indicators in other pattern languages (`yara`, `sigma`), by language.
    pub other_pattern_types: BTreeMap<String, u64>,
}

impl StixReport {
    /// Counts an indicator that is in force: the number of its values, and the reasons for which
    /// parts gave none.
    pub(crate) fn count(
        &mut self,
        values: usize,
        unreduced: &mut dyn Iterator<Item = &UnreducedReason>,
    ) {
        let mut is_reduced = true;
        for reason in unreduced {
            is_reduced = false;
            if let UnreducedReason::Language(language) = reason {
                *self.other_pattern_types.entry(language.clone()).or_default() += 1;
            }
        }
        self.indicators += u64::from(values > 0);
        self.values += values as u64;
        self.unreduced += u64::from(!is_reduced);
        self.partial += u64::from(!is_reduced && values > 0);
    }
}

/// A part of an indicator's pattern that gave no values, or an object that was rejected.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreduced {
    /// The caller's number of the feed.
    pub feed: u16,
    /// The object's identifier; empty if it has none.
    pub id: String,
    /// The part of the pattern, or the first characters of an object without a readable pattern;
    /// cut to 200 characters.
    pub pattern: String,
    /// The reason.
    pub reason: UnreducedReason,
    /// True if other parts of the same pattern were reduced to values.
    pub partial: bool,
}

/// The reason why a pattern, or a part of it, gave no values.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreducedReason {
    /// No single value of an event can satisfy it.
    #[error("{0}")]
    Part(reduce::Reason),
    /// It is not a STIX pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// It is in another language.
    #[error("pattern_type: expected `stix`, got {0:?}")]
    Language(String),
    /// It refers to another part of STIX 1.x packages, and the reference leads nowhere.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The object was rejected.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The filter drops it ([`super::StixLimits::objects`]).
    #[error(transparent)]
    Dropped(#[from] Dropped),
}

impl From<reduce::Reason> for UnreducedReason {
    fn from(reason: reduce::Reason) -> Self {
        UnreducedReason::Part(reason)
    }
}

/// The reason why a reference in a STIX 1.x package leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// No package has an observable, object or indicator with the id.
    #[error("idref: expected the id of an element in one of the packages, got another one")]
    Unresolved,
    /// The element refers back to itself, directly or through others.
    #[error("idref: expected an element that does not refer back to this one, got a cycle")]
    Cycle,
    /// References lead to references too often.
    #[error("idref: expected at most {limit} references after each other, got more")]
    Chain {
        /// The limit.
        limit: usize,
    },
}

impl UnreducedReason {
    /// The reason's kind in a few words, for counting.
    pub fn kind(&self) -> Cow<'static, str> {
        match self {
            UnreducedReason::Part(reason) => reason.kind().into(),
            UnreducedReason::Pattern(_) => "not a STIX pattern".into(),
            UnreducedReason::Language(language) => format!("pattern type {language}").into(),
            UnreducedReason::Reference(_) => "unresolved reference".into(),
            UnreducedReason::Object(error) => error.kind().into(),
            UnreducedReason::Dropped(dropped) => dropped.kind().into(),
        }
    }

    /// Returns whether the reason is the meaning of the pattern, and not a fault in or around it.
    pub fn is_pattern(&self) -> bool {
        matches!(self, UnreducedReason::Part(_) | UnreducedReason::Language(_))
    }
}
