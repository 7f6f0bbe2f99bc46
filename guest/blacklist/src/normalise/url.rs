//! URLs: `host[:port]/path[?query]`, the form in which they are listed and looked up.
//!
//! http and https are the same, and their ports 80 and 443 are left out. URLs of other schemes keep
//! the effective port. Userinfo and fragment are dropped. Dot segments are resolved (RFC 3986,
//! section 5.2.4). Percent-encoded unreserved characters are decoded and other triplets are written
//! in upper case (section 6.2.2). Characters that a URL must not contain are encoded as in the
//! WHATWG URL standard. A percent sign that does not begin a triplet is encoded too. Otherwise
//! decoding the text after it could make it begin one, as in `%4%31`.

use std::io::Write as _;
use std::net::IpAddr;

use super::Target;
use super::authority::{self, triplet};

/// The longest text that is accepted as a scheme, in bytes.
const MAX_SCHEME_BYTES: usize = 32;

/// Reads a URL with a scheme, `//host/path`, `host/path`, or the `host:port` of a CONNECT request.
/// The last has no path, and so the target gets no URL.
pub(super) fn read(target: &mut Target, value: &[u8]) {
    let (scheme, rest) = split_scheme(value);
    let end = rest.iter().position(|&b| ends_authority(b)).unwrap_or(rest.len());
    let (whole_authority, tail) = rest.split_at(end);
    let refanged = authority::defanged(whole_authority);
    let parts = authority::split(&refanged);
    authority::read_url_host(target, parts.host);
    if target.host_cut || (target.host.is_empty() && target.address.is_none()) {
        return;
    }
    // Decoded, `a%2fb` would look like the host `a` with a path. No real URL has such a host.
    if target.host.iter().any(|&byte| is_forbidden_in_host(byte)) {
        return;
    }
    let (Some(port), false) =
        (effective_port(scheme, parts.port), scheme.is_none() && tail.is_empty())
    else {
        return;
    };
    write_host(target, port);
    write_path_and_query(target, tail);
}

/// Returns whether a byte ends a URL's authority: RFC 3986, section 3.2, and the backslash as in
/// the WHATWG URL standard.
#[inline(always)]
pub(crate) fn ends_authority(byte: u8) -> bool {
    matches!(byte, b'/' | b'?' | b'#' | b'\\')
}

/// Returns whether a byte is a forbidden host code point of the WHATWG URL standard that would be
/// misread in a written URL.
pub(crate) fn is_forbidden_in_host(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\' | b'?' | b'#' | b'@' | b':' | b'[' | b']' | b'%')
}

/// The port of a URL.
enum Port {
    Web,
    Other(u16),
}

/// Returns the port that a URL leads to, or `None` if it is unknown. A URL with an unknown port
/// matches nothing.
fn effective_port(scheme: Option<&[u8]>, port: Option<Option<u16>>) -> Option<Port> {
    let port = match port {
        Some(Some(80 | 443)) => return Some(Port::Web),
        Some(Some(port)) => return Some(Port::Other(port)),
        Some(None) => return None,
        None => scheme.unwrap_or(b"http"),
    };
    match port.to_ascii_lowercase().as_slice() {
        b"http" | b"https" | b"ws" | b"wss" => Some(Port::Web),
        b"ftp" => Some(Port::Other(21)),
        _ => None,
    }
}

pub(super) fn split_scheme(value: &[u8]) -> (Option<&[u8]>, &[u8]) {
    if let Some(rest) = value.strip_prefix(b"//") {
        return (None, rest);
    }
    let head = &value[..value.len().min(MAX_SCHEME_BYTES + 3)];
    let Some(colon) = head.windows(3).position(|three| three == b"://") else {
        return (None, value);
    };
    let scheme = &head[..colon];
    let fits = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if fits { (Some(scheme), &value[colon + 3..]) } else { (None, value) }
}

fn write_host(target: &mut Target, port: Port) {
    // Writing to a vector cannot fail.
    let _ = match target.address {
        Some(IpAddr::V4(v4)) => write!(target.url, "{v4}"),
        Some(IpAddr::V6(v6)) => write!(target.url, "[{v6}]"),
        None => {
            target.url.extend_from_slice(&target.host);
            Ok(())
        }
    };
    if let Port::Other(port) = port {
        let _ = write!(target.url, ":{port}");
    }
}

fn write_path_and_query(target: &mut Target, tail: &[u8]) {
    let tail = &tail[..tail.iter().position(|&b| b == b'#').unwrap_or(tail.len())];
    let (path, query) = match tail.iter().position(|&b| b == b'?') {
        Some(mark) => (&tail[..mark], Some(&tail[mark + 1..])),
        None => (tail, None),
    };
    write_path(path, &mut target.url);
    target.url_path_end = target.url.len();
    match query {
        Some([]) => target.url_query_unlogged = true,
        Some(query) => {
            target.url.push(b'?');
            write_encoded(query, &mut target.url);
        }
        None => {}
    }
}

/// Writes the path's segments and resolves `.` and `..`, also if they are percent-encoded.
fn write_path(path: &[u8], out: &mut Vec<u8>) {
    let root = out.len();
    let path = match path.first() {
        Some(b'/' | b'\\') => &path[1..],
        _ => path,
    };
    let mut segments = path.split(|b| matches!(b, b'/' | b'\\')).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        out.push(b'/');
        let start = out.len();
        write_encoded(segment, out);
        match &out[start..] {
            b"." => out.truncate(start - 1),
            b".." => {
                out.truncate(start - 1);
                let parent =
                    out[root..].iter().rposition(|&b| b == b'/').map_or(root, |slash| root + slash);
                out.truncate(parent);
            }
            _ => continue,
        }
        // `/a/.` and `/a/b/..` name the folder itself.
        if last {
            out.push(b'/');
        }
    }
}

/// Writes text in normal form: triplets of unreserved characters (RFC 3986, section 2.3) are
/// decoded, others are in upper case, and forbidden characters are encoded.
fn write_encoded(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let (byte, encoded) = match triplet(&text[text.len() - tail.len() - 1..]) {
            Some(decoded) => {
                rest = &tail[2..];
                (decoded, true)
            }
            None => (byte, false),
        };
        let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if unreserved || (!encoded && byte.is_ascii_graphic() && byte != b'%') {
            out.push(byte);
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            out.extend_from_slice(&[
                b'%',
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observable::Kind;

    fn key(text: &str) -> String {
        let mut target = Target::new();
        target.read(Kind::Url, text.as_bytes());
        String::from_utf8(target.url).unwrap()
    }

    #[test]
    fn urls_take_one_form() {
        for (text, want) in [
            ("http://Evil.com", "evil.com/"),
            ("https://evil.com/", "evil.com/"),
            ("http://evil.com:80/a", "evil.com/a"),
            ("http://evil.com:443/a", "evil.com/a"),
            ("https://evil.com:8443/a", "evil.com:8443/a"),
            ("ftp://evil.com/a", "evil.com:21/a"),
            ("evil.com/a/b?c=d#e", "evil.com/a/b?c=d"),
            ("//evil.com/a", "evil.com/a"),
            ("http://user:pw@evil.com/a", "evil.com/a"),
            ("http://evil.com?x", "evil.com/?x"),
            ("http://evil.com/a?", "evil.com/a"),
            ("http://evil.com/a/../b/./c/..", "evil.com/b/"),
            ("http://evil.com/../../a", "evil.com/a"),
            ("http://evil.com/%2e%2E/a/%2e", "evil.com/a/"),
            ("http://evil.com//a//b", "evil.com//a//b"),
            ("http://evil.com/%7euser/%e9?q=%41%2f", "evil.com/~user/%E9?q=A%2F"),
            ("http://evil.com/\u{e9} x", "evil.com/%C3%A9%20x"),
            ("http://evil.com\\a\\b", "evil.com/a/b"),
            ("http://2130706433/a", "127.0.0.1/a"),
            ("http://[2001:DB8::1]:81/a", "[2001:db8::1]:81/a"),
            ("http://[::ffff:1.2.3.4]/a", "1.2.3.4/a"),
            ("http://www[.]evil[.]com/a", "www.evil.com/a"),
            ("http://evil.com./a", "evil.com/a"),
            ("http://evil.com/100%", "evil.com/100%25"),
            ("http://evil.com/%4%31?%%341", "evil.com/%2541?%2541"),
            ("HTTP://EVIL.com/A", "evil.com/A"),
            ("http://%65vil.com/a", "evil.com/a"),
        ] {
            assert_eq!(key(text), want, "{text}");
        }
    }

    #[test]
    fn texts_that_are_not_urls_give_none() {
        for text in [
            "evil.com:443",
            "evil.com",
            "gopher://evil.com/x",
            "http:///x",
            "http://evil.com:x/",
            "",
            "://",
            "/only/a/path",
            "http://a%2fb/x",
            "http://a%2541.com/",
            "http://user%40evil.com/",
        ] {
            assert_eq!(key(text), "", "{text}");
        }
    }

    #[test]
    fn a_bare_question_mark_is_an_unlogged_query() {
        let mut target = Target::new();
        target.read(Kind::Url, b"http://evil.com/a?");
        assert!(target.url_query_unlogged);
        target.read(Kind::Url, b"http://evil.com/a?b");
        assert!(!target.url_query_unlogged && target.url_path_end == "evil.com/a".len());
    }
}
