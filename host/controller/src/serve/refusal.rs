//! Answers that are not what was asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::page;
use crate::service::{Refused, Unserved};
use crate::store::is_of_database;

/// An answer with a status code of an error. Its body is a JSON object: `what`, `where`, `expected`
/// and `got`. Below `/api/` it has the form of RFC 9457; see [`Form`].
#[derive(Debug, Clone)]
pub(super) struct Refusal(Arc<Parts>);

#[derive(Debug, Clone)]
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
        Refusal(Arc::new(Parts {
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
        let parts = Arc::make_mut(&mut self.0);
        (parts.expected, parts.got) = (expected.into(), got.into());
        self
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Refusal {
        Arc::make_mut(&mut self.0).retry_after = Some(seconds.max(1));
        self
    }

    pub(super) fn with(mut self, key: &str, value: impl Into<Json>) -> Refusal {
        Arc::make_mut(&mut self.0).more.insert(key.to_owned(), value.into());
        self
    }

    /// Replaces the further keys.
    pub(super) fn with_all(mut self, more: Map<String, Json>) -> Refusal {
        Arc::make_mut(&mut self.0).more = more;
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the refusal in one sentence.
    pub(super) fn sentence(&self) -> String {
        let Parts { what, place, expected, got, .. } = &*self.0;
        format!("{what}: {place}: expected {expected}, got {got}")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Parts { status, what, place, expected, got, more, retry_after } = &*self.0;
        let mut body = more.clone();
        for (key, value) in [("what", what), ("where", place), ("expected", expected), ("got", got)]
        {
            body.insert(key.to_owned(), value.as_str().into());
        }
        let mut response = (*status, json(&Json::Object(body))).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, (*seconds).into());
        }
        if *status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The form of answers with a status code of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The keys of a [`Refusal`] alone.
    Plain,
    /// Problem details, as in RFC 9457.
    Problem,
    /// A page for people.
    Page,
}

impl Form {
    /// Returns the form for answers of this path.
    pub(super) fn of(path: &str) -> Form {
        match path {
            path if path.starts_with("/api/") => Form::Problem,
            path if page::is_of_page(path) => Form::Page,
            _ => Form::Plain,
        }
    }

    /// Gives an answer this form.
    pub(super) fn apply(self, response: Response) -> Response {
        let Some(refusal) = response.extensions().get::<Refusal>().cloned() else {
            return response;
        };
        match self {
            Form::Plain => response,
            Form::Page => page::error(response, &refusal),
            Form::Problem => {
                let (mut head, _) = response.into_parts();
                head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
                head.headers.remove(CONTENT_LENGTH);
                Response::from_parts(head, Problem::from(&refusal).to_json().into())
            }
        }
    }
}

/// The media type of problem details.
pub(super) const PROBLEM: &str = "application/problem+json";

/// An error, as RFC 9457 describes it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Always `about:blank`: the status code says what kind of problem it is.
    r#type: &'static str,
    status: u16,
    /// The problem in a few words.
    title: String,
    /// All of it in one sentence.
    detail: String,
    /// The part of the request, or the setting.
    r#where: String,
    expected: String,
    got: String,
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Problem {
        let Parts { status, what, place, expected, got, .. } = &*refusal.0;
        Problem {
            r#type: "about:blank",
            status: status.as_u16(),
            title: what.clone(),
            detail: refusal.sentence(),
            r#where: place.clone(),
            expected: expected.clone(),
            got: got.clone(),
        }
    }
}

impl Problem {
    fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Documents that an operation may answer with a [`Problem`].
impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new()
            .description("The request is refused, or cannot be answered")
            .content(PROBLEM, content)
            .build();
        BTreeMap::from([("default".to_owned(), response.into())])
    }
}

/// Returns an answer in JSON.
pub(super) fn json(value: &Json) -> Response {
    const TYPE: HeaderValue = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, TYPE)], value.to_string()).into_response()
}

/// An answer in JSON.
#[derive(Debug)]
pub(super) struct Answer<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        const TYPE: HeaderValue = HeaderValue::from_static("application/json");
        match serde_json::to_string(&self.0) {
            Ok(text) => ([(CONTENT_TYPE, TYPE)], text).into_response(),
            Err(error) => {
                tracing::error!(error = error.to_string(), "an answer cannot be written");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

impl From<Unserved> for Refusal {
    fn from(unserved: Unserved) -> Refusal {
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        match unserved {
            Unserved::Busy => Refusal::new(busy, "too busy", "the state")
                .expected("a turn to use it", "others that use it for long")
                .retry_after(5),
            Unserved::Overdue => Refusal::new(busy, "took too long", "the state")
                .expected("an answer within the limit of time", "a search that goes on")
                .retry_after(30),
            Unserved::Failed(error) if is_of_database(&error) => {
                tracing::error!(error = format!("{error:#}"), "the state cannot be used");
                Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the state cannot be used", "state")
                    .expected("a state that can be used", "an error, which is in the log")
            }
            Unserved::Failed(error) => {
                Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "cannot be done", "the request")
                    .expected("a request that can be done", format!("{error:#}"))
            }
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Refusal {
        let status = match refused {
            Refused::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refused::Fixed { .. } => StatusCode::CONFLICT,
            Refused::Unusable(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let what = "the configuration is not reloaded; the previous one stays in use";
        Refusal::new(status, what, "the configuration")
            .expected("a configuration that can be used", refused.to_string())
    }
}
