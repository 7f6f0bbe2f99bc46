//! What a feed delivered, into the state in one transaction.
//!
//! A delivery is collected first, in compact form, and compared with what is there in the order of the key: so a large list costs one pass over
//! the feed's rows, and nothing is written before it is known whether the delivery is held back.

mod apply;
mod collect;
mod plan;

use serde_json::Value as Json;
use threatsieve_blacklist::{Indicator, IndicatorId, Timestamp, UrlMode, Value};
use threatsieve_feed::latest_modified;

use self::collect::{Canary, Collected};
pub(crate) use self::plan::{ACTIVE, REVOKED};
use super::Store;
use super::body::Statement;
use super::feeds::{Ingested, feed_id};
use super::rejections::MAX_REJECTIONS;
use crate::config::Feed;
use crate::rejection::Rejection;

/// Most marking definitions kept of one feed, and the longest one in bytes.
const MAX_MARKINGS: usize = 10_000;
const MAX_MARKING_BYTES: usize = 64 * 1024;

/// What a delivery says of the indicators that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// They are not in the list any more.
    Whole,
    /// Nothing: it tells only of what changed.
    Part,
}

/// A delivery that is being read. Dropped before [`Ingest::finish`], it has changed nothing.
pub(crate) struct Ingest<'a> {
    store: &'a mut Store,
    delivery: Delivery,
}

/// What was read of it so far.
struct Delivery {
    feed: Feed,
    feed_id: i64,
    now: Timestamp,
    collected: Collected,
    canaries: Vec<Canary>,
    rejections: Vec<Rejection>,
    rejected: u64,
    ahead: u64,
    skipped: u64,
    /// Nothing of the feed was ever taken.
    is_first: bool,
    /// The reason why the delivery is hardly the feed.
    doubt: Option<String>,
    markings: Vec<(String, String)>,
}

impl Delivery {
    fn is_credible(&self, modified: Timestamp) -> bool {
        is_credible(modified, self.now)
    }
}

/// Whether a publisher can have changed something at that time.
fn is_credible(modified: Timestamp, now: Timestamp) -> bool {
    modified <= latest_modified(now)
}

impl Store {
    /// Starts to take what a feed delivers.
    pub(crate) fn ingest(&mut self, feed: &Feed, now: Timestamp) -> anyhow::Result<Ingest<'_>> {
        let feed_id = feed_id(&self.connection, &feed.name)?;
        let delivery = Delivery {
            feed: feed.clone(),
            feed_id,
            now,
            collected: Collected::default(),
            canaries: feed
                .hold
                .canaries
                .iter()
                .map(|text| Canary::new(text, feed.url_mode))
                .collect(),
            rejections: Vec::new(),
            rejected: 0,
            ahead: 0,
            skipped: 0,
            is_first: self.feed_state(&feed.name)?.is_none_or(|state| state.report.is_none()),
            doubt: None,
            markings: Vec::new(),
        };
        Ok(Ingest { store: self, delivery })
    }
}

impl Ingest<'_> {
    /// Takes an indicator. What it does not say of confidence and marking, the feed's configuration does. Within one delivery the newest
    /// version of an id counts, and several with the same `modified` add up. The line of a list becomes an indicator for each of its
    /// values, named by the value, so that it is the same from version to version of the list.
    ///
    /// An indicator without values is taken too: its pattern says nothing that can be matched, and a version before it is out of force.
    ///
    /// A `modified` of more than a day ahead is not believed: otherwise no correction could ever replace
    /// that version. It counts as not said, older than any other, and is listed among the rejections.
    pub(crate) fn put(&mut self, mut indicator: Indicator) -> anyhow::Result<()> {
        indicator.confidence = indicator.confidence.or(self.delivery.feed.confidence);
        indicator.tlp = indicator.tlp.or(self.delivery.feed.tlp);
        for value in &indicator.values {
            self.delivery.canaries.iter_mut().for_each(|canary| canary.look_at(value));
        }
        let modified = indicator.modified.filter(|&at| self.delivery.is_credible(at));
        if let IndicatorId::Stix(id) = &indicator.id {
            self.note_future(id, indicator.modified);
        }
        match std::mem::replace(&mut indicator.id, IndicatorId::Line(0)) {
            IndicatorId::Stix(id) => {
                self.delivery.collected.put(&id, modified, &Statement::of(indicator))
            }
            IndicatorId::Line(_) => {
                for value in std::mem::take(&mut indicator.values) {
                    let id = value.to_string();
                    let one = Indicator { values: vec![value], ..indicator.clone() };
                    self.delivery.collected.put(&id, modified, &Statement::of(one))?;
                }
                Ok(())
            }
        }
    }

    /// Takes the withdrawal of an indicator, whether or not it was ever delivered. Without `modified` it holds for every version so far.
    pub(crate) fn revoke(&mut self, id: &str, modified: Option<Timestamp>) -> anyhow::Result<()> {
        self.note_future(id, modified);
        let modified = modified.filter(|&at| self.delivery.is_credible(at));
        self.delivery.collected.revoke(id, modified)
    }

    /// Lists a time that is not believed.
    fn note_future(&mut self, id: &str, modified: Option<Timestamp>) {
        if let Some(modified) = modified.filter(|&at| !self.delivery.is_credible(at)) {
            let (modified, now) =
                (threatsieve_flag::rfc3339(modified), threatsieve_flag::rfc3339(self.delivery.now));
            self.reject(Rejection {
                id: id.to_owned(),
                value: modified.clone(),
                kind: "modified in the future".to_owned(),
                reason: format!(
                    "expected `modified` within a day of {now}, got {modified}: this version counts as \
                     older than any other"
                ),
                is_pattern: false,
            });
        }
    }

    /// Notes what is not taken. All are counted, and the first 10,000 kept.
    pub(crate) fn reject(&mut self, rejection: Rejection) {
        self.delivery.rejected += 1;
        if self.delivery.rejections.len() < MAX_REJECTIONS {
            self.delivery.rejections.push(rejection);
        }
    }

    /// Notes how many versions are dated later than is believed. They are put as undated ones.
    pub(crate) fn count_ahead(&mut self, versions: u64) {
        self.delivery.ahead += versions;
    }

    /// Counts records that are not meant as indicators.
    pub(crate) fn skip(&mut self, records: u64) {
        self.delivery.skipped += records;
    }

    /// Whether nothing of the feed was ever taken.
    pub(crate) fn is_first(&self) -> bool {
        self.delivery.is_first
    }

    /// Notes that the delivery is hardly the feed. A first one is then held back.
    pub(crate) fn doubt(&mut self, why: String) {
        self.delivery.doubt = Some(why);
    }

    /// The marking definitions of earlier deliveries: JSON of the STIX objects, one each.
    pub(crate) fn known_markings(&self) -> anyhow::Result<Vec<String>> {
        let mut statement = self
            .store
            .connection
            .prepare_cached("SELECT definition FROM markings WHERE feed = ?1 ORDER BY id")?;
        let definitions = statement.query_map([self.delivery.feed_id], |row| row.get(0))?;
        Ok(definitions.collect::<Result<_, _>>()?)
    }

    /// Keeps a marking definition for later deliveries: its id, and JSON of the STIX object. One that is too long, or one too many, is not
    /// kept, and what it marks counts as marked in a way that is not understood.
    pub(crate) fn define_marking(&mut self, id: &str, definition: &str) {
        if definition.len() <= MAX_MARKING_BYTES && self.delivery.markings.len() < MAX_MARKINGS {
            self.delivery.markings.push((id.to_owned(), definition.to_owned()));
        }
    }

    /// Compares the delivery with what is there, and applies it in one transaction with the cursor; or holds it back, and then
    /// applies nothing of it, the cursor included. `allow_held` takes what would be held.
    pub(crate) fn finish(
        mut self,
        delivered: Delivered,
        cursor: Option<&Json>,
        allow_held: bool,
    ) -> anyhow::Result<Ingested> {
        self.delivery.collected.settle()?;
        apply::apply(self.store, &self.delivery, delivered, cursor, allow_held)
    }
}

/// The text by which two values are the same, whatever modes they have.
pub(crate) fn compared(value: &Value) -> String {
    match value {
        Value::Domain(name, _) => name.to_string(),
        Value::Url { key, .. } => key.to_string(),
        value => value.to_string(),
    }
}

/// The same of a text as a list has it; `None` for what is no value.
pub(crate) fn compared_text(text: &str) -> Option<String> {
    Value::from_list(text, UrlMode::Exact).ok().map(|value| compared(&value))
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
pub(crate) mod tests;
