//! The parser of one format.

use std::sync::Arc;

use serde_json::{Map, Value};
use threatsieve_blacklist::indicator::Timestamp;
use threatsieve_blacklist::observable::Kind;

use crate::detect::{BYTE_ORDER_MARK, without_hole};
use crate::fields::Fields;
use crate::format::Format;
use crate::malformed::{MAX_LINE_BYTES, MalformedLine};
use crate::records::{self, Reader};
use crate::{combined, ecs::Event, lines, ndjson, ports, squid, syslog, text, time, zeek};

/// The field name for observables in free text.
const MESSAGE: &str = "message";
/// The field name for a line that is one value.
const VALUE: &str = "value";

/// Reads the lines of one format. Immutable and cheap to clone, so that every thread can have its
/// own.
#[derive(Debug, Clone)]
pub struct Parser {
    inner: Inner,
    /// Times without a year are of the twelve months before this time.
    now: Option<Timestamp>,
}

#[derive(Debug, Clone)]
enum Inner {
    Squid,
    Combined,
    Ndjson(Arc<ndjson::Names>),
    Zeek(Arc<zeek::Header>),
    Record(Reader),
    Lines,
    Text,
}

impl Parser {
    /// Creates a parser for a format. `fields` defines the fields with observables in NDJSON and
    /// Zeek, and the variables of custom lines.
    pub fn new(format: Format, fields: &Fields) -> Parser {
        if let Some(reader) = Reader::new(format, fields) {
            return Parser { inner: Inner::Record(reader), now: None };
        }
        let inner = match format {
            Format::Squid => Inner::Squid,
            Format::Combined => Inner::Combined,
            Format::Ndjson => Inner::Ndjson(Arc::new(ndjson::Names::new(fields))),
            Format::Zeek => Inner::Zeek(Arc::new(zeek::Header::new(fields))),
            Format::Lines => Inner::Lines,
            _ => Inner::Text,
        };
        Parser { inner, now: None }
    }

    /// Reads times without a year (RFC 3164) too: those of the twelve months before `now`.
    #[must_use]
    pub fn before(self, now: Timestamp) -> Parser {
        Parser { now: Some(now), ..self }
    }

    /// The format it reads.
    pub fn format(&self) -> Format {
        match &self.inner {
            Inner::Squid => Format::Squid,
            Inner::Combined => Format::Combined,
            Inner::Ndjson(_) => Format::Ndjson,
            Inner::Zeek(_) => Format::Zeek,
            Inner::Record(reader) => reader.format(),
            Inner::Lines => Format::Lines,
            Inner::Text => Format::Text,
        }
    }

    /// Passes on every observable of a line, in a deterministic order, as the bytes were logged;
    /// only escapes of JSON and Zeek are undone. A malformed line is searched as free text, and its
    /// fault is returned. Squid's and combined logs need no allocation, except for the URL of a
    /// long path below a virtual host.
    #[inline]
    #[must_use = "callers count malformed lines"]
    pub fn observables(
        &self,
        line: &[u8],
        sink: &mut impl FnMut(Kind, &[u8]),
    ) -> Option<MalformedLine> {
        self.named_observables(line, &mut |_, kind, value| sink(kind, value))
    }

    /// Passes on the same observables in the same order, each with the name of its field: the ECS
    /// name if there is one, for NDJSON the wanted name. Observables found by searching text are
    /// named `message`.
    #[inline]
    #[must_use = "callers count malformed lines"]
    pub fn named_observables(
        &self,
        line: &[u8],
        sink: &mut impl FnMut(&str, Kind, &[u8]),
    ) -> Option<MalformedLine> {
        if line.len() > MAX_LINE_BYTES {
            return Some(MalformedLine::TooLong { got: line.len() });
        }
        let line = bare(line);
        let read = self.walk(line, sink);
        match read {
            Ok(()) => None,
            Err(malformed) => self.walk_otherwise(line, malformed, sink),
        }
    }

    /// Reads a line in the parser's format. A malformed line passes on nothing.
    #[inline]
    pub(crate) fn walk(
        &self,
        line: &[u8],
        sink: &mut impl FnMut(&str, Kind, &[u8]),
    ) -> Result<(), MalformedLine> {
        match &self.inner {
            Inner::Squid if line.is_empty() => {}
            Inner::Combined | Inner::Record(_) if line.is_empty() => {}
            Inner::Squid => squid::walk(line, sink)?,
            Inner::Combined => combined::walk(line, sink)?,
            Inner::Ndjson(names) => ndjson::walk(names, line, sink)?,
            Inner::Zeek(header) => zeek::walk(header, line, sink)?,
            Inner::Record(reader) => records::walk(reader, line, sink)?,
            Inner::Lines => match lines::value(line) {
                Some(value) if lines::is_one(value) => sink(VALUE, Kind::Any, value),
                Some(value) => text::walk(value, &mut |kind, value| sink(MESSAGE, kind, value)),
                None => {}
            },
            Inner::Text => text::walk(line, &mut |kind, value| sink(MESSAGE, kind, value)),
        }
        Ok(())
    }

    /// Reads a line that does not have the format. It may have it after a syslog header; otherwise
    /// it is text.
    #[cold]
    fn walk_otherwise(
        &self,
        line: &[u8],
        malformed: MalformedLine,
        sink: &mut impl FnMut(&str, Kind, &[u8]),
    ) -> Option<MalformedLine> {
        if let Some((header, message)) = self.framed(line)
            && self.walk(message, sink).is_ok()
        {
            text::walk(header, &mut |kind, value| sink(MESSAGE, kind, value));
            return None;
        }
        text::walk(line, &mut |kind, value| sink(MESSAGE, kind, value));
        Some(malformed)
    }

    /// Returns whether a line without a syslog header has the format.
    pub(crate) fn fits(&self, line: &[u8]) -> bool {
        match &self.inner {
            Inner::Record(reader) => reader.fits(line),
            _ => self.walk(line, &mut |_, _, _| {}).is_ok(),
        }
    }

    /// Returns the header and the message of a line that may have the format after a syslog header.
    fn framed<'l>(&self, line: &'l [u8]) -> Option<(&'l [u8], &'l [u8])> {
        let may_be = !matches!(self.inner, Inner::Zeek(_) | Inner::Lines | Inner::Text);
        may_be.then(|| syslog::split(line)).flatten()
    }

    /// Applies `read` to the line, or else to the message after its syslog header.
    fn either<'l, T>(&self, line: &'l [u8], read: impl Fn(&'l [u8]) -> Option<T>) -> Option<T> {
        read(line).or_else(|| read(self.framed(line)?.1))
    }

    /// Returns the line as an event with nested ECS names; NDJSON as it is. A malformed line
    /// becomes an event with its text as `message`.
    pub fn event(&self, line: &[u8]) -> Map<String, Value> {
        let line = bare(line);
        let event = match &self.inner {
            _ if line.len() > MAX_LINE_BYTES => None,
            Inner::Squid => self.either(line, squid::event),
            Inner::Combined => self.either(line, combined::event),
            Inner::Ndjson(_) => self.either(line, ndjson::event),
            Inner::Zeek(header) => zeek::event(header, line),
            Inner::Record(reader) => self
                .either(line, |line| records::event(reader, line))
                .map(|event| self.timed(event, line)),
            Inner::Lines => lines::value(line).map(|value| one_field(VALUE, value, None)),
            Inner::Text => None,
        };
        event.unwrap_or_else(|| {
            one_field(MESSAGE, &line[..line.len().min(MAX_LINE_BYTES)], self.time(line))
        })
    }

    /// Sets the time of the header before the message, unless the event has its own.
    fn timed(&self, mut event: Map<String, Value>, line: &[u8]) -> Map<String, Value> {
        if !event.contains_key("@timestamp")
            && let Some(text) = self.time(line).and_then(time::rfc3339)
        {
            event.insert("@timestamp".to_owned(), text.into());
        }
        event
    }

    /// Returns the destination port of a line's connection, if the line contains it.
    pub fn destination_port(&self, line: &[u8]) -> Option<u16> {
        ports::destination(&self.event(line))
    }

    /// Returns the event's own time, if the line has one.
    pub fn time(&self, line: &[u8]) -> Option<Timestamp> {
        let line = bare(line);
        match &self.inner {
            _ if line.len() > MAX_LINE_BYTES => None,
            Inner::Squid => self.either(line, squid::time).or_else(|| self.leading_time(line)),
            Inner::Combined => {
                self.either(line, combined::time).or_else(|| self.leading_time(line))
            }
            Inner::Ndjson(_) => self.either(line, ndjson::time),
            Inner::Zeek(header) => zeek::time(header, line),
            Inner::Record(reader) => self
                .either(line, |line| records::time(reader, line))
                .or_else(|| self.leading_time(line)),
            Inner::Lines => None,
            Inner::Text => self.leading_time(line),
        }
    }

    /// Returns the time at the start of a line, alone or after a syslog header. RFC 3164's time has
    /// neither year nor zone. It is read as UTC, after [`before`](Parser::before).
    fn leading_time(&self, line: &[u8]) -> Option<Timestamp> {
        let front = &line[..line.len().min(80)];
        let front = String::from_utf8_lossy(front);
        let mut words =
            front.split([' ', '\t', ',', '[', ']', '"']).filter(|word| !word.is_empty()).take(3);
        words.find_map(time::iso).or_else(|| time::without_year(syslog::time(line)?, self.now?))
    }

    /// Returns whether header lines of this log may begin with this byte.
    #[inline]
    pub fn has_headers_from(&self, first: u8) -> bool {
        match &self.inner {
            Inner::Zeek(_) => first == b'#',
            Inner::Record(reader) => reader.has_headers_from(first),
            _ => false,
        }
    }

    /// Returns the parser for the following lines, if this is a header line that changes how they
    /// are read.
    pub fn header_change(&self, line: &[u8]) -> Option<Parser> {
        let line = bare(line);
        let first = *line.first()?;
        if !self.has_headers_from(first) || line.len() > MAX_LINE_BYTES {
            return None;
        }
        match &self.inner {
            Inner::Zeek(header) => {
                header.changed_by(line).map(|header| Inner::Zeek(Arc::new(header)))
            }
            Inner::Record(reader) => reader.changed_by(line).map(Inner::Record),
            _ => None,
        }
        .map(|inner| Parser { inner, now: self.now })
    }
}

/// Returns the line without its line ending, and without a byte order mark or zeros at its start.
#[inline]
fn bare(line: &[u8]) -> &[u8] {
    let line = without_hole(line);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line)
}

fn one_field(name: &str, value: &[u8], time: Option<Timestamp>) -> Map<String, Value> {
    let mut event = Event::default();
    event.time(time);
    event.set(name, String::from_utf8_lossy(value));
    event.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parser(format: Format) -> Parser {
        Parser::new(format, &Fields::default())
    }

    /// Returns the observables of a line as `field=value`.
    fn named(parser: &Parser, line: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        let _ = parser.named_observables(line, &mut |field, _, value| {
            out.push(format!("{field}={}", String::from_utf8_lossy(value)));
        });
        out
    }

    #[test]
    fn observables_have_the_names_of_their_fields() {
        let line = b"\xef\xbb\xbf1795314625.802 5 10.1.2.3 TCP_MISS/404 603 GET http://a.example/ - HIER_DIRECT/192.0.2.7 text/html\r\n";
        let parser = parser(Format::Squid);
        assert_eq!(
            named(&parser, line),
            ["url.original=http://a.example/", "destination.ip=192.0.2.7", "source.ip=10.1.2.3"]
        );
        assert!(named(&parser, b"damaged").is_empty());
        assert_eq!(named(&parser, b"damaged a.example"), ["message=a.example"]);
        assert_eq!(parser.event(b"damaged")["message"], "damaged");
    }

    #[test]
    fn text_and_lines() {
        let text = parser(Format::Text);
        let line = b"<134>1 2026-11-22T02:30:25.5Z gw app - - from 10.0.0.1";
        assert_eq!(named(&text, line), ["message=10.0.0.1"]);
        assert_eq!(text.time(line), Some(Timestamp(1_795_314_625_500_000)));
        assert_eq!(text.event(line)["@timestamp"], "2026-11-22T02:30:25.5Z");
        let lines = parser(Format::Lines);
        assert_eq!(named(&lines, b" evil.example\r\n"), ["value=evil.example"]);
        assert_eq!(lines.event(b"evil.example")["value"], "evil.example");
    }

    #[test]
    fn blank_lines_have_no_observables_in_any_format() {
        for format in Format::ALL {
            for line in [&b""[..], b"\n", b"\r\n"] {
                assert_eq!(
                    parser(format).observables(line, &mut |_, _| panic!()),
                    None,
                    "{format:?}"
                );
            }
        }
    }

    #[test]
    fn a_zeek_header_gives_the_next_parser() {
        let parser = parser(Format::Zeek);
        let next = parser.header_change(b"#fields\tts\tquery\r\n").unwrap();
        assert_eq!(named(&next, b"1.0\tevil.example\r\n"), ["dns.question.name=evil.example"]);
        assert!(next.header_change(b"1.0\tevil.example").is_none());
        assert!(self::parser(Format::Text).header_change(b"#fields\tts").is_none());
    }

    #[test]
    fn a_line_that_is_too_long_is_malformed() {
        let line = vec![b'a'; MAX_LINE_BYTES + 1];
        for format in Format::ALL {
            let got = parser(format).observables(&line, &mut |_, _| panic!());
            assert_eq!(got, Some(MalformedLine::TooLong { got: line.len() }));
        }
    }

    fn found(format: Format, line: &str) -> (Vec<String>, bool) {
        let mut out = Vec::new();
        let malformed =
            parser(format).named_observables(line.as_bytes(), &mut |field, _, value| {
                out.push(format!("{field}={}", String::from_utf8_lossy(value)));
            });
        (out, malformed.is_some())
    }

    #[test]
    fn a_malformed_line_is_searched_as_text() {
        for (format, line) in [
            (Format::Squid, "1795314625.802 cut off at http://a.example/x"),
            (Format::Combined, "worker exited: http://a.example/x"),
            (Format::Ndjson, r#"{"src_ip":"http://a.example/x","cut"#),
            (Format::Zeek, "#fields are missing\nhttp://a.example/x"),
        ] {
            let line = line.split('\n').next_back().unwrap();
            assert_eq!(
                found(format, line),
                (vec!["message=http://a.example/x".into()], true),
                "{format:?}"
            );
        }
        let words = ["message=a.example".to_owned(), "message=192.0.2.7".to_owned()];
        assert_eq!(found(Format::Lines, "a.example 192.0.2.7").0, words);
        assert_eq!(found(Format::Lines, "a.example,192.0.2.7").0, words);
    }

    #[test]
    fn syslog_headers_may_precede_any_format() {
        for (format, message, field) in [
            (
                Format::Squid,
                "1795314625.802 5 10.1.2.3 TCP_MISS/404 603 GET http://a.example/ - HIER_NONE/- -",
                "url.original=http://a.example/",
            ),
            (
                Format::Combined,
                r#"10.1.2.3 - - [22/Nov/2026:02:30:25 +0000] "GET http://a.example/ HTTP/1.1" 200 5"#,
                "url.original=http://a.example/",
            ),
            (
                Format::Ndjson,
                r#"{"@timestamp":"2026-11-22T02:30:25Z","url":{"original":"http://a.example/"},"source":{"ip":"10.1.2.3"}}"#,
                "url.original=http://a.example/",
            ),
        ] {
            for header in [
                "Nov 22 02:30:25 gw.corp.example app[7]: ",
                "<134>1 2026-11-22T02:30:25Z gw.corp.example app - - - ",
            ] {
                let line = format!("{header}{message}");
                let wanted =
                    [field, "source.ip=10.1.2.3", "message=gw.corp.example"].map(str::to_owned);
                assert_eq!(found(format, &line), (wanted.to_vec(), false), "{line}");
                assert_eq!(Format::detect(line.as_bytes()), format, "{line}");
                let parser = parser(format);
                assert_eq!(
                    parser.time(line.as_bytes()).map(|time| time.0 / 1_000_000),
                    Some(1_795_314_625)
                );
                assert_eq!(parser.event(line.as_bytes())["source"]["ip"], "10.1.2.3");
            }
        }
    }
}
