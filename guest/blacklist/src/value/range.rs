//! Addresses, networks and ranges.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::normalise::{parse_address, unmap};

/// An inclusive range of addresses of one family; a single address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    pub(crate) first: IpAddr,
    pub(crate) last: IpAddr,
}

impl AddressRange {
    /// The inclusive range between two addresses of one family, if the first is not greater than
    /// the last.
    pub fn new(first: IpAddr, last: IpAddr) -> Option<AddressRange> {
        (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(AddressRange { first, last })
    }

    /// Reads `address`, `address/bits` or `first-last`. For IPv4 also `address/netmask`
    /// (`1.2.3.0/255.255.255.0`) and a range within the last byte (`1.2.3.0-255`). IPv4-mapped
    /// networks become IPv4 ones, an IPv6 address may have brackets, and host bits are cleared.
    pub fn parse(text: &str) -> Option<AddressRange> {
        // Most texts tried here are names. Only a text that starts like an address can be one.
        if !text.starts_with(|c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '[')) {
            return None;
        }
        if let Some((first, last)) = text.split_once('-') {
            return AddressRange::between(first, last);
        }
        let Some((network, bits)) = text.split_once('/') else {
            let address = parse_address(text.as_bytes())?;
            return AddressRange::new(address, address);
        };
        let address = match network.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
            Some(inner) => IpAddr::V6(inner.parse().ok()?),
            None => network.parse().ok()?,
        };
        if let (IpAddr::V4(_), Ok(mask)) = (address, bits.parse::<Ipv4Addr>()) {
            return AddressRange::network(address, netmask_bits(mask)?);
        }
        if bits.is_empty() || bits.len() > 3 || !bits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        AddressRange::network(address, bits.parse().ok()?)
    }

    /// The range between two texts. The second may be only the last byte of an IPv4 address.
    fn between(first: &str, last: &str) -> Option<AddressRange> {
        let strict = |text: &str| parse_address(text.trim().as_bytes());
        let from = strict(first)?;
        // With spaces, `1.2.3.0 - 255` is more likely an address and a count.
        if let (IpAddr::V4(v4), 1..=3) = (from, last.len())
            && last.bytes().all(|b| b.is_ascii_digit())
        {
            let [a, b, c, _] = v4.octets();
            return AddressRange::new(from, Ipv4Addr::new(a, b, c, last.parse().ok()?).into());
        }
        AddressRange::new(from, strict(last)?)
    }

    /// The network of this many leading bits around an address.
    fn network(address: IpAddr, bits: u32) -> Option<AddressRange> {
        let (address, bits) = match (address, unmap(address)) {
            (IpAddr::V6(_), v4 @ IpAddr::V4(_)) if bits >= 96 => (v4, bits - 96),
            _ => (address, bits),
        };
        let (first, last) = match address {
            IpAddr::V4(v4) if bits <= 32 => {
                let mask = u32::MAX.checked_shr(bits).unwrap_or(0);
                (
                    Ipv4Addr::from(u32::from(v4) & !mask).into(),
                    Ipv4Addr::from(u32::from(v4) | mask).into(),
                )
            }
            IpAddr::V6(v6) if bits <= 128 => {
                let mask = u128::MAX.checked_shr(bits).unwrap_or(0);
                (
                    Ipv6Addr::from(u128::from(v6) & !mask).into(),
                    Ipv6Addr::from(u128::from(v6) | mask).into(),
                )
            }
            _ => return None,
        };
        Some(AddressRange { first, last })
    }

    /// The first address.
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        self.last
    }

    /// The prefix length in bits, if the range is a network.
    pub fn prefix_bits(&self) -> Option<u32> {
        let (first, last, width) = match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                (u128::from(u32::from(first)), u128::from(u32::from(last)), 32)
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => (u128::from(first), u128::from(last), 128),
            _ => return None,
        };
        let host_bits = first ^ last;
        // The addresses of a network differ in all of the low bits and in no other.
        let network = host_bits & host_bits.wrapping_add(1) == 0 && first & host_bits == 0;
        network.then(|| width - host_bits.count_ones())
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix_bits() {
            _ if self.first == self.last => self.first.fmt(f),
            Some(bits) => write!(f, "{}/{bits}", self.first),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// The prefix length of a netmask; `None` if its ones are not its first bits.
fn netmask_bits(mask: Ipv4Addr) -> Option<u32> {
    let mask = u32::from(mask);
    (mask.leading_ones() == mask.count_ones()).then(|| mask.leading_ones())
}
