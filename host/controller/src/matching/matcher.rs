//! The blacklist loaded into the matcher, and the ruling on each hit.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Context;
use threatsieve_blacklist::{Batch, Blacklist, EventContext, Hit, Match, Policy, Timestamp};
use threatsieve_runner::{
    Answer, CheckError, FailedCalls, MemoryFile, Outcome, Runner, RunnerOptions,
};

/// Looks values up, and rules on the hits.
pub(crate) struct Matcher {
    runner: Runner,
    blacklist: Arc<Blacklist<MemoryFile>>,
    policy: Policy,
}

/// The times at which indicators must be valid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// Replaces every event's own time, if given.
    pub(crate) at: Option<Timestamp>,
    /// The time for events without one.
    pub(crate) now: Timestamp,
    /// Events before this time do not match. `None`: no event is too old.
    pub(crate) oldest: Option<Timestamp>,
}

impl Times {
    /// The time at which indicators must be valid for an event of the given time. `None` if the
    /// event is too old to match.
    pub(crate) fn moment(&self, event: Option<Timestamp>) -> Option<Timestamp> {
        if event.is_some_and(|event| self.oldest.is_some_and(|oldest| event < oldest)) {
            return None;
        }
        Some(self.at.or(event).unwrap_or(self.now))
    }
}

/// The decision about a hit, by the blacklist, the policy and the event's time.
#[derive(Debug)]
pub(crate) enum Ruling {
    /// An entry of the allow-list suppresses the hit.
    Allowed,
    /// The log does not fully prove a match, and the policy excludes partial matches.
    Partial,
    /// None of the entry's indicators counts, because of validity, confidence, marking, or
    /// `--exact`.
    OutsidePolicy,
    /// The entry is only part of conjunctions.
    LonePart,
    /// The hit was not judged, because the event's limit of indicators is reached.
    BeyondLimit,
    /// The hit counts, unless the state says otherwise.
    Counts(Match),
}

impl Matcher {
    /// Loads a blacklist. `threads` is the number of threads that will look up at the same time.
    pub(crate) fn new(
        blacklist: Blacklist<MemoryFile>,
        policy: Policy,
        threads: usize,
    ) -> anyhow::Result<Matcher> {
        let blacklist = Arc::new(blacklist);
        let runner = Runner::new(RunnerOptions { instances: threads, ..RunnerOptions::default() })?;
        runner
            .load(Arc::clone(&blacklist))
            .context("the blacklist cannot be loaded into the matcher")?;
        Ok(Matcher::loaded(runner, blacklist, policy))
    }

    /// Makes a matcher of a runner that has the blacklist loaded.
    pub(crate) fn loaded(
        runner: Runner,
        blacklist: Arc<Blacklist<MemoryFile>>,
        policy: Policy,
    ) -> Matcher {
        Matcher { runner, blacklist, policy }
    }

    pub(crate) fn blacklist(&self) -> &Blacklist<MemoryFile> {
        &self.blacklist
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn check(&self, batch: &Batch) -> Result<Answer, CheckError> {
        self.runner.check(batch)
    }

    /// Looks up the events of a failed batch again ([`Runner::isolate`]).
    pub(crate) fn isolate(
        &self,
        error: CheckError,
        batch: &Batch,
        events: &[Range<u32>],
        failed: &mut FailedCalls,
    ) -> Vec<Outcome> {
        self.runner.isolate(error, batch.as_bytes(), events, failed)
    }

    /// Returns whether any indicator of the blacklist matches only events with its port.
    pub(crate) fn compares_ports(&self) -> bool {
        self.blacklist.compares_ports()
    }

    /// Returns whether the blacklist has conjunctions.
    pub(crate) fn has_conjunctions(&self) -> bool {
        self.blacklist.has_conjunctions()
    }

    /// Rules on a hit for an event, with at most `limit` indicators of its entry.
    pub(crate) fn ruling(
        &self,
        answer: &Answer,
        hit: &Hit,
        event: EventContext,
        limit: usize,
    ) -> Ruling {
        if self.has_conjunctions() && answer.blacklist.is_lone_part(hit.entry) {
            return Ruling::LonePart;
        }
        if hit.allowed_by.is_some() {
            return Ruling::Allowed;
        }
        if hit.how.is_partial() && !self.policy.partial {
            return Ruling::Partial;
        }
        if limit == 0 {
            return Ruling::BeyondLimit;
        }
        let matched = answer.blacklist.resolve_up_to(hit, &self.policy, event, limit);
        matched.map_or(Ruling::OutsidePolicy, Ruling::Counts)
    }

    #[cfg(test)]
    pub(crate) fn batches(&self) -> u64 {
        self.runner.counters().batches
    }
}
