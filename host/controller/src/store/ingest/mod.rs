//! Stores a delivery in one transaction.
//!
//! A delivery is first collected in compact form, and then compared with the stored rows in the
//! order of the key. So a large list needs one pass over the feed's rows, and nothing is written
//! before it is known whether the delivery is held back.

mod apply;
mod collect;
mod marked;
mod plan;
mod renamed;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value as Json;
use threatsieve_blacklist::{Indicator, IndicatorId, Timestamp, UrlMode, Value};
use threatsieve_feed::latest_modified;

use self::collect::{Canary, Collected};
use self::marked::MarkedAgain;
pub(crate) use self::plan::{ACTIVE, REVOKED};
pub(crate) use self::renamed::Renamed;
use super::Store;
use super::body::Statement;
use super::feeds::{Ingested, feed_id};
use super::misp_sources::{self, ReadEvents};
use super::packages::{self, AllRelated, ReceivedPackages};
use super::rejections::MAX_REJECTIONS;
use super::threats::Threats;
use crate::config::Feed;
use crate::rejection::Rejection;

/// Maximum number of marking definitions of one feed, and their maximum length in bytes.
const MAX_MARKINGS: usize = 10_000;
const MAX_MARKING_BYTES: usize = 64 * 1024;

/// The meaning of a delivery for the indicators that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// The delivery is the whole list. Indicators that it does not name were removed.
    Whole,
    /// The delivery contains only changes. Other indicators stay as they are.
    Part,
}

/// A delivery that is being read. If it is dropped before [`Ingest::finish`], nothing changes.
pub(crate) struct Ingest<'a> {
    store: &'a mut Store,
    delivery: Delivery,
}

/// The part of a delivery that was read so far.
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
    /// True if no delivery of the feed was ever accepted.
    is_first: bool,
    /// The reason to doubt that the delivery is the feed.
    doubt: Option<String>,
    markings: Vec<(String, String)>,
    /// JSON of the markings of indicators, by id: see [`Ingest::mark`].
    marked: HashMap<String, Arc<str>>,
    /// Known indicators whose level changes with the definitions of this delivery.
    marked_again: Vec<MarkedAgain>,
    packages: ReceivedPackages,
    /// Indicators that earlier packages or events of MISP listed, and that those of the delivery
    /// with the same ids do not list any more.
    withdrawn: BTreeSet<String>,
    threats: Threats,
    events: ReadEvents,
}

impl Delivery {
    fn is_credible(&self, modified: Timestamp) -> bool {
        is_credible(modified, self.now)
    }
}

/// Returns whether a time of change is plausible, which is at most a day ahead.
fn is_credible(modified: Timestamp, now: Timestamp) -> bool {
    modified <= latest_modified(now)
}

impl Store {
    /// Starts a delivery of a feed.
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
            marked: HashMap::new(),
            marked_again: Vec::new(),
            packages: ReceivedPackages::new(),
            withdrawn: BTreeSet::new(),
            threats: Threats::default(),
            events: ReadEvents::default(),
        };
        Ok(Ingest { store: self, delivery })
    }
}

impl Ingest<'_> {
    /// Adds an indicator. The feed's settings fill in its confidence and marking if they are
    /// missing.
    ///
    /// Of several versions of an id in one delivery, the newest counts. Several with the same
    /// `modified` are merged.
    ///
    /// A line of a list becomes one indicator for each of its values, with the value as its id. So
    /// the id stays the same in later versions of the list.
    ///
    /// An indicator without values is added too. Its pattern contains nothing that can be matched,
    /// and it replaces the version before.
    ///
    /// A `modified` of more than a day ahead is not believed, because no correction could ever
    /// replace that version. The version counts as undated, older than any other, and is listed
    /// among the rejections.
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
            IndicatorId::Line(line) => {
                let labels = indicator.types.iter().map(String::as_str);
                let dropped = self.delivery.feed.policy.objects.dropped_by_labels(labels);
                if let Some(dropped) = dropped.filter(|_| !indicator.types.is_empty()) {
                    self.reject(Rejection {
                        id: line.to_string(),
                        value: indicator.values.first().map(Value::to_string).unwrap_or_default(),
                        kind: dropped.kind().to_owned(),
                        reason: dropped.to_string(),
                        is_pattern: false,
                    });
                    return Ok(());
                }
                for value in std::mem::take(&mut indicator.values) {
                    let id = value.to_string();
                    let one = Indicator { values: vec![value], ..indicator.clone() };
                    self.delivery.collected.put(&id, modified, &Statement::of(one))?;
                }
                Ok(())
            }
        }
    }

    /// Adds the revocation of an indicator, even if it was never delivered. Without `modified` it
    /// applies to every version so far.
    pub(crate) fn revoke(&mut self, id: &str, modified: Option<Timestamp>) -> anyhow::Result<()> {
        self.note_future(id, modified);
        let modified = modified.filter(|&at| self.delivery.is_credible(at));
        self.delivery.collected.revoke(id, modified)
    }

    /// Adds a rejection for a time that is not plausible.
    fn note_future(&mut self, id: &str, modified: Option<Timestamp>) {
        if let Some(modified) = modified.filter(|&at| !self.delivery.is_credible(at)) {
            let (modified, now) =
                (threatsieve_flag::rfc3339(modified), threatsieve_flag::rfc3339(self.delivery.now));
            self.reject(Rejection {
                id: id.to_owned(),
                value: modified.clone(),
                kind: "modified in the future".to_owned(),
                reason: format!(
                    "expected `modified` within a day of {now}, got {modified}: this version \
                     counts as older than any other"
                ),
                is_pattern: false,
            });
        }
    }

    /// Adds a rejection. All are counted, and the first [`MAX_REJECTIONS`] are kept.
    pub(crate) fn reject(&mut self, rejection: Rejection) {
        self.delivery.rejected += 1;
        if self.delivery.rejections.len() < MAX_REJECTIONS {
            self.delivery.rejections.push(rejection);
        }
    }

    /// Counts versions with a date too far in the future. They are added as undated ones.
    pub(crate) fn count_ahead(&mut self, versions: u64) {
        self.delivery.ahead += versions;
    }

    /// Counts records that are not meant as indicators.
    pub(crate) fn skip(&mut self, records: u64) {
        self.delivery.skipped += records;
    }

    /// Returns whether no delivery of the feed was ever accepted.
    pub(crate) fn is_first(&self) -> bool {
        self.delivery.is_first
    }

    /// Sets the reason to doubt that the delivery is the feed. A first delivery is then held back.
    pub(crate) fn doubt(&mut self, why: String) {
        self.delivery.doubt = Some(why);
    }

    /// Returns the marking definitions of earlier deliveries, each as JSON of the STIX object.
    pub(crate) fn known_markings(&self) -> anyhow::Result<Vec<String>> {
        let mut statement = self
            .store
            .connection
            .prepare_cached("SELECT definition FROM markings WHERE feed = ?1 ORDER BY id")?;
        let definitions = statement.query_map([self.delivery.feed_id], |row| row.get(0))?;
        Ok(definitions.collect::<Result<_, _>>()?)
    }

    /// Sets the threats and relationships of the delivery.
    pub(crate) fn relate(&mut self, threats: Threats) {
        self.delivery.threats = threats;
    }

    pub(in crate::store) fn events_mut(&mut self) -> &mut ReadEvents {
        &mut self.delivery.events
    }

    /// Returns the indicators that an event of MISP listed before this delivery.
    pub(in crate::store) fn listed_by(&self, event: &str) -> anyhow::Result<Vec<String>> {
        misp_sources::listed_by(&self.store.connection, self.delivery.feed_id, event)
    }

    /// Returns the events of MISP that listed anything before this delivery.
    pub(in crate::store) fn known_events(&self) -> anyhow::Result<Vec<String>> {
        misp_sources::known_events(&self.store.connection, self.delivery.feed_id)
    }

    /// Removes an indicator that an event of MISP does not list any more, unless another one does.
    pub(in crate::store) fn withdraw_from(
        &mut self,
        id: String,
        event: &str,
    ) -> anyhow::Result<()> {
        let (connection, feed) = (&self.store.connection, self.delivery.feed_id);
        if !misp_sources::is_listed_elsewhere(connection, feed, &id, event)? {
            self.delivery.withdrawn.insert(id);
        }
        Ok(())
    }

    /// Stores a marking definition for later deliveries: its id, and JSON of the STIX object.
    ///
    /// Definitions beyond [`MAX_MARKINGS`] or [`MAX_MARKING_BYTES`] are not stored. Objects with
    /// such a marking count as marked in an unknown way.
    pub(crate) fn define_marking(&mut self, id: &str, definition: &str) {
        if definition.len() <= MAX_MARKING_BYTES && self.delivery.markings.len() < MAX_MARKINGS {
            self.delivery.markings.push((id.to_owned(), definition.to_owned()));
        }
    }

    /// Adds the packages of the delivery, which are kept as they were received.
    ///
    /// A delivery in parts gets the earlier packages that have to be read again with it. Indicators
    /// that the earlier content of a package listed, and that no package lists any more, are
    /// removed.
    pub(crate) fn keep_packages(
        &mut self,
        received: ReceivedPackages,
        delivered: Delivered,
    ) -> anyhow::Result<AllRelated> {
        let mut related = match delivered {
            Delivered::Whole => AllRelated::default(),
            Delivered::Part => {
                packages::related(&self.store.connection, self.delivery.feed_id, &received)?
            }
        };
        self.delivery.packages = received;
        self.delivery.withdrawn.append(&mut related.withdrawn);
        Ok(related)
    }

    /// Returns the indicators that the packages do not list any more.
    #[cfg(test)]
    pub(crate) fn withdrawn(&self) -> &BTreeSet<String> {
        &self.delivery.withdrawn
    }

    /// Compares the delivery with the stored rows, and applies it together with the cursor in one
    /// transaction.
    ///
    /// A suspicious delivery is held back: nothing of it is applied, and the cursor stays.
    /// `allow_held` accepts such a delivery.
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

/// Returns the text by which values are compared, whatever their modes.
pub(crate) fn compared(value: &Value) -> String {
    match value {
        Value::Domain(name, _) => name.to_string(),
        Value::Url { key, .. } => key.to_string(),
        value => value.to_string(),
    }
}

/// Returns the compared form of a value as it is written in a list; `None` if the text is not a
/// value.
pub(crate) fn compared_text(text: &str) -> Option<String> {
    Value::from_list(text, UrlMode::Exact).ok().map(|value| compared(&value))
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod renamed_tests;
#[cfg(test)]
pub(crate) mod tests;
