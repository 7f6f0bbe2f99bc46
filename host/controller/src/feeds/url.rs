//! Lists, bundles, envelopes and packages behind a URL. They are fetched only if they changed
//! (RFC 9110, section 13).

use reqwest::StatusCode;
use reqwest::header::{
    ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use threatsieve_feed::{FeedFormat, looks_like};

use super::archive::Archive;
use super::cursor;
use super::fetched::{Body, Fetched, blocking};
use super::http::{Deadline, Fetcher, Request, shown, text};
use crate::config::{Feed, Http, UrlFeed};

const EXPECTED: &str = "a list, a STIX bundle or package, or a TAXII envelope";
/// Accepted statuses. 206 is not one of them: part of a body is not a list.
const STATUSES: &[StatusCode] = &[StatusCode::OK, StatusCode::NOT_MODIFIED];

/// The cursor: properties of the body that was taken last.
#[derive(Debug, Default, Serialize, Deserialize)]
struct At {
    etag: Option<String>,
    last_modified: Option<String>,
    /// BLAKE3, in hexadecimal. Needed because some servers send neither `ETag` nor `Last-Modified`.
    digest: String,
}

/// Fetches the URL's content, unless it is the same as the last time.
pub(super) async fn fetch(
    feed: &Feed,
    url: &UrlFeed,
    http: &Http,
    cursor: Option<&Json>,
    deadline: Deadline,
) -> anyhow::Result<Fetched> {
    let mut fetcher = fetcher(url, http, deadline)?;
    let known: Option<At> = cursor::read(feed, cursor);
    let mut request = request(url);
    if let Some(At { etag, last_modified, .. }) = &known {
        request = conditional(request, IF_NONE_MATCH, etag.as_deref());
        request = conditional(request, IF_MODIFIED_SINCE, last_modified.as_deref());
    }
    let answer = fetcher.fetch(&request).await?;
    let bytes = fetcher.bytes;
    if answer.status == StatusCode::NOT_MODIFIED {
        return Ok(Fetched { body: None, cursor: None, objects: 0, bytes, goes_on: false });
    }
    // Some publishers send their lists as pages. The reader refuses other pages.
    if !feed.format.as_ref().is_some_and(FeedFormat::may_be_page) {
        answer.refuse_page(EXPECTED)?;
    }
    let at = At {
        etag: text(&answer.headers, ETAG),
        last_modified: text(&answer.headers, LAST_MODIFIED),
        digest: answer.body.digest.to_hex().to_string(),
    };
    let is_known = known.is_some_and(|known| known.digest == at.digest);
    if let Some(mut archive) = Archive::of(feed).filter(|_| !is_known) {
        let mut body = answer.body.file()?;
        blocking(|| archive.save(&mut body))?;
    }
    let body = (!is_known).then(|| Body::Whole(answer.body, shown(&answer.url)));
    Ok(Fetched { body, cursor: Some(cursor::write(feed, at)?), objects: 0, bytes, goes_on: false })
}

/// Describes for people what a poll would fetch.
pub(super) async fn probe(url: &UrlFeed, http: &Http) -> anyhow::Result<String> {
    let fetcher = fetcher(url, http, Deadline::of_poll(http))?;
    let (from, length, start) = fetcher.look(&request(url)).await?;
    let is_packed = crate::sources::is_packed(&start);
    let format = if is_packed { "a compressed file" } else { looks_like(&start) };
    let length = length.map_or_else(String::new, |bytes| format!(" of {bytes} bytes"));
    Ok(format!("{format}{length} at {}", shown(&from)))
}

fn fetcher(url: &UrlFeed, http: &Http, deadline: Deadline) -> anyhow::Result<Fetcher> {
    Fetcher::new(http, &url.url, &url.auth, url.client_certificate.as_ref(), deadline)
}

fn request(url: &UrlFeed) -> Request {
    let mut request = Request::new(url.url.clone(), EXPECTED);
    request.statuses = STATUSES;
    request.takes_xml = true;
    request
}

fn conditional(request: Request, name: HeaderName, value: Option<&str>) -> Request {
    match value.and_then(|value| HeaderValue::from_str(value).ok()) {
        Some(value) => request.with(name, value),
        None => request,
    }
}
