//! The data of the page. It is read at most once in a second, however many people look at it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;
use tokio::sync::Mutex;

use super::plot::{self, DayCount};
use crate::serve::api::{Backfill, backfills};
use crate::serve::refusal::Refusal;
use crate::service::Service;
use crate::status::{GenerationStatus, MatchStatus, MuteStatus, RetractionStatus, Status};
use crate::store::Store;
use crate::store::matches::{MatchCounts, MatchQuery};
use crate::store::rounds::RoundRow;

/// Age up to which data is shown again.
const FRESH: Duration = Duration::from_secs(1);
/// Rows that the page shows.
const MATCHES: usize = 25;
const GENERATIONS: usize = 8;
/// Backfills that somebody asked for: maximum number, and the number of those that have ended.
const ASKED: usize = 25;
const ENDED: usize = 3;
/// Maximum number of rounds that the trend of feeds is made of.
const ROUNDS: usize = 150;
/// Span of the trend of feeds.
const TREND_MICROS: i64 = plot::DAY_MICROS;

/// Everything that the page shows.
pub(super) struct Overview {
    pub(super) read: Timestamp,
    pub(super) status: Status,
    /// Indicators that each feed added and removed in the last day.
    pub(super) trends: Vec<Trend>,
    pub(super) generations: Vec<GenerationStatus>,
    pub(super) matches: Vec<MatchStatus>,
    pub(super) counts: MatchCounts,
    pub(super) days: Vec<DayCount>,
    pub(super) plot: String,
    /// Backfills that rounds do, and the newest of those that somebody asked for.
    pub(super) backfills: Vec<Backfill>,
    pub(super) asked: Vec<Backfill>,
    pub(super) mutes: Vec<MuteStatus>,
    pub(super) retractions: Vec<RetractionStatus>,
    /// Ingest nodes as the last round saw them: name, state, generation.
    pub(super) nodes: Vec<(String, String, String)>,
    pub(super) next_round: Option<Timestamp>,
    pub(super) running_since: Option<Timestamp>,
}

/// Changes of a feed's indicators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Trend {
    pub(super) added: u64,
    pub(super) removed: u64,
}

/// The data that was read last.
#[derive(Default)]
pub(in crate::serve) struct Recent(Mutex<Option<(Instant, Arc<Overview>)>>);

impl Recent {
    /// Returns the data; reads it, if it is older than a second.
    pub(super) async fn get(&self, service: &Arc<Service>) -> Result<Arc<Overview>, Refusal> {
        let mut recent = self.0.lock().await;
        if let Some((read, overview)) = &*recent
            && read.elapsed() < FRESH
        {
            return Ok(Arc::clone(overview));
        }
        let (next, running) = (service.next_round(), service.counted().running_since);
        let overview = Arc::new(read(service, next, running).await?);
        *recent = Some((Instant::now(), Arc::clone(&overview)));
        Ok(overview)
    }

    /// Forgets the data: somebody changed something.
    pub(super) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

async fn read(
    service: &Arc<Service>,
    next_round: Option<Timestamp>,
    running_since: Option<Timestamp>,
) -> Result<Overview, Refusal> {
    let now = Timestamp(jiff::Timestamp::now().as_microsecond());
    let read = service.read(move |store, config| {
        let status = Status::read(config, store, None)?;
        let rounds = store.rounds(None, ROUNDS)?;
        let in_use = status.blacklist.as_ref().map(|it| it.generation);
        let generations = store.generations(None, GENERATIONS)?;
        let query = MatchQuery { limit: MATCHES, ..MatchQuery::default() };
        let bars = store.flagged_over_time(plot::first_day(now), plot::DAY_MICROS)?;
        let days = plot::days(&bars, now);
        let ended = rounds.iter().find(|round| round.ended.is_some());
        Ok(Overview {
            read: now,
            trends: status.feeds.iter().map(|feed| trend(&feed.name, &rounds, now)).collect(),
            nodes: ended.map(nodes).unwrap_or_default(),
            status,
            generations: generations
                .into_iter()
                .map(|row| GenerationStatus::new(row, in_use))
                .collect(),
            matches: store.matches(&query)?.0.into_iter().map(MatchStatus::from).collect(),
            counts: store.match_counts()?,
            plot: plot::draw(&days)?,
            days,
            backfills: backfills(store, config)?,
            asked: asked(store)?,
            mutes: store.mutes()?.into_iter().map(|mute| MuteStatus::new(mute, now)).collect(),
            retractions: store.false_positives()?.into_iter().map(Into::into).collect(),
            next_round,
            running_since,
        })
    });
    Ok(read.await?)
}

/// Reads the backfills that somebody asked for: those that go on, and the newest that ended.
fn asked(store: &Store) -> anyhow::Result<Vec<Backfill>> {
    let mut ended = 0;
    let mut all = store.asked_backfills(None, ASKED)?;
    all.retain(|one| {
        ended += usize::from(one.stage.has_ended());
        !one.stage.has_ended() || ended <= ENDED
    });
    Ok(all.into_iter().map(Backfill::from).collect())
}

/// Sums up what the rounds of the last day say of a feed.
fn trend(feed: &str, rounds: &[RoundRow], now: Timestamp) -> Trend {
    let mut trend = Trend::default();
    for round in rounds.iter().filter(|round| round.started.0 > now.0 - TREND_MICROS) {
        let feeds = round.report.as_ref().and_then(|report| report.get("feeds")?.as_array());
        let named = |one: &&Json| one.get("name").and_then(Json::as_str) == Some(feed);
        let Some(taken) = feeds.and_then(|feeds| feeds.iter().find(named)?.get("taken")) else {
            continue;
        };
        if taken.get("held").is_some_and(|held| !held.is_null()) {
            continue;
        }
        let count = |key: &str| taken.get(key).and_then(Json::as_u64).unwrap_or(0);
        trend.added += count("added");
        trend.removed += count("removed") + count("revoked");
    }
    trend
}

/// Reads the ingest nodes from a round's report.
fn nodes(round: &RoundRow) -> Vec<(String, String, String)> {
    let push = round.report.as_ref().and_then(|report| report.get("push"));
    let nodes = push.and_then(|push| push.get("nodes")?.as_array());
    let text = |node: &Json, key: &str| match node.get(key) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        _ => "-".to_owned(),
    };
    nodes
        .into_iter()
        .flatten()
        .map(|node| (text(node, "name"), text(node, "state"), text(node, "generation")))
        .collect()
}

impl Overview {
    /// Returns a digest of what is shown, apart from ages. If it changes, the page is old.
    pub(super) fn version(&self) -> String {
        let Status { conditions, round, blacklist, mails, records, .. } = &self.status;
        let newest = self.matches.first().map(|one| one.id);
        let ended = round.as_ref().map(|round| (round.number, round.ended));
        let asked: Vec<_> = self.asked.iter().map(|one| (&one.id, one.state)).collect();
        let shown = format!(
            "{ended:?} {newest:?} {asked:?} {:?} {} {} {} {} {:?} {:?}",
            blacklist.as_ref().map(|it| it.generation),
            mails.waiting,
            records.waiting,
            self.mutes.len(),
            self.retractions.len(),
            conditions,
            self.counts,
        );
        blake3::hash(shown.as_bytes()).to_hex().as_str().get(..16).unwrap_or_default().to_owned()
    }
}
