//! Operators' retractions.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answered, Shared, Who, now};
use crate::serve::body::Body;
use crate::serve::paging::Page;
use crate::serve::parameters::{Parameters, Segments};
use crate::serve::refusal::{Answer, Problem, Refusal};
use crate::service::Unserved;
use crate::status::RetractionStatus;
use crate::store::{Retracted, is_of_database};
use crate::text::clipped;

/// Retracted values and indicators, the oldest first
#[utoipa::path(
    get, path = "/api/v1/retractions", tag = "retractions",
    responses((status = 200, description = "All", body = Page<RetractionStatus>), Problem)
)]
pub(super) async fn list_retractions(
    State(service): Shared,
    parameters: Parameters,
) -> Answered<Page<RetractionStatus>> {
    parameters.check(&[])?;
    let all = service.read(|store, _| store.false_positives()).await?;
    Ok(Answer(Page::whole(all.into_iter().map(RetractionStatus::from).collect())))
}

/// A value or an indicator to retract.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRetraction {
    /// An indicator's id, or a value.
    #[schema(min_length = 1, max_length = 8192)]
    target: String,
    #[schema(min_length = 1, max_length = 1024)]
    reason: String,
}

/// The result of a retraction, or of undoing one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RetractionResult {
    /// The indicator's id, or the value in the form that is compared.
    target: String,
    /// Number of indicators in force that name it.
    indicators: u64,
    /// Number of earlier matches that were retracted.
    matches: u64,
}

impl From<Retracted> for RetractionResult {
    fn from(done: Retracted) -> RetractionResult {
        let Retracted { target, indicators, matches, .. } = done;
        RetractionResult { target, indicators, matches }
    }
}

/// Retracts a value or an indicator
///
/// As `threatsieve retract`: it is not in the next blacklist, and its matches are retracted.
#[utoipa::path(
    post, path = "/api/v1/retractions", tag = "retractions", request_body = NewRetraction,
    responses((status = 201, description = "The result", body = RetractionResult), Problem)
)]
pub(super) async fn add_retraction(
    State(service): Shared,
    who: Who,
    Body(new): Body<NewRetraction>,
) -> Result<(StatusCode, Answer<RetractionResult>), Refusal> {
    let NewRetraction { target, reason } = new;
    who.log("retract", &format!("{target}: {reason}"));
    let done = service.change(move |store, _| store.retract(&target, &reason, now())).await?;
    Ok((StatusCode::CREATED, Answer(done.into())))
}

/// Undoes a retraction
///
/// As `threatsieve retract --undo`: the value or indicator counts again from the next round on, and
/// stored lines are matched with it again.
#[utoipa::path(
    delete, path = "/api/v1/retractions/{target}", tag = "retractions",
    params(("target" = String, Path, description = "The indicator's id, or the value")),
    responses((status = 200, description = "The result", body = RetractionResult), Problem)
)]
pub(super) async fn undo_retraction(
    State(service): Shared,
    who: Who,
    Segments(target): Segments<String>,
    parameters: Parameters,
) -> Answered<RetractionResult> {
    parameters.check(&[])?;
    who.log("undo a retraction", &target);
    let got = clipped(target.as_bytes(), 200);
    match service.change(move |store, _| store.undo_retract(&target)).await {
        Ok(done) => Ok(Answer(done.into())),
        Err(Unserved::Failed(error)) if !is_of_database(&error) => {
            Err(Refusal::new(StatusCode::NOT_FOUND, "unknown retraction", "path")
                .expected("a retraction of the list", got))
        }
        Err(unserved) => Err(unserved.into()),
    }
}
