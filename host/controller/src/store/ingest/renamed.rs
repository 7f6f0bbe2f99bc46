//! Indicators under new ids: a publisher that changes its ids delivers everything again, and the
//! earlier ids stay in force unless something relates both.
//!
//! An indicator that is new to a feed and says the same as one that the delivery does not name is
//! that one under a new id. Both say the same if they have the same values with their ports, the
//! same name and the same types. In a whole list the earlier id is gone, so that is enough. In a
//! part of a collection another indicator may say the same: there the publisher changed its ids
//! only if most of the new indicators, and most of those in force, have such a counterpart.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};

use super::Delivered;
use super::collect::Collected;
use super::plan::{ACTIVE, Deed, Planner};
use crate::store::body::{Part, Statement};

/// Number of indicators under new ids that are not called a change of all ids.
const FEW: u64 = 10;

/// The last change of a feed's ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Renamed {
    /// Number of indicators under new ids.
    pub(crate) indicators: u64,
    /// Number of indicators that were in force before.
    pub(crate) active: u64,
    /// An earlier id, and the new one of the same indicator.
    pub(crate) example: (String, String),
    /// Time of the delivery, in microseconds since 1970.
    pub(crate) at: i64,
}

/// Digest of what an indicator says.
type Said = [u8; 32];

/// An indicator in force that the delivery does not name.
struct Unnamed {
    id: String,
    is_over: bool,
}

impl Planner<'_> {
    /// Relates new indicators to those in force that the delivery does not name.
    pub(super) fn rename(
        &mut self,
        connection: &Connection,
        feed: i64,
        delivered: Delivered,
    ) -> anyhow::Result<()> {
        let is_new = |(place, deed): &(u32, Deed)| (*deed == Deed::Insert).then_some(*place);
        let new: Vec<u32> = self.plan.deeds.iter().filter_map(is_new).collect();
        let active: i64 =
            connection
                .query_row("SELECT active FROM feeds WHERE id = ?1", [feed], |row| row.get(0))?;
        let active = u64::try_from(active).unwrap_or_default();
        let may_be_all = |count: u64| count >= FEW && count.saturating_mul(2) >= active;
        let may_rename = match delivered {
            Delivered::Whole => !self.plan.removed.is_empty() && !new.is_empty(),
            Delivered::Part => may_be_all(new.len() as u64),
        };
        if !may_rename {
            return Ok(());
        }
        let mut unnamed = match delivered {
            Delivered::Whole => self.removed(connection, feed)?,
            Delivered::Part => self.unnamed(connection, feed)?,
        };
        let mut pairs = Vec::new();
        for &place in &new {
            let one = &self.collected.incoming()[place as usize];
            let id = self.collected.id_text(one)?;
            let said = said(&Statement::decode(id, self.collected.body(one))?);
            let former = said.and_then(|said| unnamed.get_mut(&said)?.pop());
            pairs.extend(former.map(|former| (former, place)));
        }
        let count = pairs.len() as u64;
        let is_all = may_be_all(count) && count.saturating_mul(2) >= new.len() as u64;
        if delivered == Delivered::Part && !is_all {
            return Ok(());
        }
        if let Some((former, place)) = pairs.first().filter(|_| is_all) {
            let now = self.collected.id_text(&self.collected.incoming()[*place as usize])?;
            let example = (former.id.clone(), now.to_owned());
            self.plan.ids_changed =
                Some(Renamed { indicators: count, active, example, at: self.now.0 });
        }
        let plan = &mut self.plan;
        for (former, place) in pairs {
            if delivered == Delivered::Part {
                plan.removed.push(former.id.clone());
                plan.more_active -= 1;
            } else {
                plan.counts.removed -= 1;
                plan.leaving -= u64::from(!former.is_over);
            }
            plan.counts.added -= 1;
            plan.counts.renamed += 1;
            plan.renamed.push((former.id, place));
        }
        Ok(())
    }

    /// Reads the indicators that leave with a whole list.
    fn removed(
        &self,
        connection: &Connection,
        feed: i64,
    ) -> anyhow::Result<HashMap<Said, Vec<Unnamed>>> {
        let mut select =
            connection.prepare_cached("SELECT body FROM indicators WHERE feed = ?1 AND id = ?2")?;
        let mut all = HashMap::new();
        for id in &self.plan.removed {
            let body: Vec<u8> = select.query_row((feed, id), |row| row.get(0))?;
            self.add(id, &Statement::decode(id, &body)?, &mut all);
        }
        Ok(all)
    }

    /// Reads the indicators in force that a part of a collection does not name.
    fn unnamed(
        &self,
        connection: &Connection,
        feed: i64,
    ) -> anyhow::Result<HashMap<Said, Vec<Unnamed>>> {
        let mut select = connection
            .prepare_cached("SELECT id, body FROM indicators WHERE feed = ?1 AND state = ?2")?;
        let mut rows = select.query((feed, ACTIVE))?;
        let mut all = HashMap::new();
        while let Some(row) = rows.next()? {
            let id = row.get_ref(0)?.as_str()?;
            if !self.withdrawn.contains(id) && !is_named(self.collected, id) {
                self.add(id, &Statement::decode(id, row.get_ref(1)?.as_blob()?)?, &mut all);
            }
        }
        Ok(all)
    }

    fn add(&self, id: &str, statement: &Statement, all: &mut HashMap<Said, Vec<Unnamed>>) {
        if let Some(said) = said(statement) {
            let unnamed = Unnamed { id: id.to_owned(), is_over: statement.is_over(self.now) };
            all.entry(said).or_default().push(unnamed);
        }
    }
}

/// Returns whether a delivery names an indicator.
pub(super) fn is_named(collected: &Collected, id: &str) -> bool {
    collected.incoming().binary_search_by(|one| collected.id(one).cmp(id.as_bytes())).is_ok()
}

/// Returns a digest of an indicator's name, types, and values with their ports; `None` if it has
/// no values.
fn said(statement: &Statement) -> Option<Said> {
    let nothing = || Statement {
        confidence: None,
        tlp: None,
        name: None,
        types: Vec::new(),
        parts: Vec::new(),
    };
    let (name, types) = (statement.name.clone(), statement.types.clone());
    let mut plain = Statement { name, types, ..nothing() };
    for part in &statement.parts {
        let Part { port, ref values, .. } = *part;
        let part = Part { valid_from: None, valid_until: None, port, values: values.clone() };
        plain.merge(Statement { parts: vec![part], ..nothing() });
    }
    let mut bytes = Vec::new();
    plain.encode("", &mut bytes);
    let has_values = plain.parts.iter().any(|part| !part.values.is_empty());
    has_values.then(|| *blake3::hash(&bytes).as_bytes())
}

/// Moves everything that belongs to an earlier id to the new one: its flags, an operator's
/// retraction, and mutes. What it said before is not new. Both rows must be written.
pub(super) fn move_to(
    transaction: &Transaction<'_>,
    (feed, name): (i64, &str),
    former: &str,
    new: &str,
) -> anyhow::Result<()> {
    let prepare = |sql| transaction.prepare_cached(sql);
    prepare(
        "UPDATE OR IGNORE matches SET indicator = ?3,
             written_id = coalesce(written_id, indicator) WHERE feed = ?1 AND indicator = ?2",
    )?
    .execute((name, former, new))?;
    prepare(
        "INSERT OR IGNORE INTO false_positives (is_indicator, target, reason, created)
         SELECT is_indicator, ?2, reason, created FROM false_positives
         WHERE is_indicator = 1 AND target = ?1",
    )?
    .execute((former, new))?;
    prepare(
        "INSERT OR IGNORE INTO mutes (kind, value, until, reason, created)
         SELECT kind, ?2, until, reason, created FROM mutes
         WHERE kind = 'indicator' AND value = ?1",
    )?
    .execute((former, new))?;
    prepare("DELETE FROM rejections WHERE feed = ?1 AND indicator = ?2")?
        .execute((feed, former))?;
    let mut kept = prepare("SELECT former, withdrawn FROM pending WHERE feed = ?1 AND id = ?2")?;
    let mut rows = kept.query((feed, former))?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let mut body = None;
    if let Some(bytes) = row.get_ref(0)?.as_blob_or_null()? {
        let mut encoded = Vec::new();
        Statement::decode(former, bytes)?.encode(new, &mut encoded);
        body = Some(encoded);
    }
    let is_withdrawn: bool = row.get(1)?;
    prepare("UPDATE pending SET former = ?3, withdrawn = ?4 WHERE feed = ?1 AND id = ?2")?
        .execute((feed, new, body, is_withdrawn))?;
    Ok(())
}
