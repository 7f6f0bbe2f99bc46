//! STIX 2.0 and 2.1: bundles, TAXII envelopes and single objects to indicators.

mod document;
mod id;
mod marking;
mod object;
mod report;
mod set;
mod sink;
mod split;
mod threat;
mod version;

pub(crate) use marking::Restriction;
pub use object::ObjectError;
pub use report::{BundleReport, ReferenceError, StixReport, Unreduced, UnreducedReason, Valueless};
pub use set::StixSet;
pub(crate) use split::{Element, Splitter};
pub use threat::{Ends, Related, Report};

use threatsieve_blacklist::{Timestamp, UrlMode};

use crate::ObjectFilter;

/// The most that a publisher's clock may be ahead of this machine's, in microseconds: a day.
const MAX_AHEAD_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Returns the latest `modified` time that is accepted at a given time. A version with a later one
/// counts as older than any other, so that it cannot block its own correction.
pub fn latest_modified(now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_add(MAX_AHEAD_MICROS))
}

/// Limits and options for reading STIX.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StixLimits {
    /// The longest object that is read, in bytes. Longer ones of a used type are rejected.
    pub max_object_bytes: usize,
    /// The most levels of arrays and objects in one object, at most 128. Deeper objects are
    /// rejected.
    pub max_depth: u32,
    /// The most objects that are kept over all bundles: indicators, markings and rejected objects.
    pub max_kept: usize,
    /// The paths that the patterns' URLs cover.
    pub url_mode: UrlMode,
    /// The latest `modified` time that is accepted: see [`latest_modified`].
    pub latest_modified: Timestamp,
    /// An envelope's objects may also be in `items`, as some TAXII servers write.
    pub accepts_items: bool,
    /// The indicators that are read for their values. Others give none, and are listed with the
    /// reason.
    pub objects: ObjectFilter,
}

impl Default for StixLimits {
    /// Objects of at most 16 MiB and 64 levels, 16 M of them. URLs cover exactly their path, and
    /// every `modified` time is accepted.
    fn default() -> Self {
        StixLimits {
            max_object_bytes: 16 * 1024 * 1024,
            max_depth: 64,
            max_kept: 16 * 1024 * 1024,
            url_mode: UrlMode::Exact,
            latest_modified: Timestamp(i64::MAX),
            accepts_items: false,
            objects: ObjectFilter::default(),
        }
    }
}

#[cfg(test)]
mod tests;
