"""Events for `threat_match`, and the pipelines that process them on a real node."""

import itertools
import os
from pathlib import Path

from tests import engines, program, pushing, stix

NAME = "processor"
TIME = "2026-11-25T12:00:00Z"
SHA256 = "ab" * 32
NUMBERS = itertools.count(os.getpid() * 100_000)
"""Numbers for names that no other worker uses on the same node."""

GREEN, AMBER, RED = ([stix.TLP[level]] for level in ("green", "amber", "red"))
INDICATORS = [
    stix.indicator(
        1,
        "[domain-name:value = 'evil.example']",
        name="Phishing kit",
        confidence=85,
        object_marking_refs=GREEN,
    ),
    stix.indicator(
        2, "[domain-name:value = 'amber.example']", confidence=20, object_marking_refs=AMBER
    ),
    stix.indicator(
        3, "[domain-name:value = 'red.example']", confidence=90, object_marking_refs=RED
    ),
    stix.indicator(4, "[url:value = 'http://page.example/a?id=1']"),
    stix.indicator(5, "[ipv4-addr:value = '203.0.112.0/24']"),
    stix.indicator(6, f"[file:hashes.'SHA-256' = '{SHA256}']"),
    stix.indicator(7, "[email-addr:value = 'bob@mail.example']"),
    stix.indicator(
        8,
        "[domain-name:value = 'old.example']",
        valid_from="2020-01-01T00:00:00Z",
        valid_until="2021-01-01T00:00:00Z",
    ),
    *(
        stix.indicator(number, f"[domain-name:value = 'n{number}.example']")
        for number in range(100, 130)
    ),
]
BAD = {
    "host": "www.evil.example", "address": "203.0.112.7",
    "url": "http://evil.example/x", "hash": SHA256, "email": "bob@mail.example",
    "any": "evil.example",
}  # fmt: skip


_served: set[str] = set()
"""The URLs of nodes that have the blacklist."""


def serve(node: engines.Node, folder: Path) -> engines.Node:
    """Returns the node after pushing the blacklist to it. `folder` is for the blacklist's file."""
    if node.url not in _served:
        feed, built = stix.write(folder / "feed.json", *INDICATORS), folder / "processor.blacklist"
        program.run("build", "--feed", feed, "--name", NAME, "--generation", 5, "-o", built)
        assert pushing.push(node, built, NAME)["acknowledged"]
        _served.add(node.url)
    return node


def pipeline(**options) -> dict:
    """Returns a pipeline of one processor."""
    return {"processors": [{"threat_match": {"blacklist": NAME, **options}}]}


def simulated(node, events: list[dict], made: dict) -> list[dict]:
    """Returns the events after the pipeline, each processed by itself."""
    answer = node.post(
        "/_ingest/pipeline/_simulate",
        {"pipeline": made, "docs": [{"_source": event} for event in events]},
    )
    return [each["doc"]["_source"] for each in answer["docs"]]


def indexed(node, events: list[dict], made: dict) -> list[dict]:
    """Returns the events after the pipeline, all processed in one bulk request."""
    name = f"processor-{next(NUMBERS)}"
    node.put(f"/_ingest/pipeline/{name}", made)
    # No field is mapped, so that only the processor changes the events.
    node.put(f"/{name}", {"mappings": {"enabled": False}, "settings": {"number_of_replicas": 0}})
    node.bulk(name, events, name, ids=[f"{number:06}" for number in range(len(events))])
    return node.documents(name)


def processed(node, *events: dict, **options) -> list[dict]:
    """Returns the events after the processor. Checks that single and batch processing agree."""
    made = pipeline(**options)
    alone = simulated(node, list(events), made)
    # A bulk request of one document is processed like a single event, so a second one is added.
    together = indexed(node, [*events, {"padding": True}], made)
    assert together[: len(events)] == alone
    return alone


def one(node, event: dict, **options) -> dict:
    """Returns one event after the processor."""
    return processed(node, event, **options)[0]


def event(**fields) -> dict:
    """Returns an event. A double underscore in a name separates nested fields."""
    made = {"@timestamp": TIME}
    for name, value in fields.items():
        *path, last = name.split("__")
        inner = made
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return made


def flags(*blacklists: str) -> list[dict]:
    """Returns the event's record of its flags, one for each of these blacklists."""
    return [
        {"blacklist": blacklist, "field": "indicator", "value": "matched"}
        for blacklist in blacklists
    ]


def matched(document: dict) -> list[tuple[str, str]]:
    """Returns the field and the observable of each enrichment."""
    return [
        (each["matched"]["field"], each["matched"]["atomic"])
        for each in document.get("threat", {}).get("enrichments", [])
    ]


def fields_in(document: dict) -> list[str]:
    return [field for field, _ in matched(document)]


def both_ways(node, events: list[dict], made: dict):
    yield simulated(node, events, made)
    yield indexed(node, events, made)


def matched_or_others(document: dict) -> list:
    return document.get("threat", {}).get("enrichments", [])
