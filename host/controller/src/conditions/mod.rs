//! Conditions: faults of the service itself that last, as one list.
//!
//! At the end of a round, [`assess`] finds the conditions in the state and the round's report.
//! [`settle`] compares them with the list of the round before. Everything that reports faults reads
//! this list: the log, and the mails and webhooks for operators (what began and what ended), the
//! exit code of `poll`, and `status`. Metrics would use the list.

mod assess;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Serialize, Serializer};
use threatsieve_blacklist::Timestamp;

pub(crate) use assess::{assess, config_refused};

use crate::exit::Exit;
use crate::store::conditions::{ConditionRow, conditions, replace_conditions};
use crate::store::{Connection, Transaction};
use crate::text::Rfc3339;

/// Kinds of conditions. The names are part of the state, of JSON and of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The configuration was to be read again, and is not in use.
    ConfigRefused,
    /// A step of the round failed.
    StepFailed,
    /// A feed has failed for longer than `health.feed_dead_after`.
    FeedDead,
    /// A feed's delivery waits for an operator.
    FeedHeld,
    /// A feed's publisher gave most of its indicators new ids.
    FeedIdsChanged,
    /// A new blacklist waits for an operator.
    BlacklistHeld,
    /// Records cannot be appended to the output file.
    OutputBlocked,
    /// Packages of a feed cannot be written to its folder.
    PackagesBlocked,
    /// Mails to one recipient have waited for longer than `health.stuck_after`, or were given up.
    MailsStuck,
    /// Deliveries to a webhook have waited for longer than `health.stuck_after`, or were given up,
    /// or its receiver accepts nothing.
    WebhooksStuck,
    /// The cluster has lacked the blacklist in use for longer than `health.stuck_after`, or refuses
    /// it.
    PushStuck,
    /// Log files of one source cannot be read.
    LogsUnread,
    /// The matcher gave no answer for events, or only for their first part.
    EventsUnchecked,
    /// Stored lines could not be matched with new indicators.
    HistoryMissed,
    /// Another controller holds the cluster's events.
    ClusterTaken,
    /// The events of an index cannot be matched or changed.
    IndexLeftOut,
    /// Nothing is sent to a MISP server.
    MispPaused,
    /// Events for a MISP server have waited for longer than `health.stuck_after`, failed, or are
    /// uncertain.
    MispStuck,
    /// Sightings have waited for longer than `health.stuck_after`, or a collection refuses them.
    SightingsStuck,
    /// A MISP server has not published an event within `publish_within`.
    MispUnpublished,
}

impl Kind {
    pub(crate) const ALL: [Kind; 20] = [
        Kind::ConfigRefused,
        Kind::StepFailed,
        Kind::FeedDead,
        Kind::FeedHeld,
        Kind::FeedIdsChanged,
        Kind::BlacklistHeld,
        Kind::OutputBlocked,
        Kind::PackagesBlocked,
        Kind::MailsStuck,
        Kind::WebhooksStuck,
        Kind::PushStuck,
        Kind::LogsUnread,
        Kind::EventsUnchecked,
        Kind::HistoryMissed,
        Kind::ClusterTaken,
        Kind::IndexLeftOut,
        Kind::MispPaused,
        Kind::MispStuck,
        Kind::SightingsStuck,
        Kind::MispUnpublished,
    ];

    /// Returns the name in the state, in JSON and in the documentation.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::ConfigRefused => "config_refused",
            Kind::StepFailed => "step_failed",
            Kind::FeedDead => "feed_dead",
            Kind::FeedHeld => "feed_held",
            Kind::FeedIdsChanged => "feed_ids_changed",
            Kind::BlacklistHeld => "blacklist_held",
            Kind::OutputBlocked => "output_blocked",
            Kind::PackagesBlocked => "packages_blocked",
            Kind::MailsStuck => "mails_stuck",
            Kind::WebhooksStuck => "webhooks_stuck",
            Kind::PushStuck => "push_stuck",
            Kind::LogsUnread => "logs_unread",
            Kind::EventsUnchecked => "events_unchecked",
            Kind::HistoryMissed => "history_missed",
            Kind::ClusterTaken => "cluster_taken",
            Kind::IndexLeftOut => "index_left_out",
            Kind::MispPaused => "misp_paused",
            Kind::MispStuck => "misp_stuck",
            Kind::SightingsStuck => "sightings_stuck",
            Kind::MispUnpublished => "misp_unpublished",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the exit code of a round that ends with such a condition.
    pub(crate) fn exit(self) -> Exit {
        match self {
            Kind::FeedDead | Kind::FeedHeld | Kind::BlacklistHeld => Exit::Remote,
            Kind::MailsStuck | Kind::WebhooksStuck | Kind::PushStuck => Exit::Remote,
            Kind::ClusterTaken | Kind::IndexLeftOut => Exit::Remote,
            Kind::MispPaused | Kind::MispStuck | Kind::MispUnpublished => Exit::Remote,
            Kind::SightingsStuck => Exit::Remote,
            Kind::ConfigRefused | Kind::StepFailed => Exit::Usage,
            Kind::OutputBlocked | Kind::PackagesBlocked => Exit::Usage,
            Kind::LogsUnread | Kind::EventsUnchecked => Exit::Damaged,
            // A deleted log is missed until it leaves the history window. Only the round that
            // notices it fails.
            Kind::HistoryMissed => Exit::Done,
            // Everything works; the publisher may want to know.
            Kind::FeedIdsChanged => Exit::Done,
        }
    }

    /// Returns the condition in a few words, to be followed by its subject.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Kind::ConfigRefused => "configuration not in use",
            Kind::StepFailed => "step failed",
            Kind::FeedDead => "feed dead",
            Kind::FeedHeld => "delivery held back",
            Kind::FeedIdsChanged => "new ids for known indicators",
            Kind::BlacklistHeld => "blacklist held back",
            Kind::OutputBlocked => "output not writable",
            Kind::PackagesBlocked => "packages not written",
            Kind::MailsStuck => "mails not delivered",
            Kind::WebhooksStuck => "webhook not delivered",
            Kind::PushStuck => "blacklist not on the cluster",
            Kind::LogsUnread => "logs not read",
            Kind::EventsUnchecked => "events not checked",
            Kind::HistoryMissed => "stored lines not matched",
            Kind::ClusterTaken => "cluster held by another controller",
            Kind::IndexLeftOut => "index left out",
            Kind::MispPaused => "MISP server paused",
            Kind::MispStuck => "MISP events not sent",
            Kind::SightingsStuck => "sightings not sent",
            Kind::MispUnpublished => "MISP events not published",
        }
    }

    /// Returns a step that an operator can take.
    pub(crate) fn remedy(self, subject: &str) -> String {
        let text = match self {
            Kind::ConfigRefused => {
                "correct it, see `threatsieve config check`, then send SIGHUP; \
                 until then, the previous one stays in use"
            }
            Kind::StepFailed => "see the reason, and the log of the program",
            Kind::FeedDead => {
                "see `threatsieve config check`, then the feed's server and credentials"
            }
            Kind::FeedHeld => {
                return format!(
                    "look at the feed; `threatsieve feeds --allow {subject}` \
                     lets the next delivery through"
                );
            }
            Kind::FeedIdsChanged => {
                "nothing is lost or counted twice; if it goes on, ask the publisher for stable ids"
            }
            Kind::BlacklistHeld => {
                "look at the feeds; `threatsieve feeds --allow NAME` \
                 lets the next blacklist through"
            }
            Kind::PackagesBlocked => {
                "make the folder, free space, or give the program the right to write; \
                 packages wait while `retention.packages` keeps them"
            }
            Kind::OutputBlocked => {
                "free space, or give the program the right to write; nothing is lost"
            }
            Kind::MailsStuck => "see the mail server, and the recipient's address",
            Kind::WebhooksStuck => {
                "see the receiver, and the webhook's address and secrets; a changed address or \
                 secret is tried at once"
            }
            Kind::PushStuck => "see `threatsieve status`, node by node",
            Kind::LogsUnread => {
                "give the program the right to read, or remove damaged files; \
                 they are tried again in each round"
            }
            Kind::EventsUnchecked => {
                "see the log of the program, which names lines; please report it"
            }
            Kind::HistoryMissed => {
                "match the files with `threatsieve scan`, if they are kept elsewhere"
            }
            Kind::ClusterTaken => {
                "stop the other controller, or take over with `threatsieve backfill --take-over`"
            }
            Kind::IndexLeftOut => {
                "see docs/backfill.md, or name other indices in [opensearch.backfill]"
            }
            Kind::MispPaused => {
                return format!(
                    "see the key and its user's rights; `threatsieve misp resume {subject}` tries \
                     again at once; the queue is kept"
                );
            }
            Kind::MispStuck => {
                return format!("see `threatsieve misp failed --server {subject}`");
            }
            Kind::SightingsStuck => {
                "see the collection: it must be writable with the feed's credentials"
            }
            Kind::MispUnpublished => "see the server's background workers",
        };
        text.to_owned()
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A fault of the service, with the time when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Condition {
    #[schema(value_type = String)]
    pub(crate) kind: Kind,
    /// The feed, step, log source, recipient or webhook; empty if the kind has only one subject.
    pub(crate) subject: String,
    /// Details for people: how much, and why.
    pub(crate) what: String,
    pub(crate) since: Rfc3339,
}

impl Condition {
    fn row(&self) -> ConditionRow {
        ConditionRow {
            kind: self.kind.name().to_owned(),
            subject: self.subject.clone(),
            what: self.what.clone(),
            since: self.since.0,
        }
    }

    /// Returns the kind and the subject. Conditions with the same key are one condition.
    pub(crate) fn key(&self) -> (Kind, &str) {
        (self.kind, &self.subject)
    }
}

/// `feed dead: partner`
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.title())?;
        if self.subject.is_empty() { Ok(()) } else { write!(f, ": {}", self.subject) }
    }
}

/// Conditions after a round, and how they differ from those before it.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) began: Vec<Condition>,
    pub(crate) ended: Vec<Condition>,
    /// Conditions that were there before and still are.
    pub(crate) lasting: Vec<Condition>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.began.is_empty() && self.ended.is_empty()
    }

    /// Returns all present conditions.
    pub(crate) fn current(&self) -> impl Iterator<Item = &Condition> {
        self.began.iter().chain(&self.lasting)
    }
}

/// Reads the conditions at the end of the last round, the oldest first. Leaves out kinds that only
/// a later version knows.
pub(crate) fn read(connection: &Connection) -> anyhow::Result<Vec<Condition>> {
    let known = |row: ConditionRow| {
        let (kind, since) = (Kind::from_name(&row.kind)?, Rfc3339(row.since));
        Some(Condition { kind, subject: row.subject, what: row.what, since })
    };
    Ok(conditions(connection)?.into_iter().filter_map(known).collect())
}

/// Replaces the list in the state by the present conditions. A condition that lasts keeps the time
/// of its beginning.
pub(crate) fn settle(
    transaction: &Transaction<'_>,
    now: Vec<Condition>,
) -> anyhow::Result<Changes> {
    let before = read(transaction)?;
    let mut changes = Changes::default();
    for mut condition in now {
        match before.iter().find(|known| known.key() == condition.key()) {
            Some(known) => {
                condition.since = known.since.min(condition.since);
                changes.lasting.push(condition);
            }
            None => changes.began.push(condition),
        }
    }
    let is_over =
        |known: &Condition| !changes.current().any(|condition| condition.key() == known.key());
    changes.ended = before.iter().filter(|known| is_over(known)).cloned().collect();
    replace_conditions(transaction, changes.current().map(Condition::row))?;
    Ok(changes)
}

/// Logs the conditions that began and those that ended.
pub(crate) fn log(changes: &Changes, now: Timestamp) {
    for condition in &changes.began {
        let (kind, since) = (condition.kind.name(), condition.since.to_string());
        tracing::warn!(kind, since, "{condition}: {}", condition.what);
    }
    for condition in &changes.ended {
        let seconds = now.since(condition.since.0).as_secs();
        tracing::info!(kind = condition.kind.name(), seconds, "over: {condition}");
    }
}
