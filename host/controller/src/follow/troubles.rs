//! Logs that cannot be read. They are logged when the trouble begins and when it ends, not in every
//! round.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use threatsieve_blacklist::Timestamp;

use crate::store::{Connection, LogTroubles, add_log_trouble, log_troubles, remove_log_trouble};

/// A file, folder or pattern that cannot be read, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    /// The name of the log source.
    pub(crate) source: String,
    pub(crate) path: String,
    pub(crate) what: String,
}

/// The troubles of this round.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    now: LogTroubles,
    /// Files that did not change. If they had a trouble before, they still have it.
    unchanged: HashSet<(String, String)>,
}

impl Troubles {
    pub(crate) fn add(&mut self, source: &str, path: &Path, why: &anyhow::Error) {
        self.now.insert(key(source, path), format!("{why:#}"));
    }

    pub(crate) fn is_unchanged(&mut self, source: &str, path: &Path) {
        self.unchanged.insert(key(source, path));
    }

    /// Compares with the rounds before, logs new and ended troubles, and returns all current ones.
    pub(crate) fn settle(
        mut self,
        connection: &Connection,
        now: Timestamp,
    ) -> anyhow::Result<Vec<Trouble>> {
        let before = log_troubles(connection)?;
        for (key, what) in &before {
            if self.unchanged.contains(key) {
                self.now.entry(key.clone()).or_insert_with(|| what.clone());
            }
        }
        for (key, _) in before.iter().filter(|(key, _)| !self.now.contains_key(*key)) {
            tracing::info!(source = key.0, path = key.1, "log can be read again, or is gone");
            remove_log_trouble(connection, (&key.0, &key.1))?;
        }
        for (key, what) in self.now.iter().filter(|(key, what)| before.get(*key) != Some(*what)) {
            tracing::warn!(source = key.0, path = key.1, what, "log cannot be read");
            add_log_trouble(connection, (&key.0, &key.1), what, now)?;
        }
        let all = self.now.into_iter();
        Ok(all.map(|((source, path), what)| Trouble { source, path, what }).collect())
    }
}

fn key(source: &str, path: &Path) -> (String, String) {
    (source.to_owned(), PathBuf::from(path).to_string_lossy().into_owned())
}
