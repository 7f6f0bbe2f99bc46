use threatsieve_blacklist::{Indicator, IndicatorId, ThreatKind, Timestamp, Tlp};

use super::*;
use crate::LineError;

const EVENT: &str = "11111111-aaaa-4bbb-8ccc-000000000001";

fn event(json: &str) -> MispEvent {
    read_event(&mut json.as_bytes()).unwrap()
}

/// Reads an event with one attribute. Both are given as the inner text of a JSON object.
fn reading(reader: &MispReader, of_event: &str, attribute: &str) -> MispReading {
    let uuid = "33333333-AAAA-4bbb-8ccc-000000000001";
    let json = format!(
        r#"{{"Event": {{"uuid": "{EVENT}", {of_event} "Attribute": [
        {{"uuid": "{uuid}", "to_ids": true, {attribute}}}]}}}}"#
    );
    let event = event(&json);
    let (attribute, is_deleted) = event.attributes().next().unwrap();
    reader.read(attribute, is_deleted, &event)
}

fn indicator(of_event: &str, attribute: &str) -> Indicator {
    match reading(&MispReader::default(), of_event, attribute) {
        MispReading::Indicator(indicator) => *indicator,
        other => panic!("{attribute}: {other:?}"),
    }
}

#[test]
fn each_type_gives_its_value() {
    let hash = "c39643a36a17abc6aefed5e9a2735fa698c69f0595428befff9a25bb18e6a010";
    for (kind, value, want) in [
        ("ip-dst", "45.66.77.90", "45.66.77.90"),
        ("ip-src", "45.66.77.0/24", "45.66.77.0/24"),
        ("domain", "Evil.example.", "evil.example"),
        ("hostname", "a.evil.example", "a.evil.example"),
        ("domain|ip", "evil.example|45.66.77.91", "evil.example"),
        ("url", "hxxp://evil.example/Gate.php", "http://evil.example/Gate.php"),
        ("filename|sha256", &format!("in|voice.exe|{hash}"), hash),
        ("md5", "4053ed09a21be35df684fbc3c3035630", "4053ed09a21be35df684fbc3c3035630"),
        ("email-src", "a@Evil.example", "a@evil.example"),
    ] {
        let one = indicator("", &format!(r#""type": "{kind}", "value": "{value}""#));
        let values: Vec<String> = one.values[0].normal_forms();
        assert_eq!(values, [want], "{kind}");
        assert_eq!(one.id, IndicatorId::Stix("33333333-aaaa-4bbb-8ccc-000000000001".to_owned()));
    }
    let one = indicator("", r#""type": "ip-dst|port", "value": "45.66.77.90|8443""#);
    assert_eq!(one.port.map(|port| port.number), Some(8443));
}

#[test]
fn each_type_that_is_matched_has_a_reader() {
    assert!(MATCHED_TYPES.is_sorted());
    for kind in MATCHED_TYPES {
        let reading =
            reading(&MispReader::default(), "", &format!(r#""type": "{kind}", "value": "?""#));
        assert!(matches!(reading, MispReading::Rejected(_)), "{kind}: {reading:?}");
    }
}

#[test]
fn what_is_no_indicator_is_told_apart() {
    let read = |attribute: &str| reading(&MispReader::default(), "", attribute);
    let domain = r#""type": "domain", "value": "evil.example", "timestamp": "1777600000""#;
    let at = Some(Timestamp(1_777_600_000_000_000));
    for off in ["false", "0", "\"0\"", "null"] {
        let attribute = format!(r#"{domain}, "to_ids": {off}"#).replace("\"to_ids\": true, ", "");
        let json = format!(r#"{{"Event": {{"Attribute": [{{{attribute}}}]}}}}"#);
        let event = event(&json);
        let (attribute, _) = event.attributes().next().unwrap();
        let reading = MispReader::default().read(attribute, false, &event);
        assert_eq!(reading, MispReading::Withdrawn(at), "{off}");
    }
    assert_eq!(read(&format!(r#"{domain}, "deleted": "1""#)), MispReading::Withdrawn(at));
    for kind in ["filename", "link", "yara", "filename|ssdeep", "a-new-type"] {
        let reading = read(&format!(r#""type": "{kind}", "value": "evil.dll""#));
        assert!(matches!(reading, MispReading::Skipped(_)), "{kind}: {reading:?}");
    }
    let MispReading::Rejected(error) = read(r#""type": "domain", "value": "not a domain""#) else {
        panic!()
    };
    assert_eq!(error.kind(), "not a value");
    let wrong = read(r#""type": "domain", "value": "evil.example", "first_seen": "soon""#);
    assert!(matches!(wrong, MispReading::Rejected(LineError::Column { .. })), "{wrong:?}");
}

#[test]
fn objects_of_events_are_read_and_deleted_ones_withdrawn() {
    let event = event(
        r#"{"Event": {"uuid": "x", "Attribute": null, "Object": [
        {"name": "file", "Attribute": [{"uuid": "33333333-aaaa-4bbb-8ccc-000000000001",
         "type": "domain", "value": "a.example", "to_ids": 1}]},
        {"name": "file", "deleted": true, "Attribute": [
         {"uuid": "33333333-aaaa-4bbb-8ccc-000000000002",
         "type": "domain", "value": "b.example", "to_ids": 1}]}]}}"#,
    );
    let reader = MispReader::default();
    let read: Vec<MispReading> =
        event.attributes().map(|(one, deleted)| reader.read(one, deleted, &event)).collect();
    assert!(matches!(read[0], MispReading::Indicator(_)), "{read:?}");
    assert_eq!(read[1], MispReading::Withdrawn(None));
}

#[test]
fn tags_of_the_event_and_of_the_attribute_count_together() {
    let of_event = r#""info": "Campaign X", "Tag": [{"name": "tlp:green"},
        {"name": "misp:confidence-level=\"usually-confident\""},
        {"name": "misp-galaxy:threat-actor=\"APT 28\""}, {"name": "osint:source"}],"#;
    let one = indicator(
        of_event,
        r#""type": "domain", "value": "evil.example", "comment": "second stage",
        "first_seen": "2026-05-01T00:00:00.000000+00:00", "last_seen": "2026-05-09T00:00:00+00:00",
        "timestamp": 1777600000,
        "Tag": [{"name": "TLP:Amber", "colour": "red"},
        {"name": "misp-galaxy:mitre-attack-pattern=\"Spearphishing Link - T1566.002\""},
        {"name": "misp-galaxy:country=\"russia\""}]"#,
    );
    assert_eq!((one.tlp, one.confidence), (Some(Tlp::Amber), Some(75)));
    assert_eq!(one.name.as_deref(), Some("Campaign X: second stage"));
    assert_eq!(one.types, ["osint:source"]);
    assert_eq!(one.modified, Some(Timestamp(1_777_600_000_000_000)));
    let threats: Vec<_> =
        one.threats.iter().map(|one| (one.kind, &*one.name, one.id.as_deref())).collect();
    assert_eq!(
        threats,
        [
            (ThreatKind::Group, "APT 28", None),
            (ThreatKind::Technique, "Spearphishing Link", Some("T1566.002"))
        ]
    );
    let days = |days: i64| Some(Timestamp((20_574 + days) * 86_400_000_000));
    assert_eq!((one.valid_from, one.valid_until), (days(0), days(8)));
}

#[test]
fn a_marking_that_is_not_understood_is_the_strictest() {
    let tlp = |tag: &str| {
        indicator(
            "",
            &format!(r#""type": "domain", "value": "evil.example", "Tag": [{{"name": "{tag}"}}]"#),
        )
        .tlp
    };
    assert_eq!(tlp("tlp:white"), Some(Tlp::Clear));
    assert_eq!(tlp("tlp:amber+strict"), Some(Tlp::AmberStrict));
    assert_eq!(tlp("tlp:ex:chr"), Some(Tlp::Red));
    assert_eq!(tlp("tlpx"), None);
}

#[test]
fn an_attribute_seen_once_has_no_end() {
    let one = indicator(
        "",
        r#""type": "domain", "value": "evil.example",
        "first_seen": "2026-05-01T00:00:00+00:00", "last_seen": "2026-05-01T00:00:00+00:00""#,
    );
    assert!(one.valid_from.is_some() && one.valid_until.is_none(), "{one:?}");
}

#[test]
fn a_filter_of_tags_counts_those_of_the_event() {
    let reader = MispReader {
        tags: TagFilter::new(["TLP:GREEN", "ours", "!type:test"]),
        ..MispReader::default()
    };
    let domain = r#""type": "domain", "value": "evil.example""#;
    let tagged = |of_event: &str, own: &str| {
        let tags = |name: &str| format!(r#""Tag": [{{"name": "{name}"}}]"#);
        let reading =
            reading(&reader, &format!("{},", tags(of_event)), &format!("{domain}, {}", tags(own)));
        matches!(reading, MispReading::Indicator(_))
    };
    assert!(tagged("tlp:green", "x") && tagged("x", "OURS"));
    assert!(!tagged("x", "y") && !tagged("tlp:green", "type:test"));
    assert!(!tagged("type:test", "ours"));
}

#[test]
fn other_documents_are_refused_with_what_was_expected() {
    let json = |text: &'static str| text.as_bytes();
    for text in ["[]", "<html>", "{\"response\": []}", "", "{\"response\":{\"Attribute\":[1]}}"] {
        let error = read_attributes(&mut json(text)).unwrap_err().to_string();
        assert!(error.starts_with("expected MISP attributes"), "{text}: {error}");
    }
    for key in ["../../etc/passwd", "11111111-aaaa-4bbb-8ccc-00000000000", ""] {
        let text = format!("{{\"{key}\": {{\"timestamp\": \"1\"}}}}");
        let error = read_manifest(&mut text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(&format!("{key:?}")), "{error}");
    }
    let found = read_manifest(&mut format!("{{\"{EVENT}\": {{\"timestamp\": 7}}}}").as_bytes());
    assert_eq!(
        found.unwrap(),
        [IndexEntry { uuid: EVENT.to_owned(), timestamp: 7, is_published: true }]
    );
}
