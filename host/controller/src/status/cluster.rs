//! The OpenSearch cluster, as `status` and `config check` show it.

use std::fmt::{self, Write as _};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{Config, OpenSearch};
use crate::network::shown_url;
use crate::opensearch::cluster::Cluster;
use crate::opensearch::publish::{self, NodeAnswer, Outgoing, Wanted, nodes_text, remedy};
use crate::store::cluster::shards::ClusterState;
use crate::store::cluster::troubles::IndexTrouble;
use crate::store::{LastPush, Store};
use crate::text::{Rfc3339, counted, escape_controls, grouped};

/// Maximum wait of `status` for a host, and for its answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The cluster's own answer, asked for now, and the outcome of the last push.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClusterStatus {
    /// The configured hosts.
    pub(crate) hosts: Vec<String>,
    /// The host that answered.
    pub(crate) host: Option<String>,
    /// Reason why no host answered.
    pub(crate) error: Option<String>,
    /// The blacklist that the cluster wants its nodes to serve.
    pub(crate) wanted: Option<Wanted>,
    pub(crate) nodes: Vec<NodeAnswer>,
    pub(crate) push: PushStatus,
    /// The indices whose events are matched; `None` without any.
    pub(crate) indices: Option<IndicesStatus>,
}

/// The indices whose events are matched.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IndicesStatus {
    #[serde(flatten)]
    state: ClusterState,
    left_out: Vec<IndexTrouble>,
}

/// The last push.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PushStatus {
    /// Rounds push by themselves.
    pub(crate) enabled: bool,
    pub(crate) generation: Option<u64>,
    pub(crate) attempted: Option<Rfc3339>,
    pub(crate) taken: Option<Rfc3339>,
    pub(crate) acknowledged: Option<Rfc3339>,
    pub(crate) refused: Option<String>,
    pub(crate) error: Option<String>,
}

impl ClusterStatus {
    /// Asks the cluster what its nodes serve. A cluster that does not answer is part of the status.
    pub(crate) async fn ask(
        settings: &OpenSearch,
        config: &Config,
        store: &Store,
    ) -> anyhow::Result<ClusterStatus> {
        let name = &config.blacklist.name;
        let asked = async {
            let cluster = Cluster::new(settings, &config.http.user_agent)?.hurried(PATIENCE);
            let server = cluster.connect().await?;
            anyhow::Ok((server.host, publish::loaded(&cluster, name).await?))
        };
        let asked = asked.await;
        let mut status = ClusterStatus {
            hosts: settings.hosts.iter().map(shown_url).collect(),
            host: None,
            error: None,
            wanted: None,
            nodes: Vec::new(),
            push: PushStatus::new(settings, store.last_push()?),
            indices: match settings.backfill {
                Some(_) => Some(IndicesStatus {
                    state: store.cluster_state()?,
                    left_out: store.index_troubles()?,
                }),
                None => None,
            },
        };
        match asked {
            Ok((host, loaded)) => {
                status.host = Some(host);
                status.wanted = loaded.blacklists.get(name).cloned();
                status.nodes = publish::nodes(&loaded, name);
            }
            Err(error) => status.error = Some(format!("{error:#}")),
        }
        Ok(status)
    }
}

impl PushStatus {
    fn new(settings: &OpenSearch, push: LastPush) -> PushStatus {
        PushStatus {
            enabled: settings.push,
            generation: push.generation,
            attempted: push.attempted.map(Rfc3339),
            taken: push.taken.map(Rfc3339),
            acknowledged: push.acknowledged.map(Rfc3339),
            refused: push.refused,
            error: push.error,
        }
    }
}

impl fmt::Display for ClusterStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = escape_controls(self.host.as_deref().unwrap_or("-"));
        match (&self.error, &self.wanted) {
            (Some(error), _) => writeln!(f, "cluster   not asked: {}", escape_controls(error))?,
            (None, Some(wanted)) => {
                writeln!(f, "cluster   {host}: generation {} is wanted", wanted.generation)?;
            }
            (None, None) => writeln!(f, "cluster   {host}: has no blacklist of this name")?,
        }
        f.write_str(&nodes_text(&self.nodes))?;
        if let Some(indices) = &self.indices {
            let IndicesStatus { state, left_out } = indices;
            writeln!(
                f,
                "          {} of indices followed, {} to match again, {} to correct",
                counted(state.shards, "shard", "shards"),
                grouped(state.shards_left),
                counted(state.documents_waiting, "document", "documents"),
            )?;
            for trouble in left_out {
                let text = format!("{} is left out: {}", trouble.index, trouble.reason);
                writeln!(f, "          {}", escape_controls(&text))?;
            }
        }
        let Some(generation) = self.push.generation else {
            return f.write_str("          nothing was pushed yet\n");
        };
        let is_other = |wanted: &Wanted| wanted.generation != generation;
        if self.push.taken.is_some() && self.wanted.as_ref().is_some_and(is_other) {
            return writeln!(
                f,
                "          generation {generation} was pushed, and rolled back since; \
                 the next generation will be pushed"
            );
        }
        writeln!(f, "          generation {generation}{}", self.push)
    }
}

/// The outcome, to be put after the generation.
impl fmt::Display for PushStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempted = self.attempted.map_or_else(|| "never".to_owned(), |at| at.to_string());
        match (&self.refused, &self.error, self.acknowledged) {
            (Some(kind), error, _) => {
                let reason = escape_controls(error.as_deref().unwrap_or_default());
                write!(f, " is refused ({}): {reason}{}", escape_controls(kind), remedy(kind))
            }
            (None, Some(error), _) => {
                write!(f, ", last tried {attempted}, is not pushed: {}", escape_controls(error))
            }
            (None, None, Some(at)) => write!(f, " was served by all since {at}"),
            (None, None, None) => write!(f, ", pushed {attempted}, is not yet served by all"),
        }
    }
}

/// Connects, and describes in a few words which host answers and what a round would push.
pub(crate) async fn probe(settings: &OpenSearch, config: &Config) -> anyhow::Result<String> {
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
    let store = Store::open_to_read(&config.state)?;
    let in_use = Outgoing::in_use(&store, config)?.map(|outgoing| outgoing.generation);
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
    _ = write!(
        text,
        "; of blacklist {name:?} it has {}, the state has {}: {will}",
        of(there),
        of(in_use)
    );
    Ok(text)
}
