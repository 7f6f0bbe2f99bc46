"""Servers of TAXII 2 that need a Python environment of their own: medallion 1.1.0, which speaks
TAXII 2.0, and OpenTAXII, which speaks 2.1. `tests/prepare venv` makes the environments.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import program, servers, times
from tests.servers import EMPTY, OPEN, PASSWORD, USER

TAXII_20 = "application/vnd.oasis.taxii+json; version=2.0"
STIX_20 = "application/vnd.oasis.stix+json; version=2.0"
MEDALLION = "from medallion.scripts.run import main; main()"
OPENTAXII = """
import json
import sys
import uuid

from opentaxii.http import app

port, user, password, is_repaired = sys.argv[1:]
if is_repaired == "True":
    # OpenTAXII 0.9.3 puts objects of type UUID into its answers, which are no JSON.
    usual = json.JSONEncoder.default
    json.JSONEncoder.default = lambda self, value: (
        str(value) if isinstance(value, uuid.UUID) else usual(self, value)
    )
with app.app_context():
    server = app.taxii_server
    server.auth.api.create_account(user, password, is_admin=True)
    api = server.servers.taxii2.persistence.api
    root = api.add_api_root(title="Tests", default=True)
    for title in ("Open", "Empty"):
        api.add_collection(api_root_id=str(root.id), title=title, alias=title.lower())
    api.add_collection(api_root_id=str(root.id), title="Public", alias="public", is_public=True)
app.run(port=int(port))
"""


def python(environment: str) -> Path:
    """Returns the interpreter of an environment in tests/environments."""
    path = program.ROOT / ".cache/python" / environment / "bin/python"
    assert path.exists(), f"{path} is missing; make it with: tests/prepare venv"
    return path


@contextlib.contextmanager
def running(name: str, folder: Path, port: int, command: list, **environment) -> Iterator[None]:
    """Runs a server until the block ends."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
        )
    try:
        with times.starting(name):
            servers.wait_for(port, process, log)
        yield
    finally:
        process.kill()
        process.wait()


@dataclass
class Medallion20:
    """A running medallion 1.1.0."""

    url: str

    @property
    def discovery(self) -> str:
        """Returns the discovery resource's URL."""
        return f"{self.url}/taxii/"

    @property
    def root(self) -> str:
        """Returns the API root's URL."""
        return f"{self.url}/root/"

    def add(self, *objects: dict) -> None:
        """Publishes objects in the open collection."""
        bundle = {"type": "bundle", "id": f"bundle--{OPEN}", "objects": objects}
        headers = {
            "Content-Type": STIX_20,
            "Accept": TAXII_20,
            "Authorization": servers.basic(USER, PASSWORD),
        }
        request = urllib.request.Request(
            f"{self.root}collections/{OPEN}/objects/",
            data=json.dumps(bundle).encode(),
            headers=headers,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            status = json.load(answer)
        assert status["success_count"] == len(objects), status


def _collection(identifier: str, title: str, objects: list[dict], **rights) -> dict:
    collection = servers.collection(identifier, title, objects)
    for entry in collection["manifest"]:
        entry["versions"] = [entry.pop("version")]
        entry["media_types"] = [STIX_20]
        del entry["media_type"]
    return {**collection, "media_types": [STIX_20], **rights}


@contextlib.contextmanager
def medallion_20(
    folder: Path, objects: list[dict], page_objects: int = 100, more_collections: int = 0
) -> Iterator[Medallion20]:
    """Runs medallion 1.1.0 with these objects, which speaks TAXII 2.0 only."""
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    salt = "salt"
    digest = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt.encode(), 1000).hex()
    information = {"title": "T", "versions": ["taxii-2.0"], "max_content_length": 100_000}
    collections = [
        _collection(OPEN, "Open", objects),
        _collection(EMPTY, "Empty", []),
        *(
            _collection(f"many-{number}", f"Many {number}", [], can_write=False)
            for number in range(more_collections)
        ),
        _collection("last", "Last", objects[:3], can_write=False),
    ]
    data = {
        "/discovery": {"title": "T", "default": f"{url}/root/", "api_roots": [f"{url}/root/"]},
        "root": {"information": information, "status": [], "collections": collections},
    }
    configuration = {
        "auth": {
            "module": "medallion.backends.auth.memory_auth",
            "module_class": "AuthMemoryBackend",
            "users": {USER: f"pbkdf2:sha256:1000${salt}${digest}"},
        },
        "backend": {
            "module": "medallion.backends.taxii.memory_backend",
            "module_class": "MemoryBackend",
            "filename": str(folder / "data.json"),
        },
        "taxii": {"max_page_size": page_objects},
    }
    (folder / "data.json").write_text(json.dumps(data))
    (folder / "medallion.json").write_text(json.dumps(configuration))
    command = [
        python("medallion1"), "-c", MEDALLION, "--port", port, folder / "medallion.json",
    ]  # fmt: skip
    with running("medallion 1.1.0", folder, port, command):
        yield Medallion20(url)


@dataclass
class OpenTaxii:
    """A running OpenTAXII with collections of TAXII 2.1."""

    url: str

    @property
    def discovery(self) -> str:
        """Returns the discovery resource's URL."""
        return f"{self.url}/taxii2/"

    def root(self) -> str:
        """Returns the API root's URL, which has a random identifier."""
        return self.url + json.loads(self.ask(self.discovery))["default"]

    def ask(self, url: str, body: bytes | None = None) -> bytes:
        """Sends a request, with a body a POST, and returns the body of the answer."""
        headers = {"Accept": servers.TAXII, "Authorization": servers.basic(USER, PASSWORD)}
        if body is not None:
            headers["Content-Type"] = servers.TAXII
        request = urllib.request.Request(url, data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()


@contextlib.contextmanager
def opentaxii_21(folder: Path, is_repaired: bool = True) -> Iterator[OpenTaxii]:
    """Runs OpenTAXII with the empty collections Open, Empty and Public of TAXII 2.1.

    As it was released, it fails to describe collections and statuses. `is_repaired` changes that.
    """
    port = servers.free_port()
    configuration = {
        "domain": f"127.0.0.1:{port}",
        "auth_api": {
            "class": "opentaxii.auth.sqldb.SQLDatabaseAPI",
            "parameters": {
                "db_connection": f"sqlite:///{folder}/auth.db",
                "create_tables": True,
                "secret": "secret",
            },
        },
        "taxii1": None,
        "taxii2": {
            "title": "Tests",
            "public_discovery": False,
            "max_content_length": 20_000,
            "persistence_api": {
                "class": "opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI",
                "parameters": {
                    "db_connection": f"sqlite:///{folder}/data.db",
                    "create_tables": True,
                },
            },
        },
    }
    # JSON is YAML too.
    path = folder / "opentaxii.json"
    path.write_text(json.dumps(configuration))
    command = [python("opentaxii"), "-c", OPENTAXII, port, USER, PASSWORD, is_repaired]
    with running("OpenTAXII 2.1", folder, port, command, OPENTAXII_CONFIG=str(path)):
        yield OpenTaxii(f"http://127.0.0.1:{port}")
