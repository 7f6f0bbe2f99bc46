//! Turns the values of named fields into observables; shared by NDJSON and Zeek.

use memchr::memchr;
use threatsieve_blacklist::observable::Kind;

use crate::fields::{GROUPS, Group, Role};
use crate::{combined, endpoints, host, text};

/// The parts of one request's URL that were seen so far.
#[derive(Clone, Copy, Default)]
struct Parts<'a> {
    host: &'a [u8],
    port: &'a [u8],
    /// Path, or path and query, with the name of its field.
    target: Option<(&'a str, &'a [u8])>,
    path: Option<(&'a str, &'a [u8])>,
    query: Option<&'a [u8]>,
    /// The complete URL was seen.
    whole: bool,
}

/// Collects the values of one event for the sink.
#[derive(Default)]
pub(crate) struct Observer<'a> {
    parts: [Parts<'a>; GROUPS],
}

impl<'a> Observer<'a> {
    /// Adds one value of a field.
    pub(crate) fn value(
        &mut self,
        name: &'a str,
        role: Role,
        value: &'a [u8],
        sink: &mut impl FnMut(&str, Kind, &[u8]),
    ) {
        if value.is_empty() || value == b"-" {
            return;
        }
        match role {
            Role::Value(Kind::Email) => emails(value, &mut |email| sink(name, Kind::Email, email)),
            // Certificate fingerprints are written as `aa:bb:...`.
            Role::Value(Kind::Hash) if memchr(b':', value).is_some() => {
                let digits: Vec<u8> = value.iter().copied().filter(|&b| b != b':').collect();
                sink(name, Kind::Hash, &digits);
            }
            Role::Value(kind @ (Kind::Address | Kind::Host)) => {
                endpoints::walk(value, kind, &mut |kind, value| sink(name, kind, value));
            }
            Role::Value(Kind::Any)
                if endpoints::is_list(value) && memchr(b'/', value).is_none() =>
            {
                text::walk(value, &mut |kind, found| sink(name, kind, found));
            }
            Role::Value(kind) => sink(name, kind, value),
            Role::Text => text::walk(value, &mut |kind, found| sink(name, kind, found)),
            Role::UrlHost(group) => {
                self.of(group).host = value;
                sink(name, Kind::Host, value);
            }
            Role::UrlTarget(group) if value.starts_with(b"/") => {
                self.of(group).target = Some((name, value))
            }
            Role::UrlTarget(group) => {
                self.of(group).whole = true;
                sink(name, Kind::Url, value);
            }
            Role::UrlRequest(group) => self.request(name, group, value, sink),
            Role::UrlPath(group) => self.of(group).path = Some((name, value)),
            Role::UrlPathOnly(group) => {
                let parts = self.of(group);
                parts.path = Some((name, value));
                parts.query = Some(b"");
            }
            Role::UrlQuery(group) => {
                self.of(group).query = Some(value.strip_prefix(b"?").unwrap_or(value));
            }
            Role::UrlPort(group) => self.of(group).port = value,
        }
    }

    /// Reads a request line: method, target and protocol.
    #[cold]
    fn request(
        &mut self,
        name: &'a str,
        group: Group,
        value: &'a [u8],
        sink: &mut impl FnMut(&str, Kind, &[u8]),
    ) {
        let (method, target, _) = combined::request(value);
        if target.starts_with(b"/") {
            self.of(group).target = Some((name, target));
        } else if !target.is_empty() && method == b"CONNECT" || host::is_absolute(target) {
            self.of(group).whole = true;
            sink(name, Kind::Url, target);
        } else {
            text::walk(value, &mut |kind, found| sink(name, kind, found));
        }
    }

    fn of(&mut self, group: Group) -> &mut Parts<'a> {
        &mut self.parts[group as usize]
    }

    /// Passes on the URLs that were logged in parts.
    pub(crate) fn finish(self, sink: &mut impl FnMut(&str, Kind, &[u8])) {
        for parts in self.parts {
            let query = if parts.target.is_some() { None } else { parts.query };
            let Some((name, path)) = parts.target.or(parts.path) else { continue };
            if parts.whole || parts.host.is_empty() {
                continue;
            }
            // A Host header may contain its port.
            let port = if has_port(parts.host) || parts.port == b"80" { b"" } else { parts.port };
            host::request_url(parts.host, port, path, query, &mut |url| sink(name, Kind::Url, url));
        }
    }
}

fn has_port(host: &[u8]) -> bool {
    match memchr::memrchr(b':', host) {
        Some(colon) => host[..colon].ends_with(b"]") || memchr(b':', &host[..colon]).is_none(),
        None => false,
    }
}

/// Passes on the addresses of a header field or envelope: `"Bob" <bob@a.example>, carol@b.example`,
/// `<bob@a.example>`.
fn emails(value: &[u8], sink: &mut impl FnMut(&[u8])) {
    for part in value.split(|&b| b == b',' || b == b';') {
        let inner = match (memchr::memrchr(b'<', part), memchr::memrchr(b'>', part)) {
            (Some(open), Some(close)) if open < close => &part[open + 1..close],
            _ => part.trim_ascii(),
        };
        // Some logs include the envelope's parameters or scheme: `mailto:x`, `FROM:<x>`.
        let inner = inner.strip_prefix(b"mailto:").unwrap_or(inner);
        if memchr(b'@', inner).is_some() && memchr(b' ', inner).is_none() {
            sink(inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_headers() {
        let found = |value: &str| {
            let mut out = Vec::new();
            emails(value.as_bytes(), &mut |email| {
                out.push(String::from_utf8(email.to_vec()).unwrap())
            });
            out
        };
        assert_eq!(
            found(r#""Smith, Bob" <bob@a.example>, carol@b.example"#),
            ["bob@a.example", "carol@b.example"]
        );
        assert_eq!(found("<>"), [""; 0]);
        assert_eq!(found("<bob@a.example>"), ["bob@a.example"]);
        assert_eq!(found("undisclosed recipients"), [""; 0]);
        assert_eq!(found("mailto:bob@a.example;x"), ["bob@a.example"]);
    }

    #[test]
    fn ports_of_hosts() {
        for (host, has) in [
            ("a.example", false),
            ("a.example:8", true),
            ("[::1]", false),
            ("[::1]:8", true),
            ("::1", false),
        ] {
            assert_eq!(has_port(host.as_bytes()), has, "{host}");
        }
    }
}
