//! Requests to a webhook. Redirects are not followed: only the configuration names receivers.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, anyhow};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::config::{Http, Webhook};
use crate::network::{Secrets, configured_client, retry_after, shown_server};
use crate::store::webhooks::WaitingDelivery;

/// Maximum number of bytes of an answer that are read, and of characters that messages quote.
const ANSWER_BYTES: usize = 8 * 1024;
const SHOWN_CHARS: usize = 200;

/// A delivery that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may be accepted later. The server may have named a wait.
    Later { why: String, wait: Option<Duration> },
    /// The receiver accepts nothing until somebody changes something.
    Refused(String),
    /// The receiver will never accept this delivery.
    Never(String),
}

/// A client for one webhook.
pub(super) struct Client {
    http: reqwest::Client,
    url: Url,
    timeout: Duration,
    key: Option<Key>,
    secrets: Secrets,
}

impl Client {
    pub(super) fn new(http: &Http, webhook: &Webhook) -> anyhow::Result<Client> {
        let mut secrets = Secrets::default();
        secrets.add_keyed_url(&webhook.url);
        let mut headers = HeaderMap::new();
        for (name, secret) in &webhook.headers {
            secrets.add(secret.expose());
            let mut value = HeaderValue::from_str(secret.expose())
                .map_err(|_| anyhow!("header {name:?}: expected no control characters in it"))?;
            value.set_sensitive(true);
            let name: HeaderName = name.parse().with_context(|| format!("header {name:?}"))?;
            headers.insert(name, value);
        }
        if let Some(secret) = &webhook.secret {
            secrets.add(secret.expose());
        }
        let certificate = webhook.client_certificate.as_ref();
        let client =
            configured_client(http, certificate, |builder| builder.default_headers(headers))?;
        let key = webhook.secret.as_ref();
        Ok(Client {
            http: client,
            url: webhook.url.clone(),
            timeout: webhook.timeout,
            key: key.map(|secret| Key::new(HMAC_SHA256, secret.expose().as_bytes())),
            secrets,
        })
    }

    /// Posts a delivery. It counts as accepted with the status of the answer.
    pub(super) async fn post(&self, delivery: &WaitingDelivery) -> Result<(), Trouble> {
        // A receiver can refuse a request that somebody recorded earlier.
        let time = jiff::Timestamp::now().as_second().to_string();
        let mut request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("X-Threatsieve-Delivery", &delivery.id)
            .header("X-Threatsieve-Timestamp", &time)
            .timeout(self.timeout);
        if let Some(key) = &self.key {
            request =
                request.header("X-Threatsieve-Signature", signature(key, &time, &delivery.body));
        }
        let mut response = request
            .body(delivery.body.clone())
            .send()
            .await
            .map_err(|error| Trouble::Later { why: self.lost(error), wait: None })?;
        let status = response.status();
        let wait = retry_after(response.headers());
        let mut start = Vec::new();
        // A faulty body changes nothing: the status says what became of the delivery.
        while start.len() < ANSWER_BYTES
            && let Ok(Some(chunk)) = response.chunk().await
        {
            start.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES - start.len())]);
        }
        if status.is_success() {
            return Ok(());
        }
        let said = self.secrets.excerpt(start.trim_ascii(), SHOWN_CHARS);
        let said = if said.is_empty() { said } else { format!(": {said}") };
        let server = shown_server(&self.url);
        let why = format!("{server}: expected the status 2xx, got {status}{said}");
        Err(match status.as_u16() {
            300..=399 => Trouble::Refused(format!("{why}; redirects are not followed")),
            401 | 403 | 404 | 405 | 407 | 410 => Trouble::Refused(why),
            400 | 413 | 415 | 422 => Trouble::Never(why),
            _ => Trouble::Later { why, wait },
        })
    }

    fn lost(&self, error: reqwest::Error) -> String {
        let (is_timeout, error) = (error.is_timeout(), error.without_url());
        let mut why: &dyn std::error::Error = &error;
        while let Some(source) = why.source() {
            why = source;
        }
        let limit = humantime::format_duration(self.timeout);
        let why = match is_timeout {
            true => format!("no answer within {limit}"),
            false => why.to_string(),
        };
        self.secrets.redact(&format!("{}: {why}", shown_server(&self.url)))
    }
}

/// Returns the signature of a time and a body: `sha256=` and 64 hexadecimal digits.
fn signature(key: &Key, time: &str, body: &[u8]) -> String {
    let signed = [time.as_bytes(), b".", body].concat();
    let mut text = String::from("sha256=");
    for byte in sign(key, &signed).as_ref() {
        _ = write!(text, "{byte:02x}");
    }
    text
}
