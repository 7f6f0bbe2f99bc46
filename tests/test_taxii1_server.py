"""Polls of a real TAXII 1 server, OpenTAXII, behind TLS that demands a client certificate."""

import pytest

from tests import opentaxii, program, stix1, taxii1
from tests.opentaxii import PASSWORD, USER
from tests.polling import Polling
from tests.taxii1 import package


def polling(folder, server, collection: str, **settings) -> Polling:
    """Returns a configuration with one TAXII 1 feed."""
    settings = {
        "url": server.discovery,
        "collection": collection,
        "user": USER,
        "client_certificate": server.certificates.client,
        "client_key": server.certificates.client_key,
        **settings,
    }
    feed = taxii1.feed(**settings, password={"env": "PASSWORD"})
    return Polling(
        folder,
        feed,
        http={"ca_files": [server.certificates.authority]},
        environment={"PASSWORD": PASSWORD},
    )


def packages(count: int, name: str) -> list[str]:
    """Returns packages, each with one domain."""
    return [package(f"h{number}.{name}.example", number=number) for number in range(count)]


def values(one: Polling, name: str) -> set[str]:
    """Returns the active values with this name in them."""
    return {value["value"] for found in one.indicators(name) for value in found["values"]}


def test_a_feed_is_read_whole_and_then_only_what_is_new(tmp_path, opentaxii_server):
    opentaxii_server.add("feed", *packages(25, "feed"))
    one = polling(tmp_path, opentaxii_server, "feed")
    assert "feed" in one.check()
    one.poll()
    assert one.active("taxii1") == 25, "three parts"
    opentaxii_server.add("feed", package("later.example", number=1000))
    one.poll()
    assert one.active("taxii1") == 26
    assert one.feed("taxii1")["error"] is None


def test_blocks_that_fill_the_last_part_end_with_an_empty_part(tmp_path, opentaxii_server):
    opentaxii_server.add("limits", *packages(2 * opentaxii.PART_BLOCKS, "limits"))
    one = polling(tmp_path, opentaxii_server, "limits")
    one.poll()
    assert one.active("taxii1") == 2 * opentaxii.PART_BLOCKS


def test_a_data_set_is_read_whole_each_time(tmp_path, opentaxii_server):
    opentaxii_server.add("set", *packages(12, "set"))
    one = polling(tmp_path, opentaxii_server, "set")
    one.poll()
    assert one.active("taxii1") == 12
    opentaxii_server.add("set", package("later.set.example", number=1000))
    one.poll()
    assert one.active("taxii1") == 13
    one.poll()
    assert one.active("taxii1") == 13


def test_references_lead_to_packages_of_other_polls(tmp_path, opentaxii_server):
    one = polling(tmp_path, opentaxii_server, "references")
    refers = stix1.indicator("e:i", "e:o")
    both = stix1.indicators(refers, stix1.indicator("e:j", stix1.domain("j.refers.example")))
    opentaxii_server.add("references", stix1.package("e:late", both))
    one.poll()
    assert values(one, "refers.example") == {"j.refers.example"}
    defines = stix1.observables(o=stix1.domain("o.refers.example", ""))
    opentaxii_server.add("references", stix1.package("e:defines", defines))
    one.poll()
    assert values(one, "refers.example") == {"j.refers.example", "o.refers.example"}
    # A mediated package: the same id, without one of its indicators.
    opentaxii_server.add("references", stix1.package("e:late", stix1.indicators(refers)))
    one.poll()
    assert values(one, "refers.example") == {"o.refers.example"}


def test_without_a_client_certificate_there_is_no_connection(tmp_path, opentaxii_server):
    feed = taxii1.feed(opentaxii_server.discovery, collection="other")
    http = {"ca_files": [opentaxii_server.certificates.authority]}
    Polling(tmp_path, feed, http=http).fails("taxii1")


def test_a_wrong_password_is_shown_as_the_status_unauthorized(tmp_path, opentaxii_server):
    one = polling(tmp_path, opentaxii_server, "other", user="nobody")
    error = one.fails("taxii1")
    assert "UNAUTHORIZED" in error and PASSWORD not in error, error


def test_an_unknown_collection_is_an_error_that_names_the_known_ones(tmp_path, opentaxii_server):
    error = polling(tmp_path, opentaxii_server, "unknown").fails("taxii1")
    assert '"unknown"' in error and "other" in error, error
    one = polling(
        tmp_path / "poll", opentaxii_server, "unknown", poll_url=opentaxii_server.at("poll")
    )
    error = one.fails("taxii1")
    assert "NOT_FOUND" in error and "unknown" in error, error


@pytest.mark.parametrize("service", ["discovery", "collections"])
def test_a_poll_starts_at_either_service_or_at_the_poll_service(
    tmp_path, opentaxii_server, service
):
    one = polling(tmp_path / "a", opentaxii_server, "other", url=opentaxii_server.at(service))
    one.poll()
    assert one.feed("taxii1")["error"] is None
    poll = opentaxii_server.at("poll")
    one = polling(tmp_path / "b", opentaxii_server, "other", url=poll, poll_url=poll)
    one.poll()
    assert one.feed("taxii1")["error"] is None


def test_a_login_gives_a_token(tmp_path, opentaxii_server):
    one = polling(tmp_path, opentaxii_server, "other", login_url=opentaxii_server.login)
    one.poll()
    assert one.feed("taxii1")["error"] is None
    wrong = polling(
        tmp_path / "wrong", opentaxii_server, "other", login_url=opentaxii_server.login, user="x"
    )
    error = wrong.fails("taxii1")
    assert "401" in error and PASSWORD not in error, error


def test_a_server_may_demand_a_subscription(tmp_path, opentaxii_server):
    opentaxii_server.add("subscribed", *packages(3, "subscribed"))
    without = polling(tmp_path / "without", opentaxii_server, "subscribed")
    error = without.fails("taxii1")
    assert "DENIED" in error and "Subscription id is required" in error, error
    one = polling(tmp_path / "with", opentaxii_server, "subscribed", subscribe=True)
    one.poll()
    assert one.active("taxii1") == 3
    subscription = one.feed("taxii1")["cursor"]["subscription"]
    opentaxii_server.add("subscribed", package("later.example", number=1000))
    one.poll()
    assert one.active("taxii1") == 4
    assert one.feed("taxii1")["cursor"]["subscription"] == subscription
    # Another installation finds the subscription, instead of making another one.
    again = polling(tmp_path / "again", opentaxii_server, "subscribed", subscribe=True)
    again.poll()
    assert again.feed("taxii1")["cursor"]["subscription"] == subscription
    given = polling(
        tmp_path / "given", opentaxii_server, "subscribed", subscription_id=subscription
    )
    given.poll()
    assert given.active("taxii1") == 4
    ended = program.run(
        "feeds", "unsubscribe", "taxii1", "--config", one.path, env=one.environment
    ).stdout.decode()
    assert subscription in ended
    one.poll()
    assert one.feed("taxii1")["cursor"]["subscription"] != subscription


def test_a_package_is_sent_to_the_inbox(tmp_path, opentaxii_server):
    file = tmp_path / "package.xml"
    file.write_text('<?xml version="1.0" encoding="UTF-8"?>\n' + package("sent.example"))
    one = polling(tmp_path / "feed", opentaxii_server, "inbox")
    push = ("feeds", "push", "taxii1")
    out = program.run(*push, file, "--config", one.path, env=one.environment).stdout.decode()
    assert "accepted" in out, out
    one.poll()
    assert "sent.example" in values(one, "sent")
    file.write_text("<a><b></a>")
    bad = program.run(
        *push, file, "--binding", "urn:x", "--config", one.path,
        env=one.environment, expect=program.USAGE,
    )  # fmt: skip
    assert "one XML document" in bad.stderr.decode()
    elsewhere = polling(tmp_path / "else", opentaxii_server, "nowhere", inbox_url=one_inbox(one))
    file.write_text(package("sent.example"))
    failed = program.run(
        *push, file, "--config", elsewhere.path, env=elsewhere.environment, expect=program.REMOTE
    )
    assert "nowhere" in failed.stderr.decode()


def one_inbox(one: Polling) -> str:
    """Returns the URL of the inbox at the server of a configuration."""
    return one.feed("taxii1")["cursor"]["poll"].replace("/poll", "/inbox")
