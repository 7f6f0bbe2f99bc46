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

use threatsieve_blacklist::UrlMode;

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
}

impl Default for StixLimits {
    /// Objects of at most 16 MiB and 64 levels, 16 M of them, and URLs that cover their own path.
    fn default() -> Self {
        StixLimits {
            max_object_bytes: 16 * 1024 * 1024,
            max_depth: 64,
            max_kept: 16 * 1024 * 1024,
            url_mode: UrlMode::Exact,
        }
    }
}

#[cfg(test)]
mod tests;
