"""Polls of the TAXII 2.1 side of a real OpenTAXII, and objects that are added to it."""

import contextlib
import json
import urllib.error

import pytest

from tests import program, stix, taxii2_servers
from tests.test_taxii import named, polling


@pytest.fixture(scope="module")
def opentaxii(tmp_path_factory):
    """A server for all tests in this file. Each test uses a collection of its own."""
    with taxii2_servers.opentaxii_21(tmp_path_factory.mktemp("opentaxii")) as server:
        yield server


def test_a_collection_is_read_and_the_next_poll_brings_what_is_new(tmp_path, opentaxii):
    one = polling(tmp_path, opentaxii.discovery, collection="open", page_objects=3)
    assert "TAXII 2.1 collection" in one.check()
    one.poll()
    many = [named(number) for number in range(1, 11)]
    assert one.push("taxii", stix.write(tmp_path / "new.json", *many))["added"] == 10
    one.poll()
    assert one.active("taxii") == 10
    more = stix.write(
        tmp_path / "more.json", named(11), named(1, version=2), named(2, version=2, revoked=True)
    )
    assert one.push("taxii", more)["added"] == 3
    one.poll()
    assert one.active("taxii") == 10
    assert one.indicators("h1.v2.example") and not one.indicators("h2.v1.example")
    entries = {entry["id"] for entry in one.manifest("taxii")}
    assert entries == {stix.identifier(number) for number in range(1, 12)}
    versions = [entry["version"][:10] for entry in one.manifest("taxii", stix.identifier(1))]
    assert sorted(versions) == ["2026-01-01", "2026-01-02"]


def test_what_the_server_cannot_take_is_reported(tmp_path, opentaxii):
    one = polling(tmp_path, opentaxii.root(), collection="public")
    long = stix.write(tmp_path / "long.json", named(12, name="x" * 20_000))
    assert "nothing was sent" in one.push_fails("taxii", long, program.USAGE)


def test_a_collection_that_the_server_fails_to_describe_is_read_by_the_url_of_its_objects(tmp_path):
    with taxii2_servers.opentaxii_21(tmp_path, is_repaired=False) as server:
        objects = f"{server.root()}collections/open/objects/"
        with contextlib.suppress(urllib.error.HTTPError):
            # It takes the object, and fails to say so.
            server.ask(objects, json.dumps({"objects": [named(1)]}).encode())
        one = polling(tmp_path / "objects", objects)
        one.poll()
        assert one.active("taxii") == 1
        other = polling(tmp_path / "root", server.root(), collection="open")
        assert "got 500" in other.fails("taxii")
