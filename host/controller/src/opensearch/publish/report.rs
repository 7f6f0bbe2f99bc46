//! The result of a push, node by node.

use std::fmt::Write as _;

use serde::Serialize;

use super::api::{Loaded, Node, NodeAnswer};
use crate::store::Unchecked;
use crate::text::{counted, escape_controls, grouped};

/// The outcome of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// All ingest nodes serve the blacklist.
    Acknowledged,
    /// The cluster has the blacklist, but some node does not serve it yet.
    Waiting,
    /// The cluster refuses the blacklist.
    Refused,
    /// The cluster took the blacklist, and was rolled back since.
    RolledBack,
    /// The blacklist could not be sent to the cluster.
    Failed,
}

/// A push's report.
#[derive(Debug, Serialize)]
pub(crate) struct PushReport {
    pub(crate) name: String,
    pub(crate) generation: u64,
    pub(crate) outcome: Outcome,
    /// The kind of refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// The reason, if the outcome is neither `Acknowledged` nor `Waiting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// 0 if the cluster already had the blacklist.
    pub(crate) sent_bytes: u64,
    /// The ingest nodes; empty if they were not asked.
    pub(crate) nodes: Vec<NodeAnswer>,
    pub(crate) seconds: f64,
}

impl PushReport {
    pub(super) fn new(name: &str, generation: u64, outcome: Outcome) -> PushReport {
        PushReport {
            name: name.to_owned(),
            generation,
            outcome,
            kind: None,
            reason: None,
            sent_bytes: 0,
            nodes: Vec::new(),
            seconds: 0.0,
        }
    }

    /// Returns whether the cluster or a node of it failed.
    pub(crate) fn is_trouble(&self) -> bool {
        match self.outcome {
            Outcome::Refused | Outcome::Failed => true,
            // A node that is loading has not failed.
            Outcome::Waiting => {
                self.nodes.iter().any(|node| !matches!(&*node.state, "serving" | "loading"))
            }
            Outcome::Acknowledged | Outcome::RolledBack => false,
        }
    }

    /// Numbers of events that were not checked, by node, for the nodes that were asked.
    pub(super) fn unchecked(&self) -> Unchecked {
        let count = |node: &NodeAnswer| Some((node.name.clone(), node.unchecked?));
        self.nodes.iter().filter_map(count).collect()
    }

    /// Returns the outcome in one line.
    pub(crate) fn summary(&self) -> String {
        let reason = escape_controls(self.reason.as_deref().unwrap_or_default());
        match self.outcome {
            Outcome::Acknowledged => {
                let nodes =
                    counted(self.nodes.len() as u64, "ingest node serves", "ingest nodes serve");
                format!("{nodes} it")
            }
            Outcome::Waiting => {
                let serves = |node: &&NodeAnswer| {
                    node.state == "serving" && node.generation == Some(self.generation)
                };
                let serving = self.nodes.iter().filter(serves).count() as u64;
                format!(
                    "{} of {} serve it; the others are looked at again in the next round",
                    grouped(serving),
                    counted(self.nodes.len() as u64, "ingest node", "ingest nodes")
                )
            }
            Outcome::Refused => {
                let kind = self.kind.as_deref().unwrap_or_default();
                format!("refused ({}): {reason}{}", escape_controls(kind), remedy(kind))
            }
            Outcome::RolledBack => format!("rolled back: {reason}"),
            Outcome::Failed => format!("failed: {reason}"),
        }
    }

    /// Returns the report for people: the summary, then the nodes.
    pub(crate) fn text(&self) -> String {
        format!(
            "blacklist {} generation {}: {}\n{}",
            escape_controls(&self.name),
            self.generation,
            self.summary(),
            nodes_text(&self.nodes)
        )
    }
}

/// Returns the remedy for a kind of refusal, to be put after the reason.
pub(crate) fn remedy(kind: &str) -> &'static str {
    match kind {
        "shrunk" | "empty" => "; if that is right, push it with `threatsieve push --allow-shrink`",
        "older" => {
            "; the cluster's generation is from another controller, or from before this state \
             was lost: `threatsieve push --renumber` builds this one again with a higher number"
        }
        "signature" => "; sign it with the key that the nodes trust (`sign_key` in [blacklist])",
        "budget" => {
            "; give the nodes more memory (`threatsieve.memory_limit`) or list less, \
             then `threatsieve push`"
        }
        "damaged" => "; install the same version on both sides, then `threatsieve push`",
        _ => "",
    }
}

/// Lists the ingest nodes, and the generation of a blacklist that each serves.
pub(crate) fn nodes(loaded: &Loaded, name: &str) -> Vec<NodeAnswer> {
    let ingest = loaded.nodes.values().filter(|node| node.is_ingest());
    let answer = |node: &Node| {
        let of_name = node.blacklists.get(name).cloned().unwrap_or_default();
        let unchecked =
            node.blacklists.get(name).map(|blacklist| blacklist.unchecked.values().sum());
        NodeAnswer {
            name: node.name.clone(),
            generation: of_name.generation,
            state: node.state.clone().or(of_name.state).unwrap_or_else(|| "nothing".to_owned()),
            reason: node.reason.clone().or(of_name.reason),
            took_ms: of_name.took_ms,
            plugin: node.version.clone(),
            unchecked,
        }
    };
    ingest.map(answer).collect()
}

/// Formats a table with a line for each node; empty if there are none.
pub(crate) fn nodes_text(nodes: &[NodeAnswer]) -> String {
    const HEAD: [&str; 6] = ["NODE", "GENERATION", "STATE", "MS", "PLUGIN", "REASON"];

    if nodes.is_empty() {
        return String::new();
    }
    let number =
        |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let rows: Vec<[String; 6]> = nodes
        .iter()
        .map(|node| {
            let reason = node.reason.as_deref().unwrap_or_default();
            let plugin = node.plugin.as_deref().unwrap_or("-");
            let (generation, millis) = (number(node.generation), number(node.took_ms));
            let texts = [&node.name, &generation, &node.state, &millis, plugin, reason]
                .map(escape_controls);
            texts.map(std::borrow::Cow::into_owned)
        })
        .collect();
    let head = HEAD.map(str::to_owned);
    let mut text = String::new();
    for row in std::iter::once(&head).chain(&rows) {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let all = std::iter::once(&head).chain(&rows);
            let width = all.map(|row| row[column].chars().count()).max().unwrap_or_default();
            _ = write!(line, "{cell:<width$}  ");
        }
        _ = writeln!(text, "  {}", line.trim_end());
    }
    text
}
