//! The page for people: everything at a glance, what is wrong first.
//!
//! Its templates, its style sheet and its script are in the program. Templates escape what they
//! show: log lines, names of indicators and texts of feeds are from outside. The content security
//! policy lets the browser run and load nothing else.

mod forms;
mod live;
mod overview;
mod plot;
mod session;
mod view;
mod words;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

pub(super) use self::overview::Recent;
pub(super) use self::session::Sessions;
use self::view::{ErrorPage, LoginPage, MainPage, SearchPage, Visitor};
use super::guard::Identity;
use super::parameters::Parameters;
use super::refusal::Refusal;
use crate::config::Server;
use crate::explain::explain_in_state;
use crate::service::Service;

/// Paths that need no credentials.
pub(super) const OPEN: [&str; 5] = ["/login", "/logout", STYLE, SCRIPT, ICON];
const STYLE: &str = "/page/page.css";
const SCRIPT: &str = "/page/page.js";
const ICON: &str = "/page/icon.svg";

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
                      connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// Longest value to explain, in characters.
const MAX_VALUE: usize = 2000;

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/", get(main_page))
        .route("/search", get(search))
        .route("/login", get(login_form).post(log_in))
        .route("/logout", post(log_out))
        .route("/page/live", get(live::live))
        .route("/page/round", post(forms::start_round))
        .route("/page/mute", post(forms::add_mute))
        .route("/page/unmute", post(forms::remove_mute))
        .route("/page/retract", post(forms::retract))
        .route("/page/restore", post(forms::undo_retraction))
        .route("/page/misp", post(forms::steer_misp))
        .route("/page/allow", post(forms::allow_feed))
        .route("/page/cancel", post(forms::cancel_backfill))
        .route(ICON, get(|| asset("image/svg+xml", include_str!("assets/icon.svg"))))
        .route(STYLE, get(|| asset("text/css", include_str!("assets/page.css"))))
        .route(SCRIPT, get(|| asset("text/javascript", include_str!("assets/page.js"))))
}

/// Returns whether a path is one of the page.
pub(super) fn is_of_page(path: &str) -> bool {
    matches!(path, "/" | "/search" | "/login" | "/logout") || path.starts_with("/page/")
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    let kind = format!("{kind}; charset=utf-8");
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "max-age=300".to_owned())];
    (headers, text).into_response()
}

/// Returns the client, as its pages show it.
fn visitor(
    service: &Service,
    identity: &Identity,
    sessions: &Sessions,
    headers: &HeaderMap,
) -> Visitor {
    let in_use = service.in_use();
    let has_tokens = in_use.config.server.as_ref().is_some_and(Server::has_tokens);
    Visitor::new(identity, sessions.form_token(headers), has_tokens)
}

async fn main_page(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Identity>,
    Extension(sessions): Extension<Arc<Sessions>>,
    Extension(recent): Extension<Arc<Recent>>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    parameters.check(&["done"])?;
    let overview = recent.get(&service).await?;
    let visitor = visitor(&service, &identity, &sessions, &headers);
    let done = parameters.get("done").and_then(forms::done_words);
    page(StatusCode::OK, &MainPage::new(&overview, visitor, done))
}

/// Explains a value.
async fn search(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Identity>,
    Extension(sessions): Extension<Arc<Sessions>>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    parameters.check(&["value"])?;
    let visitor = visitor(&service, &identity, &sessions, &headers);
    let value = parameters.get("value").unwrap_or_default().trim().to_owned();
    if value.is_empty() {
        return Ok(redirect("/"));
    }
    if value.chars().nth(MAX_VALUE).is_some() {
        return Err(parameters.wrong("value", &format!("at most {MAX_VALUE} characters")));
    }
    let text = value.clone();
    let read = service.read(move |store, config| {
        let now = jiff::Timestamp::now().as_microsecond();
        let now = threatsieve_blacklist::Timestamp(now);
        let explained = explain_in_state(store, config, &text, &config.policy, now)?;
        Ok(explained.map(|explained| (explained.matches(), explained.text())))
    });
    let (matches, text) = read
        .await?
        .unwrap_or((false, "there is no blacklist yet: the first round makes it".into()));
    page(StatusCode::OK, &SearchPage { visitor, value, matches, text })
}

async fn login_form(parameters: Parameters) -> Result<Response, Refusal> {
    parameters.check(&[])?;
    page(StatusCode::OK, &LoginPage { visitor: Visitor::nobody(), is_wrong: false })
}

/// Begins a session with a token.
async fn log_in(
    State(service): State<Arc<Service>>,
    Extension(sessions): Extension<Arc<Sessions>>,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    parameters.check(&["token"])?;
    let in_use = service.in_use();
    let token = parameters.get("token").unwrap_or_default();
    let server = in_use.config.server.as_ref();
    match server.and_then(|server| sessions.begin(server, token, in_use.tls.is_some())) {
        Some(cookie) => Ok(with_cookie(redirect("/"), &cookie)),
        None => {
            tracing::info!("a login with a wrong token is refused");
            let login = LoginPage { visitor: Visitor::nobody(), is_wrong: true };
            page(StatusCode::FORBIDDEN, &login)
        }
    }
}

/// Ends a session.
async fn log_out(
    Extension(sessions): Extension<Arc<Sessions>>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    forms::check(&sessions, &headers, &parameters, &[])?;
    Ok(with_cookie(redirect("/login"), &sessions.end(&headers)))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(axum::http::header::SET_COOKIE, value);
    }
    response
}

fn redirect(to: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, to), (CACHE_CONTROL, "no-store")]).into_response()
}

/// Makes a page of a template.
fn page(status: StatusCode, template: &impl Template) -> Result<Response, Refusal> {
    match template.render() {
        Ok(html) => {
            let mut response = (status, html).into_response();
            add_headers(response.headers_mut());
            Ok(response)
        }
        Err(error) => {
            tracing::error!(error = error.to_string(), "a page cannot be made");
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "no page", "the program")
                .expected("a page", "an error, which is in the log"))
        }
    }
}

fn add_headers(headers: &mut HeaderMap) {
    let all: [(HeaderName, &'static str); 6] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Forms are sent with their origin, which the guard checks.
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in all {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Makes a page of a refusal. Those who have to log in are led there.
pub(super) fn error(response: Response, refusal: &Refusal) -> Response {
    if refusal.status() == StatusCode::UNAUTHORIZED {
        return redirect("/login");
    }
    let (mut head, _) = response.into_parts();
    let template =
        ErrorPage { visitor: Visitor::nobody(), text: refusal.sentence(), status: head.status };
    let html = template.render().unwrap_or_default();
    head.headers.remove(CONTENT_LENGTH);
    add_headers(&mut head.headers);
    Response::from_parts(head, html.into())
}
