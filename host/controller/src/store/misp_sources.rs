//! The events of MISP that a feed reads. Each is replaced as a whole.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Transaction};

use super::ingest::Ingest;
use threatsieve_blacklist::Timestamp;

/// The events of a delivery.
#[derive(Debug, Default)]
pub(super) struct ReadEvents {
    /// The indicators that each event lists now.
    replaced: BTreeMap<String, BTreeSet<String>>,
    /// Events that the feed does not have any more.
    gone: Vec<String>,
    /// Events and attributes of which earlier rejections are over.
    pub(super) settled: Vec<String>,
}

impl Ingest<'_> {
    /// Replaces an event: adds nothing, but withdraws what it listed before and does not list any
    /// more. Indicators among `withdrawn` count as revoked since that time, and others as removed.
    pub(crate) fn replace_event(
        &mut self,
        event: String,
        listed: BTreeSet<String>,
        withdrawn: Vec<(String, Option<Timestamp>)>,
    ) -> anyhow::Result<()> {
        let settled = withdrawn.iter().map(|(id, _)| id.clone()).chain([event.clone()]);
        self.events_mut().settled.extend(settled);
        let before = self.listed_by(&event)?;
        if !before.is_empty() {
            let withdrawn: BTreeMap<String, Option<Timestamp>> = withdrawn.into_iter().collect();
            for id in before.into_iter().filter(|id| !listed.contains(id)) {
                match withdrawn.get(&id) {
                    Some(at) => self.revoke(&id, *at)?,
                    None => self.withdraw_from(id, &event)?,
                }
            }
        }
        self.events_mut().replaced.insert(event, listed);
        Ok(())
    }

    /// Ends the delivery of a list of events: withdraws what events listed that are not among
    /// `all`.
    pub(crate) fn keep_events(&mut self, all: BTreeSet<String>) -> anyhow::Result<()> {
        let gone: Vec<String> =
            self.known_events()?.into_iter().filter(|event| !all.contains(event)).collect();
        for event in gone {
            for id in self.listed_by(&event)? {
                self.withdraw_from(id, &event)?;
            }
            self.events_mut().replaced.remove(&event);
            self.events_mut().settled.push(event.clone());
            self.events_mut().gone.push(event);
        }
        Ok(())
    }
}

/// Returns the indicators that an event listed when it was last read.
pub(super) fn listed_by(
    connection: &Connection,
    feed: i64,
    event: &str,
) -> anyhow::Result<Vec<String>> {
    let mut select = connection
        .prepare_cached("SELECT id FROM misp_listed WHERE feed = ?1 AND event = ?2 ORDER BY id")?;
    let ids = select.query_map((feed, event), |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Returns whether another event lists an indicator too, as copies of events do.
pub(super) fn is_listed_elsewhere(
    connection: &Connection,
    feed: i64,
    id: &str,
    event: &str,
) -> anyhow::Result<bool> {
    let mut select = connection
        .prepare_cached("SELECT 1 FROM misp_listed WHERE feed = ?1 AND id = ?2 AND event <> ?3")?;
    Ok(select.exists((feed, id, event))?)
}

/// Returns the events that list any indicator.
pub(super) fn known_events(connection: &Connection, feed: i64) -> anyhow::Result<Vec<String>> {
    let mut select =
        connection.prepare_cached("SELECT DISTINCT event FROM misp_listed WHERE feed = ?1")?;
    let events = select.query_map([feed], |row| row.get(0))?;
    Ok(events.collect::<Result<_, _>>()?)
}

impl ReadEvents {
    /// Stores what each event lists.
    pub(super) fn keep(&self, transaction: &Transaction<'_>, feed: i64) -> anyhow::Result<()> {
        let mut delete =
            transaction.prepare_cached("DELETE FROM misp_listed WHERE feed = ?1 AND event = ?2")?;
        let mut insert = transaction
            .prepare_cached("INSERT INTO misp_listed (feed, id, event) VALUES (?1, ?2, ?3)")?;
        for event in self.gone.iter().chain(self.replaced.keys()) {
            delete.execute((feed, event))?;
        }
        for (event, listed) in &self.replaced {
            for id in listed {
                insert.execute((feed, id, event))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use threatsieve_blacklist::Indicator;

    use super::*;
    use crate::store::ingest::tests::{NOW, feed, stix, store};
    use crate::store::{Delivered, Store};

    /// An event with the indicators that it lists, and those that it withdraws.
    type Event<'t> = (&'t str, &'t [&'t str], &'t [&'t str]);

    /// Delivers events, and all events that there are.
    fn deliver(store: &mut Store, events: &[Event<'_>], all: Option<&[&str]>) -> [u64; 3] {
        let feed = feed("misp");
        let mut ingest = store.ingest(&feed, NOW).unwrap();
        for (event, listed, withdrawn) in events {
            let indicator = |id: &&str| -> Indicator { stix(id, 5, &[&format!("{id}.example")]) };
            listed.iter().for_each(|id| ingest.put(indicator(id)).unwrap());
            let listed = listed.iter().map(ToString::to_string).collect();
            let withdrawn =
                withdrawn.iter().map(|id| (id.to_string(), Some(Timestamp(6)))).collect();
            ingest.replace_event(event.to_string(), listed, withdrawn).unwrap();
        }
        if let Some(all) = all {
            ingest.keep_events(all.iter().map(ToString::to_string).collect()).unwrap();
        }
        let done = ingest.finish(Delivered::Part, None, false).unwrap();
        [done.added, done.removed, done.revoked]
    }

    #[test]
    fn an_event_is_replaced_as_a_whole() {
        let (_folder, mut store) = store();
        let first = [("one", &["a", "b", "c"][..], &[][..]), ("two", &["d"], &[])];
        assert_eq!(deliver(&mut store, &first, None), [4, 0, 0]);
        let next = [("one", &["a", "e"][..], &["b", "x"][..])];
        assert_eq!(deliver(&mut store, &next, None), [1, 1, 1], "c is gone, b is withdrawn");
        assert_eq!(deliver(&mut store, &[], Some(&["one", "two"])), [0, 0, 0]);
        assert_eq!(deliver(&mut store, &[], Some(&["one"])), [0, 1, 0]);
        assert_eq!(deliver(&mut store, &[("two", &["d"], &[])], None), [1, 0, 0], "it is back");
    }

    #[test]
    fn an_indicator_stays_while_another_event_lists_it() {
        let (_folder, mut store) = store();
        deliver(&mut store, &[("one", &["a"], &[]), ("two", &["a"], &[])], None);
        assert_eq!(deliver(&mut store, &[("one", &[], &[])], None), [0, 0, 0]);
        // It moves to a third event in one delivery.
        let moved = [("two", &[][..], &[][..]), ("three", &["a"], &[])];
        assert_eq!(deliver(&mut store, &moved, None), [0, 0, 0]);
        assert_eq!(deliver(&mut store, &[], Some(&[])), [0, 1, 0]);
    }
}
