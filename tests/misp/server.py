"""The HTTP server in front of the state, with its log of requests and its control endpoint."""

import contextlib
import json
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.misp import control, dispatch
from tests.misp.answers import Answer, internal
from tests.misp.faults import AT_ONCE, Faults, Running
from tests.misp.state import State


@dataclass
class Logged:
    """A request that the server got, and the status of its answer."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def json(self) -> Any:
        """Returns the body as JSON, or none if it is something else."""
        try:
            return json.loads(
                dispatch.unpacked(self.body, self.headers.get("content-encoding", ""))
            )
        except ValueError:
            return None


class Server(ThreadingHTTPServer):
    """The listening server. The state outlives it, so that it can go down and come up again."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, context: ssl.SSLContext | None, core: "Core"):
        self.core = core
        self.context = context
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Handler)

    def get_request(self):
        """Accepts a connection; the handshake is left to the connection's own thread."""
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open.add(connection)
        return connection, address

    def finish_request(self, request, client_address):
        """Serves a connection, with TLS if there is a context."""
        with contextlib.suppress(OSError):
            if self.context is not None:
                request.settimeout(60)
                secured = self.context.wrap_socket(request, server_side=True)
                self.open.add(secured)
                try:
                    self.RequestHandlerClass(secured, client_address, self)
                finally:
                    self.open.discard(secured)
                    secured.close()
            else:
                self.RequestHandlerClass(request, client_address, self)

    def shutdown_request(self, request):
        """Closes a connection."""
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """Keeps errors of connections, so that a test can fail because of them."""
        self.core.errors.append(sys.exception())

    def cut(self) -> None:
        """Closes all connections, as an end of the process does."""
        for each in list(self.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@dataclass
class Core:
    """The parts that a server shares with its handle."""

    state: State
    faults: Faults = field(default_factory=Faults)
    requests: list[Logged] = field(default_factory=list)
    errors: list[BaseException | None] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def note(self, logged: Logged) -> Running:
        """Logs a request, and returns the faults that happen to it."""
        with self.guard:
            self.requests.append(logged)
            running = self.faults.of_request(logged.method, logged.path)
        logged.faults = [each.kind for each in running.faults]
        return running


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_) -> None:
        """Writes nothing."""

    def do_GET(self) -> None:
        """Answers a request of any method."""
        body = self._body()
        core = self.server.core
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path.startswith(control.PREFIX):
            self._send(control.answer(core, self.command, self.path, body))
            return
        logged = Logged(self.command, self.path, headers, body)
        running = core.note(logged)
        found, is_half = self._work(core, logged, running)
        if found is None:
            self.close_connection = True
            return
        logged.status = found.status
        self._send(found, is_half)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self):
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _work(self, core: Core, logged: Logged, running: Running) -> tuple[Answer | None, bool]:
        path = logged.path.partition("?")[0]
        spoil = running.of(*AT_ONCE)
        if spoil is not None and not spoil.after:
            return spoil.answer(path), False
        with core.state.lock:
            try:
                found = dispatch.answer(
                    core.state, logged.method, logged.path, logged.headers, logged.body, running
                )
            except Exception as error:
                core.errors.append(error)
                found = internal().at(path)
            slow = running.of("slow")
            if slow is not None and not running.attributes:
                with core.state.unlocked():
                    time.sleep(slow.seconds)
        if (fault := running.of("500")) is not None:
            found = fault.answer(path)
        if spoil is not None:
            found = spoil.answer(path)
        return found, running.of("half") is not None

    def _send(self, found: Answer, is_half: bool = False) -> None:
        data = found.encoded()
        # The client may have left; the work is done anyway.
        with contextlib.suppress(OSError):
            self.send_response(found.status)
            self.send_header("Content-Type", found.content_type)
            self.send_header("Content-Length", str(len(data)))
            for name, value in found.headers.items():
                local = value.startswith("/") and name == "Location"
                self.send_header(name, f"{self._origin()}{value}" if local else value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if is_half else data)
            if is_half:
                self.wfile.flush()
                self.close_connection = True

    def _origin(self) -> str:
        scheme = "https" if self.server.context else "http"
        return f"{scheme}://{self.headers.get('Host', '127.0.0.1')}"
