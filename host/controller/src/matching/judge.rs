//! Decides which matches count, whether the event is a new line, a stored line or a document.
//!
//! A hit is judged twice. The matcher's [ruling](super::Matcher::ruling) is made while lines are
//! read, by the blacklist in use (its allow-list, and the indicators' validity, confidence and
//! marking) and by the event's own time. The judge decides finally, in the transaction that stores
//! the match, by the state at that time:
//!
//! - The matcher's blacklist must still be in use. If it is not, none of its answers is stored, and
//!   no position advances. The same lines are matched again with the new blacklist.
//! - The indicator must not be revoked, and neither it nor the value may be retracted by an
//!   operator. Both take effect at once, before the next blacklist is built, and while that one is
//!   held back.
//!
//! So an indicator that an operator or a publisher withdraws during a round is not flagged after
//! that. The judge knows indicators and values, but not where events come from.

use std::collections::HashMap;

use anyhow::ensure;
use threatsieve_flag::{Found, retain_whole};

use crate::store::Connection;
use crate::store::FalsePositives;
use crate::store::standing::{Standing, is_revoked};

/// Judges the matches that one matcher finds.
pub(crate) struct Judge {
    /// The generation of the matcher's blacklist.
    generation: u64,
    known: Option<Known>,
}

/// Facts read from the state. They are valid while its change number is the same.
struct Known {
    change: i64,
    false_positives: FalsePositives,
    /// Stores for each indicator, by feed and id, if it is revoked.
    revoked: HashMap<(String, String), bool>,
}

impl Judge {
    pub(crate) fn new(generation: u64) -> Judge {
        Judge { generation, known: None }
    }

    /// Begins to judge in a transaction.
    ///
    /// # Errors
    ///
    /// Fails if the matcher's blacklist is no longer in use.
    pub(crate) fn begin<'a>(&'a mut self, state: &'a Connection) -> anyhow::Result<Session<'a>> {
        let Standing { generation, change } = Standing::read(state)?;
        ensure!(
            generation == Some(self.generation),
            "expected generation {} to be in use still, got {}: these lines are matched again in \
             the next round",
            self.generation,
            generation.map_or("none".to_owned(), |generation| generation.to_string())
        );
        let known = match self.known.take().filter(|known| known.change == change) {
            Some(known) => known,
            None => Known {
                change,
                false_positives: FalsePositives::read(state)?,
                revoked: HashMap::new(),
            },
        };
        Ok(Session { state, known: self.known.insert(known) })
    }
}

/// The judge within one transaction.
pub(crate) struct Session<'a> {
    state: &'a Connection,
    known: &'a mut Known,
}

impl Session<'_> {
    /// Returns the candidates of an event that count.
    pub(crate) fn judge(&mut self, candidates: Vec<Found>) -> anyhow::Result<Vec<Found>> {
        let mut counting = Vec::with_capacity(candidates.len());
        for mut found in candidates {
            let entry = &mut found.matched.entry;
            if self.known.false_positives.text(&entry.value).is_some() {
                continue;
            }
            let mut error = None;
            entry.indicators.retain(|indicator| {
                let id = indicator.shown_id();
                match self.is_withdrawn(&indicator.feed, id) {
                    Ok(is_withdrawn) => !is_withdrawn,
                    Err(why) => {
                        error = Some(why);
                        false
                    }
                }
            });
            error.map_or(Ok(()), Err)?;
            if !entry.indicators.is_empty() {
                counting.push(found);
            }
        }
        // What withdraws a part of a conjunction withdraws the whole.
        retain_whole(&mut counting);
        Ok(counting)
    }

    /// Returns why an indicator of an earlier match does not hold any more; `None` if it does.
    pub(crate) fn withdrawn(
        &mut self,
        feed: &str,
        id: &str,
        value: Option<&str>,
    ) -> anyhow::Result<Option<String>> {
        let false_positives = &self.known.false_positives;
        let retracted = false_positives
            .indicator(id)
            .or_else(|| value.and_then(|value| false_positives.text(value)));
        if let Some(retracted) = retracted {
            return Ok(Some(retracted.reason.clone()));
        }
        let is_revoked = self.is_withdrawn(feed, id.to_owned())?;
        Ok(is_revoked.then(|| "revoked by its publisher".to_owned()))
    }

    /// Returns whether an indicator is revoked by its publisher, or retracted by an operator.
    fn is_withdrawn(&mut self, feed: &str, id: String) -> anyhow::Result<bool> {
        if self.known.false_positives.indicator(&id).is_some() {
            return Ok(true);
        }
        let key = (feed.to_owned(), id);
        if let Some(&is_revoked) = self.known.revoked.get(&key) {
            return Ok(is_revoked);
        }
        let is_revoked = is_revoked(self.state, &key.0, &key.1)?;
        self.known.revoked.insert(key, is_revoked);
        Ok(is_revoked)
    }
}
