//! The indicators that newly count, for shards that are matched with an older generation.

use rusqlite::{Connection, Transaction};

use crate::store::Store;

/// Maximum number of new indicators that are kept. With more, all events are matched again with the
/// whole blacklist.
const MAX_NEW: i64 = 5_000_000;

/// The indicators that newly count since a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    Nothing,
    /// Those of the later generations.
    Since(u64),
    /// Any: the events were never matched.
    Whole,
}

/// Stores that the rows that changed since the last generation newly count. Called before the
/// changes are forgotten.
pub(crate) fn add_news(transaction: &Transaction<'_>, generation: u64) -> anyhow::Result<()> {
    let count = "SELECT (SELECT count(*) FROM pending) + (SELECT count(*) FROM new_indicators)";
    let count: i64 = transaction.query_row(count, [], |row| row.get(0))?;
    if count > MAX_NEW {
        return renew(transaction);
    }
    transaction.execute(
        "INSERT INTO new_indicators (feed, id, generation) SELECT feed, id, ?1 FROM pending \
         WHERE true ON CONFLICT (feed, id) DO UPDATE SET generation = excluded.generation",
        [generation.cast_signed()],
    )?;
    Ok(())
}

/// Makes all events of all shards due for the whole blacklist.
pub(crate) fn renew(connection: &Connection) -> anyhow::Result<()> {
    connection.execute("UPDATE shards SET generation = 0, again = NULL, done = -1", [])?;
    connection.execute("DELETE FROM new_indicators", [])?;
    Ok(())
}

/// Returns whether all active rows of a feed changed since the last build.
pub(crate) fn is_all_new(connection: &Connection, feed: i64) -> anyhow::Result<bool> {
    let old = "SELECT EXISTS (SELECT 1 FROM indicators i WHERE feed = ?1 AND state = 0 \
               AND NOT EXISTS (SELECT 1 FROM pending p WHERE p.feed = i.feed AND p.id = i.id))";
    Ok(!connection.query_row(old, [feed], |row| row.get::<_, bool>(0))?)
}

impl Store {
    /// Returns what newly counts since a generation; anything since generation 0.
    pub(crate) fn news_since(&self, generation: u64) -> anyhow::Result<News> {
        if generation == 0 {
            return Ok(News::Whole);
        }
        let some = "SELECT EXISTS (SELECT 1 FROM new_indicators WHERE generation > ?1)";
        let some = self
            .connection
            .query_row(some, [generation.cast_signed()], |row| row.get::<_, bool>(0))?;
        Ok(if some { News::Since(generation) } else { News::Nothing })
    }

    /// Forgets the indicators that all shards are matched with.
    pub(crate) fn forget_news(&self) -> anyhow::Result<()> {
        self.connection.execute(
            "DELETE FROM new_indicators WHERE generation <= coalesce( \
             (SELECT min(generation) FROM shards WHERE generation > 0), \
             (SELECT max(generation) FROM generations))",
            [],
        )?;
        Ok(())
    }
}
