//! Compiles indicators to a blacklist. The same inputs in the same order give the same bytes.

mod addresses;
mod conjunctions;
mod encode;
mod keys;
pub(crate) mod metadata;
mod policy;
pub(crate) mod sign;
mod texts;

pub(crate) use addresses::networks;
pub use conjunctions::MAX_KEYED;
pub use policy::{RejectReason, special_purpose};
pub use sign::{KeyError, SignKey, VerifyKey};

use std::collections::HashMap;
use std::net::IpAddr;

use addresses::RangeRow;
use keys::KeyTable;
use metadata::Metadata;

use crate::image::{EntryType, MAX_NAME_BYTES, Role};
use crate::indicator::{Indicator, IndicatorId};
use crate::sets::{domain_mode_bit, reverse_labels, url_mode_bit};
use crate::value::{DomainMode, FileHash, UrlMode, Value};

/// The blacklist's name and generation, and the values it accepts.
#[derive(Debug, Clone)]
pub struct CompileOptions {
    /// The name: 1 to 64 characters of `a-z`, `0-9`, `-` and `_`.
    pub name: String,
    /// The generation.
    pub generation: u64,
    /// Accept addresses in special-purpose networks.
    pub accept_special: bool,
    /// Accept networks wider than the floor: /8 for IPv4, /19 for IPv6.
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

/// Reasons why no blacklist can be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The name is invalid.
    #[error("expected a name of 1 to {MAX_NAME_BYTES} of a-z, 0-9, - and _, got {0:?}")]
    Name(String),
    /// There are more feeds than a `u16` can number.
    #[error("more than {} feeds", u16::MAX)]
    Feeds,
    /// There are more items than the format can number.
    #[error("too large for one blacklist: more than {limit} {what}")]
    TooLarge {
        /// The items that were counted.
        what: &'static str,
        /// The largest number of them that the format holds.
        limit: u64,
    },
}

/// The number of a feed in this blacklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FeedId(pub(crate) u16);

/// A value that was rejected, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedValue {
    /// The feed that names it.
    pub feed: String,
    /// The indicator that names it.
    pub id: IndicatorId,
    /// The value as a list would write it.
    pub value: String,
    /// The reason.
    pub reason: RejectReason,
}

/// Figures about a blacklist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Number of entries, by role and type.
    pub entries: [[u32; EntryType::COUNT]; 2],
    /// Number of statements. A value that several indicators name is one entry, and one statement
    /// for each of them.
    pub statements: u64,
    /// Number of conjunctions. The entries of their values are counted in `entries`.
    pub conjunctions: u32,
    /// Number of entries that are only parts of conjunctions.
    pub lone_parts: u32,
    /// Public suffixes that were listed with everything below them, and now match exactly.
    pub suffixes_made_exact: Vec<String>,
    /// Size of the image that the component reads, header included, in bytes.
    pub guest_bytes: u64,
    /// Size of the whole file in bytes.
    pub file_bytes: u64,
    /// Size in bytes of each non-empty match section, with its name.
    pub section_bytes: Vec<(String, u64)>,
}

impl Summary {
    /// The number of blocked values that each alone can make a match: entries and conjunctions.
    /// Entries that are only parts of conjunctions are not counted.
    pub fn blocked(&self) -> u64 {
        let entries: u64 =
            self.entries[Role::Block as usize].iter().map(|&count| u64::from(count)).sum();
        (entries + u64::from(self.conjunctions)).saturating_sub(self.lone_parts.into())
    }
}

/// A blacklist that was just built.
#[derive(Debug, Clone)]
pub struct Compiled {
    pub(crate) bytes: Vec<u8>,
    summary: Summary,
}

impl Compiled {
    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Consumes the blacklist and returns the bytes of the file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Its figures.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// All values of one role, before they are encoded.
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

/// Collects indicators and builds the blacklist.
pub struct Compiler {
    options: CompileOptions,
    metadata: Metadata,
    listed: [Listed; 2],
    suffixes_made_exact: Vec<String>,
    /// A buffer that is used again for each domain name.
    key: Vec<u8>,
    /// The number of conjunctions that are found by each value.
    keyed: HashMap<Value, usize>,
}

impl Compiler {
    /// Creates a compiler without entries.
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
            keyed: HashMap::new(),
        })
    }

    /// Registers a feed. The same name always gives the same id.
    pub fn feed(&mut self, name: &str) -> Result<FeedId, CompileError> {
        self.metadata.feed(name).map(FeedId)
    }

    /// Lists the values of an indicator as bad. Passes each rejected value to `rejected` and keeps
    /// nothing of it.
    pub fn block(
        &mut self,
        feed: FeedId,
        indicator: Indicator,
        rejected: &mut dyn FnMut(RejectedValue),
    ) -> Result<(), CompileError> {
        self.list(Role::Block, feed, indicator, rejected)
    }

    /// Lists the values of an indicator as known to be good. Every network is accepted here.
    pub fn allow(
        &mut self,
        feed: FeedId,
        indicator: Indicator,
        rejected: &mut dyn FnMut(RejectedValue),
    ) -> Result<(), CompileError> {
        self.list(Role::Allow, feed, indicator, rejected)
    }

    fn list(
        &mut self,
        role: Role,
        feed: FeedId,
        mut indicator: Indicator,
        rejected: &mut dyn FnMut(RejectedValue),
    ) -> Result<(), CompileError> {
        for value in std::mem::take(&mut indicator.values) {
            let value = match value {
                Value::All(conjunction) => {
                    self.conjunction(role, feed, &indicator, conjunction, rejected)?;
                    continue;
                }
                value => value,
            };
            match policy::admit(role, value, &self.options) {
                Ok((value, narrowed)) => {
                    if let (Value::Domain(name, _), true, Role::Block) = (&value, narrowed, role) {
                        self.suffixes_made_exact.push(name.to_string());
                    }
                    let mode = mode_bit(&value);
                    let record = self.metadata.record(feed.0, &indicator, mode)?;
                    self.add(role, value, mode, record)?;
                }
                Err((value, reason)) => rejected(RejectedValue {
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
            Value::Url { key, shown, .. } => {
                listed.urls.add(key.as_bytes(), &shown, mode, record)?
            }
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
            // Its parts are added one by one.
            Value::All(_) => {}
        }
        Ok(())
    }

    /// Builds the blacklist.
    pub fn finish(mut self) -> Result<Compiled, CompileError> {
        self.suffixes_made_exact.sort_unstable();
        self.suffixes_made_exact.dedup();
        encode::encode(&self.options, self.metadata, self.listed, self.suffixes_made_exact)
    }
}

/// Converts an index to a number of the format. The highest number is reserved: it marks a missing
/// item.
fn number(place: usize, what: &'static str) -> Result<u32, CompileError> {
    match u32::try_from(place) {
        Ok(number) if number != u32::MAX => Ok(number),
        _ => Err(CompileError::TooLarge { what, limit: u64::from(u32::MAX) }),
    }
}

/// Returns the value as it would be blocked, or the reason for rejecting it. A public suffix
/// becomes an exact entry.
pub fn admitted(value: Value, options: &CompileOptions) -> Result<Value, RejectReason> {
    match policy::admit(Role::Block, value, options) {
        Ok((value, _)) => Ok(value),
        Err((_, reason)) => Err(reason),
    }
}

/// The bit of the value's mode in its entry.
fn mode_bit(value: &Value) -> u8 {
    match value {
        Value::Domain(_, mode) => domain_mode_bit(*mode),
        Value::Url { mode, .. } => url_mode_bit(*mode),
        Value::Address(_) | Value::Hash(_) | Value::Email(_) | Value::All(_) => 0,
    }
}

/// The domain mode of a mode bit in a profile.
pub(crate) fn domain_mode(bit: u8) -> DomainMode {
    match bit {
        2 => DomainMode::Exact,
        4 => DomainMode::Below,
        _ => DomainMode::AtAndBelow,
    }
}

/// The URL mode of a mode bit in a profile.
pub(crate) fn url_mode(bit: u8) -> UrlMode {
    if bit == url_mode_bit(UrlMode::Prefix) { UrlMode::Prefix } else { UrlMode::Exact }
}
