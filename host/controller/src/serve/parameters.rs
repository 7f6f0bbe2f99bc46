//! The parameters of a request, in its URL or in a form.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::refusal::Refusal;
use crate::text::clipped;

/// Longest part of a request that an answer repeats, in characters.
const MAX_SHOWN: usize = 100;

/// The parameters of a request, in its order.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Parameters {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Parameters, Refusal> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_form = kind.is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
        // The guard has read it, up to its limit.
        let body = Bytes::from_request(request, state).await.unwrap_or_default();
        let form: &[u8] = if is_form { &body } else { &[] };
        let both = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form));
        let owned = both.map(|(name, value)| (name.into_owned(), value.into_owned()));
        Ok(Parameters(owned.collect()))
    }
}

impl Parameters {
    /// Refuses parameters of other names, and any that is there twice.
    pub(super) fn check(&self, known: &[&str]) -> Result<(), Refusal> {
        for (at, (name, _)) in self.0.iter().enumerate() {
            let shown = clipped(name.as_bytes(), MAX_SHOWN);
            if !known.contains(&name.as_str()) {
                let expected = match known {
                    [] => "no parameter".to_owned(),
                    known => format!("one of {}", known.join(", ")),
                };
                return Err(Refusal::new(
                    StatusCode::BAD_REQUEST,
                    "unknown parameter",
                    &format!("parameter {shown}"),
                )
                .expected(expected, shown));
            }
            if self.0[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(Refusal::new(
                    StatusCode::BAD_REQUEST,
                    "ambiguous parameter",
                    &format!("parameter {shown}"),
                )
                .expected("it once", "it twice"));
            }
        }
        Ok(())
    }

    /// Makes the refusal of a value.
    pub(super) fn wrong(&self, name: &str, expected: &str) -> Refusal {
        let given = self.get(name).unwrap_or_default();
        let got = format!("{:?}", clipped(given.as_bytes(), MAX_SHOWN));
        Refusal::new(StatusCode::BAD_REQUEST, "wrong value", &format!("parameter {name}"))
            .expected(expected, got)
    }

    /// Reads a value with a parser of it.
    pub(super) fn read<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(given) = self.given(name) else { return Ok(None) };
        parse(given).map(Some).ok_or_else(|| self.wrong(name, expected))
    }

    /// Returns a parameter's value, which may be empty.
    fn given(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns a parameter's value, if there is one that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.given(name).filter(|value| !value.is_empty())
    }
}

/// The variable parts of a path.
#[derive(Debug)]
pub(super) struct Segments<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Segments<T>, Refusal> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(value)| Segments(value)).map_err(|error| {
            let got = clipped(error.to_string().as_bytes(), MAX_SHOWN);
            Refusal::new(StatusCode::BAD_REQUEST, "wrong path", "path").expected("UTF-8", got)
        })
    }
}
