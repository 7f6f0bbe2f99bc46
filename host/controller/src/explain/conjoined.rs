//! The conjunctions that a value is part of.

use threatsieve_blacklist::{ConjunctionRow, EntryType, EventContext, Hit, IndicatorView, Kind};
use threatsieve_flag::{EventHits, FileNames, Whole};
use threatsieve_runner::Answer;

use super::{Covering, Standing};
use crate::matching::Matcher;

/// Maximum number of conjunctions of one entry that are shown.
const SHOWN: usize = 20;

/// A conjunction that the value's entry is part of.
#[derive(Debug)]
pub(crate) struct Conjoint {
    pub(crate) indicator: IndicatorView,
    pub(crate) standing: Standing,
    /// All parts, with `AND` between them.
    pub(crate) text: String,
    /// The parts that the value alone does not have.
    pub(crate) missing: Vec<String>,
}

/// Adds the conjunctions of each covering entry. A value can have all parts of one: a URL has a
/// host and the name of a file.
pub(super) fn add(
    covering: &mut [Covering],
    text: &str,
    answer: &Answer,
    matcher: &Matcher,
    seen: EventContext,
) {
    if !matcher.has_conjunctions() {
        return;
    }
    let mut names = FileNames::default();
    names.add("", Kind::Any, text.as_bytes());
    let mut hits = EventHits::default();
    for hit in &answer.hits {
        hits.add(hit, matcher.policy(), 0, Default::default);
    }
    let whole = hits.judge(&answer.blacklist, matcher.policy(), seen, usize::MAX, || names.clone());
    for (one, hit) in covering.iter_mut().zip(&answer.hits) {
        let has_entry = |row: &ConjunctionRow<'_>| row.values().any(|part| part.entry == hit.entry);
        let rows = answer.blacklist.all_conjunctions().filter(has_entry).take(SHOWN);
        one.conjoint =
            rows.filter_map(|row| conjoint(&row, &answer.hits, &names, matcher, seen)).collect();
        one.counts |= holds(&whole, one);
    }
}

/// Returns whether the entry is part of a conjunction that holds.
fn holds(whole: &Whole, covering: &Covering) -> bool {
    whole.found.iter().any(|found| {
        let entry = &found.matched.entry;
        entry.kind == covering.entry.kind && entry.value == covering.entry.value
    })
}

fn conjoint(
    row: &ConjunctionRow<'_>,
    hits: &[Hit],
    names: &FileNames,
    matcher: &Matcher,
    seen: EventContext,
) -> Option<Conjoint> {
    let entries = row.entries();
    let is_hit: Vec<bool> = row
        .values()
        .map(|part| {
            let completes = |hit: &&Hit| {
                hit.entry == part.entry
                    && hit.allowed_by.is_none()
                    && part.takes(matcher.policy(), hit.how)
            };
            hits.iter().find(completes).is_some()
        })
        .collect();
    let missing = entries.iter().enumerate().filter(|(number, entry)| match entry.kind {
        EntryType::FileName => !names.contains(&entry.value),
        _ => !is_hit.get(*number).copied().unwrap_or(false),
    });
    let missing = missing.map(|(_, entry)| match entry.kind {
        EntryType::FileName => format!("file name {}", entry.value),
        _ => entry.value.clone(),
    });
    let missing = missing.collect();
    let indicator = entries.into_iter().next()?.indicators.pop()?;
    let text = indicator.conjunction.as_ref()?.text.clone();
    let standing =
        Standing::of(&indicator, row.holds(matcher.policy(), seen), matcher.policy(), seen);
    Some(Conjoint { indicator, standing, text, missing })
}
