//! Taking changes of indicators and packages over into the events of a server.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use threatsieve_blacklist::Timestamp;

use super::imported::imported;
use super::queue::{EventKind, Stage};
use crate::config::MispWay;
use crate::store::Store;
use crate::store::body::Statement;
use crate::store::feeds::feed_id;
use crate::store::ingest::ACTIVE;
use crate::store::statements::RowDates;

/// Maximum number of values that are assigned to one event of loose indicators.
const MAX_EVENT_VALUES: i64 = 1000;

/// Number of changes that are taken over in one transaction.
const CHUNK: usize = 5000;

/// The role of the indicators that a package lists.
const LISTED: i64 = 0;

/// A feed that goes to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: i64,
    pub(crate) feed: i64,
}

/// The place of an indicator that has no event yet.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) kind: EventKind,
    /// Id of the package or report, or the day.
    pub(crate) source: String,
    pub(crate) part: i64,
}

/// The rules by which changes are taken over.
pub(crate) struct Takeover<'a> {
    pub(crate) link: Link,
    pub(crate) way: MispWay,
    /// Today, as `YYYY-MM-DD`.
    pub(crate) day: &'a str,
    pub(crate) now: Timestamp,
    /// Returns the number of values of a statement that would be sent.
    pub(crate) size: &'a dyn Fn(RowDates, Statement) -> usize,
    /// Makes the UUID of an event, which is always the same for the same place.
    pub(crate) uuid: &'a dyn Fn(&Placed) -> String,
}

/// Notes that an indicator changed, for every server that its feed goes to.
pub(in crate::store) fn changed(
    connection: &Connection,
    feed: i64,
    indicator: &str,
) -> anyhow::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO misp_changes (misp_feed, indicator)
             SELECT id, ?2 FROM misp_feeds WHERE feed = ?1",
        )?
        .execute((feed, indicator))?;
    Ok(())
}

/// Returns whether a feed goes to any server.
pub(in crate::store) fn is_sent(connection: &Connection, feed: i64) -> anyhow::Result<bool> {
    let mut any = connection.prepare_cached("SELECT 1 FROM misp_feeds WHERE feed = ?1")?;
    Ok(any.exists([feed])?)
}

/// Notes that the threats or reports of a feed changed: all indicators that have any.
pub(in crate::store) fn relations_changed(
    connection: &Connection,
    feed: i64,
) -> anyhow::Result<()> {
    connection.execute(
        "INSERT OR IGNORE INTO misp_changes (misp_feed, indicator)
         SELECT misp_feeds.id, named.indicator FROM misp_feeds JOIN (
             SELECT feed, indicator FROM relations WHERE indicator IS NOT NULL
             UNION SELECT feed, indicator FROM report_indicators
         ) AS named USING (feed)
         JOIN indicators ON indicators.feed = named.feed AND indicators.id = named.indicator
         WHERE misp_feeds.feed = ?1",
        [feed],
    )?;
    Ok(())
}

impl Store {
    /// Returns the link between a server and a feed. If the feed is new to the server, or the
    /// settings differ from those of the last round, all of its indicators count as changed.
    pub(crate) fn misp_link(
        &mut self,
        server: i64,
        feed: &str,
        settings: &str,
    ) -> anyhow::Result<Link> {
        let transaction = self.write()?;
        let feed = feed_id(&transaction, feed)?;
        let sql = "SELECT id, settings FROM misp_feeds WHERE server = ?1 AND feed = ?2";
        let known = transaction
            .query_row(sql, (server, feed), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?;
        let id = match known {
            Some((id, known)) if known == settings => return Ok(Link { id, feed }),
            Some((id, _)) => id,
            None => {
                transaction.execute(
                    "INSERT INTO misp_feeds (server, feed) VALUES (?1, ?2)",
                    (server, feed),
                )?;
                transaction.last_insert_rowid()
            }
        };
        transaction.execute("UPDATE misp_feeds SET settings = ?2 WHERE id = ?1", (id, settings))?;
        transaction.execute(
            "INSERT OR IGNORE INTO misp_changes (misp_feed, indicator)
             SELECT ?1, id FROM indicators WHERE feed = ?2 AND state = ?3
             UNION SELECT misp_feed, indicator FROM misp_indicators WHERE misp_feed = ?1",
            (id, feed, ACTIVE),
        )?;
        // Settings such as tags also concern events without indicators.
        transaction.execute(
            "UPDATE misp_events SET change = change + 1, state = 0 WHERE misp_feed = ?1
             AND state IN (0, 1)",
            [id],
        )?;
        transaction.commit()?;
        Ok(Link { id, feed })
    }

    /// Takes over some of the changes that wait, in one transaction. Returns whether more wait.
    pub(crate) fn take_over(&mut self, takeover: &Takeover<'_>) -> anyhow::Result<bool> {
        let transaction = self.write()?;
        if takeover.way == MispWay::Stix {
            takeover.packages(&transaction)?;
        }
        let changes = {
            let mut select = transaction.prepare_cached(
                "SELECT indicator FROM misp_changes WHERE misp_feed = ?1 LIMIT ?2",
            )?;
            let rows = select.query_map((takeover.link.id, CHUNK as i64), |row| row.get(0))?;
            rows.collect::<Result<Vec<String>, _>>()?
        };
        for indicator in &changes {
            takeover.indicator(&transaction, indicator)?;
        }
        transaction.commit()?;
        Ok(changes.len() == CHUNK)
    }
}

impl Takeover<'_> {
    /// Makes an event of each new package, and lets that of a changed one wait.
    fn packages(&self, transaction: &Transaction<'_>) -> anyhow::Result<()> {
        let new = {
            let mut select = transaction.prepare_cached(
                "SELECT number, id FROM packages WHERE feed = ?1 AND number > (
                     SELECT package FROM misp_feeds WHERE id = ?2)
                 AND dropped IS NULL ORDER BY number",
            )?;
            let rows = select.query_map((self.link.feed, self.link.id), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()?
        };
        let mut set =
            transaction.prepare_cached("UPDATE misp_feeds SET package = ?2 WHERE id = ?1")?;
        for (number, id) in new {
            let placed = Placed { kind: EventKind::Upload, source: id, part: 0 };
            let event = self.event(transaction, &placed)?;
            self.touch(transaction, event)?;
            set.execute((self.link.id, number))?;
        }
        Ok(())
    }

    fn indicator(&self, transaction: &Transaction<'_>, indicator: &str) -> anyhow::Result<()> {
        let known: Option<i64> = transaction
            .prepare_cached(
                "SELECT event FROM misp_indicators WHERE misp_feed = ?1 AND indicator = ?2",
            )?
            .query_row((self.link.id, indicator), |row| row.get(0))
            .optional()?;
        match known {
            Some(event) => self.touch(transaction, event)?,
            None => self.assign(transaction, indicator)?,
        }
        transaction
            .prepare_cached("DELETE FROM misp_changes WHERE misp_feed = ?1 AND indicator = ?2")?
            .execute((self.link.id, indicator))?;
        Ok(())
    }

    /// Assigns an active indicator to an event.
    fn assign(&self, transaction: &Transaction<'_>, indicator: &str) -> anyhow::Result<()> {
        let mut select = transaction.prepare_cached(
            "SELECT modified, changed, body FROM indicators
             WHERE feed = ?1 AND id = ?2 AND state = ?3",
        )?;
        let mut rows = select.query((self.link.feed, indicator, ACTIVE))?;
        let Some(row) = rows.next()? else { return Ok(()) };
        let dates = RowDates::read(row, 0)?;
        let statement = Statement::decode(indicator, row.get_ref(2)?.as_blob()?)?;
        let size = i64::try_from((self.size)(dates, statement))?;
        if size == 0 {
            return Ok(());
        }
        let placed = self.place(transaction, indicator, size)?;
        let event = self.event(transaction, &placed)?;
        transaction
            .prepare_cached(
                "INSERT INTO misp_indicators (misp_feed, indicator, event) VALUES (?1, ?2, ?3)",
            )?
            .execute((self.link.id, indicator, event))?;
        transaction
            .prepare_cached("UPDATE misp_events SET size = size + ?2 WHERE id = ?1")?
            .execute((event, size))?;
        self.touch(transaction, event)
    }

    /// Returns the event for an indicator: that of the first package that lists it, of a report
    /// that refers to it, or else of the day.
    fn place(
        &self,
        transaction: &Transaction<'_>,
        indicator: &str,
        size: i64,
    ) -> anyhow::Result<Placed> {
        let package: Option<String> = transaction
            .prepare_cached(
                "SELECT packages.id FROM package_ids JOIN packages ON number = package
                 WHERE package_ids.feed = ?1 AND role = ?2 AND package_ids.id = ?3
                 AND dropped IS NULL ORDER BY number LIMIT 1",
            )?
            .query_row((self.link.feed, LISTED, indicator), |row| row.get(0))
            .optional()?;
        if let Some(source) = package {
            let kind = match self.way {
                MispWay::Stix => EventKind::Upload,
                MispWay::Native => EventKind::Package,
            };
            return Ok(Placed { kind, source, part: 0 });
        }
        let report: Option<String> = transaction
            .prepare_cached(
                "SELECT reports.id FROM report_indicators AS named
                 JOIN reports ON reports.feed = named.feed AND reports.id = named.report
                 WHERE named.feed = ?1 AND indicator = ?2 AND name IS NOT NULL
                 ORDER BY reports.id LIMIT 1",
            )?
            .query_row((self.link.feed, indicator), |row| row.get(0))
            .optional()?;
        if let Some(source) = report {
            return Ok(Placed { kind: EventKind::Report, source, part: 0 });
        }
        let last = transaction
            .prepare_cached(
                "SELECT part, size FROM misp_events WHERE misp_feed = ?1 AND kind = ?2
                 AND source = ?3 ORDER BY part DESC LIMIT 1",
            )?
            .query_row((self.link.id, EventKind::Day as i64, self.day), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })
            .optional()?;
        let part = match last {
            None => 1,
            Some((part, full)) if full > 0 && full + size > MAX_EVENT_VALUES => part + 1,
            Some((part, _)) => part,
        };
        Ok(Placed { kind: EventKind::Day, source: self.day.to_owned(), part })
    }

    /// Returns the number of an event. Adds a new one.
    fn event(&self, transaction: &Transaction<'_>, placed: &Placed) -> anyhow::Result<i64> {
        let Placed { kind, source, part } = placed;
        let known: Option<i64> = transaction
            .prepare_cached(
                "SELECT id FROM misp_events
                 WHERE misp_feed = ?1 AND kind = ?2 AND source = ?3 AND part = ?4",
            )?
            .query_row(params![self.link.id, *kind as i64, source, part], |row| row.get(0))
            .optional()?;
        if let Some(event) = known {
            return Ok(event);
        }
        let uuid = (*kind != EventKind::Upload).then(|| (self.uuid)(placed));
        let imported = match kind {
            EventKind::Upload => imported(transaction, self.link.id, source)?,
            _ => None,
        };
        let stage = if imported.is_some() { Stage::Imported } else { Stage::New };
        transaction
            .prepare_cached(
                "INSERT INTO misp_events (misp_feed, kind, source, part, day, uuid, stage, remote)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                self.link.id,
                *kind as i64,
                source,
                part,
                self.day,
                uuid,
                stage as i64,
                imported.flatten(),
            ])?;
        Ok(transaction.last_insert_rowid())
    }

    /// Lets an event wait. One whose fate is uncertain stays so until an operator decides.
    fn touch(&self, transaction: &Transaction<'_>, event: i64) -> anyhow::Result<()> {
        transaction
            .prepare_cached(
                "UPDATE misp_events SET change = change + 1, waiting = coalesce(waiting, ?2),
                 state = CASE state WHEN 3 THEN 3 ELSE 0 END WHERE id = ?1",
            )?
            .execute((event, self.now.0))?;
        Ok(())
    }
}
