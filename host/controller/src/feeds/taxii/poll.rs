//! One poll of a collection.

use std::io::BufReader;

use anyhow::Context;
use threatsieve_blacklist::Timestamp;
use threatsieve_feed::{BundleReport, StixLimits, StixSet};
use url::Url;

use super::At;
use super::course::Course;
use super::manifest;
use super::paging::{MAX_LIMIT, Page, Step};
use super::version::Version;
use crate::config::{Feed, Http, TaxiiFeed};
use crate::feeds::archive::Archive;
use crate::feeds::fetched::blocking;
use crate::feeds::http::{Answer, Fault, Fetcher, shown};
use crate::feeds::reading::limits;

/// The types of objects that are used (`match[type]`, section 3.4.2).
const FILTERS: &[(&str, &str)] = &[(
    "match[type]",
    "indicator,marking-definition,relationship,malware,tool,threat-actor,intrusion-set,campaign,\
     attack-pattern",
)];
pub(super) const EXPECTED: &str = "a STIX bundle or a TAXII 2.1 envelope";

/// The end of a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The poll reached the collection's last object.
    Reached,
    /// The poll reached its limit of time or objects, after a complete page.
    Paused,
    /// The server speaks the other version of TAXII, whatever the request asked for.
    OtherVersion,
}

/// One poll of a collection.
pub(super) struct Poll {
    objects_url: Url,
    version: Version,
    pub(super) course: Course,
    pub(super) filters: bool,
    /// A request with the filter failed, perhaps for another reason. The next poll tries the filter
    /// again.
    pub(super) failed_filtering: bool,
    pub(super) set: StixSet,
    pub(super) objects: u64,
    /// Number of objects that are used.
    pub(super) taken: u64,
    /// Number of objects after which the poll ends with the page.
    max_objects: u64,
    archive: Option<Archive>,
}

impl Poll {
    pub(super) fn new(
        feed: &Feed,
        taxii: &TaxiiFeed,
        http: &Http,
        at: &At,
        now: Timestamp,
    ) -> anyhow::Result<Poll> {
        let overlap = i64::try_from(taxii.overlap.as_micros()).unwrap_or(i64::MAX);
        let added_after =
            at.added_after.map(|moment| Timestamp(moment.0.0.saturating_sub(overlap)));
        Ok(Poll {
            objects_url: at.objects_url()?,
            version: at.version,
            course: Course::new(
                at.version,
                added_after.max(taxii.since),
                taxii.page_objects,
                at.form,
                at.resume.as_ref(),
            ),
            filters: at.filters,
            failed_filtering: false,
            set: StixSet::new(StixLimits {
                // The whole page that reaches the limit is kept.
                max_kept: http.max_poll_objects as usize + MAX_LIMIT as usize,
                accepts_items: true,
                ..limits(feed, now)
            }),
            objects: 0,
            taken: 0,
            max_objects: u64::from(http.max_poll_objects),
            archive: Archive::of(feed),
        })
    }

    /// Fetches page after page. An error discards all pages, a limit only the incomplete page.
    pub(super) async fn run(&mut self, fetcher: &mut Fetcher) -> anyhow::Result<End> {
        loop {
            let has_pages = self.course.has_pages();
            if has_pages && (fetcher.is_over() || self.objects >= self.max_objects) {
                return Ok(End::Paused);
            }
            let filters = if self.filters { FILTERS } else { &[] };
            let accept = self.version.objects();
            let request = self.course.request(&self.objects_url, filters, accept, EXPECTED);
            let answer = match fetcher.fetch(&request).await {
                Ok(answer) => answer,
                Err(fault) if has_pages && fault.is_poll_timeout() => return Ok(End::Paused),
                Err(fault) if self.can_ask_otherwise(&fault) => continue,
                Err(fault) => return Err(fault.into()),
            };
            answer.refuse_page(EXPECTED)?;
            let url = shown(&answer.url);
            let step = match self.course.beyond(&answer) {
                Some(step) => step,
                None => match self.read(answer)? {
                    Some(page) => self.course.advance(&page),
                    None => return Ok(End::OtherVersion),
                },
            };
            if step.map_err(|what| Fault::Content { url, what })? == Step::Done {
                return Ok(End::Reached);
            }
        }
    }

    /// Changes the request after an error status, and returns whether there is something to try.
    fn can_ask_otherwise(&mut self, fault: &Fault) -> bool {
        let Some(status) = fault.status() else { return false };
        if self.course.can_ask_otherwise(status) {
            return true;
        }
        let is_refused = matches!(status, 400 | 404 | 405 | 422 | 500 | 501)
            && self.filters
            && self.course.can_do_without_filters();
        if is_refused {
            (self.filters, self.failed_filtering) = (false, status == 500);
        }
        is_refused
    }

    /// Reads a page. Returns `None` if it is one of the other version of TAXII.
    fn read(&mut self, answer: Answer) -> anyhow::Result<Option<Page>> {
        let (url, page) = (shown(&answer.url), Course::page(&answer));
        let named = Version::named(&answer.headers);
        let mut copy = answer.body.file()?;
        let input = BufReader::with_capacity(64 * 1024, answer.body.into_file());
        let report = blocking(|| self.set.read(0, input)).with_context(|| url.clone())?;
        let BundleReport { objects, indicators, markings, threats, rejected, .. } = report;
        let BundleReport { older, repeated, more, .. } = report;
        let is_other = match self.version {
            // A bundle has no `more`, so its other pages would be missed.
            Version::V21 => {
                let is_paged = page.range.is_some() || named == Some(Version::V20);
                report.is_bundle && !more && is_paged
            }
            Version::V20 => !report.is_bundle && more,
        };
        if is_other {
            return Ok(None);
        }
        if let Some(archive) = self.archive.as_mut().filter(|_| objects > 0) {
            blocking(|| archive.save(&mut copy))?;
        }
        self.objects += objects;
        self.taken += indicators + markings + threats + rejected;
        let has_news = objects > older + repeated;
        let BundleReport { content, first, last, next, .. } = report;
        Ok(Some(Page { content, objects, has_news, more, next, first, last, ..page }))
    }

    /// Returns the time at which the newest object was added: after it, the next poll begins. If
    /// the server sends no dates with its objects, they are in the manifest. Without any, the next
    /// poll reads everything again.
    pub(super) async fn newest(&self, fetcher: &mut Fetcher) -> Option<Timestamp> {
        if self.course.is_uneven() {
            return None;
        }
        let newest = self.course.newest();
        if newest.is_some() || self.objects == 0 {
            return newest;
        }
        let filters = if self.filters { FILTERS } else { &[] };
        let added = manifest::newest(fetcher, &self.objects_url, self.version, filters).await;
        added.unwrap_or_else(|fault| {
            tracing::debug!(error = %fault, "no dates of the objects; all are fetched each time");
            None
        })
    }
}
