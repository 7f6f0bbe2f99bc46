//! Plans the changes of a delivery before anything is changed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use threatsieve_blacklist::Timestamp;

use super::collect::{Canary, Collected, Incoming, NO_TIME};
use super::renamed::{Renamed, is_named};
use super::{Delivered, is_credible};
use crate::store::body::Statement;
use crate::store::feeds::Ingested;

/// State of an indicator in force.
pub(crate) const ACTIVE: i64 = 0;
/// State of an indicator that its publisher revoked. The row is kept, so that no older version
/// revives it.
pub(crate) const REVOKED: i64 = 1;
/// State of an indicator that is not in its list any more.
pub(crate) const REMOVED: i64 = 2;

/// Time for which removed indicators are kept for searches: 90 days.
const REMOVED_KEPT_MICROS: i64 = 90 * 24 * 60 * 60 * 1_000_000;

/// The change for one indicator of the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Adds a row, because there is none.
    Insert,
    /// Replaces the row's content, and makes it active.
    Replace,
    /// Makes a removed row active again. The list names the indicator again, but in an older
    /// version.
    Revive,
    /// Marks an active row as revoked.
    Revoke,
    /// Marks a row that is not active as revoked, or adds a revoked one.
    Bury,
}

/// All changes of a delivery.
#[derive(Default)]
pub(super) struct Plan {
    /// Indexes in the delivery, in the order of the ids.
    pub(super) deeds: Vec<(u32, Deed)>,
    /// Ids of active rows that the list does not name any more.
    pub(super) removed: Vec<String>,
    /// Ids of rows that were removed long ago, to be deleted.
    pub(super) forgotten: Vec<String>,
    pub(super) counts: Ingested,
    /// Number of indicators that leave and were not expired.
    pub(super) leaving: u64,
    /// The text of a canary that leaves with a row.
    pub(super) lost_canary: Option<String>,
    /// Indicators under new ids: the earlier id, and the index in the delivery.
    pub(super) renamed: Vec<(String, u32)>,
    /// Set if these are most of the feed's indicators.
    pub(super) ids_changed: Option<Renamed>,
    /// Change of the number of active rows.
    pub(super) more_active: i64,
}

/// A row in the state.
struct Stored<'a> {
    state: i64,
    modified: i64,
    changed: i64,
    body: &'a [u8],
    /// Its markings are stored. Earlier versions did not store them.
    has_markings: bool,
}

impl<'a> Stored<'a> {
    /// Reads the columns from the given one on: state, modified, changed, body, and
    /// whether its markings are known.
    fn read(row: &'a Row<'_>, first: usize, now: Timestamp) -> rusqlite::Result<Stored<'a>> {
        // A row that an earlier version wrote may have a date too far in the future.
        let modified = row.get::<_, Option<i64>>(first + 1)?;
        let modified = modified.filter(|&at| is_credible(Timestamp(at), now));
        Ok(Stored {
            state: row.get(first)?,
            modified: modified.unwrap_or(NO_TIME),
            changed: row.get(first + 2)?,
            body: row.get_ref(first + 3)?.as_blob()?,
            has_markings: row.get(first + 4)?,
        })
    }
}

/// Compares a delivery with the rows of its feed.
pub(super) struct Planner<'a> {
    pub(super) collected: &'a Collected,
    pub(super) canaries: &'a [Canary],
    /// Indicators whose stored content comes from a package that does not list them any more.
    pub(super) withdrawn: &'a BTreeSet<String>,
    /// Indicators with markings that are to be stored.
    pub(super) marked: &'a HashMap<String, Arc<str>>,
    pub(super) now: Timestamp,
    pub(super) plan: Plan,
}

impl Planner<'_> {
    pub(super) fn compare(
        mut self,
        connection: &Connection,
        feed: i64,
        delivered: Delivered,
    ) -> anyhow::Result<Plan> {
        let is_known = connection
            .prepare_cached("SELECT 1 FROM indicators WHERE feed = ?1 LIMIT 1")?
            .exists([feed])?;
        match (is_known, delivered) {
            (false, _) => self.all_new()?,
            (true, Delivered::Whole) => self.merge(connection, feed)?,
            (true, Delivered::Part) => self.look_up(connection, feed)?,
        }
        if is_known {
            self.rename(connection, feed, delivered)?;
        }
        Ok(self.plan)
    }

    fn all_new(&mut self) -> anyhow::Result<()> {
        let collected = self.collected;
        for (place, one) in (0u32..).zip(collected.incoming()) {
            self.judge(place, one, None)?;
        }
        Ok(())
    }

    fn look_up(&mut self, connection: &Connection, feed: i64) -> anyhow::Result<()> {
        let collected = self.collected;
        let mut select = connection.prepare_cached(
            "SELECT state, modified, changed, body, markings IS NOT NULL FROM indicators
             WHERE feed = ?1 AND id = ?2",
        )?;
        for (place, one) in (0u32..).zip(collected.incoming()) {
            let id = collected.id_text(one)?;
            let judged = select
                .query_row((feed, id), |row| {
                    let mut stored = Stored::read(row, 0, self.now)?;
                    if stored.state == ACTIVE && self.withdrawn.contains(id) {
                        stored.modified = NO_TIME;
                    }
                    Ok(self.judge(place, one, Some(&stored)))
                })
                .optional()?;
            match judged {
                Some(judged) => judged?,
                None => self.judge(place, one, None)?,
            }
        }
        for id in self.withdrawn.iter().filter(|id| !is_named(collected, id)) {
            let listed = select
                .query_row((feed, id), |row| {
                    let stored = Stored::read(row, 0, self.now)?;
                    Ok((stored.state == ACTIVE).then(|| self.unlisted(id, &stored)))
                })
                .optional()?;
            listed.flatten().unwrap_or(Ok(()))?;
        }
        Ok(())
    }

    /// Walks over the feed's rows and the delivery together, both in the order of the ids.
    fn merge(&mut self, connection: &Connection, feed: i64) -> anyhow::Result<()> {
        let collected = self.collected;
        let mut coming = (0u32..).zip(collected.incoming()).peekable();
        let mut select = connection.prepare_cached(
            "SELECT id, state, modified, changed, body, markings IS NOT NULL FROM indicators
             WHERE feed = ?1 ORDER BY id",
        )?;
        let mut rows = select.query([feed])?;
        while let Some(row) = rows.next()? {
            let id = row.get_ref(0)?.as_bytes()?;
            while let Some((place, one)) = coming.next_if(|(_, one)| collected.id(one) < id) {
                self.judge(place, one, None)?;
            }
            let stored = Stored::read(row, 1, self.now)?;
            match coming.next_if(|(_, one)| collected.id(one) == id) {
                // The revocation of an older version does not apply to the known one. So the list
                // does not name the known one.
                Some((_, one)) if one.is_revocation && withdrawal(one, Some(&stored)).is_none() => {
                    self.unlisted(std::str::from_utf8(id)?, &stored)?;
                }
                Some((place, one)) => self.judge(place, one, Some(&stored))?,
                None => self.unlisted(std::str::from_utf8(id)?, &stored)?,
            }
        }
        for (place, one) in coming {
            self.judge(place, one, None)?;
        }
        Ok(())
    }

    /// Plans the change of a row that the whole list does not name.
    fn unlisted(&mut self, id: &str, stored: &Stored<'_>) -> anyhow::Result<()> {
        match stored.state {
            ACTIVE => {
                self.plan.removed.push(id.to_owned());
                self.plan.counts.removed += 1;
                self.plan.more_active -= 1;
                let is_over = Statement::decode(id, stored.body)?.is_over(self.now);
                self.plan.leaving += u64::from(!is_over);
            }
            REMOVED if self.now.0.saturating_sub(stored.changed) > REMOVED_KEPT_MICROS => {
                self.plan.forgotten.push(id.to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    fn judge(
        &mut self,
        place: u32,
        one: &Incoming,
        stored: Option<&Stored<'_>>,
    ) -> anyhow::Result<()> {
        let deed =
            if one.is_revocation { withdrawal(one, stored) } else { self.version(one, stored)? };
        let Some(deed) = deed else {
            let is_older = stored.is_some_and(|stored| one.modified < stored.modified);
            self.plan.counts.older += u64::from(is_older);
            return Ok(());
        };
        let was_active = stored.filter(|stored| stored.state == ACTIVE);
        match (deed, was_active) {
            (Deed::Insert | Deed::Replace | Deed::Revive, None) => {
                self.plan.counts.added += 1;
                self.plan.more_active += 1;
            }
            (Deed::Revoke, Some(stored)) => {
                self.plan.counts.revoked += 1;
                self.plan.more_active -= 1;
                let is_over =
                    Statement::decode(self.collected.id_text(one)?, stored.body)?.is_over(self.now);
                self.plan.leaving += u64::from(!is_over);
            }
            (Deed::Bury, _) => {}
            (_, Some(_)) => self.plan.counts.changed += 1,
            (Deed::Revoke, None) => {}
        }
        if let Some(stored) = was_active {
            self.look_for_canaries(one, stored)?;
        }
        self.plan.deeds.push((place, deed));
        Ok(())
    }

    /// Returns the change that a version of an indicator makes. A version that is older than the
    /// known one only shows that the indicator is still listed.
    fn version(&self, one: &Incoming, stored: Option<&Stored<'_>>) -> anyhow::Result<Option<Deed>> {
        let Some(stored) = stored else { return Ok(Some(Deed::Insert)) };
        let lacks_markings =
            !stored.has_markings && self.marked.contains_key(self.collected.id_text(one)?);
        let is_same = one.modified == stored.modified
            && self.collected.body(one) == stored.body
            && !lacks_markings;
        Ok(match stored.state {
            ACTIVE => (one.modified >= stored.modified && !is_same).then_some(Deed::Replace),
            REVOKED => (one.modified > stored.modified).then_some(Deed::Replace),
            _ if one.modified < stored.modified => Some(Deed::Revive),
            _ => Some(Deed::Replace),
        })
    }

    /// Notes a canary that is lost when an active row is changed or revoked.
    fn look_for_canaries(&mut self, one: &Incoming, stored: &Stored<'_>) -> anyhow::Result<()> {
        if self.canaries.is_empty() {
            return Ok(());
        }
        let id = self.collected.id_text(one)?;
        let before = Statement::decode(id, stored.body)?;
        let after = (!one.is_revocation)
            .then(|| Statement::decode(id, self.collected.body(one)))
            .transpose()?;
        let holds = |statement: &Statement, canary: &Canary| {
            statement.parts.iter().flat_map(|part| &part.values).any(|value| canary.is(value))
        };
        let lost = self.canaries.iter().find(|canary| {
            holds(&before, canary) && !after.as_ref().is_some_and(|after| holds(after, canary))
        });
        if let Some(canary) = lost {
            self.plan.lost_canary = Some(canary.text.clone());
        }
        Ok(())
    }
}

fn withdrawal(one: &Incoming, stored: Option<&Stored<'_>>) -> Option<Deed> {
    let Some(stored) = stored else { return Some(Deed::Bury) };
    match stored.state {
        REVOKED => (one.modified > stored.modified).then_some(Deed::Bury),
        _ if !one.is_undated && one.modified < stored.modified => None,
        ACTIVE => Some(Deed::Revoke),
        _ => Some(Deed::Bury),
    }
}
