//! Requests to a MISP server. Nothing is repeated here: after a lost answer, only the caller knows
//! how to find out whether the request took effect.

use std::time::Duration;

use anyhow::anyhow;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Client as Http, Method};
use serde_json::Value as Json;
use threatsieve_misp::Answer;
use url::Url;

use crate::config::{self, Config};
use crate::network::{Secrets, auth_header, configured_client, read_body, shown_url};

/// Longest answer that is read: an event of 100,000 attributes takes about 60 MiB.
const MAX_ANSWER_BYTES: u64 = 256 * 1024 * 1024;
/// Number of characters of an answer that messages quote.
const SHOWN_CHARS: usize = 300;

/// A request without a usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lost {
    /// The server got nothing of it.
    #[error("{0}")]
    Unsent(String),
    /// The server may have done it, or may still be doing it.
    #[error("{0}")]
    Unanswered(String),
}

/// A client for one server.
pub(super) struct Client {
    http: Http,
    base: Url,
    timeout: Duration,
    secrets: Secrets,
}

impl Client {
    pub(super) fn new(config: &Config, server: &config::Misp) -> anyhow::Result<Client> {
        let header = auth_header(&server.auth)?;
        let mut secrets = Secrets::of_auth(&server.auth, header.as_ref());
        secrets.add_url(&server.url);
        let certificate = server.client_certificate.as_ref();
        let http = configured_client(&config.http, certificate, |builder| {
            builder.default_headers(HeaderMap::from_iter(header))
        })?;
        let mut base = server.url.clone();
        // Paths are joined below it.
        base.path_segments_mut()
            .map_err(|()| anyhow!("{}: expected a URL with a path", shown_url(&server.url)))?
            .pop_if_empty()
            .push("");
        Ok(Client { http, base, timeout: server.timeout, secrets })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer, Lost> {
        self.send(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Json) -> Result<Answer, Lost> {
        let body = ("application/json", body.to_string().into_bytes());
        self.send(Method::POST, path, Some(body)).await
    }

    pub(super) async fn post_xml(&self, path: &str, body: Vec<u8>) -> Result<Answer, Lost> {
        self.send(Method::POST, path, Some(("application/xml", body))).await
    }

    /// Returns the beginning of an answer for messages, without secrets.
    pub(super) fn quote(&self, body: &[u8]) -> String {
        self.secrets.excerpt(body.trim_ascii(), SHOWN_CHARS)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Result<Answer, Lost> {
        let url = self.base.join(path).map_err(|error| Lost::Unsent(error.to_string()))?;
        let mut request = self
            .http
            .request(method, url)
            // Without it, the server sends people's pages.
            .header(ACCEPT, "application/json")
            .timeout(self.timeout);
        if let Some((content_type, body)) = body {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        let mut response = request.send().await.map_err(|error| self.lost(path, &error))?;
        let header = |name| {
            let value = response.headers().get(&name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let mut answer = Answer {
            status: response.status().as_u16(),
            content_type: header(CONTENT_TYPE),
            location: header(LOCATION),
            retry_after: header(reqwest::header::RETRY_AFTER),
            rate_limit_reset: header("x-rate-limit-reset".parse().map_err(|_| {
                Lost::Unsent("the name of a header".to_owned())
            })?),
            body: Vec::new(),
        };
        let read = read_body(&mut response, MAX_ANSWER_BYTES).await;
        answer.body = read.map_err(|error| self.lost(path, &error))?.ok_or_else(|| {
            Lost::Unanswered(format!(
                "{path}: expected an answer of at most {MAX_ANSWER_BYTES} bytes, got more"
            ))
        })?;
        Ok(answer)
    }

    fn lost(&self, path: &str, error: &reqwest::Error) -> Lost {
        let mut why: &dyn std::error::Error = error;
        let mut text = error.to_string();
        while let Some(source) = why.source() {
            (why, text) = (source, source.to_string());
        }
        if error.is_timeout() {
            let limit = humantime::format_duration(self.timeout);
            text = format!("no answer within {limit}");
        }
        let text = self.secrets.redact(&format!("{}{path}: {text}", shown_url(&self.base)));
        if error.is_connect() || error.is_builder() {
            Lost::Unsent(text)
        } else {
            Lost::Unanswered(text)
        }
    }
}
