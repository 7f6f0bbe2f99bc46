//! The passes of a round: matches the events that are due, index by index.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

use serde_json::json;

use super::due::{For, Pass, due, second_pass};
use super::events::Events;
use super::find::{Candidates, Search, choose, is_unknown_query, search};
use super::report::{BackfillReport, IndexReport};
use super::round::{Backfilling, Planned};
use super::work::{Interrupted, Range, Work};
use crate::config::Way;
use crate::indicators::generation;
use crate::opensearch::cluster::Fault;
use crate::store::Store;
use crate::store::cluster::backfills::{Counts, Covered};
use crate::store::cluster::shards::Shard;
use crate::text::grouped;

/// The start of the names of blacklists that the plugin keeps only for a backfill.
pub(crate) const RESERVED: &str = "_new-";
/// The longest name of a blacklist.
const MAX_NAME_BYTES: usize = 64;
/// Digits of a digest that stand for a long name.
const DIGEST_CHARS: usize = 32;

/// The passes over one shard.
struct OfShard {
    shard: Shard,
    checkpoint: i64,
    passes: Vec<Pass>,
}

impl Backfilling<'_> {
    /// Matches the events that are due, first those for few indicators.
    pub(super) async fn match_events<E: Events>(
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
                let ended = work.range(range, &search, |_, _, _| Ok(())).await;
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
        work.go_on()?;
        for (shard, checkpoint) in self.shards(work.events, work.store, one).await? {
            let passes = if self.asked.all {
                let Covered { done: after, until } = match self.asked.kept {
                    Some(backfill) => work.store.covered_shard(backfill, shard.id, checkpoint)?,
                    None => Covered { done: -1, until: checkpoint },
                };
                let (what, was_matched) = (For::All, shard.matched >= 0);
                let pass = Pass { what, after, until, was_matched, is_whole: true };
                Some(pass).filter(|pass| pass.after < pass.until).into_iter().collect()
            } else {
                due(work.store, &shard, checkpoint, generation, self.settings.new_events, self.now)?
            };
            shards.push(OfShard { shard, checkpoint, passes });
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
        // Of the counts, what the state has.
        let mut noted = work.counts.clone();
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
            let passed = |store: &mut Store, reached, counts: &Counts| match self.asked.kept {
                Some(backfill) => {
                    let place = Some((shard.id, reached));
                    store.note_backfill(backfill, place, &counts.since(&noted))?;
                    noted.clone_from(counts);
                    Ok(())
                }
                None if pass.is_whole && !self.asked.all => {
                    store.set_done(shard.id, reached, generation)
                }
                None => Ok(()),
            };
            let ended = work.range(range, search, passed).await;
            if let (Err(_), Some(backfill)) = (&ended, self.asked.kept) {
                work.store.note_backfill(backfill, None, &work.counts.since(&noted))?;
            }
            ended?;
        }
        Ok(())
    }
}
