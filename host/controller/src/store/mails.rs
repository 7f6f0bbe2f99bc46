//! Queue of mails. A mail is composed once, and sent until the server has accepted it.

use anyhow::Context;
use rusqlite::{Transaction, params};
use threatsieve_blacklist::{Timestamp, Tlp};

use super::Store;

/// Maximum time between two attempts to send a mail: an hour.
pub(crate) const LONGEST_PAUSE_MICROS: i64 = 60 * 60 * 1_000_000;

/// A new mail.
#[derive(Debug, Clone)]
pub(crate) struct NewMail {
    /// The id with its angle brackets.
    pub(crate) message_id: String,
    pub(crate) recipient: String,
    pub(crate) subject: String,
    /// The message, as RFC 5322.
    pub(crate) body: Vec<u8>,
    /// The strictest marking of its contents.
    pub(crate) tlp: Option<Tlp>,
}

/// A mail that waits to be sent.
#[derive(Debug, Clone)]
pub(crate) struct WaitingMail {
    pub(crate) id: i64,
    pub(crate) message_id: String,
    pub(crate) recipient: String,
    pub(crate) body: Vec<u8>,
    pub(crate) tlp: Option<Tlp>,
    pub(crate) composed: Timestamp,
    /// Number of failed attempts.
    pub(crate) attempts: u32,
}

/// The result of an attempt to send a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The server accepted it, or it was written to the folder.
    Sent,
    /// It failed, and is tried again from that time on.
    Retry { at: Timestamp, error: String },
    /// It failed, and is not tried again.
    GivenUp { error: String },
}

/// A mail that was not delivered, for `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Undelivered {
    pub(crate) message_id: String,
    pub(crate) recipient: String,
    pub(crate) composed: Timestamp,
    pub(crate) attempts: u32,
    /// Time of the next attempt; `None` once it was given up.
    pub(crate) next_attempt: Option<Timestamp>,
    pub(crate) given_up: bool,
    pub(crate) error: Option<String>,
}

/// Mails to one recipient that are not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StuckMails {
    pub(crate) recipient: String,
    pub(crate) waiting: u64,
    pub(crate) given_up: u64,
    /// Time at which the oldest one was composed.
    pub(crate) oldest: Timestamp,
    /// Error of the newest one that has an error.
    pub(crate) error: Option<String>,
}

/// Number of mails, for `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct MailCounts {
    pub(crate) waiting: u64,
    pub(crate) sent: u64,
    pub(crate) given_up: u64,
    /// Time at which the oldest one that waits was composed.
    pub(crate) oldest: Option<Timestamp>,
}

/// Queues a mail, in the transaction that marks its matches as reported.
pub(crate) fn add_mail(
    transaction: &Transaction<'_>,
    mail: &NewMail,
    now: Timestamp,
) -> anyhow::Result<()> {
    transaction
        .execute(
            "INSERT INTO mails (message_id, recipient, subject, body, tlp, composed) \
             VALUES (?, ?, ?, ?, ?, ?)",
            params![
                mail.message_id,
                mail.recipient,
                mail.subject,
                mail.body,
                mail.tlp.map(|tlp| tlp as u8),
                now.0,
            ],
        )
        .with_context(|| format!("mail {} cannot be queued", mail.message_id))?;
    Ok(())
}

impl Store {
    /// Returns the oldest mail after `after` that is due.
    ///
    /// A mail that would wait longer than [`LONGEST_PAUSE_MICROS`] is due too, because its time was
    /// set while the clock was wrong.
    pub(crate) fn next_mail(
        &self,
        after: i64,
        now: Timestamp,
    ) -> anyhow::Result<Option<WaitingMail>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, message_id, recipient, body, tlp, composed, attempts FROM mails
             WHERE state = 0 AND id > ?1 AND (next_attempt IS NULL OR next_attempt <= ?2
             OR next_attempt > ?3)
             ORDER BY id LIMIT 1",
        )?;
        let longest = now.0.saturating_add(LONGEST_PAUSE_MICROS);
        let mut rows = statement.query(params![after, now.0, longest])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(WaitingMail {
            id: row.get(0)?,
            message_id: row.get(1)?,
            recipient: row.get(2)?,
            body: row.get(3)?,
            tlp: tlp_of(row.get(4)?),
            composed: Timestamp(row.get(5)?),
            attempts: row.get(6)?,
        }))
    }

    /// Stores the result of an attempt to send a mail. Only waiting mails keep their bodies.
    pub(crate) fn settle_mail(
        &mut self,
        id: i64,
        fate: &Fate,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        match fate {
            Fate::Sent => self.connection.execute(
                "UPDATE mails SET state = 1, sent = ?2, error = NULL, next_attempt = NULL, \
                 body = x'' WHERE id = ?1",
                params![id, now.0],
            ),
            Fate::Retry { at, error } => self.connection.execute(
                "UPDATE mails SET attempts = attempts + 1, next_attempt = ?2, error = ?3 \
                 WHERE id = ?1",
                params![id, at.0, error],
            ),
            Fate::GivenUp { error } => self.connection.execute(
                "UPDATE mails SET state = 2, attempts = attempts + 1, next_attempt = NULL, \
                 error = ?2, body = x'' WHERE id = ?1",
                params![id, error],
            ),
        }
        .with_context(|| format!("the result of sending mail {id} cannot be stored"))?;
        Ok(())
    }

    /// Counts the mails by state.
    pub(crate) fn mail_counts(&self) -> anyhow::Result<MailCounts> {
        let counts = self.connection.query_row(
            "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),
             count(*) FILTER (WHERE state = 2), min(composed) FILTER (WHERE state = 0)
             FROM mails",
            [],
            |row| {
                let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
                Ok(MailCounts {
                    waiting: count(0)?,
                    sent: count(1)?,
                    given_up: count(2)?,
                    oldest: row.get::<_, Option<i64>>(3)?.map(Timestamp),
                })
            },
        )?;
        Ok(counts)
    }

    /// Returns mails that wait or were given up, newest first.
    pub(crate) fn undelivered_mails(&self, limit: usize) -> anyhow::Result<Vec<Undelivered>> {
        let mut statement = self.connection.prepare(
            "SELECT message_id, recipient, composed, attempts, next_attempt, state, error FROM mails
             WHERE state <> 1 ORDER BY id DESC LIMIT ?",
        )?;
        let rows = statement.query_map([i64::try_from(limit)?], |row| {
            Ok(Undelivered {
                message_id: row.get(0)?,
                recipient: row.get(1)?,
                composed: Timestamp(row.get(2)?),
                attempts: row.get(3)?,
                next_attempt: row.get::<_, Option<i64>>(4)?.map(Timestamp),
                given_up: row.get::<_, i64>(5)? == 2,
                error: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Summarises by recipient the mails that were composed before `waits_since`, were tried and
    /// still wait, and those that were composed after `given_up_since` and given up.
    ///
    /// A mail that was not tried yet is sent in the present round: the program was killed after it
    /// composed the mail.
    pub(crate) fn stuck_mails(
        &self,
        waits_since: Timestamp,
        given_up_since: Timestamp,
    ) -> anyhow::Result<Vec<StuckMails>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT recipient, count(*) FILTER (WHERE state = 0), \
             count(*) FILTER (WHERE state = 2), min(composed), \
             (SELECT error FROM mails e WHERE e.recipient = m.recipient AND e.state <> 1 \
             AND e.error IS NOT NULL \
             ORDER BY e.id DESC LIMIT 1) FROM mails m \
             WHERE state = 0 AND attempts > 0 AND composed <= ?1 \
             OR state = 2 AND composed >= ?2 GROUP BY recipient",
        )?;
        let rows = statement.query_map([waits_since.0, given_up_since.0], |row| {
            Ok(StuckMails {
                recipient: row.get(0)?,
                waiting: row.get(1)?,
                given_up: row.get(2)?,
                oldest: Timestamp(row.get(3)?),
                error: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Converts a marking from its number in the state. An unknown number counts as RED.
pub(crate) fn tlp_of(level: Option<i64>) -> Option<Tlp> {
    level.map(|level| Tlp::ALL.into_iter().find(|tlp| *tlp as i64 == level).unwrap_or(Tlp::Red))
}
