//! `threatsieve poll` and `threatsieve run`: one round, or rounds on a schedule.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::configured::{RoundLock, loaded, network_runtime, now};
use crate::cli::{PollArgs, RunArgs};
use crate::config::{Config, Feed, Schedule};
use crate::exit::{Exit, Failure};
use crate::logging;
use crate::output::{Sink, note};
use crate::rounds::Round;
use crate::stop::Stop;
use crate::store::{StateDamage, Store};
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

/// Does rounds on the configured schedule until a signal asks to stop.
pub(crate) fn run_rounds(args: &RunArgs) -> Result<Exit, Failure> {
    let config_path = args.config.path();
    let Some(loaded) = loaded(&config_path)? else { return Ok(Exit::Usage) };
    let config = loaded.config;
    logging::start(&config.logging)?;
    let (runtime, stop) = (network_runtime()?, Stop::new());
    stop_on_signals(&runtime, &stop)?;
    let Some(_lock) = RoundLock::take(&config.state)? else {
        return Err(
            anyhow!("{}: another threatsieve works on this state", config.state.display()).into()
        );
    };
    let mut store = Mutex::new(Store::open(&config.state)?);
    tracing::info!(
        state = %config.state.display(),
        feeds = config.feeds.len(),
        logs = config.logs.len(),
        "started"
    );
    while !stop.is_requested() {
        let started = now();
        let round = Round {
            config: &config,
            config_path: &config_path,
            feeds: &config.feeds,
            force: false,
            accept_clock: false,
            runtime: &runtime,
            stop: &stop,
            now: started,
        };
        match round.run(&mut store) {
            Ok(report) => {
                tracing::info!(
                    report = serde_json::to_string(&report)?,
                    "round {} ended",
                    report.round
                )
            }
            // Every further round would meet the same damage, and might destroy data that can be
            // saved.
            Err(error) if StateDamage::is_cause_of(&error) => return Err(error.into()),
            Err(error) => tracing::error!(error = format!("{error:#}"), "a round failed"),
        }
        let pause = pause(&config.schedule, started.0)?;
        runtime.block_on(async {
            tokio::select! {
                () = stop.requested() => {}
                () = tokio::time::sleep(pause) => {}
            }
        });
    }
    tracing::info!("stopped");
    Ok(Exit::Done)
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

/// Requests the stop on SIGTERM and SIGINT. The program stops at the next safe point.
fn stop_on_signals(runtime: &Runtime, stop: &Stop) -> anyhow::Result<()> {
    let _guard = runtime.enter();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signals, stop) =
            (signal(kind).context("signals cannot be waited for")?, stop.clone());
        runtime.spawn(async move {
            signals.recv().await;
            stop.request();
        });
    }
    Ok(())
}

/// Returns the time until the next round. `started` is the start of the last one, in microseconds
/// since 1970.
fn pause(schedule: &Schedule, started: i64) -> anyhow::Result<Duration> {
    match schedule {
        Schedule::Every(interval) => {
            let since = u64::try_from(now().0 - started).unwrap_or(0);
            Ok(interval.saturating_sub(Duration::from_micros(since)))
        }
        Schedule::Cron(cron) => {
            let here = jiff::Zoned::now();
            let next = cron
                .find_next_occurrence(&here, false)
                .context("the schedule names no further time")?;
            Ok(Duration::try_from(next.duration_since(&here)).unwrap_or(Duration::ZERO))
        }
    }
}
