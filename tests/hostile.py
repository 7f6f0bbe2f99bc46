"""A web server that misbehaves as the test demands, and records its requests."""

import contextlib
import gzip
import json
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.servers import TAXII, Certificates


@dataclass
class Asked:
    """A request that the server received."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    client: str | None
    """Subject of the client's certificate, or None without one."""
    method: str = "GET"
    body: bytes = b""


@dataclass
class Reply:
    """An answer of the server."""

    body: bytes | str = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0
    """Number of bytes that are announced and never sent."""
    pause: float = 0
    """Seconds before each byte."""
    endless: bool = False


Answer = Callable[[Asked], Reply]


def envelope(*objects: dict, **rest) -> Reply:
    """Returns a TAXII 2.1 envelope."""
    return Reply(json.dumps({"objects": objects, **rest}), headers={"Content-Type": TAXII})


def bomb(megabytes: int) -> bytes:
    """Returns a small body that decompresses to a large one."""
    return gzip.compress(b"0" * (megabytes << 20))


@dataclass
class Server:
    """A running server."""

    url: str
    asked: list[Asked]

    def paths(self) -> list[str]:
        """Returns the requested paths, in order."""
        return [one.path for one in self.asked]


@contextlib.contextmanager
def serving(
    answer: Answer, certificates: Certificates | None = None, wants_client: bool = False
) -> Iterator[Server]:
    """Serves until the block ends, over TLS if there are certificates.

    With `wants_client` the server demands a client certificate.
    """
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            certificate = (
                self.connection.getpeercert()
                if isinstance(self.connection, ssl.SSLSocket)
                else None
            )
            subject = (
                dict(pair for part in certificate["subject"] for pair in part)["commonName"]
                if certificate
                else None
            )
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            query = dict(urllib.parse.parse_qsl(url.query))
            one = Asked(url.path, query, headers, subject, self.command, body)
            asked.append(one)
            # Ignored: some tests make the client hang up.
            with contextlib.suppress(OSError):
                self.reply(answer(one))
            self.close_connection = True

        do_POST = do_GET

        def reply(self, reply: Reply) -> None:
            body = reply.body.encode() if isinstance(reply.body, str) else reply.body
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if not reply.endless:
                self.send_header("Content-Length", str(len(body) + reply.missing))
            self.send_header("Connection", "close")
            self.end_headers()
            if reply.pause:
                for byte in body:
                    time.sleep(reply.pause)
                    self.wfile.write(bytes([byte]))
            else:
                self.wfile.write(body)
            while reply.endless:
                self.wfile.write(b"x" * 65536)

        def log_message(self, *_) -> None:
            """Logs nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_) -> None:
            """Ignores errors: some tests refuse the handshake."""

    server = Quiet(("127.0.0.1", 0), Handler)
    if certificates:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates.server, certificates.server_key)
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(certificates.authority)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield Server(
            f"{'https' if certificates else 'http'}://127.0.0.1:{server.server_port}", asked
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
