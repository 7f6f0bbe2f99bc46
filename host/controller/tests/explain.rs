//! Tests of `threatsieve explain`.

mod program;

use program::{Done, Folder};

const FEED: &str = r#"{"type": "bundle", "id": "bundle--8f5e2b1c-0d3a-4b6e-9c7f-1a2b3c4d5e6f", "objects": [
 {"type": "indicator", "spec_version": "2.1", "id": "indicator--11111111-1111-4111-8111-111111111111", "created": "2026-01-01T00:00:00.000Z",
  "modified": "2026-01-01T00:00:00.000Z", "pattern": "[domain-name:value = 'evil.com']", "pattern_type": "stix", "valid_from": "2020-01-01T00:00:00Z",
  "name": "A bad place", "confidence": 80},
 {"type": "indicator", "spec_version": "2.1", "id": "indicator--22222222-2222-4222-8222-222222222222", "created": "2026-01-01T00:00:00.000Z",
  "modified": "2026-01-01T00:00:00.000Z", "pattern": "[domain-name:value = 'old.example']", "pattern_type": "stix", "valid_from": "2020-01-01T00:00:00Z",
  "valid_until": "2020-02-01T00:00:00Z"}]}"#;

fn explain(arguments: &str) -> Done {
    let folder = Folder::new();
    folder.write(
        "l.txt",
        "evil.com\n1.1.1.0/24\nco.uk\nsub.other.com\nwww.a.other.com\n10.0.0.0/8\nhttp://url.example/x?a=b\n",
    );
    folder.write("f.json", FEED);
    folder.write("allow.txt", "good.evil.com\n");
    folder.run(&format!(
        "explain --exit-code --list l.txt --feed f.json --allow allow.txt {arguments}"
    ))
}

#[track_caller]
fn says(arguments: &str, code: i32, parts: &[&str]) {
    let text = explain(arguments).expect(code).out;
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing from:\n{text}");
    }
}

#[test]
fn every_indicator_that_says_so() {
    says(
        "WWW.Evil.com.",
        1,
        &[
            "matches",
            "www.evil.com",
            "subdomain",
            "l.txt:1: valid",
            "indicator--11111111",
            "\"A bad place\"",
            "confidence 80",
        ],
    );
    says("hxxp://www[.]evil[.]com/", 1, &["evil.com"]);
    says("1.1.1.7", 1, &["1.1.1.0/24", "cidr"]);
}

#[test]
fn what_covers_it_and_why_that_does_not_count() {
    says("old.example", 0, &["does not match", "expired since 2020-02-01"]);
    says("--at 2019-01-01 old.example", 0, &["not valid before 2020-01-01"]);
    says("--at 2020-01-15 old.example", 1, &[": valid"]);
    says(
        "x.good.evil.com",
        0,
        &["suppressed by the allow-list's domain-name good.evil.com", "allow.txt:1"],
    );
    says("http://url.example/x?", 0, &["--partial"]);
}

#[test]
fn what_comes_near() {
    says(
        "foo.co.uk",
        0,
        &["nothing in the blacklist covers it", "co.uk is listed, but without the names below it"],
    );
    says("other.com", 0, &["www.a.other.com, sub.other.com are listed", "other.com itself is not"]);
    says("10.1.2.3", 0, &["l.txt:6 lists 10.0.0.0/8, which was rejected"]);
    says("http://url.example/x", 0, &["a=b", "with its query"]);
    says("notevil.com", 0, &["looked up as: domain-name notevil.com"]);
}

#[test]
fn json_has_the_same() {
    let json = explain("--json x.evil.com").expect(1).json().remove(0);
    assert_eq!(
        (&json["matches"], &json["forms"][0]["value"]),
        (&true.into(), &"x.evil.com".into())
    );
    assert_eq!(json["entries"][0]["entry"]["value"], "evil.com");
    assert_eq!(json["entries"][0]["indicators"].as_array().unwrap().len(), 2);
    assert_eq!(json["entries"][0]["indicators"][0]["status"], "valid");
}

#[test]
fn wrong_usage() {
    explain("").expect(2);
    Folder::new().run("explain evil.com").expect(2);
}
