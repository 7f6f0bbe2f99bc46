//! Alerts that wait or failed, and mutes.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answered, Shared, Who, now};
use crate::serve::body::Body;
use crate::serve::paging::Page;
use crate::serve::parameters::{Parameters, Segments};
use crate::serve::refusal::{Answer, Problem, Refusal};
use crate::status::{MailsStatus, MuteStatus, webhooks};
use crate::store::mutes::MuteKind;
use crate::store::webhooks::WebhookQueue;
use crate::text::{clipped, parse_time, rfc3339};

/// The queues of alerts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alerts {
    mails: MailsStatus,
    /// The configured webhooks that were ever used.
    webhooks: Vec<WebhookQueue>,
}

/// Queues of alerts: how many wait, and those that failed
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "alerts",
    responses((status = 200, description = "The queues", body = Alerts), Problem)
)]
pub(super) async fn get_alerts(State(service): Shared, parameters: Parameters) -> Answered<Alerts> {
    parameters.check(&[])?;
    let read = service.read(|store, config| {
        Ok(Alerts { mails: MailsStatus::read(store)?, webhooks: webhooks(config, store)? })
    });
    Ok(Answer(read.await?))
}

/// Mutes, those that last longest first
#[utoipa::path(
    get, path = "/api/v1/mutes", tag = "alerts",
    responses((status = 200, description = "All mutes", body = Page<MuteStatus>), Problem)
)]
pub(super) async fn list_mutes(
    State(service): Shared,
    parameters: Parameters,
) -> Answered<Page<MuteStatus>> {
    parameters.check(&[])?;
    let mutes = service.read(|store, _| store.mutes()).await?;
    let now = now();
    Ok(Answer(Page::whole(mutes.into_iter().map(|mute| MuteStatus::new(mute, now)).collect())))
}

/// A mute to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMute {
    kind: MuteKind,
    /// An indicator's id or listed value, or a host.
    #[schema(min_length = 1, max_length = 8192)]
    value: String,
    /// End of the mute.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Time for which it lasts, instead of `until`: `4h`, `7d`.
    #[schema(pattern = "^[1-9][0-9]{0,3}(m|h|d)$")]
    duration: Option<String>,
    #[schema(min_length = 1, max_length = 8192)]
    reason: String,
}

/// Adds a mute
///
/// As `threatsieve mute add`. One of the same kind and value gets the new end and reason.
#[utoipa::path(
    post, path = "/api/v1/mutes", tag = "alerts", request_body = NewMute,
    responses((status = 201, description = "The mute", body = MuteStatus), Problem)
)]
pub(super) async fn add_mute(
    State(service): Shared,
    who: Who,
    Body(new): Body<NewMute>,
) -> Result<(StatusCode, Answer<MuteStatus>), Refusal> {
    let NewMute { kind, value, until, duration, reason } = new;
    let now = now();
    let until = match (&until, &duration) {
        (Some(until), None) => {
            parse_time(until).ok_or_else(|| wrong("until", "a time (RFC 3339)", until))?
        }
        (None, Some(duration)) => {
            let read = humantime::parse_duration(duration).ok();
            let short = read.filter(|duration| (Duration::ZERO..LONGEST).contains(duration));
            now.plus(short.ok_or_else(|| wrong("duration", "a duration (4h, 7d)", duration))?)
        }
        _ => return Err(wrong("until", "either `until` or `duration`", "both, or neither")),
    };
    let normal = kind.normal(&value).map_err(|error| wrong("value", &error.to_string(), &value))?;
    let detail = format!("{} {normal} until {}: {reason}", kind.name(), rfc3339(until));
    who.log("add a mute", &detail);
    let mute = service.change(move |store, _| {
        let value = store.mute(kind, &value, until, &reason, now)?;
        let is_it = |mute: &crate::store::mutes::Mute| mute.kind == kind && mute.value == value;
        Ok(store.mutes()?.into_iter().find(is_it))
    });
    let gone = || Refusal::new(StatusCode::CONFLICT, "removed meanwhile", "the mute");
    let mute = mute.await?.ok_or_else(gone)?;
    Ok((StatusCode::CREATED, Answer(MuteStatus::new(mute, now))))
}

/// Longest duration of a mute: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

fn wrong(key: &str, expected: &str, got: &str) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong value", key)
        .expected(expected, format!("{:?}", clipped(got.as_bytes(), 200)))
}

/// Ends a mute
#[utoipa::path(
    delete, path = "/api/v1/mutes/{kind}/{value}", tag = "alerts",
    params(
        ("kind" = MuteKind, Path, description = "Kind of the mute"),
        ("value" = String, Path, description = "What is muted"),
    ),
    responses((status = 204, description = "The mute is removed"), Problem)
)]
pub(super) async fn remove_mute(
    State(service): Shared,
    who: Who,
    Segments((kind, value)): Segments<(String, String)>,
    parameters: Parameters,
) -> Result<StatusCode, Refusal> {
    parameters.check(&[])?;
    let got = format!("{} {}", clipped(kind.as_bytes(), 50), clipped(value.as_bytes(), 200));
    let unknown = || {
        Refusal::new(StatusCode::NOT_FOUND, "unknown mute", "path")
            .expected("a mute of the list", got.clone())
    };
    let known = MuteKind::ALL.into_iter().find(|known| known.name() == kind);
    let kind = known.filter(|kind| kind.normal(&value).is_ok()).ok_or_else(unknown)?;
    who.log("remove a mute", &got);
    let removed = service.change(move |store, _| store.unmute(kind, &value)).await?;
    removed.map(|_| StatusCode::NO_CONTENT).ok_or_else(unknown)
}
