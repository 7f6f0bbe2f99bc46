//! Header lines within a log.

use memchr::{memchr, memchr_iter};
use threatsieve_log::{Format, Parser};

use crate::sources::Chunk;

/// The parser for what follows a piece, if its header lines change it. Headers are read here, in the order of the log, since
/// pieces are matched in any order. Each header line that changes it is handed to `changing`.
pub(crate) fn after_headers(
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
