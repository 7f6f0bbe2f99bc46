//! Free text: hosts, addresses, URLs, hashes and email addresses anywhere in a line.
//!
//! A line is cut at the bytes that end everything, even URLs: blanks, double quotes, angle
//! brackets, backslashes and others. Only pieces with a dot, a colon or the length of a hash are
//! read again: as URLs if they contain `://`, otherwise word by word. Every byte is visited a
//! bounded number of times, whatever the line.
//!
//! A name that does not end in a top-level domain is passed on too. The blacklist decides: it may
//! list the name or a parent (`evil.onion`, `c2.internal`).

mod class;
mod defang;
mod dns_debug;
mod plain;
mod unicode;
mod url;

use threatsieve_blacklist::observable::Kind;

use class::{BRACKET, COLON, DOT, HASH_DIGITS, class};

/// Passes on the observables, mostly from left to right. A URL is also looked up as its host, and
/// an email address as its domain.
pub(crate) fn walk(line: &[u8], sink: &mut impl FnMut(Kind, &[u8])) {
    let mut at = 0;
    while at < line.len() {
        let start = at;
        let mut seen = 0;
        while let Some(&byte) = line.get(at) {
            let class = class(byte);
            if class == 0 {
                let joined = if matches!(byte, b'\\' | b'<') { defang::joins(line, at) } else { 0 };
                if joined == 0 {
                    break;
                }
                seen |= BRACKET;
                at += joined;
                continue;
            }
            seen |= class;
            at += 1;
        }
        if seen & (DOT | COLON | BRACKET) != 0 || at - start >= HASH_DIGITS[0] {
            at = piece(line, start, at, seen, sink);
        }
        at += 1;
    }
}

/// Reads a piece between hard ends, and returns the position after it.
#[inline]
fn piece(
    line: &[u8],
    start: usize,
    end: usize,
    seen: u8,
    sink: &mut impl FnMut(Kind, &[u8]),
) -> usize {
    if seen & BRACKET != 0 && bracketed(&line[start..end], seen, sink) {
        return end;
    }
    values(line, start, end, seen, true, sink)
}

/// Reads a piece with brackets, if they belong to a name or a defanged separator.
fn bracketed(piece: &[u8], seen: u8, sink: &mut impl FnMut(Kind, &[u8])) -> bool {
    let mut rest = piece;
    while let Some(name) = dns_debug::name(rest, sink) {
        values(rest, 0, name.start, seen, false, sink);
        rest = &rest[name.end..];
    }
    if rest.len() < piece.len() {
        values(rest, 0, rest.len(), seen, false, sink);
        return true;
    }
    let Some(refanged) = defang::refanged(piece) else { return false };
    values(&refanged, 0, refanged.len(), COLON, false, sink);
    true
}

/// Reads a piece, and returns the position after it. With `undo`, escapes in URLs are undone.
fn values(
    line: &[u8],
    start: usize,
    end: usize,
    seen: u8,
    undo: bool,
    sink: &mut impl FnMut(Kind, &[u8]),
) -> usize {
    let mut from = start;
    if seen & COLON != 0 {
        let mut has_escapes = None;
        while let Some(found) = url::find(line, from, end) {
            plain::walk(line, from, found.start, sink);
            // Checked once for each piece, so that no line costs the square of its length.
            let has = || undo && url::has_escapes(line, found.authority, end);
            if !*has_escapes.get_or_insert_with(has) {
                from = url::walk(line, found, end, sink);
                continue;
            }
            from = unescaped(line, found.start, found.authority, sink);
            if from >= end {
                return from;
            }
        }
        if undo && let Some(scheme) = url::escaped_scheme(line, from, end) {
            return unescaped(line, scheme, end, sink);
        }
    }
    plain::walk(line, from, end, sink);
    end
}

/// Reads a URL after undoing its escapes, and returns the position after it. The text before
/// `plain` is used as it is.
fn unescaped(line: &[u8], start: usize, plain: usize, sink: &mut impl FnMut(Kind, &[u8])) -> usize {
    let (url, next) = url::unescaped(line, start, plain);
    values(&url, 0, url.len(), COLON, false, sink);
    next
}

#[cfg(test)]
mod tests;
