"""Pushing a blacklist to one real OpenSearch node: the time from the request until the node serves
it.
"""

import statistics
import time

from tests import engines, program, pushing
from tests.bench import generate, ingest, report
from tests.bench.generate import SEED
from tests.bench.measure import ROUNDS

VERSION = "3.8.0"
NAME = "push"


def generations(size: str, count: int) -> list:
    """Builds a blacklist for each round. Each is a different file, so that every push sends it."""
    source = generate.written(ingest.FOLDER / f"{size}-{count}.txt", generate.domains(count, SEED))
    files = []
    for generation in range(1, ROUNDS + 2):
        target = ingest.FOLDER / f"{NAME}-{count}-{generation}.blacklist"
        if not target.exists():
            program.run(
                "build", "--list", source, "--name", NAME, "--generation", generation, "-o", target
            )
        files.append(target)
    return files


def pushed(node: engines.Node, path) -> dict[str, float]:
    """Returns the seconds of one push, and how many of them the node needed after it learned what
    to serve.
    """
    start = time.monotonic()
    answer = pushing.push_in_parts(node, path, NAME)
    took = time.monotonic() - start
    if not answer["acknowledged"]:
        raise SystemExit(f"push: not acknowledged: {answer}")
    (state,) = node.get(f"{pushing.ENDPOINT}/{NAME}")["nodes"].values()
    return {"whole": took, "node": state["blacklists"][NAME]["took_ms"] / 1000}


def write() -> None:
    """Measures each size and writes this part."""
    print("push", flush=True)
    rows = []
    for size, count in ingest.SIZES.items():
        files = generations(size, count)
        settings = {"threatsieve.memory_limit": "8gb"}
        with engines.node(
            VERSION, plugins=[engines.plugin(VERSION)], settings=settings, heap="2g"
        ) as node:
            # The first push creates the hidden index, so it is not counted.
            times = [pushed(node, path) for path in files][1:]
        whole = statistics.median(one["whole"] for one in times)
        on_node = statistics.median(one["node"] for one in times)
        megabytes = files[0].stat().st_size / 1e6
        rows.append(
            [
                f"{count:,} domains ({megabytes:,.1f} MB)",
                f"{whole - on_node:.2f}",
                f"{on_node:.2f}",
                f"{whole:.2f}",
            ]
        )
    head = [
        "blacklist",
        "received, verified, stored in the hidden index, announced",
        "fetched by the node, verified, mapped, serving",
        "whole push",
    ]
    report.write(
        "push",
        f"## Push to a node\n\n`python -m tests.bench push`. {report.machine()}. One OpenSearch "
        f"{VERSION} node. The table has medians of {ROUNDS} pushes in seconds, after a first one "
        "that is not counted.\n\n" + report.table(head, rows),
    )
