"""Real OpenSearch nodes for tests, demonstrations and measurements.

    from tests import engines

    settings = {"threatsieve.memory_limit": "64mb"}
    with engines.node("3.8.0", plugins=[zip_path], settings=settings) as node:
        # Returns parsed JSON, or raises engines.Refused (.status, .body).
        node.put("/events", {"mappings": {"dynamic": "strict"}})
        node.post("/_search", {"query": {"match_all": {}}})
        # Refreshes the index, and raises an error if an item failed.
        node.bulk("events", [{"url": {"original": "http://evil.example/"}}], pipeline="flag")
        # The source of every document, ordered by `_id`.
        node.documents("events")
        # Sends bytes unchanged.
        node.send("PUT", "/_plugins/_threatsieve/blacklist/default", path.read_bytes())
        # The server's log so far.
        node.log()
        # Waits for the first match of a regular expression, 30 seconds at most.
        node.wait_log("pattern", 30)
        # Stops and starts with the same data and ports. Also: .stop(), .kill(), .start().
        node.restart()
        # With the security plugin; `context` is for TLS.
        node.get("/", user=("name", "password"))
        # Bytes of memory, with shared pages counted by their share.
        node.pss()
        # Its home, and folders in it.
        node.folder, node.data, node.plugins

    with engines.cluster("3.8.0", nodes=3, plugins=[zip_path]) as cluster:
        # A list of nodes, ready when all have joined.
        cluster[0].get("/_cat/nodes")
        # A node that joins now.
        late = cluster.add(roles=["data"])

The versions are 3.8.0, 2.19.4 and 2.19.1. assemble.py says how they are made, and
`tests/prepare engines` makes them beforehand. `engines.plugin("3.8.0")` is our plugin's zip for
that version.

A node takes 7 to 15 seconds to start. So tests share the nodes of the fixtures in conftest.py where
they can: `opensearch_3`, `opensearch_2`, and `opensearch` for both in turn, which have the plugin.
Use names of your own for indices, pipelines and blacklists there. Start a node of your own to
restart it or to change its settings.

Any user can start nodes. If root does, they run as `nobody`. A watchdog ends the nodes and removes
their folders, even if this process is killed.
"""

from tests.engines.assemble import Missing, home, java, plugin, security_plugin
from tests.engines.cluster import Cluster, cluster
from tests.engines.node import Node, Refused, node

__all__ = [
    "Cluster",
    "Missing",
    "Node",
    "Refused",
    "cluster",
    "home",
    "java",
    "node",
    "plugin",
    "security_plugin",
]
