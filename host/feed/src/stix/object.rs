//! STIX objects in JSON: only the properties that are used, each still as text.

use std::borrow::Cow;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;
use threatsieve_blacklist::Timestamp;

use super::split::Limit;
use crate::text::cut;
use crate::time::rfc3339;

/// Reasons for rejecting an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// A property has an unexpected value, or is missing.
    #[error("{property}: expected {expected}, got {got}")]
    Property {
        /// The property's name.
        property: &'static str,
        /// The expected value.
        expected: &'static str,
        /// The value found, cut.
        got: String,
    },
    /// The input is JSON, but not a STIX object.
    #[error("expected a STIX object, got {got}")]
    Shape {
        /// The error, or the first characters.
        got: String,
    },
    /// The object is longer than [`crate::StixLimits::max_object_bytes`].
    #[error("expected an object of at most {limit} bytes, got a longer one")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The object is nested deeper than [`crate::StixLimits::max_depth`].
    #[error("expected an object of at most {limit} levels, got a deeper one")]
    TooDeep {
        /// The limit.
        limit: u32,
    },
    /// An indicator or observable of STIX 1.x has too many elements.
    #[error("expected an object of at most {limit} elements, got a larger one")]
    TooManyElements {
        /// The limit.
        limit: usize,
    },
}

impl ObjectError {
    /// The error's kind in a few words, for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            ObjectError::Property { .. } => "bad property",
            ObjectError::Shape { .. } => "not a STIX object",
            ObjectError::TooLong { .. } => "object too long",
            ObjectError::TooDeep { .. } => "object too deep",
            ObjectError::TooManyElements { .. } => "object too large",
        }
    }

    pub(super) fn beyond(limit: Limit, limits: &super::StixLimits) -> ObjectError {
        match limit {
            Limit::Bytes => ObjectError::TooLong { limit: limits.max_object_bytes },
            Limit::Depth => ObjectError::TooDeep { limit: limits.max_depth },
        }
    }
}

/// The properties of an indicator, marking definition, bundle or envelope. An object has only some
/// of them.
#[derive(Deserialize)]
pub(super) struct RawObject<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Raw<'a>,
    #[serde(borrow)]
    pub(super) id: Raw<'a>,
    #[serde(borrow)]
    pub(super) spec_version: Raw<'a>,
    #[serde(borrow)]
    pub(super) created: Raw<'a>,
    #[serde(borrow)]
    pub(super) modified: Raw<'a>,
    #[serde(borrow)]
    pub(super) revoked: Raw<'a>,
    #[serde(borrow)]
    pub(super) confidence: Raw<'a>,
    #[serde(borrow)]
    pub(super) name: Raw<'a>,
    #[serde(borrow)]
    pub(super) labels: Raw<'a>,
    #[serde(borrow)]
    pub(super) indicator_types: Raw<'a>,
    #[serde(borrow)]
    pub(super) pattern: Raw<'a>,
    #[serde(borrow)]
    pub(super) pattern_type: Raw<'a>,
    #[serde(borrow)]
    pub(super) valid_from: Raw<'a>,
    #[serde(borrow)]
    pub(super) valid_until: Raw<'a>,
    #[serde(borrow)]
    pub(super) object_marking_refs: Raw<'a>,
    #[serde(borrow)]
    pub(super) granular_markings: Raw<'a>,
    #[serde(borrow)]
    pub(super) definition_type: Raw<'a>,
    #[serde(borrow)]
    pub(super) definition: Raw<'a>,
    #[serde(borrow)]
    pub(super) extensions: Raw<'a>,
    #[serde(borrow)]
    pub(super) x_opencti_definition: Raw<'a>,
    /// The next four belong to threats and relationships.
    #[serde(borrow)]
    pub(super) external_references: Raw<'a>,
    #[serde(borrow)]
    pub(super) relationship_type: Raw<'a>,
    #[serde(borrow)]
    pub(super) source_ref: Raw<'a>,
    #[serde(borrow)]
    pub(super) target_ref: Raw<'a>,
    /// Belongs to reports.
    #[serde(borrow)]
    pub(super) object_refs: Raw<'a>,
    /// The next two belong to TAXII envelopes.
    #[serde(borrow)]
    pub(super) more: Raw<'a>,
    #[serde(borrow)]
    pub(super) next: Raw<'a>,
}

/// A property's JSON text, if the object has the property. `null` counts as absent.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// Reads a property that must have this type if it is present.
pub(super) fn read<'a, T: Deserialize<'a>>(
    raw: Raw<'a>,
    property: &'static str,
    expected: &'static str,
) -> Result<Option<T>, ObjectError> {
    raw.map(|raw| serde_json::from_str(raw.get()).map_err(|_| wrong(property, expected, raw.get())))
        .transpose()
}

pub(super) fn wrong(property: &'static str, expected: &'static str, got: &str) -> ObjectError {
    ObjectError::Property { property, expected, got: cut(got) }
}

/// A JSON string, borrowed unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

pub(super) fn text<'a>(
    raw: Raw<'a>,
    property: &'static str,
) -> Result<Option<Cow<'a, str>>, ObjectError> {
    Ok(read::<Text<'a>>(raw, property, "a string")?.map(|text| text.0))
}

pub(super) fn time(raw: Raw<'_>, property: &'static str) -> Result<Option<Timestamp>, ObjectError> {
    const EXPECTED: &str = "an RFC 3339 timestamp";
    let Some(text) = read::<Text<'_>>(raw, property, EXPECTED)? else { return Ok(None) };
    rfc3339(&text.0).map(Some).ok_or_else(|| wrong(property, EXPECTED, &text.0))
}

/// Finds JSON texts that may be an object of a used type. Most objects in many bundles are not, and
/// they cost no parsing. Type names are ASCII, so a type that is written with escapes contains
/// `\u00`.
pub(super) struct Used([Finder<'static>; 11]);

impl Used {
    pub(super) fn new() -> Self {
        let types = [
            "\"indicator\"",
            "\"relationship\"",
            "\"marking-definition\"",
            "\"malware\"",
            "\"tool\"",
            "\"threat-actor\"",
            "\"intrusion-set\"",
            "\"campaign\"",
            "\"attack-pattern\"",
            "\"report\"",
            "\\u00",
        ];
        Used(types.map(Finder::new))
    }

    pub(super) fn may_be_in(&self, object: &[u8]) -> bool {
        self.0.iter().any(|finder| finder.find(object).is_some())
    }
}

/// The position of a serde_json error in a text, in bytes.
pub(super) fn error_at(error: &serde_json::Error, bytes: &[u8]) -> usize {
    let line = match error.line().checked_sub(2) {
        None => 0,
        Some(before) => memchr::memchr_iter(b'\n', bytes).nth(before).map_or(0, |end| end + 1),
    };
    (line + error.column().saturating_sub(1)).min(bytes.len())
}
