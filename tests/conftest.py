"""Fixtures and hooks of all acceptance tests, including the servers that are started only once.
tests/README.md says how to add one.
"""

import contextlib
import os
import shutil
from collections import Counter

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests import engines, misp, opentaxii, program, secured, seeds, shared, times

FIRST = [
    # Its three nodes need both cores. The files that run meanwhile start no nodes of their own.
    "test_cluster.py", "test_processor.py",
    "test_publish_check.py", "test_matching.py", "test_rounds.py",
    # Slow files come next, so that no worker is left with one at the end. Check the order with the
    # table of `make test`.
    "test_push.py", "test_outages.py", "test_soak.py", "test_publish.py", "test_plugin_query.py",
]  # fmt: skip
"""The order of the first files; the others follow."""
TOGETHER = {"test_publish_tls.py": "test_security.py"}
"""Files that run on the same worker as another file, because they use a server that processes
cannot share.
"""

_seconds: Counter[str] = Counter()
_tests: Counter[str] = Counter()


def pytest_configure():
    """Checks that the binary exists: one clear message is better than a failure for each test."""
    # The tests start dozens of nodes. With only the first JIT compiler they start in half the time,
    # and nothing here is measured.
    os.environ.setdefault("OPENSEARCH_JAVA_OPTS", "-XX:TieredStopAtLevel=1")
    if not program.BINARY.is_file():
        pytest.exit(f"{program.BINARY} is missing; build it with: make build", returncode=2)
    shared.begin()


def pytest_collection_modifyitems(items):
    """Rejects skip markers, so that nothing is skipped silently, and sorts the files."""
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
    """Gives each worker of pytest-xdist whole files, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0].rpartition("/")[2]
        return TOGETHER.get(file, file)


def pytest_xdist_make_scheduler(config, log):
    """Selects the scheduler that distributes whole files."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Separates tests that change a shared server from tests that use it. This includes fixtures of
    a module.
    """
    alone = item.get_closest_marker("alone") is not None
    with (
        shared.use(alone) if alone or SHARED & set(item.fixturenames) else contextlib.nullcontext()
    ):
        return (yield)


def pytest_runtest_logreport(report):
    """Adds up the time of each file."""
    file = report.nodeid.partition("::")[0]
    _seconds[file] += report.duration
    _tests[file] += report.when == "setup"


def pytest_sessionfinish(session):
    """Ends shared servers. Writes the times in the process that collects all reports, which is not
    a worker of pytest-xdist.
    """
    shared.end()
    if not hasattr(session.config, "workerinput"):
        for file, seconds in _seconds.items():
            times.note("file", file, seconds, tests=_tests[file])


def pytest_terminal_summary(terminalreporter):
    """Prints how to repeat the random choices."""
    terminalreporter.line(f"{seeds.NAME}={seeds.SEED} repeats the random choices of this run")


@pytest.fixture(scope="session")
def tool():
    """Finds a command, or fails with the name of its package."""

    def find(name: str, package: str) -> str:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        assert found, f"{name} is missing; install it with: apt-get install {package}"
        return found

    return find


SHARED = {"opensearch_3", "opensearch_2", "opensearch", "opentaxii_server"}
"""Fixtures of servers that all workers share. Use names of your own for indices, pipelines and
blacklists there, and do not change the server's settings.
"""


@pytest.fixture(scope="session")
def opensearch_3():
    """A node of 3.8 with the plugin."""
    return shared.server(
        "opensearch-3", lambda: engines.node("3.8.0", plugins=[engines.plugin("3.8.0")])
    )


@pytest.fixture(scope="session")
def opensearch_2():
    """A node of 2.19 with the plugin."""
    return shared.server(
        "opensearch-2", lambda: engines.node("2.19.4", plugins=[engines.plugin("2.19.4")])
    )


@pytest.fixture(scope="session")
def opentaxii_server(tool):
    """OpenTAXII behind TLS. Each test uses a collection of its own, or changes none."""
    openssl = tool("openssl", "openssl")
    return shared.server(
        "opentaxii", lambda: opentaxii.opentaxii(shared.folder("opentaxii"), openssl)
    )


@pytest.fixture
def misp_double():
    """A test double of MISP of the test's own."""
    with misp.running() as double:
        yield double
        assert double.errors == [], "the double itself failed"


@pytest.fixture(params=["3.8.0", "2.19.4"])
def opensearch(request):
    """Runs a test twice, with a node of 3.8 and with one of 2.19."""
    return request.getfixturevalue(f"opensearch_{request.param[0]}")


@pytest.fixture(scope="session", name="secured")
def _secured(tool, tmp_path_factory):
    """A node with TLS and users. Only one worker uses it: its files are in TOGETHER."""
    with secured.secured_node(
        tmp_path_factory.mktemp("certificates"), tool("openssl", "openssl")
    ) as found:
        yield found
