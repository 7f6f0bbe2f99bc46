//! The service itself: `[schedule]`, `[health]`, `[retention]` and `[logging]`.

use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;
use tracing::level_filters::LevelFilter;

use super::kinds::{DURATION, Describe, FilePath, Kind, SIZE, Words, integer};
use super::reader::{Place, Reader};
use super::shown::{kind_of, quoted};

/// Start of rounds in `run`.
#[derive(Debug, Clone)]
pub(crate) enum Schedule {
    /// Interval between starts.
    Every(Duration),
    /// Times of a cron expression, in the machine's time zone.
    Cron(Box<croner::Cron>),
}

fields! {
    /// Start of rounds in `run`: `every` or `cron`, not both.
    #[heading = "[schedule]"]
    struct ScheduleSettings<'a> {
        /// Interval between the starts of rounds. Excludes `cron`.
        #[excludes = "cron"]
        #[setting(DURATION, default = "15m", example = "5m")]
        every: Duration,

        /// Times of rounds: minute, hour, day of month, month, day of week, in the machine's time
        /// zone. Excludes `every`.
        #[setting(CronExpression, optional, example = "*/15 * * * *")]
        cron: Option<croner::Cron>,
    }
}

/// A cron expression that comes due.
#[derive(Debug)]
struct CronExpression;

impl Describe for CronExpression {
    fn name(&self) -> String {
        "cron expression".to_owned()
    }

    fn expected(&self) -> String {
        "a cron expression (\"*/15 * * * *\")".to_owned()
    }
}

impl Kind<'_> for CronExpression {
    type Value = croner::Cron;

    fn read(&self, place: &Place<'_>, value: &Spanned<DeValue<'_>>) -> Option<croner::Cron> {
        let Some(text) = value.get_ref().as_str() else {
            let got = kind_of(value.get_ref());
            place.problem(format!("expected {}, got {got}", self.expected()));
            return None;
        };
        let got = quoted(text);
        let cron: croner::Cron = text
            .parse()
            .map_err(|error: croner::errors::CronError| {
                place.problem(format!("expected {}, got {got}: {error}", self.expected()));
            })
            .ok()?;
        if cron.find_next_occurrence(&jiff::Zoned::now(), false).is_err() {
            let expected = "expected a cron expression that comes due";
            place.problem(format!("{expected}, got {got}, which never does"));
            return None;
        }
        Some(cron)
    }
}

pub(super) fn schedule(table: &Reader<'_>) -> Option<Schedule> {
    let ScheduleSettings { every, cron } = ScheduleSettings::read(table);
    Some(match cron.value? {
        Some(cron) => Schedule::Cron(Box::new(cron)),
        None => Schedule::Every(every.value?),
    })
}

settings! {
    /// Limits beyond which something counts as wrong. `status` lists it, `poll` returns an exit
    /// code other than 0, and operators get a mail when it begins and when it ends.
    #[heading = "[health]"]
    pub(crate) struct Health {
        /// A feed that has failed for this long is dead. At least twice the feed's `every`.
        #[setting(DURATION, default = "24h", example = "12h")]
        pub(crate) feed_dead_after: Duration,

        /// A mail or a blacklist that has waited this long for its server is stuck.
        #[setting(DURATION, default = "1h", example = "30m")]
        pub(crate) stuck_after: Duration,

        /// If the clock moved further than this since the last round, the round does nothing. A
        /// second round or `poll --accept-clock` confirms the time.
        #[setting(DURATION, default = "1d", example = "12h")]
        pub(crate) max_clock_jump: Duration,
    }
}

settings! {
    /// Limits of what the state keeps. Older data is removed once a day.
    #[heading = "[retention]"]
    pub(crate) struct Retention {
        /// Number of rejected values kept from each feed's deliveries, and from each feed in the
        /// last build. More are only counted.
        #[setting(integer::<u32>(0, 10_000, "values"), default = 10000, example = 1000)]
        pub(crate) rejections: u32,

        /// Number of flagged events kept. The oldest are removed first, and all that are older than
        /// `history.window`.
        #[setting(integer::<u32>(1000, 100_000_000, "events"), default = 1000000, example = 100000)]
        pub(crate) events: u32,

        /// Time for which a mail or a delivery to a webhook is kept after it was sent or given up.
        /// It then keeps no text.
        #[setting(DURATION, default = "30d", example = "7d")]
        pub(crate) mails: Duration,

        /// Number of blacklists kept, including the one in use.
        #[setting(integer::<u32>(1, 100, "blacklists"), default = 3, example = 10)]
        pub(crate) generations: u32,

        /// Time for which a STIX 1.x package is kept as it was received, from its last delivery on.
        /// Its digest is kept a year longer.
        #[setting(DURATION, default = "90d", example = "30d")]
        pub(crate) packages: Duration,

        /// Size of all packages kept, compressed. Those that were delivered first are removed
        /// first.
        #[setting(SIZE, default = "1GiB", example = "200MB")]
        pub(crate) package_bytes: u64,

        /// Number of reports of rounds kept.
        #[setting(integer::<u32>(1, 100_000, "reports"), default = 1000, example = 100)]
        pub(crate) rounds: u32,
    }
}

settings! {
    /// Log of the program itself, on standard error and in `file`. The environment variable
    /// `THREATSIEVE_LOG` (`debug`, `threatsieve=trace`) overrides the level.
    #[heading = "[logging]"]
    pub(crate) struct Logging {
        /// Least severe messages to write.
        #[setting(
            Words(&[
                ("off", LevelFilter::OFF),
                ("error", LevelFilter::ERROR),
                ("warn", LevelFilter::WARN),
                ("info", LevelFilter::INFO),
                ("debug", LevelFilter::DEBUG),
                ("trace", LevelFilter::TRACE),
            ]),
            default = "info",
            example = "debug"
        )]
        pub(crate) level: LevelFilter,

        /// Lines of text, or one JSON object per line.
        #[key = "format"]
        #[setting(Words(&[("text", false), ("json", true)]), default = "text", example = "json")]
        pub(crate) json: bool,

        /// A file that gets the same lines. Its folder must exist.
        #[setting(FilePath, optional, example = "/var/log/threatsieve/threatsieve.log")]
        pub(crate) file: Option<PathBuf>,

        /// Size at which the file is renamed to `NAME.1`, and a new one begins.
        #[setting(SIZE, default = "1MB", example = "10MB")]
        pub(crate) max_file_size: u64,

        /// Number of renamed files kept: `NAME.1` is the newest.
        #[setting(integer::<u32>(1, 100, "files"), default = 3, example = 10)]
        pub(crate) old_files: u32,
    }
}

#[cfg(test)]
impl Health {
    pub(crate) fn for_tests() -> Health {
        let hour = Duration::from_secs(60 * 60);
        Health { feed_dead_after: 24 * hour, stuck_after: hour, max_clock_jump: 24 * hour }
    }
}

#[cfg(test)]
impl Retention {
    pub(crate) fn for_tests() -> Retention {
        let month = Duration::from_secs(30 * 24 * 60 * 60);
        Retention {
            rejections: 10_000,
            events: 1_000_000,
            mails: month,
            generations: 3,
            packages: 3 * month,
            package_bytes: 1 << 30,
            rounds: 1000,
        }
    }
}

#[cfg(test)]
impl Logging {
    pub(crate) fn for_tests(level: LevelFilter) -> Logging {
        Logging { level, json: false, file: None, max_file_size: 1_000_000, old_files: 3 }
    }
}
