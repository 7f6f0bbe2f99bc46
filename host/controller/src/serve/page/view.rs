//! The templates' data.

use std::borrow::Cow;

use askama::Template;
use axum::http::StatusCode;

use super::overview::{Overview, Trend};
use super::words::{ago, backfill_words, range_words, round_words, shown};
use crate::conditions::Condition;
use crate::config::Role;
use crate::serve::api::{Asked, Backfill};
use crate::serve::guard::Identity;
use crate::status::{FeedStatus, MatchStatus};
use crate::text::{Rfc3339, escape_controls, grouped};

/// The client, as its pages show it.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    /// Name of the client; `None` if nobody had to say who it is.
    pub(super) name: Option<String>,
    /// The client may change things.
    pub(super) may_write: bool,
    /// The client can log out.
    pub(super) has_session: bool,
    /// The token that forms send back.
    pub(super) form: String,
}

impl Visitor {
    pub(super) fn new(identity: &Identity, form: String, has_tokens: bool) -> Visitor {
        let is_person = identity.name != "local";
        let is_certificate = identity.name.starts_with("certificate ");
        Visitor {
            name: is_person.then(|| identity.name.chars().take(40).collect()),
            may_write: identity.role == Role::Write,
            has_session: has_tokens && is_person && !is_certificate,
            form,
        }
    }

    /// Somebody whose credentials are not known.
    pub(super) fn nobody() -> Visitor {
        Visitor { name: None, may_write: false, has_session: false, form: String::new() }
    }
}

/// The page with everything.
#[derive(Template)]
#[template(path = "main.html")]
pub(super) struct MainPage<'a> {
    pub(super) visitor: Visitor,
    all: &'a Overview,
    /// Result of the form that was sent before.
    done: Option<&'static str>,
}

impl<'a> MainPage<'a> {
    pub(super) fn new(all: &'a Overview, visitor: Visitor, done: Option<&'static str>) -> Self {
        MainPage { visitor, all, done }
    }

    fn feeds(&self) -> impl Iterator<Item = (&FeedStatus, &Trend)> {
        self.all.status.feeds.iter().zip(&self.all.trends)
    }

    /// Returns a feed's state: a word, and the class of its colour.
    fn state(&self, feed: &FeedStatus) -> (&'static str, &'static str) {
        match feed {
            feed if feed.held.is_some() => ("held back", "bad"),
            feed if feed.failures > 0 => ("failing", "bad"),
            feed if feed.succeeded.is_none() => ("not polled yet", "soft"),
            _ => ("ok", "good"),
        }
    }

    fn ago(&self, at: &Rfc3339) -> String {
        ago(at.0, self.all.read)
    }

    fn ago_or(&self, at: &Option<Rfc3339>, none: &str) -> String {
        at.as_ref().map_or_else(|| none.to_owned(), |at| self.ago(at))
    }

    /// Returns a text from outside, with its control characters written out.
    fn clean<'t>(&self, text: &'t (impl AsRef<str> + ?Sized)) -> Cow<'t, str> {
        escape_controls(text.as_ref())
    }

    fn count(&self, count: &u64) -> String {
        grouped(*count)
    }

    /// Returns the line or the document of a match.
    fn place(&self, one: &MatchStatus) -> String {
        let place = match (&one.file, one.line, &one.index, &one.document) {
            (Some(file), Some(line), ..) => format!("{file}, line {line}"),
            (.., Some(index), Some(document)) => format!("{index}, document {document}"),
            _ => String::new(),
        };
        escape_controls(&place).into_owned()
    }

    fn sum(&self, one: &u64, other: &u64) -> String {
        grouped(one + other)
    }

    fn remedy(&self, one: &Condition) -> String {
        escape_controls(&one.kind.remedy(&one.subject)).into_owned()
    }

    fn time(&self, at: &Rfc3339) -> String {
        shown(*at)
    }

    fn backfill(&self, one: &Backfill) -> String {
        backfill_words(one)
    }

    fn range(&self, asked: &Asked) -> String {
        range_words(asked)
    }

    /// Returns whether a backfill can be cancelled.
    fn goes_on(&self, one: &Backfill) -> bool {
        matches!(one.state, "queued" | "running")
    }

    fn round(&self) -> String {
        round_words(self.all)
    }

    /// Rows of the queues: name, waiting, oldest, remark.
    fn queues(&self) -> Vec<(String, String, String, String)> {
        let status = &self.all.status;
        let given_up = |count: u64| match count {
            0 => String::new(),
            count => format!("{} given up", grouped(count)),
        };
        let row = |name: String, waiting: u64, oldest: &Option<Rfc3339>, remark: String| {
            (name, grouped(waiting), self.ago_or(oldest, "-"), remark)
        };
        let (mails, records) = (&status.mails, &status.records);
        let mut rows = vec![
            row("mails".into(), mails.waiting, &mails.oldest, given_up(mails.given_up)),
            row("output records".into(), records.waiting, &records.oldest, String::new()),
        ];
        for one in &status.webhooks {
            let remark = one.refused.clone().unwrap_or_else(|| given_up(one.given_up));
            rows.push(row(format!("webhook {}", one.name), one.waiting, &one.oldest, remark));
        }
        for one in &status.sightings {
            let remark = one.error.clone().unwrap_or_default();
            rows.push(row(format!("sightings {}", one.feed), one.waiting, &one.oldest, remark));
        }
        rows
    }
}

/// The explanation of a value.
#[derive(Template)]
#[template(path = "search.html")]
pub(super) struct SearchPage {
    pub(super) visitor: Visitor,
    pub(super) value: String,
    pub(super) matches: bool,
    pub(super) text: String,
}

#[derive(Template)]
#[template(path = "login.html")]
pub(super) struct LoginPage {
    pub(super) visitor: Visitor,
    /// A token was given, and is wrong.
    pub(super) is_wrong: bool,
}

#[derive(Template)]
#[template(path = "error.html")]
pub(super) struct ErrorPage {
    pub(super) visitor: Visitor,
    pub(super) text: String,
    pub(super) status: StatusCode,
}
