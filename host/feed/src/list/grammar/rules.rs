//! Rules of Suricata and Snort.
//!
//! Addresses count where the header names them and the rule needs nothing else. Names count where
//! the rule compares the whole end of a DNS query, of a TLS server name or of an HTTP host.

use threatsieve_blacklist::DomainMode;

use super::super::{LineError, Sink};
use super::{CONDITIONAL, OTHER_SETTING, take};

const ACTIONS: [&str; 9] =
    ["alert", "drop", "reject", "rejectsrc", "rejectdst", "rejectboth", "block", "sdrop", "log"];

pub(super) fn read(line: &str, number: u32, sink: &mut Sink<'_>) {
    let (header, options) = match line.split_once('(') {
        Some((header, options)) => (header, options.trim_end().trim_end_matches(')')),
        None => (line, ""),
    };
    let words = header_words(header);
    let [action, _protocol, source, _, direction, target, ..] = &words[..] else {
        return sink.reject(number, line, no_rule(line));
    };
    if !matches!(direction.as_str(), "->" | "<>" | "<-") {
        return sink.reject(number, line, no_rule(line));
    }
    if !ACTIONS.contains(&action.as_str()) {
        return sink.skip(OTHER_SETTING);
    }
    let contents = Contents::of(options);
    if contents.has_more {
        return sink.skip(CONDITIONAL);
    }
    let addresses: Vec<&str> =
        [source, target].into_iter().flat_map(|list| literal(list)).collect();
    match contents.name() {
        Some((name, mode)) if addresses.is_empty() => take(&name, mode, number, sink),
        None if contents.all.is_empty() && !addresses.is_empty() => {
            for address in addresses {
                take(address, DomainMode::Exact, number, sink);
            }
        }
        _ => sink.skip(CONDITIONAL),
    }
}

fn no_rule(line: &str) -> LineError {
    LineError::Column {
        column: "rule",
        expected: "`ACTION PROTOCOL SOURCE PORT -> DESTINATION PORT (OPTIONS)`",
        got: crate::text::cut(line),
    }
}

/// Divides the header at white space. A list in brackets is one word.
fn header_words(header: &str) -> Vec<String> {
    let (mut words, mut word, mut depth) = (Vec::new(), String::new(), 0_u32);
    for c in header.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match c.is_whitespace() {
            true if depth == 0 && !word.is_empty() => words.push(std::mem::take(&mut word)),
            true => {}
            false => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// Returns the addresses of a list. Variables, and addresses that are excluded, are none.
fn literal(list: &str) -> impl Iterator<Item = &str> {
    let is_excluded = list.starts_with('!');
    list.trim_matches(['[', ']']).split(',').map(|one| one.trim_matches(['[', ']'])).filter(
        move |one| {
            !is_excluded
                && !one.is_empty()
                && !one.starts_with(['!', '$'])
                && !one.eq_ignore_ascii_case("any")
        },
    )
}

/// A text that must be in a part of the traffic.
#[derive(Debug, Default)]
struct Content {
    text: String,
    is_in_name: bool,
    is_excluded: bool,
    has_prefix: bool,
    starts: bool,
    ends: bool,
    bytes: Option<usize>,
}

/// The conditions of a rule.
#[derive(Debug, Default)]
struct Contents {
    all: Vec<Content>,
    /// There are conditions of other kinds.
    has_more: bool,
}

impl Contents {
    fn of(options: &str) -> Contents {
        let mut contents = Contents::default();
        let (mut is_name, mut has_prefix) = (false, false);
        for (key, value) in options_of(options) {
            match key.as_str() {
                "dns.query" | "dns_query" | "tls.sni" | "tls_sni" | "http.host" => is_name = true,
                "dotprefix" => has_prefix = true,
                "content" => {
                    let (text, is_excluded) = match value.strip_prefix('!') {
                        Some(text) => (text, true),
                        None => (value.as_str(), false),
                    };
                    contents.all.push(Content {
                        text: plain(text.trim().trim_matches('"')),
                        is_in_name: is_name,
                        is_excluded,
                        has_prefix,
                        ..Content::default()
                    });
                }
                "pcre" => contents.has_more = true,
                "isdataat" if value.replace(' ', "") == "!1,relative" => {
                    contents.last(|last| last.ends = true);
                }
                "endswith" => contents.last(|last| last.ends = true),
                "startswith" => contents.last(|last| last.starts = true),
                "bsize" => {
                    let bytes = value.parse().ok();
                    contents.last(|last| last.bytes = bytes);
                }
                // Any other buffer ends that of the name.
                key if key.contains('.') => is_name = false,
                _ => {}
            }
        }
        contents
    }

    fn last(&mut self, change: impl FnOnce(&mut Content)) {
        if let Some(last) = self.all.last_mut() {
            change(last);
        }
    }

    /// Returns the name that the only content is, and the hosts that it covers.
    fn name(&self) -> Option<(String, DomainMode)> {
        let [one] = &self.all[..] else { return None };
        if !one.is_in_name || one.is_excluded {
            return None;
        }
        let is_whole = one.bytes == Some(one.text.len()) || one.starts && one.ends;
        if one.bytes.is_some() && !is_whole {
            return None;
        }
        let (name, mode) = match (one.text.strip_prefix('.'), is_whole) {
            (Some(name), false) if one.has_prefix => (name, DomainMode::Tree),
            (Some(name), false) => (name, DomainMode::Below),
            (None, true) => (one.text.as_str(), DomainMode::Exact),
            (None, false) if one.ends => (one.text.as_str(), DomainMode::Tree),
            _ => return None,
        };
        (one.ends || is_whole).then(|| (name.to_owned(), mode))
    }
}

/// Divides options at `;`, except in quotes.
fn options_of(text: &str) -> Vec<(String, String)> {
    let (mut all, mut one) = (Vec::new(), String::new());
    let (mut is_quoted, mut is_escaped) = (false, false);
    for c in text.chars().chain([';']) {
        match c {
            ';' if !is_quoted && !is_escaped => {
                let option = std::mem::take(&mut one);
                let (key, value) = option.split_once(':').unwrap_or((&option, ""));
                all.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
            c => {
                if c == '"' && !is_escaped {
                    is_quoted = !is_quoted;
                }
                one.push(c);
            }
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    all
}

/// Replaces `|2d 2e|` by the characters that it means.
fn plain(content: &str) -> String {
    let mut out = Vec::new();
    for (at, part) in content.split('|').enumerate() {
        if at % 2 == 0 {
            out.extend(part.bytes().filter(|b| *b != b'\\'));
        } else {
            let byte = |hex: &str| u8::from_str_radix(hex, 16).unwrap_or(b'?');
            let digits: String = part.split_whitespace().collect();
            let pairs = digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair));
            out.extend(pairs.map(|pair| byte(&pair)));
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
