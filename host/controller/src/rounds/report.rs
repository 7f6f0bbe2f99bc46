//! The report of a round: printed by `poll`, logged by `run`, stored for `status`.

use std::fmt::Write as _;

use serde::Serialize;

use super::ClockJump;
use crate::alerts::{Composed, Delivery};
use crate::backfill::BackfillReport;
use crate::conditions::Condition;
use crate::exit::Exit;
use crate::feeds::{Outcome, Polled};
use crate::follow::{FollowReport, HistoryReport};
use crate::misp::ServerReport;
use crate::opensearch::publish::{self, PushReport, nodes_text};
use crate::sightings::SightingsReport;
use crate::sinks::output_file::DrainReport;
use crate::sinks::package_folder::PackageFiles;
use crate::store::{Ingested, Pruned};
use crate::text::{counted, escape_controls, grouped};

/// The result of one feed.
#[derive(Debug, Serialize)]
pub(crate) struct FeedReport {
    pub(crate) name: String,
    /// `unchanged`, `taken`, `held`, `skipped` or `failed`.
    pub(crate) outcome: &'static str,
    /// The reason why it was skipped, held or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) taken: Option<Ingested>,
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    /// The poll ended at its limit of time. The next round continues.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) goes_on: bool,
}

impl From<Polled> for FeedReport {
    fn from(polled: Polled) -> FeedReport {
        let (outcome, reason, taken) = match polled.outcome {
            Outcome::Unchanged => ("unchanged", None, None),
            Outcome::Ingested(ingested) => match &ingested.held {
                Some(held) => ("held", Some(held.why.clone()), Some(ingested)),
                None => ("taken", None, Some(ingested)),
            },
            Outcome::Skipped(why) => ("skipped", Some(why), None),
            Outcome::Failed(error) => ("failed", Some(error), None),
        };
        FeedReport {
            name: polled.feed,
            outcome,
            reason,
            taken,
            objects: polled.objects,
            bytes: polled.bytes,
            seconds: polled.elapsed.as_secs_f64(),
            goes_on: polled.goes_on,
        }
    }
}

/// A round's report.
#[derive(Debug, Default, Serialize)]
pub(crate) struct RoundReport {
    /// 0 for a round that did nothing because of the clock.
    pub(crate) round: i64,
    /// Reason why the round did nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clock: Option<ClockJump>,
    /// The configuration file of the last round on this state, if it was another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) other_config: Option<String>,
    /// Reason why a newer content of the configuration file is not in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refused_config: Option<String>,
    pub(crate) feeds: Vec<FeedReport>,
    /// The generation that was built and is in use now; `None` when nothing changed.
    pub(crate) generation: Option<u64>,
    /// The reason why a new blacklist is held back.
    pub(crate) held: Option<String>,
    /// The packages that were written to folders, by feed.
    pub(crate) packages: Option<Vec<PackageFiles>>,
    pub(crate) follow: Option<FollowReport>,
    pub(crate) history: Option<HistoryReport>,
    pub(crate) records: Option<DrainReport>,
    pub(crate) mails_composed: u64,
    pub(crate) delivery: Option<Delivery>,
    /// Deliveries to webhooks that were composed.
    pub(crate) webhooks_composed: u64,
    /// The deliveries to webhooks.
    pub(crate) webhooks: Option<Delivery>,
    /// The MISP servers.
    pub(crate) misp: Vec<ServerReport>,
    /// Sightings for collections of TAXII, by feed.
    pub(crate) sightings: Vec<SightingsReport>,
    /// `None` when there is nothing to push, or no cluster to push to.
    pub(crate) push: Option<PushReport>,
    /// Stored events in the indices of the cluster; `None` without indices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backfill: Option<BackfillReport>,
    /// `None` when nothing was due to be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pruned: Option<Pruned>,
    /// The conditions at the end of the round.
    pub(crate) conditions: Vec<Condition>,
    /// Steps that failed.
    pub(crate) errors: Vec<String>,
    /// The round was asked to stop before it was done.
    pub(crate) stopped: bool,
}

impl RoundReport {
    /// Counts what was composed.
    pub(super) fn count(&mut self, composed: Composed) {
        self.mails_composed += composed.mails;
        self.webhooks_composed += composed.deliveries;
    }

    /// Returns the exit code of `poll`: the highest that applies.
    pub(crate) fn exit(&self) -> Exit {
        let packages = || self.packages.iter().flatten();
        let has_missed = packages().any(|files| files.missed > 0);
        let is_damaged = self.follow.as_ref().is_some_and(FollowReport::is_incomplete)
            || self.history.as_ref().is_some_and(|history| history.newly_missed > 0);
        let is_undelivered =
            self.delivery.into_iter().chain(self.webhooks).any(|d| d.retried + d.given_up > 0);
        let is_not_pushed = self.push.as_ref().is_some_and(PushReport::is_trouble);
        let is_not_backfilled = self.backfill.as_ref().is_some_and(BackfillReport::is_trouble);
        let is_not_sent = self.misp.iter().any(ServerReport::is_trouble);
        let is_not_seen = self.sightings.iter().any(SightingsReport::is_trouble);
        let has_failed = self.feeds.iter().any(|feed| matches!(feed.outcome, "failed" | "held"));
        let has_doubt = self.feeds.iter().any(FeedReport::is_first_in_doubt);
        let is_not_written = self.records.as_ref().is_some_and(|records| records.error.is_some());
        let ends = [
            (packages().any(|files| files.error.is_some()), Exit::Usage),
            (!self.errors.is_empty() || is_not_written || self.clock.is_some(), Exit::Usage),
            (has_failed || self.held.is_some() || is_undelivered, Exit::Remote),
            (is_not_pushed || is_not_sent || is_not_seen, Exit::Remote),
            (is_not_backfilled, Exit::Remote),
            (is_damaged || has_missed || has_doubt, Exit::Damaged),
        ];
        let of_this_round = ends.into_iter().filter_map(|(is, exit)| is.then_some(exit));
        let lasting = self.conditions.iter().map(|condition| condition.kind.exit());
        of_this_round.chain(lasting).max().unwrap_or(Exit::Done)
    }

    /// Returns the report for people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if let Some(jump) = &self.clock {
            _ = writeln!(text, "clock    {jump}");
        }
        if let Some(other) = &self.other_config {
            _ = writeln!(
                text,
                "state    the last round had another configuration, {}: two that take turns \
                 replace each other's blacklist",
                escape_controls(other)
            );
        }
        for feed in &self.feeds {
            _ = writeln!(text, "feed     {}: {}", escape_controls(&feed.name), feed.text());
        }
        if let Some(generation) = self.generation {
            _ = writeln!(text, "blacklist generation {generation} is in use");
        }
        if let Some(why) = &self.held {
            _ = writeln!(text, "blacklist held back: {}", escape_controls(why));
        }
        for files in self.packages.iter().flatten() {
            if let Some(line) = files.text() {
                _ = writeln!(text, "packages {}", escape_controls(&line));
            }
        }
        if let Some(follow) = &self.follow {
            _ = writeln!(text, "logs     {}", new_lines(follow));
            for trouble in &follow.troubles {
                _ = writeln!(
                    text,
                    "         {}",
                    escape_controls(&format!("{}: {}", trouble.path, trouble.what))
                );
            }
        }
        if let Some(history) = &self.history
            && (history.files > 0 || history.files_left > 0)
        {
            _ = writeln!(
                text,
                "history  {} flagged in {} of {} matched again{}",
                counted(history.counts.events, "event", "events"),
                counted(history.counts.lines, "line", "lines"),
                counted(history.files, "file", "files"),
                if history.files_left > history.missed {
                    "; the rest follows in the next round"
                } else {
                    ""
                }
            );
            if history.newly_missed > 0 {
                _ = writeln!(
                    text,
                    "         {} cannot be read and will be tried again; \
                     `threatsieve status` names them",
                    counted(history.newly_missed, "file", "files")
                );
            }
        }
        if let Some(records) = &self.records
            && (records.written + records.waiting > 0 || records.error.is_some())
        {
            let error =
                records.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            _ = writeln!(
                text,
                "records  {} written, {} waiting{}",
                grouped(records.written),
                grouped(records.waiting),
                escape_controls(&error)
            );
        }
        if let Some(delivery) = &self.delivery
            && self.mails_composed + delivery.sent + delivery.retried + delivery.given_up > 0
        {
            _ = writeln!(
                text,
                "mails    {} composed, {} sent, {} to be tried again, {} given up",
                self.mails_composed, delivery.sent, delivery.retried, delivery.given_up
            );
        }
        if let Some(delivery) = &self.webhooks
            && self.webhooks_composed + delivery.sent + delivery.retried + delivery.given_up > 0
        {
            _ = writeln!(
                text,
                "webhooks {} composed, {} sent, {} to be tried again, {} given up",
                self.webhooks_composed, delivery.sent, delivery.retried, delivery.given_up
            );
        }
        for server in self.misp.iter().filter(|server| !server.is_empty()) {
            _ = writeln!(text, "misp     {}", server.text());
        }
        for line in self.sightings.iter().filter_map(SightingsReport::text) {
            _ = writeln!(text, "sightings {}", escape_controls(&line));
        }
        if let Some(push) = &self.push {
            _ = writeln!(text, "push     generation {}: {}", push.generation, push.summary());
            if push.is_trouble() || push.outcome == publish::Outcome::Waiting {
                text.push_str(&nodes_text(&push.nodes));
            }
        }
        if let Some(backfill) = &self.backfill {
            text.push_str(&backfill.text());
        }
        for condition in &self.conditions {
            let Condition { kind, subject, what, since } = condition;
            let shown = format!("{condition}, since {since}: {what}; {}", kind.remedy(subject));
            _ = writeln!(text, "wrong    {}", escape_controls(&shown));
        }
        for error in &self.errors {
            _ = writeln!(text, "failed   {}", escape_controls(error));
        }
        if self.stopped {
            text.push_str("stopped before it was done; the next round continues\n");
        }
        text
    }
}

impl PackageFiles {
    /// Returns a line for people; `None` if there is nothing to report.
    pub(crate) fn text(&self) -> Option<String> {
        let PackageFiles { feed, written, waiting, missed, error } = self;
        if written + waiting + missed == 0 && error.is_none() {
            return None;
        }
        let mut text =
            format!("{feed}: {} written, {} waiting", grouped(*written), grouped(*waiting));
        if *missed > 0 {
            _ = write!(text, ", {} no longer kept", grouped(*missed));
        }
        if let Some(error) = error {
            _ = write!(text, ": {error}");
        }
        Some(text)
    }
}

fn new_lines(follow: &FollowReport) -> String {
    let mut text = format!(
        "{} flagged in {} of {}",
        counted(follow.counts.events, "event", "events"),
        counted(follow.counts.lines, "new line", "new lines"),
        counted(follow.files, "file", "files")
    );
    if follow.malformed > 0 {
        _ = write!(text, ", {} malformed", grouped(follow.malformed));
    }
    if follow.unchecked > 0 {
        _ = write!(text, ", {} not checked", grouped(follow.unchecked));
    }
    if follow.cut > 0 {
        _ = write!(text, ", {} matched in their first part only", grouped(follow.cut));
    }
    if follow.too_old > 0 {
        _ = write!(text, ", {} older than the history window", grouped(follow.too_old));
    }
    if follow.without_blacklist {
        text.push_str("; new lines wait for the first blacklist");
    }
    text
}

impl FeedReport {
    /// Returns whether the feed's first delivery is doubtful, and held back for that.
    fn is_first_in_doubt(&self) -> bool {
        self.taken.as_ref().and_then(|taken| taken.held.as_ref()).is_some_and(|held| held.is_first)
    }

    fn text(&self) -> String {
        let mut text = self.outcome_text();
        if self.goes_on {
            text.push_str("; there is more: the next round continues");
        }
        text
    }

    fn outcome_text(&self) -> String {
        match (&self.taken, &self.reason) {
            (_, Some(reason)) => format!("{}: {}", self.outcome, escape_controls(reason)),
            (Some(taken), None) => {
                let mut text = format!(
                    "{} added, {} changed, {} removed, {} revoked, {} rejected",
                    grouped(taken.added),
                    grouped(taken.changed),
                    grouped(taken.removed),
                    grouped(taken.revoked),
                    grouped(taken.rejected)
                );
                if taken.renamed > 0 {
                    _ = write!(text, ", {} under new ids", grouped(taken.renamed));
                }
                if taken.older > 0 {
                    _ = write!(text, ", {} older than known", grouped(taken.older));
                }
                if taken.ahead > 0 {
                    _ = write!(text, ", {} dated in the future", grouped(taken.ahead));
                }
                text
            }
            (None, None) => self.outcome.to_owned(),
        }
    }
}
