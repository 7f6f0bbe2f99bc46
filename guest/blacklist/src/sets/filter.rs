//! The host filter: a Bloom filter over the suffixes of listed names, with one word read for each
//! suffix. It decides most look-ups of hosts.
//!
//! It holds the listed names and the hosts of listed URLs, and the parents of those names. The
//! check of a host ends at the first suffix that is neither. Most hosts end at their last two
//! labels, after one word. A host that passes is looked up exactly, in one walk of bounded cost. So
//! an attacker who knows how to pass the filter causes that walk and no more.

use super::{take, u32_at};
use crate::normalise::{Suffix, Unusual, suffixes};

/// Bits of the filter for each name. The transducer takes 11.1 bytes a name; together they stay
/// within 12.
#[cfg(feature = "host")]
const BITS_PER_NAME: usize = 6;
/// Bits for each parent of names: there is about one for ten names.
#[cfg(feature = "host")]
const BITS_PER_SUFFIX: usize = 10;

/// The filter's knowledge of a suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Neither listed nor a parent of a listed name.
    No,
    /// Probably listed.
    Listed,
    /// Probably a parent of a listed name.
    Above,
}

/// The filter's words. A suffix sets three bits of one word if it is listed, and three others if it
/// is a parent of a listed name.
#[derive(Clone, Copy)]
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    #[inline(always)]
    fn get(&self, hash: u64) -> u64 {
        let at = place(hash, self.0.len() / 8) * 8;
        self.0
            .get(at..)
            .and_then(|rest| rest.first_chunk())
            .map_or(0, |word| u64::from_le_bytes(*word))
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

/// The index of the word for a hash, by the hash's upper half.
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

/// The result of the quick check of an observable, before the filter's words are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuickCheck {
    /// Nothing listed covers it.
    Miss,
    /// The filter's word for this hash decides.
    Probe(u64),
    /// It must be looked up exactly.
    Undecided,
}

/// The host filter, read in place.
pub(crate) struct HostFilter<'a> {
    /// The number of labels of the shortest listed name, at most 2. Shorter suffixes are not looked
    /// up.
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

    /// Returns the hash that decides most hosts in `bytes[start..end]`.
    #[inline(always)]
    pub(crate) fn quick_check(&self, bytes: &[u8], start: usize, end: usize) -> QuickCheck {
        let seen = suffixes(bytes, start, end, false, |suffix| {
            if ends_in_a_digit(suffix) {
                return Some(QuickCheck::Undecided);
            }
            (suffix.labels == self.first_labels).then(|| QuickCheck::Probe(suffix.hash()))
        });
        match seen {
            Ok(quick_check) => quick_check.unwrap_or(QuickCheck::Miss),
            Err(Unusual) => QuickCheck::Undecided,
        }
    }

    /// Returns whether a suffix with this hash may be listed or a parent of a listed name.
    #[inline(always)]
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        self.words.known(hash) != Known::No
    }

    /// Returns whether a listed name may cover the host in `bytes[start..end]`, or the host may be
    /// an address. Returns `Unusual` if it must be normalised first.
    #[inline(always)]
    pub(crate) fn may_cover(
        &self,
        bytes: &[u8],
        start: usize,
        end: usize,
    ) -> Result<bool, Unusual> {
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

/// Returns whether the last label starts with a digit, so that the host may be an address.
#[inline(always)]
fn ends_in_a_digit(suffix: &Suffix<'_>) -> bool {
    suffix.labels == 1 && suffix.starts_with_digit
}
