//! Events, their objects and attributes.

use serde::{Deserialize, Deserializer};
use threatsieve_blacklist::Timestamp;

use super::scalar::Scalar;
use super::tags::MispTag;

/// An event of MISP. An attribute of the API has only a few of its properties.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct MispEvent {
    uuid: Scalar,
    info: Scalar,
    timestamp: Scalar,
    published: Scalar,
    #[serde(rename = "Tag", deserialize_with = "list")]
    tags: Vec<MispTag>,
    #[serde(rename = "Attribute", deserialize_with = "list")]
    attributes: Vec<MispAttribute>,
    #[serde(rename = "Object", deserialize_with = "list")]
    objects: Vec<MispObject>,
}

/// An object of an event: attributes that belong together.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct MispObject {
    deleted: Scalar,
    #[serde(rename = "Attribute", deserialize_with = "list")]
    attributes: Vec<MispAttribute>,
}

/// An attribute.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct MispAttribute {
    uuid: Scalar,
    #[serde(rename = "type")]
    kind: Scalar,
    pub(super) value: Scalar,
    to_ids: Scalar,
    deleted: Scalar,
    timestamp: Scalar,
    pub(super) comment: Scalar,
    pub(super) first_seen: Scalar,
    pub(super) last_seen: Scalar,
    #[serde(rename = "Tag", deserialize_with = "list")]
    pub(super) tags: Vec<MispTag>,
    #[serde(rename = "Event")]
    event: Option<Owner>,
}

/// The event of an attribute, as the API names it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Owner {
    uuid: Scalar,
}

impl MispEvent {
    /// Returns the UUID in lower case.
    pub fn uuid(&self) -> String {
        self.uuid.text().to_ascii_lowercase()
    }

    /// Returns the event's title.
    pub fn info(&self) -> &str {
        self.info.text()
    }

    /// Returns the time of the last change.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp.seconds()
    }

    /// Returns whether the event is published.
    pub fn is_published(&self) -> bool {
        self.published.is_true()
    }

    /// Returns the tags of the whole event.
    pub fn tags(&self) -> &[MispTag] {
        &self.tags
    }

    /// Returns all attributes, those of objects too, each with whether its object is deleted.
    pub fn attributes(&self) -> impl Iterator<Item = (&MispAttribute, bool)> {
        let of_objects = self.objects.iter().flat_map(|object| {
            let is_deleted = object.deleted.is_true();
            object.attributes.iter().map(move |one| (one, is_deleted))
        });
        self.attributes.iter().map(|one| (one, false)).chain(of_objects)
    }
}

impl MispAttribute {
    /// Returns the UUID in lower case.
    pub fn uuid(&self) -> String {
        self.uuid.text().to_ascii_lowercase()
    }

    /// Returns the type, such as `domain|ip`.
    pub fn kind(&self) -> &str {
        self.kind.text()
    }

    /// Returns the value as MISP writes it.
    pub fn value(&self) -> &str {
        self.value.text()
    }

    /// Returns whether the attribute is meant for detection.
    pub fn is_for_ids(&self) -> bool {
        self.to_ids.is_true()
    }

    /// Returns whether the attribute is deleted.
    pub fn is_deleted(&self) -> bool {
        self.deleted.is_true()
    }

    /// Returns the time of the last change.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp.seconds()
    }

    /// Returns the UUID of its event, if the answer names it.
    pub fn event(&self) -> Option<String> {
        Some(self.event.as_ref()?.uuid.text().to_ascii_lowercase())
    }
}

/// Reads a list. `null` is an empty one.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(from)?.unwrap_or_default())
}
