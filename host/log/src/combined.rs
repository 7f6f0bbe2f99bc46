//! The common and combined log formats of Apache, nginx and Squid.
//!
//! `[vhost[:port]] client ident user [time] "request" status bytes ["referrer" "user agent"
//! [more]]`.
//! Squid adds `TCP_MISS:HIER_DIRECT`, nginx's sample configuration the quoted `X-Forwarded-For`.
//! Instead of the client there may be a list of forwarded addresses that starts with the client.
//! Any other text before the time, and all text at the end, is searched as free text.

use memchr::memchr;
use serde_json::{Map, Value};
use threatsieve_blacklist::indicator::Timestamp;
use threatsieve_blacklist::observable::Kind;

use crate::ecs::Event;
use crate::format::Format;
use crate::host;
use crate::malformed::MalformedLine;
use crate::marks::Marks;
use crate::split::word;
use crate::{endpoints, syslog, text, time};

/// The field name for observables found elsewhere in the line.
const MESSAGE: &str = "message";
/// The length of `[22/Nov/2026:02:30:25 +0000] ` before the request.
const TIME_BYTES: usize = 29;

/// A line's fields as logged, without quotes and brackets.
struct Line<'a> {
    head: Head<'a>,
    time: &'a [u8],
    request: &'a [u8],
    status: &'a [u8],
    bytes: &'a [u8],
    referrer: &'a [u8],
    agent: &'a [u8],
    rest: &'a [u8],
}

fn missing(position: usize, field: &'static str, expected: &'static str) -> MalformedLine {
    MalformedLine::Field { format: Format::Combined, position, field, expected }
}

#[inline]
fn parse(line: &[u8]) -> Result<Line<'_>, MalformedLine> {
    let mut quotes = Marks::new(line, b'"');
    // A user name may be quoted. The request's quote is the one after the time.
    let open = quotes.find(|&quote| line[..quote].ends_with(b"] ")).ok_or(missing(
        5,
        "request",
        "`[time]`, then a quoted request",
    ))?;
    let front = &line[..open - 2];
    let bracket = match open.checked_sub(TIME_BYTES) {
        Some(at) if line[at] == b'[' => at,
        _ => memchr::memrchr(b'[', front).ok_or(missing(4, "time", "a time in brackets"))?,
    };
    let head = parse_head(&front[..bracket])?;
    let close = request_end(line, &mut quotes).ok_or(missing(
        5,
        "request",
        "a closing quote, then the status",
    ))?;
    let rest = line.get(close + 2..).unwrap_or_default();
    let (status, rest) = word(rest);
    if !matches!(status.first(), Some(b'0'..=b'9' | b'-')) {
        return Err(missing(6, "status", "a number"));
    }
    let (bytes, rest) = word(rest);
    if !matches!(bytes.first(), Some(b'0'..=b'9' | b'-')) {
        return Err(missing(7, "bytes", "a number or `-`"));
    }
    let mut fields = Line {
        head,
        time: &front[bracket + 1..],
        request: &line[open + 1..close],
        status,
        bytes,
        referrer: b"",
        agent: b"",
        rest,
    };
    fields.referrer = quoted(line, &mut fields.rest, &mut quotes);
    fields.agent = quoted(line, &mut fields.rest, &mut quotes);
    Ok(fields)
}

/// The part of a line before the time.
#[derive(Default)]
struct Head<'a> {
    vhost: Option<&'a [u8]>,
    client: &'a [u8],
    /// Further addresses after the client's, with the commas between them.
    forwarded: &'a [u8],
    /// `ident` and the user name, with the blank between them.
    names: &'a [u8],
    /// The whole part, if its fields cannot be recognised.
    unknown: &'a [u8],
}

/// Reads virtual host, client and names. The first word is a virtual host if the client follows: an
/// address, or a name followed by `-` for a missing ident.
#[inline]
fn parse_head(head: &[u8]) -> Result<Head<'_>, MalformedLine> {
    let (first, rest) = word(head);
    if first.is_empty() || rest.is_empty() {
        return Err(missing(1, "client", "client, ident and user"));
    }
    if rest.starts_with(b"- ") && first.last() != Some(&b',') {
        return Ok(Head { client: first, names: rest, ..Head::default() });
    }
    let (second, names) = word(rest);
    if first.last() == Some(&b',') || second.last() == Some(&b',') {
        return Ok(listed(head));
    }
    let third = word(names).0;
    if !third.is_empty() && (is_address(second) || third == b"-" && !word(names).1.is_empty()) {
        return Ok(Head { vhost: Some(first), client: second, names, ..Head::default() });
    }
    if is_address(first) || third.is_empty() {
        return Ok(Head { client: first, names: rest, ..Head::default() });
    }
    if syslog::split(head).is_some() {
        // The line is read without that header.
        return Err(missing(1, "client", "client, ident and user"));
    }
    Ok(Head { unknown: head, ..Head::default() })
}

/// Returns whether a word is an address, with or without a port.
fn is_address(word: &[u8]) -> bool {
    word.iter().all(|b| b.is_ascii_hexdigit() || b".:[]%".contains(b))
        && (memchr(b':', word).is_some() || memchr::memchr_iter(b'.', word).count() == 3)
}

/// Reads a list of addresses, with or without a virtual host before it. The first address is the
/// client's.
#[cold]
fn listed(head: &[u8]) -> Head<'_> {
    let (first, behind) = word(head);
    let (vhost, list) = match first.last() {
        Some(b',') => (None, head),
        _ => (Some(first), behind),
    };
    let mut rest = list;
    let client = loop {
        let (one, after) = word(rest);
        rest = after;
        if one.last() != Some(&b',') {
            break word(list).0;
        }
    };
    let forwarded = list[..list.len() - rest.len()].get(client.len()..).unwrap_or_default();
    let client = client.strip_suffix(b",").unwrap_or(client);
    Head { vhost, client, forwarded, names: rest, unknown: b"" }
}

/// Finds the next quote that ends the request: the status follows it. Squid does not escape quotes
/// in requests.
#[inline]
fn request_end(line: &[u8], quotes: &mut Marks<'_>) -> Option<usize> {
    quotes.find(|&quote| {
        matches!(line.get(quote + 1..), Some([b' ', b'0'..=b'9' | b'-', ..] | [b' '] | []))
            && !is_escaped(line, quote)
    })
}

/// Finds the next quote that ends a header: another quoted field follows, or no quote at all.
/// Apache and nginx escape quotes, Squid 5 does not.
#[inline]
fn header_end(line: &[u8], quotes: &mut Marks<'_>) -> Option<usize> {
    quotes.find(|&quote| {
        let ends = match &line[quote + 1..] {
            [] | [b' ', b'"', ..] => true,
            [b' ', rest @ ..] => memchr(b'"', rest).is_none() || is_tagged(rest),
            _ => false,
        };
        ends && !is_escaped(line, quote)
    })
}

/// Returns whether `key=value`, a number or `-` follows: appended fields, quoted or not.
#[cold]
fn is_tagged(rest: &[u8]) -> bool {
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let word = &rest[..rest.iter().take_while(|byte| is_key(byte)).count()];
    match rest.get(word.len()) {
        Some(b'=') => !word.is_empty(),
        Some(b' ') => {
            word == b"-"
                || !word.is_empty() && word.iter().all(|b| b.is_ascii_digit() || *b == b'.')
        }
        _ => false,
    }
}

#[inline]
fn is_escaped(line: &[u8], at: usize) -> bool {
    // Without the first test the backslashes would be counted for every quote.
    line[at - 1] == b'\\' && line[..at].iter().rev().take_while(|&&b| b == b'\\').count() % 2 == 1
}

/// Takes a quoted field from the front of `rest`; empty if there is none.
#[inline]
fn quoted<'a>(line: &'a [u8], rest: &mut &'a [u8], quotes: &mut Marks<'a>) -> &'a [u8] {
    if rest.first() != Some(&b'"') {
        return b"";
    }
    let open = line.len() - rest.len();
    let close = quotes.find(|&quote| quote == open).and_then(|_| header_end(line, quotes));
    // A field without a closing quote extends to the end of the line.
    let close = close.unwrap_or(line.len());
    *rest = line.get(close + 2..).unwrap_or_default();
    &line[open + 1..close]
}

/// Splits a request line into method, target and protocol. Blanks in the target belong to it.
#[inline]
pub(crate) fn request(text: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (method, rest) = word(text);
    let (target, protocol) = match rest.len().checked_sub(9) {
        // ` HTTP/1.1` has the usual length. Others have no dot (`HTTP/2`) or are missing
        // (HTTP/0.9).
        Some(at) if rest[at..].starts_with(b" HTTP/") => (&rest[..at], &rest[at + 1..]),
        _ => match memchr::memmem::rfind(rest, b" HTTP/") {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            // Squid's own text for a connection without a request.
            None => (rest.strip_suffix(b" NONE/0.0").unwrap_or(rest), &b""[..]),
        },
    };
    (method, target, protocol)
}

/// Passes on the URL, the client, the addresses it was forwarded for, the referrer, and the
/// observables in the rest of the line, in that order.
#[inline]
pub(crate) fn walk(
    line: &[u8],
    sink: &mut impl FnMut(&str, Kind, &[u8]),
) -> Result<(), MalformedLine> {
    let fields = parse(line)?;
    let (method, target, _) = request(fields.request);
    if method == b"CONNECT" || host::is_absolute(target) {
        if !target.is_empty() {
            sink("url.original", Kind::Url, target);
        }
        if let Some(vhost) = fields.head.vhost {
            sink("url.domain", Kind::Host, vhost);
        }
    } else if let Some(vhost) = fields.head.vhost {
        of_vhost(vhost, target, sink);
    }
    client(&fields.head, sink);
    let is_referred = !fields.referrer.is_empty() && fields.referrer != b"-";
    if !fields.rest.is_empty() && !is_squid(fields.rest) {
        rest(fields.rest, sink);
    }
    if is_referred {
        sink("http.request.referrer", Kind::Url, fields.referrer);
    }
    Ok(())
}

#[inline]
fn client(head: &Head<'_>, sink: &mut impl FnMut(&str, Kind, &[u8])) {
    if head.client != b"-" && !head.client.is_empty() {
        let mut is_first = true;
        endpoints::walk(head.client, Kind::Address, &mut |kind, value| {
            // Commas without blanks between them make a list too.
            let ip = if is_first { "source.ip" } else { "network.forwarded_ip" };
            is_first = false;
            // The client is a name if the server resolves addresses (`HostnameLookups`).
            let is_address = host::kind(value) == Kind::Address;
            let (name, kind) = if is_address { (ip, kind) } else { ("source.domain", Kind::Host) };
            sink(name, kind, value);
        });
    }
    if !head.forwarded.is_empty() {
        endpoints::walk(head.forwarded, Kind::Address, &mut |kind, value| {
            sink("network.forwarded_ip", kind, value);
        });
    }
    if !head.unknown.is_empty() {
        text::walk(head.unknown, &mut |kind, value| sink(MESSAGE, kind, value));
    }
}

/// Returns whether the text after the user agent is Squid's. It contains no observables.
#[inline]
fn is_squid(rest: &[u8]) -> bool {
    (rest.starts_with(b"TCP_") || rest.starts_with(b"NONE")) && memchr(b' ', rest).is_none()
}

/// Reads the text after the user agent: mostly the quoted `X-Forwarded-For`, then anything.
#[cold]
fn rest(text: &[u8], sink: &mut impl FnMut(&str, Kind, &[u8])) {
    let mut text = text;
    if let Some(inner) = text.strip_prefix(b"\"") {
        let end = memchr(b'"', inner).unwrap_or(inner.len());
        text::walk(&inner[..end], &mut |kind, value| {
            let is_address = kind == Kind::Address;
            sink(if is_address { "network.forwarded_ip" } else { MESSAGE }, kind, value);
        });
        text = &inner[end..];
    }
    text::walk(text, &mut |kind, value| sink(MESSAGE, kind, value));
}

/// Combines a path with its virtual host to a URL. Without a path (`OPTIONS *`, a broken request)
/// only the host counts.
fn of_vhost(vhost: &[u8], target: &[u8], sink: &mut impl FnMut(&str, Kind, &[u8])) {
    if target.first() != Some(&b'/') {
        return sink("url.domain", Kind::Host, vhost);
    }
    let (name, port) = match memchr::memrchr(b':', vhost) {
        Some(at) if vhost.last() != Some(&b']') => (&vhost[..at], &vhost[at + 1..]),
        _ => (vhost, &b""[..]),
    };
    host::request_url(name, port, target, None, &mut |url| sink("url.original", Kind::Url, url));
}

/// Returns the time at which the request came in (for Squid: ended).
pub(crate) fn time(line: &[u8]) -> Option<Timestamp> {
    time::common(parse(line).ok()?.time)
}

/// Returns the line in ECS, with `squid.*` for Squid's additions.
pub(crate) fn event(line: &[u8]) -> Option<Map<String, Value>> {
    let fields = parse(line).ok()?;
    let (method, target, protocol) = request(fields.request);
    let mut event = Event::default();
    event.time(time::common(fields.time));
    let head = &fields.head;
    if head.client != b"-" {
        event.text(host::named(host::kind(head.client), "source.ip", "source.domain"), head.client);
    }
    event.text("user.name", word(head.names).1.trim_ascii());
    if target.is_empty() {
        event.text("http.request.line", fields.request);
    } else {
        event.text("http.request.method", method);
        if target.starts_with(b"error:") {
            event.text("url.original", target)
        } else {
            event.url(target)
        }
        event.text("http.version", protocol.strip_prefix(b"HTTP/").unwrap_or_default());
    }
    if let Some(host) = head.vhost.and_then(host::of_url) {
        event.text("url.domain", host);
    }
    event.number("http.response.status_code", fields.status);
    event.number("http.response.body.bytes", fields.bytes);
    event.text("http.request.referrer", fields.referrer);
    event.text("user_agent.original", fields.agent);
    if let Some((result, hierarchy)) = squid_codes(fields.rest) {
        event.text("squid.result_code", result);
        event.text("squid.hierarchy_code", hierarchy);
    }
    Some(event.finish())
}

/// Splits `TCP_MISS:HIER_DIRECT`.
fn squid_codes(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr(b':', rest)?;
    let codes =
        rest.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"_:".contains(b));
    codes.then(|| (&rest[..colon], &rest[colon + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUID: &str = r#"127.0.0.1 - bob [22/Nov/2026:02:30:25 +0000] "GET http://www.evil.example:8098/a? HTTP/1.1" 404 603 "http://ref.example/" "curl/7.88.1" TCP_MISS:HIER_DIRECT"#;

    fn values(line: &str) -> Vec<String> {
        let mut out = Vec::new();
        walk(line.as_bytes(), &mut |field, kind, value| {
            out.push(format!("{field} {kind:?} {}", String::from_utf8_lossy(value)));
        })
        .unwrap();
        out
    }

    #[test]
    fn squid_combined() {
        assert_eq!(
            values(SQUID),
            [
                "url.original Url http://www.evil.example:8098/a?",
                "source.ip Address 127.0.0.1",
                "http.request.referrer Url http://ref.example/",
            ]
        );
        let tunnel = r#"pc.corp.example - - [22/Nov/2026:02:30:25 +0000] "CONNECT good.example:443 HTTP/1.1" 200 559 "-" "curl/7.88.1" TCP_TUNNEL:HIER_DIRECT"#;
        assert_eq!(
            values(tunnel),
            ["url.original Url good.example:443", "source.domain Host pc.corp.example"]
        );
    }

    #[test]
    fn web_servers() {
        let apache = r#"203.0.113.9 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326"#;
        assert_eq!(values(apache), ["source.ip Address 203.0.113.9"]);
        let nginx = r#"2001:db8::9 - - [22/Nov/2026:02:30:25 +0000] "GET / HTTP/2.0" 200 - "http://evil.example/?q=\"x\" y" "Mozilla \"5\"" "198.51.100.7, unknown, 10.0.0.1""#;
        assert_eq!(
            values(nginx),
            [
                "source.ip Address 2001:db8::9",
                "network.forwarded_ip Address 198.51.100.7",
                "network.forwarded_ip Address 10.0.0.1",
                r#"http.request.referrer Url http://evil.example/?q=\"x\" y"#,
            ]
        );
        let event = event(nginx.as_bytes()).unwrap();
        assert_eq!(event["user_agent"]["original"], r#"Mozilla \"5\""#);
        assert_eq!(event["http"]["version"], "2.0");
    }

    #[test]
    fn virtual_hosts_make_paths_urls() {
        let line = |vhost: &str, request: &str| {
            values(&format!(
                r#"{vhost} 10.0.0.1 - - [22/Nov/2026:02:30:25 +0000] "{request}" 200 5 "-" "x""#
            ))[0]
                .clone()
        };
        assert_eq!(
            line("www.a.example:80", "GET /x?y HTTP/1.1"),
            "url.original Url http://www.a.example:80/x?y"
        );
        assert_eq!(
            line("www.a.example:443", "GET /x HTTP/1.1"),
            "url.original Url https://www.a.example:443/x"
        );
        assert_eq!(
            line("www.a.example", "GET /x HTTP/1.1"),
            "url.original Url http://www.a.example/x"
        );
        assert_eq!(line("www.a.example", "-"), "url.domain Host www.a.example");
        let by_name = r#"www.a.example pc.corp.example - - [22/Nov/2026:02:30:25 +0000] "GET /x HTTP/1.1" 200 5"#;
        assert_eq!(values(by_name)[1], "source.domain Host pc.corp.example");
        let proxied = line("www.a.example:443", "GET http://b.example/x HTTP/1.1");
        assert_eq!(proxied, "url.original Url http://b.example/x");
        let with_blank =
            r#"10.0.0.1 ident John Doe [22/Nov/2026:02:30:25 +0000] "GET /x HTTP/1.1" 200 5"#;
        assert_eq!(values(with_blank), ["source.ip Address 10.0.0.1"]);
        assert_eq!(event(with_blank.as_bytes()).unwrap()["user"]["name"], "John Doe");
    }

    #[test]
    fn clients_with_ports_and_lists_of_them() {
        let of = |head: &str| {
            values(&format!(r#"{head} [22/Nov/2026:02:30:25 +0000] "GET /x HTTP/1.1" 200 5"#))
        };
        let both = ["source.ip Address 198.51.100.7", "network.forwarded_ip Address 10.0.0.1"];
        assert_eq!(of("198.51.100.7, 10.0.0.1 - -"), both);
        assert_eq!(of("198.51.100.7,10.0.0.1 - -"), both);
        assert_eq!(of("198.51.100.7, unknown, 10.0.0.1 - bob"), both);
        assert_eq!(of("-, 10.0.0.1 - -"), ["network.forwarded_ip Address 10.0.0.1"]);
        assert_eq!(of("198.51.100.7:5555 - -"), ["source.ip Host 198.51.100.7:5555"]);
        assert_eq!(of("[2001:db8::1]:5555 - -"), ["source.ip Host [2001:db8::1]:5555"]);
        assert_eq!(of("2001:db8:0:0:0:0:0:1:443 - -"), ["source.ip Address 2001:db8:0:0:0:0:0:1"]);
        let found = of("www.a.example:80 198.51.100.7:1, 10.0.0.1 - -");
        let [url, client, forwarded] = &found[..] else { panic!() };
        assert_eq!(url, "url.original Url http://www.a.example:80/x");
        assert_eq!(
            (client.as_str(), forwarded.as_str()),
            ("source.ip Host 198.51.100.7:1", both[1])
        );
        let line =
            br#"198.51.100.7, 10.0.0.1 - bob [22/Nov/2026:02:30:25 +0000] "GET /x HTTP/1.1" 200 5"#;
        let event = event(line).unwrap();
        assert_eq!(event["source"]["ip"], "198.51.100.7");
        assert_eq!(event["user"]["name"], "bob");
    }

    #[test]
    fn unknown_parts_are_searched_as_text() {
        let line = |head: &str, rest: &str| {
            let line = format!(
                r#"{head} [22/Nov/2026:02:30:25 +0000] "GET /x HTTP/1.1" 200 5 "-" "x"{rest}"#
            );
            values(&line)
        };
        let tagged =
            r#" vhost=x pid=2617 forwarded_for="198.51.100.7, 10.0.0.2" up="http://b.example/y""#;
        assert_eq!(
            line("10.0.0.1 - -", tagged),
            [
                "source.ip Address 10.0.0.1",
                "message Address 198.51.100.7",
                "message Address 10.0.0.2",
                "message Url http://b.example/y",
            ]
        );
        assert_eq!(
            line(
                "10.0.0.1 - -",
                r#" "198.51.100.7:17085, [2001:db8::1]:443, b.example" 0.005 a.example"#
            ),
            [
                "source.ip Address 10.0.0.1",
                "network.forwarded_ip Address 198.51.100.7",
                "network.forwarded_ip Address 2001:db8::1",
                "message Host b.example",
                "message Host a.example",
            ]
        );
        assert_eq!(
            line("worker 3 for a.example at 198.51.100.7", ""),
            ["message Host a.example", "message Address 198.51.100.7"]
        );
        let timed = r#"10.0.0.1 - - [22/Nov/2026:02:30:25 +0000] "GET /x HTTP/1.1" 200 5 0.003 "http://b.example/" "x""#;
        assert_eq!(values(timed)[1], "message Url http://b.example/");
    }

    #[test]
    fn odd_requests_are_not_malformed() {
        for request in [
            "-",
            "",
            r"\x16\x03\x01\x02",
            "GET",
            "NONE error:invalid-request HTTP/0.0",
            "OPTIONS * HTTP/1.1",
        ] {
            let line =
                format!(r#"10.0.0.1 - "" [22/Nov/2026:02:30:25 +0000] "{request}" 400 0 "-" "-""#);
            assert_eq!(values(&line), ["source.ip Address 10.0.0.1"], "{request}");
        }
        let quote = r#"10.0.0.1 - - [22/Nov/2026:02:30:25 +0000] "GET http://a.example/x"y z HTTP/1.1" 200 0 "-" "-" TCP_MISS:HIER_DIRECT"#;
        assert_eq!(values(quote)[0], r#"url.original Url http://a.example/x"y z"#);
        let old = r#"10.0.0.1 - - [22/Nov/2026:02:30:25 +0000] "GET http://a.example/x" 200 0"#;
        assert_eq!(values(old)[0], "url.original Url http://a.example/x");
    }

    /// Lines as Squid 5.7 writes them.
    #[test]
    fn unescaped_quotes() {
        let line = r#"10.0.0.1 - - [22/Nov/2026:02:30:25 +0000] "GET http://a.example/ HTTP/1.1" 200 5 "http://b.example/?q="x y"&z" "Odd "agent" \ 5" TCP_MISS:HIER_DIRECT"#;
        assert_eq!(values(line)[2], r#"http.request.referrer Url http://b.example/?q="x y"&z"#);
        let event = event(line.as_bytes()).unwrap();
        assert_eq!(event["user_agent"]["original"], r#"Odd "agent" \ 5"#);
        assert_eq!(event["squid"]["hierarchy_code"], "HIER_DIRECT");
    }

    #[test]
    fn errors_of_malformed_lines_name_the_expected_form() {
        let error = |line: &str| {
            walk(line.as_bytes(), &mut |_, _, _| panic!("unexpected value from {line}"))
                .unwrap_err()
                .to_string()
        };
        for (line, expected) in [
            ("", "field 5 (request): expected `[time]`, then a quoted request"),
            (
                r#"x [t] "GET / HTTP/1.1" 200 1"#,
                "field 1 (client): expected client, ident and user",
            ),
            (
                r#"1.2.3.4 - - t] "GET / HTTP/1.1" 200 1"#,
                "field 4 (time): expected a time in brackets",
            ),
            (
                r#"1.2.3.4 - - [t] "GET / HTTP"#,
                "field 5 (request): expected a closing quote, then the status",
            ),
            (
                r#"1.2.3.4 - - [t] "GET / HTTP/1.1" x 1"#,
                "field 5 (request): expected a closing quote, then the status",
            ),
            (r#"1.2.3.4 - - [t] "GET / HTTP/1.1""#, "field 6 (status): expected a number"),
            (
                r#"1.2.3.4 - - [t] "GET / HTTP/1.1" 200"#,
                "field 7 (bytes): expected a number or `-`",
            ),
        ] {
            assert_eq!(error(line), format!("combined line, {expected}"), "{line}");
        }
    }

    #[test]
    fn the_event_in_ecs() {
        assert_eq!(
            Value::Object(event(SQUID.as_bytes()).unwrap()),
            serde_json::json!({
                "@timestamp": "2026-11-22T02:30:25Z",
                "source": {"ip": "127.0.0.1"},
                "user": {"name": "bob"},
                "url": {
                    "original": "http://www.evil.example:8098/a?",
                    "domain": "www.evil.example"
                },
                "http": {
                    "version": "1.1",
                    "request": {"method": "GET", "referrer": "http://ref.example/"},
                    "response": {"status_code": 404, "body": {"bytes": 603}}
                },
                "user_agent": {"original": "curl/7.88.1"},
                "squid": {"result_code": "TCP_MISS", "hierarchy_code": "HIER_DIRECT"}
            })
        );
        assert_eq!(time(SQUID.as_bytes()), Some(Timestamp(1_795_314_625_000_000)));
    }
}
