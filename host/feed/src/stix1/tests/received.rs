//! Packages as they are received: bytes, encodings, updates, and earlier packages.

use super::*;
use crate::fuzzing::Received;
use crate::{PackageContent, PackageRole};

fn received(bytes: &[u8]) -> (Result<BundleReport, FeedError>, Received) {
    let mut received = Received::default();
    let options = PackageOptions { sink: Some(&mut received), ..Default::default() };
    let mut set = StixSet::new(StixLimits::default());
    (set.read_packages(0, bytes, options), received)
}

fn bad(id: &str, name: &str) -> String {
    indicator(id, "", &observed(&domain(EQUALS, name)))
}

/// The ids and values of packages that are read in some roles.
fn taken(packages: &[(&str, PackageRole)]) -> Vec<String> {
    let mut set = StixSet::new(StixLimits::default());
    for (text, role) in packages {
        let options = PackageOptions { role: *role, ..Default::default() };
        set.read_packages(0, text.as_bytes(), options).unwrap();
    }
    let mut taken: Vec<String> = set.valueless().map(|one| format!("{} none", one.id)).collect();
    set.finish(
        &mut |_, one| {
            let IndicatorId::Stix(id) = &one.id else { panic!("{:?}", one.id) };
            let values: Vec<String> = one.values.iter().map(Value::to_string).collect();
            taken.push(format!("{id} {}", values.join(" ")));
        },
        &mut |_| {},
    );
    taken
}

#[test]
fn the_bytes_of_each_package_are_passed_on() {
    let first = package("p", &bad("i", "bad.example"));
    let second = format!("\n<!-- next -->{}", package("q", &bad("j", "worse.example")));
    let (report, received) = received(format!("{first}{second}\n").as_bytes());
    assert_eq!(report.unwrap().indicators, 2);
    let [one, two] = &received.all[..] else { panic!("{}", received.all.len()) };
    assert_eq!((&one.1, &two.1), (&first.into_bytes(), &second.into_bytes()));
    assert_eq!((&*one.0.id, &*two.0.id), ("p", "q"));
    assert_eq!((&one.0.indicators, one.0.is_utf8), (&vec!["i".to_owned()], true));
}

#[test]
fn the_content_names_what_other_packages_may_need() {
    let inner = r#"<cybox:Observable id="o:1" /><cybox:Observable idref="o:2"/>"#;
    let text = package(
        "p",
        &[
            format!("<stix:Observables>{inner}</stix:Observables>"),
            indicator(
                "i",
                r#" timestamp="1970-01-01T00:00:05Z""#,
                r#"<indicator:Observable idref="o:1"/><indicator:Observable idref="o:3"/>"#,
            ),
        ]
        .concat(),
    );
    let (report, received) = received(text.as_bytes());
    report.unwrap();
    let PackageContent { defines, refers, modified, .. } = &received.all[0].0;
    assert_eq!(
        (defines, refers),
        (&vec!["i".to_owned(), "o:1".to_owned()], &vec!["o:3".to_owned()])
    );
    assert_eq!(*modified, Some(Timestamp(5_000_000)), "the newest of its indicators");
}

#[test]
fn a_damaged_package_has_no_end() {
    let text = package("p", &bad("i", "bad.example")).replace("</stix:STIX_Package>", "");
    let (report, received) = received(text.as_bytes());
    assert!(report.is_err() && received.all.is_empty());
}

#[test]
fn an_encoding_is_decoded_as_declared() {
    let text =
        |encoding: &str| package("p", &bad("i", "b\u{e4}d.example")).replace("UTF-8", encoding);
    let latin = encoding_rs::WINDOWS_1252.encode(&text("ISO-8859-1")).0.into_owned();
    let kana = text("Shift_JIS").replace('\u{e4}', "\u{30a2}");
    let shift = encoding_rs::SHIFT_JIS.encode(&kana).0.into_owned();
    for (bytes, want) in [(latin, "xn--bd-via.example"), (shift, "xn--bd-hg4a.example")] {
        let mut names = Vec::new();
        let mut set = StixSet::new(StixLimits::default());
        let mut received = Received::default();
        let options = PackageOptions { sink: Some(&mut received), ..Default::default() };
        set.read_packages(0, &*bytes, options).unwrap();
        set.finish(&mut |_, one| names.push(one.values[0].to_string()), &mut |_| {});
        assert_eq!(names, [want]);
        assert_eq!((&received.all[0].1, received.all[0].0.is_utf8), (&bytes, false));
    }
    // What was decoded before is not decoded again.
    for (encoding, is_utf8) in [("ISO-8859-1", true), ("UTF-16", false), ("utf8", false)] {
        let options = PackageOptions { is_utf8, ..Default::default() };
        let mut set = StixSet::new(StixLimits::default());
        set.read_packages(0, text(encoding).as_bytes(), options).unwrap();
        let mut names = Vec::new();
        set.finish(&mut |_, one| names.push(one.values[0].to_string()), &mut |_| {});
        assert_eq!(names, ["xn--bd-via.example"], "{encoding}");
    }
}

#[test]
fn an_encoding_that_is_not_known_or_not_kept_is_an_error() {
    let one = package("p", &bad("i", "bad.example"));
    let named = |encoding: &str| one.replace("UTF-8", encoding);
    let mut no_euc = named("EUC-JP").into_bytes();
    let at = no_euc.windows(3).position(|three| three == b"bad").unwrap();
    no_euc[at] = 0xff;
    for (text, want) in [
        (named("x-own").into_bytes(), "got x-own"),
        (named("ISO-2022-JP").into_bytes(), "got ISO-2022-JP"),
        ([named("latin1"), one.clone()].concat().into_bytes(), "one package in an input"),
        (no_euc, "cannot read"),
    ] {
        let error = received(&text).0.unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
}

#[test]
fn only_the_newer_content_of_a_package_counts() {
    let old = package("p", &[bad("i", "a.example"), bad("j", "b.example")].concat());
    let new = package("p", &bad("i", "c.example"));
    let other = package("q", &bad("j", "d.example"));
    let all = |packages: &[&str]| {
        taken(&packages.iter().map(|text| (*text, PackageRole::New)).collect::<Vec<_>>())
    };
    assert_eq!(all(&[&old, &new]), ["i c.example"]);
    assert_eq!(all(&[&other, &old, &new]), ["j d.example", "i c.example"]);
    assert_eq!(all(&[&old, &other, &old, &new]), ["i c.example", "j d.example"]);
    // A time decides, in any order.
    let at = |text: &str, time: &str| {
        text.replace(r#"id="p""#, &format!(r#"id="p" timestamp="{time}""#))
    };
    let (old, new) = (at(&old, "2026-01-01"), at(&new, "2026-01-02"));
    assert_eq!(all(&[&new, &old]), ["i c.example"]);
    // References follow.
    let defined = |name: &str| {
        let observable =
            format!(r#"<cybox:Observable id="o">{}</cybox:Observable>"#, domain("", name));
        package("d", &format!("<stix:Observables>{observable}</stix:Observables>"))
    };
    let refers = package("r", &indicator("k", "", r#"<indicator:Observable idref="o"/>"#));
    assert_eq!(all(&[&defined("x.example"), &refers, &defined("y.example")]), ["k y.example"]);
}

#[test]
fn earlier_packages_are_read_again_for_what_is_new() {
    let observable = |id: &str, name: &str| {
        format!(r#"<cybox:Observable id="{id}">{}</cybox:Observable>"#, domain(EQUALS, name))
    };
    let defines = package(
        "d",
        &[
            format!("<stix:Observables>{}</stix:Observables>", observable("o", "a.example")),
            bad("own", "own.example"),
        ]
        .concat(),
    );
    let refers = package("r", &indicator("k", "", r#"<indicator:Observable idref="o"/>"#));
    assert_eq!(taken(&[(&defines, PackageRole::New)]), ["o a.example", "own own.example"]);
    assert_eq!(taken(&[(&refers, PackageRole::New)]), ["k none"]);
    // What is defined again becomes a part, and nothing else of its package is passed on.
    assert_eq!(
        taken(&[(&refers, PackageRole::New), (&defines, PackageRole::Definitions)]),
        ["o none", "k a.example"]
    );
    assert_eq!(
        taken(&[(&defines, PackageRole::New), (&refers, PackageRole::Again)]),
        ["o none", "own own.example", "k a.example"]
    );
    // A kept version does not win over the delivery's.
    let newer = package("d2", &bad("own", "newer.example"));
    assert_eq!(
        taken(&[(&newer, PackageRole::New), (&defines, PackageRole::Again)]),
        ["own newer.example", "o a.example"]
    );
}
