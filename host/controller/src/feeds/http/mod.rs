//! Requests of one feed: limited in time and size, credentials kept at home, one more try where that is likely to help.

mod access;
mod fault;
mod header;
mod spool;
#[cfg(test)]
pub(super) mod tests;

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::time::timeout;
use url::Url;

use self::access::{Access, Reach};
pub(crate) use self::fault::Fault;
use self::header::retry_after;
pub(super) use self::header::{moment, text};
pub(super) use self::spool::Spooled;
use crate::config::{Auth, ClientCertificate, Http};
pub(super) use crate::network::shown_url as shown;
use crate::network::{Refused, Secrets};
use crate::text::clipped;

/// Most redirects of one request that are followed.
const MAX_REDIRECTS: usize = 5;
/// Most characters and bytes of an unwanted body that are shown and read.
const SHOWN_CHARS: usize = 200;
const SHOWN_BYTES: usize = 4 * SHOWN_CHARS;
/// How long all waiting for second tries of one feed may take in a round; who wants more is asked again in a later one.
const PATIENCE: Duration = Duration::from_secs(60);
/// The wait before a second try where the server names none: from half of this on.
const PAUSE: Duration = Duration::from_secs(2);
/// The setting that ends a poll, as errors name it.
const POLL_TIMEOUT: &str = "`poll_timeout` in [http]";

/// Makes a feed's requests.
pub(super) struct Fetcher {
    access: Access,
    limits: Http,
    /// When the whole poll has to be over.
    deadline: Deadline,
    /// What is left of [`PATIENCE`].
    patience: Duration,
    /// Bytes of all bodies so far, unpacked.
    pub(super) bytes: u64,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// In an error's words.
    pub(super) expected: &'static str,
    /// Statuses that are fine.
    pub(super) statuses: &'static [StatusCode],
    /// Longest body, unpacked; what the configuration allows where that is less.
    pub(super) max_bytes: u64,
}

impl Request {
    pub(super) fn new(url: Url, expected: &'static str) -> Request {
        let statuses = &[StatusCode::OK];
        Request { url, headers: HeaderMap::new(), expected, statuses, max_bytes: u64::MAX }
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Request {
        self.headers.insert(name, value);
        self
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// Where it came from, after redirects.
    pub(super) url: Url,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Spooled,
    quote: Quote,
}

impl Answer {
    /// Refuses a page for people.
    pub(super) fn refuse_page(&self, expected: &str) -> Result<(), Fault> {
        self.quote.refuse_page(&self.url, &self.headers, &self.body.start(SHOWN_BYTES)?, expected)
    }
}

/// How an answer may be quoted in messages: without secrets, and not at all if it is a foreign
/// host's.
#[derive(Debug, Clone)]
struct Quote {
    secrets: Secrets,
    is_foreign: bool,
}

impl Quote {
    /// The first characters of a text; nothing where it may not be quoted.
    fn of(&self, bytes: &[u8]) -> Option<String> {
        let text = self.secrets.excerpt(bytes.trim_ascii(), SHOWN_CHARS);
        (!self.is_foreign && !text.is_empty()).then_some(text)
    }

    /// Refuses what says of itself, or shows, that it is a page for people, such as a login form.
    fn refuse_page(
        &self,
        url: &Url,
        headers: &HeaderMap,
        start: &[u8],
        expected: &str,
    ) -> Result<(), Fault> {
        let content_type = text(headers, CONTENT_TYPE).unwrap_or_default();
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
        let is_html = content_type.to_ascii_lowercase().contains("html");
        // `<!DOCTYPE`, `<html`, `<?xml`.
        if !is_html && !matches!(start, [b'<', b'!' | b'?' | b'h' | b'H', ..]) {
            return Ok(());
        }
        let mut what =
            format!("expected {expected}, got a page for people, such as a login form, or XML");
        if let Some(kind) = self.of(content_type.as_bytes()) {
            what.push_str(&format!(", of type {kind}"));
        }
        if let Some(start) = self.of(start) {
            what.push_str(&format!(": `{start}`"));
        }
        Err(Fault::Content { url: shown(url), what })
    }
}

impl Fetcher {
    /// `home` is where the credentials belong.
    pub(super) fn new(
        http: &Http,
        home: &Url,
        auth: &Auth,
        certificate: Option<&ClientCertificate>,
        deadline: Deadline,
    ) -> anyhow::Result<Fetcher> {
        let access = Access::new(http, home, auth, certificate)?;
        Ok(Fetcher { access, limits: http.clone(), deadline, patience: PATIENCE, bytes: 0 })
    }

    /// Whether the poll's time is over.
    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_over()
    }

    /// Fetches, and tries again once if the fault is likely to be over soon.
    pub(super) async fn get(&mut self, request: &Request) -> Result<Answer, Fault> {
        let fault = match self.attempt(request).await {
            Err(fault) if fault.is_brief() => fault,
            outcome => return outcome,
        };
        let wait =
            fault.retry_after().unwrap_or_else(|| PAUSE.mul_f64(0.5 + 0.5 * fastrand::f64()));
        let Some(left) = self.patience.checked_sub(wait) else { return Err(fault) };
        if self.deadline.within(wait) < wait {
            return Err(fault);
        }
        self.patience = left;
        tracing::debug!(error = %fault, wait_ms = wait.as_millis() as u64, "asked again soon");
        tokio::time::sleep(wait).await;
        self.attempt(request).await
    }

    async fn attempt(&mut self, request: &Request) -> Result<Answer, Fault> {
        let deadline = self.request_deadline();
        let (url, reach, mut response) = self.open(request, &deadline).await?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let limit = request.max_bytes.min(self.limits.max_body_bytes);
        let body = self.spool(&url, &mut response, limit, &deadline).await?;
        self.bytes += body.bytes;
        Ok(Answer { url, status, headers, body, quote: self.quote(reach) })
    }

    fn request_deadline(&self) -> Deadline {
        Deadline::new(self.limits.total_timeout, "`total_timeout` in [http]").or(self.deadline)
    }

    /// The first bytes of what would be fetched, and how long the server says it is.
    pub(super) async fn look(
        &self,
        request: &Request,
    ) -> Result<(Url, Option<u64>, Vec<u8>), Fault> {
        let deadline = self.request_deadline();
        let (url, reach, mut response) = self.open(request, &deadline).await?;
        let length = response.content_length();
        let start = self.start(&url, &mut response, &deadline).await?;
        self.quote(reach).refuse_page(&url, response.headers(), &start, request.expected)?;
        Ok((url, length, start))
    }

    /// Asks, follows redirects, and refuses any status but those wanted.
    async fn open(
        &self,
        request: &Request,
        deadline: &Deadline,
    ) -> Result<(Url, Reach, Response), Fault> {
        let mut url = request.url.clone();
        let mut is_own = self.access.reach(&url, true) == Reach::Home;
        let mut from = None;
        for _ in 0..=MAX_REDIRECTS {
            let reach = self.access.reach(&url, is_own);
            let refused = |refused: Refused| Fault::Foreign {
                url: shown(from.as_ref().unwrap_or(&request.url)),
                target: shown(&url),
                why: refused.to_string(),
            };
            let sending = self.access.request(&url, reach).map_err(refused)?;
            let response =
                self.send(&url, sending, request, deadline).await.map_err(|error| match error {
                    Unsent::Refused(why) => refused(why),
                    Unsent::Fault(fault) => fault,
                })?;
            if request.statuses.contains(&response.status()) {
                return Ok((url, reach, response));
            }
            let Some(target) = redirection(&url, response.status(), response.headers())? else {
                return Err(self.unwanted(&url, reach, request, response, deadline).await);
            };
            // Once elsewhere, nobody else decides what is shown to the feed's own server.
            is_own = is_own && self.access.reach(&target, true) == Reach::Home;
            from = Some(std::mem::replace(&mut url, target));
        }
        let (target, why) = (shown(&url), "expected at most 5 redirects, got more");
        Err(Fault::Redirect { url: shown(&request.url), target, why })
    }

    async fn send(
        &self,
        url: &Url,
        sending: RequestBuilder,
        request: &Request,
        deadline: &Deadline,
    ) -> Result<Response, Unsent> {
        let limit = self.limits.connect_timeout.saturating_add(self.limits.idle_timeout);
        let sending = sending.headers(request.headers.clone()).send();
        let url = || shown(url);
        let fault = match timeout(deadline.within(limit), sending).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(error)) => match refused(&error) {
                Some(refused) => return Err(Unsent::Refused(refused)),
                None if error.is_connect() && error.is_timeout() => Fault::Silent {
                    url: url(),
                    what: "a connection",
                    limit: self.limits.connect_timeout,
                    setting: "`connect_timeout` in [http]",
                },
                None if error.is_connect() => {
                    Fault::Connect { url: url(), source: error.without_url() }
                }
                None => Fault::Broken { url: url(), bytes: 0, source: error.without_url() },
            },
            Err(_) => self.silent(url(), "an answer", deadline),
        };
        Err(Unsent::Fault(fault))
    }

    fn quote(&self, reach: Reach) -> Quote {
        Quote { secrets: self.access.secrets().clone(), is_foreign: reach == Reach::Foreign }
    }

    /// The next part of a body; `None` at its end.
    async fn chunk(
        &self,
        url: &Url,
        response: &mut Response,
        bytes: u64,
        deadline: &Deadline,
    ) -> Result<Option<impl AsRef<[u8]> + use<>>, Fault> {
        match timeout(deadline.within(self.limits.idle_timeout), response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => {
                Err(Fault::Broken { url: shown(url), bytes, source: error.without_url() })
            }
            Err(_) => Err(self.silent(shown(url), "more of the body", deadline)),
        }
    }

    fn silent(&self, url: String, what: &'static str, deadline: &Deadline) -> Fault {
        match deadline.is_over() {
            true => deadline.fault(url, "the whole body"),
            false => Fault::Silent {
                url,
                what,
                limit: self.limits.idle_timeout,
                setting: "`idle_timeout` in [http]",
            },
        }
    }

    async fn spool(
        &self,
        url: &Url,
        response: &mut Response,
        limit: u64,
        deadline: &Deadline,
    ) -> Result<Spooled, Fault> {
        let mut spool = spool::Spool::new()?;
        while let Some(chunk) = self.chunk(url, response, spool.bytes(), deadline).await? {
            if spool.bytes() + chunk.as_ref().len() as u64 > limit {
                let remedy = "`max_body` in [http] allows more";
                return Err(Fault::TooLong { url: shown(url), limit, remedy });
            }
            spool.write(chunk.as_ref())?;
        }
        Ok(spool.finish()?)
    }

    /// A body's first bytes, as many as are shown.
    async fn start(
        &self,
        url: &Url,
        response: &mut Response,
        deadline: &Deadline,
    ) -> Result<Vec<u8>, Fault> {
        let mut start = Vec::new();
        while start.len() < SHOWN_BYTES
            && let Some(chunk) = self.chunk(url, response, start.len() as u64, deadline).await?
        {
            let room = SHOWN_BYTES - start.len();
            start.extend_from_slice(&chunk.as_ref()[..chunk.as_ref().len().min(room)]);
        }
        Ok(start)
    }

    /// An answer of another status.
    async fn unwanted(
        &self,
        url: &Url,
        reach: Reach,
        request: &Request,
        mut response: Response,
        deadline: &Deadline,
    ) -> Fault {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        // Why there is no more of it does not matter next to the status.
        let start = self.start(url, &mut response, deadline).await.unwrap_or_default();
        let (mut got, quote) = (status.to_string(), self.quote(reach));
        if let Some(content_type) =
            text(&headers, CONTENT_TYPE).and_then(|kind| quote.of(kind.as_bytes()))
        {
            got.push_str(&format!(", {content_type}"));
        }
        if let Some(start) = quote.of(&start) {
            got.push_str(&format!(": {start}"));
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            && reach != Reach::Home
            && self.access.has_credentials()
        {
            got.push_str(&format!(
                "; credentials go to the scheme, host and port of the configured URL alone, and {} has another",
                shown(url)
            ));
        }
        Fault::Answer {
            url: shown(url),
            expected: request.expected.to_owned(),
            got,
            status: status.as_u16(),
            retry_after: retry_after(&headers),
        }
    }
}

/// Where an answer redirects to.
fn redirection(from: &Url, status: StatusCode, headers: &HeaderMap) -> Result<Option<Url>, Fault> {
    let is_redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = text(headers, LOCATION).filter(|_| is_redirect) else { return Ok(None) };
    let refused = |target: String, why| Err(Fault::Redirect { url: shown(from), target, why });
    let Ok(mut target) = from.join(&location) else {
        return refused(clipped(location.as_bytes(), SHOWN_CHARS), "expected a URL");
    };
    // What somebody else writes into a URL is not to become credentials.
    if target.set_username("").and_then(|()| target.set_password(None)).is_err()
        || !target.has_host()
    {
        return refused(shown(&target), "expected an http or https URL");
    }
    match (from.scheme(), target.scheme()) {
        ("https", "http") => refused(shown(&target), "it would leave encryption"),
        (_, "http" | "https") => Ok(Some(target)),
        _ => refused(shown(&target), "expected an http or https URL"),
    }
}

/// A request that was not sent, or brought no answer.
enum Unsent {
    /// Its host has no address that may be connected to.
    Refused(Refused),
    Fault(Fault),
}

/// The resolver's refusal, if that is why a request failed.
fn refused(error: &reqwest::Error) -> Option<Refused> {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        if let Some(refused) = next.downcast_ref::<Refused>() {
            return Some(refused.clone());
        }
        cause = next;
    }
    None
}

/// When a request with its body has to be over, and the setting that says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    /// `None` for a moment that no clock reaches.
    end: Option<Instant>,
    limit: Duration,
    setting: &'static str,
}

impl Deadline {
    fn new(limit: Duration, setting: &'static str) -> Deadline {
        Deadline { end: Instant::now().checked_add(limit), limit, setting }
    }

    /// The end of a poll, or of a round's polling, that begins now.
    pub(super) fn of_poll(http: &Http) -> Deadline {
        Deadline::new(http.poll_timeout, POLL_TIMEOUT)
    }

    /// The earlier one.
    fn or(self, other: Deadline) -> Deadline {
        match (self.end, other.end) {
            (Some(own), Some(others)) if others < own => other,
            (None, Some(_)) => other,
            _ => self,
        }
    }

    /// The shorter one of a limit and what is left.
    fn within(&self, limit: Duration) -> Duration {
        self.end.map_or(limit, |end| limit.min(end.saturating_duration_since(Instant::now())))
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }

    fn fault(&self, url: String, what: &'static str) -> Fault {
        Fault::Silent { url, what, limit: self.limit, setting: self.setting }
    }
}
