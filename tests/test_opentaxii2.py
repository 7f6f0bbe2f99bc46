"""Polls of the TAXII 2.1 side of a real OpenTAXII, and objects that are added to it."""

import pytest

from tests import program, stix, taxii2_servers
from tests.test_taxii import named, polling


@pytest.fixture(scope="module")
def opentaxii(tmp_path_factory):
    """A server for all tests in this file. Each test adds only objects of its own."""
    with taxii2_servers.opentaxii_21(tmp_path_factory.mktemp("opentaxii")) as server:
        yield server


def feed(folder, opentaxii, alias: str, **settings):
    """Returns a configuration with one of the server's collections.

    OpenTAXII 0.9.3 fails to describe its collections (its identifiers are no JSON), so the URL must
    be that of the objects.
    """
    url = f"{opentaxii.root()}collections/{alias}/objects/"
    return polling(folder, url, **settings)


def test_a_collection_is_read_and_the_next_poll_brings_what_is_new(tmp_path, opentaxii):
    one = feed(tmp_path, opentaxii, "open", page_objects=3)
    assert "is empty" in one.check()
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


def test_what_the_server_cannot_take_is_reported(tmp_path, opentaxii):
    one = feed(tmp_path, opentaxii, "public")
    long = stix.write(tmp_path / "long.json", named(12, name="x" * 20_000))
    assert "nothing was sent" in one.push_fails("taxii", long, program.USAGE)


def test_a_server_that_fails_to_describe_a_collection_says_so(tmp_path, opentaxii):
    one = polling(tmp_path, opentaxii.root(), collection="open")
    assert "got 500" in one.fails("taxii")
