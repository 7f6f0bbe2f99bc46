//! The policy of each feed: which of its indicators count, and for how long.
//!
//! The state has everything that a feed delivered. [`FeedRules::apply`] takes away what does not
//! count. It does so each time a blacklist is built, and each time somebody asks why an indicator
//! is not active. So a changed policy needs no new delivery. Only the filter on objects is applied
//! when they are read. If it changes, the feed is read again ([`crate::feeds`]).

mod assess;
mod lists;
mod outside;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use threatsieve_blacklist::{DomainMode, EntryType, Tlp, Value};

pub(crate) use self::assess::Assessor;
pub(crate) use self::lists::fingerprint;
use self::lists::{Known, List};
pub(crate) use self::outside::Outside;
use crate::config::{Config, Feed, FeedPolicy, Origin, Scope};
use crate::store::body::{Part, Statement};
use crate::store::statements::RowDates;

/// The policies of all feeds, with their lists read.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    by_feed: HashMap<String, FeedRules>,
}

impl Policies {
    /// Reads the lists that the policies name.
    pub(crate) fn load(config: &Config) -> anyhow::Result<Policies> {
        let mut known = Known::default();
        let mut by_feed = HashMap::new();
        for feed in &config.feeds {
            by_feed.insert(feed.name.clone(), FeedRules::new(feed, &mut known)?);
        }
        Ok(Policies { by_feed })
    }

    /// Returns the rules of a configured feed.
    pub(crate) fn of(&self, feed: &str) -> Option<&FeedRules> {
        self.by_feed.get(feed)
    }
}

/// The policy of one feed, with its lists read.
#[derive(Debug)]
pub(crate) struct FeedRules {
    policy: FeedPolicy,
    /// Indicators without a date of their own are dated by their arrival: what the feed delivers
    /// once is not named again.
    is_dated_by_arrival: bool,
    allow: Vec<Arc<List>>,
    warninglists: Vec<Arc<List>>,
}

impl FeedRules {
    fn new(feed: &Feed, known: &mut Known) -> anyhow::Result<FeedRules> {
        Ok(FeedRules {
            is_dated_by_arrival: !matches!(feed.origin, Origin::Url(_) | Origin::Path(_)),
            allow: known.allow(&feed.policy.allow)?,
            warninglists: known.warninglists(&feed.policy.warninglists)?,
            policy: feed.policy.clone(),
        })
    }

    /// Reads the lists that a feed's policy names.
    pub(crate) fn of_feed(feed: &Feed) -> anyhow::Result<FeedRules> {
        FeedRules::new(feed, &mut Known::default())
    }

    /// Reads warninglists; everything else counts.
    pub(crate) fn of_warninglists(paths: &[PathBuf]) -> anyhow::Result<FeedRules> {
        Ok(FeedRules {
            policy: FeedPolicy::default(),
            is_dated_by_arrival: false,
            allow: Vec::new(),
            warninglists: Known::default().warninglists(paths)?,
        })
    }

    /// Returns the digests of the lists of values that are not used, and those of the warninglists.
    pub(crate) fn digests(&self) -> [Vec<String>; 2] {
        let digests = |lists: &[Arc<List>]| lists.iter().map(|list| list.digest.clone()).collect();
        [digests(&self.allow), digests(&self.warninglists)]
    }

    pub(crate) fn policy(&self) -> &FeedPolicy {
        &self.policy
    }

    /// Returns whether indicators end by their age.
    pub(crate) fn ends_by_age(&self) -> bool {
        self.policy.max_age.is_some() || self.policy.expiry.is_set()
    }

    /// Takes away what does not count, sets the hosts that domains cover, and the end of validity.
    /// Passes each value that is taken away to `outside`, with the reason. If the whole indicator
    /// does not count, passes each of its values.
    pub(crate) fn apply(
        &self,
        dates: RowDates,
        statement: &mut Statement,
        outside: &mut dyn FnMut(&Value, Outside),
    ) {
        if let Some(why) = self.excludes(statement) {
            for value in statement.parts.iter().flat_map(|part| &part.values) {
                outside(value, why.clone());
            }
            statement.parts.clear();
            return;
        }
        for part in &mut statement.parts {
            part.values.retain(|value| match self.excludes_value(value) {
                Some(why) => {
                    outside(value, why);
                    false
                }
                None => true,
            });
        }
        if self.policy.scope != Scope::AsListed {
            let values = statement.parts.iter_mut().flat_map(|part| &mut part.values);
            values.for_each(|value| self.set_scope(value));
        }
        if self.ends_by_age() {
            let parts = std::mem::take(&mut statement.parts);
            statement.parts = parts.into_iter().flat_map(|part| self.ended(part, dates)).collect();
        }
    }

    /// Returns the reason why a value does not count because it is harmless. A conjunction does not
    /// count if one of its values is allowed, or if warninglists have all of them.
    pub(crate) fn is_harmless(&self, value: &Value) -> Option<Outside> {
        if let Value::All(conjunction) = value {
            let why: Vec<_> = conjunction.values().map(|value| self.is_harmless(value)).collect();
            let is_allowed = |why: &&Outside| matches!(why, Outside::Allowed { .. });
            let allowed = why.iter().flatten().find(is_allowed).cloned();
            return allowed.or_else(|| why.into_iter().collect::<Option<Vec<_>>>()?.pop());
        }
        let on_list = |list: &Arc<List>| Some((list.name.clone(), list.entry_for(value)?));
        if let Some((list, entry)) = self.allow.iter().find_map(on_list) {
            return Some(Outside::Allowed { list, entry });
        }
        let (list, entry) = self.warninglists.iter().find_map(on_list)?;
        Some(Outside::Warned { list, entry })
    }

    fn excludes(&self, statement: &Statement) -> Option<Outside> {
        let wanted = self.policy.min_confidence;
        if let Some(said) = statement.confidence.filter(|said| *said < wanted) {
            return Some(Outside::BelowConfidence { said, wanted });
        }
        let ceiling = self.policy.max_tlp;
        let marked = statement.tlp.unwrap_or(Tlp::Clear);
        (marked > ceiling).then_some(Outside::AboveTlp { marked, ceiling })
    }

    fn excludes_value(&self, value: &Value) -> Option<Outside> {
        let other = |name: &&'static str| {
            self.policy.types.as_ref().is_some_and(|types| !types.contains(name))
        };
        if let Some(name) = types(value).map(EntryType::stix_name).find(other) {
            return Some(Outside::OtherType(name));
        }
        self.is_harmless(value)
    }

    fn set_scope(&self, value: &mut Value) {
        if let Value::All(conjunction) = value {
            let scoped = |value: &Value| {
                let mut value = value.clone();
                self.set_scope(&mut value);
                value
            };
            *conjunction = conjunction.map(scoped);
        }
        if let Value::Domain(_, mode) = value {
            *mode = match (self.policy.scope, *mode) {
                (Scope::Exact, DomainMode::AtAndBelow) => DomainMode::Exact,
                (Scope::Subtree, DomainMode::Exact) => DomainMode::AtAndBelow,
                (_, mode) => mode,
            };
        }
    }

    /// Divides a part by the ends of its values.
    fn ended(&self, part: Part, dates: RowDates) -> Vec<Part> {
        let arrived = Some(dates.changed).filter(|_| self.is_dated_by_arrival);
        let Some(start) = dates.modified.max(part.valid_from).or(arrived) else {
            return vec![part];
        };
        let mut parts: Vec<Part> = Vec::new();
        for value in part.values {
            let by_type = types(&value).filter_map(|kind| self.policy.expiry.of(kind)).min();
            let by_type = by_type.filter(|_| part.valid_until.is_none());
            let by_age = [self.policy.max_age, by_type].into_iter().flatten();
            let until = by_age.map(|age| start.plus(age)).chain(part.valid_until).min();
            match parts.iter_mut().find(|known| known.valid_until == until) {
                Some(known) => known.values.push(value),
                None => parts.push(Part {
                    valid_from: part.valid_from,
                    valid_until: until,
                    port: part.port,
                    values: vec![value],
                }),
            }
        }
        parts
    }
}

/// The types of a value: for a conjunction, those of all its values.
fn types(value: &Value) -> impl Iterator<Item = EntryType> {
    let parts = match value {
        Value::All(conjunction) => conjunction.values().filter_map(Value::entry_type).collect(),
        value => value.entry_type().into_iter().collect::<Vec<_>>(),
    };
    parts.into_iter()
}

#[cfg(test)]
mod tests;
