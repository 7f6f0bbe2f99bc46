//! Explains why a value matches or does not.

mod conjoined;
mod nearest;
mod standing;
mod text;

pub(crate) use conjoined::Conjoint;
pub(crate) use nearest::Nearest;
pub(crate) use standing::{Judged, Standing};
pub(crate) use text::ExplanationStatus;

use anyhow::Context;
use threatsieve_blacklist::{
    Batch, Entry, EventContext, Hit, How, Kind, Policy, Target, Timestamp, UrlMode, Value,
};
use threatsieve_runner::Answer;

use crate::config::Config;
use crate::indicators::generation;
use crate::matching::Matcher;
use crate::policy::Assessor;
use crate::store::Store;

/// A value as given, and refanged if that differs. For example, `hxxp://evil[.]com` has both
/// readings.
#[derive(Debug, Clone)]
pub(crate) struct Readings {
    pub(crate) given: String,
    refanged: Option<String>,
}

impl Readings {
    pub(crate) fn new(given: &str) -> Readings {
        let given = given.trim();
        let refanged = Value::from_list(given, UrlMode::Exact).ok().and_then(|value| match value {
            Value::Domain(name, _) => Some(name.to_string()),
            Value::Url { shown, .. } => Some(shown.to_string()),
            Value::Email(email) => Some(email.to_string()),
            Value::Hash(hash) => Some(hash.to_string()),
            // A network is not an observable. For an address, the normaliser knows all forms.
            Value::Address(range) => {
                (range.first() == range.last()).then(|| range.first().to_string())
            }
            // Not written in a list.
            Value::All(_) => None,
        });
        Readings { given: given.to_owned(), refanged: refanged.filter(|text| text != given) }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.given.as_str()).chain(self.refanged.as_deref())
    }

    /// The normal forms of all readings that the matcher tries, with their types.
    pub(crate) fn forms(&self) -> Vec<(&'static str, String)> {
        let mut forms = Vec::new();
        for text in self.texts() {
            let mut target = Target::new();
            target.read(Kind::Any, text.as_bytes());
            for form in target.forms() {
                if !forms.contains(&form) {
                    forms.push(form);
                }
            }
        }
        forms
    }
}

/// An entry that covers the value.
#[derive(Debug)]
pub(crate) struct Covering {
    pub(crate) how: How,
    pub(crate) entry: Entry,
    /// The entry's indicators, each with its standing.
    pub(crate) judged: Vec<Judged>,
    /// The conjunctions that the entry is part of.
    pub(crate) conjoint: Vec<Conjoint>,
    /// The allow-list's entry that suppresses the match.
    pub(crate) allowed_by: Option<Entry>,
    /// The entry makes the value match.
    pub(crate) counts: bool,
}

/// The full explanation of a value.
#[derive(Debug)]
pub(crate) struct Explanation {
    pub(crate) value: String,
    pub(crate) forms: Vec<(&'static str, String)>,
    pub(crate) covering: Vec<Covering>,
    /// Near matches, if the value does not match.
    pub(crate) nearest: Vec<String>,
}

impl Explanation {
    /// Looks the value up as `scan` would in a line that holds nothing else, at time `at`. If
    /// nothing covers it as given, the refanged form is looked up.
    pub(crate) fn new(
        readings: &Readings,
        matcher: &Matcher,
        at: Timestamp,
        nearest: Nearest,
    ) -> anyhow::Result<Explanation> {
        let mut covering = Vec::new();
        for text in readings.texts() {
            let answer = look_up(matcher, Kind::Any, text)?;
            let seen = EventContext::with_ports(at, text.as_bytes(), None);
            covering =
                answer.hits.iter().filter_map(|hit| cover(hit, &answer, matcher, seen)).collect();
            conjoined::add(&mut covering, text, &answer, matcher, seen);
            if !covering.is_empty() {
                break;
            }
        }
        let mut explanation = Explanation {
            value: readings.given.clone(),
            forms: readings.forms(),
            covering,
            nearest: Vec::new(),
        };
        if !explanation.matches() {
            explanation.nearest = nearest.tell(&explanation, matcher)?;
        }
        Ok(explanation)
    }

    /// Returns whether `scan` would count an event with the value.
    pub(crate) fn matches(&self) -> bool {
        self.covering.iter().any(|covering| covering.counts)
    }
}

/// Explains a value with the blacklist in use and the indicators in the state; `None` before the
/// first blacklist.
pub(crate) fn explain_in_state(
    store: &Store,
    config: &Config,
    value: &str,
    policy: &Policy,
    at: Timestamp,
) -> anyhow::Result<Option<Explanation>> {
    let readings = Readings::new(value);
    let Some(blacklist) = generation::active(store, config)? else { return Ok(None) };
    let mut nearest = Nearest::new(&readings);
    nearest.look_in_state(store, &Assessor::new(config)?, at)?;
    let matcher = Matcher::new(blacklist, policy.clone(), 1)?;
    Explanation::new(&readings, &matcher, at, nearest).map(Some)
}

/// Looks one value up.
fn look_up(matcher: &Matcher, kind: Kind, text: &str) -> anyhow::Result<Answer> {
    let mut batch = Batch::new();
    batch.push(kind, text.as_bytes());
    matcher.check(&batch).context("the matcher did not answer")
}

fn cover(hit: &Hit, answer: &Answer, matcher: &Matcher, seen: EventContext) -> Option<Covering> {
    let entry = answer.blacklist.entry(hit.entry)?;
    let matched = answer.blacklist.resolve(hit, matcher.policy(), seen);
    // The result without suppression, and with partial matches. So each reason shows separately.
    let bare = Hit { allowed_by: None, ..*hit };
    let policy = threatsieve_blacklist::Policy { partial: true, ..matcher.policy().clone() };
    let holding = answer
        .blacklist
        .resolve(&bare, &policy, seen)
        .map(|matched| matched.entry.indicators)
        .unwrap_or_default();
    let judged = entry
        .indicators
        .iter()
        .map(|indicator| {
            let standing =
                Standing::of(indicator, holding.contains(indicator), matcher.policy(), seen);
            Judged { indicator: indicator.clone(), standing }
        })
        .collect();
    Some(Covering {
        how: hit.how,
        judged,
        conjoint: Vec::new(),
        allowed_by: hit.allowed_by.and_then(|number| answer.blacklist.entry(number)),
        counts: matched.is_some(),
        entry,
    })
}
