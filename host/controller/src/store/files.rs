//! Log files in the state.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rusqlite::{Connection, Row, named_params};
use threatsieve_blacklist::Timestamp;
use threatsieve_log::Format;

/// Metadata of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// Size on disk, in bytes.
    pub(crate) bytes: u64,
    pub(crate) modified: Timestamp,
}

impl Stat {
    pub(crate) fn of(metadata: &std::fs::Metadata) -> Stat {
        let micros = metadata.mtime_nsec() / 1000;
        Stat {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: Timestamp(metadata.mtime().saturating_mul(1_000_000).saturating_add(micros)),
        }
    }

    /// Returns whether both describe the same file, even if its contents changed.
    pub(crate) fn is_same_file(&self, other: &Stat) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// BLAKE3 of a file's first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest(pub(crate) [u8; 32]);

impl Digest {
    pub(crate) fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }
}

/// The last bytes before a position in a stream. They show whether the stream is still the same
/// when it is opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Number of bytes, up to [`TAIL_BYTES`].
    pub(crate) bytes: usize,
    pub(crate) digest: Digest,
}

/// Maximum number of bytes before a position by which a log is recognised.
const TAIL_BYTES: usize = 4096;

impl Tail {
    /// Returns the tail of the bytes before a position.
    pub(crate) fn of(bytes: &[u8]) -> Tail {
        let last = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        Tail { bytes: last.len(), digest: Digest::of(last) }
    }
}

/// A known log file. It is recognised by its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFile {
    pub(crate) id: i64,
    /// The configured log source in which it was last found.
    pub(crate) source: String,
    /// Digest of the first `digest_bytes` bytes of its stream.
    pub(crate) digest: Digest,
    pub(crate) digest_bytes: usize,
    /// Identifies the file in its events' uids.
    pub(crate) identity: Vec<u8>,
    /// The last known path.
    pub(crate) path: PathBuf,
    pub(crate) stat: Stat,
    /// True if nothing was left to match when it was last seen.
    pub(crate) settled: bool,
    pub(crate) gone: bool,
    pub(crate) place: Place,
    /// The bytes before the position; `None` if they are unknown.
    pub(crate) tail: Option<Tail>,
    /// Length of a last line without its end that was matched, in bytes after the position.
    pub(crate) partial: u64,
    pub(crate) format: Option<Format>,
    /// Latest event time found.
    pub(crate) newest: Option<Timestamp>,
}

/// The position up to which a log file is matched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Offset in its unpacked stream, in bytes.
    pub(crate) offset: u64,
    pub(crate) lines: u64,
    /// The log's own header lines that apply at this position.
    pub(crate) header: Vec<u8>,
}

const COLUMNS: &str = "id, digest, digest_bytes, identity, path, device, inode, size, \
                       modified, settled, gone, offset, lines, header, partial, format, newest, \
                       source, tail, tail_bytes, path_bytes";

impl LogFile {
    fn read(row: &Row<'_>) -> rusqlite::Result<LogFile> {
        let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
        let tail: (Option<[u8; 32]>, Option<i64>) = (row.get(18)?, row.get(19)?);
        let path: Option<Vec<u8>> = row.get(20)?;
        Ok(LogFile {
            id: row.get(0)?,
            source: row.get(17)?,
            tail: match tail {
                (Some(digest), Some(bytes)) => {
                    Some(Tail { bytes: bytes.unsigned_abs() as usize, digest: Digest(digest) })
                }
                _ => None,
            },
            digest: Digest(row.get(1)?),
            digest_bytes: usize::try_from(unsigned(2)?).unwrap_or(usize::MAX),
            identity: row.get(3)?,
            path: match path {
                Some(bytes) => OsString::from_vec(bytes).into(),
                None => PathBuf::from(row.get::<_, String>(4)?),
            },
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

    /// Reads all known files, in the order in which they were added.
    pub(crate) fn all(connection: &Connection) -> anyhow::Result<Vec<LogFile>> {
        let mut statement =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM files ORDER BY id"))?;
        let files = statement.query_map([], LogFile::read)?;
        files.collect::<Result<_, _>>().context("the log files in the state cannot be read")
    }

    /// Reads one file.
    pub(crate) fn get(connection: &Connection, id: i64) -> anyhow::Result<LogFile> {
        let mut statement =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM files WHERE id = ?1"))?;
        Ok(statement.query_row([id], LogFile::read)?)
    }

    /// Adds a new file and sets its id. Changes its identity if another file has the same one.
    pub(crate) fn add(&mut self, connection: &Connection, round: i64) -> anyhow::Result<()> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO files (source, digest, digest_bytes, identity, path, path_bytes, \
             device, inode, size, modified, settled, offset, lines, partial, header, format, \
             newest, seen, tail, tail_bytes) \
             VALUES (:source, :digest, :digest_bytes, :identity, :path, :path_bytes, \
             :device, :inode, :size, :modified, :settled, :offset, :lines, :partial, :header, \
             :format, :newest, :round, :tail, :tail_bytes)",
        )?;
        statement.execute(named_params! {
            ":source": self.source,
            ":path_bytes": path_bytes(&self.path),
            ":tail": self.tail.map(|tail| tail.digest.0),
            ":tail_bytes": self.tail.map(|tail| tail.bytes),
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
            self.identity = hasher
                .update(&self.identity)
                .update(&self.id.to_le_bytes())
                .finalize()
                .as_bytes()
                .to_vec();
            connection
                .prepare_cached("UPDATE files SET identity = ?2 WHERE id = ?1")?
                .execute((self.id, &self.identity))?;
        }
        Ok(())
    }

    /// Stores its path and metadata, and the digest that identifies it.
    pub(crate) fn seen(&self, connection: &Connection, round: i64) -> anyhow::Result<()> {
        let mut statement = connection.prepare_cached(
            "UPDATE files SET source = :source, digest = :digest, \
             digest_bytes = :digest_bytes, path = :path, path_bytes = :path_bytes, \
             device = :device, inode = :inode, size = :size, modified = :modified, \
             settled = :settled, gone = 0, seen = :round WHERE id = :id",
        )?;
        statement.execute(named_params! {
            ":source": self.source,
            ":path_bytes": path_bytes(&self.path),
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

    /// Makes sure that the file is never recognised again, because another file with the same
    /// beginning took its place.
    pub(crate) fn supersede(&self, connection: &Connection) -> anyhow::Result<()> {
        connection
            .prepare_cached(
                "UPDATE files SET digest = zeroblob(32), digest_bytes = 0, gone = 1 WHERE id = ?1",
            )?
            .execute([self.id])?;
        Ok(())
    }

    /// Replaces the longer file that was truncated to this one. A line that is unchanged at its old
    /// offset is the same event.
    pub(crate) fn succeed(&self, connection: &Connection, predecessor: i64) -> anyhow::Result<()> {
        connection
            .prepare_cached("UPDATE files SET predecessor = ?2 WHERE id = ?1")?
            .execute((self.id, predecessor))?;
        connection.prepare_cached("DELETE FROM history WHERE file = ?1")?.execute([predecessor])?;
        Ok(())
    }

    pub(crate) fn set_gone(&self, connection: &Connection) -> anyhow::Result<()> {
        connection.prepare_cached("UPDATE files SET gone = 1 WHERE id = ?1")?.execute([self.id])?;
        Ok(())
    }
}

/// The position that was reached in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) place: Place,
    /// Length of a last line without its end that was matched, in bytes after the position.
    pub(crate) partial: u64,
    pub(crate) format: Option<Format>,
    /// Latest event time found.
    pub(crate) newest: Option<Timestamp>,
    pub(crate) tail: Tail,
}

/// Stores the position up to which a file is matched.
pub(crate) fn move_to(connection: &Connection, file: i64, reached: &Reached) -> anyhow::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE files SET offset = :offset, lines = :lines, header = :header, \
         partial = :partial, format = :format, \
         newest = max(coalesce(newest, :newest), coalesce(:newest, newest)), \
         tail = :tail, tail_bytes = :tail_bytes WHERE id = :id",
    )?;
    statement.execute(named_params! {
        ":tail": reached.tail.digest.0,
        ":tail_bytes": reached.tail.bytes,
        ":offset": reached.place.offset.cast_signed(),
        ":lines": reached.place.lines.cast_signed(),
        ":partial": reached.partial.cast_signed(),
        ":header": reached.place.header,
        ":format": reached.format.map(Format::name),
        ":newest": reached.newest.map(|newest| newest.0),
        ":id": file,
    })?;
    Ok(())
}

/// Returns the bytes of a path that is not UTF-8; `None` for other paths.
fn path_bytes(path: &Path) -> Option<&[u8]> {
    path.to_str().is_none().then(|| path.as_os_str().as_bytes())
}

/// A copy of a known file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownCopy {
    /// Metadata at the time of the comparison.
    pub(crate) stat: Stat,
    /// The row of the original file.
    pub(crate) original: i64,
    /// Number of bytes of the unpacked stream that are known to be the same.
    pub(crate) same: u64,
}

/// Reads all known copies.
pub(crate) fn known_copies(connection: &Connection) -> anyhow::Result<Vec<KnownCopy>> {
    let mut statement = connection
        .prepare_cached("SELECT device, inode, size, modified, original, same FROM copies")?;
    let copies = statement.query_map([], |row| {
        let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
        let (device, inode, bytes) = (unsigned(0)?, unsigned(1)?, unsigned(2)?);
        let stat = Stat { device, inode, bytes, modified: Timestamp(row.get(3)?) };
        Ok(KnownCopy { stat, original: row.get(4)?, same: unsigned(5)? })
    })?;
    Ok(copies.collect::<Result<_, _>>()?)
}

/// Replaces all known copies.
pub(crate) fn set_copies(connection: &Connection, copies: &[KnownCopy]) -> anyhow::Result<()> {
    connection.execute("DELETE FROM copies", [])?;
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO copies (device, inode, size, modified, original, same) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for KnownCopy { stat, original, same } in copies {
        let (device, inode) = (stat.device.cast_signed(), stat.inode.cast_signed());
        let (bytes, same) = (stat.bytes.cast_signed(), same.cast_signed());
        insert.execute((device, inode, bytes, stat.modified.0, original, same))?;
    }
    Ok(())
}

/// Stores that nothing is left to match in the file in its present state.
pub(crate) fn settle(connection: &Connection, file: i64) -> anyhow::Result<()> {
    connection.prepare_cached("UPDATE files SET settled = 1 WHERE id = ?1")?.execute([file])?;
    Ok(())
}
