"""Where the time of `make test` goes: steps, files of tests and starts of servers are noted as they end; `python3 -m tests.times FILE TOTAL_SECONDS` prints
the table of what is noted in a file.

Nothing is noted unless the environment's THREATSIEVE_TIMES names a file to note it in.
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
    """Notes that something of a kind (`step`, `file` or `server`) took that long."""
    if path := os.environ.get(FILE):
        line = json.dumps({"kind": kind, "name": name, "seconds": seconds, **more})
        # One write, so that lines of several processes do not mix.
        with open(path, "ab", buffering=0) as file:
            file.write(f"{line}\n".encode())


@contextlib.contextmanager
def starting(name: str) -> Iterator[None]:
    """Notes how long a server of this name takes to be ready."""
    began = time.monotonic()
    yield
    note("server", name, time.monotonic() - began)


def table(notes: list[dict], total: float) -> Iterator[str]:
    """The table's lines; `total`: seconds of the whole run."""
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
