//! Header lines within a log.

use std::sync::Arc;

use memchr::{memchr, memchr_iter};
use threatsieve_log::{Format, Parser};

use crate::sources::Chunk;

/// The parser for what follows a piece, if the piece's header lines change it. Headers are read in
/// the order of the log, since pieces are matched in any order. Each header line that changes the
/// parser is handed to `changing`.
pub(super) fn after_headers(
    parser: &Parser,
    chunk: &Chunk,
    changing: &mut dyn FnMut(&[u8]),
) -> Option<Parser> {
    if parser.format() != Format::Zeek {
        return None;
    }
    let bytes = chunk.bytes();
    let mut changed: Option<Parser> = None;
    for at in memchr_iter(b'#', bytes) {
        if at > 0 && bytes[at - 1] != b'\n' {
            continue;
        }
        let line = &bytes[at..];
        let line = &line[..memchr(b'\n', line).unwrap_or(line.len())];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(next) = changed.as_ref().unwrap_or(parser).header_change(line) {
            changing(line);
            changed = Some(next);
        }
    }
    changed
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

    /// The parser once it has read these lines.
    pub(super) fn apply(&self, parser: Parser) -> Parser {
        self.lines.iter().fold(parser, |parser, line| parser.header_change(line).unwrap_or(parser))
    }

    pub(super) fn add(&mut self, line: &[u8]) {
        let name =
            |line: &[u8]| line.split(|&byte| byte.is_ascii_whitespace()).next().map(<[u8]>::to_vec);
        if line.starts_with(b"#separator") {
            // A new header begins.
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

    /// The lines, joined by line ends.
    pub(super) fn shared(&mut self) -> Arc<[u8]> {
        let lines = &self.lines;
        Arc::clone(self.shared.get_or_insert_with(|| lines.join(&b'\n').into()))
    }
}
