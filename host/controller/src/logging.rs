//! The program's own log: text or JSON lines on standard error.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::Logging;
use crate::text::{escape_controls, safe_json};

/// The environment variable that overrides the configured level: `debug`, `threatsieve=trace`.
const OVERRIDE: &str = "THREATSIEVE_LOG";

/// Starts the log. Must be called once, before anything is logged. Fails if the override is not a
/// valid filter, or if the log was started before.
pub(crate) fn start(logging: &Logging) -> anyhow::Result<()> {
    let filter = match std::env::var(OVERRIDE) {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(&text).map_err(|error| {
            anyhow::anyhow!(
                "{OVERRIDE}: expected a level or filter (`debug`), got {text:?}: {error}"
            )
        })?,
        _ => EnvFilter::default().add_directive(logging.level.into()),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    builder
        .event_format(Lines { json: logging.json })
        .try_init()
        .map_err(|error| anyhow::anyhow!(error))
}

/// The format: one line for each event, whatever characters its values contain.
#[derive(Debug)]
struct Lines {
    json: bool,
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
        if self.json {
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
