//! Counts of what the program has done since it started, for metrics.

use std::sync::{Mutex, PoisonError};

use threatsieve_blacklist::Timestamp;

use crate::rounds::RoundReport;

/// The counts.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Counted {
    /// Rounds whose steps were all done.
    pub(crate) complete: u64,
    /// Rounds with a step that failed, and rounds that were stopped.
    pub(crate) incomplete: u64,
    /// Rounds that ended with an error.
    pub(crate) failed: u64,
    pub(crate) seconds: f64,
    /// Duration of the last round.
    pub(crate) last_seconds: Option<f64>,
    pub(crate) lines: u64,
    pub(crate) events: u64,
    pub(crate) historic_lines: u64,
    pub(crate) historic_events: u64,
    /// Lines that the matcher gave no answer for.
    pub(crate) unchecked: u64,
    pub(crate) malformed: u64,
    /// Start of the round that runs.
    pub(crate) running_since: Option<Timestamp>,
}

/// The counts, shared by the thread of the rounds and requests.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Counted>);

impl Counters {
    pub(super) fn read(&self) -> Counted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Counted)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes that a round begins.
    pub(super) fn begin(&self, now: Timestamp) {
        self.change(|counted| counted.running_since = Some(now));
    }

    /// Notes that a round ended.
    pub(super) fn end(&self, report: &anyhow::Result<RoundReport>, seconds: f64) {
        self.change(|counted| {
            counted.running_since = None;
            counted.seconds += seconds;
            counted.last_seconds = Some(seconds);
            let Ok(report) = report else {
                counted.failed += 1;
                return;
            };
            match report.errors.is_empty() && !report.stopped && report.clock.is_none() {
                true => counted.complete += 1,
                false => counted.incomplete += 1,
            }
            if let Some(follow) = &report.follow {
                counted.lines += follow.counts.lines;
                counted.events += follow.counts.events;
                counted.unchecked += follow.unchecked;
                counted.malformed += follow.malformed;
            }
            if let Some(history) = &report.history {
                counted.historic_lines += history.counts.lines;
                counted.historic_events += history.counts.events;
            }
        });
    }
}
