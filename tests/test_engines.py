"""Tests of the nodes that other tests rely on: real, confined like the released servers, and
removed at the end in all cases.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import engines, program


@pytest.mark.parametrize("version", ["3.8.0", "2.19.4"])
def test_a_node_is_a_confined_server(version):
    with engines.node(version) as node:
        assert node.get("/")["version"]["number"] == version
        assert {"ingest-common", "lang-painless"} <= {
            each["name"] for each in next(iter(node.get("/_nodes")["nodes"].values()))["modules"]
        }
        node.put(
            "/_ingest/pipeline/both",
            {
                "processors": [
                    {"set": {"field": "a", "value": 1}},
                    {"script": {"source": "ctx.b = ctx.x + 1"}},
                ]
            },
        )
        node.bulk("events", [{"x": 1}, {"x": 2}], "both", ids=["1", "2"])
        assert node.documents("events") == [{"x": 1, "a": 1, "b": 2}, {"x": 2, "a": 1, "b": 3}]
        # Not root, and under the seccomp filter that prevents it from starting programs.
        status = Path(f"/proc/{node.process.pid}/status").read_text()
        assert "Uid:\t0" not in status and "Seccomp:\t2" in status, status
        node.restart()
        assert node.count("events") == 2


def test_nothing_outlives_the_tests(tmp_path):
    """Kills the process that started a node: the node ends, and its folder is removed."""
    script = (
        "from tests import engines\nwith engines.node('3.8.0') as node:\n"
        "    print(node.process.pid, node.folder, flush=True)\n    input()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=program.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with starter:
        pid, folder = starter.stdout.readline().split()
        assert Path(f"/proc/{pid}").exists() and Path(folder).is_dir()
        starter.send_signal(signal.SIGKILL)
    end = time.monotonic() + 20
    while (Path(f"/proc/{pid}").exists() or Path(folder).exists()) and time.monotonic() < end:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists() and not Path(folder).exists()


def test_a_missing_jdk_is_named(monkeypatch, tmp_path):
    for name in ("JAVA_HOME", "JAVA17_HOME", "JAVA21_HOME", "JAVA25_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tests.engines.assemble.INSTALLED", tmp_path)
    with pytest.raises(engines.Missing, match="2.19.4 needs a JDK 17; found none .*JAVA17_HOME"):
        engines.java("2.19.4")


def test_a_node_that_cannot_start_shows_its_log():
    with (
        pytest.raises(AssertionError, match="unknown setting .no.such.setting"),
        engines.node("3.8.0", settings={"no.such.setting": 1}),
    ):
        pass
