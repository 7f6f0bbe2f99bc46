//! An OpenSearch cluster: requests to whichever of its hosts answers.
//!
//! Everything that is asked for here may be asked for twice without harm, so a request that one host did not answer goes to the next.

mod answer;
mod fault;
mod hosts;
#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use opensearch::OpenSearch;
use opensearch::auth::{ClientCertificate, Credentials};
use opensearch::cert::{Certificate, CertificateValidation};
use opensearch::http::Method;
use opensearch::http::headers::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use opensearch::http::response::Response;
use opensearch::http::transport::TransportBuilder;
use serde::Deserialize;
use serde_json::Value as Json;
use url::Url;

use self::answer::{MAX_ANSWER_BYTES, is_away, read};
pub(crate) use self::fault::{Fault, Silent};
use self::hosts::Hosts;
use crate::config;
use crate::credentials::{self, NO_AUTHORITIES};

/// A server with too much on its hands says so (429): how long it is left alone before each further attempt.
const BUSY: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// What is sent, and what it is sent for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Encoded, without a leading slash.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<(&'static str, Bytes)>,
    /// What is done or asked for, for messages: `the blacklists`.
    pub(crate) what: &'static str,
    /// Longer than the configured one, where that is known beforehand.
    pub(crate) more_time: Duration,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>, what: &'static str) -> Request {
        Request::new(Method::Get, path, what)
    }

    pub(crate) fn new(method: Method, path: impl Into<String>, what: &'static str) -> Request {
        Request { method, path: path.into(), query: Vec::new(), body: None, what, more_time: Duration::ZERO }
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn json(mut self, body: &Json) -> Request {
        self.body = Some(("application/json", Bytes::from(body.to_string())));
        self
    }

    /// Servers refuse types that they do not know, and bytes have none of their own there. Nobody reads them as CBOR.
    pub(crate) fn bytes(mut self, body: Bytes) -> Request {
        self.body = Some(("application/cbor", body));
        self
    }

    pub(crate) fn more_time(mut self, more: Duration) -> Request {
        self.more_time = more;
        self
    }
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) host: String,
    /// The cluster's name and version; `None` where this user may not see them.
    pub(crate) cluster: Option<String>,
    pub(crate) version: Option<String>,
}

/// The cluster, by the hosts that are configured.
#[derive(Debug)]
pub(crate) struct Cluster {
    client: OpenSearch,
    hosts: Hosts,
    connect_timeout: Duration,
    timeout: Duration,
    /// Texts that are never to be shown, as servers may send back what they got.
    secrets: Vec<String>,
}

impl Cluster {
    /// Sets the client up; nothing is connected to yet.
    pub(crate) fn new(settings: &config::OpenSearch, user_agent: &str) -> anyhow::Result<Cluster> {
        credentials::set_tls_provider();
        let hosts = Hosts::new(&settings.hosts);
        let header = credentials::header(&settings.auth)?;
        let secrets = credentials::secrets(&settings.auth, header.as_ref());
        let mut headers = HeaderMap::from_iter(header);
        headers.insert(USER_AGENT, HeaderValue::from_str(user_agent).context("the user agent")?);
        // Packed answers do not say how long they are.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut builder = TransportBuilder::new(hosts.clone()).headers(headers).disable_proxy();
        if let Some(files) = &settings.client_certificate {
            let certificate = ClientCertificate::Pem(credentials::identity_pem(files)?);
            builder = builder.auth(Credentials::Certificate(certificate));
        }
        if let Some(authorities) = authorities(settings)? {
            builder = builder.cert_validation(CertificateValidation::Full(authorities));
        }
        let transport = builder.build().with_context(|| match &settings.client_certificate {
            Some(files) => credentials::no_identity(files),
            None => {
                format!("the HTTP client cannot be set up; {NO_AUTHORITIES} (`ca_files` in [opensearch])")
            }
        })?;
        Ok(Cluster {
            client: OpenSearch::new(transport),
            hosts,
            connect_timeout: settings.connect_timeout,
            timeout: settings.timeout,
            secrets,
        })
    }

    /// The same with a shorter patience, for who only wants to have a look.
    pub(crate) fn hurried(mut self, patience: Duration) -> Cluster {
        self.connect_timeout = self.connect_timeout.min(patience);
        self.timeout = self.timeout.min(patience);
        self
    }

    /// Finds a host that answers, within the time to connect for each. Later requests begin with that one.
    pub(crate) async fn connect(&self) -> Result<Server, Fault> {
        #[derive(Deserialize)]
        struct Root {
            cluster_name: Option<String>,
            version: Option<Version>,
        }
        #[derive(Deserialize)]
        struct Version {
            number: Option<String>,
        }
        let request = Request::get("", "the server's version");
        match self.ask_within(&request, self.connect_timeout).await {
            Ok((host, answer)) => {
                let root: Option<Root> = serde_json::from_value(answer).ok();
                let (cluster, version) = root.map_or((None, None), |root| (root.cluster_name, root.version));
                Ok(Server { host, cluster, version: version.and_then(|version| version.number) })
            }
            // Whoever may push need not be allowed to see this.
            Err(Fault::Denied { host, status: 403, .. }) => Ok(Server { host, cluster: None, version: None }),
            Err(fault) => Err(fault),
        }
    }

    /// Sends a request to the host that answered last, or else to the others in turn.
    pub(crate) async fn ask<T: for<'de> Deserialize<'de>>(&self, request: &Request) -> Result<T, Fault> {
        let (host, answer) = self.ask_within(request, self.timeout.saturating_add(request.more_time)).await?;
        serde_json::from_value(answer).map_err(|error| Fault::Unfit {
            host,
            what: request.what,
            got: error.to_string(),
        })
    }

    async fn ask_within(&self, request: &Request, limit: Duration) -> Result<(String, Json), Fault> {
        for wait in BUSY.into_iter().filter(|wait| *wait <= limit) {
            match self.ask_hosts(request, limit).await {
                Err(Fault::Answer { status: 429, .. }) => tokio::time::sleep(wait).await,
                done => return done,
            }
        }
        self.ask_hosts(request, limit).await
    }

    async fn ask_hosts(&self, request: &Request, limit: Duration) -> Result<(String, Json), Fault> {
        let mut silent = Vec::new();
        for _ in 0..self.hosts.count() {
            let host = self.hosts.current();
            match self.try_once(&host, request, limit).await {
                Ok(answer) => return Ok((host, answer)),
                Err(Fault::Unreachable(hosts)) => silent.extend(hosts),
                Err(fault) => return Err(fault),
            }
            self.hosts.turn();
        }
        Err(Fault::Unreachable(silent))
    }

    /// The answer of one host, or [`Fault::Unreachable`] where another one may do better.
    async fn try_once(&self, host: &str, request: &Request, limit: Duration) -> Result<Json, Fault> {
        let silent = |why: String| {
            let why = credentials::redacted(&why, &self.secrets);
            Fault::Unreachable(vec![Silent { host: host.to_owned(), why }])
        };
        let response = self.send(request, limit).await.map_err(|error| silent(why(&error, limit)))?;
        let status = response.status_code().as_u16();
        if response.content_length().is_some_and(|bytes| bytes > MAX_ANSWER_BYTES) {
            let got = format!("more than {MAX_ANSWER_BYTES} bytes");
            return Err(Fault::Unfit { host: host.to_owned(), what: request.what, got });
        }
        let body = response.bytes().await.map_err(|error| silent(why(&error, limit)))?;
        let redact = |text: &str| credentials::redacted(text, &self.secrets);
        match read(host, request.what, status, &body, redact) {
            Err(fault) if is_away(status) => Err(silent(fault.reason())),
            answer => answer,
        }
    }

    async fn send(&self, request: &Request, limit: Duration) -> Result<Response, opensearch::Error> {
        let mut headers = HeaderMap::new();
        let body = request.body.as_ref().map(|(content_type, body)| {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            body.clone()
        });
        let (path, query) = (request.path.as_str(), Some(&request.query));
        self.client.send(request.method, path, headers, query, body, Some(limit)).await
    }
}

/// A path of these segments, encoded but for what index patterns are made of.
pub(crate) fn path(segments: &[&str]) -> String {
    // Only a path's encoding is wanted of it, so any host will do.
    let url = Url::parse("http://host").map(|mut url| {
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        url
    });
    url.map_or_else(|_| String::new(), |url| url.path().trim_start_matches('/').to_owned())
}

fn authorities(settings: &config::OpenSearch) -> anyhow::Result<Option<Certificate>> {
    let mut all: Option<Certificate> = None;
    for path in &settings.ca_files {
        let pem = credentials::pem(path)?;
        let more = Certificate::from_pem(&pem)
            .with_context(|| format!("{}: expected certificates in PEM", path.display()))?;
        match &mut all {
            Some(all) => all.append(more),
            None => all = Some(more),
        }
    }
    Ok(all)
}

/// Why a host did not answer, down to the first cause.
fn why(error: &opensearch::Error, limit: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {}", humantime::format_duration(limit));
    }
    let mut cause: &dyn std::error::Error = error;
    let mut text = String::new();
    while let Some(next) = cause.source() {
        cause = next;
        text = cause.to_string();
    }
    if text.is_empty() { error.to_string() } else { text }
}
