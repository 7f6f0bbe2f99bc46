//! Listed addresses. The whole address space is cut into segments. Each segment knows the narrowest
//! entry around it, and each entry the next wider one.

use super::front::Front;
use super::{take, u32_at};
use crate::hit::{Found, How, MAX_HITS_PER_OBSERVABLE, Specificity};

/// An address of one family as a number: `u32` or `u128`.
pub(crate) trait Width: Copy + Ord + Into<u128> {
    const BYTES: usize;
    /// The number at an index of an array; 0 past its end.
    fn at(array: &[u8], index: usize) -> Self;
    /// Its first 32 bits.
    fn first_bits(self) -> u32;
}

impl Width for u32 {
    const BYTES: usize = 4;

    #[inline(always)]
    fn at(array: &[u8], index: usize) -> u32 {
        u32_at(array, index)
    }

    #[inline(always)]
    fn first_bits(self) -> u32 {
        self
    }
}

impl Width for u128 {
    const BYTES: usize = 16;

    fn at(array: &[u8], index: usize) -> u128 {
        match array.get(index * 16..index * 16 + 16).and_then(|bytes| bytes.first_chunk()) {
            Some(bytes) => u128::from_le_bytes(*bytes),
            None => 0,
        }
    }

    fn first_bits(self) -> u32 {
        (self >> 96) as u32
    }
}

/// Marks a missing node: no entry covers the segment, or no wider entry surrounds the entry.
const NONE: u32 = u32::MAX;
/// A flag in a node's entry: the entry is a network, not just a range.
const NETWORK: u32 = 1 << 31;

#[cfg(feature = "host")]
/// A network around a segment. An entry that is a range has a node for each network it is split
/// into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node<W> {
    /// The entry's ordinal.
    pub(crate) entry: u32,
    /// True if the entry itself is a network.
    pub(crate) network: bool,
    /// The node around this one.
    pub(crate) parent: Option<u32>,
    /// The number of addresses in the entry's range, less one.
    pub(crate) span: W,
}

/// The listed ranges of one address family.
pub(crate) struct Ranges<'a, W> {
    front: Front<'a>,
    /// Each segment's first address, ascending. Segment 0 starts at address 0.
    starts: &'a [u8],
    /// Each segment's innermost node.
    inner: &'a [u8],
    entries: &'a [u8],
    parents: &'a [u8],
    spans: &'a [u8],
    width: std::marker::PhantomData<W>,
}

impl<'a, W: Width> Ranges<'a, W> {
    pub(crate) fn new(section: &'a [u8]) -> Ranges<'a, W> {
        let mut rest = section;
        let head = take(&mut rest, 12);
        let (bits, segments, nodes) =
            (u32_at(head, 0), u32_at(head, 1) as usize, u32_at(head, 2) as usize);
        let table = take(&mut rest, if head.is_empty() { 0 } else { Front::table_bytes(bits) });
        Ranges {
            front: Front::new(bits, table),
            starts: take(&mut rest, segments.saturating_mul(W::BYTES)),
            inner: take(&mut rest, segments.saturating_mul(4)),
            entries: take(&mut rest, nodes.saturating_mul(4)),
            parents: take(&mut rest, nodes.saturating_mul(4)),
            spans: take(&mut rest, nodes.saturating_mul(W::BYTES)),
            width: std::marker::PhantomData,
        }
    }

    /// Returns whether nothing is listed.
    pub(crate) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Returns whether any entry covers the address.
    #[inline(always)]
    pub(crate) fn covers(&self, address: W) -> bool {
        self.innermost(address) != NONE
    }

    #[inline(always)]
    fn innermost(&self, address: W) -> u32 {
        if self.starts.is_empty() {
            return NONE;
        }
        let (mut low, mut high) = self.front.range(address.first_bits());
        while low < high {
            let middle = low + (high - low) / 2;
            if W::at(self.starts, middle) <= address { low = middle + 1 } else { high = middle }
        }
        // `low` is the first segment past the address. Segment 0 starts at 0, so there is one
        // before.
        u32_at(self.inner, low.saturating_sub(1))
    }

    /// Adds every entry that covers the address, each once.
    pub(crate) fn covering(&self, address: W, base: u32, found: &mut Vec<Found>) {
        let first = found.len();
        let mut node = self.innermost(address);
        while node != NONE && found.len() - first < MAX_HITS_PER_OBSERVABLE {
            let at = node as usize;
            let packed = u32_at(self.entries, at);
            let span: u128 = W::at(self.spans, at).into();
            let how = match (span, packed & NETWORK) {
                (0, _) => How::Exact,
                (_, 0) => How::Range,
                _ => How::Cidr,
            };
            found.push(Found {
                specificity: Specificity::range(span),
                entry: base + (packed & !NETWORK),
                how,
            });
            let parent = u32_at(self.parents, at);
            // Parents come before their children. The check keeps damaged data from forming a
            // cycle.
            node = if parent < node { parent } else { NONE };
        }
    }

    /// Encodes segments and their nodes.
    #[cfg(feature = "host")]
    pub(crate) fn encode(
        segments: &[(W, Option<u32>)],
        nodes: &[Node<W>],
        put: impl Fn(W, &mut Vec<u8>),
    ) -> Vec<u8> {
        let bits = Front::bits_for(segments.len());
        let mut out = Vec::new();
        for number in [bits, segments.len() as u32, nodes.len() as u32] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        Front::write(bits, segments.iter().map(|segment| segment.0.first_bits()), &mut out);
        segments.iter().for_each(|segment| put(segment.0, &mut out));
        let or_none = |node: Option<u32>| node.unwrap_or(NONE).to_le_bytes();
        segments.iter().for_each(|segment| out.extend_from_slice(&or_none(segment.1)));
        for node in nodes {
            out.extend_from_slice(
                &(node.entry | if node.network { NETWORK } else { 0 }).to_le_bytes(),
            );
        }
        nodes.iter().for_each(|node| out.extend_from_slice(&or_none(node.parent)));
        nodes.iter().for_each(|node| put(node.span, &mut out));
        out
    }
}
