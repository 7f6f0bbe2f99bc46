"""Servers that all tests of a run share, in whichever of pytest's worker processes they are.

A fixture of conftest.py starts one for the whole session:

    @pytest.fixture(scope="session")
    def opensearch_3():
        return shared.server("opensearch-3.8.0", lambda: engines.node("3.8.0"))

The first process that asks starts it, under a lock; what `start` yields goes to the others as a pickle, so it must be one: an address, folders, and
no process of Python's. The process that started it ends it when no other holds it any longer.

Tests share a server by using names of their own on it (indices, pipelines, blacklists, collections). One that changes what others would notice is
marked `@pytest.mark.alone`: it runs while no other test uses a shared server.
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
"""The environment's name of the folder that the processes of a run have in common."""
_held = contextlib.ExitStack()


def begin() -> None:
    """Makes the folder of this run, unless the process that started this one has."""
    os.environ.setdefault(_FOLDER, "")
    if not os.environ[_FOLDER]:
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="threatsieve-run-")
        _held.callback(shutil.rmtree, os.environ[_FOLDER], ignore_errors=True)


def end() -> None:
    """Ends the servers that this process started, each when no other process holds it any longer."""
    _held.close()


def server(name: str, start: Callable[[], AbstractContextManager[Server]]) -> Server:
    """The server of this name, started now if it is not there yet. It stays until the run ends."""
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


@contextlib.contextmanager
def use(alone: bool) -> Iterator[None]:
    """A test that uses shared servers, side by side with others or `alone`."""
    with contextlib.ExitStack() as held:
        # Who waits to be alone keeps the gate, so that the others cannot keep it waiting for ever.
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
    # The kernel gives the lock back when this process ends, however it ends.
    with _path(name).open("ab") as file:
        fcntl.flock(file, kind)
        yield


def _path(name: str) -> Path:
    return Path(os.environ[_FOLDER]) / name
