//! The list of conditions.

use rusqlite::Connection;
use threatsieve_blacklist::Timestamp;

use super::Store;
use crate::conditions::{Condition, Kind};
use crate::output::Rfc3339;

/// Reads all conditions. Those of a kind that a later version knew are left out.
pub(crate) fn all(connection: &Connection) -> anyhow::Result<Vec<Condition>> {
    let sql = "SELECT kind, subject, what, since FROM conditions ORDER BY since, kind, subject";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(kind) = Kind::from_name(row.get_ref(0)?.as_str()?) else { continue };
        let since = Rfc3339(Timestamp(row.get(3)?));
        all.push(Condition { kind, subject: row.get(1)?, what: row.get(2)?, since });
    }
    Ok(all)
}

/// Replaces the list.
pub(crate) fn replace<'a>(
    connection: &Connection,
    conditions: impl Iterator<Item = &'a Condition>,
) -> anyhow::Result<()> {
    connection.execute("DELETE FROM conditions", [])?;
    let sql = "INSERT OR REPLACE INTO conditions (kind, subject, what, since) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = connection.prepare_cached(sql)?;
    for Condition { kind, subject, what, since } in conditions {
        insert.execute((kind.name(), subject, what, since.0.0))?;
    }
    Ok(())
}

impl Store {
    /// Reads the conditions that held at the end of the last round, the oldest first.
    pub(crate) fn conditions(&self) -> anyhow::Result<Vec<Condition>> {
        all(&self.connection)
    }
}
