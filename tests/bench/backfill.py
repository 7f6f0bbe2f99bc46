"""Stored events of a real OpenSearch node: new indicators find and flag them in the three ways of
`threatsieve backfill`, next to one query for each indicator, to a pipeline over all events, and to a
client that reads all events.
"""

import json
import os
import shutil
import statistics
import sys
import time

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
FINDS = 3
"""Number of times that a search is repeated."""
EACH_AT_MOST = 1000
"""The most indicators that are asked for one by one."""
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
DID_NOT_FINISH = "did not finish"


def fill(node: engines.Node) -> None:
    """Indexes the events once. Every run gets a copy."""
    settings = {"number_of_shards": 4, "number_of_replicas": 0, "refresh_interval": "-1"}
    node.put(f"/{ALL}", {"mappings": MAPPING, "settings": settings})
    for body in ingest.bulks(EVENTS):
        node.post(f"/{ALL}/_bulk", body, content_type="application/x-ndjson", timeout=600)
    node.post(f"/{ALL}/_refresh", timeout=600)
    node.put(f"/{ALL}/_settings", {"index.blocks.write": True, "index.refresh_interval": "1s"})


def copied(node: engines.Node) -> None:
    """Makes the copy that a run changes."""
    node.delete(f"/{RUN}?ignore_unavailable=true")
    settings = {"index.blocks.write": None, "index.number_of_replicas": 0}
    node.post(f"/{ALL}/_clone/{RUN}?wait_for_active_shards=1", {"settings": settings}, timeout=600)
    node.get(f"/_cluster/health/{RUN}?wait_for_no_initializing_shards=true&timeout=600s")


class Controller:
    """A controller whose list grows."""

    def __init__(self, node: engines.Node, name: str):
        shutil.rmtree(FOLDER / "c", ignore_errors=True)
        (FOLDER / "c").mkdir(parents=True)
        self.list = FOLDER / "c/list.txt"
        hosts = f"hosts = [{toml(node.url)}]"
        common = [
            f"state = {toml(str(FOLDER / 'c/state'))}", "[history]", 'window = "3650d"',
            "[blacklist]", f"name = {toml(name)}", "max_shrink = 1.0", "[[feeds]]", 'name = "list"', 'type = "path"',
            f"path = {toml(str(self.list))}", "max_shrink = 1.0", "[opensearch]", hosts,
        ]  # fmt: skip
        self.building = program.write(FOLDER / "c/building.toml", *common)
        self.matching = program.write(
            FOLDER / "c/matching.toml", *common, "push = false", "[opensearch.backfill]",
            f"indices = [{toml(RUN)}]", 'new_events = "controller"',
        )  # fmt: skip
        program.run("opensearch", "template", "--put", "--config", self.matching)

    def build(self, values: list[str]) -> None:
        """Builds and pushes a blacklist of these values, and matches nothing."""
        program.write(self.list, *values)
        program.run("poll", "--force", "--config", self.building, timeout=600)

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


def found_by_query(node: engines.Node, name: str) -> tuple[float, int]:
    """Returns the seconds and the number of events of the plugin's query with the whole list."""
    query = {"threat_match": {"blacklist": name, "fields": FIELDS}}
    seconds = []
    for _ in range(FINDS):
        # Kept answers of the run before would not be measured.
        node.post(f"/{ALL}/_cache/clear")
        started = time.perf_counter()
        answer = node.post(
            f"/{ALL}/_search", {"size": 0, "track_total_hits": True, "query": query},
            timeout=CAP_SECONDS,
        )  # fmt: skip
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), answer["hits"]["total"]["value"]


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


def shown(seconds: float | None) -> str:
    if seconds is None:
        return "not measured"
    return DID_NOT_FINISH if seconds == float("inf") else f"{seconds:.1f} s"


def measured(node: engines.Node) -> list[list[str]]:
    """Returns the rows of the table."""
    rows = []
    first = ["not-in-the-log.example"]
    for count in NEW:
        values = new_values(count)
        row = {}
        for way in ("query", "values", "scan"):
            copied(node)
            name = f"{way}-{count}"
            controller = Controller(node, name)
            controller.build(first)
            # All events are matched with the first list: only what is new counts from now on.
            controller.match()
            controller.build(first + values)
            row[way], flagged = controller.match(way)
            print(f"backfill, {count:,}, {way}: {row[way]:.1f} s, {flagged:,} flagged", flush=True)
        row["find"], events = found_by_query(node, name)
        few = count <= EACH_AT_MOST
        row["each"], by_each = one_query_each(node, values) if few else (None, events)
        row["client"], by_client = read_by_a_client(node, values)
        copied(node)
        row["pipeline"] = over_everything(node, name)
        # The others do not know hosts in every spelling.
        nearly = 0.98 * events
        if flagged != events or by_client < nearly or few and by_each < nearly:
            sys.exit(f"backfill: {flagged}, {events}, {by_client} and {by_each} events differ")
        ratio = f"{row['each'] / row['find']:,.0f}" if few else ""
        rows.append([
            f"{count:,}", f"{events:,}",
            *(shown(row[each]) for each in ("find", "each")), ratio,
            *(shown(row[each]) for each in ("query", "values", "scan", "client", "pipeline")),
        ])  # fmt: skip
    return rows


def write() -> None:
    """Measures, and writes the table."""
    print("backfill", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    plugins = [engines.plugin(VERSION)]
    with engines.node(VERSION, plugins=plugins, heap="1g") as node:
        fill(node)
        rows = measured(node)
    head = [
        "new domains", "events", "find: query", "find: one query each", "times",
        "flag: query", "flag: values", "flag: scan", "a client reads all",
        "a pipeline over all",
    ]  # fmt: skip
    text = [
        "## Stored events in OpenSearch",
        f"`python -m tests.bench backfill`. {report.machine()}. {EVENTS:,} events of a Squid log "
        f"in 4 shards of one node of {VERSION} with 1 GB of heap, indexed once and copied for each "
        "run. *find* is one search that counts the events; *flag* is a whole `threatsieve "
        "backfill`, from the blacklist of what is new to the last flag. *a pipeline over all* is "
        "`_update_by_query` with the processor, which writes every event.",
        report.table(head, rows),
    ]
    report.write("backfill", "\n\n".join(text))
