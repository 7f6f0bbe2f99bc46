//! Threatsieve's blacklist: the compiled, immutable, versioned set that the matcher reads.
//!
//! Three parts, on both sides of the component's boundary:
//!
//! - [`normalise`] brings observables and listed values to one form. [`value`] holds the listed
//!   values, [`observable`] the observables.
//! - [`image`] is the file's layout, `sets` holds the structures in its sections, and [`lookup`]
//!   looks up a batch in them.
//! - With the feature `host`, [`compile`] turns indicators into a blacklist. [`open`] verifies a
//!   blacklist and resolves hits to entries and indicators.
//!
//! No I/O, no clock, no unsafe code. The cost of a look-up is bounded by the observable's length,
//! whatever is listed, even for an attacker who knows the list.
#![forbid(unsafe_code)]

#[cfg(feature = "host")]
pub mod compile;
#[cfg(feature = "host")]
#[doc(hidden)]
pub mod fuzzing;
pub mod hit;
pub mod image;
pub mod indicator;
pub mod lookup;
pub mod normalise;
pub mod observable;
#[cfg(feature = "host")]
pub mod open;
mod sets;
#[cfg(feature = "host")]
mod suffix;
pub mod value;
#[cfg(feature = "host")]
mod values;

#[cfg(feature = "host")]
pub use compile::{
    CompileError, CompileOptions, Compiled, Compiler, FeedId, RejectReason, RejectedValue, Summary,
};
pub use hit::{Hit, How};
pub use image::{EntryType, Role};
pub use indicator::{Indicator, IndicatorId, Port, Threat, ThreatKind, Timestamp, Tlp};
pub use lookup::{GuestBlacklist, Scratch};
pub use normalise::{NORMALISER, Target};
pub use observable::{Batch, BatchError, Kind};
#[cfg(feature = "host")]
pub use open::{
    Blacklist, Condition, Conjoined, ConjunctionRow, Entry, EventContext, IndicatorView, Match,
    OpenError, PartEntry, Policy,
};
#[cfg(feature = "host")]
pub use suffix::has_known_suffix;
#[cfg(feature = "host")]
pub use value::Listed;
pub use value::{
    AddressRange, Conjunction, ConjunctionError, ConjunctionPart, DomainMode, FileHash, Malformed,
    UrlMode, Value,
};
