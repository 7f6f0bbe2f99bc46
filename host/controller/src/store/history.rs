//! The queue of files whose stored lines are to be matched again, with the progress and error of
//! each file.

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use threatsieve_blacklist::Timestamp;

use super::Store;
use super::files::{LogFile, Place};

/// A file whose stored lines are to be matched again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rematch {
    pub(crate) file: LogFile,
    /// The position at which matching continues.
    pub(crate) place: Place,
    /// Offset in the stream at which this pass ends.
    pub(crate) until: u64,
    /// The error of the last attempt to read it.
    pub(crate) missed: Option<String>,
}

/// Counts for `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct HistoryState {
    /// Files in the queue, including those that cannot be read at the moment.
    pub(crate) files: u64,
    /// Size of their unpacked streams in bytes, and the number of bytes that are done.
    pub(crate) bytes: u64,
    pub(crate) bytes_done: u64,
    /// The first of the files that cannot be read.
    pub(crate) missed: Vec<Missed>,
    pub(crate) missed_files: u64,
}

/// A file whose stored lines cannot be read. Each round tries it again until it leaves the history
/// window.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct Missed {
    pub(crate) path: String,
    pub(crate) reason: String,
    /// Time of the first failure, as RFC 3339.
    pub(crate) since: String,
}

/// Maximum number of missed files that are listed.
const NAMED_MISSED: i64 = 20;

/// Queues the stored lines of all files.
pub(crate) fn renew(connection: &Connection, now: Timestamp) -> anyhow::Result<()> {
    connection.execute(
        "INSERT INTO history (file, since, until) \
         SELECT id, ?1, offset + partial FROM files WHERE offset + partial > 0 \
         ON CONFLICT (file) DO UPDATE SET again = done, until = excluded.until",
        [now.0],
    )?;
    Ok(())
}

/// Queues new files that were too old before, and are within the longer history window now.
pub(crate) fn read_passed_over(connection: &Connection, oldest: Timestamp) -> anyhow::Result<()> {
    connection.execute(
        "UPDATE files SET settled = 0 WHERE settled AND offset + partial = 0 AND modified >= ?1",
        [oldest.0],
    )?;
    Ok(())
}

/// Stores the position up to which a file is matched again.
pub(crate) fn move_to(connection: &Connection, file: i64, place: &Place) -> anyhow::Result<()> {
    connection
        .prepare_cached("UPDATE history SET done = ?2, lines = ?3, header = ?4 WHERE file = ?1")?
        .execute((file, place.offset.cast_signed(), place.lines.cast_signed(), &place.header))?;
    Ok(())
}

impl Store {
    /// Returns the files in the queue, those that have waited longest first, and of these the
    /// newest logs first. Removes files whose lines are all before `oldest`, because they left the
    /// history window.
    pub(crate) fn rematches(&mut self, oldest: Timestamp) -> anyhow::Result<Vec<Rematch>> {
        self.connection.execute(
            "DELETE FROM history WHERE file IN \
             (SELECT id FROM files WHERE coalesce(newest, modified) < ?1)",
            [oldest.0],
        )?;
        let mut statement = self.connection.prepare_cached(
            "SELECT h.file, h.until, h.done, h.lines, h.header, h.missed FROM history h \
             JOIN files f ON f.id = h.file \
             ORDER BY h.since, coalesce(f.newest, f.modified) DESC, f.id DESC",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, read(row)?)))?;
        let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
        rows.into_iter()
            .map(|(id, (place, until, missed))| {
                let file = LogFile::get(&self.connection, id)?;
                Ok(Rematch { file, place, until, missed })
            })
            .collect()
    }

    /// Ends a pass over a file that was read to its end. Starts the next pass if one is due, and
    /// returns it.
    pub(crate) fn end_rematch(&mut self, file: LogFile) -> anyhow::Result<Option<Rematch>> {
        let transaction = self.write()?;
        transaction.execute("DELETE FROM history WHERE file = ?1 AND again = 0", [file.id])?;
        let until = transaction
            .query_row(
                "UPDATE history SET done = 0, until = again, again = 0, lines = 0, header = NULL \
                 WHERE file = ?1 RETURNING until",
                [file.id],
                |row| row.get::<_, i64>(0),
            )
            .optional()?;
        transaction.commit()?;
        let next = until.map(|until| Rematch {
            file,
            place: Place::default(),
            until: until.cast_unsigned(),
            missed: None,
        });
        Ok(next)
    }

    /// Stores why a file cannot be read; `None` if it can.
    pub(crate) fn set_missed(
        &mut self,
        file: i64,
        reason: Option<&str>,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        self.connection.execute(
            "UPDATE history SET missed = :reason, missed_since = \
             CASE WHEN :reason IS NOT NULL THEN coalesce(missed_since, :now) END \
             WHERE file = :file",
            named_params! { ":file": file, ":reason": reason, ":now": now.0 },
        )?;
        Ok(())
    }

    /// Counts the queue, for `status`.
    pub(crate) fn history_state(&self) -> anyhow::Result<HistoryState> {
        let mut state = self
            .connection
            .query_row(
                "SELECT count(*), coalesce(sum(until + again), 0), coalesce(sum(done), 0), \
                 count(missed) FROM history",
                [],
                |row| {
                    let count = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
                    Ok(HistoryState {
                        files: count(0)?,
                        bytes: count(1)?,
                        bytes_done: count(2)?,
                        missed: Vec::new(),
                        missed_files: count(3)?,
                    })
                },
            )
            .context("the history in the state cannot be counted")?;
        let mut statement = self.connection.prepare_cached(
            "SELECT f.path, h.missed, h.missed_since FROM history h JOIN files f ON f.id = h.file \
             WHERE h.missed IS NOT NULL ORDER BY f.gone, h.missed_since, f.path LIMIT ?1",
        )?;
        let missed = statement.query_map([NAMED_MISSED], |row| {
            let since = Timestamp(row.get(2)?);
            let since = threatsieve_flag::rfc3339(since);
            Ok(Missed { path: row.get(0)?, reason: row.get(1)?, since })
        })?;
        state.missed = missed.collect::<Result<_, _>>()?;
        Ok(state)
    }
}

/// Reads a row's columns from the second on.
fn read(row: &Row<'_>) -> rusqlite::Result<(Place, u64, Option<String>)> {
    let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
    let header = row.get::<_, Option<Vec<u8>>>(4)?.unwrap_or_default();
    let place = Place { offset: unsigned(2)?, lines: unsigned(3)?, header };
    Ok((place, unsigned(1)?, row.get(5)?))
}
