//! The MISP servers in `status`.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use crate::config::Config;
use crate::store::Store;
use crate::store::misp::{Counts, Failed};
use crate::text::{Rfc3339, counted, escape_controls, grouped};

/// A MISP server with its queue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MispStatus {
    pub(crate) name: String,
    /// Reason why nothing is sent.
    pub(crate) paused: Option<String>,
    pub(crate) paused_since: Option<Rfc3339>,
    /// An operator paused it.
    pub(crate) paused_by_operator: bool,
    pub(crate) next_attempt: Option<Rfc3339>,
    /// Events that are to be sent, or sent again.
    pub(crate) waiting: u64,
    /// Changed indicators that are in no waiting event yet.
    pub(crate) changes: u64,
    /// Time of the oldest change that is not sent.
    pub(crate) oldest: Option<Rfc3339>,
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    /// Events that the server may have or not.
    pub(crate) uncertain: u64,
    /// Values that the server refuses.
    pub(crate) refused: u64,
}

/// An event, or a value of one, that was not sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailedStatus {
    pub(crate) server: String,
    /// Number of the event in the state.
    pub(crate) event: i64,
    pub(crate) feed: String,
    /// Kind of the event.
    pub(crate) kind: &'static str,
    pub(crate) source: String,
    pub(crate) part: u32,
    pub(crate) uuid: Option<String>,
    /// `null` for the whole event.
    pub(crate) value: Option<String>,
    /// `failed`, `uncertain`, `waiting`, `refused` or `converted`.
    pub(crate) state: &'static str,
    pub(crate) reason: String,
    pub(crate) next_attempt: Option<Rfc3339>,
}

impl FailedStatus {
    pub(crate) fn new(server: &str, one: Failed) -> FailedStatus {
        FailedStatus {
            server: server.to_owned(),
            event: one.event,
            feed: one.feed,
            kind: one.kind.name(),
            source: one.source,
            part: one.part,
            uuid: one.uuid,
            value: one.value,
            state: one.state,
            reason: one.error,
            next_attempt: one.next_attempt.map(Rfc3339),
        }
    }
}

impl fmt::Display for MispStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, sent) = (escape_controls(&self.name), counted(self.sent, "event", "events"));
        write!(f, "misp      {name}: {sent} sent, {} waiting", grouped(self.waiting))?;
        if let Some(oldest) = &self.oldest {
            write!(f, " since {oldest}")?;
        }
        let others = [
            (self.changes, "changes to take over"),
            (self.failed, "failed"),
            (self.uncertain, "uncertain"),
            (self.refused, "values refused"),
        ];
        for (number, what) in others.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, ", {} {what}", grouped(number))?;
        }
        writeln!(f)?;
        if let Some(why) = &self.paused {
            let since = self.paused_since.as_ref().map(|at| format!(" since {at}"));
            let shown = format!("paused{}: {why}", since.unwrap_or_default());
            writeln!(f, "          {}", escape_controls(&shown))?;
        }
        Ok(())
    }
}

/// Reads the configured servers, in the order of the configuration.
pub(crate) fn misp_servers(config: &Config, store: &Store) -> anyhow::Result<Vec<MispStatus>> {
    let read = |name: &String| -> anyhow::Result<MispStatus> {
        let state = store.known_misp_server(name)?;
        let counts = match &state {
            Some(state) => store.misp_counts(state.id)?,
            None => Counts::default(),
        };
        let (paused_by_operator, paused, paused_since, next_attempt) = match state {
            Some(state) => {
                (state.by_operator, state.paused, state.paused_since, state.next_attempt)
            }
            None => (false, None, None, None),
        };
        Ok(MispStatus {
            name: name.clone(),
            paused,
            paused_since: paused_since.map(Rfc3339),
            paused_by_operator,
            next_attempt: next_attempt.map(Rfc3339),
            waiting: counts.waiting,
            changes: counts.changes,
            oldest: counts.oldest.map(Rfc3339),
            sent: counts.sent,
            failed: counts.failed,
            uncertain: counts.uncertain,
            refused: counts.refused,
        })
    };
    config.misp.iter().map(|server| read(&server.name)).collect()
}
