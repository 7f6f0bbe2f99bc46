"""Runs real servers for the make targets: `python -m tests.engines COMMAND`."""

import sys

from tests.engines import assemble, demo, dev_cluster


def prepare(_arguments: list[str]) -> None:
    """Assembles every server that does not exist yet, and looks for its JDK."""
    for version in assemble.VERSIONS:
        assemble.java(version)
        if not (assemble.CACHE / version).is_dir():
            print(f"assembling OpenSearch {version} from Maven Central", file=sys.stderr)
        assemble.home(version)
    assemble.security_plugin()


COMMANDS = {"prepare": prepare, "dev-cluster": dev_cluster.run, "demo": demo.run}

if __name__ == "__main__":
    name, *rest = sys.argv[1:] or [""]
    if name not in COMMANDS:
        sys.exit(f"usage: python -m tests.engines {'|'.join(COMMANDS)}")
    try:
        COMMANDS[name](rest)
    except assemble.Missing as missing:
        sys.exit(f"error: {missing}")
