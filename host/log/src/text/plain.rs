//! Hosts, addresses, hashes and email addresses in text without `://`.

use std::net::{Ipv4Addr, Ipv6Addr};

use threatsieve_blacklist::observable::Kind;

use crate::endpoints;

use super::class::{HASH_DIGITS, defanged_dot, is_hex, is_local, is_wide, is_word};
use super::{unicode, url};

/// The longest textual IPv6 address, in bytes: 8 groups with an embedded IPv4 address.
const MAX_V6_BYTES: usize = 45;
/// The number of digits of the longest port.
const MAX_PORT_DIGITS: usize = 5;

/// Top-level domains that are mostly file name endings in free text (docs/logs.md).
pub(crate) const FILE_ENDINGS: [&str; 8] = ["md", "mov", "pl", "py", "rs", "sh", "so", "zip"];

/// Words joined by dots.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    has_dot: bool,
    is_defanged: bool,
    is_wide: bool,
}

/// Reads `line[from..to]` word by word.
pub(super) fn walk(line: &[u8], from: usize, to: usize, sink: &mut impl FnMut(Kind, &[u8])) {
    let mut at = from;
    // The bytes before these positions were part of a text like an IPv6 address, or of an email
    // address.
    let (mut v6_from, mut local_from) = (from, from);
    while at < to {
        if !is_word(line[at]) {
            let opens_v6 =
                line[at] == b':' && at >= v6_from && (at == from || !is_word(line[at - 1]));
            if opens_v6 && line[at + 1..to].first() == Some(&b':') {
                let token = v6_token(line, at, to);
                v6_from = token.end;
                if let Some(end) = token.address_end {
                    sink(Kind::Address, &line[at..end]);
                    at = token.end;
                    continue;
                }
            }
            at += 1;
            continue;
        }
        let run = run(line, at, to);
        let next = line[run.end..to].first();
        if next == Some(&b':') && at >= v6_from && is_hex(line[at]) {
            let token = v6_token(line, at, to);
            if token.end > run.end {
                v6_from = token.end;
            }
            if let Some(end) = token.address_end {
                sink(Kind::Address, &line[at..end]);
                at = token.end;
                continue;
            }
        }
        if next == Some(&b'@') {
            let mail = email(line, run, local_from, to, sink);
            local_from = mail.unwrap_or(run.end + 1);
            at = local_from;
            if mail.is_none() {
                words(line, run, to, sink);
            }
            continue;
        }
        at = words(line, run, to, sink);
    }
}

fn run(line: &[u8], start: usize, to: usize) -> Run {
    let mut run = Run { start, end: start, has_dot: false, is_defanged: false, is_wide: false };
    while run.end < to {
        let byte = line[run.end];
        if is_word(byte) {
            run.is_wide |= is_wide(byte);
            run.end += 1;
        } else if byte == b'.' {
            run.has_dot = true;
            run.end += 1;
        } else if let Some(len) = defanged_dot(&line[run.end..to]) {
            // A bracket around just a dot, between words.
            if run.end == start || !line[run.end + len..to].first().is_some_and(|&b| is_word(b)) {
                break;
            }
            (run.has_dot, run.is_defanged) = (true, true);
            run.end += len;
        } else {
            break;
        }
    }
    run
}

/// A text of hexadecimal digits, colons and dots.
struct V6Token {
    end: usize,
    /// The end of the address in it, if there is one.
    address_end: Option<usize>,
}

fn v6_token(line: &[u8], start: usize, to: usize) -> V6Token {
    let len = line[start..to].iter().take_while(|&&b| is_hex(b) || b == b':' || b == b'.').count();
    let end = start + len;
    let mut token = V6Token { end, address_end: None };
    if line[end..to].first().is_some_and(|&b| is_word(b) && b != b'-') {
        return token;
    }
    let mut text = &line[start..end];
    while let [rest @ .., b'.'] | [rest @ .., b':'] = text {
        if text.ends_with(b"::") {
            break;
        }
        text = rest;
    }
    let colons = memchr::memchr_iter(b':', &text[..text.len().min(MAX_V6_BYTES + 8)]).count();
    let short = memchr::memmem::find(text, b"::").is_some();
    // Times, MAC addresses and `key:1:2` are excluded here.
    if colons < 2 || !(short || (6..=8).contains(&colons)) {
        return token;
    }
    // A port follows a colon; in tcpdump's output it follows a dot.
    let without_port = endpoints::without_port(text, colons);
    let before_dot = memchr::memrchr(b'.', text).map_or(text, |dot| &text[..dot]);
    token.address_end = [text, without_port, before_dot]
        .into_iter()
        .find(|text| is_v6(text))
        .map(|text| start + text.len());
    token
}

fn is_v6(text: &[u8]) -> bool {
    text.len() <= MAX_V6_BYTES
        && text.iter().any(|&b| is_hex(b))
        && std::str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// Reads the email address whose `@` follows the run, and returns its end. The matcher looks up its
/// domain too.
fn email(
    line: &[u8],
    run: Run,
    local_from: usize,
    to: usize,
    sink: &mut impl FnMut(Kind, &[u8]),
) -> Option<usize> {
    let domain_from = run.end + 1;
    if !line[domain_from..to].first().is_some_and(|&b| is_word(b)) {
        return None;
    }
    let domain = self::run(line, domain_from, to);
    let end = domain_from + trimmed_end(&line[domain_from..domain.end]);
    if !domain.has_dot || !ends_in_letters(&line[domain_from..end]) {
        return None;
    }
    let mut local = run.start;
    while local > local_from && is_local(line[local - 1]) {
        local -= 1;
    }
    local +=
        line[local..run.end].iter().take_while(|b| matches!(b, b'.' | b'-' | b'+' | b'~')).count();
    if local == run.end {
        return None;
    }
    sink(Kind::Email, &line[local..end]);
    Some(domain.end)
}

/// Reads a run of words, and returns the position after it.
fn words(line: &[u8], run: Run, to: usize, sink: &mut impl FnMut(Kind, &[u8])) -> usize {
    if run.end - run.start >= HASH_DIGITS[0] {
        hashes(&line[run.start..run.end], sink);
    }
    if !run.has_dot {
        return run.end;
    }
    if run.is_wide {
        unicode::hosts(&line[run.start..run.end], sink);
        return run.end;
    }
    let escape = escape_bytes(line, run.start);
    if escape > 0 && run.start + escape < run.end {
        names(line, Run { start: run.start + escape, ..run }, to, sink);
    }
    names(line, run, to, sink)
}

/// Reads a run that contains a dot, and returns the position after it. Names do not contain two
/// dots in a row.
fn names(line: &[u8], run: Run, to: usize, sink: &mut impl FnMut(Kind, &[u8])) -> usize {
    let mut from = run.start;
    while let Some(dots) = memchr::memmem::find(&line[from..run.end], b"..") {
        name(line, Run { start: from, end: from + dots, ..run }, from + dots, sink);
        from += dots + 2;
    }
    name(line, Run { start: from, ..run }, to, sink)
}

fn name(line: &[u8], mut run: Run, to: usize, sink: &mut impl FnMut(Kind, &[u8])) -> usize {
    let whole_end = run.end;
    run.start += line[run.start..run.end].iter().take_while(|b| matches!(b, b'.' | b'-')).count();
    run.end = run.start + trimmed_end(&line[run.start..run.end]);
    let value = &line[run.start..run.end];
    if !(run.is_defanged || memchr::memchr(b'.', value).is_some()) {
        return whole_end;
    }
    if ends_in_letters(value) {
        return match path_of(line, run, whole_end, to) {
            Some(_) => url::walk_bare(line, run.start, to, sink),
            None => {
                sink(host_kind(line, run, to), value);
                whole_end
            }
        };
    }
    if run.is_defanged {
        // The matcher refangs only hosts.
        sink(Kind::Host, value);
        return whole_end;
    }
    if let Some(path) = path_of(line, run, whole_end, to)
        && !is_number(&line[path..to])
        && is_v4(value)
    {
        return url::walk_bare(line, run.start, to, sink);
    }
    addresses(line, run, sink);
    whole_end
}

/// Returns whether a name may be a file name. A name with a port, or a defanged one, is a host.
fn host_kind(line: &[u8], run: Run, to: usize) -> Kind {
    let has_port = matches!(&line[run.end..to], [b':', digit, ..] if digit.is_ascii_digit());
    if run.is_defanged || has_port { Kind::Host } else { word_kind(&line[run.start..run.end]) }
}

/// The kind of a name that is alone in text.
pub(super) fn word_kind(name: &[u8]) -> Kind {
    // Only the last label counts, and those endings are short.
    let label = memchr::memrchr(b'.', name).map_or(name, |dot| &name[dot + 1..]);
    let is_file = (2..=3).contains(&label.len())
        && FILE_ENDINGS.iter().any(|ending| label.eq_ignore_ascii_case(ending.as_bytes()));
    if is_file { Kind::Word } else { Kind::Host }
}

/// Returns the start of the path of a URL without a scheme: `evil.com/x`, `evil.com:8080/x`. A path
/// of folders is not such a URL.
fn path_of(line: &[u8], run: Run, whole_end: usize, to: usize) -> Option<usize> {
    if run.end != whole_end
        || run.start > 0 && line[run.start - 1] == b'/' && !line[..run.start].ends_with(b"//")
    {
        return None;
    }
    let rest = &line[run.end..to];
    let port = match rest {
        [b':', digits @ ..] => {
            1 + digits.iter().take(MAX_PORT_DIGITS + 1).take_while(|b| b.is_ascii_digit()).count()
        }
        _ => 0,
    };
    match &rest[port..] {
        [b'/', first, ..] if port != 1 && (is_word(*first) || b"?#~.%".contains(first)) => {
            Some(run.end + port + 1)
        }
        _ => None,
    }
}

/// Returns whether a number follows an address and a slash: a prefix length or, in logs of
/// firewalls, a port.
fn is_number(rest: &[u8]) -> bool {
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    digits > 0
        && !rest.get(digits).is_some_and(|&b| is_word(b) || b == b'.' || b == b'/' || b == b'?')
}

/// Passes on the IPv4 addresses in a run that is not a name: `1.2.3.4-1.2.3.9`, `1.2.3.4.443`
/// (tcpdump's port).
fn addresses(line: &[u8], run: Run, sink: &mut impl FnMut(Kind, &[u8])) {
    let value = &line[run.start..run.end];
    let mut from = 0;
    while from < value.len() {
        let digits = value[from..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        let end = from + digits;
        let apart = |b: Option<&u8>| !b.is_some_and(u8::is_ascii_alphanumeric);
        if digits > 0 && apart(value[..from].last()) && apart(value.get(end)) {
            address(line, run.start + from, &value[from..end], sink);
        }
        from = end + 1;
    }
}

fn address(line: &[u8], start: usize, value: &[u8], sink: &mut impl FnMut(Kind, &[u8])) {
    let value = &value[..trimmed_end(value)];
    let mut dots = memchr::memchr_iter(b'.', value);
    let (Some(_), Some(_), Some(_)) = (dots.next(), dots.next(), dots.next()) else { return };
    let value = match (dots.next(), dots.next()) {
        (None, _) => value,
        (Some(fourth), None) => &value[..fourth],
        _ => return,
    };
    // `Chrome/120.0.0.0` is a version; no machine has such an address.
    let is_version = value.ends_with(b".0.0.0") && start > 0 && line[start - 1] == b'/';
    if is_v4(value) && !is_version {
        sink(Kind::Address, value);
    }
}

fn is_v4(value: &[u8]) -> bool {
    value.len() <= 15
        && std::str::from_utf8(value).is_ok_and(|text| text.parse::<Ipv4Addr>().is_ok())
}

/// Passes on the digests among the words of a run.
fn hashes(run: &[u8], sink: &mut impl FnMut(Kind, &[u8])) {
    for word in run.split(|b| !b.is_ascii_alphanumeric()) {
        if HASH_DIGITS.contains(&word.len()) && word.iter().all(|&b| is_hex(b)) {
            sink(Kind::Hash, word);
        }
    }
}

/// The length without trailing punctuation.
fn trimmed_end(value: &[u8]) -> usize {
    value.len() - value.iter().rev().take_while(|b| matches!(b, b'.' | b'-' | b'_')).count()
}

/// Returns whether the last label can be a top-level domain (RFC 3696, section 2: not all numeric)
/// that is worth a look-up.
pub(super) fn ends_in_letters(name: &[u8]) -> bool {
    let label = match name.iter().rposition(|b| b".])}".contains(b)) {
        Some(dot) if dot > 0 => &name[dot + 1..],
        _ => return false,
    };
    label.len() >= 2
        && label[0].is_ascii_alphabetic()
        && label.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// Returns the length of an escape at the run's start, as in a JSON text: `
/// evil.com`, `\u003devil.com`, or in a URL: `%3Devil.com`. The run is also read with the escape,
/// because `CORP
/// ick.example` is not one.
fn escape_bytes(line: &[u8], start: usize) -> usize {
    if start > 0
        && line[start - 1] == b'%'
        && line[start..].iter().take(2).filter(|digit| is_hex(**digit)).count() == 2
    {
        return 2;
    }
    if start == 0 || line[start - 1] != b'\\' || start > 1 && line[start - 2] == b'\\' {
        return 0;
    }
    match &line[start..] {
        [b'n' | b't' | b'r' | b'b' | b'f' | b'v', ..] => 1,
        [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|b| is_hex(**b)) => 5,
        [b'x', a, b, ..] if is_hex(*a) && is_hex(*b) => 3,
        _ => 0,
    }
}
