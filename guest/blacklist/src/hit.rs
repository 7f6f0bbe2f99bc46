//! The result of a look-up.

use std::fmt;

/// The way in which an entry covers an observable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum How {
    /// Both are equal: the same host, address, digest or email address.
    Exact = 0,
    /// The observable's host is below the listed domain.
    Subdomain = 1,
    /// The address is in a listed network.
    Cidr = 2,
    /// The address is in a listed range that is not a network.
    Range = 3,
    /// Host, path and effective port are equal, and so is the query if the entry has one.
    Url = 4,
    /// The URL's path begins with all path segments of an entry in prefix mode.
    UrlPrefix = 5,
    /// Host, path and port are equal. The entry has a query, but the log does not record queries: a
    /// partial match.
    UrlQueryUnlogged = 6,
    /// The observable is the listed host or below it, but it is a word of free text that is
    /// probably a file name: a partial match.
    FileName = 7,
}

impl How {
    /// All variants, in the order of their numbers.
    pub const ALL: [How; 8] = [
        How::Exact,
        How::Subdomain,
        How::Cidr,
        How::Range,
        How::Url,
        How::UrlPrefix,
        How::UrlQueryUnlogged,
        How::FileName,
    ];

    /// The name in output and documents.
    pub fn name(self) -> &'static str {
        match self {
            How::Exact => "exact",
            How::Subdomain => "subdomain",
            How::Cidr => "cidr",
            How::Range => "range",
            How::Url => "url",
            How::UrlPrefix => "url_prefix",
            How::UrlQueryUnlogged => "url_query_unlogged",
            How::FileName => "file_name",
        }
    }

    /// Returns whether the match is partial: the log does not record enough to be sure. Partial
    /// matches are ignored unless the user asks for them.
    pub fn is_partial(self) -> bool {
        matches!(self, How::UrlQueryUnlogged | How::FileName)
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An entry that covers an observable of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// The observable's index in the batch, from 0.
    pub observable: u32,
    /// The entry's number in the blacklist.
    pub entry: u32,
    /// The way in which the entry covers the observable.
    pub how: How,
    /// The allow-list entry that suppresses this hit. It is at least as specific as the hit.
    pub allowed_by: Option<u32>,
}

/// Maximum number of entries in the answer for one observable; the most specific ones are kept.
pub const MAX_HITS_PER_OBSERVABLE: usize = 256;

/// The specificity of an entry for an observable. Whole-value entries come first, then narrower
/// ones. Greater is more specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Specificity {
    whole: bool,
    narrow: u128,
}

impl Specificity {
    /// A host at or below a listed name of this many bytes.
    pub(crate) fn name(bytes: usize) -> Specificity {
        Specificity { whole: false, narrow: bytes as u128 }
    }

    /// An address in a range of `span + 1` addresses.
    pub(crate) fn range(span: u128) -> Specificity {
        Specificity { whole: false, narrow: u128::MAX - span }
    }

    /// A URL, digest or email address of which this many bytes are listed.
    pub(crate) fn whole(bytes: usize) -> Specificity {
        Specificity { whole: true, narrow: bytes as u128 }
    }
}

/// A hit in one set, before the allow-list is applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) specificity: Specificity,
    pub(crate) entry: u32,
    pub(crate) how: How,
}
