use super::tests::{NOW, deliver, feed, found, states, stix, store};
use super::*;
use crate::store::{Query, State};

/// Indicators `PREFIX--0` to `PREFIX--N`, each with a domain of its own.
fn named(prefix: &str, count: usize) -> Vec<Indicator> {
    let one =
        |number| stix(&format!("{prefix}--{number:02}"), 5, &[&format!("host{number}.example")]);
    (0..count).map(one).collect()
}

fn active(store: &Store) -> Vec<String> {
    let active = states(store).into_iter().filter(|(_, state)| *state == State::Active);
    active.map(|(id, _)| id).collect()
}

fn ids(indicators: &[Indicator]) -> Vec<String> {
    indicators
        .iter()
        .map(|one| match &one.id {
            IndicatorId::Stix(id) => id.clone(),
            IndicatorId::Line(line) => line.to_string(),
        })
        .collect()
}

fn add_match(store: &Store, indicator: &str) {
    store
        .connection
        .execute_batch(&format!(
            "INSERT INTO files (id, source, digest, digest_bytes, path, device, inode,
                                size, modified, seen)
               VALUES (1, 's', x'', 0, 'p', 1, 1, 1, 1, 1);
             INSERT INTO events (id, file, offset, line, uid, raw) VALUES (1, 1, 0, 1, 'u', 'raw');
             INSERT INTO matches (event, feed, indicator, entry_type, entry, observable, field,
                                  how, generation, found, historic)
               VALUES (1, 'f', '{indicator}', 'domain', 'host0.example', 'host0.example', 'url',
                       'exact', 1, 1, 0);"
        ))
        .unwrap();
}

#[test]
fn a_part_with_new_ids_for_most_indicators_replaces_the_earlier_ids() {
    let (_folder, mut store) = store();
    let feed = feed("f");
    let (old, mut new) = (named("old", 20), named("new", 20));
    deliver(&mut store, &feed, Delivered::Part, old.clone());
    add_match(&store, "old--00");
    store.retract("old--07", "ours", NOW).unwrap();
    // Other dates, another confidence, and something really new.
    for one in &mut new {
        (one.modified, one.valid_from) = (Some(Timestamp(9)), Some(Timestamp(3)));
        one.confidence = Some(70);
    }
    new.push(stix("new--more", 9, &["more.example"]));
    let ingested = deliver(&mut store, &feed, Delivered::Part, new.clone());
    assert_eq!((ingested.added, ingested.renamed, ingested.removed), (1, 20, 0));
    // The operator's retraction holds for the new id too.
    let mut expected = ids(&new);
    expected.retain(|id| id != "new--07");
    expected.sort();
    assert_eq!(active(&store), expected);
    let state = store.feed_state("f").unwrap().unwrap();
    let changed = state.ids_changed.unwrap();
    assert_eq!((state.active, changed.indicators, changed.active), (21, 20, 20));
    assert_eq!(changed.example, ("old--00".to_owned(), "new--00".to_owned()));
    // The flag is that of the new id, and the output still has the earlier one.
    let mut ingest = store.ingest(&feed, NOW).unwrap();
    ingest.revoke("new--00", Some(Timestamp(10))).unwrap();
    ingest.finish(Delivered::Part, None, false).unwrap();
    let record: String = store
        .connection
        .query_row("SELECT body FROM outbox_records", [], |row| row.get(0))
        .unwrap();
    assert!(record.contains("old--00") && !record.contains("new--00"), "{record}");
    // The same ids again are no change.
    let again = deliver(&mut store, &feed, Delivered::Part, new);
    assert_eq!((again.added, again.renamed), (0, 0));
}

#[test]
fn a_part_may_repeat_values_under_other_ids() {
    let repeats: [(&str, usize, usize, usize); 4] = [
        // Few, only a small part of the feed, and mostly others.
        ("few", 9, 9, 0),
        ("part", 40, 19, 0),
        ("others", 20, 12, 13),
        ("all", 20, 10, 10),
    ];
    for (name, old, same, others) in repeats {
        let (_folder, mut store) = store();
        let feed = feed("f");
        deliver(&mut store, &feed, Delivered::Part, named("old", old));
        let mut new = named("new", same);
        new.extend(
            (0..others).map(|n| stix(&format!("other--{n}"), 5, &[&format!("other{n}.example")])),
        );
        let ingested = deliver(&mut store, &feed, Delivered::Part, new);
        let renamed = if name == "all" { same } else { 0 };
        assert_eq!(ingested.renamed, renamed as u64, "{name}");
        assert_eq!(active(&store).len(), old + same + others - renamed, "{name}");
        let has_changed = store.feed_state("f").unwrap().unwrap().ids_changed.is_some();
        assert_eq!(has_changed, renamed > 0, "{name}");
    }
}

#[test]
fn names_types_and_values_have_to_be_the_same() {
    type Change = fn(&mut Indicator);
    let changes: [(Change, u64); 5] = [
        (|_| {}, 12),
        (|one| one.name = Some("other".to_owned()), 0),
        (|one| one.types = vec!["other".to_owned()], 0),
        (|one| one.values = Vec::new(), 0),
        (|one| one.valid_until = Some(Timestamp(8)), 12),
    ];
    for (number, (change, expected)) in changes.into_iter().enumerate() {
        let (_folder, mut store) = store();
        deliver(&mut store, &feed("f"), Delivered::Part, named("old", 12));
        let mut new = named("new", 12);
        new.iter_mut().for_each(change);
        let ingested = deliver(&mut store, &feed("f"), Delivered::Part, new);
        assert_eq!(ingested.renamed, expected, "{number}");
    }
}

#[test]
fn a_whole_list_under_new_ids_has_not_shrunk() {
    let (_folder, mut store) = store();
    let careful = Feed {
        hold: crate::config::Hold {
            max_shrink: 0.1,
            max_indicators: 1_000_000,
            canaries: Vec::new(),
        },
        ..feed("f")
    };
    deliver(&mut store, &careful, Delivered::Whole, named("old", 12));
    let ingested = deliver(&mut store, &careful, Delivered::Whole, named("new", 12));
    assert_eq!(ingested.held, None);
    assert_eq!((ingested.added, ingested.renamed, ingested.removed), (0, 12, 0));
    assert!(ingested.has_changes());
    assert_eq!(active(&store), ids(&named("new", 12)));
    // One that comes again is related too, without a word about all ids.
    let mut next = named("new", 12);
    next[3].id = IndicatorId::Stix("newer--3".to_owned());
    let ingested = deliver(&mut store, &careful, Delivered::Whole, next);
    assert_eq!((ingested.renamed, ingested.removed, ingested.held), (1, 0, None));
    let changed = store.feed_state("f").unwrap().unwrap().ids_changed.unwrap();
    assert_eq!(changed.indicators, 12);
    // A list that shrinks under new ids has shrunk.
    let ingested = deliver(&mut store, &careful, Delivered::Whole, named("newest", 6));
    assert!(ingested.held.is_some_and(|held| held.leaving == 6));
    let known = Query { limit: 100, ..Query::default() };
    assert!(found(&store, &known).len() >= 12);
}
