//! Paging by ranges of items (TAXII 2.0, section 3.4). It ends, whatever a server does.
//!
//! `Content-Range` says which items a page has. A server may send fewer than were asked for, so the
//! next page begins after the last item that came. Items move when others are removed before them.
//! Therefore every page asks again for the last item of the page before. If something else comes,
//! the items have moved, and reading begins from the first item again.

use serde::{Deserialize, Serialize};
use threatsieve_blacklist::Timestamp;

use super::paging::{MAX_EMPTY_PAGES, MAX_IDLE_PAGES, MAX_PAGES, Page, Step};
use crate::feeds::cursor::Moment;

/// Fewest items in one request. Some servers leave out the last item that is asked for.
const MIN_ITEMS: u64 = 2;
/// Number of times that a poll begins from the first item again.
const MAX_RESTARTS: u32 = 2;

/// The form of the header `Range`. The specification has a blank after `items`; some servers take
/// only an equals sign, as in HTTP's own ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    #[default]
    Equals,
    Blank,
    /// No header at all.
    None,
}

impl Form {
    /// Returns the form to try after this one was refused.
    pub(super) fn next(self) -> Option<Form> {
        match self {
            Form::Equals => Some(Form::Blank),
            Form::Blank => Some(Form::None),
            Form::None => None,
        }
    }

    /// Returns the header's value for the items from `first` to `last`.
    pub(super) fn header(self, first: u64, last: u64) -> Option<String> {
        match self {
            Form::Equals => Some(format!("items={first}-{last}")),
            Form::Blank => Some(format!("items {first}-{last}")),
            Form::None => None,
        }
    }
}

/// The value of a header `Content-Range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// The first and the last item of the page.
    pub(super) items: Option<(u64, u64)>,
    /// The number of items altogether.
    pub(super) total: Option<u64>,
}

impl ContentRange {
    /// Parses `items 0-9/30`, and what servers write instead: `items */30`, `items 0-9/*`, an
    /// equals sign, no unit. Returns `None` for everything else.
    pub(super) fn parse(text: &str) -> Option<ContentRange> {
        let text = text.trim();
        let text = text.strip_prefix("items").unwrap_or(text).trim_start_matches([' ', '=']);
        let (items, total) = text.split_once('/')?;
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let items = match items.trim() {
            "*" => None,
            items => {
                let (first, last) = items.split_once('-')?;
                Some((number(first)?, number(last)?)).filter(|(first, last)| first <= last)
            }
        };
        let total = if total.trim() == "*" { None } else { Some(number(total)?) };
        Some(ContentRange { items, total })
    }

    /// Returns the number of the item after this page; `None` if there is none.
    pub(super) fn following(&self) -> Option<u64> {
        let next = self.items?.1.checked_add(1)?;
        (next < self.total?).then_some(next)
    }
}

/// The place where a poll ended at its limit, and where the next poll continues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RangeResume {
    position: u64,
    last: Option<u64>,
    newest: Option<Moment>,
    is_uneven: bool,
    /// Number of pages in a row that had nothing new.
    #[serde(default)]
    idle_pages: u32,
}

/// The progress of a poll through its collection.
#[derive(Debug)]
pub(super) struct Ranges {
    pub(super) added_after: Option<Timestamp>,
    pub(super) form: Form,
    items: u64,
    /// Number of items that were read.
    position: u64,
    /// Fingerprint of the item before `position`, which is requested again.
    last: Option<u64>,
    /// Fingerprint of the first page.
    first_page: Option<u64>,
    pages: u64,
    idle_pages: u32,
    restarts: u32,
    /// The items moved again and again while they were read, so some may be missing.
    is_uneven: bool,
    newest: Option<Timestamp>,
}

impl Ranges {
    /// Begins after a time, or where the last poll ended.
    pub(super) fn new(
        added_after: Option<Timestamp>,
        items: u32,
        form: Form,
        resume: Option<&RangeResume>,
    ) -> Ranges {
        Ranges {
            added_after,
            form,
            items: u64::from(items).max(MIN_ITEMS),
            position: resume.map_or(0, |resume| resume.position),
            last: resume.and_then(|resume| resume.last),
            first_page: None,
            pages: 0,
            idle_pages: resume.map_or(0, |resume| resume.idle_pages),
            restarts: 0,
            is_uneven: resume.is_some_and(|resume| resume.is_uneven),
            newest: resume.and_then(|resume| resume.newest).map(|moment| moment.0),
        }
    }

    pub(super) fn has_pages(&self) -> bool {
        self.pages > 0
    }

    /// Returns the place where the next poll continues.
    pub(super) fn pause(&self) -> RangeResume {
        RangeResume {
            position: self.position,
            last: self.last,
            newest: self.newest.map(Moment),
            is_uneven: self.is_uneven,
            idle_pages: self.idle_pages,
        }
    }

    /// Returns the latest `X-TAXII-Date-Added-Last` of a page.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Returns whether items may be missing, so that the next poll has to read all of them again.
    pub(super) fn is_uneven(&self) -> bool {
        self.is_uneven
    }

    /// Returns the header's value for the next request.
    pub(super) fn header(&self) -> Option<String> {
        let first = self.first();
        self.form.header(first, first + self.items - 1 + (self.position - first))
    }

    /// Returns the first item to request.
    fn first(&self) -> u64 {
        self.position - u64::from(self.last.is_some() && self.position > 0)
    }

    /// Changes the form of the header, because the server refused it. Returns `false` if there is
    /// no other form, or if it was accepted before.
    pub(super) fn try_next_form(&mut self) -> bool {
        match self.form.next() {
            Some(form) if self.pages == 0 => {
                self.form = form;
                true
            }
            _ => false,
        }
    }

    /// Begins with the first form of the header again, because the request changes otherwise.
    pub(super) fn try_first_form(&mut self) {
        self.form = Form::default();
    }

    /// Records that the requested items are beyond the end (status 416).
    pub(super) fn beyond(&mut self, range: Option<ContentRange>) -> Result<Step, String> {
        let total = range.and_then(|range| range.total);
        if self.position == 0 && total.is_some_and(|total| total > 0) && self.try_next_form() {
            return Ok(Step::Again);
        }
        self.pages += 1;
        match total {
            Some(total) if total > self.position => Err(format!(
                "expected items from number {} on, got status 416, though there are {total}",
                self.first()
            )),
            // There were more items before. What is left has moved.
            Some(total) if total < self.position => Ok(self.restart()),
            None if self.last.take().is_some() => Ok(Step::Again),
            _ => Ok(Step::Done),
        }
    }

    /// Records a page and chooses the next items. An error describes what is wrong with the server.
    pub(super) fn advance(&mut self, page: &Page) -> Result<Step, String> {
        self.pages += 1;
        self.newest = self.newest.max(page.last_added);
        if !page.is_partial && page.range.is_none() {
            return Ok(Step::Done);
        }
        if self.pages >= MAX_PAGES {
            return Err(format!("expected at most {MAX_PAGES} pages, got more"));
        }
        let (items, total) = page.range.map_or((None, None), |range| (range.items, range.total));
        let first = self.first();
        let starts_here = items.is_some_and(|(got, _)| got == first);
        // A page of one item may be the item that was asked for again.
        let is_news_due = page.objects > 1 || self.last.is_none();
        let is_repeated = self.first_page == Some(page.content) && is_news_due && page.objects > 0;
        if is_repeated && self.position > 0 && !starts_here {
            // A server without ranges may still answer with their status.
            return match items {
                None if total.is_none() => Ok(Step::Done),
                _ => Err(self.repetition()),
            };
        }
        self.first_page = self.first_page.or(Some(page.content));
        if let Some((got, _)) = items.filter(|(got, _)| *got > first && page.objects > 0) {
            return Err(format!("expected items from number {first} on, got those from {got} on"));
        }
        if page.objects > 0 && (starts_here || items.is_none()) && self.has_moved(page) {
            return Ok(self.restart());
        }
        self.go_on(page, items, total)
    }

    /// Steps behind the items of a page.
    fn go_on(
        &mut self,
        page: &Page,
        items: Option<(u64, u64)>,
        total: Option<u64>,
    ) -> Result<Step, String> {
        let next = match items {
            Some((_, last)) => last.saturating_add(1),
            None => self.first().saturating_add(page.objects),
        };
        let is_end = total.is_some_and(|total| next.max(self.position) >= total);
        if is_end {
            return Ok(Step::Done);
        }
        if self.form == Form::None {
            return Err(
                "the server sends a part of its items, but refuses the header Range for the others"
                    .to_owned(),
            );
        }
        let is_empty = page.objects == 0;
        if next <= self.position || is_empty && items.is_none_or(|(first, last)| first == last) {
            // The page has at most the item that came before.
            if self.last.take().is_some() {
                return Ok(Step::Again);
            }
            return match total {
                None if is_empty => Ok(Step::Done),
                _ => Err(format!("expected items from number {} on, got none", self.position)),
            };
        }
        self.idle_pages = if page.has_news { 0 } else { self.idle_pages + 1 };
        // After a restart, objects come again.
        let may_idle = is_empty || self.restarts > 0;
        if self.idle_pages >= if may_idle { MAX_EMPTY_PAGES } else { MAX_IDLE_PAGES } {
            return Err(self.repetition());
        }
        (self.position, self.last) = (next, page.last);
        Ok(Step::Again)
    }

    /// Returns whether the item before the page is another one than before. After too many restarts
    /// that is accepted, because some servers have no order.
    fn has_moved(&mut self, page: &Page) -> bool {
        let has_moved = self.last.is_some() && self.position > 0 && page.first != self.last;
        if has_moved && self.restarts >= MAX_RESTARTS {
            if !self.is_uneven {
                tracing::warn!(
                    "the server's items change their order while they are read; \
                     the next poll reads all of them again"
                );
            }
            self.is_uneven = true;
            return false;
        }
        has_moved
    }

    /// Begins from the first item again, unless that was done too often.
    fn restart(&mut self) -> Step {
        if self.restarts >= MAX_RESTARTS {
            self.is_uneven = true;
            return Step::Done;
        }
        self.restarts += 1;
        (self.position, self.last, self.first_page, self.idle_pages) = (0, None, None, 0);
        Step::Again
    }

    fn repetition(&self) -> String {
        format!(
            "expected new objects on page {}, got what came before: the server repeats itself",
            self.pages
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page with these items, whose fingerprints are their numbers plus one.
    fn page(range: Option<&str>, objects: std::ops::Range<u64>) -> Page {
        Page {
            content: objects.start * 1000 + objects.end,
            objects: objects.end - objects.start,
            has_news: true,
            is_partial: true,
            range: range.map(|range| ContentRange::parse(range).unwrap()),
            first: Some(objects.start + 1).filter(|_| !objects.is_empty()),
            last: Some(objects.end).filter(|_| !objects.is_empty()),
            last_added: Some(Timestamp(objects.end as i64)),
            ..Page::default()
        }
    }

    fn ranges(items: u32) -> Ranges {
        Ranges::new(None, items, Form::default(), None)
    }

    fn header(ranges: &Ranges) -> String {
        ranges.header().unwrap()
    }

    #[test]
    fn content_ranges_are_read_as_servers_write_them() {
        let range = |items, total| Some(ContentRange { items, total });
        for (text, want) in [
            ("items 0-9/30", range(Some((0, 9)), Some(30))),
            ("items=0-9/30", range(Some((0, 9)), Some(30))),
            ("0-9/30", range(Some((0, 9)), Some(30))),
            ("items */3", range(None, Some(3))),
            ("*/3", range(None, Some(3))),
            ("items 5-7/*", range(Some((5, 7)), None)),
            ("items 7-5/9", range(None, Some(9))),
            ("bytes 0-9/30", None),
            ("items 0-9", None),
            ("items 0-99999999999999999999/3", None),
            ("", None),
        ] {
            assert_eq!(ContentRange::parse(text), want, "{text}");
        }
    }

    #[test]
    fn pages_step_by_what_came_and_overlap_by_one_item() {
        let mut ranges = ranges(2);
        assert_eq!(header(&ranges), "items=0-1");
        // The server leaves out the last item of what is asked for.
        assert_eq!(ranges.advance(&page(Some("items 0-0/3"), 0..1)), Ok(Step::Again));
        assert_eq!(header(&ranges), "items=0-2");
        assert_eq!(ranges.advance(&page(Some("items 0-1/3"), 0..2)), Ok(Step::Again));
        assert_eq!(header(&ranges), "items=1-3");
        assert_eq!(ranges.advance(&page(Some("items 1-2/3"), 1..3)), Ok(Step::Done));
        assert_eq!(ranges.newest(), Some(Timestamp(3)));
    }

    #[test]
    fn a_total_that_is_unknown_ends_with_416_or_an_empty_page() {
        for range in [Some("items 0-4/*"), None] {
            let mut one = ranges(5);
            assert_eq!(one.advance(&page(range, 0..5)), Ok(Step::Again));
            assert_eq!(header(&one), "items=4-9");
            // Only the item that is known: the next request goes without it.
            let known = range.map(|_| "items 4-4/*");
            assert_eq!(one.advance(&page(known, 4..5)), Ok(Step::Again));
            assert_eq!(header(&one), "items=5-9");
            assert_eq!(one.beyond(ContentRange::parse("items */5")), Ok(Step::Done));
        }
        let mut one = ranges(5);
        assert_eq!(one.advance(&page(Some("items */7"), 0..5)), Ok(Step::Again));
        assert_eq!(one.advance(&page(Some("items */7"), 4..7)), Ok(Step::Done));
    }

    #[test]
    fn a_server_may_send_one_item_a_page() {
        for range in ["items", ""] {
            let mut one = ranges(5);
            let mut read = Vec::new();
            for _ in 0..20 {
                let first = one.first();
                if first >= 4 {
                    assert_eq!(one.beyond(None), Ok(Step::Done));
                    break;
                }
                read.push(first);
                let text = format!("items {first}-{first}/4");
                let range = Some(&*text).filter(|_| range == "items");
                if one.advance(&page(range, first..first + 1)).unwrap() == Step::Done {
                    break;
                }
            }
            read.dedup();
            assert_eq!(read.iter().max(), Some(&3), "{read:?}");
            assert!(!one.is_uneven());
        }
    }

    #[test]
    fn items_that_move_are_read_from_the_first_one_again() {
        let mut one = ranges(2);
        one.advance(&page(Some("items 0-1/4"), 0..2)).unwrap();
        // The item before moved to the end, so another one is in its place.
        assert_eq!(one.advance(&page(Some("items 1-3/4"), 2..4)), Ok(Step::Again));
        assert_eq!(header(&one), "items=0-1");
        one.advance(&page(Some("items 0-1/4"), 1..3)).unwrap();
        assert_eq!(one.advance(&page(Some("items 1-3/4"), 2..4)), Ok(Step::Done));
        assert!(!one.is_uneven());
        // A server without an order is read to its end, and from its beginning by the next poll.
        let mut one = ranges(2);
        let mut steps = 0;
        while one.position < 2 || one.restarts < MAX_RESTARTS {
            let start = 100 * steps;
            let range = format!("items {}-{}/99", one.first(), one.first() + 1);
            one.advance(&page(Some(&range), start..start + 2)).unwrap();
            steps += 1;
            assert!(steps < 20);
        }
        assert_eq!(one.advance(&page(Some("items 1-98/99"), 700..800)), Ok(Step::Done));
        assert!(one.is_uneven());
    }

    #[test]
    fn a_server_that_goes_nowhere_is_left() {
        let mut one = ranges(5);
        one.advance(&page(Some("items 0-4/99"), 0..5)).unwrap();
        assert!(one.advance(&page(Some("items 0-4/99"), 0..5)).unwrap_err().contains("repeats"));
        // It ignores ranges, and does not say so.
        let mut one = ranges(5);
        one.advance(&page(None, 0..5)).unwrap();
        assert_eq!(one.advance(&page(None, 0..5)), Ok(Step::Done));
        let mut one = ranges(5);
        one.advance(&page(Some("items 0-4/99"), 0..5)).unwrap();
        assert!(one.advance(&page(Some("items 7-9/99"), 7..10)).unwrap_err().contains("from 7"));
        let mut one = ranges(5);
        for form in ["items 0-4", "none"] {
            assert_eq!(one.beyond(ContentRange::parse("items */3")), Ok(Step::Again));
            assert_eq!(one.header().as_deref().unwrap_or("none"), form);
        }
        let error = one.beyond(ContentRange::parse("items */3")).unwrap_err();
        assert!(error.contains("though there are 3"), "{error}");
        let mut one = Ranges::new(None, 5, Form::None, None);
        assert!(one.advance(&page(Some("items 0-4/9"), 0..5)).unwrap_err().contains("refuses"));
        // Empty pages, each of which claims items.
        let mut one = ranges(5);
        let pages = (0..5000)
            .take_while(|_| {
                let first = one.first();
                let range = format!("items {}-{}/*", first, first + 4);
                let empty = Page { has_news: false, ..page(Some(&range), 0..0) };
                one.advance(&empty).is_ok()
            })
            .count();
        assert_eq!(pages as u32, MAX_EMPTY_PAGES - 1);
    }

    #[test]
    fn a_paused_poll_goes_on_where_it_was() {
        let mut one = ranges(5);
        one.advance(&page(Some("items 0-4/99"), 0..5)).unwrap();
        let json = serde_json::to_value(one.pause()).unwrap();
        let resume: RangeResume = serde_json::from_value(json).unwrap();
        let again = Ranges::new(None, 5, Form::Blank, Some(&resume));
        assert_eq!(header(&again), "items 4-9");
        assert_eq!(again.newest(), Some(Timestamp(5)));
    }
}
