//! Shards, and how far their events are matched and followed.

use rusqlite::{Connection, OptionalExtension, Row};
use threatsieve_blacklist::Timestamp;

use super::backfills::forget_places;
use crate::store::Store;

/// A shard of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shard {
    /// Row in the state.
    pub(crate) id: i64,
    pub(crate) index: String,
    pub(crate) number: u32,
    /// Flags up to this sequence number are in the state; -1 for none.
    pub(crate) followed: i64,
    /// Events up to this sequence number are matched; -1 for none.
    pub(crate) matched: i64,
    /// The generation that they are matched with; 0 if they never were.
    pub(crate) generation: u64,
    /// Time from which on what came after them is due for a second pass.
    pub(crate) again: Option<Timestamp>,
    /// Events up to this sequence number are matched in the present pass; -1 for none.
    pub(crate) done: i64,
    /// The generation of that pass.
    pub(crate) done_with: u64,
}

/// A shard as the cluster has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenShard<'a> {
    pub(crate) index: &'a str,
    pub(crate) index_uuid: &'a str,
    pub(crate) history_uuid: &'a str,
    pub(crate) number: u32,
    /// The highest sequence number; -1 for none.
    pub(crate) highest: i64,
    /// A round sees it, not a backfill that somebody asked for.
    pub(crate) is_of_round: bool,
}

/// Counts for `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct ClusterState {
    pub(crate) shards: u64,
    /// Shards that are not matched with the blacklist in use yet.
    pub(crate) shards_left: u64,
    /// Documents whose flags are to be written again.
    pub(crate) documents_waiting: u64,
}

const COLUMNS: &str =
    "id, index_name, shard, followed, matched, generation, again, done, done_with";

fn read(row: &Row<'_>) -> rusqlite::Result<Shard> {
    Ok(Shard {
        id: row.get(0)?,
        index: row.get(1)?,
        number: row.get(2)?,
        followed: row.get(3)?,
        matched: row.get(4)?,
        generation: row.get::<_, i64>(5)?.cast_unsigned(),
        again: row.get::<_, Option<i64>>(6)?.map(Timestamp),
        done: row.get(7)?,
        done_with: row.get::<_, i64>(8)?.cast_unsigned(),
    })
}

impl Store {
    /// Returns the row of a shard, and adds it if it is new. Begins again after a restore.
    /// Then its history is another one, or it ends before the numbers that are known.
    pub(crate) fn shard(&mut self, seen: &SeenShard<'_>, now: Timestamp) -> anyhow::Result<Shard> {
        let transaction = self.write()?;
        let known: Option<(i64, String, i64, i64)> = transaction
            .prepare_cached(
                "SELECT id, history_uuid, followed, matched FROM shards \
                 WHERE index_uuid = ?1 AND shard = ?2",
            )?
            .query_row((seen.index_uuid, seen.number), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let shard = match known {
            Some((id, history, followed, matched)) => {
                let is_other = history != seen.history_uuid || followed.max(matched) > seen.highest;
                transaction
                    .prepare_cached(
                        "UPDATE shards SET index_name = ?2, history_uuid = ?3, seen = ?4, \
                         followed = CASE WHEN ?5 THEN -1 ELSE followed END, \
                         matched = CASE WHEN ?5 THEN -1 ELSE matched END, \
                         generation = CASE WHEN ?5 THEN 0 ELSE generation END, \
                         again = CASE WHEN ?5 THEN NULL ELSE again END, \
                         done = CASE WHEN ?5 THEN -1 ELSE done END, \
                         of_rounds = max(of_rounds, ?6) WHERE id = ?1",
                    )?
                    .execute((
                        id,
                        seen.index,
                        seen.history_uuid,
                        now.0,
                        is_other,
                        seen.is_of_round,
                    ))?;
                if is_other {
                    forget_places(&transaction, id)?;
                }
                let sql = format!("SELECT {COLUMNS} FROM shards WHERE id = ?1");
                transaction.prepare_cached(&sql)?.query_row([id], read)?
            }
            None => transaction
                .prepare_cached(&format!(
                    "INSERT INTO shards (index_uuid, shard, history_uuid, index_name, seen, \
                     of_rounds) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING {COLUMNS}"
                ))?
                .query_row(
                    (
                        seen.index_uuid,
                        seen.number,
                        seen.history_uuid,
                        seen.index,
                        now.0,
                        seen.is_of_round,
                    ),
                    read,
                )?,
        };
        transaction.commit()?;
        Ok(shard)
    }

    /// Stores that a shard's events up to a sequence number are matched with a generation, and the
    /// time from which on what came after them is due for a second pass.
    pub(crate) fn set_matched(
        &self,
        shard: i64,
        matched: i64,
        generation: u64,
        again: Option<Timestamp>,
    ) -> anyhow::Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE shards SET matched = max(matched, ?2), generation = ?3, again = ?4, \
                 done = -1 WHERE id = ?1",
            )?
            .execute((shard, matched, generation.cast_signed(), again.map(|time| time.0)))?;
        Ok(())
    }

    /// Stores how far the present pass over a shard is done.
    pub(crate) fn set_done(&self, shard: i64, done: i64, generation: u64) -> anyhow::Result<()> {
        self.connection
            .prepare_cached("UPDATE shards SET done = ?2, done_with = ?3 WHERE id = ?1")?
            .execute((shard, done, generation.cast_signed()))?;
        Ok(())
    }

    /// Forgets shards that were not seen since that time: their indices are deleted.
    pub(crate) fn forget_shards(&self, since: Timestamp) -> anyhow::Result<()> {
        self.connection.execute("DELETE FROM shards WHERE seen < ?1", [since.0])?;
        Ok(())
    }

    /// Counts what is left to do, for `status`.
    pub(crate) fn cluster_state(&self) -> anyhow::Result<ClusterState> {
        let state = self.connection.query_row(
            "SELECT (SELECT count(*) FROM shards WHERE of_rounds), \
             (SELECT count(*) FROM shards WHERE of_rounds AND (again IS NOT NULL OR generation < \
             coalesce((SELECT max(generation) FROM new_indicators), 1))), \
             (SELECT count(*) FROM outbox_documents)",
            [],
            |row| {
                let count = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
                Ok(ClusterState {
                    shards: count(0)?,
                    shards_left: count(1)?,
                    documents_waiting: count(2)?,
                })
            },
        )?;
        Ok(state)
    }
}

/// Stores that a shard's flags up to a sequence number are in the state.
pub(crate) fn follow_to(connection: &Connection, shard: i64, number: i64) -> anyhow::Result<()> {
    connection
        .prepare_cached("UPDATE shards SET followed = max(followed, ?2) WHERE id = ?1")?
        .execute((shard, number))?;
    Ok(())
}
