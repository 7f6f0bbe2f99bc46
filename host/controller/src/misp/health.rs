//! Checks whether a MISP server answers, and whether the key's user may do what is configured.

use std::time::Duration;

use anyhow::{anyhow, ensure};
use serde_json::Value as Json;
use threatsieve_misp::{Call, Verdict};

use super::client::Client;
use super::send::said;
use super::trouble;
use crate::config::{Config, Http, Misp};

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

/// Asks a server for its version and for the rights of the key's user. Returns both for people.
/// Fails if a right is missing that the configuration needs.
pub(crate) async fn probe(server: &Misp, config: &Config) -> anyhow::Result<String> {
    let client = Client::new(&config.http, server)?;
    let ask = async |path: &str| -> anyhow::Result<Json> {
        let reply = tokio::time::timeout(CHECK_TIMEOUT, client.get(path)).await??;
        match reply.verdict(Call::Read) {
            Verdict::Accepted => Ok(serde_json::from_slice(&reply.body)?),
            other => Err(anyhow!("{path}: {}", said(&trouble(other)))),
        }
    };
    let about = ask("servers/getVersion").await?;
    let version = about["version"].as_str().unwrap_or("of an unknown version");
    let me = ask("users/view/me").await?;
    let may = |right: &str| me["Role"][right].as_bool().unwrap_or(false);
    let targets = || {
        let feeds = config.feeds.iter().flat_map(|feed| &feed.misp);
        feeds.filter(|target| target.server == server.name)
    };
    let needed = [
        ("perm_add", "add events", targets().next().is_some()),
        ("perm_publish", "publish events", targets().any(|target| target.publish)),
        ("perm_sighting", "add sightings", server.sightings),
    ];
    for (right, what, is_needed) in needed {
        ensure!(
            !is_needed || may(right),
            "MISP {version}: expected a key whose user may {what} ({right}), got the role {:?}",
            me["Role"]["name"].as_str().unwrap_or_default()
        );
    }
    let tags = match may("perm_tag_editor") {
        true => "",
        false => "; its user cannot make tags, so those of TLP must be there",
    };
    Ok(format!("MISP {version}{tags}"))
}
