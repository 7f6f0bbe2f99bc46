//! Matches documents with the blacklist in use, and computes the flags that hold for each.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;

use serde_json::Value as Json;
use threatsieve_blacklist::Timestamp;
use threatsieve_flag::{
    Ceiling, Flag, FlagShape, Found, Holding, MAX_INDICATORS, Retracted, Rewrite, coverings,
    rewrite, value_at,
};
use threatsieve_log::{Fields, Format, Parser};

use super::earlier::{Earlier, earlier};
use super::events::Document;
use crate::config::Config;
use crate::indicators::generation::Suppressed;
use crate::matching::{Judge, Matcher, Times};
use crate::output::Done;
use crate::pipeline::{FoundEvent, FoundEvents, Pipeline, Report, collect_events};
use crate::store::cluster::documents::{MatchesOfEvent, matches_of_uid};
use crate::store::events::document_uid;
use crate::store::{Connection, Transaction};

/// Matches documents, and decides what holds for them.
pub(crate) struct Settling<'a> {
    config: &'a Config,
    matcher: &'a Matcher,
    parser: Parser,
    judge: Judge,
    suppressed: Suppressed<'a>,
    now: Timestamp,
}

/// The candidates in some documents, by the documents' positions.
#[derive(Debug, Default)]
pub(crate) struct FoundIn {
    pub(crate) events: HashMap<usize, FoundEvent>,
    /// Number of documents that the matcher gave no answer for.
    pub(crate) unchecked: u64,
}

impl<'a> Settling<'a> {
    pub(crate) fn new(
        config: &'a Config,
        fields: &Fields,
        matcher: &'a Matcher,
        now: Timestamp,
    ) -> Settling<'a> {
        Settling {
            config,
            matcher,
            parser: Parser::new(Format::Ndjson, fields).before(now),
            judge: Judge::new(matcher.blacklist().generation()),
            suppressed: Suppressed::new(config, matcher.blacklist()),
            now,
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.matcher.blacklist().generation()
    }

    pub(crate) fn shape(&self) -> FlagShape<'a> {
        let output = &self.config.output;
        let flag = output.flag_field.as_deref();
        FlagShape {
            blacklist: &self.config.blacklist.name,
            flag: flag.map(|field| (field, output.flag_value.as_str())),
            ceiling: Ceiling { tlp: output.max_tlp, enrichments: MAX_INDICATORS },
        }
    }

    /// Matches documents. Our own fields in them do not count.
    pub(crate) fn found(&self, documents: &[Document]) -> FoundIn {
        let mut lines = String::new();
        for document in documents {
            lines += &serde_json::to_string(&document.source).unwrap_or_default();
            lines.push('\n');
        }
        let (done, stop) = (Arc::new(Done::default()), AtomicBool::new(false));
        let pipeline = Pipeline {
            matcher: self.matcher,
            times: Times {
                at: None,
                now: self.now,
                oldest: Some(self.config.history.oldest(self.now)),
            },
            threads: available_parallelism().map_or(1, usize::from),
            done: &done,
            stop: &stop,
        };
        let mut found = FoundIn::default();
        pipeline.run(
            Some(collect_events),
            |intake| intake.lines("documents", lines.as_bytes(), &self.parser),
            |mut report: Report<FoundEvents>| {
                found.unchecked += report.tally.unchecked.count + report.tally.cut.count;
                for event in std::mem::take(&mut report.collected.events) {
                    found.events.insert(event.line as usize - 1, event);
                }
                ControlFlow::Continue(())
            },
        );
        found
    }

    /// Returns the time of a document, and the host it is from.
    pub(crate) fn read(&self, document: &Document) -> FoundEvent {
        let line = serde_json::to_string(&document.source).unwrap_or_default();
        FoundEvent {
            offset: 0,
            line: 1,
            time: self.parser.time(line.as_bytes()),
            raw: line,
            event: document.source.clone(),
            found: Vec::new(),
            omitted: 0,
        }
    }

    /// Returns the candidates that count, by the state as it is now.
    pub(crate) fn judge(
        &mut self,
        state: &Connection,
        found: Vec<Found>,
    ) -> anyhow::Result<Vec<Found>> {
        self.judge.begin(state)?.judge(found)
    }

    /// Retracts matches with a row number above `after` that the allow-list or a list of a policy
    /// suppresses now. They were flagged before that.
    pub(crate) fn suppress(
        &mut self,
        transaction: &Transaction<'_>,
        after: i64,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        self.suppressed.retract(transaction, after, now)
    }

    /// Returns the earlier matches that a document names, each with the reason why it does not hold
    /// any more, if it does not.
    pub(crate) fn earlier(
        &mut self,
        state: &Connection,
        document: &Document,
    ) -> anyhow::Result<Vec<(Earlier, Option<String>)>> {
        let mut session = self.judge.begin(state)?;
        let all = earlier(&document.source, &self.config.blacklist.name);
        all.into_iter()
            .map(|one| {
                let why = session.withdrawn(&one.feed, &one.indicator, one.value.as_deref())?;
                Ok((one, why))
            })
            .collect()
    }

    /// Computes the changes of a document: everything that was found now, and what was found
    /// earlier and was not withdrawn or retracted since. `was_matched`: the document was matched
    /// before, so that what is new in it is historic.
    pub(crate) fn rewrite(
        &mut self,
        state: &Connection,
        document: &Document,
        found: Option<FoundEvent>,
        was_matched: bool,
    ) -> anyhow::Result<Rewrite> {
        let (time, omitted) = found.as_ref().map_or((None, 0), |it| (it.time, it.omitted));
        let found = self.judge(state, found.map_or_else(Vec::new, |it| it.found))?;
        let coverings = coverings(&found);
        let shape = self.shape();
        let occurred = time.unwrap_or(self.now);
        let mut flag = Flag::new(&coverings, &shape.ceiling, shape.blacklist, occurred);
        flag.omitted += usize::try_from(omitted).unwrap_or(usize::MAX);
        let uid = document_uid(&document.index, &document.id);
        let known: MatchesOfEvent = matches_of_uid(state, &uid)?.unwrap_or_default();
        // Of those that an index's readers may not see, only the number is known.
        flag.withheld = flag.withheld.max(usize::try_from(known.withheld).unwrap_or(0));
        let earlier = self.earlier(state, document)?;
        let is_retracted = |one: &Earlier| {
            known.retracted.iter().any(|it| it.feed == one.feed && it.indicator == one.indicator)
        };
        let kept: Vec<(&str, &str)> = earlier
            .iter()
            .filter(|(one, why)| why.is_none() && !is_retracted(one))
            .map(|(one, _)| (one.feed.as_str(), one.indicator.as_str()))
            .collect();
        let is_known = |enrichment: &Json| {
            let text = |name| value_at(enrichment.as_object()?, name).and_then(Json::as_str);
            let (feed, id) = (text("feed.name"), text("indicator.id"));
            earlier.iter().any(|(one, _)| {
                feed == Some(one.feed.as_str()) && id == Some(one.indicator.as_str())
            })
        };
        let is_new = flag.enrichments.iter().any(|one| !is_known(one))
            || flag.enrichments.is_empty() && flag.withheld > 0;
        // What carries a generation was matched, whatever its place says.
        let generation = format!("threatsieve.generation.{}", shape.blacklist);
        let was_matched = was_matched || value_at(&document.source, &generation).is_some();
        let is_historic = is_new && was_matched;
        let retracted = known
            .retracted
            .iter()
            .map(|one| Retracted {
                named: one.is_written.then_some((&*one.feed, &*one.indicator)),
                at: one.at,
                reason: &one.reason,
            })
            .collect();
        let generation = self.generation();
        let holding = Holding { flag, kept, generation, is_historic, retracted };
        Ok(rewrite(&document.source, &shape, holding))
    }
}
