//! Health: whether the program runs, and whether it can do its work.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Serialize;

use super::guard::Identity;
use super::parameters::Parameters;
use super::refusal::{Answer, Refusal};
use crate::conditions;
use crate::service::{Service, Unserved};

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/healthz", get(health)).route("/readyz", get(readiness))
}

/// Answers while the program runs.
async fn health(parameters: Parameters) -> Result<&'static str, Refusal> {
    parameters.check(&[])?;
    Ok("ok\n")
}

/// The answer of `/readyz`.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    /// Reasons why it is not. Without credentials they are not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<String>>,
    /// Kinds of what is wrong and leaves the program ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<Vec<&'static str>>,
}

/// Answers whether rounds are done with a blacklist.
async fn readiness(
    State(service): State<Arc<Service>>,
    identity: Option<Extension<Identity>>,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    parameters.check(&[])?;
    let read = service.read(|store, _| {
        let has_blacklist = store.generation_in_use()?.is_some();
        let is_suspect = store.upkeep()?.suspect.is_some();
        Ok((has_blacklist, is_suspect, conditions::read(store.connection())?))
    });
    let mut reasons = Vec::new();
    let mut kinds = Vec::new();
    match read.await {
        Ok((has_blacklist, is_suspect, found)) => {
            if !has_blacklist {
                reasons.push("there is no blacklist yet".to_owned());
            }
            if is_suspect {
                reasons.push("the clock jumped, so rounds do nothing".to_owned());
            }
            kinds.extend(found.iter().map(|condition| condition.kind.name()));
            kinds.dedup();
        }
        Err(Unserved::Failed(error)) => {
            tracing::error!(error = format!("{error:#}"), "the state cannot be read");
            reasons.push("the state cannot be read; the log has the reason".to_owned());
        }
        Err(Unserved::Busy | Unserved::Overdue) => {
            reasons.push("too many requests read the state".to_owned());
        }
    }
    if service.next_round().is_none() {
        reasons.push("the schedule is stopped".to_owned());
    }
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (reasons, conditions) = identity.map(|_| (reasons, kinds)).unzip();
    Ok((status, Answer(Readiness { ready, reasons, conditions })).into_response())
}
