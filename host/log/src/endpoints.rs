//! Hosts and addresses in fields that should contain one: alone, with a port, or as a list of
//! forwarded addresses as proxies write it.

use threatsieve_blacklist::observable::Kind;

use crate::host;

/// The number of groups in a full IPv6 address.
const V6_GROUPS: usize = 8;

/// Class of `:`.
const COLON: u8 = 1;
/// Class of separators, blanks, quotes and brackets: a value with one is not a single host or
/// address.
const ODD: u8 = 2;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    classes[b':' as usize] = COLON;
    let odd = b" \t,;><\"'()=";
    let mut i = 0;
    while i < odd.len() {
        classes[odd[i] as usize] = ODD;
        i += 1;
    }
    classes
};

/// Properties of a value's bytes.
#[derive(Clone, Copy)]
struct Form {
    colons: usize,
    is_odd: bool,
}

impl Form {
    #[inline]
    fn of(value: &[u8]) -> Form {
        let (mut colons, mut seen) = (0, 0);
        for &byte in value {
            let class = CLASSES[usize::from(byte)];
            colons += usize::from(class & COLON);
            seen |= class;
        }
        Form { colons, is_odd: seen & ODD != 0 }
    }
}

/// Returns whether the value is anything other than one host or address, with or without a port.
#[inline]
pub(crate) fn is_list(value: &[u8]) -> bool {
    Form::of(value).is_odd
}

/// Passes on the hosts and addresses of a value: `a`, `a:port`, `[v6]:port`, lists of them (`a,
/// b`), `KEY -> a` (Zeek) and `for=a;by=b` (RFC 7239).
#[inline]
pub(crate) fn walk(value: &[u8], kind: Kind, sink: &mut impl FnMut(Kind, &[u8])) {
    match Form::of(value) {
        Form { colons: 0, is_odd: false } => sink(kind, value),
        Form { colons, is_odd: false } => one(value, colons, kind, sink),
        _ => each(value, kind, sink),
    }
}

/// Passes on one host or address that contains colons.
fn one(value: &[u8], colons: usize, kind: Kind, sink: &mut impl FnMut(Kind, &[u8])) {
    // The normaliser of hosts removes ports, except after an address without brackets.
    if colons == 1 || value.starts_with(b"[") {
        let name = value.split(|&byte| byte == b':').next().unwrap_or_default();
        let is_name = !value.starts_with(b"[") && host::kind(name) != Kind::Address;
        // A field for addresses is strict: a name in it is not an address, with or without a port.
        return sink(if kind == Kind::Address && is_name { kind } else { Kind::Host }, value);
    }
    let address = without_port(value, colons);
    let is_cut = address.len() < value.len();
    sink(if is_cut || kind == Kind::Address { Kind::Address } else { kind }, address);
}

/// Removes a port after an IPv6 address without brackets. Only if it cannot be a group of the
/// address: all eight are there, or the address ends in an IPv4 address.
pub(crate) fn without_port(value: &[u8], colons: usize) -> &[u8] {
    let Some(last) = memchr::memrchr(b':', value) else { return value };
    let (address, port) = (&value[..last], &value[last + 1..]);
    let is_port = (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
    let is_whole = colons == V6_GROUPS && memchr::memmem::find(address, b"::").is_none()
        || memchr::memrchr(b'.', address).is_some();
    if is_port && is_whole { address } else { value }
}

/// Passes on several values, or one with text around it.
#[cold]
fn each(value: &[u8], kind: Kind, sink: &mut impl FnMut(Kind, &[u8])) {
    for part in value.split(|byte| matches!(byte, b',' | b';')) {
        let part = memchr::memmem::rfind(part, b"->").map_or(part, |arrow| &part[arrow + 2..]);
        let part = part.trim_ascii();
        // Addresses contain no blanks. Names in the DNS may.
        if kind == Kind::Address {
            part.split(u8::is_ascii_whitespace).for_each(|word| named(word, kind, sink));
        } else {
            named(part, kind, sink);
        }
    }
}

fn named(part: &[u8], kind: Kind, sink: &mut impl FnMut(Kind, &[u8])) {
    let part = memchr::memrchr(b'=', part).map_or(part, |equals| &part[equals + 1..]);
    let around = |byte: &u8| matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'(' | b')');
    let start = part.iter().take_while(|byte| around(byte)).count();
    let end = part.len() - part[start..].iter().rev().take_while(|byte| around(byte)).count();
    let part = &part[start..end];
    let colons = memchr::memchr_iter(b':', part).count();
    if colons > 0 {
        one(part, colons, kind, sink);
    } else if memchr::memchr(b'.', part).is_some() {
        sink(kind, part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn expect(kind: Kind, value: &str, found: &[&str]) {
        let mut out = Vec::new();
        walk(value.as_bytes(), kind, &mut |kind, value| {
            out.push(format!("{kind:?} {}", String::from_utf8_lossy(value)));
        });
        assert_eq!(out, found, "{value}");
    }

    #[test]
    fn one_address() {
        for value in ["10.0.0.1", "::1", "2001:db8::abc", "::ffff:10.0.0.1", "2001:db8:0:0:0:0:0:1"]
        {
            expect(Kind::Address, value, &[&format!("Address {value}")]);
        }
        expect(Kind::Address, "10.0.0.1:5555", &["Host 10.0.0.1:5555"]);
        expect(Kind::Address, "[2001:db8::1]:443", &["Host [2001:db8::1]:443"]);
        expect(Kind::Address, "2001:db8:0:0:0:0:0:1:443", &["Address 2001:db8:0:0:0:0:0:1"]);
        expect(Kind::Address, "::ffff:10.0.0.1:443", &["Address ::ffff:10.0.0.1"]);
        // This cannot be distinguished from a longer address.
        expect(Kind::Address, "2001:db8::1:443", &["Address 2001:db8::1:443"]);
        expect(Kind::Address, "pc.corp.example", &["Address pc.corp.example"]);
        expect(Kind::Address, "pc.corp.example:80", &["Address pc.corp.example:80"]);
        expect(Kind::Host, "a.example:443", &["Host a.example:443"]);
        expect(Kind::Host, "2001:db8:0:0:0:0:0:1:443", &["Address 2001:db8:0:0:0:0:0:1"]);
        expect(Kind::Host, "2001:db8::1", &["Host 2001:db8::1"]);
        expect(Kind::Host, "localhost", &["Host localhost"]);
    }

    #[test]
    fn several_addresses() {
        expect(
            Kind::Address,
            "10.0.0.1, 10.0.0.2:80,[2001:db8::1]:443, unknown, pc.example",
            &[
                "Address 10.0.0.1",
                "Host 10.0.0.2:80",
                "Host [2001:db8::1]:443",
                "Address pc.example",
            ],
        );
        expect(Kind::Address, "10.0.0.1 10.0.0.2", &["Address 10.0.0.1", "Address 10.0.0.2"]);
        expect(
            Kind::Address,
            "X-FORWARDED-FOR -> 10.0.0.1, 10.0.0.2",
            &["Address 10.0.0.1", "Address 10.0.0.2"],
        );
        expect(
            Kind::Address,
            "for=10.0.0.1;proto=http;by=\"[2001:db8::1]:443\", For=\"_hidden\"",
            &["Address 10.0.0.1", "Host [2001:db8::1]:443"],
        );
        expect(Kind::Host, "a.example, b.example:80", &["Host a.example", "Host b.example:80"]);
        expect(Kind::Host, "my host.evil.example", &["Host my host.evil.example"]);
        expect(Kind::Address, "<10.0.0.1>", &["Address 10.0.0.1"]);
        expect(Kind::Address, ", ,", &[]);
    }
}
