//! The next request that brings an event closer to what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};
use threatsieve_blacklist::Timestamp;
use uuid::Uuid;

use crate::compare::{Difference, Importance, Index, Place, What, compare};
use crate::held::{HeldAttribute, HeldEvent};
use crate::plan::{Distribution, Withdrawal};
use crate::time::{LAST_SECOND, second, seen};
use crate::wanted::{Presence, WantedAttribute, WantedEvent, WantedObject};

/// A request that changes an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The call.
    pub call: WriteCall,
    /// The body.
    pub body: Json,
    /// The attributes that it adds or changes.
    pub attributes: BTreeSet<Uuid>,
    /// Nothing is left after it, but publishing and what MISP may drop.
    pub is_last: bool,
}

/// The call of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WriteCall {
    /// `POST /events/add`.
    Add,
    /// `POST /events/edit/{uuid}`.
    Edit(Uuid),
}

impl WriteCall {
    /// The path of the request.
    pub fn path(self) -> String {
        match self {
            WriteCall::Add => "/events/add".to_owned(),
            WriteCall::Edit(uuid) => format!("/events/edit/{uuid}"),
        }
    }
}

/// The conditions of a write.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// The most attributes in it.
    pub max_attributes: usize,
    /// The time. Attributes get a later one than they have, since MISP skips others.
    pub now: Timestamp,
    /// Attributes that MISP dropped before, and that are not sent again.
    pub given_up: BTreeSet<Uuid>,
    /// Differences that are only details are reasons for a write, too. A repeat leaves them out,
    /// because roles without the right to create tags cannot repair missing ones, and each write
    /// unpublishes.
    pub with_details: bool,
}

impl WriteOptions {
    /// Creates options for a first write at a time.
    pub fn new(now: Timestamp) -> WriteOptions {
        WriteOptions { max_attributes: 1_000, now, given_up: BTreeSet::new(), with_details: true }
    }
}

/// Returns the next request; `None` if nothing is to be written. Without an event that MISP holds,
/// it adds one. It never has the event's timestamp, because MISP refuses an edit that is not newer.
pub fn next_write(
    wanted: &WantedEvent,
    held: Option<&HeldEvent>,
    options: &WriteOptions,
) -> Option<Write> {
    let Some(held) = held else { return Some(add(wanted, options)) };
    let mut edit = Edit::new(wanted, held, options);
    for difference in compare(wanted, held) {
        edit.note(difference);
    }
    edit.write()
}

/// The request for an event that is not there.
fn add(wanted: &WantedEvent, options: &WriteOptions) -> Write {
    let mut room = Room::new(options);
    let is_sent = |own: &WantedAttribute| {
        own.presence == Presence::Active && !options.given_up.contains(&own.uuid)
    };
    let mut sent = BTreeSet::new();
    let (mut attributes, mut objects) = (Vec::new(), Vec::new());
    for own in wanted.attributes.iter().filter(|own| is_sent(own)) {
        if room.take(1) {
            sent.insert(own.uuid);
            attributes.push(attribute_body(own, options.now));
        }
    }
    for object in &wanted.objects {
        let own: Vec<&WantedAttribute> =
            object.attributes.iter().filter(|own| is_sent(own)).collect();
        if !own.is_empty() && room.take(own.len()) {
            sent.extend(own.iter().map(|own| own.uuid));
            let own = own.into_iter().map(|own| attribute_body(own, options.now)).collect();
            objects.push(whole_object(object, own));
        }
    }
    let mut event = Map::new();
    event.insert("uuid".into(), wanted.uuid.to_string().into());
    event.insert("info".into(), wanted.info.clone().into());
    event.insert("date".into(), wanted.date.clone().into());
    readers(&mut event, wanted.distribution);
    // Completed, and of undefined level: the feeds say nothing about it.
    event.insert("analysis".into(), "2".into());
    event.insert("threat_level_id".into(), "4".into());
    event.insert("published".into(), false.into());
    event.insert("Tag".into(), wanted.tags.iter().map(|tag| json!({"name": tag})).collect());
    event.insert("Attribute".into(), attributes.into());
    event.insert("Object".into(), objects.into());
    Write {
        call: WriteCall::Add,
        body: json!({"Event": event}),
        attributes: sent,
        is_last: !room.is_full,
    }
}

fn readers(event: &mut Map<String, Json>, distribution: Distribution) {
    event.insert("distribution".into(), distribution.number().to_string().into());
    if let Distribution::SharingGroup(id) = distribution {
        event.insert("sharing_group_id".into(), id.to_string().into());
    }
}

/// A whole attribute.
pub(crate) fn attribute_body(own: &WantedAttribute, now: Timestamp) -> Json {
    let mut body = base(own.uuid, &own.kind, &own.value, own.relation.as_deref());
    body.insert("category".into(), (*own.category).into());
    body.insert("to_ids".into(), own.to_ids().into());
    body.insert("comment".into(), own.comment.clone().into());
    body.insert("timestamp".into(), second(now).to_string().into());
    if let Some(first) = own.first_seen {
        body.insert("first_seen".into(), seen(first).into());
    }
    if let Some(last) = own.last_seen {
        body.insert("last_seen".into(), seen(last).into());
    }
    if !own.tags.is_empty() {
        body.insert("Tag".into(), own.tags.iter().map(|tag| json!({"name": tag})).collect());
    }
    body.into()
}

fn base(uuid: Uuid, kind: &str, value: &str, relation: Option<&str>) -> Map<String, Json> {
    let mut body = Map::new();
    body.insert("uuid".into(), uuid.to_string().into());
    body.insert("type".into(), kind.into());
    body.insert("value".into(), value.into());
    if let Some(relation) = relation {
        body.insert("object_relation".into(), relation.into());
    }
    body
}

/// An object with all that MISP needs where it lacks the template's version.
fn whole_object(object: &WantedObject, attributes: Vec<Json>) -> Json {
    let template = &object.template;
    json!({
        "uuid": object.uuid.to_string(),
        "name": template.name,
        "meta-category": template.meta_category,
        "description": template.description,
        "template_uuid": template.uuid,
        "template_version": template.version,
        "comment": object.comment,
        "Attribute": attributes,
    })
}

/// The room for attributes in a request.
struct Room {
    left: usize,
    is_used: bool,
    is_full: bool,
}

impl Room {
    fn new(options: &WriteOptions) -> Room {
        Room { left: options.max_attributes, is_used: false, is_full: false }
    }

    /// Takes room for some attributes, or reports that there is not enough. An object that is
    /// larger than a whole request is sent alone.
    fn take(&mut self, count: usize) -> bool {
        let fits = !self.is_full && (count <= self.left || !self.is_used);
        self.is_full |= !fits;
        self.is_used = true;
        self.left = self.left.saturating_sub(count);
        fits
    }
}

/// An edit in the making.
struct Edit<'a> {
    wanted: &'a WantedEvent,
    held: Index<'a>,
    event: Uuid,
    options: &'a WriteOptions,
    own: Vec<What>,
    /// By object.
    objects: BTreeMap<Uuid, Vec<What>>,
    /// By object and attribute.
    attributes: BTreeMap<(Option<Uuid>, Uuid), Vec<What>>,
}

impl<'a> Edit<'a> {
    fn new(wanted: &'a WantedEvent, held: &'a HeldEvent, options: &'a WriteOptions) -> Edit<'a> {
        Edit {
            wanted,
            held: Index::of(held),
            event: held.uuid,
            options,
            own: Vec::new(),
            objects: BTreeMap::new(),
            attributes: BTreeMap::new(),
        }
    }

    fn note(&mut self, difference: Difference) {
        if difference.importance() == Importance::Publishing {
            return;
        }
        match difference.place {
            Place::Event => self.own.push(difference.what),
            Place::Object(uuid) => self.objects.entry(uuid).or_default().push(difference.what),
            Place::Attribute { object, uuid } => {
                if !self.options.given_up.contains(&uuid) {
                    self.attributes.entry((object, uuid)).or_default().push(difference.what);
                }
            }
        }
    }

    fn write(mut self) -> Option<Write> {
        if !self.options.with_details {
            let counts = |what: &[What]| what.iter().any(|what| !is_detail(what));
            self.attributes.retain(|_, what| counts(what));
            if !counts(&self.own) {
                self.own.clear();
            }
        }
        self.objects.retain(|uuid, what| {
            what.contains(&What::Deleted)
                || self.attributes.keys().any(|(object, _)| *object == Some(*uuid))
        });
        if self.own.is_empty() && self.objects.is_empty() && self.attributes.is_empty() {
            return None;
        }
        Some(self.request())
    }

    fn request(&self) -> Write {
        let mut event = self.event_fields();
        let mut room = Room::new(self.options);
        let mut sent = BTreeSet::new();
        let mut attributes = Vec::new();
        let loose = self.attributes.iter().filter(|((object, _), _)| object.is_none());
        let wanted: BTreeMap<Uuid, &WantedAttribute> =
            self.wanted.all_attributes().map(|own| (own.uuid, own)).collect();
        for (&(_, uuid), what) in loose {
            if room.take(1) {
                sent.insert(uuid);
                attributes.push(self.change(None, uuid, wanted.get(&uuid).copied(), what));
            }
        }
        let mut objects = Vec::new();
        for uuid in self.touched_objects() {
            let own: Vec<_> =
                self.attributes.iter().filter(|((object, _), _)| *object == Some(uuid)).collect();
            if room.take(own.len()) {
                sent.extend(own.iter().map(|((_, attribute), _)| *attribute));
                let changes = own.into_iter().map(|(&(_, attribute), what)| {
                    self.change(Some(uuid), attribute, wanted.get(&attribute).copied(), what)
                });
                objects.push(self.object(uuid, changes.collect()));
            }
        }
        if !attributes.is_empty() {
            event.insert("Attribute".into(), attributes.into());
        }
        if !objects.is_empty() {
            event.insert("Object".into(), objects.into());
        }
        Write {
            call: WriteCall::Edit(self.event),
            body: json!({"Event": event}),
            attributes: sent,
            is_last: !room.is_full,
        }
    }

    fn touched_objects(&self) -> BTreeSet<Uuid> {
        let of_attributes = self.attributes.keys().filter_map(|(object, _)| *object);
        of_attributes.chain(self.objects.keys().copied()).collect()
    }

    fn event_fields(&self) -> Map<String, Json> {
        let mut event = Map::new();
        event.insert("uuid".into(), self.event.to_string().into());
        if self.own.contains(&What::Info) {
            event.insert("info".into(), self.wanted.info.clone().into());
        }
        if self.own.contains(&What::Distribution) {
            readers(&mut event, self.wanted.distribution);
        }
        put_tags(&mut event, &self.own);
        event
    }

    /// An object with the changes of its attributes. It has all that MISP needs to create it.
    fn object(&self, uuid: Uuid, changes: Vec<Json>) -> Json {
        let mut body = match self.wanted.objects.iter().find(|object| object.uuid == uuid) {
            Some(object) if !self.held.objects.contains_key(&uuid) => {
                return whole_object(object, changes);
            }
            Some(object) => whole_object(object, changes),
            None => json!({"uuid": uuid.to_string(), "Attribute": changes}),
        };
        if self.objects.get(&uuid).is_some_and(|what| what.contains(&What::Deleted)) {
            body["deleted"] = false.into();
        }
        body
    }

    /// An attribute with what is to change.
    fn change(
        &self,
        object: Option<Uuid>,
        uuid: Uuid,
        wanted: Option<&WantedAttribute>,
        what: &[What],
    ) -> Json {
        match (self.held.attributes.get(&(object, uuid)), wanted) {
            (Some(held), Some(wanted)) => self.changed(held, wanted, what),
            (Some(held), None) => self.withdrawn(held),
            (None, Some(wanted)) => attribute_body(wanted, self.options.now),
            (None, None) => Json::Null,
        }
    }

    fn changed(&self, held: &HeldAttribute, wanted: &WantedAttribute, what: &[What]) -> Json {
        let relation = wanted.relation.as_deref();
        let mut body = base(wanted.uuid, &wanted.kind, &wanted.value, relation);
        self.put_timestamp(&mut body, held);
        for one in what {
            match one {
                What::NotDeleted => body.insert("deleted".into(), true.into()),
                What::Deleted => body.insert("deleted".into(), false.into()),
                What::ToIds => body.insert("to_ids".into(), wanted.to_ids().into()),
                What::Value => body.insert("category".into(), (*wanted.category).into()),
                What::Comment => body.insert("comment".into(), wanted.comment.clone().into()),
                What::Times => {
                    let text = |time: Option<Timestamp>| time.map(seen).into();
                    body.insert("first_seen".into(), text(wanted.first_seen));
                    body.insert("last_seen".into(), text(wanted.last_seen))
                }
                _ => None,
            };
        }
        put_tags(&mut body, what);
        body.into()
    }

    /// An attribute of ours that is no longer wanted.
    fn withdrawn(&self, held: &HeldAttribute) -> Json {
        let mut body = base(held.uuid, &held.kind, &held.value, held.relation.as_deref());
        self.put_timestamp(&mut body, held);
        match self.wanted.withdrawal {
            Withdrawal::ToIdsOff => body.insert("to_ids".into(), false.into()),
            Withdrawal::Delete => body.insert("deleted".into(), true.into()),
        };
        body.into()
    }

    /// MISP skips an attribute whose timestamp is not newer, and applies one without a timestamp.
    fn put_timestamp(&self, body: &mut Map<String, Json>, held: &HeldAttribute) {
        let newer = second(self.options.now).max(held.timestamp.saturating_add(1));
        if newer <= LAST_SECOND {
            body.insert("timestamp".into(), newer.to_string().into());
        }
    }
}

fn is_detail(what: &What) -> bool {
    Difference { place: Place::Event, what: what.clone() }.importance() == Importance::Detail
}

fn put_tags(body: &mut Map<String, Json>, what: &[What]) {
    let tags = what.iter().filter_map(|what| match what {
        What::NoTlp(tag) | What::NoTag(tag) => Some(json!({"name": tag})),
        What::ExtraTag(tag) => Some(json!({"name": tag, "deleted": true})),
        _ => None,
    });
    let tags: Vec<Json> = tags.collect();
    if !tags.is_empty() {
        body.insert("Tag".into(), tags.into());
    }
}
