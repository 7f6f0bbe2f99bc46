"""The handle of a running double, and its start."""

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator

from tests.misp import accounts, contents, tags
from tests.misp.faults import Fault
from tests.misp.publishing import Worker
from tests.misp.server import Core, Logged, Server
from tests.misp.state import State


class Misp:
    """A running double. Its `state` has settings such as `is_worker_alive`, `is_redis_up`,
    `is_live`, `publish_seconds` and `edits_existing_event`.
    """

    def __init__(self, core: Core, context: ssl.SSLContext | None, port: int = 0):
        self.core = core
        self.state = core.state
        self._context = context
        self._server: Server | None = None
        self.port = port
        self._worker = Worker(core.state)
        self._worker.start()
        self.up()

    @property
    def url(self) -> str:
        """Returns the address of the server, without a slash at the end."""
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        """Returns the key of the usual user, who may publish."""
        return self.key_of("publisher")

    def key_of(self, name: str) -> str:
        """Returns the key of a user: publisher, user, sync, admin, other (of another organisation),
        readonly, nosight, disabled, pubrokey (a read-only key) or ipkey (for another address).
        """
        return accounts.key(name)

    def events(self) -> list[dict]:
        """Returns the events that the server holds."""
        return contents.events(self.state)

    def attributes(self) -> list[dict]:
        """Returns the attributes that the server holds, deleted ones too."""
        return contents.attributes(self.state)

    def sightings(self) -> list[dict]:
        """Returns the sightings that the server holds."""
        return contents.sightings(self.state)

    @property
    def requests(self) -> list[Logged]:
        """Returns the requests so far, with method, path, headers, body and status."""
        return self.core.requests

    @property
    def errors(self) -> list:
        """Returns the errors inside the double: an empty list, unless the double has a bug."""
        return self.core.errors

    def tag(self, *names: str) -> None:
        """Makes tags, as an administrator would before anybody may attach them."""
        with self.state.lock:
            for each in names:
                tags.make(self.state, each)

    def fault(self, kind: str, **settings) -> Fault:
        """Sets a fault, for the next request unless `times` says otherwise."""
        with self.core.guard:
            return self.core.faults.add(kind, **settings)

    def clear(self) -> None:
        """Removes all faults."""
        with self.core.guard:
            self.core.faults.clear()

    def wait_published(self, uuid: str, seconds: float = 30) -> None:
        """Waits until the worker has published an event."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            event = self.state.event(uuid)
            if event is not None and event.published:
                return
            time.sleep(0.01)
        raise AssertionError(f"event {uuid} is not published after {seconds} s")

    def down(self) -> None:
        """Stops listening and closes all connections. What is stored stays."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.cut()
            self._server = None

    def up(self) -> None:
        """Starts listening, on the same port as before."""
        self._server = Server(self.port, self._context, self.core)
        self.port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True, name="MISP double"
        ).start()

    def close(self) -> None:
        """Ends the server and its worker."""
        self.down()
        self._worker.ended.set()
        self._worker.join()


@contextlib.contextmanager
def running(
    context: ssl.SSLContext | None = None,
    port: int = 0,
    clock: Callable[[], float] = time.time,
) -> Iterator[Misp]:
    """Runs a double on a free port, with TLS if there is a context."""
    misp = Misp(Core(State(clock)), context, port)
    try:
        yield misp
    finally:
        misp.close()
