"""Sightings: the controller `sightings`."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.misp import values
from tests.misp.answers import Answer, Plain, internal, saved
from tests.misp.records import Attribute, Sighting
from tests.misp.request import Request, many
from tests.misp.state import State

LONGEST_SOURCE = 255
NONE_MATCH = "No valid attributes found that match the criteria."


def _failed(reason: str) -> Answer:
    return Answer({"message": f"Could not add the Sighting. Reason: {reason}"})


def add(state: State, request: Request) -> Answer:
    """Answers `sightings/add`. Each logical failure is 200 with a message."""
    sent = request.json if isinstance(request.json, dict) else {}
    sent = sent.get("Sighting", sent)
    name = request.first or sent.get("uuid") or sent.get("id")
    wanted = sent.get("values", sent.get("value"))
    if not name and wanted is None:
        return _failed("No valid attributes found.")
    if str(sent.get("type", 0)) not in {"0", "1", "2"}:
        return _failed("Invalid type, please change it before you POST 1000000 sightings.")
    found = _by_name(state, request, name) if name else _by_value(state, request, wanted)
    if not found:
        return _failed(NONE_MATCH)
    moment = _moment(state, sent)
    if moment is None:
        errors = {"date_sighting": ["This field cannot be left blank"]}
        return _failed(json.dumps(errors, separators=(",", ":")))
    if len(str(sent.get("source", ""))) > LONGEST_SOURCE:
        raise internal()
    for each in found:
        last = store(state, each, request.user.org, moment, sent)
    return Answer({"Sighting": last.form()})


def _by_name(state: State, request: Request, name: Any) -> list[Attribute]:
    each = state.attribute(str(name))
    return [each] if each and state.sees_attribute(request.user, each) else []


def _by_value(state: State, request: Request, wanted: Any) -> list[Attribute]:
    return [
        each
        for value in many(wanted)
        for each in list(state.by_value.get(str(value).lower(), {}).values())
        if not each.deleted and state.sees_attribute(request.user, each)
    ]


def _moment(state: State, sent: dict) -> int | None:
    if sent.get("date") and sent.get("time"):
        try:
            parsed = datetime.fromisoformat(f"{sent['date']}T{sent['time']}")
        except ValueError:
            return None
        return int(parsed.replace(tzinfo=parsed.tzinfo or UTC).timestamp())
    stamp = sent.get("timestamp", state.now())
    return int(stamp) if str(stamp).isdigit() else None


def store(state: State, attribute: Attribute, org, moment: int, sent: dict, uuid="") -> Sighting:
    """Stores a sighting. Repetitions are stored again."""
    one = Sighting(
        state.number("sighting"), attribute, org, moment, uuid or values.new_uuid(),
        str(sent.get("source", "")), int(sent.get("type", 0)),
    )  # fmt: skip
    state.sightings[one.id] = one
    state.sighting_uuids.add(one.uuid)
    state.sightings_of[attribute.id].append(one)
    return one


def bulk(state: State, request: Request) -> Answer:
    """Answers `sightings/bulkSaveSightings`, which stores each UUID once."""
    event = state.event(request.first, request.user)
    if event is None:
        raise Plain(405, "Event not found or not accessible by this user.")
    count = 0
    for sent in request.json if isinstance(request.json, list) else []:
        attribute = state.attribute_uuids.get(str(sent.get("attribute_uuid", "")).lower())
        uuid = str(sent.get("uuid") or values.new_uuid()).lower()
        org = request.user.org
        if request.user.may("perm_sync") and isinstance(sent.get("Organisation"), dict):
            org = state.accounts.capture(sent["Organisation"])
        known = uuid in state.sighting_uuids or not values.is_uuid(uuid)
        bad = attribute is None or str(sent.get("type", 0)) not in {"0", "1", "2"} or org is None
        if known or bad or attribute.event is not event:
            continue
        moment = _moment(state, {"timestamp": sent.get("date_sighting", state.now())})
        if moment is not None:
            store(state, attribute, org, moment, sent, uuid)
            count += 1
    message = f"{count} sightings added." if count else "No sightings added."
    return Answer({"saved": count > 0, "success": message})


def index(state: State, request: Request) -> Answer:
    """Answers `sightings/index` of an event."""
    event = state.event(request.first, request.user)
    rows = [
        each.full()
        for each in state.sightings.values()
        if event is not None and each.attribute.event is event
    ]
    return Answer(rows)


def listed(state: State, request: Request) -> Answer:
    """Answers `sightings/listSightings`, newest first."""
    name = str((request.json or {}).get("id", request.first))
    kind = str((request.json or {}).get("context", "".join(request.positional[1:2])))
    if kind == "event":
        event = state.event(name, request.user)
        found = [each for each in state.sightings.values() if each.attribute.event is event]
    else:
        attribute = state.attribute(name)
        seen = attribute and state.sees_attribute(request.user, attribute)
        found = list(state.sightings_of.get(attribute.id, ())) if seen else []
    found.sort(key=lambda each: -each.date)
    rows = [{"Sighting": each.form(), "Organisation": {"name": each.org.name}} for each in found]
    return Answer(rows)


def search(state: State, request: Request) -> Answer:
    """Answers `sightings/restSearch`, which takes ids but no UUIDs."""
    name = str((request.json or {}).get("id", ""))
    if not name.isdigit():
        raise Plain(400, f"Invalid ID `{name}` provided.")
    found = state.sightings_of.get(int(name), ())
    return Answer({"response": [{"Sighting": each.form()} for each in found]})


def delete(state: State, request: Request) -> Answer:
    """Answers `sightings/delete`."""
    name = request.first
    one = state.sightings.pop(int(name), None) if name.isdigit() else None
    if one is None:
        raise Plain(404, "Invalid sighting.")
    state.sightings_of[one.attribute.id].remove(one)
    state.sighting_uuids.discard(one.uuid)
    return saved("Sighting successfully deleted.", f"/sightings/delete/{name}", name)
