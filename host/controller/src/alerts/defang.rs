//! Defangs values, so that no mail program makes links of them and nobody follows them by mistake.
//!
//! The normaliser's refanging reads defanged values back. So a value can be copied from a mail into
//! a command unchanged.

use std::net::Ipv6Addr;

use crate::text::escape_controls;

/// Schemes with their customary defanged spelling. For any other scheme, `://` is put in brackets.
const SCHEMES: [(&str, &str); 3] = [("https", "hxxps"), ("http", "hxxp"), ("ftp", "fxp")];
/// Characters that IDNA treats as a dot (RFC 3490 section 3.1), other than the dot itself.
const OTHER_DOTS: [char; 3] = ['\u{3002}', '\u{ff0e}', '\u{ff61}'];

/// Defangs every name, address and URL in a text. The text is first cut to `max_chars` characters,
/// and its control characters are escaped.
pub(super) fn defanged(text: &str, max_chars: usize) -> String {
    let cut = text.char_indices().nth(max_chars).map_or(text.len(), |(at, _)| at);
    let mut out = defang(&escape_controls(&text[..cut]));
    if cut < text.len() {
        out.push('…');
    }
    out
}

fn defang(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = word_bytes(rest);
        if word == 0 {
            match first {
                '@' => out.push_str("[@]"),
                _ => out.push(first),
            }
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (taken, written) = defang_word(&rest[..word], &rest[word..]);
        out.push_str(&written);
        rest = &rest[taken..];
    }
    out
}

/// Length in bytes of the word at the start of a text: the characters of names, numbers, addresses
/// and schemes.
fn word_bytes(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || "-_.:".contains(c) || OTHER_DOTS.contains(&c)))
        .unwrap_or(text.len())
}

/// Defangs a word, given the text `after` it. Returns the bytes of both that are done, and the
/// result.
fn defang_word(word: &str, after: &str) -> (usize, String) {
    // `scheme://`: the colon is the word's last.
    if let Some(before) = word.strip_suffix(':')
        && after.starts_with("//")
    {
        let start = before
            .rfind(|c: char| !c.is_ascii_alphanumeric())
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let scheme = &before[start..];
        let known = SCHEMES.iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name));
        let (scheme, link) = known.map_or((scheme, "[://]"), |(_, safe)| (*safe, "://"));
        return (word.len() + 2, format!("{}{scheme}{link}", dots(&before[..start])));
    }
    let address = word.strip_suffix(['.', ':']).unwrap_or(word);
    // Two joined addresses, or an address after a name, do not parse. The `::` shows that they are
    // to be treated as an address.
    let is_address =
        address.parse::<Ipv6Addr>().is_ok() || (address.contains("::") && address.len() > 2);
    let colons = |text: &str| text.replace(':', "[:]");
    match is_address {
        true => (word.len(), format!("{}{}", colons(&dots(address)), &word[address.len()..])),
        false => (word.len(), dots(word)),
    }
}

/// Puts the dots of a word in brackets, unless it is a decimal number (`1764039127.123`,
/// `HTTP/1.1`).
fn dots(word: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if word.split_once('.').is_some_and(|(whole, part)| is_number(whole) && is_number(part)) {
        return word.to_owned();
    }
    let mut out = String::with_capacity(word.len() + 8);
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        let is_dot = c == '.' || OTHER_DOTS.contains(&c);
        // A full stop at the end of a word joins nothing.
        if is_dot && chars.peek().is_some_and(|next| next.is_alphanumeric() || "-_".contains(*next))
        {
            out.push_str("[.]");
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use threatsieve_blacklist::{UrlMode, Value};

    use super::*;

    #[test]
    fn nothing_links() {
        for (text, want) in [
            ("evil.com", "evil[.]com"),
            (
                "http://www.evil.com:8080/a/b.php?x=y.z",
                "hxxp://www[.]evil[.]com:8080/a/b[.]php?x=y[.]z",
            ),
            ("HTTPS://evil.com", "hxxps://evil[.]com"),
            ("ssh://evil.com", "ssh[://]evil[.]com"),
            ("u=http://evil.com/", "u=hxxp://evil[.]com/"),
            ("xhttp:http://e.com", "xhttp:hxxp://e[.]com"),
            ("1.2.3.4", "1[.]2[.]3[.]4"),
            ("10.0.0.0/8", "10[.]0[.]0[.]0/8"),
            ("2001:db8::1", "2001[:]db8[:][:]1"),
            ("http://[2001:db8::1]:80/", "hxxp://[2001[:]db8[:][:]1]:80/"),
            ("::ffff:1.2.3.4", "[:][:]ffff[:]1[.]2[.]3[.]4"),
            ("src:2001:db8::1.", "src[:]2001[:]db8[:][:]1."),
            ("bob@evil.com", "bob[@]evil[.]com"),
            ("evil。com", "evil[.]com"),
            ("a.", "a."),
            ("Read it. Then act.", "Read it. Then act."),
            (".evil.com", "[.]evil[.]com"),
            ("1764039127.123 TCP_MISS/200 HTTP/1.1", "1764039127.123 TCP_MISS/200 HTTP/1.1"),
            ("03:12:07", "03:12:07"),
            ("evil.com:443", "evil[.]com:443"),
            ("d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a\r\nBcc: x@y.z", "a\\x0d\\x0aBcc: x[@]y[.]z"),
            ("", ""),
        ] {
            assert_eq!(defanged(text, 1000), want, "{text}");
        }
    }

    #[test]
    fn longer_texts_are_cut_before_they_are_defanged() {
        assert_eq!(defanged("evil.com", 4), "evil…");
        assert_eq!(defanged("evil.com", 8), "evil[.]com");
        assert_eq!(defanged("ééé", 2), "éé…");
    }

    #[test]
    fn commands_take_what_a_mail_shows() {
        for text in [
            "evil.com",
            "http://evil.com/a.b/c?d=e.f",
            "https://evil.com:8443/x",
            "http://[2001:db8::1]/x",
            "2001:db8::1",
            "2001:db8::1-2001:db8::9",
            "2001:db8::/32",
            "1.2.3.4",
            "1.2.3.0/24",
            "1.2.3.4-1.2.3.9",
            "bob@evil.com",
            "ftp://evil.com/x",
        ] {
            let read = |text: &str| Value::from_list(text, UrlMode::Exact);
            assert_eq!(read(&defanged(text, 1000)), read(text), "{text}");
        }
    }
}
