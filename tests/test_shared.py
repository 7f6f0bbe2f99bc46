"""Tests of the shared servers: a server is started once for all processes of a run, and ended after
the last one. A test with the mark `alone` runs alone.
"""

import subprocess
import sys
import threading
import time

from tests import program, shared, times

WORKER = """
import contextlib, os, sys, time
from pathlib import Path
from tests import shared

folder = Path(sys.argv[1])

@contextlib.contextmanager
def start():
    with (folder / "starts").open("a") as starts:
        starts.write("x")
    yield {"owner": os.getpid()}
    (folder / "ended").write_text(str(os.getpid()))

print(shared.server("one", start)["owner"], flush=True)
input()
assert not (folder / "ended").exists()
shared.end()
"""


def worker(folder, run) -> subprocess.Popen:
    """Starts a process of a run that uses the server until a line on standard input ends it."""
    environment = {"PYTHONPATH": str(program.ROOT), "THREATSIEVE_TEST_RUN": str(run)}
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_a_server_is_started_once_and_ended_after_the_last(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with worker(tmp_path, run) as first, worker(tmp_path, run) as second:
        owners = [int(each.stdout.readline()) for each in (first, second)]
        assert owners[0] == owners[1] and (tmp_path / "starts").read_text() == "x"
        owner, user = (first, second) if owners[0] == first.pid else (second, first)
        print(file=owner.stdin, flush=True)
        time.sleep(1)
        assert owner.poll() is None and not (tmp_path / "ended").exists(), "the other one uses it"
        user.communicate("\n", timeout=30)
        assert owner.wait(30) == user.returncode == 0
    assert (tmp_path / "ended").read_text() == str(owner.pid)


def test_who_is_alone_is_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("THREATSIEVE_TEST_RUN", str(tmp_path))
    inside, over, seen = threading.Barrier(3), threading.Event(), []

    def among_others() -> None:
        with shared.use(alone=False):
            inside.wait(30)
            over.wait(30)
            seen.append("other")

    def alone() -> None:
        with shared.use(alone=True):
            seen.append("alone")

    others = [threading.Thread(target=among_others) for _ in range(2)]
    for one in others:
        one.start()
    # Two tests are running at the same time, and the third has to wait for both.
    inside.wait(30)
    last = threading.Thread(target=alone)
    last.start()
    last.join(0.5)
    assert last.is_alive() and not seen
    over.set()
    for one in (*others, last):
        one.join(30)
    assert seen == ["other", "other", "alone"]


def test_the_table_adds_up_what_was_noted(tmp_path, monkeypatch):
    monkeypatch.setenv(times.FILE, str(tmp_path / "notes"))
    times.note("step", "cargo build", 60.4, processor=110.2)
    times.note("file", "test_push.py", 12, tests=43)
    for seconds in (7, 8):
        times.note("server", "OpenSearch 3.8.0", seconds)
    command = [sys.executable, "-m", "tests.times", tmp_path / "notes", "75"]
    said = subprocess.run(
        command, cwd=program.ROOT, capture_output=True, text=True, check=True
    ).stdout
    rows = [line.rsplit(maxsplit=2) for line in said.splitlines() if line]
    assert [row for row in rows if row[1].isdigit()] == [
        ["cargo build", "60", "110"], ["total", "75", "110"],
        ["test_push.py", "12", "43"], ["OpenSearch 3.8.0", "15", "2"],
    ]  # fmt: skip
