//! Operators' retractions. They are excluded from every build and every new match until they are
//! undone.

use std::collections::HashMap;

use anyhow::{bail, ensure};
use rusqlite::{Connection, Transaction};
use threatsieve_blacklist::{Timestamp, Value};

use super::Store;
use super::body::Statement;
use super::ingest::{ACTIVE, compared, compared_text};
use super::misp::matches_are_false;
use super::retraction::retract_matches;

/// Maximum length of a reason, in bytes.
const MAX_REASON_BYTES: usize = 1024;

/// A retracted value or indicator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FalsePositive {
    /// True if `target` is an indicator, false if it is a value.
    pub(crate) is_indicator: bool,
    /// The indicator's id, or the value in the form that is compared.
    pub(crate) target: String,
    pub(crate) reason: String,
    pub(crate) created: Timestamp,
}

/// The result of a retraction, or of undoing one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retracted {
    pub(crate) is_indicator: bool,
    pub(crate) target: String,
    /// Number of indicators in force that name it.
    pub(crate) indicators: u64,
    /// Number of earlier matches that were retracted.
    pub(crate) matches: u64,
}

impl Store {
    /// Excludes a value, or an indicator by its id, from the next blacklist, and retracts its
    /// matches.
    pub(crate) fn retract(
        &mut self,
        text: &str,
        reason: &str,
        now: Timestamp,
    ) -> anyhow::Result<Retracted> {
        ensure!(
            (1..=MAX_REASON_BYTES).contains(&reason.trim().len()),
            "expected a reason of 1 to {MAX_REASON_BYTES} bytes, got one of {}",
            reason.trim().len()
        );
        let transaction = self.write()?;
        let (is_indicator, target) = target(&transaction, text)?;
        transaction.execute(
            "INSERT INTO false_positives (is_indicator, target, reason, created)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET reason = excluded.reason",
            (is_indicator, &target, reason.trim(), now.0),
        )?;
        let named = rows_naming(&transaction, is_indicator, &target)?;
        let matches = if is_indicator {
            retract_indicator(&transaction, &target, reason.trim(), now)?
        } else {
            retract_value(&transaction, &target, reason.trim(), now)?
        };
        matches_are_false(&transaction, now)?;
        transaction.execute("UPDATE builds SET change = change + 1", [])?;
        transaction.commit()?;
        Ok(Retracted { is_indicator, target, indicators: named.len() as u64, matches })
    }

    /// Undoes a retraction. The next blacklist treats the value or indicator as new, so stored
    /// lines are matched with it again.
    pub(crate) fn undo_retract(&mut self, text: &str) -> anyhow::Result<Retracted> {
        let transaction = self.write()?;
        let (is_indicator, target) = target(&transaction, text)?;
        let deleted = transaction.execute(
            "DELETE FROM false_positives WHERE is_indicator = ?1 AND target = ?2",
            (is_indicator, &target),
        )?;
        ensure!(deleted == 1, "{target} is not retracted, so there is nothing to undo");
        let named = rows_naming(&transaction, is_indicator, &target)?;
        // Its flags were retracted, so it is new again.
        let mut renew = transaction.prepare_cached(
            "INSERT INTO pending (feed, id, withdrawn) VALUES (?1, ?2, 1) \
             ON CONFLICT DO UPDATE SET withdrawn = 1",
        )?;
        for (feed, _, id) in &named {
            renew.execute((feed, id))?;
        }
        drop(renew);
        transaction.execute("UPDATE builds SET change = change + 1", [])?;
        transaction.commit()?;
        Ok(Retracted { is_indicator, target, indicators: named.len() as u64, matches: 0 })
    }

    /// Returns all retracted values and indicators, oldest first.
    pub(crate) fn false_positives(&self) -> anyhow::Result<Vec<FalsePositive>> {
        read_all(&self.connection)
    }
}

pub(crate) fn read_all(connection: &Connection) -> anyhow::Result<Vec<FalsePositive>> {
    let mut statement = connection.prepare_cached(
        "SELECT is_indicator, target, reason, created FROM false_positives ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(FalsePositive {
            is_indicator: row.get(0)?,
            target: row.get(1)?,
            reason: row.get(2)?,
            created: Timestamp(row.get(3)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All retractions, for quick lookups by indicator or value.
#[derive(Debug, Default)]
pub(crate) struct FalsePositives {
    indicators: HashMap<String, FalsePositive>,
    values: HashMap<String, FalsePositive>,
}

impl FalsePositives {
    pub(crate) fn read(connection: &Connection) -> anyhow::Result<FalsePositives> {
        let mut all = FalsePositives::default();
        for one in read_all(connection)? {
            let map = if one.is_indicator { &mut all.indicators } else { &mut all.values };
            map.insert(one.target.clone(), one);
        }
        Ok(all)
    }

    /// Returns the retraction of an indicator.
    pub(crate) fn indicator(&self, id: &str) -> Option<&FalsePositive> {
        self.indicators.get(id)
    }

    /// Returns the retraction of a value that is written as a blacklist entry.
    pub(crate) fn text(&self, text: &str) -> Option<&FalsePositive> {
        if self.values.is_empty() {
            return None;
        }
        self.values.get(text).or_else(|| self.values.get(&compared_text(text)?))
    }

    /// Returns the retraction of a value.
    pub(crate) fn value(&self, value: &Value) -> Option<&FalsePositive> {
        if self.values.is_empty() {
            return None;
        }
        match value {
            Value::Domain(name, _) => self.values.get(&**name),
            Value::Url { key, .. } => self.values.get(&**key),
            // Without one of its parts, no event carries all of them.
            Value::All(conjunction) => conjunction.values().find_map(|value| self.value(value)),
            value => self.values.get(&value.to_string()),
        }
    }
}

/// Returns whether a text names an indicator, and the compared form of what it names. It names an
/// indicator if it has the form of a STIX id, or if it is an indicator's id and not a value.
fn target(connection: &Connection, text: &str) -> anyhow::Result<(bool, String)> {
    let text = text.trim();
    if text.starts_with("indicator--") {
        return Ok((true, text.to_owned()));
    }
    if let Some(value) = compared_text(text) {
        return Ok((false, value));
    }
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM feeds JOIN indicators ON indicators.feed = feeds.id AND indicators.id = ?1",
    )?;
    if statement.exists([text])? {
        return Ok((true, text.to_owned()));
    }
    bail!(
        "expected a domain, address, network, URL, digest, email address or the id of an \
         indicator, got {text:?}"
    )
}

/// Returns the active rows that name it: the feed's number and name, and the row's id.
fn rows_naming(
    connection: &Connection,
    is_indicator: bool,
    target: &str,
) -> anyhow::Result<Vec<(i64, String, String)>> {
    let mut named = Vec::new();
    let filter = if is_indicator { "AND indicators.id = ?2" } else { "AND ?2 = ?2" };
    let mut statement = connection.prepare(&format!(
        "SELECT feeds.id, feeds.name, indicators.id, body
         FROM feeds CROSS JOIN indicators ON indicators.feed = feeds.id
         WHERE state = ?1 {filter}"
    ))?;
    let mut rows = statement.query((ACTIVE, target))?;
    while let Some(row) = rows.next()? {
        let id = row.get_ref(2)?.as_str()?;
        let names_it = is_indicator || {
            let statement = Statement::decode(id, row.get_ref(3)?.as_blob()?)?;
            statement.parts.iter().flat_map(|part| &part.values).any(|value| names(value, target))
        };
        if names_it {
            named.push((row.get(0)?, row.get(1)?, id.to_owned()));
        }
    }
    Ok(named)
}

/// Returns whether a value, or a part of it, is the target.
fn names(value: &Value, target: &str) -> bool {
    match value {
        Value::All(conjunction) => conjunction.values().any(|value| compared(value) == target),
        value => compared(value) == target,
    }
}

/// Retracts the matches of an indicator in all feeds, even if the feeds do not name it any more.
fn retract_indicator(
    transaction: &Transaction<'_>,
    id: &str,
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<u64> {
    let mut statement = transaction
        .prepare("SELECT DISTINCT feed FROM matches WHERE indicator = ?1 AND retracted IS NULL")?;
    let feeds = statement.query_map([id], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    feeds.iter().try_fold(0, |sum, feed| {
        Ok(sum + retract_matches(transaction, feed, id, None, reason, now)?)
    })
}

/// Retracts the matches of a value by all indicators, even if they do not name it any more. Other
/// values of these indicators keep their matches.
fn retract_value(
    transaction: &Transaction<'_>,
    target: &str,
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<u64> {
    let mut statement = transaction.prepare(
        "SELECT DISTINCT m.feed, m.indicator, m.entry, ifnull(p.entry, m.entry) \
             FROM matches m LEFT JOIN match_parts p ON p.match = m.id WHERE m.retracted IS NULL",
    )?;
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let matched = rows.collect::<Result<Vec<(String, String, String, String)>, _>>()?;
    let names_it = |entry: &str| entry == target || compared_text(entry).as_deref() == Some(target);
    let mut retracted = 0;
    for (feed, id, entry, _) in matched.iter().filter(|(.., part)| names_it(part)) {
        retracted += retract_matches(transaction, feed, id, Some(entry), reason, now)?;
        renew_indicator(transaction, feed, id)?;
    }
    Ok(retracted)
}

/// Marks an indicator as new if it is in force. Its other values may cover the events whose flags
/// were retracted, so the next blacklist matches stored lines with them.
fn renew_indicator(transaction: &Transaction<'_>, feed: &str, id: &str) -> anyhow::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO pending (feed, id, former, withdrawn) \
             SELECT indicators.feed, indicators.id, body, 1 \
             FROM feeds JOIN indicators ON indicators.feed = feeds.id \
             WHERE name = ?1 AND indicators.id = ?2 AND state = ?3 \
             ON CONFLICT DO UPDATE SET withdrawn = 1",
        )?
        .execute((feed, id, ACTIVE))?;
    Ok(())
}
