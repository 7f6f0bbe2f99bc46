"""MISP: a first load of indicators into the test double, and a round in which one changed."""

import os
import shutil
import sys

from tests import misp, program
from tests.bench import report
from tests.bench.measure import Command
from tests.polling import toml

COUNT = int(os.environ.get("THREATSIEVE_BENCH_MISP", 100_000))
FOLDER = program.ROOT / ".cache/bench/misp"
HEAD = ["round", "indicators", "seconds", "indicators a second", "requests", "peak MB"]


def configured(server: misp.Misp) -> list[str]:
    """Writes a configuration. Returns the command of a round."""
    key = program.write(FOLDER / "key", server.key)
    key.chmod(0o600)
    path = program.write(
        FOLDER / "threatsieve.toml",
        'state = "state"',
        "[[misp]]",
        'name = "soc"',
        f"url = {toml(server.url)}",
        'key = { file = "key" }',
        'budget = "1h"',
        "[[feeds]]",
        'name = "list"',
        'type = "path"',
        'path = "list.txt"',
        'misp = ["soc"]',
    )
    return [str(program.BINARY), "poll", "--force", "--config", str(path)]


def write() -> None:
    """Measures the rounds and writes their table."""
    print("misp", flush=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    values = [f"c2-{number}.example" for number in range(COUNT)]
    rows = []
    with misp.running() as server:
        argv = configured(server)
        for name, changed in (("first load", COUNT), ("one new indicator", 1), ("nothing new", 0)):
            if name == "one new indicator":
                values.append("new.example")
            program.write(FOLDER / "list.txt", *values)
            before = len(server.requests)
            command = Command(name, argv)
            command.run()
            if command.failure:
                sys.exit(f"misp, {name}: {command.failure}")
            seconds = command.seconds[0]
            rows.append([
                name, f"{changed:,}", f"{seconds:.1f}", f"{changed / seconds:,.0f}",
                f"{len(server.requests) - before:,}", f"{command.peak_bytes / 1e6:,.0f}",
            ])  # fmt: skip
        held = sum(one["to_ids"] for one in server.attributes())
        if held != COUNT + 1:
            sys.exit(f"misp: the double holds {held:,} indicators")
    text = [
        "## MISP",
        f"`python -m tests.bench misp`. {report.machine()}. A whole round with polling a list and "
        "building the blacklist. The test double is a Python program on the same cores: a real "
        "MISP needs about 6 s for 1,000 attributes, so the server is the limit.",
        report.table(HEAD, rows),
    ]
    report.write("misp", "\n\n".join(text))
