//! Reads the active indicators in the order of their keys, and compiles them in another thread.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::thread;

use anyhow::{Context, anyhow};
use crossbeam_channel::{Receiver, Sender, bounded};
use threatsieve_blacklist::{
    CompileOptions, Compiled, Compiler, Indicator, RejectedValue, Threat, Timestamp, Value,
};

use super::ledger::Ledger;
use super::newly::{Newly, Rules};
use crate::config::{Config, FeedRole};
use crate::policy::{FeedRules, Policies};
use crate::rejection::Rejection;
use crate::store::body::Statement;
use crate::store::statements::{RowDates, feed_number, revoked_values, walk_active, walk_new};
use crate::store::threats::with_threats;
use crate::store::{FalsePositives, MAX_REJECTIONS, Transaction};

/// Number of indicators in a batch for the compiler.
const BATCH: usize = 512;
/// Maximum number of batches that wait for the compiler.
const BATCHES: usize = 8;

/// The sources of a generation.
pub(super) struct Content<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) config: &'a Config,
    pub(super) policies: &'a Policies,
    pub(super) rules: &'a Rules,
    pub(super) ledger: &'a Ledger,
    pub(super) now: Timestamp,
}

/// A compiled generation.
pub(super) struct Made {
    pub(super) compiled: Compiled,
    /// Values that the compiler rejected: the first [`MAX_REJECTIONS`] of each feed.
    pub(super) refused: Vec<RejectedValue>,
    /// The earliest end of validity of its indicators.
    pub(super) next_expiry: Option<Timestamp>,
    /// Number of values that left since the last generation for a reason of their own.
    pub(super) accounted: u64,
    /// The numbers of the feeds that were read, by name.
    pub(super) feeds: BTreeMap<String, i64>,
    /// The values that policies take away, by the feeds' numbers.
    pub(super) outside: BTreeMap<i64, OutsideValues>,
    pub(super) newly: Newly,
}

/// The values that a feed's policy takes away.
#[derive(Debug, Default)]
pub(super) struct OutsideValues {
    /// Numbers of values by rule.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// The first [`MAX_REJECTIONS`] values on a list.
    pub(super) listed: Vec<Rejection>,
}

/// A batch of indicators of one feed for the compiler.
struct Handed<'a> {
    feed: &'a str,
    role: FeedRole,
    indicators: Vec<Indicator>,
}

impl Content<'_> {
    /// Compiles all active indicators. The same state gives the same bytes.
    pub(super) fn compile(&self, generation: u64) -> anyhow::Result<Made> {
        let false_positives = FalsePositives::read(self.transaction)?;
        let mut reading = Reading::new(self, &false_positives);
        let mut feeds = BTreeMap::new();
        let (compiled, refused) = compile_in_thread(self.options(generation), |out| {
            for (name, role) in self.feeds() {
                if let Some(feed) = feed_number(self.transaction, name)?
                    && let Some(rules) = self.policies.of(name)
                {
                    feeds.insert(name.to_owned(), feed);
                    reading.all(feed, rules, None, &mut Batches::new(name, role, out))?;
                }
            }
            Ok(())
        })?;
        let accounted = reading.accounted + revoked_values(self.transaction)?;
        let newly = self.newly(&reading)?;
        let Reading { next_expiry, outside, .. } = reading;
        Ok(Made { compiled, refused, next_expiry, accounted, feeds, outside, newly })
    }

    /// Compiles what newly counts since a generation (anything since 0), under a name of its own:
    /// a blacklist that finds candidates, and decides nothing. It has no allow-list. URLs are also
    /// listed by their hosts, because an event may have a URL in several fields.
    pub(super) fn compile_candidates(
        &self,
        name: &str,
        generation: u64,
        since: u64,
    ) -> anyhow::Result<Compiled> {
        let false_positives = FalsePositives::read(self.transaction)?;
        let mut reading = Reading::new(self, &false_positives);
        let options = CompileOptions {
            name: name.to_owned(),
            generation,
            accept_special: true,
            accept_broad: true,
        };
        let (compiled, _) = compile_in_thread(options, |out| {
            for (name, role) in self.feeds() {
                if role == FeedRole::Block
                    && let Some(feed) = feed_number(self.transaction, name)?
                    && let Some(rules) = self.policies.of(name)
                {
                    let mut batches = Batches { with_hosts: true, ..Batches::new(name, role, out) };
                    reading.all(feed, rules, Some(since), &mut batches)?;
                }
            }
            Ok(())
        })?;
        Ok(compiled)
    }

    fn options(&self, generation: u64) -> CompileOptions {
        let blacklist = &self.config.blacklist;
        CompileOptions {
            name: blacklist.name.clone(),
            generation,
            accept_special: blacklist.accept_special,
            accept_broad: blacklist.accept_broad,
        }
    }

    pub(super) fn feeds(&self) -> Vec<(&str, FeedRole)> {
        let mut feeds: Vec<_> =
            self.config.feeds.iter().map(|feed| (feed.name.as_str(), feed.role)).collect();
        feeds.sort_unstable_by_key(|feed| feed.0);
        feeds
    }
}

/// Reads rows, and skips everything that is not in force.
pub(super) struct Reading<'a> {
    transaction: &'a Transaction<'a>,
    false_positives: &'a FalsePositives,
    /// The start of the history window. An indicator that ended by then matches no line that is
    /// read.
    over: Timestamp,
    /// The same at the time of the last generation.
    over_before: Option<Timestamp>,
    built: Option<Timestamp>,
    next_expiry: Option<Timestamp>,
    accounted: u64,
    /// An entry of an allow-list left since the last generation, because its validity ended.
    allowance_ended: bool,
    outside: BTreeMap<i64, OutsideValues>,
}

impl<'a> Reading<'a> {
    fn new(content: &'a Content<'_>, false_positives: &'a FalsePositives) -> Reading<'a> {
        let over = |at: Timestamp| content.config.history.oldest(at);
        Reading {
            transaction: content.transaction,
            false_positives,
            over: over(content.now),
            over_before: content.ledger.builds.built.map(over),
            built: content.ledger.builds.built,
            next_expiry: None,
            accounted: 0,
            allowance_ended: false,
            outside: BTreeMap::new(),
        }
    }

    pub(super) fn allowance_ended(&self) -> bool {
        self.allowance_ended
    }

    /// Returns whether any part of a statement is in force: not retracted by an operator, and not
    /// ended.
    pub(super) fn has_any(&self, id: &str, statement: &Statement) -> bool {
        self.false_positives.indicator(id).is_none()
            && statement.parts.iter().filter(|part| !part.is_over(self.over)).any(|part| {
                part.values.iter().any(|value| self.false_positives.value(value).is_none())
            })
    }

    /// Reads all rows of a feed, or those that newly count since a generation above 0.
    fn all(
        &mut self,
        feed: i64,
        rules: &FeedRules,
        since: Option<u64>,
        out: &mut Batches<'_, '_>,
    ) -> anyhow::Result<()> {
        let transaction = self.transaction;
        let mut outside = OutsideValues::default();
        with_threats(transaction, feed, |linked| {
            let visit = |id: &str, dates: RowDates, mut statement: Statement| {
                if out.role == FeedRole::Block && self.false_positives.indicator(id).is_none() {
                    outside.take_away(id, dates, rules, &mut statement);
                }
                let threats = linked.of(id)?;
                self.hand_over(id, dates.modified, (statement, threats), out)?;
                Ok(ControlFlow::Continue(()))
            };
            match since.filter(|since| *since > 0) {
                Some(since) => walk_new(transaction, feed, since, visit),
                None => walk_active(transaction, feed, visit),
            }
        })?;
        self.outside.insert(feed, outside);
        out.flush()
    }

    fn hand_over(
        &mut self,
        id: &str,
        modified: Option<Timestamp>,
        (mut statement, threats): (Statement, Vec<Threat>),
        out: &mut Batches<'_, '_>,
    ) -> anyhow::Result<()> {
        let values = |statement: &Statement| {
            statement.parts.iter().map(|part| part.values.len()).sum::<usize>()
        };
        // A value that an operator retracts is harmless. So allow-lists may still name it.
        let is_blocked = out.role == FeedRole::Block;
        if let Some(retracted) = self.false_positives.indicator(id).filter(|_| is_blocked) {
            if self.built.is_some_and(|built| retracted.created >= built) {
                self.accounted += values(&statement) as u64;
            }
            return Ok(());
        }
        let (over, before) = (self.over, self.over_before);
        statement.parts.retain(|part| {
            let is_over = part.is_over(over);
            if is_over && before.is_some_and(|before| !part.is_over(before)) {
                self.accounted += part.values.len() as u64;
                self.allowance_ended |= !is_blocked;
            }
            !is_over
        });
        for part in &mut statement.parts {
            part.values.retain(|value| {
                match self.false_positives.value(value).filter(|_| is_blocked) {
                    Some(retracted) => {
                        self.accounted +=
                            u64::from(self.built.is_some_and(|built| retracted.created >= built));
                        false
                    }
                    None => true,
                }
            });
            if let Some(until) = part.valid_until {
                self.next_expiry = Some(self.next_expiry.map_or(until, |expiry| expiry.min(until)));
            }
        }
        statement.indicators(id, modified, |indicator| {
            out.push(Indicator { threats: threats.clone(), ..indicator })
        })
    }
}

impl OutsideValues {
    /// Takes away what does not count, and counts it.
    fn take_away(
        &mut self,
        id: &str,
        dates: RowDates,
        rules: &FeedRules,
        statement: &mut Statement,
    ) {
        rules.apply(dates, statement, &mut |value, why| {
            *self.counts.entry(why.rule()).or_default() += 1;
            if why.is_harmless() && self.listed.len() < MAX_REJECTIONS {
                self.listed.push(Rejection {
                    id: id.to_owned(),
                    value: value.to_string(),
                    kind: why.rule().to_owned(),
                    reason: why.to_string(),
                    is_pattern: false,
                });
            }
        });
    }
}

/// Collects indicators into batches.
struct Batches<'a, 'c> {
    feed: &'a str,
    role: FeedRole,
    batch: Vec<Indicator>,
    /// List URLs by their hosts too.
    with_hosts: bool,
    out: &'c Sender<Handed<'a>>,
}

impl<'a, 'c> Batches<'a, 'c> {
    fn new(feed: &'a str, role: FeedRole, out: &'c Sender<Handed<'a>>) -> Batches<'a, 'c> {
        Batches { feed, role, batch: Vec::with_capacity(BATCH), with_hosts: false, out }
    }

    fn push(&mut self, mut indicator: Indicator) -> anyhow::Result<()> {
        if self.with_hosts {
            let hosts: Vec<_> = indicator.values.iter().flat_map(Value::hosts_of_urls).collect();
            indicator.values.extend(hosts);
        }
        self.batch.push(indicator);
        if self.batch.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let indicators = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        // The channel is closed only if the compiler failed. Its own error is then reported
        // instead.
        self.out
            .send(Handed { feed: self.feed, role: self.role, indicators })
            .map_err(|_| anyhow!("the compiler gave up"))
    }
}

/// Runs `read`, and compiles what it sends in another thread.
fn compile_in_thread<'a>(
    options: CompileOptions,
    read: impl FnOnce(&Sender<Handed<'a>>) -> anyhow::Result<()>,
) -> anyhow::Result<(Compiled, Vec<RejectedValue>)> {
    let (sender, receiver) = bounded(BATCHES);
    thread::scope(|scope| {
        let compiling = scope.spawn(move || compile(options, &receiver));
        let read = read(&sender);
        drop(sender);
        let compiled =
            compiling.join().map_err(|_| anyhow!("the compiler panicked; please report this"))?;
        match (read, compiled) {
            (_, Err(error)) => Err(error),
            (read, Ok(compiled)) => {
                read.map(|()| compiled).context("the indicators cannot be read")
            }
        }
    })
}

fn compile(
    options: CompileOptions,
    receiver: &Receiver<Handed<'_>>,
) -> anyhow::Result<(Compiled, Vec<RejectedValue>)> {
    let mut compiler = Compiler::new(options)?;
    let mut refused: Vec<RejectedValue> = Vec::new();
    let mut of_feed = (String::new(), 0);
    for handed in receiver {
        let feed = compiler.feed(handed.feed)?;
        if of_feed.0 != handed.feed {
            of_feed = (handed.feed.to_owned(), 0);
        }
        let mut refuse = |one| {
            of_feed.1 += 1;
            if of_feed.1 <= MAX_REJECTIONS {
                refused.push(one);
            }
        };
        for indicator in handed.indicators {
            match handed.role {
                FeedRole::Block => compiler.block(feed, indicator, &mut refuse)?,
                FeedRole::Allow => compiler.allow(feed, indicator, &mut refuse)?,
            }
        }
    }
    Ok((compiler.finish()?, refused))
}
