"""What all acceptance tests share: the run itself, and the servers that it starts once (tests/README.md says how to add one)."""

import contextlib
import os
import shutil
from collections import Counter

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests import engines, program, secured, seeds, shared, times

FIRST = [
    # Its three nodes need both cores: what runs meanwhile starts none of its own.
    "test_cluster.py", "test_processor.py",
    "test_publish_check.py", "test_matching.py", "test_rounds.py",
    # Then what takes long, so that no worker is left with it at the end. The table of `make test` says when this is no longer true.
    "test_push.py", "test_outages.py", "test_soak.py", "test_publish.py",
]  # fmt: skip
"""The order of files; the others follow."""
TOGETHER = {"test_publish_tls.py": "test_security.py"}
"""Files that go to the worker of another file, since they use a server that cannot be shared between processes."""

_seconds: Counter[str] = Counter()
_tests: Counter[str] = Counter()


def pytest_configure():
    """No binary, no tests: better one clear message than a failure for each."""
    # Dozens of nodes are started: the first compiler alone halves what that takes, and nothing here is measured.
    os.environ.setdefault("OPENSEARCH_JAVA_OPTS", "-XX:TieredStopAtLevel=1")
    if not program.BINARY.is_file():
        pytest.exit(f"{program.BINARY} is missing; build it with: make build", returncode=2)
    shared.begin()


def pytest_collection_modifyitems(items):
    """Nothing is skipped in silence: a skip marker is an error. Files come in their order."""
    marked = [
        item.nodeid
        for item in items
        if item.get_closest_marker("skip") or item.get_closest_marker("skipif")
    ]
    if marked:
        raise pytest.UsageError(f"tests must not be skipped: {', '.join(marked)}")
    items.sort(
        key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST)
    )


class ByFile(LoadScopeScheduling):
    """Gives each worker of pytest-xdist whole files, which keep the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0].rpartition("/")[2]
        return TOGETHER.get(file, file)


def pytest_xdist_make_scheduler(config, log):
    """Decides which worker runs which tests."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Keeps tests that change a shared server for all from those that use it at the same time, fixtures of a module included."""
    alone = item.get_closest_marker("alone") is not None
    with (
        shared.use(alone) if alone or SHARED & set(item.fixturenames) else contextlib.nullcontext()
    ):
        return (yield)


def pytest_runtest_logreport(report):
    """Adds up how long each file takes."""
    file = report.nodeid.partition("::")[0]
    _seconds[file] += report.duration
    _tests[file] += report.when == "setup"


def pytest_sessionfinish(session):
    """Ends shared servers, and notes the times where all reports come together: not in a worker of pytest-xdist."""
    shared.end()
    if not hasattr(session.config, "workerinput"):
        for file, seconds in _seconds.items():
            times.note("file", file, seconds, tests=_tests[file])


def pytest_terminal_summary(terminalreporter):
    """Says how to repeat what was drawn at random."""
    terminalreporter.line(f"{seeds.NAME}={seeds.SEED} repeats the random choices of this run")


@pytest.fixture(scope="session")
def tool():
    """Finds a command, or fails with the package that has it."""

    def find(name: str, package: str) -> str:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        assert found, f"{name} is missing; install it with: apt-get install {package}"
        return found

    return find


SHARED = {"opensearch_3", "opensearch_2", "opensearch"}
"""Fixtures of servers that all workers share: use index, pipeline and blacklist names of your own, and leave its settings alone."""


@pytest.fixture(scope="session")
def opensearch_3():
    """A node of 3.8 with the plugin."""
    return shared.server(
        "opensearch-3", lambda: engines.node("3.8.0", plugins=[engines.plugin("3.8.0")])
    )


@pytest.fixture(scope="session")
def opensearch_2():
    """The same of 2.19."""
    return shared.server(
        "opensearch-2", lambda: engines.node("2.19.4", plugins=[engines.plugin("2.19.4")])
    )


@pytest.fixture(params=["3.8.0", "2.19.4"])
def opensearch(request):
    """Both in turn."""
    return request.getfixturevalue(f"opensearch_{request.param[0]}")


@pytest.fixture(scope="session", name="secured")
def _secured(tool, tmp_path_factory):
    """A node with TLS and users, of one worker alone: the files that use it are in TOGETHER."""
    with secured.secured_node(
        tmp_path_factory.mktemp("certificates"), tool("openssl", "openssl")
    ) as found:
        yield found
