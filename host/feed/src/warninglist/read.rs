//! The format of the repository MISP/misp-warninglists: one JSON object a list.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use threatsieve_blacklist::EntryType;

use crate::text::cut;

/// The largest list that a caller should read, in bytes: 256 MiB. The largest of the repository
/// have about 30 MiB.
pub const MAX_WARNINGLIST_BYTES: u64 = 256 * 1024 * 1024;

/// The comparison of a list's entries with values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WarninglistKind {
    /// The value is an entry.
    String,
    /// The value contains an entry.
    Substring,
    /// The host of the value is an entry, or is below one.
    Hostname,
    /// The addresses of the value are in an entry, which is a network or an address.
    Cidr,
    /// An entry, which is a regular expression, matches the value.
    Regex,
}

impl WarninglistKind {
    const ALL: [WarninglistKind; 5] = [
        WarninglistKind::String,
        WarninglistKind::Substring,
        WarninglistKind::Hostname,
        WarninglistKind::Cidr,
        WarninglistKind::Regex,
    ];

    /// The kind's name in MISP's format.
    pub fn name(self) -> &'static str {
        match self {
            WarninglistKind::String => "string",
            WarninglistKind::Substring => "substring",
            WarninglistKind::Hostname => "hostname",
            WarninglistKind::Cidr => "cidr",
            WarninglistKind::Regex => "regex",
        }
    }
}

/// The reason why an input is not a warninglist.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WarninglistError {
    /// The input is not JSON, or not a warninglist.
    #[error("expected a MISP warninglist (a JSON object with `name`, `type` and `list`): {got}")]
    Shape {
        /// The error.
        got: String,
    },
    /// The list compares in an unknown way.
    #[error("type: expected string, substring, hostname, cidr or regex, got {got}")]
    Kind {
        /// The value of `type`, cut.
        got: String,
    },
    /// The regular expressions are too large together.
    #[error("expected regular expressions of at most {limit} bytes when compiled, got larger ones")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// A warninglist as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarninglistFile {
    /// The list's name.
    pub name: String,
    /// The list's version.
    pub version: u64,
    /// The comparison with values.
    pub kind: WarninglistKind,
    /// The types of values that it is about.
    pub types: WarnedTypes,
    /// The entries.
    pub entries: Vec<String>,
}

/// Types of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WarnedTypes(u16);

impl WarnedTypes {
    /// All types.
    pub(super) const ALL: WarnedTypes = WarnedTypes(u16::MAX);
    /// Names, addresses and URLs.
    pub(super) const HOSTS: WarnedTypes = WarnedTypes(0b1111);

    /// Returns the types of these attributes of MISP. Without any, all types.
    fn of<'a>(attributes: impl IntoIterator<Item = &'a str>) -> WarnedTypes {
        let (mut types, mut is_empty) = (0, true);
        for attribute in attributes {
            is_empty = false;
            if attribute == "ALL" {
                return WarnedTypes::ALL;
            }
            types |= types_of(attribute).iter().map(|one| bit(*one)).sum::<u16>();
        }
        if is_empty { WarnedTypes::ALL } else { WarnedTypes(types) }
    }

    /// Returns whether the type is among them.
    pub fn has(self, one: EntryType) -> bool {
        self.0 & bit(one) != 0
    }
}

fn bit(one: EntryType) -> u16 {
    1 << one as u8
}

/// The types of values that an attribute of MISP holds. A pair of a name and an address
/// (`domain|ip`) is neither: no value of ours is such a pair.
fn types_of(attribute: &str) -> &'static [EntryType] {
    match attribute {
        "domain" | "hostname" | "hostname|port" => &[EntryType::Domain],
        "ip-src" | "ip-dst" | "ip-src|port" | "ip-dst|port" => &[EntryType::Ipv4, EntryType::Ipv6],
        "url" | "uri" | "link" => &[EntryType::Url],
        "md5" | "filename|md5" | "malware-sample" => &[EntryType::Md5],
        "sha1" | "filename|sha1" => &[EntryType::Sha1],
        "sha256" | "filename|sha256" => &[EntryType::Sha256],
        "email"
        | "email-src"
        | "email-dst"
        | "email-reply-to"
        | "target-email"
        | "whois-registrant-email"
        | "dns-soa-email" => &[EntryType::Email],
        _ => &[],
    }
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default, borrow)]
    version: Option<&'a RawValue>,
    #[serde(default, rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(default)]
    matching_attributes: Option<Vec<String>>,
    list: Entries,
}

/// The entries, or the keys of an object whose values are comments.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a list of strings")]
enum Entries {
    List(Vec<String>),
    Commented(HashMap<String, Option<String>>),
}

impl WarninglistFile {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not a warninglist.
    pub fn parse(bytes: &[u8]) -> Result<WarninglistFile, WarninglistError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let raw: Raw<'_> = serde_json::from_slice(bytes)
            .map_err(|error| WarninglistError::Shape { got: cut(&error.to_string()) })?;
        let kind = raw.kind.as_deref().unwrap_or("string");
        let kind = WarninglistKind::ALL
            .into_iter()
            .find(|known| known.name() == kind)
            .ok_or_else(|| WarninglistError::Kind { got: cut(kind) })?;
        let entries = match raw.list {
            Entries::List(list) => list,
            Entries::Commented(list) => {
                let mut entries: Vec<String> = list.into_keys().collect();
                entries.sort_unstable();
                entries
            }
        };
        let version = raw.version.map_or("", RawValue::get).trim_matches('"');
        Ok(WarninglistFile {
            name: cut(&raw.name),
            version: version.parse().unwrap_or_default(),
            kind,
            types: WarnedTypes::of(raw.matching_attributes.iter().flatten().map(String::as_str)),
            entries,
        })
    }
}
