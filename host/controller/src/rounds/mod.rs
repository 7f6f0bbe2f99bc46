//! Rounds: poll the feeds, build what changed, match new lines and then stored ones, write what was flagged, tell who wants to know. The
//! blacklist is pushed meanwhile, so that a cluster in trouble holds up nothing.
//!
//! Every step leaves the state whole and goes on from it, so a round that ends anywhere, by a signal or a power cut, is taken up by the
//! next one.

mod report;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use anyhow::Context;
use threatsieve_blacklist::Timestamp;
use tokio::runtime::Runtime;

pub(crate) use report::{FeedReport, RoundReport};

use crate::alerts::{compose, deliver};
use crate::config::{Config, Feed};
use crate::feeds;
use crate::follow::{follow_logs, match_history};
use crate::indicators::generation::{self, Built};
use crate::matching::Matcher;
use crate::publish::{Outcome, Push, PushReport};
use crate::sinks::records;
use crate::stop::Stop;
use crate::store::Store;

/// Rounds between two times that the state is cleared of what is older than the history window.
const ROUNDS_A_PRUNING: i64 = 100;
/// Reports of rounds that are kept.
const KEPT_ROUNDS: i64 = 1000;

/// A push under way, and what comes of it.
type Pushing = tokio::task::JoinHandle<(Push, PushReport)>;

/// What a round works on and with.
pub(crate) struct Round<'a> {
    pub(crate) config: &'a Config,
    /// The feeds to poll, if they are due.
    pub(crate) feeds: &'a [Feed],
    /// Poll feeds that are not due yet, too.
    pub(crate) force: bool,
    pub(crate) runtime: &'a Runtime,
    pub(crate) stop: &'a Stop,
    pub(crate) now: Timestamp,
}

impl Round<'_> {
    /// Does the round. A step that fails is in the report and the log, and the others are done all the same.
    pub(crate) fn play(&self, store: &mut Mutex<Store>) -> anyhow::Result<RoundReport> {
        let number = begin(held(store), self.now).context("the round cannot be begun")?;
        let mut report = RoundReport { round: number, ..RoundReport::default() };
        let polling = feeds::poll(self.feeds, &self.config.http, store, self.now, self.force, self.stop);
        report.feeds = self.runtime.block_on(polling).into_iter().map(FeedReport::from).collect();
        self.step(&mut report, "building the blacklist", |report| self.build(held(store), report));
        let pushing = self.start_push(held(store), &mut report);
        self.step(&mut report, "matching new lines", |report| {
            let matcher = |store: &Store| self.matcher(store);
            let followed = follow_logs(self.config, held(store), matcher, number, self.now, self.stop)?;
            report.follow = Some(followed);
            Ok(())
        });
        self.step(&mut report, "matching stored lines", |report| {
            report.history = Some(match_history(self.config, held(store), self.now, self.stop)?);
            Ok(())
        });
        self.step(&mut report, "writing records", |report| {
            report.records = Some(records::drain(&self.config.output, held(store))?);
            Ok(())
        });
        self.step(&mut report, "alerts", |report| self.alert(held(store), report));
        if let Some(pushing) = pushing {
            self.step(&mut report, "pushing the blacklist", |report| {
                self.end_push(pushing, held(store), report)
            });
        }
        self.step(&mut report, "clearing what is old", |_| self.prune(held(store), number));
        report.stopped = self.stop.is_requested();
        end(held(store), number, &report).context("the round cannot be ended")?;
        Ok(report)
    }

    /// One step, unless the program is to stop.
    fn step(
        &self,
        report: &mut RoundReport,
        what: &str,
        step: impl FnOnce(&mut RoundReport) -> anyhow::Result<()>,
    ) {
        if self.stop.is_requested() {
            return;
        }
        if let Err(error) = step(report) {
            tracing::error!(step = what, error = format!("{error:#}"), "a step of the round failed: {what}");
            report.errors.push(format!("{what}: {error:#}"));
        }
    }

    fn build(&self, store: &mut Store, report: &mut RoundReport) -> anyhow::Result<()> {
        match generation::build(store, self.config, self.now)? {
            Built::Unchanged => {}
            Built::Held(why) => {
                tracing::warn!(reason = why, "the new blacklist is held back");
                report.held = Some(why);
            }
            Built::New { generation } => {
                tracing::info!(generation, "a new blacklist is in use");
                report.generation = Some(generation);
            }
        }
        Ok(())
    }

    /// Begins to push the blacklist in use, if it is to be pushed.
    fn start_push(&self, store: &Store, report: &mut RoundReport) -> Option<Pushing> {
        let mut pushing = None;
        self.step(report, "pushing the blacklist", |_| {
            let push = Push::of_round(store, self.config)?;
            pushing = push.map(|push| {
                self.runtime.spawn(async move {
                    let report = push.run().await;
                    (push, report)
                })
            });
            Ok(())
        });
        pushing
    }

    /// Waits for the push, unless the program is to stop: the next round asks the cluster what it has.
    fn end_push(&self, pushing: Pushing, store: &Store, report: &mut RoundReport) -> anyhow::Result<()> {
        let ending = pushing.abort_handle();
        let ended = self.runtime.block_on(async {
            tokio::select! {
                biased;
                ended = pushing => Some(ended),
                () = self.stop.requested() => None,
            }
        });
        let Some(ended) = ended else {
            ending.abort();
            return Ok(());
        };
        let (push, pushed) = ended.context("the push broke down; please report this")?;
        let is_new = push.last.error != pushed.reason;
        match pushed.outcome {
            Outcome::Refused | Outcome::Failed if is_new => {
                tracing::warn!(
                    generation = pushed.generation,
                    reason = pushed.summary(),
                    "the blacklist is not pushed"
                );
            }
            _ if pushed.sent_bytes > 0 => {
                tracing::info!(
                    generation = pushed.generation,
                    nodes = pushed.nodes.len(),
                    "the blacklist is pushed"
                );
            }
            _ => {}
        }
        push.record(store, &pushed, self.now)?;
        report.push = Some(pushed);
        Ok(())
    }

    fn matcher(&self, store: &Store) -> anyhow::Result<Option<Arc<Matcher>>> {
        let Some(blacklist) = generation::active(store, self.config)? else { return Ok(None) };
        let threads = available_parallelism().map_or(1, usize::from);
        let matcher = Matcher::new(blacklist, self.config.policy.clone(), threads)?;
        Ok(Some(Arc::new(matcher)))
    }

    fn alert(&self, store: &mut Store, report: &mut RoundReport) -> anyhow::Result<()> {
        let alerts = self.config.alerts.as_ref();
        report.mails_composed = compose(alerts, store, self.now)?;
        report.delivery = Some(self.runtime.block_on(deliver(alerts, store, self.now, self.stop))?);
        Ok(())
    }

    fn prune(&self, store: &mut Store, number: i64) -> anyhow::Result<()> {
        if number % ROUNDS_A_PRUNING != 0 {
            return Ok(());
        }
        let window = i64::try_from(self.config.history.window.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp(self.now.0.saturating_sub(window));
        store.prune(before)?;
        store.prune_mails(before)?;
        store.connection.execute("DELETE FROM rounds WHERE id <= ?1", [number - KEPT_ROUNDS])?;
        Ok(())
    }
}

/// The state itself: nothing else runs between two steps.
fn held(store: &mut Mutex<Store>) -> &mut Store {
    store.get_mut().unwrap_or_else(PoisonError::into_inner)
}

fn begin(store: &Store, now: Timestamp) -> rusqlite::Result<i64> {
    store.connection.execute("INSERT INTO rounds (started) VALUES (?1)", [now.0])?;
    Ok(store.connection.last_insert_rowid())
}

fn end(store: &Store, number: i64, report: &RoundReport) -> anyhow::Result<()> {
    let now = jiff::Timestamp::now().as_microsecond();
    let report = serde_json::to_string(report)?;
    store.connection.execute(
        "UPDATE rounds SET ended = ?2, report = ?3 WHERE id = ?1",
        rusqlite::params![number, now, report],
    )?;
    Ok(())
}
