//! What ends the reading of a feed. What is wrong with one line or object alone is reported beside the rest, and the rest is read.

use std::io;

use crate::text::cut;

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
        "expected a STIX bundle, a TAXII envelope, STIX objects in an array or one STIX object, got {}{got}",
        kind.map(|kind| format!("{kind}: ")).unwrap_or_default()
    )]
    NotStix {
        /// What it is, if that is known.
        kind: Option<&'static str>,
        /// Its first characters.
        got: String,
    },
    /// A kind of file that holds no indicators, or that is not read.
    #[error("expected a list of indicators or STIX 2 in JSON, got {got}")]
    Foreign {
        /// What it is.
        got: &'static str,
    },
    /// Records of which several columns may hold the values.
    #[error(
        "expected one column of values, got {}; name the one that counts as the format: {}",
        columns.join(", "),
        columns.iter().map(|column| format!("{format}:{column}")).collect::<Vec<_>>().join(" or ")
    )]
    Ambiguous {
        /// The reader's name.
        format: &'static str,
        /// Columns that may hold values.
        columns: Vec<String>,
    },
    /// Records that have no column of values.
    #[error(
        "expected a column of values (value, indicator, ioc_value, url, domain, hostname, ip, ip_address, \
         dst_ip, md5, sha1 or sha256), got {}; `{format}:COLUMN` as the format names another one",
        columns.iter().map(|column| format!("{:?}", cut(column))).take(20).collect::<Vec<_>>().join(", ")
    )]
    NoValues {
        /// The reader's name.
        format: &'static str,
        /// The columns that there are.
        columns: Vec<String>,
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

impl FeedError {
    /// Whether the input is sound, and somebody has to say which of its columns counts.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, FeedError::Ambiguous { .. })
    }

    /// Whether the input is something else than a feed, so that asking again is of no use.
    pub fn is_foreign(&self) -> bool {
        matches!(self, FeedError::Foreign { .. } | FeedError::NotStix { .. } | FeedError::NoValues { .. })
    }
}
