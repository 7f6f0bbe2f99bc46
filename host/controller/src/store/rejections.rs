//! Rejections in the state.

use rusqlite::{Connection, named_params};

use super::Store;
use crate::rejection::Rejection;

/// Maximum number of rows kept for one feed's deliveries, and for one feed in a build. More are
/// only counted.
pub(crate) const MAX_REJECTIONS: usize = 10_000;

/// Maximum number of characters kept of a value, line or pattern.
const VALUE_CHARS: usize = 2048;

/// The step that rejected an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RejectedBy {
    /// Reading its feed.
    Delivery = 0,
    /// Compiling the blacklist. The value is too broad, for example a public suffix or a wide
    /// network.
    Build = 1,
}

impl Store {
    /// Reads up to `limit` rows of one feed, or of all feeds, with the feed's name.
    pub(crate) fn rejections(
        &self,
        feed: Option<&str>,
        limit: usize,
    ) -> anyhow::Result<Vec<(String, Rejection)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT feeds.name, indicator, value, kind, reason, is_pattern FROM rejections
             JOIN feeds ON feeds.id = rejections.feed
             WHERE :feed IS NULL OR feeds.name = :feed
             ORDER BY feeds.name, origin, rejections.rowid LIMIT :limit",
        )?;
        let rows = statement.query_map(
            named_params! { ":feed": feed, ":limit": limit as i64 },
            |row| {
                let rejection = Rejection {
                    id: row.get(1)?,
                    value: row.get(2)?,
                    kind: row.get(3)?,
                    reason: row.get(4)?,
                    is_pattern: row.get(5)?,
                };
                Ok((row.get(0)?, rejection))
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Adds rows up to [`MAX_REJECTIONS`] for one feed and step.
pub(crate) fn add_rejections(
    connection: &Connection,
    feed: i64,
    by: RejectedBy,
    rows: &[Rejection],
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO rejections (feed, origin, indicator, value, kind, reason, is_pattern) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut count = connection
        .prepare_cached("SELECT count(*) FROM rejections WHERE feed = ?1 AND origin = ?2")?;
    let kept: i64 = count.query_row((feed, by as i64), |row| row.get(0))?;
    let room = MAX_REJECTIONS.saturating_sub(usize::try_from(kept).unwrap_or(usize::MAX));
    for row in rows.iter().take(room) {
        let (id, value, reason) = (cut(&row.id), cut(&row.value), cut(&row.reason));
        insert.execute((feed, by as i64, id, value, &row.kind, reason, row.is_pattern))?;
    }
    Ok(())
}

/// Replaces the rejections of the last build.
pub(crate) fn replace_rejections(
    connection: &Connection,
    by_feed: impl IntoIterator<Item = (i64, Vec<Rejection>)>,
) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM rejections WHERE origin = ?1", [RejectedBy::Build as i64])?;
    by_feed
        .into_iter()
        .try_for_each(|(feed, rows)| add_rejections(connection, feed, RejectedBy::Build, &rows))
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(VALUE_CHARS).map_or(text, |(end, _)| &text[..end])
}
