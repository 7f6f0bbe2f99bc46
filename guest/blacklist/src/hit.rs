//! What a look-up answers.

use std::fmt;

/// How an entry covers an observable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum How {
    /// They are equal: the same host, address, digest or email address.
    Exact = 0,
    /// The observable's host lies below the listed domain.
    Subdomain = 1,
    /// The address lies in a listed network.
    Cidr = 2,
    /// The address lies in a listed range that is no network.
    Range = 3,
    /// Same host, path and effective port, and the same query where the entry has one.
    Url = 4,
    /// The URL's path begins with the whole segments of an entry that covers prefixes.
    UrlPrefix = 5,
    /// Same host, path and port, but the entry has a query, and the log does not tell the event's: a partial match.
    UrlQueryUnlogged = 6,
    /// The observable is the listed host or below it, but it is a word of free text that is mostly
    /// a file's name: a partial match.
    FileName = 7,
}

impl How {
    /// All ways, in the order of their numbers.
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

    /// Whether the log does not tell enough for a match: it neither flags nor counts unless asked for.
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
    /// The observable's place in the batch, from 0.
    pub observable: u32,
    /// The entry's number in the blacklist.
    pub entry: u32,
    /// How it covers the observable.
    pub how: How,
    /// The allow-list's entry, of equal or greater specificity, that suppresses this hit.
    pub allowed_by: Option<u32>,
}

/// Entries that one observable is answered with at most; the most specific ones are kept.
pub const MAX_HITS_PER_OBSERVABLE: usize = 256;

/// How closely an entry describes an observable: first what of it is described, then how narrowly. Greater is more specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Specificity {
    whole: bool,
    narrow: u128,
}

impl Specificity {
    /// A host name below or at a listed name of so many bytes.
    pub(crate) fn name(bytes: usize) -> Specificity {
        Specificity { whole: false, narrow: bytes as u128 }
    }

    /// An address in a range of `span + 1` addresses.
    pub(crate) fn range(span: u128) -> Specificity {
        Specificity { whole: false, narrow: u128::MAX - span }
    }

    /// A URL, digest or email address of which so many bytes are listed.
    pub(crate) fn whole(bytes: usize) -> Specificity {
        Specificity { whole: true, narrow: bytes as u128 }
    }
}

/// A hit within one set, before the allow-list is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) specificity: Specificity,
    pub(crate) entry: u32,
    pub(crate) how: How,
}
