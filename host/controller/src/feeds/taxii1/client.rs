//! Sends messages to a server's services, and reads the answers.

use std::io::BufReader;
use std::time::Duration;

use anyhow::Context;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Deserialize;
use threatsieve_blacklist::Timestamp;
use threatsieve_feed::taxii1::{
    Answer as Message, Block, Body, MessageLimits, Request, Status, StatusType, Version,
    read_message,
};
use url::Url;

use crate::config::{Auth, Http, Secret, Taxii1Feed};
use crate::feeds::fetched::blocking;
use crate::feeds::http::{self, Deadline, Fault, Fetcher, Post, Quote, moment, pause, shown};
use crate::text::escape_controls;

/// Largest answer of a login, in bytes.
const MAX_LOGIN_BYTES: u64 = 64 * 1024;
/// Maximum number of RETRY statuses after which a request is repeated in one poll.
const MAX_RETRIES: u32 = 10;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A feed's connection to its server.
pub(super) struct Client<'a> {
    feed: &'a Taxii1Feed,
    pub(super) fetcher: Fetcher,
    is_logged_in: bool,
}

/// A complete answer.
pub(super) struct Answer {
    /// The URL for messages.
    pub(super) url: String,
    pub(super) message: Message,
    /// The time by the server's clock (`Date`).
    pub(super) date: Option<Timestamp>,
    quote: Quote,
}

/// A request to a service, and what its answer is expected to be.
pub(super) struct Asked<'a> {
    pub(super) url: &'a Url,
    pub(super) version: Version,
    pub(super) request: &'a Request,
    pub(super) expected: &'static str,
}

impl<'a> Client<'a> {
    pub(super) fn new(
        feed: &'a Taxii1Feed,
        http: &Http,
        deadline: Deadline,
    ) -> anyhow::Result<Client<'a>> {
        // With a login, the credentials go to the login alone.
        let auth = if feed.login_url.is_some() { &Auth::None } else { &feed.server.auth };
        let certificate = feed.server.client_certificate.as_ref();
        let mut fetcher = Fetcher::new(http, &feed.server.url, auth, certificate, deadline)?;
        fetcher.trust(&feed.trusted);
        Ok(Client { feed, fetcher, is_logged_in: false })
    }

    /// Sends a request, and returns the answer, whatever its type. Content blocks go to `each` as
    /// they are read; an error means that the answer, and so the blocks, are not complete.
    ///
    /// A status RETRY is waited for, if the wait is short. After UNAUTHORIZED, the login is
    /// repeated once.
    pub(super) async fn ask(
        &mut self,
        asked: &Asked<'_>,
        each: &mut (dyn FnMut(Block) + Send),
    ) -> anyhow::Result<Answer> {
        let (mut retries, mut logins) = (0, 0);
        if !self.is_logged_in {
            self.log_in().await?;
        }
        loop {
            let answer = match self.exchange(asked, each).await {
                Err(error) if self.may_log_in(&error) && logins == 0 => None,
                outcome => Some(outcome?),
            };
            let Some(answer) = answer else {
                logins += 1;
                self.log_in().await?;
                continue;
            };
            let Body::Status(status) = &answer.message.body else { return Ok(answer) };
            match status.kind {
                StatusType::Retry if retries < MAX_RETRIES => {
                    retries += 1;
                    let wait = status.wait().unwrap_or_else(pause).max(Duration::from_secs(1));
                    tracing::debug!(url = answer.url, wait_s = wait.as_secs(), "asked to retry");
                    if !self.fetcher.wait(wait).await {
                        return Ok(answer);
                    }
                }
                StatusType::Unauthorized if self.feed.login_url.is_some() && logins == 0 => {
                    logins += 1;
                    self.log_in().await?;
                }
                _ => return Ok(answer),
            }
        }
    }

    /// Returns whether a login may help, because the token may have expired.
    fn may_log_in(&self, error: &anyhow::Error) -> bool {
        let status = error.downcast_ref::<Fault>().and_then(Fault::status);
        self.feed.login_url.is_some() && status == Some(StatusCode::UNAUTHORIZED.as_u16())
    }

    async fn exchange(
        &mut self,
        asked: &Asked<'_>,
        each: &mut (dyn FnMut(Block) + Send),
    ) -> anyhow::Result<Answer> {
        let Asked { url, version, request, expected } = *asked;
        let is_inbox = matches!(request, Request::Inbox(_));
        let body = request.to_xml(version, fastrand::u64(..)).context("the request")?.into_bytes();
        let mut http = http::Request::new(url.clone(), expected);
        for (name, value) in version.headers(url.scheme() == "https") {
            let name: HeaderName = name.parse().context("a header of TAXII 1")?;
            http = http.with(name, HeaderValue::from_static(value));
        }
        http.takes_xml = true;
        http.explain = Some(status_of);
        http.post = Some(Post { body, is_private: is_inbox, may_repeat: !is_inbox });
        let answer = self.fetcher.fetch(&http).await?;
        answer.refuse_page(expected)?;
        let (url, quote) = (shown(&answer.url), answer.quote());
        let date = moment(&answer.headers, "date");
        let input = BufReader::with_capacity(64 * 1024, answer.body.into_file());
        let limits = MessageLimits::default();
        let message = blocking(|| read_message(input, &limits, each));
        let message = message.map_err(|error| {
            let text = format!("{:#}", anyhow::Error::from(error));
            let what = quote.of(text.as_bytes()).unwrap_or_else(|| {
                "expected a TAXII 1 message, got one that cannot be read".to_owned()
            });
            Fault::Content { url: url.clone(), what }
        })?;
        Ok(Answer { url, message, date, quote })
    }

    /// Gets a token for the credentials, if the feed has a login.
    async fn log_in(&mut self) -> anyhow::Result<()> {
        self.is_logged_in = true;
        let (Some(url), Auth::Basic { user, password }) =
            (&self.feed.login_url, &self.feed.server.auth)
        else {
            return Ok(());
        };
        let expected = "a JSON object with a `token`";
        self.fetcher.hide(password);
        let body = serde_json::json!({ "username": user, "password": password.expose() });
        let mut request =
            http::Request::new(url.clone(), expected).with(CONTENT_TYPE, JSON).with(ACCEPT, JSON);
        request.max_bytes = MAX_LOGIN_BYTES;
        let body = body.to_string().into_bytes();
        request.post = Some(Post { body, is_private: true, may_repeat: true });
        let answer = self.fetcher.fetch(&request).await?;
        answer.refuse_page(expected)?;
        let url = shown(&answer.url);
        let token: Result<Token, _> =
            serde_json::from_reader(BufReader::new(answer.body.into_file()));
        // The error shows nothing of the answer, which may hold a token elsewhere.
        let Ok(Token { token }) = token else {
            let what = format!("expected {expected}, got something else");
            return Err(Fault::Content { url, what }.into());
        };
        self.fetcher.log_in(&Secret::new(token))
    }

    /// Returns a hint if an address gets no credentials.
    pub(super) fn hint(&self, url: &Url) -> String {
        let has_some = !matches!(self.feed.server.auth, Auth::None)
            || self.feed.server.client_certificate.is_some();
        match has_some && !self.fetcher.is_trusted(url) {
            true => format!(
                "; {} got no credentials, which `send_credentials_to` of the feed changes",
                shown(url)
            ),
            false => String::new(),
        }
    }
}

/// Returns the text of a status message, which some servers send with an HTTP status of their own.
fn status_of(body: &[u8]) -> Option<String> {
    let message = read_message(body, &MessageLimits::default(), &mut |_| {}).ok()?;
    match message.body {
        Body::Status(status) => Some(format!("the status {status}")),
        _ => None,
    }
}

/// The answer of a login.
#[derive(Deserialize)]
struct Token {
    token: String,
}

impl Answer {
    /// Describes a status message that is not what was expected.
    pub(super) fn fault(&self, status: &Status, expected: &'static str, hint: &str) -> Fault {
        let got = match self.quote.of(status.to_string().as_bytes()) {
            Some(text) => text,
            None => escape_controls(status.kind.name()).into_owned(),
        };
        Fault::Status {
            url: self.url.clone(),
            expected,
            got: format!("{got}{hint}"),
            kind: status.kind.clone(),
            retry_after: status.wait(),
        }
    }

    /// Describes an answer of another type.
    pub(super) fn unexpected(&self, expected: &'static str, hint: &str) -> Fault {
        let got = match &self.message.body {
            Body::Status(status) => return self.fault(status, expected, hint),
            Body::Services(_) => "a list of services",
            Body::Collections(_) => "a list of collections",
            Body::Subscriptions(_) => "subscriptions",
            Body::Poll(_) => "a poll response",
        };
        Fault::Content { url: self.url.clone(), what: format!("expected {expected}, got {got}") }
    }

    /// Returns a text of the server for messages.
    pub(super) fn quoted(&self, text: &str) -> String {
        self.quote.of(text.as_bytes()).unwrap_or_default()
    }
}
