"""Development cluster, `make dev-cluster`: nodes to try things out by hand."""

import argparse
import signal
import sys
import time

from tests.engines import assemble
from tests.engines.cluster import cluster


def run(arguments: list[str]) -> None:
    """Starts the cluster, prints its addresses, and stops it at Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make dev-cluster", description=__doc__)
    parser.add_argument(
        "--engine", default="3.8.0", choices=assemble.VERSIONS, help="version of OpenSearch"
    )
    parser.add_argument("--nodes", default=3, type=int, metavar="N")
    chosen = parser.parse_args(arguments)
    try:
        plugins = [assemble.plugin(chosen.engine)]
    except assemble.Missing as missing:
        plugins = []
        print(f"without the plugin: {missing}", file=sys.stderr)
    # SIGTERM has the same effect as Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    print(
        f"starting {chosen.nodes} nodes of OpenSearch {chosen.engine}; this takes about "
        f"{10 * chosen.nodes} seconds",
        flush=True,
    )
    try:
        with cluster(chosen.engine, nodes=chosen.nodes, plugins=plugins) as running:
            for node in running:
                print(f"{node.name}  {node.url}  log: {node.folder}/log")
            if plugins:
                print(
                    f"\nplugin: {plugins[0]}\n"
                    f"  curl {running[0].url}/_plugins/_threatsieve/blacklist"
                )
            print("\nCtrl-C stops the cluster and removes its data.", flush=True)
            while True:
                time.sleep(1)
                for node in running:
                    node.assert_alive()
    except KeyboardInterrupt:
        print("\nstopped")
