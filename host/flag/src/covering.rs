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

/// Returns one covering for each indicator, in the order of the observables.
pub fn coverings(found: &[Found]) -> Vec<Covering<'_>> {
    let mut all: Vec<Covering<'_>> = Vec::new();
    let mut places = HashMap::new();
    for found in found {
        for indicator in &found.matched.entry.indicators {
            let covering = Covering { found, indicator };
            let place = *places.entry((&indicator.feed, indicator.shown_id())).or_insert(all.len());
            match all.get_mut(place) {
                None => all.push(covering),
                Some(known) if breadth(found.matched.how) < breadth(known.found.matched.how) => {
                    *known = covering;
                }
                Some(_) => {}
            }
        }
    }
    all
}

/// Ranks the ways of covering: the more an entry covers beyond the observable, the higher.
fn breadth(how: How) -> u8 {
    match how {
        How::Exact | How::Url => 0,
        How::UrlPrefix => 1,
        How::Subdomain => 2,
        How::Cidr | How::Range => 3,
        How::UrlQueryUnlogged | How::FileName => 4,
    }
}
