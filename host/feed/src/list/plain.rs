//! Lines of a plain list or of a hosts file.

use std::net::{IpAddr, Ipv6Addr};

use threatsieve_blacklist::Value;

use super::{Reader, bare, unquote};

/// Reads one line, trimmed and no comment.
pub(super) fn read(text: &str, number: u32, reader: &mut Reader<'_>) {
    let text = without_comment(text);
    if let Some(names) = hosts_names(text) {
        return read_names(names, number, reader);
    }
    let listed = unquote(text);
    match Value::from_list(listed, reader.options.url_mode) {
        Ok(value) => reader.take(bare(number, vec![value]), listed),
        Err(error) => reader.refuse(number, text, error.into()),
    }
}

/// The text before a `#` that stands after white space: one inside a word is a URL's fragment.
fn without_comment(text: &str) -> &str {
    let comment = |at: &usize| text[..*at].ends_with(char::is_whitespace);
    match memchr::memchr_iter(b'#', text.as_bytes()).find(comment) {
        Some(at) => text[..at].trim_end(),
        None => text,
    }
}

/// What Debian's hosts file gives the name `ip6-localnet`; beside another name it is an address like others.
const LOCALNET: Ipv6Addr = Ipv6Addr::new(0xfe00, 0, 0, 0, 0, 0, 0, 0);

/// The names of a hosts file's line: those after an address that leads nowhere. Any other address before a name is no such line.
fn hosts_names(text: &str) -> Option<&str> {
    // Most lines are told by their first byte: the addresses start with a digit, a colon, or as fe80 and ff02 do.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, ':' | 'f' | 'F')) {
        return None;
    }
    let (address, names) = text.split_once(char::is_whitespace)?;
    let address = address.split_once('%').map_or(address, |(address, _zone)| address);
    let leads_nowhere = match address.parse().ok()? {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_unspecified() || v4.is_broadcast(),
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || v6 == LOCALNET && names.split_whitespace().all(is_local)
        }
    };
    // `127.0.0.1 - 127.0.0.9` is a range.
    (leads_nowhere && !names.trim_start().starts_with('-')).then_some(names)
}

fn read_names(names: &str, number: u32, reader: &mut Reader<'_>) {
    let (mut values, mut listed) = (Vec::new(), names);
    for name in names.split_whitespace().filter(|name| !is_local(name)) {
        match Value::from_list(name, reader.options.url_mode) {
            Ok(value) => {
                listed = if values.is_empty() { name } else { names };
                values.push(value);
            }
            Err(error) => reader.refuse(number, name, error.into()),
        }
    }
    if !values.is_empty() {
        reader.take(bare(number, values), listed);
    }
}

/// A name that hosts files give to the machine itself and its network, or the address that some repeat.
fn is_local(name: &str) -> bool {
    const LOCAL: [&str; 6] =
        ["localhost", "localhost.localdomain", "localhost4", "localhost6", "local", "broadcasthost"];
    let prefixed = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("ip6-"));
    prefixed || name == "0.0.0.0" || LOCAL.iter().any(|local| local.eq_ignore_ascii_case(name))
}
