//! Retracts flags that the allow-list suppresses from now on.

use std::collections::BTreeSet;

use anyhow::Context;
use threatsieve_blacklist::{
    Batch, Blacklist, CompileOptions, Compiler, DomainMode, GuestBlacklist, Hit, Indicator,
    IndicatorId, Kind, Malformed, Role, Scratch, Timestamp, UrlMode, Value,
};
use threatsieve_runner::MemoryFile;

use crate::indicators::merge::add_entry;
use crate::store::Transaction;
use crate::store::retraction::{Flagged, flagged, flagged_entries, retract_match};
use crate::store::statements::has_other_values;

/// Number of flags that are checked together.
pub(super) const BATCH: usize = 2048;

/// Retracts the flags that an allow-list suppresses.
pub(super) struct Allowed<'a> {
    blacklist: &'a Blacklist<MemoryFile>,
    /// The entries of flags so far, and a blacklist of them with the allow-list.
    compiled: Option<(Entries, Blacklist<Vec<u8>>)>,
}

/// Entries of flags: their types by STIX, and their values.
type Entries = BTreeSet<(String, String)>;

impl<'a> Allowed<'a> {
    pub(super) fn new(blacklist: &'a Blacklist<MemoryFile>) -> Allowed<'a> {
        Allowed { blacklist, compiled: None }
    }

    /// Retracts each flag whose observable is covered by an entry of the blacklist's allow-list at
    /// least as specifically as by the flag's own entry. The own entry need no longer be listed.
    /// Only matches with a row number above `after` are looked at.
    ///
    /// Returns whether one of their indicators has other values. These may cover the same events.
    pub(super) fn retract(
        &mut self,
        transaction: &Transaction<'_>,
        mut after: i64,
        now: Timestamp,
    ) -> anyhow::Result<bool> {
        let entries = flagged_entries(transaction, after)?;
        if self.blacklist.entries(Role::Allow) == 0 || entries.is_empty() {
            return Ok(false);
        }
        let image = self.image(entries)?;
        let mut retracted = BTreeSet::new();
        loop {
            let flags = flagged(transaction, after, BATCH)?;
            let Some(last) = flags.last() else { break };
            after = last.id;
            for (flag, allowed_by) in allowed(image, &flags)? {
                let reason = format!("allowed by {allowed_by}");
                retract_match(transaction, flag, &reason, now)?;
                let (feed, indicator, entry) = (&flag.feed, &flag.indicator, &flag.entry);
                retracted.insert((feed.clone(), indicator.clone(), entry.clone()));
            }
        }
        have_other_values(transaction, &retracted)
    }

    /// Returns a blacklist that has these entries of flags, with the allow-list.
    fn image(&mut self, entries: Vec<(String, String)>) -> anyhow::Result<&Blacklist<Vec<u8>>> {
        let compiled = match self.compiled.take() {
            Some((known, image)) if entries.iter().all(|entry| known.contains(entry)) => {
                (known, image)
            }
            before => {
                let mut all = before.map(|(known, _)| known).unwrap_or_default();
                all.extend(entries);
                let image = flagged_under(&all, self.blacklist)?;
                let image = Blacklist::open(image, None);
                (all, image.context("the flagged values cannot be compiled")?)
            }
        };
        Ok(&self.compiled.insert(compiled).1)
    }
}

/// Returns whether one of the indicators, each with its feed and a retracted entry, has other
/// values.
pub(super) fn have_other_values(
    transaction: &Transaction<'_>,
    retracted: &BTreeSet<(String, String, String)>,
) -> anyhow::Result<bool> {
    for (feed, indicator, entry) in retracted {
        if has_other_values(transaction, feed, indicator, entry)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the flags that are suppressed, each with the allow-list's entry.
fn allowed<'f>(
    image: &Blacklist<Vec<u8>>,
    flags: &'f [Flagged],
) -> anyhow::Result<Vec<(&'f Flagged, String)>> {
    let guest = GuestBlacklist::new(image.guest_image()).context("the flagged values")?;
    let (mut batch, mut rest, mut suppressed) = (Batch::new(), flags, Vec::new());
    while !rest.is_empty() {
        batch.clear();
        let fits = |flag: &&Flagged| batch.push(Kind::Any, flag.observable.as_bytes());
        // Any observable fits into an empty batch. One that exceeds the maximum length is skipped.
        let count = rest.iter().take_while(fits).count().max(1);
        let (these, others) = rest.split_at(count);
        rest = others;
        let mut hits: Vec<Hit> = Vec::new();
        guest.check(batch.as_bytes(), &mut Scratch::default(), &mut hits)?;
        for hit in hits {
            let (Some(flag), Some(by)) = (these.get(hit.observable as usize), hit.allowed_by)
            else {
                continue;
            };
            let entry = image.entry(hit.entry);
            let is_own = entry.is_some_and(|entry| {
                entry.value == flag.entry && entry.kind.stix_name() == flag.entry_type
            });
            if let Some(by) = image.entry(by).filter(|_| is_own) {
                suppressed.push((flag, by.value));
            }
        }
    }
    Ok(suppressed)
}

/// Compiles a blacklist of the flags' own entries with the allow-list.
fn flagged_under(entries: &Entries, allowing: &Blacklist<MemoryFile>) -> anyhow::Result<Vec<u8>> {
    let mut compiler = Compiler::new(CompileOptions {
        accept_special: true,
        accept_broad: true,
        ..CompileOptions::default()
    })?;
    let feed = compiler.feed("flags")?;
    for (entry_type, entry) in entries {
        // An entry of an older normaliser may no longer be a value. Then it covers nothing.
        if let Ok(value) = widest(entry_type, entry) {
            let indicator = Indicator::new(IndicatorId::Line(1), vec![value]);
            compiler.block(feed, indicator, &mut |_| {})?;
        }
    }
    let all = Role::ALL.iter().map(|role| allowing.entries(*role)).sum::<u64>();
    let allowed = u32::try_from(allowing.entries(Role::Block))?..u32::try_from(all)?;
    for entry in allowed.filter_map(|number| allowing.entry(number)) {
        add_entry(&mut compiler, entry)?;
    }
    Ok(compiler.finish()?.into_bytes())
}

/// Reads an entry's value in the mode that covers most. The flag exists, so the entry's own mode
/// covered it.
pub(super) fn widest(entry_type: &str, entry: &str) -> Result<Value, Malformed> {
    match entry_type {
        "domain-name" => Value::domain(entry, DomainMode::Tree),
        "url" => Value::url(entry, UrlMode::Prefix),
        "file" => Value::hash(entry),
        "email-addr" => Value::email(entry),
        // An allow-list has no names of files.
        "file-name" => Err(Malformed { expected: "a value", got: entry.to_owned() }),
        _ => Value::address(entry),
    }
}
