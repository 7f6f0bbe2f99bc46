//! Feeds, as `status` and `feeds` show them.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::config::{Config, Feed};
use crate::store::{FeedState, Held, Ingested, Store};
use crate::text::{Rfc3339, clipped, escape_controls, grouped};

/// A configured feed, with its data in the state.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct FeedStatus {
    pub(crate) name: String,
    /// As in the configuration.
    pub(crate) r#type: &'static str,
    /// Number of active indicators.
    pub(crate) active: u64,
    #[schema(value_type = Option<Object>)]
    pub(crate) cursor: Option<Json>,
    pub(crate) attempted: Option<Rfc3339>,
    pub(crate) succeeded: Option<Rfc3339>,
    pub(crate) changed: Option<Rfc3339>,
    /// Failed polls in a row.
    pub(crate) failures: u32,
    pub(crate) next_attempt: Option<Rfc3339>,
    /// Earliest time of the next poll. `None`: the next round polls the feed.
    pub(crate) next_run: Option<Rfc3339>,
    pub(crate) error: Option<String>,
    pub(crate) held: Option<Held>,
    /// The next delivery is taken, whatever it removes.
    pub(crate) allowed: bool,
    #[schema(value_type = Option<Object>)]
    pub(crate) report: Option<Ingested>,
    /// Numbers of values that the feed's policy took away in the last build, by rule.
    pub(crate) outside_policy: BTreeMap<String, u64>,
}

/// Reads the configured feeds, in the order of the configuration.
pub(crate) fn feeds(config: &Config, store: &Store) -> anyhow::Result<Vec<FeedStatus>> {
    let mut states = store.feed_states()?;
    let status = |feed: &Feed| {
        let status = match states.iter().position(|state| state.name == feed.name) {
            Some(at) => FeedStatus::of(feed, states.swap_remove(at)),
            None => FeedStatus { name: feed.name.clone(), ..FeedStatus::default() },
        };
        FeedStatus { r#type: feed.origin.type_name(), ..status }
    };
    Ok(config.feeds.iter().map(status).collect())
}

impl FeedStatus {
    fn of(feed: &Feed, state: FeedState) -> FeedStatus {
        let after_interval =
            || Some(state.attempted?.plus(feed.every?)).filter(|_| !state.is_allowed);
        let next_run = if state.failures > 0 { state.next_attempt } else { after_interval() };
        FeedStatus {
            name: state.name,
            r#type: "",
            active: state.active,
            cursor: state.cursor.map(shortened),
            attempted: state.attempted.map(Rfc3339),
            succeeded: state.succeeded.map(Rfc3339),
            changed: state.changed.map(Rfc3339),
            failures: state.failures,
            next_attempt: state.next_attempt.map(Rfc3339),
            next_run: next_run.map(Rfc3339),
            error: state.error,
            held: state.held,
            allowed: state.is_allowed,
            report: state.report,
            outside_policy: state.outside_policy,
        }
    }
}

impl fmt::Display for FeedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, active) = (escape_controls(&self.name), grouped(self.active));
        let or_never =
            |at: Option<Rfc3339>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        writeln!(
            f,
            "feed      {name}: {active} active, last good poll {}",
            or_never(self.succeeded)
        )?;
        self.write_notes(f)
    }
}

impl FeedStatus {
    /// Writes a line for everything that an operator should know about the feed.
    fn write_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = escape_controls(&self.name);
        if let Some(error) = &self.error {
            let next = self.next_attempt.map_or_else(|| "never".to_owned(), |at| at.to_string());
            writeln!(
                f,
                "          failed {} times in a row, next attempt {next}: {}",
                self.failures,
                escape_controls(error)
            )?;
        }
        if !self.outside_policy.is_empty() {
            writeln!(f, "          outside its policy: {}", self.outside())?;
        }
        if self.cursor.as_ref().is_some_and(|cursor| cursor.get("resume").is_some()) {
            writeln!(f, "          there is more: the next round continues")?;
        }
        if let Some(held) = &self.held {
            writeln!(
                f,
                "          held back: {}; `threatsieve feeds --allow {name}` lets it through",
                escape_controls(&held.why)
            )?;
        }
        Ok(())
    }
}

/// Returns a cursor with the number of MISP's events in place of the events.
fn shortened(mut cursor: Json) -> Json {
    if let Some(events) = cursor.get_mut("events")
        && let Some(count) = events.as_object().map(serde_json::Map::len)
    {
        *events = count.into();
    }
    cursor
}

/// Maximum number of characters of a cursor in a table.
const CURSOR_CHARS: usize = 60;

impl FeedStatus {
    /// The values that the policy takes away: `3 below_confidence, 1 warninglist`.
    fn outside(&self) -> String {
        let rules = self.outside_policy.iter();
        rules
            .map(|(rule, count)| format!("{} {rule}", grouped(*count)))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The place where the next poll continues, without the digest of the settings.
    fn cursor_text(&self) -> String {
        let Some(Json::Object(cursor)) = &self.cursor else { return "-".to_owned() };
        let fields = cursor.iter().filter(|(key, value)| *key != "source" && !value.is_null());
        let fields = fields.map(|(key, value)| match value {
            Json::String(text) => format!("{key}={text}"),
            value => format!("{key}={value}"),
        });
        clipped(fields.collect::<Vec<_>>().join(" ").as_bytes(), CURSOR_CHARS)
    }
}

/// Feeds as a table, with a line below a feed for everything that is wrong with it.
pub(crate) struct FeedTable<'a>(pub(crate) &'a [FeedStatus]);

impl fmt::Display for FeedTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["FEED", "TYPE", "ACTIVE", "LAST SUCCESS", "NEXT RUN", "CURSOR"];
        let or = |at: Option<Rfc3339>, none: &str| at.map_or(none.to_owned(), |at| at.to_string());
        let rows: Vec<[String; 6]> = std::iter::once(head.map(str::to_owned))
            .chain(self.0.iter().map(|feed| {
                [
                    escape_controls(&feed.name).into_owned(),
                    feed.r#type.to_owned(),
                    grouped(feed.active),
                    or(feed.succeeded, "never"),
                    or(feed.next_run, "next round"),
                    escape_controls(&feed.cursor_text()).into_owned(),
                ]
            }))
            .collect();
        let width =
            |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        for (number, row) in rows.iter().enumerate() {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                write!(line, "{cell:<width$}  ")?;
            }
            writeln!(f, "{}", line.trim_end())?;
            if let Some(feed) = number.checked_sub(1).and_then(|number| self.0.get(number)) {
                feed.write_notes(f)?;
            }
        }
        Ok(())
    }
}
