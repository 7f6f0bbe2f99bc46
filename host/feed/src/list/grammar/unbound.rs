//! Configurations of unbound: zones that are refused, and names that lead nowhere.

use threatsieve_blacklist::DomainMode;

use super::super::Sink;
use super::{OTHER_SETTING, leads_nowhere, take, unquoted};

/// Types of zones that are refused or answered with nothing.
const BLOCKING: [&str; 11] = [
    "always_nxdomain",
    "always_refuse",
    "always_null",
    "always_deny",
    "always_nodata",
    "refuse",
    "static",
    "deny",
    "redirect",
    "inform_deny",
    "inform_redirect",
];

pub(super) fn read(line: &str, number: u32, sink: &mut Sink<'_>) {
    let line = line.split(" #").next().unwrap_or(line);
    let Some((key, rest)) = line.split_once(':') else { return sink.skip(OTHER_SETTING) };
    let words: Vec<&str> =
        rest.split_whitespace().map(unquoted).filter(|word| !word.is_empty()).collect();
    match (key.trim(), &words[..]) {
        ("local-zone", [name, kind]) if BLOCKING.contains(kind) => {
            take(name.trim_end_matches('.'), DomainMode::Tree, number, sink);
        }
        ("local-data", [name, class_and_more @ .., address]) if leads_nowhere(address) => {
            let is_address = class_and_more.iter().any(|word| matches!(*word, "A" | "AAAA"));
            match is_address {
                true => take(name.trim_end_matches('.'), DomainMode::Exact, number, sink),
                false => sink.skip(OTHER_SETTING),
            }
        }
        // The start of a block has no value.
        (_, []) => {}
        _ => sink.skip(OTHER_SETTING),
    }
}
