//! A small MISP: the rules of its storage, as they were measured.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::{Map, Value as Json, json};
use threatsieve_misp::{HeldEvent, Write, WriteCall};

/// The server's time of the next change, in seconds.
const START: i64 = 1_795_900_000;

#[derive(Default)]
pub(crate) struct Misp {
    pub(crate) event: Option<Event>,
    /// UUIDs of attributes and objects in events that cannot be seen.
    pub(crate) elsewhere: BTreeSet<String>,
    /// The tags that exist. `None` lets the user create tags.
    pub(crate) known_tags: Option<BTreeSet<String>>,
    pub(crate) clock: i64,
}

#[derive(Default)]
pub(crate) struct Event {
    uuid: String,
    info: String,
    distribution: String,
    pub(crate) published: bool,
    pub(crate) tags: BTreeSet<String>,
    /// By object and UUID.
    pub(crate) attributes: BTreeMap<(String, String), Attribute>,
    /// Objects: the template's fields.
    objects: BTreeMap<String, Map<String, Json>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Attribute {
    pub(crate) kind: String,
    pub(crate) category: String,
    pub(crate) value: String,
    relation: String,
    pub(crate) to_ids: bool,
    pub(crate) deleted: bool,
    pub(crate) timestamp: i64,
    comment: String,
    first_seen: Option<String>,
    last_seen: Option<String>,
    pub(crate) tags: BTreeSet<String>,
}

impl Misp {
    /// Applies a request, and returns whether MISP answers 200.
    pub(crate) fn apply(&mut self, write: &Write) -> bool {
        self.clock += 10;
        let body = write.body["Event"].as_object().unwrap().clone();
        assert!(!body.contains_key("timestamp"), "an event's timestamp was sent");
        match (write.call, self.event.is_some()) {
            (WriteCall::Add, true) | (WriteCall::Edit(_), false) => return false,
            (WriteCall::Add, false) => {
                let text = |key: &str| body[key].as_str().unwrap().to_owned();
                self.event = Some(Event { uuid: text("uuid"), ..Event::default() });
            }
            (WriteCall::Edit(uuid), true) => {
                assert_eq!(self.event.as_ref().unwrap().uuid, uuid.to_string());
            }
        }
        let event = self.event.as_mut().unwrap();
        event.published = false;
        if let Some(info) = body.get("info") {
            event.info = stored_text(info);
        }
        if let Some(distribution) = body.get("distribution") {
            event.distribution = distribution.as_str().unwrap().to_owned();
        }
        change_tags(&mut event.tags, body.get("Tag"), self.known_tags.as_ref());
        for own in elements(body.get("Attribute")) {
            self.attribute("", own);
        }
        for object in elements(body.get("Object")) {
            self.object(object);
        }
        true
    }

    /// The answer to `/events/view/{uuid}/deleted:1`, read.
    pub(crate) fn view(&self) -> Option<HeldEvent> {
        let event = self.event.as_ref()?;
        let of = |object: &str| -> Vec<Json> {
            let own = event.attributes.iter().filter(|((inside, _), _)| inside == object);
            own.map(|((_, uuid), attribute)| attribute.json(uuid)).collect()
        };
        let objects = event.objects.iter().map(|(uuid, fields)| {
            let mut object = fields.clone();
            object.insert("Attribute".into(), of(uuid).into());
            object.insert("deleted".into(), false.into());
            object
        });
        let answer = json!({"Event": {
            "id": "4",
            "uuid": event.uuid,
            "info": event.info,
            "published": event.published,
            "distribution": event.distribution,
            "sharing_group_id": "0",
            "Tag": tag_list(&event.tags),
            "Attribute": of(""),
            "Object": objects.collect::<Vec<_>>(),
        }});
        Some(HeldEvent::parse(answer.to_string().as_bytes()).unwrap())
    }

    fn object(&mut self, sent: &Map<String, Json>) {
        let uuid = sent["uuid"].as_str().unwrap().to_owned();
        let event = self.event.as_mut().unwrap();
        if !event.objects.contains_key(&uuid) {
            let needed =
                ["name", "meta-category", "description", "template_uuid", "template_version"];
            if self.elsewhere.contains(&uuid) || !needed.iter().all(|key| sent.contains_key(*key)) {
                return;
            }
            let fields = needed.iter().chain(&["uuid", "comment"]);
            let fields = fields.map(|key| ((*key).to_owned(), sent[*key].clone())).collect();
            event.objects.insert(uuid.clone(), fields);
        }
        for own in elements(sent.get("Attribute")) {
            self.attribute(&uuid, own);
        }
    }

    fn attribute(&mut self, object: &str, sent: &Map<String, Json>) {
        let uuid = sent["uuid"].as_str().unwrap().to_owned();
        let key = (object.to_owned(), uuid.clone());
        let now = START + self.clock;
        let event = self.event.as_mut().unwrap();
        let known = event.attributes.get(&key).cloned();
        let is_new = known.is_none();
        let is_taken = self.elsewhere.contains(&uuid)
            || event.attributes.keys().any(|(inside, other)| *other == uuid && inside != object);
        if is_new && is_taken {
            return;
        }
        let mut own = known.unwrap_or_default();
        let sent_time = sent.get("timestamp").map(|time| time.as_str().unwrap().parse().unwrap());
        match sent_time {
            Some(time) if !is_new && time <= own.timestamp => return,
            Some(time) => {
                assert!(time <= i64::from(i32::MAX), "MISP answers 500 to the timestamp {time}");
                own.timestamp = time;
            }
            None => own.timestamp = now,
        }
        own.read(sent);
        if is_new && own.deleted {
            return;
        }
        change_tags(&mut own.tags, sent.get("Tag"), self.known_tags.as_ref());
        let is_duplicate = object.is_empty()
            && !own.deleted
            && event.attributes.iter().any(|((inside, other), known)| {
                inside.is_empty()
                    && *other != uuid
                    && !known.deleted
                    && (&known.kind, &known.category, &known.value)
                        == (&own.kind, &own.category, &own.value)
            });
        if !is_duplicate && own.is_valid() {
            event.attributes.insert(key, own);
        }
    }
}

impl Attribute {
    pub(crate) fn new(kind: &str, category: &str, value: &str) -> Attribute {
        let (kind, category, value) = (kind.into(), category.into(), value.into());
        Attribute { kind, category, value, to_ids: true, ..Attribute::default() }
    }

    fn read(&mut self, sent: &Map<String, Json>) {
        for (key, value) in sent {
            let text = || value.as_str().map(str::to_owned);
            match key.as_str() {
                "type" => self.kind = text().unwrap(),
                "category" => self.category = text().unwrap(),
                "value" => self.value = text().unwrap(),
                "object_relation" => self.relation = text().unwrap(),
                "to_ids" => self.to_ids = value.as_bool().unwrap(),
                "deleted" => self.deleted = value.as_bool().unwrap(),
                "comment" => self.comment = stored_text(value),
                "first_seen" => self.first_seen = text(),
                "last_seen" => self.last_seen = text(),
                "uuid" | "timestamp" | "Tag" => {}
                other => panic!("unknown field {other}"),
            }
        }
        self.value = stored_value(&self.kind, &self.value);
    }

    /// The rules of values.
    fn is_valid(&self) -> bool {
        if let (Some(first), Some(last)) = (&self.first_seen, &self.last_seen)
            && last <= first
        {
            return false;
        }
        let value = self.value.as_str();
        let hex = |length: usize| {
            value.len() == length && value.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let port = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
        !value.is_empty()
            && value.len() < 65_536
            && match self.kind.as_str() {
                "domain" | "hostname" => is_name(value),
                "hostname|port" => {
                    value.split_once('|').is_some_and(|(name, end)| is_name(name) && port(end))
                }
                "ip-dst" => {
                    let (address, bits) = value.split_once('/').unwrap_or((value, "0"));
                    address.parse::<IpAddr>().is_ok() && bits.parse::<u8>().is_ok()
                }
                "ip-dst|port" => value
                    .split_once('|')
                    .is_some_and(|(address, end)| address.parse::<IpAddr>().is_ok() && port(end)),
                "md5" => hex(32),
                "sha1" => hex(40),
                "sha256" => hex(64),
                "email-src" => value
                    .rsplit_once('@')
                    .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.')),
                "url" | "filename" | "stix2-pattern" => true,
                other => panic!("unknown type {other}"),
            }
    }

    fn json(&self, uuid: &str) -> Json {
        let relation = Some(&self.relation).filter(|relation| !relation.is_empty());
        json!({
            "uuid": uuid,
            "type": self.kind,
            "category": self.category,
            "value": self.value,
            "object_relation": relation,
            "to_ids": self.to_ids,
            "deleted": self.deleted,
            "timestamp": self.timestamp.to_string(),
            "comment": self.comment,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "Tag": tag_list(&self.tags),
        })
    }
}

/// The rule of MISP for domains and host names, from its own description of errors.
fn is_name(text: &str) -> bool {
    let Some((before, last)) = text.rsplit_once('.') else { return false };
    !before.is_empty()
        && before.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && last.len() >= 2
        && last.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// A value as MISP's database keeps it.
fn stored_value(kind: &str, value: &str) -> String {
    let text: String = value.trim().chars().map(|c| if c > '\u{ffff}' { '?' } else { c }).collect();
    match kind {
        "domain" | "hostname" | "md5" | "sha1" | "sha256" | "email-src" => {
            text.trim_end_matches('.').to_lowercase()
        }
        "url" => text.replace("[.]", "."),
        "ip-dst" if !text.contains(':') => text.strip_suffix("/32").unwrap_or(&text).to_owned(),
        "ip-dst" => spelled(&text),
        _ => text,
    }
}

/// An address as PHP writes it: IPv4-compatible IPv6 addresses with dots.
fn spelled(text: &str) -> String {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) if v6.segments()[..6] == [0; 6] && v6.segments()[6] > 0 => {
            format!("::{}", v6.to_ipv4().unwrap())
        }
        Ok(address) => address.to_string(),
        Err(_) => text.to_lowercase(),
    }
}

/// A title or a comment. MISP answers 500 to what its database does not take.
fn stored_text(text: &Json) -> String {
    let text = text.as_str().unwrap();
    assert!(text.chars().all(|c| c <= '\u{ffff}'), "MISP answers 500 to {text:?}");
    assert!(text.len() < 60_000, "MISP answers 500 to a text this long");
    text.trim().to_owned()
}

fn elements(list: Option<&Json>) -> impl Iterator<Item = &Map<String, Json>> {
    let list = list.and_then(Json::as_array);
    list.into_iter().flatten().map(|element| element.as_object().unwrap())
}

fn change_tags(tags: &mut BTreeSet<String>, sent: Option<&Json>, known: Option<&BTreeSet<String>>) {
    for tag in elements(sent) {
        let name = tag["name"].as_str().unwrap().to_owned();
        assert!(name.chars().count() <= 255 && name.chars().all(|c| c <= '\u{ffff}'), "{name}");
        if tag.get("deleted") == Some(&Json::Bool(true)) {
            tags.remove(&name);
        } else if known.is_none_or(|known| known.contains(&name)) {
            tags.insert(name);
        }
    }
}

fn tag_list(tags: &BTreeSet<String>) -> Vec<Json> {
    tags.iter().map(|name| json!({"name": name, "local": false})).collect()
}
