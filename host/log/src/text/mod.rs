//! Free text: hosts, addresses, URLs, hashes and email addresses wherever they stand.
//!
//! A line is cut at the bytes that end everything, even URLs (blanks, double quotes, angle brackets, backslashes ...). Of the pieces only those with a dot, a
//! colon or the length of a hash are looked at again: as URLs where `://` stands, else word by word. Every byte is visited a bounded
//! number of times, whatever the line.

mod class;
mod plain;
mod unicode;
mod url;

use threatsieve_blacklist::observable::Kind;

use class::{COLON, DOT, HASH_DIGITS, OPEN, class};

/// Hands over what is found, mostly from left to right. A URL stands for its host too, an email address for its domain.
pub(crate) fn walk(line: &[u8], sink: &mut impl FnMut(Kind, &[u8])) {
    let mut at = 0;
    while at < line.len() {
        let start = at;
        let mut seen = 0;
        while let Some(&byte) = line.get(at) {
            let class = class(byte);
            if class == 0 {
                break;
            }
            seen |= class;
            at += 1;
        }
        if seen & (DOT | COLON | OPEN) != 0 || at - start >= HASH_DIGITS[0] {
            at = piece(line, start, at, seen, sink);
        }
        at += 1;
    }
}

/// Looks at a piece between hard ends; gives where to go on.
fn piece(line: &[u8], start: usize, end: usize, seen: u8, sink: &mut impl FnMut(Kind, &[u8])) -> usize {
    let mut from = start;
    if seen & COLON != 0 {
        while let Some(found) = url::find(line, from, end) {
            plain::walk(line, from, found.start, sink);
            from = url::walk(line, found, end, sink);
        }
        if let Some(next) = url::escaped(line, from, end, sink) {
            return next;
        }
    }
    plain::walk(line, from, end, sink);
    end
}

#[cfg(test)]
mod tests;
