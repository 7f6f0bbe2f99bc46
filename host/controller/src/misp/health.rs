//! Checks whether a MISP server answers.

use std::time::Duration;

use serde_json::Value as Json;

use super::client::Client;
use crate::config::{Http, Misp};

/// Longest time for a check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks a server for its version. Returns the status code of the answer: 200 only if the answer has
/// a version, and 0 without a connection. On a failure, the reason comes with it.
pub(crate) async fn check(server: &Misp, http: &Http) -> (u16, Option<String>) {
    let client = match Client::new(http, server) {
        Ok(client) => client,
        Err(error) => return (0, Some(format!("{error:#}"))),
    };
    let asking = tokio::time::timeout(CHECK_TIMEOUT, client.get("servers/getVersion"));
    let reply = match asking.await {
        Ok(Ok(reply)) => reply,
        Ok(Err(lost)) => return (0, Some(lost.to_string())),
        Err(_) => return (0, Some(format!("no answer within {} s", CHECK_TIMEOUT.as_secs()))),
    };
    let version = serde_json::from_slice::<Json>(&reply.body).ok();
    let has_version = version.is_some_and(|answer| answer.get("version").is_some());
    if (reply.status, has_version) == (200, true) {
        return (200, None);
    }
    let excerpt = client.quote(&reply.body);
    let status = reply.status;
    let why = format!("expected the version of MISP, got the status {status}: {excerpt}");
    // A page for people: the request led elsewhere.
    (if status == 200 { 502 } else { status }, Some(why))
}
