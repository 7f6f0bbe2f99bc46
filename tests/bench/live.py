"""New events that a client indexes at full speed while a backfill flags stored events: the rate
that it keeps.
"""

import itertools
import os
import resource
import statistics
import threading
import time
from dataclasses import dataclass

from tests import engines, pushing
from tests.bench import backfill, ingest, report

STORED = int(os.environ.get("THREATSIEVE_BENCH_STORED", 1_000_000))
NEW = 1000
"""New domains, whose events are flagged."""
BUSY = [int(each) for each in os.environ.get("THREATSIEVE_BENCH_BUSY", "20,100").split(",")]
"""Values of the setting `busy_percent` of backfills. 20 is the default."""
TURNS = int(os.environ.get("THREATSIEVE_BENCH_TURNS", 5))
ALONE_SECONDS = 10
"""Time before and after a backfill in which new events are indexed without it."""
WARM_SECONDS = 5
"""Time in which new events are indexed and not counted."""
INDEX = "live"
EVENTS = 100_000
"""Different events. They are sent again and again."""
BULK_EVENTS = 1000
CONNECTIONS = 2


class Indexing:
    """Sends bulk requests until its end, into an index that is new."""

    def __init__(self, node: engines.Node, pipeline: str, bodies: list[bytes]):
        node.delete(f"/{INDEX}?ignore_unavailable=true")
        # Refreshes make small segments, whose merges would fall into some of the windows only. The
        # default of OpenSearch also ends them after 30 s in which nobody searches.
        settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"}
        node.put(f"/{INDEX}", {"settings": settings})
        self.node, self.bodies = node, itertools.cycle(bodies)
        self.path = f"/{INDEX}/_bulk?filter_path=errors&pipeline={pipeline}"
        self.answered: list[float] = []
        self.failures: list[str] = []
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.send) for _ in range(CONNECTIONS)]

    def __enter__(self) -> "Indexing":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def send(self) -> None:
        """Sends one request after the other."""
        while not self.ending.is_set():
            try:
                answer = self.node.post(
                    self.path, next(self.bodies), content_type="application/x-ndjson"
                )
            except (engines.Refused, OSError) as error:
                self.failures.append(str(error))
                return
            if answer["errors"]:
                self.failures.append("events were refused")
                return
            self.answered.append(time.monotonic())

    def events(self, start: float, end: float) -> int:
        """Returns the number of events that the node confirmed between two times."""
        if self.failures:
            raise SystemExit(f"live indexing: {self.failures[0]}")
        return BULK_EVENTS * sum(start <= each < end for each in self.answered)


@dataclass
class Turn:
    """One backfill, and the events that a client indexed in each second without and with it."""

    seconds: float
    flagged: int
    controller_cpu: float
    alone: float
    meanwhile: float

    @property
    def kept(self) -> float:
        """Returns the share of the rate that indexing keeps."""
        return self.meanwhile / self.alone


def turn(node: engines.Node, bodies: list[bytes], busy: int, number: int) -> Turn:
    """Indexes new events before, during and after a backfill."""
    name = f"live-{busy}-{number}"
    controller = backfill.Controller(node, name, busy)
    controller.prepare(node, backfill.new_values(NEW))
    pushing.set_pipeline(node, "live", blacklist=name, fields=backfill.FIELDS)
    with Indexing(node, "live", bodies) as indexing:
        time.sleep(WARM_SECONDS)
        begin = time.monotonic()
        time.sleep(ALONE_SECONDS)
        start, cpu = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        _, events = controller.match()
        end, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        time.sleep(ALONE_SECONDS)
        over = time.monotonic()
    around = indexing.events(begin, start) + indexing.events(end, over)
    found = Turn(
        seconds=end - start,
        flagged=events,
        controller_cpu=used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime,
        alone=around / (start - begin + over - end),
        meanwhile=indexing.events(start, end) / (end - start),
    )
    backfill.note(f"live, busy {busy} %: {found.alone:,.0f} events/s alone, keeps {found.kept:.2f}",
         found.seconds, events)  # fmt: skip
    return found


def measured(node: engines.Node) -> list[list[str]]:
    """Returns the rows of the table, one for each setting."""
    bodies = list(ingest.bulks(EVENTS, BULK_EVENTS))
    turns: dict[int, list[Turn]] = {busy: [] for busy in BUSY}
    for number in range(TURNS):
        for busy, found in turns.items():
            found.append(turn(node, bodies, busy, number))
    rows = []
    for busy, found in turns.items():
        kept = [each.kept for each in found]
        median = {
            name: statistics.median(getattr(each, name) for each in found)
            for name in ("seconds", "flagged", "controller_cpu", "alone", "meanwhile")
        }
        rows.append([
            str(busy), str(len(found)),
            f"{median['seconds']:.1f}", f"{median['flagged'] / median['seconds']:,.0f}",
            f"{median['controller_cpu']:.1f}", f"{median['alone']:,.0f}",
            f"{median['meanwhile']:,.0f}", f"{statistics.median(kept):.0%}",
            f"{min(kept):.0%} to {max(kept):.0%}",
        ])  # fmt: skip
    return rows


def write() -> None:
    """Measures, and writes the table."""
    print("live", flush=True)
    backfill.FOLDER.mkdir(parents=True, exist_ok=True)
    plugins = [engines.plugin(backfill.VERSION)]
    with engines.node(backfill.VERSION, plugins=plugins, heap="1g") as node:
        backfill.fill(node, STORED)
        rows = measured(node)
    head = [
        "`busy_percent`", "backfills", "seconds", "flags a second", "controller's CPU seconds",
        "events a second alone", "meanwhile", "kept", "least to most",
    ]  # fmt: skip
    text = (
        f"## New events while a backfill runs\n\n`python -m tests.bench live`. {report.machine()}. "
        f"A client indexes new events through the processor into one node of {backfill.VERSION} "
        f"with 1 GB of heap, in bulk requests of {BULK_EVENTS:,} on {CONNECTIONS} connections, each "
        f"sent as soon as the one before is answered. After {WARM_SECONDS} s, its events are "
        f"counted for {ALONE_SECONDS} s, then for the whole time of a `threatsieve backfill`, then "
        f"for {ALONE_SECONDS} s again. The backfill finds and flags the events of {NEW:,} new "
        f"domains among {STORED:,} stored ones, in 4 shards of another index. The index of new "
        "events is not refreshed, so that its own merges do not change the rate. Client, node and "
        "controller share the cores, which the client and the node alone keep busy: what the "
        f"backfill uses, indexing lacks. `busy_percent` is 20 by default. The figures are medians:\n\n{report.table(head, rows)}"
    )
    report.write("live", text)
