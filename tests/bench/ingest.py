"""Bulk indexing into one real OpenSearch node: the cost of `threat_match` compared with other
processors, and the memory that its blacklists need.
"""

import concurrent.futures
import itertools
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests import engines, program, pushing
from tests.bench import generate, report
from tests.bench.generate import SEED
from tests.bench.measure import ROUNDS

VERSION = "3.8.0"
EVENTS = int(os.environ.get("THREATSIEVE_BENCH_EVENTS", 200_000))
BULK_EVENTS = 5000
THREADS = 16
SIZES = {"million": 1_000_000, "many": int(os.environ.get("THREATSIEVE_BENCH_MANY", 10_000_000))}
SCRIPTED = 10_000
INDEX = "bench"
FOLDER = program.ROOT / ".cache/bench/ingest"
FIELDS = ["url.original", "url.domain", "destination.ip", "source.ip"]
# Student's t, two-sided, 95 %, by degrees of freedom (rounds - 1). For more rounds the normal
# distribution is close enough.
STUDENT = {
    2: 4.303,
    3: 3.182,
    4: 2.776,
    5: 2.571,
    6: 2.447,
    7: 2.365,
    8: 2.306,
    9: 2.262,
    10: 2.228,
    11: 2.201,
    12: 2.179,
}


def blacklists() -> dict[str, Path]:
    """Builds one blacklist of each size, once."""
    files = {}
    for name, count in SIZES.items():
        files[name] = target = FOLDER / f"{name}-{count}.blacklist"
        if not target.exists():
            source = generate.written(FOLDER / f"{name}-{count}.txt", generate.domains(count, SEED))
            program.run("build", "--list", source, "--name", name, "--generation", 1, "-o", target)
    return files


def bulks(count: int = EVENTS, bulk_events: int = BULK_EVENTS) -> Iterator[bytes]:
    """Yields the events of a Squid log as bulk requests. A few events have a listed host."""
    listed = [
        domain
        for number, domain in zip(range(100_000), generate.domains(100_000, SEED), strict=False)
        if number % 100 == 0
    ]
    lines = generate.log(count, {"domains": listed, "ips": [], "cidr": [], "urls": []}, SEED)
    numbered = enumerate(lines)
    while batch := list(itertools.islice(numbered, bulk_events)):
        parts = ('{"index":{}}\n' + json.dumps(event(*each)) + "\n" for each in batch)
        yield "".join(parts).encode()


def event(number: int, line: str) -> dict:
    """Returns a line of a Squid log as an event in ECS."""
    part = line.split()
    url, destination = part[6], part[8].rpartition("/")[2]
    host = url.split("://", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0]
    return {
        "@timestamp": f"2026-11-25T12:{number // 60 % 60:02}:{number % 60:02}.000Z",
        "url": {"original": url, "domain": host},
        "source": {"ip": part[2]},
        **({"destination": {"ip": destination}} if destination != "-" else {}),
        "http": {"request": {"method": part[5]}, "response": {"bytes": int(part[4])}},
    }


def pipelines() -> dict[str, list[dict] | None]:
    """Returns the pipelines to compare: the processors of each, by name."""
    scripted = {domain: True for domain in generate.domains(SCRIPTED, SEED)}
    source = (
        "def host = ctx.url?.domain; if (host != null && params.listed.containsKey(host)) { "
        "ctx.indicator = 'matched' }"
    )
    found = {
        "no pipeline": None,
        "`set`": [{"set": {"field": "indicator", "value": "none"}}],
        f"`script`, painless, {SCRIPTED:,} hosts in a map": [
            {"script": {"source": source, "params": {"listed": scripted}}}
        ],
    }
    for name, count in SIZES.items():
        found[ours(name, count)] = [{"threat_match": {"blacklist": name, "fields": FIELDS}}]
    return found


def ours(name: str, count: int) -> str:
    """Returns the name of our row for a blacklist of this size."""
    return f"`threat_match`, four fields, {count:,} domains"


def push(node: engines.Node, file: Path) -> None:
    """Pushes a file as the controller does: large files go in parts."""
    program.run("push", "--host", node.url, file)


class Measured:
    """One pipeline and its measurements, one number a round."""

    def __init__(self, number: int, name: str, processors: list[dict] | None):
        self.name, self.processors = name, processors
        self.id = f"bench-{number}" if processors else None
        self.seconds: list[float] = []
        self.micros: list[float] = []

    def run(self, node: engines.Node, bodies: list[bytes]) -> None:
        """Indexes all events into an empty index."""
        node.delete(f"/{INDEX}?ignore_unavailable=true")
        node.put(
            f"/{INDEX}",
            {
                "settings": {
                    "number_of_shards": 1,
                    "number_of_replicas": 0,
                    "refresh_interval": "-1",
                }
            },
        )
        before = self.ingest(node)
        started = time.perf_counter()
        path = f"/{INDEX}/_bulk?filter_path=errors" + (f"&pipeline={self.id}" if self.id else "")
        for body in bodies:
            answer = node.send("POST", path, body, content_type="application/x-ndjson")
            if answer["errors"]:
                sys.exit(f"{self.name}: events were refused")
        self.seconds.append(time.perf_counter() - started)
        count, millis = (after - one for after, one in zip(self.ingest(node), before, strict=True))
        if self.id:
            assert count == EVENTS, (
                f"{self.name}: {count} of {EVENTS} events went through the pipeline"
            )
            # The node counts the time of a batch in whole milliseconds, once for each event of the
            # batch.
            self.micros.append(millis * 1000 / count / BULK_EVENTS)

    def ingest(self, node: engines.Node) -> tuple[int, int]:
        """Returns the pipeline's events and milliseconds from the node's statistics."""
        (stats,) = node.get("/_nodes/stats/ingest")["nodes"].values()
        mine = stats["ingest"]["pipelines"].get(self.id, {"count": 0, "time_in_millis": 0})
        return mine["count"], mine["time_in_millis"]


def interval(values: list[float]) -> str:
    """Returns the mean and its 95 % confidence interval."""
    mean = statistics.fmean(values)
    half = STUDENT.get(len(values) - 1, 1.96) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:.2f} ({mean - half:.2f} to {mean + half:.2f})"


def traffic(node: engines.Node, bodies: list[bytes], pipeline: str) -> None:
    """Sends all events through a pipeline, with as many senders as the node has threads."""
    path = f"/{INDEX}/_bulk?filter_path=errors&pipeline={pipeline}"
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        list(
            pool.map(
                lambda body: node.send("POST", path, body, content_type="application/x-ndjson"),
                bodies,
            )
        )


def memory(plugin: Path, files: dict[str, Path], bodies: list[bytes]) -> list[list[str]]:
    """Measures the memory of a node that a blacklist occupies while many threads use it."""
    rows = []
    for name, file in files.items():
        settings = {"node.processors": THREADS, "threatsieve.memory_limit": "8gb"}
        with engines.node(
            VERSION,
            plugins=[plugin],
            settings=settings,
            heap="2g",
            java_options=["-XX:+AlwaysPreTouch"],
        ) as node:
            node.put(
                "/_ingest/pipeline/bench",
                {"processors": [{"threat_match": {"blacklist": name, "fields": FIELDS}}]},
            )
            push(node, file)
            traffic(node, bodies, "bench")
            held = node.pss()
            node.delete(f"{pushing.ENDPOINT}/{name}")
            traffic(node, bodies, "bench")
            held, size = held - node.pss(), file.stat().st_size
            rows.append(
                [
                    f"{SIZES[name]:,}",
                    f"{size / 1e6:,.1f}",
                    f"{held / 1e6:,.1f}",
                    f"{held / size:.2f}",
                ]
            )
    return rows


def write() -> None:
    """Measures and writes this part."""
    print("ingest", flush=True)
    if ROUNDS < 3:
        sys.exit(
            f"THREATSIEVE_BENCH_ROUNDS: expected 3 or more for a confidence interval, got {ROUNDS}"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    plugin, files, bodies = engines.plugin(VERSION), blacklists(), list(bulks())
    measured = [
        Measured(number, name, processors)
        for number, (name, processors) in enumerate(pipelines().items())
    ]
    with engines.node(
        VERSION, plugins=[plugin], settings={"threatsieve.memory_limit": "8gb"}, heap="2g"
    ) as node:
        for name, file in files.items():
            push(node, file)
        for one in measured:
            if one.processors:
                node.put(f"/_ingest/pipeline/{one.id}", {"processors": one.processors})
        for number in range(ROUNDS + 1):
            # Each pipeline goes first in turn. The first round is not counted, because the node is
            # cold.
            for one in measured[number % len(measured) :] + measured[: number % len(measured)]:
                print(f"  {one.name} ...", flush=True)
                one.run(node, bodies)
    for one in measured:
        del one.seconds[0], one.micros[:1]
    base = measured[1]
    rows = [
        [
            one.name,
            f"{statistics.median(one.seconds):.2f}",
            f"{EVENTS / statistics.median(one.seconds):,.0f}",
            interval(one.micros) if one.micros else "",
            interval([a - b for a, b in zip(one.micros, base.micros, strict=True)])
            if one.micros
            else "",
        ]
        for one in measured
    ]
    small, large = (statistics.fmean(one.micros) for one in measured[-2:])
    head = [
        "pipeline",
        "seconds, median",
        "events a second",
        "ingest µs an event",
        "µs more than `set`",
    ]
    text = (
        f"## Bulk indexing\n\n`python -m tests.bench ingest`. {report.machine()}. One OpenSearch "
        f"{VERSION} node with 2 GB of heap gets {EVENTS:,} events of a Squid log in bulk "
        f"requests of {BULK_EVENTS:,}, into a new index each time. There are {ROUNDS} rounds, after "
        "one that is not counted; the pipelines take turns. Ingest time is from the node's own "
        "statistics, which count whole milliseconds for a batch. In brackets is the confidence interval (95 %, "
        f"Student's t) of the mean.\n\n{report.table(head, rows)}\n\n"
        f"At {SIZES['many']:,} domains an event costs {large / small:.2f} times what it costs at "
        f"{SIZES['million']:,}.\n\nA blacklist that {THREADS} ingest threads use holds this memory "
        "of a node (PSS), and gives it back when it is deleted:\n\n"
        + report.table(
            ["domains", "blacklist, MB", "held, MB", "times the blacklist"],
            memory(plugin, files, bodies),
        )
    )
    report.write("ingest", text)
