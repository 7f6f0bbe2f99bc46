//! Retracts matches whose indicator is not valid any more.

use rusqlite::{Connection, Transaction};
use threatsieve_blacklist::Timestamp;
use threatsieve_flag::retraction;

use super::cluster::documents::queue_document;
use super::records::insert_record;
use crate::text::safe_json;

/// Retracts an indicator's matches, or only those by one entry. Queues a record or a document for
/// each of their events, and returns the number of matches.
pub(crate) fn retract_matches(
    transaction: &Transaction<'_>,
    feed: &str,
    indicator: &str,
    entry: Option<&str>,
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<u64> {
    let mut retracted = 0;
    let mut statement = transaction.prepare_cached(
        "SELECT e.id, e.file IS NULL, e.uid, m.written, coalesce(m.written_id, m.indicator) \
         FROM matches m JOIN events e ON e.id = m.event \
         WHERE m.indicator = ?1 AND m.feed = ?2 AND (?3 IS NULL OR m.entry = ?3) \
         AND m.retracted IS NULL ORDER BY m.id",
    )?;
    let mut rows = statement.query((indicator, feed, entry))?;
    while let Some(row) = rows.next()? {
        let is_written: bool = row.get(3)?;
        let id: String = row.get(4)?;
        let event = FlaggedEvent { id: row.get(0)?, is_document: row.get(1)?, uid: row.get(2)? };
        event.take_flag_back(transaction, is_written.then_some((feed, &*id)), reason, now)?;
        retracted += 1;
    }
    transaction
        .prepare_cached(
            "UPDATE matches SET retracted = ?4, reason = ?5 WHERE indicator = ?1 AND feed = ?2 \
             AND (?3 IS NULL OR entry = ?3) \
             AND retracted IS NULL",
        )?
        .execute((indicator, feed, entry, now.0, reason))?;
    Ok(retracted)
}

/// Retracts an indicator's match with one event.
pub(crate) fn retract_matches_of(
    transaction: &Transaction<'_>,
    event: i64,
    (feed, indicator): (&str, &str),
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE matches SET retracted = ?4, reason = ?5 WHERE event = ?1 AND feed = ?2 \
             AND indicator = ?3 AND retracted IS NULL",
        )?
        .execute((event, feed, indicator, now.0, reason))?;
    Ok(())
}

/// Returns whether an indicator's match with an event was retracted.
pub(crate) fn is_retracted(
    connection: &Connection,
    event: i64,
    (feed, written_id): (&str, &str),
) -> anyhow::Result<bool> {
    let is_retracted = connection
        .prepare_cached(
            "SELECT 1 FROM matches WHERE event = ?1 AND feed = ?2 \
             AND coalesce(written_id, indicator) = ?3 AND retracted IS NOT NULL",
        )?
        .exists((event, feed, written_id))?;
    Ok(is_retracted)
}

/// The event of a match.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FlaggedEvent {
    id: i64,
    /// True for a document of an index, false for a line of a file.
    is_document: bool,
    uid: String,
}

impl FlaggedEvent {
    /// Queues what takes a flag back: a record for the output file, or the document.
    fn take_flag_back(
        &self,
        transaction: &Transaction<'_>,
        named: Option<(&str, &str)>,
        reason: &str,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        if self.is_document {
            return queue_document(transaction, self.id);
        }
        let record = retraction(&self.uid, named, reason, now).to_string();
        insert_record(transaction, &safe_json(&record), now)
    }
}

/// A match that is not retracted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flagged {
    pub(crate) id: i64,
    /// The entry's type, by its STIX name.
    pub(crate) entry_type: String,
    pub(crate) entry: String,
    pub(crate) observable: String,
    pub(crate) feed: String,
    pub(crate) indicator: String,
    event: FlaggedEvent,
    is_written: bool,
    /// The indicator's id in the output.
    written_id: String,
}

/// Returns each entry of the matches with a row number above `after` that are not retracted, once:
/// its type by STIX, and its value. For conjunctions, their parts.
pub(crate) fn flagged_entries(
    connection: &Connection,
    after: i64,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT ifnull(p.entry_type, m.entry_type), ifnull(p.entry, m.entry) \
             FROM matches m LEFT JOIN match_parts p ON p.match = m.id \
             WHERE m.id > ?1 AND m.retracted IS NULL",
    )?;
    let entries = statement.query_map([after], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(entries.collect::<Result<_, _>>()?)
}

/// Returns up to `limit` matches with a row number above `after` that are not retracted, in the
/// order of their rows. A match by a conjunction comes once for each part.
pub(crate) fn flagged(
    connection: &Connection,
    after: i64,
    limit: usize,
) -> anyhow::Result<Vec<Flagged>> {
    let mut statement = connection.prepare_cached(
        "SELECT m.id, ifnull(p.entry_type, m.entry_type), ifnull(p.entry, m.entry), \
         ifnull(p.observable, m.observable), e.id, e.file IS NULL, e.uid, m.feed, m.indicator, \
         m.written, coalesce(m.written_id, m.indicator) \
         FROM matches m JOIN events e ON e.id = m.event \
         LEFT JOIN match_parts p ON p.match = m.id \
         WHERE m.id IN (SELECT id FROM matches WHERE id > ?1 AND retracted IS NULL \
         ORDER BY id LIMIT ?2) ORDER BY m.id",
    )?;
    let rows = statement.query_map((after, i64::try_from(limit)?), |row| {
        Ok(Flagged {
            id: row.get(0)?,
            entry_type: row.get(1)?,
            entry: row.get(2)?,
            observable: row.get(3)?,
            event: FlaggedEvent { id: row.get(4)?, is_document: row.get(5)?, uid: row.get(6)? },
            feed: row.get(7)?,
            indicator: row.get(8)?,
            is_written: row.get(9)?,
            written_id: row.get(10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Retracts one match, and queues a record or a document for its event; `false` if it is retracted
/// already.
pub(crate) fn retract_match(
    transaction: &Transaction<'_>,
    flag: &Flagged,
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<bool> {
    let rows = transaction
        .prepare_cached(
            "UPDATE matches SET retracted = ?2, reason = ?3 WHERE id = ?1 AND retracted IS NULL",
        )?
        .execute((flag.id, now.0, reason))?;
    if rows == 0 {
        return Ok(false);
    }
    let named = flag.is_written.then_some((flag.feed.as_str(), flag.written_id.as_str()));
    flag.event.take_flag_back(transaction, named, reason, now)?;
    Ok(true)
}
