"""Forced faults on a real node.

Whatever happens to the matcher, every event is indexed, says that it was not checked, and is
counted. The log reports the fault once.
"""

import contextlib
import functools
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import engines, program, pushing
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

EVIL = "evil.com"
EVENTS = 300
WARNING = "events are not checked against blacklist"


@functools.cache
def components() -> Path:
    """Returns the build folder with the machine code of the library's matcher.

    It also has the hostile components of the runner's tests.
    """
    with zipfile.ZipFile(engines.plugin("3.8.0")) as archive:
        library = archive.read("libthreatsieve.so")
    for found in program.ROOT.glob(
        "target/release/build/threatsieve-runner-*/out/matcher.checks.code"
    ):
        if library.count(found.read_bytes()) == 1:
            return found.parent
    raise AssertionError(
        "no matcher.checks.code below target/release/build is the one in the plugin's "
        "library: build both with make plugin"
    )


def with_component(version: str, component: str, folder: Path) -> Path:
    """Returns the released plugin with a hostile component's machine code in place of the
    matcher's.
    """
    matcher = (components() / "matcher.checks.code").read_bytes()
    hostile = (
        (components() / f"hostile/{component}.checks.code").read_bytes().ljust(len(matcher), b"\0")
    )
    target = folder / f"{component}-{version}.zip"
    with zipfile.ZipFile(engines.plugin(version)) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            new.writestr(item, old.read(item).replace(matcher, hostile))
    return target


def counters(node: engines.Node, name: str) -> dict:
    """Returns the node's counters for a blacklist."""
    (state,) = node.get(f"{ENDPOINT}/{name}")["nodes"].values()
    return state["blacklists"][name]


@pytest.mark.parametrize("version", ["3.8.0", "2.19.4"])
@pytest.mark.parametrize(
    ("component", "kind", "counter"),
    [
        ("unreachable", "trap", "traps"),
        ("endless_loop", "deadline", "deadlines"),
        ("memory_growth", "memory", "memory_refusals"),
    ],
)
def test_a_matcher_that_fails(version, component, kind, counter, tmp_path):
    # The hostile components report this name, generation and number of entries.
    blacklist = built(tmp_path, [EVIL, "evil.org"], name="hostile", generation=7)
    with engines.node(
        version,
        plugins=[with_component(version, component, tmp_path)],
        settings={"threatsieve.deadline": "20ms"},
    ) as node:
        assert push(node, blacklist, "hostile")["acknowledged"]
        pushing.set_pipeline(node, "flag", blacklist="hostile")
        events = [event(EVIL if number % 2 else "good.example") for number in range(EVENTS)]
        node.bulk("bulk", events, "flag")
        node.put("/single/_doc/1?pipeline=flag&refresh=true", event(EVIL))
        documents = [*node.documents("bulk"), *node.documents("single")]
        assert len(documents) == EVENTS + 1
        assert {unchecked(document) for document in documents} == {kind}
        assert not any(is_flagged(document) for document in documents)
        counted = counters(node, "hostile")
        assert counted[counter] > 0 and counted["unchecked"] == {kind: EVENTS + 1}, counted
        assert node.log().count(WARNING) == 1, node.log_tail()


def test_a_blacklist_that_is_damaged_on_disk(tmp_path):
    """Damages the node's own copy. The node makes it again from the index before it serves."""
    with engines.node("3.8.0", plugins=[engines.plugin("3.8.0")]) as node:
        pushing.set_pipeline(node, "flag", stamp="all")
        push(node, built(tmp_path, [EVIL], generation=3))
        node.stop()
        for copy in copies(node):
            copy.write_bytes(copy.read_bytes()[:-7] + b"garbage")
        node.start()
        wait_for_generation(node, [node.name], 3)
        node.bulk("events", [event(EVIL)], "flag")
        assert is_flagged(node.documents("events")[0])


def test_a_blacklist_that_is_damaged_everywhere(tmp_path):
    """Removes all copies. The node starts and reports the fault."""
    with engines.node("3.8.0", plugins=[engines.plugin("3.8.0")]) as node:
        pushing.set_pipeline(node, "flag")
        push(node, built(tmp_path, [EVIL], generation=3))
        empty_index(node)
        node.stop()
        for copy in copies(node):
            copy.unlink()
        node.start()
        node.bulk("events", [event(EVIL)] * EVENTS, "flag")
        assert all(unchecked(document) for document in node.documents("events"))
        node.wait_log(r"blacklist \[default\] generation 3 cannot be served")
        state = counters(node, "default")
        assert (
            state["state"] == "failed" and "does not hold it; push it again" in state["reason"]
        ), state
        # A push repairs it.
        assert push(node, built(tmp_path, [EVIL], generation=4))["acknowledged"]
        node.bulk("mended", [event(EVIL)], "flag")
        assert is_flagged(node.documents("mended")[0])


def empty_index(node: engines.Node) -> None:
    """Removes everything from the index of blacklists."""
    index = "/.threatsieve-blacklists"
    # A query sees only what was refreshed, and would leave the newest documents behind.
    node.post(f"{index}/_refresh")
    node.post(f"{index}/_delete_by_query?refresh=true", {"query": {"match_all": {}}})
    assert node.get(f"{index}/_count")["count"] == 0


def copies(node: engines.Node) -> list[Path]:
    """Returns the blacklists in the node's own folder."""
    found = sorted(node.data.glob("nodes/0/threatsieve/*.blacklist"))
    assert found, "the node keeps no copy"
    return found


def test_a_library_that_is_missing(tmp_path):
    with engines.node("3.8.0", plugins=[engines.plugin("3.8.0")], start=False) as node:
        (node.plugins / "threatsieve/libthreatsieve.so").unlink()
        node.start()
        pushing.set_pipeline(node, "flag")
        node.bulk("events", [event(EVIL)] * EVENTS, "flag")
        assert all(unchecked(document) == "unavailable" for document in node.documents("events"))
        assert node.log().count(WARNING) == 1, node.log_tail()


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Mounts a file system of this size at `folder`. Only root can do that."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    folder.mkdir(parents=True)
    subprocess.run(
        [
            *as_root,
            "mount",
            "-t",
            "tmpfs",
            "-o",
            f"size={megabytes}m,mode=0777",
            "threatsieve-test",
            str(folder),
        ],
        check=True,
    )
    try:
        yield
    finally:
        # Unmounts lazily, because the node has files open until it ends.
        subprocess.run([*as_root, "umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fills the disk and returns the file that takes all the space."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"0" * 4096)
    return filler


def test_a_disk_that_is_full(tmp_path):
    """Fills a node's disk.

    The node serves what it has, reports the fault, and catches up when there is space again.
    """
    with engines.cluster("3.8.0", nodes=1, plugins=[engines.plugin("3.8.0")]) as cluster:
        healthy, full = cluster[0], cluster.prepare(roles=["ingest"])
        disk = full.data / "nodes/0/threatsieve"
        with small_disk(disk, megabytes=4):
            full.start(nodes=2)
            pushing.set_pipeline(healthy, "flag", stamp="all")
            assert push(healthy, built(tmp_path, [EVIL], generation=1))["acknowledged"]
            filler = fill(disk)
            second = built(tmp_path, [EVIL, "new.example"], generation=2)
            answer = push(healthy, second)
            by_name = {each["name"]: each for each in answer["nodes"].values()}
            assert not answer["acknowledged"] and by_name[healthy.name]["state"] == "serving", (
                answer
            )
            assert (
                by_name[full.name]["state"] == "failed"
                and "No space left" in by_name[full.name]["reason"]
            ), answer
            full.bulk("events", [event(EVIL), event("good.example")], "flag", ids=["bad", "good"])
            assert [(is_flagged(one), generation(one)) for one in full.documents("events")] == [
                (True, 1),
                (False, 1),
            ]
            # A push to this node is refused before anything is replaced.
            with pytest.raises(engines.Refused, match="No space left"):
                push(full, built(tmp_path, [EVIL, "newer.example"], generation=3))
            assert states(healthy)[healthy.name]["generation"] == 2
            filler.unlink()
            wait_for_generation(healthy, [full.name], 2, seconds=120)
            assert full.log().count("cannot be served") == 1
