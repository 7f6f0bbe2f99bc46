"""Bulk traffic that continues while something happens to the nodes, and a check of every event
afterwards.
"""

import itertools
import threading
from dataclasses import dataclass, field

from tests.engines import Node, Refused
from tests.pushing import event, generation, is_flagged, unchecked

BULK = 50
"""Events in one request. Every second one is bad."""


@dataclass
class Traffic:
    """Sends bulk requests to the nodes in turn, like a log shipper: unconfirmed events are sent
    again with the same ids.
    """

    nodes: list[Node]
    index: str
    pipeline: str
    bad: str
    """A host in the blacklist."""
    pause: float = 0.05
    """Seconds between two requests. The nodes that start at the same time need the cores, too."""
    errors: list[str] = field(default_factory=list)
    """Error answers of nodes that were not being restarted. There must be none."""
    sent: int = 0
    """Number of confirmed events."""
    repeats: int = 0
    """Number of requests that were sent again because the connection to a node was lost."""

    def __post_init__(self):
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Traffic":
        # Each shard has a copy on a second node. Otherwise the first node that leaves would take
        # events along, with or without the plugin.
        settings = {"number_of_replicas": min(1, len(self.nodes) - 1)}
        self.nodes[0].put(f"/{self.index}?wait_for_active_shards=all", {"settings": settings})
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        turns = itertools.cycle(self.nodes)
        while not self._over.is_set():
            ids = [str(number) for number in range(self.sent, self.sent + BULK)]
            events = [event(self.bad if int(name) % 2 else f"good-{name}.example") for name in ids]
            try:
                answer = next(turns).bulk(
                    self.index, events, self.pipeline, ids, refresh=False, check=False
                )
            except OSError:
                # The node is not reachable: the next one gets the same events.
                self.repeats += 1
                self._over.wait(0.05)
                continue
            except Refused as refused:
                self._refused(str(refused))
                continue
            if answer["errors"]:
                self._refused(
                    str([item for item in answer["items"] if "error" in item["index"]][:2])
                )
                continue
            self.sent += BULK
            self._over.wait(self.pause)

    def _refused(self, what: str) -> None:
        # A node that leaves returns unfinished work as an error. A shipper sends it again, and so
        # does this.
        if (
            "NodeClosed" in what
            or "node_closed" in what
            or "node_disconnected" in what
            or "node_not_connected" in what
        ):
            self.repeats += 1
        else:
            self.errors.append(what)
            self._over.wait(0.2)

    def account(self, blacklist: str = "default") -> dict[str, int]:
        """Checks every event and returns the number of each kind.

        No event may be missing or refused. An event is either checked, and flagged only if it is
        bad, or says why it was not checked. The pipeline must stamp all events.
        """
        node = self.nodes[0]
        node.post(f"/{self.index}/_refresh")
        assert not self.errors, self.errors[:3]
        counts = {"checked": 0, "flagged": 0, "unchecked": 0}
        seen = 0
        for name, document in everything(node, self.index):
            seen += 1
            bad = int(name) % 2 == 1
            if unchecked(document):
                counts["unchecked"] += 1
                assert not is_flagged(document), (name, document)
            else:
                assert generation(document, blacklist), (name, document)
                counts["checked"] += 1
                counts["flagged"] += is_flagged(document)
                assert is_flagged(document) == bad, (name, document)
        # The requests under way when the traffic ended may be indexed without a confirmation.
        assert self.sent <= seen <= self.sent + BULK, (self.sent, seen)
        return counts


def everything(node: Node, index: str):
    """Yields every document of an index: id and source."""
    after = None
    while True:
        body = {
            "size": 5000,
            "sort": [{"_id": "asc"}],
            **({"search_after": after} if after else {}),
        }
        hits = node.post(f"/{index}/_search", body)["hits"]["hits"]
        if not hits:
            return
        yield from ((hit["_id"], hit["_source"]) for hit in hits)
        after = hits[-1]["sort"]
