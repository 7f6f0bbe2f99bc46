//! The events of a server as an outbox: which wait, and what became of the last attempt.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Row, params};
use threatsieve_blacklist::{Timestamp, Tlp};

use crate::store::Store;
use crate::store::mails::tlp_of;

/// Maximum time between two attempts to send an event: six hours.
pub(crate) const LONGEST_PAUSE_MICROS: i64 = 6 * 60 * 60 * 1_000_000;

/// The thing that an event stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// A package of STIX 1.x, which the server converts.
    Upload = 0,
    /// A package of STIX 1.x.
    Package = 1,
    /// A report of STIX 2.
    Report = 2,
    /// Indicators of one day that are in no package and no report.
    Day = 3,
}

impl EventKind {
    const ALL: [EventKind; 4] =
        [EventKind::Upload, EventKind::Package, EventKind::Report, EventKind::Day];

    pub(crate) fn name(self) -> &'static str {
        match self {
            EventKind::Upload | EventKind::Package => "package",
            EventKind::Report => "report",
            EventKind::Day => "day",
        }
    }

    /// Returns whether several events of this kind can have the same source.
    pub(crate) fn has_parts(self) -> bool {
        self == EventKind::Day
    }
}

/// The stage of a package that the server converts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    New = 0,
    /// An upload began, and its end is not known.
    Uploading = 1,
    /// The server has it.
    Uploaded = 2,
    /// The server refused it, so its indicators are sent as an event instead.
    Refused = 3,
    /// An earlier program sent it, or tried to.
    Imported = 4,
}

impl Stage {
    const ALL: [Stage; 5] =
        [Stage::New, Stage::Uploading, Stage::Uploaded, Stage::Refused, Stage::Imported];
}

/// An event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: i64,
    /// The link to the feed.
    pub(crate) link: i64,
    /// The feed's name.
    pub(crate) feed: String,
    pub(crate) kind: EventKind,
    /// Id of the package or report, or the day.
    pub(crate) source: String,
    pub(crate) part: u32,
    /// The report's name.
    pub(crate) title: Option<String>,
    /// The report's marking.
    pub(crate) tlp: Option<Tlp>,
    /// Tags that it had from us.
    pub(crate) tags: BTreeSet<String>,
    /// Its date, as `YYYY-MM-DD`.
    pub(crate) day: String,
    pub(crate) uuid: Option<String>,
    /// Its number on the server, if that is all that is known.
    pub(crate) remote: Option<i64>,
    pub(crate) stage: Stage,
    /// Time of the first upload.
    pub(crate) began: Option<Timestamp>,
    /// Counter of changes.
    pub(crate) change: i64,
    /// Digest of the content that the server was last seen to have.
    pub(crate) digest: Option<Vec<u8>>,
    pub(crate) publishing: Option<Timestamp>,
    pub(crate) attempts: u32,
}

pub(super) const COLUMNS: &str = "misp_events.id, misp_feed, feeds.name, misp_events.kind, \
    source, part, reports.name, day, uuid, remote, stage, began, change, digest, publishing, \
    attempts, reports.tlp, tags";
pub(super) const TABLES: &str = "misp_events JOIN misp_feeds ON misp_feeds.id = misp_feed \
    JOIN feeds ON feeds.id = misp_feeds.feed \
    LEFT JOIN reports ON misp_events.kind = 2 AND reports.feed = feeds.id AND reports.id = source";

pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let time = |column| row.get::<_, Option<i64>>(column).map(|time| time.map(Timestamp));
    let (kind, stage): (i64, i64) = (row.get(3)?, row.get(10)?);
    Ok(Event {
        id: row.get(0)?,
        link: row.get(1)?,
        feed: row.get(2)?,
        kind: EventKind::ALL.into_iter().find(|one| *one as i64 == kind).unwrap_or(EventKind::Day),
        source: row.get(4)?,
        part: row.get(5)?,
        title: row.get(6)?,
        day: row.get(7)?,
        uuid: row.get(8)?,
        remote: row.get(9)?,
        stage: Stage::ALL.into_iter().find(|one| *one as i64 == stage).unwrap_or(Stage::New),
        began: time(11)?,
        change: row.get(12)?,
        digest: row.get(13)?,
        publishing: time(14)?,
        attempts: row.get(15)?,
        tlp: tlp_of(row.get(16)?),
        tags: serde_json::from_str(&row.get::<_, String>(17)?).unwrap_or_default(),
    })
}

/// The result of an attempt to send an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The server has it all, and published it if it was to. A change meanwhile lets it wait on.
    Sent { digest: Vec<u8> },
    /// The server has it all; the publication is not seen yet. It is looked at again then.
    Publishing { digest: Vec<u8>, since: Timestamp, at: Timestamp, error: Option<String> },
    /// It is tried again from that time on.
    Retry { at: Timestamp, error: String },
    /// It is not tried again until it changes, or an operator asks for it.
    Failed { error: String },
    /// The server may have it or not. It is not tried again until an operator asks for it.
    Uncertain { error: String },
}

/// Numbers of events and items, for `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) waiting: u64,
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    pub(crate) uncertain: u64,
    /// Changes of indicators that are in no waiting event yet.
    pub(crate) changes: u64,
    /// Attributes that the server refuses.
    pub(crate) refused: u64,
    /// Time of the oldest change that is not sent.
    pub(crate) oldest: Option<Timestamp>,
}

/// An event, or an attribute of one, that was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Number of the event in the state.
    pub(crate) event: i64,
    pub(crate) feed: String,
    pub(crate) kind: EventKind,
    pub(crate) source: String,
    pub(crate) part: u32,
    pub(crate) uuid: Option<String>,
    /// The value of an attribute; `None` for the whole event.
    pub(crate) value: Option<String>,
    /// `failed`, `uncertain`, `waiting`, `refused`, or `converted` for a package that the server
    /// refused and that was sent as an event instead.
    pub(crate) state: &'static str,
    pub(crate) error: String,
    pub(crate) next_attempt: Option<Timestamp>,
}

/// Events of a server that fail or that have waited for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stuck {
    pub(crate) waiting: u64,
    pub(crate) failed: u64,
    pub(crate) uncertain: u64,
    pub(crate) oldest: Option<Timestamp>,
    /// Error of the newest one that has an error.
    pub(crate) error: Option<String>,
}

impl Store {
    /// Returns the first event after `after` that is due. One that would wait longer than
    /// [`LONGEST_PAUSE_MICROS`] is due too, because its time was set while the clock was wrong.
    pub(crate) fn next_misp_event(
        &self,
        server: i64,
        after: i64,
        now: Timestamp,
    ) -> anyhow::Result<Option<Event>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {TABLES} WHERE server = ?1 AND state = 0
             AND misp_events.id > ?2
             AND (misp_events.next_attempt IS NULL OR misp_events.next_attempt <= ?3
             OR misp_events.next_attempt > ?4)
             ORDER BY misp_events.id LIMIT 1"
        );
        let longest = now.0.saturating_add(LONGEST_PAUSE_MICROS);
        let mut select = self.connection.prepare_cached(&sql)?;
        Ok(select.query_row((server, after, now.0, longest), event).optional()?)
    }

    /// Returns whether an event with this UUID is one of this program.
    pub(crate) fn knows_misp_event(&self, uuid: &str) -> anyhow::Result<bool> {
        let mut any =
            self.connection.prepare_cached("SELECT 1 FROM misp_events WHERE uuid = ?1")?;
        Ok(any.exists([uuid])?)
    }

    /// Stores that an upload begins, before its first byte is sent.
    pub(crate) fn misp_upload_begins(&self, event: i64, now: Timestamp) -> anyhow::Result<()> {
        self.connection.execute(
            "UPDATE misp_events SET stage = ?2, began = ?3 WHERE id = ?1",
            (event, Stage::Uploading as i64, now.0),
        )?;
        Ok(())
    }

    /// Stores that nothing of an upload arrived, so that it can be sent again.
    pub(crate) fn misp_upload_is_new(&self, event: i64) -> anyhow::Result<()> {
        let sql = "UPDATE misp_events SET stage = ?2, began = NULL WHERE id = ?1";
        self.connection.execute(sql, (event, Stage::New as i64))?;
        Ok(())
    }

    /// Stores the event that a server made of a package.
    pub(crate) fn misp_uploaded(&self, event: i64, uuid: &str) -> anyhow::Result<()> {
        self.connection.execute(
            "UPDATE misp_events SET stage = ?2, uuid = ?3 WHERE id = ?1",
            (event, Stage::Uploaded as i64, uuid),
        )?;
        Ok(())
    }

    /// Stores that a server refuses a package, so that its indicators are sent as an event with
    /// this UUID.
    pub(crate) fn misp_refused(&self, event: i64, uuid: &str, why: &str) -> anyhow::Result<()> {
        self.connection.execute(
            "UPDATE misp_events SET stage = ?2, uuid = ?3, refused = ?4 WHERE id = ?1",
            (event, Stage::Refused as i64, uuid, why),
        )?;
        Ok(())
    }

    /// Stores the tags that are about to be sent, so that they can be removed later.
    pub(crate) fn set_misp_tags(&self, event: i64, tags: &BTreeSet<String>) -> anyhow::Result<()> {
        let sql = "UPDATE misp_events SET tags = ?2 WHERE id = ?1";
        self.connection.execute(sql, (event, serde_json::to_string(tags)?))?;
        Ok(())
    }

    /// Stores the result of an attempt. `change` is the event's counter when its content was read.
    pub(crate) fn settle_misp_event(
        &self,
        event: &Event,
        settled: &Settled,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let (id, change) = (event.id, event.change);
        match settled {
            Settled::Sent { digest } => self.connection.execute(
                "UPDATE misp_events SET state = CASE change WHEN ?2 THEN 1 ELSE 0 END,
                 waiting = CASE change WHEN ?2 THEN NULL ELSE waiting END,
                 digest = ?3, publishing = NULL, attempts = 0, next_attempt = NULL, error = NULL,
                 sent = ?4 WHERE id = ?1",
                params![id, change, digest, now.0],
            ),
            Settled::Publishing { digest, since, at, error } => self.connection.execute(
                "UPDATE misp_events SET digest = ?2, publishing = ?3, next_attempt = ?4,
                 error = ?5 WHERE id = ?1",
                params![id, digest, since.0, at.0, error],
            ),
            Settled::Retry { at, error } => self.connection.execute(
                "UPDATE misp_events SET attempts = attempts + 1, next_attempt = ?2, error = ?3
                 WHERE id = ?1",
                params![id, at.0, error],
            ),
            Settled::Failed { error } | Settled::Uncertain { error } => {
                let state = if matches!(settled, Settled::Failed { .. }) { 2 } else { 3 };
                self.connection.execute(
                    "UPDATE misp_events SET state = ?2, attempts = attempts + 1,
                     next_attempt = NULL, error = ?3 WHERE id = ?1",
                    params![id, state, error],
                )
            }
        }?;
        Ok(())
    }

    /// Counts the events and items of a server.
    pub(crate) fn misp_counts(&self, server: i64) -> anyhow::Result<Counts> {
        let counts = self.connection.query_row(
            "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),
             count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 3),
             min(waiting) FILTER (WHERE state = 0),
             (SELECT count(*) FROM misp_changes JOIN misp_feeds ON misp_feeds.id = misp_feed
              WHERE server = ?1),
             (SELECT count(*) FROM misp_refused JOIN misp_events ON misp_events.id = event
              JOIN misp_feeds ON misp_feeds.id = misp_feed WHERE server = ?1)
             FROM misp_events JOIN misp_feeds ON misp_feeds.id = misp_feed WHERE server = ?1",
            [server],
            |row| {
                let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
                Ok(Counts {
                    waiting: count(0)?,
                    sent: count(1)?,
                    failed: count(2)?,
                    uncertain: count(3)?,
                    oldest: row.get::<_, Option<i64>>(4)?.map(Timestamp),
                    changes: count(5)?,
                    refused: count(6)?,
                })
            },
        )?;
        Ok(counts)
    }

    /// Returns the events of a server that wait after a fault, failed or are uncertain, and the
    /// attributes that it refuses; the newest first, at most `limit` of each.
    pub(crate) fn misp_failed(&self, server: i64, limit: usize) -> anyhow::Result<Vec<Failed>> {
        let events = format!(
            "SELECT misp_events.id, feeds.name, misp_events.kind, source, part, uuid, NULL, state,
             misp_events.error, misp_events.next_attempt FROM {TABLES}
             WHERE server = ?1 AND state <> 1 AND misp_events.error IS NOT NULL
             ORDER BY misp_events.id DESC LIMIT ?2"
        );
        let items =
            "SELECT misp_events.id, feeds.name, kind, source, part, misp_events.uuid, value, -1,
             reason, NULL FROM misp_refused JOIN misp_events ON misp_events.id = event
             JOIN misp_feeds ON misp_feeds.id = misp_feed JOIN feeds ON feeds.id = misp_feeds.feed
             WHERE server = ?1 ORDER BY misp_events.id DESC LIMIT ?2"
                .to_owned();
        // These are sent as events of this program instead.
        let packages = format!(
            "SELECT misp_events.id, feeds.name, misp_events.kind, source, part, uuid, NULL, -2,
             refused, NULL FROM {TABLES} WHERE server = ?1 AND refused IS NOT NULL
             ORDER BY misp_events.id DESC LIMIT ?2"
        );
        let mut all = Vec::new();
        for sql in [events, packages, items] {
            let mut select = self.connection.prepare_cached(&sql)?;
            let rows = select.query_map((server, i64::try_from(limit)?), failed)?;
            for row in rows {
                all.push(row?);
            }
        }
        Ok(all)
    }

    /// Lets the events of a server that failed, are uncertain or wait for their next attempt be
    /// tried at once: all of them, or one. Also lets the attributes that it refused be tried again.
    /// Returns their number.
    pub(crate) fn retry_misp(&mut self, server: i64, event: Option<i64>) -> anyhow::Result<u64> {
        let transaction = self.write()?;
        let of_server = "misp_feed IN (SELECT id FROM misp_feeds WHERE server = ?1)
             AND (?2 IS NULL OR misp_events.id = ?2)";
        // An upload whose fate is uncertain is sent again: the operator has looked.
        let retried = transaction.execute(
            &format!(
                "UPDATE misp_events SET stage = CASE WHEN state = 3 AND stage = 1 THEN 0
                 ELSE stage END, state = 0, next_attempt = NULL, attempts = 0, digest = NULL
                 WHERE {of_server} AND (state IN (2, 3) OR state = 0 AND error IS NOT NULL
                 OR EXISTS (SELECT 1 FROM misp_refused WHERE event = misp_events.id))"
            ),
            (server, event),
        )?;
        transaction.execute(
            &format!(
                "DELETE FROM misp_refused
                 WHERE event IN (SELECT id FROM misp_events WHERE {of_server})"
            ),
            (server, event),
        )?;
        transaction.commit()?;
        Ok(retried as u64)
    }

    /// Summarises the events of a server that have waited since before `since`, and those that
    /// failed or are uncertain. `None` if there are none.
    pub(crate) fn stuck_misp(
        &self,
        server: i64,
        since: Timestamp,
    ) -> anyhow::Result<Option<Stuck>> {
        let of_server = "misp_feed IN (SELECT id FROM misp_feeds WHERE server = ?1)
             AND (state IN (2, 3) OR state = 0 AND waiting <= ?2)";
        let sql = format!(
            "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 2),
             count(*) FILTER (WHERE state = 3), min(waiting),
             (SELECT error FROM misp_events WHERE {of_server} AND error IS NOT NULL
              ORDER BY id DESC LIMIT 1)
             FROM misp_events WHERE {of_server}"
        );
        let stuck = self.connection.query_row(&sql, (server, since.0), |row| {
            let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            Ok(Stuck {
                waiting: count(0)?,
                failed: count(1)?,
                uncertain: count(2)?,
                oldest: row.get::<_, Option<i64>>(3)?.map(Timestamp),
                error: row.get(4)?,
            })
        })?;
        Ok(Some(stuck).filter(|stuck| stuck.waiting + stuck.failed + stuck.uncertain > 0))
    }

    /// Returns the events of a server that it was asked to publish before `since` and did not, each
    /// with its UUID.
    pub(crate) fn unpublished_misp(
        &self,
        server: i64,
        since: Timestamp,
    ) -> anyhow::Result<BTreeMap<i64, String>> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, coalesce(uuid, '') FROM misp_events WHERE state = 0 AND publishing <= ?2
             AND misp_feed IN (SELECT id FROM misp_feeds WHERE server = ?1)",
        )?;
        let rows = select.query_map((server, since.0), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn failed(row: &Row<'_>) -> rusqlite::Result<Failed> {
    let (kind, state): (i64, i64) = (row.get(2)?, row.get(7)?);
    Ok(Failed {
        event: row.get(0)?,
        feed: row.get(1)?,
        kind: EventKind::ALL.into_iter().find(|one| *one as i64 == kind).unwrap_or(EventKind::Day),
        source: row.get(3)?,
        part: row.get(4)?,
        uuid: row.get(5)?,
        value: row.get(6)?,
        state: match state {
            0 => "waiting",
            2 => "failed",
            3 => "uncertain",
            -2 => "converted",
            _ => "refused",
        },
        error: row.get(8)?,
        next_attempt: row.get::<_, Option<i64>>(9)?.map(Timestamp),
    })
}
