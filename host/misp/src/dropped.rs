//! Attributes that MISP dropped in silence: it answered 200, and they are not there.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value as Json;
use threatsieve_blacklist::{IndicatorId, Timestamp};
use uuid::Uuid;

use crate::compare::{Importance, Place, compare};
use crate::form::same_value;
use crate::held::HeldEvent;
use crate::wanted::WantedEvent;
use crate::write::{Write, attribute_body};

/// An attribute that was sent and is not there as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Its UUID.
    pub attribute: Uuid,
    /// Its type.
    pub kind: String,
    /// Its value.
    pub value: String,
    /// The indicators that name it.
    pub indicators: Vec<IndicatorId>,
    /// The probable reason.
    pub reason: DropReason,
}

/// The reason why MISP dropped an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// The event has another attribute with the same type, category and value.
    Duplicate {
        /// The UUID of the other attribute.
        of: Uuid,
    },
    /// The UUID belongs to an attribute elsewhere, perhaps of an event that we cannot see. Values
    /// are checked before they are sent, so this is likelier than a value that MISP refuses. The
    /// answer to [`probe`] is certain.
    UuidElsewhere,
    /// MISP refuses it, as it says itself.
    Refused(String),
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DropReason::Duplicate { of } => {
                write!(f, "attribute {of} of the event has the same value")
            }
            DropReason::UuidElsewhere => {
                f.write_str("probably an event that cannot be seen has an attribute with its UUID")
            }
            DropReason::Refused(reason) => write!(f, "MISP refuses it: {reason}"),
        }
    }
}

/// Returns what of a write is not there afterwards. Objects that are missing are listed by their
/// attributes.
pub fn dropped(write: &Write, wanted: &WantedEvent, held: &HeldEvent) -> Vec<Dropped> {
    let differing: BTreeSet<Uuid> = compare(wanted, held)
        .into_iter()
        .filter(|difference| difference.importance() == Importance::Content)
        .filter_map(|difference| match difference.place {
            Place::Attribute { uuid, .. } => Some(uuid),
            Place::Event | Place::Object(_) => None,
        })
        .collect();
    wanted
        .all_attributes()
        .filter(|own| write.attributes.contains(&own.uuid) && differing.contains(&own.uuid))
        .map(|own| {
            let same = held.attributes.iter().find(|other| {
                own.relation.is_none()
                    && !other.deleted
                    && other.uuid != own.uuid
                    && other.kind == own.kind
                    && other.category == own.category
                    && same_value(&own.kind, &own.value, &other.value)
            });
            Dropped {
                attribute: own.uuid,
                kind: own.kind.to_string(),
                value: own.value.clone(),
                indicators: own.indicators.clone(),
                reason: match same {
                    Some(other) => DropReason::Duplicate { of: other.uuid },
                    None => DropReason::UuidElsewhere,
                },
            }
        })
        .collect()
}

/// The request that adds one attribute alone: its path and body. Unlike `events/add`, MISP says
/// there why it refuses it. `None` for an attribute of an object.
pub fn probe(wanted: &WantedEvent, attribute: Uuid, now: Timestamp) -> Option<(String, Json)> {
    let own = wanted.attributes.iter().find(|own| own.uuid == attribute)?;
    Some((format!("/attributes/add/{}", wanted.uuid), attribute_body(own, now)))
}

/// Returns the reason in a refusal of [`probe`]; `None` if the answer is no such refusal.
pub fn probed(answer: &[u8]) -> Option<DropReason> {
    let answer: Json = serde_json::from_slice(answer).ok()?;
    let errors = answer.get("errors")?.as_object()?;
    if errors.contains_key("uuid") && errors.len() == 1 {
        return Some(DropReason::UuidElsewhere);
    }
    let (field, messages) = errors.iter().find(|(field, _)| *field != "uuid")?;
    let messages: Vec<&str> = messages.as_array()?.iter().filter_map(Json::as_str).collect();
    Some(DropReason::Refused(format!("{field}: {}", messages.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_probe_names_its_reason() {
        let reason =
            |errors: &str| probed(format!(r#"{{"saved": false, "errors": {errors}}}"#).as_bytes());
        assert_eq!(
            reason(r#"{"uuid": ["The UUID provided is not unique"]}"#),
            Some(DropReason::UuidElsewhere)
        );
        assert_eq!(
            reason(r#"{"value": ["Bad."], "uuid": ["The UUID provided is not unique"]}"#),
            Some(DropReason::Refused("value: Bad.".into()))
        );
        assert_eq!(reason(r#""text""#), None);
    }
}
