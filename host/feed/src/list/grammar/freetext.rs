//! Values anywhere in a text, as MISP's import of free text finds them. Other words are no error.

use threatsieve_blacklist::value::has_scheme;
use threatsieve_blacklist::{DomainMode, Indicator, Listed, Value, has_known_suffix};

use super::super::{Sink, bare};

/// Endings of names that are more often those of files.
const FILE_ENDINGS: [&str; 8] = ["md", "mov", "pl", "py", "rs", "sh", "so", "zip"];

pub(super) fn read(line: &str, number: u32, sink: &mut Sink<'_>) {
    let is_end =
        |c: char| c.is_whitespace() || matches!(c, ',' | '<' | '>' | ';' | '"' | '|' | '`');
    for word in line.split(is_end) {
        let word = trimmed(word);
        if word.is_empty() {
            continue;
        }
        let Ok(Listed { value, port }) = Listed::parse(word, sink.options.url_mode) else {
            continue;
        };
        if is_meant(&value, port) {
            let port = port.map(|number| sink.options.port(number));
            sink.take(Indicator { port, ..bare(number, vec![value]) }, word);
        }
    }
}

/// Removes the marks of a sentence around a word. Brackets that belong to the word stay:
/// `evil[.]com`, `[2001:db8::1]:80`.
fn trimmed(word: &str) -> &str {
    let mut word = word;
    loop {
        let before = word;
        word = word.trim_matches(['.', ',', ':', '!', '?', '\'', '\u{201c}', '\u{201d}']);
        for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
            let count = |c: char| word.matches(c).count();
            if count(open) > count(close) {
                word = word.strip_prefix(open).unwrap_or(word);
            } else if count(close) > count(open) {
                word = word.strip_suffix(close).unwrap_or(word);
            } else if let Some(inner) =
                word.strip_prefix(open).and_then(|inner| inner.strip_suffix(close))
            {
                word = inner;
            }
        }
        if word == before {
            return word;
        }
    }
}

/// Returns whether a word that could be a value is one. A name must end like a real one.
fn is_meant(value: &Value, port: Option<u16>) -> bool {
    match value {
        Value::Address(_) | Value::Hash(_) => true,
        Value::Email(email) => email.rsplit_once('@').is_some_and(|(_, name)| is_name(name)),
        Value::Domain(name, DomainMode::AtAndBelow) => {
            let ending = name.rsplit('.').next().unwrap_or_default();
            is_name(name) && (port.is_some() || !FILE_ENDINGS.contains(&ending))
        }
        Value::Domain(name, _) => is_name(name),
        // A word is one value.
        Value::All(_) => false,
        Value::Url { shown, key, .. } => {
            let host = key.split(['/', ':', '?']).next().unwrap_or_default();
            let is_address = host.parse::<std::net::Ipv4Addr>().is_ok() || key.starts_with('[');
            has_scheme(shown) || is_address || is_name(host)
        }
    }
}

/// Returns whether a name has several labels and ends in a known public suffix.
fn is_name(name: &str) -> bool {
    name.contains('.') && has_known_suffix(name)
}
