//! From matches that nobody was told of to mails on their way, in one transaction.

use std::collections::BTreeMap;

use anyhow::Context;
use threatsieve_blacklist::Timestamp;

use super::mail::Letter;
use crate::config::Alerts;
use crate::store::Store;
use crate::store::digest::{self, Extent};
use crate::store::mails::add_mail;
use crate::store::untold;

/// Composes one digest for each recipient who is to be told anything, and marks all new matches as told: those above a recipient's TLP
/// ceiling are kept from that recipient for good, muted ones from all. Without a configuration nobody wants to be told. Returns the mails.
pub(crate) fn compose(
    alerts: Option<&Alerts>,
    store: &mut Store,
    now: Timestamp,
) -> anyhow::Result<u64> {
    let transaction = store.write()?;
    if !untold::gather(&transaction, now).context("matches to be told")? {
        return Ok(0);
    }
    let mut mails = 0;
    if let Some(alerts) = alerts {
        let extent = Extent { groups: alerts.max_groups, examples: alerts.max_examples };
        let muted = untold::uncounted_muted(&transaction)?;
        let round = untold::round(&transaction, now)?;
        // Recipients with one ceiling are told the same.
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
    transaction.commit().context("mails cannot be put on their way")?;
    Ok(mails)
}
