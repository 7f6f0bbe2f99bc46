//! The way through the pages of a resource: by tokens and dates in TAXII 2.1, by ranges in 2.0.

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use serde::{Deserialize, Serialize};
use threatsieve_blacklist::Timestamp;
use url::Url;

use super::paging::{self, Page, Paging, Step, Window};
use super::ranges::{ContentRange, Form, RangeResume, Ranges};
use super::version::Version;
use crate::feeds::cursor::Moment;
use crate::feeds::http::{Answer, Request, moment, text};

const LAST_ADDED: &str = "x-taxii-date-added-last";
/// Accepted statuses. Some servers of 2.1 answer 206 instead of 200.
const TOKEN_STATUSES: &[StatusCode] = &[StatusCode::OK, StatusCode::PARTIAL_CONTENT];
const RANGE_STATUSES: &[StatusCode] =
    &[StatusCode::OK, StatusCode::PARTIAL_CONTENT, StatusCode::RANGE_NOT_SATISFIABLE];

/// The place where a poll ended at its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Place {
    Ranges(RangeResume),
    Tokens(paging::Resume),
}

/// The progress through a resource with pages.
#[derive(Debug)]
pub(super) enum Course {
    Tokens(Paging),
    Ranges(Ranges),
}

impl Course {
    /// Begins after a time, or where the last poll ended. `form` matters in 2.0 only.
    pub(super) fn new(
        version: Version,
        added_after: Option<Timestamp>,
        page_objects: u32,
        form: Form,
        place: Option<&Place>,
    ) -> Course {
        match (version, place) {
            (Version::V20, Some(Place::Ranges(place))) => {
                Course::Ranges(Ranges::new(added_after, page_objects, form, Some(place)))
            }
            (Version::V20, _) => Course::Ranges(Ranges::new(added_after, page_objects, form, None)),
            (Version::V21, Some(Place::Tokens(place))) => {
                Course::Tokens(Paging::new(added_after, page_objects, Some(place)))
            }
            (Version::V21, _) => Course::Tokens(Paging::new(added_after, page_objects, None)),
        }
    }

    /// Builds the request for the next page. All pages have the same filters.
    pub(super) fn request(
        &self,
        url: &Url,
        filters: &[(&str, &str)],
        accept: HeaderValue,
        expected: &'static str,
    ) -> Request {
        let mut url = url.clone();
        {
            let mut query = url.query_pairs_mut();
            let added_after = match self {
                Course::Tokens(paging) => {
                    query.append_pair("limit", &paging.window().limit.to_string());
                    paging.window().added_after
                }
                Course::Ranges(ranges) => ranges.added_after,
            };
            if let Some(added_after) = added_after {
                query.append_pair("added_after", &String::from(Moment(added_after)));
            }
            for (name, value) in filters {
                query.append_pair(name, value);
            }
            if let Course::Tokens(paging) = self
                && let Window { next: Some(next), .. } = paging.window()
            {
                query.append_pair("next", next);
            }
        }
        if url.query() == Some("") {
            url.set_query(None);
        }
        let mut request = Request::new(url, expected).with(ACCEPT, accept);
        request.statuses = TOKEN_STATUSES;
        if let Course::Ranges(ranges) = self {
            request.statuses = RANGE_STATUSES;
            if let Some(range) = ranges.header().and_then(|range| range.parse().ok()) {
                request = request.with(RANGE, range);
            }
        }
        request
    }

    /// Returns the data of a page that its headers give. The caller adds those of the body.
    pub(super) fn page(answer: &Answer) -> Page {
        Page {
            last_added: moment(&answer.headers, LAST_ADDED),
            is_partial: answer.status == StatusCode::PARTIAL_CONTENT,
            range: content_range(&answer.headers),
            ..Page::default()
        }
    }

    /// Records a page and chooses the next one.
    pub(super) fn advance(&mut self, page: &Page) -> Result<Step, String> {
        match self {
            Course::Tokens(paging) => paging.advance(page),
            Course::Ranges(ranges) => ranges.advance(page),
        }
    }

    /// Records that the requested page is beyond the end; `None` if the answer is a page.
    pub(super) fn beyond(&mut self, answer: &Answer) -> Option<Result<Step, String>> {
        match self {
            Course::Ranges(ranges) if answer.status == StatusCode::RANGE_NOT_SATISFIABLE => {
                Some(ranges.beyond(content_range(&answer.headers)))
            }
            _ => None,
        }
    }

    /// Changes how pages are requested, after an error status. Returns whether there is another way
    /// to try. The server may have forgotten the `next` that it sent, or may not know the form of
    /// the header `Range`.
    pub(super) fn can_ask_otherwise(&mut self, status: u16) -> bool {
        match self {
            Course::Tokens(paging) => {
                paging.window().next.is_some()
                    && matches!(status, 400 | 404 | 410 | 416 | 422)
                    && paging.restart()
            }
            Course::Ranges(ranges) => {
                matches!(status, 400 | 405 | 422 | 500 | 501) && ranges.try_next_form()
            }
        }
    }

    /// Returns whether a request without filters may be tried, and prepares for it.
    pub(super) fn can_do_without_filters(&mut self) -> bool {
        match self {
            // The filters were accepted for the first page.
            Course::Tokens(paging) => paging.window().next.is_none(),
            Course::Ranges(ranges) => {
                ranges.try_first_form();
                !ranges.has_pages()
            }
        }
    }

    pub(super) fn has_pages(&self) -> bool {
        match self {
            Course::Tokens(paging) => paging.has_pages(),
            Course::Ranges(ranges) => ranges.has_pages(),
        }
    }

    /// Returns the time when the newest object of the pages was added, by the server's clock.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        match self {
            Course::Tokens(paging) => paging.newest,
            Course::Ranges(ranges) => ranges.newest(),
        }
    }

    /// Returns whether objects may be missing, so that the next poll has to read them again.
    pub(super) fn is_uneven(&self) -> bool {
        matches!(self, Course::Ranges(ranges) if ranges.is_uneven())
    }

    pub(super) fn form(&self) -> Form {
        match self {
            Course::Tokens(_) => Form::default(),
            Course::Ranges(ranges) => ranges.form,
        }
    }

    pub(super) fn pause(&self) -> Place {
        match self {
            Course::Tokens(paging) => Place::Tokens(paging.pause()),
            Course::Ranges(ranges) => Place::Ranges(ranges.pause()),
        }
    }
}

/// Returns the range of items that an answer has.
pub(super) fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    ContentRange::parse(&text(headers, CONTENT_RANGE)?)
}
