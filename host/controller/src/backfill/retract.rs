//! Writes the flags again of documents whose matches were retracted.

use std::time::Duration;

use threatsieve_blacklist::Timestamp;

use super::events::Events;
use super::work::{Interrupted, Work};
use crate::store::cluster::documents::DueDocument;

/// Documents that are read at a time.
const BATCH: usize = 200;
/// Pause after the first failed attempt. Each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_DOUBLINGS: u32 = 6;

/// Writes the documents that are due, and returns their number.
pub(crate) async fn retract<E: Events>(
    work: &mut Work<'_, E>,
    now: Timestamp,
) -> Result<u64, Interrupted> {
    let mut done = 0;
    loop {
        let due = work.store.due_documents(now, BATCH)?;
        if due.is_empty() {
            return Ok(done);
        }
        let mut documents = Vec::new();
        for one in &due {
            if work.stop.is_requested() {
                return Err(Interrupted::Over);
            }
            let read = work.events.get(&one.index, &one.id, one.routing.as_deref()).await?;
            documents.extend(read);
        }
        let mut found = work.settling.found(&documents);
        let documents = documents
            .into_iter()
            .enumerate()
            .map(|(at, document)| (document, found.events.remove(&at)))
            .collect();
        match work.write(documents, true).await {
            Ok(()) => {
                for one in &due {
                    work.store.confirm_document(one)?;
                }
                done += due.len() as u64;
            }
            Err(Interrupted::Blocked(why)) => {
                for one in &due {
                    work.store.retry_document(one, next_attempt(one, now), &why)?;
                }
            }
            Err(other) => return Err(other),
        }
    }
}

fn next_attempt(document: &DueDocument, now: Timestamp) -> Timestamp {
    now.plus(FIRST_PAUSE * 2_u32.pow(document.attempts.min(LONGEST_DOUBLINGS)))
}
