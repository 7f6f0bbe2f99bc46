//! Applies a planned delivery to the state, or holds it back.

use rusqlite::{Connection, Transaction, named_params};
use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;

use super::collect::{Incoming, NO_TIME};
use super::plan::{ACTIVE, Deed, Plan, Planner, REMOVED, REVOKED};
use super::renamed::move_to;
use super::{Delivered, Delivery};
use crate::store::Store;
use crate::store::body::Statement;
use crate::store::feeds::{Held, Ingested};
use crate::store::misp;
use crate::store::packages;
use crate::store::rejections::{RejectedBy, add_rejections};
use crate::store::retraction::retract_matches;

/// Number of revocations that never count as too many. Each is a separate statement of the
/// publisher, and a small feed may revoke its only indicator.
const FEW: u64 = 10;

pub(super) fn apply(
    store: &mut Store,
    delivery: &Delivery,
    delivered: Delivered,
    cursor: Option<&Json>,
    allow_held: bool,
) -> anyhow::Result<Ingested> {
    let (feed, now) = (delivery.feed_id, delivery.now);
    let transaction = store.write()?;
    let planner = Planner {
        collected: &delivery.collected,
        canaries: &delivery.canaries,
        withdrawn: &delivery.withdrawn,
        marked: &delivery.marked,
        now,
        plan: Plan::default(),
    };
    let mut plan = planner.compare(&transaction, feed, delivered)?;
    plan.counts.rejected = delivery.rejected;
    (plan.counts.ahead, plan.counts.skipped) = (delivery.ahead, delivery.skipped);
    let (active, allowed): (i64, bool) = transaction.query_row(
        "SELECT active, allowed FROM feeds WHERE id = ?1",
        [feed],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let active = u64::try_from(active).unwrap_or_default();
    let suspicion = suspicion(delivery, &plan, active, delivered);
    if let Some(why) = &suspicion
        && !allow_held
        && !allowed
    {
        let (why, is_first) = (why.clone(), delivery.is_first);
        let held = Held { why, active, leaving: plan.leaving, at: now.0, is_first };
        hold(&transaction, feed, now, &held)?;
        transaction.commit()?;
        return Ok(Ingested { held: Some(held), ..plan.counts });
    }
    let writer = Writer {
        transaction: &transaction,
        delivery,
        keeps_former: keeps_former(&transaction)?,
        is_sent: misp::is_sent(&transaction, feed)?,
    };
    writer.write(&plan)?;
    writer.replace_rejections(delivered)?;
    writer.keep_markings()?;
    plan.counts.changed += writer.mark_again()?;
    delivery.events.keep(&transaction, feed)?;
    let has_ids = delivered == Delivered::Part;
    packages::keep(&transaction, feed, &delivery.packages, now, has_ids)?;
    let is_whole = delivered == Delivered::Whole;
    let has_other_threats = delivery.threats.keep(&transaction, feed, is_whole)?;
    if has_other_threats && writer.is_sent {
        misp::relations_changed(&transaction, feed)?;
    }
    writer.update_feed(&plan, cursor)?;
    if plan.counts.has_changes() || has_other_threats {
        // An operator who accepts a delivery also accepts the next blacklist.
        let sql = "UPDATE builds SET change = change + 1, allowed = max(allowed, ?1)";
        transaction.execute(sql, [suspicion.is_some()])?;
    }
    transaction.commit()?;
    Ok(plan.counts)
}

/// Returns the reason why a delivery is suspicious; `None` if it is not.
fn suspicion(
    delivery: &Delivery,
    plan: &Plan,
    active: u64,
    delivered: Delivered,
) -> Option<String> {
    if delivery.is_first && delivery.doubt.is_some() {
        return delivery.doubt.clone();
    }
    if delivered == Delivered::Whole
        && let Some(canary) = delivery.canaries.iter().find(|canary| !canary.was_seen)
    {
        return Some(format!(
            "expected the canary {:?} in the delivery, got a delivery without it",
            canary.text
        ));
    }
    if delivered == Delivered::Part
        && let Some(canary) = &plan.lost_canary
    {
        return Some(format!(
            "expected the canary {canary:?} to stay, got a delivery that withdraws it"
        ));
    }
    let growing = plan.counts.added.saturating_sub(plan.leaving);
    let (most, total) = (u64::from(delivery.feed.hold.max_indicators), active + growing);
    if growing > 0 && total > most {
        return Some(format!(
            "expected at most {most} indicators in force (`max_indicators`), got a delivery that \
             brings them to {total}"
        ));
    }
    if plan.leaving == 0 {
        return None;
    }
    if delivered == Delivered::Whole
        && delivery.collected.incoming().iter().all(|one| one.is_revocation)
    {
        return Some(format!(
            "expected some of the {active} indicators in force, got an empty delivery"
        ));
    }
    if delivered == Delivered::Part && plan.leaving <= FEW {
        return None;
    }
    let share = plan.leaving as f64 / active.max(1) as f64;
    let limit = delivery.feed.hold.max_shrink;
    (share > limit).then(|| {
        format!(
            "expected at most {:.1}% of the {active} indicators in force to leave at once, got {} \
             ({:.1}%)",
            limit * 100.0,
            plan.leaving,
            share * 100.0
        )
    })
}

fn hold(
    transaction: &Transaction<'_>,
    feed: i64,
    now: Timestamp,
    held: &Held,
) -> anyhow::Result<()> {
    transaction.execute(
        "UPDATE feeds SET attempted = :now, succeeded = :now, failures = 0, \
         failing_since = NULL, error = NULL, \
         next_attempt = NULL, held = :held WHERE id = :feed",
        named_params! { ":now": now.0, ":held": serde_json::to_string(held)?, ":feed": feed },
    )?;
    Ok(())
}

/// Returns whether the previous content of changed rows must be kept. Before the first blacklist,
/// everything is new.
fn keeps_former(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT built IS NOT NULL FROM builds", [], |row| row.get(0))
}

/// Keeps the content of an indicator's row before its first change since the last generation.
const KEEP_FORMER: &str = "INSERT INTO pending (feed, id, former)
    SELECT feed, id, CASE state WHEN 0 THEN body END FROM indicators
    WHERE feed = ?1 AND id = ?2 ON CONFLICT DO NOTHING";

pub(super) struct Writer<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) delivery: &'a Delivery,
    keeps_former: bool,
    /// MISP servers get the feed's indicators.
    is_sent: bool,
}

impl Writer<'_> {
    fn write(&self, plan: &Plan) -> anyhow::Result<()> {
        let (feed, now) = (self.delivery.feed_id, self.delivery.now);
        for &(place, deed) in &plan.deeds {
            self.deed(&self.delivery.collected.incoming()[place as usize], deed)?;
        }
        let mut remove = self.transaction.prepare_cached(
            "UPDATE indicators SET state = ?3, changed = ?4 WHERE feed = ?1 AND id = ?2",
        )?;
        for id in &plan.removed {
            self.keep_former(id)?;
            remove.execute((feed, id, REMOVED, now.0))?;
            self.note_change(id)?;
        }
        for (former, place) in &plan.renamed {
            let collected = &self.delivery.collected;
            let id = collected.id_text(&collected.incoming()[*place as usize])?;
            move_to(self.transaction, (feed, &self.delivery.feed.name), former, id)?;
        }
        let mut forget = self
            .transaction
            .prepare_cached("DELETE FROM indicators WHERE feed = ?1 AND id = ?2")?;
        for id in &plan.forgotten {
            forget.execute((feed, id))?;
        }
        Ok(())
    }

    fn deed(&self, one: &Incoming, deed: Deed) -> anyhow::Result<()> {
        let (feed, now) = (self.delivery.feed_id, self.delivery.now);
        let id = self.delivery.collected.id_text(one)?;
        let body = self.delivery.collected.body(one);
        let modified = Some(one.modified).filter(|&time| time != NO_TIME);
        let markings = self.delivery.marked.get(id).map(|markings| &**markings);
        self.note_change(id)?;
        let prepare = |sql| self.transaction.prepare_cached(sql);
        match deed {
            Deed::Insert => {
                if self.keeps_former {
                    prepare(
                        "INSERT INTO pending (feed, id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    )?
                    .execute((feed, id))?;
                }
                prepare(
                    "INSERT INTO indicators (feed, id, state, modified, changed, body, markings)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute((feed, id, ACTIVE, modified, now.0, body, markings))?;
            }
            Deed::Replace => {
                self.keep_former(id)?;
                prepare(
                    "UPDATE indicators SET state = ?3, modified = ?4, changed = ?5, body = ?6,
                     markings = ?7 WHERE feed = ?1 AND id = ?2",
                )?
                .execute((feed, id, ACTIVE, modified, now.0, body, markings))?;
            }
            Deed::Revive => {
                self.keep_former(id)?;
                prepare(
                    "UPDATE indicators SET state = ?3, changed = ?4 WHERE feed = ?1 AND id = ?2",
                )?
                .execute((feed, id, ACTIVE, now.0))?;
            }
            Deed::Revoke => {
                self.keep_former(id)?;
                prepare("UPDATE pending SET withdrawn = 1 WHERE feed = ?1 AND id = ?2")?
                    .execute((feed, id))?;
                self.bury(id, modified)?;
                self.retract_flags(id)?;
            }
            Deed::Bury => {
                self.bury(id, modified)?;
                // An indicator that was removed from its list kept its flags until now.
                self.retract_flags(id)?;
            }
        }
        Ok(())
    }

    fn retract_flags(&self, id: &str) -> anyhow::Result<()> {
        let Delivery { feed, now, .. } = self.delivery;
        retract_matches(self.transaction, &feed.name, id, None, "revoked by its publisher", *now)?;
        Ok(())
    }

    /// Marks a row as revoked, or adds a revoked one.
    fn bury(&self, id: &str, modified: Option<i64>) -> anyhow::Result<()> {
        let mut empty = Vec::new();
        let nothing = Statement {
            confidence: None,
            tlp: None,
            name: None,
            types: Vec::new(),
            parts: Vec::new(),
        };
        nothing.encode(id, &mut empty);
        self.transaction
            .prepare_cached(
                "INSERT INTO indicators (feed, id, state, modified, changed, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET state = excluded.state, changed = excluded.changed,
                 modified =
                     coalesce(max(modified, excluded.modified), modified, excluded.modified)",
            )?
            .execute((self.delivery.feed_id, id, REVOKED, modified, self.delivery.now.0, empty))?;
        Ok(())
    }

    /// Notes a change for the MISP servers that get the feed.
    pub(super) fn note_change(&self, id: &str) -> anyhow::Result<()> {
        if self.is_sent {
            misp::changed(self.transaction, self.delivery.feed_id, id)
        } else {
            Ok(())
        }
    }

    pub(super) fn keep_former(&self, id: &str) -> rusqlite::Result<()> {
        if self.keeps_former {
            self.transaction.prepare_cached(KEEP_FORMER)?.execute((self.delivery.feed_id, id))?;
        }
        Ok(())
    }

    /// Replaces rejections of earlier deliveries. A whole delivery replaces all of them, and a part
    /// replaces those of the indicators that it names.
    fn replace_rejections(&self, delivered: Delivered) -> anyhow::Result<()> {
        let feed = self.delivery.feed_id;
        let by = RejectedBy::Delivery as i64;
        let mut any = self
            .transaction
            .prepare_cached("SELECT 1 FROM rejections WHERE feed = ?1 AND origin = ?2 LIMIT 1")?;
        if any.exists((feed, by))? {
            match delivered {
                Delivered::Whole => {
                    self.transaction.execute(
                        "DELETE FROM rejections WHERE feed = ?1 AND origin = ?2",
                        (feed, by),
                    )?;
                }
                Delivered::Part => {
                    let mut delete = self.transaction.prepare_cached(
                        "DELETE FROM rejections WHERE feed = ?1 AND origin = ?2 AND indicator = ?3",
                    )?;
                    let collected = &self.delivery.collected;
                    for one in collected.incoming() {
                        delete.execute((feed, by, collected.id_text(one)?))?;
                    }
                    let rejected = self.delivery.rejections.iter().map(|one| &one.id);
                    for id in rejected.chain(&self.delivery.events.settled) {
                        delete.execute((feed, by, id))?;
                    }
                }
            }
        }
        add_rejections(self.transaction, feed, RejectedBy::Delivery, &self.delivery.rejections)?;
        Ok(())
    }

    fn keep_markings(&self) -> anyhow::Result<()> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO markings (feed, id, definition) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET definition = excluded.definition",
        )?;
        for (id, definition) in &self.delivery.markings {
            insert.execute((self.delivery.feed_id, id, definition))?;
        }
        Ok(())
    }

    fn update_feed(&self, plan: &Plan, cursor: Option<&Json>) -> anyhow::Result<()> {
        self.transaction.execute(
            "UPDATE feeds SET attempted = :now, succeeded = :now, failures = 0,
             failing_since = NULL, error = NULL,
             next_attempt = NULL, held = NULL, allowed = 0,
             cursor = coalesce(:cursor, cursor), active = max(0, active + :more), report = :report,
             changed = CASE WHEN :has_changes THEN :now ELSE changed END,
             ids_changed = coalesce(:ids_changed, ids_changed) WHERE id = :feed",
            named_params! {
                ":now": self.delivery.now.0,
                ":cursor": cursor.map(ToString::to_string),
                ":more": plan.more_active,
                ":report": serde_json::to_string(&plan.counts)?,
                ":ids_changed":
                    plan.ids_changed.as_ref().map(serde_json::to_string).transpose()?,
                ":has_changes": plan.counts.has_changes(),
                ":feed": self.delivery.feed_id,
            },
        )?;
        Ok(())
    }
}
