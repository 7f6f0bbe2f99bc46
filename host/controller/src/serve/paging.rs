//! Long lists in pages, each with a cursor to the next one.

use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::parameters::Parameters;
use super::refusal::Refusal;

/// Rows on a page, unless the request says otherwise.
const DEFAULT_ROWS: usize = 100;
/// Maximum number of rows on a page.
pub(super) const MAX_ROWS: usize = 500;
/// Maximum length of a cursor, in bytes.
const MAX_CURSOR_BYTES: usize = 16 * 1024;

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// The parameter `cursor` of the next page; `null` on the last one.
    pub(super) next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of a list that has all.
    pub(super) fn whole(items: Vec<T>) -> Page<T> {
        Page { items, next: None }
    }

    /// Makes a page of up to `limit` rows; one more shows that there is another page. `place`
    /// returns a row's place in the list.
    pub(super) fn of<R>(
        mut rows: Vec<R>,
        limit: usize,
        place: impl Fn(&R) -> i64,
        item: impl FnMut(R) -> T,
    ) -> Page<T> {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(|last| cursor(&place(last)));
        Page { items: rows.into_iter().map(item).collect(), next }
    }
}

/// Returns a cursor to the rows after this place.
pub(super) fn cursor(place: &impl Serialize) -> String {
    Base64UrlUnpadded::encode_string(&serde_json::to_vec(place).unwrap_or_default())
}

/// Reads the parameter `cursor`: the place of the last row of the page before.
pub(super) fn after<T: DeserializeOwned>(parameters: &Parameters) -> Result<Option<T>, Refusal> {
    parameters.read("cursor", "a `next` of an earlier answer", |text| {
        let text = Some(text).filter(|text| text.len() <= MAX_CURSOR_BYTES)?;
        serde_json::from_slice(&Base64UrlUnpadded::decode_vec(text).ok()?).ok()
    })
}

/// Reads the parameter `limit`.
pub(super) fn limit(parameters: &Parameters) -> Result<usize, Refusal> {
    let expected = format!("1 to {MAX_ROWS}");
    let read = parameters.read("limit", &expected, |text| {
        text.parse().ok().filter(|limit| (1..=MAX_ROWS).contains(limit))
    });
    Ok(read?.unwrap_or(DEFAULT_ROWS))
}

/// Returns a text of at most `max` characters; `None` if there is none, or an empty one.
pub(super) fn short_text<'p>(
    parameters: &'p Parameters,
    name: &str,
    max: usize,
) -> Result<Option<&'p str>, Refusal> {
    match parameters.get(name) {
        Some(text) if text.chars().nth(max).is_some() => {
            let got = format!("{}", text.chars().count());
            Err(Refusal::new(StatusCode::BAD_REQUEST, "too long", &format!("parameter {name}"))
                .expected(format!("at most {max} characters"), got))
        }
        text => Ok(text),
    }
}
