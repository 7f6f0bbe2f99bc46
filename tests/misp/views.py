"""The JSON forms of records."""

from tests.misp.accounts import User
from tests.misp.records import Attribute, Event, Object, Tag
from tests.misp.state import State

UNCORRELATED = {"comment", "text", "other", "size-in-bytes", "counter", "datetime", "port",
                "boolean", "attachment", "email-subject", "float", "integer"}  # fmt: skip
RELATED_AT_MOST = 50
"""The attributes with one value that are looked at for related events."""


def tag(each: Tag, org: bool = False) -> dict:
    """Returns a tag's form of `tags/add`."""
    form = {"id": str(each.id), "name": each.name, "colour": each.colour, "exportable": True}
    if org:
        form["org_id"] = "0"
    return form | {
        "user_id": "0", "hide_tag": False, "numerical_value": None, "is_galaxy": False,
        "is_custom_galaxy": False, "local_only": False,
    }  # fmt: skip


def attached_tag(each: Tag) -> dict:
    """Returns a tag's form inside events and their attributes."""
    return tag(each) | {"local": False, "relationship_type": None}


def short_tag(each: Tag) -> dict:
    """Returns a tag's form inside the results of `attributes/restSearch`."""
    form = {"id": str(each.id), "name": each.name, "colour": each.colour}
    return form | {"numerical_value": None, "is_galaxy": False, "local": False}


def stored(each: Attribute) -> dict:
    """Returns an attribute's form of `attributes/edit` and of searches."""
    return {
        "id": str(each.id), "event_id": str(each.event.id),
        "object_id": str(each.parent.id) if each.parent else "0",
        "object_relation": each.relation, "category": each.category, "type": each.type,
        "to_ids": each.to_ids, "uuid": each.uuid, "timestamp": str(each.timestamp),
        "distribution": str(each.distribution), "sharing_group_id": str(each.sharing_group),
        "comment": each.comment,
        "deleted": each.deleted, "disable_correlation": each.disable_correlation,
        "first_seen": each.first_seen, "last_seen": each.last_seen, "value": each.value,
    }  # fmt: skip


def row(each: Attribute, state: State | None = None) -> dict:
    """Returns an attribute's form of `attributes/add`, with the two columns of its value."""
    return stored(each) | {"value1": each.value1, "value2": each.value2}


def inside(each: Attribute, state: State, warn: bool = False) -> dict:
    """Returns an attribute's form inside an event."""
    form = stored(each) | {"Galaxy": [], "ShadowAttribute": []}
    if each.tags:
        form["Tag"] = [attached_tag(one) for one in each.tags]
    if found := state.sightings_of.get(each.id):
        form["Sighting"] = [one.full() for one in found]
    if warn and (hits := state.warninglists.warnings(each)):
        form["warnings"] = hits
    return form


def object_head(each: Object) -> dict:
    """Returns an object's form without its attributes."""
    return {
        "id": str(each.id), "name": each.name, "meta-category": each.meta_category,
        "description": each.description, "template_uuid": each.template_uuid,
        "template_version": each.template_version, "event_id": str(each.event.id),
        "uuid": each.uuid, "timestamp": str(each.timestamp),
        "distribution": str(each.distribution), "sharing_group_id": "0", "comment": each.comment,
        "deleted": each.deleted, "first_seen": each.first_seen, "last_seen": each.last_seen,
    }  # fmt: skip


def event_head(event: Event) -> dict:
    """Returns an event's form without anything inside it."""
    return {
        "id": str(event.id), "orgc_id": str(event.orgc.id), "org_id": str(event.org.id),
        "date": event.date, "threat_level_id": str(event.threat_level), "info": event.info,
        "published": event.published, "uuid": event.uuid,
        "attribute_count": str(event.attribute_count), "analysis": str(event.analysis),
        "timestamp": str(event.timestamp), "distribution": str(event.distribution),
        "proposal_email_lock": False, "locked": False,
        "publish_timestamp": str(event.publish_timestamp),
        "sharing_group_id": str(event.sharing_group),
        "disable_correlation": event.disable_correlation, "extends_uuid": event.extends_uuid,
        "protected": None, "event_creator_email": event.user.email,
    }  # fmt: skip


def full(
    state: State,
    event: Event,
    user: User,
    deleted: tuple[bool, ...] = (False,),
    metadata: bool = False,
    inbound: bool = False,
    related: bool = True,
) -> dict:
    """Returns an event's form of `events/view`. `deleted` names the attributes that are shown:
    those that are not deleted, those that are, or both. `inbound` and the warnings are only in
    views.
    """
    head = event_head(event)
    if event.orgc is not user.org and not user.is_admin:
        del head["event_creator_email"]
    head |= {"Org": event.org.short(local=True), "Orgc": event.orgc.short(local=True)}
    found = _related(state, event, user) if related else []
    if inbound:
        found = [each | {"RelationshipInbound": []} for each in found]
    head |= {"RelatedEvent": found, "Galaxy": [], "CryptographicKey": []}
    if not metadata:
        head["Attribute"] = _attributes(state, event.attributes, user, deleted, inbound)
        head["Object"] = [
            object_head(each) | {
                "ObjectReference": each.references,
                "Attribute": _attributes(state, each.attributes, user, deleted, inbound),
            }
            for each in event.objects.values() if each.deleted in deleted
        ]  # fmt: skip
        head |= {"ShadowAttribute": [], "EventReport": []}
    if event.tags:
        head["Tag"] = [attached_tag(each.tag) for each in event.tags]
    return {"Event": head}


def _attributes(
    state: State, rows: dict[int, Attribute], user: User, deleted: tuple, warn: bool
) -> list[dict]:
    return [
        inside(each, state, warn)
        for each in list(rows.values())
        if each.deleted in deleted and state.sees_attribute(user, each)
    ]


def _related(state: State, event: Event, user: User) -> list[dict]:
    found: dict[int, Event] = {}
    rows = list(event.attributes.values())
    rows += [each for one in event.objects.values() for each in one.attributes.values()]
    for each in rows:
        if each.deleted or each.disable_correlation or each.type in UNCORRELATED:
            continue
        for value in {each.value1, each.value2} - {""}:
            same = state.by_value.get(value.lower(), {})
            for _, other in zip(range(RELATED_AT_MOST), list(same.values()), strict=False):
                if _correlates(other) and other.event is not event:
                    found[other.event.id] = other.event
    return [
        {"Event": _short(found[number])} for number in sorted(found)
        if state.sees(user, found[number])
    ]  # fmt: skip


def _correlates(each: Attribute) -> bool:
    return not (each.deleted or each.disable_correlation or each.type in UNCORRELATED)


def _short(event: Event) -> dict:
    return {
        "id": str(event.id), "date": event.date, "threat_level_id": str(event.threat_level),
        "info": event.info, "published": event.published, "uuid": event.uuid,
        "analysis": str(event.analysis), "timestamp": str(event.timestamp),
        "distribution": str(event.distribution), "org_id": str(event.org.id),
        "orgc_id": str(event.orgc.id), "Org": event.org.short(), "Orgc": event.orgc.short(),
    }  # fmt: skip
