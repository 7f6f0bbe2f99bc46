//! What settles most look-ups of hosts: a Bloom filter over the suffixes of listed names, one word a suffix.
//!
//! It holds the names themselves, and the hosts of listed URLs, and apart from them the suffixes below which such names lie. A host that is
//! not listed is left at the first suffix that is neither: for most that is their last two labels, and one word read. What passes is
//! looked up exactly, in one bounded walk, so a filter that somebody knows how to pass costs them that walk and no more.

use super::{take, u32_at};
use crate::normalise::{Suffix, Unusual, suffixes};

/// Bits of the filter for each name: with the transducer's 11.1 bytes a name, both stay within 12.
#[cfg(feature = "host")]
const BITS_PER_NAME: usize = 6;
/// Bits for each suffix above names: there is about one to ten names.
#[cfg(feature = "host")]
const BITS_PER_SUFFIX: usize = 10;

/// What a suffix can be known as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Neither listed nor above anything listed.
    No,
    /// Listed, or so it seems.
    Listed,
    /// Above something listed, or so it seems.
    Above,
}

/// The filter's words. A suffix sets three bits of one of them if it is listed, three others if names below it are.
#[derive(Clone, Copy)]
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    #[inline(always)]
    fn get(&self, hash: u64) -> u64 {
        let at = place(hash, self.0.len() / 8) * 8;
        self.0.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u64::from_le_bytes(*word))
    }

    #[inline(always)]
    fn known(&self, hash: u64) -> Known {
        let word = self.get(hash);
        if word & listed_bits(hash) == listed_bits(hash) {
            return Known::Listed;
        }
        if word & above_bits(hash) == above_bits(hash) { Known::Above } else { Known::No }
    }
}

/// The upper half of the hash says which word.
#[inline(always)]
fn place(hash: u64, words: usize) -> usize {
    (((hash >> 32) * words as u64) >> 32) as usize
}

#[inline(always)]
fn listed_bits(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63)
}

#[inline(always)]
fn above_bits(hash: u64) -> u64 {
    1 << (hash >> 9 & 63) | 1 << (hash >> 18 & 63) | 1 << (hash >> 24 & 63)
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

/// The filter.
pub(crate) struct HostFilter<'a> {
    /// Labels of the shortest listed name, 2 at most: shorter suffixes are not asked for.
    first_labels: usize,
    words: Words<'a>,
}

impl<'a> HostFilter<'a> {
    pub(crate) fn new(section: &'a [u8]) -> HostFilter<'a> {
        let mut rest = section;
        let head = take(&mut rest, 8);
        let words = take(&mut rest, (u32_at(head, 1) as usize).saturating_mul(8));
        HostFilter { first_labels: u32_at(head, 0) as usize, words: Words(words) }
    }

    /// The hash by which most hosts in `bytes[start..end]` are settled.
    #[inline(always)]
    pub(crate) fn glance(&self, bytes: &[u8], start: usize, end: usize) -> Glance {
        let seen = suffixes(bytes, start, end, false, |suffix| {
            if ends_in_a_digit(suffix) {
                return Some(Glance::Open);
            }
            (suffix.labels == self.first_labels).then(|| Glance::Probe(suffix.hash()))
        });
        match seen {
            Ok(glance) => glance.unwrap_or(Glance::Miss),
            Err(Unusual) => Glance::Open,
        }
    }

    /// Whether a suffix with that hash may be listed, or have listed names below it.
    #[inline(always)]
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        self.words.known(hash) != Known::No
    }

    /// Whether the host in `bytes[start..end]` may be covered by a listed name, or be an address. `Unusual` when it must be normalised first.
    #[inline(always)]
    pub(crate) fn may_cover(&self, bytes: &[u8], start: usize, end: usize) -> Result<bool, Unusual> {
        let settled = suffixes(bytes, start, end, false, |suffix| {
            if ends_in_a_digit(suffix) {
                return Some(true);
            }
            if suffix.labels < self.first_labels {
                return None;
            }
            match self.words.known(suffix.hash()) {
                Known::Listed => Some(true),
                Known::Above => None,
                Known::No => Some(false),
            }
        })?;
        Ok(settled.unwrap_or(false))
    }

    /// Encodes the filter over normalised names.
    #[cfg(feature = "host")]
    pub(crate) fn encode<'n>(names: impl Iterator<Item = &'n [u8]> + Clone) -> Vec<u8> {
        let mut first_labels = 2;
        let mut listed = Vec::new();
        let mut above = Vec::new();
        for name in names {
            let mut on_the_way = None;
            let _ = suffixes(name, 0, name.len(), true, |suffix| {
                above.extend(on_the_way.take());
                if suffix.from == 0 {
                    first_labels = first_labels.min(suffix.labels);
                    listed.push(suffix.hash());
                } else {
                    on_the_way = Some(suffix.hash());
                }
                None::<()>
            });
        }
        above.sort_unstable();
        above.dedup();
        listed.sort_unstable();
        listed.dedup();
        let mut words =
            vec![0u64; (listed.len() * BITS_PER_NAME + above.len() * BITS_PER_SUFFIX).div_ceil(64)];
        let count = words.len();
        listed.iter().for_each(|&hash| words[place(hash, count)] |= listed_bits(hash));
        above.iter().for_each(|&hash| words[place(hash, count)] |= above_bits(hash));
        let mut out = Vec::with_capacity(8 + count * 8);
        for number in [first_labels as u32, count as u32] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        out
    }
}

/// Whether the last label starts with a digit: then the host may be an address.
#[inline(always)]
fn ends_in_a_digit(suffix: &Suffix<'_>) -> bool {
    suffix.labels == 1 && suffix.starts_with_digit
}
