//! Rejections: parts of a delivery that are not used in the blacklist.

use serde::Serialize;
use threatsieve_blacklist::{IndicatorId, RejectedValue};
use threatsieve_feed::{RejectedLine, Unreduced};

use crate::network::Secrets;

/// A rejected value, line or pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rejection {
    /// The line number in a list, counted from 1, or the indicator's id.
    pub(crate) id: String,
    /// The value as listed, the line, or the pattern. For one of several values in a line or
    /// pattern, the normal form.
    pub(crate) value: String,
    /// The name of the reason, by which rejections are counted.
    pub(crate) kind: String,
    /// The reason in full.
    pub(crate) reason: String,
    /// True for a STIX pattern that a blacklist cannot express. This is not an error in the
    /// pattern.
    pub(crate) is_pattern: bool,
}

impl Rejection {
    /// Removes secrets from the value and the reason.
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

/// Converts a value that the compiler rejected.
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
