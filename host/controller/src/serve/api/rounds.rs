//! Rounds.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::feeds::unknown_feed;
use super::{Answered, Shared, Who};
use crate::serve::body::Body;
use crate::serve::paging::{Page, after, limit};
use crate::serve::parameters::{Parameters, Segments};
use crate::serve::refusal::{Answer, Problem, Refusal};
use crate::service::Unpolled;
use crate::status::RoundStatus;
use crate::store::rounds::RoundRow;
use crate::text::clipped;

/// Rounds, the newest first
#[utoipa::path(
    get, path = "/api/v1/rounds", tag = "rounds",
    params(
        ("limit" = Option<u32>, Query, description = "Rows on a page", minimum = 1, maximum = 500),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page", body = Page<RoundStatus>), Problem)
)]
pub(super) async fn list_rounds(
    State(service): Shared,
    parameters: Parameters,
) -> Answered<Page<RoundStatus>> {
    parameters.check(&["limit", "cursor"])?;
    let (limit, before) = (limit(&parameters)?, after(&parameters)?);
    let rows = service.read(move |store, _| store.rounds(before, limit + 1)).await?;
    Ok(Answer(Page::of(rows, limit, |row: &RoundRow| row.number, RoundStatus::from)))
}

/// One round
#[utoipa::path(
    get, path = "/api/v1/rounds/{number}", tag = "rounds",
    params(("number" = i64, Path, description = "Number of the round")),
    responses((status = 200, description = "The round", body = RoundStatus), Problem)
)]
pub(super) async fn get_round(
    State(service): Shared,
    Segments(number): Segments<String>,
    parameters: Parameters,
) -> Answered<RoundStatus> {
    parameters.check(&[])?;
    let unknown = || {
        Refusal::new(StatusCode::NOT_FOUND, "unknown round", "path")
            .expected("the number of a round that is kept", clipped(number.as_bytes(), 100))
    };
    let wanted: i64 = number.parse().map_err(|_| unknown())?;
    let after = wanted.checked_add(1).ok_or_else(unknown)?;
    let rows = service.read(move |store, _| store.rounds(Some(after), 1)).await?;
    let found = rows.into_iter().find(|row| row.number == wanted);
    found.map(|row| Answer(RoundStatus::from(row))).ok_or_else(unknown)
}

/// A round to start.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRound {
    /// Name of the one feed to poll, due or not. Without it, the round polls all that are due.
    feed: Option<String>,
}

/// Starts a round, or queues it behind the one that runs
#[utoipa::path(
    post, path = "/api/v1/rounds", tag = "rounds", request_body = NewRound,
    responses((status = 202, description = "The round is queued"), Problem)
)]
pub(super) async fn start_round(
    State(service): Shared,
    who: Who,
    Body(NewRound { feed }): Body<NewRound>,
) -> Result<StatusCode, Refusal> {
    who.log("start a round", feed.as_deref().unwrap_or("all feeds that are due"));
    let busy = |what| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, what, "the queue of rounds");
    match service.ask_for_round(feed.clone()) {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(Unpolled::Gone) => Err(unknown_feed(feed.as_deref().unwrap_or_default())),
        Err(Unpolled::Busy) => {
            Err(busy("too many rounds wait").expected("a place", "none").retry_after(30))
        }
        Err(_) => Err(busy("the program ends").expected("a running program", "one that stops")),
    }
}
