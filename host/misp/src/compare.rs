//! The differences between the event that MISP is to hold and the one it holds.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use threatsieve_blacklist::Tlp;
use uuid::Uuid;

use crate::form::{canonical_address, same_value};
use crate::held::{HeldAttribute, HeldEvent};
use crate::ids::{attribute_uuid, object_attribute_uuid};
use crate::plan::Withdrawal;
use crate::tags::{is_confidence, tag_tlp};
use crate::wanted::{Presence, WantedAttribute, WantedEvent};

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The thing that differs.
    pub place: Place,
    /// The difference.
    pub what: What,
}

/// The thing that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The event itself.
    Event,
    /// An object itself.
    Object(Uuid),
    /// An attribute.
    Attribute {
        /// Its object.
        object: Option<Uuid>,
        /// Its UUID.
        uuid: Uuid,
    },
}

/// A kind of difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// It is not there.
    Missing,
    /// It has another type or value.
    Value,
    /// Its mark for detection is another.
    ToIds,
    /// It is softly deleted, and should not be.
    Deleted,
    /// It is not deleted, and should be.
    NotDeleted,
    /// It is ours and no longer wanted.
    Leftover,
    /// Its TLP tag is missing.
    NoTlp(String),
    /// Another tag is missing.
    NoTag(String),
    /// It has a tag of ours that is no longer wanted.
    ExtraTag(String),
    /// Its start or its end is another.
    Times,
    /// Its comment is another.
    Comment,
    /// Its title is another.
    Info,
    /// Its readers are others.
    Distribution,
    /// It is not published.
    NotPublished,
}

/// The importance of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Importance {
    /// The indicators are not there as wanted: the event does not count as sent.
    Content,
    /// The markings or the readers are not as wanted: the event must not be published.
    Marking,
    /// Publishing has not happened.
    Publishing,
    /// Something less important. Roles without the right to create tags cannot repair missing
    /// tags.
    Detail,
}

impl Difference {
    /// Its importance.
    pub fn importance(&self) -> Importance {
        match self.what {
            What::Missing
            | What::Value
            | What::ToIds
            | What::Deleted
            | What::NotDeleted
            | What::Leftover => Importance::Content,
            What::NoTlp(_) | What::Distribution => Importance::Marking,
            What::NotPublished => Importance::Publishing,
            What::NoTag(_) | What::ExtraTag(_) | What::Times | What::Comment | What::Info => {
                Importance::Detail
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Event => f.write_str("the event ")?,
            Place::Object(uuid) => write!(f, "object {uuid} ")?,
            Place::Attribute { uuid, .. } => write!(f, "attribute {uuid} ")?,
        }
        match &self.what {
            What::Missing => f.write_str("is missing"),
            What::Value => f.write_str("has another type or value"),
            What::ToIds => f.write_str("has another to_ids"),
            What::Deleted => f.write_str("is deleted"),
            What::NotDeleted => f.write_str("is not deleted"),
            What::Leftover => f.write_str("is no longer wanted"),
            What::NoTlp(tag) | What::NoTag(tag) => write!(f, "lacks the tag {tag}"),
            What::ExtraTag(tag) => write!(f, "still has the tag {tag}"),
            What::Times => f.write_str("has another first_seen or last_seen"),
            What::Comment => f.write_str("has another comment"),
            What::Info => f.write_str("has another title"),
            What::Distribution => f.write_str("has another distribution"),
            What::NotPublished => f.write_str("is not published"),
        }
    }
}

/// Returns the differences. Attributes, objects and tags of others are left alone.
pub fn compare(wanted: &WantedEvent, held: &HeldEvent) -> Vec<Difference> {
    let mut found = Differences { former_tags: &wanted.former_tags, list: Vec::new() };
    found.event(wanted, held);
    let index = Index::of(held);
    for attribute in &wanted.attributes {
        found.attribute(attribute, None, &index);
    }
    for object in &wanted.objects {
        match index.objects.get(&object.uuid) {
            None if object.presence() == Presence::Active => {
                found.add(Place::Object(object.uuid), What::Missing);
            }
            Some(true) if object.presence() == Presence::Active => {
                found.add(Place::Object(object.uuid), What::Deleted);
            }
            _ => {}
        }
        for attribute in &object.attributes {
            found.attribute(attribute, Some(object.uuid), &index);
        }
    }
    found.leftovers(wanted, held);
    found.list
}

/// Returns whether an attribute has the UUID that we would give it.
fn is_ours(event: Uuid, object: Option<Uuid>, held: &HeldAttribute) -> bool {
    // MISP writes some addresses another way than we do.
    let value = match held.kind.starts_with("ip-") {
        true => Cow::Owned(canonical_address(&held.value)),
        false => Cow::Borrowed(held.value.as_str()),
    };
    held.uuid
        == match (object, &held.relation) {
            (Some(object), Some(relation)) => object_attribute_uuid(object, relation, &value),
            _ => attribute_uuid(event, &held.kind, &value),
        }
}

/// The content of an event that MISP holds, by UUID.
pub(crate) struct Index<'a> {
    /// Attributes, by object and UUID.
    pub(crate) attributes: BTreeMap<(Option<Uuid>, Uuid), &'a HeldAttribute>,
    /// Objects, and whether each is deleted.
    pub(crate) objects: BTreeMap<Uuid, bool>,
}

impl<'a> Index<'a> {
    pub(crate) fn of(held: &'a HeldEvent) -> Index<'a> {
        Index {
            attributes: held
                .all_attributes()
                .map(|(object, own)| ((object.map(|object| object.uuid), own.uuid), own))
                .collect(),
            objects: held.objects.iter().map(|object| (object.uuid, object.deleted)).collect(),
        }
    }
}

struct Differences<'a> {
    former_tags: &'a BTreeSet<String>,
    list: Vec<Difference>,
}

impl Differences<'_> {
    fn add(&mut self, place: Place, what: What) {
        self.list.push(Difference { place, what });
    }

    fn event(&mut self, wanted: &WantedEvent, held: &HeldEvent) {
        if held.info.trim() != wanted.info {
            self.add(Place::Event, What::Info);
        }
        if held.distribution != u64::from(wanted.distribution.number())
            || held.sharing_group != wanted.distribution.sharing_group()
        {
            self.add(Place::Event, What::Distribution);
        }
        self.tags(Place::Event, &wanted.tags, &held.tags);
        if wanted.publish && !held.published {
            self.add(Place::Event, What::NotPublished);
        }
    }

    fn attribute(&mut self, wanted: &WantedAttribute, object: Option<Uuid>, index: &Index<'_>) {
        let place = Place::Attribute { object, uuid: wanted.uuid };
        let Some(held) = index.attributes.get(&(object, wanted.uuid)) else {
            if wanted.presence == Presence::Active {
                self.add(place, What::Missing);
            }
            return;
        };
        match (wanted.presence, held.deleted) {
            (Presence::Active, true) => self.add(place, What::Deleted),
            (Presence::Deleted, false) => return self.add(place, What::NotDeleted),
            // Nobody sees the rest.
            (Presence::Off | Presence::Deleted, true) => return,
            (Presence::Active | Presence::Off, false) => {}
        }
        if held.kind != wanted.kind || !same_value(&wanted.kind, &wanted.value, &held.value) {
            self.add(place, What::Value);
        }
        if held.to_ids != wanted.to_ids() {
            self.add(place, What::ToIds);
        }
        self.tags(place, &wanted.tags, &held.tags);
        if (held.first_seen, held.last_seen) != (wanted.first_seen, wanted.last_seen) {
            self.add(place, What::Times);
        }
        if held.comment.trim() != wanted.comment {
            self.add(place, What::Comment);
        }
    }

    /// Compares tags without case, as MISP does.
    fn tags(&mut self, place: Place, wanted: &BTreeSet<String>, held: &[String]) {
        let tlp = wanted.iter().filter_map(|tag| tag_tlp(tag)).max();
        for tag in wanted {
            let is_there = match tag_tlp(tag) {
                Some(tlp) => held.iter().any(|other| tag_tlp(other) == Some(tlp)),
                None => held.iter().any(|other| same_tag(other, tag)),
            };
            match tag_tlp(tag) {
                _ if is_there => {}
                Some(_) => self.add(place, What::NoTlp(tag.clone())),
                None => self.add(place, What::NoTag(tag.clone())),
            }
        }
        for tag in held {
            if !wanted.iter().any(|other| same_tag(other, tag)) && self.is_extra(tag, tlp, wanted) {
                self.add(place, What::ExtraTag(tag.clone()));
            }
        }
    }

    /// Returns whether a tag that is not wanted has to go: it was ours, or it contradicts one that
    /// is wanted. A stricter TLP stays, since an analyst may have set it.
    fn is_extra(&self, tag: &str, tlp: Option<Tlp>, wanted: &BTreeSet<String>) -> bool {
        if let (Some(held), Some(tlp)) = (tag_tlp(tag), tlp)
            && held <= tlp
        {
            return held < tlp;
        }
        let was_ours = self.former_tags.iter().any(|former| same_tag(former, tag));
        was_ours || (is_confidence(tag) && wanted.iter().any(|other| is_confidence(other)))
    }

    /// Finds attributes that are ours and no longer wanted. An attribute that others changed is not
    /// recognised as ours.
    fn leftovers(&mut self, wanted: &WantedEvent, held: &HeldEvent) {
        let known: BTreeSet<Uuid> = wanted.all_attributes().map(|own| own.uuid).collect();
        for (object, own) in held.all_attributes() {
            let is_withdrawn = own.deleted
                || match wanted.withdrawal {
                    Withdrawal::ToIdsOff => !own.to_ids,
                    Withdrawal::Delete => object.is_some_and(|object| object.deleted),
                };
            let object = object.map(|object| object.uuid);
            if !is_withdrawn && !known.contains(&own.uuid) && is_ours(wanted.uuid, object, own) {
                self.add(Place::Attribute { object, uuid: own.uuid }, What::Leftover);
            }
        }
    }
}

fn same_tag(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
