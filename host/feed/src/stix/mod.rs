//! STIX 2.0 and 2.1: bundles, TAXII envelopes and single objects to indicators.

mod id;
mod marking;
mod object;
mod report;
mod set;
mod sink;
mod split;
mod version;

pub use object::ObjectError;
pub use report::{BundleReport, StixReport, Unreduced, UnreducedReason, Valueless};
pub use set::StixSet;
pub(crate) use split::{Element, Splitter};

use threatsieve_blacklist::{Timestamp, UrlMode};

/// How far ahead of this machine's clock a publisher's may be, in microseconds: a day.
const MAX_AHEAD_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// The latest `modified` that is believed at a moment. A version dated later counts as older than
/// any other, so that it cannot keep its own correction out.
pub fn latest_modified(now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_add(MAX_AHEAD_MICROS))
}

/// What is read of STIX, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StixLimits {
    /// Longest object that is read, in bytes; longer ones are refused if they are of a used type.
    pub max_object_bytes: usize,
    /// Most levels of arrays and objects in one object, at most 128; deeper ones are refused.
    pub max_depth: u32,
    /// Most objects that are kept over all bundles: indicators, markings and refused objects.
    pub max_kept: usize,
    /// What the patterns' URLs cover.
    pub url_mode: UrlMode,
    /// The latest `modified` that is believed: see [`latest_modified`].
    pub latest_modified: Timestamp,
}

impl Default for StixLimits {
    /// Objects of at most 16 MiB and 64 levels, 16 M of them, URLs that cover their own path, and
    /// any `modified`.
    fn default() -> Self {
        StixLimits {
            max_object_bytes: 16 * 1024 * 1024,
            max_depth: 64,
            max_kept: 16 * 1024 * 1024,
            url_mode: UrlMode::Exact,
            latest_modified: Timestamp(i64::MAX),
        }
    }
}

#[cfg(test)]
mod tests;
