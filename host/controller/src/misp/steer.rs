//! Operators' requests about MISP servers, for `misp` and the API.

use anyhow::ensure;
use threatsieve_blacklist::Timestamp;

use crate::config::{Config, Misp};
use crate::store::Store;

/// Returns the server with this name, or all of them.
pub(crate) fn chosen<'a>(config: &'a Config, name: Option<&str>) -> anyhow::Result<Vec<&'a Misp>> {
    let chosen: Vec<&Misp> =
        config.misp.iter().filter(|server| name.is_none_or(|name| server.name == name)).collect();
    let known: Vec<&str> = config.misp.iter().map(|server| server.name.as_str()).collect();
    ensure!(
        !chosen.is_empty(),
        "expected a server of [[misp]] ({}), got {}",
        if known.is_empty() { "none is configured".to_owned() } else { known.join(", ") },
        name.map_or("none".to_owned(), |name| format!("{name:?}"))
    );
    Ok(chosen)
}

/// Has the events that failed tried again in the next round: all of them, or one. Returns their
/// number. Without an event, it also resumes servers that no operator paused.
pub(crate) fn retry(
    store: &mut Store,
    servers: &[&Misp],
    event: Option<i64>,
) -> anyhow::Result<u64> {
    let mut retried = 0;
    for server in servers {
        let server = store.misp_server(&server.name)?;
        retried += store.retry_misp(server.id, event)?;
        if event.is_none() && !server.by_operator {
            store.resume_misp(server.id)?;
        }
    }
    if let Some(event) = event {
        ensure!(retried > 0, "expected an event of `misp failed`, got {event}");
    }
    Ok(retried)
}

/// Pauses a server until an operator resumes it.
pub(crate) fn pause(
    store: &Store,
    server: &Misp,
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let server = store.misp_server(&server.name)?;
    store.pause_misp(server.id, reason, true, None, now)
}

/// Resumes a server.
pub(crate) fn resume(store: &Store, server: &Misp) -> anyhow::Result<()> {
    let server = store.misp_server(&server.name)?;
    store.resume_misp(server.id)
}
