//! Facts that must still hold when a transaction commits.

use rusqlite::{Connection, OptionalExtension};

use super::ingest::REVOKED;

/// The blacklist in use, and a counter of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The generation in use; `None` before the first one.
    pub(crate) generation: Option<u64>,
    /// Counter of all changes to indicators and to operators' retractions.
    pub(crate) change: i64,
}

impl Standing {
    pub(crate) fn read(connection: &Connection) -> anyhow::Result<Standing> {
        let mut statement = connection.prepare_cached(
            "SELECT (SELECT generation FROM generations WHERE active = 1), change FROM builds",
        )?;
        Ok(statement.query_row([], |row| {
            let generation = row.get::<_, Option<i64>>(0)?.map(i64::cast_unsigned);
            Ok(Standing { generation, change: row.get(1)? })
        })?)
    }
}

/// Returns whether the publisher of that feed revoked an indicator.
pub(crate) fn is_revoked(
    connection: &Connection,
    feed: &str,
    indicator: &str,
) -> anyhow::Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT state = ?3 FROM indicators \
         WHERE feed = (SELECT id FROM feeds WHERE name = ?1) AND id = ?2",
    )?;
    let state = statement.query_row((feed, indicator, REVOKED), |row| row.get(0)).optional()?;
    Ok(state.unwrap_or(false))
}
