//! Lines of a plain list or of a hosts file.

use std::net::{IpAddr, Ipv6Addr};

use threatsieve_blacklist::value::has_scheme;
use threatsieve_blacklist::{DomainMode, Indicator, Listed, Value};

use super::kind::ValueKind;
use super::row::check_url;
use super::{LineError, ListForm, Sink, bare, unquote};
use crate::preset::Format;

/// The rules for lines.
#[derive(Debug, Clone)]
pub(super) struct LineRules {
    /// A line may be one of a hosts file.
    may_be_hosts: bool,
    /// A line must be one of a hosts file.
    must_be_hosts: bool,
    kind: ValueKind,
    /// Marks of comments within a line; `None` for the usual ones.
    inline: Option<Vec<String>>,
}

impl LineRules {
    pub(super) fn of(form: &ListForm) -> LineRules {
        let (mut kind, mut inline) = (ValueKind::Any, None);
        let mut format = None;
        if let ListForm::Declared(preset) = form {
            kind = preset.r#type.map_or(ValueKind::Any, ValueKind::from);
            inline = preset.inline_comment.clone();
            format = Some(preset.format);
        }
        let must_be_hosts = *form == ListForm::Hosts || format == Some(Format::Hosts);
        let is_lines = *form == ListForm::Lines || format == Some(Format::Lines);
        LineRules { may_be_hosts: !is_lines, must_be_hosts, kind, inline }
    }

    fn without_comment<'t>(&self, text: &'t str) -> &'t str {
        match &self.inline {
            None => without_comment(text),
            Some(marks) => {
                let end = marks.iter().filter_map(|mark| text.find(mark.as_str())).min();
                text[..end.unwrap_or(text.len())].trim_end()
            }
        }
    }
}

/// Reads one trimmed line that is not a comment.
pub(super) fn read(text: &str, number: u32, sink: &mut Sink<'_>) {
    let text = sink.rules.without_comment(text);
    let names = if sink.rules.may_be_hosts { hosts_names(text) } else { None };
    if let Some(names) = names {
        return read_names(names, number, sink);
    }
    if sink.rules.must_be_hosts {
        return sink.reject(number, text, LineError::NoHostsLine);
    }
    let listed = unquote(text);
    match value(listed, sink) {
        Ok(Listed { value, port }) => {
            let port = port.map(|number| sink.options.port(number));
            sink.take(Indicator { port, ..bare(number, vec![value]) }, listed);
        }
        Err(error) => sink.reject(number, text, error),
    }
}

/// Removes a comment: a `#`, `;` or `//` after a blank or a tab. Inside a word these characters
/// belong to a URL.
fn without_comment(text: &str) -> &str {
    let bytes = text.as_bytes();
    let starts = |at: usize| match bytes[at] {
        b'/' => bytes.get(at + 1) == Some(&b'/'),
        _ => true,
    };
    let is_comment = |at: &usize| text[..*at].ends_with(char::is_whitespace) && starts(*at);
    match memchr::memchr3_iter(b'#', b';', b'/', bytes).find(is_comment) {
        Some(at) => text[..at].trim_end(),
        None => text,
    }
}

/// Reads one value and nothing else. If it has a scheme, the line may contain all characters of
/// URLs.
fn value(text: &str, sink: &Sink<'_>) -> Result<Listed, LineError> {
    const QUOTES: [char; 7] = ['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}'];
    let listed = sink.rules.kind.read(text, sink.options.url_mode)?;
    match &listed.value {
        Value::Url { shown, .. } => {
            let separators: &[char] =
                if has_scheme(shown) { &['<', '>'] } else { &['<', '>', ',', ';'] };
            check_url(shown, separators)?;
            check_url(shown, &QUOTES)?;
        }
        Value::Email(email) => {
            // The local part may contain an apostrophe (RFC 5322, section 3.2.3):
            // `o'neil@x.example`.
            check_url(email, &['<', '>', ',', ';', '"', '\u{201c}', '\u{201d}'])?;
        }
        // These types contain none of the characters, and a line is never a conjunction.
        Value::Domain(..) | Value::Address(_) | Value::Hash(_) | Value::All(_) => {}
    }
    Ok(listed)
}

/// The address of the name `ip6-localnet` in Debian's hosts file. With other names it is an
/// ordinary address.
const LOCALNET: Ipv6Addr = Ipv6Addr::new(0xfe00, 0, 0, 0, 0, 0, 0, 0);

/// Returns the names in a line of a hosts file: those after an address that leads nowhere. A line
/// with any other address before a name is not a hosts line.
pub(super) fn hosts_names(text: &str) -> Option<&str> {
    // The first byte excludes most lines. The addresses start with a digit, a colon, or as fe80 and
    // ff02 do.
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

/// Reads the names of a hosts line. Each matches exactly: a hosts file says nothing about the names
/// below.
pub(super) fn read_names(names: &str, number: u32, sink: &mut Sink<'_>) {
    sink.report.hosts_lines += 1;
    let (mut values, mut listed) = (Vec::new(), names);
    for name in names.split_whitespace().filter(|name| !is_local(name)) {
        match Value::domain(name, DomainMode::Exact) {
            Ok(value) => {
                listed = if values.is_empty() { name } else { names };
                values.push(value);
            }
            Err(error) => sink.reject(number, name, error.into()),
        }
    }
    if !values.is_empty() {
        sink.take(bare(number, values), listed);
    }
}

/// Returns whether hosts files use this name for the machine itself or its network, or whether it
/// is the address that some of them repeat.
fn is_local(name: &str) -> bool {
    const LOCAL: [&str; 6] = [
        "localhost",
        "localhost.localdomain",
        "localhost4",
        "localhost6",
        "local",
        "broadcasthost",
    ];
    let prefixed = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("ip6-"));
    prefixed || name == "0.0.0.0" || LOCAL.iter().any(|local| local.eq_ignore_ascii_case(name))
}
