//! Bodies of requests in JSON.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use crate::text::clipped;

/// Longest part of a request that an answer repeats, in characters.
const MAX_SHOWN: usize = 200;

/// The value of a body.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Refusal> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
            let got = kind.map_or("none".to_owned(), |kind| clipped(kind.as_bytes(), MAX_SHOWN));
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Refusal::new(status, "wrong type of body", "header Content-Type")
                .expected("application/json", got));
        }
        if let Some(query) = request.uri().query().filter(|query| !query.is_empty()) {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "unknown parameter", "query")
                .expected("no parameter", clipped(query.as_bytes(), MAX_SHOWN)));
        }
        // The guard has read it, up to its limit.
        let bytes = Bytes::from_request(request, state).await.unwrap_or_default();
        serde_json::from_slice(&bytes).map(Body).map_err(|error| {
            let got = clipped(error.to_string().as_bytes(), MAX_SHOWN);
            Refusal::new(StatusCode::BAD_REQUEST, "wrong body", "body")
                .expected("JSON as in /api/v1/openapi.json", got)
        })
    }
}
