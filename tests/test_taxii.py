"""Polls of a real TAXII 2.1 server, medallion, and the state after each round."""

import pytest

from tests import servers, stix
from tests.polling import Polling

OBJECTS = 400
"""Number of objects. medallion compares each with each, so more would take it minutes."""


def named(number: int, version: int = 1, **properties) -> dict:
    """Returns the indicator with this number and version."""
    modified = f"2026-01-{version:02}T00:00:00.000Z"
    return stix.indicator(
        number,
        f"[domain-name:value = 'h{number}.v{version}.example']",
        modified=modified,
        **properties,
    )


@pytest.fixture(scope="module")
def medallion(tmp_path_factory):
    """A server for all tests in this file. Each test adds only objects of its own."""
    kinds = [named(number) for number in range(1, OBJECTS)]
    malware = {
        "type": "malware",
        "spec_version": "2.1",
        "id": stix.identifier(1, "malware"),
        "is_family": False,
        "name": "x",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
    }
    with servers.medallion(tmp_path_factory.mktemp("medallion"), [malware, *kinds]) as server:
        yield server


def polling(folder, url: str, **settings) -> Polling:
    """Returns a configuration with one TAXII feed."""
    feed = {
        "name": "taxii",
        "type": "taxii",
        "url": url,
        "user": servers.USER,
        "password": {"env": "PASSWORD"},
        "overlap": "1s",
        **settings,
    }
    return Polling(folder, feed, environment={"PASSWORD": servers.PASSWORD})


@pytest.mark.parametrize(("path", "settings"), [
    ("/taxii2/", {"collection": "Open"}),
    ("/taxii2", {"collection": "open"}),
    ("/root/", {"collection": servers.OPEN}),
    (f"/root/collections/{servers.OPEN}/", {"page_objects": 70}),
])  # fmt: skip
def test_a_collection_is_read_whole_from_any_url(tmp_path, medallion, path, settings):
    one = polling(tmp_path, medallion.url + path, **settings)
    assert "Open" in one.check()
    one.poll()
    assert one.active("taxii") >= OBJECTS - 1


def test_the_next_poll_brings_what_is_new(tmp_path, medallion):
    one = polling(tmp_path, medallion.root, collection="open")
    medallion.add(named(5001), named(5002), named(5003))
    one.poll()
    before = one.active("taxii")
    one.poll()
    assert one.active("taxii") == before
    # Adds a new indicator, a newer version, and a withdrawal.
    medallion.add(named(5004), named(5001, version=2), named(5002, version=2, revoked=True))
    one.poll()
    assert one.active("taxii") == before
    held = {found["id"] for found in one.indicators("v2.example")}
    assert held == {stix.identifier(5001)}
    assert not one.indicators("h5001.v1.example")
    assert not one.indicators("h5002.v1.example")
    assert one.indicators("h5003.v1.example") and one.indicators("h5004.v1.example")


def test_objects_are_added_and_those_that_are_there_are_known(tmp_path, medallion):
    one = polling(tmp_path, medallion.root, collection="open")
    told = one.push("taxii", stix.write(tmp_path / "new.json", named(6001), named(6002)))
    assert (told["added"], told["known"], told["failures"]) == (2, 0, [])
    told = one.push("taxii", stix.write(tmp_path / "again.json", named(6001), named(6003)))
    assert told["added"] + told["known"] == 2 and told["failures"] == []
    one.poll()
    assert one.indicators("h6002.v1.example") and one.indicators("h6003.v1.example")


def test_the_manifest_lists_objects_and_their_versions(tmp_path, medallion):
    one = polling(tmp_path, medallion.root, collection="open")
    medallion.add(named(8001), named(8001, version=2))
    entries = {entry["id"]: entry for entry in one.manifest("taxii")}
    assert len(entries) >= OBJECTS, "it has several pages"
    assert entries[stix.identifier(1)]["date_added"] == "2026-02-01T00:00:01.000000Z"
    versions = {entry["version"] for entry in one.manifest("taxii", stix.identifier(8001))}
    assert versions == {"2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"}


def test_an_empty_collection(tmp_path, medallion):
    one = polling(tmp_path, medallion.root, collection="empty")
    assert "is empty" in one.check()
    one.poll()
    assert (one.active("taxii"), one.feed("taxii")["error"]) == (0, None)


def test_what_may_not_be_read_is_said(tmp_path, medallion):
    one = polling(tmp_path / "closed", medallion.root, collection="closed")
    assert "cannot be read" in one.fails("taxii")
    several = polling(tmp_path / "several", medallion.root)
    error = several.fails("taxii")
    assert servers.OPEN in error and servers.EMPTY in error
    other = polling(tmp_path / "other", medallion.root, collection="elsewhere")
    assert "expected a collection" in other.fails("taxii")


def test_a_wrong_password_is_said_and_not_shown(tmp_path, medallion):
    one = polling(tmp_path, medallion.discovery, collection="open")
    one.environment["PASSWORD"] = "wrong but secret"
    told = one.poll(expect=3)
    error = one.feed("taxii")["error"]
    assert "got 401" in error
    assert "secret" not in error + told
