//! Checks of the clock. A single round at a wrong time could skip unread lines as too old, or delay
//! feeds for a year.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use threatsieve_blacklist::Timestamp;

use crate::text::Rfc3339;

/// A step of the clock that is too large to be trusted at once. The round did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct ClockJump {
    /// End of the last round.
    pub(crate) from: Rfc3339,
    /// Start of this round.
    pub(crate) to: Rfc3339,
}

/// Compares the time with the end of the last round; `None` if the time can be trusted. A jump is
/// trusted if the round before found the same one. That round did nothing, at the time `suspect`.
pub(super) fn jump(
    last: Option<Timestamp>,
    suspect: Option<Timestamp>,
    now: Timestamp,
    max: Duration,
) -> Option<ClockJump> {
    let last = last?;
    let is_near = |at: Timestamp| Duration::from_micros(now.0.abs_diff(at.0)) <= max;
    let is_believed = is_near(last) || suspect.is_some_and(is_near);
    (!is_believed).then_some(ClockJump { from: Rfc3339(last), to: Rfc3339(now) })
}

impl fmt::Display for ClockJump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClockJump { from, to } = self;
        let hours = to.0.0.abs_diff(from.0.0) / 3_600_000_000;
        let (days, hours) = (hours / 24, hours % 24);
        let way = if to > from { "forward" } else { "back" };
        write!(
            f,
            "the clock moved {way} by {days} days and {hours} hours, from {from} to {to}, \
             since the last round, so this round did nothing. \
             If the time is right (for example, the machine was off), the next round continues; \
             `threatsieve poll --accept-clock` does so now. If it is wrong, set the clock"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn at(days: f64) -> Timestamp {
        Timestamp((days * 86_400e6) as i64)
    }

    fn is_held(last: Option<f64>, suspect: Option<f64>, now: f64) -> bool {
        jump(last.map(at), suspect.map(at), at(now), DAY).is_some()
    }

    #[test]
    fn a_jump_is_held_until_a_second_round_confirms_it() {
        assert!(!is_held(None, None, 5.0), "the first round");
        assert!(!is_held(Some(5.0), None, 6.0));
        assert!(is_held(Some(5.0), None, 6.1));
        assert!(is_held(Some(5.0), None, 3.9), "back");
        assert!(!is_held(Some(5.0), Some(105.0), 105.01), "confirmed");
        assert!(!is_held(Some(5.0), Some(105.0), 5.01), "the clock was set right");
        assert!(is_held(Some(5.0), Some(105.0), 205.0), "another jump");
    }

    #[test]
    fn the_message_says_what_to_do() {
        let text = jump(Some(at(5.0)), None, at(105.5), DAY).unwrap().to_string();
        assert!(
            text.contains("forward by 100 days and 12 hours, from 1970-01-06T00:00:00Z"),
            "{text}"
        );
        assert!(text.contains("`threatsieve poll --accept-clock`"), "{text}");
    }
}
