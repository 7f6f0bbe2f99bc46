"""Polls of a real TAXII 2.0 server, medallion 1.1.0, and objects that are added to it."""

import pytest

from tests import program, servers, stix, taxii2_servers
from tests.polling import Polling
from tests.test_taxii import named, polling

OBJECTS = 120
PAGE = 25


@pytest.fixture(scope="module")
def medallion(tmp_path_factory):
    """A server for all tests in this file. Each test adds only objects of its own."""
    malware = {
        "type": "malware",
        "id": stix.identifier(1, "malware"),
        "name": "x",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
    }
    objects = [malware, *(named(number) for number in range(1, OBJECTS))]
    folder = tmp_path_factory.mktemp("medallion")
    with taxii2_servers.medallion_20(folder, objects, PAGE, more_collections=60) as server:
        yield server


@pytest.mark.parametrize(("path", "settings"), [
    ("/taxii/", {"collection": "Open"}),
    ("/root", {"collection": "open"}),
    ("/root/collections/", {"collection": servers.OPEN}),
    (f"/root/collections/{servers.OPEN}/", {"page_objects": 7}),
    (f"/root/collections/{servers.OPEN}/objects/", {"page_objects": 1}),
])  # fmt: skip
def test_a_collection_is_read_whole_though_pages_hold_less_than_asked_for(
    tmp_path, medallion, path, settings
):
    one = polling(tmp_path, medallion.url + path, **settings)
    assert "TAXII 2.0 collection" in one.check()
    one.poll()
    assert one.active("taxii") >= OBJECTS - 1
    assert one.feed("taxii")["error"] is None


def test_the_next_poll_brings_what_is_new(tmp_path, medallion):
    one = polling(tmp_path, medallion.root, collection="open")
    medallion.add(named(5001), named(5002))
    one.poll()
    before = one.active("taxii")
    one.poll()
    assert one.active("taxii") == before
    medallion.add(named(5003))
    one.poll()
    assert one.active("taxii") == before + 1
    assert one.indicators("h5003.v1.example")


def test_a_collection_on_a_later_page_of_the_list_is_found(tmp_path, medallion):
    one = polling(tmp_path, medallion.discovery, collection="Last")
    one.poll()
    assert one.active("taxii") == 2


def test_an_empty_collection(tmp_path, medallion):
    one = polling(tmp_path, medallion.root, collection="empty")
    assert "is empty" in one.check()
    one.poll()
    assert (one.active("taxii"), one.feed("taxii")["error"]) == (0, None)


def test_objects_are_added_and_those_that_are_there_are_known(tmp_path, medallion):
    one = polling(tmp_path, medallion.root, collection="open")
    new = stix.write(tmp_path / "new.json", named(6001), named(6002))
    assert one.push("taxii", new) == {
        "collection": "Open", "objects": 2, "added": 2, "known": 0, "pending": 0, "failures": [],
    }  # fmt: skip
    again = stix.write(tmp_path / "again.json", named(6001), named(6003))
    told = one.push("taxii", again)
    assert (told["added"], told["known"], told["failures"]) == (1, 1, [])
    one.poll()
    assert one.indicators("h6002.v1.example") and one.indicators("h6003.v1.example")


def test_the_manifest_lists_objects_and_their_versions(tmp_path, medallion):
    one = polling(tmp_path, medallion.root, collection="open")
    medallion.add(named(8001))
    medallion.add(named(8001, version=2))
    entries = {entry["id"]: entry for entry in one.manifest("taxii")}
    assert len(entries) > OBJECTS, "it has several pages"
    assert entries[stix.identifier(1)]["date_added"] == "2026-02-01T00:00:01.000000Z"
    (versions,) = one.manifest("taxii", stix.identifier(8001))
    assert versions["versions"] == ["2026-01-02T00:00:00.000Z", "2026-01-01T00:00:00.000Z"]
    assert one.manifest("taxii", "indicator--unknown") == []


def test_many_objects_go_in_several_requests(tmp_path, medallion):
    one = polling(tmp_path, medallion.root, collection="open")
    many = [named(number, name="x" * 2000) for number in range(7000, 7100)]
    assert one.push("taxii", stix.write(tmp_path / "many.json", *many))["added"] == 100
    long = stix.write(tmp_path / "long.json", named(7200), named(7201, name="x" * 100_000))
    error = one.push_fails("taxii", long, program.USAGE)
    assert "at most" in error and "nothing was sent" in error
    one.poll()
    assert not one.indicators("h7200.v1.example")


def test_a_collection_that_may_not_be_written_gets_nothing(tmp_path, medallion):
    one = polling(tmp_path, medallion.root, collection="Last")
    error = one.push_fails("taxii", stix.write(tmp_path / "new.json", named(6500)), program.REMOTE)
    assert "cannot be written" in error and "can_write" in error


def test_a_feed_that_is_no_collection_takes_no_objects(tmp_path):
    lists = program.write(tmp_path / "list.txt", "evil.example")
    one = Polling(tmp_path, {"name": "list", "type": "path", "path": lists})
    file = stix.write(tmp_path / "new.json", named(1))
    assert "type taxii" in one.push_fails("list", file, program.USAGE)
    assert "configured feed" in one.push_fails("other", file, program.USAGE)
