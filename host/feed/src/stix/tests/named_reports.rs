//! Reports, and the indicators that they refer to.

use super::*;

fn report(id: &str, modified: &str, references: &[&str], more: &str) -> String {
    let references: Vec<String> = references.iter().map(|id| format!("\"{id}\"")).collect();
    format!(
        r#"{{"type": "report", "id": "report--{id}", "name": " Spring ", "modified": "{modified}", "object_refs": [{}]{more}}}"#,
        references.join(", ")
    )
}

/// A report's name and indicators.
type Said = (String, Vec<String>);

/// The reports of several bundles, by id.
fn reports(objects: &[&str]) -> Vec<(String, Option<Said>)> {
    let mut set = StixSet::new(StixLimits::default());
    for object in objects {
        set.read(0, bundle(&[object]).as_bytes()).unwrap();
    }
    let reports = set
        .reports()
        .into_iter()
        .map(|(one, _)| (one.id, one.said.map(|report| (report.name, report.indicators))));
    reports.collect()
}

#[test]
fn a_report_names_its_indicators_and_nothing_else() {
    let references = ["indicator--1", "malware--1", "indicator--2", "report--2"];
    let one = report("1", "2026-01-01T00:00:00Z", &references, "");
    let said = ("Spring".to_owned(), vec!["indicator--1".to_owned(), "indicator--2".to_owned()]);
    assert_eq!(reports(&[&one]), [("report--1".to_owned(), Some(said))]);
    // A report without indicators makes no event.
    let other = report("2", "2026-01-01T00:00:00Z", &["malware--1"], "");
    assert_eq!(reports(&[&other]), []);
}

#[test]
fn the_newest_version_counts_in_any_order() {
    let old = report("1", "2026-01-01T00:00:00Z", &["indicator--1"], "");
    let new = report("1", "2026-01-02T00:00:00Z", &["indicator--2"], "");
    let gone = report("1", "2026-01-03T00:00:00Z", &["indicator--2"], r#", "revoked": true"#);
    let said = Some(("Spring".to_owned(), vec!["indicator--2".to_owned()]));
    for order in [[&old, &new], [&new, &old]] {
        let order = order.map(String::as_str);
        assert_eq!(reports(&order), [("report--1".to_owned(), said.clone())]);
    }
    for order in [[&old, &gone], [&gone, &new]] {
        assert_eq!(reports(&order.map(String::as_str)), [("report--1".to_owned(), None)]);
    }
}

#[test]
fn a_report_has_its_own_marking() {
    let green = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da";
    let marked = format!(r#", "object_marking_refs": ["{green}"]"#);
    let one = report("1", "2026-01-01T00:00:00Z", &["indicator--1"], &marked);
    let mut set = StixSet::new(StixLimits::default());
    set.read(0, bundle(&[&one]).as_bytes()).unwrap();
    assert_eq!(set.reports()[0].1, Some(Tlp::Green));
}
