//! One round's work on the indices of a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

use serde_json::{Value as Json, json};
use threatsieve_blacklist::Timestamp;
use threatsieve_log::Fields;

use super::claim::{claim, refusal};
use super::due::{For, Pass, due, second_pass};
use super::events::{Events, Index, Primary};
use super::find::{Candidates, Search, choose, is_unknown_query, search};
use super::follow::{flagged_query, follow};
use super::plan::{Plan, fields_to_read, obstacle};
use super::report::{BackfillReport, IndexReport, LeftOut};
use super::retract::retract;
use super::settle::Settling;
use super::work::{Counts, Interrupted, Range, Work};
use crate::config::{Backfill, CheckedBy, Config, Way};
use crate::indicators::generation;
use crate::matching::Matcher;
use crate::opensearch::cluster::Fault;
use crate::opensearch::mappings::Expected;
use crate::output::Done;
use crate::stop::Stop;
use crate::store::Store;
use crate::store::cluster::shards::{SeenShard, Shard};
use crate::store::events::Finding;
use crate::text::grouped;

/// The start of the names of blacklists that the plugin keeps only for a backfill.
pub(crate) const RESERVED: &str = "_new-";
/// The longest name of a blacklist.
const MAX_NAME_BYTES: usize = 64;
/// Digits of a digest that stand for a long name.
const DIGEST_CHARS: usize = 32;

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

/// The passes over one shard.
struct OfShard {
    shard: Shard,
    checkpoint: i64,
    passes: Vec<Pass>,
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
        report.waits = self.wait(work.store, &matcher)?;
        if report.waits.is_none() {
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

    /// Matches the events that are due, first those for few indicators.
    async fn match_events<E: Events>(
        &self,
        work: &mut Work<'_, E>,
        planned: &[Planned],
        report: &mut BackfillReport,
    ) -> anyhow::Result<()> {
        let mut all: Vec<(&Planned, Vec<OfShard>)> = Vec::new();
        for one in planned {
            match self.due(work, one).await {
                Ok(shards) => all.push((one, shards)),
                Err(why) => {
                    if report.note(&one.index.name, Some(why)) {
                        return Ok(());
                    }
                }
            }
        }
        let mut reports: BTreeMap<&str, IndexReport> = BTreeMap::new();
        let mut is_over = false;
        let since = all
            .iter()
            .flat_map(|(_, shards)| shards.iter().flat_map(|shard| &shard.passes))
            .filter_map(|pass| match pass.what {
                For::Since(since) => Some(since),
                For::All => None,
            })
            .min();
        for what in [since.map(For::Since), Some(For::All)].into_iter().flatten() {
            let is_of = |pass: &Pass| (pass.what == For::All) == (what == For::All);
            let passes =
                || all.iter().flat_map(|(_, shards)| shards.iter().flat_map(|it| &it.passes));
            if is_over || !passes().any(is_of) {
                continue;
            }
            let searches = passes().any(|pass| is_of(pass) && !pass.is_small());
            let mut found = match searches && self.way() != Some(Way::Scan) {
                true => Some(self.candidates(work, what).await?),
                false => None,
            };
            for (one, shards) in &all {
                let due: Vec<(&OfShard, Pass)> = shards
                    .iter()
                    .flat_map(|shard| shard.passes.iter().map(move |pass| (shard, *pass)))
                    .filter(|(_, pass)| is_of(pass))
                    .collect();
                if due.is_empty() || is_over {
                    continue;
                }
                work.counts = Counts::default();
                let (way, ended) = self.index(work, one, &due, &mut found).await;
                let name = one.index.name.as_str();
                let entry = reports.entry(name).or_insert_with(|| IndexReport::new(name, way));
                entry.take(&work.counts);
                entry.done &= ended.is_ok();
                is_over |= report.note(name, ended.err());
            }
            if found.is_some_and(|found| found.is_offered) {
                // It takes memory on the nodes. If this fails, the next one replaces it.
                let _ = work.events.withdraw(&self.candidates_name()).await;
            }
        }
        if !is_over && !self.asked.all {
            self.unchecked(work, &all, &mut reports, report).await?;
            self.settle_shards(work.store, &all, report)?;
        }
        report.indices = reports.into_values().filter(|index| index.is_news()).collect();
        Ok(())
    }

    /// Matches the events that a pipeline could not check.
    async fn unchecked<'p, E: Events>(
        &self,
        work: &mut Work<'_, E>,
        all: &[(&'p Planned, Vec<OfShard>)],
        reports: &mut BTreeMap<&'p str, IndexReport>,
        report: &mut BackfillReport,
    ) -> anyhow::Result<()> {
        let query = json!({ "exists": { "field": "threatsieve.unchecked" } });
        let search = Search { queries: vec![query], reads: None };
        for (one, shards) in all {
            let name = one.index.name.as_str();
            work.counts = Counts::default();
            for OfShard { shard, checkpoint, .. } in shards {
                let range = Range {
                    index: name,
                    shard: shard.number,
                    after: -1,
                    until: *checkpoint,
                    was_matched: false,
                };
                let ended = work.range(range, &search, |_, _| Ok(())).await;
                if report.note(name, ended.err()) {
                    return Ok(());
                }
            }
            if work.counts.read > 0 {
                let entry =
                    reports.entry(name).or_insert_with(|| IndexReport::new(name, Way::Scan));
                entry.take(&work.counts);
            }
        }
        Ok(())
    }

    /// Stores that the shards of indices without trouble are matched with the blacklist in use.
    fn settle_shards(
        &self,
        store: &Store,
        all: &[(&Planned, Vec<OfShard>)],
        report: &BackfillReport,
    ) -> anyhow::Result<()> {
        let generation = store.generation_in_use()?.map_or(0, |it| it.generation);
        for (one, shards) in all {
            if report.left_out.iter().any(|left| left.index == one.index.name) {
                continue;
            }
            for OfShard { shard, checkpoint, passes } in shards {
                let again = second_pass(passes, shard, self.settings.new_events, self.now);
                // What is left to a second pass is not matched yet.
                let matched = match passes.is_empty() && again.is_some() {
                    true => shard.matched,
                    false => *checkpoint,
                };
                store.set_matched(shard.id, matched, generation, again)?;
            }
        }
        Ok(())
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

    /// Returns the reserved name of the candidates' blacklist. A long name of the blacklist is
    /// replaced by its digest.
    fn candidates_name(&self) -> String {
        let name = &self.config.blacklist.name;
        if RESERVED.len() + name.len() <= MAX_NAME_BYTES {
            return format!("{RESERVED}{name}");
        }
        let digest = blake3::hash(name.as_bytes()).to_hex();
        format!("{RESERVED}{}", &digest[..DIGEST_CHARS])
    }

    /// Makes the blacklist of candidates, and offers it to the cluster.
    async fn candidates<E: Events>(
        &self,
        work: &mut Work<'_, E>,
        what: For,
    ) -> anyhow::Result<Candidates> {
        let since = match what {
            For::Since(since) => since,
            For::All => 0,
        };
        let name = self.candidates_name();
        let blacklist = generation::candidates(work.store, self.config, &name, since, self.now)?;
        let threads = available_parallelism().map_or(1, usize::from);
        let mut candidates = Candidates::new(blacklist, &self.config.policy, threads)?;
        if !candidates.is_empty() && self.way() != Some(Way::Values) {
            let offered = work
                .events
                .offer(
                    &candidates.name,
                    candidates.generation(),
                    &candidates.digest(),
                    candidates.bytes(),
                )
                .await;
            candidates.is_offered = match offered {
                Ok(is_offered) => is_offered,
                Err(fault) => {
                    tracing::warn!(
                        reason = %fault,
                        "the plugin's query cannot be used; the values are listed instead"
                    );
                    false
                }
            };
        }
        Ok(candidates)
    }

    /// Lists the passes that are due over an index.
    async fn due<E: Events>(
        &self,
        work: &mut Work<'_, E>,
        one: &Planned,
    ) -> Result<Vec<OfShard>, Interrupted> {
        let generation = work.settling.generation();
        let mut shards = Vec::new();
        for (shard, checkpoint) in self.shards(work.events, work.store, one).await? {
            let passes = if self.asked.all {
                let was_matched = shard.matched >= 0;
                let what = For::All;
                vec![Pass { what, after: -1, until: checkpoint, was_matched, is_whole: true }]
            } else {
                due(work.store, &shard, checkpoint, generation, self.settings.new_events, self.now)?
            };
            shards.push(OfShard { shard, checkpoint, passes });
        }
        Ok(shards)
    }

    /// Returns the shards of an index with their checkpoints. Searches see all up to these.
    async fn shards(
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
            };
            shards.push((store.shard(&seen, self.now)?, primary.checkpoint));
        }
        Ok(shards)
    }

    /// Does the passes over one index. Returns the way that was taken.
    async fn index<E: Events>(
        &self,
        work: &mut Work<'_, E>,
        one: &Planned,
        due: &[(&OfShard, Pass)],
        candidates: &mut Option<Candidates>,
    ) -> (Way, Result<(), Interrupted>) {
        let can_query = candidates.as_ref().is_some_and(|candidates| candidates.is_offered);
        let is_small = due.iter().all(|(_, pass)| pass.is_small());
        let way = if is_small { Way::Scan } else { choose(self.way(), &one.plan, can_query) };
        let ended = self.passes(work, one, due, way, candidates.as_ref()).await;
        match ended {
            Err(Interrupted::Failed(error))
                if way == Way::Query
                    && error.downcast_ref::<Fault>().is_some_and(is_unknown_query) =>
            {
                if let Some(candidates) = candidates {
                    candidates.is_offered = false;
                }
                let way = Way::Values;
                (way, self.passes(work, one, due, way, candidates.as_ref()).await)
            }
            ended => (way, ended),
        }
    }

    async fn passes<E: Events>(
        &self,
        work: &mut Work<'_, E>,
        one: &Planned,
        due: &[(&OfShard, Pass)],
        way: Way,
        candidates: Option<&Candidates>,
    ) -> Result<(), Interrupted> {
        let index = &one.index.name;
        let within = self.within(&one.plan);
        let all = Search { queries: Vec::new(), reads: Some(within.clone()) };
        let mut searched: Option<Search> = None;
        let generation = work.settling.generation();
        let total: i64 = due.iter().map(|(_, pass)| pass.until - pass.after).sum();
        let started = Instant::now();
        let (done, shown) = (Arc::clone(self.done), index.clone());
        work.progress = Box::new(move |counts| {
            let left = (total as f64 - counts.read as f64).max(0.0);
            let seconds = started.elapsed().as_secs_f64() * left / (counts.read as f64).max(1.0);
            done.set_what(&format!(
                "{shown}: {} of at most {} events, {} flagged, about {} s left",
                grouped(counts.read),
                grouped(total.unsigned_abs()),
                grouped(counts.flagged),
                grouped(seconds as u64)
            ));
        });
        for (of_shard, pass) in due {
            let OfShard { shard, .. } = of_shard;
            let candidates = candidates.filter(|_| !pass.is_small() && way != Way::Scan);
            let search = match (candidates, &searched) {
                (None, _) => &all,
                (Some(candidates), _) if candidates.is_empty() => &Search::default(),
                (Some(_), Some(searched)) => searched,
                (Some(candidates), None) => {
                    let found =
                        search(work.events, index, way, &one.plan, &within, candidates).await?;
                    &*searched.insert(found)
                }
            };
            let range = Range {
                index,
                shard: shard.number,
                after: pass.after,
                until: pass.until,
                was_matched: pass.was_matched,
            };
            let is_kept = pass.is_whole && !self.asked.all;
            work.range(range, search, |store, reached| match is_kept {
                true => store.set_done(shard.id, reached, generation),
                false => Ok(()),
            })
            .await?;
        }
        Ok(())
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
