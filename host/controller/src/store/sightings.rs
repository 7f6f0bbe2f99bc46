//! Matches that are to be reported to TAXII collections as sightings.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;
use threatsieve_blacklist::{Timestamp, Tlp};

use super::Store;
use super::mails::tlp_of;
use super::statements::feed_number;
use crate::text::Rfc3339;

/// Maximum time between two attempts: an hour.
pub(crate) const LONGEST_PAUSE_MICROS: i64 = 60 * 60 * 1_000_000;

/// A sighting of an indicator: its matches of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// STIX id.
    pub(crate) id: String,
    /// STIX id of the indicator.
    pub(crate) indicator: String,
    pub(crate) events: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// The strictest marking of the matches.
    pub(crate) tlp: Option<Tlp>,
    pub(crate) composed: Timestamp,
}

/// The matches of an indicator that no sighting reports yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreported {
    pub(crate) indicator: String,
    pub(crate) events: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) tlp: Option<Tlp>,
    /// The least and the greatest id of the events.
    pub(crate) least_uid: String,
    pub(crate) greatest_uid: String,
}

/// The state of a feed's sightings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SightingsState {
    pub(crate) feed: i64,
    pub(crate) next_attempt: Option<Timestamp>,
    /// Failed attempts in a row.
    pub(crate) failures: u32,
}

/// The queue of a feed's sightings, for `status` and for conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct SightingsQueue {
    pub(crate) feed: String,
    pub(crate) sent: u64,
    pub(crate) waiting: u64,
    /// Sightings that the collection refuses.
    pub(crate) refused: u64,
    /// Time at which the oldest waiting one was composed.
    pub(crate) oldest: Option<Rfc3339>,
    pub(crate) next_attempt: Option<Rfc3339>,
    /// Error of the last attempt, or reason of a refusal.
    pub(crate) error: Option<String>,
}

impl Store {
    /// Composes a sighting for each indicator of a feed that was matched since the last call, up to
    /// a marking. `id` makes the STIX id. Returns the feed's state; `None` before its first poll.
    ///
    /// The first call only notes the last match: earlier ones are not reported. A match that was
    /// retracted meanwhile is not reported either.
    pub(crate) fn compose_sightings(
        &mut self,
        feed: &str,
        max_tlp: Tlp,
        now: Timestamp,
        id: impl Fn(&Unreported) -> String,
    ) -> anyhow::Result<Option<SightingsState>> {
        let transaction = self.write()?;
        let Some(number) = feed_number(&transaction, feed)? else { return Ok(None) };
        transaction.execute(
            "INSERT OR IGNORE INTO sighting_feeds (feed, last_match) \
             SELECT ?1, ifnull(max(id), 0) FROM matches",
            [number],
        )?;
        for unreported in unreported(&transaction, number, feed, max_tlp)? {
            let Unreported { indicator, events, first, last, tlp, .. } = &unreported;
            transaction
                .prepare_cached(
                    "INSERT OR IGNORE INTO sightings (id, feed, indicator, events, first_seen, \
                     last_seen, tlp, composed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    id(&unreported),
                    number,
                    indicator,
                    events,
                    first.0,
                    last.0,
                    tlp.map(|tlp| tlp as u8),
                    now.0
                ])?;
        }
        transaction.execute(
            "UPDATE sighting_feeds SET last_match = (SELECT ifnull(max(id), 0) FROM matches) \
             WHERE feed = ?1",
            [number],
        )?;
        let sql = "SELECT feed, next_attempt, failures FROM sighting_feeds WHERE feed = ?1";
        let state = transaction.query_row(sql, [number], |row| {
            let next_attempt = row.get::<_, Option<i64>>(1)?.map(Timestamp);
            Ok(SightingsState { feed: row.get(0)?, next_attempt, failures: row.get(2)? })
        })?;
        transaction.commit()?;
        Ok(Some(state))
    }

    /// Forgets the sightings of all feeds but those that report matches. If another one reports
    /// them later, it begins with later matches.
    pub(crate) fn forget_other_sightings(&mut self, feeds: &[&str]) -> anyhow::Result<()> {
        let transaction = self.write()?;
        let others = {
            let sql = "SELECT feed, name FROM sighting_feeds JOIN feeds ON feeds.id = feed";
            let mut select = transaction.prepare_cached(sql)?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let all = rows.collect::<Result<Vec<(i64, String)>, _>>()?;
            all.into_iter().filter(|(_, name)| !feeds.contains(&name.as_str()))
        };
        for (feed, _) in others {
            transaction.execute("DELETE FROM sightings WHERE feed = ?1", [feed])?;
            transaction.execute("DELETE FROM sighting_feeds WHERE feed = ?1", [feed])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Returns up to `limit` sightings of a feed that wait, the oldest first, and removes those
    /// that are now above a marking.
    pub(crate) fn waiting_sightings(
        &mut self,
        feed: i64,
        max_tlp: Tlp,
        limit: usize,
    ) -> anyhow::Result<Vec<Sighting>> {
        self.connection.execute(
            "DELETE FROM sightings WHERE feed = ?1 AND ifnull(tlp, 0) > ?2",
            params![feed, max_tlp as u8],
        )?;
        let mut statement = self.connection.prepare_cached(
            "SELECT id, indicator, events, first_seen, last_seen, tlp, composed FROM sightings \
             WHERE feed = ?1 AND state = 0 ORDER BY composed, id LIMIT ?2",
        )?;
        let rows = statement.query_map((feed, i64::try_from(limit)?), |row| {
            Ok(Sighting {
                id: row.get(0)?,
                indicator: row.get(1)?,
                events: row.get(2)?,
                first: Timestamp(row.get(3)?),
                last: Timestamp(row.get(4)?),
                tlp: tlp_of(row.get(5)?),
                composed: Timestamp(row.get(6)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Stores that the collection has some sightings, and refuses others for a reason.
    pub(crate) fn settle_sightings<'a>(
        &mut self,
        feed: i64,
        sent: impl Iterator<Item = &'a str>,
        refused: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let transaction = self.write()?;
        let mut removed = 0;
        for id in sent {
            removed +=
                transaction.prepare_cached("DELETE FROM sightings WHERE id = ?1")?.execute([id])?;
        }
        for (id, why) in refused {
            transaction
                .prepare_cached("UPDATE sightings SET state = 2, error = ?2 WHERE id = ?1")?
                .execute((id, why))?;
        }
        transaction.execute(
            "UPDATE sighting_feeds SET sent = sent + ?2, failures = 0, next_attempt = NULL, \
             error = NULL WHERE feed = ?1",
            (feed, removed as i64),
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Stores that sightings could not be sent, and the time of the next attempt.
    pub(crate) fn sightings_failed(
        &mut self,
        feed: i64,
        next: Timestamp,
        error: &str,
    ) -> anyhow::Result<()> {
        self.connection.execute(
            "UPDATE sighting_feeds SET failures = failures + 1, next_attempt = ?2, error = ?3 \
             WHERE feed = ?1",
            (feed, next.0, error),
        )?;
        Ok(())
    }

    /// Returns the queues of all feeds that ever had sightings, by name. Of those refused, counts
    /// those that were composed after `refused_since`.
    pub(crate) fn sightings_queues(
        &self,
        refused_since: Timestamp,
    ) -> anyhow::Result<Vec<SightingsQueue>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT name, sent, f.next_attempt,
             count(*) FILTER (WHERE state = 0),
             count(*) FILTER (WHERE state = 2 AND composed >= ?1),
             min(composed) FILTER (WHERE state = 0),
             coalesce(f.error, max(s.error) FILTER (WHERE state = 2 AND composed >= ?1))
             FROM sighting_feeds f JOIN feeds ON feeds.id = f.feed
             LEFT JOIN sightings s ON s.feed = f.feed GROUP BY f.feed ORDER BY name",
        )?;
        let rows = statement.query_map([refused_since.0], |row| {
            let time = |column| {
                let at = row.get::<_, Option<i64>>(column)?;
                Ok::<_, rusqlite::Error>(at.map(|at| Rfc3339(Timestamp(at))))
            };
            Ok(SightingsQueue {
                feed: row.get(0)?,
                sent: row.get(1)?,
                next_attempt: time(2)?,
                waiting: row.get(3)?,
                refused: row.get(4)?,
                oldest: time(5)?,
                error: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Returns the matches of a feed's indicators after the last one that was looked at. Only
/// indicators of STIX have ids that others know.
fn unreported(
    transaction: &Transaction<'_>,
    number: i64,
    feed: &str,
    max_tlp: Tlp,
) -> anyhow::Result<Vec<Unreported>> {
    let last_match = transaction
        .query_row("SELECT last_match FROM sighting_feeds WHERE feed = ?1", [number], |row| {
            row.get::<_, i64>(0)
        })
        .optional()?
        .unwrap_or_default();
    let mut statement = transaction.prepare_cached(
        "SELECT indicator, count(*), min(coalesce(occurred, found)), \
         max(coalesce(occurred, found)), max(tlp), min(uid), max(uid) \
         FROM matches m JOIN events e ON e.id = m.event \
         WHERE m.id > ?1 AND feed = ?2 AND retracted IS NULL AND ifnull(tlp, 0) <= ?3 \
         AND indicator LIKE 'indicator--%' GROUP BY indicator ORDER BY indicator",
    )?;
    let rows = statement.query_map(params![last_match, feed, max_tlp as u8], |row| {
        Ok(Unreported {
            indicator: row.get(0)?,
            events: row.get(1)?,
            first: Timestamp(row.get(2)?),
            last: Timestamp(row.get(3)?),
            tlp: tlp_of(row.get(4)?),
            least_uid: row.get(5)?,
            greatest_uid: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
