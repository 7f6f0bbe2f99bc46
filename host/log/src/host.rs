//! Hosts, addresses and URLs, read just enough to choose field names and kinds. The matcher decides
//! what a value means.

use threatsieve_blacklist::observable::Kind;

/// Returns the kind of a field's value that is a name or an address. No top-level domain has names
/// that begin and end in a digit and contain no colon, so two bytes decide.
#[inline]
pub(crate) fn kind(value: &[u8]) -> Kind {
    match value {
        [first, .., last] if first.is_ascii_digit() && last.is_ascii_digit() => Kind::Address,
        _ if memchr::memchr(b':', value).is_some() => Kind::Address,
        _ => Kind::Host,
    }
}

/// The ECS name for an end of a connection: `ip` for an address, `domain` for a name.
#[inline]
pub(crate) fn named(kind: Kind, ip: &'static str, domain: &'static str) -> &'static str {
    if kind == Kind::Address { ip } else { domain }
}

/// Returns whether a request target is an absolute URL: a scheme, then `://`.
#[inline]
pub(crate) fn is_absolute(target: &[u8]) -> bool {
    let scheme = target
        .iter()
        .take(32)
        .take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
        .count();
    scheme > 0 && target[0].is_ascii_alphabetic() && target[scheme..].starts_with(b"://")
}

/// Returns the host of a URL or of a CONNECT target, as written, without brackets. Only for
/// `url.domain`.
pub(crate) fn of_url(url: &[u8]) -> Option<&[u8]> {
    let rest = match memchr::memmem::find(url, b"://") {
        Some(at) => &url[at + 3..],
        None if url.starts_with(b"/") => return None,
        None => url,
    };
    let end = rest.iter().position(|b| b"/?#\\".contains(b)).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host = memchr::memrchr(b'@', authority).map_or(authority, |at| &authority[at + 1..]);
    if let Some(v6) = host.strip_prefix(b"[") {
        return memchr::memchr(b']', v6).map(|end| &v6[..end]);
    }
    let host = memchr::memchr(b':', host).map_or(host, |at| &host[..at]);
    (!host.is_empty()).then_some(host)
}

/// Passes on several parts as one value. It is built on the stack unless it is long.
pub(crate) fn joined(parts: &[&[u8]], sink: &mut impl FnMut(&[u8])) {
    const ON_STACK: usize = 512;
    let len: usize = parts.iter().map(|part| part.len()).sum();
    if len > ON_STACK {
        return sink(&parts.concat());
    }
    let mut buffer = [0; ON_STACK];
    let mut at = 0;
    for part in parts {
        buffer[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    sink(&buffer[..at]);
}

/// Passes on the URL of a request whose host, port and path were logged separately. With port 443
/// the scheme is https, so that the port is the default. An empty query ends the URL in a bare `?`:
/// the log has no queries.
pub(crate) fn request_url(
    host: &[u8],
    port: &[u8],
    path: &[u8],
    query: Option<&[u8]>,
    sink: &mut impl FnMut(&[u8]),
) {
    let scheme: &[u8] = if port == b"443" { b"https://" } else { b"http://" };
    let colon: &[u8] = if port.is_empty() { b"" } else { b":" };
    let mark: &[u8] = if query.is_some() { b"?" } else { b"" };
    let query = query.unwrap_or_default();
    // A bare IPv6 address needs brackets before a port.
    let bare_v6 = !host.starts_with(b"[") && memchr::memchr_iter(b':', host).nth(1).is_some();
    let (open, close): (&[u8], &[u8]) = if bare_v6 { (b"[", b"]") } else { (b"", b"") };
    joined(&[scheme, open, host, close, colon, port, path, mark, query], sink);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_form() {
        assert_eq!(kind(b"10.0.0.1"), Kind::Address);
        assert_eq!(kind(b"::1"), Kind::Address);
        assert_eq!(kind(b"2001:db8::abc"), Kind::Address);
        for name in ["pc-12", "host.example.com", "1-2-3-4.isp.example", "", "7"] {
            assert_eq!(kind(name.as_bytes()), Kind::Host, "{name}");
        }
    }

    #[test]
    fn hosts_of_urls() {
        for (url, host) in [
            ("http://www.evil.example:8098/a?", Some("www.evil.example")),
            ("http://[::1]:8098/six", Some("::1")),
            ("good.example:443", Some("good.example")),
            ("ftp://u:p@h.example/x@y", Some("h.example")),
            ("/index.html", None),
            ("http:///x", None),
            ("http://[::1", None),
        ] {
            assert_eq!(of_url(url.as_bytes()), host.map(str::as_bytes), "{url}");
        }
    }

    #[test]
    fn absolute_targets() {
        for (target, is) in [
            ("http://a/", true),
            ("wss://a", true),
            ("/http://a/", false),
            ("a.example:443", false),
            ("://a", false),
            ("", false),
            ("*", false),
            ("1http://a/", false),
        ] {
            assert_eq!(is_absolute(target.as_bytes()), is, "{target}");
        }
    }

    #[test]
    fn urls_are_put_together() {
        let url = |host: &str, port: &str, path: &str, query: Option<&str>| {
            let mut out = String::new();
            request_url(
                host.as_bytes(),
                port.as_bytes(),
                path.as_bytes(),
                query.map(str::as_bytes),
                &mut |url| {
                    out = String::from_utf8(url.to_vec()).unwrap();
                },
            );
            out
        };
        assert_eq!(url("a.example", "", "/x", None), "http://a.example/x");
        assert_eq!(url("a.example", "8080", "/x", Some("y=1")), "http://a.example:8080/x?y=1");
        assert_eq!(url("a.example", "443", "/", None), "https://a.example:443/");
        assert_eq!(url("2001:db8::1", "81", "/", None), "http://[2001:db8::1]:81/");
        assert_eq!(url("a.example", "", "/x", Some("")), "http://a.example/x?");
        let long = format!("/{}", "x".repeat(2000));
        assert_eq!(url("a.example", "", &long, None), format!("http://a.example{long}"));
    }
}
