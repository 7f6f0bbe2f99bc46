//! The output file: NDJSON. Each record is appended once, even if another program renames the file
//! meanwhile.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::appended::Appended;
use super::rotated::lines_in_rotated;
use crate::config::Output;
use crate::store::Store;
use crate::store::records::{Position, WaitingRecord};

/// Maximum number of records that are appended and confirmed at a time.
const BATCH_RECORDS: usize = 1000;
/// The same limit in bytes. A single record may be longer.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Counts of the records written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct DrainReport {
    /// Records appended.
    pub(crate) written: u64,
    /// Records that an earlier run had appended, but could not confirm.
    pub(crate) confirmed: u64,
    /// Records that wait for the next round.
    pub(crate) waiting: u64,
    /// The reason why they wait.
    pub(crate) error: Option<String>,
}

/// Appends the records that wait. Records that cannot be written stay for the next round, and the
/// report gives the reason. The file is opened even if no record waits. So a problem with its
/// permissions shows before the first record. Fails on errors of the state only.
pub(crate) fn drain(output: &Output, store: &mut Store) -> anyhow::Result<DrainReport> {
    let mut report = DrainReport::default();
    loop {
        let batch = store.next_records(BATCH_RECORDS, BATCH_BYTES)?;
        let appended = match batch.is_empty() {
            true => Appended::open(&output.file, output.access)
                .map(|_| Done::default())
                .map_err(Failure::File),
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
                report.waiting = store.waiting_records()?.waiting;
                return Ok(report);
            }
        }
    }
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

fn append_batch(
    output: &Output,
    store: &mut Store,
    batch: &[WaitingRecord],
) -> Result<Done, Failure> {
    let path = &output.file;
    let mut file = Appended::open(path, output.access).map_err(Failure::File)?;
    let lines: Vec<String> = batch.iter().map(|one| one.body.clone() + "\n").collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    // A run that was killed may have written them before it could confirm that, to this file or to
    // one that was rotated since.
    let there = match store.unconfirmed_append(path).map_err(Failure::State)? {
        None => 0,
        Some(before) => lines_there(&mut file, path, before, &lines).map_err(Failure::File)?,
    };
    if there > 0 {
        let there = &batch[..there];
        store.confirm_append(path, file.position(), there).map_err(Failure::State)?;
    }
    let (rest, lines) = (&batch[there..], &lines[there..]);
    if !rest.is_empty() {
        file.end_line().map_err(Failure::File)?;
        store.begin_append(path, file.position()).map_err(Failure::State)?;
        file.append(&lines.concat()).map_err(Failure::File)?;
        store.confirm_append(path, file.position(), rest).map_err(Failure::State)?;
    }
    Ok(Done { confirmed: there as u64, written: rest.len() as u64 })
}

/// Counts how many of the lines were written by an append that began at `before`.
fn lines_there(
    file: &mut Appended,
    path: &Path,
    before: Position,
    lines: &[&str],
) -> io::Result<usize> {
    match file.lines_after(before, lines)? {
        0 => lines_in_rotated(path, before, lines),
        count => {
            file.sync()?;
            Ok(count)
        }
    }
}
