//! What of the feeds is not in the blacklist, and why.

use std::collections::BTreeMap;

use threatsieve_blacklist::{IndicatorId, RejectedValue};

/// A value, line or pattern that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) feed: String,
    /// The line of a list, counted from 1, or the indicator's identifier.
    pub(crate) id: String,
    /// The value as listed, the line, or the pattern; of a pattern's values and of several in one line, as normalised.
    pub(crate) value: String,
    /// Counted by.
    pub(crate) kind: String,
    /// In full.
    pub(crate) reason: String,
    /// It is a STIX pattern that says more than the blacklist can hold, not a mistake.
    pub(crate) is_pattern: bool,
}

/// Told of each rejection as it comes.
pub(crate) type OnRejection<'a> = &'a mut dyn FnMut(&Rejection);

/// Rejections by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rejections {
    /// Values and lines.
    pub(crate) values: BTreeMap<String, u64>,
    /// STIX patterns.
    pub(crate) patterns: BTreeMap<String, u64>,
    /// Records that are not meant as indicators: nothing is wrong with them.
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
    pub(super) fn reject(&mut self, rejection: &Rejection) {
        self.counts.count(rejection);
        (self.each)(rejection);
    }

    /// Counts records that are not meant as indicators.
    pub(super) fn skip(&mut self, skipped: &BTreeMap<&'static str, u64>) {
        for (reason, count) in skipped {
            *self.counts.skipped.entry((*reason).to_owned()).or_default() += count;
        }
    }

    /// A value that the blacklist does not take.
    pub(super) fn refuse(&mut self, refused: RejectedValue) {
        self.reject(&Rejection {
            id: match refused.id {
                IndicatorId::Stix(id) => id,
                IndicatorId::Line(line) => line.to_string(),
            },
            feed: refused.feed,
            value: refused.value,
            kind: refused.reason.kind().to_owned(),
            reason: refused.reason.to_string(),
            is_pattern: false,
        });
    }
}
