//! Retracts flags of values that turn out to be harmless, by the lists of their feed's policy.

use std::collections::HashMap;

use threatsieve_blacklist::Timestamp;

use super::allowed::{BATCH, widest};
use crate::policy::Policies;
use crate::store::Transaction;
use crate::store::retraction::{flagged, retract_match};

/// Retracts each flag whose entry is on a list of its feed's policy. Returns the number of flags.
pub(super) fn retract_harmless(
    transaction: &Transaction<'_>,
    policies: &Policies,
    now: Timestamp,
) -> anyhow::Result<u64> {
    let (mut retracted, mut after) = (0, 0);
    let mut known: HashMap<(String, String), Option<String>> = HashMap::new();
    loop {
        let flags = flagged(transaction, after, BATCH)?;
        let Some(last) = flags.last() else { return Ok(retracted) };
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
                retracted += 1;
            }
        }
    }
}
