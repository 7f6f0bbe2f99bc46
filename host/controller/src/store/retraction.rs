//! Matches whose indicator turned out not to hold.

use rusqlite::Transaction;
use threatsieve_blacklist::Timestamp;

/// Marks an indicator's matches as retracted; gives how many.
pub(crate) fn retract_matches(
    transaction: &Transaction<'_>,
    feed: &str,
    indicator: &str,
    _reason: &str,
    now: Timestamp,
) -> anyhow::Result<u64> {
    let rows = transaction
        .prepare_cached(
            "UPDATE matches SET retracted = ?3 WHERE feed = ?1 AND indicator = ?2 AND retracted IS NULL",
        )?
        .execute((feed, indicator, now.0))?;
    Ok(rows as u64)
}
