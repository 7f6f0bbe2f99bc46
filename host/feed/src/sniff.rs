//! Recognises the kind of an input by its first bytes. A few dozen are enough, unless white space
//! comes first.

use crate::foreign::{self, Markup};
use crate::preset::Format;

/// The apparent kind of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sniffed {
    /// JSON of any kind.
    Json,
    /// Lines of text.
    List,
    /// STIX 1.x in XML.
    Package,
    /// HTML, or XML of another kind.
    Markup(&'static str),
    /// A text with a grammar of its own.
    Grammar(Format),
}

/// Recognises the kind of an input.
///
/// A list may start with a brace or bracket too (`[2001:db8::1]`), so the text after it decides.
pub(crate) fn sniff(first_bytes: &[u8]) -> Sniffed {
    let text = first_bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first_bytes).trim_ascii_start();
    let is_json = match text.split_first() {
        Some((b'{', rest)) => matches!(rest.trim_ascii_start().first(), None | Some(b'"' | b'}')),
        Some((b'[', rest)) => {
            matches!(rest.trim_ascii_start().first(), None | Some(b'{' | b']' | b'"' | b'['))
        }
        _ => false,
    };
    if is_json {
        return Sniffed::Json;
    }
    match foreign::markup(text) {
        Some(Markup::Package) => Sniffed::Package,
        Some(Markup::Other(kind)) => Sniffed::Markup(kind),
        None => foreign::text(text).map_or(Sniffed::List, Sniffed::Grammar),
    }
}

/// Describes the kind of an input for people.
pub fn looks_like(first_bytes: &[u8]) -> &'static str {
    match sniff(first_bytes) {
        Sniffed::Json => "STIX in JSON",
        Sniffed::Package => "STIX 1.x in XML",
        Sniffed::List => "a list",
        Sniffed::Grammar(Format::Adblock) => "a filter list of ad blockers",
        Sniffed::Grammar(Format::Rpz) => "a DNS zone (RPZ)",
        Sniffed::Grammar(Format::Dnsmasq) => "a configuration of dnsmasq",
        Sniffed::Grammar(Format::Unbound) => "a configuration of unbound",
        Sniffed::Grammar(_) => "rules of a firewall",
        Sniffed::Markup(kind) => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_from_lists() {
        for text in [
            "{\"type\":",
            "\u{feff} \r\n{ \n \"objects\"",
            "{}",
            "{",
            "[",
            "[]",
            "[\n {\"type\"",
            "\t{\"",
            "[\"evil.com\"]",
        ] {
            assert_eq!(sniff(text.as_bytes()), Sniffed::Json, "{text:?}");
        }
        for text in [
            "",
            " \n",
            "evil.com",
            "\u{feff}evil.com",
            "# {",
            "[2001:db8::1]",
            "[2a06:98c1:50::10]\nbad-one.top",
            "{evil}",
            "value,confidence",
            "<evil.com>",
            "!www.example.com",
        ] {
            assert_eq!(sniff(text.as_bytes()), Sniffed::List, "{text:?}");
        }
    }

    #[test]
    fn inputs_that_are_not_feeds_are_named() {
        for (text, want) in [
            ("<!DOCTYPE html>\n<html>", "an HTML page"),
            ("\u{feff}\n <HTML lang=en>", "an HTML page"),
            ("<?xml version=\"1.0\"?>\n<stix:STIX_Package xmlns:stix=\"x\">", "STIX 1.x in XML"),
            ("<?xml version=\"1.0\"?><rss>", "XML"),
            ("<pre>\nVX Vault", "an HTML page"),
            ("<a href='x'>", "an HTML page"),
            ("[Adblock Plus 2.0]\n! Title: x\n||bad-one.top^", "a filter list of ad blockers"),
            ("! Title: x\n||bad-one.top^", "a filter list of ad blockers"),
            ("||bad-one.top^\n", "a filter list of ad blockers"),
            ("$TTL 30\n@ SOA x", "a DNS zone"),
        ] {
            let got = looks_like(text.as_bytes());
            assert!(got.starts_with(want), "{text:?}: {got}");
        }
    }
}
