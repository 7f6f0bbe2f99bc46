//! Bundles that are truncated, damaged or too large: everything read before is kept.

use super::*;

#[test]
fn everything_read_before_damage_is_kept() {
    let whole = bundle(&[&indicator("1", "one.example", ""), &indicator("2", "two.example", "")]);
    let second = whole.find("\"indicator--2\"").unwrap();
    for cut in [second, second + 60, whole.len() - 3] {
        let mut set = StixSet::new(StixLimits::default());
        let error = set.read(0, &whole.as_bytes()[..cut]).unwrap_err();
        let FeedError::Json { offset, objects, .. } = &error else { panic!("{error}") };
        assert_eq!((*offset, *objects), (cut as u64, 1), "{error}");
        assert_eq!(finish(set, Vec::new()).taken, ["0 1 one.example"]);
    }
    let mut set = StixSet::new(StixLimits::default());
    let error = set.read(0, &whole.as_bytes()[..whole.len() - 1]).unwrap_err();
    assert!(
        error.to_string().ends_with("got the end of the input; 2 objects were read before it"),
        "{error}"
    );
    assert_eq!(finish(set, Vec::new()).taken.len(), 2);
}

#[test]
fn damage_inside_an_object_is_reported_with_its_position() {
    let good = indicator("1", "one.example", "");
    for (bad, place) in
        [("\"x\":\n\n ,", 7), ("\"x\": tru,", 8), ("\"x\" 5,", 4), ("\"x\": 01,", 6)]
    {
        let text = bundle(&[&good, &good.replacen('{', &format!("{{\n{bad}"), 1)]);
        let start = text.rfind(bad).unwrap();
        let mut set = StixSet::new(StixLimits::default());
        let error = set.read(0, text.as_bytes()).unwrap_err();
        let FeedError::Json { offset, expected: "well-formed JSON", got, objects: 1 } = &error
        else {
            panic!("{error}")
        };
        let off = (*offset as i64 - (start + place) as i64).abs();
        assert!(off <= 1, "{bad:?}: at {offset}, not {}", start + place);
        assert!(!got.contains(" line "), "{got}");
        assert_eq!(finish(set, Vec::new()).taken, ["0 1 one.example"]);
    }
}

#[test]
fn objects_of_used_types_beyond_the_limits_are_rejected() {
    let limits = StixLimits { max_object_bytes: 1000, max_depth: 8, ..StixLimits::default() };
    let long =
        indicator("1", "long.example", &format!(r#", "description": "{}""#, "x".repeat(1000)));
    let deep =
        indicator("2", "deep.example", &format!(r#", "x": {}{}"#, "[".repeat(20), "]".repeat(20)));
    let unused = format!(r#"{{"type": "artifact", "payload_bin": "{}"}}"#, "x".repeat(5000));
    let mut set = StixSet::new(limits);
    let report = set
        .read(0, bundle(&[&long, &deep, &unused, &indicator("3", "good.example", "")]).as_bytes())
        .unwrap();
    assert_eq!((report.objects, report.rejected, report.others), (4, 2, 1));
    let outcome = finish(set, vec![report]);
    assert_eq!(outcome.taken, ["0 3 good.example"]);
    let reasons: Vec<String> =
        outcome.unreduced.iter().map(|part| part.reason.to_string()).collect();
    assert_eq!(
        reasons,
        [
            "expected an object of at most 1000 bytes, got a longer one",
            "expected an object of at most 8 levels, got a deeper one"
        ]
    );
}

#[test]
fn reading_ends_when_too_many_objects_are_kept() {
    let mut set = StixSet::new(StixLimits { max_kept: 3, ..StixLimits::default() });
    let objects: Vec<String> = (0..9).map(|n| indicator(&n.to_string(), "a.example", "")).collect();
    let error = set.read(0, format!("[{}]", objects.join(",")).as_bytes()).unwrap_err();
    assert!(matches!(error, FeedError::TooMany { limit: 3, .. }), "{error}");
    assert!(!finish(set, Vec::new()).taken.is_empty());
}
