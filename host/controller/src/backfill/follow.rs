//! Follows newly flagged events: each match is recorded in the state once, whether a pipeline or a
//! backfill wrote the flag. Alerts are made of what is recorded.
//!
//! The order is that of sequence numbers. All writes up to the global checkpoint are there, so none
//! is passed over. A change of an event gives it a new number, and it comes again: what is known
//! already adds nothing.

use std::collections::HashSet;

use serde_json::{Value as Json, json};
use threatsieve_flag::{Found, coverings};

use super::events::{Document, Events, Wanted};
use super::settle::Settling;
use super::work::Interrupted;
use crate::pipeline::FoundEvent;
use crate::stop::Stop;
use crate::store::Store;
use crate::store::cluster::documents::queue_document;
use crate::store::cluster::shards::{Shard, follow_to};
use crate::store::events::{
    DocumentPlace, Finding, NewEvent, Place, document_uid, insert_event, insert_match, last_match,
};
use crate::store::retraction::{is_retracted, retract_matches_of};

/// Events in one page.
const PAGE: usize = 1000;

/// New events and matches.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Followed {
    pub(crate) events: u64,
    pub(crate) matches: u64,
}

/// Returns the query for events with flags of a blacklist.
pub(crate) fn flagged_query(mappings: &Json, blacklist: &str) -> Json {
    let path = "threat.enrichments";
    let named = json!({ "match": { (format!("{path}.threatsieve.blacklist")): blacklist } });
    let enrichments = &mappings["properties"]["threat"]["properties"]["enrichments"];
    let named = if enrichments["type"] == "nested" {
        json!({ "nested": { "path": path, "query": named } })
    } else {
        named
    };
    let exists = |name: &str| json!({ "exists": { "field": name } });
    json!({ "bool": { "should": [
        named,
        exists("threatsieve.flags.blacklist"),
        exists("threatsieve.withheld"),
        exists("threatsieve.omitted"),
        exists("threatsieve.clash"),
    ] } })
}

/// Records the flags of a shard up to a sequence number.
pub(crate) async fn follow(
    events: &impl Events,
    settling: &mut Settling<'_>,
    store: &mut Store,
    shard: &Shard,
    (query, until): (&Json, i64),
    finding: Finding,
    stop: &Stop,
) -> Result<Followed, Interrupted> {
    let (mut after, mut all) = (shard.followed, Followed::default());
    while after < until {
        if stop.is_requested() {
            return Err(Interrupted::Over);
        }
        let wanted = Wanted {
            index: &shard.index,
            shard: shard.number,
            query,
            after,
            until,
            most: PAGE,
            sorted: true,
            fields: &[],
        };
        let page = events.search(&wanted).await?;
        after = match page.last() {
            Some(last) if page.len() == PAGE => last.seq_no,
            _ => until,
        };
        let followed = record(settling, store, shard.id, &page, after, finding)?;
        all.events += followed.events;
        all.matches += followed.matches;
    }
    Ok(all)
}

/// Records the flags of some documents, in one transaction with the place that is reached.
fn record(
    settling: &mut Settling<'_>,
    store: &mut Store,
    shard: i64,
    documents: &[Document],
    reached: i64,
    finding: Finding,
) -> anyhow::Result<Followed> {
    let mut found = settling.found(documents);
    let transaction = store.write()?;
    let last_before = last_match(&transaction)?;
    let (mut all, mut is_earlier) = (Followed::default(), false);
    for (at, document) in documents.iter().enumerate() {
        let mut event = found.events.remove(&at).unwrap_or_else(|| settling.read(document));
        let now = std::mem::take(&mut event.found);
        let counting = settling.judge(&transaction, now)?;
        let earlier = settling.earlier(&transaction, document)?;
        if counting.is_empty() && earlier.is_empty() {
            continue;
        }
        let uid = document_uid(&document.index, &document.id);
        let place = DocumentPlace {
            index: &document.index,
            id: &document.id,
            routing: document.routing.as_deref(),
        };
        let raw = text_of(&event);
        let known = insert_event(
            &transaction,
            &NewEvent {
                place: Place::Document(place),
                uid,
                occurred: event.time,
                source: event.source(),
                raw: &raw,
            },
        )?;
        let is_historic = document.source["threatsieve"]["historic"] == true;
        let finding = Finding { is_historic, ..finding };
        let coverings = coverings(&counting);
        let mut seen: HashSet<(String, String)> = HashSet::new();
        let mut matches = 0;
        for covering in coverings.iter().filter(|covering| covering.is_first()) {
            let parts = covering.parts(&coverings);
            let indicator = covering.indicator;
            seen.insert((indicator.feed.clone(), indicator.shown_id()));
            let is_written = settling.shape().ceiling.admits(indicator.tlp);
            matches +=
                u64::from(insert_match(&transaction, known.id, &parts, is_written, &finding)?);
        }
        let mut is_wrong = false;
        for (one, why) in &earlier {
            if seen.contains(&(one.feed.clone(), one.indicator.clone())) {
                continue;
            }
            if is_retracted(&transaction, known.id, (&one.feed, &one.indicator))? {
                // The document was restored, or others wrote it meanwhile.
                is_wrong = true;
                continue;
            }
            // The indicator ended or left its list since, which changes nothing: it was valid at
            // the event's time. If it was withdrawn, the flag goes.
            let finding = Finding { is_told: finding.is_told || why.is_some(), ..finding };
            let of_this: Vec<Found> = vec![one.found.clone()];
            let parts = threatsieve_flag::coverings(&of_this);
            let is_new = insert_match(&transaction, known.id, &parts, true, &finding)?;
            if let Some(why) = why {
                retract_matches_of(
                    &transaction,
                    known.id,
                    (&one.feed, &one.indicator),
                    why,
                    finding.now,
                )?;
                is_wrong = true;
            } else {
                matches += u64::from(is_new);
                is_earlier |= is_new;
            }
        }
        if is_wrong {
            queue_document(&transaction, known.id)?;
        }
        all.events += u64::from(known.is_new);
        all.matches += matches;
    }
    if is_earlier {
        settling.suppress(&transaction, last_before, finding.now)?;
    }
    follow_to(&transaction, shard, reached)?;
    transaction.commit()?;
    Ok(all)
}

/// Returns the text of an event for people: its line if it has one, or the document.
fn text_of(event: &FoundEvent) -> String {
    let line = ["event.original", "message"]
        .iter()
        .find_map(|name| threatsieve_flag::value_at(&event.event, name).and_then(Json::as_str));
    match line {
        Some(line) => line.to_owned(),
        None => {
            let mut source = event.event.clone();
            source.retain(|name, _| !matches!(name.as_str(), "threat" | "threatsieve"));
            Json::Object(source).to_string()
        }
    }
}
