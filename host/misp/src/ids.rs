//! Deterministic UUIDs: the same thing gets the same UUID in every round, so that a repeat is
//! recognised.
//!
//! An attribute's UUID is made of its event, its type and its value. It leaves out the id of the
//! indicator: within an event MISP keeps a value once, so indicators with the same value share an
//! attribute, and its UUID must stay when one of them goes. This also shows whose an attribute is:
//! it is ours if its UUID is the one that this module makes of its value.

use uuid::Uuid;

/// The namespace of all UUIDs of this project. It must never change.
pub const NAMESPACE: Uuid = Uuid::from_u128(0x8f3c_6a54_91d7_4e0b_a2c8_5d1e_70b9_f346);

/// The thing that a MISP event stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A package of STIX 1.x.
    Package {
        /// The feed's name.
        feed: String,
        /// The package's id.
        id: String,
    },
    /// A report of STIX 2.x.
    Report {
        /// The feed's name.
        feed: String,
        /// The report's STIX id.
        id: String,
    },
    /// Indicators outside of packages and reports, in the order of their first sending.
    Day {
        /// The feed's name.
        feed: String,
        /// The day that they were first sent on, as `2026-11-29`.
        day: String,
        /// The part of that day, from 1: an event has a limited number of attributes.
        part: u32,
    },
}

impl Origin {
    /// The feed's name.
    pub fn feed(&self) -> &str {
        match self {
            Origin::Package { feed, .. }
            | Origin::Report { feed, .. }
            | Origin::Day { feed, .. } => feed,
        }
    }

    /// The UUID of the event.
    pub fn event_uuid(&self) -> Uuid {
        match self {
            Origin::Package { feed, id } => derive(NAMESPACE, &["package", feed, id]),
            Origin::Report { feed, id } => derive(NAMESPACE, &["report", feed, id]),
            Origin::Day { feed, day, part } => {
                derive(NAMESPACE, &["day", feed, day, &part.to_string()])
            }
        }
    }
}

/// The UUID of an attribute that belongs to no object.
pub fn attribute_uuid(event: Uuid, kind: &str, value: &str) -> Uuid {
    derive(event, &["attribute", kind, value])
}

/// The UUID of an object. The pairs of relation and value may have any order.
pub fn object_uuid(event: Uuid, name: &str, content: &[(&str, &str)]) -> Uuid {
    let mut content = content.to_vec();
    content.sort_unstable();
    let pairs = content.iter().flat_map(|&(relation, value)| [relation, value]);
    derive(event, &["object", name].into_iter().chain(pairs).collect::<Vec<_>>())
}

/// The UUID of an object's attribute.
pub fn object_attribute_uuid(object: Uuid, relation: &str, value: &str) -> Uuid {
    derive(object, &["attribute", relation, value])
}

/// The UUID of a sighting: one for each attribute, kind, source and time.
pub fn sighting_uuid(attribute: Uuid, kind: &str, source: &str, seconds: i64) -> Uuid {
    derive(attribute, &["sighting", kind, source, &seconds.to_string()])
}

/// Makes a UUIDv5 of texts. Each is preceded by its length, so no two lists give the same name.
fn derive(namespace: Uuid, texts: &[&str]) -> Uuid {
    let mut name = Vec::new();
    for text in texts {
        name.extend_from_slice(text.len().to_string().as_bytes());
        name.push(b':');
        name.extend_from_slice(text.as_bytes());
    }
    Uuid::new_v5(&namespace, &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_fixed() {
        let day = Origin::Day { feed: "a".into(), day: "2026-11-29".into(), part: 1 };
        let event = day.event_uuid();
        assert_eq!(event.to_string(), "15e25829-320b-558d-aa09-fe9307626369");
        assert_eq!(
            attribute_uuid(event, "domain", "evil.com").to_string(),
            "54a7a925-1f4f-5a11-82a0-25daba2f48e4"
        );
        for uuid in [event, attribute_uuid(event, "domain", "evil.com")] {
            assert_eq!((uuid.get_version_num(), uuid.get_variant()), (5, uuid::Variant::RFC4122));
        }
    }

    #[test]
    fn different_things_have_different_uuids() {
        let package = |feed: &str, id: &str| {
            Origin::Package { feed: feed.into(), id: id.into() }.event_uuid()
        };
        let report =
            |feed: &str, id: &str| Origin::Report { feed: feed.into(), id: id.into() }.event_uuid();
        assert_ne!(package("ab", "c"), package("a", "bc"));
        assert_ne!(package("a", "b"), report("a", "b"));
        let event = package("a", "b");
        assert_ne!(attribute_uuid(event, "domain", "a"), attribute_uuid(event, "hostname", "a"));
        let pairs = [("domain", "a"), ("ip", "b")];
        let reversed = [("ip", "b"), ("domain", "a")];
        assert_eq!(
            object_uuid(event, "domain-ip", &pairs),
            object_uuid(event, "domain-ip", &reversed)
        );
    }
}
