//! Backfills that somebody asked for. They are done slice by slice, so their places are kept.

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension, Row};
use threatsieve_blacklist::Timestamp;

use crate::config::Way;
use crate::store::Store;

/// Maximum number of backfills that wait for their turn.
const MAX_QUEUED: usize = 16;
/// Number of ended backfills that are kept.
const MAX_ENDED: usize = 100;

/// The events that somebody wants to have matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Name of the client.
    pub(crate) by: String,
    pub(crate) at: Timestamp,
    /// Names and patterns; empty for the indices of the configuration.
    pub(crate) indices: Vec<String>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// `None`: the way of the configuration.
    pub(crate) way: Option<Way>,
}

/// The state of a backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Queued = 0,
    Running = 1,
    Done = 2,
    Failed = 3,
    Cancelled = 4,
}

impl Stage {
    const ALL: [Stage; 5] =
        [Stage::Queued, Stage::Running, Stage::Done, Stage::Failed, Stage::Cancelled];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Stage::Queued => "queued",
            Stage::Running => "running",
            Stage::Done => "done",
            Stage::Failed => "failed",
            Stage::Cancelled => "cancelled",
        }
    }

    pub(crate) fn has_ended(self) -> bool {
        !matches!(self, Stage::Queued | Stage::Running)
    }
}

/// Counts of work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) read: u64,
    pub(crate) flagged: u64,
    /// Events that their index refused, with the first reason.
    pub(crate) refused: u64,
    pub(crate) refusal: Option<String>,
    /// Events that the matcher gave no answer for.
    pub(crate) unchecked: u64,
}

impl Counts {
    /// Returns what was added since some earlier counts.
    pub(crate) fn since(&self, earlier: &Counts) -> Counts {
        Counts {
            read: self.read - earlier.read,
            flagged: self.flagged - earlier.flagged,
            refused: self.refused - earlier.refused,
            refusal: self.refusal.clone(),
            unchecked: self.unchecked - earlier.unchecked,
        }
    }
}

/// A backfill that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AskedBackfill {
    pub(crate) id: i64,
    pub(crate) wish: Wish,
    pub(crate) stage: Stage,
    pub(crate) started: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) counts: Counts,
    /// Sequence numbers that are done, and all, of the shards that are known so far.
    pub(crate) done: u64,
    pub(crate) total: u64,
    /// Shards that are left.
    pub(crate) shards_left: u64,
    /// Text for people; `None` until it ended.
    pub(crate) outcome: Option<String>,
}

/// The part of a shard that a backfill covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Covered {
    /// Events up to this sequence number are matched; -1 for none.
    pub(crate) done: i64,
    /// The last one to match.
    pub(crate) until: i64,
}

const COLUMNS: &str = "id, asked_by, asked, indices, since, until, way, state, started, ended, \
                       read, flagged, refused, refusal, unchecked, done, total, \
                       (SELECT count(*) FROM backfill_shards s WHERE s.backfill = b.id \
                       AND s.done < s.until), outcome";

fn asked(row: &Row<'_>) -> rusqlite::Result<AskedBackfill> {
    let time = |at: usize| row.get::<_, Option<i64>>(at).map(|time| time.map(Timestamp));
    let count = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
    let (indices, way): (String, Option<String>) = (row.get(3)?, row.get(6)?);
    let stage: usize = row.get(7)?;
    let wrong = |at: usize, error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, error)
    };
    Ok(AskedBackfill {
        id: row.get(0)?,
        wish: Wish {
            by: row.get(1)?,
            at: Timestamp(row.get(2)?),
            indices: serde_json::from_str(&indices).map_err(|error| wrong(3, error.into()))?,
            since: time(4)?,
            until: time(5)?,
            way: way.and_then(|way| Way::ALL.into_iter().find(|known| known.name() == way)),
        },
        stage: *Stage::ALL.get(stage).ok_or_else(|| wrong(7, "unknown state".into()))?,
        started: time(8)?,
        ended: time(9)?,
        counts: Counts {
            read: count(10)?,
            flagged: count(11)?,
            refused: count(12)?,
            refusal: row.get(13)?,
            unchecked: count(14)?,
        },
        done: count(15)?,
        total: count(16)?,
        shards_left: count(17)?,
        outcome: row.get(18)?,
    })
}

impl Store {
    /// Queues a backfill. Returns `None` if too many wait. Forgets the oldest of those that ended.
    pub(crate) fn add_backfill(&mut self, wish: &Wish) -> anyhow::Result<Option<AskedBackfill>> {
        let transaction = self.write()?;
        let queued = "SELECT count(*) FROM backfills WHERE state = 0";
        let queued: usize = transaction.query_row(queued, [], |row| row.get(0))?;
        if queued >= MAX_QUEUED {
            return Ok(None);
        }
        transaction.execute(
            "DELETE FROM backfills WHERE id IN (SELECT id FROM backfills WHERE state > 1 \
             ORDER BY id DESC LIMIT -1 OFFSET ?1)",
            [MAX_ENDED],
        )?;
        transaction.execute(
            "INSERT INTO backfills (asked, asked_by, indices, since, until, way) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                wish.at.0,
                &wish.by,
                serde_json::to_string(&wish.indices)?,
                wish.since.map(|at| at.0),
                wish.until.map(|at| at.0),
                wish.way.map(Way::name),
            ),
        )?;
        let id = transaction.last_insert_rowid();
        transaction.commit()?;
        self.asked_backfill(id)
    }

    /// Returns backfills before a given one, the newest first.
    pub(crate) fn asked_backfills(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> anyhow::Result<Vec<AskedBackfill>> {
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM backfills b WHERE ?1 IS NULL OR id < ?1 \
             ORDER BY id DESC LIMIT ?2"
        ))?;
        let rows = select.query_map((before, i64::try_from(limit)?), asked)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns one backfill; `None` if there is none with this number.
    pub(crate) fn asked_backfill(&self, id: i64) -> anyhow::Result<Option<AskedBackfill>> {
        let sql = format!("SELECT {COLUMNS} FROM backfills b WHERE id = ?1");
        Ok(self.connection.prepare_cached(&sql)?.query_row([id], asked).optional()?)
    }

    /// Returns the backfill whose turn it is: the one that began, or else the oldest.
    pub(crate) fn next_backfill(&self) -> anyhow::Result<Option<AskedBackfill>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM backfills b WHERE state < 2 ORDER BY state DESC, id LIMIT 1"
        );
        Ok(self.connection.prepare_cached(&sql)?.query_row([], asked).optional()?)
    }

    /// Begins a backfill, or goes on with it. Returns false if it ended meanwhile.
    pub(crate) fn begin_backfill(&self, id: i64, now: Timestamp) -> anyhow::Result<bool> {
        let changed = self.connection.execute(
            "UPDATE backfills SET state = 1, started = coalesce(started, ?2) \
             WHERE id = ?1 AND state < 2",
            (id, now.0),
        )?;
        Ok(changed > 0)
    }

    /// Ends a backfill, and forgets its places. Returns false if it ended before.
    pub(crate) fn end_backfill(
        &mut self,
        id: i64,
        stage: Stage,
        outcome: &str,
        now: Timestamp,
    ) -> anyhow::Result<bool> {
        let transaction = self.write()?;
        let changed = transaction.execute(
            "UPDATE backfills SET state = ?2, outcome = ?3, ended = ?4 \
             WHERE id = ?1 AND state < 2",
            (id, stage as i64, outcome, now.0),
        )?;
        if changed > 0 {
            transaction.execute("DELETE FROM backfill_shards WHERE backfill = ?1", [id])?;
        }
        transaction.commit()?;
        Ok(changed > 0)
    }

    /// Returns the part of a shard that a backfill covers. The first time, that is all events up to
    /// the checkpoint.
    pub(crate) fn covered_shard(
        &self,
        backfill: i64,
        shard: i64,
        checkpoint: i64,
    ) -> anyhow::Result<Covered> {
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO backfill_shards (backfill, shard, until) \
                 SELECT id, ?2, ?3 FROM backfills WHERE id = ?1 AND state < 2",
            )?
            .execute((backfill, shard, checkpoint))?;
        let sql = "SELECT done, until FROM backfill_shards WHERE backfill = ?1 AND shard = ?2";
        let covered = self.connection.prepare_cached(sql)?.query_row((backfill, shard), |row| {
            Ok(Covered { done: row.get(0)?, until: row.get(1)? })
        });
        // It was cancelled meanwhile: nothing is left.
        Ok(covered.optional()?.unwrap_or(Covered { done: checkpoint, until: checkpoint }))
    }

    /// Adds what a backfill has done, and stores the place that it has reached in a shard.
    pub(crate) fn note_backfill(
        &mut self,
        id: i64,
        place: Option<(i64, i64)>,
        counts: &Counts,
    ) -> anyhow::Result<()> {
        let transaction = self.write().context("the progress of a backfill")?;
        if let Some((shard, reached)) = place {
            transaction
                .prepare_cached(
                    "UPDATE backfill_shards SET done = max(done, ?3) \
                     WHERE backfill = ?1 AND shard = ?2",
                )?
                .execute((id, shard, reached))?;
        }
        transaction
            .prepare_cached(
                "UPDATE backfills SET read = read + ?2, flagged = flagged + ?3, \
                 refused = refused + ?4, refusal = coalesce(refusal, ?5), \
                 unchecked = unchecked + ?6 WHERE id = ?1",
            )?
            .execute((
                id,
                counts.read.cast_signed(),
                counts.flagged.cast_signed(),
                counts.refused.cast_signed(),
                &counts.refusal,
                counts.unchecked.cast_signed(),
            ))?;
        transaction
            .prepare_cached(
                "UPDATE backfills SET (done, total) = (SELECT coalesce(sum(s.done + 1), 0), \
                 coalesce(sum(s.until + 1), 0) FROM backfill_shards s WHERE s.backfill = ?1) \
                 WHERE id = ?1 AND state = 1",
            )?
            .execute([id])?;
        transaction.commit()?;
        Ok(())
    }
}

/// Forgets the places in a shard: it was restored, and its events have other sequence numbers.
pub(super) fn forget_places(connection: &Connection, shard: i64) -> anyhow::Result<()> {
    connection.execute("DELETE FROM backfill_shards WHERE shard = ?1", [shard])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::cluster::shards::SeenShard;

    fn wish(at: i64) -> Wish {
        Wish {
            by: "ops".to_owned(),
            at: Timestamp(at),
            indices: vec!["proxy-*".to_owned()],
            since: Some(Timestamp(1)),
            until: None,
            way: Some(Way::Scan),
        }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    fn added(store: &mut Store) -> i64 {
        store.add_backfill(&wish(5)).unwrap().unwrap().id
    }

    fn shard(store: &mut Store, history_uuid: &str) -> i64 {
        let seen = SeenShard {
            index: "proxy-1",
            index_uuid: "one",
            history_uuid,
            number: 0,
            highest: 9,
            is_of_round: false,
        };
        store.shard(&seen, Timestamp(7)).unwrap().id
    }

    #[test]
    fn the_oldest_comes_first_and_one_that_began_before_all() {
        let (_folder, mut store) = store();
        let next = |store: &Store| store.next_backfill().unwrap().map(|one| one.id);
        assert_eq!(next(&store), None);
        let (first, second) = (added(&mut store), added(&mut store));
        assert_eq!(store.asked_backfill(first).unwrap().unwrap().wish, wish(5));
        assert!(store.begin_backfill(second, Timestamp(6)).unwrap());
        assert_eq!(next(&store), Some(second), "it had begun when the program ended");
        assert!(store.end_backfill(second, Stage::Done, "all", Timestamp(8)).unwrap());
        assert!(!store.end_backfill(second, Stage::Cancelled, "late", Timestamp(9)).unwrap());
        assert_eq!(next(&store), Some(first));
        assert!(store.end_backfill(first, Stage::Cancelled, "by ops", Timestamp(9)).unwrap());
        assert!(!store.begin_backfill(first, Timestamp(9)).unwrap(), "cancelled meanwhile");
        assert_eq!(next(&store), None);
        let stages: Vec<Stage> =
            store.asked_backfills(None, 9).unwrap().iter().map(|one| one.stage).collect();
        assert_eq!(stages, [Stage::Done, Stage::Cancelled]);
    }

    #[test]
    fn only_some_wait_and_only_the_newest_of_those_that_ended_are_kept() {
        let (_folder, mut store) = store();
        for _ in 0..MAX_ENDED + 9 {
            let id = added(&mut store);
            store.end_backfill(id, Stage::Cancelled, "", Timestamp(6)).unwrap();
        }
        for _ in 0..MAX_QUEUED {
            added(&mut store);
        }
        assert_eq!(store.add_backfill(&wish(5)).unwrap(), None);
        let all = store.asked_backfills(None, 1000).unwrap();
        assert_eq!(all.len(), MAX_ENDED + MAX_QUEUED);
        assert_eq!(all.last().unwrap().id, 10);
        assert_eq!(store.asked_backfills(Some(12), 1000).unwrap().len(), 2);
    }

    #[test]
    fn places_are_kept_until_the_end_or_a_restore() {
        let (_folder, mut store) = store();
        let (id, place) = (added(&mut store), shard(&mut store, "a"));
        store.begin_backfill(id, Timestamp(6)).unwrap();
        let covered = |store: &Store, checkpoint| {
            let Covered { done, until } = store.covered_shard(id, place, checkpoint).unwrap();
            (done, until)
        };
        assert_eq!(covered(&store, 9), (-1, 9));
        assert_eq!(covered(&store, 50), (-1, 9), "what came later is not a part of it");
        let counts = Counts { read: 5, flagged: 2, ..Counts::default() };
        store.note_backfill(id, Some((place, 4)), &counts).unwrap();
        store.note_backfill(id, None, &counts).unwrap();
        assert_eq!(covered(&store, 50), (4, 9));
        let one = store.asked_backfill(id).unwrap().unwrap();
        assert_eq!((one.done, one.total, one.shards_left), (5, 10, 1));
        assert_eq!((one.counts.read, one.counts.flagged), (10, 4));
        shard(&mut store, "restored");
        assert_eq!(covered(&store, 7), (-1, 7));
        store.end_backfill(id, Stage::Cancelled, "", Timestamp(6)).unwrap();
        assert_eq!(covered(&store, 7), (7, 7), "nothing is left");
        let one = store.asked_backfill(id).unwrap().unwrap();
        assert_eq!((one.done, one.total, one.shards_left), (5, 10, 0), "as when it ended");
    }

    #[test]
    fn an_index_that_is_gone_takes_its_places_with_it() {
        let (_folder, mut store) = store();
        let (id, place) = (added(&mut store), shard(&mut store, "a"));
        store.covered_shard(id, place, 9).unwrap();
        assert_eq!(store.cluster_state().unwrap().shards, 0, "rounds do not match it");
        store.forget_shards(Timestamp(8)).unwrap();
        assert_eq!(store.asked_backfill(id).unwrap().unwrap().shards_left, 0);
    }
}
