//! One round's work on the indices of a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;
use threatsieve_log::Fields;

use super::claim::{claim, refusal};
use super::events::{Events, Index, Primary};
use super::follow::{flagged_query, follow};
use super::plan::{Plan, fields_to_read, obstacle};
use super::report::{BackfillReport, LeftOut};
use super::retract::retract;
use super::settle::Settling;
use super::work::{Interrupted, Work};
use crate::config::{Backfill, CheckedBy, Config, Way};
use crate::matching::Matcher;
use crate::opensearch::mappings::Expected;
use crate::output::Done;
use crate::stop::Stop;
use crate::store::Store;
use crate::store::cluster::backfills::{AskedBackfill, Counts};
use crate::store::cluster::shards::{SeenShard, Shard};
use crate::store::events::Finding;

/// The wishes of an operator, instead of what is due.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// Only these indices; empty for those of the configuration.
    pub(crate) indices: Vec<String>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) way: Option<Way>,
    /// Match all events of the range with all indicators, also those that are done.
    pub(crate) all: bool,
    /// Take the cluster from another controller.
    pub(crate) takes_over: bool,
    /// Number of the backfill in the state, which keeps its places and counts.
    pub(crate) kept: Option<i64>,
}

impl Asked {
    /// Returns the wishes of a backfill that the state keeps.
    pub(crate) fn of(backfill: &AskedBackfill) -> Asked {
        let AskedBackfill { id, wish, .. } = backfill;
        Asked {
            indices: wish.indices.clone(),
            since: wish.since,
            until: wish.until,
            way: wish.way,
            all: true,
            takes_over: false,
            kept: Some(*id),
        }
    }
}

/// The inputs of the work.
pub(crate) struct Backfilling<'a> {
    pub(crate) config: &'a Config,
    pub(crate) settings: &'a Backfill,
    pub(crate) asked: Asked,
    /// Rounds push the blacklist; matching waits until the nodes serve it.
    pub(crate) pushes: bool,
    pub(crate) now: Timestamp,
    pub(crate) deadline: Option<Instant>,
    pub(crate) stop: &'a Stop,
    /// The text of the progress line.
    pub(crate) done: &'a Arc<Done>,
}

/// An index with its plan.
pub(super) struct Planned {
    pub(super) index: Index,
    pub(super) plan: Plan,
}

impl Backfilling<'_> {
    /// Does the work. `matcher` has the blacklist in use; without one, there is nothing to do.
    pub(crate) async fn run<E: Events>(
        &self,
        events: &E,
        store: &mut Store,
        matcher: Option<Arc<Matcher>>,
    ) -> anyhow::Result<BackfillReport> {
        let mut report = BackfillReport::default();
        let name = &self.config.blacklist.name;
        let takes_over = self.asked.takes_over;
        if let Some(holder) = claim(events, store, (name, &self.config.state), takes_over).await? {
            report.refused = Some(refusal(&holder));
            return Ok(report);
        }
        let Some(matcher) = matcher else {
            report.waits = Some("stored events wait for the first blacklist".to_owned());
            return Ok(report);
        };
        let planned = self.planned(events, &mut report).await?;
        let matched = self.matched_fields();
        let fields = fields_to_read(&matched, self.config.output.flag_field.as_deref());
        let mut work = Work {
            events,
            settling: Settling::new(self.config, &matched, &matcher, self.now),
            store,
            fields: &fields,
            rate: self.settings.rate,
            deadline: self.deadline,
            has_read: false,
            stop: self.stop,
            counts: Counts::default(),
            progress: Box::new(|_| {}),
        };
        match retract(&mut work, self.now).await {
            Ok(retracted) => {
                (report.retracted, report.retraction_error) = (retracted.done, retracted.error);
            }
            Err(Interrupted::Failed(error)) => return Err(error),
            Err(Interrupted::Over | Interrupted::Blocked(_)) => {}
        }
        if let Some(waits) = self.wait(work.store, &matcher)? {
            report.waits = Some(waits);
        } else {
            self.match_events(&mut work, &planned, &mut report).await?;
        }
        if !self.asked.all {
            self.follow(events, &mut work, &planned, &mut report).await?;
        }
        let state = work.store.cluster_state()?;
        (report.retractions_left, report.shards_left) =
            (state.documents_waiting, state.shards_left);
        work.store.forget_news()?;
        let troubles: BTreeMap<String, String> =
            report.left_out.iter().map(|one| (one.index.clone(), one.reason.clone())).collect();
        if self.asked.indices.is_empty() {
            for index in work.store.set_index_troubles(&troubles, self.now)? {
                tracing::warn!(index, reason = troubles[&index], "an index is left out");
            }
            work.store.forget_shards(self.config.history.oldest(self.now))?;
        }
        Ok(report)
    }

    /// The fields that are matched.
    fn matched_fields(&self) -> Fields {
        self.settings.fields.as_ref().map_or_else(Fields::default, Fields::named)
    }

    /// Lists the indices that can be matched, and reports the others.
    pub(super) async fn planned(
        &self,
        events: &impl Events,
        report: &mut BackfillReport,
    ) -> anyhow::Result<Vec<Planned>> {
        let patterns = match &self.asked.indices[..] {
            [] => &self.settings.indices,
            asked => asked,
        };
        let flag_field = self.config.output.flag_field.as_deref().unwrap_or_default();
        let expected = Expected::new(&self.config.blacklist.name, flag_field)?;
        let fields = self.matched_fields();
        let mut planned = Vec::new();
        for index in events.indices(patterns).await? {
            match obstacle(&index, &expected) {
                Some(reason) => report.left_out.push(LeftOut { index: index.name, reason }),
                None => {
                    let plan = Plan::new(&index.mappings, &fields);
                    planned.push(Planned { index, plan });
                }
            }
        }
        if planned.is_empty() && report.left_out.is_empty() {
            report.waits = Some(format!("no index has a name like {}", patterns.join(", ")));
        }
        Ok(planned)
    }

    /// Returns why matching waits: events that a node matches before it has the new blacklist would
    /// be passed over.
    fn wait(&self, store: &Store, matcher: &Matcher) -> anyhow::Result<Option<String>> {
        let last = store.last_push()?;
        let blacklist = matcher.blacklist();
        let is_served = last.is_of(blacklist.generation(), blacklist.digest().as_slice())
            && last.acknowledged.is_some();
        let waits = self.pushes
            && !self.asked.all
            && self.settings.new_events == CheckedBy::Pipeline
            && !is_served;
        Ok(waits.then(|| {
            format!(
                "stored events wait until all ingest nodes serve generation {}",
                blacklist.generation()
            )
        }))
    }

    /// Returns the query for the events within the history window, and the range asked for.
    pub(super) fn within(&self, plan: &Plan) -> Json {
        let oldest = self.config.history.oldest(self.now);
        let since = self.asked.since.map_or(oldest, |since| since.max(oldest));
        plan.within(Some(since), self.asked.until)
    }

    pub(super) fn way(&self) -> Option<Way> {
        self.asked.way.or(self.settings.way)
    }

    /// Returns the shards of an index with their checkpoints. Searches see all up to these.
    pub(super) async fn shards(
        &self,
        events: &impl Events,
        store: &mut Store,
        one: &Planned,
    ) -> Result<Vec<(Shard, i64)>, Interrupted> {
        let Index { name, uuid, settings, .. } = &one.index;
        let primaries: Vec<Primary> = events.primaries(name).await?;
        let wanted: Option<usize> =
            settings["index.number_of_shards"].as_str().and_then(|text| text.parse().ok());
        if wanted.is_some_and(|wanted| primaries.len() < wanted) {
            return Err(Interrupted::Failed(anyhow::anyhow!(
                "{} of its {} shards have no primary; the next round tries again",
                wanted.unwrap_or(0) - primaries.len(),
                wanted.unwrap_or(0)
            )));
        }
        events.refresh(name).await?;
        let mut shards = Vec::new();
        for primary in primaries {
            let seen = SeenShard {
                index: name,
                index_uuid: uuid,
                history_uuid: &primary.history_uuid,
                number: primary.number,
                highest: primary.highest,
                is_of_round: !self.asked.all,
            };
            shards.push((store.shard(&seen, self.now)?, primary.checkpoint));
        }
        Ok(shards)
    }

    /// Records newly flagged events.
    async fn follow<E: Events>(
        &self,
        events: &E,
        work: &mut Work<'_, E>,
        planned: &[Planned],
        report: &mut BackfillReport,
    ) -> anyhow::Result<()> {
        let finding = Finding {
            generation: work.settling.generation(),
            now: self.now,
            is_historic: false,
            is_told: !self.config.reports_matches(),
        };
        for one in planned {
            let name = &one.index.name;
            let query = flagged_query(&one.index.mappings, &self.config.blacklist.name);
            let shards = match self.shards(events, work.store, one).await {
                Ok(shards) => shards,
                Err(why) => {
                    if report.note(name, Some(why)) {
                        return Ok(());
                    }
                    continue;
                }
            };
            for (shard, checkpoint) in shards {
                let followed = follow(
                    events,
                    &mut work.settling,
                    work.store,
                    &shard,
                    (&query, checkpoint),
                    finding,
                    self.stop,
                )
                .await;
                match followed {
                    Ok(followed) => {
                        report.events += followed.events;
                        report.matches += followed.matches;
                    }
                    Err(why) => {
                        if report.note(name, Some(why)) {
                            return Ok(());
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
