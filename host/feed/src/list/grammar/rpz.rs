//! Response policy zones (draft-vixie-dnsop-dns-rpz): master files (RFC 1035, section 5) whose
//! names are triggers.

use std::net::{Ipv4Addr, Ipv6Addr};

use threatsieve_blacklist::{AddressRange, DomainMode, Value};

use super::super::{LineError, Sink, bare};
use super::value;

/// The longest record, in words.
const MAX_WORDS: usize = 1000;
const OTHER_RECORD: &str = "a record that blocks nothing";

/// A zone that is being read.
#[derive(Debug, Default)]
pub(in crate::list) struct Zone {
    /// `rpz.example.net`, from `$ORIGIN` or from an SOA record.
    origin: Option<String>,
    owner: String,
    /// The words of a record that goes on in the next line.
    words: Vec<String>,
    depth: u32,
    starts_blank: bool,
}

impl Zone {
    pub(super) fn read(&mut self, line: &str, number: u32, sink: &mut Sink<'_>) {
        if self.depth == 0 {
            self.starts_blank = line.starts_with([' ', '\t']);
        }
        self.divide(line);
        if self.words.len() > MAX_WORDS {
            (self.words, self.depth) = (Vec::new(), 0);
            return sink.reject(number, line, no_record(line));
        }
        if self.depth == 0 {
            let words = std::mem::take(&mut self.words);
            self.record(&words, line, number, sink);
        }
    }

    /// Divides a line into words, without comments. Parentheses join lines.
    fn divide(&mut self, line: &str) {
        let (mut word, mut is_quoted) = (String::new(), false);
        for c in line.chars() {
            match c {
                '"' => is_quoted = !is_quoted,
                ';' if !is_quoted => break,
                '(' if !is_quoted => self.depth += 1,
                ')' if !is_quoted => self.depth = self.depth.saturating_sub(1),
                c if c.is_whitespace() && !is_quoted => {
                    self.words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty()));
                }
                c => word.push(c),
            }
        }
        self.words.extend(Some(word).filter(|word| !word.is_empty()));
    }

    fn record(&mut self, words: &[String], line: &str, number: u32, sink: &mut Sink<'_>) {
        let mut words = words.iter().map(String::as_str).peekable();
        match words.peek() {
            None => return,
            Some(&"$ORIGIN") => {
                self.origin = words.nth(1).map(plain);
                return;
            }
            Some(directive) if directive.starts_with('$') => return,
            Some(_) if self.starts_blank => {}
            Some(_) => self.owner = words.next().unwrap_or_default().to_owned(),
        }
        // A lifetime and a class may come before the type, in either order.
        let is_extra = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_digit()) || word.eq_ignore_ascii_case("in")
        };
        let mut kind = words.next().unwrap_or_default();
        while is_extra(kind) {
            kind = words.next().unwrap_or_default();
        }
        let target = words.next().unwrap_or_default();
        match (kind.to_ascii_uppercase().as_str(), target) {
            ("", _) => sink.reject(number, line, no_record(line)),
            ("SOA", _) => {
                if self.origin.is_none() && self.owner != "@" {
                    self.origin = Some(plain(&self.owner));
                }
            }
            ("CNAME", target) => {
                let trigger = self.trigger();
                let is_passed = target.eq_ignore_ascii_case("rpz-passthru.")
                    || plain(target) == plain(&trigger);
                match plain(target).as_str() {
                    _ if is_passed => read_trigger(&trigger, number, sink, true),
                    "rpz-tcp-only" => sink.skip(OTHER_RECORD),
                    _ => read_trigger(&trigger, number, sink, false),
                }
            }
            ("A" | "AAAA", _) => read_trigger(&self.trigger(), number, sink, false),
            _ => sink.skip(OTHER_RECORD),
        }
    }

    /// Returns the owner without the zone's own name.
    fn trigger(&self) -> String {
        let owner = plain(&self.owner);
        let Some(origin) = self.origin.as_ref().filter(|_| self.owner.ends_with('.')) else {
            return owner;
        };
        let within = owner.strip_suffix(origin.as_str()).and_then(|name| name.strip_suffix('.'));
        within.map_or(owner.clone(), str::to_owned)
    }
}

/// Returns a name in lower case without the dot at its end.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn no_record(line: &str) -> LineError {
    LineError::Column {
        column: "record",
        expected: "`NAME [TTL] [IN] TYPE DATA`",
        got: crate::text::cut(line),
    }
}

/// Takes what a trigger names: a name, the names below one, or addresses.
fn read_trigger(trigger: &str, number: u32, sink: &mut Sink<'_>, is_passed: bool) {
    let (name, mode) = match trigger.strip_prefix("*.") {
        Some(name) => (name, DomainMode::Below),
        None => (trigger, DomainMode::Exact),
    };
    let suffix = name.rsplit('.').next().unwrap_or_default();
    let found = match suffix {
        "rpz-ip" => match network(name.trim_end_matches("rpz-ip").trim_end_matches('.')) {
            Some(range) => Ok(Value::Address(range)),
            None => value(name, mode).and(Err(no_record(name))),
        },
        "rpz-client-ip" | "rpz-nsdname" | "rpz-nsip" | "@" | "" => {
            return sink.skip("a trigger that is no destination");
        }
        _ => value(name, mode),
    };
    match found {
        Ok(value) if is_passed => sink.except(value),
        Ok(value) => sink.take(bare(number, vec![value]), name),
        Err(error) => sink.reject(number, trigger, error),
    }
}

/// Reads `PREFIX.` and an address with its parts in reverse order; `zz` is `::`.
fn network(trigger: &str) -> Option<AddressRange> {
    let (bits, rest) = trigger.split_once('.')?;
    let mut parts: Vec<&str> = rest.split('.').collect();
    parts.reverse();
    if parts.len() == 4
        && let Ok(v4) = parts.join(".").parse::<Ipv4Addr>()
    {
        return AddressRange::parse(&format!("{v4}/{bits}"));
    }
    let text = match parts.iter().position(|part| *part == "zz") {
        Some(at) => format!("{}::{}", parts[..at].join(":"), parts[at + 1..].join(":")),
        None => parts.join(":"),
    };
    let v6: Ipv6Addr = text.parse().ok()?;
    AddressRange::parse(&format!("{v6}/{bits}"))
}
