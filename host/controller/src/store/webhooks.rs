//! Queues of deliveries to webhooks. A delivery is composed once, and sent until the receiver has
//! accepted it. Each webhook gets its deliveries in their order.

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;
use threatsieve_blacklist::{Timestamp, Tlp};

use super::Store;
use super::mails::tlp_of;
use crate::text::Rfc3339;

/// Maximum time between two attempts: an hour.
pub(crate) const LONGEST_PAUSE_MICROS: i64 = 60 * 60 * 1_000_000;

/// A new delivery.
#[derive(Debug, Clone)]
pub(crate) struct NewDelivery {
    /// Id that stays the same when the delivery is repeated.
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    /// The body of the request.
    pub(crate) body: Vec<u8>,
    /// The strictest marking of its contents.
    pub(crate) tlp: Option<Tlp>,
}

/// A delivery that waits to be sent.
#[derive(Debug, Clone)]
pub(crate) struct WaitingDelivery {
    pub(crate) row: i64,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
    pub(crate) tlp: Option<Tlp>,
    pub(crate) composed: Timestamp,
}

/// A webhook in the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebhookState {
    pub(crate) id: i64,
    /// Nothing is sent before this time.
    pub(crate) next_attempt: Option<Timestamp>,
    /// Failed attempts in a row.
    pub(crate) failures: u32,
}

/// The result of an attempt to send a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The receiver accepted it.
    Sent,
    /// It failed, and is tried again from that time on. With `is_refused`, the receiver accepts
    /// nothing until somebody changes something.
    Retry { at: Timestamp, error: String, is_refused: bool },
    /// It failed, and is not tried again.
    GivenUp { error: String },
}

/// The queue of a webhook, for `status` and for conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookQueue {
    pub(crate) name: String,
    pub(crate) waiting: u64,
    pub(crate) sent: u64,
    pub(crate) given_up: u64,
    /// Time at which the oldest waiting delivery was composed.
    pub(crate) oldest: Option<Rfc3339>,
    pub(crate) next_attempt: Option<Rfc3339>,
    /// Failed attempts in a row.
    pub(crate) failures: u32,
    /// Reason why the receiver accepts nothing.
    pub(crate) refused: Option<String>,
    /// Error of the newest delivery that waits or was given up.
    pub(crate) error: Option<String>,
}

/// Returns the number of a webhook, and adds it if it is new.
pub(crate) fn webhook_number(connection: &Connection, name: &str) -> anyhow::Result<i64> {
    connection.execute("INSERT OR IGNORE INTO webhooks (name) VALUES (?1)", [name])?;
    let sql = "SELECT id FROM webhooks WHERE name = ?1";
    Ok(connection.query_row(sql, [name], |row| row.get(0))?)
}

/// Queues a delivery, in the transaction that marks its matches as reported.
pub(crate) fn add_delivery(
    transaction: &Transaction<'_>,
    webhook: i64,
    delivery: &NewDelivery,
    now: Timestamp,
) -> anyhow::Result<()> {
    let NewDelivery { id, kind, body, tlp } = delivery;
    transaction
        .prepare_cached(
            "INSERT INTO webhook_deliveries (webhook, delivery, kind, body, tlp, composed) \
             VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![webhook, id, kind, body, tlp.map(|tlp| tlp as u8), now.0])
        .with_context(|| format!("delivery {id} cannot be queued"))?;
    Ok(())
}

impl Store {
    /// Returns the state of a webhook. If its `target`, a digest of its address and credentials,
    /// differs from the last one, it is tried at once.
    pub(crate) fn webhook(&mut self, name: &str, target: &[u8]) -> anyhow::Result<WebhookState> {
        let transaction = self.write()?;
        let id = webhook_number(&transaction, name)?;
        transaction.execute(
            "UPDATE webhooks SET target = ?2, next_attempt = NULL, failures = 0, refused = NULL \
             WHERE id = ?1 AND target <> ?2",
            params![id, target],
        )?;
        let sql = "SELECT next_attempt, failures FROM webhooks WHERE id = ?1";
        let state = transaction.query_row(sql, [id], |row| {
            let next_attempt = row.get::<_, Option<i64>>(0)?.map(Timestamp);
            Ok(WebhookState { id, next_attempt, failures: row.get(1)? })
        })?;
        transaction.commit()?;
        Ok(state)
    }

    /// Gives up what waits for webhooks that are not configured any more, and forgets what
    /// was reported to them. Returns the number of deliveries.
    pub(crate) fn forget_other_webhooks(&mut self, configured: &[&str]) -> anyhow::Result<u64> {
        let transaction = self.write()?;
        let others = {
            let sql = "SELECT id, name FROM webhooks";
            let mut select = transaction.prepare_cached(sql)?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let all = rows.collect::<Result<Vec<(i64, String)>, _>>()?;
            all.into_iter().filter(|(_, name)| !configured.contains(&name.as_str()))
        };
        let mut given_up = 0;
        for (id, _) in others {
            given_up += transaction.execute(
                "UPDATE webhook_deliveries SET state = 2, body = x'', \
                 error = 'the webhook is no longer configured' WHERE webhook = ?1 AND state = 0",
                [id],
            )?;
            transaction.execute("DELETE FROM webhook_matches WHERE webhook = ?1", [id])?;
        }
        transaction.commit()?;
        Ok(given_up as u64)
    }

    /// Returns the oldest delivery that waits for a webhook.
    pub(crate) fn next_delivery(&self, webhook: i64) -> anyhow::Result<Option<WaitingDelivery>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, delivery, kind, body, tlp, composed FROM webhook_deliveries
             WHERE webhook = ?1 AND state = 0 ORDER BY id LIMIT 1",
        )?;
        let waiting = statement.query_row([webhook], |row| {
            Ok(WaitingDelivery {
                row: row.get(0)?,
                id: row.get(1)?,
                kind: row.get(2)?,
                body: row.get(3)?,
                tlp: tlp_of(row.get(4)?),
                composed: Timestamp(row.get(5)?),
            })
        });
        Ok(waiting.optional()?)
    }

    /// Stores the result of an attempt. Only waiting deliveries keep their bodies.
    pub(crate) fn settle_delivery(
        &mut self,
        webhook: i64,
        row: i64,
        fate: &Fate,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let transaction = self.write()?;
        let (next, refused) = match fate {
            Fate::Sent => {
                transaction.execute(
                    "UPDATE webhook_deliveries SET state = 1, sent = ?2, error = NULL, \
                     body = x'' WHERE id = ?1",
                    params![row, now.0],
                )?;
                (None, None)
            }
            Fate::Retry { at, error, is_refused } => {
                transaction.execute(
                    "UPDATE webhook_deliveries SET attempts = attempts + 1, error = ?2 \
                     WHERE id = ?1",
                    params![row, error],
                )?;
                (Some(at.0), is_refused.then_some(error))
            }
            Fate::GivenUp { error } => {
                transaction.execute(
                    "UPDATE webhook_deliveries SET state = 2, attempts = attempts + 1, \
                     error = ?2, body = x'' WHERE id = ?1",
                    params![row, error],
                )?;
                (None, None)
            }
        };
        let failures = if next.is_some() { "failures + 1" } else { "0" };
        transaction.execute(
            &format!(
                "UPDATE webhooks SET next_attempt = ?2, refused = ?3, failures = {failures} \
                 WHERE id = ?1"
            ),
            params![webhook, next, refused],
        )?;
        transaction.commit().with_context(|| {
            format!("the result of sending delivery {row} to a webhook cannot be stored")
        })
    }

    /// Returns the queues of all webhooks that ever were configured, by name. Of those given up,
    /// counts those that were composed after `given_up_since`.
    pub(crate) fn webhook_queues(
        &self,
        given_up_since: Timestamp,
    ) -> anyhow::Result<Vec<WebhookQueue>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT name, next_attempt, refused, failures,
             count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),
             count(*) FILTER (WHERE state = 2 AND composed >= ?1),
             min(composed) FILTER (WHERE state = 0),
             (SELECT error FROM webhook_deliveries e WHERE e.webhook = webhooks.id
              AND (state = 0 OR state = 2 AND composed >= ?1) AND error IS NOT NULL
              ORDER BY id DESC LIMIT 1)
             FROM webhooks LEFT JOIN webhook_deliveries d ON d.webhook = webhooks.id
             GROUP BY webhooks.id ORDER BY name",
        )?;
        let rows = statement.query_map([given_up_since.0], |row| {
            let time = |column| {
                let at = row.get::<_, Option<i64>>(column)?;
                Ok::<_, rusqlite::Error>(at.map(|at| Rfc3339(Timestamp(at))))
            };
            let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            Ok(WebhookQueue {
                name: row.get(0)?,
                next_attempt: time(1)?,
                refused: row.get(2)?,
                failures: row.get(3)?,
                waiting: count(4)?,
                sent: count(5)?,
                given_up: count(6)?,
                oldest: time(7)?,
                error: row.get(8)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
