//! Matches as sightings in TAXII collections.
//!
//! A round composes a sighting for each indicator that was matched ([`Store::compose_sightings`]),
//! and then adds all that wait to the collection. A sighting stays the same object until the
//! collection has it: a server recognises a repeat by its id and version.

mod object;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use threatsieve_blacklist::Timestamp;
use tokio::runtime::Runtime;

use self::object::Reporter;
use crate::config::{Config, Feed, Origin, TaxiiFeed, TaxiiSightings};
use crate::feeds::{add_objects, secrets};
use crate::stop::Stop;
use crate::store::Store;
use crate::store::sightings::{LONGEST_PAUSE_MICROS, Sighting, SightingsState};
use crate::text::grouped;

/// Maximum number of sightings that are sent at once.
const BATCH: usize = 1000;
/// Pause after the first failed attempt. Each further attempt doubles it; half of it is random.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_micros(LONGEST_PAUSE_MICROS.unsigned_abs());

/// The report on one feed's sightings.
#[derive(Debug, Default, Serialize)]
pub(crate) struct SightingsReport {
    pub(crate) feed: String,
    /// Sightings that the collection has now.
    pub(crate) sent: u64,
    /// Sightings that the collection refuses.
    pub(crate) refused: u64,
    /// Sightings that the server has not decided about; they are sent again.
    pub(crate) pending: u64,
    /// The reason why they are sent later.
    pub(crate) error: Option<String>,
}

impl SightingsReport {
    pub(crate) fn is_trouble(&self) -> bool {
        self.refused > 0 || self.error.is_some()
    }

    /// Returns a line for people; `None` if there is nothing to report.
    pub(crate) fn text(&self) -> Option<String> {
        let SightingsReport { feed, sent, refused, pending, error } = self;
        if sent + refused + pending == 0 && error.is_none() {
            return None;
        }
        let [sent, refused, pending] = [*sent, *refused, *pending].map(grouped);
        let error = error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        Some(format!("{feed}: {sent} sent, {pending} pending, {refused} refused{error}"))
    }
}

/// Reports matches to all feeds that want them, at the same time.
pub(crate) fn report_sightings(
    config: &Config,
    store: &Mutex<Store>,
    runtime: &Runtime,
    stop: &Stop,
    now: Timestamp,
) -> anyhow::Result<Vec<SightingsReport>> {
    let wanting = config.feeds.iter().filter_map(|feed| match &feed.origin {
        Origin::Taxii(taxii) => Some((feed, taxii, taxii.sightings.as_ref()?)),
        _ => None,
    });
    let wanting: Vec<_> = wanting.collect();
    let names: Vec<&str> = wanting.iter().map(|(feed, ..)| feed.name.as_str()).collect();
    store.lock().unwrap_or_else(PoisonError::into_inner).forget_other_sightings(&names)?;
    std::thread::scope(|scope| {
        let running: Vec<_> = wanting
            .into_iter()
            .map(|(feed, taxii, settings)| {
                let sending = Sending { config, feed, taxii, settings, store, now };
                scope.spawn(move || {
                    runtime.block_on(async {
                        tokio::select! {
                            biased;
                            // What was sent and not noted is repeated in the next round.
                            () = stop.requested() => Ok(SightingsReport::default()),
                            report = sending.run() => report,
                        }
                    })
                })
            })
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        running.into_iter().map(join).collect()
    })
}

/// The sending of one feed's sightings in one round.
struct Sending<'a> {
    config: &'a Config,
    feed: &'a Feed,
    taxii: &'a TaxiiFeed,
    settings: &'a TaxiiSightings,
    store: &'a Mutex<Store>,
    now: Timestamp,
}

impl Sending<'_> {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self) -> anyhow::Result<SightingsReport> {
        let mut report =
            SightingsReport { feed: self.feed.name.clone(), ..SightingsReport::default() };
        let reporter = Reporter::new(&self.settings.reporter);
        let max_tlp = self.settings.max_tlp;
        let state = self
            .store()
            .compose_sightings(&self.feed.name, max_tlp, self.now, |one| reporter.id(one))?;
        let Some(state) = state.filter(|state| self.is_due(state)) else { return Ok(report) };
        loop {
            let waiting = self.store().waiting_sightings(state.feed, max_tlp, BATCH)?;
            if waiting.is_empty() {
                break;
            }
            if !self.send(&reporter, &state, &waiting, &mut report).await? {
                break;
            }
        }
        Ok(report)
    }

    /// Returns whether the collection may be tried now. A time that is too far ahead was set while
    /// the clock was wrong.
    fn is_due(&self, state: &SightingsState) -> bool {
        let longest = self.now.0.saturating_add(LONGEST_PAUSE_MICROS);
        state.next_attempt.is_none_or(|at| at <= self.now || at.0 > longest)
    }

    /// Sends some sightings. Returns whether more can be sent in this round.
    async fn send(
        &self,
        reporter: &Reporter,
        state: &SightingsState,
        waiting: &[Sighting],
        report: &mut SightingsReport,
    ) -> anyhow::Result<bool> {
        let target = self.taxii.for_sightings();
        let added =
            add_objects(&target, &self.config.http, |version| reporter.objects(version, waiting));
        let added = match added.await {
            Ok(added) => added,
            Err(error) => {
                let why = secrets(self.feed).redact(&format!("{error:#}"));
                self.failed(state, &why, report)?;
                return Ok(false);
            }
        };
        let failures: HashMap<&str, &str> = added
            .failures
            .iter()
            .map(|failure| (failure.id.as_str(), failure.message.as_str()))
            .collect();
        if added.pending > 0 || failures.contains_key("") {
            // It is not known which of them the collection has.
            report.pending += added.pending;
            let why = match failures.get("") {
                Some(message) => format!("an object was not added: {message}"),
                None => "the server has not decided yet".to_owned(),
            };
            self.failed(state, &why, report)?;
            return Ok(false);
        }
        let quoted = secrets(self.feed);
        if let Some(message) = failures.get(reporter.id.as_str()) {
            let message = quoted.redact(message);
            tracing::warn!(feed = self.feed.name, "the identity is refused: {message}");
        }
        let messages: Vec<(&str, String)> = waiting
            .iter()
            .filter_map(|one| Some((one.id.as_str(), quoted.redact(failures.get(&*one.id)?))))
            .collect();
        let refused: Vec<(&str, &str)> =
            messages.iter().map(|(id, message)| (*id, message.as_str())).collect();
        for (id, message) in &refused {
            tracing::warn!(feed = self.feed.name, id, "a sighting is refused: {message}");
        }
        let is_sent = |one: &&Sighting| !failures.contains_key(one.id.as_str());
        let sent: Vec<&str> = waiting.iter().filter(is_sent).map(|one| one.id.as_str()).collect();
        report.sent += sent.len() as u64;
        report.refused += refused.len() as u64;
        self.store().settle_sightings(state.feed, sent.into_iter(), &refused)?;
        Ok(true)
    }

    fn failed(
        &self,
        state: &SightingsState,
        why: &str,
        report: &mut SightingsReport,
    ) -> anyhow::Result<()> {
        let whole = FIRST_PAUSE.saturating_mul(1 << state.failures.min(16)).min(LONGEST_PAUSE);
        let next = self.now.plus(whole.mul_f64(0.5 + fastrand::f64() / 2.0));
        tracing::warn!(feed = self.feed.name, "sightings are sent later: {why}");
        self.store().sightings_failed(state.feed, next, why)?;
        report.error = Some(why.to_owned());
        Ok(())
    }
}
