//! A table before a sorted array. It maps the first bits of a key to the few elements that can have
//! this key.

use super::u32_at;

/// A table of `2^bits + 1` indices. Elements whose 32-bit key starts with `i` are at
/// `table[i]..table[i + 1]`.
#[derive(Clone, Copy, Default)]
pub(super) struct Front<'a> {
    bits: u32,
    table: &'a [u8],
}

impl<'a> Front<'a> {
    /// The most bits used: 2^16 indices take 256 KiB.
    const MAX_BITS: u32 = 16;

    /// Size of the table in bytes.
    pub(super) fn table_bytes(bits: u32) -> usize {
        ((1usize << bits.min(Self::MAX_BITS)) + 1) * 4
    }

    pub(super) fn new(bits: u32, table: &'a [u8]) -> Front<'a> {
        Front { bits: bits.min(Self::MAX_BITS), table }
    }

    /// Returns the first index and the end of the elements whose keys share the first bits of
    /// `key`.
    #[inline(always)]
    pub(super) fn range(&self, key: u32) -> (usize, usize) {
        let slot = (u64::from(key) >> (32 - self.bits)) as usize;
        (u32_at(self.table, slot) as usize, u32_at(self.table, slot + 1) as usize)
    }

    /// Returns the number of bits that suits this many elements: about one element a slot.
    #[cfg(feature = "host")]
    pub(super) fn bits_for(elements: usize) -> u32 {
        elements.max(1).ilog2().min(Self::MAX_BITS)
    }

    /// Writes the table over ascending keys.
    #[cfg(feature = "host")]
    pub(super) fn write(bits: u32, keys: impl Iterator<Item = u32>, out: &mut Vec<u8>) {
        let slots = 1usize << bits;
        let mut counts = vec![0u32; slots + 1];
        for key in keys {
            counts[(u64::from(key) >> (32 - bits)) as usize + 1] += 1;
        }
        let mut total = 0;
        for count in counts {
            total += count;
            out.extend_from_slice(&total.to_le_bytes());
        }
    }
}
