//! The routes of the server.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::{Extension, Router};

use super::guard::{Guard, guard};
use super::limits::Limits;
use super::page::{self, Sessions};
use super::refusal::Refusal;
use super::{api, flare, health, metrics};
use crate::service::Service;
use crate::text::clipped;

/// Builds the routes. Whatever the path is, [`guard`] judges the request first.
pub(super) fn router(service: &Arc<Service>, limits: &Arc<Limits>) -> Router {
    let sessions = Arc::new(Sessions::default());
    let state = Guard {
        service: Arc::clone(service),
        limits: Arc::clone(limits),
        sessions: Arc::clone(&sessions),
    };
    api::routes()
        .merge(flare::routes())
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(page::routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(Extension(sessions))
        .layer(Extension(Arc::new(page::Recent::default())))
        .layer(from_fn_with_state(state, guard))
        .with_state(Arc::clone(service))
}

async fn unknown_path(request: Request) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "unknown path", "path").expected(
        format!(
            "/, /metrics, /healthz, /readyz, /api/v1/openapi.json, or {}",
            flare::PATHS.join(", ")
        ),
        shown_path(&request),
    )
}

async fn wrong_method(request: Request) -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "wrong method", &shown_path(&request))
        .expected("the method that the header Allow names", request.method().as_str())
}

fn shown_path(request: &Request) -> String {
    clipped(request.uri().path().as_bytes(), 100)
}
