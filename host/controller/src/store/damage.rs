//! Finds and reports damage of the state.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

/// Maximum number of findings in a check's report.
const FINDINGS: usize = 5;
/// The remedy for every kind of damage, which follows the reason.
const REMEDY: &str = "restore a back-up, or move the file away to start with a new state \
                      (docs/operations.md, \"Restore\")";

/// A state that cannot be trusted. It is not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateDamage {
    /// A file without a state in it: it was emptied or overwritten.
    #[error("{}: expected a state, got a file without one; {REMEDY}", path.display())]
    Empty { path: PathBuf },
    /// A write-ahead log without a state. SQLite would apply it to any new state in the same place.
    #[error(
        "{}: expected a state next to {}, got none; {REMEDY}",
        path.display(),
        log.display()
    )]
    Missing { path: PathBuf, log: PathBuf },
    /// Findings of SQLite's own check.
    #[error("{}: the state is damaged: {findings}; {REMEDY}", path.display())]
    Found { path: PathBuf, findings: String },
}

impl StateDamage {
    /// Returns whether an error, or one of its causes, is damage of the state.
    pub(crate) fn is_cause_of(error: &anyhow::Error) -> bool {
        let is_damage = |cause: &(dyn std::error::Error + 'static)| {
            cause.is::<StateDamage>() || cause.downcast_ref().is_some_and(is_corrupt)
        };
        error.chain().any(is_damage)
    }

    /// Turns SQLite's own errors about damage into this type, and returns other errors unchanged.
    pub(super) fn named(error: anyhow::Error, path: &Path) -> anyhow::Error {
        match error.downcast_ref().is_some_and(is_corrupt) {
            true => {
                StateDamage::Found { path: path.to_owned(), findings: error.to_string() }.into()
            }
            false => error,
        }
    }
}

fn is_corrupt(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Reads every page of the state (SQLite's `quick_check`). This takes about a second for a
/// gigabyte.
pub(super) fn check(connection: &Connection, path: &Path) -> anyhow::Result<()> {
    let found = |findings: String| StateDamage::Found { path: path.to_owned(), findings };
    let findings = match findings(connection) {
        Ok(findings) => findings,
        Err(error) if is_corrupt(&error) => return Err(found(error.to_string()).into()),
        Err(error) => return Err(error.into()),
    };
    match findings.iter().all(|finding| finding == "ok") {
        true => Ok(()),
        false => Err(found(findings.join(", ")).into()),
    }
}

fn findings(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("PRAGMA quick_check({FINDINGS})"))?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    rows.map(|row| row.map(|text| text.lines().collect::<Vec<_>>().join(" "))).collect()
}
