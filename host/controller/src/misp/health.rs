//! Checks whether a MISP server answers.

use std::time::Duration;

use anyhow::bail;
use reqwest::header::{ACCEPT, HeaderMap};
use serde_json::Value as Json;

use crate::config::{Http, Misp};
use crate::network::{Secrets, auth_header, configured_client, read_body};

/// Longest time for a check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
/// Number of characters of an answer that messages quote.
const SHOWN_CHARS: usize = 300;

/// Asks a server for its version. Returns the status code of the answer: 200 only if the answer has
/// a version, and 0 without a connection. On a failure, the reason comes with it.
pub(crate) async fn check(server: &Misp, http: &Http) -> (u16, Option<String>) {
    let mut secrets =
        Secrets::of_auth(&server.auth, auth_header(&server.auth).ok().flatten().as_ref());
    secrets.add_url(&server.url);
    let asking = tokio::time::timeout(CHECK_TIMEOUT, ask(server, http, &secrets));
    match asking.await {
        Ok(Ok((200, None))) => (200, None),
        // A page for people: the request led elsewhere.
        Ok(Ok((200, why))) => (502, why),
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => (0, Some(secrets.redact(&format!("{error:#}")))),
        Err(_) => (0, Some(format!("no answer within {} s", CHECK_TIMEOUT.as_secs()))),
    }
}

async fn ask(
    server: &Misp,
    http: &Http,
    secrets: &Secrets,
) -> anyhow::Result<(u16, Option<String>)> {
    let mut url = server.url.clone();
    match url.path_segments_mut() {
        Ok(mut path) => _ = path.pop_if_empty().extend(["servers", "getVersion"]),
        Err(()) => bail!("expected a URL with a path"),
    }
    let header = auth_header(&server.auth)?;
    let client = configured_client(http, server.client_certificate.as_ref(), |builder| {
        builder.default_headers(HeaderMap::from_iter(header))
    })?;
    // Without it, the server sends people's pages.
    let request = client.get(url).header(ACCEPT, "application/json");
    let mut answer = request.send().await.map_err(reqwest::Error::without_url)?;
    let status = answer.status().as_u16();
    let body =
        read_body(&mut answer, MAX_ANSWER_BYTES).await.map_err(reqwest::Error::without_url)?;
    let body = body.unwrap_or_default();
    let version = serde_json::from_slice::<Json>(&body).ok();
    let has_version = version.is_some_and(|answer| answer.get("version").is_some());
    let why = (status != 200 || !has_version).then(|| {
        let excerpt = secrets.excerpt(body.trim_ascii(), SHOWN_CHARS);
        format!("expected the version of MISP, got the status {status}: {excerpt}")
    });
    Ok((status, why))
}
