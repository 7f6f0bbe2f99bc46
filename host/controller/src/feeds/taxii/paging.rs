//! Paging by tokens and dates (TAXII 2.1, section 3.4). It ends, whatever a server does.
//!
//! After `more` with `next`, the next page has the same filters. After `more` without `next`, it is
//! asked for by date. A `next` that stays the same is accepted, because some servers remember the
//! place themselves. A page that comes twice is an error.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use threatsieve_blacklist::Timestamp;

use super::ranges::ContentRange;
use crate::feeds::cursor::Moment;

/// Maximum number of pages of one poll, and maximum length of `next` in bytes.
pub(super) const MAX_PAGES: u64 = 100_000;
const MAX_NEXT_BYTES: usize = 16 * 1024;
/// Maximum number of objects in one request. Requests grow beyond the configured size if a page
/// holds objects of a single time only.
pub(super) const MAX_LIMIT: u32 = 100_000;
/// Factor by which such a request grows.
const LIMIT_GROWTH: u32 = 8;
/// Maximum number of pages in a row without new objects, and of those without any object. Some
/// servers filter after they cut the pages, which makes empty pages.
pub(super) const MAX_IDLE_PAGES: u32 = 10;
pub(super) const MAX_EMPTY_PAGES: u32 = 1000;

/// The parameters of a request for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) added_after: Option<Timestamp>,
    pub(super) next: Option<String>,
    pub(super) limit: u32,
}

/// The data of a page that decides about the next one.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    /// Fingerprint of all objects together.
    pub(super) content: u64,
    pub(super) objects: u64,
    /// The page has an object that no earlier page had, as far as that is known.
    pub(super) has_news: bool,
    pub(super) more: bool,
    pub(super) next: Option<String>,
    /// `X-TAXII-Date-Added-Last`.
    pub(super) last_added: Option<Timestamp>,
    /// Fingerprints of the first and the last object. Only paging by ranges uses these and the
    /// next two.
    pub(super) first: Option<u64>,
    pub(super) last: Option<u64>,
    /// The status is 206.
    pub(super) is_partial: bool,
    /// `Content-Range`.
    pub(super) range: Option<ContentRange>,
}

/// The next step after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// All pages are fetched.
    Done,
    /// Fetch the next window.
    Again,
}

/// The place where a poll ended at its limit, and where the next poll continues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Resume {
    added_after: Option<Moment>,
    next: Option<String>,
    limit: u32,
    /// The latest `last_added` of a page so far.
    newest: Option<Moment>,
    /// Every page had a `last_added`, and none was earlier than that of the page before. So the
    /// server sorts by date, as section 3.4.1 requires.
    is_sorted: bool,
    /// Number of pages in a row that had nothing new.
    #[serde(default)]
    idle_pages: u32,
}

/// The progress of a poll through its collection.
#[derive(Debug)]
pub(super) struct Paging {
    /// The window to restart with if the server has forgotten its `next`.
    start: Window,
    window: Window,
    seen: HashSet<u64>,
    pages: u64,
    idle_pages: u32,
    has_restarted: bool,
    is_sorted: bool,
    /// The latest `last_added` of a page. The cursor takes it once all pages are fetched.
    pub(super) newest: Option<Timestamp>,
}

impl Paging {
    /// Begins after a time, or where the last poll ended.
    pub(super) fn new(
        added_after: Option<Timestamp>,
        limit: u32,
        resume: Option<&Resume>,
    ) -> Paging {
        let mut start = Window { added_after, next: None, limit };
        let mut window = start.clone();
        let newest = resume.and_then(|resume| resume.newest).map(|moment| moment.0);
        if let Some(resume) = resume {
            let Resume { added_after, next, limit, is_sorted, .. } = resume.clone();
            window = Window { added_after: added_after.map(|moment| moment.0), next, limit };
            if is_sorted {
                start.added_after = start.added_after.max(newest.map(just_before));
            }
        }
        Paging {
            window,
            start,
            seen: HashSet::new(),
            pages: 0,
            idle_pages: resume.map_or(0, |resume| resume.idle_pages),
            has_restarted: false,
            is_sorted: resume.is_none_or(|resume| resume.is_sorted),
            newest,
        }
    }

    /// Returns whether at least one page is complete.
    pub(super) fn has_pages(&self) -> bool {
        self.pages > 0
    }

    /// Returns the place where the next poll continues.
    pub(super) fn pause(&self) -> Resume {
        let Window { added_after, next, limit } = self.window.clone();
        let (added_after, newest) = (added_after.map(Moment), self.newest.map(Moment));
        let (is_sorted, idle_pages) = (self.is_sorted, self.idle_pages);
        Resume { added_after, next, limit, newest, is_sorted, idle_pages }
    }

    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    /// Records a page and chooses the next window. An error describes what is wrong with the
    /// server.
    pub(super) fn advance(&mut self, page: &Page) -> Result<Step, String> {
        self.pages += 1;
        self.is_sorted =
            self.is_sorted && page.last_added.is_some() && page.last_added >= self.newest;
        self.newest = self.newest.max(page.last_added);
        if !page.more {
            return Ok(Step::Done);
        }
        if self.pages >= MAX_PAGES {
            return Err(format!("expected at most {MAX_PAGES} pages, got more"));
        }
        match page.next.as_deref() {
            Some(next) if next.len() > MAX_NEXT_BYTES => {
                return Err(format!(
                    "expected a `next` of at most {MAX_NEXT_BYTES} bytes, got {}",
                    next.len()
                ));
            }
            Some(next) => {
                self.check_repetition(page)?;
                self.window.next = Some(next.to_owned());
            }
            None => self.go_on_by_date(page)?,
        }
        Ok(Step::Again)
    }

    /// Starts again from the beginning, because the server refused `next`. Returns `false` if that
    /// was done before, or if the request had no `next`.
    pub(super) fn restart(&mut self) -> bool {
        if self.has_restarted || self.window.next.is_none() {
            return false;
        }
        self.window = self.start.clone();
        self.seen.clear();
        (self.idle_pages, self.has_restarted) = (0, true);
        true
    }

    /// Returns an error if the server repeats its pages.
    fn check_repetition(&mut self, page: &Page) -> Result<(), String> {
        let is_empty = page.objects == 0;
        let is_new = is_empty || self.seen.insert(page.content);
        // After a restart, repeated objects are expected.
        self.idle_pages = if page.has_news || self.has_restarted { 0 } else { self.idle_pages + 1 };
        if is_new && self.idle_pages < if is_empty { MAX_EMPTY_PAGES } else { MAX_IDLE_PAGES } {
            return Ok(());
        }
        Err(format!(
            "expected new objects on page {}, got what came before: the server repeats itself",
            self.pages
        ))
    }

    /// Continues just before the last object's time, because the page may lack other objects of
    /// that time. If a page holds objects of a single time only, asks for a larger page. If the
    /// largest page is too small too, continues after that time, as the specification says.
    fn go_on_by_date(&mut self, page: &Page) -> Result<(), String> {
        let Some(last) = page.last_added else {
            return Err(
                "expected `next` or X-TAXII-Date-Added-Last with `more`, got neither".to_owned()
            );
        };
        let before = just_before(last);
        self.window.next = None;
        if Some(before) > self.window.added_after {
            self.window.added_after = Some(before);
        } else if self.window.limit < MAX_LIMIT && Some(last) > self.window.added_after {
            self.window.limit = self.window.limit.saturating_mul(LIMIT_GROWTH).min(MAX_LIMIT);
        } else if Some(last) > self.window.added_after {
            tracing::warn!(
                pages = self.pages,
                "the server has more objects of one time than fit on a page, and sends no `next`: \
                 some may be missing"
            );
            self.window.added_after = Some(last);
        } else {
            return Err(format!(
                "expected X-TAXII-Date-Added-Last to increase from page to page, \
                 got one that does not on page {}",
                self.pages
            ));
        }
        Ok(())
    }
}

/// Returns the time one microsecond earlier. A request after it includes other objects that were
/// added at the same time.
fn just_before(moment: Timestamp) -> Timestamp {
    Timestamp(moment.0.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(objects: u64, next: Option<&str>, last_added: Option<i64>) -> Page {
        Page {
            content: objects * 1000 + last_added.unwrap_or_default() as u64,
            objects,
            has_news: true,
            more: true,
            next: next.map(str::to_owned),
            last_added: last_added.map(Timestamp),
            ..Page::default()
        }
    }

    fn window(added_after: Option<i64>, next: Option<&str>, limit: u32) -> Window {
        Window { added_after: added_after.map(Timestamp), next: next.map(str::to_owned), limit }
    }

    #[test]
    fn next_goes_on_with_the_same_filters() {
        let mut paging = Paging::new(Some(Timestamp(5)), 10, None);
        assert_eq!(*paging.window(), window(Some(5), None, 10));
        for (number, objects) in [(1, 10), (2, 0), (3, 9)] {
            // The token stays the same, as that of the server medallion does.
            assert_eq!(
                paging.advance(&page(objects, Some("a"), Some(100 * number))),
                Ok(Step::Again)
            );
            assert_eq!(*paging.window(), window(Some(5), Some("a"), 10));
        }
        let last = Page { more: false, ..page(1, Some("b"), Some(50)) };
        assert_eq!(paging.advance(&last), Ok(Step::Done));
        assert_eq!(paging.newest, Some(Timestamp(300)));
    }

    #[test]
    fn without_next_it_goes_on_by_date() {
        let mut paging = Paging::new(None, 1000, None);
        assert_eq!(paging.advance(&page(5, None, Some(100))), Ok(Step::Again));
        assert_eq!(*paging.window(), window(Some(99), None, 1000));
        // Only objects of that time: larger pages, then after it, then an error.
        for wanted in [(99, 8_000), (99, 64_000), (99, 100_000), (100, 100_000)] {
            assert_eq!(paging.advance(&page(5, None, Some(100))), Ok(Step::Again));
            assert_eq!(*paging.window(), window(Some(wanted.0), None, wanted.1));
        }
        let error = paging.advance(&page(5, None, Some(100))).unwrap_err();
        assert!(error.contains("X-TAXII-Date-Added-Last to increase"), "{error}");
        // A server whose dates increase is read to the end.
        let mut paging = Paging::new(Some(Timestamp(50)), 10, None);
        for last in [60, 70, 80] {
            assert_eq!(paging.advance(&page(5, None, Some(last))), Ok(Step::Again));
            assert_eq!(*paging.window(), window(Some(last - 1), None, 10));
        }
        assert!(paging.advance(&page(5, None, Some(50))).is_err(), "it goes back");
        assert!(
            Paging::new(None, 1, None).advance(&page(5, None, None)).is_err(),
            "no date at all"
        );
    }

    #[test]
    fn a_server_that_repeats_itself_is_left() {
        let mut paging = Paging::new(None, 10, None);
        paging.advance(&page(10, Some("a"), None)).unwrap();
        paging.advance(&page(9, Some("a"), None)).unwrap();
        let error = paging.advance(&page(10, Some("a"), None)).unwrap_err();
        assert!(error.contains("page 3") && error.contains("repeats itself"), "{error}");
        // The same objects in other bytes each time: pages may overlap, but not for ever.
        let mut paging = Paging::new(None, 10, None);
        let idle = |number: u64| Page { has_news: false, ..page(number, Some("a"), None) };
        let pages = (1..100).take_while(|&number| paging.advance(&idle(number)).is_ok()).count();
        assert_eq!(pages, 9);
        let mut paging = Paging::new(None, 10, None);
        let empty = Page { has_news: false, ..page(0, Some("a"), None) };
        let pages = (1..).take_while(|_| paging.advance(&empty).is_ok()).count();
        assert_eq!(pages as u32, MAX_EMPTY_PAGES - 1);
    }

    #[test]
    fn a_bad_next_starts_once_more() {
        let mut paging = Paging::new(Some(Timestamp(5)), 10, None);
        assert!(!paging.restart(), "nothing to restart");
        paging.advance(&page(10, Some("a"), Some(70))).unwrap();
        assert!(paging.restart());
        assert_eq!(*paging.window(), window(Some(5), None, 10));
        paging.advance(&page(10, Some("a"), Some(70))).unwrap();
        assert!(!paging.restart(), "once is enough");
    }

    #[test]
    fn there_is_an_end_to_pages_and_tokens() {
        let mut paging = Paging::new(None, 10, None);
        assert!(paging.advance(&page(1, Some(&"x".repeat(MAX_NEXT_BYTES + 1)), None)).is_err());
        let mut paging = Paging::new(None, 10, None);
        let pages = (1..)
            .take_while(|&number| paging.advance(&page(number, Some("a"), None)).is_ok())
            .count();
        assert_eq!(pages as u64, MAX_PAGES - 1);
    }

    #[test]
    fn a_paused_poll_goes_on_where_it_was() {
        let mut paging = Paging::new(Some(Timestamp(5)), 10, None);
        paging.advance(&page(10, Some("a"), Some(70))).unwrap();
        paging.advance(&page(9, Some("b"), Some(80))).unwrap();
        let json = serde_json::to_value(paging.pause()).unwrap();
        let resume: Resume = serde_json::from_value(json).unwrap();
        assert_eq!(resume, paging.pause());
        let mut again = Paging::new(Some(Timestamp(5)), 10, Some(&resume));
        assert_eq!(*again.window(), window(Some(5), Some("b"), 10));
        assert_eq!(again.newest, Some(Timestamp(80)));
        // The server has forgotten `next`: the poll continues by date if the pages were sorted.
        assert!(again.restart());
        assert_eq!(*again.window(), window(Some(79), None, 10));
        paging.advance(&page(8, Some("c"), Some(60))).unwrap();
        let mut again = Paging::new(Some(Timestamp(5)), 10, Some(&paging.pause()));
        assert!(again.restart());
        assert_eq!(*again.window(), window(Some(5), None, 10), "its pages are not sorted");
    }
}
