//! Searches for events, and for the values of their fields.

use opensearch::http::Method;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::backfill::{Document, Values, Wanted};
use crate::opensearch::cluster::{Cluster, Fault, Request, path};

/// Values in one page: the default of `search.max_buckets`.
const VALUES: usize = 65_535;
/// The precision of an estimate of distinct values: the most that the aggregation takes.
const PRECISION: usize = 40_000;

#[derive(Deserialize)]
struct Found {
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_routing")]
    routing: Option<String>,
    #[serde(rename = "_seq_no")]
    seq_no: i64,
    #[serde(rename = "_primary_term")]
    primary_term: i64,
    #[serde(rename = "_source", default)]
    source: Map<String, Json>,
}

impl From<Hit> for Document {
    fn from(hit: Hit) -> Document {
        let Hit { index, id, routing, seq_no, primary_term, source } = hit;
        Document { index, id, routing, seq_no, primary_term, source }
    }
}

/// Returns events of a shard's primary. One search of at most 10,000 events needs no point in time:
/// events that change meanwhile get a sequence number above the range.
pub(super) async fn search(cluster: &Cluster, wanted: &Wanted<'_>) -> Result<Vec<Document>, Fault> {
    let mut body = json!({
        "size": wanted.most,
        "query": { "bool": { "filter": [
            { "range": { "_seq_no": { "gt": wanted.after, "lte": wanted.until } } },
            wanted.query,
        ] } },
        "sort": [if wanted.sorted { "_seq_no" } else { "_doc" }],
        "seq_no_primary_term": true,
        "track_total_hits": false,
    });
    if !wanted.fields.is_empty() {
        body["_source"] = json!(wanted.fields);
    }
    let request = Request::new(Method::Post, path(&[wanted.index, "_search"]), "stored events")
        .query("preference", format!("_shards:{}|_primary", wanted.shard))
        .query("allow_partial_search_results", "false")
        .query("request_cache", "false")
        .json(&body)
        .large();
    let found: Found = cluster.ask(&request).await?;
    Ok(found.hits.hits.into_iter().map(Document::from).collect())
}

/// Counts events. `_count` would need one more permission.
pub(super) async fn count(cluster: &Cluster, index: &str, query: &Json) -> Result<u64, Fault> {
    let body = json!({ "size": 0, "query": query, "track_total_hits": true });
    let request = Request::new(Method::Post, path(&[index, "_search"]), "the number of events")
        .query("allow_partial_search_results", "false")
        .json(&body);
    let answer: Json = cluster.ask(&request).await?;
    answer["hits"]["total"]["value"].as_u64().ok_or_else(|| Fault::Unfit {
        host: index.to_owned(),
        what: "the number of events",
        got: answer["hits"]["total"].to_string(),
    })
}

pub(super) async fn distinct(
    cluster: &Cluster,
    index: &str,
    field: &str,
    query: &Json,
) -> Result<u64, Fault> {
    let body = json!({
        "size": 0,
        "query": query,
        "aggs": { "n": { "cardinality": { "field": field, "precision_threshold": PRECISION } } },
    });
    let request = Request::new(Method::Post, path(&[index, "_search"]), "the number of values")
        .query("allow_partial_search_results", "false")
        .json(&body);
    let answer: Json = cluster.ask(&request).await?;
    Ok(answer["aggregations"]["n"]["value"].as_u64().unwrap_or(u64::MAX))
}

pub(super) async fn values(
    cluster: &Cluster,
    index: &str,
    field: &str,
    query: &Json,
    after: Option<&Json>,
) -> Result<Values, Fault> {
    let mut composite =
        json!({ "size": VALUES, "sources": [{ "v": { "terms": { "field": field } } }] });
    if let Some(after) = after {
        composite["after"] = after.clone();
    }
    let body = json!({ "size": 0, "query": query, "aggs": { "all": { "composite": composite } } });
    let request = Request::new(Method::Post, path(&[index, "_search"]), "the values of a field")
        .query("allow_partial_search_results", "false")
        .query("filter_path", "aggregations.all.after_key,aggregations.all.buckets.key")
        .json(&body)
        .large();
    let mut answer: Json = cluster.ask(&request).await?;
    let all = &mut answer["aggregations"]["all"];
    let next = Some(all["after_key"].take()).filter(|next| !next.is_null());
    let values = match all["buckets"].take() {
        Json::Array(buckets) => buckets
            .into_iter()
            .filter_map(|mut bucket| match bucket["key"]["v"].take() {
                Json::String(value) => Some(value),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    Ok(Values { values, next })
}

pub(super) async fn get(
    cluster: &Cluster,
    index: &str,
    id: &str,
    routing: Option<&str>,
) -> Result<Option<Document>, Fault> {
    let mut request = Request::get(path(&[index, "_doc", id]), "a stored event");
    if let Some(routing) = routing {
        request = request.query("routing", routing);
    }
    match cluster.ask::<Hit>(&request).await {
        Ok(hit) => Ok(Some(hit.into())),
        Err(Fault::Answer { status: 404, .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}
