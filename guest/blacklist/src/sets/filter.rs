//! What settles most look-ups of hosts: two one-word Bloom filters over the suffixes of listed names.
//!
//! One holds the names themselves, and the hosts of listed URLs; the other the suffixes below which such names lie. A host that is not listed is
//! left at the first suffix that is in neither: for most that is their last two labels, one word read from each filter. What passes is
//! looked up exactly, in one bounded walk, so a filter that somebody knows how to pass costs them that walk and no more.

use super::{take, u32_at};
use crate::normalise::{Unusual, suffixes};

/// Bits of the names' filter for each name: with the transducer's 11.1 bytes a name, both stay within 12.
#[cfg(feature = "host")]
const BITS_PER_NAME: usize = 6;
/// Bits of the suffixes' filter for each suffix: there is about one to ten names.
#[cfg(feature = "host")]
const BITS_PER_SUFFIX: usize = 10;

/// A Bloom filter in which each key sets three bits of one 64-bit word.
#[derive(Clone, Copy)]
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    #[inline(always)]
    fn has(&self, hash: u64) -> bool {
        let words = self.0.len() / 8;
        let at = place(hash, words) * 8;
        match self.0.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(word) => {
                let bits = bits(hash);
                u64::from_le_bytes(*word) & bits == bits
            }
            None => false,
        }
    }
}

#[inline(always)]
fn place(hash: u64, words: usize) -> usize {
    (((hash >> 32) * words as u64) >> 32) as usize
}

#[inline(always)]
fn bits(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63)
}

/// What is known of an observable before the filter is asked, and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glance {
    /// Nothing listed covers it.
    Miss,
    /// That depends on the filter's words for this hash.
    Probe(u64),
    /// It takes a closer look.
    Open,
}

/// Both filters.
pub(crate) struct HostFilter<'a> {
    /// Labels of the shortest listed name, 2 at most: shorter suffixes are not asked for.
    first_labels: usize,
    names: Words<'a>,
    above: Words<'a>,
}

impl<'a> HostFilter<'a> {
    pub(crate) fn new(section: &'a [u8]) -> HostFilter<'a> {
        let mut rest = section;
        let head = take(&mut rest, 16);
        let names = take(&mut rest, (u32_at(head, 1) as usize).saturating_mul(8));
        let above = take(&mut rest, (u32_at(head, 2) as usize).saturating_mul(8));
        HostFilter { first_labels: u32_at(head, 0) as usize, names: Words(names), above: Words(above) }
    }

    /// The hash by which most hosts in `bytes[start..end]` are settled.
    #[inline(always)]
    pub(crate) fn glance(&self, bytes: &[u8], start: usize, end: usize) -> Glance {
        let seen = suffixes(bytes, start, end, false, |labels, hash, from| {
            if labels == 1 && from < end && bytes[from].is_ascii_digit() {
                return Some(Glance::Open);
            }
            (labels == self.first_labels).then_some(Glance::Probe(hash))
        });
        match seen {
            Ok(glance) => glance.unwrap_or(Glance::Miss),
            Err(Unusual) => Glance::Open,
        }
    }

    /// Whether a suffix with that hash may be listed, or have listed names below it.
    #[inline(always)]
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        self.names.has(hash) | self.above.has(hash)
    }

    /// Whether the host in `bytes[start..end]` may be covered by a listed name, or be an address. `Unusual` when it must be normalised first.
    #[inline(always)]
    pub(crate) fn may_cover(&self, bytes: &[u8], start: usize, end: usize) -> Result<bool, Unusual> {
        let settled = suffixes(bytes, start, end, false, |labels, hash, from| {
            if labels == 1 && from < end && bytes[from].is_ascii_digit() {
                return Some(true);
            }
            if labels < self.first_labels {
                return None;
            }
            if self.names.has(hash) {
                return Some(true);
            }
            if self.above.has(hash) { None } else { Some(false) }
        })?;
        Ok(settled.unwrap_or(false))
    }

    /// Encodes the filter over normalised names.
    #[cfg(feature = "host")]
    pub(crate) fn encode<'n>(names: impl Iterator<Item = &'n [u8]> + Clone) -> Vec<u8> {
        let mut first_labels = 2;
        let mut name_hashes = Vec::new();
        let mut above_hashes = Vec::new();
        for name in names {
            let mut on_the_way = None;
            let _ = suffixes(name, 0, name.len(), true, |labels, hash, from| {
                above_hashes.extend(on_the_way.take());
                if from == 0 {
                    first_labels = first_labels.min(labels);
                    name_hashes.push(hash);
                } else {
                    on_the_way = Some(hash);
                }
                None::<()>
            });
        }
        above_hashes.sort_unstable();
        above_hashes.dedup();
        name_hashes.sort_unstable();
        name_hashes.dedup();
        let names = fill(&name_hashes, BITS_PER_NAME);
        let above = fill(&above_hashes, BITS_PER_SUFFIX);
        let mut out = Vec::with_capacity(16 + (names.len() + above.len()) * 8);
        for number in [first_labels as u32, names.len() as u32, above.len() as u32, 0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        names.iter().chain(&above).for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        out
    }
}

#[cfg(feature = "host")]
fn fill(hashes: &[u64], bits_per_key: usize) -> Vec<u64> {
    let mut words = vec![0u64; (hashes.len() * bits_per_key).div_ceil(64)];
    let count = words.len();
    for &hash in hashes {
        words[place(hash, count)] |= bits(hash);
    }
    words
}
