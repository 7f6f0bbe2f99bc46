//! The two versions of TAXII that a collection may speak: 2.0 and 2.1. They are told apart by media
//! types, and differ in how pages are requested.

use std::fmt;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::feeds::http::text;

/// A version of TAXII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Version {
    #[serde(rename = "2.0")]
    V20,
    #[serde(rename = "2.1")]
    #[default]
    V21,
}

impl Version {
    pub(super) fn other(self) -> Version {
        match self {
            Version::V20 => Version::V21,
            Version::V21 => Version::V20,
        }
    }

    /// Returns the media type of resources such as API roots, manifests and statuses.
    pub(super) fn resource(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Version::V20 => "application/vnd.oasis.taxii+json; version=2.0",
            Version::V21 => "application/taxii+json;version=2.1",
        })
    }

    /// Returns the media type of objects: bundles in 2.0, envelopes in 2.1.
    pub(super) fn objects(self) -> HeaderValue {
        match self {
            Version::V20 => {
                HeaderValue::from_static("application/vnd.oasis.stix+json; version=2.0")
            }
            Version::V21 => self.resource(),
        }
    }

    /// Returns the version that an answer's media type names.
    pub(super) fn named(headers: &HeaderMap) -> Option<Version> {
        let kind = text(headers, CONTENT_TYPE)?.to_ascii_lowercase();
        if kind.starts_with("application/vnd.oasis.") {
            return Some(Version::V20);
        }
        kind.starts_with("application/taxii+json").then_some(Version::V21)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::V20 => "2.0",
            Version::V21 => "2.1",
        })
    }
}
