//! Host names: lower case, label by label, and the visit of a name's suffixes that look-ups start
//! with.

use super::block::{BLOCK, Block};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The longest name that can be listed (RFC 1035, section 2.3.4, without the trailing dot).
/// Look-ups compare no more than this many bytes, counted from the observable's end.
pub(crate) const MAX_NAME_BYTES: usize = 253;
/// The longest label, in bytes, that can become a valid A-label: 63 code points of 4 bytes. Longer
/// labels stay as they are.
const MAX_IDNA_LABEL_BYTES: usize = 63 * 4;

/// The name has a byte that a plain host name does not contain (RFC 1123, section 2.1, and `_`), so
/// it must be normalised first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unusual;

/// A suffix of a name that starts at a label.
pub(crate) struct Suffix<'b> {
    /// The number of labels.
    pub(crate) labels: usize,
    /// Its offset in the buffer.
    pub(crate) from: usize,
    /// True if it starts with a digit, as the last label of an address does.
    pub(crate) starts_with_digit: bool,
    block: &'b Block,
    /// The number of its bytes in the block.
    in_block: usize,
    state: u64,
}

impl Suffix<'_> {
    /// A hash of its lower-case bytes.
    #[inline(always)]
    pub(crate) fn hash(&self) -> u64 {
        self.block.hash_of_last(self.in_block, self.state)
    }
}

/// Visits a name's suffixes on label boundaries, shortest first (`com`, `evil.com`,
/// `www.evil.com`). Ends when `visit` returns a value.
///
/// The name is `bytes[start..end]`, in any case and without a trailing dot. `bytes` may hold
/// anything before the name. Blocks of 16 bytes are read from the name's end without copying: the
/// last two labels decide most look-ups. `plain` means that the name is already normalised,
/// whatever its bytes are.
#[inline(always)]
pub(crate) fn suffixes<R>(
    bytes: &[u8],
    start: usize,
    end: usize,
    plain: bool,
    mut visit: impl FnMut(&Suffix<'_>) -> Option<R>,
) -> Result<Option<R>, Unusual> {
    let (mut at, mut state, mut labels) = (end, 0, 0);
    loop {
        let mut block = Block::before(bytes, at);
        let inside = at - start;
        if inside < BLOCK {
            block = block.starting_at(BLOCK - inside);
        }
        if !plain && !block.is_usual() {
            return Err(Unusual);
        }
        let mut dots = block.dots();
        while dots != 0 {
            let dot = dots.ilog2() as usize;
            dots &= !(1 << dot);
            labels += 1;
            let in_block = BLOCK - 1 - dot;
            let from = at - in_block;
            let starts_with_digit = from < end && bytes.get(from).is_some_and(u8::is_ascii_digit);
            let suffix = Suffix { labels, from, starts_with_digit, block: &block, in_block, state };
            if let Some(value) = visit(&suffix) {
                return Ok(Some(value));
            }
            if from == start {
                return Ok(None);
            }
        }
        state = block.hash_of_last(BLOCK, state);
        at -= BLOCK;
    }
}

/// Returns whether a plain host name holds all the bytes of `bytes[start..end]`.
pub(crate) fn is_plain(bytes: &[u8], start: usize, end: usize) -> bool {
    suffixes(bytes, start, end, false, |_| None::<()>).is_ok()
}

/// Appends a host name in normalised form to `out`: lower case, no trailing dot, non-ASCII labels
/// as A-labels (UTS 46, non-transitional). A label that IDNA rejects stays as lower-case bytes. If
/// the name is too long to be listed, only the last labels are written, and the result is true.
pub(crate) fn write_name(name: &[u8], out: &mut Vec<u8>) -> bool {
    let from = out.len();
    if name.is_ascii() {
        let name = name.strip_suffix(b".").unwrap_or(name);
        let (kept, cut) = last_labels(name);
        out.extend(kept.iter().map(u8::to_ascii_lowercase));
        return cut;
    }
    match std::str::from_utf8(name) {
        // UTS 46, section 4: U+3002, U+FF0E and U+FF61 separate labels as the dot does.
        Ok(text) => write_labels(
            text.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']).map(str::as_bytes),
            out,
        ),
        Err(_) => write_labels(name.split(|&b| b == b'.'), out),
    }
    if out.len() > from + 1 && out.last() == Some(&b'.') {
        out.pop();
    }
    let (kept, cut) = last_labels(&out[from..]);
    let dropped = out.len() - from - kept.len();
    out.drain(from..from + dropped);
    cut
}

fn write_labels<'a>(labels: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    for (i, label) in labels.enumerate() {
        if i > 0 {
            out.push(b'.');
        }
        if label.is_ascii() || label.len() > MAX_IDNA_LABEL_BYTES {
            out.extend(label.iter().map(u8::to_ascii_lowercase));
            continue;
        }
        match Uts46::new().to_ascii(label, AsciiDenyList::URL, Hyphens::Allow, DnsLength::Ignore) {
            Ok(a_label) => out.extend_from_slice(a_label.as_bytes()),
            Err(_) => out.extend(label.iter().map(u8::to_ascii_lowercase)),
        }
    }
}

/// Returns the last labels of a name that fit in [`MAX_NAME_BYTES`], and whether labels were left
/// out.
fn last_labels(name: &[u8]) -> (&[u8], bool) {
    if name.len() <= MAX_NAME_BYTES {
        return (name, false);
    }
    let tail = &name[name.len() - MAX_NAME_BYTES - 1..];
    match tail.iter().position(|&b| b == b'.') {
        Some(dot) => (&tail[dot + 1..], true),
        None => (&[], true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(name: &str, pad: &str) -> Result<Vec<(usize, u64, String)>, Unusual> {
        let text = format!("{pad}{name}tail");
        let (start, end) = (pad.len(), pad.len() + name.len());
        let mut seen = Vec::new();
        suffixes(text.as_bytes(), start, end, false, |suffix| {
            seen.push((suffix.labels, suffix.hash(), text[suffix.from..end].to_owned()));
            None::<()>
        })?;
        Ok(seen)
    }

    #[test]
    fn suffixes_are_visited_shortest_first_at_any_position() {
        for name in [
            "com",
            "evil.com",
            "www.evil.com",
            "a.b.c.d",
            "abcdefgh",
            "abcdefg.hijklmno",
            "x.abcdefgh",
            "1234567.abcdefgh.ijk",
            "averyveryverylonglabelindeed.of.some.name.example",
            "a..b",
            ".a",
        ] {
            let want: Vec<String> = (0..name.len())
                .rev()
                .filter(|&i| name.as_bytes()[i] == b'.')
                .map(|i| name[i + 1..].to_owned())
                .chain([name.to_owned()])
                .collect();
            let plain = all(name, "").unwrap();
            assert_eq!(plain.iter().map(|s| s.2.clone()).collect::<Vec<_>>(), want, "{name}");
            assert_eq!(
                plain.iter().map(|s| s.0).collect::<Vec<_>>(),
                (1..=want.len()).collect::<Vec<_>>()
            );
            for pad in ["x", "http://", "http://user.name.", ".......", "........", "........."] {
                assert_eq!(all(name, pad).unwrap(), plain, "{name} after {pad}");
            }
            assert_eq!(
                all(&name.to_ascii_uppercase(), "q")
                    .unwrap()
                    .iter()
                    .map(|s| s.1)
                    .collect::<Vec<_>>(),
                plain.iter().map(|s| s.1).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn a_suffix_hashes_alike_below_any_name() {
        let hash = |name: &str, labels: usize| {
            all(name, "").unwrap().into_iter().find(|s| s.0 == labels).unwrap().1
        };
        let alone = hash("evil.com", 2);
        for below in
            ["a.evil.com", "www.evil.com", "aaaaaaaaaaaaaaaaaaaaaaaa.evil.com", "x.y.z.EVIL.com"]
        {
            assert_eq!(hash(below, 2), alone);
        }
        assert_ne!(hash("evil.org", 2), alone);
        assert_ne!(hash("notevil.com", 2), alone);
    }

    #[test]
    fn unusual_bytes_are_reported() {
        for name in [
            "b\u{fc}cher.de",
            "evil[.]com",
            "evil%2ecom",
            "user@evil.com",
            "evil.com:x",
            "evil.c`m~",
            "a b",
        ] {
            assert_eq!(all(name, ""), Err(Unusual), "{name}");
        }
        assert!(all("r3---sn-a.under_score.com", "").is_ok());
    }

    #[test]
    fn names_are_written_normalised() {
        let write = |name: &str| {
            let mut out = b"kept ".to_vec();
            let cut = write_name(name.as_bytes(), &mut out);
            (String::from_utf8(out[5..].to_vec()).unwrap(), cut)
        };
        for (name, want) in [
            ("WWW.Evil.COM.", "www.evil.com"),
            ("B\u{dc}CHER.example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.Example", "xn--bcher-kva.example"),
            ("stra\u{df}e.de", "xn--strae-oqa.de"),
            ("evil\u{3002}com", "evil.com"),
            ("\u{ff45}vil.com", "evil.com"),
            ("r3---sn-a.\u{e9}.com", "r3---sn-a.xn--9ca.com"),
            ("\u{2f}a\u{338}\u{200d}.evil.com", "/a\u{338}\u{200d}.evil.com"),
        ] {
            assert_eq!(write(name), (want.to_owned(), false), "{name}");
        }
        let (kept, cut) = write(&format!("{}.evil.com", "a.".repeat(200)));
        assert!(cut && kept.ends_with(".evil.com") && kept.len() <= MAX_NAME_BYTES);
        assert_eq!(write(&"a".repeat(400)), (String::new(), true));
    }
}
