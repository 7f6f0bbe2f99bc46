"""Events: the rules for storing them, and the controller `events` except for uploads."""

import re
from datetime import UTC, date, datetime
from typing import Any

from tests.misp import attributes, objects, tags, values, views
from tests.misp.accounts import User
from tests.misp.answers import Answer, Plain, Refusal, internal, saved, unsaved
from tests.misp.faults import Running
from tests.misp.records import Event
from tests.misp.request import Request, many, truth
from tests.misp.state import State

EXISTS = "Event already exists, if you would like to edit it, use the url in the location header."
NOT_NEWER = "Event could not be saved: Event in the request not newer than the local copy."
NO_GROUP = "Event could not be saved: Invalid sharing group or you don't have access to that sharing group."
NOT_AUTHORISED = (
    "Event could not be saved: The user used to edit the event is not authorised to do so. This "
    "can be caused by the user not being of the same organisation as the original creator of the "
    "event whilst also not being a site administrator."
)
DESCRIPTION = {
    "name": "/events/add API description",
    "description": "POST a MISP Event JSON to this API to create an Event. Contained objects can "
    "also be included (such as attributes, objects, tags, etc).",
    "mandatory_fields": ["info"],
    "optional_fields": [
        "threat_level_id", "analysis", "distribution", "sharing_group_id", "uuid", "published",
        "timestamp", "date", "Attribute", "Object", "Shadow_Attribute", "EventTag",
    ],
    "url": "/events/add",
}  # fmt: skip


def field_errors(sent: dict) -> dict:
    """Returns the validation errors of an event's fields."""
    errors = {}
    if not sent.get("info"):
        errors["info"] = ["valueNotEmpty"]
    if sent.get("uuid") and not values.is_uuid(sent["uuid"]):
        errors["uuid"] = [values.BAD_UUID]
    if "date" in sent:
        try:
            date.fromisoformat(str(sent["date"]))
        except ValueError:
            errors["date"] = ["Expected date format: YYYY-MM-DD"]
    levels = "Options : 1, 2, 3, 4 (for High, Medium, Low, Undefined)"
    if str(sent.get("threat_level_id", 4)) not in {"1", "2", "3", "4"}:
        errors["threat_level_id"] = [levels]
    if str(sent.get("analysis", 0)) not in {"0", "1", "2"}:
        errors["analysis"] = ["Options : 0, 1, 2 (for Initial, Ongoing, Completed)"]
    if str(sent.get("distribution", 1)) not in {"0", "1", "2", "3", "4"}:
        levels = "Your organisation only, This community only, Connected communities"
        errors["distribution"] = [f"Options : {levels}, All communities"]
    return errors


def create(state: State, sent: dict, user: User, running: Running) -> Event:
    """Stores a new event with its attributes and objects."""
    uuid = str(sent.get("uuid") or values.new_uuid()).lower()
    if uuid in state.blocklist:
        raise Plain(403, "Event blocked by event blocklist.")
    if (known := state.event_uuids.get(uuid)) is not None:
        raise Plain(404, EXISTS, {"Location": f"/events/{known.id}"})
    if (group := state.group(sent)) is None:
        raise Plain(405, "Invalid Sharing Group or not authorised.")
    if errors := field_errors(sent):
        raise unsaved("add", "Event", {"Event": errors})
    rows = [sent.get("Attribute") or [], sent.get("Object") or []]
    stamp = state.stamp(sent)
    not_lists = any(not isinstance(each, list) for each in rows)
    if not_lists or values.fails_in_column(sent["info"]):
        raise internal()
    published = truth(sent.get("published")) and user.may("perm_publish")
    today = datetime.fromtimestamp(state.now(), UTC).date().isoformat()
    event = Event(
        state.number("event"), uuid, user.org, _creator(state, sent, user), user, sent["info"],
        sent.get("date") or today, stamp, int(sent.get("threat_level_id", 4)),
        int(sent.get("analysis", 0)), int(sent.get("distribution", 1)), published,
        state.now() if published else 0, str(sent.get("extends_uuid") or ""), group,
    )  # fmt: skip
    state.events[event.id] = state.event_uuids[uuid] = event
    tags.apply(state, event, sent.get("Tag") or (), user)
    _fill(state, event, rows, user, running)
    return event


def _creator(state: State, sent: dict, user: User):
    named = sent.get("Orgc")
    if isinstance(named, dict) and user.may("perm_sync"):
        return state.accounts.capture(named) or user.org
    return user.org


def _fill(state: State, event: Event, rows: list[list], user: User, running: Running) -> None:
    running.attributes = count_attributes(*rows)
    event.is_filling = True
    try:
        for each in rows[0]:
            try:
                attributes.create(state, event, each, user, running)
            except attributes.Invalid:
                continue
        for each in rows[1]:
            objects.capture(state, event, each, user, running)
    finally:
        event.is_filling = False


def count_attributes(plain: list, inside: list) -> int:
    """Returns the number of attributes in an event, including those of objects."""
    nested = (each.get("Attribute") or () for each in inside if isinstance(each, dict))
    return len(plain) + sum(len(each) for each in nested)


def sent_event(request: Request) -> dict:
    """Returns the event in a request, with or without its wrapper."""
    sent = request.json
    if not isinstance(sent, dict) or not sent:
        raise Plain(405, "No valid event data received.")
    inner = sent.get("Event", sent)
    return inner if isinstance(inner, dict) else {}


def add(state: State, request: Request) -> Answer:
    """Answers `events/add`."""
    if request.method == "GET":
        return Answer(DESCRIPTION)
    event = create(state, sent_event(request), request.user, request.running)
    return Answer(views.full(state, event, request.user))


def change(state: State, event: Event, sent: dict, user: User, running: Running) -> None:
    """Changes an event as `events/edit` does. Without `published` it is unpublished."""
    if event.is_filling:
        raise internal()
    if errors := field_errors({"info": event.info, **sent, "uuid": ""}):
        raise _not_edited(event, {"Event": errors})
    if (group := state.group(sent)) is None:
        raise _not_edited(event, NO_GROUP)
    info = str(sent.get("info") or event.info)
    if values.fails_in_column(info):
        raise internal()
    event.info = info
    event.timestamp = state.stamp(sent)
    event.sharing_group = group if "distribution" in sent else event.sharing_group
    for name, column in (
        ("distribution", "distribution"),
        ("threat_level_id", "threat_level"),
        ("analysis", "analysis"),
    ):
        if name in sent:
            setattr(event, column, int(sent[name]))
    event.date = sent.get("date") or event.date
    event.extends_uuid = sent.get("extends_uuid", event.extends_uuid) or ""
    event.published = truth(sent.get("published")) and user.may("perm_publish")
    if event.published:
        event.publish_timestamp = state.now()
    tags.apply(state, event, sent.get("Tag") or (), user)
    rows = [sent.get("Attribute") or [], sent.get("Object") or []]
    if any(not isinstance(each, list) for each in rows):
        raise internal()
    running.attributes = count_attributes(*rows)
    for each in rows[0]:
        attributes.merge(state, event, each, user, running)
    for each in rows[1]:
        objects.merge(state, event, each, user, running)


def edit(state: State, request: Request) -> Answer:
    """Answers `events/edit`."""
    event = state.event(request.first, request.user) if request.first else None
    if event is None:
        raise Plain(404, "Invalid event")
    user = request.user
    if not state.owns(user, event) and not user.may("perm_sync"):
        raise Plain(403, "You are not authorised to do that.")
    sent = request.json if isinstance(request.json, dict) else {}
    sent = sent.get("Event", sent)
    if not state.owns(user, event):
        raise _not_edited(event, NOT_AUTHORISED)
    if state.is_older(sent, event.timestamp):
        raise _not_edited(event, NOT_NEWER)
    change(state, event, sent, user, request.running)
    metadata = truth(request.named.get("metadata"))
    return Answer(views.full(state, event, user, metadata=metadata))


def _not_edited(event: Event, errors: Any) -> Refusal:
    return unsaved("edit", "Event", errors, str(event.id))


def view(state: State, request: Request) -> Answer:
    """Answers `events/view`."""
    event = state.event(request.first, request.user)
    if event is None:
        raise Plain(404, "Invalid event")
    shown = (request.json or {}).get("deleted", request.named.get("deleted", 0))
    deleted = shown_deleted(shown, also=True)
    return Answer(views.full(state, event, request.user, deleted, inbound=True))


def shown_deleted(asked: Any, also: bool = False) -> tuple[bool, ...]:
    """Returns which attributes a `deleted` parameter shows. With `also`, deleted ones are shown in
    addition to the others.
    """
    found = tuple({truth(each) for each in many(asked)})
    return (False, True) if also and found == (True,) else found


def delete(state: State, request: Request) -> Answer:
    """Answers `events/delete`, which puts the UUID on the blocklist."""
    event = state.event(request.first, request.user)
    if event is None or not state.owns(request.user, event):
        raise unsaved("delete", "Event", "Event was not deleted.")
    remove(state, event)
    return saved("Event deleted.", f"/events/delete/{request.first}", request.first)


def remove(state: State, event: Event) -> None:
    """Deletes an event for good."""
    rows = list(event.attributes.values())
    rows += [each for one in event.objects.values() for each in one.attributes.values()]
    for each in rows:
        state.forget(each)
    for one in event.objects.values():
        del state.objects[one.id], state.object_uuids[one.uuid]
    del state.events[event.id], state.event_uuids[event.uuid]
    state.blocklist[event.uuid] = event.info


def index(state: State, request: Request) -> Answer:
    """Answers `events/index`. Unknown parameters are ignored."""
    asked = {**request.named, **(request.json if isinstance(request.json, dict) else {})}
    found = [each for each in state.events.values() if state.sees(request.user, each)]
    if asked.get("eventid"):
        names = [part for each in many(asked["eventid"]) for part in str(each).split("|")]
        wanted = {state.event(each) for each in names}
        found = [each for each in found if each in wanted]
    if asked.get("eventinfo"):
        text = str(asked["eventinfo"]).lower()
        found = [each for each in found if text in each.info.lower()]
    if asked.get("tag"):
        names = {str(each).lower() for each in many(asked["tag"])}
        found = [e for e in found if names & {each.tag.name.lower() for each in e.tags}]
    if "published" in asked:
        found = [each for each in found if each.published == truth(asked["published"])]
    if truth(asked.get("minimal")):
        found = [each for each in found if each.attribute_count > 0]
    total = len(found)
    if limit := int(asked.get("limit") or 0):
        page = int(asked.get("page") or 1) - 1
        found = found[page * limit : (page + 1) * limit]
    form = _minimal if truth(asked.get("minimal")) else _listed
    return Answer([form(each) for each in found], headers={"X-Result-Count": str(total)})


def _minimal(event: Event) -> dict:
    return {
        "id": str(event.id), "timestamp": str(event.timestamp), "sighting_timestamp": "0",
        "published": event.published, "uuid": event.uuid, "orgc_uuid": event.orgc.uuid,
    }  # fmt: skip


def _listed(event: Event) -> dict:
    form = views.event_head(event)
    del form["event_creator_email"]
    attached = [
        {
            "id": str(each.id), "event_id": str(event.id), "tag_id": str(each.tag.id),
            "local": False, "relationship_type": "",
            "Tag": {"id": str(each.tag.id), "name": each.tag.name, "colour": each.tag.colour,
                    "is_galaxy": False},
        }
        for each in event.tags
    ]  # fmt: skip
    orgs = {"Org": event.org.short(), "Orgc": event.orgc.short()}
    return form | {"sighting_timestamp": "0", "EventTag": attached} | orgs


def blocked(state: State, request: Request) -> Answer:
    """Answers `event_blocklists/index`."""
    rows = [
        {"id": str(number), "event_uuid": uuid, "created": "2026-11-29 06:03:13",
         "event_info": info, "comment": "Automatically blocked by deleting event",
         "event_orgc": "SourceOrg"}
        for number, (uuid, info) in enumerate(state.blocklist.items(), 1)
    ]  # fmt: skip
    return Answer(rows)


def unblock(state: State, request: Request) -> Answer:
    """Answers `event_blocklists/delete`."""
    if state.blocklist.pop(request.first.lower(), None) is None:
        raise Plain(404, "Invalid blocklist entry")
    url = f"/event_blocklists/delete/{request.first}"
    return saved("Blocklist entry removed", url, request.first)


def xml_event(text: str) -> dict:
    """Returns the fields of an event in XML, which is read only one level deep."""
    fields = re.findall(r"<(\w+)>([^<]*)</\1>", text)
    return {"Event": dict(fields)}
