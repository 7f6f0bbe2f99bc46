//! The service of `run`: rounds on a schedule, polls and backfills on request, and a configuration
//! that can be read again.
//!
//! One thread does the rounds, one at a time, and slices of backfills between them. Everything else
//! only leaves a wish: a signal, and the requests to [`serve`](crate::serve). The configuration is
//! exchanged as a whole, and a round or a slice keeps the one that it began with.

mod access;
mod backfills;
mod counters;
mod reload;
mod request;
mod timing;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use threatsieve_blacklist::Timestamp;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc, watch};

use self::access::Turns;
pub(crate) use self::access::Unserved;
pub(crate) use self::backfills::Cancelled;
use self::backfills::{Slice, Turn};
pub(crate) use self::counters::Counted;
use self::counters::Counters;
pub(crate) use self::reload::{InUse, Refused};
use self::request::RoundRequest;
pub(crate) use self::request::{Polled, Unpolled};
use self::timing::Timing;
use crate::alerts::compose_operations;
use crate::conditions::{self, Condition, Kind};
use crate::config::{Config, Feed};
use crate::logging::Log;
use crate::rounds::{Round, RoundReport};
use crate::stop::Stop;
use crate::store::{StateDamage, Store};

/// Maximum number of requested polls that wait.
const MAX_WAITING: usize = 16;

/// The part of the service that signals and requests use.
pub(crate) struct Service {
    config_path: PathBuf,
    in_use: watch::Sender<Arc<InUse>>,
    /// Held while the configuration is read again.
    reloading: Mutex<()>,
    /// Reason why the file's present content is not in use.
    refused: Mutex<Option<String>>,
    timing: Mutex<Timing>,
    /// Wakes the thread of the rounds.
    changed: Notify,
    requests: mpsc::Sender<RoundRequest>,
    turns: Turns,
    /// The slice of a backfill that is being done.
    slice: Mutex<Option<Slice>>,
    counters: Counters,
    log: Log,
    stop: Stop,
}

/// The part of the service that does the rounds.
pub(crate) struct Rounds {
    service: Arc<Service>,
    requests: mpsc::Receiver<RoundRequest>,
    /// Turn of backfills that were asked for.
    turn: Turn,
}

/// The reason why the thread of the rounds wakes up.
enum Wake {
    /// Something changed; or the stop was requested.
    Changed,
    /// A round of the schedule is due.
    Due,
    Request(RoundRequest),
    /// Nothing else is due, and a backfill waits.
    Backfill,
}

impl Service {
    /// Makes the service. The first round is due at once.
    pub(crate) fn new(
        config_path: PathBuf,
        config: Config,
        log: Log,
        stop: Stop,
    ) -> anyhow::Result<(Arc<Service>, Rounds)> {
        let (sender, requests) = mpsc::channel(MAX_WAITING);
        let service = Arc::new(Service {
            config_path,
            in_use: watch::Sender::new(Arc::new(InUse::new(config)?)),
            reloading: Mutex::default(),
            refused: Mutex::default(),
            timing: Mutex::new(Timing::new(now())),
            changed: Notify::new(),
            requests: sender,
            turns: Turns::new(),
            slice: Mutex::default(),
            counters: Counters::default(),
            log,
            stop,
        });
        Ok((Arc::clone(&service), Rounds { service, requests, turn: Turn::AfterDue }))
    }

    /// Returns the configuration in use.
    pub(crate) fn in_use(&self) -> Arc<InUse> {
        Arc::clone(&self.in_use.borrow())
    }

    /// Returns a channel that reports a new configuration.
    pub(crate) fn configurations(&self) -> watch::Receiver<Arc<InUse>> {
        self.in_use.subscribe()
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Returns when the schedule's next round is due; `None` if the schedule is stopped.
    pub(crate) fn next_round(&self) -> Option<Timestamp> {
        held(&self.timing).next()
    }

    /// Starts the schedule; the first round is due at once. Returns false if it runs already.
    pub(crate) fn start_schedule(&self) -> bool {
        let is_new = held(&self.timing).start(now());
        if is_new {
            tracing::info!("the schedule is started");
            self.changed.notify_one();
        }
        is_new
    }

    /// Stops the schedule. A round that runs comes to its end.
    pub(crate) fn stop_schedule(&self) {
        if held(&self.timing).stop() {
            tracing::warn!("the schedule is stopped; no rounds are done but those asked for");
            self.changed.notify_one();
        }
    }

    /// Returns the counts since the program started.
    pub(crate) fn counted(&self) -> Counted {
        self.counters.read()
    }

    /// Returns the reason why the configuration file's present content is not in use.
    pub(crate) fn refused(&self) -> Option<String> {
        held(&self.refused).clone()
    }
}

impl Rounds {
    /// Does rounds until a stop is requested. Fails if the state is damaged: every further round
    /// would meet the same damage, and might destroy data that can be saved.
    pub(crate) fn run(mut self, runtime: &Runtime, store: &mut Mutex<Store>) -> anyhow::Result<()> {
        while !self.service.stop.is_requested() {
            self.note_refusal(store)?;
            let backfill = match self.next_backfill(held_store(store)) {
                Err(error) if StateDamage::is_cause_of(&error) => return Err(error),
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "backfills cannot be read");
                    None
                }
                Ok(backfill) => backfill,
            };
            match (runtime.block_on(self.wait(backfill.is_some())), &backfill) {
                (Wake::Backfill, Some(backfill)) => self.backfill(backfill, runtime, store)?,
                (Wake::Changed | Wake::Backfill, _) => {}
                (Wake::Due, _) => {
                    self.scheduled(runtime, store)?;
                    self.turn = Turn::First;
                }
                (Wake::Request(request), _) => {
                    self.requested(request, runtime, store)?;
                    if self.turn == Turn::AfterNext {
                        self.turn = Turn::AfterDue;
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits for something to do. With `has_backfill`, it does not wait for long.
    async fn wait(&mut self, has_backfill: bool) -> Wake {
        let pause = held(&self.service.timing).pause(&self.service.in_use().config.schedule, now());
        let comes_first = has_backfill && self.turn == Turn::First;
        let due = async {
            match pause.filter(|_| !comes_first) {
                // A timer without a length would not be ready at once, and a backfill would be.
                Some(Duration::ZERO) => {}
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        let first = async {
            // Not biased: neither the schedule nor requests can keep the other from their turn.
            tokio::select! {
                () = self.service.stop.requested() => Wake::Changed,
                () = self.service.changed.notified() => Wake::Changed,
                () = due => Wake::Due,
                Some(request) = self.requests.recv() => Wake::Request(request),
            }
        };
        tokio::select! {
            biased;
            wake = first => wake,
            () = std::future::ready(()), if has_backfill => Wake::Backfill,
        }
    }

    fn scheduled(&self, runtime: &Runtime, store: &mut Mutex<Store>) -> anyhow::Result<()> {
        let in_use = self.service.in_use();
        let started = now();
        held(&self.service.timing).began(&in_use.config.schedule, started)?;
        match self.round(&in_use.config, &in_use.config.feeds, false, started, runtime, store) {
            Err(error) if StateDamage::is_cause_of(&error) => return Err(error),
            // It is logged.
            Ok(_) | Err(_) => {}
        }
        held(&self.service.timing).ended(&self.service.in_use().config.schedule, now())
    }

    fn requested(
        &self,
        request: RoundRequest,
        runtime: &Runtime,
        store: &mut Mutex<Store>,
    ) -> anyhow::Result<()> {
        if !request.begin() {
            return Ok(());
        }
        let in_use = self.service.in_use();
        let config = &in_use.config;
        let one = match &request.feed {
            None => None,
            Some(name) => match config.feeds.iter().find(|feed| feed.name == *name) {
                None => {
                    request.end(Err(Unpolled::Gone));
                    return Ok(());
                }
                found => found,
            },
        };
        let started = now();
        let begin = one.and_then(|feed| held_store(store).feed_state(&feed.name).ok().flatten());
        let begin = begin.and_then(|state| state.succeeded);
        let feeds = one.map_or(config.feeds.as_slice(), std::slice::from_ref);
        match self.round(config, feeds, one.is_some(), started, runtime, store) {
            Ok(report) => request.end(Ok(Polled { begin, end: started, report })),
            Err(error) => {
                request.end(Err(Unpolled::Failed(format!("{error:#}"))));
                if StateDamage::is_cause_of(&error) {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Does one round and logs its result.
    fn round(
        &self,
        config: &Config,
        feeds: &[Feed],
        force: bool,
        now: Timestamp,
        runtime: &Runtime,
        store: &mut Mutex<Store>,
    ) -> anyhow::Result<RoundReport> {
        let round = Round {
            config,
            config_path: &self.service.config_path,
            refused_config: self.service.refused(),
            feeds,
            force,
            accept_clock: false,
            runtime,
            stop: &self.service.stop,
            now,
        };
        self.service.counters.begin(now);
        let clock = Instant::now();
        let report = round.run(store).and_then(|report| {
            let text = serde_json::to_string(&report)?;
            tracing::info!(report = text, "round {} ended", report.round);
            Ok(report)
        });
        self.service.counters.end(&report, clock.elapsed().as_secs_f64());
        if let Err(error) = &report {
            tracing::error!(error = format!("{error:#}"), "a round failed");
        }
        report
    }

    /// Lists a refused configuration among the conditions at once, or takes it off the list: the
    /// next round may be far away.
    fn note_refusal(&self, store: &mut Mutex<Store>) -> anyhow::Result<()> {
        match self.try_note_refusal(held_store(store)) {
            Err(error) if StateDamage::is_cause_of(&error) => Err(error),
            Err(error) => {
                // The next round notes it.
                tracing::error!(error = format!("{error:#}"), "conditions cannot be stored");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn try_note_refusal(&self, store: &mut Store) -> anyhow::Result<()> {
        let (refused, now) = (self.service.refused(), now());
        let (noted, mut list): (Vec<Condition>, Vec<Condition>) =
            conditions::read(store.connection())?
                .into_iter()
                .partition(|condition| condition.kind == Kind::ConfigRefused);
        if noted.first().map(|condition| &condition.what) == refused.as_ref() {
            return Ok(());
        }
        list.extend(refused.map(|why| conditions::config_refused(&why, now)));
        let transaction = store.write()?;
        let changes = conditions::settle(&transaction, list)?;
        compose_operations(&transaction, &self.service.in_use().config, &changes, now)?;
        transaction.commit()?;
        conditions::log(&changes, now);
        Ok(())
    }
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the state without locking: between two rounds, nothing else uses it.
fn held_store(store: &mut Mutex<Store>) -> &mut Store {
    store.get_mut().unwrap_or_else(PoisonError::into_inner)
}
