//! From a file's bytes to the checked configuration, with all its problems at once.

use std::fs::File as Handle;
use std::path::{Path, PathBuf};

use serde::Serialize as _;
use threatsieve_feed::preset::Presets;
use toml::de::DeTable;

use super::alerts::{AlertSettings, alerts};
use super::blacklist::{Matching, policy};
use super::definition::Table;
use super::feed::{FeedSettings, feeds};
use super::kinds::FilePath;
use super::logs::{LogSettings, logs};
use super::misp::{MispSettings, misp_servers};
use super::nested::{TableOf, TablesOf};
use super::opensearch::{OpenSearchSettings, opensearch};
use super::output::{OutputSettings, output};
use super::preset::{PresetTables, fill_in};
use super::problem::{Problem, render};
use super::reader::{File, Place, Reader};
use super::server::{ServerSettings, server};
use super::service::{ScheduleSettings, schedule};
use super::webhook::{WebhookSettings, webhooks};
use super::{BlacklistConfig, Config, Feed, Health, History, Http, Logging, Retention};
use crate::limited::read_limited;

/// Largest configuration file.
const MAX_FILE_BYTES: u64 = 1 << 20;

fields! {
    /// Relative paths start from the configuration file's folder.
    #[heading = ""]
    struct TopSettings<'a> {
        /// Folder of the state: the database, blacklists, the lock. Created if missing.
        #[setting(FilePath, required, example = "/var/lib/threatsieve")]
        state: PathBuf,

        /// Start of rounds in `run`; see `[schedule]`.
        #[setting(TableOf(&ScheduleSettings::TABLE), default = {}, example = { every = "15m" })]
        schedule: Reader<'a>,

        /// Limits of requests to feeds; see `[http]`.
        #[setting(TableOf(&Http::TABLE), default = {}, example = { idle_timeout = "30s" })]
        http: Reader<'a>,

        /// Sources of indicators; see `[[feeds]]`.
        #[setting(
            TablesOf(&FeedSettings::TABLE),
            default = [],
            example = [{ name = "local", type = "path", path = "bad.txt" }]
        )]
        feeds: Vec<Reader<'a>>,

        /// Presets for feeds, written like those of the program; see [Presets](lists.md#presets).
        #[setting(
            PresetTables,
            default = [],
            example = [{ name = "ours", like = "ipsum", limit = 1000 }]
        )]
        presets: Presets,

        /// MISP servers that get the indicators of feeds; see `[[misp]]`.
        #[setting(
            TablesOf(&MispSettings::TABLE),
            default = [],
            example = [
                { name = "soc", url = "https://misp.example.org", key = { file = "misp.key" } }
            ]
        )]
        misp: Vec<Reader<'a>>,

        /// Content of the blacklist; see `[blacklist]`.
        #[setting(TableOf(&BlacklistConfig::TABLE), default = {}, example = { name = "office" })]
        blacklist: Reader<'a>,

        /// Conditions that a match must meet; see `[matching]`.
        #[setting(TableOf(&Matching::TABLE), default = {}, example = { min_confidence = 50 })]
        matching: Reader<'a>,

        /// Logs to follow; see `[[logs]]`. Without any, rounds keep indicators up to date and match
        /// nothing.
        #[setting(
            TablesOf(&LogSettings::TABLE),
            default = [],
            example = [{ name = "proxy", paths = ["/var/log/squid/access.log*"] }]
        )]
        logs: Vec<Reader<'a>>,

        /// Range of the logs that are matched again; see `[history]`.
        #[setting(TableOf(&History::TABLE), default = {}, example = { window = "30d" })]
        history: Reader<'a>,

        /// Destination of flagged events; see `[output]`.
        #[setting(
            TableOf(&OutputSettings::TABLE),
            default = {},
            example = { file = "matches.ndjson" }
        )]
        output: Reader<'a>,

        /// Recipients of mails; see `[alerts]`. Without it, no mails are sent.
        #[setting(
            TableOf(&AlertSettings::TABLE),
            optional,
            example = {
                from = "ts@example.org", recipients = ["soc@example.org"], folder = "mails"
            }
        )]
        alerts: Option<Reader<'a>>,

        /// Receivers of new matches over HTTP; see `[[webhooks]]`.
        #[setting(
            TablesOf(&WebhookSettings::TABLE),
            default = [],
            example = [{ name = "siem", url = "https://siem.example.org/hook" }]
        )]
        webhooks: Vec<Reader<'a>>,

        /// The OpenSearch cluster whose ingest nodes match events; see `[opensearch]`. Without it,
        /// no cluster is used.
        #[setting(
            TableOf(&OpenSearchSettings::TABLE),
            optional,
            example = { hosts = ["https://node1.example.org:9200"] }
        )]
        opensearch: Option<Reader<'a>>,

        /// The HTTP server of `run`; see `[server]`. Without it, `run` serves nothing.
        #[setting(
            TableOf(&ServerSettings::TABLE),
            optional,
            example = { listen = "127.0.0.1:8443" }
        )]
        server: Option<Reader<'a>>,

        /// Limits beyond which something counts as wrong; see `[health]`.
        #[setting(TableOf(&Health::TABLE), default = {}, example = { feed_dead_after = "12h" })]
        health: Reader<'a>,

        /// Limits of what the state keeps; see `[retention]`.
        #[setting(TableOf(&Retention::TABLE), default = {}, example = { mails = "7d" })]
        retention: Reader<'a>,

        /// Log of the program itself; see `[logging]`.
        #[setting(TableOf(&Logging::TABLE), default = {}, example = { level = "debug" })]
        logging: Reader<'a>,
    }
}

/// All tables of settings, in the order of the reference.
pub(crate) fn tables() -> Vec<&'static Table> {
    const TOP: &Table = &TopSettings::TABLE;
    TOP.with_tables_within()
}

/// A valid configuration, with warnings.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) warnings: Vec<String>,
    /// Every setting with its value, given or default, in TOML. A secret is shown as its place.
    pub(crate) shown: Vec<(String, String)>,
}

/// A reason why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("{}: the configuration cannot be read", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// The file is too large.
    #[error(
        "{}: expected a configuration of at most {MAX_FILE_BYTES} bytes, got more",
        path.display()
    )]
    TooLarge { path: PathBuf },
    /// The file is not text.
    #[error("{}: expected UTF-8, got other bytes at offset {offset}", path.display())]
    NotUtf8 { path: PathBuf, offset: usize },
    /// The content is wrong: each problem as `FILE:LINE:COLUMN: KEY: expected ..., got ...`, with
    /// its line.
    #[error("{text}")]
    Wrong {
        text: String,
        /// Number of problems.
        count: usize,
    },
}

/// Reads and checks a configuration file. Connects to nothing and writes nothing.
pub(crate) fn load(path: &Path) -> Result<Loaded, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = Handle::open(path).map_err(unreadable)?;
    let Some(bytes) = read_limited(file, MAX_FILE_BYTES).map_err(unreadable)? else {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    };
    let text = String::from_utf8(bytes).map_err(|error| ConfigError::NotUtf8 {
        path: path.to_owned(),
        offset: error.utf8_error().valid_up_to(),
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = std::path::absolute(folder).map_err(unreadable)?;
    parse(&path.display().to_string(), &text, &folder)
}

/// Makes a feed of type `url` or `taxii` from a URL, and the limits of its requests. Every other
/// setting has its default.
pub(crate) fn feed_of_url(kind: &str, url: &str) -> Result<(Feed, Http), ConfigError> {
    let mut quoted = String::new();
    // Writing a string to a string cannot fail.
    let _ = url.serialize(toml::ser::ValueSerializer::new(&mut quoted));
    // Nothing is read from the state or written to it.
    let text = format!(
        "state = \"state\"\n[[feeds]]\nname = \"{kind}\"\ntype = \"{kind}\"\nurl = {quoted}\n"
    );
    let name = "the command line";
    let Config { mut feeds, http, .. } = parse(name, &text, Path::new("/"))?.config;
    match feeds.pop() {
        Some(feed) => Ok((feed, http)),
        None => {
            let text = format!("{name}: expected a feed, got none");
            Err(ConfigError::Wrong { text, count: 1 })
        }
    }
}

/// Checks a configuration's text. `name` is the file's name in messages; relative paths start from
/// `folder`.
pub(super) fn parse(name: &str, text: &str, folder: &Path) -> Result<Loaded, ConfigError> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = errors.iter().map(syntax_problem).collect();
    // After a syntax error, other problems may only be effects of it.
    if problems.is_empty() {
        let file = File::new(folder);
        let config = read(&file, &fill_in(table.get_ref()));
        let File { problems: found, warnings, shown, .. } = file;
        problems = found.into_inner();
        if let (Some(config), true) = (config, problems.is_empty()) {
            let (warnings, shown) = (warnings.into_inner(), shown.into_inner());
            return Ok(Loaded { config, warnings, shown });
        }
    }
    Err(ConfigError::Wrong { count: problems.len(), text: render(name, text, &mut problems) })
}

fn syntax_problem(error: &toml::de::Error) -> Problem {
    Problem {
        span: error.span().unwrap_or_default(),
        key: String::new(),
        text: format!("expected TOML: {}", error.message().replace('\n', ", ")),
        hidden: true,
    }
}

/// Reads all tables, and only then gives up, so that the problems of each are noted.
fn read<'a>(file: &'a File<'a>, table: &DeTable<'a>) -> Option<Config> {
    let top = TopSettings::read(&Reader::new(Place::start(file), &TopSettings::TABLE, table));
    let state = top.state.value;
    let schedule = top.schedule.value.and_then(|table| schedule(&table));
    let http = top.http.value.and_then(|table| Http::read(&table));
    // With a fault in [http] it is not known, and a problem would be a guess.
    let allow_plain_http = http.as_ref().is_none_or(|http| http.allow_plain_http);
    let presets = top.presets.value;
    let known = presets.clone().unwrap_or_default();
    let misp = top.misp.value.and_then(|tables| misp_servers(&tables, allow_plain_http));
    let feeds = top
        .feeds
        .value
        .and_then(|tables| feeds(&tables, &known, misp.as_deref(), allow_plain_http));
    let blacklist = top.blacklist.value.and_then(|table| BlacklistConfig::read(&table));
    let policy = top.matching.value.and_then(|table| policy(&table));
    let logs = top.logs.value.and_then(|tables| logs(&tables));
    let history = top.history.value.and_then(|table| History::read(&table));
    let output = top.output.value.and_then(|table| output(&table, state.as_deref()));
    let alerts = read_given(top.alerts.value, alerts);
    let webhooks = top.webhooks.value.and_then(|tables| webhooks(&tables, allow_plain_http));
    let cluster = read_given(top.opensearch.value, |table| opensearch(table, allow_plain_http));
    let server = read_given(top.server.value, server);
    let health = top.health.value.and_then(|table| Health::read(&table));
    let retention = top.retention.value.and_then(|table| Retention::read(&table));
    let logging = top.logging.value.and_then(|table| Logging::read(&table));
    Some(Config {
        state: state?,
        schedule: schedule?,
        http: http?,
        presets: presets?,
        feeds: feeds?,
        misp: misp?,
        blacklist: blacklist?,
        policy: policy?,
        logs: logs?,
        history: history?,
        output: output?,
        alerts: alerts?,
        webhooks: webhooks?,
        opensearch: cluster?,
        server: server?,
        health: health?,
        retention: retention?,
        logging: logging?,
    })
}

/// Reads a table that may be absent: then the result is `Some(None)`.
fn read_given<'a, T>(
    table: Option<Option<Reader<'a>>>,
    read: impl FnOnce(&Reader<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match table? {
        Some(table) => read(&table).map(Some),
        None => Some(None),
    }
}
