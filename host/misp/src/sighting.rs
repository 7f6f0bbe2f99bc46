//! Sightings: matches and retractions, sent to `POST /sightings/bulkSaveSightings/{event}`.
//!
//! MISP stores a sighting once for each UUID there, unlike `sightings/add`, so a repeat does no
//! harm.

use serde_json::{Value as Json, json};
use threatsieve_blacklist::Timestamp;
use uuid::Uuid;

use crate::ids::sighting_uuid;
use crate::text::clean;
use crate::time::second;

/// The longest source, in characters. MISP answers 500 to 300.
const MAX_SOURCE_CHARS: usize = 250;

/// The kind of a sighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SightingKind {
    /// The value was seen.
    Seen,
    /// The value is a false positive.
    FalsePositive,
}

impl SightingKind {
    /// MISP's number, as text.
    fn number(self) -> &'static str {
        match self {
            SightingKind::Seen => "0",
            SightingKind::FalsePositive => "1",
        }
    }
}

/// A sighting of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sighting {
    /// The attribute's UUID.
    pub attribute: Uuid,
    /// Its kind.
    pub kind: SightingKind,
    /// The time. MISP keeps seconds.
    pub at: Timestamp,
    /// The place where it was seen, such as the name of the installation.
    pub source: String,
}

/// The path of the request for sightings of an event's attributes.
pub fn sightings_path(event: Uuid) -> String {
    format!("/sightings/bulkSaveSightings/{event}")
}

/// The body of the request. All attributes must be of one event.
pub fn sightings_body(sightings: &[Sighting]) -> Json {
    let one = |sighting: &Sighting| {
        let source = clean(&sighting.source, MAX_SOURCE_CHARS);
        let (kind, seconds) = (sighting.kind.number(), second(sighting.at));
        json!({
            "uuid": sighting_uuid(sighting.attribute, kind, &source, seconds).to_string(),
            "attribute_uuid": sighting.attribute.to_string(),
            "type": kind,
            "date_sighting": seconds.to_string(),
            "source": source,
        })
    };
    sightings.iter().map(one).collect()
}

/// Returns how many sightings MISP added; `None` if the answer is no answer to such a request. MISP
/// does not say why it added fewer: it had some, or it does not know the attributes.
pub fn sightings_added(answer: &[u8]) -> Option<usize> {
    let answer: Json = serde_json::from_slice(answer).ok()?;
    match answer.get("saved")?.as_bool()? {
        false => Some(0),
        true => answer.get("success")?.as_str()?.split(' ').next()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sighting_has_a_uuid_of_its_own() {
        let mut sighting = Sighting {
            attribute: crate::ids::NAMESPACE,
            kind: SightingKind::Seen,
            at: Timestamp(1_795_900_000_900_000),
            source: "proxy\n1".into(),
        };
        let body = sightings_body(std::slice::from_ref(&sighting));
        assert_eq!(
            body,
            json!([{
                "uuid": body[0]["uuid"],
                "attribute_uuid": "8f3c6a54-91d7-4e0b-a2c8-5d1e70b9f346",
                "type": "0",
                "date_sighting": "1795900000",
                "source": "proxy 1",
            }])
        );
        let same = sightings_body(std::slice::from_ref(&sighting));
        sighting.kind = SightingKind::FalsePositive;
        let other = sightings_body(std::slice::from_ref(&sighting));
        assert_eq!(same, body);
        assert_ne!(other[0]["uuid"], body[0]["uuid"]);
    }

    #[test]
    fn the_answer_has_a_count() {
        let added = |text: &str| sightings_added(text.as_bytes());
        assert_eq!(added(r#"{"saved": true, "success": "2 sightings added."}"#), Some(2));
        assert_eq!(added(r#"{"saved": false, "success": "No sightings added."}"#), Some(0));
        assert_eq!(added(r#"{"name": "x", "message": "x"}"#), None);
        assert_eq!(added("<html>"), None);
    }
}
