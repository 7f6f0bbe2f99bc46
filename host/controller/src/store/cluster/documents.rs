//! Flagged documents: those whose flags are to be written again, and the matches that hold.

use rusqlite::{Connection, OptionalExtension, Transaction};
use threatsieve_blacklist::Timestamp;

use crate::store::Store;

/// A document whose flags are to be written again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueDocument {
    pub(crate) event: i64,
    /// Counter of its retractions.
    pub(crate) change: i64,
    pub(crate) attempts: u32,
    /// More than one if the index was copied.
    pub(crate) places: Vec<PlaceOfDocument>,
}

/// The place of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlaceOfDocument {
    pub(crate) index: String,
    pub(crate) id: String,
    pub(crate) routing: Option<String>,
}

/// A match that was retracted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RetractedMatch {
    pub(crate) feed: String,
    /// The indicator's id in the output.
    pub(crate) indicator: String,
    pub(crate) at: Timestamp,
    pub(crate) reason: String,
    /// False if the indicator's marking forbids to name it.
    pub(crate) is_written: bool,
}

/// The matches of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MatchesOfEvent {
    /// Number of those that hold, and that may not be named in the document.
    pub(crate) withheld: u64,
    pub(crate) retracted: Vec<RetractedMatch>,
}

/// Queues a document whose flags are to be written again.
pub(crate) fn queue_document(transaction: &Transaction<'_>, event: i64) -> anyhow::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO outbox_documents (event) VALUES (?1) ON CONFLICT (event) \
             DO UPDATE SET change = change + 1, next_attempt = NULL",
        )?
        .execute([event])?;
    Ok(())
}

/// Returns the matches of the event with a unique id; `None` if it is not known.
pub(crate) fn matches_of_uid(
    connection: &Connection,
    uid: &str,
) -> anyhow::Result<Option<MatchesOfEvent>> {
    let event = connection
        .prepare_cached("SELECT event FROM documents WHERE uid = ?1")?
        .query_row([uid], |row| row.get(0))
        .optional()?;
    event.map(|event| matches_of(connection, event)).transpose()
}

/// Returns the matches of an event.
fn matches_of(connection: &Connection, event: i64) -> anyhow::Result<MatchesOfEvent> {
    let mut statement = connection.prepare_cached(
        "SELECT feed, coalesce(written_id, indicator), written, retracted, coalesce(reason, '') \
         FROM matches WHERE event = ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([event])?;
    let mut all = MatchesOfEvent::default();
    while let Some(row) = rows.next()? {
        let (feed, indicator): (String, String) = (row.get(0)?, row.get(1)?);
        let is_written: bool = row.get(2)?;
        match row.get::<_, Option<i64>>(3)? {
            Some(at) => all.retracted.push(RetractedMatch {
                feed,
                indicator,
                at: Timestamp(at),
                reason: row.get(4)?,
                is_written,
            }),
            None => all.withheld += u64::from(!is_written),
        }
    }
    Ok(all)
}

/// Returns the places of an event's documents.
fn places_of(connection: &Connection, event: i64) -> rusqlite::Result<Vec<PlaceOfDocument>> {
    let mut statement = connection.prepare_cached(
        "SELECT index_name, document, routing FROM documents WHERE event = ?1 \
         UNION SELECT index_name, document, routing FROM document_copies WHERE event = ?1",
    )?;
    let rows = statement.query_map([event], |row| {
        Ok(PlaceOfDocument { index: row.get(0)?, id: row.get(1)?, routing: row.get(2)? })
    })?;
    rows.collect()
}

impl Store {
    /// Returns the documents that are due, those that wait longest first.
    pub(crate) fn due_documents(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> anyhow::Result<Vec<DueDocument>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT event, change, attempts FROM outbox_documents \
             WHERE next_attempt IS NULL OR next_attempt <= ?1 ORDER BY event LIMIT ?2",
        )?;
        let rows = statement.query_map((now.0, i64::try_from(limit)?), |row| {
            let (event, change, attempts) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let places = places_of(&self.connection, event)?;
            Ok(DueDocument { event, change, attempts, places })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Removes a copy of a document that does not exist any more.
    pub(crate) fn forget_copy(&self, event: i64, place: &PlaceOfDocument) -> anyhow::Result<()> {
        self.connection
            .prepare_cached("DELETE FROM document_copies WHERE event = ?1 AND index_name = ?2")?
            .execute((event, &place.index))?;
        Ok(())
    }

    /// Removes a document from the queue, unless another of its matches was retracted meanwhile.
    pub(crate) fn confirm_document(&self, document: &DueDocument) -> anyhow::Result<()> {
        self.connection
            .prepare_cached("DELETE FROM outbox_documents WHERE event = ?1 AND change = ?2")?
            .execute((document.event, document.change))?;
        Ok(())
    }

    /// Stores that a document could not be written, and the time of the next attempt.
    pub(crate) fn retry_document(
        &self,
        document: &DueDocument,
        at: Timestamp,
        error: &str,
    ) -> anyhow::Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE outbox_documents SET attempts = attempts + 1, next_attempt = ?2, \
                 error = ?3 WHERE event = ?1",
            )?
            .execute((document.event, at.0, error))?;
        Ok(())
    }
}
