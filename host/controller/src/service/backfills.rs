//! Backfills that somebody asked for. The thread of the rounds does them in slices, between rounds.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::Runtime;

use super::{Rounds, Service, Unserved, held, held_store, now};
use crate::backfill::{Asked, BackfillReport, Backfilling};
use crate::config::Config;
use crate::indicators::generation;
use crate::opensearch::cluster::Cluster;
use crate::opensearch::events::ClusterEvents;
use crate::output::Done;
use crate::stop::Stop;
use crate::store::cluster::backfills::{AskedBackfill, Stage, Wish};
use crate::store::{StateDamage, Store};
use crate::text::{counted, grouped};

/// Shortest time of a slice: it begins with requests that cost as much for a short one.
const SHORTEST: Duration = Duration::from_secs(10);

/// The turn of backfills that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// They come first: a scheduled round was done since the last slice.
    First,
    /// A round that is due comes first.
    AfterDue,
    /// A round comes first, due or not: the state could not be changed.
    AfterNext,
}

/// A slice that is being done.
#[derive(Debug)]
pub(super) struct Slice {
    backfill: i64,
    stop: Stop,
}

/// The result of cancelling.
#[derive(Debug)]
pub(crate) enum Cancelled {
    Done(AskedBackfill),
    /// It ended before.
    Ended(AskedBackfill),
    Unknown,
}

impl Service {
    /// Queues a backfill, and does not wait for it. Returns `None` if too many wait.
    pub(crate) async fn ask_for_backfill(
        self: &Arc<Service>,
        wish: Wish,
    ) -> Result<Option<AskedBackfill>, Unserved> {
        let service = Arc::clone(self);
        let added = self.change(move |store, _| {
            let added = store.add_backfill(&wish)?;
            service.changed.notify_one();
            Ok(added)
        });
        added.await
    }

    /// Cancels a backfill. One that runs ends after its present page of events.
    pub(crate) async fn cancel_backfill(
        self: &Arc<Service>,
        id: i64,
        by: String,
    ) -> Result<Cancelled, Unserved> {
        let service = Arc::clone(self);
        let cancelled = self.change(move |store, _| {
            let outcome = format!("cancelled by {by}");
            let is_new = store.end_backfill(id, Stage::Cancelled, &outcome, now())?;
            // The state first: a slice that begins now sees it.
            service.end_slice(|backfill| backfill == id);
            Ok(match store.asked_backfill(id)? {
                Some(one) if is_new => Cancelled::Done(one),
                Some(one) => Cancelled::Ended(one),
                None => Cancelled::Unknown,
            })
        });
        cancelled.await
    }

    /// Has the slice that is being done end soon, if it is one of these backfills.
    pub(super) fn end_slice(&self, is_meant: impl Fn(i64) -> bool) {
        if let Some(slice) = &*held(&self.slice)
            && is_meant(slice.backfill)
        {
            slice.stop.request();
        }
    }
}

impl Rounds {
    /// Returns the backfill whose turn it is when no round is.
    pub(super) fn next_backfill(&self, store: &Store) -> anyhow::Result<Option<AskedBackfill>> {
        // Nothing is done before the first blacklist, and while the clock is in doubt.
        let is_ready = self.turn != Turn::AfterNext
            && store.generation_in_use()?.is_some()
            && store.upkeep()?.suspect.is_none();
        if is_ready { store.next_backfill() } else { Ok(None) }
    }

    /// Does a slice of a backfill.
    pub(super) fn backfill(
        &mut self,
        one: &AskedBackfill,
        runtime: &Runtime,
        store: &mut Mutex<Store>,
    ) -> anyhow::Result<()> {
        self.turn = Turn::AfterDue;
        let stop = Stop::new();
        *held(&self.service.slice) = Some(Slice { backfill: one.id, stop: stop.clone() });
        let ended = self.slice(one, &stop, runtime, held_store(store));
        *held(&self.service.slice) = None;
        match ended {
            Err(error) if StateDamage::is_cause_of(&error) => Err(error),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(id = one.id, error, "the state of a backfill cannot be stored");
                self.turn = Turn::AfterNext;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Does a slice, and stores the end if it was the last one. Fails if the state cannot be
    /// changed.
    fn slice(
        &self,
        one: &AskedBackfill,
        stop: &Stop,
        runtime: &Runtime,
        store: &mut Store,
    ) -> anyhow::Result<()> {
        let in_use = self.service.in_use();
        let now = now();
        if !store.begin_backfill(one.id, now)? {
            return Ok(());
        }
        if one.started.is_none() {
            tracing::info!(id = one.id, by = one.wish.by, "a backfill that was asked for begins");
        }
        let pause = held(&self.service.timing).pause(&in_use.config.schedule, now);
        let matched = self.matched(&in_use.config, one, (stop, pause), runtime, store);
        let ended = match matched {
            Err(error) if StateDamage::is_cause_of(&error) => return Err(error),
            Err(error) => Some((Stage::Failed, format!("{error:#}"))),
            Ok(report) if report.is_over && report.refused.is_none() => None,
            Ok(report) => {
                let known = store.asked_backfill(one.id)?;
                Some(outcome(&report, known.as_ref().unwrap_or(one)))
            }
        };
        if let Some((stage, outcome)) = ended
            && store.end_backfill(one.id, stage, &outcome, super::now())?
        {
            match stage {
                Stage::Done => tracing::info!(id = one.id, outcome, "a backfill is done"),
                _ => tracing::warn!(id = one.id, outcome, "a backfill failed"),
            }
        }
        Ok(())
    }

    /// Matches events of a backfill until its slice is over.
    fn matched(
        &self,
        config: &Config,
        one: &AskedBackfill,
        (stop, pause): (&Stop, Option<Duration>),
        runtime: &Runtime,
        store: &mut Store,
    ) -> anyhow::Result<BackfillReport> {
        let (cluster, settings) = config.backfill().context(
            "expected [opensearch.backfill] in the configuration, got none any more: it names the \
             cluster",
        )?;
        let (now, done) = (now(), Arc::new(Done::default()));
        let matcher = generation::matcher(store, config, now)?;
        let client = Cluster::new(cluster, &config.http.user_agent)?;
        let events = ClusterEvents::new(&client, cluster, stop);
        let backfilling = Backfilling {
            config,
            settings,
            asked: Asked::of(one),
            pushes: cluster.push,
            now,
            deadline: Some(Instant::now() + slice_time(settings.budget, pause)),
            stop,
            done: &done,
        };
        let program_ends = async {
            self.service.stop.requested().await;
            stop.request();
            std::future::pending::<Infallible>().await
        };
        runtime.block_on(async {
            tokio::select! {
                report = backfilling.run(&events, store, matcher) => report,
                never = program_ends => match never {},
            }
        })
    }
}

/// Returns the longest time of a slice: the budget, or less if a round is due before. `pause` is
/// the time until then; `None` while the schedule is stopped.
fn slice_time(budget: Duration, pause: Option<Duration>) -> Duration {
    match pause {
        // Rounds take longer than their interval. They and slices take turns.
        Some(Duration::ZERO) | None => budget,
        Some(pause) => budget.min(pause.max(SHORTEST)),
    }
}

/// Returns the end of a backfill by the report of its last slice.
fn outcome(report: &BackfillReport, one: &AskedBackfill) -> (Stage, String) {
    let counts = &one.counts;
    let mut troubles: Vec<String> = report.refused.iter().chain(&report.waits).cloned().collect();
    if let Some(refusal) = &counts.refusal {
        troubles.push(format!("{} refused: {refusal}", counted(counts.refused, "event", "events")));
    }
    troubles.extend(report.left_out.iter().map(|it| format!("{}: {}", it.index, it.reason)));
    if !troubles.is_empty() {
        return (Stage::Failed, troubles.join("; "));
    }
    let read = counted(counts.read, "event", "events");
    (Stage::Done, format!("{} flagged of {read} read", grouped(counts.flagged)))
}

#[cfg(test)]
mod tests {
    use threatsieve_blacklist::Timestamp;

    use super::*;

    #[test]
    fn a_slice_ends_when_a_round_is_due_but_is_not_too_short() {
        let seconds = Duration::from_secs;
        for (budget, pause, want) in [
            (600, Some(900), 600),
            (600, Some(300), 300),
            (600, Some(1), 10),
            (5, Some(1), 5),
            (600, Some(0), 600),
            (600, None, 600),
        ] {
            assert_eq!(slice_time(seconds(budget), pause.map(seconds)), seconds(want));
        }
    }

    #[test]
    fn whatever_is_left_undone_is_a_failure() {
        let wish = Wish {
            by: "ops".to_owned(),
            at: Timestamp(1),
            indices: Vec::new(),
            since: None,
            until: None,
            way: None,
        };
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let mut one = store.add_backfill(&wish).unwrap().unwrap();
        one.counts.read = 1234;
        one.counts.flagged = 5;
        let report = BackfillReport::default();
        let text = "5 flagged of 1,234 events read".to_owned();
        assert_eq!(outcome(&report, &one), (Stage::Done, text));
        let refused = BackfillReport { refused: Some("held".to_owned()), ..report.clone() };
        assert_eq!(outcome(&refused, &one), (Stage::Failed, "held".to_owned()));
        one.counts.refused = 1;
        one.counts.refusal = Some("strict".to_owned());
        let text = "1 event refused: strict".to_owned();
        assert_eq!(outcome(&report, &one), (Stage::Failed, text));
    }
}
