//! Feeds, as `status` and `feeds` show them.

use std::fmt;

use serde::Serialize;
use serde_json::Value as Json;

use crate::config::Config;
use crate::store::{FeedState, Held, Ingested, Store};
use crate::text::{Rfc3339, escape_controls, grouped};

/// A configured feed, with its data in the state.
#[derive(Debug, Default, Serialize)]
pub(crate) struct FeedStatus {
    pub(crate) name: String,
    /// Number of active indicators.
    pub(crate) active: u64,
    pub(crate) cursor: Option<Json>,
    pub(crate) attempted: Option<Rfc3339>,
    pub(crate) succeeded: Option<Rfc3339>,
    pub(crate) changed: Option<Rfc3339>,
    /// Failed polls in a row.
    pub(crate) failures: u32,
    pub(crate) next_attempt: Option<Rfc3339>,
    pub(crate) error: Option<String>,
    pub(crate) held: Option<Held>,
    /// The next delivery is taken, whatever it removes.
    pub(crate) allowed: bool,
    pub(crate) report: Option<Ingested>,
}

/// Reads the configured feeds, in the order of the configuration.
pub(crate) fn feeds(config: &Config, store: &Store) -> anyhow::Result<Vec<FeedStatus>> {
    let mut states = store.feed_states()?;
    let status = |name: &String| match states.iter().position(|state| state.name == *name) {
        Some(at) => FeedStatus::from(states.swap_remove(at)),
        None => FeedStatus { name: name.clone(), ..FeedStatus::default() },
    };
    Ok(config.feeds.iter().map(|feed| &feed.name).map(status).collect())
}

impl From<FeedState> for FeedStatus {
    fn from(state: FeedState) -> FeedStatus {
        FeedStatus {
            name: state.name,
            active: state.active,
            cursor: state.cursor,
            attempted: state.attempted.map(Rfc3339),
            succeeded: state.succeeded.map(Rfc3339),
            changed: state.changed.map(Rfc3339),
            failures: state.failures,
            next_attempt: state.next_attempt.map(Rfc3339),
            error: state.error,
            held: state.held,
            allowed: state.is_allowed,
            report: state.report,
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
        if let Some(error) = &self.error {
            let next = or_never(self.next_attempt);
            writeln!(
                f,
                "          failed {} times in a row, next attempt {next}: {}",
                self.failures,
                escape_controls(error)
            )?;
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
