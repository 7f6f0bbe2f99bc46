"""A real mail server, aiosmtpd, with certificates of its own authority. It can refuse mails, delay
answers and be unavailable.
"""

import asyncio
import contextlib
import email
import email.policy
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "threatsieve", "correct horse"


@dataclass
class Received:
    """A mail that the server accepted."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    raw: bytes
    encrypted: bool

    def part(self, kind: str) -> str:
        """Returns the text of one form, `plain` or `html`."""
        return self.message.get_body((kind,)).get_content()

    @property
    def message_id(self) -> str:
        return self.message["Message-ID"]


@dataclass
class Authority:
    """A certificate authority, and its certificate for this machine."""

    folder: Path

    def __post_init__(self):
        def openssl(*arguments):
            subprocess.run(
                ["openssl", *arguments], cwd=self.folder, check=True, capture_output=True
            )

        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        openssl(
            "req",
            "-x509",
            *key,
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=Test authority",
        )
        openssl(
            "req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost"
        )
        (self.folder / "names").write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"
        )
        signed = [
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "names",
        ]
        openssl("x509", *signed, "-out", "server.pem")

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.pem"

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        return context


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A mail server on 127.0.0.1 within a `with`. `tls` is starttls, implicit or none."""

    tls: str = "none"
    authority: Authority | None = None
    auth: bool = False
    port: int = field(default_factory=free_port)
    # Replies instead of 250: to MAIL, to RCPT of an address, to DATA after the mail has arrived.
    sender_reply: str | None = None
    recipient_replies: dict[str, str] = field(default_factory=dict)
    data_reply: str | None = None
    # Recipients for whom the connection ends without a reply: at RCPT, and after their mail has
    # arrived.
    broken_recipients: set[str] = field(default_factory=set)
    broken_mails: set[str] = field(default_factory=set)
    # Called before each reply: at every command and after a mail has arrived.
    watch: Callable[[], None] = lambda: None
    # The reply to a mail waits for this event, after the server has stored the mail.
    hold: threading.Event | None = None
    received: list[Received] = field(default_factory=list)
    peers: set = field(default_factory=set)

    def __enter__(self):
        context = self.authority.context() if self.authority else None
        options = {"auth_required": self.auth, "auth_require_tls": self.tls == "starttls"}
        if self.auth:
            options["authenticator"] = self.authenticate
        if self.tls == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        # aiosmtpd does not count an encrypted socket as STARTTLS, and would refuse passwords on it.
        secured = {"ssl_context": context} if self.tls == "implicit" else {}
        self.controller = Controller(
            self, hostname="127.0.0.1", port=self.port, **secured, **options
        )
        self.controller.start()
        return self

    def __exit__(self, *_):
        if self.hold:
            self.hold.set()
        self.controller.stop()

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            PASSWORD.encode(),
        )
        return AuthResult(success=right, handled=False)

    async def handle_MAIL(self, _server, session, envelope, address, options):
        self.watch()
        self.peers.add(session.peer)
        if self.sender_reply:
            return self.sender_reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, _session, envelope, address, _options):
        self.watch()
        if address in self.broken_recipients:
            await self.hang_up(server)
        if address in self.recipient_replies:
            return self.recipient_replies[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def hang_up(self, server):
        server.transport.abort()
        # The end of the connection cancels this.
        await asyncio.Event().wait()

    async def handle_DATA(self, server, session, envelope):
        if self.broken_mails & set(envelope.rcpt_tos):
            await self.hang_up(server)
        if self.data_reply:
            return self.data_reply
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        encrypted = session.ssl is not None or self.tls == "implicit"
        self.received.append(
            Received(
                envelope.mail_from, list(envelope.rcpt_tos), message, envelope.content, encrypted
            )
        )
        self.watch()
        if self.hold:
            await server.loop.run_in_executor(None, self.hold.wait)
        return "250 taken"

    def wait_for(self, count: int):
        """Waits until the server has accepted this many mails."""
        end = time.monotonic() + 60
        while len(self.received) < count:
            assert time.monotonic() < end, f"{len(self.received)} mails came, {count} were awaited"
            time.sleep(0.01)


class HostileServer:
    """A server on 127.0.0.1 within a `with`, whose behaviour is `talk`.

    Each connection has a thread. Failed expectations are collected in `faults`.
    """

    def __init__(self, talk: Callable[["Wire"], None]):
        self.talk, self.faults = talk, []

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()
        assert not self.faults, self.faults

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(
                    target=self._serve, args=[self.socket.accept()[0]], daemon=True
                ).start()

    def _serve(self, connection):
        # A client that hangs up is no fault: most of these tests provoke it.
        wire = Wire(connection)
        with connection, contextlib.suppress(OSError, EOFError):
            try:
                self.talk(wire)
            except AssertionError as fault:
                self.faults.append(fault)
            finally:
                # Encryption has replaced the first socket with another one.
                wire.connection.close()


class Wire:
    """A connection of a hostile server."""

    def __init__(self, connection):
        self.connection = connection

    def send(self, *lines: str):
        """Sends lines in one packet."""
        self.connection.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def expect(self, start: str) -> str:
        """Reads the next line, which must start with this text, and returns it."""
        line = b""
        while not line.endswith(b"\r\n"):
            byte = self.connection.recv(1)
            if not byte:
                raise EOFError
            line += byte
        assert line.decode().startswith(start), line
        return line.decode().strip()

    def read_mail(self):
        """Reads a mail, up to the line with a single dot."""
        while self.expect("") != ".":
            pass

    def encrypt(self, authority: Authority):
        self.connection = authority.context().wrap_socket(self.connection, server_side=True)

    def flood(self, block: bytes):
        """Sends without end, until the client hangs up."""
        while True:
            self.connection.sendall(block)
