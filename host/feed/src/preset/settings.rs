//! The settings of a preset: the declarative description of one form of a feed.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One form of a feed: how it is recognised, fetched and read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preset {
    /// The name. Several tables of the same name are several forms of one feed.
    pub name: String,
    /// The preset from which all settings come that this one does not give.
    pub like: Option<String>,
    /// The publisher and the content, for people.
    pub about: String,
    /// The URL; `${NAME}` is a key.
    pub url: Option<String>,
    /// The shortest time between two polls: `"1h"`.
    pub interval: Option<String>,
    /// The terms of use, in a few words.
    pub terms: Option<String>,
    /// The way in which a key is given, in a few words.
    pub key: Option<String>,
    /// `allow` if the values are good ones.
    pub role: PresetRole,
    /// The list may be empty from time to time.
    pub may_be_empty: bool,
    /// The content, if the list holds no indicators. It is refused by this name.
    pub no_indicators: Option<String>,
    /// Texts of the first 4 KiB. Any of them is a sign of this preset.
    pub banner: Vec<String>,
    /// JSON properties of the first 4 KiB. All of them together are a sign of this preset.
    pub keys: Vec<String>,

    /// The reader.
    pub format: Format,
    /// Starts of lines that are comments.
    pub comment: Option<Vec<String>>,
    /// Marks of comments within a line, with the blank before them.
    pub inline_comment: Option<Vec<String>>,
    /// Starts of lines that are read. Other lines are skipped.
    pub only: Vec<String>,
    /// The end of a record, besides line ends.
    pub separator: Option<String>,
    /// The text between two fields; `ws` is any white space.
    pub delimiter: Option<String>,
    /// The quote around fields; empty if there is none.
    pub quote: Option<String>,
    /// Blanks after a delimiter do not belong to the field.
    pub skip_space: bool,
    /// Divides a record only at its first or last delimiter.
    pub split: Option<Split>,
    /// The names of the columns.
    pub header: Header,
    /// Words that mean an empty field.
    pub null: Vec<String>,
    /// Paths of the records in JSON.
    pub records: Paths,
    /// The columns with values.
    pub indicators: Vec<Indicated>,
    /// The type of values in lines.
    pub r#type: Option<Kind>,
    /// The column that names the type of the record's value.
    pub type_column: Option<String>,
    /// The words of `type_column`. Records with other words are skipped.
    pub types: BTreeMap<String, Kind>,
    /// Conditions of a record.
    pub r#where: Vec<Condition>,
    /// The confidence of each record.
    pub confidence: Option<Confidence>,
    /// The column with words about the threat.
    pub tags: Option<String>,
    /// A change of each value before it is read.
    pub transform: Option<Transform>,
    /// The hosts that a domain covers.
    pub scope: Option<Scope>,
    /// Values that are skipped.
    pub skip: Vec<String>,
    /// The number of records that are read.
    pub limit: Option<u64>,
}

/// The effect of a preset's values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PresetRole {
    /// Values that match.
    #[default]
    Block,
    /// Values that suppress matches.
    Allow,
}

/// A reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One value a line.
    #[default]
    Lines,
    /// Records with delimiters.
    Csv,
    /// Records at paths of one JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// Values anywhere in a text.
    Freetext,
    /// A hosts file.
    Hosts,
    /// A filter list of ad blockers.
    Adblock,
    /// A configuration of dnsmasq.
    Dnsmasq,
    /// A configuration of unbound.
    Unbound,
    /// A response policy zone.
    Rpz,
    /// Rules of Suricata or Snort.
    Rules,
    /// Access lists of Cisco's firewalls.
    Pix,
    /// STIX 2.
    Stix,
    /// STIX 1.
    Stix1,
    /// The folder of a feed in MISP's format: a manifest, and a file for each event.
    MispFeed,
}

impl Format {
    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Format::Lines => "lines",
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Jsonl => "jsonl",
            Format::Freetext => "freetext",
            Format::Hosts => "hosts",
            Format::Adblock => "adblock",
            Format::Dnsmasq => "dnsmasq",
            Format::Unbound => "unbound",
            Format::Rpz => "rpz",
            Format::Rules => "rules",
            Format::Pix => "pix",
            Format::Stix => "stix",
            Format::Stix1 => "stix1",
            Format::MispFeed => "misp-feed",
        }
    }

    /// Returns whether the content is JSON.
    pub(crate) fn is_json(self) -> bool {
        matches!(self, Format::Json | Format::Jsonl | Format::Stix)
    }
}

/// The delimiter at which a record is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// The first one.
    First,
    /// The last one.
    Last,
}

/// The names of columns.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Header {
    /// `first`: the first line that is not a comment. `#fields`: a line that starts like this.
    Word(HeaderWord),
    /// These names. A comment with the names counts instead if there is one.
    Names(Vec<String>),
}

/// The line with the names of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum HeaderWord {
    /// The first line that is not a comment.
    #[serde(rename = "first")]
    First,
    /// A line that starts with `#fields`.
    #[serde(rename = "#fields")]
    Fields,
}

impl Default for Header {
    fn default() -> Header {
        Header::Word(HeaderWord::First)
    }
}

/// Paths of records: keys with dots between them; `[]` is every element of a list, `*` every
/// property.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Paths {
    /// One path.
    One(String),
    /// Several paths.
    Several(Vec<String>),
}

impl Default for Paths {
    fn default() -> Paths {
        Paths::One("[]".to_owned())
    }
}

impl Paths {
    pub(crate) fn all(&self) -> Vec<&str> {
        match self {
            Paths::One(path) => vec![path],
            Paths::Several(paths) => paths.iter().map(String::as_str).collect(),
        }
    }
}

/// A column with values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Indicated {
    /// The column; in JSON a path that may end in `[]` for a list.
    pub column: String,
    /// The type of its values.
    pub r#type: Kind,
    /// The column with the port.
    pub port_column: Option<String>,
    /// The column with the length of the network's prefix.
    pub prefix_column: Option<String>,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The value's form decides.
    #[default]
    Auto,
    /// An IPv4 address or network.
    Ipv4Addr,
    /// An IPv6 address or network.
    Ipv6Addr,
    /// A host or address and its port.
    IpPort,
    /// A domain.
    DomainName,
    /// A URL.
    Url,
    /// The digest of a file.
    File,
    /// An email address.
    EmailAddr,
    /// `domain|address`: the domain.
    PairLeftDomain,
    /// `name|digest`: the digest.
    PairRightFile,
}

/// A condition of a record: each test that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// The field is one of these.
    pub r#in: Option<Vec<Scalar>>,
    /// The field is none of these.
    pub not_in: Option<Vec<Scalar>>,
    /// The field is a number of at least this.
    pub min: Option<i64>,
    /// The field is a number of at most this.
    pub max: Option<i64>,
    /// The field is empty or not.
    pub present: Option<bool>,
}

/// A text, number or truth value, compared as text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

impl Scalar {
    /// Returns whether a field has this content.
    pub(crate) fn is(&self, field: &str) -> bool {
        match self {
            Scalar::Bool(bool) => field.eq_ignore_ascii_case(if *bool { "true" } else { "false" }),
            Scalar::Number(number) => field.parse() == Ok(*number),
            Scalar::Text(text) => text == field,
        }
    }
}

/// The confidence of a record's values.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Confidence {
    /// The same for the whole feed.
    Whole(u8),
    /// The field of a column, on a scale or by words.
    Column(ConfidenceColumn),
}

/// The column with a confidence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfidenceColumn {
    /// The column.
    pub column: String,
    /// The numbers that mean 0 and 100. Numbers beyond them count as these.
    pub scale: Option<[i64; 2]>,
    /// Words and the confidence that they mean.
    pub map: BTreeMap<String, u8>,
}

/// A change of a value before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transform {
    /// The value is in Base64.
    Base64,
    /// `93.94.` is a network of all addresses that start like this.
    DotPrefix,
}

/// The hosts that a domain covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The host alone.
    Exact,
    /// The host and all hosts below it.
    Subtree,
}
