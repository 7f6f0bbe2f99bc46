//! Writes the flags again of documents whose matches were retracted.

use std::time::Duration;

use threatsieve_blacklist::Timestamp;

use super::events::Events;
use super::work::{Interrupted, Work};
use crate::store::cluster::backfills::Counts;
use crate::store::cluster::documents::DueDocument;

/// Documents that are read at a time.
const BATCH: usize = 200;
/// Pause after the first failed attempt. Each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_DOUBLINGS: u32 = 6;

/// The documents of one round.
#[derive(Debug, Default)]
pub(crate) struct Retracted {
    /// Documents whose flags were written again.
    pub(crate) done: u64,
    /// The first reason why a document waits for another attempt.
    pub(crate) error: Option<String>,
}

/// Writes the documents that are due. What an index refuses stays in the queue.
pub(crate) async fn retract<E: Events>(
    work: &mut Work<'_, E>,
    now: Timestamp,
) -> Result<Retracted, Interrupted> {
    let mut all = Retracted::default();
    loop {
        let due = work.store.due_documents(now, BATCH)?;
        if due.is_empty() {
            return Ok(all);
        }
        let Some(_) = write(work, &due).await? else {
            for one in &due {
                work.store.confirm_document(one)?;
            }
            all.done += due.len() as u64;
            continue;
        };
        // One of them is the reason. The others are done, or are done now.
        for one in &due {
            match write(work, std::slice::from_ref(one)).await? {
                None => {
                    work.store.confirm_document(one)?;
                    all.done += 1;
                }
                Some(why) => {
                    work.store.retry_document(one, next_attempt(one, now), &why)?;
                    all.error.get_or_insert(why);
                }
            }
        }
    }
}

/// Writes documents, and returns the reason if one of them could not be written.
async fn write<E: Events>(
    work: &mut Work<'_, E>,
    due: &[DueDocument],
) -> Result<Option<String>, Interrupted> {
    let mut documents = Vec::new();
    for one in due {
        if work.stop.is_requested() {
            return Err(Interrupted::Over);
        }
        for place in &one.places {
            let read = work.events.get(&place.index, &place.id, place.routing.as_deref()).await?;
            match read {
                Some(document) => documents.push(document),
                None => work.store.forget_copy(one.event, place)?,
            }
        }
    }
    let mut found = work.settling.found(&documents);
    let documents = documents
        .into_iter()
        .enumerate()
        .map(|(at, document)| (document, found.events.remove(&at)))
        .collect();
    work.counts = Counts::default();
    match work.write(documents, true).await {
        Ok(()) => Ok(work.counts.refusal.take()),
        Err(Interrupted::Blocked(why)) => Ok(Some(why)),
        Err(other) => Err(other),
    }
}

fn next_attempt(document: &DueDocument, now: Timestamp) -> Timestamp {
    now.plus(FIRST_PAUSE * 2_u32.pow(document.attempts.min(LONGEST_DOUBLINGS)))
}
