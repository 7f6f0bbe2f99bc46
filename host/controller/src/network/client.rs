//! HTTP clients, and the bounded reading of their answers.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, Response};
use rustls::ClientConfig;

/// How long an idle connection is kept for the next request.
const POOL_IDLE: Duration = Duration::from_secs(30);
/// The usual reason why TLS cannot be set up.
pub(crate) const NO_AUTHORITIES: &str = "without certificates of authorities on this machine, install them (ca-certificates) or name some";

/// Begins an HTTP client. It follows no redirects: whoever uses it knows what may go where.
pub(crate) fn http_client(mut tls: ClientConfig, user_agent: &str) -> ClientBuilder {
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(user_agent)
        .pool_idle_timeout(POOL_IDLE)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
}

/// Reads an answer's body to its end; `None` when it is longer than `max_bytes`, whether or not the
/// server said so beforehand.
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
