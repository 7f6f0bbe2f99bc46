//! From the matches of an event to what each indicator says of it.

use std::collections::HashMap;

use threatsieve_blacklist::{How, IndicatorView, Match};

/// An observable of an event with an entry that covers it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The observable's place in the event, from 0.
    pub number: u32,
    /// The value as the event has it.
    pub observable: String,
    /// Where in the event it stands, by its ECS name where there is one.
    pub field: String,
    /// How it is covered, by which entry, and who says so.
    pub matched: Match,
}

/// What one indicator says of an event: by the most specific of its entries that cover one of the event's observables.
#[derive(Debug, Clone, Copy)]
pub struct Covering<'a> {
    /// The observable and the entry.
    pub found: &'a Found,
    /// One of the entry's indicators.
    pub indicator: &'a IndicatorView,
}

/// One for every indicator, in the order of the observables.
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

/// How much more than the observable itself an entry covers.
fn breadth(how: How) -> u8 {
    match how {
        How::Exact | How::Url => 0,
        How::UrlPrefix => 1,
        How::Subdomain => 2,
        How::Cidr | How::Range => 3,
        How::UrlQueryUnlogged | How::FileName => 4,
    }
}
