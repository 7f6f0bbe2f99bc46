//! New lines of all logs.

use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::TransactionBehavior;
use serde::Serialize;
use threatsieve_blacklist::Timestamp;

use super::commit::{Commit, Counts, Moves};
use super::find::find;
use super::identify::identify;
use super::plan::Plan;
use super::reading::{Ended, Reading, Stretch};
use super::troubles::{Trouble, Troubles};
use crate::config::Config;
use crate::matching::{Example, Matcher, Tally, Times};
use crate::output::{Done, Progress};
use crate::sinks::RecordShape;
use crate::stop::Stop;
use crate::store::Store;
use crate::store::events::Finding;
use crate::store::files::{LogFile, settle};

/// What came of following.
#[derive(Debug, Default, Serialize)]
pub(crate) struct FollowReport {
    /// Files there are.
    pub(crate) files: u64,
    /// Files met for the first time.
    pub(crate) new_files: u64,
    /// Of these, older than the history window.
    pub(crate) passed_over: u64,
    /// Files with new lines.
    pub(crate) read: u64,
    /// Files whose next line is not there whole, or that nothing tells from others yet.
    pub(crate) waiting: u64,
    /// Second copies of files that are there too.
    pub(crate) copies: u64,
    /// Files that are not there any more.
    pub(crate) gone: u64,
    /// Files that lost their end.
    pub(crate) truncated: u64,
    /// Bytes read, as they lie on disk.
    pub(crate) bytes: u64,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Lines that are not of their log's format.
    pub(crate) malformed: u64,
    /// Lines that the matcher gave no answer for.
    pub(crate) unchecked: u64,
    /// Lines of which only the first part was matched: they are longer than 16 MiB.
    pub(crate) cut: u64,
    /// Lines with a match that are older than the history window, so the match does not count.
    pub(crate) too_old: u64,
    /// There are new lines, and nothing to match them with yet: they are kept for when there is.
    pub(crate) without_blacklist: bool,
    /// It was ended before all was matched.
    pub(crate) stopped: bool,
    /// What cannot be read.
    pub(crate) troubles: Vec<Trouble>,
}

impl FollowReport {
    /// Returns whether something in the logs was not read or not checked in full.
    pub(crate) fn is_incomplete(&self) -> bool {
        !self.troubles.is_empty() || self.unchecked + self.cut > 0
    }
}

/// Matches what is new in the configured logs. `matcher` is asked for only if there is something new; it gives `None` when there
/// is no blacklist yet.
pub(crate) fn follow_logs(
    config: &Config,
    store: &mut Store,
    matcher: impl FnOnce(&Store) -> anyhow::Result<Option<Arc<Matcher>>>,
    round: i64,
    now: Timestamp,
    stop: &Stop,
) -> anyhow::Result<FollowReport> {
    let mut report = FollowReport::default();
    let mut troubles = Troubles::default();
    let oldest = oldest(config, now);
    let mut stretches = Vec::new();
    let mut sources = Vec::new();
    for source in &config.logs {
        let (present, missing) = find(source);
        let mut identified = identify(present, LogFile::of_source(&store.connection, &source.name)?);
        identified.missing.extend(missing);
        let plan = Plan { source, round, now, oldest, report: &mut report, troubles: &mut troubles };
        let transaction = store.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        stretches.extend(plan.make(&transaction, identified)?);
        transaction.commit()?;
        sources.resize(stretches.len(), source.name.as_str());
    }
    report.read = stretches.len() as u64;
    if !stretches.is_empty() {
        match matcher(store)? {
            None => report.without_blacklist = true,
            Some(matcher) => {
                let times = Times { at: None, now, oldest: Some(oldest) };
                let ends = read(config, store, &matcher, times, &stretches, stop, &mut report)?;
                close(store, &stretches, &sources, ends, &mut troubles, &mut report)?;
            }
        }
    }
    report.troubles = troubles.settle(&store.connection, now)?;
    Ok(report)
}

/// The start of the history window.
pub(super) fn oldest(config: &Config, now: Timestamp) -> Timestamp {
    let window = i64::try_from(config.history.window.as_micros()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_sub(window))
}

fn read(
    config: &Config,
    store: &mut Store,
    matcher: &Matcher,
    times: Times,
    stretches: &[Stretch],
    stop: &Stop,
    report: &mut FollowReport,
) -> anyhow::Result<Vec<Ended>> {
    let shape = RecordShape { output: &config.output, blacklist: &config.blacklist.name };
    let finding = Finding {
        generation: matcher.blacklist().generation(),
        now: times.now,
        is_historic: false,
        is_told: config.alerts.is_none(),
    };
    let done = Arc::new(Done::default());
    let progress = Progress::start(&done, false);
    let mut commit = Commit::new(store, stretches, Moves::Log, shape, finding);
    let mut failed = None;
    let ends = Reading { matcher, times, done: &done }.read(stretches, |piece| {
        // A piece comes in several parts when much of it matches, and only its last one moves the place.
        let is_whole = piece.end.is_some();
        failed = commit.take(piece).err();
        if failed.is_some() || is_whole && stop.is_requested() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    drop(progress);
    failed.map_or(Ok(()), Err)?;
    commit.finish()?;
    report.counts = commit.counts;
    report.bytes = done.bytes.load(std::sync::atomic::Ordering::Relaxed);
    tell(&commit.tally, report);
    Ok(ends)
}

/// Counts and tells what was wrong with lines.
fn tell(tally: &Tally, report: &mut FollowReport) {
    report.malformed = tally.malformed.count;
    report.unchecked = tally.unchecked.count;
    report.cut = tally.cut.count;
    report.too_old = tally.too_old;
    let examples =
        [(&tally.unchecked, "line was not checked"), (&tally.cut, "line was checked in part only")];
    for (examples, what) in examples {
        for example in &examples.first {
            let Example { file, line, reason, .. } = example;
            tracing::warn!(path = &**file, line, reason, "{what}");
        }
    }
}

/// Stores which files are matched to their ends.
fn close(
    store: &mut Store,
    stretches: &[Stretch],
    sources: &[&str],
    ends: Vec<Ended>,
    troubles: &mut Troubles,
    report: &mut FollowReport,
) -> anyhow::Result<()> {
    let transaction = store.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for ((stretch, source), end) in stretches.iter().zip(sources).zip(ends) {
        match end {
            // A line without an end may follow that is waited for.
            Ended::Whole if stretch.takes_partial => settle(&transaction, stretch.file)?,
            Ended::Whole | Ended::Replaced => {}
            Ended::Damaged(_) if stretch.may_grow => report.waiting += 1,
            Ended::Damaged(why) => {
                settle(&transaction, stretch.file)?;
                troubles.add(source, &stretch.path, &why);
            }
            Ended::Stopped => report.stopped = true,
        }
    }
    transaction.commit()?;
    Ok(())
}
