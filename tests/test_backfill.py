"""Stored events of real nodes: finding those that touch new indicators, flagging them once, and
taking flags back.
"""

import itertools
import json
import os

import pytest

from tests import program, pushing, stix
from tests.backfilling import Backfilling, claims, flagged

NUMBERS = itertools.count(os.getpid() * 100_000)
"""Numbers for names that no other worker uses on the same node."""

EVIL, WORSE, NET, URL = (stix.identifier(number) for number in (1, 2, 3, 4))
FIRST = stix.indicator(1, "[domain-name:value = 'evil.example']", confidence=85)
OTHERS = [
    stix.indicator(2, "[domain-name:value = 'www.evil.example']", confidence=40),
    stix.indicator(3, "[ipv4-addr:value = '203.0.112.0/24']"),
    stix.indicator(4, "[url:value = 'http://page.example/a']"),
]
MAPPING = {
    "properties": {
        "@timestamp": {"type": "date"},
        "url": {
            "properties": {
                "domain": {"type": "keyword", "ignore_above": 256},
                "original": {"type": "keyword", "ignore_above": 64},
            }
        },
        "destination": {"properties": {"ip": {"type": "ip"}}},
    }
}


def event(number: int, host: str, address: str = "192.0.2.1", path: str = "/") -> dict:
    return {
        "@timestamp": f"2026-11-{number % 27 + 1:02}T12:00:00Z",
        "url": {"domain": host, "original": f"http://{host}{path}"},
        "destination": {"ip": address},
        "source": {"ip": "10.1.2.3"},
    }


EVENTS = {
    "1": event(1, "www.evil.example"),
    "2": event(2, "good.example"),
    "3": event(3, "evil.example", "203.0.112.9"),
    "4": event(4, "page.example", path="/a"),
    "5": event(5, "notevil.example"),
    "6": event(6, "good.example", path="/" + 100 * "x"),
    "7": event(7, "good.example", "203.0.112.7"),
    # Longer than `ignore_above`: only the source has it.
    "8": {"url": {"original": "http://page.example/a?" + 100 * "y"}},
}
WANTED = {
    "1": {EVIL, WORSE}, "3": {EVIL, NET}, "4": {URL}, "7": {NET}, "8": {URL},
}  # fmt: skip


@pytest.fixture
def node(opensearch, tmp_path):
    """A node of each release line."""
    claims(opensearch, tmp_path)
    return opensearch


@pytest.fixture
def name():
    return f"backfill-{next(NUMBERS)}"


def index(node, name: str, events: dict = EVENTS, shards: int = 2, mapping: dict = MAPPING) -> None:
    """Creates an index with these events."""
    node.put(
        f"/{name}",
        {
            "mappings": mapping,
            "settings": {"number_of_shards": shards, "number_of_replicas": 0},
        },
    )
    node.bulk(name, list(events.values()), ids=list(events))


def stored(node, name: str) -> dict[str, dict]:
    """Returns the events of an index by their ids."""
    node.post(f"/{name}/_refresh")
    hits = node.post(f"/{name}/_search", {"size": 1000})["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


def found(node, name: str) -> dict[str, set[str]]:
    """Returns the indicators of each flagged event."""
    events = stored(node, name)
    for event in events.values():
        assert (event.get("indicator") == "matched") == bool(flagged(event)), event
    return {number: flagged(event) for number, event in events.items() if flagged(event)}


@pytest.mark.parametrize("way", ["query", "values", "scan"])
def test_each_way_finds_the_same(node, name, tmp_path, way):
    index(node, name)
    controller = Backfilling(tmp_path / "c", node, name, name, way=way)
    controller.publish(FIRST, *OTHERS)
    report = controller.poll()
    assert found(node, name) == WANTED
    assert report["backfill"]["events"] == len(WANTED)
    assert [each["way"] for each in report["backfill"]["indices"]] == [way]
    assert len(controller.letters()) == 1
    # Nothing is left to do, and nothing is written or told again.
    before = node.post(f"/{name}/_search?version=true&seq_no_primary_term=true", {"size": 100})
    again = controller.poll()
    assert sum(each["flagged"] for each in again["backfill"]["indices"]) == 0
    assert again["backfill"]["events"] == 0
    after = node.post(f"/{name}/_search?version=true&seq_no_primary_term=true", {"size": 100})
    assert before["hits"]["hits"] == after["hits"]["hits"]
    assert len(controller.letters()) == 1


def test_a_new_indicator_flags_what_is_stored(node, name, tmp_path):
    index(node, name)
    controller = Backfilling(tmp_path / "c", node, name, name)
    controller.publish(FIRST)
    controller.poll()
    assert found(node, name) == {"1": {EVIL}, "3": {EVIL}}
    assert stored(node, name)["1"]["threatsieve"].get("historic") is None
    controller.publish(FIRST, *OTHERS)
    report = controller.poll()
    assert found(node, name) == WANTED
    assert report["backfill"]["matches"] == 6 - 1
    events = stored(node, name)
    assert events["1"]["threatsieve"]["historic"] is True
    assert events["1"]["threatsieve"]["confidence"] == [40, 85]
    letters = controller.letters()
    assert sorted("older than the indicator" in letter for letter in letters) == [False, True]
    assert json.dumps(events["2"]) == json.dumps(EVENTS["2"])


def test_new_events_are_matched_by_the_next_round(node, name, tmp_path):
    index(node, name)
    controller = Backfilling(tmp_path / "c", node, name, name)
    controller.publish(FIRST, *OTHERS)
    controller.poll()
    node.bulk(name, [event(9, "a.evil.example"), event(10, "good.example")], ids=["9", "10"])
    controller.poll()
    assert found(node, name) == {**WANTED, "9": {EVIL}}
    assert len(controller.letters()) == 2


def test_a_revoked_indicator_takes_its_flags_back(node, name, tmp_path):
    index(node, name)
    controller = Backfilling(tmp_path / "c", node, name, name)
    controller.publish(FIRST, *OTHERS)
    controller.poll()
    revoked = {**FIRST, "revoked": True, "modified": "2026-11-28T00:00:00.000Z"}
    controller.publish(revoked, *OTHERS)
    controller.poll()
    assert found(node, name) == {**WANTED, "1": {WORSE}, "3": {NET}}
    (retracted,) = stored(node, name)["1"]["threatsieve"]["retractions"]
    assert (retracted["indicator"], retracted["feed"]) == (EVIL, "feed")
    assert retracted["reason"] == "revoked by its publisher" and retracted["at"]


def test_an_operator_takes_flags_back(node, name, tmp_path):
    index(node, name)
    controller = Backfilling(tmp_path / "c", node, name, name)
    controller.publish(FIRST, *OTHERS)
    controller.poll()
    controller.run("retract", "203.0.112.0/24", "--reason", "our own network")
    controller.poll()
    wanted = {**WANTED, "3": {EVIL}}
    del wanted["7"]
    assert found(node, name) == wanted
    event = stored(node, name)["7"]
    assert "indicator" not in event and "threat" not in event
    assert list(event["threatsieve"]) == ["retractions"]
    assert event["threatsieve"]["retractions"][0]["reason"] == "our own network"


def test_flags_stay_when_an_indicator_leaves_its_list(node, name, tmp_path):
    index(node, name)
    controller = Backfilling(tmp_path / "c", node, name, name)
    controller.publish(FIRST, *OTHERS)
    controller.poll()
    controller.publish(FIRST)
    controller.poll()
    controller.poll()
    assert found(node, name) == WANTED


def test_others_fields_and_enrichments_stay(node, name, tmp_path):
    other = {"indicator": {"type": "ipv4-addr"}, "feed": {"name": "theirs"}}
    theirs = {**EVENTS["1"], "threat": {"enrichments": [other], "tactic": {"name": "x"}}}
    dotted = {"url.domain": "evil.example", "threat.tactic.name": "x", "labels": {"a.b": 1}}
    index(node, name, {"1": theirs, "2": dotted})
    controller = Backfilling(tmp_path / "c", node, name, name)
    controller.publish(FIRST)
    controller.poll()
    events = stored(node, name)
    ours = [each for each in events["1"]["threat"]["enrichments"] if each != other]
    assert len(ours) == 1 and events["1"]["threat"]["enrichments"][0] == other
    assert events["1"]["threat"]["tactic"] == {"name": "x"}
    assert events["2"]["labels"] == {"a.b": 1} and events["2"]["threat.tactic.name"] == "x"
    assert flagged(events["2"]) == {EVIL}
    controller.run("retract", EVIL, "--reason", "wrong")
    controller.poll()
    events = stored(node, name)
    del events["1"]["threatsieve"], events["2"]["threatsieve"]
    assert events == {"1": theirs, "2": dotted}


# Indices of all kinds.


def test_streams_aliases_and_patterns(node, name, tmp_path):
    node.put(
        f"/_index_template/{name}",
        {
            "index_patterns": [f"{name}-stream*"],
            "data_stream": {},
            "template": {"mappings": MAPPING, "settings": {"number_of_replicas": 0}},
            "priority": 500,
        },
    )
    stream, behind = f"{name}-stream", f"{name}-behind"
    node.put(f"/_data_stream/{stream}")
    post = f"/{stream}/_doc?refresh=true"
    node.post(post, EVENTS["1"])
    node.post(f"/{stream}/_rollover")
    node.post(post, EVENTS["3"])
    index(node, behind, {"4": EVENTS["4"]})
    index(node, f"{name}-x1", {"7": EVENTS["7"]})
    node.post("/_aliases", {"actions": [{"add": {"index": behind, "alias": f"{name}-alias"}}]})
    controller = Backfilling(
        tmp_path / "c", node, name, stream, f"{name}-alias", f"{name}-x*", f"{name}-none"
    )
    controller.publish(FIRST, *OTHERS)
    report = controller.poll()["backfill"]
    assert report["left_out"] == [] and report["events"] == 4
    assert sorted(map(sorted, found(node, stream).values())) == [[EVIL, WORSE], [EVIL, NET]]
    assert found(node, behind) == {"4": {URL}} and found(node, f"{name}-x1") == {"7": {NET}}
    revoked = {**FIRST, "revoked": True, "modified": "2026-11-28T00:00:00.000Z"}
    controller.publish(revoked, *OTHERS)
    controller.poll()
    assert sorted(map(sorted, found(node, stream).values())) == [[WORSE], [NET]]


def test_indices_that_take_no_changes_are_left_out(node, name, tmp_path):
    strict = {**MAPPING, "dynamic": "strict"}
    kinds = ["closed", "blocked", "strict", "sourceless", "partial", "open"]
    for kind in kinds:
        mapping = strict if kind == "strict" else MAPPING
        if kind == "sourceless":
            mapping = {**MAPPING, "_source": {"enabled": False}}
        if kind == "partial":
            mapping = {**MAPPING, "_source": {"excludes": ["secret"]}}
        events = {"2": {key: EVENTS["1"][key] for key in ("@timestamp", "url", "destination")}}
        index(node, f"{name}-{kind}", events, mapping=mapping)
    node.post(f"/{name}-closed/_close")
    node.put(f"/{name}-blocked/_settings", {"index.blocks.write": True})
    controller = Backfilling(tmp_path / "c", node, name, f"{name}-*")
    controller.publish(FIRST)
    report = controller.poll(expect=3)
    left_out = {each["index"]: each["reason"] for each in report["backfill"]["left_out"]}
    assert set(left_out) == {f"{name}-{kind}" for kind in kinds[:-1]}
    assert "closed" in left_out[f"{name}-closed"]
    assert "index.blocks.write" in left_out[f"{name}-blocked"]
    assert "strict" in left_out[f"{name}-strict"]
    assert "_source" in left_out[f"{name}-sourceless"]
    assert "leaves fields out" in left_out[f"{name}-partial"]
    assert found(node, f"{name}-open") == {"2": {EVIL}}
    kinds_of = {each["kind"] for each in controller.status()["conditions"]}
    assert kinds_of == {"index_left_out"}
    # Once an index takes changes, nothing of it is missing.
    node.post(f"/{name}-closed/_open?wait_for_active_shards=1")
    node.put(f"/{name}-blocked/_settings", {"index.blocks.write": None})
    controller.poll(expect=3)
    assert found(node, f"{name}-closed") == {"2": {EVIL}}
    assert found(node, f"{name}-blocked") == {"2": {EVIL}}


def test_the_index_of_the_superseded_scripts(node, name, tmp_path):
    """Checks an index as they made it: dynamic mapping, the request in a text with a keyword."""
    line = "1795322415.357 0 10.1.2.3 TCP_MISS/200 603 GET {} - HIER_DIRECT/{} text/html"
    requests = [
        ("http://www.evil.example/", "192.0.2.1"),
        ("http://good.example/", "203.0.112.7"),
        ("http://page.example/a", "192.0.2.1"),
        ("http://good.example/" + 300 * "z", "192.0.2.1"),
        ("c2.evil.example:443", "192.0.2.1"),
    ]
    events = {
        str(number): {
            "@timestamp": "2026-11-20T12:00:00Z",
            "message": line.format(request, address),
            "request": request,
            "clientip": "10.1.2.3",
        }
        for number, (request, address) in enumerate(requests)
    }
    index(node, name, events, mapping={})
    controller = Backfilling(tmp_path / "c", node, name, name)
    controller.publish(FIRST, *OTHERS)
    controller.poll()
    assert found(node, name) == {"0": {EVIL, WORSE}, "1": {NET}, "2": {URL}, "4": {EVIL}}


# Trouble.


def test_a_second_controller_is_refused(node, name, tmp_path):
    index(node, name)
    first, second = (Backfilling(tmp_path / which, node, name, name) for which in "ab")
    first.publish(FIRST)
    second.publish(*OTHERS)
    first.poll()
    report = second.poll(expect=3)
    assert "another controller holds" in report["backfill"]["refused"]
    assert [each["kind"] for each in report["conditions"]] == ["cluster_taken"]
    assert found(node, name) == {"1": {EVIL}, "3": {EVIL}}
    second.backfill("--take-over")
    assert second.poll()["conditions"] == []
    assert "another controller holds" in first.poll(expect=3)["backfill"]["refused"]
    assert {EVIL, WORSE} == found(node, name)["1"]


def test_a_copy_of_the_state_is_refused(node, name, tmp_path):
    index(node, name)
    controller = Backfilling(tmp_path / "c", node, name, name)
    controller.publish(FIRST)
    controller.poll()
    saved = (tmp_path / "c/state/state.db").read_bytes()
    controller.poll()
    controller.poll()
    (tmp_path / "c/state/state.db").write_bytes(saved)
    assert "another controller holds" in controller.poll(expect=3)["backfill"]["refused"]


def test_events_that_a_pipeline_could_not_check(node, name, tmp_path):
    marked = {**EVENTS["1"], "threatsieve": {"unchecked": "no-blacklist"}}
    clean = {**EVENTS["2"], "threatsieve": {"unchecked": "no-blacklist"}}
    index(node, name, {"1": marked, "2": clean})
    controller = Backfilling(tmp_path / "c", node, name, name)
    controller.publish(FIRST)
    controller.poll()
    events = stored(node, name)
    assert flagged(events["1"]) == {EVIL} and "unchecked" not in events["1"]["threatsieve"]
    assert events["2"] == EVENTS["2"]


def test_a_range_asked_for_by_an_operator(node, name, tmp_path):
    index(node, name)
    controller = Backfilling(tmp_path / "c", node, name, name)
    controller.publish(FIRST, *OTHERS)
    controller.poll()
    # Somebody removed all flags.
    for number, event in EVENTS.items():
        node.put(f"/{name}/_doc/{number}?refresh=true", event)
    (estimate,) = controller.backfill("--dry-run", "--since", "2026-11-04")["indices"]
    assert (estimate["way"], estimate["events"]) == ("query", 6)
    controller.backfill("--since", "2026-11-04", "--index", name, "--way", "scan")
    assert found(node, name) == {number: WANTED[number] for number in ("3", "4", "7", "8")}


def test_a_flag_that_cannot_be_taken_back_yet_waits(node, name, tmp_path):
    index(node, name, {number: EVENTS[number] for number in ("1", "2")})
    controller = Backfilling(tmp_path / "c", node, name, name)
    controller.publish(FIRST, *OTHERS)
    controller.poll()
    node.put(f"/{name}/_settings", {"index.blocks.write": True})
    controller.run("retract", EVIL, "--reason", "wrong")
    report = controller.poll(expect=3)["backfill"]
    assert (report["retracted"], report["retractions_left"]) == (0, 1)
    assert "cluster_block_exception" in report["retraction_error"]
    assert flagged(stored(node, name)["1"]) == {EVIL, WORSE}
    node.put(f"/{name}/_settings", {"index.blocks.write": None})
    # Another retraction of the same event does not wait for the next attempt.
    controller.run("retract", WORSE, "--reason", "wrong too")
    report = controller.poll()["backfill"]
    assert (report["retracted"], report["retractions_left"]) == (1, 0)
    event = stored(node, name)["1"]
    assert "indicator" not in event and len(event["threatsieve"]["retractions"]) == 2


def test_what_was_allowed_before_its_flag_was_followed(node, name, tmp_path):
    """Checks that a flag of the pipeline goes untold if a list allows its value, or a warninglist
    of the feed knows it, before a round has followed the event.
    """
    index(node, name, {"0": event(1, "good.example")})
    controller = Backfilling(tmp_path / "c", node, name, name, push=True)
    allowed = program.write(tmp_path / "c/allowed.txt", "unrelated.example")
    harmless = program.write(tmp_path / "c/harmless.txt", "unrelated.example")
    controller.tables["feeds"]["policy.allow"] = ["harmless.txt"]
    controller.more = (
        '[[feeds]]\nname = "ours"\ntype = "path"\npath = "allowed.txt"\nrole = "allow"'
    )
    controller.write()
    controller.publish(FIRST, stix.indicator(2, "[domain-name:value = 'worse.example']"))
    controller.poll()
    pushing.set_pipeline(node, name, blacklist=name)
    hosts = {"1": "evil.example", "2": "worse.example", "3": "www.evil.example"}
    node.bulk(name, [event(1, host) for host in hosts.values()], name, list(hosts))
    assert found(node, name) == {"1": {EVIL}, "2": {WORSE}, "3": {EVIL}}
    program.write(allowed, "unrelated.example", "www.evil.example")
    program.write(harmless, "unrelated.example", "worse.example")
    for _ in range(2):
        controller.poll()
    assert found(node, name) == {"1": {EVIL}}
    assert controller.told() == 1
    reasons = {
        number: each["threatsieve"]["retractions"][0]["reason"]
        for number, each in stored(node, name).items()
        if number in ("2", "3")
    }
    assert reasons["3"] == "allowed by www.evil.example"
    assert "harmless.txt" in reasons["2"]


def test_what_a_pipeline_flagged_is_not_written_again(node, name, tmp_path):
    """Checks that a backfill over events that a pipeline flagged finds nothing to change."""
    controller = Backfilling(tmp_path / "c", node, name, name, push=True)
    controller.publish(FIRST, *OTHERS)
    controller.poll()
    pushing.set_pipeline(node, name, blacklist=name)
    node.put(f"/{name}", {"mappings": MAPPING})
    node.bulk(name, list(EVENTS.values()), name, list(EVENTS))
    before = stored(node, name)
    assert found(node, name) == WANTED
    for way in ("query", "values", "scan"):
        (done,) = controller.backfill("--index", name, "--way", way)["indices"]
        assert (done["flagged"], done["done"]) == (0, True), way
    assert stored(node, name) == before
