//! Compiling: indicators in, a blacklist out. The same inputs in the same order give the same bytes.

mod addresses;
mod encode;
mod keys;
pub(crate) mod metadata;
mod policy;
pub(crate) mod sign;
mod texts;

pub(crate) use addresses::networks;
pub use policy::{Refusal, special_purpose};
pub use sign::{KeyError, SignKey, VerifyKey};

use std::net::IpAddr;

use addresses::RangeRow;
use keys::KeyTable;
use metadata::Metadata;

use crate::image::{EntryType, MAX_NAME_BYTES, Role};
use crate::indicator::{Indicator, IndicatorId};
use crate::sets::{domain_mode_bit, reverse_labels, url_mode_bit};
use crate::value::{DomainMode, FileHash, UrlMode, Value};

/// Which blacklist is made, and what it takes.
#[derive(Debug, Clone)]
pub struct CompileOptions {
    /// Its name: 1 to 64 of `a-z`, `0-9`, `-`, `_`.
    pub name: String,
    /// Its generation.
    pub generation: u64,
    /// Take addresses in special-purpose networks.
    pub accept_special: bool,
    /// Take networks wider than the floor: /8 for IPv4, /19 for IPv6.
    pub accept_broad: bool,
}

impl Default for CompileOptions {
    fn default() -> CompileOptions {
        CompileOptions {
            name: "default".to_owned(),
            generation: 1,
            accept_special: false,
            accept_broad: false,
        }
    }
}

/// Why no blacklist can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The name is not one.
    #[error("expected a name of 1 to {MAX_NAME_BYTES} of a-z, 0-9, - and _, got {0:?}")]
    Name(String),
    /// More feeds than can be numbered.
    #[error("more than {} feeds", u16::MAX)]
    Feeds,
    /// More than the format's numbers hold.
    #[error("too much for one blacklist: more than {limit} {what}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much is taken.
        limit: u64,
    },
}

/// A feed of this blacklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FeedId(pub(crate) u16);

/// A value that is not taken, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The feed that has it.
    pub feed: String,
    /// The indicator that names it.
    pub id: IndicatorId,
    /// The value as a list would have it.
    pub value: String,
    /// Why not.
    pub reason: Refusal,
}

/// What a blacklist holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Entries under each role, by type.
    pub entries: [[u32; EntryType::COUNT]; 2],
    /// Values named by several indicators count once as an entry and each time here.
    pub statements: u64,
    /// Public suffixes that were listed with what lies below them, and are matched exactly.
    pub suffixes_made_exact: Vec<String>,
    /// Bytes that go into the component, header included.
    pub guest_bytes: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
    /// Bytes of each section of the guest's image that is not empty, by name.
    pub section_bytes: Vec<(String, u64)>,
}

impl Summary {
    /// Blocked entries of all types.
    pub fn blocked(&self) -> u64 {
        self.entries[Role::Block as usize].iter().map(|&count| u64::from(count)).sum()
    }
}

/// A blacklist just made.
#[derive(Debug, Clone)]
pub struct Compiled {
    pub(crate) bytes: Vec<u8>,
    summary: Summary,
}

impl Compiled {
    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file, taken out.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What it holds.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// One role's values on their way into a set.
#[derive(Default)]
struct Listed {
    domains: KeyTable,
    urls: KeyTable,
    emails: KeyTable,
    ipv4: Vec<RangeRow<u32>>,
    ipv6: Vec<RangeRow<u128>>,
    md5: Vec<([u8; 16], u32)>,
    sha1: Vec<([u8; 20], u32)>,
    sha256: Vec<([u8; 32], u32)>,
}

/// Gathers indicators and makes the blacklist.
pub struct Compiler {
    options: CompileOptions,
    metadata: Metadata,
    listed: [Listed; 2],
    suffixes_made_exact: Vec<String>,
    /// Reused for each name.
    key: Vec<u8>,
}

impl Compiler {
    /// Starts with nothing listed.
    pub fn new(options: CompileOptions) -> Result<Compiler, CompileError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if !(1..=MAX_NAME_BYTES).contains(&options.name.len()) || !options.name.chars().all(fits) {
            return Err(CompileError::Name(options.name));
        }
        Ok(Compiler {
            options,
            metadata: Metadata::default(),
            listed: Default::default(),
            suffixes_made_exact: Vec::new(),
            key: Vec::new(),
        })
    }

    /// Names a feed; the same name is the same feed.
    pub fn feed(&mut self, name: &str) -> Result<FeedId, CompileError> {
        self.metadata.feed(name).map(FeedId)
    }

    /// Lists an indicator's values as bad. What is refused goes to `refused`, and nothing of it is kept.
    pub fn block(
        &mut self,
        feed: FeedId,
        indicator: Indicator,
        refused: &mut dyn FnMut(Refused),
    ) -> Result<(), CompileError> {
        self.list(Role::Block, feed, indicator, refused)
    }

    /// Lists an indicator's values as known to be good. Any network may be allowed.
    pub fn allow(
        &mut self,
        feed: FeedId,
        indicator: Indicator,
        refused: &mut dyn FnMut(Refused),
    ) -> Result<(), CompileError> {
        self.list(Role::Allow, feed, indicator, refused)
    }

    fn list(
        &mut self,
        role: Role,
        feed: FeedId,
        mut indicator: Indicator,
        refused: &mut dyn FnMut(Refused),
    ) -> Result<(), CompileError> {
        for value in std::mem::take(&mut indicator.values) {
            match policy::admit(role, value, &self.options) {
                Ok((value, narrowed)) => {
                    if let (Value::Domain(name, _), true, Role::Block) = (&value, narrowed, role) {
                        self.suffixes_made_exact.push(name.to_string());
                    }
                    let mode = mode_bit(&value);
                    let record = self.metadata.record(feed.0, &indicator, mode)?;
                    self.add(role, value, mode, record)?;
                }
                Err((value, reason)) => refused(Refused {
                    feed: self.metadata.feed_name(feed.0).to_owned(),
                    id: indicator.id.clone(),
                    value: value.to_string(),
                    reason,
                }),
            }
        }
        Ok(())
    }

    fn add(&mut self, role: Role, value: Value, mode: u8, record: u32) -> Result<(), CompileError> {
        let listed = &mut self.listed[role as usize];
        match value {
            Value::Domain(name, _) => {
                self.key.clear();
                reverse_labels(name.as_bytes(), &mut self.key);
                listed.domains.add(&self.key, "", mode, record)?;
            }
            Value::Url { key, shown, .. } => listed.urls.add(key.as_bytes(), &shown, mode, record)?,
            Value::Email(email) => listed.emails.add(email.as_bytes(), "", mode, record)?,
            Value::Address(range) => match (range.first(), range.last()) {
                (IpAddr::V4(first), IpAddr::V4(last)) => {
                    listed.ipv4.push(RangeRow { first: first.into(), last: last.into(), record });
                }
                (IpAddr::V6(first), IpAddr::V6(last)) => {
                    listed.ipv6.push(RangeRow { first: first.into(), last: last.into(), record });
                }
                _ => {}
            },
            Value::Hash(FileHash::Md5(digest)) => listed.md5.push((digest, record)),
            Value::Hash(FileHash::Sha1(digest)) => listed.sha1.push((digest, record)),
            Value::Hash(FileHash::Sha256(digest)) => listed.sha256.push((digest, record)),
        }
        Ok(())
    }

    /// Makes the blacklist.
    pub fn finish(mut self) -> Result<Compiled, CompileError> {
        self.suffixes_made_exact.sort_unstable();
        self.suffixes_made_exact.dedup();
        encode::encode(&self.options, self.metadata, self.listed, self.suffixes_made_exact)
    }
}

/// A place as one of the format's numbers, of which the highest says that there is none.
fn number(place: usize, what: &'static str) -> Result<u32, CompileError> {
    match u32::try_from(place) {
        Ok(number) if number != u32::MAX => Ok(number),
        _ => Err(CompileError::TooLarge { what, limit: u64::from(u32::MAX) }),
    }
}

/// A value as it would be listed as bad, or why it would not be. A public suffix is made exact.
pub fn admitted(value: Value, options: &CompileOptions) -> Result<Value, Refusal> {
    match policy::admit(Role::Block, value, options) {
        Ok((value, _)) => Ok(value),
        Err((_, reason)) => Err(reason),
    }
}

/// The bit of a value's mode in its entry.
fn mode_bit(value: &Value) -> u8 {
    match value {
        Value::Domain(_, mode) => domain_mode_bit(*mode),
        Value::Url { mode, .. } => url_mode_bit(*mode),
        Value::Address(_) | Value::Hash(_) | Value::Email(_) => 0,
    }
}

/// The domain mode that a bit of a profile stands for.
pub(crate) fn domain_mode(bit: u8) -> DomainMode {
    match bit {
        2 => DomainMode::Exact,
        4 => DomainMode::Below,
        _ => DomainMode::AtAndBelow,
    }
}

/// The URL mode that a bit of a profile stands for.
pub(crate) fn url_mode(bit: u8) -> UrlMode {
    if bit == url_mode_bit(UrlMode::Prefix) { UrlMode::Prefix } else { UrlMode::Exact }
}
