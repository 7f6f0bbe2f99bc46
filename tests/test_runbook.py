"""Rehearsals of docs/runbook.md: what it says happens, happens."""

import os
import re
import shutil
import subprocess

import pytest

from tests import engines, program, pushing
from tests.controller import Controller
from tests.pushing import event, is_flagged, unchecked
from tests.service import Service
from tests.test_operator import Desk, line

NODES = [1, 2] if os.environ.get("THREATSIEVE_ENDURANCE") == "full" else [1]
"""Sizes of the cluster that gets a new key. Each restart of a node takes seconds."""
RUNBOOK = (program.ROOT / "docs/runbook.md").read_text()


def source(path: str) -> str:
    return (program.ROOT / path).read_text()


def test_every_alarm_has_its_paragraph():
    kinds = re.findall(
        r'Kind::\w+ => "([a-z_]+)",', source("host/controller/src/conditions/mod.rs")
    )
    alarms = RUNBOOK.split("\n## Alarms\n")[1].split("\n## ")[0]
    paragraphs = dict(re.findall(r"(?ms)^### `(\w+)`\n\n(.*?)(?=^### |\Z)", alarms))
    assert len(kinds) >= 16 and paragraphs.keys() == set(kinds)
    for kind, text in paragraphs.items():
        assert 100 < len(text.strip()) < 700, f"{kind} is not one short paragraph"
        assert "\n\n" not in text.strip(), kind


def test_the_table_of_versions_is_true():
    """Compares with the numbers in the sources."""
    row = re.search(r"(?m)^\| 0\.1\.0 \|(.*)\|$", RUNBOOK)[1]
    found = [cell.strip() for cell in row.split("|")]
    blacklist = re.search(r"pub const FORMAT: u16 = (\d+);", source("guest/blacklist/src/image.rs"))
    migrations = re.search(
        r"MIGRATIONS: \[&str; (\d+)\]", source("host/controller/src/store/open.rs")
    )
    native = re.search(r"const CONTRACT: jint = (\d+);", source("host/jni/src/native.rs"))
    java = re.search(
        r"int CONTRACT = (\d+);",
        source("plugin-descriptors/core/src/main/java/org/threatsieve/core/matcher/Native.java"),
    )
    component = re.search(r"(?m)^package (\S+);$", source("wit/matcher.wit"))
    lines = re.search(r"(?m)^ENGINES \?= (.*)$", source("Makefile"))[1].split()
    served = [re.sub(r"\d+$", "x", version) for version in sorted(lines)]
    assert native[1] == java[1]
    assert found == [blacklist[1], migrations[1], ", ".join(served), native[1], f"`{component[1]}`"]
    assert 'version = "0.1.0"' in source("Cargo.toml")


def test_a_restored_state_pushes_with_a_higher_number(opensearch_3, tmp_path):
    controller = Controller(tmp_path, "runbook-restored", [opensearch_3.url])
    controller.write_list("evil.example")
    assert controller.poll()["outcome"] == "acknowledged"
    backup = tmp_path / "backup.db"
    state = tmp_path / "state/state.db"
    subprocess.run(["sqlite3", state, f".backup {backup}"], check=True)
    for number in range(2):
        controller.write_list("evil.example", f"more-{number}.example")
        assert controller.poll()["generation"] == number + 2
    for path in state.parent.glob("state.db*"):
        path.unlink()
    shutil.copy(backup, state)
    # The feed is read again, from its earlier cursor, and gives another generation 2.
    refused = controller.poll(expect=program.REMOTE)
    assert refused["kind"] in ("older", "conflict"), refused
    renumbered = controller.push("--renumber")
    assert (renumbered["outcome"], renumbered["generation"]) == ("acknowledged", 4), renumbered
    answer = opensearch_3.get("/_plugins/_threatsieve/blacklist/runbook-restored")
    (node,) = answer["nodes"].values()
    assert node["blacklists"]["runbook-restored"]["generation"] == 4


def test_a_higher_number_needs_the_service_to_be_stopped(tmp_path):
    feed = {
        "name": "list",
        "type": "path",
        "path": str(program.write(tmp_path / "list", "a.example")),
    }
    tables = {"opensearch": {"hosts": ["http://127.0.0.1:9"]}}
    with Service(tmp_path / "service", [feed], tables) as service:
        service.wait_for_rounds(1)
        refused = program.run(
            "push", "--renumber", "--config", service.config, expect=program.USAGE
        ).stderr.decode()
        assert "another threatsieve works on this state; stop the service" in refused
        # What else the runbook asks for works while the service runs.
        for command in (["feeds", "--allow", "list"], ["status"], ["config", "check", "--offline"]):
            service.run(*command)


def test_a_moved_state_continues_in_logs_of_another_path(tmp_path):
    old = Desk(tmp_path / "old")
    old.log.write_text("".join(line(number, "www.evil.example") for number in range(3)))
    old.poll()
    assert len(old.records()) == 3
    new = Desk(tmp_path / "new")
    new.state.mkdir(mode=0o700)
    subprocess.run(["sqlite3", old.state / "state.db", f".backup {new.state}/state.db"], check=True)
    new.log.write_text(old.log.read_text() + line(9, "www.evil.example"))
    report = new.poll()
    assert (report["follow"]["lines"], report["follow"]["events"]) == (1, 1)
    assert [record["url"]["original"] for record in new.records()] == ["http://www.evil.example/9"]


@pytest.mark.parametrize("count", NODES)
def test_the_key_that_signs_can_be_replaced(count, tmp_path, tool):
    """Follows the steps of the runbook."""
    keys = {}
    for name in ("old", "new"):
        keys[name] = (tmp_path / f"{name}.pem", tmp_path / f"{name}.pub")
        private, public = keys[name]
        openssl = tool("openssl", "openssl")
        subprocess.run([openssl, "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
        subprocess.run([openssl, "pkey", "-in", private, "-pubout", "-out", public], check=True)
    options = {
        "plugins": [engines.plugin("3.8.0")],
        "config": [keys["old"][1]],
        "settings": {"threatsieve.trusted_key": "old.pub"},
    }
    with engines.cluster("3.8.0", nodes=count, **options) as cluster:
        *others, named_first = cluster
        controller = Controller(tmp_path, "default", [node.url for node in reversed(cluster)])
        text = controller.config.read_text()
        signed = text.replace("[blacklist]", f'[blacklist]\nsign_key = "{keys["old"][0]}"')
        controller.config.write_text(signed)
        controller.write_list("evil.example")
        assert controller.poll()["outcome"] == "acknowledged"
        pushing.set_pipeline(named_first, "flag")
        # 1 and 2.
        controller.config.write_text(signed.replace("old.pem", "new.pem"))
        for node in cluster:
            shutil.copy(keys["new"][1], node.config / "old.pub")
            (node.config / "old.pub").chmod(0o644)
        named_first.restart(nodes=count)
        named_first.bulk("rotated", [event("evil.example")], "flag", ids=["meanwhile"])
        assert unchecked(documents(named_first)["meanwhile"]) == "no-blacklist"
        # 3. Nodes that are not restarted yet cannot load what is pushed.
        expect = program.REMOTE if others else program.DONE
        assert controller.push("--renumber", expect=expect)["generation"] == 2
        states = pushing.states(named_first)
        assert states[named_first.name]["generation"] == 2
        assert all(states[node.name]["generation"] == 1 for node in others)
        for number, node in enumerate(cluster):
            node.bulk("rotated", [event("evil.example")], "flag", ids=[f"node {number}"])
        # 4 and 5.
        for node in others:
            node.restart(nodes=count)
        pushing.wait_for_generation(named_first, [node.name for node in cluster], 2)
        query = {"query": {"exists": {"field": "threatsieve.unchecked"}}}
        named_first.post("/rotated/_update_by_query?pipeline=flag&refresh=true", query)
        found = documents(named_first)
        assert len(found) == 1 + count and all(map(is_flagged, found.values()))


def documents(node: engines.Node) -> dict[str, dict]:
    """Returns the events of the index by their ids."""
    hits = node.get("/rotated/_search?size=100")["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}
