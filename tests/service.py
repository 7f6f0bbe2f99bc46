"""A running service, and a client of its HTTP server."""

import http.client
import json
import re
import signal
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests import program
from tests.polling import toml
from tests.servers import Certificates

PROXIES = {"NO_PROXY": "", "HTTP_PROXY": "", "HTTPS_PROXY": "", "ALL_PROXY": ""}


@dataclass
class Answer:
    """An answer of the server."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict:
        """Returns the parsed body."""
        return json.loads(self.text)


class Service:
    """A configuration, and the service that runs with it. The packages of feeds that name a folder
    `packages` go to one that exists.
    """

    def __init__(
        self,
        folder: Path,
        feeds: list[dict],
        tables: dict[str, dict] | None = None,
        misp: list[dict] | None = None,
        environment: dict | None = None,
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.config = folder, folder / "threatsieve.toml"
        self.packages = folder / "packages"
        self.packages.mkdir(exist_ok=True)
        self.feeds, self.misp = feeds, misp or []
        self.logs: list[dict] = []
        self.tables = {
            "schedule": {"every": "1h"},
            "http": {},
            "logging": {"format": "json"},
            "server": {"listen": "127.0.0.1:0"},
            **(tables or {}),
        }
        self.top: dict = {"state": folder / "state"}
        self.environment = {**PROXIES, **(environment or {})}
        self.certificates: Certificates | None = None
        self.process: subprocess.Popen | None = None
        self.errors = folder / "stderr.log"

    def write(self) -> None:
        """Writes the configuration."""

        def settings(values: dict) -> list[str]:
            return [f"{key} = {toml(value)}" for key, value in values.items()]

        text = settings(self.top)
        for name, values in self.tables.items():
            text += [f"[{name}]", *settings(values)]
        for name, tables in (("feeds", self.feeds), ("misp", self.misp), ("logs", self.logs)):
            for values in tables:
                text += [f"[[{name}]]", *settings(values)]
        program.write(self.config, *text)

    def __enter__(self) -> "Service":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self) -> None:
        """Starts the service, and waits until it serves."""
        self.write()
        before = self.log()
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [str(program.BINARY), "run", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**program.os.environ, **self.environment},
            )
        self.wait_for(lambda: "serving http" in self.log()[len(before) :])
        address = re.findall(r"serving (https?)://127\.0\.0\.1:(\d+)", self.log()) or re.findall(
            r"serving (https?)://0\.0\.0\.0:(\d+)", self.log()
        )
        self.scheme, self.port = address[-1][0], int(address[-1][1])

    def log(self) -> str:
        """Returns what the service has logged so far."""
        return self.errors.read_text() if self.errors.exists() else ""

    def wait_for(self, condition, seconds: float = 60) -> None:
        """Waits until the condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert self.process is None or self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)

    def wait_for_rounds(self, count: int) -> None:
        """Waits until so many rounds have ended."""
        self.wait_for(lambda: len(self.reports()) >= count)

    def reports(self) -> list[dict]:
        """Returns the reports of all rounds, from the log."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [json.loads(line["report"]) for line in lines if "report" in line]

    def stop(self) -> None:
        """Ends the service, as systemd does."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == program.DONE, self.log()

    def run(self, *arguments, **options) -> str:
        """Runs another command with this configuration."""
        options.setdefault("env", self.environment)
        return program.run(*arguments, "--config", self.config, **options).stdout.decode()

    def conditions(self) -> list[str]:
        """Returns the kinds of conditions that `status` shows."""
        status = json.loads(self.run("status", "--json"))
        return [condition["kind"] for condition in status["conditions"]]

    def context(self, certificates: Certificates | None = None) -> ssl.SSLContext:
        """Returns a client's TLS settings, with the client certificate of these files."""
        context = ssl.create_default_context(cafile=self.certificates.authority)
        if certificates:
            context.load_cert_chain(certificates.client, certificates.client_key)
        return context

    def connection(self, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        """Returns a connection to the server; with its client certificate, if there is one."""
        if self.scheme == "http":
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        context = context or self.context(self.certificates)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)

    def ask(
        self,
        path: str,
        method: str = "GET",
        headers: dict | None = None,
        body: bytes | None = None,
        context: ssl.SSLContext | None = None,
    ) -> Answer:
        """Sends a request, and returns the answer."""
        connection = self.connection(context)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, text)
        finally:
            connection.close()

    def send(self, path: str, body: object, method: str = "POST", **options) -> Answer:
        """Sends a request with a body in JSON."""
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return self.ask(path, method, headers, json.dumps(body).encode(), **options)

    def poll(self, **parameters) -> Answer:
        """Asks for a poll."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return self.ask(f"/misptransclient?{query}", "POST")
