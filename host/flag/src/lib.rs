//! The fields that Threatsieve writes into an event that matched: matches in, fields of the Elastic
//! Common Schema (ECS) out. No I/O.
//!
//! The program's output records and the ingest processor's answers are both built here, so that
//! they cannot differ (docs/records.md). Matches ([`Found`]) become one [`Covering`] for each
//! indicator, the most specific one. Coverings become a [`Flag`]: the ones that are written, and
//! the number of others.
//!
//! ```
//! use threatsieve_flag::{Ceiling, Flag, Found, coverings};
//! # use threatsieve_blacklist::{Timestamp, Tlp};
//!
//! # let found: Vec<Found> = Vec::new();
//! let ceiling = Ceiling { tlp: Tlp::Green, enrichments: 100 };
//! let flag = Flag::new(&coverings(&found), &ceiling, "main", Timestamp(1_795_314_625_000_000));
//! assert_eq!(flag.enrichments.len(), flag.confidence.len());
//! ```
#![forbid(unsafe_code)]

mod conjunction;
mod covering;
mod document;
mod enrichment;
pub mod fields;
mod retraction;
mod shapes;
#[cfg(test)]
mod tests;

use jiff::Timestamp as Moment;
use serde_json::Value;
use threatsieve_blacklist::{Timestamp, Tlp};

pub use self::conjunction::{
    EventHits, FileNames, MAX_EVENT_HITS, MAX_FILE_NAMES, MAX_JUDGED, Whole, retain_whole,
};
pub use self::covering::{Covering, Found, coverings};
pub use self::document::{ENRICHMENTS, FlagShape, Holding, Retracted, Rewrite, rewrite, value_at};
pub use self::retraction::retraction;

/// The most indicators of one event that are kept, by the program and by the plugin. Further ones
/// are counted. A value may have any number of indicators.
pub const MAX_INDICATORS: usize = 1000;

/// The limits on the coverings that are written into an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// Indicators with a stricter marking are only counted, because every reader of the event sees
    /// its fields.
    pub tlp: Tlp,
    /// The most enrichments.
    pub enrichments: usize,
}

impl Ceiling {
    /// Returns whether an indicator with this marking may be written. One without a marking always
    /// may.
    pub fn admits(&self, marking: Option<Tlp>) -> bool {
        marking.is_none_or(|marking| marking <= self.tlp)
    }
}

/// The fields that mark an event as matched.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flag {
    /// Elements of ECS `threat.enrichments`.
    pub enrichments: Vec<Value>,
    /// The publisher's confidence of each, 0 to 100; null if unknown.
    pub confidence: Vec<Value>,
    /// The number of indicators whose marking exceeds the ceiling.
    pub withheld: usize,
    /// The number of coverings beyond the ceiling's count.
    pub omitted: usize,
}

impl Flag {
    /// Builds the flag of an event with these coverings. Each enrichment names the blacklist.
    /// `occurred` is the event's own time, or the time of matching.
    pub fn new(
        coverings: &[Covering<'_>],
        ceiling: &Ceiling,
        blacklist: &str,
        occurred: Timestamp,
    ) -> Flag {
        let mut flag = Flag::default();
        for covering in coverings {
            if !ceiling.admits(covering.indicator.tlp) {
                flag.withheld += usize::from(covering.is_first());
            } else if flag.enrichments.len() == ceiling.enrichments {
                flag.omitted += 1;
            } else {
                flag.enrichments
                    .push(enrichment::enrichment(covering, ceiling, blacklist, occurred));
                flag.confidence.push(covering.indicator.confidence.into());
            }
        }
        flag
    }
}

/// Writes a time in RFC 3339, UTC.
pub fn rfc3339(at: Timestamp) -> String {
    // Only a forged blacklist has times outside the years 1 to 9999. Then the plain number is
    // shown.
    Moment::from_microsecond(at.0).map_or_else(|_| format!("{} µs", at.0), |time| time.to_string())
}
