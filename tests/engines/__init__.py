"""Real OpenSearch nodes for tests, demonstrations and measurements.

    from tests import engines

    with engines.node("3.8.0", plugins=[zip_path], settings={"threatsieve.memory_limit": "64mb"}) as node:
        node.put("/events", {"mappings": {"dynamic": "strict"}})   # parsed JSON; engines.Refused (.status, .body) when the answer is an error
        node.post("/_search", {"query": {"match_all": {}}})
        node.bulk("events", [{"url": {"original": "http://evil.example/"}}], pipeline="flag")  # refreshed; raises if an item failed
        node.documents("events")                                   # every document's source, in the order of their `_id`s
        node.send("PUT", "/_plugins/_threatsieve/blacklist/default", path.read_bytes())       # bytes go as they are
        node.log()                                                 # the server's log so far
        node.wait_log("pattern", 30)                               # the first match of a regular expression, waited for
        node.restart()                                             # stop and start again with the same data and ports; also .stop(), .kill(), .start()
        node.get("/", user=("name", "password"))                   # with the security plugin; `context` for TLS
        node.pss()                                                 # bytes of memory, shared pages counted in parts
        node.folder, node.data, node.plugins                       # its home and folders in it

    with engines.cluster("3.8.0", nodes=3, plugins=[zip_path]) as cluster:
        cluster[0].get("/_cat/nodes")                              # a list of nodes, ready when all have joined
        late = cluster.add(roles=["data"])                         # one that joins now

Versions: 3.8.0, 2.19.4 and 2.19.1 (assemble.py says how they are made, `tests/prepare engines` makes them beforehand). A node takes 7 to 15
seconds to start, so tests share those of the fixtures (conftest.py) `opensearch_3`, `opensearch_2`, and `opensearch` for both in turn, which have
the plugin, where they can: use index, pipeline and blacklist names of your own there, and a node of your own for anything that restarts it or
changes its settings. `engines.plugin("3.8.0")` is our plugin's zip for that version.

Root may start nodes (they run as `nobody`), and so may any other user. Nothing is left behind: a watchdog ends the nodes and removes their
folders, however this process ends.
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
