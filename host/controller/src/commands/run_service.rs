//! `threatsieve run`: rounds on a schedule, and the HTTP server.

use std::sync::{Arc, Mutex};

use anyhow::{Context, anyhow};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;

use super::configured::{RoundLock, loaded, network_runtime, stop_on_signals};
use crate::cli::RunArgs;
use crate::exit::{Exit, Failure};
use crate::logging;
use crate::serve;
use crate::service::Service;
use crate::stop::Stop;
use crate::store::Store;

/// Does rounds on the configured schedule until a signal asks to stop.
pub(crate) fn run_service(args: &RunArgs) -> Result<Exit, Failure> {
    let config_path = args.config.path();
    let Some(loaded) = loaded(&config_path)? else { return Ok(Exit::Usage) };
    let config = loaded.config;
    let log = logging::start(&config.logging)?;
    let (runtime, stop) = (network_runtime()?, Stop::new());
    stop_on_signals(&runtime, &stop)?;
    let Some(_lock) = RoundLock::take(&config.state)? else {
        return Err(
            anyhow!("{}: another threatsieve works on this state", config.state.display()).into()
        );
    };
    let mut store = Mutex::new(Store::open(&config.state)?);
    let (service, rounds) = Service::new(config_path, config, log, stop.clone())?;
    reload_on_hangup(&runtime, &service)?;
    let serving = serve::start(&service)?;
    let config = &service.in_use().config;
    tracing::info!(
        state = %config.state.display(),
        feeds = config.feeds.len(),
        logs = config.logs.len(),
        "started"
    );
    let ended = rounds.run(&runtime, &mut store);
    stop.request();
    if let Some(serving) = serving {
        serving.end();
    }
    ended?;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// Reads the configuration again on SIGHUP.
fn reload_on_hangup(runtime: &Runtime, service: &Arc<Service>) -> anyhow::Result<()> {
    let _guard = runtime.enter();
    let mut signals = signal(SignalKind::hangup()).context("signals cannot be waited for")?;
    let service = Arc::clone(service);
    runtime.spawn(async move {
        while signals.recv().await.is_some() {
            let service = Arc::clone(&service);
            // The result is logged, and in the state.
            _ = spawn_blocking(move || service.reload()).await;
        }
    });
    Ok(())
}
