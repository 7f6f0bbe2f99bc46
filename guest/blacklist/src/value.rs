//! The values that indicators name, normalised: what an entry can be.

use std::net::IpAddr;

/// Which hosts a domain entry covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DomainMode {
    /// The host itself and every host below it.
    AtAndBelow = 0,
    /// The host itself only.
    Exact = 1,
    /// Only hosts below it: `*.x`, STIX `LIKE '%.x'`.
    Below = 2,
}

/// Which paths a URL entry covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum UrlMode {
    /// The path itself.
    Exact = 0,
    /// The path and every path that has it as its first whole segments.
    Prefix = 1,
}

/// A file digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileHash {
    /// RFC 1321.
    Md5([u8; 16]),
    /// FIPS 180-4.
    Sha1([u8; 20]),
    /// FIPS 180-4.
    Sha256([u8; 32]),
}

/// An inclusive range of addresses of one family; a single address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    pub(crate) first: IpAddr,
    pub(crate) last: IpAddr,
}

/// One normalised value of an indicator. Made only by its constructors, so that whatever is here is fit to be an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A domain name: lower-case A-labels, no trailing dot.
    Domain(Box<str>, DomainMode),
    /// One address, a network or a range.
    Address(AddressRange),
    /// A URL without its scheme: `host[:port]/path[?query]`, as [`crate::normalise`] writes it.
    Url(Box<str>, UrlMode),
    /// A file digest.
    Hash(FileHash),
    /// An email address with its domain part in lower case.
    Email(Box<str>),
}
