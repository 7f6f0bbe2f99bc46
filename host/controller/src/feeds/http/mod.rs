//! Requests of one feed: limited in time and size, credentials kept at home, one more try where that is likely to help.

mod access;
mod fault;
mod header;
mod spool;
#[cfg(test)]
pub(super) mod tests;

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Response, StatusCode};
use tokio::time::timeout;
use url::Url;

use self::access::Access;
pub(crate) use self::fault::Fault;
use self::header::retry_after;
pub(super) use self::header::{moment, shown, text};
pub(super) use self::spool::Spooled;
use crate::config::{Auth, ClientCertificate, Http};
use crate::output::clipped;

/// Most redirects of one request that are followed.
const MAX_REDIRECTS: usize = 5;
/// Most characters and bytes of an unwanted body that are shown and read.
const SHOWN_CHARS: usize = 200;
const SHOWN_BYTES: usize = 4 * SHOWN_CHARS;
/// How long all waiting for second tries of one feed may take in a round; who wants more is asked again in a later one.
const PATIENCE: Duration = Duration::from_secs(60);
/// The wait before a second try where the server names none: from half of this on.
const PAUSE: Duration = Duration::from_secs(2);

/// Makes a feed's requests.
pub(super) struct Fetcher {
    access: Access,
    limits: Http,
    /// What is left of it.
    patience: Duration,
    /// Of all bodies so far, unpacked.
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

/// What came.
#[derive(Debug)]
pub(super) struct Answer {
    /// Where it came from, after redirects.
    pub(super) url: Url,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Spooled,
}

impl Answer {
    /// Refuses what is a page for people.
    pub(super) fn refuse_page(&self, expected: &str) -> Result<(), Fault> {
        refuse_page(&self.url, &self.headers, &self.body.start(SHOWN_BYTES)?, expected)
    }
}

/// Refuses what says of itself, or shows, that it is a page for people, such as the one that asks them to log in.
fn refuse_page(url: &Url, headers: &HeaderMap, start: &[u8], expected: &str) -> Result<(), Fault> {
    let content_type = text(headers, CONTENT_TYPE).unwrap_or_default();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let is_html = content_type.to_ascii_lowercase().contains("html");
    // `<!DOCTYPE`, `<html`, `<?xml`.
    if !is_html && !matches!(start, [b'<', b'!' | b'?' | b'h' | b'H', ..]) {
        return Ok(());
    }
    let start = clipped(start, SHOWN_CHARS);
    let what = format!(
        "expected {expected}, got {content_type} `{start}`: a page for people, such as one to log in, or XML"
    );
    Err(Fault::Content { url: shown(url), what })
}

impl Fetcher {
    /// `home` is where the credentials belong.
    pub(super) fn new(
        http: &Http,
        home: &Url,
        auth: &Auth,
        certificate: Option<&ClientCertificate>,
    ) -> anyhow::Result<Fetcher> {
        let access = Access::new(http, home, auth, certificate)?;
        Ok(Fetcher { access, limits: http.clone(), patience: PATIENCE, bytes: 0 })
    }

    /// Fetches, and tries again once if the fault is likely to be over soon.
    pub(super) async fn get(&mut self, request: &Request) -> Result<Answer, Fault> {
        let fault = match self.attempt(request).await {
            Err(fault) if fault.is_brief() => fault,
            outcome => return outcome,
        };
        let wait = fault.retry_after().unwrap_or_else(|| PAUSE.mul_f64(0.5 + 0.5 * fastrand::f64()));
        let Some(left) = self.patience.checked_sub(wait) else { return Err(fault) };
        self.patience = left;
        tracing::debug!(error = %fault, wait_ms = wait.as_millis() as u64, "asked again soon");
        tokio::time::sleep(wait).await;
        self.attempt(request).await
    }

    async fn attempt(&mut self, request: &Request) -> Result<Answer, Fault> {
        let deadline = Deadline::new(self.limits.total_timeout);
        let (url, mut response) = self.open(request, &deadline).await?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let limit = request.max_bytes.min(self.limits.max_body_bytes);
        let body = self.spool(&url, &mut response, limit, &deadline).await?;
        self.bytes += body.bytes;
        Ok(Answer { url, status, headers, body })
    }

    /// The first bytes of what would be fetched, and how long the server says it is.
    pub(super) async fn look(&self, request: &Request) -> Result<(Url, Option<u64>, Vec<u8>), Fault> {
        let deadline = Deadline::new(self.limits.total_timeout);
        let (url, mut response) = self.open(request, &deadline).await?;
        let length = response.content_length();
        let start = self.start(&url, &mut response, &deadline).await?;
        refuse_page(&url, response.headers(), &start, request.expected)?;
        Ok((url, length, start))
    }

    /// Asks, follows redirects, and refuses any status but those wanted.
    async fn open(&self, request: &Request, deadline: &Deadline) -> Result<(Url, Response), Fault> {
        let mut url = request.url.clone();
        let mut is_home = self.access.is_home(&url);
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&url, is_home, request, deadline).await?;
            if request.statuses.contains(&response.status()) {
                return Ok((url, response));
            }
            let Some(target) = redirection(&url, response.status(), response.headers())? else {
                return Err(self.unwanted(&url, is_home, request, response, deadline).await);
            };
            // Once elsewhere, nobody else decides what is shown to the feed's own server.
            is_home = is_home && self.access.is_home(&target);
            url = target;
        }
        let (target, why) = (shown(&url), "expected at most 5 redirects, got more");
        Err(Fault::Redirect { url: shown(&request.url), target, why })
    }

    async fn send(
        &self,
        url: &Url,
        is_home: bool,
        request: &Request,
        deadline: &Deadline,
    ) -> Result<Response, Fault> {
        let limit = self.limits.connect_timeout.saturating_add(self.limits.idle_timeout);
        let sending = self.access.request(url, is_home).headers(request.headers.clone()).send();
        match timeout(deadline.within(limit), sending).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() && error.is_timeout() => Err(Fault::Silent {
                url: shown(url),
                what: "a connection",
                limit: self.limits.connect_timeout,
                setting: "connect_timeout",
            }),
            Ok(Err(error)) if error.is_connect() => {
                Err(Fault::Connect { url: shown(url), source: error.without_url() })
            }
            Ok(Err(error)) => Err(Fault::Broken { url: shown(url), bytes: 0, source: error.without_url() }),
            Err(_) => Err(self.silent(url, "an answer", deadline)),
        }
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
            Ok(Err(error)) => Err(Fault::Broken { url: shown(url), bytes, source: error.without_url() }),
            Err(_) => Err(self.silent(url, "more of the body", deadline)),
        }
    }

    fn silent(&self, url: &Url, what: &'static str, deadline: &Deadline) -> Fault {
        let url = shown(url);
        if deadline.is_over() {
            let what = "the whole body";
            return Fault::Silent { url, what, limit: self.limits.total_timeout, setting: "total_timeout" };
        }
        Fault::Silent { url, what, limit: self.limits.idle_timeout, setting: "idle_timeout" }
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
    async fn start(&self, url: &Url, response: &mut Response, deadline: &Deadline) -> Result<Vec<u8>, Fault> {
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
        is_home: bool,
        request: &Request,
        mut response: Response,
        deadline: &Deadline,
    ) -> Fault {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        // Why there is no more of it is of no interest beside the status.
        let start = self.start(url, &mut response, deadline).await.unwrap_or_default();
        let mut got = status.to_string();
        if let Some(content_type) = text(&headers, CONTENT_TYPE) {
            got.push_str(&format!(", {}", clipped(content_type.as_bytes(), SHOWN_CHARS)));
        }
        let start = self.access.redacted(&clipped(start.trim_ascii(), SHOWN_CHARS));
        if !start.is_empty() {
            got.push_str(&format!(": {start}"));
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            && !is_home
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
    if target.set_username("").and_then(|()| target.set_password(None)).is_err() || !target.has_host() {
        return refused(shown(&target), "expected an http or https URL");
    }
    match (from.scheme(), target.scheme()) {
        ("https", "http") => refused(shown(&target), "it would leave encryption"),
        (_, "http" | "https") => Ok(Some(target)),
        _ => refused(shown(&target), "expected an http or https URL"),
    }
}

/// When a request with its body has to be over.
struct Deadline(Option<Instant>);

impl Deadline {
    fn new(limit: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(limit))
    }

    /// The shorter one of a limit and what is left.
    fn within(&self, limit: Duration) -> Duration {
        self.0.map_or(limit, |end| limit.min(end.saturating_duration_since(Instant::now())))
    }

    fn is_over(&self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }
}
