//! The normalised values that indicators name and entries hold.

mod conjunction;
#[cfg(feature = "host")]
mod listed;
#[cfg(feature = "host")]
mod normal;
mod range;

use std::borrow::Cow;
use std::fmt;

#[cfg(feature = "host")]
pub(crate) use conjunction::write_file_name;
pub use conjunction::{
    Conjunction, ConjunctionError, ConjunctionPart, MAX_FILE_NAME_BYTES, MAX_PARTS,
};
#[cfg(feature = "host")]
pub use listed::{Listed, has_scheme};
pub use range::AddressRange;

use crate::normalise::{Target, refang};
use crate::observable::Kind;

/// The longest text that is read as a value, and the longest URL that is listed, in bytes.
pub const MAX_VALUE_BYTES: usize = 8 * 1024;

/// The hosts that a domain entry covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DomainMode {
    /// The host itself and every host below it.
    AtAndBelow = 0,
    /// The host itself only.
    Exact = 1,
    /// Only hosts below it: `*.x`, STIX `LIKE '%.x'`.
    Below = 2,
    /// The host itself and every host below it, asked for explicitly (`.x`), even if `x` is a
    /// private public suffix. An entry stores it as [`DomainMode::AtAndBelow`].
    Tree = 3,
}

/// The paths that a URL entry covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum UrlMode {
    /// The path itself.
    Exact = 0,
    /// The path, and every path that starts with all of its segments.
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

/// A normalised value of an indicator. Only the constructors make values, so every value can be an
/// entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A domain name: lower-case A-labels, no trailing dot.
    Domain(Box<str>, DomainMode),
    /// One address, a network or a range.
    Address(AddressRange),
    /// A URL.
    Url {
        /// `host[:port]/path[?query]` in normalised form. Look-ups compare it.
        key: Box<str>,
        /// The URL as the indicator writes it, refanged. Output shows it.
        shown: Box<str>,
        /// The paths it covers.
        mode: UrlMode,
    },
    /// A file digest.
    Hash(FileHash),
    /// An email address with its domain part in lower case.
    Email(Box<str>),
    /// Parts that only together say that an event is bad. It is no entry itself: its values are.
    All(Conjunction),
}

/// The reason why a text is not a value of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("expected {expected}, got {got:?}")]
pub struct Malformed {
    /// The accepted forms.
    pub expected: &'static str,
    /// The text, cut to its first 100 characters.
    pub got: String,
}

fn malformed(expected: &'static str, text: &str) -> Malformed {
    Malformed { expected, got: text.chars().take(100).collect() }
}

const DOMAIN: &str = "a domain name of at most 253 bytes in labels of 1 to 63";
const ADDRESS: &str = "an IPv4 or IPv6 address, a network `address/bits` or a range `first-last`";
const URL: &str = "a URL with a host and a known or given port, of at most 8192 bytes";
const HASH: &str = "an MD5, SHA-1 or SHA-256 digest in 32, 40 or 64 hexadecimal digits";
const EMAIL: &str = "an email address `local@domain`";

impl Value {
    /// Reads a domain name.
    pub fn domain(text: &str, mode: DomainMode) -> Result<Value, Malformed> {
        let refanged = fit(text, DOMAIN)?;
        // Characters that separate the parts of other values are not part of a name. The normaliser
        // of events would drop or keep some of them.
        let forbidden = |c: char| match c {
            '/' | '\\' | ':' | '@' | '?' | '#' | '%' | '*' | '[' | ']' | '(' | ')' | '{' | '}'
            | '<' | '>' => true,
            '"' | '\'' | '`' | ',' | ';' | '=' | '&' | '|' | '^' => true,
            c => c.is_whitespace() || c.is_control(),
        };
        let mut target = Target::new();
        if !refanged.contains(forbidden) {
            target.read(Kind::Host, refanged.as_bytes());
        }
        // A malformed range or address (`1.2.3.9-1`): no top-level domain consists of digits.
        let last = target.host.rsplit(|&b| b == b'.').next().unwrap_or_default();
        let numeric = last.iter().all(|b| b.is_ascii_digit() || *b == b'-');
        let labels_fit =
            target.host.split(|&b| b == b'.').all(|label| (1..=63).contains(&label.len()));
        match String::from_utf8(target.host) {
            Ok(name) if !target.host_cut && !numeric && labels_fit => {
                Ok(Value::Domain(name.into(), mode))
            }
            _ => Err(malformed(DOMAIN, text)),
        }
    }

    /// Reads an address, a network in CIDR notation (host bits are cleared), or a range
    /// `first-last`.
    pub fn address(text: &str) -> Result<Value, Malformed> {
        let refanged = fit(text, ADDRESS)?;
        AddressRange::parse(&refanged).map(Value::Address).ok_or_else(|| malformed(ADDRESS, text))
    }

    /// Reads a URL, with or without its scheme.
    pub fn url(text: &str, mode: UrlMode) -> Result<Value, Malformed> {
        let refanged = fit(text, URL)?;
        let mut target = Target::new();
        target.read(Kind::Url, refanged.as_bytes());
        if target.url.is_empty() && !refanged.contains("://") {
            target.read(Kind::Url, format!("//{refanged}/").as_bytes());
        }
        let key = String::from_utf8(target.url).unwrap_or_default();
        if key.is_empty() || key.len() > MAX_VALUE_BYTES || refanged.chars().any(char::is_control) {
            return Err(malformed(URL, text));
        }
        // A URL with a query matches as a whole. Only paths have segments that a prefix can end at.
        let mode = if key.contains('?') { UrlMode::Exact } else { mode };
        Ok(Value::Url { key: key.into(), shown: refanged.as_ref().into(), mode })
    }

    /// Reads an MD5, SHA-1 or SHA-256 digest. The length decides which.
    pub fn hash(text: &str) -> Result<Value, Malformed> {
        let refanged = fit(text, HASH)?;
        FileHash::from_hex(refanged.as_bytes())
            .map(Value::Hash)
            .ok_or_else(|| malformed(HASH, text))
    }

    /// Reads an email address.
    pub fn email(text: &str) -> Result<Value, Malformed> {
        let refanged = fit(text, EMAIL)?;
        let domain =
            refanged.rsplit_once('@').map(|(_, domain)| Value::domain(domain, DomainMode::Exact));
        let mut target = Target::new();
        target.read(Kind::Email, refanged.as_bytes());
        match String::from_utf8(target.email) {
            Ok(email)
                if !email.is_empty()
                    && matches!(domain, Some(Ok(_)))
                    && !email.contains(char::is_whitespace) =>
            {
                Ok(Value::Email(email.into()))
            }
            _ => Err(malformed(EMAIL, text)),
        }
    }
}

impl Value {
    /// Returns the hosts of the URLs in a value, as values that each cover only that host. An event
    /// may have a URL's host and its path in two fields.
    pub fn hosts_of_urls(&self) -> Vec<Value> {
        match self {
            Value::Url { key, .. } => host_of_key(key).into_iter().collect(),
            Value::All(parts) => parts.values().flat_map(Value::hosts_of_urls).collect(),
            _ => Vec::new(),
        }
    }
}

/// Returns the host of a URL's key, `host[:port]/path`.
fn host_of_key(key: &str) -> Option<Value> {
    let authority = key.split_once('/').map_or(key, |(authority, _)| authority);
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split_once(']')?.0,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    Value::address(host).or_else(|_| Value::domain(host, DomainMode::Exact)).ok()
}

/// Returns the text refanged and trimmed, if its length is accepted.
fn fit<'a>(text: &'a str, expected: &'static str) -> Result<Cow<'a, str>, Malformed> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_VALUE_BYTES {
        return Err(malformed(expected, text));
    }
    Ok(refang(text))
}

/// Writes the value as a list would.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Domain(name, DomainMode::Below) => write!(f, "*.{name}"),
            Value::Domain(name, _) => f.write_str(name),
            Value::Address(range) => range.fmt(f),
            Value::Url { shown, .. } => f.write_str(shown),
            Value::Hash(hash) => hash.fmt(f),
            Value::Email(email) => f.write_str(email),
            Value::All(parts) => parts.fmt(f),
        }
    }
}

impl FileHash {
    /// Reads 32, 40 or 64 hexadecimal digits in any case.
    pub fn from_hex(text: &[u8]) -> Option<FileHash> {
        match text.len() {
            32 => digest(text).map(FileHash::Md5),
            40 => digest(text).map(FileHash::Sha1),
            64 => digest(text).map(FileHash::Sha256),
            _ => None,
        }
    }

    /// The bytes of the digest.
    pub fn bytes(&self) -> &[u8] {
        match self {
            FileHash::Md5(bytes) => bytes,
            FileHash::Sha1(bytes) => bytes,
            FileHash::Sha256(bytes) => bytes,
        }
    }
}

fn digest<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let digit = |byte: u8| char::from(byte).to_digit(16);
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(bytes)
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
