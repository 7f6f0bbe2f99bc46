//! Header lines within a log.

use std::sync::Arc;

use memchr::{memchr, memchr_iter};
use threatsieve_log::{Format, Parser};

use crate::sources::Chunk;

/// Returns the parser for the lines after a piece, if the piece's header lines change it. Pieces
/// are matched in any order, so headers must be read here, in the order of the log. Each header
/// line that changes the parser is passed to `changing`.
pub(super) fn after_headers(
    parser: &Parser,
    chunk: &Chunk,
    changing: &mut dyn FnMut(&[u8]),
) -> Option<Parser> {
    let bytes = chunk.bytes();
    let mut changed: Option<Parser> = None;
    let mut read = |at: usize| {
        let line = &bytes[at..];
        let line = &line[..memchr(b'\n', line).unwrap_or(line.len())];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(next) = changed.as_ref().unwrap_or(parser).header_change(line) {
            changing(line);
            changed = Some(next);
        }
    };
    match parser.format() {
        Format::Zeek | Format::W3c => {
            memchr_iter(b'#', bytes).filter(|&at| starts_line(bytes, at)).for_each(&mut read)
        }
        // These header lines have no mark.
        Format::VpcFlow => std::iter::once(0)
            .chain(memchr_iter(b'\n', bytes).map(|end| end + 1))
            .filter(|&at| bytes.get(at).is_some_and(|&first| parser.has_headers_from(first)))
            .for_each(&mut read),
        _ => {}
    }
    changed
}

/// Returns whether a line starts here, perhaps after a byte order mark.
fn starts_line(bytes: &[u8], at: usize) -> bool {
    let before = &bytes[..at];
    let before = before.strip_suffix(b"\xef\xbb\xbf").unwrap_or(before);
    before.is_empty() || before.ends_with(b"\n")
}

/// The header lines in force: the last one of each name, in their order.
pub(super) struct HeaderLines {
    lines: Vec<Vec<u8>>,
    shared: Option<Arc<[u8]>>,
}

impl HeaderLines {
    pub(super) fn new(bytes: &[u8]) -> HeaderLines {
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        HeaderLines { lines: lines.map(<[u8]>::to_vec).collect(), shared: None }
    }

    /// Returns the parser after it has read these lines.
    pub(super) fn apply(&self, parser: Parser) -> Parser {
        self.lines.iter().fold(parser, |parser, line| parser.header_change(line).unwrap_or(parser))
    }

    pub(super) fn add(&mut self, line: &[u8]) {
        let name =
            |line: &[u8]| line.split(|&byte| byte.is_ascii_whitespace()).next().map(<[u8]>::to_vec);
        if line.starts_with(b"#separator") {
            // A separator line begins a new header.
            self.lines.clear();
        }
        // New columns have no types yet.
        let replaces_types = line.starts_with(b"#fields");
        let same = name(line);
        self.lines
            .retain(|old| name(old) != same && !(replaces_types && old.starts_with(b"#types")));
        self.lines.push(line.to_vec());
        self.shared = None;
    }

    /// The lines, joined by line feeds.
    pub(super) fn shared(&mut self) -> Arc<[u8]> {
        let lines = &self.lines;
        Arc::clone(self.shared.get_or_insert_with(|| lines.join(&b'\n').into()))
    }
}
