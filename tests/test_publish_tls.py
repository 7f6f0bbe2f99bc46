"""The controller with a cluster that has TLS, users and roles: a real 2.19 with the security
plugin, and the documented role with the fewest rights.
"""

import itertools
import json

import pytest

from tests import program
from tests.controller import Controller
from tests.pushing import ENDPOINT
from tests.secured import PUSHER, STRANGER, WATCHER

NAMES = (f"publish-tls-{number}" for number in itertools.count())
EVIL = "evil.example"


@pytest.fixture
def authority(secured):
    """The authority's certificate."""
    return secured.certificates.authority


def secret(folder, text: str):
    """Writes a file that only its owner can read."""
    folder.mkdir(parents=True, exist_ok=True)
    file = program.write(folder / "secret", text)
    file.chmod(0o600)
    return file


def of_user(folder, secured, authority, user, **settings) -> Controller:
    """Returns a controller that signs in with a name and a password."""
    credentials = {"user": user[0], "password": {"file": secret(folder, user[1])}}
    controller = Controller(
        folder, next(NAMES), [secured.node.url], ca_files=[authority], **credentials, **settings
    )
    controller.write_list(EVIL)
    return controller


def test_the_documented_role_is_enough(secured, authority, tmp_path):
    controller = of_user(tmp_path, secured, authority, PUSHER)
    assert controller.poll()["outcome"] == "acknowledged"
    controller.write_list(EVIL, "new.example")
    assert controller.poll()["generation"] == 2
    assert controller.status()["nodes"][0]["generation"] == 2
    assert controller.push("--rollback")["acknowledged"]
    assert controller.poll()["outcome"] == "rolled_back"
    parts = of_user(tmp_path / "parts", secured, authority, PUSHER, max_request="100B")
    assert parts.poll()["outcome"] == "acknowledged"
    (newest, *_) = secured.send(PUSHER, "GET", f"{ENDPOINT}/{parts.name}/_history")["history"]
    assert newest["pushed_by"] == PUSHER[0]
    assert "opensearch: " in parts.run("config", "check")


@pytest.mark.parametrize("user", [STRANGER, WATCHER])
def test_who_may_not_push_is_told_which_role_is_missing(secured, authority, tmp_path, user):
    controller = of_user(tmp_path, secured, authority, user)
    report = controller.poll(expect=program.REMOTE)
    assert (
        report["outcome"] == "failed"
        and "403" in report["reason"]
        and "docs/security.md" in report["reason"]
    ), report


def test_a_wrong_password_is_told_and_not_shown(secured, authority, tmp_path):
    controller = of_user(tmp_path, secured, authority, (PUSHER[0], "hunter2-hunter2"))
    result = program.run("poll", "--config", controller.config, expect=program.REMOTE)
    said = (result.stdout + result.stderr).decode()
    assert "401" in said and "check `user` and `password`" in said and "hunter2" not in said, said
    assert "hunter2" not in controller.run("status") + controller.run("config", "show")


def test_a_client_certificate_is_shown(secured, authority, tmp_path):
    """Uses the administrator's certificate, which needs no role."""
    shown = {
        "client_certificate": secured.certificates.client,
        "client_key": secured.certificates.client_key,
    }
    controller = Controller(
        tmp_path, next(NAMES), [secured.node.url], ca_files=[authority], **shown
    )
    controller.write_list(EVIL)
    assert controller.poll()["outcome"] == "acknowledged"
    checked = json.loads(
        controller.run("opensearch", "check", "--json", "--index", "events*", expect=None)
    )
    assert [node["plugin"] is not None for node in checked["nodes"]] == [True], checked


def test_an_unknown_authority_is_refused(secured, tmp_path):
    controller = Controller(
        tmp_path,
        next(NAMES),
        [secured.node.url],
        user="pusher",
        password={"file": secret(tmp_path, PUSHER[1])},
    )
    controller.write_list(EVIL)
    report = controller.poll(expect=program.REMOTE)
    assert "UnknownIssuer" in report["reason"], report
