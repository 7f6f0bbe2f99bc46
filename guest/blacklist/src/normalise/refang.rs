//! Undoing what reports do to values so that nobody clicks on them.

use std::borrow::Cow;

/// What stands for what, in any case. Longer spellings come first.
const DEFANGED: [(&str, &str); 15] = [
    ("[://]", "://"),
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("[dot]", "."),
    ("(dot)", "."),
    ("{dot}", "."),
    ("[:]", ":"),
    ("(:)", ":"),
    ("[/]", "/"),
    ("[@]", "@"),
    ("(@)", "@"),
    ("[at]", "@"),
    ("(at)", "@"),
    ("\\.", "."),
];

/// Schemes written so that they do not link.
const SCHEMES: [(&str, &str); 7] = [
    ("hxxps", "https"),
    ("hxxp", "http"),
    ("h**ps", "https"),
    ("h**p", "http"),
    ("meows", "https"),
    ("meow", "http"),
    ("fxp", "ftp"),
];

/// An indicator's text as it was before it was defanged: `hxxps[:]//evil[.]com` is `https://evil.com`.
pub(crate) fn refang(text: &str) -> Cow<'_, str> {
    let mut text = replace_all(text, &DEFANGED);
    for (defanged, scheme) in SCHEMES {
        if let Some(start) = text.get(..defanged.len())
            && start.eq_ignore_ascii_case(defanged)
            && text[defanged.len()..].starts_with("://")
        {
            text = Cow::Owned(format!("{scheme}{}", &text[defanged.len()..]));
            break;
        }
    }
    text
}

/// Event hosts: only the spellings of a dot.
pub(crate) fn refang_host(host: &str) -> Cow<'_, str> {
    replace_all(host, &DEFANGED[1..7])
}

fn replace_all<'a>(text: &'a str, pairs: &[(&str, &str)]) -> Cow<'a, str> {
    if !text.contains(['[', '(', '{', '\\']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let found = pairs.iter().find(|(from, _)| {
            rest.as_bytes().get(..from.len()).is_some_and(|start| start.eq_ignore_ascii_case(from.as_bytes()))
        });
        let taken = match found {
            Some((from, to)) => {
                out.push_str(to);
                from.len()
            }
            None => {
                out.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refanged() {
        for (text, want) in [
            ("hxxp://evil[.]com/a", "http://evil.com/a"),
            ("hXXps[:]//evil(.)com", "https://evil.com"),
            ("hxxp[://]evil[dot]com", "http://evil.com"),
            ("1[.]2[.]3[.]4", "1.2.3.4"),
            ("user[at]evil[.]com", "user@evil.com"),
            ("http://[2001:db8::1]/x", "http://[2001:db8::1]/x"),
            ("evil.com", "evil.com"),
            ("\u{fc}[.]com", "\u{fc}.com"),
        ] {
            assert_eq!(refang(text), want);
        }
        assert_eq!(refang_host("evil[.]com"), "evil.com");
        assert_eq!(refang_host("user[at]evil"), "user[at]evil");
    }
}
