//! Logs that could not be read in earlier rounds.

use std::collections::BTreeMap;

use rusqlite::Connection;
use threatsieve_blacklist::Timestamp;

/// The reasons, by log source and path.
pub(crate) type LogTroubles = BTreeMap<(String, String), String>;

/// Reads all reasons.
pub(crate) fn log_troubles(connection: &Connection) -> anyhow::Result<LogTroubles> {
    let mut statement = connection.prepare_cached("SELECT source, path, what FROM log_troubles")?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Stores why a log cannot be read, and since when.
pub(crate) fn add_log_trouble(
    connection: &Connection,
    (source, path): (&str, &str),
    what: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    connection.execute(
        "INSERT OR REPLACE INTO log_troubles (source, path, what, since) VALUES (?1, ?2, ?3, ?4)",
        (source, path, what, now.0),
    )?;
    Ok(())
}

/// Removes a trouble that has ended.
pub(crate) fn remove_log_trouble(
    connection: &Connection,
    (source, path): (&str, &str),
) -> anyhow::Result<()> {
    connection
        .execute("DELETE FROM log_troubles WHERE source = ?1 AND path = ?2", (source, path))?;
    Ok(())
}
