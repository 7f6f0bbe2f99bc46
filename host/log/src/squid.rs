//! Squid's native access log.
//! `time elapsed client result/status bytes method URL user hierarchy/peer type`, with blanks
//! between them and `elapsed` padded with blanks (`logformat squid` in squid.conf.documented).
//! Appended fields come after `type`.

use memchr::memchr;
use serde_json::{Map, Value};
use threatsieve_blacklist::indicator::Timestamp;
use threatsieve_blacklist::observable::Kind;

use crate::ecs::Event;
use crate::format::Format;
use crate::host;
use crate::malformed::MalformedLine;
use crate::marks::Marks;
use crate::{endpoints, text, time};

/// The number of fields in a line, without appended ones.
const FIELDS: usize = 10;

/// Hierarchy codes whose peer is the origin server itself (`src/hier_code.h`; `DIRECT` is Squid
/// 2's). With every other code the peer is a parent or sibling proxy. A pinned connection belongs
/// to one client and leads to the origin, like those of decrypted TLS. It can only lead to a parent
/// proxy if that proxy requires connection-based logins.
const TO_ORIGIN: [&[u8]; 6] =
    [b"HIER_DIRECT", b"DIRECT", b"ORIGINAL_DST", b"PINNED", b"CLOSEST_DIRECT", b"SOURCE_FASTEST"];

/// Codes of requests that went to other proxies or nowhere. Together with [`TO_ORIGIN`] these are
/// all codes.
const TO_OTHERS: [&[u8]; 20] = [
    b"HIER_NONE",
    b"NONE",
    b"SIBLING_HIT",
    b"PARENT_HIT",
    b"DEFAULT_PARENT",
    b"SINGLE_PARENT",
    b"FIRSTUP_PARENT",
    b"FIRST_UP_PARENT",
    b"FIRST_PARENT_MISS",
    b"CLOSEST_PARENT_MISS",
    b"CLOSEST_PARENT",
    b"NO_DIRECT_FAIL",
    b"ROUNDROBIN_PARENT",
    b"CD_PARENT_HIT",
    b"CD_SIBLING_HIT",
    b"CARP",
    b"ANY_OLD_PARENT",
    b"ANY_PARENT",
    b"USERHASH_PARENT",
    b"SOURCEHASH_PARENT",
];

/// A line's fields as logged.
struct Line<'a> {
    time: &'a [u8],
    elapsed: &'a [u8],
    client: &'a [u8],
    result: &'a [u8],
    bytes: &'a [u8],
    method: &'a [u8],
    url: &'a [u8],
    user: &'a [u8],
    peer: &'a [u8],
    /// The content type and the appended fields.
    rest: &'a [u8],
}

/// Visits the fields between blanks. Several blanks in a row count as one.
struct Splitter<'a> {
    line: &'a [u8],
    blanks: Marks<'a>,
    start: usize,
}

impl<'a> Splitter<'a> {
    #[inline(always)]
    fn field(&mut self) -> Option<&'a [u8]> {
        loop {
            let Some(end) = self.blanks.next() else {
                // The last field of the line.
                let field = &self.line[self.start..];
                self.start = self.line.len();
                return (!field.is_empty()).then_some(field);
            };
            let start = self.start;
            self.start = end + 1;
            if end > start {
                return Some(&self.line[start..end]);
            }
        }
    }
}

#[cold]
fn wrong(position: usize, field: &'static str, expected: &'static str) -> MalformedLine {
    MalformedLine::Field { format: Format::Squid, position, field, expected }
}

#[cold]
fn too_few(line: &[u8]) -> MalformedLine {
    let got = line.split(|&b| b == b' ').filter(|field| !field.is_empty()).count();
    MalformedLine::TooFewFields { format: Format::Squid, expected: FIELDS, got }
}

#[inline]
fn is_number(field: &[u8]) -> bool {
    field[0].is_ascii_digit() && field[field.len() - 1].is_ascii_digit()
}

/// Returns whether a field is like `TCP_MISS/200`. The status has three digits, except in odd
/// responses.
#[inline]
fn is_result(field: &[u8]) -> bool {
    field.len().checked_sub(4).is_some_and(|slash| field[slash] == b'/')
        || memchr(b'/', field).is_some()
}

/// Splits a line into fields. Returns `None` if there are too few. [`parse`] checks their forms.
#[inline(always)]
fn split(line: &[u8]) -> Option<(Line<'_>, usize)> {
    let mut split = Splitter { line, blanks: Marks::new(line, b' '), start: 0 };
    let time = split.field()?;
    let elapsed = split.field()?;
    let client = split.field()?;
    let result = split.field()?;
    let bytes = split.field()?;
    let method = split.field()?;
    let url_from = split.start;
    let url = split.field()?;
    let user = split.field()?;
    let peer = split.field()?;
    let rest = &line[split.start..];
    Some((Line { time, elapsed, client, result, bytes, method, url, user, peer, rest }, url_from))
}

#[inline(always)]
fn parse(line: &[u8]) -> Result<Line<'_>, MalformedLine> {
    let Some((fields, url_from)) = split(line) else { return Err(damage(line)) };
    if !(is_number(fields.time)
        && (is_number(fields.elapsed) || fields.elapsed[0] == b'-')
        && is_result(fields.result)
        && (is_number(fields.bytes) || fields.bytes == b"-"))
    {
        return Err(damage(line));
    }
    if !is_hierarchy(fields.peer) {
        return spaced(line, url_from, fields);
    }
    if fields.rest.is_empty() { Err(too_few(line)) } else { Ok(fields) }
}

/// Returns the fault in the fields before the URL, or that there are too few.
#[cold]
fn damage(line: &[u8]) -> MalformedLine {
    let mut fields = line.split(|&b| b == b' ').filter(|field| !field.is_empty());
    let mut wrong_at = |position, holds: fn(&[u8]) -> bool, field, expected| {
        fields.next().filter(|field| !holds(field)).map(|_| wrong(position, field, expected))
    };
    wrong_at(1, is_number, "time", "seconds since 1970")
        .or_else(|| {
            wrong_at(2, |field| is_number(field) || field[0] == b'-', "elapsed", "milliseconds")
        })
        .or_else(|| wrong_at(3, |_| true, "client", "anything"))
        .or_else(|| wrong_at(4, is_result, "result code/status", "a result code, `/` and a status"))
        .or_else(|| wrong_at(5, |field| is_number(field) || field == b"-", "bytes", "a number"))
        .unwrap_or_else(|| too_few(line))
}

/// Returns whether a field is `CODE/peer`, with any code.
#[inline(always)]
fn is_hierarchy(peer: &[u8]) -> bool {
    peer.starts_with(b"HIER_DIRECT/")
        || peer[0].is_ascii_uppercase() && memchr(b'/', peer).is_some()
}

/// Reads a line whose URL contains blanks (`uri_whitespace allow`). The URL ends two fields before
/// the first known hierarchy code.
#[cold]
fn spaced<'a>(
    line: &'a [u8],
    url_from: usize,
    fields: Line<'a>,
) -> Result<Line<'a>, MalformedLine> {
    // The field before the current one. It is the user once the code is found.
    let (mut user_from, mut user_end) = (url_from, url_from);
    let mut from = url_from;
    for end in Marks::new(line, b' ').skip_while(|&blank| blank < url_from) {
        let field = &line[from..end];
        let known = memchr(b'/', field).is_some_and(|slash| {
            let code = without_timeout_prefix(&field[..slash]);
            TO_ORIGIN.contains(&code) || TO_OTHERS.contains(&code)
        });
        if known && user_from > url_from && end + 1 < line.len() {
            let url = line[url_from..user_from].trim_ascii();
            return Ok(Line {
                url,
                user: &line[user_from..user_end],
                peer: field,
                rest: &line[end + 1..],
                ..fields
            });
        }
        if !field.is_empty() {
            (user_from, user_end) = (from, end);
        }
        from = end + 1;
    }
    Err(wrong(9, "hierarchy code/peer", "a hierarchy code, `/` and a peer"))
}

/// Removes the mark of a neighbour that did not answer in time.
#[inline]
fn without_timeout_prefix(code: &[u8]) -> &[u8] {
    code.strip_prefix(b"TIMEOUT_").unwrap_or(code)
}

/// Returns the origin server's address, or its name if `log_ip_on_direct` is off (Squid 2).
#[inline]
fn destination(peer: &[u8]) -> Option<&[u8]> {
    let address = match peer.strip_prefix(b"HIER_DIRECT/") {
        Some(address) => address,
        None => {
            let slash = memchr(b'/', peer)?;
            if !TO_ORIGIN.contains(&without_timeout_prefix(&peer[..slash])) {
                return None;
            }
            &peer[slash + 1..]
        }
    };
    (!address.is_empty() && address != b"-").then_some(address)
}

/// Returns whether the URL was really requested. `error:invalid-request` and the like are Squid's
/// own.
#[inline]
fn is_requested(url: &[u8]) -> bool {
    url != b"-" && !url.starts_with(b"error:")
}

/// Passes on URL, destination, client, and the observables in appended fields, in that order.
#[inline]
pub(crate) fn walk(
    line: &[u8],
    sink: &mut impl FnMut(&str, Kind, &[u8]),
) -> Result<(), MalformedLine> {
    let fields = parse(line)?;
    if is_requested(fields.url) {
        sink("url.original", Kind::Url, fields.url);
    }
    if let Some(address) = destination(fields.peer) {
        endpoint(address, "destination.ip", "destination.domain", sink);
    }
    if fields.client != b"-" {
        endpoint(fields.client, "source.ip", "source.domain", sink);
    }
    if let Some(blank) = memchr(b' ', fields.rest) {
        appended(&fields.rest[blank..], sink);
    }
    Ok(())
}

/// Passes on an end of the connection under the appropriate name. `logformat` may have added a
/// port.
#[inline(always)]
fn endpoint(
    value: &[u8],
    ip: &'static str,
    domain: &'static str,
    sink: &mut impl FnMut(&str, Kind, &[u8]),
) {
    let kind = host::kind(value);
    if kind == Kind::Address && may_have_port(value) {
        return with_port(value, ip, sink);
    }
    sink(host::named(kind, ip, domain), kind, value);
}

/// Returns whether there is a colon among the last bytes, as before a port.
#[inline(always)]
fn may_have_port(value: &[u8]) -> bool {
    const PORT_BYTES: usize = 6;
    match value.last_chunk::<PORT_BYTES>() {
        // Six comparisons without a branch.
        Some(end) => end.iter().fold(false, |found, &byte| found | (byte == b':')),
        None => value.contains(&b':'),
    }
}

#[cold]
fn with_port(value: &[u8], name: &'static str, sink: &mut impl FnMut(&str, Kind, &[u8])) {
    endpoints::walk(value, Kind::Address, &mut |kind, value| sink(name, kind, value));
}

/// Passes on the observables in appended fields. A URL is mostly the referrer: quoted, or the
/// `Referer` among logged headers (`log_mime_hdrs`).
#[cold]
fn appended(rest: &[u8], sink: &mut impl FnMut(&str, Kind, &[u8])) {
    text::walk(rest, &mut |kind, value| {
        let is_referrer = kind == Kind::Url && host::is_absolute(value);
        sink(if is_referrer { "http.request.referrer" } else { "message" }, kind, value);
    });
}

/// Returns the time at which the request ended.
pub(crate) fn time(line: &[u8]) -> Option<Timestamp> {
    time::epoch(parse(line).ok()?.time)
}

/// Returns the line in ECS, with `squid.*` for fields without an ECS name.
pub(crate) fn event(line: &[u8]) -> Option<Map<String, Value>> {
    const NANOSECONDS_IN_MS: i64 = 1_000_000;
    let fields = parse(line).ok()?;
    let mut event = Event::default();
    event.time(time::epoch(fields.time));
    if let Ok(elapsed) = String::from_utf8_lossy(fields.elapsed).parse::<i64>() {
        event.set("event.duration", elapsed.saturating_mul(NANOSECONDS_IN_MS));
    }
    if fields.client != b"-" {
        event.text(
            host::named(host::kind(fields.client), "source.ip", "source.domain"),
            fields.client,
        );
    }
    let slash = memchr(b'/', fields.result).unwrap_or(fields.result.len());
    event.text("squid.result_code", &fields.result[..slash]);
    if let Some(status) = fields.result.get(slash + 1..).filter(|status| *status != b"000") {
        event.number("http.response.status_code", status);
    }
    // Squid counts the headers too (`%<st`), which is ECS's `http.response.bytes`. Most readers
    // look for the size of the body.
    event.number("http.response.bytes", fields.bytes);
    event.number("http.response.body.bytes", fields.bytes);
    event.text("http.request.method", fields.method);
    if is_requested(fields.url) {
        event.url(fields.url);
    } else {
        event.text("squid.request_error", fields.url);
    }
    event.text("user.name", fields.user);
    let slash = memchr(b'/', fields.peer).unwrap_or(fields.peer.len());
    event.text("squid.hierarchy_code", &fields.peer[..slash]);
    match destination(fields.peer) {
        Some(address) => {
            event.text(
                host::named(host::kind(address), "destination.ip", "destination.domain"),
                address,
            );
        }
        None => event.text("squid.peer", fields.peer.get(slash + 1..).unwrap_or_default()),
    }
    let end = memchr(b' ', fields.rest).unwrap_or(fields.rest.len());
    event.text("http.response.mime_type", &fields.rest[..end]);
    Some(event.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISS: &[u8] = b"1795314625.802      5 10.1.2.3 TCP_MISS/404 603 GET http://www.evil.example:8098/a? bob%20smith HIER_DIRECT/192.0.2.7 text/html";

    fn found(line: &[u8]) -> Vec<(String, Kind, String)> {
        let mut out = Vec::new();
        walk(line, &mut |field, kind, value| {
            out.push((field.to_owned(), kind, String::from_utf8_lossy(value).into_owned()));
        })
        .unwrap();
        out
    }

    fn values(line: &str) -> Vec<String> {
        found(line.as_bytes())
            .into_iter()
            .map(|(field, _, value)| format!("{field}={value}"))
            .collect()
    }

    fn with_peer(peer: &str) -> String {
        format!(
            "1795314625.802 5 10.1.2.3 TCP_MISS/200 603 GET http://a.example/ - {peer} text/html"
        )
    }

    #[test]
    fn url_destination_and_client() {
        assert_eq!(
            found(MISS),
            [
                ("url.original".into(), Kind::Url, "http://www.evil.example:8098/a?".into()),
                ("destination.ip".into(), Kind::Address, "192.0.2.7".into()),
                ("source.ip".into(), Kind::Address, "10.1.2.3".into()),
            ]
        );
    }

    #[test]
    fn tunnels_and_ipv6() {
        let line = "1795314625.863      1 fe80::1 TCP_TUNNEL/200 559 CONNECT good.example:443 - HIER_DIRECT/2001:db8::5 -";
        assert_eq!(
            values(line),
            ["url.original=good.example:443", "destination.ip=2001:db8::5", "source.ip=fe80::1"]
        );
    }

    #[test]
    fn only_the_origins_address_is_a_destination() {
        for code in [
            "HIER_DIRECT",
            "DIRECT",
            "ORIGINAL_DST",
            "PINNED",
            "TIMEOUT_HIER_DIRECT",
            "TIMEOUT_DIRECT",
            "CLOSEST_DIRECT",
        ] {
            let values = values(&with_peer(&format!("{code}/192.0.2.7")));
            assert_eq!(values[1], "destination.ip=192.0.2.7", "{code}");
        }
        for peer in [
            "FIRSTUP_PARENT/192.0.2.7",
            "HIER_NONE/-",
            "NONE/-",
            "SIBLING_HIT/proxy.example",
            "HIER_DIRECT/-",
            "TIMEOUT_CARP/1.2.3.4",
        ] {
            assert_eq!(
                values(&with_peer(peer)),
                ["url.original=http://a.example/", "source.ip=10.1.2.3"],
                "{peer}"
            );
        }
        assert_eq!(
            values(&with_peer("DIRECT/www.evil.example"))[1],
            "destination.domain=www.evil.example"
        );
    }

    #[test]
    fn urls_that_were_not_requested_are_not_observables() {
        let line = "1795314625.802      0 10.1.2.3 NONE_NONE/000 0 - error:transaction-end-before-headers - HIER_NONE/- -";
        assert_eq!(values(line), ["source.ip=10.1.2.3"]);
        assert_eq!(
            event(line.as_bytes()).unwrap()["squid"]["request_error"],
            "error:transaction-end-before-headers"
        );
        let line = "1795314625.802      0 10.1.2.3 NONE_NONE/000 0 - - - HIER_NONE/- -";
        assert_eq!(values(line), ["source.ip=10.1.2.3"]);
    }

    #[test]
    fn client_names_whole_seconds_and_appended_fields() {
        let line = "1795314625     -1 pc-7.corp.example TCP_MISS/200 0 GET http://a.example/ - HIER_DIRECT/192.0.2.7 text/html \"http://ref.example/x\" \"Mozilla/5.0 (X11)\"";
        assert_eq!(
            values(line),
            [
                "url.original=http://a.example/",
                "destination.ip=192.0.2.7",
                "source.domain=pc-7.corp.example",
                "http.request.referrer=http://ref.example/x",
            ]
        );
        let headers = with_peer("HIER_NONE/-")
            + r" [User-Agent: curl\r\nReferer: http://[::1]/r\r\nHost: a\r\n] [HTTP/1.1 200 OK\r\n]";
        assert_eq!(values(&headers)[2], "http.request.referrer=http://[::1]/r");
        let tagged = with_peer("HIER_NONE/-") + " xff=198.51.100.7:80,10.0.0.1 sni=b.example";
        assert_eq!(
            values(&tagged)[2..],
            ["message=198.51.100.7", "message=10.0.0.1", "message=b.example"]
        );
    }

    #[test]
    fn ends_of_connections_may_have_ports() {
        let line = with_peer("HIER_DIRECT/[2001:db8::1]:80").replace("10.1.2.3", "10.1.2.3:5555");
        assert_eq!(
            values(&line)[1..],
            ["destination.ip=[2001:db8::1]:80", "source.ip=10.1.2.3:5555"]
        );
        let line =
            with_peer("HIER_DIRECT/::ffff:192.0.2.7:80").replace("10.1.2.3", "2001:db8::1:5");
        assert_eq!(
            values(&line)[1..],
            ["destination.ip=::ffff:192.0.2.7", "source.ip=2001:db8::1:5"]
        );
    }

    #[test]
    fn a_url_may_hold_blanks_and_any_bytes() {
        let line = "1795314625.802 5 10.1.2.3 TCP_MISS/200 603 GET http://a.example/b c d - HIER_DIRECT/192.0.2.7 text/html";
        assert_eq!(values(line)[0], "url.original=http://a.example/b c d");
        let line = b"1795314625.802 5 10.1.2.3 TCP_MISS/200 603 GET http://a.example/\xff\x01\xc3 - HIER_NONE/- text/html";
        let mut url = Vec::new();
        walk(line, &mut |field, _, value| {
            if field == "url.original" {
                url = value.to_vec();
            }
        })
        .unwrap();
        assert_eq!(url, b"http://a.example/\xff\x01\xc3");
    }

    #[test]
    fn errors_of_malformed_lines_name_the_expected_form() {
        let error = |line: &str| {
            walk(line.as_bytes(), &mut |_, _, _| panic!("unexpected value from {line}"))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(error(""), "squid line ends early: expected 10 fields, got 0");
        assert_eq!(
            error("1795314625.802 5 10.1.2.3"),
            "squid line ends early: expected 10 fields, got 3"
        );
        assert_eq!(
            error("Nov 22 02:30:25 host x"),
            "squid line, field 1 (time): expected seconds since 1970"
        );
        let cut = String::from_utf8_lossy(MISS).replace(" text/html", "");
        assert_eq!(error(&cut), "squid line ends early: expected 10 fields, got 9");
        assert_eq!(
            error("1795314625.802 5 10.1.2.3 TCP_MISS 603 GET http://a/ - HIER_NONE/- -"),
            "squid line, field 4 (result code/status): expected a result code, `/` and a status"
        );
        assert_eq!(
            error("1795314625.802 5 10.1.2.3 TCP_MISS/200 603 GET http://a/ - nothing -"),
            "squid line, field 9 (hierarchy code/peer): expected a hierarchy code, `/` and a peer"
        );
    }

    #[test]
    fn the_event_in_ecs() {
        assert_eq!(
            Value::Object(event(MISS).unwrap()),
            serde_json::json!({
                "@timestamp": "2026-11-22T02:30:25.802Z",
                "event": {"duration": 5_000_000},
                "source": {"ip": "10.1.2.3"},
                "destination": {"ip": "192.0.2.7"},
                "http": {
                    "request": {"method": "GET"},
                    "response": {
                        "status_code": 404,
                        "bytes": 603,
                        "body": {"bytes": 603},
                        "mime_type": "text/html"
                    }
                },
                "url": {
                    "original": "http://www.evil.example:8098/a?",
                    "domain": "www.evil.example"
                },
                "user": {"name": "bob%20smith"},
                "squid": {"result_code": "TCP_MISS", "hierarchy_code": "HIER_DIRECT"}
            })
        );
        assert_eq!(time(MISS), Some(Timestamp(1_795_314_625_802_000)));
        assert_eq!(event(b"x"), None);
    }
}
