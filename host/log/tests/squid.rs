//! The example logs that a real Squid 5.7 wrote in both of its formats for the same requests
//! (tests/squid/make_logs.py).

use std::collections::BTreeMap;

use threatsieve_log::{Fields, Format, Parser};

const NATIVE: &[u8] = include_bytes!("../../../tests/example/squid.log");
const COMBINED: &[u8] = include_bytes!("../../../tests/example/combined.log");

fn lines(log: &[u8]) -> impl Iterator<Item = &[u8]> {
    log.split(|&b| b == b'\n').filter(|line| !line.is_empty())
}

/// Returns the number of observables by field, and the number of malformed lines.
fn counts(parser: &Parser, log: &[u8]) -> (BTreeMap<String, usize>, usize) {
    let (mut fields, mut malformed) = (BTreeMap::new(), 0);
    for line in lines(log) {
        let read = parser.named_observables(line, &mut |field, _, _| {
            *fields.entry(field.to_owned()).or_default() += 1
        });
        malformed += usize::from(read.is_some());
    }
    (fields, malformed)
}

fn count_of(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(field, count)| ((*field).to_owned(), *count)).collect()
}

#[test]
fn every_field_of_every_line() {
    assert_eq!(Format::detect(NATIVE), Format::Squid);
    assert_eq!(Format::detect(COMBINED), Format::Combined);
    let native = Parser::new(Format::Squid, &Fields::default());
    let combined = Parser::new(Format::Combined, &Fields::default());
    // 200 connections, 3 of them without a request. 5 requests went nowhere (Squid rejected them,
    // or the host does not exist).
    let expected = [("destination.ip", 192), ("source.ip", 200), ("url.original", 197)];
    assert_eq!(counts(&native, NATIVE), (count_of(&expected), 0));
    let expected = [("http.request.referrer", 56), ("source.ip", 200), ("url.original", 197)];
    assert_eq!(counts(&combined, COMBINED), (count_of(&expected), 0));
}

/// Both formats record the same requests, so their common fields must be equal.
#[test]
fn both_formats_agree() {
    let native = Parser::new(Format::Squid, &Fields::default());
    let combined = Parser::new(Format::Combined, &Fields::default());
    assert_eq!(lines(NATIVE).count(), lines(COMBINED).count());
    let mut tunnels = 0;
    for (one, other) in lines(NATIVE).zip(lines(COMBINED)) {
        let (a, b) = (native.event(one), combined.event(other));
        let shared = |event: &serde_json::Map<String, serde_json::Value>| {
            let squid = &event["squid"];
            [
                event.get("url").and_then(|url| url.get("domain").cloned()),
                event.get("source").cloned(),
                event["http"]["response"].get("body").cloned(),
                squid.get("result_code").cloned(),
                squid.get("hierarchy_code").cloned(),
                event["http"].get("request").and_then(|request| request.get("method").cloned()),
            ]
        };
        assert_eq!(shared(&a), shared(&b), "{}", String::from_utf8_lossy(one));
        tunnels += usize::from(a["http"]["request"]["method"] == "CONNECT");
        // Combined logs have whole seconds.
        const SECOND: i64 = 1_000_000;
        let (a, b) = (native.time(one).unwrap().0, combined.time(other).unwrap().0);
        assert_eq!(a / SECOND, b / SECOND);
    }
    assert_eq!(tunnels, 23);
}

/// Free text finds every URL host and address that the format's own parser finds.
#[test]
fn text_misses_nothing() {
    let native = Parser::new(Format::Squid, &Fields::default());
    let text = Parser::new(Format::Text, &Fields::default());
    for line in lines(NATIVE) {
        let mut found = Vec::new();
        let _ = text.observables(line, &mut |_, value| found.push(value.to_vec()));
        let malformed = native.observables(line, &mut |_, value| {
            let value = value.strip_prefix(b"[").unwrap_or(value);
            let held =
                found.iter().any(|found| found.starts_with(value) || value.starts_with(found));
            assert!(
                held,
                "{} of {}",
                String::from_utf8_lossy(value),
                String::from_utf8_lossy(line)
            );
        });
        assert_eq!(malformed, None);
    }
}
