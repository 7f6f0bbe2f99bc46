//! `threatsieve misp`: shows what MISP servers get, and steers it.

use std::fmt::Write as _;

use anyhow::{anyhow, ensure};
use serde_json::json;

use super::configured::{loaded, now};
use crate::cli::{MispArgs, MispVerb};
use crate::config::{Config, Misp};
use crate::exit::{Exit, Failure};
use crate::output::Sink;
use crate::status::{MispStatus, misp_servers};
use crate::store::Store;
use crate::store::misp::Failed;
use crate::text::{counted, escape_controls, rfc3339, safe_json};

/// Maximum number of events, and of refused values, that `failed` lists for one server.
const MAX_FAILED: usize = 10_000;

/// Runs the command that the arguments name: `list` if there is none.
pub(crate) fn manage_misp(args: &MispArgs) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
    let config = loaded.config;
    let text = match args.verb.as_ref().unwrap_or(&MispVerb::List) {
        MispVerb::List => {
            let store = Store::open_to_read(&config.state)?;
            let wanted = chosen(&config, args.server.as_deref())?;
            let all = misp_servers(&config, &store)?;
            let shown: Vec<MispStatus> = all
                .into_iter()
                .filter(|one| wanted.iter().any(|server| server.name == one.name))
                .collect();
            list(&shown, args.json)?
        }
        MispVerb::Failed => {
            let store = Store::open_to_read(&config.state)?;
            failed(&store, &chosen(&config, args.server.as_deref())?, args.json)?
        }
        MispVerb::Retry { event } => {
            let mut store = Store::open(&config.state)?;
            let mut retried = 0;
            for server in chosen(&config, args.server.as_deref())? {
                let server = store.misp_server(&server.name)?;
                retried += store.retry_misp(server.id, *event)?;
                if event.is_none() && !server.by_operator {
                    store.resume_misp(server.id)?;
                }
            }
            if let (Some(event), 0) = (event, retried) {
                return Err(anyhow!("expected an event of `misp failed`, got {event}").into());
            }
            let events = counted(retried, "event is", "events are");
            format!("{events} tried again in the next round\n")
        }
        MispVerb::Pause { name, reason } => {
            let store = Store::open(&config.state)?;
            let server = store.misp_server(&chosen(&config, Some(name))?[0].name)?;
            store.pause_misp(server.id, reason, true, None, now())?;
            format!("{} is paused until `threatsieve misp resume`\n", escape_controls(name))
        }
        MispVerb::Resume { name } => {
            let store = Store::open(&config.state)?;
            let server = store.misp_server(&chosen(&config, Some(name))?[0].name)?;
            store.resume_misp(server.id)?;
            format!("{} gets its queue from the next round on\n", escape_controls(name))
        }
    };
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Returns the server with this name, or all of them.
fn chosen<'a>(config: &'a Config, name: Option<&str>) -> anyhow::Result<Vec<&'a Misp>> {
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

fn list(servers: &[MispStatus], as_json: bool) -> anyhow::Result<String> {
    let mut text = String::new();
    for server in servers {
        match as_json {
            true => _ = writeln!(text, "{}", safe_json(&serde_json::to_string(server)?)),
            false => _ = write!(text, "{server}"),
        }
    }
    Ok(text)
}

fn failed(store: &Store, servers: &[&Misp], as_json: bool) -> anyhow::Result<String> {
    let mut text = String::new();
    for server in servers {
        let Some(state) = store.known_misp_server(&server.name)? else { continue };
        for one in store.misp_failed(state.id, MAX_FAILED)? {
            match as_json {
                true => {
                    let object = object(&server.name, &one).to_string();
                    _ = writeln!(text, "{}", safe_json(&object));
                }
                false => text.push_str(&row(&server.name, &one)),
            }
        }
    }
    if text.is_empty() && !as_json {
        text.push_str("nothing failed\n");
    }
    Ok(text)
}

fn row(server: &str, one: &Failed) -> String {
    let again = one.next_attempt.map(|at| format!(", next attempt {}", rfc3339(at)));
    let value = one.value.as_ref().map(|value| format!("{value} in ")).unwrap_or_default();
    let part = if one.kind.has_parts() { format!(" part {}", one.part) } else { String::new() };
    let shown = format!(
        "{:<6} {} {:<9} {value}{} {}{part} of {}: {}{}",
        one.event,
        server,
        one.state,
        one.kind.name(),
        one.source,
        one.feed,
        one.error,
        again.unwrap_or_default()
    );
    format!("{}\n", escape_controls(&shown))
}

fn object(server: &str, one: &Failed) -> serde_json::Value {
    json!({
        "server": server,
        "event": one.event,
        "feed": one.feed,
        "kind": one.kind.name(),
        "source": one.source,
        "part": one.part,
        "uuid": one.uuid,
        "value": one.value,
        "state": one.state,
        "reason": one.error,
        "next_attempt": one.next_attempt.map(rfc3339),
    })
}
