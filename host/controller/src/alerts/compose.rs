//! Composes mails and deliveries to webhooks from new matches, in one transaction.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use anyhow::Context;
use threatsieve_blacklist::{Timestamp, Tlp};

use super::mail::Letter;
use super::webhook::{Kind, News, Service, deliveries};
use crate::config::{Alerts, Config, Webhook};
use crate::store::digest::{self, Digest, Extent};
use crate::store::mails::add_mail;
use crate::store::untold::{self, Change};
use crate::store::webhooks::{add_delivery, webhook_number};
use crate::store::{Store, Transaction};

/// Everybody to whom new matches are reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Audience<'a> {
    pub(crate) alerts: Option<&'a Alerts>,
    pub(crate) webhooks: &'a [Webhook],
    /// Name of the blacklist.
    pub(crate) blacklist: &'a str,
    /// Pattern of links to events in a cluster, with `{index}` and `{id}`.
    pub(crate) link: Option<&'a str>,
}

/// Numbers of what was composed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Composed {
    pub(crate) mails: u64,
    /// Deliveries to webhooks.
    pub(crate) deliveries: u64,
}

impl<'a> Audience<'a> {
    pub(crate) fn of(config: &'a Config) -> Audience<'a> {
        Audience {
            alerts: config.alerts.as_ref(),
            webhooks: &config.webhooks,
            blacklist: &config.blacklist.name,
            link: config.event_link(),
        }
    }
}

/// Composes one digest for each recipient and webhook for whom there are new matches. All new
/// matches are then marked as reported, also those that are muted or that nobody may see. A match
/// above a TLP ceiling is never sent beyond it. Without recipients nothing is composed.
///
/// A retraction of matches that were reported to a webhook is reported to it too, once.
pub(crate) fn compose(
    audience: Audience<'_>,
    store: &mut Store,
    now: Timestamp,
) -> anyhow::Result<Composed> {
    let transaction = store.write()?;
    let service = Service::new(audience.blacklist, &transaction)?;
    let mut desk =
        Desk { audience, transaction: &transaction, service, now, digests: BTreeMap::new() };
    let mut composed = Composed { mails: 0, deliveries: desk.changes()? };
    if untold::gather(&transaction, now).context("cannot gather new matches")? {
        let muted = untold::uncounted_muted(&transaction)?;
        let round = untold::round(&transaction, now)?;
        let mails = desk.mails(&round, muted)?;
        let deliveries = desk.webhooks(&round, muted)?;
        if mails + deliveries > 0 {
            untold::count_muted(&transaction)?;
        }
        untold::mark_told(&transaction)?;
        composed.mails += mails;
        composed.deliveries += deliveries;
    }
    transaction.commit().context("the new mails and deliveries cannot be stored")?;
    Ok(composed)
}

/// The composition of one round's news.
struct Desk<'a> {
    audience: Audience<'a>,
    transaction: &'a Transaction<'a>,
    service: Service,
    now: Timestamp,
    /// The digests of new matches that were read already, also those that are empty.
    digests: BTreeMap<(Tlp, Extent), Option<Digest>>,
}

impl Desk<'_> {
    /// Returns the digest of the new matches up to a marking.
    fn digest(
        &mut self,
        ceiling: Tlp,
        extent: Extent,
        muted: u64,
    ) -> anyhow::Result<Option<&Digest>> {
        let digest = match self.digests.entry((ceiling, extent)) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(vacant) => {
                vacant.insert(read(self.transaction, self.audience, ceiling, extent, muted)?)
            }
        };
        Ok(digest.as_ref())
    }

    fn mails(&mut self, round: &str, muted: u64) -> anyhow::Result<u64> {
        let Some(alerts) = self.audience.alerts else { return Ok(0) };
        let (transaction, now) = (self.transaction, self.now);
        let extent = Extent { groups: alerts.max_groups, examples: alerts.max_examples };
        // Recipients with the same ceiling get the same letter.
        let mut letters = BTreeMap::new();
        let mut mails = 0;
        for recipient in &alerts.recipients {
            let letter = match letters.entry(recipient.max_tlp) {
                Entry::Occupied(made) => made.into_mut(),
                Entry::Vacant(vacant) => {
                    let digest = self.digest(recipient.max_tlp, extent, muted)?.cloned();
                    vacant.insert(digest.map(|digest| Letter::new(digest, now)).transpose()?)
                }
            };
            if let Some(letter) = letter {
                let mail = letter.to(&recipient.address, &alerts.from, round, now)?;
                add_mail(transaction, &mail, now)?;
                mails += 1;
            }
        }
        Ok(mails)
    }

    fn webhooks(&mut self, round: &str, muted: u64) -> anyhow::Result<u64> {
        let mut composed = 0;
        for webhook in self.audience.webhooks {
            let extent = extent(webhook);
            let Some(digest) = self.digest(webhook.max_tlp, extent, muted)?.cloned() else {
                continue;
            };
            let number = webhook_number(self.transaction, &webhook.name)?;
            composed += self.queue(webhook, number, Kind::Matches, &digest, round)?;
            untold::told_webhook(self.transaction, number, webhook.max_tlp)?;
        }
        Ok(composed)
    }

    /// Reports to each webhook which of the matches that it knows changed.
    fn changes(&self) -> anyhow::Result<u64> {
        let mut composed = 0;
        for webhook in self.audience.webhooks {
            let number = webhook_number(self.transaction, &webhook.name)?;
            let changes =
                [(Change::Retracted, Kind::Retraction), (Change::Restored, Kind::Restored)];
            for (change, kind) in changes {
                if !untold::gather_changed(self.transaction, number, change)? {
                    continue;
                }
                let (ceiling, extent) = (webhook.max_tlp, extent(webhook));
                let digest = read(self.transaction, self.audience, ceiling, extent, 0)?;
                if let Some(digest) = digest {
                    let round = untold::round(self.transaction, self.now)?;
                    composed += self.queue(webhook, number, kind, &digest, &round)?;
                }
                untold::told_webhook_of(self.transaction, number, change)?;
            }
        }
        Ok(composed)
    }

    fn queue(
        &self,
        webhook: &Webhook,
        number: i64,
        kind: Kind,
        digest: &Digest,
        round: &str,
    ) -> anyhow::Result<u64> {
        let news = News { kind, digest, service: &self.service, round, composed: self.now };
        let all = deliveries(webhook, &news)?;
        for delivery in &all {
            add_delivery(self.transaction, number, delivery, self.now)?;
        }
        Ok(all.len() as u64)
    }
}

/// Reads the digest of the collected matches up to a marking, with the pattern of links.
fn read(
    transaction: &Transaction<'_>,
    audience: Audience<'_>,
    ceiling: Tlp,
    extent: Extent,
    muted: u64,
) -> anyhow::Result<Option<Digest>> {
    let digest = digest::read(transaction, ceiling, extent, muted).context("digest")?;
    let link = audience.link.map(str::to_owned);
    Ok(digest.map(|digest| Digest { link, ..digest }))
}

fn extent(webhook: &Webhook) -> Extent {
    Extent { groups: webhook.max_groups, examples: webhook.max_examples }
}
