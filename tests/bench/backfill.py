"""Stored events of a real OpenSearch node: new indicators find and flag them in the three ways of
`threatsieve backfill`, next to one query for each indicator, to a pipeline over all events, and to
a client that reads all events.
"""

import json
import os
import shutil
import statistics
import sys
import time
from dataclasses import dataclass

from tests import engines, program, pushing
from tests.bench import generate, ingest, report
from tests.bench.generate import SEED
from tests.bench.measure import CAP_SECONDS
from tests.polling import toml

VERSION = "3.8.0"
EVENTS = int(os.environ.get("THREATSIEVE_BENCH_STORED", 2_000_000))
NEW = [
    int(count)
    for count in os.environ.get("THREATSIEVE_BENCH_NEW", "10,1000,100000,1000000").split(",")
]
COMPARED = 1000
"""New domains with which the ways are compared that read or write all events."""
EACH_AT_MOST = 1000
"""The most indicators that are asked for one by one."""
FINDS = 5
"""Number of times that a search is repeated."""
RUNS = {"query": 3, "values": 1}
"""Number of backfills with each way and each number of new domains."""
FOLDER = program.ROOT / ".cache/bench/backfill"
ALL, RUN = "stored", "stored-run"
FIELDS = ["url.domain", "url.original", "destination.ip", "source.ip"]
KEYWORD = {"type": "keyword", "ignore_above": 8191}
MAPPING = {
    "properties": {
        "@timestamp": {"type": "date"},
        "url": {"properties": {"domain": KEYWORD, "original": KEYWORD}},
        "source": {"properties": {"ip": {"type": "ip"}}},
        "destination": {"properties": {"ip": {"type": "ip"}}},
    }
}
FIRST = ["not-in-the-log.example"]
"""The list with which all events are matched, before new domains come."""


def fill(node: engines.Node, events: int) -> None:
    """Indexes the events once. Every run gets a copy."""
    settings = {"number_of_shards": 4, "number_of_replicas": 0, "refresh_interval": "-1"}
    node.put(f"/{ALL}", {"mappings": MAPPING, "settings": settings})
    for number, body in enumerate(ingest.bulks(events), 1):
        node.post(f"/{ALL}/_bulk", body, content_type="application/x-ndjson", timeout=600)
        if number % 40 == 0:
            print(f"  {number * ingest.BULK_EVENTS:,} events stored", flush=True)
    node.post(f"/{ALL}/_refresh", timeout=600)
    # Merges that still run would slow down the first measurements.
    while node.get(f"/{ALL}/_stats/merge")["_all"]["total"]["merges"]["current"]:
        time.sleep(0.5)
    node.put(f"/{ALL}/_settings", {"index.blocks.write": True, "index.refresh_interval": "1s"})


def copied(node: engines.Node) -> None:
    """Makes the copy that a run changes."""
    node.delete(f"/{RUN}?ignore_unavailable=true")
    settings = {"index.blocks.write": None, "index.number_of_replicas": 0}
    node.post(f"/{ALL}/_clone/{RUN}?wait_for_active_shards=1", {"settings": settings}, timeout=600)
    node.get(f"/_cluster/health/{RUN}?wait_for_no_initializing_shards=true&timeout=600s")


class Controller:
    """A controller whose list grows."""

    def __init__(self, node: engines.Node, name: str, busy: int = 100):
        shutil.rmtree(FOLDER / "c", ignore_errors=True)
        (FOLDER / "c").mkdir(parents=True)
        self.list = FOLDER / "c/list.txt"
        hosts = f"hosts = [{toml(node.url)}]"
        common = [
            f"state = {toml(str(FOLDER / 'c/state'))}", "[history]", 'window = "3650d"',
            "[blacklist]", f"name = {toml(name)}", "max_shrink = 1.0",
            "[[feeds]]", 'name = "list"', 'type = "path"',
            f"path = {toml(str(self.list))}", "max_shrink = 1.0", "[opensearch]", hosts,
        ]  # fmt: skip
        self.building = program.write(FOLDER / "c/building.toml", *common)
        self.matching = program.write(
            FOLDER / "c/matching.toml", *common, "push = false", "[opensearch.backfill]",
            f"indices = [{toml(RUN)}]", 'new_events = "controller"', f"busy_percent = {busy}",
        )  # fmt: skip
        program.run("opensearch", "template", "--put", "--config", self.matching)

    def build(self, values: list[str]) -> None:
        """Builds and pushes a blacklist of these values, and matches nothing."""
        program.write(self.list, *values)
        program.run("poll", "--force", "--config", self.building, timeout=600)

    def prepare(self, node: engines.Node, values: list[str]) -> None:
        """Makes a copy of the events that is matched, so that only these values count as new."""
        copied(node)
        self.build(FIRST)
        self.match()
        self.build(FIRST + values)

    def match(self, way: str = "auto") -> tuple[float, int]:
        """Matches what is due. Returns the seconds and the number of flagged events."""
        started = time.perf_counter()
        output = program.run(
            "backfill", "--way", way, "--json", "--config", self.matching, timeout=CAP_SECONDS,
        ).stdout  # fmt: skip
        seconds = time.perf_counter() - started
        return seconds, sum(each["flagged"] for each in json.loads(output)["indices"])


def new_values(count: int) -> list[str]:
    """Returns domains: first those that the log has (one in a hundred, see `ingest.bulks`)."""
    domains = list(generate.domains(max(count, 100_000), SEED))
    return [*domains[:100_000:100], *(d for n, d in enumerate(domains) if n % 100)][:count]


def found_by_query(node: engines.Node, name: str, number: int) -> tuple[float, int]:
    """Asks once with the plugin's query and a whole blacklist. Returns seconds and events."""
    # The plugin keeps what a query found. A field that no event has makes this one a new query.
    fields = [*FIELDS, f"none.{number}"]
    query = {"threat_match": {"blacklist": name, "fields": fields}}
    node.post(f"/{ALL}/_cache/clear")
    started = time.perf_counter()
    answer = node.post(
        f"/{ALL}/_search", {"size": 0, "track_total_hits": True, "query": query},
        timeout=CAP_SECONDS,
    )  # fmt: skip
    return time.perf_counter() - started, answer["hits"]["total"]["value"]


def one_query_each(node: engines.Node, values: list[str]) -> tuple[float, int]:
    """Asks for each domain, as the superseded scripts do. Returns seconds and events."""
    started, events = time.perf_counter(), 0
    for value in values:
        query = {"bool": {"should": [
            {"term": {"url.domain": value}}, {"wildcard": {"url.domain": f"*.{value}"}},
        ]}}  # fmt: skip
        answer = node.post(f"/{ALL}/_search", {"size": 0, "track_total_hits": True, "query": query})
        events += answer["hits"]["total"]["value"]
        if time.perf_counter() - started > CAP_SECONDS:
            return float("inf"), events
    return time.perf_counter() - started, events


def over_everything(node: engines.Node, name: str) -> float:
    """Passes all events through the pipeline. Returns the seconds."""
    pushing.set_pipeline(node, "flag", blacklist=name)
    started = time.perf_counter()
    answer = node.post(
        f"/{RUN}/_update_by_query?pipeline=flag&wait_for_completion=false&slices=auto"
    )
    while not node.get(f"/_tasks/{answer['task']}")["completed"]:
        if time.perf_counter() - started > CAP_SECONDS:
            node.post(f"/_tasks/{answer['task']}/_cancel")
            return float("inf")
        time.sleep(0.5)
    return time.perf_counter() - started


def read_by_a_client(node: engines.Node, values: list[str]) -> tuple[float, int]:
    """Reads all events with a scroll, and looks their hosts up. Returns seconds and events."""
    listed, started, events = set(values), time.perf_counter(), 0
    body = {"size": 5000, "_source": FIELDS, "sort": ["_doc"]}
    answer = node.post(f"/{ALL}/_search?scroll=5m", body, timeout=CAP_SECONDS)
    while hits := answer["hits"]["hits"]:
        for hit in hits:
            labels = hit["_source"]["url"]["domain"].split(".")
            events += any(".".join(labels[at:]) in listed for at in range(len(labels)))
        if time.perf_counter() - started > CAP_SECONDS:
            return float("inf"), events
        answer = node.post("/_search/scroll", {"scroll": "5m", "scroll_id": answer["_scroll_id"]})
    return time.perf_counter() - started, events


def shown(seconds: float) -> str:
    """Returns seconds for a table."""
    return f"over {CAP_SECONDS}" if seconds == float("inf") else f"{seconds:.2f}"


def note(what: str, seconds: float, events: int) -> None:
    """Prints a measurement."""
    print(f"  {what}: {shown(seconds)} s, {events:,} events", flush=True)


def flagged(node: engines.Node, count: int, way: str, runs: int) -> tuple[float, str, int]:
    """Flags the events of new domains. Returns the median of the seconds, the name of the last
    blacklist, and the events.
    """
    seconds = []
    for run in range(runs):
        name = f"{way}-{count}-{run}"
        controller = Controller(node, name)
        controller.prepare(node, new_values(count))
        took, events = controller.match(way)
        note(f"flag, {count:,}, {way}", took, events)
        seconds.append(took)
    return statistics.median(seconds), name, events


@dataclass
class Row:
    """The measurements with one number of new domains."""

    count: int
    flag: dict[str, float]
    blacklist: str
    events: int
    finds: list[float]
    each: float | None = None

    @property
    def find(self) -> float:
        """Returns the median time of the plugin's query."""
        return statistics.median(self.finds)

    @property
    def times(self) -> str:
        """Returns how many times longer one query for each indicator takes."""
        if self.each is None:
            return ""
        is_over = self.each == float("inf")
        ratio = (CAP_SECONDS if is_over else self.each) / self.find
        return f"{'over ' if is_over else ''}{ratio:,.0f}"


def measured(node: engines.Node) -> list[Row]:
    """Measures with each number of new domains."""
    rows = []
    for count in NEW:
        found = {way: flagged(node, count, way, runs) for way, runs in RUNS.items()}
        events = {events for _, _, events in found.values()}
        if len(events) > 1:
            sys.exit(f"backfill: {count:,} new domains: the ways flag {sorted(events)} events")
        flag = {way: seconds for way, (seconds, _, _) in found.items()}
        rows.append(Row(count, flag, found["query"][1], events.pop(), []))
    for number in range(FINDS + 1):
        # The sizes take turns. The first time is not counted, because the node's code is cold.
        for row in rows:
            seconds, events = found_by_query(node, row.blacklist, number)
            note(f"find, {row.count:,}, query", seconds, events)
            if number > 0:
                row.finds.append(seconds)
            if events != row.events:
                sys.exit(f"backfill: {row.events} events are flagged, and {events} are found")
    for row in rows:
        if row.count <= EACH_AT_MOST:
            row.each, events = one_query_each(node, new_values(row.count))
            note(f"find, {row.count:,}, one query each", row.each, events)
            check(row.events, events, row.each)
    return rows


def check(events: int, by_others: int, seconds: float) -> None:
    """Fails if another way finds other events. The others do not know hosts in every spelling,
    which a few of the log have.
    """
    if seconds != float("inf") and not 0.95 * events - 5 <= by_others <= events:
        sys.exit(f"backfill: expected about {events} events, another way finds {by_others}")


def over_all_events(node: engines.Node) -> list[list[str]]:
    """Returns the rows of the ways that read or write all events."""
    values = new_values(COMPARED)
    scan, name, events = flagged(node, COMPARED, "scan", 1)
    client, found = read_by_a_client(node, values)
    note("a client reads all", client, found)
    check(events, found, client)
    copied(node)
    pipeline = over_everything(node, name)
    note("a pipeline over all", pipeline, EVENTS)
    return [
        ["flag with `--way scan`", shown(scan)],
        ["a client reads all events, and flags none", shown(client)],
        ["`_update_by_query` with the processor", shown(pipeline)],
    ]


def growth(rows: list[Row]) -> str:
    """Returns a sentence on the time to find a million domains, compared with a thousand."""
    by_count = {row.count: row for row in rows}
    few, many = by_count.get(COMPARED), by_count[max(by_count)]
    if few is None or many is few:
        return ""
    return (
        f"To find the events of {many.count:,} domains takes {many.find / few.find:.2f} times as "
        f"long as for {few.count:,}."
    )


def write() -> None:
    """Measures, and writes the tables."""
    print("backfill", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    plugins = [engines.plugin(VERSION)]
    # The options are those of the servers' own packages: without them, garbage trips the breaker.
    options = ["-XX:G1ReservePercent=25", "-XX:InitiatingHeapOccupancyPercent=30"]
    with engines.node(VERSION, plugins=plugins, heap="1g", java_options=options) as node:
        fill(node, EVENTS)
        rows = measured(node)
        all_events = over_all_events(node)
    finds = [
        [f"{row.count:,}", f"{row.events:,}", f"{row.find:.3f}",
         "" if row.each is None else shown(row.each), row.times]
        for row in rows
    ]  # fmt: skip
    flags = [
        [f"{row.count:,}", f"{row.events:,}", *(shown(row.flag[way]) for way in RUNS)]
        for row in rows
    ]
    text = [
        "## Stored events in OpenSearch",
        f"`python -m tests.bench backfill`. {report.machine()}. {EVENTS:,} events of a Squid log "
        f"in 4 shards of one node of {VERSION} with 1 GB of heap, indexed once and copied for each "
        "run that writes. Controller and node share the cores.",
        "One search that counts the events of new domains, in seconds. The query of the plugin "
        f"looks into {len(FIELDS)} fields, and its time is the median of {FINDS}; the sizes take "
        "turns, the first is not counted, and no answer is one that the node has kept. One query "
        "each asks one field for a domain and the hosts below it, one domain after the other:",
        report.table(["new domains", "events", "the plugin's query", "one query each", "times"],
                     finds),
        growth(rows),
        "A whole `threatsieve backfill` without pauses (`busy_percent = 100`), in seconds, from the "
        "blacklist of what is new to the last flag; with `--way query` the median of "
        f"{RUNS['query']}:",
        report.table(["new domains", "events", *(f"`--way {way}`" for way in RUNS)], flags),
        f"Ways that read or write all events, with {COMPARED:,} new domains:",
        report.table(["way", "seconds"], all_events),
    ]  # fmt: skip
    report.write("backfill", "\n\n".join(part for part in text if part))
