"""Searches: `attributes/restSearch` and `events/restSearch`."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from tests.misp import tags, views
from tests.misp.answers import Answer, Plain
from tests.misp.events import shown_deleted
from tests.misp.records import Attribute, Event
from tests.misp.request import Request, many, truth
from tests.misp.state import State

WINDOW_SECONDS = 900
FORMATS = {"json", "cache"}
COLUMNS: dict[str, Callable[[Attribute], str]] = {
    "type": lambda each: each.type,
    "category": lambda each: each.category,
    "object_relation": lambda each: each.relation or "",
}
MOMENTS: dict[str, Callable[[Attribute], int]] = {
    "timestamp": lambda each: each.timestamp,
    "attribute_timestamp": lambda each: each.timestamp,
    "event_timestamp": lambda each: each.event.timestamp,
    "publish_timestamp": lambda each: each.event.publish_timestamp,
    "last": lambda each: each.event.publish_timestamp,
}
FLAGS: dict[str, Callable[[Attribute], bool]] = {
    "to_ids": lambda each: each.to_ids,
    "published": lambda each: each.event.published,
}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def limited(state: State, request: Request) -> dict[str, str]:
    """Counts a search against the role's limit, and returns the headers about it."""
    limit = request.user.role.rate_limit
    if not limit:
        return {}
    now = state.clock()
    past = state.searches[request.user.id]
    past[:] = [each for each in past if now - each < WINDOW_SECONDS]
    is_over = len(past) >= limit
    if not is_over:
        past.append(now)
    rest = int(WINDOW_SECONDS - (now - past[0]))
    headers = {
        "X-Rate-Limit-Limit": str(limit), "X-Rate-Limit-Remaining": str(limit - len(past)),
        "X-Rate-Limit-Reset": str(rest),
    }  # fmt: skip
    if is_over:
        raise Plain(429, "Rate limit exceeded.", headers)
    return headers


def asked_for(request: Request) -> dict:
    """Returns the parameters of a search, from the body and from the path."""
    sent = request.json if isinstance(request.json, dict) else {}
    return {**request.named, **sent.get("request", sent)}


def _checked_format(asked: dict) -> None:
    if str(asked.get("returnFormat", "json")) not in FORMATS:
        raise Plain(404, "Invalid output format.")


def _headers(count: int, limits: dict[str, str]) -> dict[str, str]:
    return limits | {
        "X-Result-Count": str(count), "X-Export-Module-Used": "json",
        "X-Response-Format": "json", "X-Skipped-Elements-Count": "0",
    }  # fmt: skip


def search_attributes(state: State, request: Request) -> Answer:
    """Answers `attributes/restSearch`. Unknown parameters are ignored, so that everything fits."""
    limits = limited(state, request)
    asked = asked_for(request)
    _checked_format(asked)
    is_found = fits(state, asked)
    rows = (
        each
        for each in candidates(state, asked)
        if is_found(each) and state.sees_attribute(request.user, each)
    )
    limit = int(asked.get("limit") or 0)
    if limit:
        page = int(asked.get("page") or 1) - 1
        found = list(islice(rows, page * limit, (page + 1) * limit))
    else:
        found = list(rows)
    # With a limit, MISP counts one more than it returns. It counts what it leaves out afterwards.
    headers = _headers(len(found) + (limit > 0), limits)
    if truth(asked.get("enforceWarninglist")):
        kept = [each for each in found if not state.warninglists.warnings(each)]
        headers["X-Skipped-Elements-Count"] = str(len(found) - len(kept))
        found = kept
    body = {"response": {"Attribute": [_found(state, each, asked) for each in found]}}
    return Answer(body, headers=headers)


def _found(state: State, each: Attribute, asked: dict) -> dict:
    event = each.event
    form = views.stored(each) | {
        "Event": {
            "org_id": str(event.org.id), "distribution": str(event.distribution),
            "publish_timestamp": str(event.publish_timestamp), "id": str(event.id),
            "info": event.info, "orgc_id": str(event.orgc.id), "uuid": event.uuid,
        }
    }  # fmt: skip
    if each.parent:
        parent = {"id": str(each.parent.id), "distribution": str(each.parent.distribution)}
        form["Object"] = parent | {"sharing_group_id": "0"}
    shown = list(each.tags)
    if truth(asked.get("includeEventTags")):
        shown += [one.tag for one in event.tags if one.tag not in shown]
    if shown:
        form["Tag"] = [views.short_tag(one) for one in shown]
    if truth(asked.get("includeEventUuid")):
        form["event_uuid"] = event.uuid
    if truth(asked.get("includeSightings")):
        form["Sighting"] = [one.full() for one in state.sightings_of.get(each.id, ())]
    if truth(asked.get("includeWarninglistHits")) and (hits := state.warninglists.warnings(each)):
        form["warnings"] = hits
    return form


def candidates(state: State, asked: dict) -> Iterable[Attribute]:
    """Returns the attributes that can fit, from the best index, in the order of their ids."""
    if asked.get("uuid"):
        names = many(asked["uuid"])
        found = {each.id: each for name in names if (each := state.attribute(str(name)))}
        return [found[number] for number in sorted(found)]
    values = [str(each) for each in many(asked["value"])] if asked.get("value") else []
    if values and not any(each.startswith("!") or "%" in each for each in values):
        found = {}
        for each in values:
            found |= state.by_value.get(each.lower(), {})
        return [found[number] for number in sorted(found)]
    if asked.get("eventid"):
        events = {state.event(str(each)) for each in many(asked["eventid"])} - {None}
        rows = [each for event in events for each in everything(event)]
        return sorted(rows, key=lambda each: each.id)
    return list(state.attributes.values())


def everything(event: Event) -> Iterator[Attribute]:
    """Yields the attributes of an event, including those of its objects."""
    yield from event.attributes.values()
    for one in event.objects.values():
        yield from one.attributes.values()


def fits(state: State, asked: dict) -> Callable[[Attribute], bool]:
    """Returns the check of an attribute against all parameters. Only what is asked is checked, so
    that a search through everything stays fast.
    """
    shown = shown_deleted(asked.get("deleted", 0))
    checks: list[Callable[[Attribute], bool]] = [lambda each: each.deleted in shown]
    for name, column in COLUMNS.items():
        if asked.get(name):
            checks.append(lambda each, name=name, of=column: _has(asked, name, of(each)))
    for name, moment in MOMENTS.items():
        if asked.get(name):
            checks.append(lambda each, name=name, of=moment: _since(state, asked, name, of(each)))
    for name, flag in FLAGS.items():
        if name in asked:
            checks.append(lambda each, name=name, of=flag: _flag(asked, name, of(each)))
    if asked.get("value"):
        checks.append(lambda each: _has_value(asked, each))
    if asked.get("eventid"):
        checks.append(lambda each: _in_event(asked, each.event))
    if asked.get("tags"):
        checks.append(lambda each: _tagged(asked, each))
    return lambda each: all(check(each) for check in checks)


def _has(asked: dict, name: str, value: str) -> bool:
    if not asked.get(name):
        return True
    wanted = [str(one) for one in many(asked[name])]
    refused = {one[1:].lower() for one in wanted if one.startswith("!")}
    liked = [one for one in wanted if not one.startswith("!")]
    if value.lower() in refused:
        return False
    return not liked or any(_like(one, value) for one in liked)


def _like(pattern: str, value: str) -> bool:
    if "%" not in pattern:
        return pattern.lower() == value.lower()
    parts = (re.escape(each) for each in pattern.split("%"))
    return re.fullmatch(".*".join(parts), value, re.IGNORECASE | re.DOTALL) is not None


def _has_value(asked: dict, each: Attribute) -> bool:
    wanted = [str(one) for one in many(asked["value"])]
    # A prefix `!` fits everything, because one of the two columns always differs.
    return any(
        one.startswith("!") or _like(one, each.value1) or (each.value2 and _like(one, each.value2))
        for one in wanted
    )


def _in_event(asked: dict, event: Event) -> bool:
    names = {str(event.id), event.uuid}
    wanted = {str(one).lower() for one in many(asked["eventid"])} if asked.get("eventid") else names
    return bool(names & wanted)


def _flag(asked: dict, name: str, value: bool) -> bool:
    return name not in asked or value in shown_deleted(asked[name])


def _since(state: State, asked: dict, name: str, value: int) -> bool:
    if not asked.get(name):
        return True
    wanted = asked[name] if isinstance(asked[name], list) else [asked[name]]
    bounds = [_seconds(state, each) for each in wanted]
    return bounds[0] <= value and (len(bounds) < 2 or value <= bounds[1])


def _seconds(state: State, text: Any) -> int:
    text = str(text)
    if text[-1:] in UNITS and text[:-1].isdigit():
        return state.now() - int(text[:-1]) * UNITS[text[-1]]
    return int(text) if text.isdigit() else 0


def _tagged(asked: dict, each: Attribute) -> bool:
    names = [tag.name for tag in each.tags] + [tag.name for tag in tags.attached(each.event)]
    wanted = [str(one) for one in many(asked["tags"])]
    refused = [one[1:] for one in wanted if one.startswith("!")]
    liked = [one for one in wanted if not one.startswith("!")]
    if any(_like(one, name) for one in refused for name in names):
        return False
    return not liked or any(_like(one, name) for one in liked for name in names)


def search_events(state: State, request: Request) -> Answer:
    """Answers `events/restSearch`. The count in its header is the total."""
    limits = limited(state, request)
    asked = asked_for(request)
    _checked_format(asked)
    found = [
        each
        for each in list(state.events.values())
        if state.sees(request.user, each) and event_fits(state, each, asked)
    ]
    if asked.get("value"):
        rows = candidates(state, {"value": asked["value"]})
        of = {each.event.id for each in rows if not each.deleted and _has_value(asked, each)}
        found = [each for each in found if each.id in of]
    total = len(found)
    if limit := int(asked.get("limit") or 0):
        page = int(asked.get("page") or 1) - 1
        found = found[page * limit : (page + 1) * limit]
    deleted = shown_deleted(asked.get("deleted", 0))
    metadata = truth(asked.get("metadata"))
    rows = [views.full(state, each, request.user, deleted, metadata) for each in found]
    return Answer({"response": rows}, headers=_headers(total, limits))


def event_fits(state: State, each: Event, asked: dict) -> bool:
    """Returns true if an event fits all parameters but `value`."""
    names = [tag.name for tag in tags.attached(each)]
    wanted = [str(one) for one in many(asked["tags"])] if asked.get("tags") else []
    uuids = {str(one).lower() for one in many(asked["uuid"])} if asked.get("uuid") else {each.uuid}
    return (
        each.uuid in uuids
        and _in_event(asked, each)
        and _has(asked, "eventinfo", each.info)
        and _flag(asked, "published", each.published)
        and _since(state, asked, "timestamp", each.timestamp)
        and _since(state, asked, "event_timestamp", each.timestamp)
        and _since(state, asked, "publish_timestamp", each.publish_timestamp)
        and (not wanted or any(_like(one, name) for one in wanted for name in names))
    )
