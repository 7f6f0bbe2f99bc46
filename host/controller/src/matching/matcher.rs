//! The blacklist in the matcher, and which of its answers count.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use threatsieve_blacklist::{Batch, Blacklist, Policy, Timestamp};
use threatsieve_runner::{Answer, Bytes, CheckError, CodeCache, Runner, RunnerOptions};

use crate::cli::PolicyArgs;

/// How matches are found and judged.
pub(crate) struct Matcher {
    pub(super) runner: Runner,
    blacklist: Arc<Blacklist<Bytes>>,
    policy: Policy,
    /// Asked for instead of every event's own time.
    at: Option<Timestamp>,
    /// For events without a time.
    now: Timestamp,
}

/// Where a blacklist's compiled code goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// It will be used again: kept in the user's cache.
    Kept,
    /// Made for this run.
    Passing,
}

impl Matcher {
    /// Loads a blacklist. `threads` will ask at a time.
    pub(crate) fn new(
        blacklist: Blacklist<Bytes>,
        setup: Setup,
        policy: &PolicyArgs,
        threads: usize,
    ) -> anyhow::Result<Matcher> {
        let blacklist = Arc::new(blacklist);
        let runner = load(&blacklist, setup, threads)?;
        Ok(Matcher::loaded(runner, blacklist, policy))
    }

    /// What answers from a runner that the blacklist is loaded into.
    pub(super) fn loaded(runner: Runner, blacklist: Arc<Blacklist<Bytes>>, policy: &PolicyArgs) -> Matcher {
        Matcher {
            runner,
            blacklist,
            policy: Policy {
                min_confidence: policy.min_confidence,
                max_tlp: policy.max_tlp,
                partial: policy.partial,
                exact: policy.exact,
            },
            at: policy.at.map(|at| at.0),
            now: now(),
        }
    }

    pub(crate) fn blacklist(&self) -> &Blacklist<Bytes> {
        &self.blacklist
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn check(&self, batch: &Batch) -> Result<Answer, CheckError> {
        self.runner.check(batch)
    }

    /// The moment at which indicators must be valid for an event of that time.
    pub(crate) fn moment(&self, event: Option<Timestamp>) -> Timestamp {
        self.at.or(event).unwrap_or(self.now)
    }
}

fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
}

/// Loads a blacklist into a new runner: with the user's code cache where there is one to use, else without.
fn load(blacklist: &Arc<Blacklist<Bytes>>, setup: Setup, threads: usize) -> anyhow::Result<Runner> {
    let options = |code_cache| RunnerOptions { instances: threads, code_cache, ..RunnerOptions::default() };
    if let Some(folder) = (setup == Setup::Kept).then(cache_folder).flatten() {
        let runner = Runner::new(options(CodeCache::Directory(folder)))?;
        // A full disk, a read-only home or somebody else's folder: only slower, not worse.
        if runner.load(Arc::clone(blacklist)).is_ok() {
            return Ok(runner);
        }
    }
    let runner = Runner::new(options(CodeCache::Memfd))?;
    runner.load(Arc::clone(blacklist)).context("the blacklist cannot be loaded into the matcher")?;
    Ok(runner)
}

/// The private folder for compiled code, `${XDG_CACHE_HOME:-~/.cache}/threatsieve/code`; the runner makes its last part, and
/// takes it only if it is private.
fn cache_folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    let parent = caches.join("threatsieve");
    std::fs::create_dir_all(&parent).ok()?;
    Some(parent.join("code"))
}
