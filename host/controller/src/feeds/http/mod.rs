//! Requests of one feed. They are limited in time and size, send credentials to the configured
//! server only, and are retried once if that is likely to help.

mod access;
mod fault;
mod spool;
#[cfg(test)]
pub(super) mod tests;

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use tokio::time::timeout;
use url::Url;

use self::access::{Access, Reach};
pub(crate) use self::fault::Fault;
pub(super) use self::spool::Spooled;
use crate::config::{Auth, ClientCertificate, Http, Secret};
use crate::network::{Refused, Secrets, rate_limit_reset, retry_after};
pub(super) use crate::network::{moment, parse_moment, shown_url as shown, text};
use crate::text::clipped;

/// Maximum number of redirects that are followed for one request.
const MAX_REDIRECTS: usize = 5;
/// Maximum number of characters of an unexpected body that are shown, and of bytes that are read.
const SHOWN_CHARS: usize = 200;
const SHOWN_BYTES: usize = 4 * SHOWN_CHARS;
/// Maximum number of bytes of an unexpected body that are read for its meaning.
const EXPLAINED_BYTES: usize = 64 * 1024;
/// Maximum total wait for retries of one feed in a round. A server that asks for a longer wait is
/// asked again in a later round.
const PATIENCE: Duration = Duration::from_secs(60);
/// Retry delay without `Retry-After`; jittered to 50-100 %.
const PAUSE: Duration = Duration::from_secs(2);
/// The setting that ends a poll, as errors name it.
const POLL_TIMEOUT: &str = "`poll_timeout` in [http]";

/// Sends a feed's requests.
pub(super) struct Fetcher {
    access: Access,
    limits: Http,
    /// The time at which the whole poll must end.
    deadline: Deadline,
    /// The rest of [`PATIENCE`].
    patience: Duration,
    /// Bytes of all bodies so far, unpacked.
    pub(super) bytes: u64,
}

/// A request and the answer that it expects.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// The expected content, for error messages.
    pub(super) expected: &'static str,
    /// Statuses that are accepted.
    pub(super) statuses: &'static [StatusCode],
    /// Maximum size of the body, unpacked. The configured limit applies too.
    pub(super) max_bytes: u64,
    /// The expected content may be XML. Otherwise XML counts as a page for people.
    pub(super) takes_xml: bool,
    /// Reads the meaning of an answer with an unexpected status, if its body has one.
    pub(super) explain: Option<Explain>,
    /// Makes the request a POST.
    pub(super) post: Option<Post>,
}

/// Reads the meaning of an answer's body, if it has one.
pub(super) type Explain = fn(&[u8]) -> Option<String>;

/// The body of a POST request. Its type is among the request's headers.
#[derive(Debug, Clone)]
pub(super) struct Post {
    pub(super) body: Vec<u8>,
    /// The body goes only to the servers that get the credentials.
    pub(super) is_private: bool,
    /// The server can tell a repeated request from a new one, so a retry does no harm.
    pub(super) may_repeat: bool,
}

impl Request {
    pub(super) fn new(url: Url, expected: &'static str) -> Request {
        Request {
            url,
            headers: HeaderMap::new(),
            expected,
            statuses: &[StatusCode::OK],
            max_bytes: u64::MAX,
            takes_xml: false,
            explain: None,
            post: None,
        }
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Request {
        self.headers.insert(name, value);
        self
    }

    fn method(&self) -> Method {
        if self.post.is_some() { Method::POST } else { Method::GET }
    }

    /// Returns an error if the request may not go to a server of this reach.
    fn check_private(&self, from: Option<&Url>, to: &Url, reach: Reach) -> Result<(), Fault> {
        if reach == Reach::Home || !self.post.as_ref().is_some_and(|post| post.is_private) {
            return Ok(());
        }
        let url = shown(from.unwrap_or(&self.url));
        let why = "what is sent goes only to servers that get the credentials";
        Err(match from {
            Some(_) => Fault::Redirect { url, target: shown(to), why },
            None => Fault::Unfit { url, what: format!("nothing was sent: {why}") },
        })
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// The URL that answered, after redirects.
    pub(super) url: Url,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Spooled,
    quote: Quote,
}

impl Answer {
    /// Returns an error if the answer is a page for people, such as a login form.
    pub(super) fn refuse_page(&self, expected: &str) -> Result<(), Fault> {
        self.quote.refuse_page(&self.url, &self.headers, &self.body.start(SHOWN_BYTES)?, expected)
    }

    /// Returns how texts of the answer are quoted in messages.
    pub(super) fn quote(&self) -> Quote {
        self.quote.clone()
    }
}

/// Quotes an answer in messages: without secrets, and not at all if it is from a foreign host.
#[derive(Debug, Clone)]
pub(super) struct Quote {
    secrets: Secrets,
    is_foreign: bool,
    takes_xml: bool,
}

impl Quote {
    /// Returns the first characters of a text; `None` if it is empty or may not be quoted.
    pub(super) fn of(&self, bytes: &[u8]) -> Option<String> {
        let text = self.secrets.excerpt(bytes.trim_ascii(), SHOWN_CHARS);
        (!self.is_foreign && !text.is_empty()).then_some(text)
    }

    /// Returns an error if the content type or the first bytes are those of a page for people.
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
        let is_page = match self.takes_xml {
            // Some servers send XML with the type of a page.
            true => {
                let begins = |tag: &[u8]| {
                    start.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag))
                };
                begins(b"<!doctype") || begins(b"<html") || is_html && !start.starts_with(b"<")
            }
            // `<!DOCTYPE`, `<html`, `<?xml`.
            false => is_html || matches!(start, [b'<', b'!' | b'?' | b'h' | b'H', ..]),
        };
        if !is_page {
            return Ok(());
        }
        let xml = if self.takes_xml { "" } else { ", or XML" };
        let mut what =
            format!("expected {expected}, got a page for people, such as a login form{xml}");
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
    /// Creates the clients. `home` is the URL whose origin gets the credentials.
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

    /// Sends the credentials to these servers too, if the feed's own server refers to them.
    pub(super) fn trust(&mut self, servers: &[Url]) {
        self.access.trust(servers);
    }

    /// Sends this token from now on, instead of other credentials.
    pub(super) fn log_in(&mut self, token: &Secret) -> anyhow::Result<()> {
        self.access.log_in(token)
    }

    /// Hides a secret in messages.
    pub(super) fn hide(&mut self, secret: &Secret) {
        self.access.hide(secret);
    }

    /// Returns whether a server gets the credentials.
    pub(super) fn is_trusted(&self, url: &Url) -> bool {
        self.access.reach(url, true) == Reach::Home
    }

    /// Waits before another request, if there is that much patience and time left.
    pub(super) async fn wait(&mut self, wait: Duration) -> bool {
        let Some(left) = self.patience.checked_sub(wait) else { return false };
        if self.deadline.within(wait) < wait {
            return false;
        }
        self.patience = left;
        tokio::time::sleep(wait).await;
        true
    }

    /// Returns whether the time for the poll is over.
    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_over()
    }

    /// Sends the request and receives the answer. Retries once if the fault is likely to pass soon.
    pub(super) async fn fetch(&mut self, request: &Request) -> Result<Answer, Fault> {
        let may_repeat = request.post.as_ref().is_none_or(|post| post.may_repeat);
        let fault = match self.attempt(request).await {
            Err(fault) if may_repeat && fault.is_brief() => fault,
            outcome => return outcome,
        };
        let wait = fault.retry_after().unwrap_or_else(pause);
        tracing::debug!(error = %fault, wait_ms = wait.as_millis() as u64, "retrying soon");
        if !self.wait(wait).await {
            return Err(fault);
        }
        self.attempt(request).await
    }

    async fn attempt(&mut self, request: &Request) -> Result<Answer, Fault> {
        let deadline = self.request_deadline();
        let (url, reach, mut response) = self.open(request, &deadline).await?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let limit = request.max_bytes.min(self.limits.max_body_bytes);
        let body = self.spool(&url, &mut response, limit, &deadline).await?;
        self.bytes += body.bytes;
        Ok(Answer { url, status, headers, body, quote: self.quote(reach, request) })
    }

    fn request_deadline(&self) -> Deadline {
        Deadline::new(self.limits.total_timeout, "`total_timeout` in [http]").or(self.deadline)
    }

    /// Returns the final URL, the length that the server declares, and the first bytes of the body.
    pub(super) async fn look(
        &self,
        request: &Request,
    ) -> Result<(Url, Option<u64>, Vec<u8>), Fault> {
        let deadline = self.request_deadline();
        let (url, reach, mut response) = self.open(request, &deadline).await?;
        let length = response.content_length();
        let start = self.start(&url, &mut response, &deadline, SHOWN_BYTES).await?;
        self.quote(reach, request).refuse_page(
            &url,
            response.headers(),
            &start,
            request.expected,
        )?;
        Ok((url, length, start))
    }

    /// Sends the request, follows redirects, and fails unless the status is an accepted one.
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
            request.check_private(from.as_ref(), &url, reach)?;
            let refused = |refused: Refused| Fault::Foreign {
                url: shown(from.as_ref().unwrap_or(&request.url)),
                target: shown(&url),
                why: refused.to_string(),
            };
            let sending = self.access.request(request.method(), &url, reach).map_err(refused)?;
            let response =
                self.send(&url, sending, request, deadline).await.map_err(|error| match error {
                    Unsent::Refused(why) => refused(why),
                    Unsent::Fault(fault) => fault,
                })?;
            if request.statuses.contains(&response.status()) {
                return Ok((url, reach, response));
            }
            let redirection =
                redirection(&url, request.method(), response.status(), response.headers())?;
            let Some(target) = redirection else {
                return Err(self.unwanted(&url, reach, request, response, deadline).await);
            };
            // After a redirect to another origin, not even the feed's own server gets credentials:
            // another server chose the request.
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
        let sending = sending.headers(request.headers.clone());
        let sending = match &request.post {
            Some(post) => sending.body(post.body.clone()),
            None => sending,
        };
        let sending = sending.send();
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

    fn quote(&self, reach: Reach, request: &Request) -> Quote {
        Quote {
            secrets: self.access.secrets().clone(),
            is_foreign: reach == Reach::Foreign,
            takes_xml: request.takes_xml,
        }
    }

    /// Receives the next part of a body; `None` at its end.
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

    /// Receives the first bytes of a body, at most `limit`.
    async fn start(
        &self,
        url: &Url,
        response: &mut Response,
        deadline: &Deadline,
        limit: usize,
    ) -> Result<Vec<u8>, Fault> {
        let mut start = Vec::new();
        while start.len() < limit
            && let Some(chunk) = self.chunk(url, response, start.len() as u64, deadline).await?
        {
            let room = limit - start.len();
            start.extend_from_slice(&chunk.as_ref()[..chunk.as_ref().len().min(room)]);
        }
        Ok(start)
    }

    /// Describes an answer whose status is not accepted.
    async fn unwanted(
        &self,
        url: &Url,
        reach: Reach,
        request: &Request,
        mut response: Response,
        deadline: &Deadline,
    ) -> Fault {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        // If the body cannot be read, the status is the more important fault.
        let limit = request.explain.map_or(SHOWN_BYTES, |_| EXPLAINED_BYTES);
        let start = self.start(url, &mut response, deadline, limit).await.unwrap_or_default();
        let meaning = request.explain.and_then(|explain| explain(&start));
        let (mut got, quote) = (status.to_string(), self.quote(reach, request));
        if let Some(content_type) =
            text(&headers, CONTENT_TYPE).and_then(|kind| quote.of(kind.as_bytes()))
        {
            got.push_str(&format!(", {content_type}"));
        }
        let shown_start = &start[..start.len().min(SHOWN_BYTES)];
        if let Some(start) = quote.of(meaning.as_ref().map_or(shown_start, String::as_bytes)) {
            got.push_str(&format!(": {start}"));
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            && reach != Reach::Home
            && self.access.has_credentials()
        {
            got.push_str(&format!(
                "; credentials go to the scheme, host and port of the configured URL only, \
                 and {} differs from it",
                shown(url)
            ));
        }
        Fault::Answer {
            url: shown(url),
            expected: request.expected.to_owned(),
            got,
            status: status.as_u16(),
            retry_after: retry_after(&headers).or_else(|| {
                let is_limited = status == StatusCode::TOO_MANY_REQUESTS;
                rate_limit_reset(&headers).filter(|_| is_limited)
            }),
        }
    }
}

/// Returns the delay before a retry for which the server names none.
pub(super) fn pause() -> Duration {
    PAUSE.mul_f64(0.5 + 0.5 * fastrand::f64())
}

/// Returns the URL that an answer redirects to; `None` if it is not a redirect.
fn redirection(
    from: &Url,
    method: Method,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Url>, Fault> {
    let is_redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = text(headers, LOCATION).filter(|_| is_redirect) else { return Ok(None) };
    let refused = |target: String, why| Err(Fault::Redirect { url: shown(from), target, why });
    let Ok(mut target) = from.join(&location) else {
        return refused(clipped(location.as_bytes(), SHOWN_CHARS), "expected a URL");
    };
    // A server must not choose the credentials of a request.
    if target.set_username("").and_then(|()| target.set_password(None)).is_err()
        || !target.has_host()
    {
        return refused(shown(&target), "expected an http or https URL");
    }
    // The other statuses make a GET of a POST (RFC 9110, section 15.4). They lead to login forms.
    if method == Method::POST && !matches!(status.as_u16(), 307 | 308) {
        return refused(shown(&target), "it would not repeat the POST request; set that URL");
    }
    match (from.scheme(), target.scheme()) {
        ("https", "http") => refused(shown(&target), "it would leave encryption"),
        (_, "http" | "https") => Ok(Some(target)),
        _ => refused(shown(&target), "expected an http or https URL"),
    }
}

/// A request that was not sent, or got no answer.
enum Unsent {
    /// The host has no address that may be contacted.
    Refused(Refused),
    Fault(Fault),
}

/// Returns the resolver's refusal, if a request failed for that reason.
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

/// The time at which a request with its body must end, and the setting for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    /// `None` if the time is beyond the range of the clock.
    end: Option<Instant>,
    limit: Duration,
    setting: &'static str,
}

impl Deadline {
    fn new(limit: Duration, setting: &'static str) -> Deadline {
        Deadline { end: Instant::now().checked_add(limit), limit, setting }
    }

    /// Returns the deadline of a poll, or of a round's polling, that begins now.
    pub(super) fn of_poll(http: &Http) -> Deadline {
        Deadline::new(http.poll_timeout, POLL_TIMEOUT)
    }

    /// Returns the earlier of two deadlines.
    fn or(self, other: Deadline) -> Deadline {
        match (self.end, other.end) {
            (Some(own), Some(others)) if others < own => other,
            (None, Some(_)) => other,
            _ => self,
        }
    }

    /// Returns the shorter of a limit and the time that is left.
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
