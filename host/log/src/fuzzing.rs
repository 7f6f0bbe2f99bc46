//! Properties that hold for any bytes, run by the fuzz target and by the replay of its corpus.

use threatsieve_blacklist::indicator::Timestamp;

use crate::{Fields, Format, Parser, Template};

/// 2026-11-22T02:30:25Z.
const NOW: Timestamp = Timestamp(1_795_314_625_000_000);

/// Reads the bytes as a log of every format, and panics if two ways to the same answer differ.
pub fn log(log: &[u8]) {
    let detected = Format::detect(log);
    for format in Format::ALL {
        let again = format.detect_again(log);
        assert!(again == format || again == detected);
    }
    // The first line may be a format string.
    let first = log.split(|&b| b == b'\n').next().unwrap_or_default();
    let template = Template::new(&String::from_utf8_lossy(first)).unwrap_or_default();
    let fields = Fields::default().with_template(template);
    for format in Format::ALL {
        let mut parser = Parser::new(format, &fields).before(NOW);
        for line in log.split(|&b| b == b'\n') {
            check_line(&parser, line);
            if let Some(next) = parser.header_change(line) {
                parser = next;
            }
        }
        assert_eq!(parser.format(), format);
    }
    // A byte order mark changes nothing.
    let marked = [b"\xef\xbb\xbf", log].concat();
    assert!(
        Format::detect(&marked) == detected
            || log.starts_with(b"\xef\xbb\xbf")
            || marked.len() > crate::SAMPLE_BYTES
    );
}

fn check_line(parser: &Parser, line: &[u8]) {
    let mut values: Vec<Vec<u8>> = Vec::new();
    let read = parser.observables(line, &mut |_, value| values.push(value.to_vec()));
    if read.is_some() {
        let mut found = Vec::new();
        let text = Parser::new(Format::Text, &Fields::default());
        let _ = text.observables(line, &mut |_, value| found.push(value.to_vec()));
        assert_eq!(values, found, "a malformed line is searched as text");
    }
    let mut named = Vec::new();
    let again = parser.named_observables(line, &mut |_, _, value| named.push(value.to_vec()));
    assert_eq!(read, again);
    assert_eq!(values, named);
    let event = parser.event(line);
    assert!(
        !event.is_empty() || parser.format() == Format::Ndjson || parser.format() == Format::Zeek
    );
    let _ = parser.time(line);
}
