//! File digests of one algorithm: sorted, behind a table of first bits.

use super::front::Front;
use super::{take, u32_at};

/// The listed digests of `N` bytes each.
#[derive(Clone, Copy, Default)]
pub(crate) struct Digests<'a, const N: usize> {
    front: Front<'a>,
    digests: &'a [u8],
}

impl<'a, const N: usize> Digests<'a, N> {
    pub(crate) fn new(section: &'a [u8]) -> Digests<'a, N> {
        let mut rest = section;
        let head = take(&mut rest, 8);
        if head.is_empty() {
            return Digests { front: Front::default(), digests: &[] };
        }
        let bits = u32_at(head, 0);
        let table = take(&mut rest, Front::table_bytes(bits));
        let digests = take(&mut rest, (u32_at(head, 1) as usize).saturating_mul(N));
        Digests { front: Front::new(bits, table), digests }
    }

    /// Returns the digest's index, if it is listed.
    pub(crate) fn position(&self, digest: &[u8; N]) -> Option<u32> {
        if self.digests.is_empty() {
            return None;
        }
        let (mut low, mut high) = self.front.range(first_bits(digest));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.digests.get(middle * N..middle * N + N)?.cmp(digest) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle as u32),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Encodes sorted digests without repeats.
    #[cfg(feature = "host")]
    pub(crate) fn encode(digests: &[[u8; N]]) -> Vec<u8> {
        let bits = Front::bits_for(digests.len());
        let mut out = Vec::with_capacity(8 + Front::table_bytes(bits) + digests.len() * N);
        out.extend_from_slice(&bits.to_le_bytes());
        out.extend_from_slice(&(digests.len() as u32).to_le_bytes());
        Front::write(bits, digests.iter().map(first_bits), &mut out);
        digests.iter().for_each(|digest| out.extend_from_slice(digest));
        out
    }
}

fn first_bits<const N: usize>(digest: &[u8; N]) -> u32 {
    u32_at(&[digest[3], digest[2], digest[1], digest[0]], 0)
}
