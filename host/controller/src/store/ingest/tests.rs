use serde_json::json;
use tempfile::TempDir;
use threatsieve_blacklist::{DomainMode, IndicatorId, Tlp};

use super::*;
use crate::config::{FeedPolicy, FeedRole, Hold, Origin};
use crate::store::{Found, Query, State};

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

/// Returns a feed of which nothing is held back.
pub(crate) fn feed(name: &str) -> Feed {
    Feed {
        name: name.to_owned(),
        origin: Origin::Path("unused".into()),
        role: FeedRole::Block,
        every: None,
        fair_interval: None,
        confidence: None,
        tlp: None,
        url_mode: UrlMode::Exact,
        format: None,
        match_port: false,
        may_be_empty: false,
        max_bad: None,
        hold: Hold { max_shrink: 1.0, max_indicators: 1_000_000, canaries: Vec::new() },
        saving: None,
        packages_to: None,
        policy: FeedPolicy::default(),
        misp: Vec::new(),
    }
}

fn careful(max_shrink: f64, canaries: &[&str]) -> Feed {
    let canaries = canaries.iter().map(ToString::to_string).collect();
    Feed { hold: Hold { max_shrink, max_indicators: 1_000_000, canaries }, ..feed("careful") }
}

pub(crate) fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

/// Returns an indicator of some domains.
pub(crate) fn stix(id: &str, modified: i64, names: &[&str]) -> Indicator {
    let values =
        names.iter().map(|name| Value::domain(name, DomainMode::AtAndBelow).unwrap()).collect();
    Indicator {
        modified: Some(Timestamp(modified)),
        ..Indicator::new(IndicatorId::Stix(id.to_owned()), values)
    }
}

pub(crate) fn deliver(
    store: &mut Store,
    feed: &Feed,
    delivered: Delivered,
    indicators: Vec<Indicator>,
) -> Ingested {
    let mut ingest = store.ingest(feed, NOW).unwrap();
    indicators.into_iter().for_each(|one| ingest.put(one).unwrap());
    ingest.finish(delivered, None, false).unwrap()
}

fn list(store: &mut Store, feed: &Feed, names: &[&str]) -> Ingested {
    let lines = (1..).zip(names).map(|(line, name)| {
        Indicator::new(
            IndicatorId::Line(line),
            vec![Value::from_list(name, UrlMode::Exact).unwrap()],
        )
    });
    deliver(store, feed, Delivered::Whole, lines.collect())
}

fn revoke(store: &mut Store, feed: &Feed, id: &str, modified: Option<i64>) -> Ingested {
    let mut ingest = store.ingest(feed, NOW).unwrap();
    ingest.revoke(id, modified.map(Timestamp)).unwrap();
    ingest.finish(Delivered::Part, None, false).unwrap()
}

pub(super) fn found(store: &Store, query: &Query) -> Vec<Found> {
    store.search(query, NOW).unwrap().0
}

/// Returns all ids with their states.
pub(super) fn states(store: &Store) -> Vec<(String, State)> {
    let all = Query { limit: 1000, ..Query::default() };
    found(store, &all).into_iter().map(|found| (found.id, found.state)).collect()
}

fn counts(ingested: &Ingested) -> [u64; 4] {
    [ingested.added, ingested.changed, ingested.removed, ingested.revoked]
}

#[test]
fn a_list_is_the_same_whatever_the_order_of_its_lines() {
    let (_folder, mut store) = store();
    let feed = feed("list");
    assert_eq!(
        counts(&list(&mut store, &feed, &["b.example", "a.example", "1.2.3.4"])),
        [3, 0, 0, 0]
    );
    let again = list(&mut store, &feed, &["a.example", "1.2.3.4", "b.example", "A.example."]);
    assert_eq!(counts(&again), [0, 0, 0, 0]);
    assert!(!again.has_changes());
    assert_eq!(counts(&list(&mut store, &feed, &["a.example", "c.example"])), [1, 0, 2, 0]);
    let want = [
        ("1.2.3.4", State::Removed),
        ("a.example", State::Active),
        ("b.example", State::Removed),
        ("c.example", State::Active),
    ];
    assert_eq!(states(&store), want.map(|(id, state)| (id.to_owned(), state)));
    assert_eq!(store.feed_state("list").unwrap().unwrap().active, 2);
    // A value that is listed again is active again.
    assert_eq!(
        counts(&list(&mut store, &feed, &["a.example", "c.example", "b.example"])),
        [1, 0, 0, 0]
    );
}

#[test]
fn a_feed_that_grows_without_an_end_is_held_back() {
    let (_folder, mut store) = store();
    let mut few = feed("f");
    few.hold.max_indicators = 3;
    let ids = ["a", "b", "c", "d"];
    let some = |ids: &[&str]| {
        ids.iter().map(|id| stix(id, 1, &[&format!("{id}.example")])).collect::<Vec<_>>()
    };
    assert_eq!(deliver(&mut store, &few, Delivered::Part, some(&ids[..3])).held, None);
    // What is known already may come again.
    assert_eq!(deliver(&mut store, &few, Delivered::Part, some(&ids[..3])).held, None);
    let held = deliver(&mut store, &few, Delivered::Part, some(&ids[3..])).held.unwrap();
    assert!(held.why.contains("`max_indicators`") && held.why.contains("to 4"), "{}", held.why);
    assert_eq!(store.feed_state("f").unwrap().unwrap().active, 3);
    store.allow_held("f").unwrap();
    assert_eq!(deliver(&mut store, &few, Delivered::Part, some(&ids[3..])).held, None);
    assert_eq!(store.feed_state("f").unwrap().unwrap().active, 4);
}

#[test]
fn the_newest_version_wins_in_any_order() {
    let versions = [
        stix("i", 1, &["one.example"]),
        stix("i", 3, &["three.example"]),
        stix("i", 2, &["two.example"]),
    ];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for at_once in [true, false] {
            let (_folder, mut store) = store();
            let feed = feed("f");
            let all: Vec<_> = order.iter().map(|&place| versions[place].clone()).collect();
            if at_once {
                deliver(&mut store, &feed, Delivered::Part, all);
            } else {
                for one in all {
                    deliver(&mut store, &feed, Delivered::Part, vec![one]);
                }
            }
            let rows = found(&store, &Query { limit: 9, ..Query::default() });
            assert_eq!(rows.len(), 1);
            assert_eq!(rows[0].values[0].value, "three.example", "{order:?}");
            assert_eq!(rows[0].modified, Some(Timestamp(3)));
        }
    }
}

#[test]
fn windows_of_one_version_add_up() {
    let (_folder, mut store) = store();
    let early = Indicator { valid_until: Some(Timestamp(10)), ..stix("i", 1, &["a.example"]) };
    let late =
        Indicator { valid_from: Some(Timestamp(20)), ..stix("i", 1, &["a.example", "b.example"]) };
    deliver(&mut store, &feed("f"), Delivered::Part, vec![late, early]);
    let rows = found(&store, &Query { limit: 9, ..Query::default() });
    let times: Vec<_> = rows[0]
        .values
        .iter()
        .map(|one| (one.value.as_str(), one.valid_from, one.valid_until))
        .collect();
    let want = [
        ("a.example", None, Some(Timestamp(10))),
        ("a.example", Some(Timestamp(20)), None),
        ("b.example", Some(Timestamp(20)), None),
    ];
    assert_eq!(times, want);
}

#[test]
fn a_revoked_indicator_is_revived_by_a_newer_version_alone() {
    let (_folder, mut store) = store();
    let feed = feed("f");
    let state = |store: &Store| states(store)[0].1;
    deliver(&mut store, &feed, Delivered::Part, vec![stix("i", 5, &["a.example"])]);
    assert_eq!(counts(&revoke(&mut store, &feed, "i", Some(4))), [0, 0, 0, 0]);
    assert_eq!(state(&store), State::Active);
    assert_eq!(counts(&revoke(&mut store, &feed, "i", Some(5))), [0, 0, 0, 1]);
    for (modified, want) in [(4, State::Revoked), (5, State::Revoked), (6, State::Active)] {
        deliver(&mut store, &feed, Delivered::Part, vec![stix("i", modified, &["a.example"])]);
        assert_eq!(state(&store), want, "{modified}");
    }
    // Without a time, it applies to all versions so far.
    assert_eq!(counts(&revoke(&mut store, &feed, "i", None)), [0, 0, 0, 1]);
    deliver(&mut store, &feed, Delivered::Part, vec![stix("i", 6, &["a.example"])]);
    assert_eq!(state(&store), State::Revoked);
    // A revocation that comes before the indicator was ever delivered.
    revoke(&mut store, &feed, "j", Some(9));
    deliver(&mut store, &feed, Delivered::Part, vec![stix("j", 9, &["b.example"])]);
    assert_eq!(states(&store)[1], ("j".to_owned(), State::Revoked));
    assert_eq!(store.feed_state("f").unwrap().unwrap().active, 0);
}

#[test]
fn a_delivery_that_drops_too_much_is_held_until_allowed() {
    let (_folder, mut store) = store();
    let feed = careful(0.5, &[]);
    let before = ["a.example", "b.example", "c.example", "d.example"];
    list(&mut store, &feed, &before);
    let mut ingest = store.ingest(&feed, NOW).unwrap();
    ingest.put(stix("a.example", 0, &["a.example"])).unwrap();
    let held = ingest.finish(Delivered::Whole, Some(&json!({"etag": "x"})), false).unwrap();
    assert!(held.held.as_ref().unwrap().why.contains("at most 50.0%"), "{held:?}");
    let state = store.feed_state("careful").unwrap().unwrap();
    assert_eq!((state.held, state.cursor, state.active), (held.held, None, 4));
    store.feed_unchanged("careful", NOW, None).unwrap();
    assert_eq!(store.feed_state("careful").unwrap().unwrap().held, None);
    assert!(states(&store).iter().all(|(_, state)| *state == State::Active));
    assert!(list(&mut store, &feed, &[]).held.unwrap().why.contains("empty"));
    // Half of the indicators may leave.
    assert_eq!(list(&mut store, &feed, &["a.example", "b.example"]).held, None);
    assert_eq!(store.feed_state("careful").unwrap().unwrap().held, None);
    list(&mut store, &feed, &[]);
    store.allow_held("careful").unwrap();
    assert_eq!(counts(&list(&mut store, &feed, &[])), [0, 0, 2, 0]);
    assert!(!store.feed_state("careful").unwrap().unwrap().is_allowed);
}

#[test]
fn mass_withdrawals_are_held_and_a_few_are_not() {
    let (_folder, mut store) = store();
    let feed = careful(0.5, &[]);
    let id = |number: usize| format!("indicator--{number}");
    let all = (0..30).map(|number| stix(&id(number), 1, &["a.example"])).collect();
    deliver(&mut store, &feed, Delivered::Part, all);
    let mut withdraw = |range: std::ops::Range<usize>| {
        let mut ingest = store.ingest(&feed, NOW).unwrap();
        range.for_each(|number| ingest.revoke(&id(number), Some(Timestamp(2))).unwrap());
        ingest.finish(Delivered::Part, None, false).unwrap()
    };
    assert!(withdraw(0..16).held.is_some());
    assert_eq!(withdraw(0..15).revoked, 15);
    assert_eq!(withdraw(15..25).revoked, 10);
    assert_eq!(withdraw(25..30).revoked, 5);
}

#[test]
fn a_canary_must_stay() {
    let (_folder, mut store) = store();
    let feed = careful(1.0, &["hxxp://canary[.]example/x", "10.0.0.0/8"]);
    let held = list(&mut store, &feed, &["canary.example/x", "a.example"]);
    assert!(held.held.unwrap().why.contains("10.0.0.0/8"));
    assert_eq!(states(&store), []);
    assert_eq!(list(&mut store, &feed, &["canary.example/x", "10.1.0.0/8"]).held, None);
    let named = careful(1.0, &["a.example"]);
    let named = Feed { name: "part".to_owned(), ..named };
    deliver(&mut store, &named, Delivered::Part, vec![stix("i", 1, &["a.example"])]);
    assert!(revoke(&mut store, &named, "i", None).held.unwrap().why.contains("a.example"));
    let without = deliver(&mut store, &named, Delivered::Part, vec![stix("i", 2, &["b.example"])]);
    assert!(without.held.is_some());
}

#[test]
fn rejections_are_replaced_by_the_next_delivery() {
    let (_folder, mut store) = store();
    let rejection = |id: &str| Rejection {
        id: id.to_owned(),
        value: "x".to_owned(),
        kind: "kind".to_owned(),
        reason: "reason".to_owned(),
        is_pattern: true,
    };
    let feed = feed("f");
    let mut leave = |delivered, ids: &[&str]| {
        let mut ingest = store.ingest(&feed, NOW).unwrap();
        ids.iter().for_each(|id| ingest.reject(rejection(id)));
        assert_eq!(ingest.finish(delivered, None, false).unwrap().rejected, ids.len() as u64);
        let rows = store.rejections(Some("f"), 100).unwrap();
        rows.into_iter().map(|(_, one)| one.id).collect::<Vec<_>>()
    };
    assert_eq!(leave(Delivered::Part, &["a", "b"]), ["a", "b"]);
    assert_eq!(leave(Delivered::Part, &["b", "c"]), ["a", "b", "c"]);
    assert_eq!(leave(Delivered::Whole, &["d"]), ["d"]);
    let many: Vec<String> = (0..MAX_REJECTIONS + 5).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    leave(Delivered::Part, &many);
    assert_eq!(store.rejections(None, 20_000).unwrap().len(), MAX_REJECTIONS);
}

#[test]
fn a_feed_fills_in_what_is_not_said_and_carries_markings() {
    let (_folder, mut store) = store();
    let feed = Feed { confidence: Some(40), tlp: Some(Tlp::Amber), ..feed("f") };
    let mut ingest = store.ingest(&feed, NOW).unwrap();
    assert_eq!(ingest.known_markings().unwrap(), Vec::<String>::new());
    ingest.put(stix("i", 1, &["a.example"])).unwrap();
    ingest
        .put(Indicator {
            confidence: Some(0),
            tlp: Some(Tlp::Clear),
            ..stix("j", 1, &["a.example"])
        })
        .unwrap();
    ingest.define_marking("marking-definition--1", "{}");
    ingest.finish(Delivered::Part, Some(&json!({"added_after": "x"})), false).unwrap();
    let said: Vec<_> = found(&store, &Query { limit: 9, ..Query::default() })
        .into_iter()
        .map(|one| (one.confidence, one.tlp))
        .collect();
    assert_eq!(said, [(Some(40), Some(Tlp::Amber)), (Some(0), Some(Tlp::Clear))]);
    assert_eq!(store.feed_state("f").unwrap().unwrap().cursor, Some(json!({"added_after": "x"})));
    assert_eq!(store.ingest(&feed, NOW).unwrap().known_markings().unwrap(), ["{}"]);
}

#[test]
fn what_is_not_finished_has_changed_nothing() {
    let (folder, mut store) = store();
    let feed = feed("f");
    deliver(&mut store, &feed, Delivered::Part, vec![stix("i", 1, &["a.example"])]);
    let before = states(&store);
    let mut ingest = store.ingest(&feed, NOW).unwrap();
    ingest.put(stix("j", 1, &["b.example"])).unwrap();
    ingest.revoke("i", None).unwrap();
    drop(ingest);
    drop(store);
    assert_eq!(states(&Store::open(folder.path()).unwrap()), before);
}

#[test]
fn what_fails_midway_has_changed_nothing() {
    let (_folder, mut store) = store();
    let feed = feed("f");
    let given = |modified| {
        let names = ["a", "b", "c"];
        names.map(|name| stix(name, modified, &[&format!("{name}.example")])).to_vec()
    };
    deliver(&mut store, &feed, Delivered::Whole, given(1));
    let before = (states(&store), store.feed_state("f").unwrap());
    let trigger = "CREATE TRIGGER midway BEFORE UPDATE ON indicators WHEN new.id = 'c' \
                   BEGIN SELECT raise(ABORT, 'full'); END";
    store.connection.execute_batch(trigger).unwrap();
    let mut ingest = store.ingest(&feed, NOW).unwrap();
    given(2).into_iter().for_each(|one| ingest.put(one).unwrap());
    ingest.reject(Rejection {
        id: "d".to_owned(),
        value: "x".to_owned(),
        kind: "kind".to_owned(),
        reason: "reason".to_owned(),
        is_pattern: false,
    });
    assert!(ingest.finish(Delivered::Whole, Some(&json!(2)), false).is_err());
    assert_eq!((states(&store), store.feed_state("f").unwrap()), before);
    assert_eq!(store.rejections(None, 9).unwrap(), []);
    store.connection.execute_batch("DROP TRIGGER midway").unwrap();
    assert_eq!(counts(&deliver(&mut store, &feed, Delivered::Whole, given(2))), [0, 3, 0, 0]);
}

#[test]
fn withdrawn_indicators_and_false_positives_retract_their_matches() {
    let (_folder, mut store) = store();
    let feed = feed("f");
    let all = vec![
        stix("indicator--1", 1, &["a.example"]),
        stix("indicator--2", 1, &["b.example", "c.example"]),
    ];
    deliver(&mut store, &feed, Delivered::Part, all);
    store
        .connection
        .execute_batch(
            "INSERT INTO files (id, source, digest, digest_bytes, path, device, inode,
                                size, modified, seen)
               VALUES (1, 's', x'', 0, 'p', 1, 1, 1, 1, 1);
             INSERT INTO events (id, file, offset, line, uid, raw) VALUES (1, 1, 0, 1, 'u', 'raw'),
                    (2, 1, 4, 2, 'v', 'raw');
             INSERT INTO matches (event, feed, indicator, entry_type, entry, observable, field, how,
                                  generation, found, historic)
               VALUES (1, 'f', 'indicator--1', 'domain', 'a.example',
                        'a.example', 'url', 'exact', 1, 1, 0),
                      (1, 'f', 'indicator--2', 'domain', 'b.example',
                        'b.example', 'url', 'exact', 1, 1, 0),
                      (2, 'f', 'indicator--2', 'domain', 'c.example',
                        'c.example', 'url', 'exact', 1, 1, 0),
                      (1, 'other', 'indicator--1', 'domain', 'a.example',
                        'a.example', 'url', 'exact', 1, 1, 0);",
        )
        .unwrap();
    let retracted = |store: &Store| -> Vec<(String, String)> {
        let sql = "SELECT feed, indicator FROM matches WHERE retracted IS NOT NULL ORDER BY id";
        let mut statement = store.connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let pair = |feed: &str, id: &str| (feed.to_owned(), id.to_owned());
    revoke(&mut store, &feed, "indicator--1", Some(2));
    assert_eq!(retracted(&store), [pair("f", "indicator--1")]);
    // The indicator's other value keeps its match.
    assert_eq!(store.retract("b[.]example", "ours", NOW).unwrap().matches, 1);
    assert_eq!(retracted(&store), [pair("f", "indicator--1"), pair("f", "indicator--2")]);
}

#[test]
fn polls_that_fail_or_find_nothing_new_are_noted() {
    let (_folder, mut store) = store();
    assert_eq!(store.feed_state("f").unwrap(), None);
    assert!(store.allow_held("f").is_err());
    store.feed_failed("f", NOW, "refused", Timestamp(NOW.0 + 5)).unwrap();
    store.feed_failed("f", NOW, "refused", Timestamp(NOW.0 + 9)).unwrap();
    let state = store.feed_state("f").unwrap().unwrap();
    assert_eq!((state.failures, state.error.as_deref()), (2, Some("refused")));
    assert_eq!((state.next_attempt, state.succeeded), (Some(Timestamp(NOW.0 + 9)), None));
    store.feed_unchanged("f", NOW, Some(&json!(1))).unwrap();
    store.feed_unchanged("f", NOW, None).unwrap();
    let state = store.feed_state("f").unwrap().unwrap();
    assert_eq!((state.failures, state.error, state.next_attempt), (0, None, None));
    assert_eq!((state.succeeded, state.cursor), (Some(NOW), Some(json!(1))));
    assert_eq!(store.feed_states().unwrap().len(), 1);
}

#[test]
fn indicators_are_found_by_part_by_value_and_by_state() {
    let (_folder, mut store) = store();
    let old = Indicator {
        valid_until: Some(Timestamp(5)),
        ..stix("indicator--old", 1, &["old.example"])
    };
    let named = Indicator {
        name: Some("Emotet C2".to_owned()),
        ..stix("indicator--1", 1, &["evil.example"])
    };
    deliver(&mut store, &feed("a"), Delivered::Part, vec![old, named]);
    list(&mut store, &feed("b"), &["evil.example/x", "10.0.0.0/8", "evil.example"]);
    let ids =
        |query: Query| found(&store, &query).into_iter().map(|one| one.id).collect::<Vec<_>>();
    let text = |text: &str| Query { text: Some(text.to_owned()), limit: 9, ..Query::default() };
    assert_eq!(ids(text("emotet")), ["indicator--1"]);
    assert_eq!(ids(text("EVIL[.]example")), ["indicator--1", "evil.example"]);
    assert_eq!(ids(text("evil.ex")), ["indicator--1", "evil.example", "evil.example/x"]);
    assert_eq!(ids(text("10.0.0.0/8")), ["10.0.0.0/8"]);
    assert_eq!(ids(text("nothing")), Vec::<String>::new());
    assert_eq!(ids(Query { state: Some(State::Expired), ..text("") }), ["indicator--old"]);
    assert_eq!(
        ids(Query { feed: Some("b".to_owned()), ..text("evil.example") }),
        ["evil.example", "evil.example/x"]
    );
    assert!(store.search(&Query { limit: 2, ..text("") }, NOW).unwrap().1);
}

#[test]
fn a_version_from_the_future_is_replaced_by_its_correction() {
    let far = NOW.0 + 70 * 365 * 24 * 60 * 60 * 1_000_000;
    let (wrong, right) =
        (stix("i", far, &["wrong.example"]), stix("i", NOW.0 - 5, &["right.example"]));
    let values = |store: &Store| -> Vec<String> {
        let rows = found(store, &Query { limit: 9, ..Query::default() });
        rows.iter().flat_map(|row| row.values.iter().map(|value| value.value.clone())).collect()
    };
    // In two deliveries, in either order, and in one delivery.
    for deliveries in [
        vec![vec![wrong.clone()], vec![right.clone()]],
        vec![vec![right.clone()], vec![wrong.clone()]],
        vec![vec![wrong.clone(), right.clone()]],
        vec![vec![right.clone(), wrong.clone()]],
    ] {
        let (_folder, mut store) = store();
        let feed = feed("a");
        let mut rejected = 0;
        for indicators in deliveries {
            rejected += deliver(&mut store, &feed, Delivered::Part, indicators).rejected;
        }
        assert_eq!(values(&store), ["right.example"]);
        assert_eq!(rejected, 1);
        let rejections = store.rejections(None, 9).unwrap();
        assert!(
            rejections.iter().all(|(_, one)| one.kind == "modified in the future"),
            "{rejections:?}"
        );
        // A row that an earlier version wrote with this date.
        store.connection.execute("UPDATE indicators SET modified = ?1", [far]).unwrap();
        deliver(&mut store, &feed, Delivered::Part, vec![stix("i", NOW.0, &["newer.example"])]);
        assert_eq!(values(&store), ["newer.example"]);
        // A revocation with a future date applies to earlier versions, but not to later ones.
        revoke(&mut store, &feed, "i", Some(far));
        assert_eq!(found(&store, &Query { limit: 9, ..Query::default() })[0].state, State::Revoked);
        deliver(&mut store, &feed, Delivered::Part, vec![stix("i", NOW.0 + 1, &["again.example"])]);
        assert_eq!(values(&store), ["again.example"]);
    }
}
