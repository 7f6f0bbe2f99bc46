"""Several nodes that form one cluster."""

import contextlib
from collections.abc import Iterator

from tests.engines.node import Node


class Cluster(list):
    """The nodes, in the order in which they were added. The first `size` nodes can be elected."""

    def __init__(self, version: str, size: int, roles: list[list[str] | None] | None, **options):
        super().__init__()
        self.version, self.options = version, options
        for number in range(size):
            self.prepare(roles[number] if roles else None)
        for one in self:
            one.configure(
                {
                    "cluster.initial_cluster_manager_nodes": [
                        one.name for one in self if self._may_lead(one)
                    ]
                }
            )

    @staticmethod
    def _may_lead(one: Node) -> bool:
        return "cluster_manager" in one.settings.get("node.roles", ["cluster_manager"])

    def prepare(self, roles: list[str] | None = None, **options) -> Node:
        """Returns a node that joins when it is started. `options` are those of `Node` and override
        the cluster's.
        """
        options = {**self.options, **options}
        settings = {
            **(options.pop("settings", None) or {}),
            **({} if roles is None else {"node.roles": roles}),
        }
        one = Node(self.version, name=f"node-{len(self)}", settings=settings, **options)
        self.append(one)
        for other in self:
            other.configure(
                {"discovery.seed_hosts": [f"127.0.0.1:{each.transport_port}" for each in self]}
            )
        return one

    def start(self) -> None:
        """Starts all nodes and waits until they have found each other."""
        for one in self:
            one.launch()
        for one in self:
            one.wait(nodes=len(self))

    def add(self, roles: list[str] | None = None, **options) -> Node:
        """Adds a node, and returns when it has joined."""
        one = self.prepare(roles, **options)
        one.start(nodes=len(self))
        return one

    def drop(self, one: Node) -> None:
        """Removes a node that was added."""
        super().remove(one)
        one.remove()

    def end(self) -> None:
        """Ends all nodes and removes their folders."""
        for one in self:
            one.remove()


@contextlib.contextmanager
def cluster(
    version: str, nodes: int = 3, roles: list[list[str] | None] | None = None, **options
) -> Iterator[Cluster]:
    """Yields a running cluster.

    `roles` gives the `node.roles` of each node; None means all roles. The other options are those
    of `Node`, for every node.
    """
    several = Cluster(version, nodes, roles, **options)
    try:
        several.start()
        yield several
    finally:
        several.end()
