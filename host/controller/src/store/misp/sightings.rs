//! Matches that are to be reported to a server as sightings.

use rusqlite::{Transaction, params};
use threatsieve_blacklist::{Timestamp, Tlp};

use super::queue::{COLUMNS, Event, TABLES, event};
use crate::store::Store;

/// Kinds of sightings, by their numbers in MISP.
const SEEN: i64 = 0;
const FALSE_POSITIVE: i64 = 1;

/// A match to report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchSighting {
    pub(crate) matched: i64,
    /// An operator said that the match is a false positive.
    pub(crate) is_false_positive: bool,
    pub(crate) indicator: String,
    /// The time of the event, or of the match if the event has none.
    pub(crate) at: Timestamp,
}

/// Queues a false positive of each match that an operator retracted at `now`, for every server that
/// was to get a sighting of it.
pub(in crate::store) fn matches_are_false(
    transaction: &Transaction<'_>,
    now: Timestamp,
) -> anyhow::Result<()> {
    transaction.execute(
        "INSERT OR IGNORE INTO misp_sightings (server, match, kind)
         SELECT DISTINCT server, matches.id, ?2 FROM matches
         JOIN feeds ON feeds.name = matches.feed
         JOIN misp_feeds ON misp_feeds.feed = feeds.id
         JOIN misp_indicators AS named ON named.misp_feed = misp_feeds.id
             AND named.indicator = matches.indicator
         JOIN misp_servers ON misp_servers.id = server
         WHERE matches.retracted = ?1 AND matches.id <= misp_servers.sightings",
        (now.0, FALSE_POSITIVE),
    )?;
    Ok(())
}

impl Store {
    /// Queues the matches since the last call that a server may know of. The first call only notes
    /// the last match: what was found before sightings were wanted is not reported.
    pub(crate) fn queue_sightings(&mut self, server: i64, max_tlp: Tlp) -> anyhow::Result<()> {
        let transaction = self.write()?;
        transaction.execute(
            "INSERT OR IGNORE INTO misp_sightings (server, match, kind)
             SELECT DISTINCT misp_feeds.server, matches.id, ?2 FROM matches
             JOIN feeds ON feeds.name = matches.feed
             JOIN misp_feeds ON misp_feeds.feed = feeds.id
             JOIN misp_indicators AS named ON named.misp_feed = misp_feeds.id
                 AND named.indicator = matches.indicator
             WHERE misp_feeds.server = ?1 AND retracted IS NULL AND ifnull(tlp, 0) <= ?3
             AND matches.id > (SELECT sightings FROM misp_servers WHERE id = ?1)",
            params![server, SEEN, max_tlp as u8],
        )?;
        transaction.execute(
            "UPDATE misp_servers SET sightings = (SELECT ifnull(max(id), 0) FROM matches)
             WHERE id = ?1",
            [server],
        )?;
        transaction.execute(
            "DELETE FROM misp_sightings WHERE server = ?1
             AND match NOT IN (SELECT id FROM matches)",
            [server],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Returns the first event after `after` that has sightings to report and was sent, with up to
    /// `limit` of them.
    pub(crate) fn next_sightings(
        &self,
        server: i64,
        after: i64,
        limit: usize,
    ) -> anyhow::Result<Option<(Event, Vec<MatchSighting>)>> {
        const OF_EVENT: &str = "misp_sightings AS queued JOIN matches ON matches.id = queued.match
             JOIN events ON events.id = matches.event
             JOIN feeds AS named_feed ON named_feed.name = matches.feed
             JOIN misp_feeds AS link ON link.feed = named_feed.id AND link.server = queued.server
             JOIN misp_indicators AS named ON named.misp_feed = link.id
                 AND named.indicator = matches.indicator";
        let sql = format!(
            "SELECT {COLUMNS} FROM {TABLES} WHERE digest IS NOT NULL AND misp_events.id = (
             SELECT min(named.event) FROM {OF_EVENT} WHERE queued.server = ?1
             AND named.event > ?2)"
        );
        let mut select = self.connection.prepare_cached(&sql)?;
        let mut rows = select.query((server, after))?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let event = event(row)?;
        let sql = format!(
            "SELECT queued.match, queued.kind, matches.indicator, coalesce(occurred, found)
             FROM {OF_EVENT} WHERE queued.server = ?1 AND named.event = ?2
             ORDER BY queued.match, queued.kind LIMIT ?3"
        );
        let mut select = self.connection.prepare_cached(&sql)?;
        let rows = select.query_map((server, event.id, i64::try_from(limit)?), |row| {
            Ok(MatchSighting {
                matched: row.get(0)?,
                is_false_positive: row.get::<_, i64>(1)? == FALSE_POSITIVE,
                indicator: row.get(2)?,
                at: Timestamp(row.get(3)?),
            })
        })?;
        Ok(Some((event, rows.collect::<Result<_, _>>()?)))
    }

    /// Removes sightings that the server has.
    pub(crate) fn sightings_sent(
        &mut self,
        server: i64,
        sent: &[MatchSighting],
    ) -> anyhow::Result<()> {
        let transaction = self.write()?;
        {
            let mut delete = transaction.prepare_cached(
                "DELETE FROM misp_sightings WHERE server = ?1 AND match = ?2 AND kind = ?3",
            )?;
            for one in sent {
                let kind = if one.is_false_positive { FALSE_POSITIVE } else { SEEN };
                delete.execute((server, one.matched, kind))?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}
