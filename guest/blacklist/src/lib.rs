//! Threatsieve's blacklist: the compiled, immutable, versioned set that the matcher reads.
//!
//! Three parts, on both sides of the component's boundary:
//!
//! - [`normalise`] brings what is seen and what is listed to one form; [`value`] holds the listed side, [`observable`] the seen one.
//! - [`image`] is the file's layout, `sets` the structures in its sections, [`lookup`] the look-up of a batch in them.
//! - With the feature `host`: [`compile`] turns indicators into a blacklist, [`open`] verifies one and resolves hits to what is known of them.
//!
//! No I/O, no clock, no unsafe code. A look-up's cost is bounded by the observable's length, whatever is listed and whoever knows it.
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
pub mod value;
#[cfg(feature = "host")]
mod values;

#[cfg(feature = "host")]
pub use compile::{CompileError, CompileOptions, Compiled, Compiler, FeedId, Refusal, Refused, Summary};
pub use hit::{Hit, How};
pub use image::{EntryType, Role};
pub use indicator::{Indicator, IndicatorId, Port, Timestamp, Tlp};
pub use lookup::{GuestBlacklist, Scratch};
pub use normalise::{NORMALISER, Target};
pub use observable::{Batch, BatchError, Kind};
#[cfg(feature = "host")]
pub use open::{Blacklist, Entry, IndicatorView, Match, OpenError, Policy, Seen};
#[cfg(feature = "host")]
pub use value::Listed;
pub use value::{AddressRange, DomainMode, FileHash, Malformed, UrlMode, Value};
