//! The blacklist in the matcher, and which of its answers count.

use std::sync::Arc;

use anyhow::Context;
use threatsieve_blacklist::{Batch, Blacklist, Policy, Timestamp};
use threatsieve_runner::{Answer, CheckError, MemoryFile, Runner, RunnerOptions};

/// How matches are found and judged.
pub(crate) struct Matcher {
    pub(super) runner: Runner,
    blacklist: Arc<Blacklist<MemoryFile>>,
    policy: Policy,
}

/// Which moments count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// Asked for instead of every event's own time.
    pub(crate) at: Option<Timestamp>,
    /// For events without a time.
    pub(crate) now: Timestamp,
    /// Events before this do not match; `None` when all do.
    pub(crate) oldest: Option<Timestamp>,
}

impl Times {
    /// The moment at which indicators must be valid for an event of that time; `None` for one that is too old to match.
    pub(crate) fn moment(&self, event: Option<Timestamp>) -> Option<Timestamp> {
        if event.is_some_and(|event| self.oldest.is_some_and(|oldest| event < oldest)) {
            return None;
        }
        Some(self.at.or(event).unwrap_or(self.now))
    }
}

impl Matcher {
    /// Loads a blacklist. `threads` will ask at a time.
    pub(crate) fn new(
        blacklist: Blacklist<MemoryFile>,
        policy: Policy,
        threads: usize,
    ) -> anyhow::Result<Matcher> {
        let blacklist = Arc::new(blacklist);
        let runner = Runner::new(RunnerOptions { instances: threads, ..RunnerOptions::default() })?;
        runner.load(Arc::clone(&blacklist)).context("the blacklist cannot be loaded into the matcher")?;
        Ok(Matcher::loaded(runner, blacklist, policy))
    }

    /// What answers from a runner that the blacklist is loaded into.
    pub(super) fn loaded(runner: Runner, blacklist: Arc<Blacklist<MemoryFile>>, policy: Policy) -> Matcher {
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
}
