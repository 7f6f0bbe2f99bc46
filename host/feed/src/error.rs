//! What ends the reading of a feed. What is wrong with one line or object alone is reported beside the rest, and the rest is read.

use std::io;

/// Why a feed was not read to its end. All that was read before is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// The input failed.
    #[error("the input cannot be read on from byte {offset}")]
    Read {
        /// Bytes read before.
        offset: u64,
        /// The reader's own error.
        source: io::Error,
    },
    /// The JSON is damaged or cut off.
    #[error(
        "damaged JSON at byte {offset}: expected {expected}, got {got}; {objects} objects were read before it"
    )]
    Json {
        /// Where, in bytes from the input's start.
        offset: u64,
        /// What could have stood there.
        expected: &'static str,
        /// What stands there.
        got: String,
        /// Whole objects read before.
        objects: u64,
    },
    /// JSON, but nothing that holds STIX objects.
    #[error(
        "expected a STIX bundle, a TAXII envelope, STIX objects in an array or one STIX object, got {got}"
    )]
    NotStix {
        /// Its first characters.
        got: String,
    },
    /// A bundle or envelope whose `objects` is no array.
    #[error(
        "`objects`, byte {offset}: expected an array of STIX objects, got {got}; {objects} objects were read before it"
    )]
    NoArray {
        /// Where the value starts, in bytes from the input's start.
        offset: u64,
        /// The type of the value.
        got: &'static str,
        /// Objects read before.
        objects: u64,
    },
    /// More indicators or markings than the limits allow.
    #[error("expected at most {limit} objects to keep, got more at byte {offset}")]
    TooMany {
        /// [`crate::StixLimits::max_kept`].
        limit: usize,
        /// Where the object that was too much starts.
        offset: u64,
    },
    /// More lines than can be numbered.
    #[error("expected at most {} lines, got more", u32::MAX)]
    TooManyLines,
}
