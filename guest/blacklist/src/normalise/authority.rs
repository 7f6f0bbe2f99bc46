//! Authorities, `[userinfo@]host[:port]` (RFC 3986, section 3.2), as logs contain them.

use std::borrow::Cow;

use super::host::write_name;
use super::refang::refang_host;
use super::{Target, address};

/// The parts of an authority, as logged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    pub(super) host: &'a [u8],
    /// `None` without a port; `Some(None)` if the text after the colon is not a port.
    pub(super) port: Option<Option<u16>>,
}

/// Splits an authority into host and port and drops the userinfo. The last `@` ends the userinfo,
/// as in the WHATWG URL standard.
pub(super) fn split(authority: &[u8]) -> Authority<'_> {
    let host_port = match authority.iter().rposition(|&b| b == b'@') {
        Some(at) => &authority[at + 1..],
        None => authority,
    };
    if host_port.first() == Some(&b'[')
        && let Some(end) = host_port.iter().position(|&b| b == b']')
        && host_port[..end].contains(&b':')
    {
        let port = host_port[end + 1..].strip_prefix(b":").and_then(port);
        return Authority { host: &host_port[..=end], port };
    }
    let mut colons = host_port.iter().enumerate().filter(|(_, b)| **b == b':');
    match (colons.next(), colons.next()) {
        (Some((colon, _)), None) => {
            Authority { host: &host_port[..colon], port: port(&host_port[colon + 1..]) }
        }
        // No colon, or several: a bare IPv6 address.
        _ => Authority { host: host_port, port: None },
    }
}

/// Returns an authority with its host in lower case and A-labels, and the rest as given.
#[cfg(feature = "host")]
pub(crate) fn normal_authority(authority: &str) -> String {
    let host = split(authority.as_bytes()).host;
    let (before, after) =
        match authority.as_bytes().windows(host.len().max(1)).rposition(|w| w == host) {
            Some(at) => (&authority[..at], &authority[at + host.len()..]),
            None => return authority.to_ascii_lowercase(),
        };
    let mut name = Vec::new();
    write_name(host, &mut name);
    format!("{before}{}{after}", String::from_utf8_lossy(&name))
}

/// Returns the port that an observable itself names: in `host:port`, or by the scheme of a URL.
#[cfg(feature = "host")]
pub(crate) fn observed_port(value: &[u8]) -> Option<u16> {
    let value = value.trim_ascii();
    let (scheme, rest) = super::url::split_scheme(value);
    let end = rest.iter().position(|&b| super::url::ends_authority(b)).unwrap_or(rest.len());
    match (split(&rest[..end]).port, scheme) {
        (Some(port), _) => port,
        (None, Some(scheme)) => match scheme.to_ascii_lowercase().as_slice() {
            b"http" | b"ws" => Some(80),
            b"https" | b"wss" => Some(443),
            b"ftp" => Some(21),
            _ => None,
        },
        (None, None) => None,
    }
}

/// Reads a port. An empty port counts as no port (RFC 3986, section 6.2.3).
fn port(digits: &[u8]) -> Option<Option<u16>> {
    if digits.is_empty() {
        return None;
    }
    let short = Some(digits).filter(|digits| digits.len() <= 5);
    Some(short.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()))
}

/// Reads a host field: a name or an address, with or without a port. Addresses must be in strict
/// form.
pub(super) fn read_host(target: &mut Target, value: &[u8]) {
    target.address = address::parse_strict(value);
    if target.address.is_none() {
        let defanged = defanged(value);
        let parts = split(&defanged);
        // A trailing dot is accepted after an address too. Fields that must hold an address do not
        // accept it.
        target.address = address::parse_strict(parts.host.strip_suffix(b".").unwrap_or(parts.host));
        if target.address.is_none() {
            target.host_cut = write_name(parts.host, &mut target.host);
        }
    }
}

/// Reads the host of a URL. It is percent-decoded, and addresses may have any form that the WHATWG
/// URL standard's IPv4 parser accepts.
pub(super) fn read_url_host(target: &mut Target, host: &[u8]) {
    let decoded = percent_decoded(host);
    let host = decoded.as_ref();
    target.address = address::parse_strict(host);
    if target.address.is_some() {
        return;
    }
    target.host_cut = write_name(host, &mut target.host);
    if address::ends_in_a_number(&target.host) && !target.host_cut {
        target.address = address::parse_loose_v4(&target.host).map(Into::into);
        if target.address.is_some() {
            target.host.clear();
        }
    }
}

/// Returns the authority with its dots refanged, if they were defanged. An IPv6 address in brackets
/// has no dots to refang.
pub(super) fn defanged(authority: &[u8]) -> Cow<'_, [u8]> {
    if !authority.iter().any(|b| matches!(b, b'[' | b'(' | b'{')) {
        return Cow::Borrowed(authority);
    }
    match std::str::from_utf8(authority) {
        Ok(text) => match refang_host(text) {
            Cow::Borrowed(_) => Cow::Borrowed(authority),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        Err(_) => Cow::Borrowed(authority),
    }
}

fn percent_decoded(host: &[u8]) -> Cow<'_, [u8]> {
    // An address in brackets keeps the `%25` of its zone identifier (RFC 6874). The address parser
    // drops the zone.
    if !host.contains(&b'%') || host.first() == Some(&b'[') {
        return Cow::Borrowed(host);
    }
    let mut out = Vec::with_capacity(host.len());
    let mut rest = host;
    while let Some((&byte, tail)) = rest.split_first() {
        match triplet(rest) {
            Some(decoded) => {
                out.push(decoded);
                rest = &rest[3..];
            }
            None => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(out)
}

/// Returns the byte that a percent-encoded triplet at the start of `text` encodes (RFC 3986,
/// section 2.1).
pub(super) fn triplet(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    Some((digit(high)? * 16 + digit(low)?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observable::Kind;

    #[test]
    fn authorities_are_cut() {
        let cut = |text: &'static str| {
            let parts = split(text.as_bytes());
            (std::str::from_utf8(parts.host).unwrap(), parts.port)
        };
        assert_eq!(cut("evil.com"), ("evil.com", None));
        assert_eq!(cut("evil.com:8080"), ("evil.com", Some(Some(8080))));
        assert_eq!(cut("evil.com:"), ("evil.com", None));
        assert_eq!(cut("evil.com:x"), ("evil.com", Some(None)));
        assert_eq!(cut("evil.com:99999"), ("evil.com", Some(None)));
        assert_eq!(cut("good.com:80@evil.com"), ("evil.com", None));
        assert_eq!(cut("a@b@evil.com:1"), ("evil.com", Some(Some(1))));
        assert_eq!(cut("[2001:db8::1]:443"), ("[2001:db8::1]", Some(Some(443))));
        assert_eq!(cut("[2001:db8::1]"), ("[2001:db8::1]", None));
        assert_eq!(cut("2001:db8::1"), ("2001:db8::1", None));
    }

    #[test]
    fn observables_name_ports() {
        for (text, want) in [
            ("evil.com:8080", Some(8080)),
            ("1.2.3.4:53", Some(53)),
            ("[2001:db8::1]:443", Some(443)),
            ("2001:db8::1", None),
            ("http://evil.com/a:9", Some(80)),
            ("HTTPS://user:1@evil.com", Some(443)),
            ("http://1.2.3.4:81/", Some(81)),
            ("evil.com/a:9", None),
            ("gopher://evil.com/", None),
            ("evil.com", None),
            ("evil.com:99999", None),
        ] {
            assert_eq!(observed_port(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn hosts_and_addresses() {
        let read = |kind: Kind, text: &str| {
            let mut target = Target::new();
            target.read(kind, text.as_bytes());
            (String::from_utf8(target.host).unwrap(), target.address.map(|a| a.to_string()))
        };
        let name = |text: &str| (text.to_owned(), None);
        let address = |text: &str| (String::new(), Some(text.to_owned()));
        assert_eq!(read(Kind::Host, "WWW.evil.com.:8080"), name("www.evil.com"));
        assert_eq!(read(Kind::Host, "www[.]evil[.]com"), name("www.evil.com"));
        assert_eq!(read(Kind::Host, "::ffff:1.2.3.4"), address("1.2.3.4"));
        assert_eq!(read(Kind::Host, "[2001:db8::1]:443"), address("2001:db8::1"));
        assert_eq!(read(Kind::Host, "0177.0.0.1"), name("0177.0.0.1"));
        assert_eq!(read(Kind::Url, "http://0177.0.0.1/"), address("127.0.0.1"));
        assert_eq!(read(Kind::Url, "http://user:pass@%65vil.com:80/"), name("evil.com"));
        assert_eq!(read(Kind::Url, "evil.com:443"), name("evil.com"));
        assert_eq!(read(Kind::Url, "[fe80::1%25eth0]:443"), address("fe80::1"));
        assert_eq!(read(Kind::Any, "1.2.3.4:80"), address("1.2.3.4"));
        assert_eq!(read(Kind::Any, "1.2.3.4."), address("1.2.3.4"));
        assert_eq!(read(Kind::Address, "1.2.3.4."), name(""));
        assert_eq!(read(Kind::Email, "Bob@EVIL.com"), name("evil.com"));
    }
}
