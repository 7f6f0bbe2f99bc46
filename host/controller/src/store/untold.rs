//! Temporary tables of the matches that are to be reported, for the transaction of one round.

use std::collections::HashMap;

use anyhow::Context;
use rusqlite::{ToSql, Transaction, params};
use threatsieve_blacklist::{Timestamp, Tlp};

use super::mutes::host_of;

const TABLES: &str = include_str!("untold.sql");
const NAMES: [&str; 5] =
    ["untold", "untold_sources", "untold_entries", "untold_muted", "untold_mutes"];

/// The condition of a new match.
const IS_NEW: &str = "m.told = 0 AND m.retracted IS NULL";

/// A change of matches that were reported to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// They no longer count.
    Retracted,
    /// They count again, after their retraction was reported.
    Restored,
}

impl Change {
    /// Returns the condition of a changed match, for the webhook `?1`.
    fn changed(self) -> &'static str {
        match self {
            Change::Retracted => {
                "m.id IN (SELECT r.id FROM matches r INDEXED BY matches_retracted \
                 CROSS JOIN webhook_matches w ON w.match = r.id \
                 WHERE r.retracted IS NOT NULL AND w.webhook = ?1 AND w.retracted = 0)"
            }
            Change::Restored => {
                "m.id IN (SELECT r.id FROM webhook_matches w \
                 CROSS JOIN matches r ON w.match = r.id \
                 WHERE r.retracted IS NULL AND w.webhook = ?1 AND w.retracted = 1)"
            }
        }
    }
}

/// Collects the matches to be reported; `false` if there are no new ones.
///
/// A match that is retracted before it was reported is left out and stays unchanged. If it becomes
/// valid again, it is reported then.
pub(crate) fn gather(transaction: &Transaction<'_>, now: Timestamp) -> anyhow::Result<bool> {
    let is_new = "SELECT EXISTS (SELECT 1 FROM matches WHERE told = 0 AND retracted IS NULL)";
    if !transaction.query_row(is_new, [], |row| row.get::<_, bool>(0))? {
        return Ok(false);
    }
    create_tables(transaction)?;
    find_muted(transaction, now)?;
    let is_wanted = format!("{IS_NEW} AND m.id NOT IN (SELECT match FROM untold_muted)");
    fill(transaction, &is_wanted, &[])?;
    Ok(true)
}

/// Collects the matches that were reported to a webhook and changed since; `false` if there are
/// none. Mutes do not apply.
pub(crate) fn gather_changed(
    transaction: &Transaction<'_>,
    webhook: i64,
    change: Change,
) -> anyhow::Result<bool> {
    let is_changed = change.changed();
    let any = format!("SELECT EXISTS (SELECT 1 FROM matches m WHERE {is_changed})");
    if !transaction.query_row(&any, [webhook], |row| row.get::<_, bool>(0))? {
        return Ok(false);
    }
    create_tables(transaction)?;
    fill(transaction, is_changed, &[&webhook])?;
    Ok(true)
}

/// Stores that the collected matches up to a marking are reported to a webhook.
pub(crate) fn told_webhook(
    transaction: &Transaction<'_>,
    webhook: i64,
    ceiling: Tlp,
) -> anyhow::Result<()> {
    transaction.execute(
        "INSERT OR IGNORE INTO webhook_matches (match, webhook)
         SELECT match, ?1 FROM untold WHERE level <= ?2",
        params![webhook, ceiling as u8],
    )?;
    Ok(())
}

/// Stores that the change of the collected matches is reported to a webhook.
pub(crate) fn told_webhook_of(
    transaction: &Transaction<'_>,
    webhook: i64,
    change: Change,
) -> anyhow::Result<()> {
    transaction.execute(
        "UPDATE webhook_matches SET retracted = ?2
         WHERE webhook = ?1 AND match IN (SELECT match FROM untold)",
        params![webhook, change == Change::Retracted],
    )?;
    drop_tables(transaction)
}

fn create_tables(transaction: &Transaction<'_>) -> anyhow::Result<()> {
    transaction.execute_batch(TABLES).context("cannot create the temporary tables of the digest")
}

fn drop_tables(transaction: &Transaction<'_>) -> anyhow::Result<()> {
    for name in NAMES {
        transaction.execute_batch(&format!("DROP TABLE temp.{name}"))?;
    }
    Ok(())
}

/// Fills the tables with the matches `m` that meet a condition.
fn fill(
    transaction: &Transaction<'_>,
    is_wanted: &str,
    parameters: &[&dyn ToSql],
) -> anyhow::Result<()> {
    let statements = [
        "INSERT OR IGNORE INTO untold_entries (entry_type, entry)
             SELECT entry_type, entry FROM matches m WHERE",
        "INSERT OR IGNORE INTO untold_sources (source)
             SELECT e.source FROM matches m JOIN events e ON e.id = m.event
             WHERE e.source IS NOT NULL AND",
        "INSERT INTO untold
             SELECT m.id, m.event, n.id, s.id, e.occurred, ifnull(m.tlp, 0), m.tlp, m.confidence,
                    CASE WHEN m.confidence >= 70 THEN 3
                         WHEN m.confidence IS NULL OR m.confidence >= 30 THEN 2
                         WHEN m.confidence >= 1 THEN 1 ELSE 0 END,
                    m.historic
             FROM matches m
             JOIN events e ON e.id = m.event
             JOIN untold_entries n ON n.entry = m.entry AND n.entry_type = m.entry_type
             LEFT JOIN untold_sources s ON s.source = e.source
             WHERE",
    ];
    for statement in statements {
        transaction.execute(&format!("{statement} {is_wanted}"), parameters)?;
    }
    transaction.execute_batch(
        "CREATE INDEX temp.untold_by_entry ON untold (entry, occurred DESC);
         CREATE INDEX temp.untold_by_source ON untold (source);",
    )?;
    Ok(())
}

/// Marks all new matches as reported, and drops the temporary tables.
pub(crate) fn mark_told(transaction: &Transaction<'_>) -> anyhow::Result<()> {
    transaction.execute("UPDATE matches SET told = 1 WHERE told = 0 AND retracted IS NULL", [])?;
    drop_tables(transaction)
}

/// Counts the muted matches that no mail's footer has counted yet.
pub(crate) fn uncounted_muted(transaction: &Transaction<'_>) -> anyhow::Result<u64> {
    let count = "SELECT ifnull(sum(silenced - counted), 0) FROM mutes";
    Ok(transaction.query_row(count, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// Stores that a mail's footer has counted them.
pub(crate) fn count_muted(transaction: &Transaction<'_>) -> anyhow::Result<()> {
    transaction.execute("UPDATE mutes SET counted = silenced WHERE counted < silenced", [])?;
    Ok(())
}

/// Fills `untold_muted` with each muted match and the first mute that applies, and updates the
/// mutes' counters.
fn find_muted(transaction: &Transaction<'_>, now: Timestamp) -> anyhow::Result<()> {
    let mut statement =
        transaction.prepare("SELECT id, kind, value FROM mutes WHERE until > ? ORDER BY id")?;
    let mutes = statement
        .query_map([now.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<Vec<(i64, String, String)>, _>>()?;
    if mutes.is_empty() {
        return Ok(());
    }
    let of_kind = |wanted: &str| -> HashMap<&str, i64> {
        mutes
            .iter()
            .filter(|(_, kind, _)| kind == wanted)
            .map(|(id, _, value)| (value.as_str(), *id))
            .collect()
    };
    let mut add = transaction
        .prepare("INSERT OR IGNORE INTO untold_mutes (kind, text, mute) VALUES (?, ?, ?)")?;
    for (value, id) in of_kind("indicator") {
        add.execute(params!["indicator", value, id])?;
    }
    // Logs write the same host in many ways. These are all spellings of muted hosts in the new
    // matches.
    let spellings = [
        ("host", "SELECT DISTINCT observable FROM matches WHERE told = 0"),
        (
            "source",
            "SELECT DISTINCT e.source FROM matches m JOIN events e ON e.id = m.event \
             WHERE m.told = 0 AND e.source IS NOT NULL",
        ),
    ];
    for (kind, query) in spellings {
        let muted = of_kind(kind);
        if muted.is_empty() {
            continue;
        }
        let mut statement = transaction.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text = row.get_ref(0)?.as_str()?;
            let mute = muted.get(text).or_else(|| muted.get(host_of(text)?.as_str()));
            if let Some(mute) = mute {
                add.execute(params![kind, text, mute])?;
            }
        }
    }
    for (kind, column) in [
        ("indicator", "m.entry"),
        ("indicator", "m.indicator"),
        ("host", "m.observable"),
        ("source", "e.source"),
    ] {
        transaction.execute(
            &format!(
                "INSERT OR IGNORE INTO untold_muted
                 SELECT m.id, t.mute FROM matches m JOIN events e ON e.id = m.event
                 JOIN untold_mutes t ON t.kind = '{kind}' AND t.text = {column}
                 WHERE m.told = 0 AND m.retracted IS NULL"
            ),
            [],
        )?;
    }
    transaction.execute(
        "UPDATE mutes SET silenced = silenced + (SELECT count(*) FROM untold_muted p
         WHERE p.mute = mutes.id)
         WHERE id IN (SELECT mute FROM untold_muted)",
        [],
    )?;
    Ok(())
}

/// Returns a text that is unique to this round, also across states: its time and its matches.
pub(crate) fn round(transaction: &Transaction<'_>, now: Timestamp) -> anyhow::Result<String> {
    let query = "SELECT ifnull(min(match), 0), ifnull(max(match), 0), count(*) FROM untold";
    let (first, last, count): (i64, i64, i64) =
        transaction.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(format!("{} {first} {last} {count}", now.0))
}
