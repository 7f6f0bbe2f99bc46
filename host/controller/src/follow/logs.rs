//! Matches the new lines of all logs.

use std::sync::Arc;

use serde::Serialize;
use threatsieve_blacklist::Timestamp;

use super::commit::{Counts, Moves};
use super::find::{FoundFiles, find};
use super::identify::identify;
use super::plan::Plan;
use super::stretch::{Ended, Matched, Matching, Stretch};
use super::troubles::{Trouble, Troubles};
use crate::config::Config;
use crate::matching::Matcher;
use crate::pipeline::{Example, Tally};
use crate::stop::Stop;
use crate::store::Store;
use crate::store::files::{LogFile, known_copies, settle};

/// The report of one round over the logs.
#[derive(Debug, Default, Serialize)]
pub(crate) struct FollowReport {
    /// Files found.
    pub(crate) files: u64,
    /// New files.
    pub(crate) new_files: u64,
    /// New files that are older than the history window, and are not read.
    pub(crate) passed_over: u64,
    /// Files with new lines.
    pub(crate) read: u64,
    /// Files whose next line is incomplete, or that are too short to be recognised later.
    pub(crate) waiting: u64,
    /// Files that several sources name. Each is read as part of the first one.
    pub(crate) shared: u64,
    /// Copies of other files on disk.
    pub(crate) copies: u64,
    /// Files that no longer exist.
    pub(crate) gone: u64,
    /// Truncated files.
    pub(crate) truncated: u64,
    /// Bytes read from disk, before unpacking.
    pub(crate) bytes: u64,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Lines that do not have their log's format.
    pub(crate) malformed: u64,
    /// Lines for which the matcher gave no answer.
    pub(crate) unchecked: u64,
    /// Lines longer than 16 MiB, of which only the first part was matched.
    pub(crate) cut: u64,
    /// Lines with a match that does not count, because they are older than the history window.
    pub(crate) too_old: u64,
    /// True if there are new lines but no blacklist yet. They are matched once there is one.
    pub(crate) without_blacklist: bool,
    /// True if the work was stopped before everything was matched.
    pub(crate) stopped: bool,
    /// Files that cannot be read.
    pub(crate) troubles: Vec<Trouble>,
}

impl FollowReport {
    /// Returns whether something in the logs was not read or not checked in full.
    pub(crate) fn is_incomplete(&self) -> bool {
        !self.troubles.is_empty() || self.unchecked + self.cut > 0
    }
}

/// Matches the new lines of the configured logs.
///
/// `matcher` is called only if there are new lines. It returns `None` if there is no blacklist yet.
pub(crate) fn follow_logs(
    config: &Config,
    store: &mut Store,
    matcher: impl FnOnce(&mut Store) -> anyhow::Result<Option<Arc<Matcher>>>,
    round: i64,
    now: Timestamp,
    stop: &Stop,
) -> anyhow::Result<FollowReport> {
    let mut report = FollowReport::default();
    let mut troubles = Troubles::default();
    let oldest = config.history.oldest(now);
    let FoundFiles { present, shared, missing } = find(&config.logs);
    report.shared = shared.len() as u64;
    let known = LogFile::all(store.connection())?;
    let mut identified = identify(present, known, known_copies(store.connection())?);
    identified.missing.extend(missing);
    let plan = Plan {
        sources: &config.logs,
        round,
        now,
        oldest,
        report: &mut report,
        troubles: &mut troubles,
    };
    let transaction = store.write()?;
    let stretches = plan.make(&transaction, identified)?;
    transaction.commit()?;
    report.read = stretches.len() as u64;
    if !stretches.is_empty() {
        match matcher(store)? {
            None => report.without_blacklist = true,
            Some(matcher) => {
                let matching =
                    Matching { config, matcher: &matcher, now, oldest, moves: Moves::New };
                let matched = matching.run(store, &stretches, &|_| stop.is_requested())?;
                let Matched { ends, counts, tally, bytes } = matched;
                (report.counts, report.bytes) = (counts, bytes);
                tell(&tally, &mut report);
                close(store, &stretches, ends, &mut troubles, &mut report)?;
            }
        }
    }
    report.troubles = troubles.settle(store.connection(), now)?;
    Ok(report)
}

/// Counts the lines with faults, and logs examples of those that were not checked in full.
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

/// Stores which files are matched to their ends, and notes those that cannot be read.
fn close(
    store: &mut Store,
    stretches: &[Stretch],
    ends: Vec<Ended>,
    troubles: &mut Troubles,
    report: &mut FollowReport,
) -> anyhow::Result<()> {
    let transaction = store.write()?;
    for (stretch, end) in stretches.iter().zip(ends) {
        match end {
            // A line without its end may follow, and a later round reads it.
            Ended::Whole if stretch.takes_partial => settle(&transaction, stretch.file)?,
            Ended::Whole | Ended::Replaced => {}
            Ended::Damaged(_) if stretch.may_grow => report.waiting += 1,
            Ended::Damaged(why) => {
                settle(&transaction, stretch.file)?;
                troubles.add(&stretch.source, &stretch.path, &why);
            }
            Ended::Stopped => report.stopped = true,
        }
    }
    transaction.commit()?;
    Ok(())
}
