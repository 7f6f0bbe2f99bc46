//! The values that indicators name, normalised: what an entry can be.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::normalise::{Target, parse_address, refang, unmap};
use crate::observable::Kind;

/// Longest text that is read as a value; also the longest URL that is listed.
pub const MAX_VALUE_BYTES: usize = 8 * 1024;

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
    /// The host itself and every host below it, said outright (`.x`): so even where `x` is a private public suffix. An entry keeps it as
    /// [`DomainMode::AtAndBelow`].
    Tree = 3,
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
    /// A URL.
    Url {
        /// `host[:port]/path[?query]`, as the normaliser writes it; what is compared.
        key: Box<str>,
        /// The URL as the indicator has it, refanged; what is shown.
        shown: Box<str>,
        /// Which paths it covers.
        mode: UrlMode,
    },
    /// A file digest.
    Hash(FileHash),
    /// An email address with its domain part in lower case.
    Email(Box<str>),
}

/// Why a text is no value of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("expected {expected}, got {got:?}")]
pub struct Malformed {
    /// What would have been taken.
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
const ANY: &str = "a domain, address, network, URL, file digest or email address";

impl Value {
    /// One domain name.
    pub fn domain(text: &str, mode: DomainMode) -> Result<Value, Malformed> {
        let refanged = fit(text, DOMAIN)?;
        // What separates the parts of other values is no part of a name, though the normaliser of events would drop or keep it.
        let forbidden = |c: char| match c {
            '/' | '\\' | ':' | '@' | '?' | '#' | '%' | '*' | '[' | ']' | '(' | ')' | '{' | '}' | '<'
            | '>' => true,
            '"' | '\'' | '`' | ',' | ';' | '=' | '&' | '|' | '^' => true,
            c => c.is_whitespace() || c.is_control(),
        };
        let mut target = Target::new();
        if !refanged.contains(forbidden) {
            target.read(Kind::Host, refanged.as_bytes());
        }
        let numeric =
            target.host.rsplit(|&b| b == b'.').next().is_some_and(|l| l.iter().all(u8::is_ascii_digit));
        let labels_fit = target.host.split(|&b| b == b'.').all(|label| (1..=63).contains(&label.len()));
        match String::from_utf8(target.host) {
            Ok(name) if !target.host_cut && !numeric && labels_fit => Ok(Value::Domain(name.into(), mode)),
            _ => Err(malformed(DOMAIN, text)),
        }
    }

    /// An address, a network in CIDR notation (host bits are cleared), or a range `first-last`.
    pub fn address(text: &str) -> Result<Value, Malformed> {
        let refanged = fit(text, ADDRESS)?;
        AddressRange::parse(&refanged).map(Value::Address).ok_or_else(|| malformed(ADDRESS, text))
    }

    /// A URL, with or without its scheme.
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
        // A query is part of the whole: only a path has segments to be a prefix of.
        let mode = if key.contains('?') { UrlMode::Exact } else { mode };
        Ok(Value::Url { key: key.into(), shown: refanged.as_ref().into(), mode })
    }

    /// An MD5, SHA-1 or SHA-256 digest, told apart by length.
    pub fn hash(text: &str) -> Result<Value, Malformed> {
        let refanged = fit(text, HASH)?;
        FileHash::from_hex(refanged.as_bytes()).map(Value::Hash).ok_or_else(|| malformed(HASH, text))
    }

    /// An email address.
    pub fn email(text: &str) -> Result<Value, Malformed> {
        let refanged = fit(text, EMAIL)?;
        let domain = refanged.rsplit_once('@').map(|(_, domain)| Value::domain(domain, DomainMode::Exact));
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

    /// One value of a plain list, its type told by its form. `.x` is a domain at and below `x`, `*.x` only below.
    pub fn from_list(text: &str, url: UrlMode) -> Result<Value, Malformed> {
        let refanged = fit(text, ANY)?;
        if let Some(hash) = FileHash::from_hex(refanged.as_bytes()) {
            return Ok(Value::Hash(hash));
        }
        if let Some(range) = AddressRange::parse(&refanged) {
            return Ok(Value::Address(range));
        }
        if let Some((host, rest)) = refanged.split_once('/')
            && parse_address(host.as_bytes()).is_some()
            && rest.bytes().all(|b| b.is_ascii_digit())
        {
            // A network with bits that no network has, not the URL of a page called `33`.
            return Err(malformed(ADDRESS, text));
        }
        if refanged.contains(['/', '?']) {
            return Value::url(text, url);
        }
        if refanged.contains('@') {
            return Value::email(text);
        }
        let (name, mode) = if let Some(name) = refanged.strip_prefix("*.") {
            (name, DomainMode::Below)
        } else if let Some(name) = refanged.strip_prefix('.') {
            (name, DomainMode::Tree)
        } else {
            (&*refanged, DomainMode::AtAndBelow)
        };
        Value::domain(name, mode).map_err(|_| malformed(ANY, text))
    }
}

/// The text refanged and without surrounding white space, if it is of a length that is read at all.
fn fit<'a>(text: &'a str, expected: &'static str) -> Result<Cow<'a, str>, Malformed> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_VALUE_BYTES {
        return Err(malformed(expected, text));
    }
    Ok(refang(text))
}

/// As a list would have it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Domain(name, DomainMode::Below) => write!(f, "*.{name}"),
            Value::Domain(name, _) => f.write_str(name),
            Value::Address(range) => range.fmt(f),
            Value::Url { shown, .. } => f.write_str(shown),
            Value::Hash(hash) => hash.fmt(f),
            Value::Email(email) => f.write_str(email),
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

    /// The digest's bytes.
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

impl AddressRange {
    /// The inclusive range between two addresses of one family, if they stand in order.
    pub fn new(first: IpAddr, last: IpAddr) -> Option<AddressRange> {
        (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(AddressRange { first, last })
    }

    /// Reads `address`, `address/bits` or `first-last`; IPv4-mapped networks are IPv4 ones.
    pub fn parse(text: &str) -> Option<AddressRange> {
        // Most texts that are tried are names: only what starts as an address can be one.
        if !text.starts_with(|c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '[')) {
            return None;
        }
        if let Some((first, last)) = text.split_once('-') {
            let strict = |text: &str| parse_address(text.trim().as_bytes());
            return AddressRange::new(strict(first)?, strict(last)?);
        }
        let Some((network, bits)) = text.split_once('/') else {
            let address = parse_address(text.as_bytes())?;
            return AddressRange::new(address, address);
        };
        if bits.is_empty() || bits.len() > 3 || !bits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        AddressRange::network(network.parse().ok()?, bits.parse().ok()?)
    }

    /// The network of that many leading bits around an address.
    fn network(address: IpAddr, bits: u32) -> Option<AddressRange> {
        let (address, bits) = match (address, unmap(address)) {
            (IpAddr::V6(_), v4 @ IpAddr::V4(_)) if bits >= 96 => (v4, bits - 96),
            _ => (address, bits),
        };
        let (first, last) = match address {
            IpAddr::V4(v4) if bits <= 32 => {
                let mask = u32::MAX.checked_shr(bits).unwrap_or(0);
                (Ipv4Addr::from(u32::from(v4) & !mask).into(), Ipv4Addr::from(u32::from(v4) | mask).into())
            }
            IpAddr::V6(v6) if bits <= 128 => {
                let mask = u128::MAX.checked_shr(bits).unwrap_or(0);
                (Ipv6Addr::from(u128::from(v6) & !mask).into(), Ipv6Addr::from(u128::from(v6) | mask).into())
            }
            _ => return None,
        };
        Some(AddressRange { first, last })
    }

    /// The first address.
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        self.last
    }

    /// The length of its prefix in bits, if it is a network.
    pub fn prefix_bits(&self) -> Option<u32> {
        let (first, last, width) = match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                (u128::from(u32::from(first)), u128::from(u32::from(last)), 32)
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => (u128::from(first), u128::from(last), 128),
            _ => return None,
        };
        let host_bits = first ^ last;
        // A network's addresses differ in all of the low bits and in nothing else.
        let network = host_bits & host_bits.wrapping_add(1) == 0 && first & host_bits == 0;
        network.then(|| width - host_bits.count_ones())
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix_bits() {
            _ if self.first == self.last => self.first.fmt(f),
            Some(bits) => write!(f, "{}/{bits}", self.first),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> String {
        match Value::from_list(text, UrlMode::Exact) {
            Ok(Value::Url { key, .. }) => format!("url {key}"),
            Ok(Value::Domain(name, mode)) => format!("{mode:?} {name}"),
            Ok(Value::Address(range)) => format!("address {range}"),
            Ok(Value::Hash(hash)) => format!("hash {hash}"),
            Ok(Value::Email(email)) => format!("email {email}"),
            Err(error) => format!("refused: {error}"),
        }
    }

    #[test]
    fn list_values_are_told_by_their_form() {
        for (text, want) in [
            ("Evil.COM.", "AtAndBelow evil.com"),
            (" evil[.]com ", "AtAndBelow evil.com"),
            (".evil.com", "Tree evil.com"),
            ("*.evil.com", "Below evil.com"),
            ("b\u{fc}cher.example", "AtAndBelow xn--bcher-kva.example"),
            ("1.2.3.4", "address 1.2.3.4"),
            ("1[.]2[.]3[.]4", "address 1.2.3.4"),
            ("1.2.3.4/24", "address 1.2.3.0/24"),
            ("1.2.3.4/32", "address 1.2.3.4"),
            ("1.2.3.0-1.2.3.255", "address 1.2.3.0/24"),
            ("1.2.3.1 - 1.2.3.9", "address 1.2.3.1-1.2.3.9"),
            ("2001:DB8::/32", "address 2001:db8::/32"),
            ("::ffff:1.2.3.0/120", "address 1.2.3.0/24"),
            ("hxxp://evil.com/a", "url evil.com/a"),
            ("http://evil.com", "url evil.com/"),
            ("evil.com/a", "url evil.com/a"),
            ("D41D8CD98F00B204E9800998ECF8427E", "hash d41d8cd98f00b204e9800998ecf8427e"),
            ("Bob@Evil.com", "email Bob@evil.com"),
        ] {
            assert_eq!(list(text), want, "{text}");
        }
    }

    #[test]
    fn what_fits_no_type_is_refused() {
        for text in [
            "",
            "1.2.3.4/33",
            "1.2.3.9-1.2.3.1",
            "1.2.3",
            "a..b",
            "evil com",
            "<evil.com>",
            "*",
            ".",
            "evil.*",
            "http://",
            "@evil.com",
            "a b@evil.com",
            "evil.com:80:90",
        ] {
            assert!(list(text).starts_with("refused: expected"), "{text}: {}", list(text));
        }
        assert!(Value::domain(&"a.".repeat(200), DomainMode::Exact).is_err());
        assert!(Value::domain(&format!("{}.com", "a".repeat(64)), DomainMode::Exact).is_err());
        assert!(
            Value::url(&format!("http://e.com/{}", "a".repeat(MAX_VALUE_BYTES)), UrlMode::Exact).is_err()
        );
    }
}
