//! Counters of a runner's work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use threatsieve_blacklist::Hit;

use crate::error::CheckError;

/// Totals since the runner was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// The number of batches, with or without an answer.
    pub batches: u64,
    /// The number of observables in batches with an answer.
    pub observables: u64,
    /// The number of hits that no allow-list entry suppresses.
    pub hits: u64,
    /// The number of suppressed hits.
    pub suppressed: u64,
    /// The number of batches lost to a trap.
    pub traps: u64,
    /// The number of batches lost to the deadline.
    pub deadlines: u64,
    /// The number of batches lost to the memory ceiling.
    pub memory_refusals: u64,
    /// The number of batches without an answer for any other reason: malformed, a wrong answer, no
    /// blacklist, no memory.
    pub other_errors: u64,
    /// The number of instances created.
    pub instances: u64,
    /// The number of blacklists loaded.
    pub loads: u64,
    /// Time spent in calls by all threads.
    pub nanoseconds: u64,
    /// The generation in use; `None` before the first one.
    pub generation: Option<u64>,
}

/// The live totals. Each is exact. A snapshot taken during a call may include the call's batch but
/// not yet its hits.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    batches: AtomicU64,
    observables: AtomicU64,
    hits: AtomicU64,
    suppressed: AtomicU64,
    traps: AtomicU64,
    deadlines: AtomicU64,
    memory_refusals: AtomicU64,
    other_errors: AtomicU64,
    instances: AtomicU64,
    loads: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Sums {
    pub(crate) fn answered(&self, observables: usize, hits: &[Hit], took: Duration) {
        self.add(&self.batches, 1);
        self.add(&self.observables, observables as u64);
        self.add(&self.nanoseconds, nanoseconds(took));
        // Most batches have no hits, and adding to a shared cache line costs as much as a look-up.
        if !hits.is_empty() {
            let suppressed = hits.iter().filter(|hit| hit.allowed_by.is_some()).count();
            self.add(&self.suppressed, suppressed as u64);
            self.add(&self.hits, (hits.len() - suppressed) as u64);
        }
    }

    pub(crate) fn failed(&self, error: &CheckError, took: Duration) {
        self.add(&self.batches, 1);
        self.add(&self.nanoseconds, nanoseconds(took));
        let reason = match error {
            CheckError::Trap { .. } => &self.traps,
            CheckError::Deadline { .. } => &self.deadlines,
            CheckError::MemoryCeiling { .. } => &self.memory_refusals,
            _ => &self.other_errors,
        };
        self.add(reason, 1);
    }

    pub(crate) fn instance(&self) {
        self.add(&self.instances, 1);
    }

    pub(crate) fn load(&self) {
        self.add(&self.loads, 1);
    }

    pub(crate) fn snapshot(&self, generation: Option<u64>) -> Counters {
        let of = |sum: &AtomicU64| sum.load(Ordering::Relaxed);
        Counters {
            batches: of(&self.batches),
            observables: of(&self.observables),
            hits: of(&self.hits),
            suppressed: of(&self.suppressed),
            traps: of(&self.traps),
            deadlines: of(&self.deadlines),
            memory_refusals: of(&self.memory_refusals),
            other_errors: of(&self.other_errors),
            instances: of(&self.instances),
            loads: of(&self.loads),
            nanoseconds: of(&self.nanoseconds),
            generation,
        }
    }

    fn add(&self, sum: &AtomicU64, n: u64) {
        sum.fetch_add(n, Ordering::Relaxed);
    }
}

/// 584 years fit.
fn nanoseconds(took: Duration) -> u64 {
    took.as_nanos() as u64
}
