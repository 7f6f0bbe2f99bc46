//! HTTP clients, and reading their answers up to a limit.

use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, ClientBuilder, NoProxy, Proxy, Response};
use rustls::ClientConfig;

use super::tls::tls_config;
use crate::config::{ClientCertificate, Http};

/// Time for which an idle connection is kept for the next request.
const POOL_IDLE: Duration = Duration::from_secs(30);
/// The remedy for the usual reason why TLS cannot be set up. The setting follows in parentheses.
pub(crate) const NO_AUTHORITIES: &str = "if this machine has no CA certificates, \
    install them (package ca-certificates) or name files with some";

/// Begins an HTTP client. It follows no redirects, because only the caller knows which data may go
/// to which server.
pub(crate) fn http_client(mut tls: ClientConfig, user_agent: &str) -> ClientBuilder {
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(user_agent)
        .pool_idle_timeout(POOL_IDLE)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
}

/// Builds an HTTP client by the settings of `[http]`. It presents the client certificate, if there
/// is one. `more` adds what only this client needs.
pub(crate) fn configured_client(
    http: &Http,
    certificate: Option<&ClientCertificate>,
    more: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> anyhow::Result<Client> {
    let tls = tls_config(&http.ca_files, certificate)?;
    let mut builder = http_client(tls, &http.user_agent).connect_timeout(http.connect_timeout);
    if let Some(proxy) = &http.proxy {
        let proxy =
            Proxy::all(proxy.clone()).map_err(reqwest::Error::without_url).context("the proxy")?;
        builder = builder.proxy(proxy.no_proxy(NoProxy::from_env()));
    }
    more(builder).build().with_context(|| {
        format!("the HTTP client cannot be set up; {NO_AUTHORITIES} (`ca_files` in [http])")
    })
}

/// Reads an answer's body to its end. Returns `None` if it is longer than `max_bytes`, whether or
/// not the server declared the length.
pub(crate) async fn read_body(
    response: &mut Response,
    max_bytes: u64,
) -> Result<Option<Vec<u8>>, reqwest::Error> {
    if response.content_length().is_some_and(|bytes| bytes > max_bytes) {
        return Ok(None);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if (body.len() + chunk.len()) as u64 > max_bytes {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}
