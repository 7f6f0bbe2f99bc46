//! Compares a generation with the one before: what newly counts, and what no longer does.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use threatsieve_blacklist::{NORMALISER, Policy, Tlp};

use super::content::{Content, Reading};
use super::feed_policy::FeedPolicyKept;
use crate::config::{Config, FeedRole};
use crate::policy::{FeedRules, Policies};
use crate::store::body::Statement;
use crate::store::cluster::news::is_all_new;
use crate::store::statements::{Changed, RowDates, feed_number, walk_active, walk_changed};

/// Everything except indicators that decides what a blacklist matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rules {
    normaliser: u16,
    accept_special: bool,
    accept_broad: bool,
    block_feeds: Vec<String>,
    allow_feeds: Vec<String>,
    /// By the names of the blocking feeds.
    #[serde(default)]
    policies: BTreeMap<String, FeedPolicyKept>,
}

impl Rules {
    pub(super) fn of(config: &Config, policies: &Policies) -> Rules {
        let names = |role| {
            let feeds = config.feeds.iter().filter(|feed| feed.role == role);
            let mut names: Vec<String> = feeds.map(|feed| feed.name.clone()).collect();
            names.sort_unstable();
            names
        };
        Rules {
            normaliser: NORMALISER,
            accept_special: config.blacklist.accept_special,
            accept_broad: config.blacklist.accept_broad,
            block_feeds: names(FeedRole::Block),
            allow_feeds: names(FeedRole::Allow),
            policies: names(FeedRole::Block)
                .into_iter()
                .filter_map(|name| {
                    let kept = FeedPolicyKept::of(policies.of(&name)?);
                    Some((name, kept))
                })
                .collect(),
        }
    }

    /// Returns the policy of a feed.
    fn policy(&self, feed: &str) -> FeedPolicyKept {
        self.policies.get(feed).cloned().unwrap_or_default()
    }

    /// Returns whether more may match by these rules than by those before, whatever feeds deliver.
    fn let_in_more_than(&self, before: &Rules) -> bool {
        self.normaliser != before.normaliser
            || self.accept_special && !before.accept_special
            || self.accept_broad && !before.accept_broad
            || before.allow_feeds.iter().any(|name| !self.allow_feeds.contains(name))
    }
}

/// The policy as the state stores it: which matches count, and in which events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PolicyKept {
    min_confidence: u8,
    max_tlp: u8,
    partial: bool,
    exact: bool,
    /// Microseconds of the history window. `None` if stored by a version that did not store it.
    #[serde(default)]
    window: Option<u64>,
}

impl PolicyKept {
    pub(super) fn of(config: &Config) -> PolicyKept {
        let Policy { min_confidence, max_tlp, partial, exact } = config.policy;
        let window = u64::try_from(config.history.window.as_micros()).ok();
        PolicyKept { min_confidence, max_tlp: max_tlp as u8, partial, exact, window }
    }

    /// Returns whether events count that were too old before.
    pub(super) fn looks_back_further_than(&self, before: &PolicyKept) -> bool {
        before.window.is_some_and(|before| self.window.is_none_or(|window| window > before))
    }

    /// Returns whether anything may count by this policy that did not count by the one before.
    pub(super) fn lets_in_more_than(&self, before: &PolicyKept) -> bool {
        self.min_confidence < before.min_confidence
            || self.max_tlp > before.max_tlp
            || self.partial && !before.partial
            || !self.exact && before.exact
            || self.looks_back_further_than(before)
    }

    fn takes(&self, statement: &Statement) -> bool {
        let marking = statement.tlp.unwrap_or(Tlp::Clear);
        statement.confidence.is_none_or(|confidence| confidence >= self.min_confidence)
            && marking as u8 <= self.max_tlp
    }
}

/// The differences of a generation from the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Newly {
    /// Something newly counts, so stored events are to be matched again.
    pub(super) counts: bool,
    /// Other indicators may newly count than those that changed.
    pub(super) is_whole: bool,
    /// Something is newly allowed, so flags may have to be retracted.
    pub(super) is_allowed: bool,
    /// A list of a feed's policy is new or changed, so flags may have to be retracted.
    pub(super) is_harmless: bool,
    /// The policy of a feed is another one.
    pub(super) has_other_policy: bool,
}

impl Content<'_> {
    /// Compares the state now with the state that the generation in use was made of.
    pub(super) fn newly(&self, reading: &Reading<'_>) -> anyhow::Result<Newly> {
        let Some(before) = &self.ledger.built_rules else {
            // There is no generation yet, or it was made by a version that did not store its rules.
            let was_built = self.ledger.builds.built.is_some();
            return Ok(Newly {
                counts: was_built,
                is_whole: was_built,
                is_allowed: was_built,
                is_harmless: was_built,
                has_other_policy: false,
            });
        };
        let now = self.rules;
        let counts = now.let_in_more_than(before) || reading.allowance_ended();
        let mut newly = Newly { counts, is_whole: counts, ..Newly::default() };
        for (name, role) in self.feeds() {
            let Some(feed) = feed_number(self.transaction, name)? else { continue };
            let is_known = before.block_feeds.iter().any(|known| known == name);
            if role == FeedRole::Block {
                let (now, before) = (now.policy(name), before.policy(name));
                newly.is_harmless |= now.knows_more_harmless_than(&before);
                let lets_in_more = is_known && now.lets_in_more_than(&before);
                newly.counts |= lets_in_more;
                newly.is_whole |= lets_in_more || !is_known && !is_all_new(self.transaction, feed)?;
                newly.has_other_policy |= is_known && now != before;
            }
            let Some(rules) = self.policies.of(name) else { continue };
            match role {
                FeedRole::Block if newly.counts => {}
                FeedRole::Block if is_known => {
                    newly.counts = self.blocks_more(feed, rules, reading)?;
                }
                FeedRole::Block => newly.counts = self.blocks_any(feed, rules, reading)?,
                FeedRole::Allow if before.allow_feeds.iter().any(|known| known == name) => {
                    let allowed = self.allows_otherwise(feed)?;
                    newly.counts |= allowed.counts;
                    newly.is_whole |= allowed.counts;
                    newly.is_allowed |= allowed.is_allowed;
                }
                FeedRole::Allow => newly.is_allowed = true,
            }
        }
        Ok(newly)
    }

    /// Returns whether a feed that is new as a blocking feed has anything that counts.
    fn blocks_any(
        &self,
        feed: i64,
        rules: &FeedRules,
        reading: &Reading<'_>,
    ) -> anyhow::Result<bool> {
        let mut counts = false;
        walk_active(self.transaction, feed, |id, dates, statement| {
            counts = self.counts((id, dates), statement, None, rules, reading);
            Ok(if counts { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(counts)
    }

    /// Returns whether a changed row of a feed states more that counts than before. It may state
    /// other values, a longer validity, or enough confidence. If its flags were retracted in the
    /// meantime, all of it is new.
    fn blocks_more(
        &self,
        feed: i64,
        rules: &FeedRules,
        reading: &Reading<'_>,
    ) -> anyhow::Result<bool> {
        let mut counts = false;
        walk_changed(self.transaction, feed, |changed| {
            let Changed { id, dates, former, now, is_withdrawn } = changed;
            let former = former.filter(|_| !is_withdrawn);
            counts = now.is_some_and(|now| self.counts((&id, dates), now, former, rules, reading));
            Ok(if counts { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(counts)
    }

    fn counts(
        &self,
        (id, dates): (&str, RowDates),
        mut statement: Statement,
        former: Option<Statement>,
        rules: &FeedRules,
        reading: &Reading<'_>,
    ) -> bool {
        let policy = PolicyKept::of(self.config);
        rules.apply(dates, &mut statement, &mut |_, _| {});
        if !policy.takes(&statement) {
            return false;
        }
        // The former statement's dates are not known. If values end by their age, all of them count
        // as new.
        let former = former.filter(|former| policy.takes(former) && !rules.ends_by_age());
        if let Some(mut former) = former {
            rules.apply(dates, &mut former, &mut |_, _| {});
            statement.retain_new(&former);
        }
        reading.has_any(id, &statement)
    }

    /// Compares an allow feed with its former content: whether it allows less (`counts`), or more
    /// (`is_allowed`).
    fn allows_otherwise(&self, feed: i64) -> anyhow::Result<Newly> {
        let mut newly = Newly::default();
        walk_changed(self.transaction, feed, |Changed { former, now, .. }| {
            newly.counts |= says_more(former.clone(), now.as_ref());
            newly.is_allowed |= says_more(now, former.as_ref());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(newly)
    }
}

/// Returns whether one statement has a value, or a time of validity for it, that the other lacks.
fn says_more(one: Option<Statement>, other: Option<&Statement>) -> bool {
    let Some(mut one) = one else { return false };
    if let Some(other) = other {
        one.retain_new(other);
    }
    one.parts.iter().any(|part| !part.values.is_empty())
}
