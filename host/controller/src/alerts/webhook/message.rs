//! The deliveries of a round's news to one webhook, within the limits of its receiver.

use std::collections::VecDeque;

use threatsieve_blacklist::Timestamp;
use uuid::Uuid;

use super::chat::Chat;
use super::{generic, mattermost, slack, teams};
use crate::conditions::Changes;
use crate::config::{Webhook, WebhookPreset};
use crate::store::Connection;
use crate::store::digest::Digest;
use crate::store::generations::generation_in_use;
use crate::store::webhooks::NewDelivery;

/// Namespace of the ids of deliveries.
const NAMESPACE: Uuid = Uuid::from_u128(0x3f0c_6ad1_52f4_4f0e_9d7b_8f6f_04a1_9c11);
/// A number of parts that is longer than any real one.
const MANY: usize = 999_999;

/// Maximum number of hosts that are listed for all values together. More are only counted.
const MAX_HOSTS: usize = 100;

/// The kind of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::alerts) enum Kind {
    /// New matches.
    Matches,
    /// Matches that no longer count.
    Retraction,
    /// Matches that count again.
    Restored,
    /// Conditions of the service that began or ended.
    Conditions,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Matches => "matches",
            Kind::Retraction => "retraction",
            Kind::Restored => "restored",
            Kind::Conditions => "conditions",
        }
    }
}

/// The sender of deliveries.
#[derive(Debug)]
pub(in crate::alerts) struct Service {
    /// Name of the blacklist.
    pub(super) blacklist: String,
    /// This machine.
    pub(super) host: String,
    /// The generation in use.
    pub(super) generation: Option<u64>,
}

impl Service {
    pub(in crate::alerts) fn new(
        blacklist: &str,
        connection: &Connection,
    ) -> anyhow::Result<Service> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let generation = generation_in_use(connection)?.map(|in_use| in_use.generation);
        Ok(Service { blacklist: blacklist.to_owned(), host, generation })
    }
}

/// The news of a round about matches.
pub(in crate::alerts) struct News<'a> {
    pub(in crate::alerts) kind: Kind,
    pub(in crate::alerts) digest: &'a Digest,
    pub(in crate::alerts) service: &'a Service,
    /// A text that is unique to the round.
    pub(in crate::alerts) round: &'a str,
    pub(in crate::alerts) composed: Timestamp,
}

/// The frame of a delivery, the same for all contents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) id: &'a str,
    pub(super) kind: Kind,
    /// Number of this delivery in the round, from 1.
    pub(super) part: usize,
    pub(super) parts: usize,
    pub(super) service: &'a Service,
    pub(super) composed: Timestamp,
}

/// Largest deliveries to a receiver.
pub(super) struct Limits {
    /// Number of listed values.
    groups: usize,
    pub(super) bytes: usize,
}

impl Limits {
    pub(super) fn of(preset: WebhookPreset) -> Limits {
        match preset {
            WebhookPreset::Generic => Limits { groups: usize::MAX, bytes: 256 * 1024 },
            // At most 50 blocks, of which a few are not about a value.
            WebhookPreset::Slack => Limits { groups: 20, bytes: 90_000 },
            // Teams accepts 28 KB.
            WebhookPreset::Teams => Limits { groups: 10, bytes: 24_000 },
            // Mattermost accepts 16,383 characters.
            WebhookPreset::Mattermost => Limits { groups: 20, bytes: 15_000 },
        }
    }
}

/// Makes the deliveries of the news, in order. All listed values are in one of them, each once.
pub(in crate::alerts) fn deliveries(
    webhook: &Webhook,
    news: &News<'_>,
) -> anyhow::Result<Vec<NewDelivery>> {
    let News { kind, digest, service, round, composed } = *news;
    let omitted = digest.totals.entries.saturating_sub(digest.groups.len() as u64);
    let body = |part: &Digest, id: &str, number: usize, parts: usize| {
        let frame = Frame { id, kind, part: number, parts, service, composed };
        body(webhook.preset, &frame, part, omitted)
    };
    let name = |part: usize| id(&[round, &webhook.name, kind.name(), &part.to_string()]);
    let longest = name(MANY);
    let parts = divide(webhook, digest, |part| Ok(body(part, &longest, MANY, MANY)?.len()))?;
    let mut all = Vec::with_capacity(parts.len());
    for (number, part) in (1..).zip(&parts) {
        let id = name(number);
        let body = body(part, &id, number, parts.len())?.into_bytes();
        all.push(NewDelivery { id, kind: kind.name(), body, tlp: digest.totals.tlp });
    }
    Ok(all)
}

/// Makes the delivery about conditions of the service.
pub(in crate::alerts) fn delivery_of_conditions(
    webhook: &Webhook,
    service: &Service,
    changes: &Changes,
    round: &str,
    composed: Timestamp,
) -> anyhow::Result<NewDelivery> {
    let kind = Kind::Conditions;
    let id = id(&[round, &webhook.name, kind.name()]);
    let frame = Frame { id: &id, kind, part: 1, parts: 1, service, composed };
    let body = match webhook.preset {
        WebhookPreset::Generic => generic::conditions(&frame, changes)?,
        preset => chat_body(preset, &Chat::of_conditions(&frame, changes)),
    };
    Ok(NewDelivery { id, kind: kind.name(), body: body.into_bytes(), tlp: None })
}

fn id(texts: &[&str]) -> String {
    Uuid::new_v5(&NAMESPACE, texts.join("\n").as_bytes()).to_string()
}

fn body(
    preset: WebhookPreset,
    frame: &Frame<'_>,
    part: &Digest,
    omitted: u64,
) -> anyhow::Result<String> {
    match preset {
        WebhookPreset::Generic => generic::matches(frame, part, omitted),
        preset => Ok(chat_body(preset, &Chat::of_matches(frame, part, omitted))),
    }
}

fn chat_body(preset: WebhookPreset, chat: &Chat) -> String {
    let json = match preset {
        WebhookPreset::Teams => teams::body(chat),
        WebhookPreset::Mattermost => mattermost::body(chat),
        WebhookPreset::Slack | WebhookPreset::Generic => slack::body(chat),
    };
    crate::text::safe_json(&json.to_string()).into_owned()
}

/// Divides a digest into parts that are within the limits. `bytes` measures a part.
fn divide(
    webhook: &Webhook,
    digest: &Digest,
    bytes: impl Fn(&Digest) -> anyhow::Result<usize>,
) -> anyhow::Result<Vec<Digest>> {
    let limits = Limits::of(webhook.preset);
    let part = |groups: &[_]| {
        let (totals, muted) = (digest.totals.clone(), digest.muted);
        Digest {
            totals,
            groups: groups.to_vec(),
            sources: Vec::new(),
            muted,
            link: digest.link.clone(),
        }
    };
    let mut waiting = VecDeque::new();
    let (mut start, mut events) = (0, 0);
    for (place, group) in digest.groups.iter().enumerate() {
        let own = group.examples.len().max(1);
        let is_full = events + own > webhook.max_events || place - start >= limits.groups;
        if is_full && place > start {
            waiting.push_back(part(&digest.groups[start..place]));
            (start, events) = (place, 0);
        }
        events += own;
    }
    waiting.push_back(part(&digest.groups[start..]));
    if let Some(first) = waiting.front_mut() {
        first.sources.extend(digest.sources.iter().take(MAX_HOSTS).cloned());
    }
    let mut parts = Vec::new();
    while let Some(mut next) = waiting.pop_front() {
        if bytes(&next)? <= limits.bytes {
            parts.push(next);
        } else if next.groups.len() > 1 {
            let rest = next.groups.split_off(next.groups.len().div_ceil(2));
            waiting.push_front(part(&rest));
            waiting.push_front(next);
        } else if next.halve() {
            waiting.push_front(next);
        } else {
            // One value, one host and one event always fit, because every text is cut.
            parts.push(next);
        }
    }
    Ok(parts)
}
