//! Reads one value of a list. Its form decides its type; it may have a port.

use super::{
    ADDRESS, AddressRange, DomainMode, FileHash, Malformed, UrlMode, Value, fit, malformed,
};
use crate::normalise::parse_address;
use crate::suffix::has_known_suffix;

const ANY: &str = "a domain, address, network, URL, file digest or email address";
const PORT: &str = "a port of 1 to 65535 after the host";
const SHORT_HOST: &str =
    "a URL with its scheme, or one that starts with an address or a name of two labels or more";
const ONE_LABEL: &str = "a domain of two labels or more, or a public suffix";

/// A value of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The value, without its port.
    pub value: Value,
    /// The port of `address:port` and `host:port`. The port of a URL is part of the URL.
    pub port: Option<u16>,
}

impl Value {
    /// Reads one value of a plain list; its form decides its type. `.x` is a domain at and below
    /// `x`, `*.x` only below. A port is dropped; [`Listed::parse`] keeps it.
    pub fn from_list(text: &str, url: UrlMode) -> Result<Value, Malformed> {
        Listed::parse(text, url).map(|listed| listed.value)
    }

    /// Reads a domain with its mode, written as in a list: `.x` is at and below `x`, `*.x` only
    /// below.
    pub fn listed_domain(text: &str) -> Result<Value, Malformed> {
        let (name, mode) = match (text.strip_prefix("*."), text.strip_prefix('.')) {
            (Some(name), _) => (name, DomainMode::Below),
            (_, Some(name)) => (name, DomainMode::Tree),
            _ => (text, DomainMode::AtAndBelow),
        };
        Value::domain(name, mode)
    }
}

impl Listed {
    /// Reads one value of any type.
    ///
    /// A text without a scheme is a URL only if it starts with a whole address or a name of several
    /// labels: `tmp/evil.exe` and `1.2.3/24` are not URLs. A name of one label must be a public
    /// suffix: `Forbidden` is just a word.
    pub fn parse(text: &str, url: UrlMode) -> Result<Listed, Malformed> {
        let refanged = fit(text, ANY)?;
        let alone = |value| Ok(Listed { value, port: None });
        if let Some(hash) = FileHash::from_hex(refanged.as_bytes()) {
            return alone(Value::Hash(hash));
        }
        if let Some(range) = AddressRange::parse(&refanged) {
            return alone(Value::Address(range));
        }
        if refanged.contains(['/', '?']) {
            if !has_scheme(&refanged) {
                check_start(&refanged, text)?;
            }
            return alone(Value::url(text, url)?);
        }
        if refanged.contains('@') {
            return alone(Value::email(text)?);
        }
        if let Some((host, port)) = refanged.rsplit_once(':') {
            return with_port(host, port, text);
        }
        alone(domain(&refanged, text)?)
    }

    /// Reads a host or an address, with or without a port.
    pub fn host(text: &str) -> Result<Listed, Malformed> {
        let refanged = fit(text, ANY)?;
        if let Some(range) = AddressRange::parse(&refanged) {
            return Ok(Listed { value: Value::Address(range), port: None });
        }
        match refanged.rsplit_once(':') {
            Some((host, port)) => with_port(host, port, text),
            None => Ok(Listed { value: domain(&refanged, text)?, port: None }),
        }
    }
}

fn domain(name: &str, text: &str) -> Result<Value, Malformed> {
    let value = Value::listed_domain(name).map_err(|_| malformed(ANY, text))?;
    if let Value::Domain(name, DomainMode::AtAndBelow) = &value
        && !name.contains('.')
        && !has_known_suffix(name)
    {
        return Err(malformed(ONE_LABEL, text));
    }
    Ok(value)
}

/// Reads a host and a port. An IPv6 address with a port needs brackets: `::1:80` is an address
/// without a port.
fn with_port(host: &str, port: &str, text: &str) -> Result<Listed, Malformed> {
    let value = match parse_address(host.as_bytes()) {
        Some(address) => AddressRange::new(address, address).map(Value::Address),
        None if host.contains(':') => None,
        None => domain(host, text).ok(),
    };
    let value = value.ok_or_else(|| malformed(ANY, text))?;
    let digits = port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse() {
        Ok(port @ 1..) if digits => Ok(Listed { value, port: Some(port) }),
        _ => Err(malformed(PORT, text)),
    }
}

/// Returns whether a text starts with a scheme and `://` (RFC 3986, section 3.1).
pub fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

/// Checks that a text with a path and no scheme starts with a host.
fn check_start(refanged: &str, text: &str) -> Result<(), Malformed> {
    let end = refanged.find(['/', '?', '#', '\\']).unwrap_or(refanged.len());
    let (authority, rest) = refanged.split_at(end);
    if parse_address(authority.as_bytes()).is_some() {
        // An invalid network such as `1.2.3.4/33`, not the URL of a page called `33`.
        let tail = rest.split('#').next().unwrap_or_default().trim_matches('/');
        let is_mask = !tail.is_empty() && tail.bytes().all(|b| b"0123456789.:-".contains(&b));
        return if is_mask { Err(malformed(ADDRESS, text)) } else { Ok(()) };
    }
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    // `1.2.3.4:53/udp` is a port and its protocol.
    let is_protocol = host.len() < authority.len() && matches!(rest, "/tcp" | "/udp");
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_name = host.contains('.') && !last.bytes().all(|b| b.is_ascii_digit());
    if is_protocol || !(is_name || parse_address(host.as_bytes()).is_some()) || host.contains('@') {
        return Err(malformed(SHORT_HOST, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
