//! Checks whether all ingest nodes have the plugin, in the same version.

use std::collections::BTreeMap;

use opensearch::nodes::NodesInfoParts;
use serde::{Deserialize, Serialize};

use super::Finding;
use crate::opensearch::cluster::{Cluster, Fault, Request};

/// The plugin's name.
const PLUGIN: &str = "threatsieve";

/// An ingest node.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NodePlugin {
    pub(crate) name: String,
    /// The server's version.
    pub(crate) version: String,
    /// The plugin's version; `None` if the node has no plugin.
    pub(crate) plugin: Option<String>,
}

/// Lists all ingest nodes.
pub(crate) async fn node_plugins(cluster: &Cluster) -> Result<Vec<NodePlugin>, Fault> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        nodes: BTreeMap<String, Node>,
    }
    #[derive(Deserialize)]
    struct Node {
        name: String,
        version: String,
        #[serde(default)]
        roles: Vec<String>,
        #[serde(default)]
        plugins: Vec<Plugin>,
    }
    #[derive(Deserialize)]
    struct Plugin {
        name: String,
        version: String,
    }
    let filter = ["name", "version", "roles", "plugins.name", "plugins.version"]
        .map(|key| format!("nodes.*.{key}"));
    let place = NodesInfoParts::Metric(&["plugins"]).url();
    let request = Request::get(place, "the nodes' plugins").query("filter_path", filter.join(","));
    let answer: Answer = cluster.ask(&request).await?;
    let ingest =
        answer.nodes.into_values().filter(|node| node.roles.iter().any(|role| role == "ingest"));
    let ours = |plugins: Vec<Plugin>| plugins.into_iter().find(|plugin| plugin.name == PLUGIN);
    let node = |node: Node| NodePlugin {
        name: node.name,
        version: node.version,
        plugin: ours(node.plugins).map(|plugin| plugin.version),
    };
    Ok(ingest.map(node).collect())
}

/// Lists the faults of the ingest nodes.
pub(crate) fn node_findings(nodes: &[NodePlugin]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let named = |without: bool| -> Vec<&str> {
        nodes
            .iter()
            .filter(|node| node.plugin.is_none() == without)
            .map(|node| node.name.as_str())
            .collect()
    };
    if nodes.is_empty() {
        findings.push(Finding {
            is_problem: true,
            what: "the cluster has no ingest node: no pipeline runs".to_owned(),
            remedy: "give a node the role `ingest`".to_owned(),
        });
    }
    let missing = named(true);
    if !missing.is_empty() {
        findings.push(Finding {
            is_problem: true,
            what: format!(
                "the plugin {PLUGIN} is missing on {}: pipelines with `threat_match` fail there",
                missing.join(", ")
            ),
            remedy: "install it (`make deploy-plugin HOST=...`), and restart the node".to_owned(),
        });
    }
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in nodes {
        if let Some(version) = &node.plugin {
            versions.entry(version).or_default().push(&node.name);
        }
    }
    if versions.len() > 1 {
        let each: Vec<String> = versions
            .iter()
            .map(|(version, names)| format!("{version} on {}", names.join(", ")))
            .collect();
        findings.push(Finding {
            is_problem: false,
            what: format!("the plugin's versions differ: {}", each.join("; ")),
            remedy: "finish the upgrade: until then, new features may be missing on some nodes"
                .to_owned(),
        });
    }
    findings
}
