//! A digest in words. Every text for a template is defanged, escaped and cut here.

use askama::Template;
use jiff::Timestamp as Moment;
use threatsieve_blacklist::{Threat, Timestamp, Tlp};

use super::defang::defanged;
use crate::store::digest::{
    Digest, Example, ExamplePlace, Group, Share, SourceHost, Span, Voucher,
};
use crate::store::events::CONJUNCTION;
use crate::store::mutes::host_of;
use crate::text::{counted, grouped, rfc3339};

/// Maximum number of characters of a listed value or observable.
const VALUE_CHARS: usize = 300;
/// Maximum number of characters of an indicator's name or id, and of the name of a feed, file or
/// host.
const NAME_CHARS: usize = 120;
/// Maximum number of threats that are named for one indicator.
const THREATS_NAMED: usize = 5;
/// Maximum number of characters of a log line.
const RAW_CHARS: usize = 500;
/// Maximum number of characters in a line of the text form, for lines that are wrapped here.
const LINE_CHARS: usize = 76;

/// The HTML form.
#[derive(Template)]
#[template(path = "digest.html")]
pub(super) struct HtmlPage<'a> {
    pub(super) page: &'a Page,
}

/// The text form.
#[derive(Template)]
#[template(path = "digest.txt")]
pub(super) struct TextPage<'a> {
    pub(super) page: &'a Page,
}

/// The content of both forms.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) tlp: Marking,
    pub(super) headline: String,
    pub(super) when: String,
    pub(super) sure: Sure,
    pub(super) historic: Option<String>,
    pub(super) hosts: Vec<HostView>,
    pub(super) more_hosts: Option<String>,
    pub(super) groups: Vec<GroupView>,
    pub(super) more_groups: Option<String>,
    pub(super) steps: Vec<Step>,
    pub(super) muted: Option<String>,
    pub(super) composed: String,
}

/// A TLP marking in the colours of FIRST's TLP 2.0, on black.
#[derive(Debug)]
pub(super) struct Marking {
    pub(super) text: String,
    pub(super) colour: &'static str,
}

/// The confidence in words, with a background colour for white text.
#[derive(Debug)]
pub(super) struct Sure {
    pub(super) text: String,
    /// The text with the word "confidence", for places without that heading.
    pub(super) badge: String,
    pub(super) colour: &'static str,
}

#[derive(Debug)]
pub(super) struct HostView {
    pub(super) name: String,
    pub(super) events: String,
    pub(super) historic: Option<String>,
    pub(super) when: String,
    pub(super) sure: Sure,
    /// The listed values that the host touched.
    pub(super) touched: Vec<ShareView>,
    pub(super) more: Option<String>,
}

#[derive(Debug)]
pub(super) struct ShareView {
    pub(super) name: String,
    pub(super) events: String,
}

#[derive(Debug)]
pub(super) struct GroupView {
    pub(super) number: usize,
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) counts: String,
    pub(super) historic: Option<String>,
    pub(super) when: String,
    pub(super) sure: Sure,
    pub(super) tlp: Marking,
    pub(super) vouchers: Vec<VoucherView>,
    pub(super) more_vouchers: Option<String>,
    pub(super) hosts: Vec<ShareView>,
    pub(super) more_hosts: Option<String>,
    pub(super) examples: Vec<ExampleView>,
    pub(super) more_examples: Option<String>,
}

#[derive(Debug)]
pub(super) struct VoucherView {
    pub(super) feed: String,
    /// `None` for a line of a list, which has no name except its value.
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    /// The threats that it is related to.
    pub(super) threats: Option<String>,
    pub(super) sure: String,
    pub(super) tlp: String,
}

#[derive(Debug)]
pub(super) struct ExampleView {
    pub(super) when: String,
    pub(super) host: String,
    pub(super) what: String,
    pub(super) place: String,
    /// The event's page, if the configuration says where it is.
    pub(super) link: Option<String>,
    pub(super) is_historic: bool,
    pub(super) raw: String,
    /// The same, broken into lines for the text form.
    pub(super) raw_lines: Vec<String>,
}

/// A suggestion of what to do next.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) what: &'static str,
    pub(super) commands: Vec<String>,
}

impl Page {
    pub(super) fn new(digest: &Digest, now: Timestamp) -> Page {
        let totals = &digest.totals;
        let groups: Vec<_> = (1..)
            .zip(&digest.groups)
            .map(|(number, group)| GroupView::new(number, group, digest.link.as_deref()))
            .collect();
        let hosts: Vec<_> = digest.sources.iter().map(HostView::new).collect();
        Page {
            tlp: Marking::new(totals.tlp),
            headline: headline(digest),
            when: when(totals.span),
            sure: Sure::new(digest.groups.iter().filter_map(|group| group.confidence).max()),
            historic: (totals.historic > 0).then(|| {
                let all = totals.historic == totals.events;
                let which = match all {
                    true if totals.events == 1 => "The event is".to_owned(),
                    true => format!("All {} events are", grouped(totals.events)),
                    false if totals.historic == 1 => {
                        format!("1 of the {} events is", grouped(totals.events))
                    }
                    false => {
                        format!(
                            "{} of the {} events are",
                            grouped(totals.historic),
                            grouped(totals.events)
                        )
                    }
                };
                format!("{which} older than the indicator: found in stored logs when it arrived.")
            }),
            more_hosts: more(totals.source_groups, hosts.len(), "host", "hosts"),
            more_groups: more(totals.entries, groups.len(), "indicator", "indicators"),
            steps: steps(digest),
            muted: (digest.muted > 0).then(|| {
                format!(
                    "{} muted since the last digest. Muted matches are not listed here.",
                    counted(digest.muted, "match was", "matches were")
                )
            }),
            composed: written(now),
            hosts,
            groups,
        }
    }
}

/// The subject: the TLP marking, the counts, and the first values.
pub(super) fn subject(digest: &Digest) -> String {
    /// Number of values that are named.
    const NAMED: usize = 2;
    const CHARS: usize = 40;
    let mut names: Vec<_> =
        digest.groups.iter().take(NAMED).map(|group| defanged(&group.entry, CHARS)).collect();
    if digest.totals.entries as usize > names.len() {
        names.push("...".to_owned());
    }
    let marking = digest.totals.tlp.map(|tlp| format!("TLP:{} ", tlp.name())).unwrap_or_default();
    format!("[threatsieve] {marking}{} ({})", counts(digest), names.join(", "))
}

fn headline(digest: &Digest) -> String {
    let totals = &digest.totals;
    let events = counted(totals.events, "event", "events");
    let from = match totals.sources {
        0 => String::new(),
        sources => format!(" from {}", counted(sources, "host", "hosts")),
    };
    format!("{} matched: {events}{from}", counted(totals.entries, "indicator", "indicators"))
}

fn counts(digest: &Digest) -> String {
    let totals = &digest.totals;
    format!(
        "{} matched, {}, {}",
        counted(totals.entries, "indicator", "indicators"),
        counted(totals.events, "event", "events"),
        counted(totals.sources, "host", "hosts")
    )
}

impl Marking {
    fn new(tlp: Option<Tlp>) -> Marking {
        let colour = match tlp {
            Some(Tlp::Red) => "#FF2B2B",
            Some(Tlp::Amber | Tlp::AmberStrict) => "#FFC000",
            Some(Tlp::Green) => "#33FF00",
            Some(Tlp::Clear) | None => "#FFFFFF",
        };
        Marking {
            text: tlp
                .map_or_else(|| "no TLP marking".to_owned(), |tlp| format!("TLP:{}", tlp.name())),
            colour,
        }
    }
}

impl Sure {
    /// Confidence in the words of STIX 2.1 appendix A, which ECS uses too.
    fn new(confidence: Option<u8>) -> Sure {
        let (word, colour) = match confidence {
            None => ("unknown", "#5b6472"),
            Some(0) => ("None", "#5b6472"),
            Some(1..30) => ("Low", "#5b6472"),
            Some(30..70) => ("Medium", "#a15c00"),
            Some(70..) => ("High", "#b3261e"),
        };
        let (text, badge) = match confidence {
            None => (word.to_owned(), format!("confidence {word}")),
            Some(number) => (format!("{word} ({number})"), format!("{word} confidence ({number})")),
        };
        Sure { text, badge, colour }
    }
}

impl HostView {
    fn new(source: &SourceHost) -> HostView {
        HostView {
            name: host(source.name.as_deref()),
            events: counted(source.events, "event", "events"),
            historic: older(source.historic, source.events),
            when: when(source.span),
            sure: Sure::new(source.confidence),
            touched: source.entries.iter().map(ShareView::value).collect(),
            more: more(source.entry_count, source.entries.len(), "indicator", "indicators"),
        }
    }
}

impl ShareView {
    fn value(share: &Share) -> ShareView {
        let name = defanged(share.name.as_deref().unwrap_or_default(), VALUE_CHARS);
        ShareView { name, events: grouped(share.events) }
    }

    fn host(share: &Share) -> ShareView {
        ShareView { name: host(share.name.as_deref()), events: grouped(share.events) }
    }
}

impl GroupView {
    fn new(number: usize, group: &Group, link: Option<&str>) -> GroupView {
        let hosts = match group.source_count {
            0 => String::new(),
            count => format!(" from {}", counted(count, "host", "hosts")),
        };
        let named_hosts = group.sources.iter().filter(|share| share.name.is_some()).count();
        GroupView {
            number,
            kind: kind(&group.entry_type).to_owned(),
            value: defanged(&group.entry, VALUE_CHARS),
            counts: format!("{}{hosts}", counted(group.events, "event", "events")),
            historic: older(group.historic, group.events),
            when: when(group.span),
            sure: Sure::new(group.confidence),
            tlp: Marking::new(group.tlp),
            vouchers: group
                .vouchers
                .iter()
                .map(|voucher| VoucherView::new(voucher, &group.entry))
                .collect(),
            more_vouchers: more(
                group.voucher_count,
                group.vouchers.len(),
                "indicator",
                "indicators",
            ),
            hosts: group.sources.iter().map(ShareView::host).collect(),
            more_hosts: more(group.source_count, named_hosts, "host", "hosts"),
            examples: group
                .examples
                .iter()
                .map(|example| ExampleView::new(example, link))
                .collect(),
            more_examples: more(group.events, group.examples.len(), "event", "events"),
        }
    }
}

impl VoucherView {
    fn new(voucher: &Voucher, entry: &str) -> VoucherView {
        VoucherView {
            feed: defanged(&voucher.feed, NAME_CHARS),
            id: (voucher.indicator != entry).then(|| defanged(&voucher.indicator, NAME_CHARS)),
            name: voucher.name.as_deref().map(|name| defanged(name, NAME_CHARS)),
            threats: threats(&voucher.threats),
            sure: Sure::new(voucher.confidence).text,
            tlp: Marking::new(voucher.tlp).text,
        }
    }
}

/// Names the first threats of an indicator.
fn threats(all: &[Threat]) -> Option<String> {
    let named = |threat: &Threat| {
        let id = threat.id.as_deref().map(|id| format!(" ({id})")).unwrap_or_default();
        let text = format!("{} {}{id}", threat.kind.name(), threat.name);
        defanged(&text, NAME_CHARS)
    };
    let mut names: Vec<String> = all.iter().take(THREATS_NAMED).map(named).collect();
    names.extend(more(all.len() as u64, names.len(), "threat", "threats"));
    (!names.is_empty()).then(|| names.join(", "))
}

impl ExampleView {
    fn new(example: &Example, link: Option<&str>) -> ExampleView {
        let raw = defanged(&example.raw, RAW_CHARS);
        ExampleView {
            when: example.occurred.map_or_else(|| "time not logged".to_owned(), written),
            host: host(example.source.as_deref()),
            what: format!(
                "{} {}, {}",
                defanged(&example.field, NAME_CHARS),
                defanged(&example.observable, VALUE_CHARS),
                how(&example.how)
            ),
            place: match &example.place {
                ExamplePlace::Line { file, line } => {
                    format!("{} line {}", defanged(file, NAME_CHARS), grouped(*line))
                }
                ExamplePlace::Document { index, id } => format!(
                    "index {} document {}",
                    defanged(index, NAME_CHARS),
                    defanged(id, NAME_CHARS)
                ),
            },
            link: example.place.link(link),
            is_historic: example.is_historic,
            raw_lines: wrapped(&raw, LINE_CHARS - 6),
            raw,
        }
    }
}

/// The suggested next steps, with the exact commands for the first value and host.
fn steps(digest: &Digest) -> Vec<Step> {
    let Some(group) = digest.groups.first() else { return Vec::new() };
    // A conjunction, or a value that is too long to be shown whole, is named by its indicator.
    let is_no_value = group.entry_type == CONJUNCTION || group.entry.chars().count() > VALUE_CHARS;
    let of = match (&group.vouchers[..], is_no_value) {
        ([voucher, ..], true) => &voucher.indicator,
        _ => &group.entry,
    };
    let value = quoted(&defanged(of, VALUE_CHARS));
    let observed = group.examples.first().and_then(|example| host_of(&example.observable));
    let source = digest.sources.iter().find_map(|source| source.name.as_deref());
    let mute = |what: &str, of: &str| {
        format!("threatsieve mute add --{what} {of} --for 7d --reason 'WHY'")
    };
    let mut mutes = vec![mute("indicator", &value)];
    mutes.extend(observed.map(|observed| mute("host", &quoted(&defanged(&observed, VALUE_CHARS)))));
    mutes.extend(source.map(|source| mute("source", &quoted(&defanged(source, NAME_CHARS)))));
    vec![
        Step {
            what: "See which indicators cover it, and why",
            commands: vec![format!("threatsieve explain {value}")],
        },
        Step {
            what: "If it is a false positive: retract it and its flags",
            commands: vec![format!("threatsieve retract {value} --reason 'WHY'")],
        },
        Step {
            what: "If it is known: send no mails about this indicator, this observed host, or the \
                   host that it was observed from",
            commands: mutes,
        },
        Step {
            what: "See the state of Threatsieve",
            commands: vec!["threatsieve status".to_owned()],
        },
    ]
}

/// Quotes a text as one word for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn host(name: Option<&str>) -> String {
    name.map_or_else(|| "host not logged".to_owned(), |name| defanged(name, NAME_CHARS))
}

fn kind(entry_type: &str) -> &str {
    match entry_type {
        "domain-name" => "domain",
        "ipv4-addr" => "IPv4 address",
        "ipv6-addr" => "IPv6 address",
        "url" => "URL",
        "file" => "file digest",
        "email-addr" => "email address",
        "conjunction" => "all of",
        other => other,
    }
}

/// The way in which an entry covers an observable, in words.
fn how(name: &str) -> &str {
    match name {
        "exact" => "exactly as listed",
        "subdomain" => "below the listed domain",
        "cidr" => "in the listed network",
        "range" => "in the listed range",
        "url" => "the listed URL",
        "url_prefix" => "below the listed URL",
        "url_query_unlogged" => "the listed URL as far as logged",
        "file_name" => "the listed domain, or a file of that name",
        "conjunction" => "all parts in one event",
        other => other,
    }
}

fn older(historic: u64, events: u64) -> Option<String> {
    match historic {
        0 => None,
        _ if historic == events => Some("found in stored logs".to_owned()),
        _ => Some(format!("{} found in stored logs", grouped(historic))),
    }
}

fn more(all: u64, shown: usize, one: &str, many: &str) -> Option<String> {
    let rest = all.saturating_sub(shown as u64);
    (rest > 0)
        .then(|| format!("and {}", counted(rest, &format!("more {one}"), &format!("more {many}"))))
}

/// A time in UTC, to the second.
fn written(at: Timestamp) -> String {
    format!(
        "{} UTC",
        day_and_time(at).map_or_else(|| rfc3339(at), |(day, time)| format!("{day} {time}"))
    )
}

fn when(span: Span) -> String {
    let (Some(first), Some(last)) = (span.first, span.last) else {
        return "time not logged".to_owned();
    };
    match (day_and_time(first), day_and_time(last)) {
        (Some(first), Some(last)) if first == last => format!("{} {} UTC", first.0, first.1),
        (Some(first), Some(last)) if first.0 == last.0 => {
            format!("{} {} to {} UTC", first.0, first.1, last.1)
        }
        (Some(first), Some(last)) => {
            format!("{} {} to {} {} UTC", first.0, first.1, last.0, last.1)
        }
        _ => format!("{} to {}", rfc3339(first), rfc3339(last)),
    }
}

fn day_and_time(at: Timestamp) -> Option<(String, String)> {
    let moment = Moment::from_microsecond(at.0).ok()?;
    Some((moment.strftime("%Y-%m-%d").to_string(), moment.strftime("%H:%M:%S").to_string()))
}

/// Breaks a text into lines of at most `chars` characters. Breaks at a space if there is one in the
/// second half of the line.
fn wrapped(text: &str, chars: usize) -> Vec<String> {
    let all: Vec<char> = text.chars().collect();
    let mut rest = &all[..];
    let mut lines = Vec::new();
    while rest.len() > chars {
        let space = rest[..=chars].iter().rposition(|c| *c == ' ').filter(|at| *at > chars / 2);
        let (line, after) = rest.split_at(space.unwrap_or(chars));
        lines.push(line.iter().collect());
        rest = if space.is_some() { &after[1..] } else { after };
    }
    lines.push(rest.iter().collect());
    lines
}
