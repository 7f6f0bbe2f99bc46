//! Indices and the primaries of their shards.

use std::collections::BTreeMap;

use opensearch::http::Method;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::backfill::{Index, Primary};
use crate::opensearch::cluster::{Cluster, Fault, Request, path};
use crate::opensearch::mappings::flat;

/// Returns the concrete indices that the patterns name, open or closed. Data streams and aliases
/// come as their indices.
pub(super) async fn indices(cluster: &Cluster, patterns: &[String]) -> Result<Vec<Index>, Fault> {
    let named = patterns.join(",");
    let ask = |what: &'static str, place: &'static str| {
        Request::get(path(&[&named, place]), what)
            .query("expand_wildcards", "open,closed")
            .query("ignore_unavailable", "true")
            .query("allow_no_indices", "true")
            .large()
    };
    let settings: BTreeMap<String, Json> =
        cluster.ask(&ask("the indices' settings", "_settings")).await?;
    let mut mappings: BTreeMap<String, Json> =
        cluster.ask(&ask("the indices' mappings", "_mapping")).await?;
    let index = |(name, index): (String, Json)| {
        let settings = flat(&index["settings"]);
        let uuid = settings["index.uuid"].as_str()?.to_owned();
        let mappings = mappings.remove(&name).map_or(Json::Null, |mut it| it["mappings"].take());
        Some(Index { name, uuid, settings, mappings })
    };
    Ok(settings.into_iter().filter_map(index).collect())
}

/// Returns the started primaries of an index.
pub(super) async fn primaries(cluster: &Cluster, index: &str) -> Result<Vec<Primary>, Fault> {
    #[derive(Deserialize)]
    struct Stats {
        #[serde(default)]
        indices: BTreeMap<String, OfIndex>,
    }
    #[derive(Deserialize)]
    struct OfIndex {
        #[serde(default)]
        shards: BTreeMap<String, Vec<Copy>>,
    }
    #[derive(Deserialize)]
    struct Copy {
        routing: Routing,
        commit: Commit,
        seq_no: SeqNo,
    }
    #[derive(Deserialize)]
    struct Routing {
        primary: bool,
        state: String,
    }
    #[derive(Deserialize)]
    struct Commit {
        user_data: BTreeMap<String, String>,
    }
    #[derive(Deserialize)]
    struct SeqNo {
        max_seq_no: i64,
        global_checkpoint: i64,
    }
    let request = Request::get(path(&[index, "_stats"]), "the shards' sequence numbers")
        .query("level", "shards")
        .query(
            "filter_path",
            "indices.*.shards.*.routing,indices.*.shards.*.commit,indices.*.shards.*.seq_no",
        )
        .large();
    let mut stats: Stats = cluster.ask(&request).await?;
    let Some(stats) = stats.indices.remove(index) else { return Ok(Vec::new()) };
    let mut primaries = Vec::new();
    for (number, copies) in stats.shards {
        // One that moves to another node works until its copy there takes over.
        let works = |state: &str| matches!(state, "STARTED" | "RELOCATING");
        let primary =
            copies.into_iter().find(|copy| copy.routing.primary && works(&copy.routing.state));
        if let (Some(mut copy), Ok(number)) = (primary, number.parse()) {
            primaries.push(Primary {
                number,
                history_uuid: copy.commit.user_data.remove("history_uuid").unwrap_or_default(),
                highest: copy.seq_no.max_seq_no,
                checkpoint: copy.seq_no.global_checkpoint,
            });
        }
    }
    Ok(primaries)
}

/// Refreshes an index. The answer of a missing shard is a success of nothing.
pub(super) async fn refresh(cluster: &Cluster, index: &str) -> Result<(), Fault> {
    let what = "the refresh of an index";
    let request = Request::new(Method::Post, path(&[index, "_refresh"]), what);
    let answer: Json = cluster.ask(&request).await?;
    let shards = &answer["_shards"];
    if shards["failed"] == 0 && shards["successful"].as_u64().unwrap_or(0) > 0 {
        return Ok(());
    }
    let got = format!("{}: {shards}", index);
    Err(Fault::Unfit { host: index.to_owned(), what: "a refresh of all shards", got })
}
