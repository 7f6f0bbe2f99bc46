//! `threatsieve poll`: one round.

use std::sync::Mutex;

use anyhow::bail;

use super::configured::{RoundLock, loaded, network_runtime, now, stop_on_signals};
use crate::cli::PollArgs;
use crate::config::{Config, Feed};
use crate::exit::{Exit, Failure};
use crate::logging;
use crate::output::{Sink, note};
use crate::rounds::Round;
use crate::stop::Stop;
use crate::store::Store;
use crate::text::safe_json;

/// Does one round.
pub(crate) fn poll_round(args: &PollArgs) -> Result<Exit, Failure> {
    let config_path = args.config.path();
    let Some(loaded) = loaded(&config_path)? else { return Ok(Exit::Usage) };
    let config = loaded.config;
    logging::start(&config.logging)?;
    let feeds = chosen(&config, &args.feed)?;
    let (runtime, stop) = (network_runtime()?, Stop::new());
    stop_on_signals(&runtime, &stop)?;
    let Some(_lock) = RoundLock::take(&config.state)? else {
        note("another round is being done on this state; nothing was done");
        return Ok(Exit::Done);
    };
    let mut store = Mutex::new(Store::open(&config.state)?);
    let round = Round {
        config: &config,
        config_path: &config_path,
        refused_config: None,
        feeds: &feeds,
        force: args.force || !args.feed.is_empty(),
        accept_clock: args.accept_clock,
        runtime: &runtime,
        stop: &stop,
        now: now(),
    };
    let report = round.run(&mut store)?;
    let text = if args.json {
        format!("{}\n", safe_json(&serde_json::to_string(&report)?))
    } else {
        report.text()
    };
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(report.exit())
}

fn chosen(config: &Config, names: &[String]) -> anyhow::Result<Vec<Feed>> {
    if let Some(unknown) =
        names.iter().find(|name| !config.feeds.iter().any(|feed| feed.name == **name))
    {
        let known: Vec<&str> = config.feeds.iter().map(|feed| feed.name.as_str()).collect();
        bail!("expected a configured feed ({}), got {unknown:?}", known.join(", "));
    }
    Ok(config
        .feeds
        .iter()
        .filter(|feed| names.is_empty() || names.contains(&feed.name))
        .cloned()
        .collect())
}
