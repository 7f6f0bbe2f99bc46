//! Requests to an OpenSearch cluster. The first of its hosts that answers gets them.
//!
//! All requests here can be repeated without harm, so a request that one host did not answer goes
//! to the next one.

mod answer;
mod fault;
mod hosts;
#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use opensearch::http::Method;
use opensearch::http::headers::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Response};
use serde::Deserialize;
use serde_json::Value as Json;
use url::Url;

use self::answer::{MAX_ANSWER_BYTES, MAX_LARGE_ANSWER_BYTES, is_away, read};
pub(crate) use self::fault::{Fault, Silent};
use self::hosts::Hosts;
use crate::config;
use crate::network::{NO_AUTHORITIES, Secrets, auth_header, http_client, read_body, tls_config};

/// Waits before each further attempt after an overloaded server refused a request (429).
const BUSY: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Encoded path without a leading slash. Paths of the server's own API come from the
    /// definitions of the `opensearch` crate.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<(&'static str, Bytes)>,
    /// The subject of the request, for messages: `the blacklists`.
    pub(crate) what: &'static str,
    /// Time in addition to the configured timeout, for requests that are known to take longer.
    pub(crate) more_time: Duration,
    /// Longest answer that is read.
    pub(crate) max_answer_bytes: u64,
    /// False if the caller itself reacts to an overloaded server, by asking for less.
    pub(crate) is_repeated: bool,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>, what: &'static str) -> Request {
        Request::new(Method::Get, path, what)
    }

    pub(crate) fn new(method: Method, path: impl Into<String>, what: &'static str) -> Request {
        Request {
            method,
            path: path.into().trim_start_matches('/').to_owned(),
            query: Vec::new(),
            body: None,
            what,
            more_time: Duration::ZERO,
            max_answer_bytes: MAX_ANSWER_BYTES,
            is_repeated: true,
        }
    }

    /// Allows a large answer, such as all mappings of a cluster.
    pub(crate) fn large(mut self) -> Request {
        self.max_answer_bytes = MAX_LARGE_ANSWER_BYTES;
        self
    }

    /// Leaves it to the caller to ask an overloaded server for less.
    pub(crate) fn once(mut self) -> Request {
        self.is_repeated = false;
        self
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn json(mut self, body: &Json) -> Request {
        self.body = Some(("application/json", Bytes::from(body.to_string())));
        self
    }

    /// Sends several objects, one a line.
    pub(crate) fn ndjson(mut self, body: Bytes) -> Request {
        self.body = Some(("application/x-ndjson", body));
        self
    }

    /// Sends bytes. The content type is CBOR only because servers refuse unknown types and know
    /// none for plain bytes. The plugin does not parse them as CBOR.
    pub(crate) fn bytes(mut self, body: Bytes) -> Request {
        self.body = Some(("application/cbor", body));
        self
    }

    pub(crate) fn more_time(mut self, more: Duration) -> Request {
        self.more_time = more;
        self
    }
}

/// The server that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) host: String,
    /// The cluster's name and version; `None` if the user may not see them.
    pub(crate) cluster: Option<String>,
    pub(crate) version: Option<String>,
}

/// A client for the cluster with the configured hosts.
#[derive(Debug)]
pub(crate) struct Cluster {
    client: Client,
    hosts: Hosts,
    connect_timeout: Duration,
    timeout: Duration,
    secrets: Secrets,
}

impl Cluster {
    /// Sets up the client, without connecting.
    pub(crate) fn new(settings: &config::OpenSearch, user_agent: &str) -> anyhow::Result<Cluster> {
        let header = auth_header(&settings.auth)?;
        let secrets = Secrets::of_auth(&settings.auth, header.as_ref());
        let tls = tls_config(&settings.ca_files, settings.client_certificate.as_ref())?;
        let client = http_client(tls, user_agent)
            .default_headers(HeaderMap::from_iter(header))
            .connect_timeout(settings.connect_timeout)
            .no_proxy()
            // The limit for an answer applies to the bytes that are sent.
            .no_gzip()
            .build()
            .with_context(|| {
                format!(
                    "the HTTP client cannot be set up; \
                     {NO_AUTHORITIES} (`ca_files` in [opensearch])"
                )
            })?;
        Ok(Cluster {
            client,
            hosts: Hosts::new(&settings.hosts),
            connect_timeout: settings.connect_timeout,
            timeout: settings.timeout,
            secrets,
        })
    }

    /// Limits the timeouts, for commands that should answer soon.
    pub(crate) fn hurried(mut self, patience: Duration) -> Cluster {
        self.connect_timeout = self.connect_timeout.min(patience);
        self.timeout = self.timeout.min(patience);
        self
    }

    /// Finds a host that answers within `connect_timeout`. Later requests begin with that host.
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
                let (cluster, version) =
                    root.map_or((None, None), |root| (root.cluster_name, root.version));
                Ok(Server { host, cluster, version: version.and_then(|version| version.number) })
            }
            // A user may be allowed to push, but not to see this.
            Err(Fault::Denied { host, status: 403, .. }) => {
                Ok(Server { host, cluster: None, version: None })
            }
            Err(fault) => Err(fault),
        }
    }

    /// Sends a request to the host that answered last, and if that fails, to the others in turn.
    pub(crate) async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        request: &Request,
    ) -> Result<T, Fault> {
        let (host, answer) =
            self.ask_within(request, self.timeout.saturating_add(request.more_time)).await?;
        serde_json::from_value(answer).map_err(|error| Fault::Unfit {
            host,
            what: request.what,
            got: error.to_string(),
        })
    }

    /// Sends a request, and repeats it while the server is overloaded, if it may be repeated.
    async fn ask_within(
        &self,
        request: &Request,
        limit: Duration,
    ) -> Result<(String, Json), Fault> {
        for wait in BUSY.into_iter().filter(|wait| request.is_repeated && *wait <= limit) {
            match self.ask_hosts(request, limit).await {
                Err(Fault::Answer { status: 429, .. }) => tokio::time::sleep(wait).await,
                done => return done,
            }
        }
        self.ask_hosts(request, limit).await
    }

    /// Sends a request to the hosts in turn, until one answers.
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

    /// Sends a request to one host. Fails with [`Fault::Unreachable`] if another one may succeed.
    async fn try_once(
        &self,
        host: &str,
        request: &Request,
        limit: Duration,
    ) -> Result<Json, Fault> {
        let silent = |why: String| {
            let why = self.secrets.redact(&why);
            Fault::Unreachable(vec![Silent { host: host.to_owned(), why }])
        };
        let mut response =
            self.send(request, limit).await.map_err(|error| silent(why(&error, limit)))?;
        let status = response.status().as_u16();
        let body = read_body(&mut response, request.max_answer_bytes).await;
        let Some(body) = body.map_err(|error| silent(why(&error, limit)))? else {
            let got = format!("more than {} bytes", request.max_answer_bytes);
            return Err(Fault::Unfit { host: host.to_owned(), what: request.what, got });
        };
        match read(host, request.what, status, &body, &self.secrets) {
            Err(fault) if is_away(status) => Err(silent(fault.reason())),
            answer => answer,
        }
    }

    async fn send(&self, request: &Request, limit: Duration) -> Result<Response, reqwest::Error> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Put => reqwest::Method::PUT,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
            Method::Head => reqwest::Method::HEAD,
        };
        let mut url = self.hosts.url(&request.path);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut sending = self.client.request(method, url).timeout(limit);
        if let Some((content_type, body)) = &request.body {
            sending = sending.header(CONTENT_TYPE, *content_type).body(body.clone());
        }
        sending.send().await
    }
}

/// Joins and encodes the segments of a path. The characters of index patterns (`*`, `,`) stay.
pub(crate) fn path(segments: &[&str]) -> String {
    // Only the encoding of the path is used, so any host is right.
    let url = Url::parse("http://host").map(|mut url| {
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        url
    });
    url.map_or_else(|_| String::new(), |url| url.path().trim_start_matches('/').to_owned())
}

/// Returns the reason why a host did not answer: the deepest cause of the error.
fn why(error: &reqwest::Error, limit: Duration) -> String {
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
