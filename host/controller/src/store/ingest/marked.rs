//! Levels of known indicators, which change when a definition of their markings comes later.
//!
//! An indicator whose marking is not defined counts as TLP:RED. It is stored with the ids of its
//! markings, so that it need not come again when the definition does.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::Context;
use rusqlite::{OptionalExtension, Row};
use threatsieve_blacklist::Tlp;

use super::Ingest;
use super::apply::Writer;
use crate::store::body::Statement;

/// A known indicator whose level changes.
pub(super) struct MarkedAgain {
    id: String,
    /// JSON of its markings.
    markings: String,
    level: Option<Tlp>,
}

impl Ingest<'_> {
    /// Notes the markings of an indicator of the delivery.
    pub(crate) fn mark(&mut self, id: String, markings: &[Box<str>]) -> anyhow::Result<()> {
        let text = serde_json::to_string(markings)?;
        // Most indicators of a feed have the same markings.
        let shared = match self.delivery.marked.values().next() {
            Some(known) if **known == *text => Arc::clone(known),
            _ => text.into(),
        };
        self.delivery.marked.insert(id, shared);
        Ok(())
    }

    /// Finds the known indicators whose markings the delivery defines for the first time or in
    /// another way. `level` returns the level of markings.
    pub(crate) fn mark_again(
        &mut self,
        level: impl Fn(&[String]) -> Option<Tlp>,
    ) -> anyhow::Result<()> {
        let (connection, feed) = (&self.store.connection, self.delivery.feed_id);
        let mut known = connection.prepare_cached(
            "SELECT 1 FROM markings WHERE feed = ?1 AND id = ?2 AND definition = ?3",
        )?;
        let mut new = BTreeSet::new();
        for (id, definition) in &self.delivery.markings {
            if !known.exists((feed, id, definition))? {
                new.insert(id.as_str());
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let mut marked = connection.prepare_cached(
            "SELECT id, markings FROM indicators WHERE feed = ?1 AND markings IS NOT NULL",
        )?;
        let mut levels: HashMap<String, Option<Option<Tlp>>> = HashMap::new();
        let mut rows = marked.query([feed])?;
        let mut again = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, text) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
            let found = match levels.get(text) {
                Some(found) => *found,
                None => {
                    let markings: Vec<String> = serde_json::from_str(text)
                        .with_context(|| format!("the markings of {id} in the state"))?;
                    let is_new = markings.iter().any(|one| new.contains(one.as_str()));
                    let found = is_new.then(|| level(&markings));
                    levels.insert(text.to_owned(), found);
                    found
                }
            };
            again.extend(found.map(|level| MarkedAgain {
                id: id.to_owned(),
                markings: text.to_owned(),
                level,
            }));
        }
        self.delivery.marked_again = again;
        Ok(())
    }
}

impl Writer<'_> {
    /// Gives known indicators their new level. Returns the number of active ones that it changes.
    pub(super) fn mark_again(&self) -> anyhow::Result<u64> {
        let (feed, now) = (self.delivery.feed_id, self.delivery.now);
        let mut select = self.transaction.prepare_cached(
            "SELECT body, state = 0, markings FROM indicators WHERE feed = ?1 AND id = ?2",
        )?;
        let mut update = self.transaction.prepare_cached(
            "UPDATE indicators SET body = ?3, changed = ?4 WHERE feed = ?1 AND id = ?2",
        )?;
        let mut changed = 0;
        for MarkedAgain { id, markings, level } in &self.delivery.marked_again {
            let read = |row: &Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?, row.get(2)?));
            let row: Option<(Vec<u8>, bool, Option<String>)> =
                select.query_row((feed, id), read).optional()?;
            // A version of this delivery has its own markings.
            let Some((body, is_active, _)) = row.filter(|row| row.2.as_ref() == Some(markings))
            else {
                continue;
            };
            let mut statement = Statement::decode(id, &body)?;
            let level = level.or(self.delivery.feed.tlp);
            if statement.tlp == level {
                continue;
            }
            statement.tlp = level;
            let mut body = Vec::new();
            statement.encode(id, &mut body);
            if is_active {
                self.keep_former(id)?;
                self.note_change(id)?;
                changed += 1;
            }
            update.execute((feed, id, body, now.0))?;
        }
        Ok(changed)
    }
}
