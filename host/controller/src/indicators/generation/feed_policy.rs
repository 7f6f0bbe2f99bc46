//! The policy of a feed as the state stores it, to compare it with the next one.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use threatsieve_blacklist::EntryType;

use crate::config::FeedPolicy;
use crate::policy::FeedRules;

/// The policy of a feed when a generation was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FeedPolicyKept {
    min_confidence: u8,
    max_tlp: u8,
    /// `None` for all.
    types: Option<BTreeSet<String>>,
    /// Microseconds.
    max_age: Option<u64>,
    /// From the strictest to the most open one.
    scope: u8,
    /// Microseconds by type.
    expiry: Vec<Option<u64>>,
    /// Digests of lists.
    allow: BTreeSet<String>,
    warninglists: BTreeSet<String>,
    /// The filter on objects. Its effects are changes of indicators.
    objects: String,
}

impl Default for FeedPolicyKept {
    fn default() -> FeedPolicyKept {
        FeedPolicyKept::new(&FeedPolicy::default(), [Vec::new(), Vec::new()])
    }
}

impl FeedPolicyKept {
    pub(super) fn of(rules: &FeedRules) -> FeedPolicyKept {
        FeedPolicyKept::new(rules.policy(), rules.digests())
    }

    fn new(policy: &FeedPolicy, [allow, warninglists]: [Vec<String>; 2]) -> FeedPolicyKept {
        let micros = |age: Duration| u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        let types = policy.types.as_ref();
        FeedPolicyKept {
            min_confidence: policy.min_confidence,
            max_tlp: policy.max_tlp as u8,
            types: types.map(|types| types.iter().map(ToString::to_string).collect()),
            max_age: policy.max_age.map(micros),
            scope: policy.scope as u8,
            expiry: EntryType::ALL.map(|one| policy.expiry.of(one).map(micros)).to_vec(),
            allow: allow.into_iter().collect(),
            warninglists: warninglists.into_iter().collect(),
            objects: match policy.objects.is_open() {
                true => String::new(),
                false => format!("{:?}", policy.objects),
            },
        }
    }

    /// Returns whether anything may count by this policy that did not count by the one before.
    pub(super) fn lets_in_more_than(&self, before: &FeedPolicyKept) -> bool {
        let is_longer = |now: &Option<u64>, before: &Option<u64>| {
            before.is_some_and(|before| now.is_none_or(|now| now > before))
        };
        let more_types = before
            .types
            .as_ref()
            .is_some_and(|before| self.types.as_ref().is_none_or(|types| !types.is_subset(before)));
        self.min_confidence < before.min_confidence
            || self.max_tlp > before.max_tlp
            || more_types
            || is_longer(&self.max_age, &before.max_age)
            || self.scope > before.scope
            || self.expiry.iter().zip(&before.expiry).any(|(now, before)| is_longer(now, before))
            || !before.allow.is_subset(&self.allow)
            || !before.warninglists.is_subset(&self.warninglists)
    }

    /// Returns whether any list is new or changed, so that flags may turn out to be harmless.
    pub(super) fn knows_more_harmless_than(&self, before: &FeedPolicyKept) -> bool {
        !self.allow.is_subset(&before.allow) || !self.warninglists.is_subset(&before.warninglists)
    }
}

#[cfg(test)]
mod tests {
    use threatsieve_blacklist::Tlp;

    use super::*;
    use crate::config::Scope;

    #[test]
    fn each_setting_is_compared_in_its_own_direction() {
        let open = FeedPolicyKept::default();
        let text = |text: &str| BTreeSet::from([text.to_owned()]);
        let strict: [fn(&mut FeedPolicyKept); 8] = [
            |policy| policy.min_confidence = 1,
            |policy| policy.max_tlp = Tlp::Green as u8,
            |policy| policy.types = Some(BTreeSet::from(["url".to_owned()])),
            |policy| policy.max_age = Some(5),
            |policy| policy.scope = Scope::Exact as u8,
            |policy| policy.expiry[0] = Some(5),
            |policy| policy.allow = BTreeSet::from(["a".to_owned()]),
            |policy| policy.warninglists = BTreeSet::from(["a".to_owned()]),
        ];
        for (number, change) in strict.iter().enumerate() {
            let mut policy = open.clone();
            change(&mut policy);
            assert!(open.lets_in_more_than(&policy), "{number}");
            assert!(!policy.lets_in_more_than(&open), "{number}");
            assert_eq!(policy.knows_more_harmless_than(&open), number >= 6, "{number}");
            assert!(!open.knows_more_harmless_than(&policy), "{number}");
        }
        let url = FeedPolicyKept { types: Some(text("url")), ..open.clone() };
        let file = FeedPolicyKept { types: Some(text("file")), ..open.clone() };
        assert!(url.lets_in_more_than(&file) && file.lets_in_more_than(&url));
        // A changed list has another digest.
        let one = FeedPolicyKept { warninglists: text("1"), ..open.clone() };
        let two = FeedPolicyKept { warninglists: text("2"), ..open.clone() };
        assert!(two.lets_in_more_than(&one) && two.knows_more_harmless_than(&one));
    }
}
