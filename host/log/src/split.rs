//! Fields of lines: between blanks, in double quotes, after commas, and as `key=value`.

use std::borrow::Cow;

use memchr::memchr;

/// Splits at the first blank.
#[inline]
pub(crate) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b' ', text) {
        Some(blank) => (&text[..blank], &text[blank + 1..]),
        None => (text, b""),
    }
}

/// Returns the fields between blanks. Several blanks in a row count as one.
pub(crate) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b' ').filter(|word| !word.is_empty())
}

/// Returns the position of the first quote that no backslash escapes.
pub(crate) fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[from..]) {
        let at = from + found;
        if text[at] == b'"' {
            return Some(at);
        }
        from = (at + 2).min(text.len());
    }
    None
}

/// Fields between blanks. A field that begins with a double quote ends at a quote before a blank or
/// the end. It is passed on without its quotes. A field without its closing quote ends the walk.
pub(crate) struct Quoted<'a> {
    rest: &'a [u8],
    /// A field has no closing quote.
    pub(crate) is_cut: bool,
}

impl<'a> Quoted<'a> {
    pub(crate) fn new(line: &'a [u8]) -> Quoted<'a> {
        Quoted { rest: line, is_cut: false }
    }
}

impl<'a> Iterator for Quoted<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.rest = self.rest.trim_ascii_start();
        if self.rest.is_empty() || self.is_cut {
            return None;
        }
        let Some(inner) = self.rest.strip_prefix(b"\"") else {
            let (field, rest) = word(self.rest);
            self.rest = rest;
            return Some(field);
        };
        let mut from = 0;
        while let Some(found) = closing_quote(&inner[from..]) {
            let at = from + found;
            if matches!(inner.get(at + 1), None | Some(b' ')) {
                self.rest = &inner[at + 1..];
                return Some(&inner[..at]);
            }
            from = at + 1;
        }
        self.is_cut = true;
        None
    }
}

/// Returns the fields of a line of CSV. A doubled quote within quotes is one quote. A field without
/// its closing quote extends to the end.
pub(crate) fn csv(line: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(inner) = text.strip_prefix(b"\"") else {
            let end = memchr(b',', text);
            rest = end.map(|end| &text[end + 1..]);
            return Some(Cow::Borrowed(&text[..end.unwrap_or(text.len())]));
        };
        let mut from = 0;
        let end = loop {
            match memchr(b'"', &inner[from..]) {
                Some(found) if inner.get(from + found + 1) == Some(&b'"') => from += found + 2,
                Some(found) => break from + found,
                None => break inner.len(),
            }
        };
        let after = inner.get(end + 1..).unwrap_or_default();
        // Text between the closing quote and the comma belongs to no field.
        rest = memchr(b',', after).map(|comma| &after[comma + 1..]);
        Some(without_doubled_quotes(&inner[..end]))
    })
}

fn without_doubled_quotes(field: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'"', field).is_none() {
        return Cow::Borrowed(field);
    }
    let mut out = Vec::with_capacity(field.len());
    let mut bytes = field.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'"' && bytes.peek() == Some(&b'"') {
            bytes.next();
        }
        out.push(byte);
    }
    Cow::Owned(out)
}

/// Returns the pairs of `key=value key="value with blanks"`. Words without `=` have an empty key. A
/// value without its closing quote extends to the end.
pub(crate) fn pairs(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = line;
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return None;
        }
        let end = rest.iter().position(|byte| matches!(byte, b'=' | b' ')).unwrap_or(rest.len());
        if rest.get(end) != Some(&b'=') {
            let word = &rest[..end];
            rest = &rest[end..];
            return Some((&b""[..], word));
        }
        let (key, value) = (&rest[..end], &rest[end + 1..]);
        let Some(inner) = value.strip_prefix(b"\"") else {
            let (value, after) = word(value);
            rest = after;
            return Some((key, value));
        };
        let end = closing_quote(inner).unwrap_or(inner.len());
        rest = inner.get(end + 1..).unwrap_or_default();
        Some((key, &inner[..end]))
    })
}

/// Undoes the escapes of Apache and nginx: `\"`, `\\`, `\xHH`, `\n`, `\t` and their like.
pub(crate) fn unescaped(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr(b'\\', value) else { return Cow::Borrowed(value) };
    let mut out = value[..first].to_vec();
    let mut rest = &value[first..];
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, len) = match (byte, after) {
            (b'\\', [b'x', high, low, ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 4),
                _ => (b'\\', 1),
            },
            (b'\\', [b'u', b'0', b'0', high, low, ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 6),
                _ => (b'\\', 1),
            },
            (b'\\', [quoted @ (b'"' | b'\\' | b'\'' | b'/'), ..]) => (*quoted, 2),
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b't', ..]) => (b'\t', 2),
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (byte, _) => (byte, 1),
        };
        out.push(byte);
        rest = &rest[len..];
    }
    Cow::Owned(out)
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn quoted_fields() {
        let fields = |line: &str| {
            let mut walk = Quoted::new(line.as_bytes());
            let fields: Vec<String> = walk.by_ref().map(text).collect();
            (fields, walk.is_cut)
        };
        assert_eq!(fields(r#"a "b c"  d"#), (vec!["a".into(), "b c".into(), "d".into()], false));
        assert_eq!(fields(r#""a"b" c"#), (vec![r#"a"b"#.into(), "c".into()], false));
        assert_eq!(fields(r#""a\" b" c"#), (vec![r#"a\" b"#.into(), "c".into()], false));
        assert_eq!(fields(r#"a "b c"#), (vec!["a".into()], true));
        assert_eq!(fields(r#"a "b\"#), (vec!["a".into()], true));
        assert_eq!(fields(""), (vec![], false));
    }

    #[test]
    fn comma_separated_fields() {
        let fields =
            |line: &str| csv(line.as_bytes()).map(|field| text(&field)).collect::<Vec<_>>();
        assert_eq!(fields("a,,b"), ["a", "", "b"]);
        assert_eq!(fields(r#"a,"b,c",d"#), ["a", "b,c", "d"]);
        assert_eq!(fields(r#""say ""hi""",x"#), [r#"say "hi""#, "x"]);
        assert_eq!(fields(r#"a,"cut,"#), ["a", "cut,"]);
        assert_eq!(fields(r#""a"junk,b"#), ["a", "b"]);
        assert_eq!(fields(""), [""]);
        assert_eq!(fields("a,"), ["a", ""]);
    }

    #[test]
    fn pairs_of_keys_and_values() {
        let found = |line: &str| {
            pairs(line.as_bytes()).map(|(key, value)| (text(key), text(value))).collect::<Vec<_>>()
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            found(r#"a=1 b="x y" c= word d="q\" r""#),
            [
                pair("a", "1"),
                pair("b", "x y"),
                pair("c", ""),
                pair("", "word"),
                pair("d", r#"q\" r"#)
            ]
        );
        assert_eq!(found(r#"a="cut off"#), [pair("a", "cut off")]);
        assert_eq!(found("  "), []);
    }

    #[test]
    fn escapes_are_undone() {
        for (value, plain) in [
            (r"a\x22b", "a\"b"),
            (r#"a\"b\\c"#, "a\"b\\c"),
            (r"a\xZZ\", r"a\xZZ\"),
            (r"a\tb", "a\tb"),
            (r"\u0022", "\""),
            ("plain", "plain"),
        ] {
            assert_eq!(text(&unescaped(value.as_bytes())), plain);
        }
    }
}
