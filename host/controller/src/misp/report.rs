//! The report on one server in a round.

use serde::Serialize;

use crate::config::Misp;
use crate::store::misp::{Event, Settled};
use crate::text::{counted, escape_controls, grouped};

/// The report on one server.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ServerReport {
    pub(crate) name: String,
    /// Events that the server was seen to have.
    pub(crate) sent: u64,
    /// Attributes that were written.
    pub(crate) attributes: u64,
    /// Events that are tried again.
    pub(crate) retried: u64,
    pub(crate) failed: u64,
    /// Events that the server may have or not.
    pub(crate) uncertain: u64,
    /// Values that the server refused.
    pub(crate) refused: u64,
    pub(crate) sightings: u64,
    pub(crate) requests: u64,
    /// Events and changes that still wait.
    pub(crate) waiting: u64,
    /// The reason why nothing is sent.
    pub(crate) paused: Option<String>,
    /// The reason why the server is tried again later.
    pub(crate) error: Option<String>,
}

impl ServerReport {
    pub(super) fn new(server: &Misp) -> ServerReport {
        ServerReport { name: server.name.clone(), ..ServerReport::default() }
    }

    /// Counts and logs the result of an event.
    pub(super) fn count(&mut self, event: &Event, settled: &Settled) {
        let (server, feed, source) = (&self.name, &event.feed, &event.source);
        match settled {
            Settled::Sent { .. } => self.sent += 1,
            Settled::Publishing { error, .. } => {
                self.retried += 1;
                if let Some(error) = error {
                    tracing::warn!(server, feed, source, "MISP event is not published: {error}");
                }
            }
            Settled::Retry { error, .. } => {
                self.retried += 1;
                tracing::warn!(server, feed, source, "MISP event is tried again: {error}");
            }
            Settled::Failed { error } => {
                self.failed += 1;
                tracing::error!(server, feed, source, "MISP event is refused: {error}");
            }
            Settled::Uncertain { error } => {
                self.uncertain += 1;
                tracing::error!(server, feed, source, "MISP event is uncertain: {error}");
            }
        }
    }

    /// Returns whether the round ends with something unsent.
    pub(crate) fn is_trouble(&self) -> bool {
        self.retried + self.failed + self.uncertain + self.refused > 0
            || self.paused.is_some()
            || self.error.is_some()
    }

    /// Returns whether there is anything to tell.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_trouble() && self.sent + self.sightings + self.waiting == 0
    }

    /// Returns a line for people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "{}: {} sent with {}",
            self.name,
            counted(self.sent, "event", "events"),
            counted(self.attributes, "attribute", "attributes")
        );
        let others = [
            (self.sightings, "sightings"),
            (self.retried, "to be tried again"),
            (self.failed, "failed"),
            (self.uncertain, "uncertain"),
            (self.refused, "values refused"),
            (self.waiting, "waiting"),
        ];
        for (number, what) in others.into_iter().filter(|(number, _)| *number > 0) {
            text.push_str(&format!(", {} {what}", grouped(number)));
        }
        for (title, why) in [("paused", &self.paused), ("error", &self.error)] {
            if let Some(why) = why {
                text.push_str(&format!("; {title}: {why}"));
            }
        }
        escape_controls(&text).into_owned()
    }
}
