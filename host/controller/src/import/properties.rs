//! Reader of Java's properties files, as `java.util.Properties.load` reads a stream of bytes:
//! ISO 8859-1, escapes, lines that are continued, and three separators.

use anyhow::{anyhow, ensure};

/// Largest number of properties of a file.
const MAX_PROPERTIES: usize = 10_000;

/// The properties of a file, in its order. Of several with the same key, the last one counts.
#[derive(Debug, Default)]
pub(super) struct Properties(Vec<(String, String)>);

impl Properties {
    /// Reads a file's content. Fails on a malformed `\u` escape, as Java does.
    pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Properties> {
        let text: Vec<char> = bytes.iter().map(|byte| char::from(*byte)).collect();
        let mut properties = Properties::default();
        let mut lines = text.split_inclusive(|c| *c == '\n').flat_map(|line| {
            // `\r\n` ends one line; each other `\r` ends one too.
            let line = line.strip_suffix(&['\n']).unwrap_or(line);
            let line = line.strip_suffix(&['\r']).unwrap_or(line);
            line.split(|c| *c == '\r')
        });
        let mut number = 0;
        while let Some(line) = lines.next() {
            number += 1;
            let (first, line) = (number, without_indent(line));
            if matches!(line, [] | ['#' | '!', ..]) {
                continue;
            }
            let mut whole = line.to_vec();
            while is_continued(&whole) {
                whole.pop();
                let Some(next) = lines.next() else { break };
                number += 1;
                whole.extend_from_slice(without_indent(next));
            }
            let (key, value) = split(&whole);
            let unescaped = |part| unescaped(part).map_err(|text| anyhow!("line {first}: {text}"));
            properties.set(unescaped(key)?, unescaped(value)?);
            let count = properties.0.len();
            ensure!(count <= MAX_PROPERTIES, "expected at most {MAX_PROPERTIES} properties");
        }
        Ok(properties)
    }

    fn set(&mut self, key: String, value: String) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    /// Returns a value without white space around it; `None` if it is missing or empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == key)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// Returns a value as it is, with white space.
    pub(super) fn raw(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

fn is_white(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

fn without_indent(line: &[char]) -> &[char] {
    let start = line.iter().position(|c| !is_white(*c)).unwrap_or(line.len());
    &line[start..]
}

/// Returns whether a line ends with an odd number of backslashes.
fn is_continued(line: &[char]) -> bool {
    line.iter().rev().take_while(|c| **c == '\\').count() % 2 == 1
}

/// Splits a line at its first separator that is not escaped: `=`, `:` or white space, with white
/// space around it.
fn split(line: &[char]) -> (&[char], &[char]) {
    let mut at = 0;
    while at < line.len() && !is_white(line[at]) && !matches!(line[at], '=' | ':') {
        at += if line[at] == '\\' { 2 } else { 1 };
    }
    let (key, rest) = line.split_at(at.min(line.len()));
    let rest = without_indent(rest);
    let rest = match rest {
        ['=' | ':', rest @ ..] => without_indent(rest),
        rest => rest,
    };
    (key, rest)
}

/// Resolves escapes. The text may hold characters beyond 16 bits as two `\u` escapes.
fn unescaped(text: &[char]) -> Result<String, String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        let mut one = [0; 2];
        if *first != '\\' {
            units.extend_from_slice(first.encode_utf16(&mut one));
            continue;
        }
        let [escaped, after @ ..] = rest else { break };
        rest = after;
        let c = match escaped {
            'u' => {
                let digits: String = rest.iter().take(4).collect();
                let is_hex = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| is_hex);
                units.push(unit.ok_or("expected four hexadecimal digits after \\u, got others")?);
                rest = &rest[4..];
                continue;
            }
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\u{c}',
            other => *other,
        };
        units.extend_from_slice(c.encode_utf16(&mut one));
    }
    Ok(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(String, String)> {
        Properties::read(text).unwrap().0
    }

    #[test]
    fn a_file_is_read_as_java_reads_it() {
        type Pairs = &'static [(&'static str, &'static str)];
        let cases: [(&[u8], Pairs); 12] = [
            (b"a=1\nb:2\nc 3\nd\te\n", &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "e")]),
            (b"  a  =  1  \n", &[("a", "1  ")]),
            (b"a : = 1", &[("a", "= 1")]),
            (b"# x\n! y\n\n   \n  # z\na", &[("a", "")]),
            (b"# no \\\na=1", &[("a", "1")]),
            (b"a=1\\\n   2\\\r\n3\\\r4", &[("a", "1234")]),
            (b"a=1\\\\\nb=2", &[("a", "1\\"), ("b", "2")]),
            (b"a\\ b\\=c\\:d=\\t\\n\\r\\f\\q\\\\", &[("a b=c:d", "\t\n\r\u{c}q\\")]),
            (b"a=caf\xe9 \\u00e9 \\uD83D\\uDE00", &[("a", "caf\u{e9} \u{e9} \u{1f600}")]),
            (b"a=1\ra=2\r\n\r\nb=3", &[("a", "2"), ("b", "3")]),
            (b"=x\n:y", &[("", "y")]),
            (b"a=x\\", &[("a", "x")]),
        ];
        for (text, expected) in cases {
            let expected: Vec<(String, String)> =
                expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(read(text), expected, "{:?}", String::from_utf8_lossy(text));
        }
        let error = Properties::read(b"\n\na=\\u00g0").unwrap_err().to_string();
        assert!(error.starts_with("line 3: expected four hexadecimal digits"), "{error}");
        assert!(Properties::read(b"a=\\u12").is_err());
        assert!(Properties::read("a=\\u".as_bytes()).is_err());
    }
}
