use std::time::Duration;

use super::*;
use crate::store::Delivered;
use crate::store::ingest::tests::{NOW, feed, stix, store};

/// A package with these indicators, and the ids that it defines and refers to.
fn package(
    id: &str,
    text: &str,
    listed: &[&str],
    defines: &[&str],
    refers: &[&str],
) -> ReceivedPackages {
    let mut received = ReceivedPackages::new();
    add(&mut received, id, None, text, listed, defines, refers);
    received
}

fn add(
    received: &mut ReceivedPackages,
    id: &str,
    modified: Option<i64>,
    text: &str,
    listed: &[&str],
    defines: &[&str],
    refers: &[&str],
) {
    let all = |ids: &[&str]| ids.iter().map(ToString::to_string).collect();
    text.as_bytes().chunks(3).for_each(|part| received.bytes(part));
    received.end(PackageContent {
        id: id.to_owned(),
        modified: modified.map(Timestamp),
        indicators: all(listed),
        defines: all(defines),
        refers: all(refers),
        is_utf8: true,
        dropped: None,
    });
}

/// Stores a delivery in parts, with its indicators. Returns the earlier packages it needs, and what
/// it withdraws.
fn deliver(
    store: &mut Store,
    received: ReceivedPackages,
    indicators: &[(&str, &str)],
) -> (Vec<(String, PackageRole)>, Vec<String>) {
    let mut ingest = store.ingest(&feed("f"), NOW).unwrap();
    let related = ingest.keep_packages(received, Delivered::Part).unwrap();
    for (id, name) in indicators {
        ingest.put(stix(id, 5, &[name])).unwrap();
    }
    let withdrawn = ingest.withdrawn().iter().cloned().collect();
    ingest.finish(Delivered::Part, None, false).unwrap();
    (related.packages.into_iter().map(|one| (one.id, one.role)).collect(), withdrawn)
}

fn kept(store: &Store) -> Vec<(i64, String, String)> {
    let packages = store.packages("f", 0, 100).unwrap();
    let text = |number| match store.package_content(number).unwrap() {
        Some(content) => String::from_utf8(content).unwrap(),
        None => "none".to_owned(),
    };
    packages.into_iter().map(|one| (one.number, text(one.number), one.id)).collect()
}

fn row(number: i64, text: &str, id: &str) -> (i64, String, String) {
    (number, text.to_owned(), id.to_owned())
}

/// The ids and values of the indicators in force.
fn active(store: &Store) -> Vec<String> {
    let query = crate::store::Query { limit: 99, ..Default::default() };
    let found = store.search(&query, NOW).unwrap().0;
    let active = found.iter().filter(|one| one.state == crate::store::State::Active);
    active.map(|one| format!("{} {}", one.id, one.values[0].value)).collect()
}

#[test]
fn a_package_is_kept_as_it_was_received_until_other_content_comes() {
    let (_folder, mut store) = store();
    deliver(&mut store, package("p", "one", &[], &[], &[]), &[]);
    deliver(&mut store, package("", "no id", &[], &[], &[]), &[]);
    let nameless = format!("blake3:{}", blake3::hash(b"no id"));
    assert_eq!(kept(&store), [row(1, "one", "p"), row(2, "no id", &nameless)]);
    let first = &store.packages("f", 0, 1).unwrap()[0];
    assert_eq!((first.digest, first.bytes), (*blake3::hash(b"one").as_bytes(), 3));
    // The same bytes are a repeat, and others are an update with a new number.
    deliver(&mut store, package("p", "one", &[], &[], &[]), &[]);
    assert_eq!(kept(&store).len(), 2);
    deliver(&mut store, package("p", "two", &[], &[], &[]), &[]);
    assert_eq!(kept(&store), [row(2, "no id", &nameless), row(3, "two", "p")]);
    assert_eq!(store.packages("f", 2, 9).unwrap().len(), 1);
    assert_eq!(store.packages("other", 0, 9).unwrap(), []);
    // Of two contents in one delivery the newer counts, and an older one replaces none.
    let mut both = ReceivedPackages::new();
    add(&mut both, "p", Some(9), "new", &[], &[], &[]);
    add(&mut both, "p", Some(8), "old", &[], &[], &[]);
    deliver(&mut store, both, &[]);
    let mut older = ReceivedPackages::new();
    add(&mut older, "p", Some(7), "older", &[], &[], &[]);
    assert_eq!(deliver(&mut store, older, &[]).0, [("p".to_owned(), PackageRole::Again)]);
    assert_eq!(kept(&store)[1].1, "new");
}

#[test]
fn what_an_update_does_not_list_any_more_is_withdrawn() {
    let (_folder, mut store) = store();
    let names = [("a", "a.example"), ("b", "b.example"), ("c", "c.example")];
    deliver(&mut store, package("p", "one", &["a", "b", "c"], &[], &[]), &names);
    deliver(&mut store, package("q", "other", &["c"], &[], &[]), &[]);
    assert_eq!(active(&store), ["a a.example", "b b.example", "c c.example"]);
    // `c` is also listed by `q`, which is read again and says something else of it.
    let update = package("p", "two", &["a"], &[], &[]);
    let mut ingest = store.ingest(&feed("f"), NOW).unwrap();
    let related = ingest.keep_packages(update, Delivered::Part).unwrap();
    assert_eq!(related.packages.len(), 1);
    assert_eq!(related.packages[0].content, b"other");
    ingest.put(stix("a", 5, &["a.example"])).unwrap();
    ingest.put(stix("c", 4, &["older.example"])).unwrap();
    let done = ingest.finish(Delivered::Part, None, false).unwrap();
    assert_eq!((done.removed, done.changed, done.older), (1, 1, 0));
    assert_eq!(active(&store), ["a a.example", "c older.example"]);
    // A repeat withdraws nothing.
    let (related, withdrawn) = deliver(&mut store, package("p", "two", &["a"], &[], &[]), &[]);
    assert_eq!((related.len(), withdrawn.len()), (0, 0));
}

#[test]
fn references_lead_to_earlier_packages_in_both_directions() {
    let (_folder, mut store) = store();
    let named = |all: &[(&str, PackageRole)]| {
        all.iter().map(|(id, role)| (id.to_string(), *role)).collect::<Vec<_>>()
    };
    let mut related = |id: &str, defines: &[&str], refers: &[&str]| {
        deliver(&mut store, package(id, id, &[], defines, refers), &[]).0
    };
    assert_eq!(related("late", &["i:late"], &["o:1", "o:2"]), []);
    assert_eq!(
        related("composed", &["i:composed"], &["i:late"]),
        named(&[("late", PackageRole::Definitions)])
    );
    assert_eq!(
        related("second", &["o:2"], &["o:3"]),
        named(&[("late", PackageRole::Again), ("composed", PackageRole::Again),])
    );
    assert_eq!(
        related("first", &["o:1"], &[]),
        named(&[
            ("late", PackageRole::Again),
            ("composed", PackageRole::Again),
            ("second", PackageRole::Definitions),
        ])
    );
    assert_eq!(related("uses", &[], &["o:2"]), named(&[("second", PackageRole::Definitions)]));
    // Feeds do not refer to each other.
    let mut ingest = store.ingest(&feed("other"), NOW).unwrap();
    let other = package("p", "p", &[], &[], &["o:1"]);
    assert!(ingest.keep_packages(other, Delivered::Part).unwrap().packages.is_empty());
}

#[test]
fn contents_are_limited_by_age_and_size() {
    let (_folder, mut store) = store();
    for id in ["a", "b", "c"] {
        deliver(&mut store, package(id, id, &[], &[], &[]), &[]);
    }
    let one = |store: &Store| -> u64 {
        let sql = "SELECT max(length(body)) FROM packages";
        store.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let bytes = one(&store);
    let prune = |store: &mut Store, age: Duration, bytes: u64| {
        let transaction = store.write().unwrap();
        let count = super::prune(&transaction, NOW.minus(age), bytes).unwrap();
        transaction.commit().unwrap();
        count
    };
    assert_eq!(prune(&mut store, Duration::ZERO, 2 * bytes), 1);
    assert_eq!(kept(&store)[0], row(1, "none", "a"));
    assert_eq!(kept(&store)[1], row(2, "b", "b"));
    // The digest is left, so that a repeat is none of a new content.
    deliver(&mut store, package("a", "a", &[], &[], &[]), &[]);
    assert_eq!(kept(&store)[0], row(1, "a", "a"));
    store.connection.execute("UPDATE packages SET seen = seen - 1", []).unwrap();
    assert_eq!(prune(&mut store, Duration::ZERO, 1 << 30), 3);
    let year = REMEMBERED_MICROS;
    store
        .connection
        .execute("UPDATE packages SET seen = seen - ?1 WHERE id = 'b'", [year])
        .unwrap();
    prune(&mut store, Duration::ZERO, 1 << 30);
    assert_eq!(kept(&store).len(), 2);
}

#[test]
fn a_package_that_is_too_long_or_has_no_end_is_not_kept() {
    let mut received = ReceivedPackages::new();
    received.bytes(b"<damaged>");
    received.end_input().unwrap();
    let part = vec![b'x'; 1024 * 1024];
    (0..65).for_each(|_| received.bytes(&part));
    received.end(PackageContent { id: "long".to_owned(), ..Default::default() });
    let (_folder, mut store) = store();
    deliver(&mut store, received, &[]);
    let package = store.packages("f", 0, 9).unwrap().remove(0);
    assert_eq!((package.bytes, package.has_content), (65 * 1024 * 1024, false));
    assert_eq!(package.digest, *blake3::hash(&vec![b'x'; 65 * 1024 * 1024]).as_bytes());
}
