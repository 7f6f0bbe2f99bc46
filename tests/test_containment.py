"""Faults of feeds' servers that could hurt more than their feed. In each case the feed fails alone,
`status` says why, its last good state keeps serving, and it recovers by itself.
"""

import gzip
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests import hostile, program, stix, taxii1
from tests.hostile import Asked, Reply, envelope, serving
from tests.polling import Polling
from tests.servers import TAXII

LIMITS = {
    "idle_timeout": "1s", "total_timeout": "4s", "poll_timeout": "10m", "max_body": "1MiB",
    "max_poll_objects": 1000,
}  # fmt: skip
COUNT = 20
LAUGHS = "".join(f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, 10))
XML_BOMB = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]><x>&l9;</x>'
DEEP = "[" * 200_000
PAGE = Reply(
    "<!DOCTYPE html><html><title>Log in</title></html>", headers={"Content-Type": "text/html"}
)


def objects(names: str = "h") -> list[dict]:
    """Returns the indicators of the good state; with other `names`, under other identifiers."""
    return [
        {
            **stix.indicator(number, f"[domain-name:value = 'h{number}.example']"),
            "id": f"indicator--{uuid.uuid5(uuid.NAMESPACE_DNS, f'{names}{number}')}",
        }
        for number in range(COUNT)
    ]


def endless(asked: Asked) -> Reply:
    """Returns a page with the same object and always another `next`."""
    return envelope(objects()[0], more=True, next=str(uuid.uuid4()))


def growing(asked: Asked) -> Reply:
    """Returns a page with new objects and another `next`."""
    return envelope(*objects(str(uuid.uuid4())), more=True, next=str(uuid.uuid4()))


def package(number: int = 1, **parts) -> Reply:
    """Returns a poll response of TAXII 1 with the good state."""
    names = [f"h{place}.example" for place in range(COUNT)]
    message = taxii1.polled(taxii1.package(*names, number=number), **parts)
    return Reply(message.to_xml(), headers=taxii1.HEADERS[11])


def endless_parts(asked: Asked) -> Reply:
    """Returns a part of a result that has always another part with the same content."""
    part = re.search(rb'result_part_number="(\d+)"', asked.body)
    number = int(part[1]) if part else 1
    return package(more=True, result_id="r", result_part_number=number)


def growing_parts(asked: Asked) -> Reply:
    """Returns a part of a result that has always another part with other content."""
    part = re.search(rb'result_part_number="(\d+)"', asked.body)
    number = int(part[1]) if part else 1
    return package(number + 1, more=True, result_id="r", result_part_number=number)


def empty(asked: Asked) -> Reply:
    """Returns an empty page that promises more."""
    return envelope(more=True, next=str(uuid.uuid4()))


@dataclass
class Fault:
    """A fault of a server, and what `status` says about it."""

    answer: Reply | Callable[[Asked], Reply]
    wanted: str
    expect: int = program.REMOTE


def bundle(names: str) -> str:
    """Returns the good state as a bundle."""
    return json.dumps(stix.bundle(*objects(names)))


COMMON = {
    "a gzip bomb": Fault(
        Reply(hostile.bomb(200), headers={"Content-Encoding": "gzip"}), "at most 1048576 bytes"
    ),
    "a body that never ends": Fault(Reply(endless=True), "at most 1048576 bytes"),
    "a body that drips": Fault(Reply(b" " * 1000, pause=0.3), "total_timeout"),
    "a body that stalls": Fault(Reply(b"  ", pause=3), "idle_timeout"),
    "a login page with status 200": Fault(PAGE, "a page for people"),
    "an XML bomb": Fault(Reply(XML_BOMB, headers={"Content-Type": "application/xml"}), ""),
    "JSON that is too deep": Fault(Reply(f'{{"objects": [{DEEP}'), "damaged JSON"),
    "a body of nothing but commas": Fault(Reply("," * 900_000), ""),
}
TAXII_1 = {
    "a body that never ends": "",
    "a gzip bomb": "",
    "an XML bomb": "document type definition",
    "JSON that is too deep": "expected a TAXII 1.0 or 1.1 message",
    "a body of nothing but commas": "expected a TAXII 1.0 or 1.1 message",
}
"""What `status` says about faults of TAXII 1 where it is something else."""
FAULTS = {
    "taxii1": {
        **{
            name: Fault(fault.answer, TAXII_1.get(name, fault.wanted))
            for name, fault in COMMON.items()
        },
        "parts without an end, with the same content": Fault(endless_parts, "repeats itself"),
        "parts without an end, with other content": Fault(
            growing_parts, "held: {'why': 'expected at most"
        ),
        "no such address": Fault(Reply(status=404), "got 404"),
    },
    "taxii": {
        **COMMON,
        "a file of gzip": Fault(Reply(gzip.compress(b"x" * 100)), "damaged JSON"),
        "pages without an end, with the same object": Fault(endless, "repeats itself"),
        "pages without an end, with new objects": Fault(growing, "held: {'why': 'expected at most"),
        "empty pages without an end": Fault(empty, "repeats itself"),
        "another identifier of the collection": Fault(Reply(status=404), "got 404"),
    },
    "url": {
        **COMMON,
        "a bomb as a file": Fault(Reply(hostile.bomb(200)), "max_body"),
        "an empty bundle": Fault(Reply('{"type": "bundle", "objects": []}'), "held"),
    },
}


def settings_of(kind: str, url: str) -> dict:
    """Returns the settings of a feed that reads the server in this way."""
    return {
        "url": {"url": f"{url}/bundle"},
        "taxii": {"url": f"{url}/root/collections/1/"},
        "taxii1": {"url": f"{url}/services/", "poll_url": f"{url}/poll", "collection": "c"},
    }[kind]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, faults in FAULTS.items() for name in faults]
)
def test_a_fault_affects_its_feed_alone(tmp_path, kind, name):
    fault = FAULTS[kind][name]
    good = {
        "url": Reply(bundle("h"), headers={"Content-Type": "text/plain"}),
        "taxii": envelope(*objects()),
        "taxii1": package(),
    }[kind]
    is_bad, lines = [], ["one.example"]

    def answer(asked: Asked) -> Reply:
        if asked.path == "/list":
            return Reply("".join(f"{line}\n" for line in lines))
        if kind == "taxii" and not asked.path.endswith("/objects/"):
            about = {"id": "1", "title": "One", "can_read": True}
            return Reply(json.dumps(about), headers={"Content-Type": TAXII})
        if is_bad:
            return fault.answer(asked) if callable(fault.answer) else fault.answer
        return good

    with serving(answer) as server:
        settings = settings_of(kind, server.url)
        feeds = [
            {"name": "bad", "type": kind, "max_indicators": 10 * COUNT, **settings},
            {"name": "good", "type": "url", "url": f"{server.url}/list"},
        ]
        one = Polling(tmp_path, *feeds, http=LIMITS)
        one.poll()
        is_bad.append(True)
        lines.append("two.example")
        before = len(server.asked)
        one.poll(expect=fault.expect)
        state = one.feed("bad")
        shown = state["error"] or f"held: {state['held']}"
        assert fault.wanted in shown and shown.isprintable(), shown
        assert one.active("bad") == COUNT and one.indicators("h1.example")
        assert one.active("good") == 2, "the other feed is not affected"
        assert len(server.asked) - before < 1100
        is_bad.clear()
        count = COUNT
        if state["held"] and kind == "url":
            # The list is fetched again when it changes.
            more = stix.indicator(COUNT, "[domain-name:value = 'more.example']")
            good.body, count = json.dumps(stix.bundle(*objects(), more)), COUNT + 1
        one.poll()
        state = one.feed("bad")
        assert (state["error"], state["held"], one.active("bad")) == (None, None, count)


@pytest.mark.parametrize("kind", ["url", "taxii", "taxii1"])
def test_other_identifiers_of_the_same_objects_count_once(tmp_path, kind):
    names = ["h"]

    def answer(asked: Asked) -> Reply:
        if kind == "url":
            return Reply(bundle(names[0]), headers={"Content-Type": "text/plain"})
        if kind == "taxii1":
            return package(number=1 if names == ["h"] else 7)
        if not asked.path.endswith("/objects/"):
            about = {"id": "1", "title": "One", "can_read": True}
            return Reply(json.dumps(about), headers={"Content-Type": TAXII})
        return envelope(*objects(names[0]))

    with serving(answer) as server:
        settings = settings_of(kind, server.url)
        one = Polling(tmp_path, {"name": "f", "type": kind, **settings}, http=LIMITS)
        one.poll()
        before = {found["id"] for found in one.indicators("")}
        names[0] = "other"
        one.poll()
        state = one.feed("f")
        assert (state["error"], state["held"], state["active"]) == (None, None, COUNT)
        after = {found["id"] for found in one.indicators("")}
        assert len(after) == COUNT and not before & after
        output = program.run("status", "--json", "--config", one.path, env=one.environment).stdout
        (condition,) = json.loads(output)["conditions"]
        assert condition["kind"] == "feed_ids_changed"
        assert f"{COUNT} of {COUNT} indicators" in condition["what"], condition
