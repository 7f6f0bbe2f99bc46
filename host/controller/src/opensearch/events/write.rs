//! Changes of stored events, in bulk.

use std::time::Duration;

use bytes::Bytes;
use opensearch::http::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use threatsieve_flag::Rewrite;

use super::search::get;
use crate::backfill::{Change, Changed, Document};
use crate::opensearch::cluster::{Cluster, Fault, Request};

/// Exchanges top-level fields. The text is always the same, so the cluster compiles it once.
const EXCHANGE: &str = "for (name in params.remove) { ctx._source.remove(name); } \
                        for (field in params.set.entrySet()) { \
                        ctx._source[field.getKey()] = field.getValue(); }";
/// Time in addition to that of other requests: a cluster may wait a minute for a missing shard.
const MORE_TIME: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(alias = "index")]
    update: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    error: Option<Json>,
}

/// Makes changes, each only if its document is still the one that was read. They can be repeated:
/// a change that was made already is a conflict then.
pub(super) async fn change(cluster: &Cluster, changes: &[Change]) -> Result<Vec<Changed>, Fault> {
    let mut body = String::new();
    for Change { document, rewrite: Rewrite { set, remove, merges } } in changes {
        let content = match merges {
            true => json!({ "doc": set }),
            false => json!({ "script": {
                "lang": "painless",
                "source": EXCHANGE,
                "params": { "set": set, "remove": remove },
            } }),
        };
        add(&mut body, "update", document, &content);
    }
    let outcomes = bulk(cluster, body, changes.len()).await?;
    let mut all: Vec<Changed> = outcomes.iter().map(outcome).collect();
    let no_scripts: Vec<usize> =
        (0..changes.len()).filter(|at| has_no_scripts(&outcomes[*at])).collect();
    if !no_scripts.is_empty() {
        let these: Vec<&Change> = no_scripts.iter().map(|at| &changes[*at]).collect();
        for (at, changed) in no_scripts.iter().zip(replace(cluster, &these).await?) {
            all[*at] = changed;
        }
    }
    Ok(all)
}

/// Makes changes by writing the documents as a whole, for clusters that run no scripts of requests.
async fn replace(cluster: &Cluster, changes: &[&Change]) -> Result<Vec<Changed>, Fault> {
    let mut body = String::new();
    // Those that are not sent have their outcome already.
    let mut all: Vec<Option<Changed>> = Vec::new();
    for Change { document: read, rewrite } in changes {
        // What was read may be only a part of the fields.
        let whole = get(cluster, &read.index, &read.id, read.routing.as_deref()).await?;
        all.push(match whole {
            None => Some(Changed::Gone),
            Some(whole) if whole.seq_no != read.seq_no => Some(Changed::Conflict),
            Some(whole) => {
                add(&mut body, "index", read, &json!(rewrite.apply(&whole.source)));
                None
            }
        });
    }
    let sent = all.iter().filter(|outcome| outcome.is_none()).count();
    let mut outcomes = match sent {
        0 => Vec::new(),
        sent => bulk(cluster, body, sent).await?,
    }
    .into_iter();
    let mut next = || outcomes.next().map_or(Changed::Conflict, |answer| outcome(&answer));
    Ok(all.into_iter().map(|known| known.unwrap_or_else(&mut next)).collect())
}

/// Adds an action with its content to the body of a request.
fn add(body: &mut String, action: &str, document: &Document, content: &Json) {
    let mut about = json!({
        "_index": document.index,
        "_id": document.id,
        "if_seq_no": document.seq_no,
        "if_primary_term": document.primary_term,
    });
    if let Some(routing) = &document.routing {
        about["routing"] = json!(routing);
    }
    *body += &format!("{}\n{content}\n", json!({ action: about }));
}

/// Sends actions, and returns their outcomes.
async fn bulk(cluster: &Cluster, body: String, actions: usize) -> Result<Vec<Outcome>, Fault> {
    let request = Request::new(Method::Post, "_bulk", "the changes of stored events")
        // Only actions that index whole documents would pass one.
        .query("pipeline", "_none")
        .ndjson(Bytes::from(body))
        .more_time(MORE_TIME)
        .large()
        .once();
    let answer: Answer = match cluster.ask(&request).await {
        Ok(answer) => answer,
        // It is too much for the cluster: each of them is to be sent again, with fewer others.
        Err(Fault::Answer { status: status @ (413 | 429), reason, .. }) => {
            let error = Some(json!({ "type": "the request", "reason": reason }));
            return Ok((0..actions).map(|_| Outcome { status, error: error.clone() }).collect());
        }
        Err(fault) => return Err(fault),
    };
    if answer.items.len() != actions {
        let got = format!("{} outcomes", answer.items.len());
        return Err(Fault::Unfit {
            host: "_bulk".to_owned(),
            what: "one outcome for each change",
            got,
        });
    }
    Ok(answer.items.into_iter().map(|item| item.update).collect())
}

/// Returns whether a change is refused because the cluster runs no scripts of requests
/// (`script.allowed_types`, `script.allowed_contexts`).
fn has_no_scripts(outcome: &Outcome) -> bool {
    let cause = outcome.error.as_ref().map_or(&Json::Null, |error| &error["caused_by"]["reason"]);
    cause
        .as_str()
        .is_some_and(|cause| cause.starts_with("cannot execute") && cause.contains("script"))
}

fn outcome(update: &Outcome) -> Changed {
    let error = update.error.as_ref().unwrap_or(&Json::Null);
    let kind = error["type"].as_str().unwrap_or("no reason");
    let cause = error["caused_by"]["reason"].as_str();
    let reason = error["reason"].as_str().unwrap_or_default();
    let why = || match cause {
        Some(cause) => format!("{kind}: {reason}: {cause}"),
        None => format!("{kind}: {reason}"),
    };
    match (update.status, kind) {
        (200..=299, _) => Changed::Done,
        (409, _) => Changed::Conflict,
        (404, "index_not_found_exception") => Changed::Blocked(why()),
        (404, _) => Changed::Gone,
        // A full disk: it does not get better within seconds.
        (
            _,
            "cluster_block_exception"
            | "index_closed_exception"
            | "document_source_missing_exception",
        ) => Changed::Blocked(why()),
        (401 | 403, _) => Changed::Blocked(why()),
        (413 | 429 | 503, _) => Changed::Busy(why()),
        _ => Changed::Refused(why()),
    }
}
