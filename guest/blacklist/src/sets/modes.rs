//! The modes of entries. Most entries of a section share the same modes; the others are listed.

use super::{take, u32_at};

/// The mode bits of each entry.
#[derive(Clone, Copy, Default)]
pub(crate) struct Modes<'a> {
    usual: u8,
    ordinals: &'a [u8],
    modes: &'a [u8],
}

impl<'a> Modes<'a> {
    pub(crate) fn new(section: &'a [u8]) -> Modes<'a> {
        let mut rest = section;
        let head = take(&mut rest, 8);
        let exceptions = u32_at(head, 1) as usize;
        Modes {
            usual: head.first().copied().unwrap_or(0),
            ordinals: take(&mut rest, exceptions.saturating_mul(4)),
            modes: take(&mut rest, exceptions),
        }
    }

    /// The modes of the entry with this ordinal, one bit each.
    pub(crate) fn get(&self, ordinal: u32) -> u8 {
        let (mut low, mut high) = (0, self.modes.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match u32_at(self.ordinals, middle).cmp(&ordinal) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return self.modes[middle],
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        self.usual
    }

    /// Encodes the modes of all entries, in their order.
    #[cfg(feature = "host")]
    pub(crate) fn encode(modes: &[u8]) -> Vec<u8> {
        if modes.is_empty() {
            return Vec::new();
        }
        let mut counts = [0usize; 256];
        modes.iter().for_each(|&mode| counts[usize::from(mode)] += 1);
        let usual = (0..=255u8).max_by_key(|&mode| counts[usize::from(mode)]).unwrap_or(0);
        let others = || (0u32..).zip(modes).filter(|(_, mode)| **mode != usual);
        let mut out = vec![usual, 0, 0, 0];
        out.extend_from_slice(&((modes.len() - counts[usize::from(usual)]) as u32).to_le_bytes());
        others().for_each(|(ordinal, _)| out.extend_from_slice(&ordinal.to_le_bytes()));
        others().for_each(|(_, &mode)| out.push(mode));
        out
    }
}

#[cfg(all(test, feature = "host"))]
mod tests {
    use super::*;

    #[test]
    fn modes_come_back() {
        for modes in [vec![], vec![1], vec![4, 4, 1, 4, 2, 4, 7], vec![3; 100]] {
            let bytes = Modes::encode(&modes);
            let read = Modes::new(&bytes);
            for (ordinal, mode) in (0u32..).zip(&modes) {
                assert_eq!(read.get(ordinal), *mode);
            }
        }
    }
}
