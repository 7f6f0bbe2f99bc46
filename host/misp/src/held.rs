//! Events as MISP holds them: its answers to `/events/view/{uuid}/deleted:1`, `events/add`,
//! `events/edit` and `events/upload_stix`.

use serde::Deserialize;
use threatsieve_blacklist::Timestamp;
use uuid::Uuid;

use crate::scalar::{boolean, list, number, scalar};
use crate::time::read_seen;

/// The longest answer that is read, in bytes. An event of 5,000 attributes has 3 MB.
pub const MAX_ANSWER_BYTES: usize = 128 << 20;
/// The most attributes of an event that are read.
pub const MAX_HELD_ATTRIBUTES: usize = 200_000;

/// An event as MISP holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldEvent {
    /// Its number on the server.
    pub id: u64,
    /// Its UUID.
    pub uuid: Uuid,
    /// Its title.
    pub info: String,
    /// It is published. MISP unpublishes at each change.
    pub published: bool,
    /// The second of the last publishing; 0 before the first one.
    pub publish_timestamp: i64,
    /// The second of the last change.
    pub timestamp: i64,
    /// MISP's number of its readers.
    pub distribution: u64,
    /// The sharing group's id; 0 without one.
    pub sharing_group: u64,
    /// The number of the organisation that created it. Others cannot edit it.
    pub creator: u64,
    /// Its tags. Local ones are left out: MISP does not pass them on.
    pub tags: Vec<String>,
    /// The attributes that belong to no object, softly deleted ones included if asked for.
    pub attributes: Vec<HeldAttribute>,
    /// The objects.
    pub objects: Vec<HeldObject>,
}

/// An attribute as MISP holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldAttribute {
    /// Its UUID.
    pub uuid: Uuid,
    /// Its type.
    pub kind: String,
    /// Its category.
    pub category: String,
    /// Its value.
    pub value: String,
    /// Its relation to its object.
    pub relation: Option<String>,
    /// The mark for detection.
    pub to_ids: bool,
    /// It is softly deleted.
    pub deleted: bool,
    /// The second of its last change.
    pub timestamp: i64,
    /// Its comment.
    pub comment: String,
    /// Its start.
    pub first_seen: Option<Timestamp>,
    /// Its end.
    pub last_seen: Option<Timestamp>,
    /// Its tags, without local ones.
    pub tags: Vec<String>,
}

/// An object as MISP holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldObject {
    /// Its UUID.
    pub uuid: Uuid,
    /// Its template's name.
    pub name: String,
    /// Its template's meta-category.
    pub meta_category: String,
    /// Its template's description.
    pub description: String,
    /// Its template's UUID.
    pub template_uuid: String,
    /// Its template's version.
    pub template_version: String,
    /// Its comment.
    pub comment: String,
    /// It is softly deleted.
    pub deleted: bool,
    /// Its attributes.
    pub attributes: Vec<HeldAttribute>,
}

/// The reason why an answer is not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeldError {
    /// The answer is too long.
    #[error("the answer has {0} bytes, more than {MAX_ANSWER_BYTES}")]
    TooLong(usize),
    /// The answer is not JSON, or not of the expected form.
    #[error("expected an event as JSON: {0}")]
    Malformed(String),
    /// There is no event in it, or one without a UUID.
    #[error("expected an event with a UUID")]
    NoEvent,
    /// The event has too many attributes.
    #[error("the event has {0} attributes, more than {MAX_HELD_ATTRIBUTES}")]
    TooMany(usize),
}

impl HeldEvent {
    /// Reads an answer. Attributes, objects and tags may be in the event, or next to it, as
    /// `upload_stix` answers.
    pub fn parse(answer: &[u8]) -> Result<HeldEvent, HeldError> {
        if answer.len() > MAX_ANSWER_BYTES {
            return Err(HeldError::TooLong(answer.len()));
        }
        let raw: RawAnswer = serde_json::from_slice(answer)
            .map_err(|error| HeldError::Malformed(error.to_string()))?;
        let mut event = raw.event.ok_or(HeldError::NoEvent)?;
        event.attributes.extend(raw.attributes);
        event.objects.extend(raw.objects);
        event.tags.extend(raw.tags);
        event.event_tags.extend(raw.event_tags);
        event.read()
    }

    /// All attributes, each with its object.
    pub fn all_attributes(&self) -> impl Iterator<Item = (Option<&HeldObject>, &HeldAttribute)> {
        let inner = self
            .objects
            .iter()
            .flat_map(|object| object.attributes.iter().map(move |own| (Some(object), own)));
        self.attributes.iter().map(|own| (None, own)).chain(inner)
    }
}

#[derive(Deserialize)]
struct RawAnswer {
    #[serde(rename = "Event")]
    event: Option<RawEvent>,
    #[serde(rename = "Attribute", default, deserialize_with = "list")]
    attributes: Vec<RawAttribute>,
    #[serde(rename = "Object", default, deserialize_with = "list")]
    objects: Vec<RawObject>,
    #[serde(rename = "Tag", default, deserialize_with = "list")]
    tags: Vec<RawTag>,
    #[serde(rename = "EventTag", default, deserialize_with = "list")]
    event_tags: Vec<RawTagLink>,
}

#[derive(Deserialize)]
struct RawEvent {
    #[serde(default, deserialize_with = "number")]
    id: i64,
    #[serde(default, deserialize_with = "scalar")]
    uuid: String,
    #[serde(default, deserialize_with = "scalar")]
    info: String,
    #[serde(default, deserialize_with = "boolean")]
    published: bool,
    #[serde(default, deserialize_with = "number")]
    publish_timestamp: i64,
    #[serde(default, deserialize_with = "number")]
    timestamp: i64,
    #[serde(default, deserialize_with = "number")]
    distribution: i64,
    #[serde(default, deserialize_with = "number")]
    sharing_group_id: i64,
    #[serde(default, deserialize_with = "number")]
    orgc_id: i64,
    #[serde(rename = "Attribute", default, deserialize_with = "list")]
    attributes: Vec<RawAttribute>,
    #[serde(rename = "Object", default, deserialize_with = "list")]
    objects: Vec<RawObject>,
    #[serde(rename = "Tag", default, deserialize_with = "list")]
    tags: Vec<RawTag>,
    #[serde(rename = "EventTag", default, deserialize_with = "list")]
    event_tags: Vec<RawTagLink>,
}

#[derive(Deserialize)]
struct RawAttribute {
    #[serde(default, deserialize_with = "scalar")]
    uuid: String,
    #[serde(rename = "type", default, deserialize_with = "scalar")]
    kind: String,
    #[serde(default, deserialize_with = "scalar")]
    category: String,
    #[serde(default, deserialize_with = "scalar")]
    value: String,
    #[serde(default, deserialize_with = "scalar")]
    object_relation: String,
    #[serde(default, deserialize_with = "boolean")]
    to_ids: bool,
    #[serde(default, deserialize_with = "boolean")]
    deleted: bool,
    #[serde(default, deserialize_with = "number")]
    timestamp: i64,
    #[serde(default, deserialize_with = "scalar")]
    comment: String,
    #[serde(default, deserialize_with = "scalar")]
    first_seen: String,
    #[serde(default, deserialize_with = "scalar")]
    last_seen: String,
    #[serde(rename = "Tag", default, deserialize_with = "list")]
    tags: Vec<RawTag>,
    #[serde(rename = "AttributeTag", default, deserialize_with = "list")]
    attribute_tags: Vec<RawTagLink>,
}

#[derive(Deserialize)]
struct RawObject {
    #[serde(default, deserialize_with = "scalar")]
    uuid: String,
    #[serde(default, deserialize_with = "scalar")]
    name: String,
    #[serde(rename = "meta-category", default, deserialize_with = "scalar")]
    meta_category: String,
    #[serde(default, deserialize_with = "scalar")]
    description: String,
    #[serde(default, deserialize_with = "scalar")]
    template_uuid: String,
    #[serde(default, deserialize_with = "scalar")]
    template_version: String,
    #[serde(default, deserialize_with = "scalar")]
    comment: String,
    #[serde(default, deserialize_with = "boolean")]
    deleted: bool,
    #[serde(rename = "Attribute", default, deserialize_with = "list")]
    attributes: Vec<RawAttribute>,
}

#[derive(Deserialize)]
struct RawTag {
    #[serde(default, deserialize_with = "scalar")]
    name: String,
    #[serde(default, deserialize_with = "boolean")]
    local: bool,
}

/// A tag as `upload_stix` answers it: `{"local": false, "Tag": {"name": "tlp:green"}}`.
#[derive(Deserialize)]
struct RawTagLink {
    #[serde(default, deserialize_with = "boolean")]
    local: bool,
    #[serde(rename = "Tag")]
    tag: Option<RawTag>,
}

impl RawEvent {
    fn read(self) -> Result<HeldEvent, HeldError> {
        let in_objects = self.objects.iter().map(|object| object.attributes.len()).sum::<usize>();
        let count = self.attributes.len() + in_objects;
        if count > MAX_HELD_ATTRIBUTES {
            return Err(HeldError::TooMany(count));
        }
        let natural = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(HeldEvent {
            id: natural(self.id),
            uuid: Uuid::try_parse(&self.uuid).map_err(|_| HeldError::NoEvent)?,
            info: self.info,
            published: self.published,
            publish_timestamp: self.publish_timestamp,
            timestamp: self.timestamp,
            distribution: natural(self.distribution),
            sharing_group: natural(self.sharing_group_id),
            creator: natural(self.orgc_id),
            tags: tags(self.tags, self.event_tags),
            attributes: self.attributes.into_iter().filter_map(RawAttribute::read).collect(),
            objects: self.objects.into_iter().filter_map(RawObject::read).collect(),
        })
    }
}

impl RawAttribute {
    /// An attribute without a UUID cannot be named. It is not ours.
    fn read(self) -> Option<HeldAttribute> {
        Some(HeldAttribute {
            uuid: Uuid::try_parse(&self.uuid).ok()?,
            kind: self.kind,
            category: self.category,
            value: self.value,
            relation: Some(self.object_relation).filter(|relation| !relation.is_empty()),
            to_ids: self.to_ids,
            deleted: self.deleted,
            timestamp: self.timestamp,
            comment: self.comment,
            first_seen: read_seen(&self.first_seen),
            last_seen: read_seen(&self.last_seen),
            tags: tags(self.tags, self.attribute_tags),
        })
    }
}

impl RawObject {
    fn read(self) -> Option<HeldObject> {
        Some(HeldObject {
            uuid: Uuid::try_parse(&self.uuid).ok()?,
            name: self.name,
            meta_category: self.meta_category,
            description: self.description,
            template_uuid: self.template_uuid,
            template_version: self.template_version,
            comment: self.comment,
            deleted: self.deleted,
            attributes: self.attributes.into_iter().filter_map(RawAttribute::read).collect(),
        })
    }
}

fn tags(tags: Vec<RawTag>, links: Vec<RawTagLink>) -> Vec<String> {
    let linked = links.into_iter().filter(|link| !link.local).filter_map(|link| link.tag);
    let all = tags.into_iter().chain(linked).filter(|tag| !tag.local && !tag.name.is_empty());
    let mut names: Vec<String> = all.map(|tag| tag.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}
