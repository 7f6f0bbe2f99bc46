//! Classes of bytes.

/// Part of a piece: anything except a hard end. Zero is a hard end.
const PIECE: u8 = 1;
/// `.`
pub(super) const DOT: u8 = 2;
/// `:`
pub(super) const COLON: u8 = 4;
/// Part of a word: letters, digits, `-`, `_`, and bytes of non-ASCII characters.
const WORD: u8 = 8;
/// A hexadecimal digit.
const HEX: u8 = 16;
/// Part of the local part of an email address, in addition to words and dots.
const LOCAL: u8 = 32;
/// Part of a non-ASCII character.
const WIDE: u8 = 64;

/// A bracket that may be around a defanged dot.
pub(super) const BRACKET: u8 = 128;

/// The numbers of digits of MD5, SHA-1 and SHA-256.
pub(super) const HASH_DIGITS: [usize; 3] = [32, 40, 64];

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        classes[i] = match byte {
            0..=b' ' | 0x7f | b'"' | b'<' | b'>' | b'`' | b'|' | b'\\' | b'^' => 0,
            b'.' => PIECE | DOT,
            b':' => PIECE | COLON,
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => PIECE | WORD | HEX,
            b'g'..=b'z' | b'G'..=b'Z' | b'-' | b'_' => PIECE | WORD,
            b'[' | b'(' | b'{' | b']' | b')' | b'}' => PIECE | BRACKET,
            b'+' | b'~' => PIECE | LOCAL,
            0x80.. => PIECE | WORD | WIDE,
            _ => PIECE,
        };
        i += 1;
    }
    classes
}

#[inline]
pub(super) fn class(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

#[inline]
pub(super) fn is_word(byte: u8) -> bool {
    class(byte) & WORD != 0
}

#[inline]
pub(super) fn is_hex(byte: u8) -> bool {
    class(byte) & HEX != 0
}

#[inline]
pub(super) fn is_wide(byte: u8) -> bool {
    class(byte) & WIDE != 0
}

/// Returns whether the local part of an email address may contain the byte (RFC 5322 `dot-atom`,
/// without bytes that are mostly delimiters in logs).
#[inline]
pub(super) fn is_local(byte: u8) -> bool {
    class(byte) & (WORD | DOT | LOCAL) != 0
}

/// Returns the length of a defanged dot at the start of the text: `[.]`, `(dot)` ...
#[inline]
pub(super) fn defanged_dot(text: &[u8]) -> Option<usize> {
    let close = match text.first()? {
        b'[' => b']',
        b'(' => b')',
        b'{' => b'}',
        _ => return None,
    };
    match text {
        [_, b'.', end, ..] if *end == close => Some(3),
        [_, d, o, t, end, ..] if *end == close && [*d, *o, *t].eq_ignore_ascii_case(b"dot") => {
            Some(5)
        }
        _ => None,
    }
}
