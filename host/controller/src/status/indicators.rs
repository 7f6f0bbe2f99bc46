//! Indicators, as `indicators` and the API show them.

use serde::Serialize;
use threatsieve_blacklist::Tlp;
use utoipa::ToSchema;

use crate::store::{Found, FoundValue, Why};
use crate::text::Rfc3339;

/// An indicator of one feed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IndicatorStatus {
    pub(crate) feed: String,
    pub(crate) id: String,
    /// `active`, `revoked`, `expired`, `removed`, `retracted`, `outside_policy` or `rejected`.
    pub(crate) state: &'static str,
    pub(crate) values: Vec<ValueStatus>,
    pub(crate) confidence: Option<u8>,
    pub(crate) tlp: Option<&'static str>,
    pub(crate) name: Option<String>,
    pub(crate) types: Vec<String>,
    /// The publisher's time.
    pub(crate) modified: Option<Rfc3339>,
    /// Time at which the indicator last changed here.
    pub(crate) changed: Rfc3339,
    /// Reason why an operator retracted it, or one of its values.
    pub(crate) retracted: Option<String>,
    /// Reasons why it is not active, or why values of it do not count.
    pub(crate) why: Vec<WhyStatus>,
}

/// A value with its validity period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ValueStatus {
    pub(crate) value: String,
    /// The listed port.
    pub(crate) port: Option<u16>,
    pub(crate) valid_from: Option<Rfc3339>,
    pub(crate) valid_until: Option<Rfc3339>,
}

/// A reason why an indicator, or one of its values, does not count.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WhyStatus {
    /// `null` for the whole indicator.
    pub(crate) value: Option<String>,
    /// The rule's name, for programs.
    pub(crate) rule: &'static str,
    /// The reason, for people.
    pub(crate) reason: String,
}

impl From<Found> for IndicatorStatus {
    fn from(found: Found) -> IndicatorStatus {
        IndicatorStatus {
            feed: found.feed,
            id: found.id,
            state: found.state.name(),
            values: found.values.into_iter().map(ValueStatus::from).collect(),
            confidence: found.confidence,
            tlp: found.tlp.map(Tlp::name),
            name: found.name,
            types: found.types,
            modified: found.modified.map(Rfc3339),
            changed: Rfc3339(found.changed),
            retracted: found.retracted,
            why: found.why.into_iter().map(WhyStatus::from).collect(),
        }
    }
}

impl From<FoundValue> for ValueStatus {
    fn from(found: FoundValue) -> ValueStatus {
        ValueStatus {
            value: found.value,
            port: found.port,
            valid_from: found.valid_from.map(Rfc3339),
            valid_until: found.valid_until.map(Rfc3339),
        }
    }
}

impl From<Why> for WhyStatus {
    fn from(why: Why) -> WhyStatus {
        WhyStatus { value: why.value, rule: why.rule, reason: why.reason }
    }
}
