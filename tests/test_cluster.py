"""Three real nodes of 3.8 under bulk traffic: pushes, restarts, nodes that join late, upgrades.

No event may be lost, and each must be checked or marked as unchecked.
"""

import io
import itertools
import re
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import engines, pushing
from tests.engines import Refused
from tests.pushing import (
    ENDPOINT,
    built,
    event,
    generation,
    is_flagged,
    push,
    states,
    unchecked,
    wait_for_generation,
)
from tests.traffic import Traffic

EVIL = "evil.example"
GENERATIONS = itertools.count(1)
"""Generations of this module's only blacklist."""


@pytest.fixture(scope="module")
def cluster():
    with engines.cluster("3.8.0", nodes=3, plugins=[engines.plugin("3.8.0")]) as cluster:
        pushing.set_pipeline(cluster[0], "flag", stamp="all")
        yield cluster


@pytest.fixture
def pushed(cluster, tmp_path):
    """Pushes the next generation and returns its number. All nodes serve it."""
    number = next(GENERATIONS)
    answer = push(cluster[0], built(tmp_path, [EVIL], generation=number), query="allow_shrink=true")
    assert answer["acknowledged"], answer
    return number


def settled(cluster: engines.Cluster) -> None:
    """Waits until every shard has its copies again, so that the next node may stop."""
    # Without this setting, OpenSearch waits a minute before it replaces the copies of a node that
    # left.
    cluster[0].put(
        "/_all/_settings?expand_wildcards=all", {"index.unassigned.node_left.delayed_timeout": "0s"}
    )
    try:
        cluster[0].get(
            "/_cluster/health?wait_for_status=green&wait_for_no_initializing_shards=true"
            "&timeout=60s"
        )
    except Refused as error:
        recoveries = cluster[0].get("/_recovery?active_only=true")
        shards = [
            each
            for each in cluster[0].get("/_cat/shards?format=json")
            if each["state"] != "STARTED"
        ]
        raise AssertionError(f"{error}\nshards: {shards}\nrecoveries: {recoveries}") from None


def test_a_push_to_any_node_reaches_all(cluster, tmp_path):
    for coordinator in cluster:
        number = next(GENERATIONS)
        answer = push(
            coordinator, built(tmp_path, [EVIL, f"new-{number}.example"], generation=number)
        )
        assert answer["acknowledged"], answer
        assert {
            each["name"]: each["generation"] for each in answer["nodes"].values()
        } == dict.fromkeys((node.name for node in cluster), number)
        for node in cluster:
            node.bulk(
                f"pushed-{number}",
                [event(f"a.new-{number}.example"), event("good.example")],
                "flag",
                ids=["bad", "good"],
            )
            found = node.documents(f"pushed-{number}")
            assert [(is_flagged(one), generation(one)) for one in found] == [
                (True, number),
                (False, number),
            ]


def test_a_node_restarted_under_traffic(cluster, pushed):
    settled(cluster)
    with Traffic(cluster, "restarted", "flag", EVIL) as traffic:
        time.sleep(2)
        for how in ("stop", "kill"):
            getattr(cluster[1], how)()
            time.sleep(2)
            cluster[1].start(nodes=3)
            wait_for_generation(cluster[0], [cluster[1].name], pushed)
        time.sleep(1)
    counts = traffic.account()
    assert counts["flagged"] and traffic.repeats, (counts, traffic.repeats)


def test_a_node_restarted_during_pushes(cluster, tmp_path):
    settled(cluster)
    files = [
        built(
            tmp_path,
            [EVIL, *(f"host-{n}.example" for n in range(20_000))],
            generation=next(GENERATIONS),
        )
        for _ in range(12)
    ]
    answers = []

    def push_all() -> None:
        for file in files:
            answers.append(push(cluster[0], file))
            time.sleep(1)

    with Traffic([cluster[0], cluster[1]], "pushed-under-way", "flag", EVIL) as traffic:
        pusher = threading.Thread(target=push_all)
        pusher.start()
        answers_before = len(answers)
        time.sleep(1.5)
        cluster[2].stop()
        cluster[2].start(nodes=3)
        pusher.join()
    newest = int(re.search(r"-(\d+)\.blacklist$", files[-1].name)[1])
    wait_for_generation(cluster[0], [node.name for node in cluster], newest)
    assert len(answers) == len(files) > answers_before
    # The nodes that ran all the time always acknowledged.
    for answer in answers:
        by_name = {each["name"]: each for each in answer["nodes"].values()}
        assert all(by_name[node.name]["state"] == "serving" for node in cluster[:2]), answer
    assert traffic.account()["flagged"]


def test_a_node_that_joins_later_catches_up(cluster, pushed):
    settled(cluster)
    late = cluster.add(roles=["ingest"])
    try:
        # From its first answer on, the event is either checked or marked as unchecked.
        late.bulk("late", [event(EVIL)], "flag", ids=["first"])
        first = late.documents("late")[0]
        assert is_flagged(first) != bool(unchecked(first)), first
        wait_for_generation(cluster[0], [late.name], pushed)
        late.bulk("late", [event(EVIL)], "flag", ids=["second"])
        assert is_flagged(late.documents("late")[1])
    finally:
        cluster.drop(late)


def test_a_node_without_the_ingest_role(cluster, pushed):
    """Forwards events to nodes with the role. A push does not wait for such a node, but the node
    loads what is pushed, for searches.
    """
    settled(cluster)
    plain = cluster.add(roles=["data"])
    try:
        wait_for_generation(cluster[0], [plain.name], pushed)
        plain.bulk(
            "through-plain", [event(EVIL), event("good.example")], "flag", ids=["bad", "good"]
        )
        assert [is_flagged(one) for one in plain.documents("through-plain")] == [True, False]
        answer = push(plain, built(plain.folder, [EVIL], generation=next(GENERATIONS)))
        assert answer["acknowledged"] and plain.name not in {
            each["name"] for each in answer["nodes"].values()
        }, answer
        wait_for_generation(cluster[0], [plain.name], answer["generation"])
        # The event is on this node alone, and so is the search.
        settings = {"index.routing.allocation.require._name": plain.name, "number_of_replicas": 0}
        mappings = {"properties": {"url.domain": {"type": "keyword"}}}
        plain.put("/on-plain", {"settings": settings, "mappings": mappings})
        plain.bulk("on-plain", [event(EVIL), event("good.example")])
        query = {"threat_match": {"fields": ["url.domain"]}}
        assert plain.count("on-plain", query) == cluster[0].count("on-plain", query) == 1
        # A temporary blacklist is for searches, so its push waits for this node.
        temporary = push(plain, built(plain.folder, [EVIL], "_new-default"), "_new-default")
        assert temporary["acknowledged"]
        assert {each["name"] for each in temporary["nodes"].values()} == {
            node.name for node in cluster
        }
        query["threat_match"]["blacklist"] = "_new-default"
        assert plain.count("on-plain", query) == 1
        gone = plain.delete(f"{ENDPOINT}/_new-default")
        assert gone["acknowledged"] and len(gone["nodes"]) == len(cluster)
        plain.delete("/on-plain")
    finally:
        cluster.drop(plain)


def upgraded(folder: Path, contract: int | None = None) -> Path:
    """Returns the same plugin with a later version number.

    With `contract`, its library has another version of the contract with Java.
    """
    target = folder / f"upgraded-{contract}.zip"

    def change(name: str, content: bytes) -> bytes:
        if name == "plugin-descriptor.properties":
            return re.sub(rb"^version=.*$", b"version=99.0.0", content, flags=re.MULTILINE)
        if name.endswith(".jar"):
            return rewritten(
                content,
                lambda name, content: content.replace(
                    b"Implementation-Version: 0.", b"Implementation-Version: 99."
                ),
            )
        if name == "libthreatsieve.so" and contract is not None:
            return library_of_contract(folder, contract)
        return content

    target.write_bytes(rewritten(engines.plugin("3.8.0").read_bytes(), change))
    return target


def rewritten(archive: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """Returns a copy of a zip, with each file replaced by the result of `change`."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            new.writestr(item, change(item.filename, old.read(item)))
    return target.getvalue()


def library_of_contract(folder: Path, contract: int) -> bytes:
    """Returns a library whose only function returns the number of its contract."""
    source = (
        "int Java_org_threatsieve_core_matcher_Native_contract(void *environment, void *native) "
        f"{{ return {contract}; }}"
    )
    target = folder / "other.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(target)],
        input=source.encode(),
        check=True,
    )
    return target.read_bytes()


def test_a_rolling_upgrade_keeps_serving(cluster, pushed, tmp_path):
    settled(cluster)
    newer = upgraded(tmp_path)
    with Traffic(cluster, "upgraded", "flag", EVIL) as traffic:
        for number, node in enumerate(cluster):
            node.stop()
            node.install(newer)
            node.start(nodes=3)
            wait_for_generation(cluster[0], [node.name], pushed)
            versions = [each["version"] for each in cluster[0].get(ENDPOINT)["nodes"].values()]
            assert [version.startswith("99.") for version in versions].count(True) == number + 1, (
                versions
            )
            settled(cluster)
            if number == 0:
                # In the middle of the upgrade, a push reaches both versions.
                pushed = next(GENERATIONS)
                assert push(cluster[2], built(tmp_path, [EVIL], generation=pushed))["acknowledged"]
    assert traffic.account()["flagged"]


def test_a_library_of_another_contract_is_refused_and_the_node_lives(cluster, pushed, tmp_path):
    settled(cluster)
    node = cluster[2]
    node.stop()
    node.install(upgraded(tmp_path, contract=999))
    node.start(nodes=3)
    try:
        assert node.wait_log(r"speaks contract 999")
        node.bulk(
            "other-contract", [event(EVIL), event("good.example")], "flag", ids=["bad", "good"]
        )
        assert all(unchecked(one) for one in node.documents("other-contract"))
        state = states(cluster[0])[node.name]
        assert state["state"] == "failed" and "999" in state["reason"], state
        # The other nodes continue, and a push reports the fault of this one.
        answer = push(cluster[0], built(tmp_path, [EVIL], generation=next(GENERATIONS)))
        by_name = {each["name"]: each for each in answer["nodes"].values()}
        assert not answer["acknowledged"] and "999" in by_name[node.name]["reason"], answer
        assert all(by_name[other.name]["state"] == "serving" for other in cluster[:2]), answer
    finally:
        node.stop()
        node.install(engines.plugin("3.8.0"))
        node.start(nodes=3)
