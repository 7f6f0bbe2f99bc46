//! Which reader a feed's bytes are for.

/// The forms a feed comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedFormat {
    /// STIX 2 objects in JSON: [`crate::StixSet`].
    Stix,
    /// One value a line, or CSV: [`crate::read_list`].
    List,
}

/// Tells a feed's format by its first bytes; a few dozen suffice unless white space comes first.
///
/// A list may start with a brace or bracket too (`[2001:db8::1]`, `[Adblock Plus 2.0]`), so what follows it decides.
pub fn sniff(first_bytes: &[u8]) -> FeedFormat {
    let text = first_bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first_bytes).trim_ascii_start();
    let is_json = match text.split_first() {
        Some((b'{', rest)) => matches!(rest.trim_ascii_start().first(), None | Some(b'"' | b'}')),
        Some((b'[', rest)) => matches!(rest.trim_ascii_start().first(), None | Some(b'{' | b']')),
        _ => false,
    };
    if is_json { FeedFormat::Stix } else { FeedFormat::List }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_from_lists() {
        for text in
            ["{\"type\":", "\u{feff} \r\n{ \n \"objects\"", "{}", "{", "[", "[]", "[\n {\"type\"", "\t{\""]
        {
            assert_eq!(sniff(text.as_bytes()), FeedFormat::Stix, "{text:?}");
        }
        for text in [
            "",
            " \n",
            "evil.com",
            "\u{feff}evil.com",
            "# {",
            "[2001:db8::1]",
            "[Adblock Plus 2.0]",
            "{evil}",
            "value,confidence",
        ] {
            assert_eq!(sniff(text.as_bytes()), FeedFormat::List, "{text:?}");
        }
    }
}
