//! Composes mails from new matches, in one transaction.

use std::collections::BTreeMap;

use anyhow::Context;
use threatsieve_blacklist::Timestamp;

use super::mail::Letter;
use crate::config::Alerts;
use crate::store::Store;
use crate::store::digest::{self, Extent};
use crate::store::mails::add_mail;
use crate::store::untold;

/// Composes one digest for each recipient for whom there are new matches, and returns the number of
/// mails. All new matches are then marked as reported, also those that are muted or that nobody may
/// see. A match above a recipient's TLP ceiling is never sent to that recipient. Without a
/// configuration no mails are composed. `link` is the pattern of links to events in a cluster.
pub(crate) fn compose(
    alerts: Option<&Alerts>,
    link: Option<&str>,
    store: &mut Store,
    now: Timestamp,
) -> anyhow::Result<u64> {
    let transaction = store.write()?;
    if !untold::gather(&transaction, now).context("cannot gather new matches")? {
        return Ok(0);
    }
    let mut mails = 0;
    if let Some(alerts) = alerts {
        let extent = Extent { groups: alerts.max_groups, examples: alerts.max_examples, link };
        let muted = untold::uncounted_muted(&transaction)?;
        let round = untold::round(&transaction, now)?;
        // Recipients with the same ceiling get the same letter.
        let mut letters = BTreeMap::new();
        for recipient in &alerts.recipients {
            let letter = match letters.entry(recipient.max_tlp) {
                std::collections::btree_map::Entry::Occupied(made) => made.into_mut(),
                std::collections::btree_map::Entry::Vacant(vacant) => {
                    let digest = digest::read(&transaction, recipient.max_tlp, extent, muted)
                        .context("digest")?;
                    vacant.insert(digest.map(|digest| Letter::new(digest, now)).transpose()?)
                }
            };
            if let Some(letter) = letter {
                add_mail(
                    &transaction,
                    &letter.to(&recipient.address, &alerts.from, &round, now)?,
                    now,
                )?;
                mails += 1;
            }
        }
        if mails > 0 {
            untold::count_muted(&transaction)?;
        }
    }
    untold::mark_told(&transaction)?;
    transaction.commit().context("the new mails cannot be stored")?;
    Ok(mails)
}
