//! The plugin's REST API for blacklists: `_plugins/_threatsieve/blacklist`.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use opensearch::http::Method;
use serde::{Deserialize, Serialize};

use super::Outgoing;
use crate::opensearch::cluster::{Cluster, Fault, Request, path};

const ROOT: [&str; 3] = ["_plugins", "_threatsieve", "blacklist"];
/// Largest part of an upload that a server may ask for.
const MAX_PART_BYTES: u64 = 64 * 1024 * 1024;

/// The blacklists on all nodes, and those that they should have.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Loaded {
    /// By node id.
    pub(crate) nodes: BTreeMap<String, Node>,
    /// By blacklist name.
    #[serde(default)]
    pub(crate) blacklists: BTreeMap<String, Wanted>,
}

/// A node and its blacklists.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// The plugin's version; `None` if the node has no plugin or does not answer.
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// The state of a node that does not answer, with the reason.
    pub(crate) state: Option<String>,
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) blacklists: BTreeMap<String, NodeBlacklist>,
}

impl Node {
    /// Returns whether the node matches events.
    pub(crate) fn is_ingest(&self) -> bool {
        self.roles.iter().any(|role| role == "ingest")
    }
}

/// A blacklist on a node.
#[derive(Debug, Default, Clone, Deserialize)]
pub(crate) struct NodeBlacklist {
    /// The generation that is served.
    pub(crate) generation: Option<u64>,
    pub(crate) state: Option<String>,
    pub(crate) reason: Option<String>,
    /// Loading time in milliseconds.
    pub(crate) took_ms: Option<u64>,
    /// Numbers of events that were not checked since the node started, by reason.
    #[serde(default)]
    pub(crate) unchecked: BTreeMap<String, u64>,
}

/// The blacklist that the cluster wants its nodes to serve.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
pub(crate) struct Wanted {
    pub(crate) generation: u64,
    /// The digest in hexadecimal.
    pub(crate) digest: String,
}

/// The result of a push or a rollback.
#[derive(Debug, Deserialize)]
pub(crate) struct Switched {
    /// All ingest nodes serve the generation.
    pub(crate) acknowledged: bool,
    pub(crate) generation: u64,
    /// By node id.
    pub(crate) nodes: BTreeMap<String, NodeAnswer>,
}

/// The answer of one node about a blacklist.
#[derive(Debug, Clone, Deserialize, Serialize, utoipa::ToSchema)]
pub(crate) struct NodeAnswer {
    pub(crate) name: String,
    /// The generation that is served; `None` if the node serves none.
    pub(crate) generation: Option<u64>,
    /// `serving`, `loading`, `failed` or `no plugin`.
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    /// Loading time in milliseconds.
    pub(crate) took_ms: Option<u64>,
    /// The plugin's version, if the request asked for it.
    #[serde(rename = "version")]
    pub(crate) plugin: Option<String>,
    /// Number of events that were not checked since the node started, if the request asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unchecked: Option<u64>,
}

/// Options of a push.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    /// Let the nodes accept a blacklist that is much smaller than the one in use.
    pub(crate) allow_shrink: bool,
    /// Time that the answer may wait for the nodes.
    pub(crate) node_timeout: Duration,
    /// Largest file that is sent in one request.
    pub(crate) max_request_bytes: u64,
}

impl How {
    /// Adds the options to a request.
    fn on(&self, request: Request) -> Request {
        let request =
            if self.allow_shrink { request.query("allow_shrink", "true") } else { request };
        waiting(request, self.node_timeout)
    }
}

/// Lets the answer to a request wait for the nodes, for at most `node_timeout`.
fn waiting(request: Request, node_timeout: Duration) -> Request {
    request.query("timeout", format!("{}ms", node_timeout.as_millis())).more_time(node_timeout)
}

/// Asks the nodes what they serve of the blacklist with this name.
pub(crate) async fn loaded(cluster: &Cluster, name: &str) -> Result<Loaded, Fault> {
    cluster.ask(&Request::get(place(name, &[]), "the blacklists that are loaded")).await
}

/// Returns the highest generation that the cluster has ever had of the blacklist with this name; 0
/// if it never had one.
pub(crate) async fn highest(cluster: &Cluster, name: &str) -> Result<u64, Fault> {
    #[derive(Deserialize)]
    struct Past {
        history: Vec<Pushed>,
    }
    #[derive(Deserialize)]
    struct Pushed {
        generation: u64,
    }
    let request = Request::get(place(name, &["_history"]), "the blacklist's history");
    let past: Past = match cluster.ask(&request).await {
        // The cluster never had a blacklist with this name.
        Err(Fault::Refused { kind, .. }) if kind == "name" => return Ok(0),
        answer => answer?,
    };
    Ok(past.history.into_iter().map(|pushed| pushed.generation).max().unwrap_or(0))
}

/// Removes a blacklist from the cluster and all nodes.
pub(crate) async fn forget(cluster: &Cluster, name: &str) -> Result<(), Fault> {
    let request = Request::new(Method::Delete, place(name, &[]), "the end of a blacklist");
    match cluster.ask::<serde_json::Value>(&request).await {
        // The cluster never had it.
        Err(Fault::Refused { kind, .. }) if kind == "name" => Ok(()),
        answer => answer.map(|_| ()),
    }
}

/// Sends a blacklist and makes all nodes switch to it.
pub(crate) async fn send(
    cluster: &Cluster,
    outgoing: &Outgoing,
    bytes: Bytes,
    how: &How,
) -> Result<Switched, Fault> {
    let what = "the pushed blacklist's nodes";
    if bytes.len() as u64 <= how.max_request_bytes {
        let request = Request::new(Method::Put, place(&outgoing.name, &[]), what)
            .query("digest", outgoing.digest_text())
            .bytes(bytes);
        return cluster.ask(&how.on(request)).await;
    }
    let upload = begin(cluster, outgoing, bytes.len() as u64).await?;
    let sent = async {
        for (number, part) in parts(&bytes, upload.part_bytes).enumerate() {
            let at = place(&outgoing.name, &["_upload", &upload.upload, &number.to_string()]);
            let request = Request::new(Method::Put, at, "a part's receipt").bytes(part);
            let _: serde_json::Value = cluster.ask(&request).await?;
        }
        let at = place(&outgoing.name, &["_upload", &upload.upload, "_commit"]);
        cluster.ask(&how.on(Request::new(Method::Post, at, what))).await
    };
    let sent = sent.await;
    if sent.is_err() {
        // The parts so far are useless. If this request fails, the server removes them later.
        let at = place(&outgoing.name, &["_upload", &upload.upload]);
        let abandon = Request::new(Method::Delete, at, "the upload's end");
        let _: Result<serde_json::Value, Fault> = cluster.ask(&abandon).await;
    }
    sent
}

/// An upload that was begun.
#[derive(Deserialize)]
struct Upload {
    upload: String,
    part_bytes: u64,
}

async fn begin(cluster: &Cluster, outgoing: &Outgoing, bytes: u64) -> Result<Upload, Fault> {
    let what = "the upload's number and the size of its parts";
    let request = Request::new(Method::Post, place(&outgoing.name, &["_upload"]), what)
        .query("bytes", bytes.to_string())
        .query("digest", outgoing.digest_text());
    let upload: Upload = cluster.ask(&request).await?;
    if !(1..=MAX_PART_BYTES).contains(&upload.part_bytes) {
        let host = outgoing.name.clone();
        let got = format!("{} bytes a part", upload.part_bytes);
        return Err(Fault::Unfit { host, what: "parts of 1 byte to 64 MiB", got });
    }
    Ok(upload)
}

/// Cuts the bytes into parts of `part_bytes`. The last part may be shorter.
fn parts(bytes: &Bytes, part_bytes: u64) -> impl Iterator<Item = Bytes> {
    let size = usize::try_from(part_bytes).unwrap_or(usize::MAX);
    (0..bytes.len())
        .step_by(size)
        .map(move |at| bytes.slice(at..bytes.len().min(at.saturating_add(size))))
}

/// Makes all nodes go back to this generation, or to the one before.
pub(crate) async fn roll_back(
    cluster: &Cluster,
    name: &str,
    generation: Option<u64>,
    node_timeout: Duration,
) -> Result<Switched, Fault> {
    let what = "the nodes of the blacklist that was rolled back";
    let mut request =
        waiting(Request::new(Method::Post, place(name, &["_rollback"]), what), node_timeout);
    if let Some(generation) = generation {
        request = request.query("generation", generation.to_string());
    }
    cluster.ask(&request).await
}

/// Returns the path of a blacklist, or of a resource below it.
fn place(name: &str, rest: &[&str]) -> String {
    path(&[&ROOT[..], &[name], rest].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_whole() {
        let bytes = Bytes::from((0..=255).collect::<Vec<u8>>());
        for size in [1, 100, 128, 255, 256, 257] {
            let all: Vec<Bytes> = parts(&bytes, size).collect();
            assert_eq!(all.concat(), bytes);
            assert!(all.iter().rev().skip(1).all(|part| part.len() as u64 == size), "{size}");
        }
    }
}
