//! Grammars of other programs' configurations: rules that block names and addresses.

mod adblock;
mod dnsmasq;
mod freetext;
mod pix;
mod rpz;
mod rules;
mod unbound;

use std::net::IpAddr;

use threatsieve_blacklist::{AddressRange, DomainMode, Listed, Value};

use self::rpz::Zone;
use super::{LineError, Sink, bare};
use crate::preset::Format;

/// A setting or rule that blocks nothing.
const OTHER_SETTING: &str = "a setting that blocks nothing";
/// A rule that blocks only under further conditions.
const CONDITIONAL: &str = "a rule with further conditions";

/// A reader of lines that have a meaning of their own.
pub(super) enum Grammar {
    /// A line has all that its meaning needs.
    Line(fn(&str, u32, &mut Sink<'_>)),
    /// A line depends on those before it.
    Zone(Zone),
}

impl Grammar {
    /// Returns the grammar of a format; `None` for lists of values.
    pub(super) fn of(format: Format) -> Option<Grammar> {
        Some(match format {
            Format::Adblock => Grammar::Line(adblock::read),
            Format::Dnsmasq => Grammar::Line(dnsmasq::read),
            Format::Freetext => Grammar::Line(freetext::read),
            Format::Pix => Grammar::Line(pix::read),
            Format::Rpz => Grammar::Zone(Zone::default()),
            Format::Rules => Grammar::Line(rules::read),
            Format::Unbound => Grammar::Line(unbound::read),
            _ => return None,
        })
    }

    /// Reads a line that is not a comment.
    pub(super) fn read(&mut self, line: &str, number: u32, sink: &mut Sink<'_>) {
        match self {
            Grammar::Line(read) => read(line.trim(), number, sink),
            Grammar::Zone(zone) => zone.read(line, number, sink),
        }
    }
}

/// Takes a name with the hosts that the rule covers, or an address.
fn take(name: &str, mode: DomainMode, number: u32, sink: &mut Sink<'_>) {
    match value(name, mode) {
        Ok(value) => sink.take(bare(number, vec![value]), name),
        Err(error) => sink.reject(number, name, error),
    }
}

fn value(name: &str, mode: DomainMode) -> Result<Value, LineError> {
    if let Some(range) = AddressRange::parse(name) {
        return Ok(Value::Address(range));
    }
    // The check that a name of one label is a public suffix.
    Listed::host(name.trim_end_matches('.'))?;
    Ok(Value::domain(name, mode)?)
}

/// Returns whether a name is answered with this address so that it leads nowhere.
fn leads_nowhere(address: &str) -> bool {
    match address.parse() {
        Ok(IpAddr::V4(v4)) => v4.is_unspecified() || v4.is_loopback(),
        Ok(IpAddr::V6(v6)) => v6.is_unspecified() || v6.is_loopback(),
        Err(_) => false,
    }
}

/// Removes quotes around a word.
fn unquoted(word: &str) -> &str {
    word.trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests;
