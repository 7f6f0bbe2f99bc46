//! IP addresses: their strict textual forms, and the loose forms of URL hosts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wide::u8x16;

/// The longest text that is tried as an address: IPv6 has up to 45 bytes (RFC 4291, section 2.2),
/// and there may be brackets and a zone identifier.
const MAX_ADDRESS_BYTES: usize = 128;

/// Reads an address in strict form: dotted decimal without leading zeros, or IPv6. An IPv6 address
/// may have brackets and a zone identifier (RFC 4007, section 11), which is dropped. An IPv4-mapped
/// address becomes the IPv4 address.
pub(crate) fn parse_strict(text: &[u8]) -> Option<IpAddr> {
    if text.is_empty() || text.len() > MAX_ADDRESS_BYTES {
        return None;
    }
    if let Some(v4) = parse_v4(text) {
        return Some(IpAddr::V4(v4));
    }
    if !text.contains(&b':') {
        return None;
    }
    let inner = match text {
        [b'[', inner @ .., b']'] => inner,
        _ => text,
    };
    let end = inner.iter().position(|&b| b == b'%').unwrap_or(inner.len());
    let v6: Ipv6Addr = std::str::from_utf8(&inner[..end]).ok()?.parse().ok()?;
    Some(unmap(IpAddr::V6(v6)))
}

/// Converts an IPv4-mapped IPv6 address (`::ffff:0:0/96`, RFC 4291, section 2.5.5.2) to IPv4. Any
/// other address stays the same.
pub(crate) fn unmap(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Reads dotted decimal: four parts without leading zeros.
#[inline]
pub(crate) fn parse_v4(text: &[u8]) -> Option<Ipv4Addr> {
    parse_v4_in(text, 0, text.len())
}

/// Reads `bytes[start..end]` as [`parse_v4`] does. All digits are read at once, and no branch
/// depends on the positions of the dots. A third of all observables are addresses, and a processor
/// cannot predict the lengths of their parts.
#[inline(always)]
pub(crate) fn parse_v4_in(bytes: &[u8], start: usize, end: usize) -> Option<Ipv4Addr> {
    let length = end.wrapping_sub(start);
    if !(7..=15).contains(&length) {
        return None;
    }
    let block = match bytes.get(start..).and_then(|rest| rest.first_chunk::<16>()) {
        Some(block) => *block,
        None => {
            let mut block = [0; 16];
            block[..length].copy_from_slice(bytes.get(start..end)?);
            block
        }
    };
    let digits = u8x16::new(block) - u8x16::splat(b'0');
    let inside = (1u32 << length) - 1;
    let is_digit = digits.simd_eq(digits.min(u8x16::splat(9))).to_bitmask() & inside;
    let dots = u8x16::new(block).simd_eq(u8x16::splat(b'.')).to_bitmask() & inside;
    if is_digit | dots != inside || dots.count_ones() != 3 {
        return None;
    }
    // Three bytes before the first digit, so that every part can read two more digits in front of
    // it.
    let mut padded = [0; 32];
    padded[3..19].copy_from_slice(&digits.to_array());
    let (mut ends, mut from, mut address, mut is_sound) = (dots | 1 << length, 0, 0, true);
    for _ in 0..4 {
        let to = ends.trailing_zeros();
        ends &= ends - 1;
        let (count, at) = (to.wrapping_sub(from), to as usize & 15);
        let digit =
            |place: usize, is_there: bool| u32::from(padded[at + place]) * u32::from(is_there);
        let (hundreds, tens, ones) = (digit(0, count == 3), digit(1, count >= 2), digit(2, true));
        let part = hundreds * 100 + tens * 10 + ones;
        let least = [1, 0, 10, 100][count.min(3) as usize];
        is_sound &= matches!(count, 1..=3) & (part <= 255) & (part >= least);
        address = address << 8 | part;
        from = to + 1;
    }
    is_sound.then(|| Ipv4Addr::from(address))
}

/// Returns whether a host's last label makes it an IPv4 address by the WHATWG URL standard ("ends
/// in a number").
pub(crate) fn ends_in_a_number(host: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let last = host.rsplit(|&b| b == b'.').next().unwrap_or(host);
    !last.is_empty() && (last.iter().all(u8::is_ascii_digit) || loose_part(last).is_some())
}

/// Reads a URL host as the WHATWG URL standard's IPv4 parser does. There are one to four parts,
/// each decimal, octal (`0177`) or hexadecimal (`0x7f`). The last part fills the remaining bytes
/// (`2130706433`, `127.1`).
pub(crate) fn parse_loose_v4(host: &[u8]) -> Option<Ipv4Addr> {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let mut parts = [0u64; 4];
    let mut count = 0;
    for part in host.split(|&b| b == b'.') {
        *parts.get_mut(count)? = loose_part(part)?;
        count += 1;
    }
    let (last, first) = parts[..count].split_last()?;
    if first.iter().any(|&part| part > 255) || *last >= 256u64.pow(5 - count as u32) {
        return None;
    }
    let address = first
        .iter()
        .enumerate()
        .fold(*last, |sum, (i, part)| sum + part * 256u64.pow(3 - i as u32));
    u32::try_from(address).ok().map(Ipv4Addr::from)
}

/// Reads one part. `0x` alone is zero, as in the standard. The caller's range checks reject values
/// of more than 32 bits.
fn loose_part(part: &[u8]) -> Option<u64> {
    let (digits, radix) = match part {
        [] => return None,
        [b'0', b'x' | b'X', rest @ ..] => (rest, 16),
        [b'0', rest @ ..] if !rest.is_empty() => (rest, 8),
        _ => (part, 10),
    };
    digits.iter().try_fold(0u64, |value, &byte| {
        let digit = char::from(byte).to_digit(radix)?;
        Some((value * u64::from(radix) + u64::from(digit)).min(u64::from(u32::MAX) + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_decimal_is_read_as_the_standard_library_reads_it() {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = |below: usize| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
        };
        let mut sound = 0;
        for _ in 0..300_000 {
            let parts = 3 + random(8).min(1) + usize::from(random(20) == 0);
            let part = |random: &mut dyn FnMut(usize) -> usize| match random(12) {
                0 => String::new(),
                1 => format!("0{}", random(30)),
                2 => format!("{}x", random(9)),
                _ => random(280).to_string(),
            };
            let text = (0..parts).map(|_| part(&mut random)).collect::<Vec<_>>().join(".");
            let want = text.parse::<Ipv4Addr>().ok();
            sound += usize::from(want.is_some());
            assert_eq!(parse_v4(text.as_bytes()), want, "{text}");
            let within = format!("7{text}.1");
            assert_eq!(
                parse_v4_in(within.as_bytes(), 1, 1 + text.len()),
                want,
                "{text} within {within}"
            );
        }
        assert!(sound > 10_000, "{sound}");
    }

    #[test]
    fn strict_addresses() {
        let good = |text: &str, is: &str| {
            assert_eq!(parse_strict(text.as_bytes()), Some(is.parse().unwrap()), "{text}")
        };
        good("1.2.3.4", "1.2.3.4");
        good("0.0.0.0", "0.0.0.0");
        good("255.255.255.255", "255.255.255.255");
        good("2001:DB8::1", "2001:db8::1");
        good("[2001:db8::1]", "2001:db8::1");
        good("fe80::1%eth0", "fe80::1");
        good("[fe80::1%25eth0]", "fe80::1");
        good("::ffff:1.2.3.4", "1.2.3.4");
        good("::ffff:102:304", "1.2.3.4");
        for bad in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.256",
            "0177.0.0.1",
            "2130706433",
            "1.2.3.4:80",
            "1..3.4",
            ".1.2.3.4",
            "1.2.3.4.",
            ":::",
            "g::1",
        ] {
            assert_eq!(parse_strict(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn loose_addresses_are_read_as_whatwg_does() {
        let good = |text: &str, is: &str| {
            assert_eq!(parse_loose_v4(text.as_bytes()), Some(is.parse().unwrap()), "{text}")
        };
        good("0177.0.0.1", "127.0.0.1");
        good("2130706433", "127.0.0.1");
        good("0x7f.1", "127.0.0.1");
        good("1.2.3", "1.2.0.3");
        good("1.2.3.4.", "1.2.3.4");
        good("0x", "0.0.0.0");
        good("4294967295", "255.255.255.255");
        for bad in [
            "4294967296",
            "1.2.3.256",
            "256.1",
            "1.2.3.4.5",
            "08.1.1.1",
            "a.b",
            "1..2",
            "99999999999999999999",
        ] {
            assert_eq!(parse_loose_v4(bad.as_bytes()), None, "{bad}");
        }
        assert!(
            ends_in_a_number(b"1.2.3.4")
                && ends_in_a_number(b"foo.0x1f")
                && ends_in_a_number(b"09")
        );
        assert!(!ends_in_a_number(b"foo.7z") && !ends_in_a_number(b"a.b."));
    }
}
