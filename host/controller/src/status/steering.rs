//! Mutes and retractions, as commands and the API show them.

use serde::Serialize;
use threatsieve_blacklist::Timestamp;
use utoipa::ToSchema;

use crate::store::FalsePositive;
use crate::store::mutes::Mute;
use crate::text::Rfc3339;

/// A mute.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MuteStatus {
    /// `indicator`, `host` or `source`.
    pub(crate) kind: &'static str,
    /// The value in the form that is compared.
    pub(crate) value: String,
    pub(crate) until: Rfc3339,
    /// It is over, and mutes nothing.
    pub(crate) ended: bool,
    pub(crate) reason: String,
    pub(crate) created: Rfc3339,
    /// Number of matches that it kept out of mails.
    pub(crate) silenced: u64,
}

impl MuteStatus {
    pub(crate) fn new(mute: Mute, now: Timestamp) -> MuteStatus {
        MuteStatus {
            kind: mute.kind.name(),
            value: mute.value,
            until: Rfc3339(mute.until),
            ended: mute.until <= now,
            reason: mute.reason,
            created: Rfc3339(mute.created),
            silenced: mute.silenced,
        }
    }
}

/// A value or an indicator that an operator retracted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetractionStatus {
    /// The indicator's id, or the value in the form that is compared.
    pub(crate) target: String,
    /// `indicator` or `value`.
    pub(crate) kind: &'static str,
    pub(crate) reason: String,
    pub(crate) created: Rfc3339,
}

impl From<FalsePositive> for RetractionStatus {
    fn from(one: FalsePositive) -> RetractionStatus {
        RetractionStatus {
            target: one.target,
            kind: if one.is_indicator { "indicator" } else { "value" },
            reason: one.reason,
            created: Rfc3339(one.created),
        }
    }
}
