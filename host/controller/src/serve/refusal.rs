//! Answers that are not what was asked for.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json};

/// An answer with a status code of an error. Its body is a JSON object: `what`, `where`, `expected`
/// and `got`.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) what: String,
    /// The part of the request, or the setting.
    pub(super) place: String,
    pub(super) expected: String,
    pub(super) got: String,
    /// Further keys.
    pub(super) more: Map<String, Json>,
    /// Seconds until another request may succeed.
    pub(super) retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, what: &str, place: &str) -> Refusal {
        Refusal {
            status,
            what: what.to_owned(),
            place: place.to_owned(),
            expected: String::new(),
            got: String::new(),
            more: Map::new(),
            retry_after: None,
        }
    }

    pub(super) fn expected(
        mut self,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Refusal {
        (self.expected, self.got) = (expected.into(), got.into());
        self
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Refusal {
        self.retry_after = Some(seconds.max(1));
        self
    }

    pub(super) fn with(mut self, key: &str, value: impl Into<Json>) -> Refusal {
        self.more.insert(key.to_owned(), value.into());
        self
    }

    /// Returns the refusal in one sentence.
    pub(super) fn sentence(&self) -> String {
        let Refusal { what, place, expected, got, .. } = self;
        format!("{what}: {place}: expected {expected}, got {got}")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = self.more;
        for (key, value) in [
            ("what", self.what),
            ("where", self.place),
            ("expected", self.expected),
            ("got", self.got),
        ] {
            body.insert(key.to_owned(), value.into());
        }
        let mut response = (self.status, json(&Json::Object(body))).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Returns an answer in JSON.
pub(super) fn json(value: &Json) -> Response {
    const TYPE: HeaderValue = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, TYPE)], value.to_string()).into_response()
}
