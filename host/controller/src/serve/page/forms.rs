//! The forms of the page. They change what the API changes, by the same functions.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderMap, LOCATION};
use axum::response::{IntoResponse, Response};
use threatsieve_blacklist::Timestamp;

use super::overview::Recent;
use super::session::Sessions;
use crate::misp::steer;
use crate::serve::api;
use crate::serve::guard::Identity;
use crate::serve::parameters::Parameters;
use crate::serve::refusal::Refusal;
use crate::service::{Service, Unserved};
use crate::store::mutes::MuteKind;

/// Results, by the name that the next page's address has.
const DONE: [(&str, &str); 8] = [
    ("round", "A round is queued."),
    ("muted", "The mute is added."),
    ("unmuted", "The mute is removed."),
    ("retracted", "It is retracted: the next blacklist is without it."),
    ("restored", "It counts again from the next round on."),
    ("misp", "The MISP server's queue is changed."),
    ("cancelled", "The backfill is cancelled."),
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

/// A form, with everything that its handler needs.
pub(super) struct Form {
    service: Arc<Service>,
    who: Identity,
    sessions: Arc<Sessions>,
    recent: Arc<Recent>,
    headers: HeaderMap,
    parameters: Parameters,
}

impl FromRequest<Arc<Service>> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Form, Response> {
        let (mut parts, body) = request.into_parts();
        let known = <(Extension<Identity>, Extension<Arc<Sessions>>, Extension<Arc<Recent>>)>::
            from_request_parts(&mut parts, service);
        let (Extension(who), Extension(sessions), Extension(recent)) = known.await?;
        let headers = parts.headers.clone();
        let request = Request::from_parts(parts, body);
        let parameters = Parameters::from_request(request, service).await;
        let parameters = parameters.map_err(IntoResponse::into_response)?;
        Ok(Form { service: Arc::clone(service), who, sessions, recent, headers, parameters })
    }
}

impl Form {
    fn check(&self, fields: &[&str]) -> Result<(), Refusal> {
        check(&self.sessions, &self.headers, &self.parameters, fields)
    }

    /// Returns a field that must be there.
    fn field(&self, name: &str) -> Result<String, Refusal> {
        let text = self.parameters.get(name).map(str::trim).filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| self.parameters.wrong(name, "a text"))
    }

    fn kind(&self) -> Result<MuteKind, Refusal> {
        let named = |text: &str| MuteKind::ALL.into_iter().find(|kind| kind.name() == text);
        let kind = self.parameters.read("kind", "indicator, host or source", named)?;
        kind.ok_or_else(|| self.parameters.wrong("kind", "indicator, host or source"))
    }

    /// Leads back to the page, which says what was done.
    async fn done(&self, name: &str) -> Result<Response, Refusal> {
        self.recent.forget().await;
        let to = format!("/?done={name}");
        Ok((StatusCode::SEE_OTHER, [(LOCATION, to), (CACHE_CONTROL, "no-store".into())])
            .into_response())
    }
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

pub(super) async fn start_round(form: Form) -> Result<Response, Refusal> {
    form.check(&[])?;
    form.who.log("start a round", "all feeds that are due");
    match form.service.ask_for_round(None) {
        Ok(()) => form.done("round").await,
        Err(_) => Err(Unserved::Busy.into()),
    }
}

pub(super) async fn add_mute(form: Form) -> Result<Response, Refusal> {
    form.check(&["kind", "value", "days", "reason"])?;
    let kind = form.kind()?;
    let (value, reason) = (form.field("value")?, form.field("reason")?);
    let days = form.parameters.read("days", "1 to 3650", |text| {
        text.parse::<u64>().ok().filter(|days| (1..=3650).contains(days))
    })?;
    let days = days.ok_or_else(|| form.parameters.wrong("days", "1 to 3650"))?;
    let until = now().plus(Duration::from_secs(days * 24 * 60 * 60));
    form.who.log("add a mute", &format!("{} {value} for {days} days: {reason}", kind.name()));
    form.service.change(move |store, _| store.mute(kind, &value, until, &reason, now())).await?;
    form.done("muted").await
}

pub(super) async fn remove_mute(form: Form) -> Result<Response, Refusal> {
    form.check(&["kind", "value"])?;
    let (kind, value) = (form.kind()?, form.field("value")?);
    form.who.log("remove a mute", &format!("{} {value}", kind.name()));
    form.service.change(move |store, _| store.unmute(kind, &value)).await?;
    form.done("unmuted").await
}

pub(super) async fn retract(form: Form) -> Result<Response, Refusal> {
    form.check(&["target", "reason"])?;
    let (target, reason) = (form.field("target")?, form.field("reason")?);
    form.who.log("retract", &format!("{target}: {reason}"));
    form.service.change(move |store, _| store.retract(&target, &reason, now())).await?;
    form.done("retracted").await
}

pub(super) async fn undo_retraction(form: Form) -> Result<Response, Refusal> {
    form.check(&["target"])?;
    let target = form.field("target")?;
    form.who.log("undo a retraction", &target);
    form.service.change(move |store, _| store.undo_retract(&target)).await?;
    form.done("restored").await
}

pub(super) async fn steer_misp(form: Form) -> Result<Response, Refusal> {
    form.check(&["server", "action"])?;
    let (server, action) = (form.field("server")?, form.field("action")?);
    if !matches!(&*action, "retry" | "pause" | "resume") {
        return Err(form.parameters.wrong("action", "retry, pause or resume"));
    }
    form.who.log("steer a MISP server", &format!("{action} {server}"));
    let change = form.service.change(move |store, config| {
        let chosen = steer::chosen(config, Some(&server))?;
        match &*action {
            "retry" => steer::retry(store, &chosen, None).map(drop),
            "pause" => steer::pause(store, chosen[0], "paused on the page", now()),
            _ => steer::resume(store, chosen[0]),
        }
    });
    change.await?;
    form.done("misp").await
}

pub(super) async fn allow_feed(form: Form) -> Result<Response, Refusal> {
    form.check(&["feed"])?;
    let feed = form.field("feed")?;
    form.who.log("let the next delivery of a feed through", &feed);
    let allow = form.service.change(move |store, _| {
        store.allow_held(&feed)?;
        store.allow_next_build()
    });
    allow.await?;
    form.done("allowed").await
}

pub(super) async fn cancel_backfill(form: Form) -> Result<Response, Refusal> {
    form.check(&["id"])?;
    let id = form.field("id")?;
    api::cancel(&form.service, &form.who, &id).await?;
    form.done("cancelled").await
}
