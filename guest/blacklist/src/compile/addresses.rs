//! Splits ranges of addresses into networks, and the address space into segments.
//!
//! Networks nest, ranges need not. So each range is first split into networks, and then every
//! segment has one innermost network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sets::{Node, Width};
use crate::value::AddressRange;

/// A listed range.
pub(super) struct RangeRow<W> {
    pub(super) first: W,
    pub(super) last: W,
    pub(super) record: u32,
}

/// Arithmetic on addresses that splitting ranges needs.
pub(super) trait Number: Width + Eq {
    const MAX: Self;
    fn next(self) -> Self;
    fn minus(self, other: Self) -> Self;
    /// The number of addresses, less one, of the widest network that starts at `first` and ends at
    /// or before `last`.
    fn widest_span(first: Self, last: Self) -> Self;
    fn plus(self, other: Self) -> Self;
    fn put(self, out: &mut Vec<u8>);
    fn address(self) -> IpAddr;
}

macro_rules! number {
    ($type:ty, $address:ty) => {
        impl Number for $type {
            const MAX: Self = <$type>::MAX;

            fn next(self) -> Self {
                self.wrapping_add(1)
            }

            fn minus(self, other: Self) -> Self {
                self - other
            }

            fn widest_span(first: Self, last: Self) -> Self {
                let aligned =
                    if first == 0 { <$type>::MAX } else { (1 << first.trailing_zeros()) - 1 };
                let room = last - first;
                // The largest number of the form 2^n - 1 that is at most `room`.
                let fits = match room.checked_add(1) {
                    None => <$type>::MAX,
                    Some(count) => (1 << count.ilog2()) - 1,
                };
                aligned.min(fits)
            }

            fn plus(self, other: Self) -> Self {
                self + other
            }

            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn address(self) -> IpAddr {
                <$address>::from(self).into()
            }
        }
    };
}

number!(u32, Ipv4Addr);
number!(u128, Ipv6Addr);

/// One of the networks that an entry's range is split into.
struct Piece<W> {
    first: W,
    last: W,
    entry: u32,
    /// The number of addresses in the entry's whole range, less one.
    span: W,
    network: bool,
}

/// The segments of the address space and the nodes they point to.
pub(super) struct Segments<W> {
    pub(super) segments: Vec<(W, Option<u32>)>,
    pub(super) nodes: Vec<Node<W>>,
}

impl<W: Number> Segments<W> {
    /// Builds them from the entries' ranges, which come in the order of the entries' numbers, each
    /// once.
    pub(super) fn new(ranges: impl Iterator<Item = (W, W)>, zero: W) -> Segments<W> {
        let mut pieces = Vec::new();
        for (entry, (first, last)) in (0u32..).zip(ranges) {
            split(first, last, entry, &mut pieces);
        }
        // Outer networks come before the ones they contain. If two entries have the same network,
        // the entry with the wider range is the outer one.
        pieces.sort_unstable_by(|a, b| {
            let around = (a.first, std::cmp::Reverse(a.last), std::cmp::Reverse(a.span), a.entry);
            around.cmp(&(b.first, std::cmp::Reverse(b.last), std::cmp::Reverse(b.span), b.entry))
        });
        let mut made =
            Segments { segments: vec![(zero, None)], nodes: Vec::with_capacity(pieces.len()) };
        let mut open: Vec<(W, u32)> = Vec::new();
        for piece in pieces {
            made.close(&mut open, |last| last < piece.first);
            let node = made.nodes.len() as u32;
            let parent = open.last().map(|(_, node)| *node);
            made.nodes.push(Node {
                entry: piece.entry,
                network: piece.network,
                parent,
                span: piece.span,
            });
            made.start(piece.first, Some(node));
            open.push((piece.last, node));
        }
        made.close(&mut open, |_| true);
        made
    }

    /// Closes the open pieces for which `ended` holds, and starts a segment of the surrounding
    /// piece.
    fn close(&mut self, open: &mut Vec<(W, u32)>, ended: impl Fn(W) -> bool) {
        while let Some((last, _)) = open.pop_if(|(last, _)| ended(*last)) {
            if last != W::MAX {
                self.start(last.next(), open.last().map(|(_, node)| *node));
            }
        }
    }

    fn start(&mut self, first: W, node: Option<u32>) {
        match self.segments.last_mut() {
            Some(segment) if segment.0 == first => segment.1 = node,
            _ => self.segments.push((first, node)),
        }
    }
}

/// Splits a range into networks, in ascending order.
pub(crate) fn networks(range: &AddressRange) -> Vec<AddressRange> {
    fn of<W: Number>(first: W, last: W) -> Vec<AddressRange> {
        let mut pieces = Vec::new();
        split(first, last, 0, &mut pieces);
        let range =
            |piece: &Piece<W>| AddressRange::new(piece.first.address(), piece.last.address());
        pieces.iter().filter_map(range).collect()
    }
    match (range.first(), range.last()) {
        (IpAddr::V4(first), IpAddr::V4(last)) => of(u32::from(first), u32::from(last)),
        (IpAddr::V6(first), IpAddr::V6(last)) => of(u128::from(first), u128::from(last)),
        _ => Vec::new(),
    }
}

fn split<W: Number>(first: W, last: W, entry: u32, pieces: &mut Vec<Piece<W>>) {
    let span = last.minus(first);
    let network = W::widest_span(first, last) == span;
    let mut from = first;
    loop {
        let to = from.plus(W::widest_span(from, last));
        pieces.push(Piece { first: from, last: to, entry, span, network });
        if to == last {
            return;
        }
        from = to.next();
    }
}
