//! Values that were defanged in unusual ways: `evil[.com`, `evil.]com`, `evil[[.]]com`,
//! `evil<.>com`, `evil\.com`, `hxxp[:]//evil[.]com[/]x`, `bob[at]evil[.]com`.
//!
//! The usual `evil[.]com` is left to the matcher's normaliser, which refangs it.

use super::class::{BRACKET, class, defanged_dot, is_word};

/// The most brackets on one side.
const MAX_BRACKETS: usize = 2;

/// Spellings of separators inside brackets.
const SPELLED: [(&[u8], &[u8]); 7] = [
    (b"://", b"://"),
    (b".", b"."),
    (b"dot", b"."),
    (b":", b":"),
    (b"/", b"/"),
    (b"@", b"@"),
    (b"at", b"@"),
];

/// A defanged separator.
struct Separator {
    bytes: usize,
    stands_for: &'static [u8],
    /// The normaliser does not know this spelling.
    is_odd: bool,
}

/// Returns the length of a `\.`, `<.>` or `<dot>` between two words. Such a separator does not end
/// a piece.
pub(super) fn joins(line: &[u8], at: usize) -> usize {
    let is_between = |bytes: usize| {
        at > 0 && is_word(line[at - 1]) && line.get(at + bytes).is_some_and(|&byte| is_word(byte))
    };
    let bytes = match &line[at..] {
        [b'\\', b'.', ..] => 2,
        [b'<', b'.', b'>', ..] => 3,
        [b'<', d, o, t, b'>', ..] if [*d, *o, *t].eq_ignore_ascii_case(b"dot") => 5,
        _ => return 0,
    };
    if is_between(bytes) { bytes } else { 0 }
}

/// Returns the piece with its separators refanged, or `None` if no unusual spelling is in it.
pub(super) fn refanged(piece: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut copied, mut at, mut is_odd) = (Vec::new(), 0, 0, false);
    while let Some(&byte) = piece.get(at) {
        match may_begin(byte).then(|| separator(piece, at)).flatten() {
            Some(separator) => {
                is_odd |= separator.is_odd;
                out.extend_from_slice(&piece[copied..at]);
                out.extend_from_slice(separator.stands_for);
                at += separator.bytes;
                copied = at;
            }
            None => at += 1,
        }
    }
    if !is_odd {
        return None;
    }
    out.extend_from_slice(&piece[copied..]);
    Some(out)
}

/// Returns whether a separator may begin with this byte. Most bytes of a piece end here.
#[inline]
fn may_begin(byte: u8) -> bool {
    byte == b'.' || class(byte) & BRACKET != 0 || matches!(byte, b'\\' | b'<')
}

fn separator(piece: &[u8], at: usize) -> Option<Separator> {
    let text = &piece[at..];
    match text[0] {
        b'\\' | b'<' => {
            let bytes = joins(piece, at);
            return (bytes > 0).then_some(Separator { bytes, stands_for: b".", is_odd: true });
        }
        b'.' if text.get(1).is_some_and(|&byte| is_close(byte)) => {}
        byte if is_open(byte) => {}
        _ => return None,
    }
    if at == 0 {
        return None;
    }
    let brackets = |text: &[u8], is: fn(u8) -> bool| {
        text.iter().take(MAX_BRACKETS).take_while(|byte| is(**byte)).count()
    };
    let open = brackets(text, is_open);
    let inner = &text[open..];
    if !inner.first().is_some_and(|byte| b".:/@dDaA".contains(byte)) {
        return None;
    }
    let (spelled, stands_for) = SPELLED.into_iter().find(|(spelled, _)| {
        inner.get(..spelled.len()).is_some_and(|start| start.eq_ignore_ascii_case(spelled))
    })?;
    let close = brackets(&inner[spelled.len()..], is_close);
    let bytes = open + spelled.len() + close;
    // With brackets on one side only, it must be a dot within a word.
    let is_whole = open > 0 && close > 0;
    let is_in_word = is_word(piece[at - 1]) && text.get(bytes).is_some_and(|&byte| is_word(byte));
    if !(is_whole || open + close > 0 && spelled == b"." && is_in_word) {
        return None;
    }
    let is_odd = defanged_dot(text) != Some(bytes);
    Some(Separator { bytes, stands_for, is_odd })
}

fn is_open(byte: u8) -> bool {
    matches!(byte, b'[' | b'(' | b'{')
}

fn is_close(byte: u8) -> bool {
    matches!(byte, b']' | b')' | b'}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusual_spellings_are_refanged() {
        for (piece, want) in [
            ("evil[.com", "evil.com"),
            ("evil.]com", "evil.com"),
            ("evil(.com/x", "evil.com/x"),
            ("evil[[.]]com", "evil.com"),
            ("evil[.)com", "evil.com"),
            ("evil((dot))com", "evil.com"),
            ("192[.0.2.]7", "192.0.2.7"),
            ("evil\\.com", "evil.com"),
            ("evil<.>com", "evil.com"),
            ("evil<DOT>com", "evil.com"),
            ("hxxp[:]//evil[.]com[/]x", "hxxp://evil.com/x"),
            ("hxxp[://]evil[.]com", "hxxp://evil.com"),
            ("evil[.]com[:]443", "evil.com:443"),
            ("bob[at]evil[.]com", "bob@evil.com"),
            ("bob(@)evil.com", "bob@evil.com"),
        ] {
            assert_eq!(refanged(piece.as_bytes()), Some(want.as_bytes().to_vec()), "{piece}");
        }
    }

    #[test]
    fn other_brackets_stay() {
        for piece in [
            "evil.com",
            "evil[.]com",
            "evil(dot)com",
            "(evil.com)",
            "[2001:db8::1]:443",
            "query[A]",
            "see(evil.com).",
            "a[0].b",
            "f(x).y",
            "[.]",
            "",
        ] {
            assert_eq!(refanged(piece.as_bytes()), None, "{piece}");
        }
    }
}
