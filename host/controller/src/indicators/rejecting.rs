//! Counts the rejections of lists and feeds by kind.

use std::collections::BTreeMap;

use threatsieve_blacklist::RejectedValue;

use crate::rejection::Rejection;

/// Called for each rejection, with the name of its feed.
pub(crate) type OnRejection<'a> = &'a mut dyn FnMut(&str, &Rejection);

/// Numbers of rejections by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rejections {
    /// Rejected values and lines.
    pub(crate) values: BTreeMap<String, u64>,
    /// STIX patterns that cannot be reduced, or not in full.
    pub(crate) patterns: BTreeMap<String, u64>,
    /// Numbers of skipped records. These are not meant as indicators; nothing is wrong with them.
    pub(crate) skipped: BTreeMap<String, u64>,
}

impl Rejections {
    fn count(&mut self, rejection: &Rejection) {
        let kinds = if rejection.is_pattern { &mut self.patterns } else { &mut self.values };
        *kinds.entry(rejection.kind.clone()).or_default() += 1;
    }
}

/// Counts rejections and passes them on.
pub(super) struct Rejecting<'a> {
    pub(super) counts: Rejections,
    pub(super) each: OnRejection<'a>,
}

impl Rejecting<'_> {
    pub(super) fn reject(&mut self, feed: &str, rejection: &Rejection) {
        self.counts.count(rejection);
        (self.each)(feed, rejection);
    }

    /// Counts records that are not meant as indicators.
    pub(super) fn skip(&mut self, skipped: &BTreeMap<&'static str, u64>) {
        for (reason, count) in skipped {
            *self.counts.skipped.entry((*reason).to_owned()).or_default() += count;
        }
    }

    /// Counts a value that the compiler rejected.
    pub(super) fn refuse(&mut self, refused: RejectedValue) {
        let feed = refused.feed.clone();
        self.reject(&feed, &Rejection::from(refused));
    }
}
