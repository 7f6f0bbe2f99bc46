//! Ranges of addresses to segments: each range falls into networks, networks nest, and so each segment has one innermost.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sets::{Node, Width};
use crate::value::AddressRange;

/// A listed range.
pub(super) struct RangeRow<W> {
    pub(super) first: W,
    pub(super) last: W,
    pub(super) record: u32,
}

/// What arithmetic on ranges needs.
pub(super) trait Number: Width + Eq {
    const MAX: Self;
    fn next(self) -> Self;
    fn minus(self, other: Self) -> Self;
    /// One less than the addresses of the widest network that starts at `first` and ends at `last` or before.
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
                let aligned = if first == 0 { <$type>::MAX } else { (1 << first.trailing_zeros()) - 1 };
                let room = last - first;
                // The largest all-ones number that `room` reaches.
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

/// A network that an entry consists of.
struct Piece<W> {
    first: W,
    last: W,
    entry: u32,
    /// The entry's own span.
    span: W,
    network: bool,
}

/// Segments and nodes of sorted ranges, each given once.
pub(super) struct Segments<W> {
    pub(super) segments: Vec<(W, Option<u32>)>,
    pub(super) nodes: Vec<Node<W>>,
}

impl<W: Number> Segments<W> {
    /// `ranges` are the entries in the order of their ordinals.
    pub(super) fn new(ranges: impl Iterator<Item = (W, W)>, zero: W) -> Segments<W> {
        let mut pieces = Vec::new();
        for (entry, (first, last)) in (0u32..).zip(ranges) {
            split(first, last, entry, &mut pieces);
        }
        // Around before within; of two entries with the same piece the wider one is around the other.
        pieces.sort_unstable_by(|a, b| {
            let around = (a.first, std::cmp::Reverse(a.last), std::cmp::Reverse(a.span), a.entry);
            around.cmp(&(b.first, std::cmp::Reverse(b.last), std::cmp::Reverse(b.span), b.entry))
        });
        let mut made = Segments { segments: vec![(zero, None)], nodes: Vec::with_capacity(pieces.len()) };
        let mut open: Vec<(W, u32)> = Vec::new();
        for piece in pieces {
            made.close(&mut open, |last| last < piece.first);
            let node = made.nodes.len() as u32;
            let parent = open.last().map(|(_, node)| *node);
            made.nodes.push(Node { entry: piece.entry, network: piece.network, parent, span: piece.span });
            made.start(piece.first, Some(node));
            open.push((piece.last, node));
        }
        made.close(&mut open, |_| true);
        made
    }

    /// Ends the open pieces that `ended` tells of: what lies around them goes on.
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

/// The networks that a range consists of, in order.
pub(crate) fn networks(range: &AddressRange) -> Vec<AddressRange> {
    fn of<W: Number>(first: W, last: W) -> Vec<AddressRange> {
        let mut pieces = Vec::new();
        split(first, last, 0, &mut pieces);
        let range = |piece: &Piece<W>| AddressRange::new(piece.first.address(), piece.last.address());
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
