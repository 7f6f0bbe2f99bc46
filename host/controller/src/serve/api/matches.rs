//! Matches.

use axum::extract::State;
use axum::http::StatusCode;

use super::{Answered, Shared};
use crate::serve::paging::{Page, after, cursor, limit, short_text};
use crate::serve::parameters::{Parameters, Segments};
use crate::serve::refusal::{Answer, Problem, Refusal};
use crate::status::MatchStatus;
use crate::store::matches::MatchQuery;
use crate::text::parse_time;

/// Maximum length of a text in a condition, in characters.
const MAX_TEXT: usize = 500;

/// Matches, the newest first
#[utoipa::path(
    get, path = "/api/v1/matches", tag = "matches",
    params(
        ("feed" = Option<String>, Query, description = "Name of a feed", max_length = 500),
        ("indicator" = Option<String>, Query, description = "Id of an indicator",
         max_length = 500),
        ("source" = Option<String>, Query, description = "Host that the event is from",
         max_length = 500),
        ("text" = Option<String>, Query, description = "Part of the entry or the observable",
         max_length = 500),
        ("since" = Option<String>, Query, format = DateTime,
         description = "Found at this time or later"),
        ("until" = Option<String>, Query, format = DateTime,
         description = "Found before this time"),
        ("retracted" = Option<bool>, Query,
         description = "Only those that are retracted, or only the others"),
        ("limit" = Option<u32>, Query, description = "Rows on a page", minimum = 1, maximum = 500),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page", body = Page<MatchStatus>), Problem)
)]
pub(super) async fn list_matches(
    State(service): Shared,
    parameters: Parameters,
) -> Answered<Page<MatchStatus>> {
    parameters.check(&[
        "feed",
        "indicator",
        "source",
        "text",
        "since",
        "until",
        "retracted",
        "limit",
        "cursor",
    ])?;
    let text = |name| -> Result<Option<String>, Refusal> {
        Ok(short_text(&parameters, name, MAX_TEXT)?.map(str::to_owned))
    };
    let time = |name| parameters.read(name, "a time (RFC 3339)", parse_time);
    let query = MatchQuery {
        feed: text("feed")?,
        indicator: text("indicator")?,
        source: text("source")?,
        text: text("text")?,
        since: time("since")?,
        until: time("until")?,
        is_retracted: parameters.read("retracted", "true or false", |text| text.parse().ok())?,
        before: after(&parameters)?,
        limit: limit(&parameters)?,
    };
    let (found, has_more) = service.read(move |store, _| store.matches(&query)).await?;
    let next = found.last().filter(|_| has_more).map(|last| cursor(&last.id));
    Ok(Answer(Page { items: found.into_iter().map(MatchStatus::from).collect(), next }))
}

/// One match
#[utoipa::path(
    get, path = "/api/v1/matches/{id}", tag = "matches",
    params(("id" = i64, Path, description = "Number of the match")),
    responses((status = 200, description = "The match", body = MatchStatus), Problem)
)]
pub(super) async fn get_match(
    State(service): Shared,
    Segments(id): Segments<String>,
    parameters: Parameters,
) -> Answered<MatchStatus> {
    parameters.check(&[])?;
    let unknown = || {
        let got = crate::text::clipped(id.as_bytes(), 100);
        Refusal::new(StatusCode::NOT_FOUND, "unknown match", "id")
            .expected("the number of a stored match", got)
    };
    let number: i64 = id.parse().map_err(|_| unknown())?;
    let found = service.read(move |store, _| store.one_match(number)).await?;
    found.map(|one| Answer(MatchStatus::from(one))).ok_or_else(unknown)
}
