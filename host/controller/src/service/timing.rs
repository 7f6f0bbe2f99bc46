//! The times of scheduled rounds.

use std::time::Duration;

use anyhow::Context;
use threatsieve_blacklist::Timestamp;

use crate::config::Schedule;

/// The state of the schedule.
#[derive(Debug)]
pub(super) struct Timing {
    /// Start of the last scheduled round; the program's start before the first.
    last: Timestamp,
    /// Time of the next round; `None` while the schedule is stopped.
    next: Option<Timestamp>,
}

impl Timing {
    /// The first round is due at once.
    pub(super) fn new(now: Timestamp) -> Timing {
        Timing { last: now, next: Some(now) }
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// Returns the wait for the next round; `None` while the schedule is stopped. After the clock
    /// was set back, it is no longer than the interval.
    pub(super) fn pause(&self, schedule: &Schedule, now: Timestamp) -> Option<Duration> {
        let next = self.next?;
        let pause = Duration::from_micros(u64::try_from(next.0 - now.0).unwrap_or(0));
        Some(match schedule {
            Schedule::Every(interval) => pause.min(*interval),
            Schedule::Cron(_) => pause,
        })
    }

    /// Starts the schedule. Returns false if it runs already.
    pub(super) fn start(&mut self, now: Timestamp) -> bool {
        let is_new = self.next.is_none();
        self.next.get_or_insert(now);
        is_new
    }

    /// Stops the schedule. Returns false if it is stopped already.
    pub(super) fn stop(&mut self) -> bool {
        self.next.take().is_some()
    }

    /// Notes that a scheduled round begins.
    pub(super) fn began(&mut self, schedule: &Schedule, now: Timestamp) -> anyhow::Result<()> {
        self.last = now;
        self.plan(schedule, now)
    }

    /// Notes that a scheduled round ended. Times of a cron expression that passed meanwhile are
    /// left out.
    pub(super) fn ended(&mut self, schedule: &Schedule, now: Timestamp) -> anyhow::Result<()> {
        match schedule {
            Schedule::Cron(_) => self.plan(schedule, now),
            Schedule::Every(_) => Ok(()),
        }
    }

    /// Plans the next round by a schedule, which may be another one than before. Does nothing while
    /// the schedule is stopped.
    pub(super) fn plan(&mut self, schedule: &Schedule, now: Timestamp) -> anyhow::Result<()> {
        if self.next.is_some() {
            self.next = Some(match schedule {
                Schedule::Every(interval) => self.last.plus(*interval),
                Schedule::Cron(cron) => {
                    let here = jiff::Timestamp::from_microsecond(now.0)?;
                    let next = cron
                        .find_next_occurrence(&here.to_zoned(jiff::tz::TimeZone::system()), false)
                        .context("the schedule names no further time")?;
                    Timestamp(next.timestamp().as_microsecond())
                }
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn at(minutes: i64) -> Timestamp {
        Timestamp(minutes * MINUTE)
    }

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    #[test]
    fn rounds_start_at_intervals_and_late_ones_at_once() {
        let schedule = Schedule::Every(minutes(15));
        let mut timing = Timing::new(at(100));
        assert_eq!(timing.pause(&schedule, at(100)), Some(Duration::ZERO));
        timing.began(&schedule, at(100)).unwrap();
        timing.ended(&schedule, at(104)).unwrap();
        assert_eq!(timing.pause(&schedule, at(104)), Some(minutes(11)));
        assert_eq!(timing.pause(&schedule, at(130)), Some(Duration::ZERO));
        assert_eq!(timing.pause(&schedule, at(20)), Some(minutes(15)), "the clock was set back");
    }

    #[test]
    fn a_stopped_schedule_has_no_next_round_until_it_is_started() {
        let schedule = Schedule::Every(minutes(15));
        let mut timing = Timing::new(at(0));
        assert!(timing.stop() && !timing.stop());
        timing.plan(&schedule, at(1)).unwrap();
        assert_eq!((timing.next(), timing.pause(&schedule, at(1))), (None, None));
        assert!(timing.start(at(2)) && !timing.start(at(3)));
        assert_eq!(timing.next(), Some(at(2)));
    }

    #[test]
    fn a_time_of_cron_that_passes_during_its_round_is_left_out_and_no_other() {
        let schedule = Schedule::Cron(Box::new("*/10 * * * *".parse().unwrap()));
        let mut timing = Timing::new(at(0));
        timing.began(&schedule, at(0)).unwrap();
        assert_eq!(timing.next(), Some(at(10)));
        // Something else kept the thread busy at that time.
        assert_eq!(timing.pause(&schedule, at(12)), Some(Duration::ZERO));
        timing.began(&schedule, at(12)).unwrap();
        timing.ended(&schedule, at(21)).unwrap();
        assert_eq!(timing.next(), Some(at(30)));
    }
}
