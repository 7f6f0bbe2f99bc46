"""The state: the time to store, compile and switch to large feeds. Runs the controller's own
measurements, each in its own process.
"""

import json
import os
import subprocess

from tests import program
from tests.bench import report

COUNT = os.environ.get("THREATSIEVE_BENCH_INDICATORS", "1000000")
# The whole workspace, as `make test` builds it. Building one crate would compile everything again
# with other features.
COMMAND = ["cargo", "test", "--release", "--quiet", "--workspace", "--bin", "threatsieve"]
STEPS = ("put", "finish", "build", "together")


def measured(name: str) -> list[dict]:
    """Returns the rounds of one measurement."""
    command = [*COMMAND, name, "--", "--ignored", "--nocapture"]
    environment = {**os.environ, "THREATSIEVE_BENCH_INDICATORS": COUNT}
    run = subprocess.run(
        command, cwd=program.ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def write() -> None:
    """Measures and writes this part."""
    print("store", flush=True)
    rounds = measured("rounds_of_a_list") + measured("rounds_of_a_collection")
    rows = [
        [
            one["round"],
            *(f"{one[step]:.3f}" if step in one else "" for step in STEPS),
            f"{one['peak_mb']:,}",
        ]
        for one in rounds
    ]
    head = [
        "round",
        "read, s",
        "compare and store, s",
        "build and switch, s",
        "together, s",
        "peak MB so far",
    ]
    text = (
        f"## The state at {int(COUNT):,} indicators\n\n`python -m tests.bench store`. "
        f"{report.machine()}. A changed round has 1,000 new indicators, and the list loses as "
        "many.\n\n" + report.table(head, rows)
    )
    report.write("store", text)
