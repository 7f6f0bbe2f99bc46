//! The state: one embedded SQLite file, changed in transactions only.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub(crate) mod body;
pub(crate) mod digest;
pub(crate) mod events;
mod false_positives;
mod feeds;
pub(crate) mod files;
pub(crate) mod history;
pub(crate) mod ingest;
mod left_out;
pub(crate) mod mails;
pub(crate) mod mutes;
mod pushes;
pub(crate) mod records;
pub(crate) mod retraction;
pub(crate) mod rounds;
mod search;
pub(crate) mod standing;
pub(crate) mod untold;

pub(crate) use false_positives::{FalsePositives, Retracted};
pub(crate) use feeds::{FeedState, Ingested};
pub(crate) use ingest::{ACTIVE, Delivered, Ingest, REVOKED};
pub(crate) use left_out::{LeftOut, LeftOutBy, MAX_LEFT_OUT, add_left_out};
pub(crate) use pushes::LastPush;
pub(crate) use search::{Found, Query, State};

/// One script a version, applied in order; a new version is appended, none is ever changed.
const MIGRATIONS: [&str; 3] =
    [include_str!("schema.sql"), include_str!("schema-2.sql"), include_str!("schema-3.sql")];
/// How long a writer waits for another process's transaction.
const BUSY: Duration = Duration::from_secs(30);

/// The open state.
pub(crate) struct Store {
    pub(crate) connection: Connection,
}

impl Store {
    /// Opens the state in a folder, which is made if it is not there, and brings an older one up to date.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Store> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{}: the state's folder cannot be made", folder.display()))?;
        let path = folder.join("state.db");
        let open = || -> anyhow::Result<Connection> {
            let mut connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // What was said to be done survives a power cut.
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", "ON")?;
            migrate(&mut connection)?;
            Ok(connection)
        };
        let connection = open().with_context(|| format!("{}: the state cannot be opened", path.display()))?;
        Ok(Store { connection })
    }

    /// Starts to change the state: nobody else changes it meanwhile.
    pub(crate) fn write(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.connection.transaction_with_behavior(TransactionBehavior::Immediate)
    }
}

fn migrate(connection: &mut Connection) -> anyhow::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    ensure!(
        version <= MIGRATIONS.len(),
        "expected a state of version {} or older, got {version}: it was written by a newer threatsieve",
        MIGRATIONS.len()
    );
    for (number, script) in (version + 1..).zip(&MIGRATIONS[version..]) {
        transaction.execute_batch(script).with_context(|| format!("migration to version {number}"))?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_brought_up_to_date_and_a_newer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let version = |store: &Store| -> usize {
            store.connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
        };
        for _ in 0..2 {
            assert_eq!(version(&Store::open(folder.path()).unwrap()), MIGRATIONS.len());
        }
        let store = Store::open(folder.path()).unwrap();
        store.connection.pragma_update(None, "user_version", MIGRATIONS.len() + 1).unwrap();
        drop(store);
        let error = format!("{:#}", Store::open(folder.path()).err().unwrap());
        assert!(error.contains("state.db") && error.contains("newer threatsieve"), "{error}");
        // A state of version 1, as its first release made it.
        let other = tempfile::tempdir().unwrap();
        let connection = Connection::open(other.path().join("state.db")).unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection.execute("INSERT INTO feeds (name) VALUES ('kept')", []).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        drop(connection);
        let store = Store::open(other.path()).unwrap();
        assert_eq!(version(&store), MIGRATIONS.len());
        assert_eq!(store.feed_states().unwrap()[0].name, "kept");
    }

    #[test]
    fn a_file_that_is_no_state_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("state.db"),
            "no database, but long enough to be read as one".repeat(50),
        )
        .unwrap();
        let error = format!("{:#}", Store::open(folder.path()).err().unwrap());
        assert!(error.contains("state.db: the state cannot be opened"), "{error}");
    }
}
