//! Retracts flags of values that turn out to be harmless, by the lists of their feed's policy.

use std::collections::{BTreeSet, HashMap};

use threatsieve_blacklist::Timestamp;

use super::allowed::{BATCH, have_other_values, widest};
use crate::policy::Policies;
use crate::store::Transaction;
use crate::store::retraction::{flagged, retract_match};

/// Retracts each flag whose entry is on a list of its feed's policy. Only matches with a row number
/// above `after` are looked at.
///
/// Returns whether one of their indicators has other values. These may cover the same events.
pub(super) fn retract_harmless(
    transaction: &Transaction<'_>,
    policies: &Policies,
    mut after: i64,
    now: Timestamp,
) -> anyhow::Result<bool> {
    let mut retracted = BTreeSet::new();
    let mut known: HashMap<(String, String), Option<String>> = HashMap::new();
    loop {
        let flags = flagged(transaction, after, BATCH)?;
        let Some(last) = flags.last() else { break };
        after = last.id;
        for flag in &flags {
            let key = (flag.feed.clone(), flag.entry.clone());
            let reason = known.entry(key).or_insert_with(|| {
                let rules = policies.of(&flag.feed)?;
                let value = widest(&flag.entry_type, &flag.entry).ok()?;
                rules.is_harmless(&value).map(|why| why.to_string())
            });
            if let Some(reason) = reason {
                retract_match(transaction, flag, reason, now)?;
                let (feed, indicator, entry) = (&flag.feed, &flag.indicator, &flag.entry);
                retracted.insert((feed.clone(), indicator.clone(), entry.clone()));
            }
        }
    }
    have_other_values(transaction, &retracted)
}
