use super::*;
use crate::value::{DomainMode, MAX_VALUE_BYTES};

fn list(text: &str) -> String {
    match Value::from_list(text, UrlMode::Exact) {
        Ok(Value::Url { key, .. }) => format!("url {key}"),
        Ok(Value::Domain(name, mode)) => format!("{mode:?} {name}"),
        Ok(Value::Address(range)) => format!("address {range}"),
        Ok(Value::Hash(hash)) => format!("hash {hash}"),
        Ok(Value::Email(email)) => format!("email {email}"),
        Ok(Value::All(parts)) => format!("all {parts}"),
        Err(error) => format!("rejected: {error}"),
    }
}

#[test]
fn the_form_of_a_list_value_decides_its_type() {
    for (text, want) in [
        ("Evil.COM.", "AtAndBelow evil.com"),
        (" evil[.]com ", "AtAndBelow evil.com"),
        (".evil.com", "Tree evil.com"),
        ("*.evil.com", "Below evil.com"),
        ("b\u{fc}cher.example", "AtAndBelow xn--bcher-kva.example"),
        ("1.2.3.4", "address 1.2.3.4"),
        ("1[.]2[.]3[.]4", "address 1.2.3.4"),
        ("1.2.3.4/24", "address 1.2.3.0/24"),
        ("1.2.3.4/32", "address 1.2.3.4"),
        ("1.2.3.0-1.2.3.255", "address 1.2.3.0/24"),
        ("1.2.3.1 - 1.2.3.9", "address 1.2.3.1-1.2.3.9"),
        ("2001:DB8::/32", "address 2001:db8::/32"),
        ("::ffff:1.2.3.0/120", "address 1.2.3.0/24"),
        ("hxxp://evil.com/a", "url evil.com/a"),
        ("http://evil.com", "url evil.com/"),
        ("evil.com/a", "url evil.com/a"),
        ("D41D8CD98F00B204E9800998ECF8427E", "hash d41d8cd98f00b204e9800998ecf8427e"),
        ("Bob@Evil.com", "email Bob@evil.com"),
    ] {
        assert_eq!(list(text), want, "{text}");
    }
}

#[test]
fn values_that_fit_no_type_are_rejected() {
    for text in [
        "",
        "1.2.3.4/33",
        "1.2.3.9-1.2.3.1",
        "1.2.3",
        "a..b",
        "evil com",
        "<evil.com>",
        "*",
        ".",
        "evil.*",
        "http://",
        "@evil.com",
        "a b@evil.com",
        "evil.com:80:90",
    ] {
        assert!(list(text).starts_with("rejected: expected"), "{text}: {}", list(text));
    }
    assert!(Value::domain(&"a.".repeat(200), DomainMode::Exact).is_err());
    assert!(Value::domain(&format!("{}.com", "a".repeat(64)), DomainMode::Exact).is_err());
    assert!(
        Value::url(&format!("http://e.com/{}", "a".repeat(MAX_VALUE_BYTES)), UrlMode::Exact)
            .is_err()
    );
}

fn parsed(text: &str) -> String {
    match Listed::parse(text, UrlMode::Exact) {
        Ok(Listed { value, port }) => match port {
            Some(port) => format!("{value} {port}"),
            None => value.to_string(),
        },
        Err(error) => format!("rejected: {error}"),
    }
}

#[test]
fn ports_are_kept_with_their_values() {
    for (text, want) in [
        ("evil.com:8080", "evil.com 8080"),
        ("1.2.3.4:53", "1.2.3.4 53"),
        ("93.94.95[.]93:8443", "93.94.95.93 8443"),
        ("[2001:db8::1]:443", "2001:db8::1 443"),
        ("2a06:98c1:50:1:bcf4:5264:e01c:f215:50718", "2a06:98c1:50:1:bcf4:5264:e01c:f215 50718"),
        ("2001:db8::1:443", "2001:db8::1:443"),
        ("http://evil.com:81/a", "http://evil.com:81/a"),
        ("*.evil.com:443", "*.evil.com 443"),
    ] {
        assert_eq!(parsed(text), want);
    }
    for text in [
        "evil.com:0",
        "evil.com:65536",
        "evil.com:",
        "evil.com:x",
        "evil.com:+80",
        "evil.com:80:90",
        "1.2.3.0/24:80",
        "1.2.3.4:80-90",
        "1.2.3.4:53/udp",
        "45.66.77.88:malicious",
    ] {
        assert!(parsed(text).starts_with("rejected: expected"), "{text}: {}", parsed(text));
    }
}

#[test]
fn networks_are_never_urls() {
    for (text, want) in [
        ("1.2.3.0/255.255.255.0", "1.2.3.0/24"),
        ("1.2.3.4/255.255.255.255", "1.2.3.4"),
        ("93.94.94.0/255.255.254.0", "93.94.94.0/23"),
        ("1.2.3.0-255", "1.2.3.0/24"),
        ("1.2.3.7-9", "1.2.3.7-1.2.3.9"),
        ("[2001:db8::]/32", "2001:db8::/32"),
        ("1.2.3.4/a", "1.2.3.4/a"),
        ("1.2.3.4:81/24", "1.2.3.4:81/24"),
    ] {
        assert_eq!(parsed(text), want);
    }
    for text in [
        "1.2.3.0/255.0.255.0",
        "1.2.3.0/0.0.0.255",
        "1.2.3.4/33",
        "1.2.3.4/24/",
        "1.2.3.4/24#office",
        "2001:db8::/129",
        "1.2.3.9-1",
        "1.2.3.0 - 255",
        "1.2.3.0-256",
        "1.2.3.*",
        "1.2.3.",
        "1.2.3/24",
        "1.2/16",
        "2130706433/a",
    ] {
        assert!(parsed(text).starts_with("rejected: expected"), "{text}: {}", parsed(text));
    }
}

#[test]
fn words_and_paths_are_not_values() {
    for text in [
        "tmp/evil.exe",
        "Global/abc",
        "and/or",
        "2026/05/04",
        "/only/a/path",
        "bad@evil.com/x",
        "Forbidden",
        "EOF",
        "minutes",
    ] {
        assert!(parsed(text).starts_with("rejected: expected"), "{text}: {}", parsed(text));
    }
    for text in ["com", "github.io", ".corp", "evil.internal", "c2.evil.onion", "evil.com/a"] {
        assert_eq!(parsed(text), text.trim_start_matches('.'), "{text}");
    }
}
