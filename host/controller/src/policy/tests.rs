use std::fs;
use std::time::Duration;

use threatsieve_blacklist::{Timestamp, UrlMode};

use super::*;
use crate::store::ingest::tests::feed;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

fn rules(change: impl FnOnce(&mut FeedPolicy)) -> FeedRules {
    let mut feed = feed("f");
    change(&mut feed.policy);
    FeedRules::of_feed(&feed).unwrap()
}

fn statement(values: &[&str]) -> Statement {
    let values = values.iter().map(|text| Value::from_list(text, UrlMode::Exact).unwrap());
    Statement {
        confidence: None,
        tlp: None,
        name: None,
        types: Vec::new(),
        parts: vec![Part {
            valid_from: None,
            valid_until: None,
            port: None,
            values: values.collect(),
        }],
    }
}

fn apply(rules: &FeedRules, statement: &mut Statement) -> Vec<&'static str> {
    let mut outside = Vec::new();
    let dates = RowDates { modified: Some(NOW), changed: NOW.plus(DAY) };
    rules.apply(dates, statement, &mut |_, why| outside.push(why.rule()));
    outside
}

#[test]
fn what_the_publisher_did_not_say_is_no_reason() {
    let rules = rules(|policy| (policy.min_confidence, policy.max_tlp) = (50, Tlp::Green));
    let mut unknown = statement(&["evil.example"]);
    assert!(apply(&rules, &mut unknown).is_empty());
    let low = Statement { confidence: Some(49), ..unknown.clone() };
    assert_eq!(apply(&rules, &mut low.clone()), ["below_confidence"]);
    let marked = Statement { confidence: Some(50), tlp: Some(Tlp::Amber), ..unknown };
    assert_eq!(apply(&rules, &mut marked.clone()), ["above_tlp"]);
}

#[test]
fn types_take_away_single_values() {
    let rules = rules(|policy| policy.types = Some(vec!["url", "file"]));
    let md5 = "d41d8cd98f00b204e9800998ecf8427e";
    let mut one = statement(&["evil.example", "http://evil.example/x", md5, "1.2.3.4"]);
    assert_eq!(apply(&rules, &mut one), ["type", "type"]);
    assert_eq!(one.parts[0].values.len(), 2);
}

#[test]
fn a_scope_changes_domains_without_a_form_of_their_own() {
    let modes = |scope| {
        let mut one = statement(&["a.example", "*.b.example", ".c.example"]);
        one.parts[0].values.push(Value::domain("d.example", DomainMode::Exact).unwrap());
        apply(&rules(|policy| policy.scope = scope), &mut one);
        let mode = |value: &Value| match value {
            Value::Domain(_, mode) => *mode,
            other => panic!("{other}"),
        };
        one.parts[0].values.iter().map(mode).collect::<Vec<_>>()
    };
    use DomainMode::{AtAndBelow, Below, Exact, Tree};
    assert_eq!(modes(Scope::AsListed), [AtAndBelow, Below, Tree, Exact]);
    assert_eq!(modes(Scope::Exact), [Exact, Below, Tree, Exact]);
    assert_eq!(modes(Scope::Subtree), [AtAndBelow, Below, Tree, AtAndBelow]);
}

#[test]
fn age_ends_values_from_their_last_change_on() {
    let by_age = rules(|policy| policy.max_age = Some(10 * DAY));
    let ends = |rules: &FeedRules, change: fn(&mut Part), dates| {
        let mut one = statement(&["evil.example"]);
        change(&mut one.parts[0]);
        rules.apply(dates, &mut one, &mut |_, _| {});
        one.parts[0].valid_until
    };
    let changed = RowDates { modified: Some(NOW), changed: NOW.plus(5 * DAY) };
    assert_eq!(ends(&by_age, |_| {}, changed), Some(NOW.plus(10 * DAY)));
    // The later of the last change and the start counts.
    let later = |part: &mut Part| part.valid_from = Some(NOW.plus(3 * DAY));
    assert_eq!(ends(&by_age, later, changed), Some(NOW.plus(13 * DAY)));
    // The publisher's own end, if it is earlier.
    let own = |part: &mut Part| part.valid_until = Some(NOW.plus(2 * DAY));
    assert_eq!(ends(&by_age, own, changed), Some(NOW.plus(2 * DAY)));
    // A list's value has no date, and is listed as long as it counts.
    let undated = RowDates { modified: None, changed: NOW };
    assert_eq!(ends(&by_age, |_| {}, undated), None);
    let collection = FeedRules { is_dated_by_arrival: true, ..by_age };
    assert_eq!(ends(&collection, |_| {}, undated), Some(NOW.plus(10 * DAY)));
}

#[test]
fn lists_are_read_from_files_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("lists/one")).unwrap();
    let list = r#"{"name": "Known good", "version": 7, "type": "hostname", "list": ["good.example"],
                   "matching_attributes": ["hostname", "url"]}"#;
    fs::write(path("lists/one/list.json"), list).unwrap();
    fs::write(path("lists/README.md"), "no list").unwrap();
    fs::write(path("lists/schema.json"), "{}").unwrap();
    fs::write(path("ours.txt"), "ours.example\n10.1.0.0/16\n# comment\n").unwrap();
    let rules = rules(|policy| {
        policy.warninglists = vec![path("lists")];
        policy.allow = vec![path("ours.txt")];
    });
    let mut one = statement(&[
        "www.good.example",
        "http://good.example/x",
        "bob@good.example",
        "mail.ours.example",
        "http://ours.example/",
        "10.1.2.3",
        "http://10.1.2.3/x",
        "10.2.0.1",
    ]);
    let expected = ["warninglist"; 2].into_iter().chain(["allow_list"; 4]);
    assert_eq!(apply(&rules, &mut one), expected.collect::<Vec<_>>());
    let left: Vec<String> = one.parts[0].values.iter().map(ToString::to_string).collect();
    assert_eq!(left, ["bob@good.example", "10.2.0.1"]);
    let why = rules.is_harmless(&Value::from_list("good.example", UrlMode::Exact).unwrap());
    let why = why.unwrap().to_string();
    assert_eq!(why, "on the warninglist \"Known good (version 7)\": good.example");
}

#[test]
fn a_list_that_cannot_be_read_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.json");
    for (text, expected) in [("{", "expected a MISP warninglist"), ("", "expected")] {
        fs::write(&path, text).unwrap();
        let mut feed = feed("f");
        feed.policy.warninglists = vec![path.clone()];
        let error = format!("{:#}", FeedRules::of_feed(&feed).unwrap_err());
        assert!(error.contains(expected) && error.contains("list.json"), "{error}");
    }
    let mut feed = feed("f");
    feed.policy.allow = vec![folder.path().join("missing")];
    assert!(FeedRules::of_feed(&feed).is_err());
}
