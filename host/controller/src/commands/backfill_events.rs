//! `threatsieve backfill`: matches stored events of a cluster.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;

use super::configured::{RoundLock, loaded, network_runtime, now, stop_on_signals};
use crate::backfill::{Asked, BackfillReport, Backfilling, Estimate, LeftOut, estimate};
use crate::cli::{BackfillArgs, BackfillWay};
use crate::exit::{Exit, Failure};
use crate::indicators::generation;
use crate::logging;
use crate::opensearch::cluster::Cluster;
use crate::opensearch::events::ClusterEvents;
use crate::output::{Done, Progress, Sink, note};
use crate::stop::Stop;
use crate::store::Store;
use crate::text::{counted, escape_controls, grouped, safe_json};

/// Matches the events that are due, or a range of events.
pub(crate) fn backfill_events(args: &BackfillArgs) -> Result<Exit, Failure> {
    let Some(loaded) = loaded(&args.config.path())? else { return Ok(Exit::Usage) };
    let config = loaded.config;
    logging::start(&config.logging)?;
    let (cluster, settings) = config.backfill().context(
        "expected [opensearch.backfill] in the configuration, got none: it names the indices",
    )?;
    let (runtime, stop) = (network_runtime()?, Stop::new());
    stop_on_signals(&runtime, &stop)?;
    let Some(_lock) = RoundLock::take(&config.state)? else {
        note("a round is being done on this state; nothing was done");
        return Ok(Exit::Done);
    };
    let mut store = Store::open(&config.state)?;
    let (now, done) = (now(), Arc::new(Done::default()));
    let backfilling = Backfilling {
        config: &config,
        settings,
        asked: asked(args),
        pushes: cluster.push,
        now,
        deadline: None,
        stop: &stop,
        done: &done,
    };
    let client = Cluster::new(cluster, &config.http.user_agent)?;
    let events = ClusterEvents::new(&client, cluster, &stop);
    if args.dry_run {
        let (estimates, left_out) =
            runtime.block_on(estimate(&backfilling, &events)).map_err(Failure::remote)?;
        return print_estimates(args, &estimates, &left_out);
    }
    let matcher = generation::matcher(&mut store, &config, now)?;
    let progress = Progress::start(&done, false);
    let report =
        runtime.block_on(backfilling.run(&events, &mut store, matcher)).map_err(Failure::remote)?;
    drop(progress);
    print_report(args, &report)
}

fn asked(args: &BackfillArgs) -> Asked {
    Asked {
        indices: args.index.clone(),
        since: args.since.map(|at| at.0),
        until: args.until.map(|at| at.0),
        way: args.way.and_then(BackfillWay::way),
        all: args.since.is_some() || args.until.is_some() || !args.index.is_empty(),
        takes_over: args.take_over,
        kept: None,
    }
}

fn print_estimates(
    args: &BackfillArgs,
    estimates: &[Estimate],
    left_out: &[LeftOut],
) -> Result<Exit, Failure> {
    let mut text = String::new();
    if args.json {
        let json = json!({ "indices": estimates, "left_out": left_out });
        _ = writeln!(text, "{}", safe_json(&json.to_string()));
    } else {
        for Estimate { index, way, events, read, seconds } in estimates {
            _ = writeln!(
                text,
                "{}: {}, {} of them read ({}), about {}",
                escape_controls(index),
                counted(*events, "event", "events"),
                grouped(*read),
                way.name(),
                counted(*seconds, "second", "seconds")
            );
        }
        for LeftOut { index, reason } in left_out {
            _ = writeln!(text, "{}", escape_controls(&format!("{index}: left out: {reason}")));
        }
    }
    Sink::stdout()?.write(text.as_bytes())?;
    Ok(if left_out.is_empty() { Exit::Done } else { Exit::Remote })
}

fn print_report(args: &BackfillArgs, report: &BackfillReport) -> Result<Exit, Failure> {
    let text = if args.json {
        format!("{}\n", safe_json(&serde_json::to_string(report).context("the report")?))
    } else {
        match report.text() {
            text if text.is_empty() => "nothing was due\n".to_owned(),
            text => text,
        }
    };
    Sink::stdout()?.write(text.as_bytes())?;
    let is_trouble = report.is_trouble() || !report.left_out.is_empty();
    Ok(if is_trouble { Exit::Remote } else { Exit::Done })
}
