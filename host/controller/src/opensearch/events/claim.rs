//! The claim of one controller to a cluster: a document for each blacklist, changed with compare
//! and set.

use opensearch::http::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::backfill::Claim;
use crate::opensearch::cluster::{Cluster, Fault, Request, path};

/// The index of claims. `threatsieve opensearch template --put` creates it.
pub(crate) const CLAIM_INDEX: &str = "threatsieve-claims";

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_seq_no")]
    seq_no: i64,
    #[serde(rename = "_primary_term")]
    primary_term: i64,
    #[serde(rename = "_source")]
    source: Source,
}

#[derive(Deserialize)]
struct Source {
    owner: String,
    turn: u64,
    holder: String,
}

/// Creates the index of claims, unless it is there. It has a copy on another node if there is one.
pub(crate) async fn create_claim_index(cluster: &Cluster) -> Result<(), Fault> {
    let keyword = json!({ "type": "keyword", "ignore_above": 1024 });
    let body = json!({
        "settings": { "number_of_shards": 1, "auto_expand_replicas": "0-1", "hidden": true },
        "mappings": { "dynamic": "strict", "properties": {
            "owner": keyword,
            "turn": { "type": "long" },
            "holder": keyword,
        } },
    });
    let what = "the index of claims";
    let request = Request::new(Method::Put, path(&[CLAIM_INDEX]), what).json(&body);
    match cluster.ask::<Json>(&request).await {
        Err(Fault::Answer { reason, .. }) if reason.contains("resource_already_exists") => Ok(()),
        answer => answer.map(|_| ()),
    }
}

pub(super) async fn read(cluster: &Cluster, name: &str) -> Result<Option<Claim>, Fault> {
    let request = Request::get(path(&[CLAIM_INDEX, "_doc", name]), "the claim to the cluster");
    match cluster.ask::<Hit>(&request).await {
        Ok(Hit { seq_no, primary_term, source: Source { owner, turn, holder } }) => {
            Ok(Some(Claim { owner, turn, holder, seq_no, primary_term }))
        }
        Err(Fault::Answer { status: 404, reason, .. }) if !is_missing_index(&reason) => Ok(None),
        Err(fault) => Err(fault),
    }
}

pub(super) async fn write(
    cluster: &Cluster,
    name: &str,
    claim: &Claim,
    before: Option<&Claim>,
) -> Result<bool, Fault> {
    let body = json!({ "owner": claim.owner, "turn": claim.turn, "holder": claim.holder });
    let what = "the claim to the cluster";
    let mut request =
        Request::new(Method::Put, path(&[CLAIM_INDEX, "_doc", name]), what).json(&body);
    request = match before {
        Some(before) => request
            .query("if_seq_no", before.seq_no.to_string())
            .query("if_primary_term", before.primary_term.to_string()),
        None => request.query("op_type", "create"),
    };
    match cluster.ask::<Json>(&request).await {
        Ok(_) => Ok(true),
        Err(Fault::Answer { status: 409, .. }) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Returns whether the reason of a refusal is that the index does not exist.
pub(super) fn is_missing_index(reason: &str) -> bool {
    reason.contains("index_not_found_exception")
}
