//! Answers that are not what was asked for.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json};

/// An answer with a status code of an error. Its body is a JSON object: `what`, `where`, `expected`
/// and `got`.
#[derive(Debug)]
pub(super) struct Refusal(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    what: String,
    /// The part of the request, or the setting.
    place: String,
    expected: String,
    got: String,
    /// Further keys.
    more: Map<String, Json>,
    /// Seconds until another request may succeed.
    retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, what: &str, place: &str) -> Refusal {
        Refusal(Box::new(Parts {
            status,
            what: what.to_owned(),
            place: place.to_owned(),
            expected: String::new(),
            got: String::new(),
            more: Map::new(),
            retry_after: None,
        }))
    }

    pub(super) fn expected(
        mut self,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Refusal {
        (self.0.expected, self.0.got) = (expected.into(), got.into());
        self
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Refusal {
        self.0.retry_after = Some(seconds.max(1));
        self
    }

    pub(super) fn with(mut self, key: &str, value: impl Into<Json>) -> Refusal {
        self.0.more.insert(key.to_owned(), value.into());
        self
    }

    /// Replaces the further keys.
    pub(super) fn with_all(mut self, more: Map<String, Json>) -> Refusal {
        self.0.more = more;
        self
    }

    /// Returns the refusal in one sentence.
    pub(super) fn sentence(&self) -> String {
        let Parts { what, place, expected, got, .. } = &*self.0;
        format!("{what}: {place}: expected {expected}, got {got}")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Parts { status, what, place, expected, got, more: mut body, retry_after } = *self.0;
        for (key, value) in [("what", what), ("where", place), ("expected", expected), ("got", got)]
        {
            body.insert(key.to_owned(), value.into());
        }
        let mut response = (status, json(&Json::Object(body))).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
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
