//! `threatsieve push`: pushes a blacklist to the ingest nodes of a cluster, or rolls them back.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use serde_json::json;

use super::configured::{RoundLock, loaded, network_runtime, now};
use crate::cli::PushArgs;
use crate::config::{Config, OpenSearch, of_hosts};
use crate::exit::{Exit, Failure};
use crate::indicators::generation::{self, Built};
use crate::opensearch::cluster::Cluster;
use crate::opensearch::publish::{Outcome, Outgoing, Push, highest, nodes_text, roll_back};
use crate::output::{Done, Progress, Sink};
use crate::store::{LastPush, Store};
use crate::text::{counted, escape_controls, safe_json};

/// Pushes the blacklist in use or a file, or rolls back.
pub(crate) fn push_blacklist(args: &PushArgs) -> Result<Exit, Failure> {
    if !args.host.is_empty() {
        let config = of_hosts(&args.host, &args.ca_file)?;
        return push(args, &of_file(args, &config)?, None);
    }
    let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
    let config = loaded.config;
    let settings = settings(&config)?.clone();
    if let Some(generation) = args.rollback {
        return rollback(args, &config, &settings, generation);
    }
    if args.file.is_some() {
        return push(args, &of_file(args, &config)?, None);
    }
    let mut store = Store::open(&config.state)?;
    if args.renumber {
        renumber(&mut store, &config, &settings)?;
    }
    let outgoing = Outgoing::in_use(&store, &config)?.context(
        "expected a blacklist in use, got none yet: `threatsieve poll` builds the first one",
    )?;
    let push_of_state = Push {
        settings,
        user_agent: config.http.user_agent,
        outgoing,
        last: store.last_push()?,
        is_asked_for: true,
        allow_shrink: args.allow_shrink,
    };
    push(args, &push_of_state, Some(&store))
}

fn settings(config: &Config) -> anyhow::Result<&OpenSearch> {
    config.opensearch.as_ref().context(
        "expected [opensearch] in the configuration, got none: it names the cluster to push to \
         (not needed with `--host URL` and a FILE)",
    )
}

fn of_file(args: &PushArgs, config: &Config) -> Result<Push, Failure> {
    let file = args.file.as_deref().context("expected a FILE")?;
    Ok(Push {
        settings: settings(config)?.clone(),
        user_agent: config.http.user_agent.clone(),
        outgoing: Outgoing::file(file)?,
        last: LastPush::default(),
        is_asked_for: true,
        allow_shrink: args.allow_shrink,
    })
}

/// Pushes, and prints the outcome. With a `store`, the outcome is also stored there.
fn push(args: &PushArgs, push: &Push, store: Option<&Store>) -> Result<Exit, Failure> {
    let done = Arc::new(Done::default());
    done.set_what(&format!(
        "pushing generation {} of {}",
        push.outgoing.generation, push.outgoing.name
    ));
    let progress = Progress::start(&done, false);
    let report = network_runtime()?.block_on(push.run());
    drop(progress);
    if let Some(store) = store {
        push.record(store, &report, now())?;
    }
    let text = if args.json {
        format!("{}\n", safe_json(&serde_json::to_string(&report)?))
    } else {
        report.text()
    };
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(if report.outcome == Outcome::Acknowledged { Exit::Done } else { Exit::Remote })
}

fn rollback(
    args: &PushArgs,
    config: &Config,
    settings: &OpenSearch,
    generation: Option<u64>,
) -> Result<Exit, Failure> {
    let (cluster, name) =
        (Cluster::new(settings, &config.http.user_agent)?, &config.blacklist.name);
    let switched = network_runtime()?
        .block_on(async {
            cluster.connect().await?;
            roll_back(&cluster, name, generation, settings.node_timeout).await
        })
        .map_err(Failure::remote)?;
    let nodes: Vec<_> = switched.nodes.into_values().collect();
    let text = if args.json {
        let generation = switched.generation;
        let report = json!({
            "name": name,
            "generation": generation,
            "acknowledged": switched.acknowledged,
            "nodes": nodes,
        });
        format!("{}\n", safe_json(&report.to_string()))
    } else {
        let count = counted(nodes.len() as u64, "ingest node", "ingest nodes");
        let state =
            if switched.acknowledged { "is served by" } else { "is not yet served by all of" };
        format!(
            "blacklist {} generation {} {state} {count}\n{}",
            escape_controls(name),
            switched.generation,
            nodes_text(&nodes)
        )
    };
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(if switched.acknowledged { Exit::Done } else { Exit::Remote })
}

/// Builds the blacklist in use again, with a number higher than any that the cluster ever had.
fn renumber(store: &mut Store, config: &Config, settings: &OpenSearch) -> Result<(), Failure> {
    let Some(_lock) = RoundLock::take(&config.state)? else {
        return Err(anyhow!(
            "{}: another threatsieve works on this state; stop the service, or wait for the end of \
             the round",
            config.state.display()
        )
        .into());
    };
    let (cluster, name) =
        (Cluster::new(settings, &config.http.user_agent)?, &config.blacklist.name);
    let there = network_runtime()?
        .block_on(async {
            cluster.connect().await?;
            highest(&cluster, name).await
        })
        .map_err(Failure::remote)?;
    store.build_above(there)?;
    match generation::build(store, config, now())? {
        Built::Held(why) => {
            Err(anyhow!("the blacklist that was built again is held back: {why}").into())
        }
        Built::Unchanged | Built::New { .. } => Ok(()),
    }
}
