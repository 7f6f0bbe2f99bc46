//! Threatsieve's feed readers: bytes in, indicators out. No I/O of their own, no clock.
//!
//! - [`read_feed`] reads one input in the format that its content, or the caller, names.
//! - [`read_list`] reads plain lists, hosts files, CSV, JSON records, and rules of other programs.
//! - [`preset`] describes well-known feeds, and feeds that users describe the same way.
//! - [`StixSet`] collects the indicators of any number of STIX 2.0 and 2.1 bundles, TAXII envelopes
//!   and STIX 1.x packages. [`pattern`] parses the patterns of STIX 2, and [`reduce`] reduces these
//!   to values of which each alone makes an event a match.
//! - [`taxii1`] writes and reads the messages of TAXII 1.0 and 1.1.
//! - [`misp`] reads the events of MISP: answers of its API, and feeds in its format.
//! - [`warninglist`] reads MISP's lists of harmless values, and compares values with them.
//!
//! ```
//! use threatsieve_feed::{ListOptions, read_list};
//!
//! let text = "# bad hosts\nevil.com\n0.0.0.0 evil.org www.evil.org\nnot a value\n";
//! let (mut values, mut rejected) = (Vec::new(), Vec::new());
//! read_list(
//!     text.as_bytes(),
//!     &ListOptions::default(),
//!     &mut |indicator, _| values.extend(indicator.values.iter().map(ToString::to_string)),
//!     &mut |line| rejected.push(line.line),
//! )?;
//! assert_eq!(values, ["evil.com", "evil.org", "www.evil.org"]);
//! assert_eq!(rejected, [4]);
//! # Ok::<(), threatsieve_feed::FeedError>(())
//! ```
//!
//! Everything from outside is limited: a line, an object and its depth, a pattern, the number of
//! objects that are kept ([`ListOptions`], [`StixLimits`]). A feed of any length is read in the
//! memory that the values of its indicators need. A fault in one line or object is reported, and
//! reading goes on. Only an input that fails, or damaged JSON, ends the reading ([`FeedError`]).
#![forbid(unsafe_code)]

mod error;
mod feed;
mod filter;
mod foreign;
#[doc(hidden)]
pub mod fuzzing;
mod list;
pub mod misp;
pub mod pattern;
pub mod preset;
pub mod reduce;
mod sniff;
mod stix;
mod stix1;
pub mod taxii1;
mod text;
mod time;
pub mod warninglist;

pub use error::FeedError;
pub use feed::{FeedFormat, FeedOptions, FeedReport, read_feed};
pub use filter::{
    Dropped, Expression, ExpressionError, MAX_EXPRESSION_BYTES, ObjectFilter, Subject,
};
pub use list::{LineError, ListForm, ListOptions, ListReport, RejectedLine, read_list};
pub use sniff::looks_like;
pub use stix::{
    BundleReport, Ends, ObjectError, ReferenceError, Related, Report, StixLimits, StixReport,
    StixSet, Unreduced, UnreducedReason, Valueless, latest_modified,
};
pub use stix1::{PackageContent, PackageOptions, PackageRole, PackageSink};
