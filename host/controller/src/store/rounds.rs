//! Rounds. Only the newest are kept.

use std::path::Path;

use rusqlite::{OptionalExtension, Row};
use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;

use super::Store;

/// A round that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) number: i64,
    /// The configuration file of the last round, if it differs.
    pub(crate) other_config: Option<String>,
}

/// A round in the state.
#[derive(Debug, Clone)]
pub(crate) struct RoundRow {
    pub(crate) number: i64,
    pub(crate) started: Timestamp,
    /// The end; `None` while the round runs, and if it was killed.
    pub(crate) ended: Option<Timestamp>,
    /// The report that the round wrote.
    pub(crate) report: Option<Json>,
}

impl Store {
    /// Begins a round with this configuration file.
    pub(crate) fn begin_round(&mut self, config: &Path, now: Timestamp) -> anyhow::Result<Begun> {
        let config = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
        let config = config.to_string_lossy();
        let transaction = self.write()?;
        let last = "SELECT config FROM rounds ORDER BY id DESC LIMIT 1";
        let last: Option<Option<String>> =
            transaction.query_row(last, [], |row| row.get(0)).optional()?;
        transaction
            .execute("INSERT INTO rounds (started, config) VALUES (?1, ?2)", (now.0, &config))?;
        let number = transaction.last_insert_rowid();
        transaction.commit()?;
        Ok(Begun { number, other_config: last.flatten().filter(|last| *last != config) })
    }

    /// Ends a round with its report, in JSON.
    pub(crate) fn end_round(
        &mut self,
        number: i64,
        ended: Timestamp,
        report: &str,
    ) -> anyhow::Result<()> {
        self.connection.execute(
            "UPDATE rounds SET ended = ?2, report = ?3 WHERE id = ?1",
            (number, ended.0, report),
        )?;
        Ok(())
    }

    /// Reads the round that began last; `None` before the first one.
    pub(crate) fn last_round(&self) -> rusqlite::Result<Option<RoundRow>> {
        let sql = "SELECT id, started, ended, report FROM rounds ORDER BY id DESC LIMIT 1";
        self.connection.query_row(sql, [], round_row).optional()
    }
}

impl Store {
    /// Returns rounds before a given one, the newest first.
    pub(crate) fn rounds(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> anyhow::Result<Vec<RoundRow>> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, started, ended, report FROM rounds WHERE ?1 IS NULL OR id < ?1 \
             ORDER BY id DESC LIMIT ?2",
        )?;
        let rows = select.query_map((before, i64::try_from(limit)?), round_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
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
