//! Warninglists of MISP: values that are known to be harmless, or to be named by mistake.
//!
//! [`WarninglistFile`] reads a list, and [`Warninglist`] compares values with its entries. Time is
//! linear in the length of a value, whatever the list's size: names and texts are looked up,
//! networks are searched by halves, and all texts or regular expressions are searched for at once.
//!
//! ```
//! use threatsieve_blacklist::{DomainMode, Value};
//! use threatsieve_feed::warninglist::{Warninglist, WarninglistFile};
//!
//! let json = r#"{"name": "Known good", "version": 3, "type": "hostname",
//!                "matching_attributes": ["hostname", "domain"], "list": [".good.example"]}"#;
//! let list = Warninglist::new(WarninglistFile::parse(json.as_bytes())?, &mut |_| {})?;
//! let value = Value::domain("www.good.example", DomainMode::AtAndBelow).unwrap();
//! assert_eq!(list.entry_for(&value).as_deref(), Some("good.example"));
//! # Ok::<(), threatsieve_feed::warninglist::WarninglistError>(())
//! ```

mod networks;
mod read;
mod regexes;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use aho_corasick::AhoCorasick;
use threatsieve_blacklist::{AddressRange, DomainMode, UrlMode, Value};

use self::networks::Networks;
pub use self::read::{
    MAX_WARNINGLIST_BYTES, WarnedTypes, WarninglistError, WarninglistFile, WarninglistKind,
};
use self::regexes::Regexes;
use crate::text::cut;

/// An entry that is not used, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedEntry {
    /// The entry, cut.
    pub entry: String,
    /// The reason.
    pub reason: String,
}

impl RejectedEntry {
    fn new(entry: &str, reason: impl Into<String>) -> RejectedEntry {
        RejectedEntry { entry: cut(entry), reason: reason.into() }
    }
}

/// A warninglist, ready to be compared with values.
#[derive(Debug)]
pub struct Warninglist {
    name: String,
    version: u64,
    kind: WarninglistKind,
    types: WarnedTypes,
    entries: Entries,
}

#[derive(Debug)]
enum Entries {
    /// Values as they are compared ([`compared`]).
    Strings(HashSet<Box<str>>),
    /// Names and addresses in their normal form. A name with `*.` before it stands for the names
    /// below it alone.
    Hosts(HashSet<Box<str>>),
    Networks(Networks),
    Substrings(Box<AhoCorasick>, Vec<String>),
    Regexes(Regexes),
}

impl Warninglist {
    /// Prepares a list. Passes each entry that cannot be compared to `rejected`, and leaves it out.
    ///
    /// # Errors
    ///
    /// Fails if the list's regular expressions are too large.
    pub fn new(
        file: WarninglistFile,
        rejected: &mut dyn FnMut(RejectedEntry),
    ) -> Result<Warninglist, WarninglistError> {
        let WarninglistFile { name, version, kind, types, entries: listed } = file;
        let entries = match kind {
            WarninglistKind::String => Entries::Strings(strings(&listed, rejected)),
            WarninglistKind::Hostname => Entries::Hosts(hosts(&listed, rejected)),
            WarninglistKind::Cidr => Entries::Networks(Networks::new(&listed, rejected)),
            WarninglistKind::Substring => substrings(listed, rejected)?,
            WarninglistKind::Regex => Entries::Regexes(Regexes::new(listed, rejected)?),
        };
        Ok(Warninglist { name, version, kind, types, entries })
    }

    /// Creates lists of values that a feed must not name: a domain covers itself, all names
    /// below it and the URLs on them, a network for all addresses in it.
    pub fn of_values(name: &str, values: impl IntoIterator<Item = Value>) -> [Warninglist; 3] {
        let (mut hosts, mut ranges, mut strings) = (HashSet::new(), Vec::new(), HashSet::new());
        for value in values {
            match value {
                Value::Domain(name, DomainMode::AtAndBelow | DomainMode::Tree) => {
                    hosts.insert(name);
                }
                Value::Domain(name, DomainMode::Below) => {
                    hosts.insert(format!("*.{name}").into());
                }
                Value::Address(range) => ranges.push(range),
                value => _ = strings.insert(compared(&value).into()),
            }
        }
        let list = |kind, types, entries| Warninglist {
            name: cut(name),
            version: 0,
            kind,
            types,
            entries,
        };
        [
            list(WarninglistKind::Hostname, WarnedTypes::HOSTS, Entries::Hosts(hosts)),
            list(
                WarninglistKind::Cidr,
                WarnedTypes::HOSTS,
                Entries::Networks(Networks::of(ranges)),
            ),
            list(WarninglistKind::String, WarnedTypes::ALL, Entries::Strings(strings)),
        ]
    }

    /// The list's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The list's version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The comparison with values.
    pub fn kind(&self) -> WarninglistKind {
        self.kind
    }

    /// Returns the entry that covers a value; `None` if none does, or if the list is about other
    /// types of values.
    pub fn entry_for(&self, value: &Value) -> Option<String> {
        // Callers ask about the parts of a conjunction.
        if !self.types.has(value.entry_type()?) {
            return None;
        }
        match &self.entries {
            Entries::Strings(strings) => {
                let known = |text: &str| strings.get(text).map(|entry| entry.to_string());
                known(&compared(value)).or_else(|| known(&text(value).to_lowercase()))
            }
            Entries::Hosts(hosts) => above(hosts, &host(value)?),
            Entries::Networks(networks) => match value {
                Value::Address(range) => networks.around(range).map(ToString::to_string),
                value => {
                    let host = AddressRange::parse(&host(value)?)?;
                    networks.around(&host).map(ToString::to_string)
                }
            },
            Entries::Substrings(searcher, listed) => {
                let found = searcher.find(&text(value))?;
                listed.get(found.pattern().as_usize()).cloned()
            }
            Entries::Regexes(regexes) => regexes.first(&text(value)).map(cut),
        }
    }
}

/// The form in which whole values are compared: modes and schemes make no difference.
fn compared(value: &Value) -> String {
    match value {
        Value::Domain(name, _) => name.to_string(),
        Value::Url { key, .. } => key.to_string(),
        Value::Email(email) => email.to_lowercase(),
        value => value.to_string(),
    }
}

/// The text that is searched.
fn text(value: &Value) -> String {
    match value {
        Value::Domain(name, _) => name.to_string(),
        value => value.to_string(),
    }
}

/// The host of a value: a name, or an address in its normal form.
fn host(value: &Value) -> Option<String> {
    match value {
        Value::Domain(name, _) => Some(name.to_string()),
        Value::Email(email) => email.rsplit_once('@').map(|(_, domain)| domain.to_owned()),
        Value::Url { key, .. } => {
            let authority = key.split(['/', '?']).next().unwrap_or_default();
            if let Some(v6) = authority.strip_prefix('[') {
                return v6.split_once(']').map(|(address, _)| address.to_owned());
            }
            authority.split(':').next().map(str::to_owned)
        }
        Value::Address(range) => (range.first() == range.last()).then(|| range.first().to_string()),
        Value::Hash(_) | Value::All(_) => None,
    }
}

/// Finds a host, or a name above it, among entries.
fn above(hosts: &HashSet<Box<str>>, host: &str) -> Option<String> {
    let mut parents = host.match_indices('.').map(|(dot, _)| (&host[dot..], &host[dot + 1..]));
    let found = hosts.get(host).or_else(|| {
        parents.find_map(|(below, parent)| {
            hosts.get(parent).or_else(|| hosts.get(format!("*{below}").as_str()))
        })
    });
    found.map(ToString::to_string)
}

fn strings(listed: &[String], rejected: &mut dyn FnMut(RejectedEntry)) -> HashSet<Box<str>> {
    let mut strings = HashSet::with_capacity(listed.len());
    for entry in listed {
        let trimmed = entry.trim();
        if trimmed.is_empty() {
            rejected(RejectedEntry::new(entry, "expected a value, got an empty entry"));
            continue;
        }
        let text = match Value::from_list(trimmed, UrlMode::Exact) {
            Ok(value) => compared(&value),
            Err(_) => trimmed.to_lowercase(),
        };
        strings.insert(text.into());
    }
    strings
}

fn hosts(listed: &[String], rejected: &mut dyn FnMut(RejectedEntry)) -> HashSet<Box<str>> {
    let mut hosts = HashSet::with_capacity(listed.len());
    for entry in listed {
        let trimmed = entry.trim().trim_matches('.');
        let host = match AddressRange::parse(trimmed) {
            Some(range) if range.first() == range.last() => Some(range.first().to_string()),
            _ => match Value::domain(trimmed, DomainMode::AtAndBelow) {
                Ok(Value::Domain(name, _)) => Some(name.into_string()),
                _ => None,
            },
        };
        match host {
            Some(host) => _ = hosts.insert(host.into()),
            None => rejected(RejectedEntry::new(entry, "expected a host name or an address")),
        }
    }
    hosts
}

fn substrings(
    listed: Vec<String>,
    rejected: &mut dyn FnMut(RejectedEntry),
) -> Result<Entries, WarninglistError> {
    let (listed, empty): (Vec<_>, Vec<_>) =
        listed.into_iter().partition(|entry| !entry.trim().is_empty());
    for entry in empty {
        rejected(RejectedEntry::new(&entry, "expected a text, got one that every value contains"));
    }
    let searcher = AhoCorasick::builder().ascii_case_insensitive(true).build(&listed);
    let searcher =
        searcher.map_err(|error| WarninglistError::Shape { got: cut(&error.to_string()) })?;
    Ok(Entries::Substrings(Box::new(searcher), listed))
}
