//! Finding the conditions in the state and in a round's report.

use std::collections::BTreeMap;
use std::time::Duration;

use threatsieve_blacklist::Timestamp;

use super::{Condition, Kind};
use crate::config::{Config, Feed};
use crate::follow::Trouble;
use crate::indicators::generation;
use crate::rounds::RoundReport;
use crate::store::{FeedState, Renamed, Store};
use crate::text::{Rfc3339, counted, escape_controls, grouped};

/// Time for which a mail or delivery that was given up makes a condition: a day.
const GIVEN_UP_COUNTS: Duration = Duration::from_secs(24 * 60 * 60);

/// Time for which new ids of a feed make a condition: a week.
const NEW_IDS_COUNT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Lists the conditions at the end of a round. `before` is the list of the round before. If a step
/// of this round did not run, the conditions that it would have found stay as they were.
pub(crate) fn assess(
    config: &Config,
    store: &Store,
    report: &RoundReport,
    before: &[Condition],
    now: Timestamp,
) -> anyhow::Result<Vec<Condition>> {
    let mut list = List { config, store, report, now, conditions: Vec::new() };
    list.conditions.extend(report.refused_config.as_deref().map(|why| config_refused(why, now)));
    list.steps();
    list.feeds()?;
    list.output();
    list.packages();
    list.mails()?;
    list.webhooks()?;
    list.push()?;
    list.indices()?;
    list.misp()?;
    list.sightings()?;
    list.logs();
    let did_not_run = |condition: &&Condition| match condition.kind {
        Kind::OutputBlocked => report.records.is_none(),
        Kind::PackagesBlocked => report.packages.is_none(),
        Kind::LogsUnread | Kind::EventsUnchecked => report.follow.is_none(),
        Kind::HistoryMissed => report.history.is_none(),
        _ => false,
    };
    list.conditions.extend(before.iter().filter(did_not_run).cloned());
    Ok(list.conditions)
}

/// Returns the condition of a configuration that is not in use.
pub(crate) fn config_refused(why: &str, now: Timestamp) -> Condition {
    let (kind, subject, what) = (Kind::ConfigRefused, String::new(), why.to_owned());
    Condition { kind, subject, what, since: Rfc3339(now) }
}

/// A list of conditions that is being built.
struct List<'a> {
    config: &'a Config,
    store: &'a Store,
    report: &'a RoundReport,
    now: Timestamp,
    conditions: Vec<Condition>,
}

impl List<'_> {
    fn add(&mut self, kind: Kind, subject: &str, since: Option<Timestamp>, what: String) {
        let since = Rfc3339(since.unwrap_or(self.now).min(self.now));
        self.conditions.push(Condition { kind, subject: subject.to_owned(), what, since });
    }

    fn steps(&mut self) {
        for error in &self.report.errors {
            let (step, why) = error.split_once(": ").unwrap_or(("", error));
            self.add(Kind::StepFailed, step, None, why.to_owned());
        }
    }

    fn feeds(&mut self) -> anyhow::Result<()> {
        let states = self.store.feed_states()?;
        for feed in &self.config.feeds {
            let Some(state) = states.iter().find(|state| state.name == feed.name) else { continue };
            if let Some(since) =
                dead_since(feed, state, self.config.health.feed_dead_after, self.now)
            {
                let succeeded =
                    state.succeeded.map_or("never".to_owned(), |at| Rfc3339(at).to_string());
                let error = state.error.as_deref().unwrap_or("no error is known");
                let failed = counted(state.failures.into(), "failed poll", "failed polls");
                let what = format!(
                    "last good poll: {succeeded}; {failed} in a row, the last one: {error}"
                );
                self.add(Kind::FeedDead, &feed.name, Some(since), what);
            }
            let recent = |changed: &&Renamed| Timestamp(changed.at) > self.now.minus(NEW_IDS_COUNT);
            if let Some(changed) = state.ids_changed.as_ref().filter(recent) {
                let what = new_ids(changed);
                self.add(Kind::FeedIdsChanged, &feed.name, Some(Timestamp(changed.at)), what);
            }
            if let Some(held) = &state.held {
                self.add(Kind::FeedHeld, &feed.name, Some(Timestamp(held.at)), held.why.clone());
            }
        }
        if let Some(why) = generation::held(self.store)? {
            self.add(Kind::BlacklistHeld, "", None, why);
        }
        Ok(())
    }

    fn output(&mut self) {
        let Some(records) = &self.report.records else { return };
        if let Some(error) = &records.error {
            let waiting = counted(records.waiting, "record waits", "records wait");
            self.add(Kind::OutputBlocked, "", None, format!("{error}; {waiting}"));
        }
    }

    fn packages(&mut self) {
        for files in self.report.packages.iter().flatten() {
            if let Some(error) = &files.error {
                let waiting = counted(files.waiting, "package waits", "packages wait");
                self.add(Kind::PackagesBlocked, &files.feed, None, format!("{error}; {waiting}"));
            }
        }
    }

    fn mails(&mut self) -> anyhow::Result<()> {
        let (waits_since, given_up_since) =
            (self.now.minus(self.config.health.stuck_after), self.now.minus(GIVEN_UP_COUNTS));
        for queue in self.store.stuck_mails(waits_since, given_up_since)? {
            let mut parts = Vec::new();
            if queue.waiting > 0 {
                parts.push(counted(queue.waiting, "mail waits", "mails wait"));
            }
            if queue.given_up > 0 {
                parts.push(counted(queue.given_up, "mail was given up", "mails were given up"));
            }
            let error = queue.error.as_deref().unwrap_or("no error is known");
            let what = format!("{}; the last answer: {error}", parts.join(", "));
            self.add(Kind::MailsStuck, &queue.recipient, Some(queue.oldest), what);
        }
        Ok(())
    }

    fn webhooks(&mut self) -> anyhow::Result<()> {
        let waits_since = self.now.minus(self.config.health.stuck_after);
        for queue in self.store.webhook_queues(self.now.minus(GIVEN_UP_COUNTS))? {
            // A delivery that was not tried yet is sent in the present round.
            let is_stuck =
                queue.failures > 0 && queue.oldest.is_some_and(|oldest| oldest.0 <= waits_since);
            if !is_stuck && queue.refused.is_none() && queue.given_up == 0 {
                continue;
            }
            let mut parts = Vec::new();
            if queue.waiting > 0 {
                parts.push(counted(queue.waiting, "delivery waits", "deliveries wait"));
            }
            if queue.given_up > 0 {
                parts.push(counted(
                    queue.given_up,
                    "delivery was given up",
                    "deliveries were given up",
                ));
            }
            let error = queue.refused.or(queue.error);
            let error = error.as_deref().unwrap_or("no error is known");
            let what = format!("{}; the last answer: {error}", parts.join(", "));
            self.add(Kind::WebhooksStuck, &queue.name, queue.oldest.map(|at| at.0), what);
        }
        Ok(())
    }

    fn push(&mut self) -> anyhow::Result<()> {
        if !self.config.opensearch.as_ref().is_some_and(|opensearch| opensearch.push) {
            return Ok(());
        }
        let Some(in_use) = generation::in_use(self.store, self.config)? else { return Ok(()) };
        let push = self.store.last_push()?;
        if push.newly_unchecked > 0 {
            let events = counted(push.newly_unchecked, "event was", "events were");
            let what = format!(
                "{events} indexed by the cluster's nodes without a check since the round before"
            );
            self.add(Kind::EventsUnchecked, "cluster", None, what);
        }
        let is_of_this = push.is_of(in_use.generation, &in_use.digest);
        if is_of_this && push.acknowledged.is_some() {
            return Ok(());
        }
        let refused = push.refused.as_ref().filter(|_| is_of_this);
        if refused.is_none() && in_use.built > self.now.minus(self.config.health.stuck_after) {
            return Ok(());
        }
        let error = push.error.as_deref().unwrap_or("not all ingest nodes serve it");
        let what = match refused {
            Some(kind) => format!("generation {} is refused ({kind}): {error}", in_use.generation),
            None => format!("generation {}: {error}", in_use.generation),
        };
        self.add(Kind::PushStuck, "", Some(in_use.built), what);
        Ok(())
    }

    fn indices(&mut self) -> anyhow::Result<()> {
        if self.config.backfill().is_none() {
            return Ok(());
        }
        if let Some(holder) = self.store.known_claim()?.and_then(|claim| claim.refused) {
            self.add(Kind::ClusterTaken, "", None, format!("the holder: {holder}"));
        }
        for trouble in self.store.index_troubles()? {
            self.add(Kind::IndexLeftOut, &trouble.index, None, trouble.reason);
        }
        let indices = self.report.backfill.iter().flat_map(|backfill| &backfill.indices);
        let unchecked: u64 = indices.map(|index| index.unchecked).sum();
        if unchecked > 0 {
            let events = counted(unchecked, "stored event was", "stored events were");
            let what = format!("{events} not checked, or only in the first part");
            self.add(Kind::EventsUnchecked, "indices", None, what);
        }
        Ok(())
    }

    fn misp(&mut self) -> anyhow::Result<()> {
        for server in &self.config.misp {
            let Some(state) = self.store.known_misp_server(&server.name)? else { continue };
            if let Some(why) = state.paused {
                self.add(Kind::MispPaused, &server.name, state.paused_since, why);
            }
            let since = self.now.minus(self.config.health.stuck_after);
            if let Some(stuck) = self.store.stuck_misp(state.id, since)? {
                let parts = [
                    (stuck.waiting, "event waits", "events wait"),
                    (stuck.failed, "event failed", "events failed"),
                    (stuck.uncertain, "event is uncertain", "events are uncertain"),
                ];
                let parts: Vec<String> = parts
                    .into_iter()
                    .filter(|(number, ..)| *number > 0)
                    .map(|(number, one, more)| counted(number, one, more))
                    .collect();
                let error = stuck.error.as_deref().unwrap_or("no error is known");
                let what = format!("{}; the last error: {error}", parts.join(", "));
                self.add(Kind::MispStuck, &server.name, stuck.oldest, what);
            }
            let since = self.now.minus(server.publish_within);
            let unpublished = self.store.unpublished_misp(state.id, since)?;
            if let Some(first) = unpublished.values().next() {
                let events = counted(unpublished.len() as u64, "event is", "events are");
                let what = format!(
                    "{events} not published, though the server was asked to do so more than {} \
                     ago: {first}",
                    humantime::format_duration(server.publish_within)
                );
                self.add(Kind::MispUnpublished, &server.name, None, what);
            }
        }
        Ok(())
    }

    fn sightings(&mut self) -> anyhow::Result<()> {
        let waits_since = self.now.minus(self.config.health.stuck_after);
        for queue in self.store.sightings_queues(self.now.minus(GIVEN_UP_COUNTS))? {
            let is_stuck =
                queue.error.is_some() && queue.oldest.is_some_and(|oldest| oldest.0 <= waits_since);
            let is_wanted = self.config.feeds.iter().any(|feed| feed.name == queue.feed);
            if !is_wanted || !is_stuck && queue.refused == 0 {
                continue;
            }
            let parts = [
                (queue.waiting, "sighting waits", "sightings wait"),
                (queue.refused, "sighting was refused", "sightings were refused"),
            ];
            let parts: Vec<String> = parts
                .into_iter()
                .filter(|(number, ..)| *number > 0)
                .map(|(number, one, more)| counted(number, one, more))
                .collect();
            let error = queue.error.as_deref().unwrap_or("no error is known");
            let what = format!("{}; the last answer: {error}", parts.join(", "));
            self.add(Kind::SightingsStuck, &queue.feed, queue.oldest.map(|at| at.0), what);
        }
        Ok(())
    }

    fn logs(&mut self) {
        if let Some(follow) = &self.report.follow {
            let mut sources = BTreeMap::<&str, Vec<&Trouble>>::new();
            for trouble in &follow.troubles {
                sources.entry(&trouble.source).or_default().push(trouble);
            }
            for (source, troubles) in sources {
                let more = match troubles.len() - 1 {
                    0 => String::new(),
                    more => format!(", and {} more", grouped(more as u64)),
                };
                let Trouble { path, what, .. } = troubles[0];
                self.add(Kind::LogsUnread, source, None, format!("{path}: {what}{more}"));
            }
            if follow.unchecked + follow.cut > 0 {
                let unchecked =
                    counted(follow.unchecked, "line was not checked", "lines were not checked");
                let cut = counted(
                    follow.cut,
                    "line only in its first part",
                    "lines only in their first part",
                );
                self.add(Kind::EventsUnchecked, "", None, format!("{unchecked}, {cut}"));
            }
        }
        if let Some(history) = self.report.history.as_ref().filter(|history| history.missed > 0) {
            let files = counted(history.missed, "file", "files");
            let what = format!(
                "the stored lines of {files} cannot be matched with what is newly listed; \
                 they are tried in each round"
            );
            self.add(Kind::HistoryMissed, "", None, what);
        }
    }
}

fn new_ids(changed: &Renamed) -> String {
    let Renamed { indicators, active, example: (former, new), .. } = changed;
    format!(
        "{} of {} indicators came again under new ids, for example {} as {}; the earlier ids no \
         longer count",
        grouped(*indicators),
        grouped(*active),
        escape_controls(former),
        escape_controls(new)
    )
}

/// Returns the time since which a feed has failed, if that is long enough ago. A feed that is
/// polled seldom gets at least two intervals.
fn dead_since(
    feed: &Feed,
    state: &FeedState,
    after: Duration,
    now: Timestamp,
) -> Option<Timestamp> {
    let after = after.max(feed.every.unwrap_or_default().saturating_mul(2));
    state.failing_since.filter(|since| *since <= now.minus(after))
}
