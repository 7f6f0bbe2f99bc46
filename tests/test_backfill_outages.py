"""Stored events of two nodes that run no scripts and take only small requests: a primary is killed,
a shard is missing, requests are refused, indices are restored and copied.
"""

import itertools
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from tests import engines, pushing, stix
from tests.backfilling import Backfilling, claims, flagged
from tests.engines import Node
from tests.test_backfill import EVIL, FIRST, MAPPING, OTHERS, event, stored
from tests.traffic import Traffic

NUMBERS = itertools.count(1)
REPOSITORY = "backup"


@pytest.fixture(scope="module")
def cluster():
    """A node that leads, and one that may be killed."""
    backup = Path(tempfile.mkdtemp(prefix="threatsieve-backup-"))
    backup.chmod(0o777)
    settings = {
        "script.allowed_types": "none",
        "indexing_pressure.memory.limit": "600kb",
        "path.repo": [str(backup)],
    }
    roles = [None, ["data", "ingest"]]
    plugins = [engines.plugin("3.8.0")]
    with engines.cluster(
        "3.8.0", nodes=2, roles=roles, plugins=plugins, settings=settings
    ) as cluster:
        repository = {"type": "fs", "settings": {"location": str(backup)}}
        cluster[0].put(f"/_snapshot/{REPOSITORY}", repository)
        yield cluster
    shutil.rmtree(backup)


@pytest.fixture
def leader(cluster, tmp_path) -> Node:
    claims(cluster[0], tmp_path)
    return cluster[0]


@pytest.fixture
def name() -> str:
    return f"outage-{next(NUMBERS)}"


def filled(node: Node, index: str, events: list[dict], only_on: Node | None = None) -> None:
    """Creates an index with these events, whose ids the node makes."""
    settings = {"number_of_shards": 1, "number_of_replicas": 0}
    if only_on is not None:
        settings["index.routing.allocation.require._name"] = only_on.name
    node.put(f"/{index}", {"mappings": MAPPING, "settings": settings})
    for start in range(0, len(events), 50):
        node.bulk(index, events[start : start + 50])


def wait_until_green(node: Node) -> None:
    node.get("/_cluster/health?wait_for_status=green&timeout=60s")


def test_a_killed_primary_loses_no_flag_and_repeats_none(cluster, leader, name, tmp_path):
    _, other = cluster
    controller = Backfilling(tmp_path / "c", leader, name, f"{name}*", push=True)
    controller.tables["opensearch"]["hosts"] = [other.url, leader.url]
    controller.write()
    controller.publish(FIRST)
    controller.poll()
    pushing.set_pipeline(leader, name, blacklist=name, stamp="all")
    filled(leader, f"{name}-alone", [event(1, "evil.example")], only_on=other)
    live = f"{name}-live"
    with Traffic(cluster, live, name, "evil.example", pause=0.1) as traffic:
        (primary,) = [
            each["node"]
            for each in leader.get(f"/_cat/shards/{live}?format=json")
            if each["prirep"] == "p"
        ]
        if primary != other.name:
            cancel = {"index": live, "shard": 0, "node": primary, "allow_primary": True}
            leader.post("/_cluster/reroute", {"commands": [{"cancel": cancel}]})
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            controller.poll(expect=None)
        other.kill()
        report = controller.poll(expect=None)["backfill"]
        left_out = {each["index"]: each["reason"] for each in report["left_out"]}
        assert "no primary" in left_out[f"{name}-alone"], left_out
        controller.poll(expect=None)
        other.start(nodes=2)
        controller.poll(expect=None)
        time.sleep(1)
    wait_until_green(leader)
    controller.poll(expect=None)
    controller.poll()
    assert controller.poll()["backfill"]["events"] == 0
    assert flagged(next(iter(stored(leader, f"{name}-alone").values()))) == {EVIL}
    flags = traffic.account(blacklist=name)["flagged"]
    assert flags > 100
    assert controller.told() == flags + 1


def test_retraction_without_scripts(leader, name, tmp_path):
    """Checks that flags go where the cluster runs no scripts, and that others' fields stay."""
    one = {**event(1, "www.evil.example"), "labels": {"a": 1}, "threat": {"note": "of others"}}
    filled(leader, name, [one])
    controller = Backfilling(tmp_path / "c", leader, name, name)
    controller.publish(FIRST, *OTHERS)
    controller.poll()
    (before,) = stored(leader, name).values()
    assert flagged(before) == {EVIL, stix.identifier(2)}
    controller.publish({**FIRST, "revoked": True, "modified": "2026-11-29T00:00:00Z"}, *OTHERS)
    for _ in range(2):
        controller.poll()
    (after,) = stored(leader, name).values()
    assert flagged(after) == {stix.identifier(2)}
    (retraction,) = after["threatsieve"]["retractions"]
    assert retraction["indicator"] == EVIL
    assert after["labels"] == {"a": 1} and after["threat"]["note"] == "of others"
    controller.run("retract", stix.identifier(2), "--reason", "wrong")
    report = controller.poll()["backfill"]
    assert (report["retracted"], report["retractions_left"]) == (1, 0)
    (after,) = stored(leader, name).values()
    ours = ("indicator", "threatsieve", "threat")
    assert {key: value for key, value in after.items() if key not in ours} == {
        key: value for key, value in one.items() if key not in ours
    }
    assert after["threat"] == one["threat"] and "indicator" not in after


def test_requests_that_are_too_much_become_smaller(cluster, leader, name, tmp_path):
    def rejections() -> int:
        nodes = leader.get("/_nodes/stats/indexing_pressure")["nodes"].values()
        return sum(
            each["indexing_pressure"]["memory"]["total"]["coordinating_rejections"]
            for each in nodes
        )

    before = rejections()
    filled(leader, name, [event(number, "evil.example") for number in range(500)])
    controller = Backfilling(tmp_path / "c", leader, name, name)
    objects = [
        stix.indicator(number, "[domain-name:value = 'evil.example']", name=1000 * "x")
        for number in (1, 2, 3)
    ]
    controller.publish(*objects)
    controller.poll()
    wanted = {each["id"] for each in objects}
    assert [flagged(each) for each in stored(leader, name).values()] == 500 * [wanted]
    assert controller.told() == 500
    assert rejections() > before


def test_restored_and_copied_indices(leader, name, tmp_path):
    """Checks that nothing is told again when an index is restored or copied, and that flags which
    come back with it go again.
    """
    hosts = ["www.evil.example", "evil.example", "good.example"]
    filled(leader, name, [event(1, host) for host in hosts])
    controller = Backfilling(tmp_path / "c", leader, name, f"{name}*")
    controller.publish(FIRST, *OTHERS)
    controller.poll()
    assert controller.told() == 2
    snapshot = f"/_snapshot/{REPOSITORY}/{name}"
    leader.put(f"{snapshot}?wait_for_completion=true", {"indices": name})
    # The copies keep the ids that the node made.
    leader.put(f"/{name}/_settings", {"index.blocks.write": True})
    copied = {"settings": {"index.blocks.write": None, "index.number_of_replicas": 0}}
    leader.post(f"/{name}/_clone/{name}-copy", copied)
    leader.put(f"/{name}/_settings", {"index.blocks.write": None})
    report = controller.poll()["backfill"]
    assert (report["events"], report["matches"]) == (0, 0)
    controller.run("retract", EVIL, "--reason", "wrong")
    for _ in range(2):
        controller.poll()
    kept = [set(), set(), {stix.identifier(2)}]
    for one in (name, f"{name}-copy"):
        assert sorted(map(flagged, stored(leader, one).values()), key=len) == kept
    # The flags that were taken back come back from the snapshot.
    leader.post(f"/{name}/_close")
    leader.post(f"{snapshot}/_restore?wait_for_completion=true", {"indices": name})
    wait_until_green(leader)
    for _ in range(2):
        controller.poll()
    assert sorted(map(flagged, stored(leader, name).values()), key=len) == kept
    assert controller.told() == 2
    # An index that is deleted and filled again has new events.
    leader.delete(f"/{name}")
    filled(leader, name, [event(1, host) for host in hosts])
    controller.poll()
    assert controller.told() == 3


def test_an_index_that_takes_no_more_changes(leader, name, tmp_path):
    """Checks that a block that comes meanwhile, as a full disk sets it, ends the work on the index
    until it is gone.
    """
    filled(leader, name, [event(number, "www.evil.example") for number in range(100)])
    controller = Backfilling(tmp_path / "c", leader, name, name)
    controller.publish(FIRST, *OTHERS)
    leader.put(f"/{name}/_settings", {"index.blocks.read_only_allow_delete": True})
    report = controller.poll(expect=3)["backfill"]
    (left_out,) = report["left_out"]
    assert "index.blocks.read_only_allow_delete" in left_out["reason"], left_out
    assert controller.told() == 0
    leader.put(f"/{name}/_settings", {"index.blocks.read_only_allow_delete": None})
    controller.poll()
    assert controller.told() == 100


def test_without_the_index_of_claims(leader, name, tmp_path):
    filled(leader, name, [event(1, "evil.example")])
    leader.delete("/threatsieve-claims")
    controller = Backfilling(tmp_path / "c", leader, name, name)
    controller.publish(FIRST)
    (error,) = controller.poll(expect=2)["errors"]
    assert "threatsieve opensearch template --put" in error
