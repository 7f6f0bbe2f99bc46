//! Threats, and the relationships that lead to them.

use threatsieve_blacklist::{Threat, ThreatKind};

use super::*;

const MALWARE: &str = r#"{"type": "malware", "id": "malware--1", "name": " Poison Ivy ", "modified": "2026-01-01T00:00:00Z"}"#;

fn relation(more: &str) -> String {
    format!(
        r#"{{"type": "relationship", "id": "relationship--1", "relationship_type": "indicates", "source_ref": "indicator--1", "target_ref": "malware--1"{more}}}"#
    )
}

fn threats(bundles: &[&str]) -> Vec<Threat> {
    read(bundles).indicators.remove(0).threats
}

fn ivy(tlp: Option<Tlp>) -> Threat {
    Threat { kind: ThreatKind::Software, name: "Poison Ivy".to_owned(), id: None, tlp }
}

#[test]
fn the_order_and_the_input_do_not_matter() {
    let (one, relation) = (indicator("1", "a.example", ""), relation(""));
    let objects = [one.as_str(), relation.as_str(), MALWARE];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let ordered = order.map(|number| objects[number]);
        assert_eq!(threats(&[&bundle(&ordered)]), [ivy(None)]);
        let apart = ordered.map(|object| bundle(&[object]));
        assert_eq!(threats(&[&apart[0], &apart[1], &apart[2]]), [ivy(None)]);
    }
}

#[test]
fn what_is_revoked_or_of_another_type_is_not_named() {
    let one = indicator("1", "a.example", "");
    let newer = relation(r#", "revoked": true, "modified": "2026-01-02T00:00:00Z""#);
    for objects in [
        vec![relation(r#", "revoked": true"#)],
        vec![newer.clone(), relation("")],
        vec![relation(""), newer],
        vec![relation("").replace("indicates", "derived-from")],
        vec![relation("").replace("malware--1", "malware--2")],
        vec![relation("").replace("indicator--1", "indicator--2")],
    ] {
        let mut objects: Vec<&str> = objects.iter().map(String::as_str).collect();
        objects.extend([one.as_str(), MALWARE]);
        assert_eq!(threats(&[&bundle(&objects)]), [], "{objects:?}");
    }
}

#[test]
fn kinds_and_ids_follow_the_types() {
    let one = indicator("1", "a.example", "");
    for (kind, want) in [
        ("tool", ThreatKind::Software),
        ("threat-actor", ThreatKind::Group),
        ("intrusion-set", ThreatKind::Group),
        ("campaign", ThreatKind::Group),
        ("attack-pattern", ThreatKind::Technique),
    ] {
        let object = format!(
            r#"{{"type": "{kind}", "id": "{kind}--1", "name": "x", "external_references": [{{"source_name": "capec", "external_id": "C"}}, {{"source_name": "mitre-attack", "external_id": "T1"}}]}}"#
        );
        let relation = relation("").replace("malware--1", &format!("{kind}--1"));
        let found = threats(&[&bundle(&[&one, &object, &relation])]);
        let want = Threat { kind: want, name: "x".into(), id: Some("T1".into()), tlp: None };
        assert_eq!(found, [want]);
    }
}

#[test]
fn the_stricter_marking_holds() {
    let one = indicator("1", "a.example", "");
    let green =
        r#", "object_marking_refs": ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]"#;
    let unknown = r#", "object_marking_refs": ["marking-definition--9"]"#;
    let marked = MALWARE.replace("}", &format!("{green}}}"));
    let found = threats(&[&bundle(&[&one, &marked, &relation("")])]);
    assert_eq!(found, [ivy(Some(Tlp::Green))]);
    let found = threats(&[&bundle(&[&one, &marked, &relation(unknown)])]);
    assert_eq!(found, [ivy(Some(Tlp::Red))], "an unknown marking fails closed");
}

#[test]
fn a_threat_without_a_name_is_counted_only() {
    let outcome =
        one(r#"{"type": "malware", "id": "malware--1", "modified": "2026-01-01T00:00:00Z"}"#);
    assert_eq!((outcome.reports[0].others, outcome.reports[0].rejected), (1, 0));
}
