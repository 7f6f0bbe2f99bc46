//! The forms of the page. They change what the API changes, by the same functions.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderMap, LOCATION};
use axum::response::{IntoResponse, Response};
use threatsieve_blacklist::Timestamp;

use super::overview::Recent;
use super::session::Sessions;
use crate::misp::steer;
use crate::serve::guard::Identity;
use crate::serve::parameters::Parameters;
use crate::serve::refusal::Refusal;
use crate::service::{Service, Unserved};
use crate::store::mutes::MuteKind;

type Shared = State<Arc<Service>>;
type Who = Extension<Identity>;
type Known = Extension<Arc<Sessions>>;
type Shown = Extension<Arc<Recent>>;

/// Results, by the name that the next page's address has.
const DONE: [(&str, &str); 7] = [
    ("round", "A round is queued."),
    ("muted", "The mute is added."),
    ("unmuted", "The mute is removed."),
    ("retracted", "It is retracted: the next blacklist is without it."),
    ("restored", "It counts again from the next round on."),
    ("misp", "The MISP server's queue is changed."),
    ("allowed", "The next delivery is let through."),
];

/// Returns the words for a result.
pub(super) fn done_words(name: &str) -> Option<&'static str> {
    DONE.into_iter().find(|(known, _)| *known == name).map(|(_, words)| words)
}

/// Refuses a form that is not of this server's page, or has other fields.
pub(super) fn check(
    sessions: &Sessions,
    headers: &HeaderMap,
    parameters: &Parameters,
    fields: &[&str],
) -> Result<(), Refusal> {
    parameters.check(&[&["form"], fields].concat())?;
    match sessions.is_of_page(headers, parameters.get("form")) {
        true => Ok(()),
        false => Err(Refusal::new(StatusCode::FORBIDDEN, "an old page", "the form")
            .expected("the form of a page that was loaded since you logged in", "another")),
    }
}

/// Leads back to the page, which says what was done.
async fn done(recent: &Recent, name: &str) -> Result<Response, Refusal> {
    recent.forget().await;
    let to = format!("/?done={name}");
    Ok((StatusCode::SEE_OTHER, [(LOCATION, to), (CACHE_CONTROL, "no-store".into())])
        .into_response())
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

/// Returns a field that must be there.
fn field(parameters: &Parameters, name: &str) -> Result<String, Refusal> {
    let text = parameters.get(name).map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| parameters.wrong(name, "a text"))
}

pub(super) async fn start_round(
    State(service): Shared,
    Extension(who): Who,
    Extension(sessions): Known,
    Extension(recent): Shown,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    check(&sessions, &headers, &parameters, &[])?;
    who.log("start a round", "all feeds that are due");
    match service.ask_for_round(None) {
        Ok(()) => done(&recent, "round").await,
        Err(_) => Err(Unserved::Busy.into()),
    }
}

pub(super) async fn add_mute(
    State(service): Shared,
    Extension(who): Who,
    Extension(sessions): Known,
    Extension(recent): Shown,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    check(&sessions, &headers, &parameters, &["kind", "value", "days", "reason"])?;
    let kind = kind(&parameters)?;
    let (value, reason) = (field(&parameters, "value")?, field(&parameters, "reason")?);
    let days = parameters.read("days", "1 to 3650", |text| {
        text.parse::<u64>().ok().filter(|days| (1..=3650).contains(days))
    })?;
    let days = days.ok_or_else(|| parameters.wrong("days", "1 to 3650"))?;
    let until = now().plus(Duration::from_secs(days * 24 * 60 * 60));
    who.log("add a mute", &format!("{} {value} for {days} days: {reason}", kind.name()));
    service.change(move |store, _| store.mute(kind, &value, until, &reason, now())).await?;
    done(&recent, "muted").await
}

pub(super) async fn remove_mute(
    State(service): Shared,
    Extension(who): Who,
    Extension(sessions): Known,
    Extension(recent): Shown,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    check(&sessions, &headers, &parameters, &["kind", "value"])?;
    let (kind, value) = (kind(&parameters)?, field(&parameters, "value")?);
    who.log("remove a mute", &format!("{} {value}", kind.name()));
    service.change(move |store, _| store.unmute(kind, &value)).await?;
    done(&recent, "unmuted").await
}

fn kind(parameters: &Parameters) -> Result<MuteKind, Refusal> {
    let named = |text: &str| MuteKind::ALL.into_iter().find(|kind| kind.name() == text);
    let kind = parameters.read("kind", "indicator, host or source", named)?;
    kind.ok_or_else(|| parameters.wrong("kind", "indicator, host or source"))
}

pub(super) async fn retract(
    State(service): Shared,
    Extension(who): Who,
    Extension(sessions): Known,
    Extension(recent): Shown,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    check(&sessions, &headers, &parameters, &["target", "reason"])?;
    let (target, reason) = (field(&parameters, "target")?, field(&parameters, "reason")?);
    who.log("retract", &format!("{target}: {reason}"));
    service.change(move |store, _| store.retract(&target, &reason, now())).await?;
    done(&recent, "retracted").await
}

pub(super) async fn undo_retraction(
    State(service): Shared,
    Extension(who): Who,
    Extension(sessions): Known,
    Extension(recent): Shown,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    check(&sessions, &headers, &parameters, &["target"])?;
    let target = field(&parameters, "target")?;
    who.log("undo a retraction", &target);
    service.change(move |store, _| store.undo_retract(&target)).await?;
    done(&recent, "restored").await
}

pub(super) async fn steer_misp(
    State(service): Shared,
    Extension(who): Who,
    Extension(sessions): Known,
    Extension(recent): Shown,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    check(&sessions, &headers, &parameters, &["server", "action"])?;
    let (server, action) = (field(&parameters, "server")?, field(&parameters, "action")?);
    if !matches!(&*action, "retry" | "pause" | "resume") {
        return Err(parameters.wrong("action", "retry, pause or resume"));
    }
    who.log("steer a MISP server", &format!("{action} {server}"));
    let change = service.change(move |store, config| {
        let chosen = steer::chosen(config, Some(&server))?;
        match &*action {
            "retry" => steer::retry(store, &chosen, None).map(drop),
            "pause" => steer::pause(store, chosen[0], "paused on the page", now()),
            _ => steer::resume(store, chosen[0]),
        }
    });
    change.await?;
    done(&recent, "misp").await
}

pub(super) async fn allow_feed(
    State(service): Shared,
    Extension(who): Who,
    Extension(sessions): Known,
    Extension(recent): Shown,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    check(&sessions, &headers, &parameters, &["feed"])?;
    let feed = field(&parameters, "feed")?;
    who.log("let the next delivery of a feed through", &feed);
    let allow = service.change(move |store, _| {
        store.allow_held(&feed)?;
        store.allow_next_build()
    });
    allow.await?;
    done(&recent, "allowed").await
}
