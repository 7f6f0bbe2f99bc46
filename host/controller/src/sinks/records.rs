//! The output file: NDJSON, each record appended once.

use std::io;
use std::path::Path;

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use serde::Serialize;

use super::appended::{Appended, Known};
use crate::config::Output;
use crate::store::Store;

/// Records appended and confirmed at a time.
const BATCH_RECORDS: usize = 1000;
/// The same in bytes; one record alone may be longer.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// What came of writing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct DrainReport {
    /// Records appended.
    pub(crate) written: u64,
    /// Records that a run before had appended, and could not confirm.
    pub(crate) confirmed: u64,
    /// Records that wait for the next round.
    pub(crate) waiting: u64,
    /// Why they do.
    pub(crate) error: Option<String>,
}

/// Appends the records that wait. Records that cannot be written stay for the next round, and the report gives the
/// reason. The file is opened even if no record waits, so that the first one does not find it locked. Fails on errors
/// of the state only.
pub(crate) fn drain(output: &Output, store: &mut Store) -> anyhow::Result<DrainReport> {
    let mut report = DrainReport::default();
    loop {
        let batch = next_batch(&store.connection)?;
        let appended = match batch.is_empty() {
            true => {
                Appended::open(&output.file, output.access).map(|_| Done::default()).map_err(Failure::File)
            }
            false => append_batch(output, store, &batch),
        };
        match appended {
            Ok(_) if batch.is_empty() => return Ok(report),
            Ok(Done { confirmed, written }) => {
                report.confirmed += confirmed;
                report.written += written;
            }
            Err(Failure::State(error)) => return Err(error),
            Err(Failure::File(error)) => {
                report.error = Some(format!("{:#}", file_error(&output.file, error)));
                report.waiting = waiting(&store.connection)?;
                return Ok(report);
            }
        }
    }
}

/// Records that are to be written.
pub(crate) fn waiting(connection: &Connection) -> anyhow::Result<u64> {
    let count: i64 = connection.query_row("SELECT count(*) FROM outbox_records", [], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

struct Waiting {
    id: i64,
    /// With its line end.
    line: String,
}

#[derive(Default)]
struct Done {
    confirmed: u64,
    written: u64,
}

enum Failure {
    File(io::Error),
    State(anyhow::Error),
}

fn file_error(path: &Path, error: io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("{}: records cannot be appended", path.display()))
}

fn next_batch(connection: &Connection) -> anyhow::Result<Vec<Waiting>> {
    let mut statement =
        connection.prepare_cached("SELECT id, body FROM outbox_records ORDER BY id LIMIT ?1")?;
    let mut rows = statement.query([BATCH_RECORDS as i64])?;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let mut line: String = row.get(1)?;
        line.push('\n');
        if !batch.is_empty() && bytes + line.len() > BATCH_BYTES {
            break;
        }
        bytes += line.len();
        batch.push(Waiting { id: row.get(0)?, line });
    }
    Ok(batch)
}

fn append_batch(output: &Output, store: &mut Store, batch: &[Waiting]) -> Result<Done, Failure> {
    let state = |error| Failure::State(error);
    let mut file = Appended::open(&output.file, output.access).map_err(Failure::File)?;
    let known = known(&store.connection, &output.file).map_err(state)?;
    let lines: Vec<&str> = batch.iter().map(|one| one.line.as_str()).collect();
    // Written by a run that was killed before it could say so.
    let there = file.lines_after(known, &lines).map_err(Failure::File)?;
    if there == 0 {
        file.end_line().map_err(Failure::File)?;
        // From here on, what stands after this is known to be ours.
        remember(&store.connection, &output.file, file.known()).map_err(state)?;
    }
    file.append(&lines[there..].concat()).map_err(Failure::File)?;
    let mut confirm = || -> anyhow::Result<()> {
        let transaction = store.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        remember(&transaction, &output.file, file.known())?;
        let mut delete = transaction.prepare_cached("DELETE FROM outbox_records WHERE id = ?1")?;
        for one in batch {
            delete.execute([one.id])?;
        }
        drop(delete);
        transaction.commit().context("what was appended cannot be confirmed")
    };
    confirm().map_err(state)?;
    Ok(Done { confirmed: there as u64, written: (batch.len() - there) as u64 })
}

fn known(connection: &Connection, path: &Path) -> anyhow::Result<Option<Known>> {
    let mut statement =
        connection.prepare_cached("SELECT device, inode, bytes FROM output_files WHERE path = ?1")?;
    let known = statement
        .query_row([path.to_string_lossy()], |row| {
            let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
            Ok(Known { device: unsigned(0)?, inode: unsigned(1)?, bytes: unsigned(2)? })
        })
        .optional()?;
    Ok(known)
}

fn remember(connection: &Connection, path: &Path, known: Known) -> anyhow::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO output_files (path, device, inode, bytes) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (path) DO UPDATE \
             SET device = excluded.device, inode = excluded.inode, bytes = excluded.bytes",
        )?
        .execute((
            path.to_string_lossy(),
            known.device.cast_signed(),
            known.inode.cast_signed(),
            known.bytes.cast_signed(),
        ))?;
    Ok(())
}
