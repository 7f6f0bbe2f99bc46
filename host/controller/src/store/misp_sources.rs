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
