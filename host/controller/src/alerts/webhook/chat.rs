//! A message for people, before a chat's own form. All texts from outside are defanged and cut, and
//! control characters in them are escaped. The chats' forms keep them from being read as markup.

use super::message::{Frame, Kind};
use crate::alerts::defang::defanged;
use crate::alerts::page::{ExampleView, GroupView, Page, ShareView, VoucherView};
use crate::conditions::{Changes, Condition};
use crate::store::digest::Digest;
use crate::text::{clipped, counted, grouped};

/// Maximum number of conditions in a message.
const MAX_CONDITIONS: usize = 15;
/// Maximum number of characters of a condition's details.
const WHAT_CHARS: usize = 400;
/// Maximum number of characters of a name from the configuration.
const NAME_CHARS: usize = 100;

/// A message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chat {
    pub(super) title: String,
    /// Lines below the title.
    pub(super) facts: Vec<String>,
    pub(super) sections: Vec<Section>,
    /// Lines at the end.
    pub(super) footer: Vec<String>,
}

/// A listed value with its matches, or a condition.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
}

impl Chat {
    /// Returns the message about a part of a digest. `omitted` listed values are in no part.
    pub(super) fn of_matches(frame: &Frame<'_>, part: &Digest, omitted: u64) -> Chat {
        let page = Page::new(part, frame.composed);
        let mut facts = vec![format!("{}; {}", page.tlp.text, page.when)];
        facts.extend(page.historic.filter(|_| frame.kind == Kind::Matches));
        facts.push(from(frame));
        let mut footer = Vec::new();
        if omitted > 0 {
            footer.push(format!(
                "{} only counted here.",
                counted(omitted, "more indicator is", "more indicators are")
            ));
        }
        footer.extend(page.muted);
        Chat {
            title: title(frame, part),
            facts,
            sections: page.groups.iter().map(Section::of_group).collect(),
            footer,
        }
    }

    /// Returns the message about conditions of the service.
    pub(super) fn of_conditions(frame: &Frame<'_>, changes: &Changes) -> Chat {
        let word = if changes.began.is_empty() { "over" } else { "problem" };
        let shown = changes.began.iter().chain(&changes.ended);
        let first = shown.clone().next().map(ToString::to_string).unwrap_or_default();
        let all = changes.began.len() + changes.ended.len();
        let more = match all {
            0 | 1 => String::new(),
            all => format!(", and {} more", all - 1),
        };
        let began = changes.began.iter().map(|condition| Section::of_condition("Began", condition));
        let ended = changes.ended.iter().map(|condition| Section::of_condition("Ended", condition));
        let mut footer = Vec::new();
        if all > MAX_CONDITIONS {
            footer.push(format!("{} more are not listed here.", all - MAX_CONDITIONS));
        }
        if !changes.lasting.is_empty() {
            let lasting = changes.lasting.len() as u64;
            let lasting = counted(lasting, "condition lasts", "conditions last");
            footer.push(format!("{lasting}; see `threatsieve status`.").replace('`', ""));
        }
        Chat {
            title: format!("Threatsieve: {word}: {}{more}", clipped(first.as_bytes(), NAME_CHARS)),
            facts: vec![from(frame)],
            sections: began.chain(ended).take(MAX_CONDITIONS).collect(),
            footer,
        }
    }
}

/// `3 indicators matched: 12 events from 2 hosts (part 1 of 2)`
fn title(frame: &Frame<'_>, part: &Digest) -> String {
    let totals = &part.totals;
    let indicators = counted(totals.entries, "indicator", "indicators");
    let events = counted(totals.events, "event", "events");
    let from = match totals.sources {
        0 => String::new(),
        sources => format!(" from {}", counted(sources, "host", "hosts")),
    };
    let what = match frame.kind {
        Kind::Retraction => format!("Retracted, no longer a match: {indicators}, {events}{from}"),
        Kind::Restored => format!("No longer retracted: {indicators}, {events}{from}"),
        Kind::Matches | Kind::Conditions => format!("{indicators} matched: {events}{from}"),
    };
    match frame.parts {
        1 => what,
        parts => format!("{what} (part {} of {parts})", frame.part),
    }
}

/// `Threatsieve on sensor-1, blacklist default, generation 7`
fn from(frame: &Frame<'_>) -> String {
    let host = clipped(frame.service.host.as_bytes(), NAME_CHARS);
    let blacklist = clipped(frame.service.blacklist.as_bytes(), NAME_CHARS);
    let generation = frame.service.generation;
    let generation =
        generation.map(|number| format!(", generation {}", grouped(number))).unwrap_or_default();
    format!("Threatsieve on {host}, blacklist {blacklist}{generation}")
}

impl Section {
    fn of_group(group: &GroupView) -> Section {
        let mut counts = group.counts.clone();
        counts.extend_with(group.historic.as_deref());
        counts.extend_with(Some(&group.when));
        let mut lines = vec![counts, format!("{}, {}", group.sure.badge, group.tlp.text)];
        lines.extend(group.vouchers.iter().map(voucher));
        lines.extend(group.more_vouchers.clone());
        if !group.hosts.is_empty() {
            let mut hosts: Vec<String> = group.hosts.iter().map(share).collect();
            hosts.extend(group.more_hosts.clone());
            lines.push(format!("hosts: {}", hosts.join(", ")));
        }
        lines.extend(group.examples.iter().map(example));
        lines.extend(group.more_examples.clone());
        Section { title: format!("{}: {}", group.kind, group.value), lines }
    }

    fn of_condition(verb: &str, condition: &Condition) -> Section {
        let name = clipped(condition.subject.as_bytes(), NAME_CHARS);
        Section {
            title: format!("{verb}: {}", clipped(condition.to_string().as_bytes(), NAME_CHARS)),
            lines: vec![
                defanged(&condition.what, WHAT_CHARS),
                format!("since {}", condition.since),
                condition.kind.remedy(&name).replace('`', "'"),
            ],
        }
    }
}

/// Adds a part to a line.
trait ExtendWith {
    fn extend_with(&mut self, part: Option<&str>);
}

impl ExtendWith for String {
    fn extend_with(&mut self, part: Option<&str>) {
        if let Some(part) = part {
            self.push_str("; ");
            self.push_str(part);
        }
    }
}

/// `misp: indicator--1, Emotet (malware X), High (90), TLP:AMBER`
fn voucher(voucher: &VoucherView) -> String {
    let mut parts: Vec<&str> = voucher.id.iter().map(String::as_str).collect();
    parts.extend(voucher.name.as_deref());
    parts.extend(voucher.threats.as_deref());
    let marks = format!("confidence {}, {}", voucher.sure, voucher.tlp);
    parts.push(&marks);
    format!("feed {}: {}", voucher.feed, parts.join(", "))
}

fn share(share: &ShareView) -> String {
    format!("{} ({})", share.name, share.events)
}

fn example(example: &ExampleView) -> String {
    let stored = if example.is_historic { ", found in stored logs" } else { "" };
    format!("{}, {}: {}; {}{stored}", example.when, example.host, example.what, example.place)
}
