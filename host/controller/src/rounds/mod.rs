//! Rounds: poll the feeds, build the blacklist, write packages, match new lines and then stored
//! ones, write records, send mails, and send indicators to MISP servers. The blacklist is pushed in
//! parallel, so that a faulty cluster delays nothing. At the end come the events that the cluster
//! stores, with mails of their own.
//!
//! Before the first step, the state is checked for damage, if that is due, and the clock is
//! compared with the last round. Every step starts from a consistent state and leaves one. So if a
//! round ends anywhere, by a signal or a power cut, the next round continues from there.

mod clock;
mod report;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use threatsieve_blacklist::Timestamp;
use tokio::runtime::Runtime;

pub(crate) use clock::ClockJump;
pub(crate) use report::{FeedReport, RoundReport};

use crate::alerts::{Audience, Composed, compose, compose_operations, deliver, deliver_webhooks};
use crate::backfill::{Asked, BackfillReport, Backfilling};
use crate::conditions;
use crate::config::{Config, Feed};
use crate::feeds;
use crate::follow::{follow_logs, match_history};
use crate::indicators::generation::{self, Built};
use crate::matching::Matcher;
use crate::misp::forward;
use crate::opensearch::cluster::Cluster;
use crate::opensearch::events::ClusterEvents;
use crate::opensearch::publish::{Outcome, Push, PushReport};
use crate::output::{Done, Progress};
use crate::sightings::report_sightings;
use crate::sinks::output_file;
use crate::sinks::package_folder::write_packages;
use crate::stop::Stop;
use crate::store::Store;
use crate::store::rounds::Begun;

/// Maximum number of unreadable files that a report names; the log names all.
const MAX_TROUBLES: usize = 100;

/// A running push, which returns its report.
type Pushing = tokio::task::JoinHandle<(Push, PushReport)>;

/// The inputs of a round.
pub(crate) struct Round<'a> {
    pub(crate) config: &'a Config,
    /// The configuration's file.
    pub(crate) config_path: &'a Path,
    /// Reason why a newer content of that file is not in use.
    pub(crate) refused_config: Option<String>,
    /// The feeds to poll, if they are due.
    pub(crate) feeds: &'a [Feed],
    /// Also poll feeds that are not due yet.
    pub(crate) force: bool,
    /// An operator confirms that the clock is right.
    pub(crate) accept_clock: bool,
    pub(crate) runtime: &'a Runtime,
    pub(crate) stop: &'a Stop,
    pub(crate) now: Timestamp,
}

impl Round<'_> {
    /// Runs the round. A step that fails is reported and logged, and the other steps still run.
    pub(crate) fn run(&self, store: &mut Mutex<Store>) -> anyhow::Result<RoundReport> {
        held(store).check_if_due(self.now)?;
        if let Some(jump) = self.clock_jump(held(store))? {
            tracing::warn!("{jump}");
            return Ok(RoundReport { clock: Some(jump), ..RoundReport::default() });
        }
        let Begun { number, other_config } = held(store)
            .begin_round(self.config_path, self.now)
            .context("the round cannot start")?;
        if let Some(other) = &other_config {
            tracing::warn!(
                other,
                config = %self.config_path.display(),
                "the last round on this state had another configuration; two that take turns \
                 replace each other's blacklist: give each a `state` of its own"
            );
        }
        let mut report = RoundReport {
            round: number,
            other_config,
            refused_config: self.refused_config.clone(),
            ..RoundReport::default()
        };
        let polling =
            feeds::poll(self.feeds, &self.config.http, store, self.now, self.force, self.stop);
        report.feeds = self.runtime.block_on(polling).into_iter().map(FeedReport::from).collect();
        self.step(&mut report, "building the blacklist", |report| self.build(held(store), report));
        let pushing = self.start_push(held(store), &mut report);
        self.step(&mut report, "writing packages", |report| {
            let feeds = &self.config.feeds;
            report.packages = Some(write_packages(feeds, held(store), self.stop)?);
            Ok(())
        });
        // Loaded when the first log asks for it.
        let mut loaded = None;
        self.step(&mut report, "matching new lines", |report| {
            let matcher = |store: &mut Store| self.matcher(store, &mut loaded);
            let followed =
                follow_logs(self.config, held(store), matcher, number, self.now, self.stop)?;
            report.follow = Some(followed);
            Ok(())
        });
        self.step(&mut report, "matching stored lines", |report| {
            let matcher = |store: &mut Store| self.matcher(store, &mut loaded);
            let matched = match_history(self.config, held(store), matcher, self.now, self.stop)?;
            report.history = Some(matched);
            Ok(())
        });
        self.step(&mut report, "writing records", |report| {
            report.records = Some(output_file::drain(&self.config.output, held(store))?);
            Ok(())
        });
        self.step(&mut report, "composing alerts", |report| {
            report.count(compose(Audience::of(self.config), held(store), self.now)?);
            Ok(())
        });
        // Before the conditions are listed, of which the queues are a part.
        self.send_to_webhooks(store, &mut report);
        if !self.config.misp.is_empty() {
            // Mails do not wait for MISP servers, which are slow.
            self.send_mails(held(store), &mut report);
            self.step(&mut report, "sending to MISP", |report| {
                report.misp = forward(self.config, store, self.runtime, self.stop, self.now)?;
                Ok(())
            });
        }
        self.step(&mut report, "sending sightings", |report| {
            report.sightings =
                report_sightings(self.config, store, self.runtime, self.stop, self.now)?;
            Ok(())
        });
        let mut pushing = pushing;
        if self.config.backfill().is_some() {
            // Neither do they wait for the cluster.
            self.send_mails(held(store), &mut report);
            self.end_push(pushing.take(), held(store), &mut report);
            self.step(&mut report, "matching events in the cluster", |report| {
                report.backfill = self.backfill(held(store), &mut loaded)?;
                report.count(compose(Audience::of(self.config), held(store), self.now)?);
                Ok(())
            });
        }
        self.step(&mut report, "listing conditions", |report| self.conditions(held(store), report));
        self.send_mails(held(store), &mut report);
        self.send_to_webhooks(store, &mut report);
        self.end_push(pushing, held(store), &mut report);
        self.step(&mut report, "removing old data", |report| {
            report.pruned = held(store).prune_if_due(self.config, self.now)?;
            Ok(())
        });
        report.stopped = self.stop.is_requested();
        let ended = Timestamp(jiff::Timestamp::now().as_microsecond());
        let text = serde_json::to_string(&report)?;
        held(store)
            .end_round(number, ended, &text)
            .context("the end of the round cannot be stored")?;
        Ok(report)
    }

    /// Runs a step, unless a stop is requested.
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
            tracing::error!(
                step = what,
                error = format!("{error:#}"),
                "a step of the round failed: {what}"
            );
            report.errors.push(format!("{what}: {error:#}"));
        }
    }

    /// Sends the mails that wait.
    fn send_mails(&self, store: &mut Store, report: &mut RoundReport) {
        self.step(report, "sending mails", |report| {
            let delivering = deliver(self.config.alerts.as_ref(), store, self.now, self.stop);
            let delivery = self.runtime.block_on(delivering)?;
            report.delivery = Some(delivery.after(report.delivery));
            Ok(())
        });
    }

    /// Sends the deliveries to webhooks that wait.
    fn send_to_webhooks(&self, store: &Mutex<Store>, report: &mut RoundReport) {
        self.step(report, "sending to webhooks", |report| {
            let delivery = deliver_webhooks(self.config, store, self.runtime, self.stop, self.now)?;
            report.webhooks = Some(delivery.after(report.webhooks));
            Ok(())
        });
    }

    /// Builds the blacklist, if its content changed.
    fn build(&self, store: &mut Store, report: &mut RoundReport) -> anyhow::Result<()> {
        generation::follow_policy(store, self.config, self.now)?;
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

    /// Starts to push the blacklist in use, if the configuration asks for it.
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

    /// Matches, follows and corrects the events in the indices of the cluster.
    fn backfill(
        &self,
        store: &mut Store,
        loaded: &mut Option<Arc<Matcher>>,
    ) -> anyhow::Result<Option<BackfillReport>> {
        let Some((cluster, settings)) = self.config.backfill() else { return Ok(None) };
        let matcher = self.matcher(store, loaded)?;
        let client = Cluster::new(cluster, &self.config.http.user_agent)?;
        let events = ClusterEvents::new(&client, cluster, self.stop);
        let done = Arc::new(Done::default());
        let progress = Progress::start(&done, false);
        let backfilling = Backfilling {
            config: self.config,
            settings,
            asked: Asked::default(),
            pushes: cluster.push,
            now: self.now,
            deadline: Some(Instant::now() + settings.budget),
            stop: self.stop,
            done: &done,
        };
        let report = self.runtime.block_on(backfilling.run(&events, store, matcher))?;
        drop(progress);
        Ok(Some(report))
    }

    /// Waits for the push, if there is one.
    fn end_push(&self, pushing: Option<Pushing>, store: &Store, report: &mut RoundReport) {
        if let Some(pushing) = pushing {
            self.step(report, "pushing the blacklist", |report| {
                self.wait_for_push(pushing, store, report)
            });
        }
    }

    /// Waits for the push. If a stop is requested, the push ends unrecorded, and the next round
    /// asks the cluster for its generation.
    fn wait_for_push(
        &self,
        pushing: Pushing,
        store: &Store,
        report: &mut RoundReport,
    ) -> anyhow::Result<()> {
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
        let (push, pushed) = ended.context("the push crashed; please report this")?;
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

    /// Returns the matcher of the blacklist in use, and loads it once in a round. `None` before the
    /// first blacklist.
    fn matcher(
        &self,
        store: &mut Store,
        loaded: &mut Option<Arc<Matcher>>,
    ) -> anyhow::Result<Option<Arc<Matcher>>> {
        if loaded.is_none() {
            *loaded = generation::matcher(store, self.config, self.now)?;
        }
        Ok(loaded.clone())
    }

    /// Lists the conditions, stores them, and composes alerts about those that began or ended, all
    /// in one transaction.
    fn conditions(&self, store: &mut Store, report: &mut RoundReport) -> anyhow::Result<()> {
        let now = conditions::assess(
            self.config,
            store,
            report,
            &conditions::read(store.connection())?,
            self.now,
        )?;
        let transaction = store.write()?;
        let changes = conditions::settle(&transaction, now)?;
        let composed: Composed = compose_operations(&transaction, self.config, &changes, self.now)?;
        transaction.commit()?;
        report.count(composed);
        conditions::log(&changes, self.now);
        report.conditions = changes.current().cloned().collect();
        // The conditions name each source. The report is stored, and must not have thousands of
        // paths.
        if let Some(follow) = &mut report.follow {
            follow.troubles.truncate(MAX_TROUBLES);
        }
        Ok(())
    }

    /// Returns a jump of the clock that is not confirmed yet, and stores it for the next round.
    fn clock_jump(&self, store: &Store) -> anyhow::Result<Option<ClockJump>> {
        let last = store.last_round()?.map(|round| round.ended.unwrap_or(round.started));
        let suspect = store.upkeep()?.suspect;
        let jump = clock::jump(last, suspect, self.now, self.config.health.max_clock_jump)
            .filter(|_| !self.accept_clock);
        if jump.is_some() || suspect.is_some() {
            store.set_suspect(jump.map(|_| self.now))?;
        }
        Ok(jump)
    }
}

/// Returns the state without locking: between two steps, nothing else uses it.
fn held(store: &mut Mutex<Store>) -> &mut Store {
    store.get_mut().unwrap_or_else(PoisonError::into_inner)
}
