//! The calls to a cluster that a backfill needs. [`opensearch::events`](crate::opensearch::events)
//! makes them for OpenSearch.

use bytes::Bytes;
use serde_json::{Map, Value as Json};
use threatsieve_flag::Rewrite;

use crate::opensearch::cluster::Fault;

/// A concrete index, with what decides whether its events can be matched and changed.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) uuid: String,
    /// Settings with flat names, such as `index.blocks.write`.
    pub(crate) settings: Json,
    pub(crate) mappings: Json,
}

/// The primary of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Primary {
    pub(crate) number: u32,
    /// Names the history of sequence numbers. A restored index has another one.
    pub(crate) history_uuid: String,
    /// The highest sequence number; -1 for none.
    pub(crate) highest: i64,
    /// All writes up to this sequence number are on all copies. None of them is missing.
    pub(crate) checkpoint: i64,
}

/// Events of one shard.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) index: &'a str,
    pub(crate) shard: u32,
    /// A query, as JSON. Only its filters count.
    pub(crate) query: &'a Json,
    /// Above this sequence number.
    pub(crate) after: i64,
    /// Up to this sequence number.
    pub(crate) until: i64,
    /// Most events; at most 10,000.
    pub(crate) most: usize,
    /// Sorted by sequence number, so that the next page follows the last event. Otherwise in any
    /// order.
    pub(crate) sorted: bool,
    /// Patterns of the fields to return; empty for all.
    pub(crate) fields: &'a [String],
}

/// A document.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) index: String,
    pub(crate) id: String,
    pub(crate) routing: Option<String>,
    pub(crate) seq_no: i64,
    pub(crate) primary_term: i64,
    pub(crate) source: Map<String, Json>,
}

/// A change of one document. It applies only if the document is still the one that was read.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) document: Document,
    pub(crate) rewrite: Rewrite,
}

/// The outcome of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Changed {
    Done,
    /// Somebody else changed it meanwhile.
    Conflict,
    /// It was deleted.
    Gone,
    /// The cluster is overloaded.
    Busy(String),
    /// The index takes no changes at the moment.
    Blocked(String),
    /// The index refuses this document.
    Refused(String),
}

/// A page of the distinct values of a field.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    pub(crate) values: Vec<String>,
    /// The start of the next page; `None` after the last one.
    pub(crate) next: Option<Json>,
}

/// A claim document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) owner: String,
    pub(crate) turn: u64,
    /// The holder, for people.
    pub(crate) holder: String,
    pub(crate) seq_no: i64,
    pub(crate) primary_term: i64,
}

/// The calls to a cluster. All of them can be repeated without harm.
pub(crate) trait Events {
    /// Returns the concrete indices that the patterns name, closed ones too.
    async fn indices(&self, patterns: &[String]) -> Result<Vec<Index>, Fault>;

    /// Returns the primaries of an index that are started.
    async fn primaries(&self, index: &str) -> Result<Vec<Primary>, Fault>;

    /// Makes all writes so far visible to searches. Fails if a shard is missing.
    async fn refresh(&self, index: &str) -> Result<(), Fault>;

    /// Returns events of a shard's primary.
    async fn search(&self, wanted: &Wanted<'_>) -> Result<Vec<Document>, Fault>;

    /// Counts the events that a query finds in an index.
    async fn count(&self, index: &str, query: &Json) -> Result<u64, Fault>;

    /// Estimates the number of distinct values of a field.
    async fn distinct(&self, index: &str, field: &str, query: &Json) -> Result<u64, Fault>;

    /// Returns a page of the distinct values of a field, in their order.
    async fn values(
        &self,
        index: &str,
        field: &str,
        query: &Json,
        after: Option<&Json>,
    ) -> Result<Values, Fault>;

    /// Returns a document as it is now; `None` if it was deleted.
    async fn get(
        &self,
        index: &str,
        id: &str,
        routing: Option<&str>,
    ) -> Result<Option<Document>, Fault>;

    /// Makes changes. Returns one outcome for each.
    async fn change(&self, changes: &[Change]) -> Result<Vec<Changed>, Fault>;

    /// Returns whether the cluster has the plugin, which answers queries with a blacklist.
    async fn has_plugin(&self, name: &str) -> Result<bool, Fault>;

    /// Makes a blacklist of candidates known to the plugin. Returns whether all nodes have it.
    async fn offer(
        &self,
        name: &str,
        generation: u64,
        digest: &[u8],
        bytes: Bytes,
    ) -> Result<bool, Fault>;

    /// Takes a blacklist of candidates away.
    async fn withdraw(&self, name: &str) -> Result<(), Fault>;

    /// Returns the claim to the cluster; `None` if there is none.
    async fn claim(&self, name: &str) -> Result<Option<Claim>, Fault>;

    /// Writes the claim, if it is still the one that was read. Returns whether it was.
    async fn set_claim(
        &self,
        name: &str,
        claim: &Claim,
        before: Option<&Claim>,
    ) -> Result<bool, Fault>;
}
