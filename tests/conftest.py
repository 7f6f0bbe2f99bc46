"""What all acceptance tests share."""

import os
import shutil

import pytest

from tests import engines, program


def pytest_configure():
    """No binary, no tests: better one clear message than a failure for each."""
    # Dozens of nodes are started: the first compiler alone halves what that takes, and nothing here is measured.
    os.environ.setdefault("OPENSEARCH_JAVA_OPTS", "-XX:TieredStopAtLevel=1")
    if not program.BINARY.is_file():
        pytest.exit(f"{program.BINARY} is missing; build it with: make build", returncode=2)


def pytest_collection_modifyitems(items):
    """Nothing is skipped in silence: a skip marker is an error."""
    marked = [item.nodeid for item in items if item.get_closest_marker("skip") or item.get_closest_marker("skipif")]
    if marked:
        raise pytest.UsageError(f"tests must not be skipped: {', '.join(marked)}")


@pytest.fixture(scope="session")
def tool():
    """Finds a command, or fails with the package that has it."""

    def find(name: str, package: str) -> str:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        assert found, f"{name} is missing; install it with: apt-get install {package}"
        return found

    return find


@pytest.fixture(scope="session")
def opensearch_3():
    """A node of 3.8 with the plugin, shared by all tests: use index, pipeline and blacklist names of your own, and leave its settings alone."""
    with engines.node("3.8.0", plugins=[engines.plugin("3.8.0")]) as node:
        yield node


@pytest.fixture(scope="session")
def opensearch_2():
    """The same of 2.19."""
    with engines.node("2.19.4", plugins=[engines.plugin("2.19.4")]) as node:
        yield node


@pytest.fixture(params=["3.8.0", "2.19.4"])
def opensearch(request):
    """Both in turn."""
    return request.getfixturevalue(f"opensearch_{request.param[0]}")
