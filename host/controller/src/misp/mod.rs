//! Indicators and sightings for MISP servers.
//!
//! The state notes changed indicators (`store/misp`). A round takes them over into events, and then
//! sends each waiting event: it looks at what the server has, writes what differs, and looks again.
//! An event counts as sent only when the server was seen to have all of it. So there is one way for
//! a new event, for a change, for a lost answer and for a program that was killed.
//!
//! - `route`: which feed goes to which server, and the event that is wanted;
//! - `send`: one event, until it is seen to be right;
//! - `upload`: a package that the server converts;
//! - `publish`: publication, which is seen too before it counts;
//! - `sightings`: matches, as sightings of the attributes;
//! - `health`: whether a server answers;
//! - `client`: requests.

mod client;
mod health;
mod publish;
mod report;
mod route;
mod send;
mod sightings;
pub(crate) mod steer;
mod upload;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use threatsieve_blacklist::Timestamp;
use tokio::runtime::Runtime;

use self::client::Client;
pub(crate) use self::health::{check, probe};
pub(crate) use self::report::ServerReport;
use self::route::Routes;
use self::send::{Halt, Sender, Trouble, trouble};
use crate::config::{Config, Misp};
use crate::policy::Policies;
use crate::stop::Stop;
use crate::store::Store;
use crate::store::misp::{LONGEST_PAUSE_MICROS, ServerState, Settled};

/// Wait before an event or a server is tried again after its first fault; later waits are longer,
/// up to [`LONGEST_PAUSE_MICROS`]. Half of each wait is random.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The same for a server that refuses the key: somebody has to act.
const FIRST_PAUSE_REFUSED: Duration = Duration::from_secs(5 * 60);

/// Sends what waits to all servers at the same time.
pub(crate) fn forward(
    config: &Config,
    store: &Mutex<Store>,
    runtime: &Runtime,
    stop: &Stop,
    now: Timestamp,
) -> anyhow::Result<Vec<ServerReport>> {
    let policies = Policies::load(config)?;
    std::thread::scope(|scope| {
        let running: Vec<_> = config
            .misp
            .iter()
            .map(|server| {
                let forwarding = Forwarding {
                    config,
                    server,
                    policies: &policies,
                    store,
                    stop,
                    now,
                    started: Instant::now(),
                };
                scope.spawn(move || (server, runtime.block_on(forwarding.run())))
            })
            .collect();
        let mut reports = Vec::new();
        for thread in running {
            let (server, report) = match thread.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            reports.push(report.unwrap_or_else(|error| {
                tracing::error!(server = server.name, "MISP: {error:#}");
                ServerReport { error: Some(format!("{error:#}")), ..ServerReport::new(server) }
            }));
        }
        Ok(reports)
    })
}

/// The sending to one server in one round.
struct Forwarding<'a> {
    config: &'a Config,
    server: &'a Misp,
    policies: &'a Policies,
    store: &'a Mutex<Store>,
    stop: &'a Stop,
    now: Timestamp,
    started: Instant,
}

impl Forwarding<'_> {
    async fn run(&self) -> anyhow::Result<ServerReport> {
        let mut report = ServerReport::new(self.server);
        let state = self.store().misp_server(&self.server.name)?;
        let routes =
            Routes::of(self.config, self.policies, self.server, state.id, &mut self.store())?;
        routes.take_over(&mut self.store(), self.now)?;
        if self.may_send(&state, &mut report) {
            let client = Client::new(&self.config.http, self.server)?;
            let is_halted = self.events(&client, &state, &routes, &mut report).await?;
            if !is_halted && self.server.sightings {
                self.sightings(&client, &state, &routes, &mut report).await?;
            }
        }
        let counts = self.store().misp_counts(state.id)?;
        report.waiting = counts.waiting + counts.changes;
        Ok(report)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the time of the round is over.
    fn is_over(&self) -> bool {
        self.stop.is_requested() || self.started.elapsed() >= self.server.budget
    }

    /// Returns whether the server may be tried now.
    fn may_send(&self, state: &ServerState, report: &mut ServerReport) -> bool {
        report.paused.clone_from(&state.paused);
        if state.by_operator {
            return false;
        }
        // A time that is too far ahead was set while the clock was wrong.
        let longest = self.now.0.saturating_add(LONGEST_PAUSE_MICROS);
        state.next_attempt.is_none_or(|at| at <= self.now || at.0 > longest)
    }

    /// Sends the events that wait. Returns true if the server must not be asked any more in this
    /// round.
    async fn events(
        &self,
        client: &Client,
        state: &ServerState,
        routes: &Routes<'_>,
        report: &mut ServerReport,
    ) -> anyhow::Result<bool> {
        let sender = Sender { forwarding: self, client };
        let mut after = 0;
        let mut has_answered = false;
        while !self.is_over() {
            let Some(event) = self.store().next_misp_event(state.id, after, self.now)? else {
                return Ok(false);
            };
            after = event.id;
            let Some(route) = routes.route(&event) else { continue };
            let sent = tokio::select! {
                biased;
                // The next round finds out what the server has.
                () = self.stop.requested() => return Ok(true),
                sent = sender.send(route, &event, report) => sent,
            };
            let retry = |error| {
                let at = self.now.plus(pause(FIRST_PAUSE, event.attempts));
                Settled::Retry { at, error }
            };
            let (settled, silence) = match sent {
                Ok(settled) => (settled, None),
                Err(Halt::Fault(error)) => return Err(error),
                Err(Halt::Trouble(trouble)) => match trouble {
                    Trouble::Paused(why) => {
                        self.pause(state, &why, report)?;
                        return Ok(true);
                    }
                    Trouble::Away { why, wait } => {
                        self.away(state, &why, wait, report)?;
                        return Ok(true);
                    }
                    Trouble::Silent(why) => (retry(why.clone()), Some(why)),
                    Trouble::Event(why) => (retry(why), None),
                    Trouble::Refused(error) => (Settled::Failed { error }, None),
                    Trouble::Uncertain(error) => (Settled::Uncertain { error }, None),
                },
            };
            report.count(&event, &settled);
            self.store().settle_misp_event(&event, &settled, self.now)?;
            if let Some(why) = silence {
                self.away(state, &why, None, report)?;
                return Ok(true);
            }
            if !has_answered {
                has_answered = true;
                report.paused = None;
                self.store().resume_misp(state.id)?;
            }
        }
        Ok(false)
    }

    /// Reports matches as sightings.
    async fn sightings(
        &self,
        client: &Client,
        state: &ServerState,
        routes: &Routes<'_>,
        report: &mut ServerReport,
    ) -> anyhow::Result<()> {
        let sender = Sender { forwarding: self, client };
        let sent = tokio::select! {
            biased;
            () = self.stop.requested() => return Ok(()),
            sent = sender.sightings(state.id, routes, report) => sent,
        };
        match sent {
            Ok(()) => Ok(()),
            Err(Halt::Fault(error)) => Err(error),
            Err(Halt::Trouble(Trouble::Paused(why))) => self.pause(state, &why, report),
            Err(Halt::Trouble(trouble)) => self.away(state, &send::said(&trouble), None, report),
        }
    }

    /// Pauses a server that refuses the key or a right.
    fn pause(
        &self,
        state: &ServerState,
        why: &str,
        report: &mut ServerReport,
    ) -> anyhow::Result<()> {
        if state.paused.as_deref() != Some(why) {
            tracing::error!(server = self.server.name, "MISP server is paused: {why}");
        }
        let next = self.now.plus(pause(FIRST_PAUSE_REFUSED, state.failures));
        self.store().pause_misp(state.id, why, false, Some(next), self.now)?;
        report.paused = Some(why.to_owned());
        Ok(())
    }

    /// Notes that a server cannot be reached or is overloaded.
    fn away(
        &self,
        state: &ServerState,
        why: &str,
        wait: Option<Duration>,
        report: &mut ServerReport,
    ) -> anyhow::Result<()> {
        tracing::warn!(server = self.server.name, "MISP server is tried again later: {why}");
        let wait = wait.unwrap_or_else(|| pause(FIRST_PAUSE, state.failures));
        self.store().misp_away(state.id, self.now.plus(wait))?;
        report.error = Some(why.to_owned());
        Ok(())
    }
}

/// Returns the wait after a number of earlier faults in a row.
fn pause(first: Duration, failures: u32) -> Duration {
    let longest = Duration::from_micros(LONGEST_PAUSE_MICROS.unsigned_abs());
    let whole = first.saturating_mul(1 << failures.min(16)).min(longest);
    whole.mul_f64(0.5 + fastrand::f64() / 2.0)
}
