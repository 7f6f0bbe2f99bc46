//! What `status` and `config check` say of the OpenSearch cluster.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::configured::network_runtime;
use crate::cluster::Cluster;
use crate::config::{Config, OpenSearch};
use crate::output::{counted, harmless, moment};
use crate::publish::{self, NodeAnswer, Outgoing, nodes_text, remedy};
use crate::store::Store;

/// How long `status` waits for a host, and for its answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the nodes serve, asked now, and what became of the last push; `null` without a cluster.
pub(super) fn cluster_status(config: &Config, store: &Store) -> anyhow::Result<Json> {
    let Some(settings) = &config.opensearch else { return Ok(Json::Null) };
    let push = store.last_push()?;
    let (name, time) = (&config.blacklist.name, |at: Option<_>| at.map(moment));
    let asked = network_runtime()?.block_on(async {
        let cluster = Cluster::new(settings, &config.http.user_agent)?.hurried(PATIENCE);
        let server = cluster.connect().await?;
        anyhow::Ok((server.host, publish::loaded(&cluster, name).await?))
    });
    let (host, error, wanted, nodes) = match asked {
        Ok((host, loaded)) => {
            (Some(host), None, loaded.blacklists.get(name).cloned(), publish::nodes(&loaded, name))
        }
        Err(error) => (None, Some(format!("{error:#}")), None, Vec::new()),
    };
    let hosts: Vec<&str> = settings.hosts.iter().map(url::Url::as_str).collect();
    Ok(json!({
        "hosts": hosts, "host": host, "error": error, "wanted": wanted, "nodes": nodes,
        "push": {
            "enabled": settings.push, "generation": push.generation, "attempted": time(push.attempted), "taken": time(push.taken),
            "acknowledged": time(push.acknowledged), "refused": push.refused, "error": push.error,
        },
    }))
}

/// The same for people; empty without a cluster.
pub(super) fn cluster_text(status: &Json) -> String {
    let mut text = String::new();
    if status.is_null() {
        return text;
    }
    let shown = |value: &Json| harmless(value.as_str().unwrap_or("-")).into_owned();
    match (status["error"].as_str(), status["wanted"]["generation"].as_u64()) {
        (Some(error), _) => _ = writeln!(text, "cluster   not asked: {}", harmless(error)),
        (None, Some(generation)) => {
            _ = writeln!(text, "cluster   {}: generation {generation} is wanted", shown(&status["host"]));
        }
        (None, None) => {
            _ = writeln!(text, "cluster   {}: has no blacklist of this name", shown(&status["host"]))
        }
    }
    let nodes: Vec<NodeAnswer> = serde_json::from_value(status["nodes"].clone()).unwrap_or_default();
    text.push_str(&nodes_text(&nodes));
    let push = &status["push"];
    let Some(generation) = push["generation"].as_u64() else {
        text.push_str("          nothing was pushed yet\n");
        return text;
    };
    let attempted = shown(&push["attempted"]);
    if let (Some(wanted), true) = (status["wanted"]["generation"].as_u64(), push["taken"].is_string())
        && wanted != generation
    {
        _ = writeln!(
            text,
            "          generation {generation} was pushed, and rolled back since: the next one is pushed as ever"
        );
        return text;
    }
    match (push["refused"].as_str(), push["error"].as_str(), push["acknowledged"].as_str()) {
        (Some(kind), error, _) => {
            let reason = harmless(error.unwrap_or_default());
            let kind_shown = harmless(kind);
            _ = writeln!(
                text,
                "          generation {generation} is refused ({kind_shown}): {reason}{}",
                remedy(kind)
            );
        }
        (None, Some(error), _) => {
            _ = writeln!(
                text,
                "          generation {generation}, last tried {attempted}, is not pushed: {}",
                harmless(error)
            );
        }
        (None, None, Some(at)) => {
            _ = writeln!(text, "          generation {generation} was served by all since {}", harmless(at));
        }
        (None, None, None) => {
            _ = writeln!(
                text,
                "          generation {generation}, pushed {attempted}, is not yet served by all"
            );
        }
    }
    text
}

/// Connects, and says in a few words who answers and what a round would push.
pub(super) async fn probe(settings: &OpenSearch, config: &Config) -> anyhow::Result<String> {
    let cluster = Cluster::new(settings, &config.http.user_agent)?;
    let server = cluster.connect().await?;
    let mut text = format!(
        "{} answers (cluster {}, OpenSearch {})",
        server.host,
        server.cluster.as_deref().unwrap_or("not shown"),
        server.version.as_deref().unwrap_or("not shown")
    );
    let name = &config.blacklist.name;
    let loaded = publish::loaded(&cluster, name).await?;
    let nodes = publish::nodes(&loaded, name).len() as u64;
    _ = write!(text, ", {}", counted(nodes, "ingest node", "ingest nodes"));
    // A state that is not there yet is not made by looking.
    let in_use = match config.state.join("state.db").exists() {
        true => Outgoing::in_use(&Store::open(&config.state)?, config)?.map(|outgoing| outgoing.generation),
        false => None,
    };
    let there = loaded.blacklists.get(name).map(|wanted| wanted.generation);
    let of = |generation: Option<u64>| {
        generation.map_or("none".to_owned(), |generation| format!("generation {generation}"))
    };
    let will = match (settings.push, in_use) {
        (false, _) => "rounds push nothing (`push = false`)".to_owned(),
        (true, None) => "a round would push the first blacklist that is built".to_owned(),
        (true, Some(_)) if in_use == there => "a round would push the next generation".to_owned(),
        (true, Some(generation)) => format!("a round would push generation {generation}"),
    };
    _ = write!(text, "; of blacklist {name:?} it has {}, here is {}: {will}", of(there), of(in_use));
    Ok(text)
}
