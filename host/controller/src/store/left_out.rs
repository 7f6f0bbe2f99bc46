//! What of the indicators is not in the blacklist, and why.

use rusqlite::{Connection, named_params};
use serde::Serialize;

use super::Store;

/// Most rows kept of one feed's deliveries, and of one feed in a build; more are only counted.
pub(crate) const MAX_LEFT_OUT: usize = 10_000;

/// Most characters kept of a value, line or pattern.
const VALUE_CHARS: usize = 2048;

/// A value, line or pattern that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LeftOut {
    /// The indicator's id, or the line of a list.
    pub(crate) id: String,
    /// The value, the line, or the pattern.
    pub(crate) value: String,
    /// Counted by.
    pub(crate) kind: String,
    /// In full.
    pub(crate) reason: String,
    /// A STIX pattern that says more than a blacklist can hold, not a mistake.
    pub(crate) is_pattern: bool,
}

/// Where it was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftOutBy {
    /// When its feed was read.
    Delivery = 0,
    /// When the blacklist was compiled: it is too broad, or everybody's.
    Build = 1,
}

impl Store {
    /// Up to `limit` rows of one feed, or of all, with the feed's name.
    pub(crate) fn left_out(
        &self,
        feed: Option<&str>,
        limit: usize,
    ) -> anyhow::Result<Vec<(String, LeftOut)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT feeds.name, indicator, value, kind, reason, is_pattern FROM left_out JOIN feeds ON feeds.id = left_out.feed
             WHERE :feed IS NULL OR feeds.name = :feed ORDER BY feeds.name, origin, left_out.rowid LIMIT :limit",
        )?;
        let rows = statement.query_map(named_params! { ":feed": feed, ":limit": limit as i64 }, |row| {
            let left_out = LeftOut {
                id: row.get(1)?,
                value: row.get(2)?,
                kind: row.get(3)?,
                reason: row.get(4)?,
                is_pattern: row.get(5)?,
            };
            Ok((row.get(0)?, left_out))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Adds rows as far as there is room for them; `room` is what is left of it.
pub(crate) fn add_left_out(
    connection: &Connection,
    feed: i64,
    by: LeftOutBy,
    rows: &[LeftOut],
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO left_out (feed, origin, indicator, value, kind, reason, is_pattern) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut count =
        connection.prepare_cached("SELECT count(*) FROM left_out WHERE feed = ?1 AND origin = ?2")?;
    let kept: i64 = count.query_row((feed, by as i64), |row| row.get(0))?;
    let room = MAX_LEFT_OUT.saturating_sub(usize::try_from(kept).unwrap_or(usize::MAX));
    for row in rows.iter().take(room) {
        let (id, value, reason) = (cut(&row.id), cut(&row.value), cut(&row.reason));
        insert.execute((feed, by as i64, id, value, &row.kind, reason, row.is_pattern))?;
    }
    Ok(())
}

/// Replaces all that the last build left out.
pub(crate) fn replace_left_out(
    connection: &Connection,
    by_feed: impl IntoIterator<Item = (i64, Vec<LeftOut>)>,
) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM left_out WHERE origin = ?1", [LeftOutBy::Build as i64])?;
    by_feed.into_iter().try_for_each(|(feed, rows)| add_left_out(connection, feed, LeftOutBy::Build, &rows))
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(VALUE_CHARS).map_or(text, |(end, _)| &text[..end])
}
