//! Sightings as STIX objects (STIX 2.0, section 3.2; STIX 2.1, section 5.2).

use serde_json::value::to_raw_value;
use serde_json::{Map, Value as Json, json};
use threatsieve_blacklist::{Timestamp, Tlp};
use uuid::{Builder, Uuid};

use crate::feeds::{Object, TaxiiVersion};
use crate::store::sightings::{Sighting, Unreported};
use crate::text::rfc3339;

/// Time of the identity, whose content never changes.
const IDENTITY_TIME: &str = "2026-01-01T00:00:00.000Z";
/// Largest count of a sighting (STIX 2.1, section 5.2.1).
const MAX_COUNT: u64 = 999_999_999;

/// The identity that saw.
#[derive(Debug)]
pub(super) struct Reporter {
    name: String,
    /// STIX id.
    pub(super) id: String,
}

impl Reporter {
    pub(super) fn new(name: &str) -> Reporter {
        let id = uuid(&format!("identity\n{name}"));
        Reporter { name: name.to_owned(), id: format!("identity--{id}") }
    }

    /// Returns the id of the sighting of some matches. The same matches have the same one, also
    /// after the state was lost or restored.
    pub(super) fn id(&self, matches: &Unreported) -> String {
        let Unreported { indicator, events, least_uid, greatest_uid, .. } = matches;
        let text =
            format!("sighting\n{}\n{indicator}\n{least_uid}\n{greatest_uid}\n{events}", self.id);
        format!("sighting--{}", uuid(&text))
    }

    /// Returns the objects to add to a collection: the identity and the sightings.
    pub(super) fn objects(
        &self,
        version: TaxiiVersion,
        sightings: &[Sighting],
    ) -> anyhow::Result<Vec<Object>> {
        let identity = self.identity(version);
        let sightings = sightings.iter().map(|sighting| self.sighting(version, sighting));
        std::iter::once(identity).chain(sightings).collect()
    }

    fn identity(&self, version: TaxiiVersion) -> anyhow::Result<Object> {
        object(
            version,
            "identity",
            &self.id,
            IDENTITY_TIME,
            json!({
                "name": self.name,
                "identity_class": "organization",
            }),
        )
    }

    fn sighting(&self, version: TaxiiVersion, sighting: &Sighting) -> anyhow::Result<Object> {
        let mut content = json!({
            "created_by_ref": self.id,
            "first_seen": to_millis(sighting.first),
            "last_seen": to_millis(sighting.last),
            "count": sighting.events.min(MAX_COUNT),
            "sighting_of_ref": sighting.indicator,
            "where_sighted_refs": [self.id],
        });
        if let Some(tlp) = sighting.tlp {
            content["object_marking_refs"] = json!([marking(tlp)]);
        }
        object(version, "sighting", &sighting.id, &to_millis(sighting.composed), content)
    }
}

/// Returns a UUID that depends on a text alone. Its version is 4, because STIX 2.0 allows no other
/// one (part 1, section 3.2).
fn uuid(text: &str) -> Uuid {
    let digest = blake3::hash(format!("threatsieve sightings\n{text}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    Builder::from_random_bytes(bytes).into_uuid()
}

fn object(
    version: TaxiiVersion,
    kind: &str,
    id: &str,
    time: &str,
    content: Json,
) -> anyhow::Result<Object> {
    let mut object = Map::from_iter([
        ("type".to_owned(), kind.into()),
        ("id".to_owned(), id.into()),
        ("created".to_owned(), time.into()),
        ("modified".to_owned(), time.into()),
    ]);
    if version == TaxiiVersion::V21 {
        object.insert("spec_version".to_owned(), "2.1".into());
    }
    if let Json::Object(content) = content {
        object.extend(content);
    }
    Ok(Object { id: id.to_owned(), version: Some(time.to_owned()), json: to_raw_value(&object)? })
}

/// Returns the id of a marking that both versions of STIX define (STIX 2.0, part 1, section 4.1.4;
/// STIX 2.1, section 7.2.1.4). They lack AMBER+STRICT; RED is the next stricter one.
fn marking(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Clear => "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
        Tlp::Green => "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
        Tlp::Amber => "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
        Tlp::AmberStrict | Tlp::Red => "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
    }
}

/// Returns a time with exactly three decimals, as STIX 2.0 asks for.
fn to_millis(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_microsecond(at.0);
    moment.map_or_else(|_| rfc3339(at), |moment| format!("{moment:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_decimals_and_years_of_stix() {
        assert_eq!(to_millis(Timestamp(1_795_578_300_123_456)), "2026-11-25T03:45:00.123Z");
        assert_eq!(to_millis(Timestamp(1_795_578_300_000_000)), "2026-11-25T03:45:00.000Z");
    }

    #[test]
    fn ids_depend_on_the_matches_alone() {
        let matches = Unreported {
            indicator: "indicator--1".to_owned(),
            events: 2,
            first: Timestamp(1),
            last: Timestamp(2),
            tlp: None,
            least_uid: "a".to_owned(),
            greatest_uid: "b".to_owned(),
        };
        let one = Reporter::new("SOC");
        assert_eq!(one.id(&matches), Reporter::new("SOC").id(&matches));
        assert_ne!(one.id(&matches), Reporter::new("CERT").id(&matches));
        let later = Unreported { greatest_uid: "c".to_owned(), ..matches.clone() };
        assert_ne!(one.id(&matches), one.id(&later));
    }
}
