//! Makes the blacklist in use from the indicators in the state.
//!
//! A generation is made inside one transaction of the state. Its file is on the disk before the row
//! that names it is committed. If the program is killed in between, only a file is left over, which
//! the next build removes.

mod allowed;
mod check;
mod content;
mod feed_policy;
mod files;
mod harmless;
mod ledger;
mod newly;
mod suppressed;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::Context;
use threatsieve_blacklist::{Blacklist, Compiled, EntryType, RejectedValue, Role, Timestamp};
use threatsieve_runner::MemoryFile;

use self::allowed::Allowed;
use self::content::{Content, Made, OutsideValues};
use self::files::Files;
use self::harmless::retract_harmless;
use self::ledger::{Ledger, Settings};
use self::newly::Rules;
pub(crate) use self::suppressed::Suppressed;
use super::key::read_sign_key;
use super::open::open_blacklist;
use crate::config::Config;
use crate::matching::Matcher;
use crate::policy::Policies;
use crate::rejection::Rejection;
use crate::store::cluster::news;
use crate::store::generations::{Builds, Generation, MadeOf};
use crate::store::{Store, Transaction, generations, history, replace_rejections, set_outside};

/// The outcome of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Built {
    /// The blacklist in use is up to date.
    Unchanged,
    /// The new blacklist is held back for this reason. The previous one stays in use.
    Held(String),
    /// A new blacklist is in use.
    New { generation: u64 },
}

/// Makes the next generation if anything changed since the last one. In the same transaction,
/// stored lines become due for backfill if something newly counts. Flags that the allow-list
/// suppresses from now on are retracted.
pub(crate) fn build(store: &mut Store, config: &Config, now: Timestamp) -> anyhow::Result<Built> {
    let files = Files::new(&config.state);
    let kept = config.retention.generations;
    let transaction = store.write()?;
    let ledger = Ledger::read(&transaction)?;
    files.clean(&transaction, kept)?;
    let settings = Settings::of(config);
    let is_whole = ledger
        .builds
        .in_use
        .as_ref()
        .is_some_and(|it| it.written.is_some() && files.written(&it.file) == it.written);
    if is_whole && ledger.is_current(&settings, now) {
        return Ok(Built::Unchanged);
    }
    if let Some(why) = ledger.held_already(&settings) {
        return Ok(Built::Held(why.to_owned()));
    }
    let generation = ledger.builds.last_generation + 1;
    let policies = match Policies::load(config) {
        Ok(policies) => policies,
        Err(error) => {
            let why = format!("a list of a policy cannot be used: {error:#}");
            generations::hold(&transaction, generation, &settings.judged_with, &why)?;
            transaction.commit()?;
            return Ok(Built::Held(why));
        }
    };
    let rules = Rules::of(config, &policies);
    let (policies, rules) = (&policies, &rules);
    let content =
        Content { transaction: &transaction, config, policies, rules, ledger: &ledger, now };
    let made = content.compile(generation)?;
    if made.is_empty() && ledger.builds.in_use.is_none() {
        // No feed has delivered anything yet, so there is nothing to match with.
        return Ok(Built::Unchanged);
    }
    if let Some(why) = check::suspicion(config, &ledger, &made)?
        && !ledger.builds.is_allowed
    {
        generations::hold(&transaction, generation, &settings.judged_with, &why)?;
        transaction.commit()?;
        return Ok(Built::Held(why));
    }
    let file = write_blacklist(&files, config, generation, made.compiled)?;
    let blacklist = open(&files, &file).context("the new blacklist")?;
    let mut others_may_count =
        made.newly.is_allowed && Allowed::new(&blacklist).retract(&transaction, 0, now)?;
    if made.newly.is_harmless {
        others_may_count |= retract_harmless(&transaction, policies, 0, now)?;
    }
    if made.newly.counts || others_may_count {
        history::renew(&transaction, now)?;
        if made.newly.is_whole || others_may_count {
            news::renew(&transaction)?;
        } else {
            news::add_news(&transaction, generation)?;
        }
    }
    let rules = serde_json::to_string(rules)?;
    let made_of =
        MadeOf { settings: &settings.made_with, rules: &rules, next_expiry: made.next_expiry };
    let written = files.written(&file);
    let digest = blacklist.digest().to_vec();
    let entries = blacklist.blocked();
    let types = types(&blacklist);
    let row = Generation { generation, built: now, file, digest, entries, written, types };
    generations::activate(&transaction, &row, &made_of)?;
    generations::forget(&transaction, generation, kept)?;
    replace_refused(&transaction, &made.feeds, &made.outside, made.refused)?;
    for (&feed, outside) in &made.outside {
        set_outside(&transaction, feed, &outside.counts)?;
    }
    transaction.commit()?;
    // The next build removes a file that is left over.
    let _ = files.clean(store.connection(), kept);
    Ok(Built::New { generation })
}

/// Makes a blacklist of the candidates for a backfill: what newly counts since a generation, or
/// anything since generation 0.
pub(crate) fn candidates(
    store: &mut Store,
    config: &Config,
    name: &str,
    since: u64,
    now: Timestamp,
) -> anyhow::Result<Blacklist<MemoryFile>> {
    let transaction = store.write()?;
    let ledger = Ledger::read(&transaction)?;
    let policies = Policies::load(config).context("the lists of policies")?;
    let rules = Rules::of(config, &policies);
    let (policies, rules) = (&policies, &rules);
    let content =
        Content { transaction: &transaction, config, policies, rules, ledger: &ledger, now };
    let generation = ledger.builds.last_generation;
    let mut compiled = content.compile_candidates(name, generation, since)?;
    if let Some(key) = &config.blacklist.sign_key {
        compiled.sign(&read_sign_key(key)?);
    }
    let bytes = compiled.bytes();
    let file = MemoryFile::read(bytes, bytes.len() as u64)?;
    Blacklist::open(file, None).context("the blacklist of candidates")
}

/// Counts the entries of the block list by type, with the names of STIX.
fn types(blacklist: &Blacklist<MemoryFile>) -> BTreeMap<String, u64> {
    let mut types = BTreeMap::new();
    for kind in EntryType::ALL {
        let count = u64::from(blacklist.count(Role::Block, kind));
        *types.entry(kind.stix_name().to_owned()).or_default() += count;
    }
    types.retain(|_, count| *count > 0);
    types
}

/// Makes stored lines due for backfill if the policy lets in more than that of the last round.
pub(crate) fn follow_policy(
    store: &mut Store,
    config: &Config,
    now: Timestamp,
) -> anyhow::Result<()> {
    let transaction = store.write()?;
    let loosened = ledger::take_policy(&transaction, config)?;
    if loosened.more_counts {
        history::renew(&transaction, now)?;
        news::renew(&transaction)?;
    }
    if loosened.older_events_count {
        history::read_passed_over(&transaction, config.history.oldest(now))?;
    }
    transaction.commit()?;
    Ok(())
}

/// Opens the blacklist in use; `None` before the first one. A damaged one is made again, with the
/// next number.
pub(crate) fn whole(
    store: &mut Store,
    config: &Config,
    now: Timestamp,
) -> anyhow::Result<Option<Blacklist<MemoryFile>>> {
    let error = match active(store, config) {
        Ok(active) => return Ok(active),
        Err(error) => error,
    };
    tracing::error!(
        error = format!("{error:#}"),
        "the blacklist in use cannot be opened; it is made again from the state"
    );
    store.build_again()?;
    match build(store, config, now)? {
        Built::Held(why) => {
            Err(error.context(format!("the blacklist made in its place is held back: {why}")))
        }
        Built::New { .. } | Built::Unchanged => active(store, config),
    }
}

/// Returns the matcher of the blacklist in use; `None` before the first one.
pub(crate) fn matcher(
    store: &mut Store,
    config: &Config,
    now: Timestamp,
) -> anyhow::Result<Option<Arc<Matcher>>> {
    let threads = available_parallelism().map_or(1, usize::from);
    let matcher = whole(store, config, now)?
        .map(|blacklist| Matcher::new(blacklist, config.policy.clone(), threads));
    Ok(matcher.transpose()?.map(Arc::new))
}

/// Opens the blacklist in use; `None` before the first one.
pub(crate) fn active(
    store: &Store,
    config: &Config,
) -> anyhow::Result<Option<Blacklist<MemoryFile>>> {
    let in_use = store.generation_in_use()?;
    in_use.map(|in_use| open(&Files::new(&config.state), &in_use.file)).transpose()
}

/// Finds the blacklist in use without opening it; `None` before the first one.
pub(crate) fn in_use(store: &Store, config: &Config) -> anyhow::Result<Option<InUse>> {
    let in_use = store.generation_in_use()?;
    Ok(in_use.map(|it| InUse {
        path: Files::new(&config.state).blacklist(&it.file),
        generation: it.generation,
        digest: it.digest,
        built: it.built,
        entries: it.entries,
        types: it.types,
    }))
}

/// The state's record of the blacklist in use.
#[derive(Debug, Clone)]
pub(crate) struct InUse {
    pub(crate) generation: u64,
    pub(crate) digest: Vec<u8>,
    pub(crate) path: PathBuf,
    pub(crate) built: Timestamp,
    pub(crate) entries: u64,
    /// Numbers of entries by type.
    pub(crate) types: BTreeMap<String, u64>,
}

/// Returns the reason why the last build is held back, or `None` if it is not.
pub(crate) fn held(store: &Store) -> anyhow::Result<Option<String>> {
    Ok(Builds::read(store.connection())?.held)
}

fn open(files: &Files, file: &str) -> anyhow::Result<Blacklist<MemoryFile>> {
    open_blacklist(&files.blacklist(file), None).map_err(|failure| failure.error)
}

fn write_blacklist(
    files: &Files,
    config: &Config,
    generation: u64,
    mut compiled: Compiled,
) -> anyhow::Result<String> {
    if let Some(key) = &config.blacklist.sign_key {
        compiled.sign(&read_sign_key(key)?);
    }
    files.write_blacklist(&config.blacklist.name, generation, compiled.bytes())
}

/// Replaces the rejections of the last build by those of this one: of the policies' lists, and of
/// the compiler.
fn replace_refused(
    transaction: &Transaction<'_>,
    feeds: &BTreeMap<String, i64>,
    outside: &BTreeMap<i64, OutsideValues>,
    refused: Vec<RejectedValue>,
) -> anyhow::Result<()> {
    let mut by_feed: BTreeMap<i64, Vec<Rejection>> =
        outside.iter().map(|(feed, outside)| (*feed, outside.listed.clone())).collect();
    for one in refused {
        if let Some(feed) = feeds.get(&one.feed) {
            by_feed.entry(*feed).or_default().push(Rejection::from(one));
        }
    }
    Ok(replace_rejections(transaction, by_feed)?)
}

impl Made {
    fn is_empty(&self) -> bool {
        let summary = self.compiled.summary();
        self.outside.values().all(|outside| outside.counts.is_empty())
            && Role::ALL
                .iter()
                .all(|role| summary.entries[*role as usize].iter().all(|&count| count == 0))
    }
}

#[cfg(test)]
mod measure;
#[cfg(test)]
pub(crate) mod tests;
