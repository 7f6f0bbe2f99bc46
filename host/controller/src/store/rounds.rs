//! Rounds and their reports.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;

use super::Store;

/// A round as the state keeps it.
#[derive(Debug, Clone)]
pub(crate) struct RoundRow {
    pub(crate) number: i64,
    pub(crate) started: Timestamp,
    /// `None` while it runs, and for good when it was killed.
    pub(crate) ended: Option<Timestamp>,
    /// The report as the round wrote it.
    pub(crate) report: Option<Json>,
}

impl Store {
    /// Stores that a round begins, and returns its number.
    pub(crate) fn begin_round(&self, now: Timestamp) -> rusqlite::Result<i64> {
        self.connection.execute("INSERT INTO rounds (started) VALUES (?1)", [now.0])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Stores that a round has ended, with its report in JSON.
    pub(crate) fn end_round(&self, number: i64, now: Timestamp, report: &str) -> rusqlite::Result<()> {
        self.connection.execute(
            "UPDATE rounds SET ended = ?2, report = ?3 WHERE id = ?1",
            params![number, now.0, report],
        )?;
        Ok(())
    }

    /// Reads the round that began last; `None` before the first one.
    pub(crate) fn last_round(&self) -> rusqlite::Result<Option<RoundRow>> {
        let sql = "SELECT id, started, ended, report FROM rounds ORDER BY id DESC LIMIT 1";
        self.connection.query_row(sql, [], round_row).optional()
    }
}

fn round_row(row: &Row<'_>) -> rusqlite::Result<RoundRow> {
    let report: Option<String> = row.get(3)?;
    Ok(RoundRow {
        number: row.get(0)?,
        started: Timestamp(row.get(1)?),
        ended: row.get::<_, Option<i64>>(2)?.map(Timestamp),
        report: report.and_then(|text| serde_json::from_str(&text).ok()),
    })
}
