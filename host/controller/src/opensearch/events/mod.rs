//! Stored events in the indices of a cluster: finding, reading and changing them.

mod claim;
mod indices;
mod search;
mod write;

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value as Json;

use super::cluster::{Cluster, Fault};
use super::publish::{How, Outgoing, forget, loaded, send};
use crate::backfill::{Change, Changed, Claim, Document, Events, Index, Primary, Values, Wanted};
use crate::config;
use crate::stop::Stop;

pub(crate) use claim::{CLAIM_INDEX, create_claim_index};

/// Longest pause after a request.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The events of a cluster.
pub(crate) struct ClusterEvents<'a> {
    cluster: &'a Cluster,
    /// Options for pushing a blacklist of candidates.
    how: How,
    /// Part of the time in which the cluster works for us, in percent.
    busy_percent: u32,
    stop: &'a Stop,
}

impl<'a> ClusterEvents<'a> {
    pub(crate) fn new(
        cluster: &'a Cluster,
        settings: &config::OpenSearch,
        stop: &'a Stop,
    ) -> ClusterEvents<'a> {
        let how = How {
            // A blacklist of candidates has any size.
            allow_shrink: true,
            node_timeout: settings.node_timeout,
            max_request_bytes: settings.max_request_bytes,
        };
        let busy_percent = settings.backfill.as_ref().map_or(100, |it| it.busy_percent);
        ClusterEvents { cluster, how, busy_percent, stop }
    }

    /// Waits for the answer to a request that is work for the cluster, and then pauses in
    /// proportion, so that others get their turn. A cluster that answers faster is asked more
    /// often.
    async fn paced<T>(&self, request: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let answer = request.await;
        let busy = f64::from(self.busy_percent) / 100.0;
        let pause = started.elapsed().mul_f64((1.0 - busy) / busy).min(LONGEST_PAUSE);
        self.stop.pause(pause).await;
        answer
    }
}

impl Events for ClusterEvents<'_> {
    async fn indices(&self, patterns: &[String]) -> Result<Vec<Index>, Fault> {
        indices::indices(self.cluster, patterns).await
    }

    async fn primaries(&self, index: &str) -> Result<Vec<Primary>, Fault> {
        indices::primaries(self.cluster, index).await
    }

    async fn refresh(&self, index: &str) -> Result<(), Fault> {
        indices::refresh(self.cluster, index).await
    }

    async fn search(&self, wanted: &Wanted<'_>) -> Result<Vec<Document>, Fault> {
        self.paced(search::search(self.cluster, wanted)).await
    }

    async fn count(&self, index: &str, query: &Json) -> Result<u64, Fault> {
        search::count(self.cluster, index, query).await
    }

    async fn distinct(&self, index: &str, field: &str, query: &Json) -> Result<u64, Fault> {
        self.paced(search::distinct(self.cluster, index, field, query)).await
    }

    async fn values(
        &self,
        index: &str,
        field: &str,
        query: &Json,
        after: Option<&Json>,
    ) -> Result<Values, Fault> {
        self.paced(search::values(self.cluster, index, field, query, after)).await
    }

    async fn get(
        &self,
        index: &str,
        id: &str,
        routing: Option<&str>,
    ) -> Result<Option<Document>, Fault> {
        search::get(self.cluster, index, id, routing).await
    }

    async fn change(&self, changes: &[Change]) -> Result<Vec<Changed>, Fault> {
        self.paced(write::change(self.cluster, changes)).await
    }

    async fn has_plugin(&self, name: &str) -> Result<bool, Fault> {
        match loaded(self.cluster, name).await {
            Ok(_) => Ok(true),
            // Nobody has pushed it yet.
            Err(Fault::Refused { .. }) => Ok(true),
            Err(Fault::NoPlugin { .. }) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    async fn offer(
        &self,
        name: &str,
        generation: u64,
        digest: &[u8],
        bytes: Bytes,
    ) -> Result<bool, Fault> {
        if !self.has_plugin(name).await? {
            return Ok(false);
        }
        let outgoing = Outgoing::of_candidates(name, generation, digest);
        Ok(send(self.cluster, &outgoing, bytes, &self.how).await?.acknowledged)
    }

    async fn withdraw(&self, name: &str) -> Result<(), Fault> {
        forget(self.cluster, name).await
    }

    async fn claim(&self, name: &str) -> Result<Option<Claim>, Fault> {
        claim::read(self.cluster, name).await
    }

    async fn set_claim(
        &self,
        name: &str,
        claim: &Claim,
        before: Option<&Claim>,
    ) -> Result<bool, Fault> {
        claim::write(self.cluster, name, claim, before).await
    }
}
