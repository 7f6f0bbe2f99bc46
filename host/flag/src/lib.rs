//! What Threatsieve writes into an event that matched: matches in, fields of the Elastic Common Schema (ECS) out. No I/O.
//!
//! Records of the output file and answers of the ingest processor are both made here, so that they cannot differ (docs/records.md). Matches
//! ([`Found`]) become one [`Covering`] for each indicator, the most specific, and those become a [`Flag`]: what of them is
//! written, and how many are not.
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

mod covering;
mod enrichment;
pub mod fields;
mod retraction;
#[cfg(test)]
mod tests;

use jiff::Timestamp as Moment;
use serde_json::Value;
use threatsieve_blacklist::{Timestamp, Tlp};

pub use self::covering::{Covering, Found, coverings};
pub use self::retraction::retraction;

/// Indicators of one event that are kept, by the program and by the plugin; further ones are counted.
/// A value may have any number of them.
pub const MAX_INDICATORS: usize = 1000;

/// What of an event's coverings is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// Indicators with a stricter marking are only counted: every reader of the event sees what is written.
    pub tlp: Tlp,
    /// Enrichments at most.
    pub enrichments: usize,
}

impl Ceiling {
    /// Whether an indicator of that marking may be written; unmarked ones always may.
    pub fn admits(&self, marking: Option<Tlp>) -> bool {
        marking.is_none_or(|marking| marking <= self.tlp)
    }
}

/// The mark that is written into an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flag {
    /// Elements of ECS `threat.enrichments`.
    pub enrichments: Vec<Value>,
    /// What their publishers say, 0 to 100, one for each; null when they do not.
    pub confidence: Vec<Value>,
    /// Coverings that the ceiling's marking keeps out.
    pub withheld: usize,
    /// Coverings beyond the ceiling's number.
    pub omitted: usize,
}

impl Flag {
    /// The flag of an event with these coverings. Each enrichment names `blacklist`, which they are
    /// from. `occurred` is the event's own time, or when it was matched.
    pub fn new(coverings: &[Covering<'_>], ceiling: &Ceiling, blacklist: &str, occurred: Timestamp) -> Flag {
        let mut flag = Flag::default();
        for covering in coverings {
            if !ceiling.admits(covering.indicator.tlp) {
                flag.withheld += 1;
            } else if flag.enrichments.len() == ceiling.enrichments {
                flag.omitted += 1;
            } else {
                flag.enrichments.push(enrichment::enrichment(covering, blacklist, occurred));
                flag.confidence.push(covering.indicator.confidence.into());
            }
        }
        flag
    }
}

/// A moment in RFC 3339, UTC.
pub fn rfc3339(at: Timestamp) -> String {
    // Out of the range of years 1 to 9999 only if somebody forged a blacklist; the number says as much as anything then.
    Moment::from_microsecond(at.0).map_or_else(|_| format!("{} µs", at.0), |time| time.to_string())
}
