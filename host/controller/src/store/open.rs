//! Opens the state.
//!
//! A new state is completed under another name and then renamed. So an empty `state.db` is never a
//! new state, but a lost one. Reading needs no right to write, so `status` works on a full or
//! read-only disk.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::damage::StateDamage;
use super::{Store, private};

/// One script for each version, applied in order. New versions are appended. The statements of a
/// released version never change.
pub(super) const MIGRATIONS: [&str; 8] = [
    include_str!("schema.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
    include_str!("schema-5.sql"),
    include_str!("schema-6.sql"),
    include_str!("schema-7.sql"),
    include_str!("schema-8.sql"),
];
/// Maximum wait of a writer for another process's transaction.
const BUSY: Duration = Duration::from_secs(30);

/// Steps of SQLite's machine between two looks at the clock. They take less than a millisecond.
const STEPS: i32 = 10_000;

/// Returns whether an error is that of a query that ran for too long.
pub(crate) fn is_overdue(error: &anyhow::Error) -> bool {
    has_code(error, ErrorCode::OperationInterrupted)
}

/// Returns whether an error is that of another process, or another connection, that changes the
/// state for too long.
pub(crate) fn is_busy(error: &anyhow::Error) -> bool {
    has_code(error, ErrorCode::DatabaseBusy)
}

/// Returns whether an error comes from SQLite, and not from what was asked for.
pub(crate) fn is_of_database(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<rusqlite::Error>() || cause.is::<StateDamage>())
}

fn has_code(error: &anyhow::Error, code: ErrorCode) -> bool {
    let codes = error.chain().filter_map(|cause| cause.downcast_ref::<rusqlite::Error>());
    codes.filter_map(rusqlite::Error::sqlite_error_code).any(|found| found == code)
}

impl Store {
    /// Opens the state in a folder for changes. Creates a missing state, and brings an older one up
    /// to date.
    ///
    /// Fails with [`StateDamage`] if a state was lost, and on a state of a newer version.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Store> {
        let path = path(folder);
        let open = || -> anyhow::Result<Store> {
            private::create_folder(folder)?;
            private::close_to_others(folder)?;
            if !exists(&path)? {
                create(folder, &path)?;
            }
            let was_left_open = log_bytes(&path) > 0;
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(BUSY)?;
            // A committed transaction survives a power cut.
            connection.pragma_update(None, "synchronous", "FULL")?;
            ensure!(version(&connection)? > 0, StateDamage::Empty { path: path.clone() });
            // A back-up may be in another journal mode.
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // A migration may replace a table that others refer to.
            connection.pragma_update(None, "foreign_keys", "OFF")?;
            migrate(&mut connection)?;
            connection.pragma_update(None, "foreign_keys", "ON")?;
            Ok(Store { connection, path: path.clone(), was_left_open })
        };
        let opened = open().map_err(|error| StateDamage::named(error, &path));
        opened.with_context(|| format!("{}: the state cannot be opened", path.display()))
    }

    /// Opens the state in a folder for reading, as [`Store::open_to_read`] does. A query that still
    /// runs at `end` fails with [`is_overdue`].
    pub(crate) fn open_to_read_until(folder: &Path, end: Instant) -> anyhow::Result<Store> {
        let mut store = Store::open_to_read(folder)?;
        store.connection.progress_handler(STEPS, Some(move || Instant::now() >= end))?;
        Ok(store)
    }

    /// Opens the state in a folder for reading. A missing state counts as empty, and is not
    /// created.
    ///
    /// Fails as [`Store::open`] does, and on a state of an older version.
    pub(crate) fn open_to_read(folder: &Path) -> anyhow::Result<Store> {
        let path = path(folder);
        let open = || -> anyhow::Result<Store> {
            if !exists(&path)? {
                let mut connection = Connection::open_in_memory()?;
                migrate(&mut connection)?;
                return Ok(Store { connection, path: path.clone(), was_left_open: false });
            }
            let connection = connect_to_read(&path)?;
            match version(&connection)? {
                0 => bail!(StateDamage::Empty { path: path.clone() }),
                older if older < MIGRATIONS.len() => bail!(
                    "expected a state of version {}, got {older}: the next round brings it up to \
                     date",
                    MIGRATIONS.len()
                ),
                version => ensure_known(version)?,
            }
            Ok(Store { connection, path: path.clone(), was_left_open: false })
        };
        let opened = open().map_err(|error| StateDamage::named(error, &path));
        opened.with_context(|| format!("{}: the state cannot be read", path.display()))
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("state.db")
}

/// Returns the path of the write-ahead log (`-wal`) of a database, or of its index (`-shm`).
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Returns the size of the write-ahead log. If it is above 0, a program has the state open, or did
/// not close it.
fn log_bytes(path: &Path) -> u64 {
    fs::metadata(beside(path, "-wal")).map_or(0, |metadata| metadata.len())
}

/// Returns whether there is a state. Fails if only parts of one are left.
fn exists(path: &Path) -> anyhow::Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() == 0 => bail!(StateDamage::Empty { path: path.to_owned() }),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let missing = StateDamage::Missing { path: path.to_owned(), log: beside(path, "-wal") };
            ensure!(log_bytes(path) == 0, missing);
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Creates a new state under another name, and renames it unless another process was faster.
fn create(folder: &Path, path: &Path) -> anyhow::Result<()> {
    // The file's mode is 0600, and SQLite gives the same mode to its other files.
    let new = tempfile::Builder::new().prefix(".state.db.").tempfile_in(folder)?;
    let mut connection = Connection::open(new.path())?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrate(&mut connection)?;
    connection.close().map_err(|(_, error)| error)?;
    match new.persist_noclobber(path) {
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        placed => placed?.sync_all()?,
    };
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Opens a database for reading without the right to write, even if another process writes to it.
fn connect_to_read(path: &Path) -> anyhow::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    match version(&connection) {
        // Readers of a write-ahead log create its index. If they cannot, no process can write
        // either.
        Err(error) if is_denied(&error) && log_bytes(path) == 0 => {
            let mut url = url::Url::from_file_path(std::path::absolute(path)?)
                .map_err(|()| anyhow::anyhow!("expected an absolute path"))?;
            url.set_query(Some("immutable=1"));
            Ok(Connection::open_with_flags(url.as_str(), flags | OpenFlags::SQLITE_OPEN_URI)?)
        }
        version => version.map(|_| connection).map_err(anyhow::Error::from),
    }
}

fn is_denied(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
        )
    )
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn ensure_known(version: usize) -> anyhow::Result<()> {
    ensure!(
        version <= MIGRATIONS.len(),
        "expected a state of version {} or older, got {version}: it was written by a newer \
         threatsieve",
        MIGRATIONS.len()
    );
    Ok(())
}

fn migrate(connection: &mut Connection) -> anyhow::Result<()> {
    if version(connection)? == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = version(&transaction)?;
    ensure_known(version)?;
    for (number, script) in (version + 1..).zip(&MIGRATIONS[version..]) {
        transaction
            .execute_batch(script)
            .with_context(|| format!("migration to version {number}"))?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_state_is_brought_up_to_date_and_a_newer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let store = Store::open(folder.path()).unwrap();
            assert_eq!(version(&store.connection).unwrap(), MIGRATIONS.len());
        }
        let store = Store::open(folder.path()).unwrap();
        store.connection.pragma_update(None, "user_version", MIGRATIONS.len() + 1).unwrap();
        drop(store);
        for open in [Store::open, Store::open_to_read] {
            let error = format!("{:#}", open(folder.path()).err().unwrap());
            assert!(error.contains("state.db") && error.contains("newer threatsieve"), "{error}");
        }
        // A state of version 1, as its release created it.
        let other = tempfile::tempdir().unwrap();
        let connection = Connection::open(path(other.path())).unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection.execute("INSERT INTO feeds (name) VALUES ('kept')", []).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        drop(connection);
        let error = format!("{:#}", Store::open_to_read(other.path()).err().unwrap());
        assert!(error.contains("the next round brings it up to date"), "{error}");
        let store = Store::open(other.path()).unwrap();
        assert_eq!(version(&store.connection).unwrap(), MIGRATIONS.len());
        assert_eq!(store.feed_states().unwrap()[0].name, "kept");
    }

    #[test]
    fn what_is_left_of_a_lost_state_is_no_new_one() {
        let header_only = |path: &Path| {
            let connection = Connection::open(path).unwrap();
            connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        };
        type Lose<'a> = &'a dyn Fn(&Path);
        let losses: [(&str, Lose<'_>); 4] = [
            ("a file without one", &|path| fs::write(path, "").unwrap()),
            ("a file without one", &header_only),
            ("the state is damaged", &|path| {
                fs::write(path, "no database, but long enough".repeat(50)).unwrap()
            }),
            ("got none", &|path| fs::write(beside(path, "-wal"), "some transactions").unwrap()),
        ];
        for (expected, lose) in losses {
            let folder = tempfile::tempdir().unwrap();
            lose(&path(folder.path()));
            for open in [Store::open, Store::open_to_read] {
                let error = open(folder.path()).err().unwrap();
                assert!(StateDamage::is_cause_of(&error), "{error:#}");
                assert!(format!("{error:#}").contains(expected), "{error:#}");
            }
        }
    }

    #[test]
    fn only_the_owner_can_read_a_state() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let mut store = Store::open(&state).unwrap();
        store.begin_round(Path::new("t.toml"), threatsieve_blacklist::Timestamp(1)).unwrap();
        fs::create_dir(state.join("blacklists")).unwrap();
        fs::write(state.join("blacklists/default-1.blacklist"), "").unwrap();
        fs::write(state.join("matches.ndjson"), "").unwrap();
        let output_mode = mode(&state.join("matches.ndjson"));
        // The modes that an earlier version left.
        fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(state.join("state.db"), fs::Permissions::from_mode(0o644)).unwrap();
        let again = Store::open(&state).unwrap();
        for name in ["", "blacklists"] {
            assert_eq!(mode(&state.join(name)), 0o700, "{name:?}");
        }
        for name in ["state.db", "state.db-wal", "state.db-shm", "blacklists/default-1.blacklist"] {
            assert_eq!(mode(&state.join(name)), 0o600, "{name}");
        }
        assert_eq!(mode(&state.join("matches.ndjson")), output_mode);
        drop((store, again));
    }

    #[test]
    fn reading_makes_no_state() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        assert!(Store::open_to_read(&state).unwrap().feed_states().unwrap().is_empty());
        assert!(!state.exists());
    }
}
