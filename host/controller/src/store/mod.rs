//! The state: one embedded SQLite file, changed in transactions only.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use rusqlite::Connection;

pub(crate) mod mails;
pub(crate) mod mutes;

/// One script a version, applied in order; a new version is appended, none is ever changed.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];
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
