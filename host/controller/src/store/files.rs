//! What is known of log files.

use std::path::PathBuf;

use anyhow::Context;
use rusqlite::{Connection, Row, named_params};
use threatsieve_blacklist::Timestamp;
use threatsieve_log::Format;

use crate::follow::{Digest, Stat};
use crate::matching::End;

/// A log file, known by its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFile {
    pub(crate) id: i64,
    /// Of the first `digest_bytes` of its stream.
    pub(crate) digest: Digest,
    pub(crate) digest_bytes: usize,
    /// Names it in its events' uids.
    pub(crate) identity: Vec<u8>,
    /// Where it was last seen, and how.
    pub(crate) path: PathBuf,
    pub(crate) stat: Stat,
    /// Nothing is left to match in it as it was then.
    pub(crate) settled: bool,
    pub(crate) gone: bool,
    pub(crate) place: Place,
    /// Bytes after the place's offset, of a last line without an end, that were matched as they stood.
    pub(crate) partial: u64,
    pub(crate) format: Option<Format>,
    /// Latest event time met.
    pub(crate) newest: Option<Timestamp>,
}

/// How far a log file is matched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Bytes of its stream.
    pub(crate) offset: u64,
    pub(crate) lines: u64,
    /// The log's own header lines in force there.
    pub(crate) header: Vec<u8>,
}

const COLUMNS: &str = "id, digest, digest_bytes, identity, path, device, inode, size, modified, settled, gone, \
                       offset, lines, header, partial, format, newest";

impl LogFile {
    fn read(row: &Row<'_>) -> rusqlite::Result<LogFile> {
        let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
        Ok(LogFile {
            id: row.get(0)?,
            digest: Digest(row.get(1)?),
            digest_bytes: usize::try_from(unsigned(2)?).unwrap_or(usize::MAX),
            identity: row.get(3)?,
            path: PathBuf::from(row.get::<_, String>(4)?),
            stat: Stat {
                device: unsigned(5)?,
                inode: unsigned(6)?,
                bytes: unsigned(7)?,
                modified: Timestamp(row.get(8)?),
            },
            settled: row.get(9)?,
            gone: row.get(10)?,
            place: Place {
                offset: unsigned(11)?,
                lines: unsigned(12)?,
                header: row.get::<_, Option<Vec<u8>>>(13)?.unwrap_or_default(),
            },
            partial: unsigned(14)?,
            format: row.get::<_, Option<String>>(15)?.as_deref().and_then(Format::from_name),
            newest: row.get::<_, Option<i64>>(16)?.map(Timestamp),
        })
    }

    /// The files that a source is known to have had, newest last.
    pub(crate) fn of_source(connection: &Connection, source: &str) -> anyhow::Result<Vec<LogFile>> {
        let mut statement = connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM files WHERE source = ?1 ORDER BY id"))?;
        let files = statement.query_map([source], LogFile::read)?;
        files.collect::<Result<_, _>>().context("the log files in the state cannot be read")
    }

    /// One file.
    pub(crate) fn get(connection: &Connection, id: i64) -> anyhow::Result<LogFile> {
        let mut statement =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM files WHERE id = ?1"))?;
        Ok(statement.query_row([id], LogFile::read)?)
    }

    /// Adds a file that was not known; its id is set, and its identity changed if another one has it already.
    pub(crate) fn add(&mut self, connection: &Connection, source: &str, round: i64) -> anyhow::Result<()> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO files (source, digest, digest_bytes, identity, path, device, inode, size, modified, \
             settled, offset, lines, partial, header, format, newest, seen) \
             VALUES (:source, :digest, :digest_bytes, :identity, :path, :device, :inode, :size, :modified, \
             :settled, :offset, :lines, :partial, :header, :format, :newest, :round)",
        )?;
        statement.execute(named_params! {
            ":source": source,
            ":digest": self.digest.0,
            ":digest_bytes": self.digest_bytes,
            ":identity": self.identity,
            ":path": self.path.to_string_lossy(),
            ":device": self.stat.device.cast_signed(),
            ":inode": self.stat.inode.cast_signed(),
            ":size": self.stat.bytes.cast_signed(),
            ":modified": self.stat.modified.0,
            ":settled": self.settled,
            ":offset": self.place.offset.cast_signed(),
            ":lines": self.place.lines.cast_signed(),
            ":partial": self.partial.cast_signed(),
            ":header": self.place.header,
            ":format": self.format.map(Format::name),
            ":newest": self.newest.map(|newest| newest.0),
            ":round": round,
        })?;
        self.id = connection.last_insert_rowid();
        let sql = "SELECT EXISTS (SELECT 1 FROM files WHERE identity = ?1 AND id <> ?2)";
        if connection.prepare_cached(sql)?.query_row((&self.identity, self.id), |row| row.get(0))? {
            let mut hasher = blake3::Hasher::new();
            self.identity =
                hasher.update(&self.identity).update(&self.id.to_le_bytes()).finalize().as_bytes().to_vec();
            connection
                .prepare_cached("UPDATE files SET identity = ?2 WHERE id = ?1")?
                .execute((self.id, &self.identity))?;
        }
        Ok(())
    }

    /// Stores where and how it was seen, and what it is known by.
    pub(crate) fn seen(&self, connection: &Connection, round: i64) -> anyhow::Result<()> {
        let mut statement = connection.prepare_cached(
            "UPDATE files SET digest = :digest, digest_bytes = :digest_bytes, path = :path, device = :device, \
             inode = :inode, size = :size, modified = :modified, settled = :settled, gone = 0, seen = :round WHERE id = :id",
        )?;
        statement.execute(named_params! {
            ":digest": self.digest.0,
            ":digest_bytes": self.digest_bytes,
            ":path": self.path.to_string_lossy(),
            ":device": self.stat.device.cast_signed(),
            ":inode": self.stat.inode.cast_signed(),
            ":size": self.stat.bytes.cast_signed(),
            ":modified": self.stat.modified.0,
            ":settled": self.settled,
            ":round": round,
            ":id": self.id,
        })?;
        Ok(())
    }

    /// Never finds it again: another file took its place under the same first bytes.
    pub(crate) fn supersede(&self, connection: &Connection) -> anyhow::Result<()> {
        connection
            .prepare_cached(
                "UPDATE files SET digest = zeroblob(32), digest_bytes = 0, gone = 1 WHERE id = ?1",
            )?
            .execute([self.id])?;
        Ok(())
    }

    pub(crate) fn set_gone(&self, connection: &Connection) -> anyhow::Result<()> {
        connection.prepare_cached("UPDATE files SET gone = 1 WHERE id = ?1")?.execute([self.id])?;
        Ok(())
    }
}

/// Stores how far a file is matched.
pub(crate) fn move_to(connection: &Connection, file: i64, end: &End) -> anyhow::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE files SET offset = :offset, lines = :lines, header = :header, partial = :partial, format = :format, \
         newest = max(coalesce(newest, :newest), coalesce(:newest, newest)) WHERE id = :id",
    )?;
    statement.execute(named_params! {
        ":offset": end.offset.cast_signed(),
        ":lines": end.lines.cast_signed(),
        ":partial": end.partial.cast_signed(),
        ":header": &*end.header,
        ":format": end.format.name(),
        ":newest": end.time.map(|newest| newest.0),
        ":id": file,
    })?;
    Ok(())
}

/// Stores that nothing is left to match in a file as it is.
pub(crate) fn settle(connection: &Connection, file: i64) -> anyhow::Result<()> {
    connection.prepare_cached("UPDATE files SET settled = 1 WHERE id = ?1")?.execute([file])?;
    Ok(())
}
