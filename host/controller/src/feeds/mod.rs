//! Indicators from outside: TAXII collections, URLs, files and folders, each polled from where it stopped.
//!
//! A poll has two halves. Fetching ([`taxii`], [`url`], [`path`] over [`http`]) knows nothing of the state but the feed's cursor, and several
//! feeds are fetched at once; taking ([`intake`]) puts one delivery into the state, in one transaction with the cursor behind it. So
//! whatever goes wrong in between, the feed goes on from where it was, and its last good state serves.

mod backoff;
mod cursor;
mod due;
mod examine;
mod fetched;
mod http;
mod intake;
mod path;
mod probe;
mod reading;
mod taxii;
mod url;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;
use tokio::task::{Id, JoinError, JoinSet};

pub(crate) use self::examine::{Examiner, examine, examine_input};
use self::fetched::{Fetched, blocking};
pub(crate) use self::http::Fault;
pub(crate) use self::probe::probe;
use crate::config::{Feed, Http, Origin};
use crate::stop::Stop;
use crate::store::{FeedState, Ingested, Store};

/// Feeds fetched at once.
const MAX_AT_ONCE: usize = 8;

/// What became of one feed in a round.
#[derive(Debug)]
pub(crate) struct Polled {
    /// Its name.
    pub(crate) feed: String,
    pub(crate) outcome: Outcome,
    /// STIX objects and lines read.
    pub(crate) objects: u64,
    /// Fetched, unpacked.
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    /// It has nothing new.
    Unchanged,
    /// It was taken, or held back: see [`Ingested::held`].
    Ingested(Ingested),
    /// It was not polled, for this reason.
    Skipped(String),
    /// It failed, which is in the state and the log by now; what was known before serves on.
    Failed(anyhow::Error),
}

/// Polls the feeds that are due, or with `force` all of them, several at once, and takes what they bring into the state. The results are in
/// the order of the feeds. Each feed fails alone.
///
/// While one delivery is taken, the state is locked and the thread is busy: on a runtime of several threads others go on fetching.
pub(crate) async fn poll(
    feeds: &[Feed],
    http: &Http,
    store: &Mutex<Store>,
    now: Timestamp,
    force: bool,
    stop: &Stop,
) -> Vec<Polled> {
    let mut round = Round {
        http: Arc::new(http.clone()),
        store,
        now,
        stop,
        tasks: JoinSet::new(),
        running: Vec::new(),
        polled: feeds.iter().map(|_| None).collect(),
    };
    let mut waiting = feeds.iter().enumerate();
    loop {
        while round.tasks.len() < MAX_AT_ONCE
            && !stop.is_requested()
            && let Some((place, feed)) = waiting.next()
        {
            round.start(place, feed, force);
        }
        tokio::select! {
            biased;
            () = stop.requested() => break,
            done = round.tasks.join_next_with_id() => match done {
                Some(done) => round.done(feeds, done),
                None => break,
            },
        }
    }
    // Dropped requests close their connections; nothing of them is in the state.
    round.tasks.shutdown().await;
    let stopped = |feed: &Feed| Polled::skipped(feed, "stopped before it was done".to_owned());
    feeds.iter().zip(round.polled).map(|(feed, polled)| polled.unwrap_or_else(|| stopped(feed))).collect()
}

/// The feeds of a round.
struct Round<'a> {
    http: Arc<Http>,
    store: &'a Mutex<Store>,
    now: Timestamp,
    stop: &'a Stop,
    tasks: JoinSet<anyhow::Result<Fetched>>,
    running: Vec<Running>,
    polled: Vec<Option<Polled>>,
}

/// A feed that is being fetched.
struct Running {
    task: Id,
    /// Its place in the list of feeds.
    place: usize,
    state: Option<FeedState>,
    started: Instant,
}

impl Round<'_> {
    fn start(&mut self, place: usize, feed: &Feed, force: bool) {
        let started = Instant::now();
        let state = match lock(self.store).feed_state(&feed.name) {
            Ok(state) => state,
            Err(error) => return self.failed(place, feed, None, started, error),
        };
        if !force && let Some(why) = due::not_yet(feed, state.as_ref(), self.now) {
            self.polled[place] = Some(Polled::skipped(feed, why));
            return;
        }
        let cursor = state.as_ref().and_then(|state| state.cursor.clone());
        let task = fetch(feed.clone(), Arc::clone(&self.http), cursor, self.now);
        let task = self.tasks.spawn(task).id();
        self.running.push(Running { task, place, state, started });
    }

    fn done(&mut self, feeds: &[Feed], done: Result<(Id, anyhow::Result<Fetched>), JoinError>) {
        let (task, fetched) = match done {
            Ok(done) => done,
            Err(error) => {
                (error.id(), Err(anyhow!(error).context("the fetching broke down; please report this")))
            }
        };
        let Some(running) = self.running.iter().position(|running| running.task == task) else { return };
        let Running { place, state, started, .. } = self.running.swap_remove(running);
        let feed = &feeds[place];
        match fetched.and_then(|fetched| self.take(feed, fetched)) {
            Ok((outcome, objects, bytes)) => {
                let (name, elapsed) = (feed.name.clone(), started.elapsed());
                self.polled[place] = Some(Polled { feed: name, outcome, objects, bytes, elapsed });
            }
            Err(error) => self.failed(place, feed, state, started, error),
        }
    }

    /// Puts what came into the state.
    fn take(&self, feed: &Feed, fetched: Fetched) -> anyhow::Result<(Outcome, u64, u64)> {
        let Fetched { body, cursor, objects, bytes } = fetched;
        let mut store = lock(self.store);
        let Some(body) = body else {
            store.feed_unchanged(&feed.name, self.now, cursor.as_ref())?;
            return Ok((Outcome::Unchanged, objects, bytes));
        };
        let delivery = (body, cursor.as_ref());
        let taken = blocking(|| intake::take(&mut store, feed, &self.http, delivery, self.now, self.stop));
        let (ingested, more) = taken?;
        Ok((Outcome::Ingested(ingested), objects + more, bytes))
    }

    /// Notes a failure, in the state and in the log.
    fn failed(
        &mut self,
        place: usize,
        feed: &Feed,
        state: Option<FeedState>,
        started: Instant,
        error: anyhow::Error,
    ) {
        let failures = state.map_or(0, |state| state.failures);
        let next = match feed.origin {
            // Looking at a file costs nothing.
            Origin::Path(_) => self.now,
            _ => backoff::next_attempt(&error, failures, self.now, fastrand::f64()),
        };
        let text = format!("{error:#}");
        tracing::warn!(
            feed = feed.name,
            error = text,
            failures = failures + 1,
            "feed not polled; its last good state serves on"
        );
        if let Err(error) = lock(self.store).feed_failed(&feed.name, self.now, &text, next) {
            tracing::error!(
                feed = feed.name,
                error = format!("{error:#}"),
                "a failed poll could not be noted"
            );
        }
        let (name, elapsed) = (feed.name.clone(), started.elapsed());
        self.polled[place] =
            Some(Polled { feed: name, outcome: Outcome::Failed(error), objects: 0, bytes: 0, elapsed });
    }
}

impl Polled {
    fn skipped(feed: &Feed, why: String) -> Polled {
        let outcome = Outcome::Skipped(why);
        Polled { feed: feed.name.clone(), outcome, objects: 0, bytes: 0, elapsed: Duration::ZERO }
    }
}

async fn fetch(feed: Feed, http: Arc<Http>, cursor: Option<Json>, now: Timestamp) -> anyhow::Result<Fetched> {
    let cursor = cursor.as_ref();
    match &feed.origin {
        Origin::Taxii(taxii) => taxii::fetch(&feed, taxii, &http, cursor, now).await,
        Origin::Url(url) => url::fetch(&feed, url, &http, cursor).await,
        Origin::Path(path) => blocking(|| path::find(&feed, path, cursor)),
    }
}

/// The state is changed in transactions only, so whoever broke down with it locked left it whole.
fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}
