//! Isolates the events that make a batch fail.
//!
//! A call fails for a whole batch, although mostly a single event is the reason. So the events of a
//! failed batch are looked up again in halves, down to single events. The others get their answer.

use std::ops::Range;
use std::sync::Arc;

use threatsieve_blacklist::observable::offsets;

use crate::error::CheckError;
use crate::runner::{Answer, Runner};

/// The result for some successive events of a batch.
#[derive(Debug)]
pub struct Outcome {
    /// The indices of the events.
    pub events: Range<usize>,
    /// The answer, or the reason why there is none. The answer numbers observables from the first
    /// observable of these events.
    pub result: Result<Answer, Arc<CheckError>>,
}

/// Counts failed calls. When the limit is reached, isolating ends: the events are probably not the
/// reason. One bad event among a thousand fails eleven calls, and each may last until the deadline.
#[derive(Debug)]
pub struct FailedCalls {
    count: u32,
    limit: u32,
    in_a_row: bool,
}

impl FailedCalls {
    /// Limits the total of failed calls, for a caller that has to answer in time.
    pub fn in_total(limit: u32) -> FailedCalls {
        FailedCalls { count: 0, limit, in_a_row: false }
    }

    /// Limits the failed calls in a row, for a caller that wants as many events checked as
    /// possible.
    pub fn in_a_row(limit: u32) -> FailedCalls {
        FailedCalls { count: 0, limit, in_a_row: true }
    }

    /// Returns whether the limit is reached.
    pub fn is_exhausted(&self) -> bool {
        self.count >= self.limit
    }

    /// Records a call that had an answer.
    pub fn succeeded(&mut self) {
        if self.in_a_row {
            self.count = 0;
        }
    }

    fn failed(&mut self) {
        self.count = self.count.saturating_add(1);
    }
}

impl Runner {
    /// Looks up the events of a batch again for which [`Runner::check`] returned `error`.
    ///
    /// `events` has the range of observables of each event. They follow each other and cover the
    /// batch. The outcomes are in their order and cover all events.
    pub fn isolate(
        &self,
        error: CheckError,
        batch: &[u8],
        events: &[Range<u32>],
        failed: &mut FailedCalls,
    ) -> Vec<Outcome> {
        let offsets = match offsets(batch) {
            Ok(offsets) => offsets,
            Err(error) => {
                let error = Arc::new(error.into());
                return vec![Outcome { events: 0..events.len(), result: Err(error) }];
            }
        };
        let mut isolation =
            Isolation { runner: self, batch, offsets, events, failed, outcomes: Vec::new() };
        isolation.split(0..events.len(), error);
        isolation.outcomes
    }
}

struct Isolation<'a> {
    runner: &'a Runner,
    batch: &'a [u8],
    offsets: Vec<u32>,
    events: &'a [Range<u32>],
    failed: &'a mut FailedCalls,
    outcomes: Vec<Outcome>,
}

impl Isolation<'_> {
    /// Looks up both halves of some events, for which a call failed.
    fn split(&mut self, events: Range<usize>, error: CheckError) {
        self.failed.failed();
        let is_divisible = events.len() > 1 && depends_on_the_batch(&error);
        let error = Arc::new(error);
        if !is_divisible {
            return self.outcomes.push(Outcome { events, result: Err(error) });
        }
        let middle = events.start + events.len() / 2;
        for half in [events.start..middle, middle..events.end] {
            if self.failed.is_exhausted() {
                self.outcomes.push(Outcome { events: half, result: Err(error.clone()) });
                continue;
            }
            match self.check(&half) {
                Ok(answer) => {
                    self.failed.succeeded();
                    self.outcomes.push(Outcome { events: half, result: Ok(answer) });
                }
                Err(error) => self.split(half, error),
            }
        }
    }

    fn check(&self, events: &Range<usize>) -> Result<Answer, CheckError> {
        let first = self.events[events.start].start as usize;
        let end = self.events[events.end - 1].end as usize;
        let bytes = self.offsets[first] as usize..self.offsets[end] as usize;
        self.runner.check_encoded(&self.batch[bytes], end - first)
    }
}

/// Returns whether a smaller batch may have another result.
fn depends_on_the_batch(error: &CheckError) -> bool {
    !matches!(
        error,
        CheckError::NoBlacklist
            | CheckError::Batch(_)
            | CheckError::Instance(_)
            | CheckError::Blacklist { .. }
    )
}
