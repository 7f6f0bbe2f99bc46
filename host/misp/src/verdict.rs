//! Verdicts on MISP's answers. Its status alone says little: a missing key is 403 as a bad value
//! is, an event that is there is 404, and 200 is no proof of storage. Storage is confirmed by
//! reading back ([`crate::compare`]).

use std::time::Duration;

use serde_json::Value as Json;

use crate::text::clean;

/// The longest reason that is kept, in characters.
const MAX_REASON_CHARS: usize = 500;
/// The longest wait that is taken from an answer.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// The part of an answer in XML that is searched for an error, in bytes.
const MAX_XML_BYTES: usize = 64 << 10;

/// The request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// A request that changes nothing: views, searches, the version.
    Read,
    /// `POST /events/add`.
    Add,
    /// `POST /events/edit/{uuid}`.
    Edit,
    /// `POST /events/upload_stix/{version}`.
    Upload,
    /// Another request that changes something: publishing, tags, sightings.
    Change,
}

/// An answer of the server, or of a proxy before it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The header `Location`.
    pub location: Option<&'a str>,
    /// The header `Retry-After` in seconds. Its form as a date is the caller's to convert.
    pub retry_after: Option<&'a str>,
    /// The header `X-Rate-Limit-Reset`, in seconds.
    pub rate_limit_reset: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// The meaning of an answer for what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// MISP took the request. Silent drops are found by reading back.
    Accepted,
    /// An event with this UUID is there, perhaps unseen.
    Exists {
        /// The event's number, if the answer names it.
        event: Option<u64>,
    },
    /// The event or the thing is not there, or not visible.
    NotFound,
    /// MISP has a version that is not older.
    NotNewer,
    /// The event was deleted here, and its UUID is blocked. Only an administrator can change that.
    Blocklisted,
    /// MISP will never take this as it is.
    Refused {
        /// MISP's reason.
        reason: String,
    },
    /// The request is too large and has to be split.
    TooLarge,
    /// Nothing works until an operator acts: the key, the role, maintenance, the address.
    Paused {
        /// The reason.
        reason: String,
    },
    /// Nothing was done. A repeat may work.
    Transient {
        /// The wait that the server asks for.
        wait: Option<Duration>,
        /// The reason.
        reason: String,
    },
    /// The request may be done, in part, or not: read back before anything else.
    Uncertain {
        /// The wait that the server asks for.
        wait: Option<Duration>,
        /// The reason.
        reason: String,
    },
}

/// Returns the verdict on an answer.
pub fn verdict(call: Call, answer: &Answer<'_>) -> Verdict {
    let body = Body::of(answer);
    match answer.status {
        200..=299 => success(call, answer, &body),
        300..=399 => redirect(answer),
        401 | 407 => Verdict::Paused { reason: body.reason(answer) },
        403 => forbidden(answer, &body),
        404 => not_found(call, answer, &body),
        405 => not_allowed(answer, &body),
        413 => Verdict::TooLarge,
        408 | 425 | 429 | 503 => {
            Verdict::Transient { wait: wait(answer), reason: body.reason(answer) }
        }
        400..=499 => Verdict::Refused { reason: body.reason(answer) },
        _ => unanswered(call, wait(answer), &body.reason(answer)),
    }
}

/// Returns the verdict on a request whose answer is lost or useless: a time-out, half a body, an
/// internal error. The server may go on after it. If the request was certainly never sent, the
/// verdict is [`Verdict::Transient`].
pub fn unanswered(call: Call, wait: Option<Duration>, reason: &str) -> Verdict {
    let reason = clean(reason, MAX_REASON_CHARS);
    if call == Call::Read {
        Verdict::Transient { wait, reason }
    } else {
        Verdict::Uncertain { wait, reason }
    }
}

fn success(call: Call, answer: &Answer<'_>, body: &Body) -> Verdict {
    match body {
        Body::Html => Verdict::Paused {
            reason: "got a page instead of JSON: a login page, or the address of something else"
                .to_owned(),
        },
        Body::Json(json) => match (text(json, "message"), call) {
            (Some(message), Call::Change) if message.starts_with("Could not add the Sighting") => {
                Verdict::Refused { reason: clean(message, MAX_REASON_CHARS) }
            }
            (_, Call::Add | Call::Edit | Call::Upload) if json.get("Event").is_none() => {
                unanswered(call, None, "got an answer without an event")
            }
            _ => Verdict::Accepted,
        },
        Body::Xml(_) if call == Call::Upload => Verdict::Accepted,
        Body::Empty if answer.status == 204 => Verdict::Accepted,
        Body::Xml(_) | Body::Empty | Body::Other => {
            unanswered(call, None, "got an answer that is not whole JSON")
        }
    }
}

/// A key is answered with a redirect to the login page while the server is under maintenance, and
/// where a header is wrong. A redirect is never followed.
fn redirect(answer: &Answer<'_>) -> Verdict {
    let target = clean(answer.location.unwrap_or("nowhere"), MAX_REASON_CHARS / 2);
    let reason = if target.contains("/users/login") {
        "got a redirect to the login page: the server is under maintenance, or the key is not \
         accepted"
            .to_owned()
    } else {
        format!("got a redirect to {target}: check the address")
    };
    Verdict::Paused { reason }
}

fn forbidden(answer: &Answer<'_>, body: &Body) -> Verdict {
    let reason = body.reason(answer);
    let has = |part: &str| reason.contains(part);
    if !body.is_from_misp() {
        return Verdict::Paused { reason };
    }
    if has("already exists") && has("same UUID") {
        return Verdict::Exists { event: None };
    }
    if has("not newer than the local copy") {
        return Verdict::NotNewer;
    }
    if has("blocked by event blocklist") {
        return Verdict::Blocklisted;
    }
    // These are about one event, and the others are about the key or the role.
    let is_of_others = has("You are not authorised to do that")
        || has("You do not have permission to do that")
        || has("Event was not deleted");
    if body.is_validation() || is_of_others {
        return Verdict::Refused { reason };
    }
    Verdict::Paused { reason }
}

fn not_found(call: Call, answer: &Answer<'_>, body: &Body) -> Verdict {
    let reason = body.reason(answer);
    match body {
        Body::Html | Body::Other => Verdict::Paused {
            reason: format!("got 404 from something else than MISP: check the address ({reason})"),
        },
        _ if call == Call::Add && reason.contains("already exists") => {
            Verdict::Exists { event: answer.location.and_then(event_of) }
        }
        _ if body.is_validation() => Verdict::Refused { reason },
        _ => Verdict::NotFound,
    }
}

fn not_allowed(answer: &Answer<'_>, body: &Body) -> Verdict {
    let reason = body.reason(answer);
    if !body.is_from_misp() {
        Verdict::Paused { reason }
    } else if reason.contains("not newer than the local copy") {
        Verdict::NotNewer
    } else if reason.contains("Event not found") || reason.starts_with("Invalid attribute") {
        Verdict::NotFound
    } else {
        Verdict::Refused { reason }
    }
}

/// The number at the end of `https://misp.example/events/4`.
fn event_of(location: &str) -> Option<u64> {
    location.trim_end_matches('/').rsplit('/').next()?.parse().ok()
}

/// The wait that an answer asks for. MISP names it only in `X-Rate-Limit-Reset`; proxies use
/// `Retry-After`.
fn wait(answer: &Answer<'_>) -> Option<Duration> {
    let seconds = |text: &str| text.trim().parse().ok().map(Duration::from_secs);
    let asked = [answer.retry_after, answer.rate_limit_reset];
    asked.into_iter().flatten().filter_map(seconds).max().map(|wait| wait.min(MAX_WAIT))
}

/// A body, by its content: the header is not always true.
enum Body {
    Empty,
    Json(Json),
    Xml(String),
    Html,
    Other,
}

impl Body {
    fn of(answer: &Answer<'_>) -> Body {
        let body = answer.body.trim_ascii();
        let is_html = || {
            let start = body[..body.len().min(100)].to_ascii_lowercase();
            start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
        };
        match body.first() {
            None => Body::Empty,
            Some(b'<') if is_html() => Body::Html,
            Some(b'<') => {
                let start = &body[..body.len().min(MAX_XML_BYTES)];
                Body::Xml(String::from_utf8_lossy(start).into_owned())
            }
            Some(b'{' | b'[') => serde_json::from_slice(body).map_or(Body::Other, Body::Json),
            _ if answer.content_type.is_some_and(|kind| kind.starts_with("text/html")) => {
                Body::Html
            }
            _ => Body::Other,
        }
    }

    /// MISP's answers are JSON, or XML where that was asked for.
    fn is_from_misp(&self) -> bool {
        match self {
            Body::Json(json) => text(json, "message").is_some() || text(json, "name").is_some(),
            Body::Xml(text) => text.contains("<response>"),
            _ => false,
        }
    }

    /// MISP marks failed validation with `saved: false`, and nothing else.
    fn is_validation(&self) -> bool {
        match self {
            Body::Json(json) => json.get("saved") == Some(&Json::Bool(false)),
            Body::Xml(text) => text.contains("<saved>0</saved>"),
            _ => false,
        }
    }

    /// The errors, or the message, or the status.
    fn reason(&self, answer: &Answer<'_>) -> String {
        let said = match self {
            Body::Json(json) => match json.get("errors") {
                Some(Json::String(errors)) if !errors.is_empty() => Some(errors.clone()),
                Some(errors @ (Json::Object(_) | Json::Array(_))) if !is_empty(errors) => {
                    Some(errors.to_string())
                }
                _ => text(json, "message").or_else(|| text(json, "name")).map(str::to_owned),
            },
            Body::Xml(text) => ["errors", "message", "name"]
                .into_iter()
                .find_map(|tag| between(text, tag))
                .map(str::to_owned),
            _ => None,
        };
        let said = said.unwrap_or_else(|| format!("status {}", answer.status));
        clean(&said, MAX_REASON_CHARS)
    }
}

fn text<'a>(json: &'a Json, key: &str) -> Option<&'a str> {
    json.get(key).and_then(Json::as_str).filter(|text| !text.is_empty())
}

fn is_empty(json: &Json) -> bool {
    json.as_object().is_some_and(serde_json::Map::is_empty)
        || json.as_array().is_some_and(Vec::is_empty)
}

fn between<'a>(xml: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
    let (inner, _) = rest.split_once(&format!("</{tag}>"))?;
    Some(inner)
}
