"""MISP objects: the rules for storing them, and the controller `objects`."""

import json
from typing import Any

from tests.misp import attributes, captures, values, views
from tests.misp.answers import Answer, Plain, saved, unsaved
from tests.misp.attributes import Invalid
from tests.misp.faults import Running
from tests.misp.records import Event, Object
from tests.misp.request import Request, truth
from tests.misp.state import State

NEEDED = ("description", "template_uuid", "template_version", "name", "meta-category")
NO_TEMPLATE = (
    "Object could not be saved.\ntemplate: No valid template found and object lacking template "
    "information. ({})"
)


class Unusable(Exception):
    """The reason why an object cannot be stored."""


def template() -> dict:
    """Returns the only template that the double knows, domain-ip."""
    return captures.load()["object_template_view"]["response"]["body"]


def described(sent: dict) -> dict:
    """Returns an object's description, completed from the template, or raises the reason why the
    object cannot be stored.
    """
    known = template()["ObjectTemplate"]
    same = (sent.get("template_uuid"), str(sent.get("template_version")))
    if same == (known["uuid"], known["version"]):
        needed = known["requirements"]["requiredOneOf"]
        relations = {each.get("object_relation") for each in sent.get("Attribute") or ()}
        if not relations & set(needed):
            raise Unusable(
                "Could not save the object as it requires at least one of the following attributes "
                f"to be set: {', '.join(needed)}"
            )
        return {name: known[name] for name in ("name", "meta-category", "description")} | {
            "template_uuid": known["uuid"], "template_version": known["version"],
        }  # fmt: skip
    if missing := next((name for name in NEEDED if not sent.get(name)), None):
        raise Unusable(NO_TEMPLATE.format(missing))
    return {name: str(sent[name]) for name in NEEDED}


def create(state: State, event: Event, sent: dict, description: dict) -> Object:
    """Stores a new object without its attributes."""
    uuid = str(sent["uuid"]).lower() if sent.get("uuid") else values.new_uuid()
    if not values.is_uuid(uuid):
        raise Unusable(f"Object could not be saved.\nuuid: {values.BAD_UUID}")
    if uuid in state.object_uuids:
        raise Unusable(f"Object could not be saved.\nuuid: {attributes.TAKEN_UUID}")
    one = Object(
        state.number("object"), event, uuid, description["name"], description["meta-category"],
        description["description"], description["template_uuid"],
        description["template_version"], state.stamp(sent),
        int(sent.get("distribution", 0)), str(sent.get("comment") or ""),
        truth(sent.get("deleted")),
        values.seen(sent.get("first_seen")), values.seen(sent.get("last_seen")),
    )  # fmt: skip
    state.objects[one.id] = state.object_uuids[uuid] = one
    event.objects[one.id] = one
    return one


def capture(state: State, event: Event, sent: Any, user, running: Running) -> None:
    """Stores an object of `events/add`, and drops it or some of its attributes if they are bad."""
    if not isinstance(sent, dict) or not sent.get("Attribute"):
        return
    try:
        one = create(state, event, sent, described(sent))
    except Unusable:
        return
    for each in sent["Attribute"]:
        attributes.merge(state, event, each, user, running, one)


def merge(state: State, event: Event, sent: Any, user, running: Running) -> None:
    """Stores an object of `events/edit`, new or known."""
    if not isinstance(sent, dict):
        return
    known = state.object_uuids.get(str(sent.get("uuid", "")).lower())
    if known is None:
        capture(state, event, sent, user, running)
    elif known.event is event:
        if state.is_older(sent, known.timestamp):
            return
        known.timestamp = state.stamp(sent)
        known.comment = str(sent.get("comment", known.comment))
        known.distribution = int(sent.get("distribution", known.distribution))
        if "deleted" in sent and truth(sent["deleted"]) != known.deleted:
            set_deleted(state, known, truth(sent["deleted"]))
        for each in sent.get("Attribute") or ():
            attributes.merge(state, event, each, user, running, known)


def set_deleted(state: State, one: Object, deleted: bool) -> None:
    """Deletes an object and its attributes softly, or revives the object. MISP's counter is lowered
    also if the attributes were deleted before.
    """
    one.deleted = deleted
    if deleted:
        one.event.attribute_count -= len(one.attributes)
        for each in one.attributes.values():
            each.deleted = True
            each.timestamp = state.now()


def add(state: State, request: Request) -> Answer:
    """Answers `objects/add`."""
    event = state.event(request.first, request.user)
    if event is None:
        raise Plain(404, "Invalid event.")
    if not state.owns(request.user, event):
        raise Plain(403, attributes.OWN)
    sent = request.json or {}
    sent = sent.get("Object", sent)
    failed = _attribute_fault(state, event, sent)
    if failed:
        # MISP writes this id with a slash.
        raise unsaved("add", "object", failed, f"{event.id}/", "objects")
    try:
        description = described(sent)
        if truth(request.named.get("breakOnDuplicate")):
            _refuse_twin(event, sent)
        one = create(state, event, sent, description)
    except Unusable as unusable:
        raise unsaved("add", "Object", str(unusable)) from None
    for each in sent["Attribute"]:
        attributes.create(state, event, each, request.user, request.running, one)
    attributes.touch(state, event)
    rows = [views.row(each) for each in one.attributes.values()]
    return Answer({"Object": views.object_head(one) | {"Attribute": rows}})


def _attribute_fault(state: State, event: Event, sent: dict) -> str:
    if not sent.get("Attribute"):
        return "Could not save the object as no attributes were set."
    fault = ""
    marker = Object(0, event, "", "", "", "", "", "", 0)
    for each in sent["Attribute"]:
        try:
            attributes.checked(state, event, each, None, marker)
        except Invalid as invalid:
            errors = json.dumps(invalid.errors, separators=(",", ":"))
            fault = (
                "Could not save object as at least one attribute has failed validation "
                f"({each.get('object_relation')}). {errors}"
            )
    return fault


def _refuse_twin(event: Event, sent: dict) -> None:
    # MISP compares what was sent as it is: without a category, or in upper case, nothing is found.
    wanted = {
        (each.get("object_relation"), each.get("category"), each.get("type"), each.get("value"))
        for each in sent["Attribute"]
    }
    for one in event.objects.values():
        rows = {
            (each.relation, each.category, each.type, each.value)
            for each in one.attributes.values()
            if not each.deleted
        }
        if not one.deleted and one.name == sent.get("name") and rows == wanted:
            raise Unusable(
                f"Object could not be saved.\nvalue: Duplicate object found (id: {one.id}, uuid: "
                f"{one.uuid}). Since breakOnDuplicate is set the object will not be added."
            )


def edit(state: State, request: Request) -> Answer:
    """Answers `objects/edit`, which deletes each attribute that the request does not list."""
    one = state.object(request.first)
    if one is None or one.deleted or not state.owns(request.user, one.event):
        raise Plain(404, "Invalid object.")
    sent = request.json or {}
    sent = sent.get("Object", sent)
    one.comment = str(sent.get("comment", one.comment))
    one.timestamp = state.now()
    if "Attribute" in sent:
        listed = {str(each.get("uuid", "")).lower() for each in sent["Attribute"]}
        for each in list(one.attributes.values()):
            if each.uuid not in listed and not each.deleted:
                attributes.set_deleted(each, True)
                each.timestamp = state.now()
        for each in sent["Attribute"]:
            _edit_attribute(state, one, each, request)
    attributes.touch(state, one.event)
    rows = [
        views.row(each) | {"AttributeTag": []}
        for each in one.attributes.values()
        if not each.deleted
    ]
    event = one.event
    short = {"id": str(event.id), "info": event.info}
    short |= {"org_id": str(event.org.id), "orgc_id": str(event.orgc.id)}
    form = views.object_head(one) | {"Attribute": rows}
    return Answer({"Object": form, "Event": short})


def _edit_attribute(state: State, one: Object, sent: dict, request: Request) -> None:
    known = state.attribute_uuids.get(str(sent.get("uuid", "")).lower())
    try:
        if known is None:
            attributes.create(state, one.event, sent, request.user, request.running, one)
        elif known.parent is one:
            attributes.change(state, known, sent, request.user)
    except Invalid:
        # One bad attribute is lost with its old value.
        if known is not None and known.parent is one:
            attributes.set_deleted(known, True)


def delete(state: State, request: Request) -> Answer:
    """Answers `objects/delete`."""
    one = state.object(request.first)
    if one is None or not state.owns(request.user, one.event):
        raise Plain(404, "Invalid object.")
    set_deleted(state, one, True)
    attributes.touch(state, one.event)
    number = one.event.id
    return saved("Object deleted", f"/objects/delete/{number}", number)


def view_template(state: State, request: Request) -> Answer:
    """Answers `objectTemplates/view`."""
    known = template()
    if request.first not in {known["ObjectTemplate"]["uuid"], known["ObjectTemplate"]["id"]}:
        raise Plain(404, "Invalid object template")
    return Answer(known)
