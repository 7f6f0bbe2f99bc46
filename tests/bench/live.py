"""A client that indexes new events through a pipeline at full speed, and its rate."""

import itertools
import threading
import time

from tests import engines
from tests.bench import ingest

INDEX = "live"
EVENTS = 100_000
"""Different events. They are sent again and again."""
BULK_EVENTS = 1000
CONNECTIONS = 2


class Indexing:
    """Sends bulk requests until its end, into an index that is new."""

    def __init__(self, node: engines.Node, pipeline: str, bodies: list[bytes]):
        node.delete(f"/{INDEX}?ignore_unavailable=true")
        node.put(f"/{INDEX}", {"settings": {"number_of_shards": 1, "number_of_replicas": 0}})
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


def bodies() -> list[bytes]:
    """Returns the requests."""
    return list(ingest.bulks(EVENTS, BULK_EVENTS))
