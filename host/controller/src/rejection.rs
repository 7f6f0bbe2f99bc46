//! Rejections: what a feed delivers and the blacklist does not take.

use serde::Serialize;
use threatsieve_blacklist::{IndicatorId, RejectedValue};
use threatsieve_feed::{RejectedLine, Unreduced};

use crate::network::Secrets;

/// A value, line or pattern that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rejection {
    /// The line of a list, counted from 1, or the indicator's identifier.
    pub(crate) id: String,
    /// The value as listed, the line, or the pattern. Of a pattern's values, and of several values in one
    /// line, the normal form.
    pub(crate) value: String,
    /// The name under which it is counted.
    pub(crate) kind: String,
    /// The reason in full.
    pub(crate) reason: String,
    /// True for a STIX pattern that says more than the blacklist can hold, which is no mistake.
    pub(crate) is_pattern: bool,
}

impl Rejection {
    /// The same without what must not be shown.
    pub(crate) fn redacted(self, secrets: &Secrets) -> Rejection {
        let (value, reason) = (secrets.redact(&self.value), secrets.redact(&self.reason));
        Rejection { value, reason, ..self }
    }
}

impl From<RejectedLine> for Rejection {
    fn from(line: RejectedLine) -> Rejection {
        Rejection {
            id: line.line.to_string(),
            value: line.text,
            kind: line.reason.kind().to_owned(),
            reason: line.reason.to_string(),
            is_pattern: false,
        }
    }
}

impl From<Unreduced> for Rejection {
    fn from(one: Unreduced) -> Rejection {
        Rejection {
            kind: one.reason.kind().into_owned(),
            reason: one.reason.to_string(),
            is_pattern: one.reason.is_pattern(),
            id: one.id,
            value: one.pattern,
        }
    }
}

/// A value that the compiler does not take.
impl From<RejectedValue> for Rejection {
    fn from(refused: RejectedValue) -> Rejection {
        Rejection {
            id: match refused.id {
                IndicatorId::Stix(id) => id,
                IndicatorId::Line(line) => line.to_string(),
            },
            value: refused.value,
            kind: refused.reason.kind().to_owned(),
            reason: refused.reason.to_string(),
            is_pattern: false,
        }
    }
}
