//! Decides which events of a shard are due, and for which indicators.

use std::time::Duration;

use threatsieve_blacklist::Timestamp;

use crate::config::CheckedBy;
use crate::store::Store;
use crate::store::cluster::news::News;
use crate::store::cluster::shards::Shard;

/// Time after a pass over stored events until the second one, over the events that came meanwhile:
/// a node may have matched them before it switched to the new blacklist.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// The most events of a small range: they are read, whatever the way.
const SMALL: i64 = 100_000;

/// The indicators that a pass looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum For {
    /// Those that newly count since a generation.
    Since(u64),
    /// All.
    All,
}

/// A pass over events of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) what: For,
    /// Above this sequence number.
    pub(crate) after: i64,
    /// Up to this one.
    pub(crate) until: i64,
    pub(crate) was_matched: bool,
    /// It covers all events so far, and continues where it was interrupted.
    pub(crate) is_whole: bool,
}

impl Pass {
    /// Returns whether reading its events is cheaper than any search.
    pub(crate) fn is_small(&self) -> bool {
        !self.is_whole && self.until - self.after <= SMALL
    }
}

/// Returns the passes that are due for a shard whose events are there up to `checkpoint`. Without
/// any, the shard is up to date.
pub(crate) fn due(
    store: &Store,
    shard: &Shard,
    checkpoint: i64,
    generation: u64,
    new_events: CheckedBy,
    now: Timestamp,
) -> anyhow::Result<Vec<Pass>> {
    let whole = |what, until, was_matched| {
        let goes_on = shard.done_with == generation;
        let after = if goes_on { shard.done.min(until) } else { -1 };
        Pass { what, after, until, was_matched, is_whole: true }
    };
    let new = || Pass {
        what: For::All,
        after: shard.matched,
        until: checkpoint,
        was_matched: new_events == CheckedBy::Pipeline,
        is_whole: false,
    };
    let has_new = checkpoint > shard.matched;
    let mut passes = Vec::new();
    if shard.generation != generation {
        let was_matched = shard.matched >= 0;
        match store.news_since(shard.generation)? {
            News::Whole => return Ok(vec![whole(For::All, checkpoint, was_matched)]),
            News::Since(since) => {
                // New events that no pipeline matched are looked through for all indicators.
                let until = match new_events {
                    CheckedBy::Pipeline => checkpoint,
                    CheckedBy::Controller => shard.matched,
                };
                passes.push(whole(For::Since(since), until, true));
            }
            News::Nothing => {}
        }
    }
    let is_again = shard.again.is_some_and(|again| again <= now);
    if has_new && (new_events == CheckedBy::Controller || is_again) {
        passes.push(new());
    }
    Ok(passes)
}

/// Returns the time of the second pass after these passes; `None` if there is none.
pub(crate) fn second_pass(
    passes: &[Pass],
    shard: &Shard,
    new_events: CheckedBy,
    now: Timestamp,
) -> Option<Timestamp> {
    let again = now.plus(AGAIN_AFTER);
    match (new_events, passes.iter().any(|pass| pass.is_whole)) {
        (CheckedBy::Controller, _) => None,
        (CheckedBy::Pipeline, true) => Some(again),
        // The time has not come yet, or it was the second pass.
        (CheckedBy::Pipeline, false) if passes.is_empty() => {
            shard.again.filter(|again| *again > now)
        }
        (CheckedBy::Pipeline, false) => None,
    }
}
