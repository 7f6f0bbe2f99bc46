//! The state of each feed: its cursor, the results of its last polls, and what is held back.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::{Deserialize, Serialize};
use threatsieve_blacklist::Timestamp;

use super::Store;
use super::ingest::Renamed;

/// The state of a feed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeedState {
    pub(crate) name: String,
    /// Position at which the next poll continues, in the fetcher's own format.
    pub(crate) cursor: Option<serde_json::Value>,
    /// Time of the last poll.
    pub(crate) attempted: Option<Timestamp>,
    /// Time of the last poll without an error.
    pub(crate) succeeded: Option<Timestamp>,
    /// Time of the last poll that changed anything.
    pub(crate) changed: Option<Timestamp>,
    /// Number of failed polls in a row.
    pub(crate) failures: u32,
    /// Time of the first of these.
    pub(crate) failing_since: Option<Timestamp>,
    /// Time before which the feed is not polled.
    pub(crate) next_attempt: Option<Timestamp>,
    /// Error of the last poll; `None` if it succeeded.
    pub(crate) error: Option<String>,
    /// The delivery that is held back.
    pub(crate) held: Option<Held>,
    /// True if the next delivery is accepted, whatever it drops.
    pub(crate) is_allowed: bool,
    /// Number of active indicators, including expired ones.
    pub(crate) active: u64,
    /// Counts of the last delivery that was accepted.
    pub(crate) report: Option<Ingested>,
    /// Numbers of values that the feed's policy took away in the last build, by rule.
    pub(crate) outside_policy: BTreeMap<String, u64>,
    /// The last time that most of its indicators came under new ids.
    pub(crate) ids_changed: Option<Renamed>,
}

/// A delivery that was held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Held {
    /// The reason, for people.
    pub(crate) why: String,
    /// Active indicators, which stay in force.
    pub(crate) active: u64,
    /// Number of them that would have left.
    pub(crate) leaving: u64,
    /// Time of the delivery, in microseconds since 1970.
    pub(crate) at: i64,
    /// True if no delivery of the feed was ever accepted.
    #[serde(default)]
    pub(crate) is_first: bool,
}

/// Counts of a delivery's effects on indicators.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ingested {
    /// Indicators that are new, or active again.
    pub(crate) added: u64,
    /// Indicators that were active and changed.
    pub(crate) changed: u64,
    /// Indicators that are not in the list any more.
    pub(crate) removed: u64,
    pub(crate) revoked: u64,
    /// Indicators that came under new ids. They are neither new nor removed.
    #[serde(default)]
    pub(crate) renamed: u64,
    /// Rejected values, lines and patterns. JSON also has the count under its earlier name,
    /// `refused`.
    #[serde(flatten, with = "rejected")]
    pub(crate) rejected: u64,
    /// Ignored versions, which are older than the known one.
    #[serde(default)]
    pub(crate) older: u64,
    /// Versions dated more than a day ahead, which count as undated.
    #[serde(default)]
    pub(crate) ahead: u64,
    /// Records that are not meant as indicators.
    #[serde(default)]
    pub(crate) skipped: u64,
    /// The reason why it was held back. Nothing is applied then, and the counts tell what would
    /// have changed.
    pub(crate) held: Option<Held>,
}

/// The count of rejections under both of its names.
mod rejected {
    use serde::ser::SerializeMap;
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    struct Named {
        rejected: Option<u64>,
        refused: Option<u64>,
    }

    pub(super) fn serialize<S: Serializer>(count: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("rejected", count)?;
        map.serialize_entry("refused", count)?;
        map.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let Named { rejected, refused } = Named::deserialize(deserializer)?;
        Ok(rejected.or(refused).unwrap_or_default())
    }
}

impl Ingested {
    /// Adds the counts of an earlier part of the delivery.
    pub(crate) fn after(self, before: Ingested) -> Ingested {
        Ingested {
            added: self.added + before.added,
            changed: self.changed + before.changed,
            removed: self.removed + before.removed,
            revoked: self.revoked + before.revoked,
            renamed: self.renamed + before.renamed,
            rejected: self.rejected + before.rejected,
            older: self.older + before.older,
            ahead: self.ahead + before.ahead,
            skipped: self.skipped + before.skipped,
            held: self.held,
        }
    }

    /// Returns whether the delivery changed anything in force.
    pub(crate) fn has_changes(&self) -> bool {
        let changes = self.added + self.changed + self.removed + self.revoked + self.renamed;
        self.held.is_none() && changes > 0
    }
}

const COLUMNS: &str = "name, cursor, attempted, succeeded, changed, failures, failing_since, \
                       next_attempt, error, held, allowed, active, report, outside_policy, \
                       ids_changed";

impl Store {
    /// Reads the state of a feed; `None` before its first poll.
    pub(crate) fn feed_state(&self, name: &str) -> anyhow::Result<Option<FeedState>> {
        let sql = format!("SELECT {COLUMNS} FROM feeds WHERE name = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row([name], feed_state).optional()?)
    }

    /// Reads the states of all feeds ever polled, by name.
    pub(crate) fn feed_states(&self) -> anyhow::Result<Vec<FeedState>> {
        let sql = format!("SELECT {COLUMNS} FROM feeds ORDER BY name");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let states = statement.query_map([], feed_state)?.collect::<Result<_, _>>()?;
        Ok(states)
    }

    /// Stores that a poll failed. Known indicators stay in force.
    pub(crate) fn feed_failed(
        &mut self,
        name: &str,
        now: Timestamp,
        error: &str,
        next_attempt: Timestamp,
    ) -> anyhow::Result<()> {
        let transaction = self.write()?;
        let feed = feed_id(&transaction, name)?;
        transaction.execute(
            "UPDATE feeds SET attempted = :now, failures = failures + 1, \
             error = :error, next_attempt = :next, \
             failing_since = coalesce(failing_since, :now) WHERE id = :feed",
            named_params! {
                ":now": now.0,
                ":error": error,
                ":next": next_attempt.0,
                ":feed": feed,
            },
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Stores that a poll found nothing new. A given `cursor` replaces the previous one. A delivery
    /// that was held back is gone: the source has what was last accepted.
    pub(crate) fn feed_unchanged(
        &mut self,
        name: &str,
        now: Timestamp,
        cursor: Option<&serde_json::Value>,
    ) -> anyhow::Result<()> {
        let transaction = self.write()?;
        let feed = feed_id(&transaction, name)?;
        transaction.execute(
            "UPDATE feeds SET attempted = :now, succeeded = :now, failures = 0, \
             failing_since = NULL, error = NULL, held = NULL, \
             next_attempt = NULL, cursor = coalesce(:cursor, cursor) WHERE id = :feed",
            named_params! {
                ":now": now.0,
                ":cursor": cursor.map(ToString::to_string),
                ":feed": feed,
            },
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Forgets where the next poll of a feed continues.
    pub(crate) fn forget_cursor(&mut self, name: &str) -> anyhow::Result<()> {
        let transaction = self.write()?;
        transaction.execute("UPDATE feeds SET cursor = NULL WHERE name = ?1", [name])?;
        transaction.commit()?;
        Ok(())
    }

    /// Accepts the next delivery of a feed, whatever it drops, and allows the poll at once.
    pub(crate) fn allow_held(&mut self, name: &str) -> anyhow::Result<()> {
        let rows = self
            .connection
            .execute("UPDATE feeds SET allowed = 1, next_attempt = NULL WHERE name = ?1", [name])?;
        ensure!(rows == 1, "feed {name:?} was never polled, so nothing of it is held back");
        Ok(())
    }
}

/// Stores the numbers of values that a feed's policy took away in a build, by rule.
pub(crate) fn set_outside(
    connection: &Connection,
    feed: i64,
    counts: &BTreeMap<&'static str, u64>,
) -> anyhow::Result<()> {
    let mut update =
        connection.prepare_cached("UPDATE feeds SET outside_policy = ?2 WHERE id = ?1")?;
    update.execute((feed, serde_json::to_string(counts)?))?;
    Ok(())
}

/// Returns the number of a feed. Adds a row for a new one.
pub(super) fn feed_id(connection: &Connection, name: &str) -> anyhow::Result<i64> {
    connection
        .prepare_cached("INSERT INTO feeds (name) VALUES (?1) ON CONFLICT DO NOTHING")?
        .execute([name])?;
    let mut statement = connection.prepare_cached("SELECT id FROM feeds WHERE name = ?1")?;
    statement.query_row([name], |row| row.get(0)).with_context(|| format!("feed {name:?}"))
}

fn feed_state(row: &Row<'_>) -> rusqlite::Result<FeedState> {
    let time = |column| row.get::<_, Option<i64>>(column).map(|time| time.map(Timestamp));
    Ok(FeedState {
        name: row.get("name")?,
        cursor: json(row, "cursor")?,
        attempted: time("attempted")?,
        succeeded: time("succeeded")?,
        changed: time("changed")?,
        failures: row.get("failures")?,
        failing_since: time("failing_since")?,
        next_attempt: time("next_attempt")?,
        error: row.get("error")?,
        held: json(row, "held")?,
        is_allowed: row.get("allowed")?,
        active: row.get("active")?,
        report: json(row, "report")?,
        outside_policy: json(row, "outside_policy")?.unwrap_or_default(),
        ids_changed: json(row, "ids_changed")?,
    })
}

/// Reads a column of JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: &str,
) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}
