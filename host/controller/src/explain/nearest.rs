//! Near matches, for a value that does not match.

use std::collections::BTreeSet;

use threatsieve_blacklist::{AddressRange, EntryType, Kind, Role, Timestamp, UrlMode, Value};

use super::{Explanation, Readings, look_up};
use crate::matching::Matcher;
use crate::policy::Assessor;
use crate::rejection::Rejection;
use crate::store::{Found, MAX_REJECTIONS, Query, Store};

/// Maximum number of reasons of one kind.
const TOLD: usize = 5;
/// Maximum number of domains above a value that are searched in the state, and of indicators found
/// for each.
const MAX_PARENTS: usize = 4;
const SEARCHED: usize = 100;

/// Collects rejections that name the value, while feeds are read.
#[derive(Debug)]
pub(crate) struct Nearest {
    forms: Vec<(&'static str, String)>,
    rejected: Vec<String>,
}

impl Nearest {
    pub(crate) fn new(readings: &Readings) -> Nearest {
        Nearest { forms: readings.forms(), rejected: Vec::new() }
    }

    /// Stores a rejection if it names the value.
    pub(crate) fn reject(&mut self, feed: &str, rejection: &Rejection) {
        if self.rejected.len() == TOLD || !self.is_named_by(rejection) {
            return;
        }
        let Rejection { id, value, reason, is_pattern, .. } = rejection;
        let reason = match is_pattern {
            true => format!(
                "{feed} {id} names it in a pattern that cannot be reduced ({reason}): {value}"
            ),
            false => format!("{feed}:{id} lists {value}, which was rejected: {reason}"),
        };
        if !self.rejected.contains(&reason) {
            self.rejected.push(reason);
        }
    }

    /// Finds rejections in the state, and indicators that are not active.
    pub(crate) fn look_in_state(
        &mut self,
        store: &Store,
        assessor: &Assessor<'_>,
        at: Timestamp,
    ) -> anyhow::Result<()> {
        for (feed, one) in store.rejections(None, MAX_REJECTIONS)? {
            self.reject(&feed, &one);
        }
        let forms: BTreeSet<String> =
            self.forms.iter().flat_map(|(_, form)| with_parents(form)).collect();
        for form in forms {
            let query = Query { text: Some(form), limit: SEARCHED, ..Query::default() };
            let (found, _) = store.search_with(&query, at, &|feed, dates, statement| {
                assessor.assess(feed, dates, statement)
            })?;
            for one in found {
                self.inactive(&one);
            }
        }
        Ok(())
    }

    /// Stores why the values of an indicator do not count.
    fn inactive(&mut self, found: &Found) {
        for why in &found.why {
            let named = found.values.iter().map(|value| &value.value);
            for value in named.filter(|value| why.value.as_ref().is_none_or(|one| one == *value)) {
                let rejection = Rejection {
                    id: found.id.clone(),
                    value: value.clone(),
                    kind: why.rule.to_owned(),
                    reason: why.reason.clone(),
                    is_pattern: false,
                };
                self.reject(&found.feed, &rejection);
            }
        }
    }

    fn is_named_by(&self, rejection: &Rejection) -> bool {
        let holds = |text: &str, form: &str| text.to_lowercase().contains(&form.to_lowercase());
        if rejection.is_pattern {
            return self.forms.iter().any(|(_, form)| holds(&rejection.value, form));
        }
        let value = Value::from_list(&rejection.value, UrlMode::Exact);
        self.forms.iter().any(|(_, form)| match &value {
            Ok(Value::Domain(name, _)) => is_at_or_below(form, name),
            Ok(Value::Address(range)) => contains(range, form),
            Ok(other) => holds(&other.to_string(), form),
            Err(_) => holds(&rejection.value, form),
        })
    }

    /// The reasons for near matches, the most useful ones first.
    pub(super) fn tell(
        self,
        explanation: &Explanation,
        matcher: &Matcher,
    ) -> anyhow::Result<Vec<String>> {
        let mut reasons = self.rejected;
        for (kind, form) in &explanation.forms {
            match *kind {
                "domain-name" => {
                    reasons.extend(above(form, matcher)?);
                    reasons.extend(below(form, matcher));
                }
                "url" => reasons.extend(other_query(form, matcher)?),
                _ => {}
            }
        }
        Ok(reasons)
    }
}

/// A form, and the domains above it.
fn with_parents(form: &str) -> Vec<String> {
    let is_name = AddressRange::parse(form).is_none() && !form.contains('/');
    let parents = form.match_indices('.').filter(|_| is_name).map(|(dot, _)| &form[dot + 1..]);
    let parents = parents.filter(|parent| parent.contains('.')).take(MAX_PARENTS);
    std::iter::once(form).chain(parents).map(str::to_owned).collect()
}

fn is_at_or_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn contains(range: &AddressRange, form: &str) -> bool {
    AddressRange::parse(form)
        .is_some_and(|one| range.first() <= one.first() && one.last() <= range.last())
}

/// Parent domains that are listed without the names below them.
fn above(host: &str, matcher: &Matcher) -> anyhow::Result<Vec<String>> {
    let mut reasons = Vec::new();
    for (dot, _) in host.match_indices('.') {
        let parent = &host[dot + 1..];
        let answer = look_up(matcher, Kind::Host, parent)?;
        for hit in &answer.hits {
            if let Some(entry) = answer.blacklist.entry(hit.entry)
                && entry.value == parent
            {
                reasons.push(format!("{parent} is listed, but without the names below it"));
            }
        }
    }
    Ok(reasons)
}

/// Listed names below a host. Domain entries are numbered in the order of their labels from the
/// last to the first. So all names below a host are next to each other.
fn below(host: &str, matcher: &Matcher) -> Vec<String> {
    let blacklist = matcher.blacklist();
    let count = blacklist.count(Role::Block, EntryType::Domain);
    // Domains of the blocking role are the first entries.
    let name = |number: u32| {
        blacklist
            .entry(number)
            .filter(|entry| entry.kind == EntryType::Domain)
            .map(|entry| entry.value)
    };
    let wanted = from_last(host);
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        match name(middle) {
            Some(name) if from_last(&name) < wanted => low = middle + 1,
            _ => high = middle,
        }
    }
    let suffix = format!(".{host}");
    let names = (low..count)
        .map_while(name)
        .skip_while(|name| name == host)
        .take_while(|name| name.ends_with(&suffix));
    let names: Vec<String> = names.take(TOLD).collect();
    match names.as_slice() {
        [] => Vec::new(),
        names => vec![format!("below it, {} listed; {host} itself is not", listed(names))],
    }
}

fn listed(names: &[String]) -> String {
    let are = if names.len() == 1 { "is" } else { "are" };
    format!(
        "{}{} {are}",
        names.join(", "),
        if names.len() == TOLD { " and maybe more" } else { "" }
    )
}

fn from_last(name: &str) -> Vec<&str> {
    name.rsplit('.').collect()
}

/// The same URL, if it is listed with a query.
fn other_query(url: &str, matcher: &Matcher) -> anyhow::Result<Vec<String>> {
    let path = url.split('?').next().unwrap_or(url);
    let answer = look_up(matcher, Kind::Url, &format!("http://{path}?"))?;
    let with_query = answer.hits.iter().filter(|hit| hit.how.is_partial()).take(TOLD);
    Ok(with_query
        .filter_map(|hit| answer.blacklist.entry(hit.entry))
        .map(|entry| {
            format!(
                "{} is listed with its query: a URL with another query, or none, does not match",
                entry.value
            )
        })
        .collect())
}
