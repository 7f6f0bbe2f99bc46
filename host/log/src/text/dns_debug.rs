//! Names as in the debug log of Windows' DNS server: `(3)www(4)evil(3)com(0)`, each label after its
//! length. In a response `[C00C]` marks a name that continues elsewhere in the message.

use std::ops::Range;

use threatsieve_blacklist::observable::Kind;

/// The longest label and name (RFC 1035, section 2.3.4).
const MAX_LABEL_BYTES: usize = 63;
const MAX_NAME_BYTES: usize = 255;

/// Passes on the first such name in a piece, and returns its position.
pub(super) fn name(piece: &[u8], sink: &mut impl FnMut(Kind, &[u8])) -> Option<Range<usize>> {
    // Most pieces have no bracket of this kind; the search for three bytes costs more.
    let first = memchr::memchr(b'(', piece)?;
    memchr::memmem::find(&piece[first..], b"(0)")?;
    memchr::memchr_iter(b'(', piece).find_map(|start| {
        let (name, bytes) = labels(&piece[start..])?;
        sink(Kind::Host, &name);
        Some(start..start + bytes)
    })
}

/// Returns the name at the start of the text, and its length there.
fn labels(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut name, mut at) = (Vec::new(), 0);
    loop {
        let (length, digits) = length(&text[at..])?;
        at += digits;
        if length == 0 {
            return (!name.is_empty()).then_some((name, at));
        }
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(text.get(at..at + length)?);
        if name.len() > MAX_NAME_BYTES {
            return None;
        }
        at += length;
        if let [b'[', a, b, c, d, b']', ..] = &text[at..]
            && [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit())
        {
            at += 6;
        }
    }
}

/// Returns the number in `(3)`, and the length of that text.
fn length(text: &[u8]) -> Option<(usize, usize)> {
    let rest = text.strip_prefix(b"(")?;
    let digits = rest.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    let length =
        rest[..digits].iter().fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    let is_length = digits > 0 && rest.get(digits) == Some(&b')') && length <= MAX_LABEL_BYTES;
    is_length.then_some((length, digits + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(piece: &str) -> Option<(String, Range<usize>)> {
        let mut out = String::new();
        let range =
            name(piece.as_bytes(), &mut |_, name| out = String::from_utf8_lossy(name).into_owned());
        range.map(|range| (out, range))
    }

    #[test]
    fn names_are_put_together() {
        let name = |piece| found(piece).map(|(name, _)| name);
        assert_eq!(name("(3)www(4)evil(3)com(0)").as_deref(), Some("www.evil.com"));
        assert_eq!(name("(7)example(0)").as_deref(), Some("example"));
        assert_eq!(name("(3)www[C01A](4)evil(3)com(0)").as_deref(), Some("www.evil.com"));
        assert_eq!(name("(3)a(1(3)com(0)").as_deref(), Some("a(1.com"));
        assert_eq!(found("x(0)(1)a(2)bc(0),y"), Some(("a.bc".into(), 4..16)));
    }

    #[test]
    fn similar_texts_are_not_names() {
        for piece in ["(0)", "(3)www(4)evil", "f(0)", "(99)a(0)", "(3)ab(0)", "main()(0)"] {
            assert_eq!(found(piece), None, "{piece}");
        }
    }
}
