//! The positions of a byte in a line, found 64 bytes at a time.
//!
//! Fields are about ten bytes long. Starting a new search for every separator costs more than the
//! search itself. Here one comparison gives a bit mask of all separators in 64 bytes, and the next
//! one is a bit count away.

use wide::u8x16;

const BLOCK: usize = 64;

/// The positions of one byte in a line, ascending.
pub(crate) struct Marks<'a> {
    line: &'a [u8],
    byte: u8,
    block: usize,
    bits: u64,
}

impl<'a> Marks<'a> {
    #[inline]
    pub(crate) fn new(line: &'a [u8], byte: u8) -> Marks<'a> {
        Marks { line, byte, block: 0, bits: block_bits(line, 0, byte) }
    }
}

impl Iterator for Marks<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            self.block += BLOCK;
            if self.block >= self.line.len() {
                self.block = self.line.len();
                return None;
            }
            self.bits = block_bits(self.line, self.block, self.byte);
        }
        let at = self.block + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(at)
    }
}

/// Returns a mask in which bit `i` is set if `line[start + i]` is `byte`.
#[inline]
fn block_bits(line: &[u8], start: usize, byte: u8) -> u64 {
    let rest = &line[start..];
    if let Some(block) = rest.first_chunk::<BLOCK>() {
        return bits(block, byte);
    }
    if let Some(last) = line.last_chunk::<BLOCK>() {
        // The line's last 64 bytes, with those before `start` shifted out. This avoids copying a
        // short rest.
        return bits(last, byte).checked_shr((BLOCK - rest.len()) as u32).unwrap_or(0);
    }
    let mut padded = [!byte; BLOCK];
    padded[..rest.len()].copy_from_slice(rest);
    bits(&padded, byte)
}

/// Returns whether the text contains one of three bytes. Faster than a search for texts as short as
/// a host.
#[inline]
pub(crate) fn has_any(text: &[u8], bytes: [u8; 3]) -> bool {
    let wanted = bytes.map(u8x16::splat);
    let has = |part: &[u8; 16]| {
        let part = u8x16::new(*part);
        wanted.iter().fold(0, |bits, &byte| bits | part.simd_eq(byte).to_bitmask()) != 0
    };
    match text.last_chunk::<16>() {
        Some(last) => has(last) || text.as_chunks::<16>().0.iter().any(has),
        None => text.iter().any(|byte| bytes.contains(byte)),
    }
}

#[inline]
fn bits(block: &[u8; BLOCK], byte: u8) -> u64 {
    let wanted = u8x16::splat(byte);
    let mut bits = 0;
    for (i, part) in block.as_chunks::<16>().0.iter().enumerate() {
        bits |= u64::from(u8x16::new(*part).simd_eq(wanted).to_bitmask()) << (16 * i);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_where_the_byte_is() {
        let mut random = 7u32;
        for len in 0..300 {
            let line: Vec<u8> = (0..len)
                .map(|_| {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    [b' ', b'a', 0xa0, b'!', b' ' ^ 0x80][(random >> 24) as usize % 5]
                })
                .collect();
            let naive: Vec<usize> = (0..len).filter(|&i| line[i] == b' ').collect();
            assert_eq!(Marks::new(&line, b' ').collect::<Vec<_>>(), naive);
        }
    }

    #[test]
    fn any_byte_is_found_at_every_place() {
        for len in 0..70 {
            let mut text = vec![b'a'; len];
            assert!(!has_any(&text, *b" \t,"));
            for at in 0..len {
                text[at] = b" \t,"[at % 3];
                assert!(has_any(&text, *b" \t,"), "{at} of {len}");
                text[at] = b'a';
            }
        }
    }

    #[test]
    fn an_ended_walk_stays_ended() {
        let line = [b'a'; 130];
        let mut marks = Marks::new(&line, b' ');
        assert_eq!((marks.next(), marks.next()), (None, None));
    }
}
