//! Indicators, and why a value matches.

use axum::extract::State;
use axum::http::StatusCode;

use super::{Answered, Shared, now};
use crate::explain::{ExplanationStatus, explain_in_state};
use crate::policy::Assessor;
use crate::serve::paging::{Page, after, cursor, limit, short_text};
use crate::serve::parameters::Parameters;
use crate::serve::refusal::{Answer, Problem, Refusal};
use crate::status::IndicatorStatus;
use crate::store::{Query, State as IndicatorState};

/// Maximum length of a text to search for, in characters.
const MAX_TEXT: usize = 500;
/// Maximum length of a value to explain, in characters.
const MAX_VALUE: usize = 2000;

/// Indicators, by feed and id
#[utoipa::path(
    get, path = "/api/v1/indicators", tag = "indicators",
    params(
        ("text" = Option<String>, Query, max_length = 500,
         description = "Part of an id, a title or a value; or a value in any spelling"),
        ("feed" = Option<String>, Query, description = "Name of a feed", max_length = 500),
        ("state" = Option<String>, Query,
         pattern = "^(active|revoked|expired|removed|retracted|outside_policy|rejected|all)$",
         description = "`active` unless given; `all` for every state"),
        ("limit" = Option<u32>, Query, description = "Rows on a page", minimum = 1, maximum = 500),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page", body = Page<IndicatorStatus>), Problem)
)]
pub(super) async fn list_indicators(
    State(service): Shared,
    parameters: Parameters,
) -> Answered<Page<IndicatorStatus>> {
    parameters.check(&["text", "feed", "state", "limit", "cursor"])?;
    let named = parameters.read("state", &state_names(), named_state)?;
    let query = Query {
        text: short_text(&parameters, "text", MAX_TEXT)?.map(str::to_owned),
        feed: short_text(&parameters, "feed", MAX_TEXT)?.map(str::to_owned),
        state: named.unwrap_or(Some(IndicatorState::Active)),
        after: after(&parameters)?,
        limit: limit(&parameters)?,
    };
    let read = service.read(move |store, config| {
        let assessor = Assessor::new(config)?;
        store.search_with(&query, now(), &|feed, dates, statement| {
            assessor.assess(feed, dates, statement)
        })
    });
    let (found, has_more) = read.await?;
    let last = found.last().filter(|_| has_more);
    let next = last.map(|last| cursor(&(&last.feed, &last.id)));
    Ok(Answer(Page { items: found.into_iter().map(IndicatorStatus::from).collect(), next }))
}

/// Reads a state's name; `all` is `None`.
fn named_state(name: &str) -> Option<Option<IndicatorState>> {
    match name {
        "all" => Some(None),
        name => IndicatorState::ALL.into_iter().find(|state| state.name() == name).map(Some),
    }
}

fn state_names() -> String {
    let names = IndicatorState::ALL.map(IndicatorState::name);
    format!("one of {}, all", names.join(", "))
}

/// Explanation of a value: why it matches, or does not
///
/// As `threatsieve explain`, with the policy of `[matching]`.
#[utoipa::path(
    get, path = "/api/v1/explain", tag = "indicators",
    params(("value" = String, Query, min_length = 1, max_length = 2000,
            description = "A domain, address, URL, digest or email address, defanged or not")),
    responses((status = 200, description = "The explanation", body = ExplanationStatus), Problem)
)]
pub(super) async fn explain_value(
    State(service): Shared,
    parameters: Parameters,
) -> Answered<ExplanationStatus> {
    parameters.check(&["value"])?;
    let value = short_text(&parameters, "value", MAX_VALUE)?;
    let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else {
        return Err(parameters.wrong("value", "a value"));
    };
    let value = value.to_owned();
    let read = service.read(move |store, config| {
        let explanation = explain_in_state(store, config, &value, &config.policy, now())?;
        Ok(explanation.as_ref().map(ExplanationStatus::from))
    });
    read.await?.map(Answer).ok_or_else(|| {
        Refusal::new(StatusCode::CONFLICT, "no blacklist yet", "the state")
            .expected("a blacklist, which the first round makes", "none")
    })
}
