//! Damage and limits: what is rejected, and what is read all the same.

use super::*;

#[test]
fn damage_says_where_it_is() {
    let good = package("p", &indicator("i", "", &observed(&domain(EQUALS, "bad.example"))));
    for (text, want) in [
        ("<!DOCTYPE x []><x/>".to_owned(), "byte 0: expected no document type definition"),
        (good.replace("bad.example", "&own;"), "expected one of the five entities"),
        (good.replace("</stix:STIX_Package>", ""), "got the end of the input; 1 indicators"),
        (good.replace("</stix:Indicators>", ""), "</stix:Indicators>"),
        (good.replace(EQUALS, " condition=x"), "expected well-formed attributes"),
        (good.replace(EQUALS, r#" condition="&own;""#), "expected well-formed attributes"),
        ("<html/>".to_owned(), "got the element html"),
        (" ".to_owned(), "got no element"),
        ("<a>".repeat(2000), "expected a STIX_Package"),
        (package("p", &"<a>".repeat(2000)), "at most 1024 levels"),
    ] {
        let error = error(&text).to_string();
        assert!(error.contains(want), "{error}");
    }
    let read = StixSet::new(StixLimits::default()).read_packages(
        0,
        &b"<a>\xff</a>"[..],
        PackageOptions::default(),
    );
    assert!(read.is_err());
}

#[test]
fn an_indicator_beyond_a_limit_is_rejected_and_reading_goes_on() {
    let good = indicator("i", "", &observed(&domain(EQUALS, "bad.example")));
    let deep =
        indicator("deep", "", &[&*"<stix:a>".repeat(100), &*"</stix:a>".repeat(100)].concat());
    let wide = indicator("wide", "", &"<stix:a/>".repeat(300 * 1024));
    let no_time = indicator("when", r#" timestamp="soon""#, "");
    let outcome = read(&[&package("p", &[&*deep, &wide, &no_time, &good].concat())]);
    assert_eq!(outcome.taken, ["0 i bad.example"]);
    assert_eq!(
        outcome.rejected(),
        ["deep: object too deep", "wide: object too large", "when: bad property"]
    );
    assert_eq!((outcome.reports[0].rejected, outcome.report.rejected), (3, 3));

    let limits = StixLimits { max_object_bytes: 4096, ..StixLimits::default() };
    let long = indicator("long", "", &"<b/><c> </c>".repeat(1000));
    let mut set = StixSet::new(limits);
    set.read_packages(
        0,
        package("p", &[&*long, &good].concat()).as_bytes(),
        PackageOptions::default(),
    )
    .unwrap();
    let mut kinds = Vec::new();
    let report = set.finish(&mut |_, _| {}, &mut |one| kinds.push(one.reason.kind().into_owned()));
    assert_eq!((report.indicators, kinds), (1, vec!["object too long".to_owned()]));

    let token = package("p", &"x".repeat(10_000));
    let limits = StixLimits { max_object_bytes: 4096, ..StixLimits::default() };
    let error = StixSet::new(limits)
        .read_packages(0, token.as_bytes(), PackageOptions::default())
        .unwrap_err();
    assert!(error.to_string().contains("at most 4096 bytes"), "{error}");

    let many: String = (0..9).map(|n| good.replace(r#""i""#, &format!(r#""i{n}""#))).collect();
    let read = |content: &str| {
        let limits = StixLimits { max_kept: 3, ..StixLimits::default() };
        StixSet::new(limits).read_packages(
            0,
            package("p", content).as_bytes(),
            PackageOptions::default(),
        )
    };
    assert!(read(&good.repeat(9)).is_ok(), "nine times the same indicator are one");
    assert!(matches!(read(&many), Err(FeedError::TooMany { limit: 3, .. })));
}

#[test]
fn without_any_id_an_indicator_is_rejected() {
    let text = package("p", &indicator("i", "", &observed(&domain(EQUALS, "bad.example"))))
        .replace(r#" id="p""#, "")
        .replace(r#" id="i""#, "");
    assert_eq!(read(&[&text]).rejected(), [": bad property"]);
}
