//! Events that MISP made itself of an uploaded package: their attributes have UUIDs of MISP's
//! choice, and are found by type and value.

use std::collections::BTreeMap;

use threatsieve_blacklist::{UrlMode, Value};
use uuid::Uuid;

use crate::form::canonical_address;
use crate::held::{HeldAttribute, HeldEvent, HeldObject};
use crate::ids::{attribute_uuid, object_attribute_uuid, object_uuid};
use crate::template::Template;
use crate::wanted::{WantedAttribute, WantedEvent, WantedObject};

/// An event with the UUIDs that MISP chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The event. [`crate::compare`] and [`crate::next_write`] take it as any other: what MISP
    /// lacks is added, and what is withdrawn is marked.
    pub event: WantedEvent,
    /// The number of wanted attributes that MISP holds. Without any, MISP did not understand the
    /// package, though it said 200.
    pub found: usize,
    /// The UUIDs of the wanted attributes that MISP does not hold.
    pub missing: Vec<Uuid>,
}

/// Replaces the UUIDs of wanted attributes by those of the attributes that MISP holds. A held
/// attribute may stand for several, such as `filename|sha256` or a pattern with several values:
/// then it is active while one of them is.
///
/// MISP's own comments, times and title stay. The caller has to list withdrawn indicators as
/// members, because nothing else shows that an attribute came from them.
pub fn adopt(wanted: WantedEvent, held: &HeldEvent) -> Adopted {
    let index = Index::of(held);
    let mut adopted = Adoption { index: &index, taken: BTreeMap::new(), missing: Vec::new() };
    let (mut attributes, mut objects) = (Vec::new(), Vec::new());
    let mut found = 0;
    for own in wanted.attributes {
        match index.find(&own) {
            Some(place) => {
                found += 1;
                adopted.take(place, own);
            }
            None => {
                let uuid = attribute_uuid(held.uuid, &own.kind, &own.value);
                adopted.missing.push(uuid);
                attributes.push(WantedAttribute { uuid, ..own });
            }
        }
    }
    for object in wanted.objects {
        let places: Option<Vec<Place>> = object
            .attributes
            .iter()
            .filter(|own| own.is_telling)
            .map(|own| index.find(own))
            .collect();
        match places {
            Some(places) => {
                let telling = object.attributes.into_iter().filter(|own| own.is_telling);
                found += places.len();
                places.into_iter().zip(telling).for_each(|(place, own)| adopted.take(place, own));
            }
            None => {
                let object = own_object(object, held.uuid);
                adopted.missing.extend(object.attributes.iter().map(|own| own.uuid));
                objects.push(object);
            }
        }
    }
    let missing = std::mem::take(&mut adopted.missing);
    adopted.finish(&mut attributes, &mut objects);
    let event = WantedEvent {
        uuid: held.uuid,
        info: held.info.trim().to_owned(),
        attributes,
        objects,
        ..wanted
    };
    Adopted { event, found, missing }
}

/// Gives an object that MISP lacks the UUIDs that it has in the held event.
fn own_object(mut object: WantedObject, event: Uuid) -> WantedObject {
    let relation = |own: &WantedAttribute| own.relation.clone().unwrap_or_default();
    let relations: Vec<_> = object.attributes.iter().map(relation).collect();
    let content: Vec<(&str, &str)> = relations
        .iter()
        .zip(&object.attributes)
        .map(|(relation, own)| (&**relation, own.value.as_str()))
        .collect();
    let uuid = object_uuid(event, &object.template.name, &content);
    object.uuid = uuid;
    for (own, relation) in object.attributes.iter_mut().zip(&relations) {
        own.uuid = object_attribute_uuid(uuid, relation, &own.value);
    }
    object
}

/// The place of a held attribute: its object, and its number there or in the event.
type Place = (Option<usize>, usize);

/// Held attributes by what they name.
struct Index<'a> {
    held: &'a HeldEvent,
    /// The best place of a value.
    values: BTreeMap<(&'static str, String), (u8, Place)>,
    /// Values in patterns.
    literals: BTreeMap<String, Place>,
}

impl<'a> Index<'a> {
    fn of(held: &'a HeldEvent) -> Index<'a> {
        let mut index = Index { held, values: BTreeMap::new(), literals: BTreeMap::new() };
        for (number, own) in held.attributes.iter().enumerate() {
            index.add((None, number), own);
        }
        for (object, inside) in held.objects.iter().enumerate() {
            for (number, own) in inside.attributes.iter().enumerate() {
                index.add((Some(object), number), own);
            }
        }
        index
    }

    /// Adds an attribute. One that is not deleted, and has only this value, is preferred.
    fn add(&mut self, place: Place, own: &HeldAttribute) {
        if own.kind == "stix2-pattern" {
            for literal in literals(&own.value) {
                self.literals.entry(literal).or_insert(place);
            }
        }
        let parts = parts(&own.kind, &own.value);
        let rank = u8::from(own.deleted) * 2 + u8::from(parts.len() > 1);
        let whole = [(own.kind.as_str(), own.value.as_str())];
        for (kind, value) in parts.into_iter().chain(whole) {
            let entry = self.values.entry(key(kind, value)).or_insert((rank, place));
            *entry = (*entry).min((rank, place));
        }
    }

    fn find(&self, wanted: &WantedAttribute) -> Option<Place> {
        let port_free = wanted.value.split('|').next().unwrap_or_default();
        let texts = match &*wanted.kind {
            "ip-dst|port" => vec![(&*wanted.kind, &*wanted.value), ("ip-dst", port_free)],
            "hostname|port" => vec![(&*wanted.kind, &*wanted.value), ("domain", port_free)],
            kind => vec![(kind, &*wanted.value)],
        };
        let of_value = texts.iter().find_map(|&(kind, value)| self.values.get(&key(kind, value)));
        of_value.map(|&(_, place)| place).or_else(|| {
            let literal = |&(kind, value): &(&str, &str)| self.literals.get(&key(kind, value).1);
            texts.iter().find_map(literal).copied()
        })
    }

    fn get(&self, (object, number): Place) -> (Option<&'a HeldObject>, &'a HeldAttribute) {
        match object {
            None => (None, &self.held.attributes[number]),
            Some(object) => {
                let object = &self.held.objects[object];
                (Some(object), &object.attributes[number])
            }
        }
    }
}

/// Returns the parts of a value with several: `filename|md5`, `domain|ip`, `ip-dst|port`.
fn parts<'a>(kind: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    // The name of a file may have a bar in it, and a digest has none.
    match (kind.split_once('|'), value.rsplit_once('|')) {
        (Some((first, second)), Some((one, other))) => vec![(first, one), (second, other)],
        _ => Vec::new(),
    }
}

/// Returns the family of a type, and the value in the form in which values are compared.
fn key(kind: &str, value: &str) -> (&'static str, String) {
    let lower = || value.to_lowercase();
    match kind {
        "domain" | "hostname" => ("name", lower()),
        "ip" | "ip-dst" | "ip-src" | "ip-dst|port" | "ip-src|port" => {
            ("address", canonical_address(value))
        }
        "url" | "uri" | "link" => {
            let url = Value::url(value, UrlMode::Exact);
            ("url", url.map_or_else(|_| value.to_owned(), |url| url.normal_forms().concat()))
        }
        "email" | "email-src" | "email-dst" | "email-reply-to" => ("email", lower()),
        "md5" => ("md5", lower()),
        "sha1" => ("sha1", lower()),
        "sha256" => ("sha256", lower()),
        "hostname|port" => ("name and port", lower()),
        "stix2-pattern" => ("pattern", value.to_owned()),
        _ => ("other", String::new()),
    }
}

/// Returns the literals of a pattern, each in the forms of all families.
fn literals(pattern: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = pattern;
    while let Some((_, after)) = rest.split_once('\'') {
        let (mut literal, mut is_escaped, mut end) = (String::new(), false, after.len());
        for (at, c) in after.char_indices() {
            match c {
                '\\' if !is_escaped => is_escaped = true,
                '\'' if !is_escaped => {
                    end = at + 1;
                    break;
                }
                c => {
                    literal.push(c);
                    is_escaped = false;
                }
            }
        }
        rest = &after[end..];
        found.extend(["domain", "ip-dst"].map(|kind| key(kind, &literal).1));
        if literal.contains('/') {
            found.push(key("url", &literal).1);
        }
    }
    found
}

/// The attributes that are taken over.
struct Adoption<'a> {
    index: &'a Index<'a>,
    taken: BTreeMap<Place, WantedAttribute>,
    missing: Vec<Uuid>,
}

impl Adoption<'_> {
    /// Makes a wanted attribute stand for a held one.
    fn take(&mut self, place: Place, own: WantedAttribute) {
        let (_, held) = self.index.get(place);
        let taken = self.taken.entry(place).or_insert_with(|| WantedAttribute {
            uuid: held.uuid,
            kind: held.kind.clone().into(),
            category: held.category.clone().into(),
            value: held.value.clone(),
            relation: held.relation.clone().map(Into::into),
            comment: held.comment.trim().to_owned(),
            first_seen: held.first_seen,
            last_seen: held.last_seen,
            indicators: Vec::new(),
            ..own.clone()
        });
        taken.presence = taken.presence.min(own.presence);
        taken.tags.extend(own.tags);
        taken.indicators.extend(own.indicators);
        taken.indicators.sort_unstable();
        taken.indicators.dedup();
    }

    fn finish(self, attributes: &mut Vec<WantedAttribute>, objects: &mut Vec<WantedObject>) {
        let mut inside: BTreeMap<usize, Vec<WantedAttribute>> = BTreeMap::new();
        for ((object, _), own) in self.taken {
            match object {
                None => attributes.push(own),
                Some(object) => inside.entry(object).or_default().push(own),
            }
        }
        for (number, own) in inside {
            let held = &self.index.held.objects[number];
            let template = Template {
                name: held.name.clone().into(),
                meta_category: held.meta_category.clone().into(),
                description: held.description.clone().into(),
                uuid: held.template_uuid.clone().into(),
                version: held.template_version.clone().into(),
            };
            let comment = held.comment.trim().to_owned();
            objects.push(WantedObject { uuid: held.uuid, template, comment, attributes: own });
        }
        attributes.sort_by_key(|own| own.uuid);
        objects.sort_by_key(|object| object.uuid);
    }
}
