use serde_json::{Value as Json, json};

use super::judge::judge;
use super::*;

fn expected() -> Expected {
    Expected::new("default", "indicator").unwrap()
}

fn found(mapping: &Json, settings: &Json) -> Vec<(bool, String)> {
    let findings = judge(&expected(), mapping, settings);
    findings.into_iter().map(|finding| (finding.is_problem, finding.what)).collect()
}

/// Findings of a mapping with these properties.
fn of(properties: &Json) -> Vec<(bool, String)> {
    found(&json!({ "properties": properties }), &Json::Null)
}

#[test]
fn an_index_that_takes_all_is_fine() {
    assert_eq!(of(&json!({})), []);
    let template: Json = serde_json::from_str(TEMPLATE).unwrap();
    let strict = |mut mapping: Json| {
        mapping["dynamic"] = "strict".into();
        mapping
    };
    // The template works in a strict index, because it makes the object of generations dynamic.
    assert_eq!(found(&strict(template["template"]["mappings"].clone()), &Json::Null), []);
    let text = json!({ "type": "text", "fields": { "keyword": { "type": "keyword" } } });
    assert_eq!(of(&json!({ "indicator": text, "threat": { "type": "flat_object" } })), []);
}

#[test]
fn strict_mappings_are_problems_with_what_they_lack() {
    let lacks = "it is strict, and lacks indicator, threat, threatsieve: it refuses flagged events";
    for dynamic in ["strict", "strict_allow_templates"] {
        assert_eq!(found(&json!({ "dynamic": dynamic }), &Json::Null), [(true, lacks.to_owned())]);
    }
    let enrichments = json!({ "enrichments": { "type": "nested", "dynamic": "true" } });
    let inner = json!({ "threat": { "dynamic": "strict", "properties": enrichments } });
    assert_eq!(of(&inner), []);
    let inner = json!({ "threat": { "dynamic": "strict" } });
    assert_eq!(
        of(&inner),
        [(
            true,
            "it is strict, and lacks threat.enrichments: it refuses flagged events".to_owned()
        )]
    );
    let stored = found(&json!({ "dynamic": false }), &Json::Null);
    assert!(
        !stored[0].0 && stored[0].1.contains("stores indicator, threat, threatsieve"),
        "{stored:?}"
    );
}

#[test]
fn clashing_fields_are_problems() {
    let occurred = json!({ "properties": { "occurred": { "type": "long" } } });
    let enrichments = json!({ "type": "nested", "properties": { "matched": occurred } });
    let cases = [
        (
            json!({ "indicator": { "properties": { "ip": { "type": "ip" } } } }),
            "indicator is an object, expected a keyword",
        ),
        (json!({ "threat": { "type": "keyword" } }), "threat is a keyword, expected an object"),
        (
            json!({ "threat": { "properties": { "enrichments": { "type": "text" } } } }),
            "threat.enrichments is a text, expected an object",
        ),
        (
            json!({ "indicator": { "type": "boolean" } }),
            "indicator is of type boolean, expected keyword",
        ),
        (
            json!({ "indicator": { "type": "alias", "path": "x" } }),
            "indicator is of type alias, expected keyword",
        ),
        (
            json!({ "threatsieve": { "properties": { "withheld": { "type": "byte" } } } }),
            "threatsieve.withheld is of type byte, expected integer",
        ),
        (
            json!({ "threat": { "properties": { "enrichments": enrichments } } }),
            "threat.enrichments.matched.occurred is of type long, expected date",
        ),
    ];
    for (properties, what) in cases {
        let found = of(&properties);
        assert!(found.len() == 1 && found[0].0 && found[0].1.starts_with(what), "{found:?}");
    }
    let object =
        of(&json!({ "threat": { "properties": { "enrichments": { "type": "object" } } } }));
    assert!(!object[0].0 && object[0].1.starts_with("threat.enrichments is an object, not nested"));
}

#[test]
fn malformed_values_may_be_forgiven() {
    let properties = json!({ "indicator": { "type": "long" } });
    let lenient = json!({ "index.mapping.ignore_malformed": "true" });
    assert_eq!(of(&properties).len(), 1);
    assert_eq!(found(&json!({ "properties": properties }), &lenient), []);
    assert_eq!(of(&json!({ "indicator": { "type": "long", "ignore_malformed": true } })), []);
    let strict =
        json!({ "properties": { "indicator": { "type": "long", "ignore_malformed": false } } });
    assert_eq!(found(&strict, &lenient).len(), 1);
}

#[test]
fn the_limit_of_fields_counts_as_the_server_does() {
    let mut properties: serde_json::Map<String, Json> =
        (0..900).map(|number| (format!("f{number}"), json!({ "type": "long" }))).collect();
    let of = |properties: &serde_json::Map<String, Json>, limit: u64| {
        found(
            &json!({ "properties": properties }),
            &json!({ "index.mapping.total_fields.limit": limit.to_string() }),
        )
    };
    let text = of(&properties, 920);
    assert!(text[0].0 && text[0].1.starts_with("it has 900 of at most 920 fields"), "{text:?}");
    let more: u64 =
        text[0].1.split("up to ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert_eq!(of(&properties, 900 + more), []);
    assert_eq!(of(&properties, 899 + more).len(), 1);
    // An object, its field, and that field's field: three.
    let field = json!({ "type": "text", "fields": { "k": { "type": "keyword" } } });
    properties.insert("o".into(), json!({ "properties": { "t": field } }));
    assert_eq!(of(&properties, 902 + more).len(), 1);
    assert_eq!(of(&properties, 903 + more), []);
}

#[test]
fn the_flag_may_be_elsewhere_or_nowhere() {
    let strict = json!({ "dynamic": "strict" });
    let lacks = |flag: &str| {
        judge(&Expected::new("office", flag).unwrap(), &strict, &Json::Null)[0].what.clone()
    };
    assert!(lacks("").contains("lacks threat, threatsieve:"));
    assert!(lacks("labels.bad").contains("lacks labels, threat, threatsieve:"));
    Expected::new("office", "labels..bad").unwrap_err();
}

#[test]
fn templates_are_meant_where_patterns_may_meet() {
    for (ours, theirs, meet) in [
        ("proxy-*", "proxy-*", true),
        ("proxy-2026", "proxy-*", true),
        ("proxy-*", "proxy-squid-*", true),
        ("*-2026", "proxy-*", true),
        ("*-2026", "proxy-x", false),
        ("*a*b*", "*b*a", true),
        ("proxy", "proxy-*", false),
        ("dns-*", "proxy-*", false),
        ("proxy-", "proxy-*", true),
    ] {
        assert_eq!(may_meet(ours, theirs), meet, "{ours} {theirs}");
    }
}

#[test]
fn settings_are_flattened() {
    let settings = json!({ "index": { "mapping": { "total_fields": { "limit": "5" } } } });
    assert_eq!(flat(&settings), json!({ "index.mapping.total_fields.limit": "5" }));
}

#[test]
fn nodes_without_the_plugin_or_with_another_are_named() {
    let node = |name: &str, plugin: Option<&str>| NodePlugin {
        name: name.to_owned(),
        version: "3.8.0".to_owned(),
        plugin: plugin.map(str::to_owned),
    };
    let (one, two) = (node("n1", Some("1")), node("n2", Some("1")));
    assert_eq!(node_findings(&[one.clone(), two]), []);
    let missing = node_findings(&[one.clone(), node("n2", None)]);
    assert!(missing[0].is_problem && missing[0].what.contains("missing on n2:"));
    let other = node_findings(&[one, node("n2", Some("2"))]);
    assert!(!other[0].is_problem && other[0].what.contains("1 on n1; 2 on n2"));
    assert!(node_findings(&[])[0].is_problem);
}
