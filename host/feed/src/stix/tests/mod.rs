//! Bundles in the shapes that publishers write, and the rules that decide between versions.

use threatsieve_blacklist::{Indicator, IndicatorId, Timestamp, Tlp, Value};

use super::*;
use crate::FeedError;

mod damage;
mod markings;
mod named_reports;
mod threats;

/// The result of several bundles, each read as its own feed.
struct Outcome {
    /// `feed id value value..`
    taken: Vec<String>,
    indicators: Vec<Indicator>,
    unreduced: Vec<Unreduced>,
    reports: Vec<BundleReport>,
    report: StixReport,
}

fn read(bundles: &[&str]) -> Outcome {
    let mut set = StixSet::new(StixLimits::default());
    let read = |(feed, text): (usize, &&str)| set.read(feed as u16, text.as_bytes()).unwrap();
    let reports = bundles.iter().enumerate().map(read).collect();
    finish(set, reports)
}

fn finish(set: StixSet, reports: Vec<BundleReport>) -> Outcome {
    let (mut taken, mut indicators, mut unreduced) = (Vec::new(), Vec::new(), Vec::new());
    let report = set.finish(
        &mut |feed, indicator| {
            let IndicatorId::Stix(id) = &indicator.id else { panic!("{:?}", indicator.id) };
            let values: Vec<String> = indicator.values.iter().map(Value::to_string).collect();
            taken.push(format!(
                "{feed} {} {}",
                id.trim_start_matches("indicator--"),
                values.join(" ")
            ));
            indicators.push(indicator);
        },
        &mut |part| unreduced.push(part),
    );
    Outcome { taken, indicators, unreduced, reports, report }
}

/// An indicator with the required properties and more (`, "a": 1`).
fn indicator(id: &str, value: &str, more: &str) -> String {
    format!(
        r#"{{"type": "indicator", "spec_version": "2.1", "id": "indicator--{id}", "pattern": "[domain-name:value = '{value}']", "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z"{more}}}"#
    )
}

fn version(id: &str, value: &str, modified: &str, more: &str) -> String {
    indicator(
        id,
        value,
        &format!(r#", "created": "2025-01-01T00:00:00Z", "modified": "{modified}"{more}"#),
    )
}

fn bundle(objects: &[&str]) -> String {
    format!(r#"{{"type": "bundle", "id": "bundle--1", "objects": [{}]}}"#, objects.join(",\n "))
}

fn one(object: &str) -> Outcome {
    read(&[&bundle(&[object])])
}

const DAY: i64 = 86_400_000_000;
const NEW_YEAR_2026: i64 = 1_767_225_600_000_000;

#[test]
fn an_indicator_of_the_specification() {
    // The example of STIX 2.1, section 4.7.
    let outcome = read(&[r#"{
      "type": "bundle", "id": "bundle--44af6c39-c09b-49c5-9de2-394224b04982",
      "objects": [
        {"type": "indicator", "spec_version": "2.1", "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
         "created_by_ref": "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", "created": "2016-04-06T20:03:48.000Z",
         "modified": "2016-04-06T20:03:48.000Z", "indicator_types": ["malicious-activity"], "name": "Poison Ivy Malware",
         "description": "This file is part of Poison Ivy", "confidence": 0,
         "pattern": "[ file:hashes.'SHA-256' = '4bac27393bdd9777ce02453256c5577cd02275510b2227f473d03f533924f877' ]",
         "pattern_type": "stix", "valid_from": "2016-01-01T00:00:00Z", "valid_until": "2027-01-01T00:00:00.5Z"},
        {"type": "relationship", "spec_version": "2.1", "id": "relationship--44298a74-ba52-4f0c-87a3-1824e67d7fad",
         "relationship_type": "indicates", "source_ref": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"},
        {"type": "malware", "spec_version": "2.1", "id": "malware--31b940d4-6f7f-459a-80ea-9c1f17b5891b", "name": "Poison Ivy"}
      ]}"#]);
    let [indicator] = &outcome.indicators[..] else { panic!("{:?}", outcome.taken) };
    assert_eq!(
        indicator.id,
        IndicatorId::Stix("indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f".to_owned())
    );
    assert_eq!(
        indicator.values[0].to_string(),
        "4bac27393bdd9777ce02453256c5577cd02275510b2227f473d03f533924f877"
    );
    assert_eq!((indicator.confidence, indicator.tlp), (Some(0), None));
    assert_eq!(indicator.valid_from, Some(Timestamp(1_451_606_400_000_000)));
    assert_eq!(indicator.valid_until, Some(Timestamp(1_798_761_600_500_000)));
    assert_eq!(indicator.modified, Some(Timestamp(1_459_973_028_000_000)));
    assert_eq!(indicator.name.as_deref(), Some("Poison Ivy Malware"));
    assert_eq!(indicator.types, ["malicious-activity"]);
    let BundleReport { objects, indicators, others, rejected, is_bundle, .. } = outcome.reports[0];
    assert_eq!((objects, indicators, others, rejected, is_bundle), (3, 1, 2, 0, true));
    assert_eq!(outcome.report, StixReport { indicators: 1, values: 1, ..StixReport::default() });
}

#[test]
fn an_indicator_of_stix_2_0_has_labels_and_no_pattern_type() {
    let outcome = read(&[
        r#"{"type": "bundle", "id": "bundle--1", "spec_version": "2.0", "objects": [
        {"type": "marking-definition", "id": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", "created": "2017-01-20T00:00:00.000Z",
         "definition_type": "tlp", "definition": {"tlp": "green"}},
        {"type": "indicator", "id": "indicator--a932fcc6-e032-176c-126f-cb970a5a1ade", "created": "2014-02-20T09:16:08.989Z",
         "modified": "2014-02-20T09:16:08.989Z", "labels": ["malicious-activity", "c2"], "name": "PIVY", "valid_from": "2014-02-20T09:00:00.000000Z",
         "pattern": "[ipv4-addr:value = '198.51.100.1/32' OR ipv4-addr:value ISSUBSET '203.0.113.0/24' OR domain-name:value = 'evil.example']",
         "object_marking_refs": ["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"]}]}"#,
    ]);
    assert_eq!(
        outcome.taken,
        ["0 a932fcc6-e032-176c-126f-cb970a5a1ade 198.51.100.1 203.0.113.0/24 evil.example"]
    );
    assert_eq!(outcome.indicators[0].types, ["malicious-activity", "c2"]);
    assert_eq!(outcome.indicators[0].tlp, Some(Tlp::Green));
    assert_eq!(outcome.reports[0].markings, 1);
}

#[test]
fn an_export_of_opencti() {
    // A custom level as a statement with the level in another property, and extensions that are not
    // markings.
    let outcome = read(&[r#"{"id": "bundle--2", "type": "bundle", "objects": [
        {"id": "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37", "type": "marking-definition", "spec_version": "2.1",
         "name": "TLP:AMBER+STRICT", "created": "2024-01-01T00:00:00.000Z", "definition_type": "statement", "definition": {"statement": "custom"},
         "x_opencti_definition_type": "TLP", "x_opencti_definition": "TLP:AMBER+STRICT"},
        {"id": "indicator--11111111-0000-5000-8000-000000000001", "type": "indicator", "spec_version": "2.1", "revoked": false, "confidence": 75,
         "created": "2024-01-01T00:00:00.000Z", "modified": "2024-03-01T00:00:00.000Z", "name": "evil.example", "lang": "en",
         "labels": ["botnet"], "pattern": "[domain-name:value = 'evil.example']", "pattern_type": "stix", "pattern_version": "2.1",
         "valid_from": "2024-01-01T00:00:00.000Z", "valid_until": "2999-01-01T00:00:00.000Z", "x_opencti_score": 75, "x_opencti_detection": true,
         "extensions": {"extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba": {"extension_type": "property-extension", "score": 75}},
         "object_marking_refs": ["marking-definition--826578e1-40ad-459f-bc73-ede076f81f37"]}]}"#]);
    assert_eq!(outcome.indicators[0].tlp, Some(Tlp::AmberStrict));
    assert_eq!(outcome.indicators[0].confidence, Some(75));
    assert!(outcome.indicators[0].types.is_empty(), "labels of 2.1 are anything");
    assert_eq!(outcome.report.unknown_markings, 0);
}

#[test]
fn an_export_of_misp() {
    let outcome = read(&[r#"{"type": "bundle", "id": "bundle--3", "objects": [
        {"type": "identity", "spec_version": "2.1", "id": "identity--1", "name": "ORG", "identity_class": "organization"},
        {"type": "grouping", "id": "grouping--1", "object_refs": ["indicator--2"]},
        {"type": "indicator", "spec_version": "2.1", "id": "indicator--2", "created": "2024-01-01T00:00:00Z", "modified": "2024-01-01T00:00:00Z",
         "pattern": "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.7']", "pattern_type": "stix",
         "pattern_version": "2.1", "valid_from": "2024-01-01T00:00:00Z", "kill_chain_phases": [{"kill_chain_name": "misp-category", "phase_name": "Network activity"}],
         "labels": ["misp:type=\"ip-dst\"", "misp:to_ids=\"True\""], "object_marking_refs": ["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"]},
        {"type": "indicator", "spec_version": "2.1", "id": "indicator--3", "pattern": "rule x {condition: true}", "pattern_type": "yara",
         "created": "2024-01-01T00:00:00Z", "modified": "2024-01-01T00:00:00Z", "valid_from": "2024-01-01T00:00:00Z"}]}"#]);
    assert_eq!(outcome.taken, ["0 2 203.0.113.7"]);
    assert_eq!(outcome.indicators[0].tlp, Some(Tlp::Clear));
    assert_eq!(outcome.report.other_pattern_types, [("yara".to_owned(), 1)].into());
    let [part] = &outcome.unreduced[..] else { panic!("{:?}", outcome.unreduced) };
    assert_eq!(
        (&*part.id, &*part.pattern, part.partial),
        ("indicator--3", "rule x {condition: true}", false)
    );
    assert_eq!(part.reason.to_string(), "pattern_type: expected `stix`, got \"yara\"");
    assert_eq!(part.reason.kind(), "pattern type yara");
}

#[test]
fn an_envelope_of_cisa_ais() {
    // TAXII 2.1, an access-control marking next to TLP, markings of parts, a `next` that is not a
    // string.
    let text = |marking: &str| {
        format!(
            r#"{{"more": true, "next": 1700, "objects": [{}, {}]}}"#,
            r#"{"type": "marking-definition", "spec_version": "2.1", "id": "marking-definition--acs", "created": "2024-01-01T00:00:00Z",
               "extensions": {"extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce": {"extension_type": "property-extension"}}}"#,
            indicator("1", "evil.example", marking)
        )
    };
    let tlp =
        r#", "object_marking_refs": ["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"]"#;
    let outcome = read(&[&text(tlp)]);
    assert_eq!(outcome.indicators[0].tlp, Some(Tlp::Clear));
    assert!(outcome.reports[0].more);
    assert_eq!(outcome.reports[0].objects, 2);
    let with_acs = r#", "object_marking_refs": ["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "marking-definition--acs"]"#;
    let outcome = read(&[&text(with_acs)]);
    assert_eq!((outcome.indicators[0].tlp, outcome.report.unknown_markings), (Some(Tlp::Red), 1));
}

#[test]
fn all_containers_hold_objects() {
    let object = indicator("1", "evil.example", "");
    for text in [
        object.clone(),
        format!("[{object}]"),
        format!("\u{feff}\n {{\"objects\": [{object}]}}"),
        format!(r#"{{"objects": [{object}], "more": false}}"#),
        format!("{object}\n{object}\n"),
        format!("[{}]", bundle(&[&object])),
        object
            .replace("\"indicator\"", "\"indic\\u0061tor\"")
            .replace("{\"type\"", "{ \"typ\\u0065\""),
        bundle(&[&object.replace("\"indicator\"", "\"indic\\u0061tor\"")]),
    ] {
        assert_eq!(read(&[&text]).taken, ["0 1 evil.example"], "{text}");
    }
    for text in [
        "{}",
        " { } ",
        r#"{"more": false}"#,
        "[]",
        r#"{"type": "bundle", "id": "bundle--1"}"#,
        r#"{"objects": []}"#,
    ] {
        assert!(read(&[text]).taken.is_empty(), "{text}");
    }
    for text in [r#"{"Event": {"info": "x"}}"#, r#"{"@timestamp": 1}"#, "{\"a\":1}\n{\"b\":2}"] {
        let error = StixSet::new(StixLimits::default()).read(0, text.as_bytes()).unwrap_err();
        assert!(
            matches!(error, FeedError::NotStix { .. })
                && error.to_string().contains("expected a STIX bundle"),
            "{error}"
        );
    }
}

#[test]
fn an_envelope_says_in_several_ways_that_there_is_more() {
    for (text, want) in [
        (r#"{"objects": [], "more": true, "next": "a"}"#, (true, Some("a"))),
        (r#"{"objects": [], "more": "true", "next": 7}"#, (true, Some("7"))),
        (r#"{"objects": [], "next": "a"}"#, (true, Some("a"))),
        (r#"{"objects": [], "more": false, "next": "a"}"#, (false, Some("a"))),
        (r#"{"objects": [], "more": true, "next": ""}"#, (true, None)),
        (r#"{"objects": [], "more": true, "next": null}"#, (true, None)),
        (r#"{"objects": [], "next": ""}"#, (false, None)),
        (r#"{"more": false}"#, (false, None)),
        (r#"{"type": "bundle", "objects": []}"#, (false, None)),
    ] {
        let report = &read(&[text]).reports[0];
        assert_eq!((report.more, report.next.as_deref()), want, "{text}");
        assert_eq!(report.is_bundle, text.contains("bundle"), "{text}");
    }
}

#[test]
fn items_are_objects_only_where_that_is_expected() {
    let text = format!(r#"{{"more": false, "items": [{}]}}"#, indicator("1", "evil.example", ""));
    assert!(read(&[&text]).taken.is_empty());
    let limits = StixLimits { accepts_items: true, ..StixLimits::default() };
    let mut set = StixSet::new(limits);
    let report = set.read(0, text.as_bytes()).unwrap();
    assert_eq!((report.objects, report.indicators), (1, 1));
}

#[test]
fn fingerprints_are_those_of_the_objects() {
    let (one, two) = (indicator("1", "a.example", ""), indicator("2", "b.example", ""));
    let prints = |text: &str| {
        let report = &read(&[text]).reports[0];
        (report.first, report.last, report.content)
    };
    let both = prints(&bundle(&[&one, &two]));
    assert_eq!(both, prints(&format!(r#"{{"more": false, "objects": [{one}, {two}]}}"#)));
    let turned = prints(&bundle(&[&two, &one]));
    assert_eq!((both.0, both.1), (turned.1, turned.0));
    assert_ne!(both.2, turned.2);
    assert_eq!(prints(&bundle(&[&two])).0, both.1);
    for empty in [r#"{"type": "bundle", "id": "bundle--1"}"#, "{}", r#"{"objects": []}"#] {
        assert_eq!(prints(empty), (None, None, 0), "{empty}");
    }
}

#[test]
fn the_newest_version_wins_in_any_order() {
    let old = bundle(&[
        &version("1", "old.example", "2026-01-01T00:00:00Z", ""),
        &version("2", "two.example", "2026-01-01T00:00:00Z", ""),
    ]);
    let new = bundle(&[&version("1", "new.example", "2026-01-01T00:00:00.001Z", "")]);
    let outcome = read(&[&old, &new]);
    assert_eq!(
        outcome.taken,
        ["1 1 new.example", "0 2 two.example"],
        "in the order of first sight"
    );
    assert_eq!((outcome.report.older, outcome.reports[1].older), (1, 0));
    let outcome = read(&[&new, &old]);
    assert_eq!(outcome.taken, ["0 1 new.example", "1 2 two.example"]);
    assert_eq!((outcome.report.older, outcome.reports[1].older), (1, 1));
    // Without `modified`, `created` counts. Without both, the version is older than any other.
    let bare = bundle(&[&indicator("1", "bare.example", "")]);
    let created =
        bundle(&[&indicator("1", "created.example", r#", "created": "2020-01-01T00:00:00Z""#)]);
    assert_eq!(read(&[&created, &bare]).taken, ["0 1 created.example"]);
    assert_eq!(read(&[&bare, &created]).taken, ["1 1 created.example"]);
    assert_eq!(read(&[&created, &old]).taken[0], "1 1 old.example");
}

#[test]
fn feeds_with_one_version_both_vouch() {
    let text = bundle(&[&version("1", "evil.example", "2026-01-01T00:00:00Z", "")]);
    let outcome = read(&[&text, &text, &text]);
    assert_eq!(outcome.taken, ["0 1 evil.example", "1 1 evil.example", "2 1 evil.example"]);
    assert_eq!((outcome.report.indicators, outcome.reports[2].repeated), (1, 1));
    let mut set = StixSet::new(StixLimits::default());
    set.read(7, text.as_bytes()).unwrap();
    set.read(7, text.as_bytes()).unwrap();
    assert_eq!(finish(set, Vec::new()).taken, ["7 1 evil.example"]);
    // A newer version excludes the feed that has only the older one.
    let newer = bundle(&[&version("1", "newer.example", "2026-02-01T00:00:00Z", "")]);
    assert_eq!(read(&[&text, &text, &newer]).taken, ["2 1 newer.example"]);
}

#[test]
fn a_revoked_version_removes_the_indicator() {
    let one = bundle(&[
        &version("1", "evil.example", "2026-01-01T00:00:00Z", ""),
        &version("2", "evil.example", "2026-01-01T00:00:00Z", ""),
    ]);
    // A revoked version needs no pattern.
    let gone = r#"{"type": "indicator", "id": "indicator--1", "modified": "2026-01-02T00:00:00Z", "revoked": true}"#;
    for bundles in [[&*one, gone], [gone, &*one]] {
        let outcome = read(&bundles);
        assert_eq!(outcome.taken.len(), 1);
        assert!(outcome.taken[0].ends_with("2 evil.example"));
        assert_eq!((outcome.report.revoked, outcome.report.indicators), (1, 1));
    }
    // If two copies have the same version, the revoked one holds. An older revocation does not.
    let same = version("1", "evil.example", "2026-01-01T00:00:00Z", r#", "revoked": true"#);
    assert_eq!(read(&[&one, &same]).report.revoked, 1);
    assert_eq!(read(&[&same, &one]).report.revoked, 1);
    let before = version("1", "evil.example", "2025-12-01T00:00:00Z", r#", "revoked": true"#);
    assert_eq!(read(&[&one, &before]).report.revoked, 0);
    assert_eq!(read(&[&before, &one]).report.revoked, 0);
}

#[test]
fn a_revocation_holds_despite_other_faults() {
    let one = bundle(&[&version("1", "evil.example", "2026-01-01T00:00:00Z", "")]);
    for more in [
        r#", "confidence": 200"#,
        r#", "valid_until": "soon""#,
        r#", "object_marking_refs": "red""#,
        r#", "granular_markings": 1"#,
        r#", "pattern": 5, "pattern_type": 5"#,
    ] {
        let gone = format!(
            r#"{{"type": "indicator", "id": "indicator--1", "modified": "2026-02-01T00:00:00Z", "revoked": true{more}}}"#
        );
        for bundles in [[&*one, &gone], [&gone, &*one]] {
            let outcome = read(&bundles);
            assert!(
                outcome.taken.is_empty() && outcome.unreduced.is_empty(),
                "{more}: {:?}",
                outcome.taken
            );
            assert_eq!((outcome.report.revoked, outcome.report.rejected), (1, 0), "{more}");
        }
    }
}

#[test]
fn odd_properties_are_read_as_intended() {
    for (written, want) in [("75.0", 75), ("1e2", 100), ("0.0", 0), ("-0", 0), ("100", 100)] {
        let outcome =
            one(&indicator("1", "evil.example", &format!(r#", "confidence": {written}"#)));
        assert_eq!(outcome.indicators[0].confidence, Some(want), "{written}");
    }
    for nothing in ["null", r#""""#] {
        let more = format!(r#", "valid_until": {nothing}, "confidence": null, "revoked": null"#);
        let object = indicator("1", "evil.example", &more);
        let object = object.replace(
            r#""valid_from": "2026-01-01T00:00:00Z""#,
            &format!(r#""valid_from": {nothing}"#),
        );
        let outcome = one(&object);
        assert_eq!(outcome.taken, ["0 1 evil.example"], "{nothing}");
        assert_eq!(
            (outcome.indicators[0].valid_from, outcome.indicators[0].valid_until),
            (None, None)
        );
    }
}

#[test]
fn objects_in_a_dictionary_are_not_a_bundle() {
    let inner = indicator("1", "evil.example", "");
    for (text, offset, got) in [
        (format!(r#"{{"type": "bundle", "objects": {{"a": {inner}}}}}"#), 30, "an object"),
        (format!(r#"{{"objects": {{"a": {inner}}}, "type": "bundle"}}"#), 12, "an object"),
        (r#"[{"type": "bundle", "objects": {}}]"#.to_owned(), 31, "an object"),
        (r#"{"more": false, "objects": {}}"#.to_owned(), 27, "an object"),
        (r#"{"objects": "none"}"#.to_owned(), 12, "a string"),
        (r#"{"type": "bundle", "objects": 5}"#.to_owned(), 30, "a number"),
        (r#"{"type": "bundle", "objects": true}"#.to_owned(), 30, "a boolean"),
        (
            format!(r#"{{"type": "bundle", "objects": {{"a": "{}"}}}}"#, "x".repeat(2000)),
            30,
            "an object",
        ),
    ] {
        let limits = StixLimits { max_object_bytes: 1000, ..StixLimits::default() };
        let error = StixSet::new(limits).read(0, text.as_bytes()).unwrap_err();
        let want = format!(
            "`objects`, byte {offset}: expected an array of STIX objects, got {got}; 0 objects were read before it"
        );
        assert_eq!(error.to_string(), want, "{text}");
    }
    // Observed data of STIX 2.0 may have such a dictionary.
    let observed = r#"{"type": "observed-data", "id": "observed-data--1", "objects": {"0": {"type": "domain-name", "value": "x.example"}}}"#;
    for text in [observed.to_owned(), format!("[{observed}, {inner}]"), bundle(&[observed, &inner])]
    {
        let outcome = read(&[&text]);
        assert_eq!((outcome.reports[0].others, outcome.report.rejected), (1, 0), "{text}");
        assert_eq!(outcome.taken.len() as u64, outcome.reports[0].indicators);
    }
    assert_eq!(read(&[r#"{"type": "bundle", "objects": null}"#]).reports[0].rejected, 0);
}

#[test]
fn a_bad_property_rejects_only_its_object() {
    for (more, reason) in [
        (r#", "confidence": 101"#, "confidence: expected a whole number from 0 to 100, got 101"),
        (r#", "confidence": -1"#, "confidence: expected a whole number from 0 to 100, got -1"),
        (r#", "confidence": 300"#, "confidence: expected a whole number from 0 to 100, got 300"),
        (r#", "confidence": 7.5"#, "confidence: expected a whole number from 0 to 100, got 7.5"),
        (
            r#", "confidence": 100.5"#,
            "confidence: expected a whole number from 0 to 100, got 100.5",
        ),
        (r#", "valid_until": " ""#, "valid_until: expected an RFC 3339 timestamp, got  "),
        (r#", "modified": """#, "modified: expected an RFC 3339 timestamp, got "),
        (
            r#", "confidence": "high""#,
            "confidence: expected a whole number from 0 to 100, got \"high\"",
        ),
        (r#", "valid_until": "soon""#, "valid_until: expected an RFC 3339 timestamp, got soon"),
        (r#", "modified": 1700000000"#, "modified: expected an RFC 3339 timestamp, got 1700000000"),
        (
            r#", "created": "2026-02-30T00:00:00Z""#,
            "created: expected an RFC 3339 timestamp, got 2026-02-30T00:00:00Z",
        ),
        (r#", "revoked": "yes""#, "revoked: expected true or false, got \"yes\""),
        (
            r#", "object_marking_refs": "marking-definition--1""#,
            "object_marking_refs: expected an array of identifiers, got \"marking-definition--1\"",
        ),
        (
            r#", "granular_markings": [1]"#,
            "granular_markings: expected an array of objects, got [1]",
        ),
    ] {
        let outcome = read(&[&bundle(&[
            &indicator("1", "bad.example", more),
            &indicator("2", "good.example", ""),
        ])]);
        assert_eq!(outcome.taken, ["0 2 good.example"], "{more}");
        let [part] = &outcome.unreduced[..] else { panic!("{more}: {:?}", outcome.unreduced) };
        assert_eq!((&*part.id, &*part.reason.to_string()), ("indicator--1", reason));
        assert_eq!(
            (part.partial, &*part.reason.kind(), outcome.report.rejected),
            (false, "bad property", 1)
        );
        assert!(part.pattern.contains("bad.example"));
    }
    for (object, reason) in [
        (
            r#"{"type": "indicator", "pattern": "[a:b = 1]"}"#,
            "id: expected an identifier, got nothing",
        ),
        (
            r#"{"type": "indicator", "id": ""}"#,
            "id: expected an identifier of 1 to 256 bytes, got ",
        ),
        (r#"{"type": "indicator", "id": 5}"#, "id: expected a string, got 5"),
        (
            r#"{"type": "indicator", "id": "indicator--1"}"#,
            "pattern: expected a string, got nothing",
        ),
        (
            r#"{"type": "indicator", "id": "indicator--1", "pattern": ["x"]}"#,
            "pattern: expected a string, got [\"x\"]",
        ),
        ("5", "expected a STIX object, got 5"),
    ] {
        let outcome = one(object);
        assert_eq!(outcome.unreduced[0].reason.to_string(), reason);
        assert_eq!(outcome.reports[0].rejected, 1);
    }
    assert_eq!(one(r#"{"type": "indicator", "type": "indicator"}"#).reports[0].rejected, 1);
    // Missing confidence is not confidence 0, and decorative properties may have any value.
    let outcome = one(&indicator(
        "1",
        "evil.example",
        r#", "confidence": null, "name": 5, "labels": {}, "indicator_types": "x""#,
    ));
    assert_eq!(
        (outcome.indicators[0].confidence, outcome.indicators[0].name.as_deref()),
        (None, None)
    );
}

#[test]
fn parts_that_are_not_reduced_are_reported() {
    let pattern =
        |id: &str, text: &str| indicator(id, "", "").replace("[domain-name:value = '']", text);
    let outcome = read(&[&bundle(&[
        &pattern("1", "[domain-name:value = 'evil.example' OR file:name = 'evil.dll']"),
        &pattern("2", "[file:name = 'evil.dll']"),
        &pattern("3", "[domain-name:value = ]"),
        &pattern("4", "[domain-name:value = 'four.example']"),
    ])]);
    assert_eq!(outcome.taken, ["0 1 evil.example", "0 4 four.example"]);
    let told: Vec<_> = outcome
        .unreduced
        .iter()
        .map(|part| (&*part.id, part.partial, part.reason.is_pattern()))
        .collect();
    assert_eq!(
        told,
        [
            ("indicator--1", true, true),
            ("indicator--2", false, true),
            ("indicator--3", false, false)
        ]
    );
    assert!(outcome.unreduced[0].pattern.contains("evil.dll"));
    assert_eq!((outcome.report.unreduced, outcome.report.partial), (3, 1));
    // Parts that are not in the newer version are not reported.
    let newer = version("2", "two.example", "2026-01-01T00:00:00Z", "");
    assert!(read(&[&bundle(&[&pattern("2", "[file:name = 'x']"), &newer])]).unreduced.is_empty());
}

#[test]
fn times_of_a_pattern_narrow_those_of_the_indicator() {
    let text = "([domain-name:value = 'a.example'] \
                START t'2026-01-02T00:00:00Z' STOP t'2026-01-03T00:00:00Z') OR \
                [domain-name:value = 'b.example'] OR [domain-name:value = 'c.example'] \
                START t'2026-01-02T00:00:00Z' STOP t'2026-01-03T00:00:00Z'";
    let until = r#", "valid_until": "2026-01-02T12:00:00Z""#;
    let outcome = one(&indicator("1", "", until).replace("[domain-name:value = '']", text));
    assert_eq!(outcome.taken, ["0 1 a.example c.example", "0 1 b.example"]);
    let day = |days: i64| Some(Timestamp(NEW_YEAR_2026 + days * DAY / 2));
    assert_eq!(
        (outcome.indicators[0].valid_from, outcome.indicators[0].valid_until),
        (day(2), day(3))
    );
    assert_eq!(
        (outcome.indicators[1].valid_from, outcome.indicators[1].valid_until),
        (day(0), day(3))
    );
    let outcome = one(&indicator("1", "", "").replace("[domain-name:value = '']", text));
    assert_eq!(outcome.indicators[0].valid_until, day(4));
    assert_eq!(outcome.indicators[1].valid_until, None);
    assert_eq!((outcome.report.indicators, outcome.report.values), (1, 3));
}

#[test]
fn the_grammar_of_2_0_is_also_tried_without_a_version() {
    let text = "[domain-name:value = 'a.example'] START '2026-01-02T00:00:00Z' STOP '2026-01-03T00:00:00Z'";
    let object = indicator("1", "", "").replace("[domain-name:value = '']", text);
    assert_eq!(one(&object).taken.len(), 0);
    assert_eq!(one(&object.replace(r#""spec_version": "2.1", "#, "")).taken, ["0 1 a.example"]);
}

#[test]
fn the_limits_decide_what_urls_cover() {
    let object = indicator("1", "", "").replace(
        "[domain-name:value = '']",
        "[url:value IN ('http://a.example/x', 'http://a.example/y?z')]",
    );
    for (url_mode, want) in [(UrlMode::Exact, UrlMode::Exact), (UrlMode::Prefix, UrlMode::Prefix)] {
        let mut set = StixSet::new(StixLimits { url_mode, ..StixLimits::default() });
        set.read(0, object.as_bytes()).unwrap();
        let outcome = finish(set, Vec::new());
        let modes: Vec<UrlMode> = outcome.indicators[0]
            .values
            .iter()
            .map(
                |value| if let Value::Url { mode, .. } = value { *mode } else { panic!("{value}") },
            )
            .collect();
        assert_eq!(modes, [want, UrlMode::Exact]);
    }
}

#[test]
fn an_envelope_says_where_to_continue() {
    let objects = indicator("1", "evil.example", "");
    for (next, want) in [
        (r#""page-2""#, Some("page-2")),
        (r#""p\u0061ge \"2\"""#, Some("page \"2\"")),
        ("20", Some("20")),
        ("12345678901234567890123", Some("12345678901234567890123")),
        ("-1", Some("-1")),
        ("null", None),
        ("true", None),
        (r#"{"page": 2}"#, None),
    ] {
        for envelope in [
            format!(r#"{{"more": true, "next": {next}, "objects": [{objects}]}}"#),
            format!(r#"{{"objects": [{objects}], "next": {next}, "more": true}}"#),
            format!(r#"{{"more": true, "next": {next}}}"#),
        ] {
            let outcome = read(&[&envelope]);
            assert_eq!(outcome.reports[0].next.as_deref(), want, "{envelope}");
            assert!(outcome.reports[0].more, "{envelope}");
        }
    }
}

#[test]
fn indicators_without_values_are_reported() {
    let modified = "2026-01-01T00:00:00Z";
    let pattern = r#", "pattern": "[file:size = 3]""#;
    let mut set = StixSet::new(StixLimits::default());
    let objects = [
        version("kept", "evil.example", modified, ""),
        version("gone", "evil.example", modified, r#", "revoked": true"#),
        indicator("undated", "evil.example", r#", "revoked": true"#),
        version("other", "evil.example", modified, "")
            .replace(r#", "pattern": "[domain-name:value = 'evil.example']""#, pattern),
    ];
    set.read(0, bundle(&objects.each_ref().map(String::as_str)).as_bytes()).unwrap();
    let reported: Vec<String> = set
        .valueless()
        .map(|one| format!("{} {:?} {}", one.id, one.modified.map(|time| time.0), one.is_revoked))
        .collect();
    assert_eq!(
        reported,
        [
            format!("indicator--gone Some({NEW_YEAR_2026}) true"),
            "indicator--undated None true".to_owned(),
            format!("indicator--other Some({NEW_YEAR_2026}) false"),
        ]
    );
}

#[test]
fn definitions_carried_to_a_later_set_say_the_same() {
    let definition = |id: &str, kind: &str, rest: &str| {
        format!(
            r#"{{"type": "marking-definition", "id": "marking-definition--{id}", "definition_type": "{kind}"{rest}}}"#
        )
    };
    let definitions = [
        definition("amber", "tlp", r#", "definition": {"tlp": "amber+strict"}"#),
        definition("free", "statement", r#", "definition": {"statement": "copyright"}"#),
        definition("odd", "acme-levels", ""),
    ];
    let marked = |id: &str| {
        indicator(
            id,
            "evil.example",
            &format!(r#", "object_marking_refs": ["marking-definition--{id}"]"#),
        )
    };
    let objects = [marked("amber"), marked("free"), marked("odd"), marked("never")];
    let mut first = StixSet::new(StixLimits::default());
    first.read(0, bundle(&definitions.each_ref().map(String::as_str)).as_bytes()).unwrap();
    let carried: Vec<(String, String)> =
        first.definitions().map(|(id, definition)| (id.to_owned(), definition)).collect();
    assert_eq!(carried.len(), 2, "what is not understood is not carried");
    let mut second = StixSet::new(StixLimits::default());
    for (_, definition) in &carried {
        second.read(0, definition.as_bytes()).unwrap();
    }
    let report =
        second.read(0, bundle(&objects.each_ref().map(String::as_str)).as_bytes()).unwrap();
    let outcome = finish(second, vec![report]);
    let levels: Vec<Option<Tlp>> = outcome.indicators.iter().map(|one| one.tlp).collect();
    assert_eq!(levels, [Some(Tlp::AmberStrict), None, Some(Tlp::Red), Some(Tlp::Red)]);
}
