//! Networks, searched by halves.

use std::net::IpAddr;

use threatsieve_blacklist::AddressRange;

use super::RejectedEntry;

/// Networks and addresses of both families.
#[derive(Debug, Default)]
pub(super) struct Networks {
    /// In the order of their first addresses, and the wider ones first.
    ranges: Vec<AddressRange>,
    /// For each range, the place of the one before it, or itself, that ends last. Families are
    /// apart, because all of IPv4 sorts before IPv6.
    reaching: Vec<usize>,
}

impl Networks {
    pub(super) fn new(listed: &[String], rejected: &mut dyn FnMut(RejectedEntry)) -> Networks {
        let mut ranges = Vec::with_capacity(listed.len());
        for entry in listed {
            match AddressRange::parse(entry.trim()) {
                Some(range) => ranges.push(range),
                None => rejected(RejectedEntry::new(entry, "expected a network or an address")),
            }
        }
        Networks::of(ranges)
    }

    pub(super) fn of(mut ranges: Vec<AddressRange>) -> Networks {
        ranges.sort_unstable_by_key(|range| (range.first(), std::cmp::Reverse(range.last())));
        let mut reaching: Vec<usize> = Vec::with_capacity(ranges.len());
        for (place, range) in ranges.iter().enumerate() {
            let furthest = reaching.last().copied().filter(|&before| {
                let before: &AddressRange = &ranges[before];
                is_same_family(before, range) && before.last() >= range.last()
            });
            reaching.push(furthest.unwrap_or(place));
        }
        Networks { ranges, reaching }
    }

    /// Returns an entry that all addresses of a range are in.
    pub(super) fn around(&self, range: &AddressRange) -> Option<&AddressRange> {
        let after = self.ranges.partition_point(|one| one.first() <= range.first());
        let furthest = &self.ranges[self.reaching[after.checked_sub(1)?]];
        let is_around = is_same_family(furthest, range) && furthest.last() >= range.last();
        is_around.then_some(furthest)
    }
}

fn is_same_family(one: &AddressRange, other: &AddressRange) -> bool {
    matches!(
        (one.first(), other.first()),
        (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_))
    )
}
