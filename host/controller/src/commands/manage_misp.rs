//! `threatsieve misp`: shows what MISP servers get, and steers it.

use std::fmt::Write as _;

use super::configured::{loaded, now};
use crate::cli::{MispArgs, MispVerb};
use crate::config::Misp;
use crate::exit::{Exit, Failure};
use crate::misp::steer::{chosen, pause, resume, retry};
use crate::output::Sink;
use crate::status::{FailedStatus, MispStatus, misp_servers};
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
            let chosen = chosen(&config, args.server.as_deref())?;
            let retried = retry(&mut store, &chosen, *event)?;
            let events = counted(retried, "event is", "events are");
            format!("{events} tried again in the next round\n")
        }
        MispVerb::Pause { name, reason } => {
            let store = Store::open(&config.state)?;
            pause(&store, chosen(&config, Some(name))?[0], reason, now())?;
            format!("{} is paused until `threatsieve misp resume`\n", escape_controls(name))
        }
        MispVerb::Resume { name } => {
            let store = Store::open(&config.state)?;
            resume(&store, chosen(&config, Some(name))?[0])?;
            format!("{} gets its queue from the next round on\n", escape_controls(name))
        }
    };
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
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
                    let json = serde_json::to_string(&FailedStatus::new(&server.name, one))?;
                    _ = writeln!(text, "{}", safe_json(&json));
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
