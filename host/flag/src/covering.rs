//! Reduces an event's matches to one for each indicator.

use std::collections::HashMap;

use threatsieve_blacklist::{How, IndicatorView, Match};

/// An observable of an event, with an entry that covers it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The observable's index in the event, from 0.
    pub number: u32,
    /// The value as it is in the event.
    pub observable: String,
    /// The field with the value, by its ECS name if there is one.
    pub field: String,
    /// The match: the entry, the way in which it covers the value, and its indicators.
    pub matched: Match,
}

/// An indicator and its most specific match in an event.
#[derive(Debug, Clone, Copy)]
pub struct Covering<'a> {
    /// The observable and the entry.
    pub found: &'a Found,
    /// One of the entry's indicators.
    pub indicator: &'a IndicatorView,
}

/// Returns one covering for each indicator, in the order of the observables. An indicator that
/// covers the event only by a conjunction has one for each part of the first one.
pub fn coverings(found: &[Found]) -> Vec<Covering<'_>> {
    let mut all: Vec<Covering<'_>> = Vec::new();
    let mut places = HashMap::new();
    let mut conjunctions = HashMap::new();
    for found in found {
        for indicator in &found.matched.entry.indicators {
            let covering = Covering { found, indicator };
            let key = (&indicator.feed, indicator.shown_id());
            if let Some(part) = &indicator.conjunction {
                if *conjunctions.entry(key).or_insert(part.number) == part.number {
                    all.push(covering);
                }
                continue;
            }
            let place = *places.entry(key).or_insert(all.len());
            match all.get_mut(place) {
                None => all.push(covering),
                Some(known) if breadth(found.matched.how) < breadth(known.found.matched.how) => {
                    *known = covering;
                }
                Some(_) => {}
            }
        }
    }
    if !conjunctions.is_empty() {
        // A value that alone is enough says all there is to say.
        all.retain(|covering| {
            let Covering { indicator, .. } = covering;
            indicator.conjunction.is_none()
                || !places.contains_key(&(&indicator.feed, indicator.shown_id()))
        });
    }
    all
}

impl Covering<'_> {
    /// Returns the coverings of its indicator among `all`: itself, or for a conjunction one for
    /// each part, in their order.
    pub fn parts<'a>(&self, all: &[Covering<'a>]) -> Vec<Covering<'a>>
    where
        Self: 'a,
    {
        let number = |covering: &Covering<'_>| {
            covering.indicator.conjunction.as_ref().map(|part| part.number)
        };
        let is_same = |other: &&Covering<'_>| match number(self) {
            None => std::ptr::eq(self.indicator, other.indicator),
            wanted => number(other) == wanted,
        };
        let mut parts: Vec<Covering<'a>> = all.iter().filter(is_same).copied().collect();
        parts.sort_by_key(|part| part.indicator.conjunction.as_ref().map(|part| part.part));
        parts
    }

    /// Returns whether it is the only one of its indicator, or the first one. Matches are counted
    /// by these.
    pub fn is_first(&self) -> bool {
        self.indicator.conjunction.as_ref().is_none_or(|part| part.part == 0)
    }
}

/// Ranks the ways of covering: the more an entry covers beyond the observable, the higher.
pub(crate) fn breadth(how: How) -> u8 {
    match how {
        How::Exact | How::Url => 0,
        How::UrlPrefix => 1,
        How::Subdomain => 2,
        How::Cidr | How::Range => 3,
        How::UrlQueryUnlogged | How::FileName => 4,
    }
}
