"""The handle of a running double, and its start."""

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from tests.misp import accounts, contents, tags
from tests.misp.faults import KINDS, Fault
from tests.misp.publishing import Worker
from tests.misp.server import Core, Logged, Server
from tests.misp.state import State
from tests.servers import Certificates

RANDOM = KINDS - {"drop", "auth", "permission"}
"""The faults that happen by themselves. The others need an operator, or the names of values."""


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

    def sharing_group(self, number: int, name: str) -> None:
        """Makes a sharing group that all users may use."""
        self.state.sharing_groups[number] = name

    def grant(self, name: str, *permissions: str) -> None:
        """Gives a named user permissions, such as `perm_tag_editor`."""
        user = self.state.accounts.named(name)
        user.role = replace(user.role, permissions=user.role.permissions | set(permissions))

    def revoke(self, name: str, *permissions: str) -> None:
        """Takes permissions from a named user."""
        user = self.state.accounts.named(name)
        user.role = replace(user.role, permissions=user.role.permissions - set(permissions))

    def limit_searches(self, count: int) -> None:
        """Limits the usual user's searches within 15 minutes; 0 removes the limit."""
        user = self.state.accounts.named("publisher")
        user.role = replace(user.role, rate_limit=count)

    def fault(self, kind: str, **settings) -> Fault:
        """Sets a fault, for the next request unless `times` says otherwise."""
        with self.core.guard:
            return self.core.faults.add(kind, **settings)

    def random_faults(self, seed: int, rate: float, kinds: Iterable[str] = RANDOM) -> None:
        """Lets a part of all requests meet one of these faults, until the faults are cleared. Half
        of the faults spoil the answer after the work.
        """
        kinds = sorted(kinds)
        with self.core.guard:
            for number, kind in enumerate(kinds):
                self.core.faults.add(
                    kind, times=None, rate=rate / len(kinds), seed=seed + number, seconds=0.2,
                    after=(seed + number) % 2 == 0,
                )  # fmt: skip

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
def secured(certificates: Certificates, needs_client: bool = False) -> Iterator[Misp]:
    """Runs a double with TLS on a free port, perhaps one that demands a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    if needs_client:
        context.load_verify_locations(certificates.authority)
        context.verify_mode = ssl.CERT_REQUIRED
    with running(context) as misp:
        yield misp


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
