//! Errors that end the reading of a feed. A fault in one line or object is reported separately, and
//! reading goes on.

use std::borrow::Cow;
use std::io;

use crate::text::cut;

/// The reason why a feed was not read to its end. Everything read before is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// Reading the input failed.
    #[error("cannot read the input from byte {offset} on")]
    Read {
        /// The number of bytes read before.
        offset: u64,
        /// The reader's own error.
        source: io::Error,
    },
    /// The JSON is damaged or truncated.
    #[error(
        "damaged JSON at byte {offset}: expected {expected}, got {got}; {objects} objects were read before it"
    )]
    Json {
        /// The position of the damage, in bytes from the input's start.
        offset: u64,
        /// The text that was expected.
        expected: &'static str,
        /// The text that was found.
        got: String,
        /// The number of complete objects read before.
        objects: u64,
    },
    /// The XML is damaged or truncated, or has a part that is not read.
    #[error(
        "XML, byte {offset}: expected {expected}, got {got}; {objects} indicators and observables \
         were read before it"
    )]
    Xml {
        /// The position of the token, in bytes from the input's start.
        offset: u64,
        /// The text that was expected.
        expected: &'static str,
        /// The text that was found.
        got: String,
        /// The number of indicators and observables read before.
        objects: u64,
    },
    /// One tag, text or comment of the XML is too long.
    #[error(
        "XML, byte {offset}: expected a tag, text or comment of at most {limit} bytes, got a \
         longer one; {objects} indicators and observables were read before it"
    )]
    LongToken {
        /// [`crate::StixLimits::max_object_bytes`].
        limit: usize,
        /// The position of the token, in bytes from the input's start.
        offset: u64,
        /// The number of indicators and observables read before.
        objects: u64,
    },
    /// The input is XML, but no STIX package.
    #[error("expected a STIX_Package of STIX 1.0 to 1.2, got {got}")]
    NotPackage {
        /// The first element.
        got: String,
    },
    /// The input is JSON without STIX objects.
    #[error(
        "expected a STIX bundle, a TAXII envelope, STIX objects in an array or one STIX object, got {}{got}",
        kind.map(|kind| format!("{kind}: ")).unwrap_or_default()
    )]
    NotStix {
        /// The kind of JSON, if it is known.
        kind: Option<&'static str>,
        /// Its first characters.
        got: String,
    },
    /// The input is a kind of file that contains no indicators, or that cannot be read.
    #[error("expected a list of indicators or STIX, got {got}")]
    Foreign {
        /// The kind of file.
        got: Cow<'static, str>,
    },
    /// The input is JSON, but has no records where the preset expects them.
    #[error("expected JSON with records at {paths}, got other JSON")]
    NoRecords {
        /// The paths.
        paths: String,
    },
    /// The input is not the document of MISP that it should be.
    #[error("expected {expected}, got {got}")]
    Misp {
        /// The expected document.
        expected: &'static str,
        /// The part that does not fit.
        got: String,
    },
    /// The records have several columns that may contain the values.
    #[error(
        "expected one column of values, got {}; name the one that counts as the format: {}{suggestion}",
        columns.join(", "),
        columns.iter().map(|column| format!("{format}:{column}")).collect::<Vec<_>>().join(" or ")
    )]
    Ambiguous {
        /// The reader's name.
        format: &'static str,
        /// Columns that may hold values.
        columns: Vec<String>,
        /// Presets that fit the input, for people.
        suggestion: String,
    },
    /// The records have no column of values.
    #[error(
        "expected a column of values (value, indicator, ioc_value, url, domain, hostname, ip, \
         ip_address, dst_ip, md5, sha1 or sha256), got {}; the format `{format}:COLUMN` names \
         another one{suggestion}",
        shown(columns)
    )]
    NoValues {
        /// The reader's name.
        format: &'static str,
        /// All columns.
        columns: Vec<String>,
        /// Presets that fit the input, for people.
        suggestion: String,
    },
    /// The input is a bundle or envelope whose `objects` is not an array.
    #[error(
        "`objects`, byte {offset}: expected an array of STIX objects, got {got}; {objects} objects were read before it"
    )]
    NoArray {
        /// The position of the value, in bytes from the input's start.
        offset: u64,
        /// The type of the value.
        got: &'static str,
        /// The number of objects read before.
        objects: u64,
    },
    /// There are more indicators or markings than the limits allow.
    #[error("expected at most {limit} objects to keep, got more at byte {offset}")]
    TooMany {
        /// [`crate::StixLimits::max_kept`].
        limit: usize,
        /// The position of the first object beyond the limit, in bytes from the input's start.
        offset: u64,
    },
    /// There are more lines than can be numbered.
    #[error("expected at most {} lines, got more", u32::MAX)]
    TooManyLines,
}

/// Returns the first names of columns, as an error shows them.
fn shown(columns: &[String]) -> String {
    const SHOWN: usize = 20;
    let names: Vec<_> =
        columns.iter().take(SHOWN).map(|column| format!("{:?}", cut(column))).collect();
    names.join(", ")
}

impl FeedError {
    /// Returns whether the input is valid but somebody must choose one of its columns.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, FeedError::Ambiguous { .. })
    }

    /// Returns whether the input is not a feed at all, so that another attempt is useless.
    pub fn is_foreign(&self) -> bool {
        matches!(
            self,
            FeedError::Foreign { .. }
                | FeedError::NotStix { .. }
                | FeedError::NotPackage { .. }
                | FeedError::NoRecords { .. }
                | FeedError::NoValues { .. }
        )
    }
}
