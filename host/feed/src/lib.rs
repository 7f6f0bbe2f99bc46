//! Threatsieve's feed readers: bytes in, indicators out. No I/O of its own, no clock.
//!
//! - [`sniff()`] tells which of the two readers a feed's bytes are for.
//! - [`read_list`] reads plain lists, hosts files and CSV, line by line.
//! - [`StixSet`] collects the indicators of any number of STIX 2.0 and 2.1 bundles and TAXII envelopes; [`pattern`] parses their patterns
//!   and [`reduce`] brings them to the values that each alone make an event a match.
//!
//! ```
//! use threatsieve_feed::{ListOptions, read_list};
//!
//! let text = "# bad hosts\nevil.com\n0.0.0.0 evil.org www.evil.org\nnot a value\n";
//! let (mut values, mut refused) = (Vec::new(), Vec::new());
//! read_list(
//!     text.as_bytes(),
//!     &ListOptions::default(),
//!     &mut |indicator, _| values.extend(indicator.values.iter().map(ToString::to_string)),
//!     &mut |line| refused.push(line.line),
//! )?;
//! assert_eq!(values, ["evil.com", "evil.org", "www.evil.org"]);
//! assert_eq!(refused, [4]);
//! # Ok::<(), threatsieve_feed::FeedError>(())
//! ```
//!
//! What comes from outside is limited: a line, an object and its depth, a pattern, the number of objects that are kept
//! ([`ListOptions`], [`StixLimits`]). A feed of any length is read in the memory that its indicators' values need. What is wrong with one
//! line or object is reported and passed over; only an input that fails, or JSON that is damaged, ends the reading ([`FeedError`]).
#![forbid(unsafe_code)]

mod error;
#[doc(hidden)]
pub mod fuzzing;
mod list;
pub mod pattern;
pub mod reduce;
mod sniff;
mod stix;
mod text;
mod time;

pub use error::FeedError;
pub use list::{LineError, ListOptions, ListReport, RefusedLine, read_list};
pub use sniff::{FeedFormat, sniff};
pub use stix::{
    BundleReport, ObjectError, StixLimits, StixReport, StixSet, Unreduced, UnreducedReason, Valueless,
    latest_modified,
};
