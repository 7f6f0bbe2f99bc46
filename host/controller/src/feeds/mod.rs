//! Feeds: TAXII collections, MISP's events, URLs, files and folders. Each poll continues where the
//! last one ended.
//!
//! A poll has two halves. Fetching ([`taxii`], [`taxii1`], [`misp`], [`url`], [`path`] over
//! [`http`]) knows nothing of the state but the feed's cursor, and several feeds are fetched at
//! once. Storing
//! ([`intake`]) puts one delivery and the cursor after it into the state, in one transaction. If
//! anything fails in between, the feed continues from its old cursor, and its last good state stays
//! in use.

mod archive;
mod backoff;
mod cursor;
mod due;
mod examine;
mod fetched;
mod http;
mod intake;
mod misp;
mod path;
mod probe;
mod reading;
mod taxii;
mod taxii1;
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
use self::http::Deadline;
pub(crate) use self::http::Fault;
pub(crate) use self::probe::{check, probe};
pub(crate) use self::taxii::{
    Added, ManifestEntry, Object, TaxiiVersion, add_objects, read_manifest,
};
pub(crate) use self::taxii1::{Pushed, end_subscription, push};
use crate::config::{Feed, Http, MispPlace, Origin};
use crate::network::{Secrets, auth_header};
use crate::stop::Stop;
use crate::store::{Ingested, Store};

/// Maximum number of feeds that are fetched at once.
const MAX_AT_ONCE: usize = 8;

/// The result of polling one feed in a round.
#[derive(Debug)]
pub(crate) struct Polled {
    /// The feed's name.
    pub(crate) feed: String,
    pub(crate) outcome: Outcome,
    /// Number of STIX objects and lines read.
    pub(crate) objects: u64,
    /// Bytes fetched, unpacked.
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    /// The poll ended at its limit of time. The next round continues.
    pub(crate) goes_on: bool,
}

/// The outcome of polling one feed.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The feed has nothing new.
    Unchanged,
    /// A delivery was taken, or held back: see [`Ingested::held`].
    Ingested(Ingested),
    /// The feed was not polled, for this reason.
    Skipped(String),
    /// The poll failed for this reason, which is already in the state and the log. The feed's last
    /// good state stays in use.
    Failed(String),
}

/// Polls the feeds that are due, or with `force` all of them, and stores their deliveries in the
/// state. Several feeds are fetched at once. The results are in the order of the feeds. A feed that
/// fails does not affect the others.
///
/// A large collection is stored in parts, each in a transaction of its own. Polling ends after
/// `poll_timeout`. A collection then keeps its complete pages, and continues after them in the next
/// round. Feeds that were not reached are the first in the next round.
///
/// While a delivery is stored, the state is locked and the thread is busy. On a runtime with
/// several threads, other feeds are fetched meanwhile.
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
        deadline: Deadline::of_poll(http),
        store,
        now,
        stop,
        tasks: JoinSet::new(),
        running: Vec::new(),
        polled: feeds.iter().map(|_| None).collect(),
    };
    let mut waiting = longest_waiting(feeds, &lock(store)).into_iter();
    loop {
        while round.tasks.len() < MAX_AT_ONCE
            && !stop.is_requested()
            && let Some(place) = waiting.next()
        {
            round.start(place, &feeds[place], force);
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
    // Dropped requests close their connections. The state holds nothing of them but the parts that
    // were stored before.
    round.tasks.shutdown().await;
    for Running { place, taken, .. } in round.running {
        round.polled[place] = taken;
    }
    let stopped = |feed: &Feed| Polled::skipped(feed, "stopped before it was done".to_owned());
    feeds
        .iter()
        .zip(round.polled)
        .map(|(feed, polled)| polled.unwrap_or_else(|| stopped(feed)))
        .collect()
}

/// Returns the places of the feeds in the list: first those that were never polled, then by the
/// time of the last poll.
fn longest_waiting(feeds: &[Feed], store: &Store) -> Vec<usize> {
    let attempted =
        |feed: &Feed| store.feed_state(&feed.name).ok().flatten().and_then(|state| state.attempted);
    let mut places: Vec<usize> = (0..feeds.len()).collect();
    places.sort_by_cached_key(|&place| attempted(&feeds[place]));
    places
}

/// The polling of a round.
struct Round<'a> {
    http: Arc<Http>,
    /// The time at which polling must end.
    deadline: Deadline,
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
    /// The feed's place in the list.
    place: usize,
    /// Number of failed polls in a row before this one.
    failures: u32,
    started: Instant,
    /// The part that this round already stored, if the poll reached the limit of objects.
    taken: Option<Polled>,
}

impl Round<'_> {
    /// Starts to poll a feed, or notes why it is skipped.
    fn start(&mut self, place: usize, feed: &Feed, force: bool) {
        let started = Instant::now();
        let state = match lock(self.store).feed_state(&feed.name) {
            Ok(state) => state,
            Err(error) => return self.failed(place, feed, 0, started, error),
        };
        if let Some(why) = due::not_yet(feed, state.as_ref(), self.now, force) {
            self.polled[place] = Some(Polled::skipped(feed, why));
            return;
        }
        if self.deadline.is_over() {
            let why =
                "no time was left (`poll_timeout` in [http]); the next round begins with this feed";
            self.polled[place] = Some(Polled::skipped(feed, why.to_owned()));
            return;
        }
        let failures = state.as_ref().map_or(0, |state| state.failures);
        let cursor = state.and_then(|state| state.cursor);
        self.fetch(place, feed, cursor, failures, started, None);
    }

    fn fetch(
        &mut self,
        place: usize,
        feed: &Feed,
        cursor: Option<Json>,
        failures: u32,
        started: Instant,
        taken: Option<Polled>,
    ) {
        let task = fetch(feed.clone(), Arc::clone(&self.http), cursor, self.now, self.deadline);
        let task = self.tasks.spawn(task).id();
        self.running.push(Running { task, place, failures, started, taken });
    }

    /// Fetches the part after the cursor in the state, unless the time is over.
    fn go_on(&mut self, feed: &Feed, running: Running, taken: Polled) {
        let Running { place, failures, started, .. } = running;
        if self.deadline.is_over() || self.stop.is_requested() {
            self.polled[place] = Some(Polled { elapsed: started.elapsed(), ..taken });
            return;
        }
        let state = lock(self.store).feed_state(&feed.name);
        match state {
            Ok(state) => {
                let cursor = state.and_then(|state| state.cursor);
                self.fetch(place, feed, cursor, failures, started, Some(taken));
            }
            Err(error) => self.failed(place, feed, failures, started, error),
        }
    }

    /// Handles the end of fetching a feed.
    fn done(&mut self, feeds: &[Feed], done: Result<(Id, anyhow::Result<Fetched>), JoinError>) {
        let (task, fetched) = match done {
            Ok(done) => done,
            Err(error) => {
                (error.id(), Err(anyhow!(error).context("fetching crashed; please report this")))
            }
        };
        let Some(running) = self.running.iter().position(|running| running.task == task) else {
            return;
        };
        let mut running = self.running.swap_remove(running);
        let (place, started, before) = (running.place, running.started, running.taken.take());
        let feed = &feeds[place];
        match (fetched.and_then(|fetched| self.take(feed, fetched)), before) {
            (Ok(polled), before) => {
                let polled = polled.after(before);
                match polled.goes_on {
                    true => self.go_on(feed, running, polled),
                    false => {
                        self.polled[place] = Some(Polled { elapsed: started.elapsed(), ..polled })
                    }
                }
            }
            // The time ended before another page was complete.
            (Err(error), Some(before)) if is_poll_timeout(&error) => {
                self.polled[place] = Some(Polled { elapsed: started.elapsed(), ..before });
            }
            (Err(error), _) => self.failed(place, feed, running.failures, started, error),
        }
    }

    /// Stores what was fetched in the state.
    fn take(&self, feed: &Feed, fetched: Fetched) -> anyhow::Result<Polled> {
        let Fetched { body, cursor, objects, bytes, goes_on } = fetched;
        let name = feed.name.clone();
        let polled = |outcome, objects, goes_on| Polled {
            feed: name,
            outcome,
            objects,
            bytes,
            elapsed: Duration::ZERO,
            goes_on,
        };
        let mut store = lock(self.store);
        let Some(body) = body else {
            store.feed_unchanged(&feed.name, self.now, cursor.as_ref())?;
            return Ok(polled(Outcome::Unchanged, objects, goes_on));
        };
        let delivery = (body, cursor.as_ref());
        let taken =
            blocking(|| intake::take(&mut store, feed, &self.http, delivery, self.now, self.stop));
        let (ingested, more) = taken?;
        // A delivery that is held back does not move the cursor.
        let goes_on = goes_on && ingested.held.is_none();
        Ok(polled(Outcome::Ingested(ingested), objects + more, goes_on))
    }

    /// Records a failure in the state and in the log.
    fn failed(
        &mut self,
        place: usize,
        feed: &Feed,
        failures: u32,
        started: Instant,
        error: anyhow::Error,
    ) {
        let next = match feed.origin {
            // Examining a file costs nothing, so the next round tries again.
            Origin::Path(_) => self.now,
            _ => backoff::next_attempt(&error, failures, self.now, fastrand::f64()),
        };
        let text = secrets(feed).redact(&format!("{error:#}"));
        tracing::warn!(
            feed = feed.name,
            error = text,
            failures = failures + 1,
            "feed not polled; its last good state stays in use"
        );
        if let Err(error) = lock(self.store).feed_failed(&feed.name, self.now, &text, next) {
            tracing::error!(
                feed = feed.name,
                error = format!("{error:#}"),
                "a failed poll could not be recorded"
            );
        }
        self.polled[place] = Some(Polled {
            feed: feed.name.clone(),
            outcome: Outcome::Failed(text),
            objects: 0,
            bytes: 0,
            elapsed: started.elapsed(),
            goes_on: false,
        });
    }
}

fn is_poll_timeout(error: &anyhow::Error) -> bool {
    error.downcast_ref::<http::Fault>().is_some_and(http::Fault::is_poll_timeout)
}

impl Polled {
    /// Adds the result of an earlier part of the same poll.
    fn after(self, before: Option<Polled>) -> Polled {
        let Some(before) = before else { return self };
        let outcome = match (before.outcome, self.outcome) {
            (Outcome::Ingested(before), Outcome::Ingested(last)) => {
                Outcome::Ingested(last.after(before))
            }
            (before, Outcome::Unchanged) => before,
            (_, last) => last,
        };
        let (objects, bytes) = (before.objects + self.objects, before.bytes + self.bytes);
        Polled { outcome, objects, bytes, ..self }
    }

    fn skipped(feed: &Feed, why: String) -> Polled {
        let outcome = Outcome::Skipped(why);
        Polled {
            feed: feed.name.clone(),
            outcome,
            objects: 0,
            bytes: 0,
            elapsed: Duration::ZERO,
            goes_on: false,
        }
    }
}

async fn fetch(
    feed: Feed,
    http: Arc<Http>,
    cursor: Option<Json>,
    now: Timestamp,
    deadline: Deadline,
) -> anyhow::Result<Fetched> {
    let cursor = cursor.as_ref();
    match &feed.origin {
        Origin::Taxii(taxii) => taxii::fetch(&feed, taxii, &http, cursor, now, deadline).await,
        Origin::Taxii1(taxii) => taxii1::fetch(&feed, taxii, &http, cursor, now, deadline).await,
        Origin::Url(url) => url::fetch(&feed, url, &http, cursor, deadline).await,
        Origin::Path(path) => blocking(|| path::find(&feed, path, cursor)),
        Origin::Misp(misp) => misp::fetch_server(&feed, misp, &http, cursor, now, deadline).await,
        Origin::MispFeed(files) => misp::fetch_files(&feed, files, &http, cursor, deadline).await,
    }
}

/// Returns the secrets in a feed's URL and credentials, which its server may repeat.
pub(crate) fn secrets(feed: &Feed) -> Secrets {
    let (url, auth) = match &feed.origin {
        Origin::Taxii(taxii) => (&taxii.url, &taxii.auth),
        Origin::Taxii1(taxii) => (&taxii.server.url, &taxii.server.auth),
        Origin::Url(url) => (&url.url, &url.auth),
        Origin::Misp(misp) => (&misp.server.url, &misp.server.auth),
        Origin::MispFeed(files) => match &files.place {
            MispPlace::Url(url) => (&url.url, &url.auth),
            MispPlace::Folder(_) => return Secrets::default(),
        },
        Origin::Path(_) => return Secrets::default(),
    };
    let header = auth_header(auth).ok().flatten();
    let mut secrets = Secrets::of_auth(auth, header.as_ref());
    secrets.add_url(url);
    secrets
}

/// Locks the state. A poisoned lock is ignored: the state is only changed in transactions, so a
/// panic leaves it consistent.
fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}
