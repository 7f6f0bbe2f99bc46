//! Records that wait for the output file, and the position up to which that file is known to be
//! written.

use std::path::Path;

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension};
use threatsieve_blacklist::Timestamp;

use super::Store;

/// A record that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WaitingRecord {
    pub(crate) id: i64,
    /// One line of JSON, without a line end.
    pub(crate) body: String,
}

/// The position up to which the output file is known to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) bytes: u64,
}

/// Records that wait, for `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RecordCounts {
    pub(crate) waiting: u64,
    /// Time at which the oldest was queued.
    pub(crate) oldest: Option<Timestamp>,
}

/// Adds a record for the output file.
pub(crate) fn insert_record(
    connection: &Connection,
    body: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    connection
        .prepare_cached("INSERT INTO outbox_records (body, queued) VALUES (?1, ?2)")?
        .execute((body, now.0))?;
    Ok(())
}

impl Store {
    /// Reads the oldest waiting records: at most `limit` of them and at most `bytes` bytes, but at
    /// least one.
    pub(crate) fn next_records(
        &self,
        limit: usize,
        bytes: usize,
    ) -> anyhow::Result<Vec<WaitingRecord>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, body FROM outbox_records ORDER BY id LIMIT ?1")?;
        let mut rows = statement.query([i64::try_from(limit)?])?;
        let (mut records, mut sum) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let body: String = row.get(1)?;
            sum += body.len() + 1;
            if !records.is_empty() && sum > bytes {
                break;
            }
            records.push(WaitingRecord { id: row.get(0)?, body });
        }
        Ok(records)
    }

    /// Counts the waiting records.
    pub(crate) fn waiting_records(&self) -> anyhow::Result<RecordCounts> {
        let sql = "SELECT count(*), min(queued) FROM outbox_records";
        Ok(self.connection.query_row(sql, [], |row| {
            let oldest = row.get::<_, Option<i64>>(1)?.map(Timestamp);
            Ok(RecordCounts { waiting: row.get(0)?, oldest })
        })?)
    }

    /// Returns the position at which the last append to the output file began, if it was not
    /// confirmed.
    pub(crate) fn unconfirmed_append(&self, path: &Path) -> anyhow::Result<Option<Position>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT device, inode, bytes FROM output_files WHERE path = ?1 AND unconfirmed = 1",
        )?;
        let position = statement
            .query_row([path.to_string_lossy()], |row| {
                let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
                Ok(Position { device: unsigned(0)?, inode: unsigned(1)?, bytes: unsigned(2)? })
            })
            .optional()?;
        Ok(position)
    }

    /// Stores where an append begins. Everything after this position was then written by this
    /// program.
    pub(crate) fn begin_append(&mut self, path: &Path, position: Position) -> anyhow::Result<()> {
        remember(&self.connection, path, position, true)
    }

    /// Removes appended records from the queue, and stores the position after them.
    pub(crate) fn confirm_append(
        &mut self,
        path: &Path,
        position: Position,
        records: &[WaitingRecord],
    ) -> anyhow::Result<()> {
        let transaction = self.write()?;
        remember(&transaction, path, position, false)?;
        let mut delete = transaction.prepare_cached("DELETE FROM outbox_records WHERE id = ?1")?;
        for record in records {
            delete.execute([record.id])?;
        }
        drop(delete);
        transaction.commit().context("appended records cannot be confirmed")
    }
}

fn remember(
    connection: &Connection,
    path: &Path,
    position: Position,
    is_unconfirmed: bool,
) -> anyhow::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO output_files (path, device, inode, bytes, unconfirmed) \
             VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (path) DO UPDATE SET device = excluded.device, \
             inode = excluded.inode, bytes = excluded.bytes, unconfirmed = excluded.unconfirmed",
        )?
        .execute((
            path.to_string_lossy(),
            position.device.cast_signed(),
            position.inode.cast_signed(),
            position.bytes.cast_signed(),
            is_unconfirmed,
        ))?;
    Ok(())
}
