use serde_json::json;

use super::*;

fn holds(text: &str, object: &Json) -> bool {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).holds(object)
}

#[test]
fn an_expression_compares_properties_of_every_type() {
    let object = json!({
        "type": "indicator", "name": "C2 of Emotet", "confidence": 70, "revoked": false,
        "created": "2026-01-01T00:00:00.000Z", "x_score": 7.5, "labels": ["a", "b"],
        "kill_chain_phases": [{"kill_chain_name": "k", "phase_name": "delivery"},
                              {"kill_chain_name": "k", "phase_name": "c2"}],
        "extensions": {"extension-definition--1": {"level": 3}}, "nothing": null,
    });
    for (text, expected) in [
        ("[indicator:confidence >= 70]", true),
        ("[indicator:confidence > 70]", false),
        ("[indicator:confidence < 70.5]", true),
        ("[indicator:x_score = 7.5 AND indicator:revoked = false]", true),
        ("[indicator:name LIKE 'C2%']", true),
        ("[indicator:name LIKE '_2 of Emotet']", true),
        ("[indicator:name LIKE 'c2%']", false),
        ("[indicator:name MATCHES '(?i)emotet$']", true),
        ("[indicator:created < t'2026-01-01T00:00:00.001Z']", true),
        ("[indicator:created >= t'2026-01-02T00:00:00Z']", false),
        ("[indicator:labels[*] = 'b']", true),
        ("[indicator:labels[0] = 'b']", false),
        ("[indicator:labels[1] IN ('x', 'b')]", true),
        ("[indicator:labels = 'b']", false),
        ("[indicator:labels[*] NOT IN ('a')]", true),
        ("[indicator:kill_chain_phases[*].phase_name = 'c2']", true),
        ("[indicator:extensions.'extension-definition--1'.level <= 3]", true),
        ("[indicator:name != 'x']", true),
        // Nothing holds about a missing value, or one of another type.
        ("[indicator:x_missing != 'x']", false),
        ("[indicator:x_missing NOT = 'x']", false),
        ("[indicator:nothing != 'x']", false),
        ("[indicator:name > 5]", false),
        ("[EXISTS indicator:x_missing OR indicator:confidence = 70]", true),
        ("[EXISTS indicator:labels]", true),
    ] {
        assert_eq!(holds(text, &object), expected, "{text}");
    }
}

#[test]
fn what_is_no_expression_is_rejected_with_the_reason() {
    let long = format!("[indicator:name = '{}']", "x".repeat(MAX_EXPRESSION_BYTES));
    for (text, expected) in [
        ("indicator:name = 'x'", "expected"),
        ("[indicator:name = 'x'] AND [indicator:name = 'y']", "one pair of brackets"),
        ("[indicator:name = 'x'] REPEATS 2 TIMES", "without a qualifier"),
        ("[domain-name:value = 'x']", "`domain-name:`"),
        ("[indicator:name ISSUBSET '10.0.0.0/8']", "ISSUBSET"),
        ("[indicator:name = h'ff']", "bytes"),
        ("[indicator:name MATCHES '(']", "MATCHES"),
        ("[indicator:name MATCHES '((a{1000}){1000}){1000}']", "MATCHES"),
        (&long, "at most"),
    ] {
        let error = Expression::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn labels_come_from_both_properties_without_regard_to_case() {
    let filter = |pass: &[&str], drop: &[&str]| ObjectFilter {
        pass_labels: pass.iter().map(ToString::to_string).collect(),
        drop_labels: drop.iter().map(ToString::to_string).collect(),
        ..ObjectFilter::default()
    };
    let object = json!({"labels": ["Phishing"], "indicator_types": ["malicious-activity"]});
    for (pass, drop, expected) in [
        (&["phishing"][..], &[][..], None),
        (&["MALICIOUS-activity"], &[], None),
        (&["benign"], &[], Some(Dropped::NoLabel)),
        (&[], &["benign", "phishing"], Some(Dropped::Label("Phishing".into()))),
        (&["phishing"], &["malicious-activity"], Some(Dropped::Label("malicious-activity".into()))),
    ] {
        assert_eq!(filter(pass, drop).dropped(&object), expected);
    }
    assert_eq!(filter(&["a"], &[]).dropped(&json!({})), Some(Dropped::NoLabel));
    assert_eq!(filter(&[], &["a"]).dropped(&json!({"labels": "a"})), None);
}
