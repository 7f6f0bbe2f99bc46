"""The time that each part of `make test` takes.

Steps, test files and starts of servers are noted when they end, in the file that the environment
variable THREATSIEVE_TIMES names. Without it nothing is noted. `python3 -m tests.times FILE
TOTAL_SECONDS` prints a table of the notes.
"""

import contextlib
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

FILE = "THREATSIEVE_TIMES"


def note(kind: str, name: str, seconds: float, **more: float) -> None:
    """Notes the duration of something. `kind` is `step`, `file` or `server`."""
    if path := os.environ.get(FILE):
        line = json.dumps({"kind": kind, "name": name, "seconds": seconds, **more})
        # A single write, so that lines of several processes do not mix.
        with open(path, "ab", buffering=0) as file:
            file.write(f"{line}\n".encode())


@contextlib.contextmanager
def starting(name: str) -> Iterator[None]:
    """Notes how long a server with this name takes until it is ready."""
    began = time.monotonic()
    yield
    note("server", name, time.monotonic() - began)


def table(notes: list[dict], total: float) -> Iterator[str]:
    """Yields the lines of the table. `total` is the seconds of the whole run."""
    of_kind = defaultdict(list)
    for each in notes:
        of_kind[each["kind"]].append(each)
    starts = defaultdict(list)
    for each in of_kind["server"]:
        starts[each["name"]].append(each["seconds"])
    yield f"{'step':40} {'seconds':>8} {'of processor':>13}"
    yield from (
        f"{each['name']:40} {each['seconds']:8.0f} {each['processor']:13.0f}"
        for each in of_kind["step"]
    )
    yield f"{'total':40} {total:8.0f} {sum(each['processor'] for each in of_kind['step']):13.0f}"
    yield f"\n{'file of pytest':40} {'seconds':>8} {'tests':>13}"
    yield from (
        f"{each['name']:40} {each['seconds']:8.0f} {each['tests']:13}"
        for each in sorted(of_kind["file"], key=lambda each: -each["seconds"])
    )
    yield f"\n{'server':40} {'seconds':>8} {'starts':>13}"
    yield from (
        f"{name:40} {sum(starts[name]):8.0f} {len(starts[name]):13}" for name in sorted(starts)
    )


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    print("\n".join(table([json.loads(line) for line in lines], float(sys.argv[2]))))
