//! The list of conditions in the state.

use rusqlite::Connection;
use threatsieve_blacklist::Timestamp;

/// A condition, with its kind as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConditionRow {
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) what: String,
    pub(crate) since: Timestamp,
}

/// Reads all conditions, the oldest first.
pub(crate) fn conditions(connection: &Connection) -> anyhow::Result<Vec<ConditionRow>> {
    let sql = "SELECT kind, subject, what, since FROM conditions ORDER BY since, kind, subject";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(ConditionRow {
            kind: row.get(0)?,
            subject: row.get(1)?,
            what: row.get(2)?,
            since: Timestamp(row.get(3)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Replaces the list.
pub(crate) fn replace_conditions(
    connection: &Connection,
    conditions: impl Iterator<Item = ConditionRow>,
) -> anyhow::Result<()> {
    connection.execute("DELETE FROM conditions", [])?;
    let sql =
        "INSERT OR REPLACE INTO conditions (kind, subject, what, since) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = connection.prepare_cached(sql)?;
    for ConditionRow { kind, subject, what, since } in conditions {
        insert.execute((kind, subject, what, since.0))?;
    }
    Ok(())
}
