use threatsieve_blacklist::UrlMode;

use super::*;

/// Reads a list of a kind for these attributes; all types without any.
fn list(kind: &str, attributes: &[&str], entries: &[&str]) -> (Warninglist, Vec<RejectedEntry>) {
    let json = serde_json::json!({
        "name": "n", "version": 1, "description": "d", "type": kind,
        "matching_attributes": attributes, "list": entries,
    });
    let file = WarninglistFile::parse(json.to_string().as_bytes()).unwrap();
    let mut rejected = Vec::new();
    let list = Warninglist::new(file, &mut |one| rejected.push(one)).unwrap();
    (list, rejected)
}

fn value(text: &str) -> Value {
    Value::from_list(text, UrlMode::Exact).unwrap()
}

fn covered<'a>(list: &Warninglist, values: &[&'a str]) -> Vec<&'a str> {
    values.iter().copied().filter(|text| list.entry_for(&value(text)).is_some()).collect()
}

#[test]
fn a_string_is_the_whole_value_in_any_spelling() {
    let entries = ["Google.com", ".google.ad", "8.8.8.8", "http://a.example/x", "EMPTY", " "];
    let (list, rejected) = list("string", &[], &entries);
    let values = [
        "google.com",
        "www.google.com",
        "google.ad",
        "8.8.8.8",
        "8.8.8.0/24",
        "8.8.8.9",
        "https://a.example/x",
        "https://a.example/xy",
    ];
    let expected = ["google.com", "google.ad", "8.8.8.8", "https://a.example/x"];
    assert_eq!(covered(&list, &values), expected);
    assert_eq!(rejected.len(), 1);
}

#[test]
fn a_host_covers_names_below_it_and_hosts_of_urls() {
    let entries = [".good.example", "b\u{fc}cher.example", "9.9.9.9", "no host/x"];
    let (list, rejected) = list("hostname", &[], &entries);
    let values = [
        "good.example",
        "a.b.good.example",
        "notgood.example",
        "xn--bcher-kva.example",
        "http://www.good.example:8080/x?y",
        "http://9.9.9.9/x",
        "9.9.9.9",
        "9.9.9.0/24",
        "bob@mail.good.example",
        "http://evil.example/good.example",
    ];
    let expected = [
        "good.example",
        "a.b.good.example",
        "xn--bcher-kva.example",
        "http://www.good.example:8080/x?y",
        "http://9.9.9.9/x",
        "9.9.9.9",
        "bob@mail.good.example",
    ];
    assert_eq!(covered(&list, &values), expected);
    assert_eq!(rejected.len(), 1);
}

#[test]
fn a_network_covers_what_is_wholly_inside_it() {
    let entries = ["1.2.0.0/16", "1.2.3.0/24", "2001:db8::/32", "5.6.7.8", "x"];
    let (list, rejected) = list("cidr", &[], &entries);
    let values = [
        "1.2.3.4",
        "1.2.255.255",
        "1.3.0.0",
        "1.2.0.0/15",
        "1.2.0.0/16",
        "1.2.3.9-1.2.4.1",
        "2001:db8:1::/48",
        "2001:db9::1",
        "5.6.7.8",
        "5.6.7.9",
        "::1.2.3.4",
        "evil.example",
    ];
    let expected =
        ["1.2.3.4", "1.2.255.255", "1.2.0.0/16", "1.2.3.9-1.2.4.1", "2001:db8:1::/48", "5.6.7.8"];
    assert_eq!(covered(&list, &values), expected);
    assert_eq!(rejected.len(), 1);
}

#[test]
fn a_substring_is_anywhere_and_an_empty_one_is_rejected() {
    let (list, rejected) = list("substring", &[], &["App.Any.Run", ""]);
    let values = ["app.any.run", "x.app.any.run", "http://evil.example/?app.any.run", "any.run"];
    assert_eq!(covered(&list, &values), values[..3]);
    assert_eq!(rejected.len(), 1);
}

#[test]
fn regular_expressions_are_phps_and_bounded() {
    let entries = [
        r"/^(soc|noc)\@.*\..*$/i",
        "/evil[0-9]+/g",
        "/a(?=b)/",
        "/.*/",
        "/x",
        "/x/q",
        "/((a{1000}){1000}){1000}/",
    ];
    let (list, rejected) = list("regex", &[], &entries);
    let values = ["SOC@evil.example", "bob@evil.example", "evil77.example", "aab.example"];
    assert_eq!(covered(&list, &values), ["SOC@evil.example", "evil77.example"]);
    let reasons: Vec<_> = rejected.iter().map(|one| one.entry.as_str()).collect();
    assert_eq!(reasons, entries[2..]);
}

#[test]
fn a_list_is_about_its_types_only() {
    for (attributes, expected) in [
        (&["hostname", "port"][..], &["good.example"][..]),
        (&["url"], &["http://good.example/"]),
        // A plain name is no pair of a name and an address.
        (&["domain|ip", "email-dst"], &["bob@good.example"]),
        (&["phone-number"], &[]),
        (&["ALL"], &["good.example", "http://good.example/", "bob@good.example"]),
    ] {
        let (list, _) = list("hostname", attributes, &["good.example"]);
        let values = ["good.example", "http://good.example/", "bob@good.example"];
        assert_eq!(covered(&list, &values), expected, "{attributes:?}");
    }
}

#[test]
fn other_forms_of_the_file_are_read_and_other_files_are_not() {
    let commented =
        br#"{"name": "n", "version": "20200101", "list": {"a.example": "why", "b": null}}"#;
    let file = WarninglistFile::parse(commented).unwrap();
    assert_eq!((file.version, file.kind), (20_200_101, WarninglistKind::String));
    assert_eq!(file.entries, ["a.example", "b"]);
    for (text, expected) in [
        ("", "a MISP warninglist"),
        ("[]", "a MISP warninglist"),
        ("{\"name\": \"n\"}", "list"),
        ("{\"name\": \"n\", \"list\": [1]}", "a list of strings"),
        ("{\"name\": \"n\", \"type\": \"glob\", \"list\": []}", "got glob"),
        ("<html>", "a MISP warninglist"),
    ] {
        let error = WarninglistFile::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
