"""A receiver of webhooks, and a controller that sends to it."""

import contextlib
import hashlib
import hmac
import json
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests import program, stix
from tests.polling import Polling, toml
from tests.servers import Certificates
from tests.stix import TLP

KEY = "the key of the signature"
LINE = "{at}.000 0 {source} TCP_MISS/200 603 GET {url} - HIER_DIRECT/192.0.2.7 text/html"


@dataclass
class Request:
    """A request that came completely."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)
    accepted: bool = True

    @property
    def id(self) -> str:
        return self.headers["x-threatsieve-delivery"]

    @property
    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class Answer:
    """The answer to a request. `fault` is `reset` or `silence` instead of an answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    fault: str = ""


class Receiver:
    """An HTTP server that notes what is posted to it, and answers as it is told."""

    def __init__(self, url: str):
        self.url = url
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        """Answers to the next requests; later ones are accepted."""
        self.always = Answer()

    @property
    def accepted(self) -> list[Request]:
        return [one for one in self.requests if one.accepted]


@contextlib.contextmanager
def receiving(certificates: Certificates | None = None) -> Iterator[Receiver]:
    """Runs a receiver; with certificates, one that demands a client's."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.answers.pop(0) if receiver.answers else receiver.always
            request = Request(self.path, headers, body)
            request.accepted = answer.status // 100 == 2
            receiver.requests.append(request)
            if answer.fault == "reset":
                linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
                self.close_connection = True
                return
            if answer.fault == "silence":
                over.wait(20)
            with contextlib.suppress(OSError):
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

        do_GET = do_POST

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            pass

    over = threading.Event()
    server = Server(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificates:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server, certificates.server_key)
        context.load_verify_locations(certificates.authority)
        context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    receiver = Receiver(f"{scheme}://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Hooked(Polling):
    """A controller with a bundle, a log and webhooks."""

    def __init__(self, folder: Path, *webhooks: dict, http: dict | None = None, more: str = "",
                 environment: dict | None = None):  # fmt: skip
        super().__init__(folder, {"name": "partner", "type": "path", "path": "bundle.json",
                                  "max_shrink": 1.0, "may_be_empty": True},
                         http=http, environment=environment)  # fmt: skip
        self.folder, self.log, self.indicators_given = folder, folder / "access.log", []
        for name, text in (("key", KEY), ("header", "Bearer t0ken-of-the-header")):
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        self.base = (
            self.path.read_text(encoding="utf-8")
            + '[[logs]]\nname = "proxy"\npaths = ["access.log"]\n[history]\nwindow = "3650d"\n'
            + f'[matching]\nmax_tlp = "RED"\n{more}\n'
        )
        self.configure(*webhooks)
        self.log.touch()
        self.publish()

    def configure(self, *webhooks: dict) -> None:
        """Replaces the webhooks of the configuration."""
        text = self.base
        for webhook in webhooks:
            table = {"name": "siem", "max_tlp": "RED", "timeout": "2s", **webhook}
            text += "[[webhooks]]\n" + "".join(
                f"{key} = {toml(value)}\n" for key, value in table.items()
            )
        self.path.write_text(text, encoding="utf-8")

    def publish(self, *hosts: str, tlp: str | None = None, **properties) -> None:
        """Adds indicators of these hosts to the bundle."""
        for host in hosts:
            number = len(self.indicators_given) + 1
            marking = {"object_marking_refs": [TLP[tlp]]} if tlp else {}
            self.indicators_given.append(
                stix.indicator(number, f"[domain-name:value = '{host}']", **marking, **properties)
            )
        stix.write(self.folder / "bundle.json", *self.indicators_given)

    def visit(self, *urls: str, source: str = "10.1.2.3", at: int = 1_795_000_000) -> None:
        """Appends a line for each host or URL to the log."""
        with self.log.open("a", encoding="utf-8", newline="\n") as log:
            for number, url in enumerate(urls):
                url = url if "://" in url else f"http://{url}/"
                log.write(LINE.format(at=at + number, source=source, url=url) + "\n")

    def run(self, *arguments, expect: int | None = program.DONE) -> str:
        """Runs a command with this configuration."""
        result = program.run(*arguments, "--config", self.path, expect=expect,
                             env=self.environment)  # fmt: skip
        return result.stdout.decode() + result.stderr.decode()

    def round(self, expect: int | None = program.DONE) -> dict:
        """Runs a round. Returns its report."""
        output = program.run("poll", "--force", "--json", "--config", self.path, expect=expect,
                             env=self.environment).stdout  # fmt: skip
        return json.loads(output)

    def status(self) -> dict:
        """Returns the parsed status."""
        output = program.run("status", "--json", "--config", self.path, env=self.environment)
        return json.loads(output.stdout)

    def queue(self) -> dict:
        """Returns the part of `status` about the webhook."""
        (queue,) = self.status()["webhooks"]
        return queue

    def make_due(self) -> None:
        """Makes the webhooks due, as if the pause before the next attempt were over."""
        with contextlib.closing(sqlite3.connect(self.folder / "state" / "state.db")) as state:
            state.execute("UPDATE webhooks SET next_attempt = 0 WHERE next_attempt IS NOT NULL")
            state.commit()


def verifies(request: Request, key: str = KEY) -> bool:
    """Checks a signature as docs/webhooks.md shows it."""
    signed = request.headers["x-threatsieve-timestamp"].encode() + b"." + request.body
    expected = "sha256=" + hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, request.headers["x-threatsieve-signature"])
