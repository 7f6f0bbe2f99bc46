//! Changes of stored events, in bulk.

use std::time::Duration;

use bytes::Bytes;
use opensearch::http::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::backfill::{Change, Changed, What};
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
    update: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    error: Option<Json>,
}

/// Makes changes, each only if its document is still the one that was read. They can be repeated:
/// a change that was made already is a conflict then.
pub(super) async fn change(
    cluster: &Cluster,
    changes: &[Change<'_>],
) -> Result<Vec<Changed>, Fault> {
    let mut body = String::new();
    for Change { document, what } in changes {
        let mut action = json!({
            "_index": document.index,
            "_id": document.id,
            "if_seq_no": document.seq_no,
            "if_primary_term": document.primary_term,
        });
        if let Some(routing) = &document.routing {
            action["routing"] = json!(routing);
        }
        let content = match what {
            What::Merge(fields) => json!({ "doc": fields }),
            What::Exchange { set, remove } => json!({ "script": {
                "lang": "painless",
                "source": EXCHANGE,
                "params": { "set": set, "remove": remove },
            } }),
        };
        body += &format!("{}\n{content}\n", json!({ "update": action }));
    }
    let request = Request::new(Method::Post, "_bulk", "the changes of stored events")
        .ndjson(Bytes::from(body))
        .more_time(MORE_TIME)
        .large();
    let answer: Answer = cluster.ask(&request).await?;
    if answer.items.len() != changes.len() {
        let got = format!("{} outcomes", answer.items.len());
        return Err(Fault::Unfit {
            host: "_bulk".to_owned(),
            what: "one outcome for each change",
            got,
        });
    }
    Ok(answer.items.into_iter().map(|item| outcome(&item.update)).collect())
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
        (429 | 503, _) => Changed::Busy(why()),
        _ => Changed::Refused(why()),
    }
}
