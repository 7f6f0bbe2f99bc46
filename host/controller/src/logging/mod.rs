//! The program's own log: text or JSON lines on standard error, and in a file.

mod file;

use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::file::LogFile;
use crate::config::Logging;
use crate::text::{escape_controls, safe_json};

/// The environment variable that overrides the configured level: `debug`, `threatsieve=trace`.
const OVERRIDE: &str = "THREATSIEVE_LOG";

/// The running log, whose settings can be changed.
pub(crate) struct Log {
    change_filter: Box<dyn Fn(Targets) -> anyhow::Result<()> + Send + Sync>,
    is_json: Arc<AtomicBool>,
    file: Arc<Mutex<Option<LogFile>>>,
}

/// Settings of the log that are known to work.
pub(crate) struct Prepared {
    filter: Targets,
    is_json: bool,
    file: Option<LogFile>,
}

impl Prepared {
    /// Opens the file. Fails if it cannot be opened, or if the override is not a valid filter.
    pub(crate) fn new(logging: &Logging) -> anyhow::Result<Prepared> {
        let filter = match std::env::var(OVERRIDE) {
            Ok(text) if !text.is_empty() => text.parse().map_err(|error| {
                let error: tracing_subscriber::filter::ParseError = error;
                anyhow::anyhow!(
                    "{OVERRIDE}: expected a level or filter (`debug`), got {text:?}: {error}"
                )
            })?,
            _ => Targets::new().with_default(logging.level),
        };
        let file = LogFile::open(logging).with_context(|| {
            let path = logging.file.as_deref().unwrap_or(Path::new("")).display();
            format!("logging.file: expected a file to write to, got an error at {path}")
        })?;
        Ok(Prepared { filter, is_json: logging.json, file })
    }
}

/// Starts the log. Must be called once, before anything is logged. Fails if the settings cannot be
/// used, or if the log was started before.
pub(crate) fn start(logging: &Logging) -> anyhow::Result<Log> {
    let Prepared { filter, is_json, file } = Prepared::new(logging)?;
    let (is_json, file) = (Arc::new(AtomicBool::new(is_json)), Arc::new(Mutex::new(file)));
    let writer = Arc::clone(&file);
    let (filter, handle) = reload::Layer::new(filter);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || Writers { file: Arc::clone(&writer) })
        .event_format(Lines { is_json: Arc::clone(&is_json) });
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    subscriber.try_init().map_err(|error| anyhow::anyhow!(error))?;
    let change_filter = Box::new(move |filter| Ok(handle.reload(filter)?));
    Ok(Log { change_filter, is_json, file })
}

impl Log {
    /// Logs by other settings from now on.
    pub(crate) fn change(
        &self,
        Prepared { filter, is_json, file }: Prepared,
    ) -> anyhow::Result<()> {
        (self.change_filter)(filter)?;
        self.is_json.store(is_json, Ordering::Relaxed);
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }
}

/// Standard error, and the file. `tracing` writes a line at once.
struct Writers {
    file: Arc<Mutex<Option<LogFile>>>,
}

impl io::Write for Writers {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = io::stderr().lock().write_all(line);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        match file.as_mut() {
            Some(file) => {
                if let Err(error) = file.write(line) {
                    // If standard error is closed as well, nobody can be told.
                    _ = writeln!(io::stderr().lock(), "threatsieve: logging.file: {error}");
                }
            }
            None => shown?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The format: one line for each event, whatever characters its values contain.
#[derive(Debug)]
struct Lines {
    is_json: Arc<AtomicBool>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static>
    FormatEvent<S, N> for Lines
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (now, level) = (jiff::Timestamp::now(), event.metadata().level());
        if self.is_json.load(Ordering::Relaxed) {
            let mut object = serde_json::Map::new();
            object.insert("time".to_owned(), now.to_string().into());
            object.insert("level".to_owned(), level.to_string().to_lowercase().into());
            object.insert("message".to_owned(), fields.message.into());
            object.extend(fields.rest.into_iter().map(|(name, value)| (name.to_owned(), value)));
            return writeln!(
                writer,
                "{}",
                safe_json(&serde_json::Value::Object(object).to_string())
            );
        }
        let mut line = fields.message;
        for (name, value) in fields.rest {
            write!(line, " {name}={value}")?;
        }
        writeln!(writer, "{now:.3} {level:5} {}", escape_controls(&line))
    }
}

/// An event's message and fields.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, serde_json::Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: serde_json::Value) {
        match (field.name(), value) {
            ("message", serde_json::Value::String(text)) => self.message = text,
            (name, value) => self.rest.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
