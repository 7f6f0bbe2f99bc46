//! A test environment: a folder of logs, a state, a blacklist, and changes between two rounds.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use threatsieve_blacklist::{
    Blacklist, CompileOptions, Compiler, Indicator, IndicatorId, Policy, Timestamp, Tlp, UrlMode,
    Value as Listed,
};
use threatsieve_log::Fields;
use threatsieve_runner::MemoryFile;

use crate::config::{
    BlacklistConfig, Config, Health, History, Http, LogSource, Logging, Output, Retention, Schedule,
};
use crate::follow::{FollowReport, HistoryReport, follow_logs, match_history};
use crate::matching::Matcher;
use crate::sinks::Access;
use crate::sinks::output_file::{DrainReport, drain};
use crate::stop::Stop;
use crate::store::history::renew;
use crate::store::{Limits, Store};

/// The time of all rounds and of all writes: 2026-11-22T02:30:25Z, in seconds.
pub(super) const NOW: i64 = 1_795_314_625;
const DAY: u64 = 24 * 60 * 60;

/// The domain in the first generation, from the feed `feed`.
pub(super) const EVIL: &str = "evil.example";

pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) matcher: Arc<Matcher>,
    pub(super) round: i64,
    /// The current time in microseconds.
    pub(super) now: Timestamp,
    pub(super) stop: Stop,
}

impl World {
    /// Creates an environment with the logs `logs/access.log*`.
    pub(super) fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("logs")).unwrap();
        let config = config(folder.path());
        let store = Store::open(&config.state).unwrap();
        let matcher = matcher(&[], 0);
        let now = Timestamp(NOW * 1_000_000);
        let mut world = World { folder, config, store, matcher, round: 0, now, stop: Stop::new() };
        world.list(&[indicator("indicator--1", EVIL)], 1);
        world
    }

    /// Puts a blacklist of these indicators in use.
    pub(super) fn list(&mut self, indicators: &[Indicator], generation: u64) {
        self.matcher = matcher(indicators, generation);
        let sql = "UPDATE generations SET active = 0";
        self.store.connection().execute(sql, []).unwrap();
        let sql = "INSERT OR REPLACE INTO generations \
                   (generation, built, file, digest, entries, active) \
                   VALUES (?1, ?1, 'f', x'', 1, 1)";
        self.store.connection().execute(sql, [generation as i64]).unwrap();
    }

    /// Does the same, and queues stored lines for matching.
    pub(super) fn list_more(&mut self, indicators: &[Indicator], generation: u64) {
        self.list(indicators, generation);
        renew(self.store.connection(), self.now).unwrap();
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join("logs").join(name)
    }

    /// Appends to a log, as the program that writes it would.
    pub(super) fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.log(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        touch(&self.log(name), NOW);
    }

    pub(super) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.log(from), self.log(to)).unwrap();
    }

    /// Compresses as gzip does: into a new file with the same time. The first file is removed.
    pub(super) fn gzip(&self, name: &str) {
        let packed = gzip(&fs::read(self.log(name)).unwrap());
        let to = self.log(&format!("{name}.gz"));
        fs::write(&to, packed).unwrap();
        let modified = fs::metadata(self.log(name)).unwrap().modified().unwrap();
        File::options().append(true).open(&to).unwrap().set_modified(modified).unwrap();
        fs::remove_file(self.log(name)).unwrap();
    }

    /// Rotates a log as logrotate does with `copytruncate`.
    pub(super) fn copy_truncate(&self, from: &str, to: &str) {
        fs::copy(self.log(from), self.log(to)).unwrap();
        touch(&self.log(to), NOW);
        File::options().write(true).open(self.log(from)).unwrap().set_len(0).unwrap();
        touch(&self.log(from), NOW);
    }

    /// Matches new lines, as one round does.
    pub(super) fn try_follow(&mut self) -> anyhow::Result<FollowReport> {
        self.round += 1;
        let matcher = Arc::clone(&self.matcher);
        follow_logs(
            &self.config,
            &mut self.store,
            |_| Ok(Some(matcher)),
            self.round,
            self.now,
            &self.stop,
        )
    }

    pub(super) fn follow(&mut self) -> FollowReport {
        self.try_follow().unwrap()
    }

    /// Runs a round in which no blacklist may be loaded.
    pub(super) fn follow_idle(&mut self) -> FollowReport {
        self.round += 1;
        let asked = |_: &mut Store| panic!("nothing is new, and the blacklist was asked for");
        follow_logs(&self.config, &mut self.store, asked, self.round, self.now, &self.stop).unwrap()
    }

    /// Ages every file, so that a last line's end is not waited for any more.
    pub(super) fn wait(&mut self) {
        self.now.0 += 3_600_000_000;
    }

    /// Reopens the state, as after a kill. Only the state's folder is left.
    pub(super) fn restart(&mut self) {
        self.store = Store::open(&self.config.state).unwrap();
        self.stop = Stop::new();
    }

    /// Matches stored lines, as one round does.
    pub(super) fn try_history(&mut self) -> anyhow::Result<HistoryReport> {
        let matcher = Arc::clone(&self.matcher);
        match_history(&self.config, &mut self.store, |_| Ok(Some(matcher)), self.now, &self.stop)
    }

    pub(super) fn history(&mut self) -> HistoryReport {
        self.try_history().unwrap()
    }

    /// Removes everything older than a time, and returns the number of events.
    pub(super) fn prune(&mut self, oldest: Timestamp) -> u64 {
        let limits = Limits { oldest, ..Limits::new(&self.config, self.now) };
        self.store.prune(&limits, self.now).unwrap().events
    }

    pub(super) fn drain(&mut self) -> DrainReport {
        drain(&self.config.output, &mut self.store).unwrap()
    }

    /// Reads the records in the output file.
    pub(super) fn records(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.config.output.file).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns the lines that were flagged since the last call.
    pub(super) fn flagged(&mut self) -> Vec<String> {
        let before = self.records().len();
        let report = self.drain();
        assert_eq!(report.error, None);
        let new = self.records().split_off(before);
        new.iter()
            .filter(|record| record["threatsieve"]["kind"] == "flag")
            .map(|record| record["event"]["original"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Makes the `n`-th change of that kind fail (from 1), and all changes after it, until the
    /// state is opened again.
    pub(super) fn fail_at(&self, n: u32, change: &str) {
        let script = format!(
            "CREATE TEMP TABLE changes (n INTEGER);
             CREATE TEMP TRIGGER failing BEFORE {change} BEGIN
                 INSERT INTO changes VALUES (1);
                 SELECT RAISE(ABORT, 'killed here') WHERE (SELECT count(*) FROM changes) >= {n};
             END;"
        );
        self.store.connection().execute_batch(&script).unwrap();
    }
}

/// A log line of a request to a host, with a time of its own.
pub(super) fn request(host: &str, number: u64) -> String {
    let seconds = NOW - 1000;
    format!(
        "{seconds}.{:03} 5 10.1.2.3 TCP_MISS/404 603 GET http://{host}/{number} - \
         HIER_DIRECT/192.0.2.7 text/html",
        number % 1000
    )
}

/// Several such lines with their ends.
pub(super) fn requests(host: &str, numbers: std::ops::Range<u64>) -> String {
    numbers.map(|number| request(host, number) + "\n").collect()
}

pub(super) fn touch(path: &Path, seconds: i64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds as u64);
    File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn indicator(id: &str, value: &str) -> Indicator {
    Indicator::new(
        IndicatorId::Stix(id.into()),
        vec![Listed::from_list(value, UrlMode::Exact).unwrap()],
    )
}

pub(super) fn compiled(indicators: &[Indicator], generation: u64) -> Vec<u8> {
    let mut compiler =
        Compiler::new(CompileOptions { generation, ..CompileOptions::default() }).unwrap();
    let feed = compiler.feed("feed").unwrap();
    for indicator in indicators {
        compiler.block(feed, indicator.clone(), &mut |refused| panic!("{refused:?}")).unwrap();
    }
    compiler.finish().unwrap().into_bytes()
}

pub(super) fn matcher(indicators: &[Indicator], generation: u64) -> Arc<Matcher> {
    let file = MemoryFile::copy_of(&compiled(indicators, generation)).unwrap();
    let blacklist = Blacklist::open(file, None).unwrap();
    Arc::new(Matcher::new(blacklist, Policy::default(), 2).unwrap())
}

fn config(folder: &Path) -> Config {
    let seconds = Duration::from_secs(1);
    Config {
        state: folder.join("state"),
        schedule: Schedule::Every(seconds),
        http: Http {
            connect_timeout: seconds,
            idle_timeout: seconds,
            total_timeout: seconds,
            poll_timeout: Duration::ZERO,
            max_poll_objects: 1,
            max_body_bytes: 0,
            allow_redirects_to: Vec::new(),
            proxy: None,
            ca_files: Vec::new(),
            user_agent: String::new(),
            allow_plain_http: false,
        },
        presets: threatsieve_feed::preset::Presets::default(),
        misp: Vec::new(),
        feeds: Vec::new(),
        blacklist: BlacklistConfig {
            name: "main".into(),
            accept_special: false,
            accept_broad: false,
            max_shrink: 1.0,
            canaries: Vec::new(),
            sign_key: None,
        },
        policy: Policy::default(),
        logs: vec![LogSource {
            name: "proxy".into(),
            paths: vec![folder.join("logs/access.log*").display().to_string()],
            format: None,
            fields: Fields::default(),
        }],
        history: History {
            window: Duration::from_secs(30 * DAY),
            budget: Duration::from_secs(600),
        },
        output: Output {
            file: folder.join("flagged.ndjson"),
            access: Access { mode: 0o640, group: None },
            flag_field: Some("indicator".into()),
            flag_value: "matched".into(),
            max_tlp: Tlp::Red,
        },
        alerts: None,
        webhooks: Vec::new(),
        opensearch: None,
        health: Health::for_tests(),
        retention: Retention::for_tests(),
        server: None,
        logging: Logging::for_tests(tracing::level_filters::LevelFilter::OFF),
    }
}
