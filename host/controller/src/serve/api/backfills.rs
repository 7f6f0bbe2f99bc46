//! Backfills: stored events that are matched again.
//!
//! The resource has a list of backfills, each with an id of its own. `logs` is the queue of log
//! files, which is always there: rounds fill it and empty it. `indices` are those of a cluster.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answered, Shared};
use crate::config::Config;
use crate::serve::paging::Page;
use crate::serve::parameters::{Parameters, Segments};
use crate::serve::refusal::{Answer, Problem, Refusal};
use crate::store::Store;
use crate::store::cluster::shards::ClusterState;
use crate::store::history::Missed;
use crate::text::clipped;

/// A backfill, with its progress.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct Backfill {
    pub(in crate::serve) id: &'static str,
    /// `files`: the stored lines of log files. `indices`: the stored events of a cluster.
    pub(in crate::serve) kind: &'static str,
    /// `idle`, or `queued`: there is more to do, in this round or the next.
    pub(in crate::serve) state: &'static str,
    /// Unit of `done` and `total`.
    pub(in crate::serve) unit: &'static str,
    pub(in crate::serve) done: u64,
    pub(in crate::serve) total: u64,
    /// Files or shards that are left.
    pub(in crate::serve) left: u64,
    /// Files that cannot be read. Each round tries them again.
    pub(in crate::serve) missed_files: u64,
    /// The first of them.
    pub(in crate::serve) missed: Vec<Missed>,
}

/// Reads all backfills.
pub(in crate::serve) fn backfills(store: &Store, config: &Config) -> anyhow::Result<Vec<Backfill>> {
    let logs = store.history_state()?;
    let mut all = vec![Backfill {
        id: "logs",
        kind: "files",
        state: state(logs.files > logs.missed_files),
        unit: "bytes",
        done: logs.bytes_done,
        total: logs.bytes,
        left: logs.files,
        missed_files: logs.missed_files,
        missed: logs.missed,
    }];
    if config.opensearch.as_ref().is_some_and(|settings| settings.backfill.is_some()) {
        let ClusterState { shards, shards_left, .. } = store.cluster_state()?;
        all.push(Backfill {
            id: "indices",
            kind: "indices",
            state: state(shards_left > 0),
            unit: "shards",
            done: shards.saturating_sub(shards_left),
            total: shards,
            left: shards_left,
            missed_files: 0,
            missed: Vec::new(),
        });
    }
    Ok(all)
}

fn state(is_queued: bool) -> &'static str {
    if is_queued { "queued" } else { "idle" }
}

/// Backfills, with their progress
#[utoipa::path(
    get, path = "/api/v1/backfills", tag = "backfills",
    responses((status = 200, description = "All backfills", body = Page<Backfill>), Problem)
)]
pub(super) async fn list_backfills(
    State(service): Shared,
    parameters: Parameters,
) -> Answered<Page<Backfill>> {
    parameters.check(&[])?;
    Ok(Answer(Page::whole(service.read(backfills).await?)))
}

/// One backfill
#[utoipa::path(
    get, path = "/api/v1/backfills/{id}", tag = "backfills",
    params(("id" = String, Path, description = "Id of the backfill; `logs`, or `indices`")),
    responses((status = 200, description = "The backfill", body = Backfill), Problem)
)]
pub(super) async fn get_backfill(
    State(service): Shared,
    Segments(id): Segments<String>,
    parameters: Parameters,
) -> Answered<Backfill> {
    parameters.check(&[])?;
    let all = service.read(backfills).await?;
    all.into_iter().find(|one| one.id == id).map(Answer).ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, "unknown backfill", "path")
            .expected("one of the list", clipped(id.as_bytes(), 100))
    })
}
