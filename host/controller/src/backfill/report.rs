//! Counts of one round's work on the indices of a cluster.

use std::fmt::Write as _;

use serde::Serialize;

use super::work::Interrupted;
use crate::config::Way;
use crate::store::cluster::backfills::Counts;
use crate::text::{counted, escape_controls, grouped};

/// An index that was matched.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IndexReport {
    pub(crate) index: String,
    /// The way in which events were found.
    pub(crate) way: Way,
    /// Events that were read.
    pub(crate) events: u64,
    /// Events whose flags were written.
    pub(crate) flagged: u64,
    /// Events that the index refused, with the first reason.
    pub(crate) refused: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<String>,
    /// Events that the matcher gave no answer for.
    pub(crate) unchecked: u64,
    /// All that was due is done.
    pub(crate) done: bool,
}

/// An index that was left out.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LeftOut {
    pub(crate) index: String,
    pub(crate) reason: String,
}

/// Counts of one round.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct BackfillReport {
    /// The reason why nothing was done: another controller holds the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
    /// The reason why matching waits, while flagged events are still followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waits: Option<String>,
    pub(crate) indices: Vec<IndexReport>,
    pub(crate) left_out: Vec<LeftOut>,
    /// New flagged events in the state.
    pub(crate) events: u64,
    /// New pairs of an event and an indicator.
    pub(crate) matches: u64,
    /// Documents whose retracted flags were taken back, and those that wait for it.
    pub(crate) retracted: u64,
    pub(crate) retractions_left: u64,
    /// The first reason why one waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retraction_error: Option<String>,
    /// Shards that the next round continues.
    pub(crate) shards_left: u64,
    /// The program stops, or the time is over, before all is done.
    #[serde(skip)]
    pub(crate) is_over: bool,
}

impl BackfillReport {
    /// Notes why work on an index ended early. Returns whether all work ends.
    pub(super) fn note(&mut self, index: &str, why: Option<Interrupted>) -> bool {
        let reason = match why {
            None => return false,
            Some(Interrupted::Over) => {
                self.is_over = true;
                return true;
            }
            Some(Interrupted::Blocked(reason)) => reason,
            Some(Interrupted::Failed(error)) => format!("{error:#}"),
        };
        if !self.left_out.iter().any(|left| left.index == index) {
            self.left_out.push(LeftOut { index: index.to_owned(), reason });
        }
        false
    }

    /// Returns whether a remote side failed.
    pub(crate) fn is_trouble(&self) -> bool {
        self.refused.is_some()
            || self.retraction_error.is_some()
            || self.indices.iter().any(|index| index.refused > 0)
    }

    /// Returns the report for people, a line for each part.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if let Some(refused) = &self.refused {
            _ = writeln!(text, "indices  {}", escape_controls(refused));
            return text;
        }
        for index in &self.indices {
            _ = writeln!(text, "indices  {}", escape_controls(&index.text()));
        }
        if let Some(waits) = &self.waits {
            _ = writeln!(text, "indices  {}", escape_controls(waits));
        }
        for LeftOut { index, reason } in &self.left_out {
            _ = writeln!(text, "indices  {}", escape_controls(&format!("{index}: {reason}")));
        }
        if self.events + self.matches > 0 {
            _ = writeln!(
                text,
                "indices  {} with {} reported",
                counted(self.events, "flagged event", "flagged events"),
                counted(self.matches, "new match", "new matches")
            );
        }
        if self.retracted + self.retractions_left > 0 {
            let why = self.retraction_error.as_ref().map(|why| format!(": {why}"));
            _ = writeln!(
                text,
                "indices  {} taken back, {} waiting{}",
                counted(self.retracted, "flag", "flags"),
                grouped(self.retractions_left),
                escape_controls(&why.unwrap_or_default())
            );
        }
        text
    }
}

impl IndexReport {
    pub(super) fn new(index: &str, way: Way) -> IndexReport {
        IndexReport {
            index: index.to_owned(),
            way,
            events: 0,
            flagged: 0,
            refused: 0,
            refusal: None,
            unchecked: 0,
            done: true,
        }
    }

    /// Adds the counts of a part of the work.
    pub(super) fn take(&mut self, counts: &Counts) {
        self.events += counts.read;
        self.flagged += counts.flagged;
        self.refused += counts.refused;
        self.unchecked += counts.unchecked;
        if self.refusal.is_none() {
            self.refusal.clone_from(&counts.refusal);
        }
    }

    /// Returns whether there is anything to report.
    pub(super) fn is_news(&self) -> bool {
        self.events + self.refused > 0 || !self.done
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{}: {} flagged of {} read ({})",
            self.index,
            grouped(self.flagged),
            counted(self.events, "event", "events"),
            self.way.name(),
        );
        if self.unchecked > 0 {
            _ = write!(text, ", {} not checked", grouped(self.unchecked));
        }
        if let Some(refusal) = &self.refusal {
            _ = write!(text, ", {} refused: {refusal}", grouped(self.refused));
        }
        if !self.done {
            text.push_str("; the next round continues");
        }
        text
    }
}
