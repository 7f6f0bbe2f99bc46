//! Tests thousands of random deliveries against a simple model that performs each step directly.

use std::collections::BTreeMap;

use super::tests::{NOW, feed, stix, store};
use super::*;
use crate::store::{Query, State};

#[derive(Debug, Clone, PartialEq)]
struct Row {
    state: State,
    modified: Option<i64>,
    names: Vec<String>,
}

#[derive(Default)]
struct Model(BTreeMap<(String, String), Row>);

impl Model {
    fn put(&mut self, feed: &str, id: &str, modified: Option<i64>, names: &[String]) {
        let row = Row { state: State::Active, modified, names: names.to_vec() };
        match self.0.get_mut(&(feed.to_owned(), id.to_owned())) {
            None => {
                self.0.insert((feed.to_owned(), id.to_owned()), row);
            }
            Some(known) => match known.state {
                State::Revoked if modified <= known.modified => {}
                State::Removed if modified < known.modified => known.state = State::Active,
                State::Active if modified < known.modified => {}
                _ => *known = row,
            },
        }
    }

    fn revoke(&mut self, feed: &str, id: &str, modified: Option<i64>) {
        let key = (feed.to_owned(), id.to_owned());
        let known =
            self.0.entry(key).or_insert(Row { state: State::Revoked, modified, names: Vec::new() });
        if modified.is_none() || modified >= known.modified {
            known.state = State::Revoked;
            known.modified = known.modified.max(modified);
        }
    }

    fn unlist(&mut self, feed: &str, listed: &[String]) {
        for ((of, id), row) in &mut self.0 {
            if of == feed && row.state == State::Active && !listed.contains(id) {
                row.state = State::Removed;
            }
        }
    }
}

#[test]
fn any_sequence_of_deliveries_ends_as_the_model_says() {
    let seed = crate::seed::seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let (_folder, mut store) = store();
    // The test needs speed, and no protection from power cuts.
    store.connection.pragma_update(None, "synchronous", "OFF").unwrap();
    let feeds = [feed("a"), feed("b"), feed("c")];
    let mut model = Model::default();
    for step in 0..3000 {
        let feed = &feeds[random.usize(..feeds.len())];
        let delivered = if random.bool() { Delivered::Whole } else { Delivered::Part };
        let mut ingest = store.ingest(feed, NOW).unwrap();
        let mut ids: Vec<String> =
            (0..random.usize(..6)).map(|_| format!("i{}", random.u8(..20))).collect();
        ids.sort_unstable();
        ids.dedup();
        random.shuffle(&mut ids);
        let mut listed = Vec::new();
        for id in ids {
            let modified = (random.u8(..5) > 0).then(|| random.i64(0..50));
            if random.u8(..4) == 0 {
                ingest.revoke(&id, modified.map(Timestamp)).unwrap();
                model.revoke(&feed.name, &id, modified);
            } else {
                let names: Vec<String> = vec![format!("n{}.example", random.u8(..9))];
                let mut indicator = stix(&id, 0, &[names[0].as_str()]);
                indicator.modified = modified.map(Timestamp);
                ingest.put(indicator).unwrap();
                model.put(&feed.name, &id, modified, &names);
                listed.push(id);
            }
        }
        if delivered == Delivered::Whole {
            model.unlist(&feed.name, &listed);
        }
        ingest.finish(delivered, None, true).unwrap();
        if step % 50 == 0 {
            compare(&store, &model);
        }
    }
    compare(&store, &model);
}

fn compare(store: &Store, model: &Model) {
    let all = Query { limit: usize::MAX >> 1, ..Query::default() };
    let rows: BTreeMap<_, _> = store
        .search(&all, NOW)
        .unwrap()
        .0
        .into_iter()
        .map(|found| {
            let names = found.values.into_iter().map(|one| one.value).collect();
            let row =
                Row { state: found.state, modified: found.modified.map(|time| time.0), names };
            ((found.feed, found.id), row)
        })
        .collect();
    assert_eq!(rows, model.0);
    for name in ["a", "b", "c"] {
        let active = rows
            .iter()
            .filter(|((feed, _), row)| feed == name && row.state == State::Active)
            .count();
        let counted = store.feed_state(name).unwrap().map_or(0, |state| state.active);
        assert_eq!(counted, active as u64);
    }
}
