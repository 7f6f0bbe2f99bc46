"""The action `events/upload_stix`: misp-stix converts, and MISP's answers are around it."""

import uuid as uuids

from tests.misp import attributes, events, objects, views
from tests.misp.answers import Answer, Plain, internal, unsaved
from tests.misp.converter import SHARED
from tests.misp.records import Attribute, Event
from tests.misp.request import Request, truth
from tests.misp.state import State

VERSIONS = {"1": 1, "1.1": 1, "1.2": 1, "2": 2, "2.0": 2, "2.1": 2}
EXISTS = "Event with the same UUID already exists."
ASK = "Please ask your administrator to check whether the dependencies for STIX are met via the"
ASK_ADMINISTRATOR = f"{ASK} diagnostic tool."
NO_GROUP = (
    "The sharing group id is needed when the distribution is set to 4 (&quot;Sharing group&quot;)."
)
PARTS = (
    "Attribute", "ShadowAttribute", "Object", "EventReport", "CryptographicKey", "Galaxy", "Orgc",
    "Org", "RelatedEvent",
)  # fmt: skip
ORIGINAL = {
    "name": "original-imported-file",
    "meta-category": "file",
    "description": "Object describing the original file used to import data in MISP.",
    "template_uuid": "4cd560e9-2cfe-40a1-9964-7b2e797ecac5",
    "template_version": "2",
}


def upload(state: State, request: Request) -> Answer:
    """Answers `events/upload_stix/{version}`."""
    named, parts = request.named, request.positional
    version = parts[0] if parts else "1"
    if version not in VERSIONS:
        raise internal()
    distribution = str(named.get("distribution", "1"))
    if distribution not in {"0", "1", "2", "3", "4"}:
        raise Plain(400, "Wrong distribution level")
    if distribution == "4" and not named.get("sharing_group_id"):
        raise Plain(400, NO_GROUP)
    with state.unlocked():
        found = SHARED.convert(VERSIONS[version], request.body)
    if "error" in found:
        raise _refused(f"{found['error']} {ASK_ADMINISTRATOR}")
    sent = found["event"]
    is_published = truth(named.get("publish", parts[1] if len(parts) > 1 else 0))
    # MISP's script for STIX 1 knows no distribution, and gives each event a random UUID.
    if VERSIONS[version] == 2:
        sent["distribution"] = distribution
        sent["sharing_group_id"] = named.get("sharing_group_id", "0")
    else:
        sent["uuid"] = str(uuids.uuid4())
        sent.pop("distribution", None)
    event = _stored(state, request, sent, version, is_published)
    return Answer(_view(state, event, request))


def _refused(errors: str):
    return unsaved("upload_stix", "Event", errors)


def _stored(state: State, request: Request, sent: dict, version: str, is_published: bool) -> Event:
    user, running = request.user, request.running
    known = state.event_uuids.get(str(sent.get("uuid", "")).lower())
    sent = _clean(sent) | {"published": is_published}
    if known is not None:
        if not state.edits_existing_event or known.orgc is not user.org:
            raise _refused(EXISTS)
        sent.pop("timestamp", None)
        events.change(state, known, sent, user, running)
        return known
    if sent["uuid"] in state.blocklist:
        raise _refused("Event blocked by event blocklist.")
    event = events.create(state, sent, user, running)
    _keep_original(state, event, version, request)
    return event


def _clean(sent: dict) -> dict:
    """Returns a converted event without what MISP leaves to its defaults."""
    sent = {key: value for key, value in sent.items() if value is not None}
    sent.pop("Orgc", None)
    for each in sent.get("Attribute", []):
        each.pop("distribution", None)
    for one in sent.get("Object", []):
        one.setdefault("distribution", "5")
    return sent


def _keep_original(state: State, event: Event, version: str, request: Request) -> None:
    # Of the versions of STIX 1, MISP does not recognise 1.2 as XML.
    is_xml = version in {"1", "1.1"}
    name = f"uploaded_stix_file.{'xml' if is_xml else 'json'}"
    shown = "STIX 1.1" if VERSIONS[version] == 1 else "2.1"
    one = objects.create(state, event, {"distribution": "5"}, ORIGINAL)
    for relation, type_, category, value in (
        ("imported-sample", "attachment", "External analysis", name),
        ("format", "text", "Other", shown),
    ):
        row = {
            "object_relation": relation, "type": type_, "category": category, "value": value,
            "to_ids": False, "disable_correlation": True,
        }  # fmt: skip
        attributes.create(state, event, row, request.user, request.running, one)


def _view(state: State, event: Event, request: Request) -> dict:
    """Returns the form of an upload's answer, in which the parts are next to the event."""
    full = views.full(state, event, request.user)["Event"]
    beside = {name: full.pop(name) for name in PARTS}
    full.pop("Tag", None)
    rows = beside["Attribute"] + [row for one in beside["Object"] for row in one["Attribute"]]
    for each in rows:
        attribute = state.attributes[int(each["id"])]
        each.pop("Tag", None)
        each["AttributeTag"] = _attribute_tags(attribute)
    tags = [
        {"id": str(each.id), "event_id": str(event.id), "tag_id": str(each.tag.id),
         "local": False, "relationship_type": "", "Tag": views.tag(each.tag)}
        for each in event.tags
    ]  # fmt: skip
    level = {"1": "High", "2": "Medium", "3": "Low", "4": "Undefined"}[full["threat_level_id"]]
    return {
        "Event": full | {"user_id": str(event.user.id)},
        "ThreatLevel": {"name": level, "id": full["threat_level_id"]},
        **beside,
        "EventTag": tags, "User": {"email": event.user.email}, "Sighting": [],
    }  # fmt: skip


def _attribute_tags(attribute: Attribute) -> list[dict]:
    return [
        {"attribute_id": str(attribute.id), "tag_id": str(each.id), "local": False,
         "Tag": views.tag(each)}
        for each in attribute.tags
    ]  # fmt: skip
