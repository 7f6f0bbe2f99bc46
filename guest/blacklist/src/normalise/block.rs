//! Sixteen bytes of a host name at a time, in lower case, with one bit for each dot. Names are
//! short: two blocks hold nearly any of them.

use wide::{i8x16, u8x16};

/// Bytes of a block.
pub(crate) const BLOCK: usize = 16;

/// A sliding table: 16 bytes from any position are a mask that keeps that many of a block's last
/// bytes.
const KEEP: [u8; 2 * BLOCK] = {
    let mut keep = [0; 2 * BLOCK];
    let mut at = BLOCK;
    while at < 2 * BLOCK {
        keep[at] = 0xff;
        at += 1;
    }
    keep
};

/// The 16 bytes of a name that end at some position.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    lower: [u8; BLOCK],
    /// Bit `i` is set if byte `i` is a dot.
    dots: u32,
    /// Bit `i` is set if a plain host name may contain byte `i` (RFC 1123, section 2.1, and `_`).
    usual: u32,
}

impl Block {
    /// Reads `bytes[end - 16..end]`. Positions before the buffer read as `-`.
    #[inline(always)]
    pub(crate) fn before(bytes: &[u8], end: usize) -> Block {
        let found = bytes.get(..end).and_then(|front| front.last_chunk::<BLOCK>());
        Block::read(found.copied().unwrap_or_else(|| padded(bytes, end)))
    }

    #[inline(always)]
    fn read(bytes: [u8; BLOCK]) -> Block {
        // As signed numbers, bytes above 0x7f are less than all usual ones.
        let bytes: i8x16 = i8x16::new(bytes.map(|byte| byte as i8));
        let between = |low: u8, high: u8, of: i8x16| {
            of.simd_gt(i8x16::splat(low as i8 - 1)) & of.simd_lt(i8x16::splat(high as i8 + 1))
        };
        let lower = bytes | (between(b'A', b'Z', bytes) & i8x16::splat(0x20));
        let usual = between(b'-', b'9', lower) | between(b'_', b'z', lower);
        Block {
            lower: lower.to_array().map(|byte| byte as u8),
            dots: lower.simd_eq(i8x16::splat(b'.' as i8)).to_bitmask(),
            usual: usual.to_bitmask(),
        }
    }

    /// Excludes the bytes before `first` from the name. They count as usual, and the last of them
    /// as a dot, so that the whole name is visited like any other suffix.
    #[inline(always)]
    pub(crate) fn starting_at(mut self, first: usize) -> Block {
        let before = (1 << first) - 1;
        self.usual |= before;
        self.dots = self.dots & !before | 1 << (first - 1);
        self
    }

    /// The dots: bit `i` for byte `i`.
    #[inline(always)]
    pub(crate) fn dots(&self) -> u32 {
        self.dots
    }

    /// Returns whether a plain host name may contain all of the bytes.
    #[inline(always)]
    pub(crate) fn is_usual(&self) -> bool {
        self.usual == (1 << BLOCK) - 1
    }

    /// Returns a hash of the last `count` bytes and of the bytes after the block, which `state` is
    /// the hash of.
    #[inline(always)]
    pub(crate) fn hash_of_last(&self, count: usize, state: u64) -> u64 {
        let keep = KEEP[count..].first_chunk::<BLOCK>().copied().unwrap_or_default();
        let kept = (u8x16::new(self.lower) & u8x16::new(keep)).to_array();
        let half =
            |at: usize| kept[at..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let front = (half(0) ^ state).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let back = (half(8) ^ state.rotate_left(32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let mixed = front.rotate_left(29) ^ front >> 32 ^ back ^ back >> 32;
        let mixed = mixed.wrapping_mul(0xa076_1d64_78bd_642f);
        mixed ^ mixed >> 32
    }
}

/// Reads a block at the start of a buffer, where fewer than 16 bytes precede `end`.
#[cold]
fn padded(bytes: &[u8], end: usize) -> [u8; BLOCK] {
    let mut block = [b'-'; BLOCK];
    for (to, from) in block.iter_mut().rev().zip(bytes[..end].iter().rev()) {
        *to = *from;
    }
    block
}
