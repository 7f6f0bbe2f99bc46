//! Matches whose indicator turned out not to hold.

use rusqlite::Transaction;
use threatsieve_blacklist::Timestamp;

use super::events::insert_record;
use crate::sinks::retraction_record;

/// Marks an indicator's matches, all of them or those by one entry, as retracted, and has a record written for each event that it flagged; gives how many.
pub(crate) fn retract_matches(
    transaction: &Transaction<'_>,
    feed: &str,
    indicator: &str,
    entry: Option<&str>,
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<u64> {
    let mut retracted = 0;
    let mut statement = transaction.prepare_cached(
        "SELECT e.uid, m.written FROM matches m JOIN events e ON e.id = m.event \
         WHERE m.indicator = ?1 AND m.feed = ?2 AND (?3 IS NULL OR m.entry = ?3) AND m.retracted IS NULL ORDER BY m.id",
    )?;
    let mut rows = statement.query((indicator, feed, entry))?;
    while let Some(row) = rows.next()? {
        let (uid, is_written): (String, bool) = (row.get(0)?, row.get(1)?);
        let named = is_written.then_some((feed, indicator));
        insert_record(transaction, &retraction_record(&uid, named, reason, now))?;
        retracted += 1;
    }
    transaction
        .prepare_cached(
            "UPDATE matches SET retracted = ?4 WHERE indicator = ?1 AND feed = ?2 AND (?3 IS NULL OR entry = ?3) \
             AND retracted IS NULL",
        )?
        .execute((indicator, feed, entry, now.0))?;
    Ok(retracted)
}
