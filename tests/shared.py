"""Servers that all tests of a run share, across pytest's worker processes.

A fixture of conftest.py starts one for the whole session:

    @pytest.fixture(scope="session")
    def opensearch_3():
        return shared.server("opensearch-3.8.0", lambda: engines.node("3.8.0"))

The first process that asks for a server starts it, under a lock. The others get the value that
`start` yields, as a pickle. So it must be picklable: an address or folders, but no process object.
The process that started the server ends it when no other process uses it any longer.

Tests that share a server use names of their own on it (indices, pipelines, blacklists,
collections). A test that changes something that others would notice has the mark
`@pytest.mark.alone`. No other test uses a shared server while it runs.
"""

import contextlib
import fcntl
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

Server = TypeVar("Server")

_FOLDER = "THREATSIEVE_TEST_RUN"
"""The environment variable with the folder that the processes of a run share."""
_held = contextlib.ExitStack()


def begin() -> None:
    """Makes the folder of this run, unless a parent process has made it."""
    os.environ.setdefault(_FOLDER, "")
    if not os.environ[_FOLDER]:
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="threatsieve-run-")
        _held.callback(shutil.rmtree, os.environ[_FOLDER], ignore_errors=True)


def end() -> None:
    """Ends the servers that this process started, each when no other process uses it any longer."""
    _held.close()


def server(name: str, start: Callable[[], AbstractContextManager[Server]]) -> Server:
    """Returns the server with this name, and starts it if necessary. It runs until the run ends."""
    handle = _path(f"{name}.pickle")
    with _locked(f"{name}.door", fcntl.LOCK_EX):
        ours = not handle.exists()
        if ours:
            found = _held.enter_context(_owned(name, start))
            handle.write_bytes(pickle.dumps(found))
        else:
            found = pickle.loads(handle.read_bytes())
            _held.enter_context(_locked(f"{name}.users", fcntl.LOCK_SH))
    return found


def folder(name: str) -> Path:
    """Returns a folder for a server's files. It disappears when the run ends."""
    return _path(name)


@contextlib.contextmanager
def use(alone: bool) -> Iterator[None]:
    """Holds the lock for a test that uses shared servers, together with other tests or `alone`."""
    with contextlib.ExitStack() as held:
        # A test that waits to be alone holds the gate, so that others cannot delay it for ever.
        with _locked("tests.gate", fcntl.LOCK_EX):
            held.enter_context(_locked("tests", fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        yield


@contextlib.contextmanager
def _owned(name: str, start: Callable[[], AbstractContextManager[Server]]) -> Iterator[Server]:
    with start() as found:
        yield found
        with _locked(f"{name}.users", fcntl.LOCK_EX):
            pass


@contextlib.contextmanager
def _locked(name: str, kind: int) -> Iterator[None]:
    # The kernel releases the lock when this process ends, even after a crash.
    with _path(name).open("ab") as file:
        fcntl.flock(file, kind)
        yield


def _path(name: str) -> Path:
    return Path(os.environ[_FOLDER]) / name
