//! Matches stored lines again (backfill) when something counts that did not count before.
//!
//! The lines are matched with the blacklist in use, whatever the reason, and judged like new ones.
//! Earlier flags are known by event, feed and indicator, so only new matches are written. A file
//! that cannot be read remains in the queue until it leaves the history window, and does not delay
//! other files.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use threatsieve_blacklist::Timestamp;
use threatsieve_log::Fields;

use super::commit::{Counts, Moves};
use super::stretch::{Ended, Matched, Matching, Stretch};
use crate::config::Config;
use crate::matching::Matcher;
use crate::stop::Stop;
use crate::store::Store;
use crate::store::history::Rematch;

/// The reason that is stored for a file that no longer exists.
const GONE: &str = "the file is gone";

/// Counts of one round's backfill.
#[derive(Debug, Default, Serialize)]
pub(crate) struct HistoryReport {
    /// Files that were matched to the end.
    pub(crate) files: u64,
    /// Files that remain for the next round.
    pub(crate) files_left: u64,
    /// Remaining files that cannot be read at the moment, because they are gone, damaged or not
    /// readable.
    pub(crate) missed: u64,
    /// Files that exist and became unreadable in this round.
    pub(crate) newly_missed: u64,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// Continues with the queued files until the time limit (`history.budget`) is reached.
///
/// `matcher` is called only if there is a file to match. It returns `None` if there is no blacklist
/// yet.
pub(crate) fn match_history(
    config: &Config,
    store: &mut Store,
    matcher: impl FnOnce(&mut Store) -> anyhow::Result<Option<Arc<Matcher>>>,
    now: Timestamp,
    stop: &Stop,
) -> anyhow::Result<HistoryReport> {
    let start = Instant::now();
    let oldest = config.history.oldest(now);
    let mut work = Work { config, store, report: HistoryReport::default(), now };
    let mut due = VecDeque::from(work.store.rematches(oldest)?);
    let (mut matcher, mut loaded) = (Some(matcher), None);
    let mut is_first = true;
    while let Some(rematch) = due.pop_front() {
        // Each round matches at least one piece. Otherwise a short time limit would never finish a
        // file.
        if stop.is_requested() || !is_first && start.elapsed() >= config.history.budget {
            break;
        }
        let Some(stretch) = work.stretch(&rematch) else {
            work.gone(&rematch)?;
            continue;
        };
        if let Some(load) = matcher.take() {
            loaded = load(work.store)?;
        }
        let Some(matcher) = &loaded else { break };
        is_first = false;
        let matching = Matching { config, matcher, now, oldest, moves: Moves::Stored };
        // A compressed file is read to its end, because resuming in the middle would mean unpacking
        // it again.
        let is_over = |is_packed: bool| {
            stop.is_requested() || !is_packed && start.elapsed() >= config.history.budget
        };
        let matched = matching.run(work.store, &[stretch], &is_over)?;
        match work.take(rematch, matched)? {
            Next::Pass(rematch) => due.push_back(*rematch),
            Next::File => {}
            Next::Round => break,
        }
    }
    let state = work.store.history_state()?;
    work.report.files_left = state.files;
    work.report.missed = state.missed_files;
    Ok(work.report)
}

/// The work that follows a pass over a file.
enum Next {
    /// Another pass over the same file: something newly counted while the pass was not done.
    Pass(Box<Rematch>),
    File,
    /// The rest is left to the next round.
    Round,
}

struct Work<'a> {
    config: &'a Config,
    store: &'a mut Store,
    report: HistoryReport,
    now: Timestamp,
}

impl Work<'_> {
    /// Returns the part of a file that is to be matched; `None` if the file was not found in this
    /// round.
    fn stretch(&self, rematch: &Rematch) -> Option<Stretch> {
        let file = &rematch.file;
        if file.gone {
            return None;
        }
        let source = self.config.logs.iter().find(|log| log.name == file.source);
        Some(Stretch {
            file: file.id,
            source: file.source.clone(),
            identity: file.identity.clone(),
            path: file.path.clone(),
            digest: file.digest,
            digest_bytes: file.digest_bytes,
            format: source.and_then(|source| source.format),
            detected: file.format,
            fields: source.map_or_else(Fields::default, |source| source.fields.clone()),
            place: rematch.place.clone(),
            until: Some(rematch.until),
            takes_partial: true,
            may_grow: false,
        })
    }

    /// Stores how the matching of a file ended, and returns how the work continues.
    fn take(&mut self, rematch: Rematch, matched: Matched) -> anyhow::Result<Next> {
        self.report.counts.add(&matched.counts);
        match matched.ends.into_iter().next().unwrap_or(Ended::Stopped) {
            Ended::Whole => {
                self.store.set_missed(rematch.file.id, None, self.now)?;
                if let Some(next) = self.store.end_rematch(rematch.file)? {
                    return Ok(Next::Pass(Box::new(next)));
                }
                self.report.files += 1;
            }
            Ended::Damaged(why) => self.missed(&rematch, &format!("{why:#}"))?,
            // The file was renamed since its path was stored. The next round knows its new path.
            Ended::Replaced => {}
            Ended::Stopped => return Ok(Next::Round),
        }
        Ok(Next::File)
    }

    /// Notes that a file is gone. It may come back. Nothing is logged: that was done when the file
    /// disappeared, and most files disappear because they are old.
    fn gone(&mut self, rematch: &Rematch) -> anyhow::Result<()> {
        if rematch.missed.as_deref() != Some(GONE) {
            self.store.set_missed(rematch.file.id, Some(GONE), self.now)?;
        }
        Ok(())
    }

    fn missed(&mut self, rematch: &Rematch, why: &str) -> anyhow::Result<()> {
        if rematch.missed.as_deref() == Some(why) {
            return Ok(());
        }
        if rematch.missed.is_none() {
            self.report.newly_missed += 1;
        }
        tracing::warn!(
            path = %rematch.file.path.display(),
            why,
            "stored lines cannot be matched again; each round tries them"
        );
        self.store.set_missed(rematch.file.id, Some(why), self.now)
    }
}
