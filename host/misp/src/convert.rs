//! Indicators to a MISP event.

use std::collections::{BTreeMap, BTreeSet};

use threatsieve_blacklist::{Indicator, IndicatorId, Threat, Timestamp, Tlp, Value};
use uuid::Uuid;

use crate::combination::{Combined, Part, combine};
use crate::form::{Form, Reason, forms};
use crate::ids::{attribute_uuid, object_attribute_uuid, object_uuid};
use crate::plan::{EventPlan, Member, Withdrawal};
use crate::tags::{confidence_tag, own_tag, tag_tlp, threat_tag, tlp_tag};
use crate::template::Template;
use crate::text::{MAX_COMMENT_CHARS, MAX_INFO_CHARS, clean};
use crate::time::{date, is_storable};
use crate::wanted::{Presence, WantedAttribute, WantedEvent, WantedObject};

/// The most indicators that a comment names.
const MAX_NAMED: usize = 5;

/// The event of some indicators, and what of them MISP cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// The event.
    pub event: WantedEvent,
    /// The values that cannot be attributes, in the order of the indicators.
    pub unconvertible: Vec<Unconvertible>,
}

/// A value that cannot be an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unconvertible {
    /// The indicator that names it.
    pub indicator: IndicatorId,
    /// The value.
    pub value: String,
    /// The reason.
    pub reason: Reason,
}

/// Makes the event of some indicators. Their order does not matter.
///
/// Indicators with the same value share an attribute: MISP drops a second one with the same type,
/// category and value. It is active while one of them is, and names all of them.
pub fn convert(plan: &EventPlan, members: &[Member<'_>]) -> Conversion {
    let (own_tlp, mut tags) = split_tlp(&plan.tags);
    let tlp = members.iter().filter_map(|member| member.indicator.tlp).chain(own_tlp).max();
    tags.extend(tlp.map(tlp_tag));
    let mut content = Content::default();
    for member in members {
        content.add(*member);
    }
    let frame = Frame { plan, tlp };
    let info = match clean(&plan.info, MAX_INFO_CHARS) {
        info if info.is_empty() => plan.uuid.to_string(),
        info => info,
    };
    let event = WantedEvent {
        uuid: plan.uuid,
        info,
        date: date(plan.date),
        distribution: plan.distribution,
        tlp,
        tags,
        former_tags: plan.former_tags.clone(),
        withdrawal: plan.withdrawal,
        publish: plan.publish,
        attributes: content
            .values
            .iter()
            .map(|(form, members)| frame.attribute(form, members))
            .collect(),
        objects: content.objects.values().map(|object| frame.object(object)).collect(),
    };
    Conversion { event: sorted(event), unconvertible: content.unconvertible }
}

/// The number of attributes that an indicator becomes at most, those of objects included.
pub fn weight(indicator: &Indicator) -> usize {
    let mut content = Content::default();
    content.add(Member { indicator, is_active: true });
    content.values.len() + content.objects.values().map(|object| object.parts.len()).sum::<usize>()
}

/// Returns the strictest TLP of a plan's tags, and the other tags.
fn split_tlp(tags: &[String]) -> (Option<Tlp>, BTreeSet<String>) {
    let tlp = tags.iter().filter_map(|tag| tag_tlp(tag)).max();
    let others = tags.iter().filter(|tag| tag_tlp(tag).is_none());
    (tlp, others.filter_map(|tag| own_tag(tag)).collect())
}

fn sorted(mut event: WantedEvent) -> WantedEvent {
    event.attributes.sort_by_key(|attribute| attribute.uuid);
    event.objects.sort_by_key(|object| object.uuid);
    event
}

/// The values of an event, each with the indicators that name it.
#[derive(Default)]
struct Content<'a> {
    values: BTreeMap<Form, Vec<Member<'a>>>,
    objects: BTreeMap<Vec<Part>, Combination<'a>>,
    unconvertible: Vec<Unconvertible>,
}

struct Combination<'a> {
    template: &'static Template,
    parts: Vec<Part>,
    members: Vec<Member<'a>>,
}

impl<'a> Content<'a> {
    fn add(&mut self, member: Member<'a>) {
        for value in &member.indicator.values {
            let reason = match value {
                Value::All(conjunction) => match combine(conjunction) {
                    Ok(Combined::Object(template, parts)) => {
                        self.add_object(template, parts, member);
                        None
                    }
                    Ok(Combined::Pattern(form)) => {
                        push(self.values.entry(form).or_default(), member);
                        None
                    }
                    Err(reason) => Some(reason),
                },
                value => {
                    let (forms, reason) = forms(value, member.indicator.port);
                    for form in forms {
                        push(self.values.entry(form).or_default(), member);
                    }
                    reason
                }
            };
            self.unconvertible.extend(reason.map(|reason| Unconvertible {
                indicator: member.indicator.id.clone(),
                value: value.to_string(),
                reason,
            }));
        }
    }

    fn add_object(&mut self, template: &'static Template, parts: Vec<Part>, member: Member<'a>) {
        let mut key = parts.clone();
        key.sort_unstable();
        let object = self.objects.entry(key).or_insert_with(|| Combination {
            template,
            parts,
            members: Vec::new(),
        });
        push(&mut object.members, member);
    }
}

/// Adds a member once.
fn push<'a>(members: &mut Vec<Member<'a>>, member: Member<'a>) {
    let known = members.iter().any(|other| std::ptr::eq(other.indicator, member.indicator));
    if !known {
        members.push(member);
    }
}

/// The part of an event that its attributes depend on.
struct Frame<'a> {
    plan: &'a EventPlan,
    tlp: Option<Tlp>,
}

impl Frame<'_> {
    fn attribute(&self, form: &Form, members: &[Member<'_>]) -> WantedAttribute {
        let uuid = attribute_uuid(self.plan.uuid, form.kind, &form.value);
        self.make(uuid, form, None, true, &Statement::of(members))
    }

    fn object(&self, object: &Combination<'_>) -> WantedObject {
        let statement = Statement::of(&object.members);
        let content: Vec<(&str, &str)> =
            object.parts.iter().map(|part| (part.relation, part.form.value.as_str())).collect();
        let uuid = object_uuid(self.plan.uuid, &object.template.name, &content);
        let attribute = |part: &Part| {
            let own = object_attribute_uuid(uuid, part.relation, &part.form.value);
            self.make(own, &part.form, Some(part.relation), part.is_telling, &statement)
        };
        WantedObject {
            uuid,
            template: object.template.clone(),
            comment: self.comment(&statement),
            attributes: object.parts.iter().map(attribute).collect(),
        }
    }

    fn make(
        &self,
        uuid: Uuid,
        form: &Form,
        relation: Option<&'static str>,
        is_telling: bool,
        statement: &Statement<'_>,
    ) -> WantedAttribute {
        let (first_seen, last_seen) = statement.seen();
        WantedAttribute {
            uuid,
            kind: form.kind.into(),
            category: form.category.into(),
            value: form.value.clone(),
            relation: relation.map(Into::into),
            presence: match (statement.is_active, self.plan.withdrawal) {
                (true, _) => Presence::Active,
                (false, Withdrawal::ToIdsOff) => Presence::Off,
                (false, Withdrawal::Delete) => Presence::Deleted,
            },
            is_telling,
            comment: self.comment(statement),
            tags: statement.tags(self.tlp),
            first_seen,
            last_seen,
            indicators: statement.indicators.iter().map(|one| one.id.clone()).collect(),
        }
    }

    /// Names the feed, and the indicators with their titles.
    fn comment(&self, statement: &Statement<'_>) -> String {
        let feed = &self.plan.feed;
        let named = statement.indicators.iter().take(MAX_NAMED).map(|indicator| {
            let id = match &indicator.id {
                IndicatorId::Stix(id) => id.clone(),
                IndicatorId::Line(line) => format!("{feed}:{line}"),
            };
            let port = indicator.port.map(|port| format!(", port {}", port.number));
            let title = indicator.name.as_ref().map(|name| format!(", {name}"));
            format!("{id}{}{}", port.unwrap_or_default(), title.unwrap_or_default())
        });
        let mut text = format!("{feed}: {}", named.collect::<Vec<_>>().join("; "));
        if let more @ 1.. = statement.indicators.len().saturating_sub(MAX_NAMED) {
            text.push_str(&format!("; and {more} more"));
        }
        clean(&text, MAX_COMMENT_CHARS)
    }
}

/// The indicators that name a value, as one statement: the active ones, or if there are none, all.
struct Statement<'a> {
    is_active: bool,
    /// Sorted by id.
    indicators: Vec<&'a Indicator>,
}

impl<'a> Statement<'a> {
    fn of(members: &[Member<'a>]) -> Statement<'a> {
        let is_active = members.iter().any(|member| member.is_active);
        let counted = members.iter().filter(|member| member.is_active || !is_active);
        let mut indicators: Vec<&Indicator> = counted.map(|member| member.indicator).collect();
        indicators.sort_by(|one, other| one.id.cmp(&other.id));
        Statement { is_active, indicators }
    }

    /// The own TLP where it differs from the event's, the greatest confidence, and the threats.
    fn tags(&self, event_tlp: Option<Tlp>) -> BTreeSet<String> {
        let tlp = self.indicators.iter().filter_map(|indicator| indicator.tlp).max();
        let confidence = self.indicators.iter().filter_map(|indicator| indicator.confidence).max();
        let threats = self
            .indicators
            .iter()
            .flat_map(|indicator| indicator.threats.iter().filter(|threat| is_open(threat, tlp)))
            .filter_map(threat_tag);
        let own = tlp.filter(|_| tlp != event_tlp).map(tlp_tag);
        own.into_iter().chain(confidence.map(confidence_tag)).chain(threats).collect()
    }

    /// The time from the first start to the last end of validity. An indicator without one makes
    /// that side open. MISP refuses an end that is not after the start: then it is left out.
    fn seen(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let from: Option<Vec<Timestamp>> =
            self.indicators.iter().map(|indicator| indicator.valid_from).collect();
        let until: Option<Vec<Timestamp>> =
            self.indicators.iter().map(|indicator| indicator.valid_until).collect();
        let first = from.and_then(|times| times.into_iter().min()).filter(|&at| is_storable(at));
        let last = until.and_then(|times| times.into_iter().max()).filter(|&at| is_storable(at));
        (first, last.filter(|&last| first.is_none_or(|first| first < last)))
    }
}

/// Returns whether a threat may be named on an attribute with this TLP.
fn is_open(threat: &Threat, tlp: Option<Tlp>) -> bool {
    threat.tlp.is_none_or(|marked| tlp.is_some_and(|own| marked <= own))
}

#[cfg(test)]
mod tests;
