//! The status of the service, generations, and the configuration.

use axum::extract::State;
use axum::http::StatusCode;
use tokio::task::spawn_blocking;

use super::{Answered, Shared, Who};
use crate::serve::paging::{Page, after, limit};
use crate::serve::parameters::Parameters;
use crate::serve::refusal::{Answer, Problem, Refusal};
use crate::service::Refused;
use crate::status::{GenerationStatus, Status};

/// Status: feeds, blacklist, queues, conditions and the last round
///
/// As `threatsieve status --json`, without asking the cluster: `opensearch` is `null`, and the last
/// round's report has what the nodes answered then.
#[utoipa::path(
    get, path = "/api/v1/status", tag = "state",
    responses((status = 200, description = "The status", body = Status), Problem)
)]
pub(super) async fn get_status(State(service): Shared, parameters: Parameters) -> Answered<Status> {
    parameters.check(&[])?;
    Ok(Answer(service.read(|store, config| Status::read(config, store, None)).await?))
}

/// Generations of the blacklist, the newest first
#[utoipa::path(
    get, path = "/api/v1/generations", tag = "state",
    params(
        ("limit" = Option<u32>, Query, description = "Rows on a page", minimum = 1, maximum = 500),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<GenerationStatus>), Problem,
    )
)]
pub(super) async fn list_generations(
    State(service): Shared,
    parameters: Parameters,
) -> Answered<Page<GenerationStatus>> {
    parameters.check(&["limit", "cursor"])?;
    let (limit, before) = (limit(&parameters)?, after(&parameters)?);
    let read = service.read(move |store, _| {
        let in_use = store.generation_in_use()?.map(|in_use| in_use.generation);
        Ok((in_use, store.generations(before, limit + 1)?))
    });
    let (in_use, rows) = read.await?;
    let place = |row: &crate::store::generations::Generation| row.generation.cast_signed();
    Ok(Answer(Page::of(rows, limit, place, |row| GenerationStatus::new(row, in_use))))
}

/// Reads the configuration again
///
/// As SIGHUP does: as a whole, or not at all. The next round uses it.
#[utoipa::path(
    post, path = "/api/v1/configuration/reload", tag = "control",
    responses((status = 204, description = "The configuration is reloaded"), Problem)
)]
pub(super) async fn reload_configuration(
    State(service): Shared,
    who: Who,
    parameters: Parameters,
) -> Result<StatusCode, Refusal> {
    parameters.check(&[])?;
    who.log("reload", "the configuration");
    let ended = spawn_blocking(move || service.reload()).await;
    let refused = ended.map_err(|error| Refused::Unusable(error.into()));
    refused.and_then(|reloaded| reloaded).map_err(Refusal::from)?;
    Ok(StatusCode::NO_CONTENT)
}
