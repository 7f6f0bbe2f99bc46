//! One pipeline from logs to hits, for `scan`, for new lines and for stored ones.
//!
//! ```text
//! inputs --Intake--> pieces --Worker, one a core--> events with candidates --in order--> reports
//!           cuts,             parses, asks the            \
//!           reads headers     matcher                      `--> printed (scan)
//!                                                          `--> judged and stored (follow)
//! ```
//!
//! [`Pipeline::run`] owns the threads, the buffers and the progress counters, and stops all work.
//! The caller opens inputs and passes each to the [`Intake`] as a [`Log`]. It receives the reports
//! in the order of the lines.
//!
//! A report holds candidates: matches that the blacklist, the policy and the event's time admit
//! ([`Matcher::ruling`](crate::matching::Matcher::ruling)). A caller that stores them first asks
//! the [`Judge`](crate::matching::Judge), in the same transaction, because the state may have
//! changed since the matcher answered.

mod event;
mod found_event;
mod headers;
mod intake;
mod piece;
mod ports;
mod tally;

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::matching::{Matcher, Times};
use crate::output::Done;
use crate::sources::in_order;

pub(crate) use event::Event;
pub(crate) use found_event::{FoundEvent, FoundEvents, collect_events};
pub(crate) use intake::{Cut, Intake, Log};
pub(crate) use piece::{Collect, Collected, End, Report};
pub(crate) use tally::{Example, Examples, Tally};

/// Settings of one run.
pub(crate) struct Pipeline<'a> {
    pub(crate) matcher: &'a Matcher,
    pub(crate) times: Times,
    /// Number of workers. The caller's thread reads.
    pub(crate) threads: usize,
    /// Counters for the progress line.
    pub(crate) done: &'a Arc<Done>,
    /// Stops all work when set.
    pub(crate) stop: &'a AtomicBool,
}

impl Pipeline<'_> {
    /// Matches all logs that `inputs` passes to the intake. `on_report` receives the results of
    /// each piece, or of a part of it, in the order of the lines. If it returns `Break`, all work
    /// stops. Without `collect`, events are only counted.
    pub(crate) fn run<Out: Collected>(
        &self,
        collect: Option<Collect<Out>>,
        inputs: impl FnOnce(&mut Intake<'_, '_>),
        mut on_report: impl FnMut(Report<Out>) -> ControlFlow<()> + Send,
    ) {
        let buffers = intake::Buffers::default();
        in_order(
            self.threads,
            self.stop,
            |queue| inputs(&mut Intake::new(queue, self.done, &buffers, self.times.now)),
            || {
                let mut worker = piece::Worker::new(self.matcher, self.times, collect);
                move |piece, parts: &_| worker.work(piece, parts)
            },
            |mut report: Report<Out>| {
                self.done.lines.fetch_add(report.tally.lines, Ordering::Relaxed);
                self.done.matches.fetch_add(report.tally.events, Ordering::Relaxed);
                buffers.give(report.take_buffer());
                on_report(report)
            },
        );
    }
}
