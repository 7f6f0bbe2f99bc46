//! Removes rows that are too old or beyond a maximum number.

use rusqlite::{Connection, Transaction};
use serde::Serialize;
use threatsieve_blacklist::Timestamp;

use super::Store;
use super::packages;
use super::rejections::RejectedBy;
use crate::config::{Config, Retention};

/// Time between two removals: a day.
const PRUNED_EVERY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Limits of a removal, from the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) retention: Retention,
    /// Start of the history window.
    pub(crate) oldest: Timestamp,
    /// True if mails can be sent, so that waiting mails are kept.
    pub(crate) sends_mails: bool,
}

/// Numbers of rows that were removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Pruned {
    pub(crate) events: u64,
    /// Log files that no longer exist.
    pub(crate) files: u64,
    pub(crate) mails: u64,
    /// Deliveries to webhooks.
    pub(crate) deliveries: u64,
    pub(crate) rejections: u64,
    pub(crate) rounds: u64,
    /// Contents of packages.
    pub(crate) packages: u64,
}

/// The number of stored rows of one kind, and the oldest time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) rows: u64,
    pub(crate) oldest: Option<Timestamp>,
}

impl Limits {
    pub(crate) fn new(config: &Config, now: Timestamp) -> Limits {
        let oldest = config.history.oldest(now);
        Limits { retention: config.retention.clone(), oldest, sends_mails: config.alerts.is_some() }
    }
}

impl Store {
    /// Removes old and surplus rows, unless this was done within the last day.
    pub(crate) fn prune_if_due(
        &mut self,
        config: &Config,
        now: Timestamp,
    ) -> anyhow::Result<Option<Pruned>> {
        let is_recent = |at: Timestamp| (0..PRUNED_EVERY_MICROS).contains(&(now.0 - at.0));
        if self.upkeep()?.pruned.is_some_and(is_recent) {
            return Ok(None);
        }
        let pruned = self.prune(&Limits::new(config, now), now)?;
        self.set_pruned(now)?;
        Ok(Some(pruned))
    }

    /// Removes old and surplus rows. Events that were not reported by mail yet stay, and so do log
    /// files with events.
    pub(crate) fn prune(&mut self, limits: &Limits, now: Timestamp) -> anyhow::Result<Pruned> {
        let Limits { retention, oldest, sends_mails } = limits;
        let transaction = self.write()?;
        let events = prune_events(&transaction, *oldest, now, retention.events)?;
        let files = transaction.execute(
            "DELETE FROM files WHERE gone = 1 AND max(coalesce(newest, modified), modified) < ?1 \
             AND id NOT IN (SELECT file FROM events WHERE file IS NOT NULL) \
             AND id NOT IN (SELECT file FROM history)",
            [oldest.0],
        )?;
        // Waiting mails are removed too if there is no server to send them to.
        let mails = transaction.execute(
            "DELETE FROM mails WHERE composed < ?1 AND (state <> 0 OR NOT ?2)",
            (now.minus(retention.mails).0, sends_mails),
        )?;
        // What waits for a webhook that is no longer configured is given up in each round.
        let deliveries = transaction.execute(
            "DELETE FROM webhook_deliveries WHERE composed < ?1 AND state <> 0",
            [now.minus(retention.mails).0],
        )?;
        transaction.execute(
            "DELETE FROM sightings WHERE composed < ?1 AND state <> 0",
            [now.minus(retention.mails).0],
        )?;
        let rejections = prune_rejections(&transaction, retention.rejections)?;
        let rounds = transaction.execute(
            "DELETE FROM rounds WHERE id <= (SELECT max(id) FROM rounds) - ?1",
            [retention.rounds],
        )?;
        let packages =
            packages::prune(&transaction, now.minus(retention.packages), retention.package_bytes)?;
        transaction.commit()?;
        Ok(Pruned {
            events,
            files: files as u64,
            mails: mails as u64,
            deliveries: deliveries as u64,
            rejections,
            rounds: rounds as u64,
            packages,
        })
    }

    /// Counts the rows of a table that has a retention limit, and finds the oldest time.
    pub(crate) fn kept(&self, table: &'static str, time: &'static str) -> rusqlite::Result<Kept> {
        let sql = format!("SELECT count(*), min({time}) FROM {table}");
        self.connection.query_row(&sql, [], |row| {
            Ok(Kept { rows: row.get(0)?, oldest: row.get::<_, Option<i64>>(1)?.map(Timestamp) })
        })
    }

    /// Returns the size of the database in bytes, and the free part of it.
    pub(crate) fn size(&self) -> rusqlite::Result<(u64, u64)> {
        let pragma =
            |name| self.connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        let page = pragma("page_size")?;
        Ok((pragma("page_count")? * page, pragma("freelist_count")? * page))
    }
}

/// Removes events from before the history window, and the oldest of those beyond a maximum number.
///
/// A line without a time, or with a time in the future, is kept as long as its file. Otherwise it
/// would be flagged again when the file is matched again. Such a document is kept for the window
/// from its last match on.
fn prune_events(
    transaction: &Transaction<'_>,
    oldest: Timestamp,
    now: Timestamp,
    most: u32,
) -> anyhow::Result<u64> {
    transaction.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS old_events (id INTEGER PRIMARY KEY); \
         DELETE FROM temp.old_events;",
    )?;
    let is_told = "NOT EXISTS (SELECT 1 FROM matches m \
                   WHERE m.event = e.id AND m.told = 0 AND m.retracted IS NULL)";
    transaction.execute(
        &format!(
            "INSERT INTO old_events SELECT e.id FROM events e LEFT JOIN files f ON f.id = e.file \
             WHERE (e.occurred < ?1 OR (e.occurred IS NULL OR e.occurred > ?2) AND ( \
             f.gone = 1 AND f.modified < ?1 OR e.file IS NULL \
             AND (SELECT max(found) FROM matches WHERE event = e.id) < ?1)) AND {is_told}"
        ),
        [oldest.0, now.0],
    )?;
    let surplus = "(SELECT count(*) FROM events) - (SELECT count(*) FROM old_events) - ?1";
    transaction.execute(
        &format!(
            "INSERT INTO old_events SELECT e.id FROM events e WHERE e.id NOT IN old_events \
             AND {is_told} \
             ORDER BY e.id LIMIT max(0, {surplus})"
        ),
        [most],
    )?;
    transaction.execute("DELETE FROM matches WHERE event IN old_events", [])?;
    let events = transaction.execute("DELETE FROM events WHERE id IN old_events", [])?;
    transaction.execute("DELETE FROM old_events", [])?;
    Ok(events as u64)
}

/// Removes the rejections of each feed beyond a maximum number, the newest first.
fn prune_rejections(connection: &Connection, most: u32) -> anyhow::Result<u64> {
    let mut removed = 0;
    for origin in [RejectedBy::Delivery, RejectedBy::Build] {
        removed += connection.execute(
            "DELETE FROM rejections WHERE rowid IN (SELECT row FROM (SELECT rowid AS row, \
             row_number() OVER (PARTITION BY feed ORDER BY rowid) AS number \
             FROM rejections WHERE origin = ?1) \
             WHERE number > ?2)",
            (origin as i64, most),
        )?;
    }
    Ok(removed as u64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rusqlite::params;

    use super::*;
    use crate::store::ingest::tests::{NOW, store};

    const DAY: i64 = 24 * 60 * 60 * 1_000_000;

    fn limits(events: u32) -> Limits {
        let retention = Retention { events, rounds: 2, ..Retention::for_tests() };
        Limits { retention, oldest: Timestamp(NOW.0 - 10 * DAY), sends_mails: true }
    }

    /// Adds an event that happened `days` days before now. If `told` is true, its match was mailed.
    fn event(store: &Store, number: i64, days: i64, told: bool) {
        let sql = "INSERT INTO events (id, file, offset, line, uid, occurred, raw) \
                   VALUES (?1, 1, ?1, 1, '', ?2, '')";
        store.connection.execute(sql, (number, NOW.0 - days * DAY)).unwrap();
        let sql = "INSERT INTO matches (event, feed, indicator, entry_type, entry, observable,
                   field, how, generation, found, historic, told)
                   VALUES (?1, 'f', 'i', 't', 'e', 'o', 'f', 'h', 1, ?2, 0, ?3)";
        store.connection.execute(sql, params![number, NOW.0, told]).unwrap();
    }

    fn events(store: &Store) -> Vec<i64> {
        let mut statement = store.connection.prepare("SELECT id FROM events ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn with_file() -> (tempfile::TempDir, Store) {
        let (folder, store) = store();
        let sql = "INSERT INTO files (id, source, digest, digest_bytes, path, device, inode,
                                      size, modified, seen)
                   VALUES (1, 's', x'', 0, '/log', 1, 1, 1, ?1, 1)";
        store.connection.execute(sql, [NOW.0]).unwrap();
        (folder, store)
    }

    #[test]
    fn the_oldest_events_go_first_and_none_that_nobody_was_told_of() {
        let (_folder, mut store) = with_file();
        event(&store, 1, 11, true);
        event(&store, 2, 11, false);
        (3..8).for_each(|number| event(&store, number, 1, number != 4));
        event(&store, 8, -3650, true);
        assert_eq!(store.prune(&limits(4), NOW).unwrap().events, 4);
        assert_eq!(events(&store), [2, 4, 7, 8], "1 is old, 3, 5 and 6 are too many");
        assert_eq!(store.prune(&limits(4), NOW).unwrap(), Pruned::default());
        // An event with a future time stays as long as its file.
        store
            .connection
            .execute("UPDATE files SET gone = 1, modified = ?1", [NOW.0 - 11 * DAY])
            .unwrap();
        store.prune(&limits(4), NOW).unwrap();
        assert_eq!(events(&store), [2, 4, 7]);
    }

    #[test]
    fn mails_that_wait_stay_while_there_is_a_server() {
        let (_folder, mut store) = store();
        for (number, state) in [0, 1, 2].into_iter().enumerate() {
            let sql = "INSERT INTO mails (message_id, recipient, subject, body, composed, state) \
                       VALUES (?1, '', '', x'', ?2, ?3)";
            store.connection.execute(sql, (number, NOW.0 - 31 * DAY, state)).unwrap();
        }
        assert_eq!(store.prune(&limits(1000), NOW).unwrap().mails, 2);
        let without = Limits { sends_mails: false, ..limits(1000) };
        assert_eq!(store.prune(&without, NOW).unwrap().mails, 1);
    }

    #[test]
    fn pruning_is_done_once_a_day() {
        let (_folder, mut store) = store();
        let config = crate::indicators::generation::tests::config("state".into());
        let mut is_done = |now: i64| store.prune_if_due(&config, Timestamp(now)).unwrap().is_some();
        assert!(is_done(NOW.0) && !is_done(NOW.0 + DAY - 1) && is_done(NOW.0 + DAY));
        assert!(is_done(NOW.0), "the clock was set back");
        assert_eq!(NOW.minus(Duration::MAX), Timestamp(NOW.0.saturating_sub(i64::MAX)));
    }
}
