"""Attributes: the rules for storing them, and the controller `attributes`."""

from typing import Any

from tests.misp import tags, values, views
from tests.misp.answers import Answer, Plain, internal, unsaved
from tests.misp.faults import Running
from tests.misp.records import Attribute, Event, Object
from tests.misp.request import Request, truth
from tests.misp.state import State

DUPLICATE = "A similar attribute already exists for this event."
TAKEN_UUID = "The UUID provided is not unique"
DISTRIBUTIONS = (
    "Options: Your organisation only, This community only, Connected communities, All communities, "
    "Sharing group, Inherit event"
)
OWN = "You do not have permission to do that."


class Invalid(Exception):
    """The validation errors of an attribute, by field."""

    def __init__(self, errors: dict):
        super().__init__(errors)
        self.errors = errors


def create(
    state: State,
    event: Event,
    sent: Any,
    user,
    running: Running,
    parent: Object | None = None,
    may_default: bool = False,
) -> Attribute | None:
    """Stores a new attribute. Returns none if a fault drops it silently. `may_default` lets the
    type decide on `to_ids`, as `attributes/add` does.
    """
    if not isinstance(sent, dict):
        raise Invalid({"type": ["No type set."]})
    fields = checked(state, event, sent, None, parent)
    running.before_attribute(state, sent)
    if running.drops(sent):
        return None
    to_ids = values.default_to_ids(fields["type"]) if may_default else True
    uuid = str(sent["uuid"]).lower() if sent.get("uuid") else values.new_uuid()
    first, second = values.halves(fields["type"], fields["value"])
    attribute = Attribute(
        state.number("attribute"), event, uuid, fields["type"], fields["category"], first, second,
        truth(sent.get("to_ids", to_ids)), state.stamp(sent), parent,
        sent.get("object_relation") or None, fields["distribution"], fields["comment"],
        truth(sent.get("deleted")), truth(sent.get("disable_correlation")),
        fields["first_seen"], fields["last_seen"], fields["sharing_group"],
    )  # fmt: skip
    state.attributes[attribute.id] = attribute
    state.attribute_uuids[uuid] = attribute
    (parent.attributes if parent else event.attributes)[attribute.id] = attribute
    state.index(attribute)
    event.attribute_count += not attribute.deleted
    tags.apply(state, attribute, sent.get("Tag") or (), user)
    return attribute


def checked(
    state: State, event: Event, sent: dict, old: Attribute | None, parent: Object | None
) -> dict:
    """Returns the normal fields of an attribute, or raises its validation errors."""
    type_ = sent.get("type") or (old.type if old else None)
    category = sent.get("category") or (old.category if old else None)
    if errors := values.type_errors(type_, category):
        raise Invalid(errors)
    category = category or values.default_category(type_)
    value = sent["value"] if "value" in sent else (old.value if old else "")
    value = values.normal(type_, "" if value is None else value)
    errors = {}
    if objection := values.problem(type_, value):
        errors["value"] = [objection]
    elif parent is None and _has_twin(event, (type_, category, *values.halves(type_, value)), old):
        errors["value"] = [DUPLICATE]
    if old is None and sent.get("uuid"):
        uuid = str(sent["uuid"]).lower()
        if not values.is_uuid(uuid):
            errors["uuid"] = [values.BAD_UUID]
        elif uuid in state.attribute_uuids:
            errors["uuid"] = [TAKEN_UUID]
    distribution = str(sent.get("distribution", old.distribution if old else 5))
    if distribution not in {"0", "1", "2", "3", "4", "5"}:
        errors["distribution"] = [DISTRIBUTIONS]
    first, last = (_seen(sent, name, old, errors) for name in ("first_seen", "last_seen"))
    if first and last and last < first:
        errors["last_seen"] = ["Last seen value should be greater than first seen value"]
    if errors:
        raise Invalid(errors)
    comment = str(sent.get("comment", old.comment if old else "") or "")
    if values.fails_in_column(comment):
        raise internal()
    # An attribute for an unknown sharing group is kept for the own organisation.
    group = state.group(sent) if "distribution" in sent or old is None else old.sharing_group
    distribution = "0" if distribution == "4" and not group else distribution
    return {
        "type": type_, "category": category, "value": value, "comment": comment,
        "distribution": int(distribution), "sharing_group": group or 0,
        "first_seen": first, "last_seen": last,
    }  # fmt: skip


def _has_twin(event: Event, identity: tuple, old: Attribute | None) -> bool:
    twins = event.values.get(identity, ())
    return any(each is not old and not each.deleted for each in twins)


def _seen(sent: dict, name: str, old: Attribute | None, errors: dict) -> str | None:
    given = sent.get(name)
    if given in (None, ""):
        return getattr(old, name) if old else None
    found = values.seen(given)
    if found is None:
        errors[name] = ["Invalid ISO 8601 format"]
    return found


def change(state: State, attribute: Attribute, sent: dict, user) -> bool:
    """Changes an attribute. Returns false if its timestamp is not newer than the stored one."""
    if state.is_older(sent, attribute.timestamp):
        return False
    fields = checked(state, attribute.event, sent, attribute, attribute.parent)
    stamp = state.stamp(sent)
    state.unindex(attribute)
    attribute.type, attribute.category = fields["type"], fields["category"]
    attribute.value1, attribute.value2 = values.halves(fields["type"], fields["value"])
    for name in ("comment", "distribution", "sharing_group", "first_seen", "last_seen"):
        setattr(attribute, name, fields[name])
    attribute.timestamp = stamp
    for name in ("to_ids", "disable_correlation"):
        if name in sent:
            setattr(attribute, name, truth(sent[name]))
    if sent.get("object_relation"):
        attribute.relation = sent["object_relation"]
    state.index(attribute)
    if "deleted" in sent:
        set_deleted(attribute, truth(sent["deleted"]))
    tags.apply(state, attribute, sent.get("Tag") or (), user)
    return True


def set_deleted(attribute: Attribute, deleted: bool) -> None:
    """Deletes an attribute softly, or revives it. MISP's counter does not notice a revival."""
    if deleted and not attribute.deleted:
        attribute.event.attribute_count -= 1
    attribute.deleted = deleted


def merge(
    state: State, event: Event, sent: Any, user, running: Running, parent: Object | None = None
) -> None:
    """Stores an attribute of `events/edit`, new or known, and drops it silently if it is bad."""
    try:
        known = None
        if isinstance(sent, dict) and values.is_uuid(sent.get("uuid")):
            known = state.attribute_uuids.get(sent["uuid"].lower())
        if known is None:
            create(state, event, sent, user, running, parent)
        elif known.event is event and known.parent is parent and not running.drops(sent):
            running.before_attribute(state, sent)
            change(state, known, sent, user)
    except Invalid:
        pass


def touch(state: State, event: Event) -> None:
    """Notes that an event was changed, which unpublishes it."""
    event.timestamp = state.now()
    event.published = False


def _event(state: State, request: Request) -> Event:
    event = state.event(request.first, request.user)
    if event is None:
        raise Plain(404, "Invalid event")
    if not state.owns(request.user, event):
        raise Plain(403, OWN)
    return event


def add(state: State, request: Request) -> Answer:
    """Answers `attributes/add`."""
    event = _event(state, request)
    sent = request.json
    if isinstance(sent, dict) and isinstance(sent.get("Attribute"), dict | list):
        sent = sent["Attribute"]
    if isinstance(sent, dict) and isinstance(sent.get("value"), list):
        sent = [sent | {"value": value} for value in sent["value"]]
    items = sent if isinstance(sent, list) else [sent]
    breaks = str(request.named.get("breakOnDuplicate", "1")) != "0"
    kept, errors = [], {}
    for number, each in enumerate(items):
        try:
            kept.append(_add_one(state, event, each, request, breaks))
        except Invalid as invalid:
            errors[f"attribute_{number}"] = invalid.errors
    kept = [each for each in kept if each]
    if not kept:
        first = next(iter(errors.values()), {})
        raise unsaved("add", "Attribute", first)
    touch(state, event)
    body: dict[str, Any] = {"Attribute": [views.row(each, state) for each in kept]}
    if len(kept) == 1:
        attached = [{"Tag": views.short_tag(tag)} for tag in kept[0].tags]
        body = {"Attribute": body["Attribute"][0], "AttributeTag": attached}
    return Answer(body | ({"errors": errors} if errors else {}))


def _add_one(
    state: State, event: Event, sent: Any, request: Request, breaks: bool
) -> Attribute | None:
    try:
        return create(state, event, sent, request.user, request.running, may_default=True)
    except Invalid as invalid:
        is_twin = invalid.errors.get("value") == [DUPLICATE]
        if breaks or not is_twin:
            raise
        category = sent.get("category") or values.default_category(sent["type"])
        value = values.normal(sent["type"], sent["value"])
        identity = (sent["type"], category, *values.halves(sent["type"], value))
        return next(each for each in event.values[identity] if not each.deleted)


def edit(state: State, request: Request) -> Answer:
    """Answers `attributes/edit`."""
    attribute = state.attribute(request.first)
    user = request.user
    if attribute is None or attribute.deleted or not state.owns(user, attribute.event):
        raise Plain(404, "Invalid attribute")
    sent = request.json
    sent = sent.get("Attribute", sent) if isinstance(sent, dict) else {}
    try:
        if not change(state, attribute, sent, user):
            problem = "Attribute in the request not newer than the local copy."
            raise Plain(405, f"Attribute could not be saved: {problem}")
    except Invalid as invalid:
        raise unsaved("edit", "Attribute", invalid.errors) from None
    touch(state, attribute.event)
    return Answer({"Attribute": views.stored(attribute)})


def delete(state: State, request: Request) -> Answer:
    """Answers `attributes/delete`."""
    attribute = state.attribute(request.first)
    hard = truth((request.json or {}).get("hard")) or "1" in request.positional[1:]
    if attribute is None or (attribute.deleted and not hard):
        raise Plain(404, "Invalid attribute")
    if not state.owns(request.user, attribute.event):
        raise Plain(403, OWN)
    set_deleted(attribute, True)
    attribute.timestamp = state.now()
    touch(state, attribute.event)
    if hard:
        state.forget(attribute)
    return Answer({"message": "Attribute deleted."})


def restore(state: State, request: Request) -> Answer:
    """Answers `attributes/restore`."""
    attribute = state.attribute(request.first)
    if attribute is None or not state.owns(request.user, attribute.event):
        raise Plain(404, "Invalid attribute")
    set_deleted(attribute, False)
    attribute.timestamp = state.now()
    touch(state, attribute.event)
    return Answer("", 302, {"Location": f"/attributes/view/{request.first}"})


def view(state: State, request: Request) -> Answer:
    """Answers `attributes/view`."""
    attribute = state.attribute(request.first)
    seen = attribute and not attribute.deleted and state.sees_attribute(request.user, attribute)
    if not seen:
        raise Plain(405, "Invalid attribute")
    return Answer({"Attribute": views.stored(attribute) | {"event_uuid": attribute.event.uuid}})


def describe(state: State, request: Request) -> Answer:
    """Answers `attributes/describeTypes`."""
    return Answer({"result": values.described()})
