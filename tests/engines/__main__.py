"""`python -m tests.engines prepare`: gets and assembles what the tests run."""

import sys

from tests.engines import assemble


def prepare() -> None:
    """Assembles every server that is not there yet, and looks for its JDK."""
    for version in assemble.VERSIONS:
        assemble.java(version)
        if not (assemble.CACHE / version).is_dir():
            print(f"assembling OpenSearch {version} from Maven Central", file=sys.stderr)
        assemble.home(version)
    assemble.security_plugin()


if __name__ == "__main__":
    commands = {"prepare": prepare}
    if sys.argv[1:] not in [[name] for name in commands]:
        sys.exit(f"usage: python -m tests.engines {'|'.join(commands)}")
    try:
        commands[sys.argv[1]]()
    except assemble.Missing as missing:
        sys.exit(f"error: {missing}")
