//! Due times of feeds.

use std::time::Duration;

use threatsieve_blacklist::Timestamp;

use super::backoff;
use super::cursor::{Moment, is_paused};
use super::taxii1;
use crate::config::Feed;
use crate::store::FeedState;

/// Time by which a round may be early and still poll a feed, because rounds do not start exactly on
/// time. A tenth of the feed's interval, if that is less.
const SLACK: Duration = Duration::from_secs(30);

/// Returns the reason why a feed is not due yet; `None` if it is due.
pub(super) fn not_yet(
    feed: &Feed,
    state: Option<&FeedState>,
    now: Timestamp,
    force: bool,
) -> Option<String> {
    let state = state?;
    let why = unfair(feed, state, now);
    if force || why.is_some() {
        return why;
    }
    if state.failures > 0 {
        let next =
            state.next_attempt.filter(|next| *next > now && backoff::is_plausible(now, *next))?;
        let (failures, next) = (state.failures, String::from(Moment(next)));
        return Some(format!("failed {failures} times in a row; next attempt at {next}"));
    }
    // A delivery that an operator allowed is fetched at once, and so is the rest of a poll that
    // ended at its limit.
    if state.is_allowed {
        return None;
    }
    if let Some(cursor) = state.cursor.as_ref().filter(|cursor| is_paused(cursor)) {
        let ready = taxii1::pending_until(cursor);
        let ready = ready.filter(|ready| *ready > now && backoff::is_plausible(now, *ready))?;
        return Some(format!(
            "the server prepares the result until {}",
            String::from(Moment(ready))
        ));
    }
    too_early(feed.every?, state, now, "the interval is")
}

/// Returns the reason why even a forced poll must wait: the publisher allows no poll so soon.
fn unfair(feed: &Feed, state: &FeedState, now: Timestamp) -> Option<String> {
    too_early(feed.fair_interval?, state, now, "its publisher allows a poll every")
}

fn too_early(every: Duration, state: &FeedState, now: Timestamp, why: &str) -> Option<String> {
    // After the clock was set back, the feed is due.
    let attempted = state.attempted.filter(|attempted| *attempted <= now)?;
    let due = attempted.plus(every - SLACK.min(every / 10));
    (due > now).then(|| {
        format!(
            "polled {} ago; {why} {}",
            whole_seconds(now.since(attempted)),
            humantime::format_duration(every)
        )
    })
}

fn whole_seconds(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(duration.as_secs()))
}
