"""Real servers for tests, each on its own port: medallion for TAXII 2.1, and certificates for
servers that speak TLS.
"""

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import stix, times

TAXII = "application/taxii+json;version=2.1"
USER, PASSWORD = "reader", "correct horse"
OPEN, CLOSED, EMPTY = (str(uuid.UUID(int=number, version=4)) for number in (1, 2, 3))
"""The collections of `medallion`: a readable one, one without read permission, an empty one."""


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@dataclass
class Medallion:
    """A running medallion."""

    url: str

    @property
    def discovery(self) -> str:
        """Returns the discovery resource's URL."""
        return f"{self.url}/taxii2/"

    @property
    def root(self) -> str:
        """Returns the API root's URL."""
        return f"{self.url}/root/"

    def add(self, *objects: dict) -> None:
        """Publishes objects in the open collection."""
        request = urllib.request.Request(
            f"{self.root}collections/{OPEN}/objects/",
            data=json.dumps({"objects": objects}).encode(),
            headers={
                "Content-Type": TAXII,
                "Accept": TAXII,
                "Authorization": basic(USER, PASSWORD),
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            status = json.load(answer)
        assert status["success_count"] == len(objects), status


def basic(user: str, password: str) -> str:
    """Returns the header value for basic authentication."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def collection(identifier: str, title: str, objects: list[dict], can_read: bool = True) -> dict:
    """Returns a collection for medallion's memory backend, with objects added a second apart."""
    manifest = [
        {
            "id": one["id"],
            "version": one["modified"],
            "media_type": "application/stix+json;version=2.1",
            "date_added": (
                f"2026-02-{1 + number // 86400:02}T"
                f"{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000000Z"
            ),
        }
        for number, one in enumerate(objects)
    ]
    return {
        "id": identifier, "title": title, "alias": title.lower(),
        "can_read": can_read, "can_write": True,
        "media_types": ["application/stix+json;version=2.1"],
        "objects": objects, "manifest": manifest,
    }  # fmt: skip


@contextlib.contextmanager
def medallion(folder: Path, objects: list[dict], page_objects: int = 100) -> Iterator[Medallion]:
    """Runs medallion with these objects. It compares each with each: thousands take minutes."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    information = {"title": "Tests", "versions": [TAXII], "max_content_length": 100_000_000}
    collections = [
        collection(OPEN, "Open", objects),
        collection(
            CLOSED,
            "Closed",
            [stix.indicator(1, "[domain-name:value = 'closed.example']")],
            can_read=False,
        ),
        collection(EMPTY, "Empty", []),
    ]
    data = {
        "/discovery": {"title": "Tests", "default": f"{url}/root/", "api_roots": [f"{url}/root/"]},
        "root": {"information": information, "status": [], "collections": collections},
    }
    configuration = {
        "backend": {
            "module": "medallion.backends.memory_backend",
            "module_class": "MemoryBackend",
            "filename": str(folder / "data.json"),
        },
        "users": {USER: PASSWORD},
        "taxii": {"max_page_size": page_objects},
    }
    (folder / "data.json").write_text(json.dumps(data))
    (folder / "medallion.json").write_text(json.dumps(configuration))
    command = [
        sys.executable,
        "-m",
        "medallion.scripts.run",
        "--port",
        str(port),
        str(folder / "medallion.json"),
    ]
    with (folder / "medallion.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with times.starting("medallion"):
            wait_for(port, process, folder / "medallion.log")
        yield Medallion(url)
    finally:
        process.kill()
        process.wait()


def wait_for(port: int, process: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    """Waits until somebody listens on the port."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on port {port} after {seconds} s: {log.read_text()}")


@dataclass
class Certificates:
    """An authority's certificate, and the files of a server and a client that it certified."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def certificates(folder: Path, openssl: str) -> Certificates:
    """Makes an authority and its certificates with openssl. The server's is for 127.0.0.1."""
    folder.mkdir(parents=True, exist_ok=True)

    def run(*arguments) -> None:
        subprocess.run(
            [openssl, *map(str, arguments)],
            cwd=folder,
            check=True,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
        )

    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run(
        *new,
        "-x509",
        "-days",
        2,
        "-subj",
        "/CN=Authority of a test",
        "-keyout",
        "authority.key",
        "-out",
        "authority.pem",
    )
    for name, extensions in (
        ("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth"),
        ("client", "extendedKeyUsage=clientAuth"),
    ):
        run(*new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / f"{name}.extensions").write_text(f"{extensions}\n")
        run(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            "-CA",
            "authority.pem",
            "-CAkey",
            "authority.key",
            "-CAcreateserial",
            "-days",
            2,
            "-extfile",
            f"{name}.extensions",
            "-out",
            f"{name}.pem",
        )
    paths = ("authority.pem", "server.pem", "server.key", "client.pem", "client.key")
    return Certificates(*(folder / path for path in paths))
