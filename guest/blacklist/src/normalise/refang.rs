//! Refanging: undoes the changes that reports make to values so that nobody clicks on them.

use std::borrow::Cow;

/// Defanged spellings of a dot, in any case.
const DOTS: [(&str, &str); 6] =
    [("[.]", "."), ("(.)", "."), ("{.}", "."), ("[dot]", "."), ("(dot)", "."), ("{dot}", ".")];

/// Other defanged spellings in indicators, in any case. Longer ones come first.
const DEFANGED: [(&str, &str); 15] = [
    (" [.] ", "."),
    (" (.) ", "."),
    (" [dot] ", "."),
    (" (dot) ", "."),
    ("[://]", "://"),
    ("[:/]", ":/"),
    ("[//]", "//"),
    ("[:]", ":"),
    ("(:)", ":"),
    ("[/]", "/"),
    ("[@]", "@"),
    ("(@)", "@"),
    ("[at]", "@"),
    ("(at)", "@"),
    ("\\.", "."),
];

/// Returns an indicator's text as it was before defanging: `hxxps[:]//evil[.]com` becomes
/// `https://evil.com`. Brackets without a partner are removed too if they are next to a dot of the
/// host: `evil[.com`.
pub(crate) fn refang(text: &str) -> Cow<'_, str> {
    // Nearly all texts have none of these characters and schemes, and stay as they are.
    let has_brackets = text.contains(['[', ']', '(', '{', ')', '}', '\\']);
    let mut text = if has_brackets { replace_all(text, &[&DEFANGED, &DOTS]) } else { text.into() };
    if let Some((scheme, rest)) = text.split_once("://")
        && let Some(scheme) = refanged_scheme(scheme)
    {
        text = Cow::Owned(format!("{scheme}://{rest}"));
    }
    if has_brackets { without_odd_brackets(text) } else { text }
}

/// Returns the scheme that a spelling hides so that the text is not a link: `hxxp`, `h**ps`,
/// `ht[t]p`, `meow`, `fxp`.
fn refanged_scheme(text: &str) -> Option<&'static str> {
    if matches!(text, "http" | "https") {
        return None;
    }
    let bare = text.trim_matches(['[', ']', '(', ')', '{', '}', '<', '>']);
    let name: String = bare
        .chars()
        .filter(|c| !matches!(c, '[' | ']' | '(' | ')'))
        .collect::<String>()
        .to_ascii_lowercase();
    match name.as_bytes() {
        [b'h', a, b, b'p', secure @ ..] if [a, b].iter().all(|b| b"tx*_".contains(b)) => {
            match secure {
                b"" => Some("http"),
                b"s" => Some("https"),
                _ => None,
            }
        }
        b"meow" => Some("http"),
        b"meows" => Some("https"),
        b"fxp" => Some("ftp"),
        _ => None,
    }
    .filter(|scheme| !scheme.eq_ignore_ascii_case(text))
}

/// Removes brackets next to a dot of the host. A path may contain brackets: `a(1).exe`.
fn without_odd_brackets(text: Cow<'_, str>) -> Cow<'_, str> {
    const BRACKETS: [char; 6] = ['[', ']', '(', ')', '{', '}'];
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    let host = &text[start..end];
    // An IPv6 address needs its brackets.
    if host.starts_with('[') && host.contains(':') || !host.contains(BRACKETS) {
        return text;
    }
    let mut out = String::with_capacity(host.len());
    let labels: Vec<&str> = host.split('.').collect();
    for (place, label) in labels.iter().enumerate() {
        let mut label = *label;
        if place > 0 {
            label = label.trim_start_matches(BRACKETS);
            out.push('.');
        }
        if place + 1 < labels.len() {
            label = label.trim_end_matches(BRACKETS);
        }
        out.push_str(label);
    }
    Cow::Owned(format!("{}{out}{}", &text[..start], &text[end..]))
}

/// Refangs the host of an event: only the spellings of a dot.
pub(crate) fn refang_host(host: &str) -> Cow<'_, str> {
    if host.contains(['[', '(', '{']) { replace_all(host, &[&DOTS]) } else { host.into() }
}

fn replace_all<'a>(text: &'a str, tables: &[&[(&str, &str)]]) -> Cow<'a, str> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let found = tables.iter().copied().flatten().find(|(from, _)| {
            rest.as_bytes()
                .get(..from.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(from.as_bytes()))
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
            ("evil[.com", "evil.com"),
            ("evil.]com", "evil.com"),
            ("www[.[evil].]com", "www.evil.com"),
            ("1.2.3[.4", "1.2.3.4"),
            ("hxxp://evil(.com/a(1).exe", "http://evil.com/a(1).exe"),
            ("evil [.] com", "evil.com"),
            ("hxtp://evil.com", "http://evil.com"),
            ("htxps://evil.com", "https://evil.com"),
            ("h[tt]p://evil.com", "http://evil.com"),
            ("[https]://evil.com", "https://evil.com"),
            ("hxxp[s]://evil.com", "https://evil.com"),
            ("hxxp[:/]/evil.com", "http://evil.com"),
            ("Meow://evil.com", "http://evil.com"),
            ("fxp://evil.com", "ftp://evil.com"),
            ("HTTP://evil.com", "HTTP://evil.com"),
            ("http://[::ffff:1.2.3.4]:80/x", "http://[::ffff:1.2.3.4]:80/x"),
            ("93.94.95[.]93:8443", "93.94.95.93:8443"),
        ] {
            assert_eq!(refang(text), want);
        }
        assert_eq!(refang_host("evil[.]com"), "evil.com");
        assert_eq!(refang_host("user[at]evil"), "user[at]evil");
    }
}
