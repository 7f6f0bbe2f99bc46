//! Stored lines, matched again when something counts that did not before.
//!
//! The lines are matched with the blacklist in use, whatever made them due, and judged like new ones.
//! What is flagged already is known by its event, feed and indicator, so only what newly counts is
//! written. A file that cannot be read stays due, and holds up no other, until it leaves the window.

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

/// Why a file that is not there is not matched.
const GONE: &str = "the file is gone";

/// What matching stored lines again came to.
#[derive(Debug, Default, Serialize)]
pub(crate) struct HistoryReport {
    /// Files matched to their ends.
    pub(crate) files: u64,
    /// Files that go on in the next round.
    pub(crate) files_left: u64,
    /// Of them, files that cannot be read at the moment: they are gone, or damaged, or closed.
    pub(crate) missed: u64,
    /// Files that are there, and could be read before this round.
    pub(crate) newly_missed: u64,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// Goes on with the files that are due, until the time for it is over. `matcher` is asked for only if
/// there is a file to match; it gives `None` when there is no blacklist yet.
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
    let due = work.store.rematches(oldest)?;
    let (mut matcher, mut loaded) = (Some(matcher), None);
    let mut is_first = true;
    for rematch in due {
        // One piece at least, or a short time would never end a file.
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
        // What is packed would have to be unpacked again to go on in its middle.
        let is_over = |is_packed: bool| {
            stop.is_requested() || !is_packed && start.elapsed() >= config.history.budget
        };
        let matched = matching.run(work.store, &[stretch], &is_over)?;
        if work.take(&rematch, matched)? {
            break;
        }
    }
    let state = work.store.history_state()?;
    work.report.files_left = state.files;
    work.report.missed = state.missed_files;
    Ok(work.report)
}

struct Work<'a> {
    config: &'a Config,
    store: &'a mut Store,
    report: HistoryReport,
    now: Timestamp,
}

impl Work<'_> {
    /// What of a file is to be matched; `None` when it was not found in this round's logs.
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

    /// Takes what came of a file; `true` when work was to end.
    fn take(&mut self, rematch: &Rematch, matched: Matched) -> anyhow::Result<bool> {
        self.report.counts.add(&matched.counts);
        match matched.ends.into_iter().next().unwrap_or(Ended::Stopped) {
            Ended::Whole => {
                self.store.set_missed(rematch.file.id, None, self.now)?;
                self.store.end_rematch(rematch.file.id)?;
                self.report.files += 1;
            }
            Ended::Damaged(why) => self.missed(rematch, &format!("{why:#}"))?,
            // Renamed since its path was stored: the next round knows where it is.
            Ended::Replaced => {}
            Ended::Stopped => return Ok(true),
        }
        Ok(false)
    }

    /// A file that is gone may come back. That it went was logged when it did, and most files go because
    /// they are old.
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
            "stored lines cannot be matched again; they are tried in each round"
        );
        self.store.set_missed(rematch.file.id, Some(why), self.now)
    }
}
