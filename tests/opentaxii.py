"""OpenTAXII, a real server of TAXII 1.0 and 1.1, behind TLS that demands a client certificate."""

import contextlib
import json
import os
import signal
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libtaxii.messages_11 as tm11
from libtaxii import constants

from tests import program, servers, times
from tests.servers import Certificates

PYTHON = program.ROOT / ".cache/python/opentaxii/bin/python"
USER, PASSWORD = "analyst", "correct horse"
STIX = constants.CB_STIX_XML_111
HTTPS = constants.VID_TAXII_HTTPS_10
PART_BLOCKS = 10
"""The largest number of content blocks of one part of a result."""
FEEDS = (
    "feed", "other", "gone", "subscribed", "old", "json", "inbox", "limits", "references",
    "session", "session misp",
)  # fmt: skip
"""Data feeds. Each test uses one of its own."""
SETS = ("set",)


@dataclass
class OpenTaxii:
    """A running server."""

    url: str
    certificates: Certificates

    @property
    def discovery(self) -> str:
        """Returns the discovery service's URL."""
        return f"{self.url}/services/discovery"

    @property
    def login(self) -> str:
        """Returns the URL that gives a JSON Web Token."""
        return f"{self.url}/management/auth"

    def at(self, service: str) -> str:
        """Returns a service's URL."""
        return f"{self.url}/services/{service}"

    def add(self, collection: str, *contents: str, binding: str = STIX) -> None:
        """Publishes content blocks in a collection."""
        blocks = [tm11.ContentBlock(tm11.ContentBinding(binding), content) for content in contents]
        message = tm11.InboxMessage(
            tm11.generate_message_id(),
            destination_collection_names=[collection],
            content_blocks=blocks,
        )
        status = self.ask("inbox", message)
        assert status.status_type == constants.ST_SUCCESS, status.to_text()

    def ask(self, service: str, message) -> tm11.TAXIIMessage:
        """Sends a message of libtaxii, and returns the answer."""
        context = ssl.create_default_context(cafile=self.certificates.authority)
        context.load_cert_chain(self.certificates.client, self.certificates.client_key)
        request = urllib.request.Request(
            self.at(service),
            data=message.to_xml(),
            headers={
                "Content-Type": "application/xml",
                "Accept": "application/xml",
                "X-TAXII-Content-Type": constants.VID_TAXII_XML_11,
                "X-TAXII-Accept": constants.VID_TAXII_XML_11,
                "X-TAXII-Services": constants.VID_TAXII_SERVICES_11,
                "X-TAXII-Protocol": HTTPS,
                "Authorization": servers.basic(USER, PASSWORD),
            },
        )
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return tm11.get_message_from_xml(answer.read())


def services() -> list[dict]:
    """Returns the services of the server."""
    common = {"protocol_bindings": [HTTPS], "authentication_required": True}
    advertised = ["discovery", "inbox", "collections", "poll"]
    size = {"max_result_size": PART_BLOCKS, "max_result_count": 10_000}
    return [
        {"id": "discovery", "type": "discovery", "address": "/services/discovery",
         "advertised_services": advertised, **common},
        {"id": "collections", "type": "collection_management", "address": "/services/collections",
         **common},
        {"id": "inbox", "type": "inbox", "address": "/services/inbox",
         "destination_collection_required": True, "accept_all_content": True, **common},
        {"id": "poll", "type": "poll", "address": "/services/poll",
         "subscription_required": False, **size, **common},
        {"id": "subscriber-poll", "type": "poll", "address": "/services/subscriber-poll",
         "subscription_required": True, **size, **common},
    ]  # fmt: skip


def collections() -> list[dict]:
    """Returns the collections of the server."""

    def collection(name: str, kind: str) -> dict:
        poll = "subscriber-poll" if name == "subscribed" else "poll"
        return {
            "name": name, "type": kind, "available": True, "accept_all_content": True,
            "service_ids": ["inbox", "collections", poll],
        }  # fmt: skip

    feeds = [collection(name, "DATA_FEED") for name in FEEDS]
    return feeds + [collection(name, "DATA_SET") for name in SETS]


@contextlib.contextmanager
def opentaxii(folder: Path, openssl: str) -> Iterator[OpenTaxii]:
    """Runs OpenTAXII with its collections, which are empty."""
    folder.mkdir(parents=True, exist_ok=True)
    certificates = servers.certificates(folder / "certificates", openssl)
    port = servers.free_port()
    # YAML contains JSON.
    configuration = {
        "domain": f"127.0.0.1:{port}",
        "support_basic_auth": True,
        "auth_api": {
            "class": "opentaxii.auth.sqldb.SQLDatabaseAPI",
            "parameters": {
                "db_connection": f"sqlite:///{folder}/auth.db", "create_tables": True,
                "secret": "secret of the test's tokens, which is long enough",
                "token_ttl_secs": 3600,
            },
        },
        "taxii1": {
            "save_raw_inbox_messages": False,
            "count_blocks_in_poll_responses": True,
            "persistence_api": {
                "class": "opentaxii.persistence.sqldb.SQLDatabaseAPI",
                "parameters": {
                    "db_connection": f"sqlite:///{folder}/data.db", "create_tables": True,
                },
            },
        },
    }  # fmt: skip
    accounts = [{"username": USER, "password": PASSWORD, "is_admin": True}]
    data = {"services": services(), "collections": collections(), "accounts": accounts}
    (folder / "configuration.yml").write_text(json.dumps(configuration))
    (folder / "data.yml").write_text(json.dumps(data))
    environment = {**os.environ, "OPENTAXII_CONFIG": str(folder / "configuration.yml")}
    sync = [PYTHON, PYTHON.with_name("opentaxii-sync-data"), folder / "data.yml"]
    subprocess.run(sync, env=environment, check=True, capture_output=True, timeout=120)
    command = [
        PYTHON, PYTHON.with_name("gunicorn"), "opentaxii.http:app", "--bind", f"127.0.0.1:{port}",
        "--threads", "4", "--keyfile", certificates.server_key, "--certfile", certificates.server,
        "--ca-certs", certificates.authority, "--cert-reqs", str(int(ssl.CERT_REQUIRED)),
    ]  # fmt: skip
    log = folder / "opentaxii.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        with times.starting("OpenTAXII"):
            servers.wait_for(port, process, log)
        yield OpenTaxii(f"https://127.0.0.1:{port}", certificates)
    finally:
        # Its worker processes end with it.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
