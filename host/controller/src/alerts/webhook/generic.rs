//! The JSON for programs. docs/webhooks.md describes it, and docs/webhooks.schema.json is its
//! schema.

use serde::Serialize;
use threatsieve_blacklist::{Threat, Tlp};

use super::message::Frame;
use crate::conditions::{Changes, Condition};
use crate::store::digest::{Digest, Example, Group, Share, SourceHost, Span, Totals, Voucher};
use crate::text::{Rfc3339, safe_json};

/// Version of the form. It changes when a receiver would have to change.
const VERSION: u32 = 1;
/// Maximum number of characters of a text.
const TEXT_CHARS: usize = 4096;
/// Maximum number of threats of one indicator.
const MAX_THREATS: usize = 20;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    delivery: &'a str,
    kind: &'static str,
    part: usize,
    parts: usize,
    composed: Rfc3339,
    service: ServiceJson<'a>,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Serialize)]
struct ServiceJson<'a> {
    name: &'static str,
    version: &'static str,
    host: &'a str,
    blacklist: &'a str,
    generation: Option<u64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Matches(MatchesJson),
    Conditions { conditions: ConditionsJson<'a> },
}

#[derive(Serialize)]
struct MatchesJson {
    tlp: Option<&'static str>,
    totals: TotalsJson,
    /// Matches that were muted since the last delivery.
    muted: u64,
    /// Listed values that are in no part.
    omitted: u64,
    groups: Vec<GroupJson>,
    hosts: Vec<HostJson>,
    /// Hosts that are not listed; 0 in later parts, which list none.
    hosts_omitted: u64,
}

#[derive(Serialize)]
struct ConditionsJson<'a> {
    began: &'a [Condition],
    ended: &'a [Condition],
    lasting: &'a [Condition],
}

#[derive(Serialize)]
struct TotalsJson {
    events: u64,
    historic: u64,
    indicators: u64,
    hosts: u64,
    first: Option<Rfc3339>,
    last: Option<Rfc3339>,
}

#[derive(Serialize)]
struct GroupJson {
    #[serde(rename = "type")]
    kind: String,
    value: String,
    events: u64,
    historic: u64,
    first: Option<Rfc3339>,
    last: Option<Rfc3339>,
    confidence: Option<u8>,
    tlp: Option<&'static str>,
    indicators: Vec<IndicatorJson>,
    indicators_omitted: u64,
    hosts: Vec<ShareJson>,
    hosts_omitted: u64,
    examples: Vec<ExampleJson>,
    examples_omitted: u64,
}

#[derive(Serialize)]
struct IndicatorJson {
    feed: String,
    id: String,
    name: Option<String>,
    threats: Vec<ThreatJson>,
    confidence: Option<u8>,
    tlp: Option<&'static str>,
}

#[derive(Serialize)]
struct ThreatJson {
    kind: &'static str,
    name: String,
    id: Option<String>,
}

#[derive(Serialize)]
struct ShareJson {
    name: Option<String>,
    events: u64,
}

#[derive(Serialize)]
struct HostJson {
    name: Option<String>,
    events: u64,
    historic: u64,
    first: Option<Rfc3339>,
    last: Option<Rfc3339>,
    confidence: Option<u8>,
    values: Vec<ShareJson>,
    values_omitted: u64,
}

#[derive(Serialize)]
struct ExampleJson {
    event: String,
    occurred: Option<Rfc3339>,
    host: Option<String>,
    field: String,
    observable: String,
    how: String,
    historic: bool,
    place: String,
    link: Option<String>,
    raw: String,
}

/// Returns the body about a part of a digest. `omitted` listed values are in no part.
pub(super) fn matches(frame: &Frame<'_>, part: &Digest, omitted: u64) -> anyhow::Result<String> {
    let Digest { totals, groups, sources, muted, link } = part;
    let content = Content::Matches(MatchesJson {
        tlp: totals.tlp.map(Tlp::name),
        totals: TotalsJson::new(totals),
        muted: *muted,
        omitted,
        groups: groups.iter().map(|group| GroupJson::new(group, link.as_deref())).collect(),
        hosts: sources.iter().map(HostJson::new).collect(),
        hosts_omitted: match sources.len() {
            0 => 0,
            listed => rest(totals.source_groups, listed),
        },
    });
    body(frame, content)
}

/// Returns the body about conditions.
pub(super) fn conditions(frame: &Frame<'_>, changes: &Changes) -> anyhow::Result<String> {
    let Changes { began, ended, lasting } = changes;
    body(frame, Content::Conditions { conditions: ConditionsJson { began, ended, lasting } })
}

fn body(frame: &Frame<'_>, content: Content<'_>) -> anyhow::Result<String> {
    let document = Document {
        version: VERSION,
        delivery: frame.id,
        kind: frame.kind.name(),
        part: frame.part,
        parts: frame.parts,
        composed: Rfc3339(frame.composed),
        service: ServiceJson {
            name: "threatsieve",
            version: env!("CARGO_PKG_VERSION"),
            host: &frame.service.host,
            blacklist: &frame.service.blacklist,
            generation: frame.service.generation,
        },
        content,
    };
    Ok(safe_json(&serde_json::to_string(&document)?).into_owned())
}

impl TotalsJson {
    fn new(totals: &Totals) -> TotalsJson {
        let (first, last) = times(totals.span);
        TotalsJson {
            events: totals.events,
            historic: totals.historic,
            indicators: totals.entries,
            hosts: totals.sources,
            first,
            last,
        }
    }
}

impl GroupJson {
    fn new(group: &Group, link: Option<&str>) -> GroupJson {
        let (first, last) = times(group.span);
        let named_hosts = group.sources.iter().filter(|share| share.name.is_some()).count();
        GroupJson {
            kind: group.entry_type.clone(),
            value: cut(&group.entry),
            events: group.events,
            historic: group.historic,
            first,
            last,
            confidence: group.confidence,
            tlp: group.tlp.map(Tlp::name),
            indicators: group.vouchers.iter().map(IndicatorJson::new).collect(),
            indicators_omitted: rest(group.voucher_count, group.vouchers.len()),
            hosts: group.sources.iter().map(ShareJson::new).collect(),
            hosts_omitted: rest(group.source_count, named_hosts),
            examples: group.examples.iter().map(|one| ExampleJson::new(one, link)).collect(),
            examples_omitted: rest(group.events, group.examples.len()),
        }
    }
}

impl IndicatorJson {
    fn new(voucher: &Voucher) -> IndicatorJson {
        IndicatorJson {
            feed: cut(&voucher.feed),
            id: cut(&voucher.indicator),
            name: voucher.name.as_deref().map(cut),
            threats: voucher.threats.iter().take(MAX_THREATS).map(ThreatJson::new).collect(),
            confidence: voucher.confidence,
            tlp: voucher.tlp.map(Tlp::name),
        }
    }
}

impl ThreatJson {
    fn new(threat: &Threat) -> ThreatJson {
        let id = threat.id.as_deref().map(cut);
        ThreatJson { kind: threat.kind.name(), name: cut(&threat.name), id }
    }
}

impl ShareJson {
    fn new(share: &Share) -> ShareJson {
        ShareJson { name: share.name.as_deref().map(cut), events: share.events }
    }
}

impl HostJson {
    fn new(host: &SourceHost) -> HostJson {
        let (first, last) = times(host.span);
        HostJson {
            name: host.name.as_deref().map(cut),
            events: host.events,
            historic: host.historic,
            first,
            last,
            confidence: host.confidence,
            values: host.entries.iter().map(ShareJson::new).collect(),
            values_omitted: rest(host.entry_count, host.entries.len()),
        }
    }
}

impl ExampleJson {
    fn new(example: &Example, link: Option<&str>) -> ExampleJson {
        ExampleJson {
            event: example.uid.clone(),
            occurred: example.occurred.map(Rfc3339),
            host: example.source.as_deref().map(cut),
            field: cut(&example.field),
            observable: cut(&example.observable),
            how: example.how.clone(),
            historic: example.is_historic,
            place: cut(&example.place.short()),
            link: example.place.link(link),
            raw: cut(&example.raw),
        }
    }
}

fn times(span: Span) -> (Option<Rfc3339>, Option<Rfc3339>) {
    (span.first.map(Rfc3339), span.last.map(Rfc3339))
}

fn rest(all: u64, listed: usize) -> u64 {
    all.saturating_sub(listed as u64)
}

/// Returns the first characters of a text, and `…` where the rest was cut off.
fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
