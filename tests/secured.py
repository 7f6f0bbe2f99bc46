"""A node of 2.19 with the security plugin: TLS, and the users and roles from docs/security.md."""

import contextlib
import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import engines, program, pushing
from tests.servers import Certificates, certificates

DOCUMENT = program.ROOT / "docs/security.md"
PASSWORD = "Correct-Horse-9-Battery-Staple"
PUSHER, WATCHER, SETTER, SHIPPER, STRANGER, CONTROLLER = (
    (name, PASSWORD)
    for name in ("pusher", "watcher", "setter", "shipper", "stranger", "controller")
)


def documented_roles() -> dict[str, dict]:
    """Returns the roles from docs/security.md, so that the tests use the documented ones."""
    calls = re.findall(
        r"^PUT _plugins/_security/api/roles/(\S+)\n(.+?)^```",
        DOCUMENT.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    return {name: json.loads(body) for name, body in calls}


@dataclass
class Secured:
    """A node with TLS, and its users."""

    node: engines.Node
    """Its requests use the administrator's certificate."""
    context: ssl.SSLContext
    """The TLS context of all other users."""
    certificates: Certificates
    """All certificates. The client's is the administrator's."""

    def send(self, user: tuple[str, str] | None, method: str, path: str, body=None, **options):
        return self.node.send(method, path, body, user=user, context=self.context, **options)

    def push(self, user: tuple[str, str] | None, blacklist: Path, **options) -> dict:
        return pushing.push(self.node, blacklist, user=user, context=self.context, **options)

    def status_of(self, *request, **options) -> int:
        """Returns the HTTP status with which a request is refused."""
        with pytest.raises(engines.Refused) as refused:
            self.send(*request, **options)
        return refused.value.status


@contextlib.contextmanager
def secured_node(folder: Path, openssl: str) -> Iterator[Secured]:
    """Yields a node with TLS, users and roles. Makes its certificates with openssl."""
    made = certificates(folder, openssl)
    settings = {
        "plugins.security.authcz.admin_dn": ["CN=client"],
        "plugins.security.nodes_dn": ["CN=server"],
        "plugins.security.allow_default_init_securityindex": True,
        "plugins.security.system_indices.enabled": True,
        "plugins.security.ssl.http.enabled": True,
        "plugins.security.ssl.transport.enforce_hostname_verification": False,
    }
    for layer in ("http", "transport"):
        for key, file in (
            ("pemcert", made.server),
            ("pemkey", made.server_key),
            ("pemtrustedcas", made.authority),
        ):
            settings[f"plugins.security.ssl.{layer}.{key}_filepath"] = file.name
    context = ssl.create_default_context(cafile=made.authority)
    administrator = ssl.create_default_context(cafile=made.authority)
    administrator.load_cert_chain(made.client, made.client_key)
    with engines.node(
        "2.19.1", plugins=[engines.security_plugin(), engines.plugin("2.19.1")], settings=settings,
        config=[made.server, made.server_key, made.authority], context=administrator,
    ) as node:  # fmt: skip
        administer(node)
        yield Secured(node, context, made)


def administer(node: engines.Node) -> None:
    """Does the administrator's set-up: users, their documented roles, a role for a log shipper, and
    a pipeline.
    """
    # The plugin creates its own index from its configuration some time after the node has started.
    node.wait_log(r"Node 'node' initialized", 120)
    security = "/_plugins/_security/api"
    for user, password in (PUSHER, WATCHER, SETTER, SHIPPER, STRANGER, CONTROLLER):
        node.put(f"{security}/internalusers/{user}", {"password": password})
    shipper = {
        "cluster_permissions": ["indices:data/write/bulk"],
        "index_permissions": [
            {
                "index_patterns": ["events*"],
                "allowed_actions": ["write", "create_index", "indices:admin/mapping/put"],
            }
        ],
    }
    roles = {**documented_roles(), "shipper": shipper}
    for name, users in {
        "threatsieve_push": [PUSHER, CONTROLLER],
        "threatsieve_backfill": [CONTROLLER],
        "threatsieve_status": [WATCHER],
        "threatsieve_setup": [SETTER],
        "shipper": [SHIPPER],
    }.items():
        node.put(f"{security}/roles/{name}", roles.pop(name))
        node.put(f"{security}/rolesmapping/{name}", {"users": [user for user, _ in users]})
    # The stock configuration gives every user rights on an index of its own name, and some more.
    node.delete(f"{security}/rolesmapping/own_index")
    assert not roles, "a documented role without a test"
    pushing.set_pipeline(node, "flag")
