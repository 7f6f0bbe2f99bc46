//! The answer to `threatsieve status`: read from the state into typed values, then printed as text
//! or JSON.

mod cluster;
mod feeds;
mod indicators;
mod matches;
mod misp;
mod steering;
mod storage;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;
use utoipa::ToSchema;

pub(crate) use cluster::{ClusterStatus, probe};
pub(crate) use feeds::{FeedStatus, FeedTable, feeds};
pub(crate) use indicators::IndicatorStatus;
pub(crate) use matches::{GenerationStatus, MatchStatus};
pub(crate) use misp::{FailedStatus, MispStatus, misp_servers};
pub(crate) use steering::{MuteStatus, RetractionStatus};
pub(crate) use storage::StateStatus;

use crate::conditions::{self, Condition};
use crate::config::Config;
use crate::indicators::generation;
use crate::rounds::ClockJump;
use crate::store::Store;
use crate::store::history::HistoryState;
use crate::store::mails::Undelivered;
use crate::store::records::RecordCounts;
use crate::store::rounds::RoundRow;
use crate::store::sightings::SightingsQueue;
use crate::store::webhooks::WebhookQueue;
use crate::text::{Rfc3339, escape_controls, grouped};

/// Maximum number of undelivered mails that are listed.
const SHOWN_MAILS: usize = 20;

/// The status of the service, from the state and the cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Status {
    /// The conditions at the end of the last round, the oldest first.
    pub(crate) conditions: Vec<Condition>,
    /// Reason why the last round did nothing.
    pub(crate) clock: Option<ClockJump>,
    pub(crate) feeds: Vec<FeedStatus>,
    /// `None` before the first blacklist.
    pub(crate) blacklist: Option<BlacklistStatus>,
    /// Reason why a newer blacklist is held back.
    pub(crate) held: Option<String>,
    /// Number of operator retractions.
    pub(crate) retracted: usize,
    /// Stored lines that are to be matched again.
    pub(crate) history: HistoryState,
    pub(crate) records: RecordsStatus,
    pub(crate) mails: MailsStatus,
    /// The configured webhooks that were ever used.
    pub(crate) webhooks: Vec<WebhookQueue>,
    /// The configured MISP servers.
    pub(crate) misp: Vec<MispStatus>,
    /// Sightings for collections of TAXII, by feed.
    pub(crate) sightings: Vec<SightingsQueue>,
    /// `None` when no cluster is configured.
    pub(crate) opensearch: Option<ClusterStatus>,
    /// The last round; `None` before the first one.
    pub(crate) round: Option<RoundStatus>,
    pub(crate) state: StateStatus,
}

/// The blacklist in use.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlacklistStatus {
    pub(crate) name: String,
    pub(crate) generation: u64,
    pub(crate) built: Rfc3339,
    pub(crate) entries: u64,
    /// Numbers of entries by type, with the names of STIX.
    pub(crate) types: BTreeMap<String, u64>,
}

/// The queue of the output file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordsStatus {
    pub(crate) waiting: u64,
    /// Time at which the oldest was queued.
    pub(crate) oldest: Option<Rfc3339>,
}

impl RecordsStatus {
    fn read(store: &Store) -> anyhow::Result<RecordsStatus> {
        let RecordCounts { waiting, oldest } = store.waiting_records()?;
        Ok(RecordsStatus { waiting, oldest: oldest.map(Rfc3339) })
    }
}

/// The queue of mails.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MailsStatus {
    pub(crate) waiting: u64,
    pub(crate) sent: u64,
    pub(crate) given_up: u64,
    /// Time at which the oldest one that waits was composed.
    pub(crate) oldest: Option<Rfc3339>,
    /// Mails that wait or were given up, newest first.
    pub(crate) undelivered: Vec<MailStatus>,
}

/// A mail that was not delivered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MailStatus {
    pub(crate) message_id: String,
    pub(crate) recipient: String,
    pub(crate) composed: Rfc3339,
    pub(crate) attempts: u32,
    pub(crate) next_attempt: Option<Rfc3339>,
    pub(crate) given_up: bool,
    pub(crate) error: Option<String>,
}

/// A round.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoundStatus {
    pub(crate) number: i64,
    pub(crate) started: Rfc3339,
    pub(crate) ended: Option<Rfc3339>,
    /// The round's report, as it was stored.
    #[schema(value_type = Option<Object>)]
    pub(crate) report: Option<Json>,
}

impl Status {
    /// Reads the state. The cluster's answer comes from the caller, who can wait for it.
    pub(crate) fn read(
        config: &Config,
        store: &Store,
        opensearch: Option<ClusterStatus>,
    ) -> anyhow::Result<Status> {
        let in_use = generation::in_use(store, config)?;
        let round = store.last_round()?;
        let clock = store.upkeep()?.suspect.zip(round.as_ref()).map(|(to, round)| ClockJump {
            from: Rfc3339(round.ended.unwrap_or(round.started)),
            to: Rfc3339(to),
        });
        Ok(Status {
            conditions: conditions::read(store.connection())?,
            clock,
            feeds: feeds(config, store)?,
            blacklist: in_use.map(|in_use| BlacklistStatus {
                name: config.blacklist.name.clone(),
                generation: in_use.generation,
                built: Rfc3339(in_use.built),
                entries: in_use.entries,
                types: in_use.types,
            }),
            held: generation::held(store)?,
            retracted: store.false_positives()?.len(),
            history: store.history_state()?,
            records: RecordsStatus::read(store)?,
            mails: MailsStatus::read(store)?,
            webhooks: webhooks(config, store)?,
            misp: misp_servers(config, store)?,
            sightings: sightings(config, store)?,
            opensearch,
            round: round.map(RoundStatus::from),
            state: StateStatus::read(config, store)?,
        })
    }
}

impl From<RoundRow> for RoundStatus {
    fn from(round: RoundRow) -> RoundStatus {
        RoundStatus {
            number: round.number,
            started: Rfc3339(round.started),
            ended: round.ended.map(Rfc3339),
            report: round.report,
        }
    }
}

/// Returns the queues of the configured webhooks.
pub(crate) fn webhooks(config: &Config, store: &Store) -> anyhow::Result<Vec<WebhookQueue>> {
    let mut queues = store.webhook_queues(Timestamp(i64::MIN))?;
    queues.retain(|queue| config.webhooks.iter().any(|webhook| webhook.name == queue.name));
    Ok(queues)
}

/// Returns the queues of sightings of the configured feeds.
fn sightings(config: &Config, store: &Store) -> anyhow::Result<Vec<SightingsQueue>> {
    let mut queues = store.sightings_queues(Timestamp(i64::MIN))?;
    queues.retain(|queue| config.feeds.iter().any(|feed| feed.name == queue.feed));
    Ok(queues)
}

impl MailsStatus {
    /// Reads the queue of mails.
    pub(crate) fn read(store: &Store) -> anyhow::Result<MailsStatus> {
        let counts = store.mail_counts()?;
        let undelivered = store.undelivered_mails(SHOWN_MAILS)?;
        Ok(MailsStatus {
            waiting: counts.waiting,
            sent: counts.sent,
            given_up: counts.given_up,
            oldest: counts.oldest.map(Rfc3339),
            undelivered: undelivered.into_iter().map(MailStatus::from).collect(),
        })
    }
}

impl From<Undelivered> for MailStatus {
    fn from(mail: Undelivered) -> MailStatus {
        MailStatus {
            message_id: mail.message_id,
            recipient: mail.recipient,
            composed: Rfc3339(mail.composed),
            attempts: mail.attempts,
            next_attempt: mail.next_attempt.map(Rfc3339),
            given_up: mail.given_up,
            error: mail.error,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(jump) = &self.clock {
            writeln!(f, "clock     {jump}")?;
        }
        for condition in &self.conditions {
            let Condition { kind, subject, what, since } = condition;
            let shown = format!("{condition}, since {since}: {what}; {}", kind.remedy(subject));
            writeln!(f, "wrong     {}", escape_controls(&shown))?;
        }
        for feed in &self.feeds {
            write!(f, "{feed}")?;
        }
        match &self.blacklist {
            Some(blacklist) => writeln!(f, "{blacklist}")?,
            None => writeln!(f, "blacklist none yet")?,
        }
        if let Some(why) = &self.held {
            writeln!(
                f,
                "          a newer one is held back: {}; \
                 `threatsieve feeds --allow` lets it through",
                escape_controls(why)
            )?;
        }
        if self.retracted > 0 {
            let retracted = grouped(self.retracted as u64);
            writeln!(f, "retracted {retracted} values and indicators are kept out")?;
        }
        write!(f, "{}", self.history)?;
        writeln!(f, "records   {} waiting", grouped(self.records.waiting))?;
        write!(f, "{}", self.mails)?;
        for queue in &self.webhooks {
            write!(f, "{queue}")?;
        }
        for server in &self.misp {
            write!(f, "{server}")?;
        }
        for queue in &self.sightings {
            write!(f, "{queue}")?;
        }
        if let Some(cluster) = &self.opensearch {
            write!(f, "{cluster}")?;
        }
        match &self.round {
            Some(round) => writeln!(f, "{round}")?,
            None => writeln!(f, "round     none yet")?,
        }
        write!(f, "{}", self.state)
    }
}

impl fmt::Display for BlacklistStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BlacklistStatus { name, generation, built, entries, .. } = self;
        let entries = grouped(*entries);
        write!(
            f,
            "blacklist {} generation {generation}, {entries} entries, built {built}",
            escape_controls(name)
        )
    }
}

impl fmt::Display for HistoryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.files > 0 {
            let [done, bytes, files] = [self.bytes_done, self.bytes, self.files].map(grouped);
            writeln!(f, "history   {done} of {bytes} bytes matched again, {files} files left")?;
        }
        for missed in &self.missed {
            let (path, reason) = (escape_controls(&missed.path), escape_controls(&missed.reason));
            writeln!(
                f,
                "          {path} cannot be read since {}, and is tried in each round: {reason}",
                missed.since
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for MailsStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [waiting, sent, given_up] = [self.waiting, self.sent, self.given_up].map(grouped);
        writeln!(f, "mails     {waiting} waiting, {sent} sent, {given_up} given up")?;
        for mail in &self.undelivered {
            let error = escape_controls(mail.error.as_deref().unwrap_or("not tried yet"));
            writeln!(
                f,
                "          to {}, composed {}: {error}",
                escape_controls(&mail.recipient),
                mail.composed
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for WebhookQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [waiting, sent, given_up] = [self.waiting, self.sent, self.given_up].map(grouped);
        let name = escape_controls(&self.name);
        writeln!(f, "webhook   {name}: {waiting} waiting, {sent} sent, {given_up} given up")?;
        if let Some(next) = self.next_attempt {
            writeln!(f, "          tried again at {next}")?;
        }
        if let Some(error) = &self.error {
            writeln!(f, "          {}", escape_controls(error))?;
        }
        Ok(())
    }
}

impl fmt::Display for SightingsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [waiting, sent, refused] = [self.waiting, self.sent, self.refused].map(grouped);
        let feed = escape_controls(&self.feed);
        writeln!(f, "sightings {feed}: {waiting} waiting, {sent} sent, {refused} refused")?;
        if let Some(error) = &self.error {
            writeln!(f, "          {}", escape_controls(error))?;
        }
        Ok(())
    }
}

impl fmt::Display for RoundStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = self.ended.map_or_else(|| "not ended".to_owned(), |ended| ended.to_string());
        write!(f, "round     {} started {}, ended {ended}", self.number, self.started)
    }
}
