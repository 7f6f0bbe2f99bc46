//! MISP servers and their queues.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answered, Shared, Who, now};
use crate::misp::steer::{chosen, pause, resume, retry};
use crate::serve::body::Body;
use crate::serve::paging::{Page, limit};
use crate::serve::parameters::{Parameters, Segments};
use crate::serve::refusal::{Answer, Problem, Refusal};
use crate::service::Service;
use crate::status::{FailedStatus, MispStatus, misp_servers};
use crate::text::clipped;

/// MISP servers, with their queues
#[utoipa::path(
    get, path = "/api/v1/misp", tag = "misp",
    responses((status = 200, description = "All servers", body = Page<MispStatus>), Problem)
)]
pub(super) async fn list_servers(
    State(service): Shared,
    parameters: Parameters,
) -> Answered<Page<MispStatus>> {
    parameters.check(&[])?;
    Ok(Answer(Page::whole(service.read(|store, config| misp_servers(config, store)).await?)))
}

/// Events that failed or wait after a fault, and refused values
///
/// The newest of each, up to `limit`. As `threatsieve misp failed`.
#[utoipa::path(
    get, path = "/api/v1/misp/{server}/failed", tag = "misp",
    params(
        ("server" = String, Path, description = "Name of the server"),
        ("limit" = Option<u32>, Query, description = "Rows of each sort", minimum = 1,
         maximum = 500),
    ),
    responses((status = 200, description = "The newest", body = Page<FailedStatus>), Problem)
)]
pub(super) async fn list_failed(
    State(service): Shared,
    Segments(server): Segments<String>,
    parameters: Parameters,
) -> Answered<Page<FailedStatus>> {
    parameters.check(&["limit"])?;
    check_server(&service, &server)?;
    let limit = limit(&parameters)?;
    let read = service.read(move |store, _| {
        let Some(state) = store.known_misp_server(&server)? else { return Ok(Vec::new()) };
        let failed = store.misp_failed(state.id, limit)?;
        Ok(failed.into_iter().map(|one| FailedStatus::new(&server, one)).collect())
    });
    Ok(Answer(Page::whole(read.await?)))
}

/// The events to try again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    /// Number of one event; without it, all that failed are tried again.
    event: Option<i64>,
}

/// The number of events that are tried again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Retried {
    events: u64,
}

/// Has events that failed tried again in the next round
#[utoipa::path(
    post, path = "/api/v1/misp/{server}/retry", tag = "misp", request_body = Retry,
    params(("server" = String, Path, description = "Name of the server")),
    responses((status = 200, description = "Their number", body = Retried), Problem)
)]
pub(super) async fn retry_events(
    State(service): Shared,
    who: Who,
    Segments(server): Segments<String>,
    Body(Retry { event }): Body<Retry>,
) -> Answered<Retried> {
    check_server(&service, &server)?;
    who.log("try MISP events again", &server);
    let retried =
        service.change(move |store, config| retry(store, &chosen(config, Some(&server))?, event));
    Ok(Answer(Retried { events: retried.await? }))
}

/// A pause.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pause {
    #[schema(min_length = 1, max_length = 1024)]
    reason: String,
}

/// Sends nothing to a server until it is resumed; its queue is kept
#[utoipa::path(
    post, path = "/api/v1/misp/{server}/pause", tag = "misp", request_body = Pause,
    params(("server" = String, Path, description = "Name of the server")),
    responses((status = 204, description = "It is paused"), Problem)
)]
pub(super) async fn pause_server(
    State(service): Shared,
    who: Who,
    Segments(server): Segments<String>,
    Body(Pause { reason }): Body<Pause>,
) -> Result<StatusCode, Refusal> {
    check_server(&service, &server)?;
    if !(1..=1024).contains(&reason.trim().len()) {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong value", "reason")
            .expected("1 to 1024 bytes", format!("{}", reason.trim().len())));
    }
    who.log("pause a MISP server", &format!("{server}: {reason}"));
    let paused = service.change(move |store, config| {
        pause(store, chosen(config, Some(&server))?[0], reason.trim(), now())
    });
    paused.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Resumes a server from the next round on
#[utoipa::path(
    post, path = "/api/v1/misp/{server}/resume", tag = "misp",
    params(("server" = String, Path, description = "Name of the server")),
    responses((status = 204, description = "It gets its queue again"), Problem)
)]
pub(super) async fn resume_server(
    State(service): Shared,
    who: Who,
    Segments(server): Segments<String>,
    parameters: Parameters,
) -> Result<StatusCode, Refusal> {
    parameters.check(&[])?;
    check_server(&service, &server)?;
    who.log("resume a MISP server", &server);
    let resumed =
        service.change(move |store, config| resume(store, chosen(config, Some(&server))?[0]));
    resumed.await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_server(service: &Service, name: &str) -> Result<(), Refusal> {
    match service.in_use().config.misp.iter().any(|server| server.name == name) {
        true => Ok(()),
        false => Err(Refusal::new(StatusCode::NOT_FOUND, "unknown MISP server", "path")
            .expected("a server of [[misp]]", format!("{:?}", clipped(name.as_bytes(), 100)))),
    }
}
