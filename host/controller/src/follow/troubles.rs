//! What of the logs cannot be read: told when it begins and when it ends, not in every round.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::Serialize;
use threatsieve_blacklist::Timestamp;

/// A file, folder or pattern that cannot be read, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    /// The log source.
    pub(crate) source: String,
    pub(crate) path: String,
    pub(crate) what: String,
}

/// This round's.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    now: BTreeMap<(String, String), String>,
    /// Nothing about these changed, so that what was wrong with them still is.
    unchanged: HashSet<(String, String)>,
}

impl Troubles {
    pub(crate) fn add(&mut self, source: &str, path: &Path, why: &anyhow::Error) {
        self.now.insert(key(source, path), format!("{why:#}"));
    }

    pub(crate) fn is_unchanged(&mut self, source: &str, path: &Path) {
        self.unchanged.insert(key(source, path));
    }

    /// Compares with the rounds before, tells what is new and what is over, and gives all there are.
    pub(crate) fn settle(mut self, connection: &Connection, now: Timestamp) -> anyhow::Result<Vec<Trouble>> {
        let before = known(connection)?;
        for (key, what) in &before {
            if self.unchanged.contains(key) {
                self.now.entry(key.clone()).or_insert_with(|| what.clone());
            }
        }
        for (key, _) in before.iter().filter(|(key, _)| !self.now.contains_key(*key)) {
            tracing::info!(source = key.0, path = key.1, "log can be read again, or is gone");
            connection
                .execute("DELETE FROM log_troubles WHERE source = ?1 AND path = ?2", (&key.0, &key.1))?;
        }
        for (key, what) in self.now.iter().filter(|(key, what)| before.get(*key) != Some(*what)) {
            tracing::warn!(source = key.0, path = key.1, what, "log cannot be read");
            connection.execute(
                "INSERT OR REPLACE INTO log_troubles (source, path, what, since) VALUES (?1, ?2, ?3, ?4)",
                (&key.0, &key.1, what, now.0),
            )?;
        }
        let all = self.now.into_iter();
        Ok(all.map(|((source, path), what)| Trouble { source, path, what }).collect())
    }
}

fn key(source: &str, path: &Path) -> (String, String) {
    (source.to_owned(), PathBuf::from(path).to_string_lossy().into_owned())
}

fn known(connection: &Connection) -> anyhow::Result<BTreeMap<(String, String), String>> {
    let mut statement = connection.prepare_cached("SELECT source, path, what FROM log_troubles")?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
