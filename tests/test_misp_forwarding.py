"""Sends the indicators of feeds to the MISP test double, and compares what it holds with the feeds,
item by item.
"""

import itertools
import os

import pytest

from tests import misp, program, stix, stix1
from tests.forwarding import Forwarding, active
from tests.stix import TLP

SEEDS = 200 if os.environ.get("THREATSIEVE_ENDURANCE") == "full" else 20
TLP_TAGS = ("tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red")


@pytest.fixture
def server():
    with misp.running() as double:
        double.tag(*TLP_TAGS, 'misp:confidence-level="usually-confident"')
        yield double
        assert double.errors == []


@pytest.fixture
def listed(server, tmp_path):
    """A list of domains that goes to the server."""
    program.write(tmp_path / "list.txt", "a.example", "b.example", "c.example")
    feed = {"name": "list", "type": "path", "path": "list.txt", "max_shrink": 1.0}
    return Forwarding(tmp_path, server, feed)


def write(forwarding: Forwarding, *values: str) -> None:
    program.write(forwarding.folder / "list.txt", *values)


def test_every_value_arrives_once(listed):
    report = listed.forward()
    assert (report["sent"], report["attributes"], report["waiting"]) == (1, 3, 0)
    assert listed.held() == active("domain", "a.example", "b.example", "c.example")
    (event,) = listed.server.events()
    assert (event["published"], event["distribution"]) == (False, 0)
    writes = listed.writes()
    assert listed.forward()["sent"] == 0
    assert listed.writes() == writes


def test_values_of_every_type_have_their_type(server, tmp_path):
    values = {
        "a.example": "domain", "1.2.3.4": "ip-dst", "2001:db8:1::5": "ip-dst",
        "198.51.0.0/24": "ip-dst", "http://b.example/x?y=1": "url", "d" * 32: "md5",
        "e" * 40: "sha1", "f" * 64: "sha256", "x@c.example": "email-src",
    }  # fmt: skip
    program.write(tmp_path / "list.txt", *values)
    feed = {"name": "list", "type": "path", "path": "list.txt"}
    forwarding = Forwarding(tmp_path, server, feed)
    program.write(
        forwarding.path, forwarding.path.read_text(), "[blacklist]", "accept_special = true"
    )
    forwarding.forward()
    assert {value: kind for kind, value in forwarding.held()} == values


def test_what_leaves_the_feed_is_withdrawn_and_comes_back(listed):
    listed.forward()
    write(listed, "a.example", "d.example")
    listed.forward()
    off = {("domain", value): (False, False) for value in ("b.example", "c.example")}
    assert listed.held() == active("domain", "a.example", "d.example") | off
    write(listed, "a.example", "b.example")
    listed.forward()
    assert listed.held()["domain", "b.example"] == (True, False)
    assert listed.held()["domain", "d.example"] == (False, False)


def test_what_leaves_the_feed_is_deleted_if_so_configured(server, tmp_path):
    program.write(tmp_path / "list.txt", "a.example", "b.example")
    feed = {"name": "list", "type": "path", "path": "list.txt", "max_shrink": 1.0}
    forwarding = Forwarding(tmp_path, server, feed, withdraw="delete")
    forwarding.forward()
    write(forwarding, "a.example")
    forwarding.forward()
    assert forwarding.held()["domain", "b.example"][1] is True
    write(forwarding, "a.example", "b.example")
    forwarding.forward()
    assert forwarding.held() == active("domain", "a.example", "b.example")


def test_loose_indicators_go_to_events_of_a_thousand(server, tmp_path):
    values = [f"h{number}.example" for number in range(2500)]
    program.write(tmp_path / "list.txt", *values)
    feed = {"name": "list", "type": "path", "path": "list.txt"}
    forwarding = Forwarding(tmp_path, server, feed)
    assert forwarding.forward()["sent"] == 3
    assert forwarding.held() == active("domain", *values)
    assert sorted(one["attributes"] for one in server.events()) == [500, 1000, 1000]
    write(forwarding, *values, "late.example")
    forwarding.forward()
    assert sorted(one["attributes"] for one in server.events()) == [501, 1000, 1000]


def test_a_report_is_one_event_with_its_name_marking_and_threats(server, tmp_path):
    objects = [
        stix.indicator(1, "[domain-name:value = 'a.example']", confidence=80),
        stix.indicator(
            2, "[ipv4-addr:value = '1.2.3.4']", object_marking_refs=[TLP["amber"]]
        ),
        stix.indicator(3, "[domain-name:value = 'loose.example']"),
        {
            "type": "report", "spec_version": "2.1", "id": stix.identifier(1, "report"),
            "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
            "name": "Campaign of spring", "published": "2026-01-01T00:00:00Z",
            "object_refs": [stix.identifier(1), stix.identifier(2)],
        },
        {
            "type": "malware", "spec_version": "2.1", "id": stix.identifier(1, "malware"),
            "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
            "name": "Poison Ivy", "is_family": True,
        },
        {
            "type": "relationship", "spec_version": "2.1",
            "id": stix.identifier(1, "relationship"), "created": "2026-01-01T00:00:00.000Z",
            "modified": "2026-01-01T00:00:00.000Z", "relationship_type": "indicates",
            "source_ref": stix.identifier(1), "target_ref": stix.identifier(1, "malware"),
        },
    ]  # fmt: skip
    stix.write(tmp_path / "bundle.json", *objects)
    feed = {"name": "partner", "type": "path", "path": "bundle.json"}
    forwarding = Forwarding(tmp_path, server, feed, key=server.key_of("sync"))
    forwarding.forward()
    events = {one["info"]: one for one in server.events()}
    assert len(events) == 2
    assert events["Campaign of spring"]["attributes"] == 2
    assert "tlp:amber" in events["Campaign of spring"]["tags"]
    tags = {one["value"]: one["tags"] for one in server.attributes()}
    assert any("Poison Ivy" in tag for tag in tags["a.example"]), tags
    # A new name of the report is a new title.
    objects[3] |= {"name": "Campaign of summer", "modified": "2026-01-02T00:00:00.000Z"}
    stix.write(tmp_path / "bundle.json", *objects)
    forwarding.forward()
    assert "Campaign of summer" in {one["info"] for one in server.events()}
    assert len(server.events()) == 2


def test_a_package_of_stix_1_is_one_event(server, tmp_path):
    (tmp_path / "packages").mkdir()
    for name, domains in {"one": ["a.example", "b.example"], "two": ["c.example"]}.items():
        text = stix1.of_domains(f"e:{name}", *domains)
        (tmp_path / "packages" / f"{name}.xml").write_text(text, encoding="utf-8")
    feed = {"name": "old", "type": "path", "path": "packages"}
    forwarding = Forwarding(tmp_path, server, feed)
    forwarding.forward()
    assert forwarding.held() == active("domain", "a.example", "b.example", "c.example")
    assert sorted(one["attributes"] for one in server.events()) == [1, 2]


def test_events_are_published_when_they_are_complete_and_again_after_a_change(server, tmp_path):
    program.write(tmp_path / "list.txt", "a.example")
    feed = {
        "name": "list", "type": "path", "path": "list.txt",
        "misp": [{"server": "soc", "publish": True, "distribution": "community"}],
    }  # fmt: skip
    forwarding = Forwarding(tmp_path, server, feed)
    forwarding.forward_all()
    (event,) = server.events()
    assert (event["published"], event["distribution"]) == (True, 1)
    write(forwarding, "a.example", "b.example")
    forwarding.forward_all()
    (event,) = server.events()
    assert event["published"] and event["attributes"] == 2


def test_a_missing_tlp_tag_stops_publication(server, tmp_path):
    server.state.tags.clear()
    server.state.tag_names.clear()
    stix.write(
        tmp_path / "bundle.json",
        stix.indicator(1, "[domain-name:value = 'a.example']", object_marking_refs=[TLP["red"]]),
    )
    feed = {
        "name": "partner", "type": "path", "path": "bundle.json",
        "misp": [{"server": "soc", "publish": True}],
    }  # fmt: skip
    forwarding = Forwarding(tmp_path, server, feed)
    forwarding.forward(expect=program.REMOTE)
    (event,) = server.events()
    assert not event["published"]
    assert not any("/events/publish" in one.path for one in server.requests)
    assert "tlp:red" in forwarding.failed()[0]["reason"]
    # An administrator makes the tag.
    server.tag(*TLP_TAGS)
    forwarding.forward_all()
    (event,) = server.events()
    assert event["published"] and "tlp:red" in event["tags"]


def test_a_dead_worker_is_an_alarm(server, tmp_path):
    server.state.is_worker_alive = False
    program.write(tmp_path / "list.txt", "a.example")
    feed = {
        "name": "list", "type": "path", "path": "list.txt",
        "misp": [{"server": "soc", "publish": True}],
    }  # fmt: skip
    forwarding = Forwarding(tmp_path, server, feed, publish_within="1s")
    forwarding.forward(expect=None)
    forwarding.forward(expect=program.REMOTE)
    assert "misp_unpublished" in forwarding.conditions()
    server.state.is_worker_alive = True
    forwarding.forward_all()
    assert server.events()[0]["published"]
    assert "misp_unpublished" not in forwarding.conditions()


@pytest.mark.parametrize("fault", ["auth", "permission", "login"])
def test_a_refused_key_pauses_the_server_and_keeps_its_queue(listed, fault):
    listed.server.fault(fault, times=None)
    report = listed.forward(expect=program.REMOTE)
    assert report["paused"] and report["waiting"] == 1
    assert "misp_paused" in listed.conditions()
    requests = len(listed.server.requests)
    listed.forward(expect=program.REMOTE)
    assert len(listed.server.requests) == requests, "a paused server is not asked"
    listed.server.clear()
    listed.run("misp", "resume", "soc")
    assert listed.forward()["sent"] == 1
    assert "misp_paused" not in listed.conditions()
    assert listed.held() == active("domain", "a.example", "b.example", "c.example")


def test_the_check_names_the_version_and_missing_rights(server, tmp_path):
    program.write(tmp_path / "list.txt", "a.example")
    feed = {
        "name": "list", "type": "path", "path": "list.txt",
        "misp": [{"server": "soc", "publish": True}],
    }  # fmt: skip
    forwarding = Forwarding(tmp_path, server, feed)
    assert "misp soc: MISP 2.5.1" in forwarding.run("config", "check")
    forwarding.use_key(server.key_of("user"))
    said = forwarding.run("config", "check", expect=program.REMOTE)
    assert "perm_publish" in said
    forwarding.use_key(server.key_of("disabled"))
    assert "misp soc: failed" in forwarding.run("config", "check", expect=program.REMOTE)
    assert server.events() == []


def test_an_operator_pauses_and_resumes(listed):
    listed.run("misp", "pause", "soc", "--reason", "upgrade")
    assert listed.forward(expect=program.REMOTE)["waiting"] == 1
    assert listed.server.requests == []
    listed.run("misp", "retry")
    listed.forward(expect=program.REMOTE)
    assert listed.server.requests == []
    listed.run("misp", "resume", "soc")
    assert listed.forward()["sent"] == 1


FAULTS = [
    ("reset", {}), ("reset", {"after": True}), ("404", {}), ("405", {}), ("413", {}), ("429", {}),
    ("500", {}), ("500", {"store": 1}), ("502", {}), ("503", {}), ("504", {"after": True}),
    ("half", {}), ("html", {}), ("html", {"after": True}), ("login", {}), ("auth", {}),
    ("permission", {}),
]  # fmt: skip


@pytest.mark.parametrize("at", ["/events/add", "/events/view", "/events/edit"])
@pytest.mark.parametrize(("fault", "settings"), FAULTS)
def test_after_any_fault_the_server_holds_what_the_feed_says(listed, fault, settings, at):
    if at == "/events/edit":
        listed.forward()
        write(listed, "a.example", "d.example", "e.example")
    listed.server.fault(fault, path=at, times=2, **settings)
    listed.forward(expect=None)
    listed.forward_all()
    wanted = active("domain", "a.example", "b.example", "c.example")
    if at == "/events/edit":
        wanted = active("domain", "a.example", "d.example", "e.example")
        wanted |= {("domain", value): (False, False) for value in ("b.example", "c.example")}
    assert listed.held() == wanted
    assert len(listed.server.events()) == 1


def test_a_server_that_is_down_gets_everything_later(listed):
    listed.server.down()
    assert listed.forward(expect=program.REMOTE)["error"]
    assert listed.forward(expect=None)["sent"] == 0
    listed.server.up()
    listed.forward_all()
    assert listed.held() == active("domain", "a.example", "b.example", "c.example")


def test_a_slow_answer_is_not_sent_twice(server, tmp_path):
    program.write(tmp_path / "list.txt", "a.example", "b.example")
    feed = {"name": "list", "type": "path", "path": "list.txt"}
    forwarding = Forwarding(tmp_path, server, feed, timeout="1s")
    server.fault("slow", path="/events/add", seconds=3)
    forwarding.forward(expect=program.REMOTE)
    forwarding.forward_all()
    assert forwarding.held() == active("domain", "a.example", "b.example")
    assert len(server.events()) == 1


def test_what_the_server_drops_is_listed_and_tried_again_on_request(listed):
    listed.server.fault("drop", times=None, values=["b.example"])
    # Only the round that sees it fails.
    assert listed.forward(expect=program.REMOTE)["refused"] == 1
    assert listed.forward()["refused"] == 0
    assert listed.held() == active("domain", "a.example", "c.example")
    (refused,) = listed.failed()
    assert (refused["value"], refused["state"]) == ("b.example", "refused")
    writes = listed.writes()
    listed.forward(expect=None)
    assert listed.writes() == writes, "a refused value is not sent in every round"
    listed.server.clear()
    listed.forward_all()
    assert listed.held() == active("domain", "a.example", "b.example", "c.example")
    assert listed.failed() == []


def test_what_is_refused_is_listed_also_if_the_event_waits_for_something_else(server, tmp_path):
    server.state.tags.clear()
    server.state.tag_names.clear()
    patterns = (f"[domain-name:value = '{name}.example']" for name in "ab")
    marked = {"object_marking_refs": [TLP["red"]]}
    stix.write(
        tmp_path / "bundle.json",
        *(stix.indicator(number, one, **marked) for number, one in enumerate(patterns, 1)),
    )
    feed = {"name": "partner", "type": "path", "path": "bundle.json"}
    forwarding = Forwarding(tmp_path, server, feed)
    server.fault("drop", times=None, values=["b.example"])
    assert forwarding.forward(expect=program.REMOTE)["refused"] == 1
    assert {one["state"] for one in forwarding.failed()} == {"waiting", "refused"}


def test_an_event_that_cannot_be_seen_is_listed(server, tmp_path):
    feed = {"name": "list", "type": "path", "path": "list.txt"}
    for name in ("other", "own"):
        (tmp_path / name).mkdir()
        program.write(tmp_path / name / "list.txt", "a.example")
    # The same feed of another organisation has the same event, which it shows to nobody.
    other = Forwarding(tmp_path / "other", server, feed, key=server.key_of("other"))
    other.forward()
    forwarding = Forwarding(tmp_path / "own", server, feed)
    assert forwarding.forward(expect=program.REMOTE)["uncertain"] == 1
    (listed,) = forwarding.failed()
    assert listed["state"] == "uncertain" and server.events()[0]["uuid"] in listed["reason"]
    assert "misp_stuck" in forwarding.conditions()


def test_feeds_go_to_the_servers_that_they_name_each_with_its_own_queue(server, tmp_path):
    with misp.running() as second:
        for name in ("one", "two"):
            program.write(tmp_path / f"{name}.txt", f"{name}.example")
        feeds = [
            {"name": "one", "type": "path", "path": "one.txt", "misp": ["soc", "second"]},
            {"name": "two", "type": "path", "path": "two.txt", "misp": ["second"]},
        ]
        forwarding = Forwarding(tmp_path, server, *feeds, others={"second": second})
        second.down()
        forwarding.forward(expect=program.REMOTE)
        assert forwarding.held() == active("domain", "one.example")
        second.up()
        forwarding.forward_all()
        values = sorted(one["value"] for one in second.attributes())
        assert values == ["one.example", "two.example"]


def test_the_policy_of_the_feed_decides_what_is_sent(server, tmp_path):
    stix.write(
        tmp_path / "bundle.json",
        stix.indicator(1, "[domain-name:value = 'high.example']", confidence=90),
        stix.indicator(2, "[domain-name:value = 'low.example']", confidence=10),
        stix.indicator(
            3, "[domain-name:value = 'red.example']", confidence=90,
            object_marking_refs=[TLP["red"]],
        ),
    )  # fmt: skip
    feed = {"name": "partner", "type": "path", "path": "bundle.json",
            "policy": {"min_confidence": 50}}  # fmt: skip
    forwarding = Forwarding(tmp_path, server, feed, max_tlp="AMBER")
    forwarding.forward()
    assert set(forwarding.held()) == {("domain", "high.example")}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_faults_lose_and_double_nothing(listed, seed):
    kinds = ["reset", "404", "429", "500", "502", "half", "html", "reset"]
    for number, kind in enumerate(kinds):
        listed.server.fault(
            kind, times=None, rate=0.15, seed=seed * 100 + number, path="/events",
            after=number == len(kinds) - 1,
        )  # fmt: skip
    contents = itertools.cycle(
        [["a.example", "b.example"], ["b.example", "c.example", "d.example"], ["a.example"]]
    )
    for values in itertools.islice(contents, 4):
        write(listed, *values)
        listed.run("misp", "retry")
        listed.forward(expect=None)
    listed.server.clear()
    write(listed, "a.example", "e.example")
    listed.forward_all()
    held = listed.held()
    on = {value for (_, value), (to_ids, deleted) in held.items() if to_ids and not deleted}
    assert on == {"a.example", "e.example"}
    assert set(held) <= {("domain", f"{letter}.example") for letter in "abcde"}
