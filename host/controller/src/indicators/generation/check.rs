//! Checks whether a new blacklist can be trusted.

use anyhow::Context;
use threatsieve_blacklist::{Batch, Blacklist, Compiled, GuestBlacklist, Hit, Kind, Scratch};

use super::content::Made;
use super::ledger::Ledger;
use crate::config::Config;

/// Returns the reason to hold a blacklist back, if there is one. Values that left for a reason of
/// their own (revoked, retracted, expired) do not count as shrinking.
pub(super) fn suspicion(
    config: &Config,
    ledger: &Ledger,
    made: &Made,
) -> anyhow::Result<Option<String>> {
    if let Some(canary) = missing_canary(&config.blacklist.canaries, &made.compiled)? {
        return Ok(Some(format!("expected the canary {canary:?} to match, got no match")));
    }
    // An operator who changes a policy also accepts the blacklist that it leads to.
    if made.newly.has_other_policy {
        return Ok(None);
    }
    let entries = made.compiled.summary().blocked();
    let expected = ledger.entries().saturating_sub(made.accounted);
    if entries == 0 && expected > 0 {
        return Ok(Some(format!(
            "expected some of the {} entries in use to stay, got an empty blacklist",
            ledger.entries()
        )));
    }
    let limit = config.blacklist.max_shrink;
    let gone = expected.saturating_sub(entries);
    let share = gone as f64 / expected.max(1) as f64;
    Ok((share > limit).then(|| {
        format!(
            "expected at most {:.1}% of {expected} entries to leave at once, got {gone} ({:.1}%)",
            limit * 100.0,
            share * 100.0
        )
    }))
}

/// Returns the first canary that the blacklist does not match.
fn missing_canary<'a>(
    canaries: &'a [String],
    compiled: &Compiled,
) -> anyhow::Result<Option<&'a String>> {
    if canaries.is_empty() {
        return Ok(None);
    }
    let mut batch = Batch::new();
    for canary in canaries {
        batch.push(Kind::Any, canary.as_bytes());
    }
    let mut hits: Vec<Hit> = Vec::new();
    let blacklist = GuestBlacklist::new(compiled.bytes()).context("the new blacklist")?;
    blacklist.check(batch.as_bytes(), &mut Scratch::default(), &mut hits)?;
    let metadata = Blacklist::open(compiled.bytes(), None).context("the new blacklist")?;
    let is_hit = |number: usize| {
        hits.iter().any(|hit| {
            hit.observable as usize == number
                && hit.allowed_by.is_none()
                && !metadata.is_lone_part(hit.entry)
        })
    };
    Ok(canaries.iter().enumerate().find(|(number, _)| !is_hit(*number)).map(|(_, canary)| canary))
}
