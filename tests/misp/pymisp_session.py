"""A session of PyMISP with a server, as a program of its own: `pymisp_session.py URL KEY`.

It repeats the calls of the captured table pymisp_returns, in the environment of
tests/environments/misp.txt, and prints what PyMISP returned, as JSON.
"""

import json
import sys
import time

from pymisp import MISPAttribute, MISPEvent, MISPObject, MISPSighting, PyMISP

EVENT = "bd4758a2-a6ba-5c73-a0b5-277a3b942e31"
ATTRIBUTE = "65824eca-6230-5721-83cb-d1add74c1a1e"
MISSING = "9453e0d5-a146-58d7-9873-8ec50c680067"
DESCRIPTION = "A domain/hostname and IP address seen as a tuple in a specific time frame."
TEMPLATE = "43b3b146-77eb-4931-b4cc-b66c60f28734"


def domain_ip(*uuids: str) -> MISPObject:
    """Returns an object of the template domain-ip, with the UUIDs of itself and its attributes."""
    one = MISPObject("domain-ip", force_timestamps=False)
    if uuids:
        one.uuid = uuids[0]
    rows = (("domain", "pymo.example", "domain"), ("ip", "198.51.100.61", "ip-dst"))
    for number, (relation, value, type_) in enumerate(rows, 1):
        more = {"uuid": uuids[number]} if uuids else {}
        one.add_attribute(
            relation, value, type=type_, category="Network activity", to_ids=True, **more
        )
    one.description, one.template_uuid, one.template_version = DESCRIPTION, TEMPLATE, "11"
    return one


def event() -> MISPEvent:
    """Returns the event of the session."""
    one = MISPEvent()
    one.uuid, one.info, one.distribution = EVENT, "pymisp", 0
    one.add_attribute(
        "domain", "pym.example", category="Network activity", to_ids=True, uuid=ATTRIBUTE
    )
    one.add_object(
        domain_ip(
            "60531605-ba47-5186-aa78-9f546bd2627b",
            "74a7bbf9-c5a2-4644-b5eb-f44073aa8ced",
            "62b3c14f-4682-4952-86c5-2256f8d6aff1",
        )
    )
    return one


def domain(value: str) -> MISPAttribute:
    """Returns an attribute."""
    one = MISPAttribute()
    one.type, one.value, one.category = "domain", value, "Network activity"
    return one


def sighting() -> MISPSighting:
    """Returns a sighting of a known value."""
    one = MISPSighting()
    one.from_dict(value="evil.example", source="pymisp", timestamp=1795900000)
    return one


def session(misp: PyMISP):
    """Yields the names of calls with their results."""
    yield "version", misp.misp_instance_version
    yield "add_event", misp.add_event(event())
    yield "add_event_again", misp.add_event(event())
    yield "event_exists", misp.event_exists(EVENT)
    yield "event_exists_no", misp.event_exists(MISSING)
    yield "get_event_missing", misp.get_event(MISSING)
    one = misp.get_event(EVENT, pythonify=True)
    one.info = "pymisp v2"
    one.attributes[0].to_ids, one.attributes[0].comment = False, "withdrawn"
    yield "update_event", misp.update_event(one)
    one = misp.get_event(EVENT, pythonify=True)
    one.attributes[0].delete()
    yield "update_event_deleted", misp.update_event(one)
    yield "add_attribute_dup", misp.add_attribute(EVENT, domain("x1.example"))
    yield "add_attribute_dup2", misp.add_attribute(EVENT, domain("x1.example"))
    same = misp.add_attribute(EVENT, domain("x1.example"), break_on_duplicate=False)
    yield "add_attribute_dup3_break_false", same
    twin = misp.add_object(EVENT, domain_ip(), break_on_duplicate=True)
    yield "add_object_break_on_dup", twin
    yield "add_object_same_content", misp.add_object(EVENT, domain_ip())
    yield "add_sighting", misp.add_sighting(sighting())
    absent = MISPSighting()
    absent.from_dict(value="absent.example")
    yield "add_sighting_absent", misp.add_sighting(absent)
    yield "publish", misp.publish(EVENT)
    while not misp.get_event(EVENT)["Event"]["published"]:
        time.sleep(0.05)
    yield "unpublish", misp.unpublish(EVENT)
    yield "tag", misp.tag(EVENT, "tlp:green")
    yield "tag_unknown", misp.tag(EVENT, "none:such")
    yield "untag", misp.untag(EVENT, "tlp:green")
    yield "values_in_warninglist", misp.values_in_warninglist(["8.8.8.8"])
    yield "search_value", misp.search("attributes", value="pymo.example")
    found = misp.search_index(eventid=EVENT)
    yield "search_index_uuid", [each["uuid"] for each in found]
    yield "delete_attribute", misp.delete_attribute(ATTRIBUTE)
    yield "delete_event", misp.delete_event(EVENT)
    yield "add_event_blocked", misp.add_event(event())


def main() -> None:
    """Prints the results of the session."""
    misp = PyMISP(*sys.argv[1:3], ssl=False)
    print(json.dumps(dict(session(misp)), default=str))


if __name__ == "__main__":
    main()
