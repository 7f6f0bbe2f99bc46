//! Back-off of feeds that failed. The waits grow, and have a random part, so that clients that
//! failed at the same time do not come back at the same time.

use std::time::Duration;

use threatsieve_blacklist::Timestamp;

use super::http::Fault;

/// The shortest wait, and the longest that this program chooses by itself.
const SHORTEST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(6 * 3600);
/// The longest wait that a server may ask for. With the jitter, it is the longest wait of all.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3600);
/// The longest first wait after a permanent fault, which somebody has to correct.
const PERMANENT: Duration = Duration::from_secs(3600);
/// Random extension of a wait that a server asked for, as the largest share of it.
const JITTER: f64 = 0.1;
/// Doublings until the longest wait is reached; 30 s * 2^10 is more than 6 h.
const DOUBLINGS: u32 = 10;

/// Returns the time of the next attempt after an error. `failures` is the number of failed polls in
/// a row before this one, and `chance` a random number from 0 to 1.
pub(super) fn next_attempt(
    error: &anyhow::Error,
    failures: u32,
    now: Timestamp,
    chance: f64,
) -> Timestamp {
    let fault = error.downcast_ref::<Fault>();
    let wait = match fault.and_then(Fault::retry_after) {
        // Bounded, so that a wrong clock or a faulty server cannot delay a feed for a year.
        Some(wanted) => wanted.clamp(SHORTEST, LONGEST_ASKED).mul_f64(1.0 + JITTER * chance),
        None => {
            let (shortest, first) = match fault.is_some_and(Fault::is_permanent) {
                true => (PERMANENT / 2, PERMANENT),
                false => (SHORTEST, SHORTEST),
            };
            let longest = first.saturating_mul(1 << failures.min(DOUBLINGS)).min(LONGEST);
            shortest + (longest - shortest).mul_f64(chance)
        }
    };
    now.plus(wait)
}

/// Returns whether [`next_attempt`] can have chosen this wait. A longer one comes from a clock that
/// was wrong.
pub(super) fn is_plausible(now: Timestamp, next: Timestamp) -> bool {
    next.since(now) <= LONGEST_ASKED.mul_f64(1.0 + JITTER)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn seconds(error: &anyhow::Error, failures: u32, chance: f64) -> i64 {
        (next_attempt(error, failures, Timestamp(5_000_000), chance).0 - 5_000_000) / 1_000_000
    }

    fn answer(status: u16, retry_after: Option<Duration>) -> anyhow::Error {
        let (url, expected, got) = Default::default();
        anyhow::Error::from(Fault::Answer { url, expected, got, status, retry_after })
            .context("feed x")
    }

    #[test]
    fn waits_double_from_half_a_minute_to_six_hours() {
        let error = anyhow!("whatever");
        let longest: Vec<i64> =
            [0, 1, 2, 9, 10, 4_000_000_000].map(|failures| seconds(&error, failures, 1.0)).into();
        assert_eq!(longest, [30, 60, 120, 15_360, 21_600, 21_600]);
        for failures in 0..20 {
            assert_eq!(seconds(&error, failures, 0.0), 30, "full jitter");
        }
        assert_eq!(seconds(&answer(500, None), 1, 1.0), 60);
    }

    #[test]
    fn what_somebody_has_to_change_is_asked_for_seldom() {
        for status in [400, 401, 403, 404, 406] {
            assert_eq!(seconds(&answer(status, None), 0, 0.0), 1800);
            assert_eq!(seconds(&answer(status, None), 0, 1.0), 3600);
            assert_eq!(seconds(&answer(status, None), 30, 1.0), 21_600);
        }
    }

    #[test]
    fn a_server_that_says_when_is_heeded() {
        let error = answer(429, Some(Duration::from_secs(1000)));
        assert_eq!((seconds(&error, 0, 0.0), seconds(&error, 9, 1.0)), (1000, 1100));
        assert_eq!(seconds(&answer(503, Some(Duration::ZERO)), 0, 0.0), 30);
        let year = Some(Duration::from_secs(365 * 86_400));
        assert_eq!(
            (seconds(&answer(503, year), 0, 0.0), seconds(&answer(503, year), 0, 1.0)),
            (86_400, 95_040)
        );
    }

    #[test]
    fn a_wait_that_a_wrong_clock_left_is_none() {
        let now = Timestamp(0);
        let longest = next_attempt(&answer(503, Some(Duration::MAX)), 0, now, 1.0);
        assert!(is_plausible(now, longest) && is_plausible(now, now));
        assert!(!is_plausible(now, Timestamp(longest.0 + 1)));
    }
}
