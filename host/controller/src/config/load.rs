//! From a file's bytes to the checked configuration, with everything that is wrong told at once.

use std::cell::RefCell;
use std::fs::File as Handle;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize as _;
use threatsieve_blacklist::Policy;
use threatsieve_log::{Fields, Format};
use toml::de::DeTable;

use super::problem::{Problem, render};
use super::reader::{File, Reader};
use super::shown::quoted;
use super::{
    BlacklistConfig, Config, Feed, Health, History, Http, LogSource, Logging, Output, Retention,
    Schedule, settings,
};
use super::{alerts, feed, opensearch};
use crate::limited::read_limited;
use crate::sinks::Access;
use crate::sources::PathPattern;

/// Largest configuration file.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// `every` of `[schedule]` where neither it nor `cron` is given.
const DEFAULT_EVERY: Duration = Duration::from_secs(15 * 60);

/// A configuration that holds, with what should be looked at all the same.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) warnings: Vec<String>,
    /// Every setting with its value, given or default, in TOML; secrets are named by their place alone.
    pub(crate) shown: Vec<(String, String)>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("{}: the configuration cannot be read", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// The file is too large.
    #[error("{}: expected a configuration of at most {MAX_FILE_BYTES} bytes, got more", path.display())]
    TooLarge { path: PathBuf },
    /// The file is no text.
    #[error("{}: expected UTF-8, got other bytes at offset {offset}", path.display())]
    NotUtf8 { path: PathBuf, offset: usize },
    /// What it says does not hold: each problem as `FILE:LINE:COLUMN: KEY: expected ..., got ...` with its line.
    #[error("{text}")]
    Wrong {
        text: String,
        /// How many problems there are.
        count: usize,
    },
}

/// Reads and checks a configuration file. Nothing is connected to and nothing written.
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
    let folder =
        std::path::absolute(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
            .map_err(unreadable)?;
    parse(&path.display().to_string(), &text, &folder)
}

/// The feed behind a URL, of type `url` or `taxii`, and the limits of its requests: every setting has
/// its default.
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
            Err(ConfigError::Wrong { text: format!("{name}: expected a feed, got none"), count: 1 })
        }
    }
}

/// Checks a configuration's text. `name` stands for the file in messages, `folder` is what relative paths start from.
pub(super) fn parse(name: &str, text: &str, folder: &Path) -> Result<Loaded, ConfigError> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = errors.iter().map(syntax_problem).collect();
    // After an error of syntax, what else is read may be an effect of it.
    if problems.is_empty() {
        let file = File {
            folder,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            shown: RefCell::default(),
        };
        let span = table.span();
        let top = Reader::new(&file, &settings::TOP, "", table.get_ref(), span.start..span.start);
        let config = read(&top);
        drop(top);
        let File { problems: found, warnings, shown, .. } = file;
        problems = found.into_inner();
        if let (Some(config), true) = (config, problems.is_empty()) {
            return Ok(Loaded {
                config,
                warnings: warnings.into_inner(),
                shown: shown.into_inner(),
            });
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

fn read(top: &Reader<'_>) -> Option<Config> {
    // A table that is absent is read as an empty one, for its defaults.
    let empty = DeTable::new();
    let table = |key: &'static str, known| {
        let given = top.table(key, known)?;
        Some(given.unwrap_or_else(|| Reader::new(top.file, known, key, &empty, top.span_of(key))))
    };
    let state = top.path("state").flatten();
    let schedule = table("schedule", &settings::SCHEDULE).and_then(|table| schedule(&table));
    let http_table = table("http", &settings::HTTP);
    let allow_plain_http = http_table.as_ref().and_then(|table| table.boolean("allow_plain_http"));
    let http = http_table.and_then(|table| http(&table));
    let feeds = feed::feeds(top, allow_plain_http.unwrap_or_default());
    let blacklist = table("blacklist", &settings::BLACKLIST).and_then(|table| blacklist(&table));
    let policy = table("matching", &settings::MATCHING).and_then(|table| policy(&table));
    let logs = logs(top);
    let history = table("history", &settings::HISTORY).and_then(|table| history(&table));
    let output =
        table("output", &settings::OUTPUT).and_then(|table| output(&table, state.as_deref()));
    let alerts = match top.table("alerts", &settings::ALERTS) {
        Some(Some(table)) => alerts::alerts(&table).map(Some),
        Some(None) => Some(None),
        None => None,
    };
    let opensearch = match top.table("opensearch", &settings::OPENSEARCH) {
        Some(Some(table)) => {
            opensearch::opensearch(&table, allow_plain_http.unwrap_or_default()).map(Some)
        }
        Some(None) => Some(None),
        None => None,
    };
    let health = table("health", &settings::HEALTH).and_then(|table| health(&table));
    let retention = table("retention", &settings::RETENTION).and_then(|table| retention(&table));
    let logging = table("logging", &settings::LOGGING).and_then(|table| logging(&table));
    Some(Config {
        state: state?,
        schedule: schedule?,
        http: http?,
        feeds: feeds?,
        blacklist: blacklist?,
        policy: policy?,
        logs: logs?,
        history: history?,
        output: output?,
        alerts: alerts?,
        opensearch: opensearch?,
        health: health?,
        retention: retention?,
        logging: logging?,
    })
}

fn schedule(table: &Reader<'_>) -> Option<Schedule> {
    let (every, cron) = (table.duration("every"), table.optional_text("cron"));
    let (every, cron) = (every?, cron?);
    let Some(text) = cron else { return Some(Schedule::Every(every.unwrap_or(DEFAULT_EVERY))) };
    if every.is_some() {
        table.problem("cron", "expected one of `every` and `cron`, got both");
        return None;
    }
    let cron: croner::Cron = match text.parse() {
        Ok(cron) => cron,
        Err(error) => {
            let got = quoted(&text);
            table.problem(
                "cron",
                format!("expected a cron expression (\"*/15 * * * *\"), got {got}: {error}"),
            );
            return None;
        }
    };
    if cron.find_next_occurrence(&jiff::Zoned::now(), false).is_err() {
        let got = quoted(&text);
        table.problem(
            "cron",
            format!("expected a cron expression that comes due, got {got}, which never does"),
        );
        return None;
    }
    Some(Schedule::Cron(Box::new(cron)))
}

fn http(table: &Reader<'_>) -> Option<Http> {
    let connect_timeout = table.duration("connect_timeout");
    let idle_timeout = table.duration("idle_timeout");
    let total_timeout = table.duration("total_timeout");
    let poll_timeout = table.duration("poll_timeout");
    let max_poll_objects = table.integer("max_poll_objects", 1, 16_000_000);
    let max_body_bytes = table.bytes("max_body");
    let allow_redirects_to = table.urls("allow_redirects_to");
    let proxy = table.url("proxy");
    let ca_files = table.paths("ca_files");
    let user_agent = table.value("user_agent", "printable ASCII", |value| {
        let text = super::reader::non_empty(value)?;
        text.bytes().all(|byte| matches!(byte, b' '..=b'~')).then(|| text.to_owned())
    });
    Some(Http {
        connect_timeout: connect_timeout??,
        idle_timeout: idle_timeout??,
        total_timeout: total_timeout??,
        poll_timeout: poll_timeout??,
        max_poll_objects: max_poll_objects??,
        max_body_bytes: max_body_bytes?,
        allow_redirects_to: allow_redirects_to?,
        proxy: proxy?,
        ca_files: ca_files?,
        user_agent: user_agent?,
    })
}

fn blacklist(table: &Reader<'_>) -> Option<BlacklistConfig> {
    let name = table.text("name");
    let (accept_special, accept_broad) =
        (table.boolean("accept_special"), table.boolean("accept_broad"));
    let (max_shrink, canaries) = (table.share("max_shrink"), table.texts("canaries"));
    let sign_key = table.path("sign_key");
    Some(BlacklistConfig {
        name: name?,
        accept_special: accept_special?,
        accept_broad: accept_broad?,
        max_shrink: max_shrink?,
        canaries: canaries??,
        sign_key: sign_key?,
    })
}

fn policy(table: &Reader<'_>) -> Option<Policy> {
    let (min_confidence, max_tlp) = (table.percent("min_confidence"), table.tlp("max_tlp"));
    let (partial, exact) = (table.boolean("partial"), table.boolean("exact"));
    Some(Policy {
        min_confidence: min_confidence??,
        max_tlp: max_tlp??,
        partial: partial?,
        exact: exact?,
    })
}

fn logs(top: &Reader<'_>) -> Option<Vec<LogSource>> {
    let tables = top.tables("logs", &settings::LOG, "name");
    let logs: Vec<Option<LogSource>> = tables.iter().map(|table| log(table)).collect();
    unique(&tables);
    logs.into_iter().collect()
}

fn log(table: &Reader<'_>) -> Option<LogSource> {
    const FORMATS: [&str; 7] = ["auto", "squid", "combined", "ndjson", "zeek", "lines", "text"];

    let name = table.text("name");
    let paths = table.paths("paths");
    if paths.as_ref().is_some_and(Vec::is_empty) {
        table.problem("paths", "expected at least one path, got an empty list");
    }
    let mut texts = Vec::new();
    for path in paths.iter().flatten() {
        let Some(text) = path.to_str() else {
            table.problem("paths", format!("expected UTF-8, got {}", path.display()));
            continue;
        };
        if let Err(error) = PathPattern::new(text) {
            table.problem("paths", format!("expected a path or a pattern, got {text:?}: {error}"));
        }
        texts.push(text.to_owned());
    }
    let format = table.word("format", &FORMATS);
    let fields = table.texts("fields");
    Some(LogSource {
        name: name?,
        paths: paths.map(|_| texts)?,
        format: Format::from_name(FORMATS[format?]),
        fields: fields?.map_or_else(Fields::default, Fields::named),
    })
}

/// Notes names that come twice.
pub(super) fn unique(tables: &[Reader<'_>]) {
    let mut names = std::collections::BTreeSet::new();
    for table in tables {
        if let Some(name) = table.peek("name")
            && !names.insert(name.to_owned())
        {
            table
                .problem("name", format!("expected a name of its own, got {} again", quoted(name)));
        }
    }
}

fn history(table: &Reader<'_>) -> Option<History> {
    let (window, budget) = (table.duration("window"), table.duration("budget"));
    Some(History { window: window??, budget: budget?? })
}

fn output(table: &Reader<'_>, state: Option<&Path>) -> Option<Output> {
    let file = table.path("file");
    let (mode, group) = (table.mode("mode"), table.group("group"));
    let flag_field =
        table.value("flag_field", "a string", |value| value.as_str().map(str::to_owned));
    let flag_value = table.text("flag_value");
    let max_tlp = table.tlp("max_tlp");
    let file = match file? {
        Some(file) => file,
        None => state?.join("matches.ndjson"),
    };
    let access = Access { mode: mode?, group: group? };
    // Nobody but the owner can enter the state's folder.
    if state.is_some_and(|state| file.starts_with(state))
        && (table.is_given("mode") || access.group.is_some())
    {
        table.warn(
            "file",
            "`mode` and `group` let nobody read it in the state's folder; name a file elsewhere",
        );
    }
    Some(Output {
        file,
        access,
        flag_field: Some(flag_field?).filter(|field| !field.is_empty()),
        flag_value: flag_value?,
        max_tlp: max_tlp??,
    })
}

fn health(table: &Reader<'_>) -> Option<Health> {
    let (feed_dead_after, stuck_after) =
        (table.duration("feed_dead_after"), table.duration("stuck_after"));
    let max_clock_jump = table.duration("max_clock_jump");
    Some(Health {
        feed_dead_after: feed_dead_after??,
        stuck_after: stuck_after??,
        max_clock_jump: max_clock_jump??,
    })
}

fn retention(table: &Reader<'_>) -> Option<Retention> {
    let rejections = table.integer("rejections", 0, 10_000);
    let events = table.integer("events", 1000, 100_000_000);
    let mails = table.duration("mails");
    let (generations, rounds) =
        (table.integer("generations", 1, 100), table.integer("rounds", 1, 100_000));
    Some(Retention {
        rejections: rejections??,
        events: events??,
        mails: mails??,
        generations: generations??,
        rounds: rounds??,
    })
}

fn logging(table: &Reader<'_>) -> Option<Logging> {
    use tracing::level_filters::LevelFilter;

    const LEVELS: [LevelFilter; 6] = [
        LevelFilter::OFF,
        LevelFilter::ERROR,
        LevelFilter::WARN,
        LevelFilter::INFO,
        LevelFilter::DEBUG,
        LevelFilter::TRACE,
    ];
    let level = table.word("level", &["off", "error", "warn", "info", "debug", "trace"]);
    let format = table.word("format", &["text", "json"]);
    Some(Logging { level: LEVELS[level?], json: format? == 1 })
}
