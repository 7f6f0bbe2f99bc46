//! Removal of what is too old or too much.

use rusqlite::{Connection, Transaction};
use serde::Serialize;
use threatsieve_blacklist::Timestamp;

use super::Store;
use super::left_out::LeftOutBy;
use crate::config::{Config, Retention};

/// Time between two removals: a day.
const PRUNED_EVERY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Limits of one removal, from the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) retention: Retention,
    /// Start of the history window.
    pub(crate) oldest: Timestamp,
    /// Mails that wait are waited for.
    pub(crate) sends_mails: bool,
}

/// Numbers of rows that were removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Pruned {
    pub(crate) events: u64,
    /// Log files that are gone.
    pub(crate) files: u64,
    pub(crate) jobs: u64,
    pub(crate) mails: u64,
    pub(crate) rejections: u64,
    pub(crate) rounds: u64,
}

/// Rows of one kind that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) rows: u64,
    pub(crate) oldest: Option<Timestamp>,
}

impl Limits {
    pub(crate) fn new(config: &Config, now: Timestamp) -> Limits {
        let oldest = before(now, config.history.window);
        Limits { retention: config.retention.clone(), oldest, sends_mails: config.alerts.is_some() }
    }
}

impl Store {
    /// Removes what is too old or too much, if that was not done within a day.
    pub(crate) fn prune_if_due(&mut self, config: &Config, now: Timestamp) -> anyhow::Result<Option<Pruned>> {
        let is_recent = |at: Timestamp| (0..PRUNED_EVERY_MICROS).contains(&(now.0 - at.0));
        if self.upkeep()?.pruned.is_some_and(is_recent) {
            return Ok(None);
        }
        let pruned = self.prune(&Limits::new(config, now), now)?;
        self.set_pruned(now)?;
        Ok(Some(pruned))
    }

    /// Removes what is too old or too much. Events that nobody was told of yet stay, and so do log files with events.
    pub(crate) fn prune(&mut self, limits: &Limits, now: Timestamp) -> anyhow::Result<Pruned> {
        let Limits { retention, oldest, sends_mails } = limits;
        let transaction = self.write()?;
        let events = prune_events(&transaction, *oldest, retention.events)?;
        let jobs = prune_jobs(&transaction, before(now, retention.jobs))?;
        let files = transaction.execute(
            "DELETE FROM files WHERE gone = 1 AND max(coalesce(newest, modified), modified) < ?1 \
             AND id NOT IN (SELECT file FROM events) AND id NOT IN (SELECT file FROM history_files)",
            [oldest.0],
        )?;
        // Without a server to send them to, mails do not wait either.
        let mails = transaction.execute(
            "DELETE FROM mails WHERE composed < ?1 AND (state <> 0 OR NOT ?2)",
            (before(now, retention.mails).0, sends_mails),
        )?;
        let rejections = prune_rejections(&transaction, retention.rejections)?;
        let rounds = transaction.execute(
            "DELETE FROM rounds WHERE id <= (SELECT max(id) FROM rounds) - ?1",
            [retention.rounds],
        )?;
        transaction.commit()?;
        Ok(Pruned {
            events,
            files: files as u64,
            jobs,
            mails: mails as u64,
            rejections,
            rounds: rounds as u64,
        })
    }

    /// Counts the rows of a table that retention limits, with the time of the oldest.
    pub(crate) fn kept(&self, table: &'static str, time: &'static str) -> rusqlite::Result<Kept> {
        let sql = format!("SELECT count(*), min({time}) FROM {table}");
        self.connection.query_row(&sql, [], |row| {
            Ok(Kept { rows: row.get(0)?, oldest: row.get::<_, Option<i64>>(1)?.map(Timestamp) })
        })
    }

    /// Returns the size of the database in bytes, and how much of it is free for new rows.
    pub(crate) fn size(&self) -> rusqlite::Result<(u64, u64)> {
        let pragma = |name| self.connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        let page = pragma("page_size")?;
        Ok((pragma("page_count")? * page, pragma("freelist_count")? * page))
    }
}

/// Removes events from before the history window, and the oldest of those beyond a number.
fn prune_events(transaction: &Transaction<'_>, oldest: Timestamp, most: u32) -> anyhow::Result<u64> {
    transaction.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS old_events (id INTEGER PRIMARY KEY); DELETE FROM temp.old_events;",
    )?;
    let is_told = "NOT EXISTS (SELECT 1 FROM matches m WHERE m.event = e.id AND m.told = 0)";
    // A line's own time may be wrong; nothing was found before it was there.
    let age = "min(coalesce(e.occurred, 9223372036854775807), \
               coalesce((SELECT max(found) FROM matches m WHERE m.event = e.id), 0))";
    transaction.execute(
        &format!("INSERT INTO old_events SELECT e.id FROM events e WHERE {age} < ?1 AND {is_told}"),
        [oldest.0],
    )?;
    let surplus = "(SELECT count(*) FROM events) - (SELECT count(*) FROM old_events) - ?1";
    transaction.execute(
        &format!(
            "INSERT INTO old_events SELECT e.id FROM events e WHERE e.id NOT IN old_events AND {is_told} \
             ORDER BY e.id LIMIT max(0, {surplus})"
        ),
        [most],
    )?;
    transaction.execute("DELETE FROM matches WHERE event IN old_events", [])?;
    let events = transaction.execute("DELETE FROM events WHERE id IN old_events", [])?;
    transaction.execute("DELETE FROM old_events", [])?;
    Ok(events as u64)
}

fn prune_jobs(connection: &Connection, before: Timestamp) -> anyhow::Result<u64> {
    connection.execute(
        "DELETE FROM history_files WHERE job IN (SELECT id FROM history_jobs WHERE ended < ?1)",
        [before.0],
    )?;
    Ok(connection.execute("DELETE FROM history_jobs WHERE ended < ?1", [before.0])? as u64)
}

/// Removes the rejections of each feed beyond a number, the last ones first.
fn prune_rejections(connection: &Connection, most: u32) -> anyhow::Result<u64> {
    let mut removed = 0;
    for origin in [LeftOutBy::Delivery, LeftOutBy::Build] {
        removed += connection.execute(
            "DELETE FROM left_out WHERE rowid IN (SELECT row FROM (SELECT rowid AS row, \
             row_number() OVER (PARTITION BY feed ORDER BY rowid) AS number FROM left_out WHERE origin = ?1) \
             WHERE number > ?2)",
            (origin as i64, most),
        )?;
    }
    Ok(removed as u64)
}

fn before(now: Timestamp, age: std::time::Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)))
}
