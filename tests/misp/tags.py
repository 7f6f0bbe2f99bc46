"""Tags: their rules inside events and attributes, and the controller `tags`."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from tests.misp import views
from tests.misp.accounts import HOST_ORG, User
from tests.misp.answers import Answer, Plain, saved, unsaved
from tests.misp.records import Attribute, Event, EventTag, Tag
from tests.misp.request import Request, truth
from tests.misp.state import State

URL = "/tags/attachTagToObject"


def find(state: State, name: str) -> Tag | None:
    """Returns the tag with a name; upper and lower case are the same."""
    return state.tag_names.get(name.lower())


def make(state: State, name: str, colour: str = "") -> Tag:
    """Returns the tag with a name, new if necessary."""
    if (known := find(state, name)) is not None:
        return known
    # Where no colour is given, MISP takes it from the digest of the name.
    colour = colour or f"#{hashlib.md5(name.encode()).hexdigest()[:6]}"
    tag = Tag(state.number("tag"), name, colour)
    state.tags[tag.id] = tag
    state.tag_names[name.lower()] = tag
    return tag


def capture(state: State, sent: Any, user: User) -> Tag | None:
    """Returns the tag that an event or attribute names. A tag that does not exist is only made for
    users who may edit tags; for others, it is dropped silently.
    """
    name = sent.get("name") if isinstance(sent, dict) else None
    if not name:
        return None
    if user.may("perm_tag_editor"):
        return make(state, name, sent.get("colour", ""))
    return find(state, name)


def apply(state: State, target: Event | Attribute, sent: Iterable, user: User) -> None:
    """Attaches the tags of an event or attribute, and removes those that are marked as deleted."""
    for each in sent:
        tag = capture(state, each, user)
        if tag is None:
            continue
        if truth(each.get("deleted")):
            detach(target, tag)
        else:
            attach(state, target, tag)


def attached(target: Event | Attribute) -> list[Tag]:
    """Returns the tags of an event or attribute."""
    if isinstance(target, Event):
        return [each.tag for each in target.tags]
    return target.tags


def attach(state: State, target: Event | Attribute, tag: Tag) -> bool:
    """Attaches a tag. Returns false if it is attached already."""
    if tag in attached(target):
        return False
    if isinstance(target, Event):
        target.tags.append(EventTag(state.number("event_tag"), tag))
    else:
        target.tags.append(tag)
    return True


def detach(target: Event | Attribute, tag: Tag) -> bool:
    """Removes a tag. Returns false if it is not attached."""
    if tag not in attached(target):
        return False
    if isinstance(target, Event):
        target.tags[:] = [each for each in target.tags if each.tag is not tag]
    else:
        target.tags.remove(tag)
    return True


def _target(state: State, request: Request) -> tuple[Event | Attribute, str]:
    """Returns what the request names, and its name in messages."""
    uuid = str((request.json or {}).get("uuid", ""))
    target: Event | Attribute | None = state.event(uuid) or state.attribute(uuid)
    event = target.event if isinstance(target, Attribute) else target
    if event is None or not state.sees(request.user, event):
        raise Plain(404, "Invalid Target.")
    if not state.owns(request.user, event):
        raise Plain(403, "You do not have permission to do that.")
    kind = "Attribute" if isinstance(target, Attribute) else "Event"
    return target, kind


def _touch(state: State, target: Event | Attribute) -> None:
    event = target.event if isinstance(target, Attribute) else target
    target.timestamp = event.timestamp = state.now()
    event.published = False


def attach_to_object(state: State, request: Request) -> Answer:
    """Answers `tags/attachTagToObject`."""
    target, kind = _target(state, request)
    wanted = request.json.get("tag") or []
    names = wanted if isinstance(wanted, list) else [wanted]
    reasons, done, known = {}, [], []
    for number, name in enumerate(names):
        tag = find(state, str(name))
        if truth(request.json.get("local")) and request.user.org.id != HOST_ORG:
            reasons[str(number)] = "Local tags can only be added by users of the host organisation."
        elif tag is None and not request.user.may("perm_tag_editor"):
            reasons[str(number)] = "Tag not found and insufficient privileges to create it."
        else:
            tag = tag or make(state, str(name))
            (done if attach(state, target, tag) else known).append(tag)
    if reasons:
        text = json.dumps(reasons, separators=(",", ":"))
        errors = f"Failed to attach {len(reasons)} tags. Reasons: {text}"
        raise unsaved("attachTagToObject", "Tag", errors)
    if done:
        _touch(state, target)
    return saved(_attached_message(target, kind, names, done, known), URL)


def _attached_message(target, kind: str, names: list, done: list[Tag], known: list[Tag]) -> str:
    same = "already has the requested tag attached, no changes had to be made for tag"
    if len(names) > 1:
        message = f"Successfully attached {len(names)} tags to {kind} ({target.id})."
        listed = json.dumps([tag.name for tag in known])
        return message + (f" {target.id} {same}s {listed}." if known else "")
    if known:
        return f"{kind} {same} {known[0].name}."
    tag = done[0]
    return f"Global tag {tag.name}({tag.id}) successfully attached to {kind}({target.id})."


def remove_from_object(state: State, request: Request) -> Answer:
    """Answers `tags/removeTagFromObject`."""
    target, kind = _target(state, request)
    tag = find(state, str(request.json.get("tag", "")))
    if tag is None or not detach(target, tag):
        raise Plain(404, f"Could not remove tag as it is not attached to the target {kind}")
    _touch(state, target)
    message = f"Global tag {tag.name} ({tag.id}) successfully removed from {kind}({target.id})."
    return saved(message, "/tags/removeTagFromObject")


def add(state: State, request: Request) -> Answer:
    """Answers `tags/add`."""
    sent = request.json.get("Tag", request.json)
    return Answer({"Tag": views.tag(make(state, sent["name"], sent.get("colour", "")), org=True)})


def index(state: State, request: Request) -> Answer:
    """Answers `tags/index`."""
    rows = []
    for tag in sorted(state.tags.values(), key=lambda each: each.name):
        events = sum(tag in attached(event) for event in state.events.values())
        attributes = sum(tag in attribute.tags for attribute in state.attributes.values())
        counts = {"favourite": False, "count": events, "attribute_count": attributes}
        rows.append(views.tag(tag, org=True) | counts)
    return Answer({"Tag": rows})
