"""Sends packages of STIX 1.x that the MISP test double converts, and what changes in them later."""

import pytest

from tests import misp, program, stix1
from tests.forwarding import Forwarding


@pytest.fixture
def server():
    with misp.running() as double:
        double.tag("tlp:green", "source:old")
        yield double
        assert double.errors == []


@pytest.fixture
def packages(server, tmp_path):
    """A folder of packages that goes to the server as it is."""
    (tmp_path / "in").mkdir()
    feed = {
        "name": "old", "type": "path", "path": str(tmp_path / "in"), "max_shrink": 1.0,
        "misp": [{
            "server": "soc", "way": "stix", "distribution": "community", "tags": ["source:old"],
        }],
    }  # fmt: skip
    return Forwarding(tmp_path, server, feed)


def write(forwarding: Forwarding, number: int, *domains: str) -> None:
    path = forwarding.folder / "in" / f"{number}.xml"
    text = stix1.of_domains(f"e:package-{number}", *domains)
    path.write_text(text, encoding="utf-8")


def uploads(server) -> int:
    return sum("/events/upload_stix" in one.path for one in server.requests)


def active(server) -> list[str]:
    return sorted(
        one["value"] for one in server.attributes() if one["to_ids"] and not one["deleted"]
    )


def test_a_package_is_uploaded_once_and_then_tagged_and_distributed(packages, server):
    write(packages, 1, "a.example", "b.example")
    write(packages, 2, "c.example")
    assert packages.forward()["sent"] == 2
    assert uploads(server) == 2
    assert active(server) == ["a.example", "b.example", "c.example"]
    for event in server.events():
        assert event["distribution"] == 1 and "source:old" in event["tags"]
        assert not event["published"]
    packages.forward()
    assert uploads(server) == 2
    body = next(one.body for one in server.requests if "upload_stix" in one.path)
    assert body == (packages.folder / "in" / "1.xml").read_bytes().rstrip()


def test_a_changed_package_changes_its_event(packages, server):
    write(packages, 1, "a.example", "b.example")
    packages.forward()
    write(packages, 1, "b.example", "d.example")
    packages.forward()
    assert uploads(server) == 1
    assert len(server.events()) == 1
    assert active(server) == ["b.example", "d.example"]
    write(packages, 1, "a.example", "b.example")
    packages.forward()
    assert active(server) == ["a.example", "b.example"]


def test_a_lost_answer_is_resolved_without_a_second_upload(packages, server):
    write(packages, 1, "a.example", "b.example")
    server.fault("reset", path="upload_stix", after=True)
    packages.forward(expect=program.REMOTE)
    packages.forward_all()
    assert uploads(server) == 1
    assert len(server.events()) == 1 and server.events()[0]["distribution"] == 1


def test_an_upload_that_never_arrived_is_sent_again(packages, server):
    write(packages, 1, "a.example")
    server.down()
    packages.forward(expect=program.REMOTE)
    server.up()
    packages.forward_all()
    assert uploads(server) == 1 and active(server) == ["a.example"]


def test_an_upload_whose_fate_is_unknown_is_not_repeated(packages, server):
    write(packages, 1, "a.example")
    server.fault("500", path="upload_stix", store=0)
    packages.forward(expect=program.REMOTE)
    packages.run("misp", "retry")
    packages.forward(expect=program.REMOTE)
    assert uploads(server) == 1
    assert active(server) == []
    assert "upload" in packages.failed()[0]["reason"]


def test_a_package_that_the_server_refuses_is_sent_as_an_event(packages, server):
    write(packages, 1, "a.example")
    server.fault("405", path="upload_stix")
    packages.forward()
    assert active(server) == ["a.example"]
    (listed,) = packages.failed()
    assert listed["state"] == "converted" and listed["reason"]
    packages.forward()
    assert uploads(server) == 1


def test_values_that_the_server_knows_are_refused_without_a_second_event(packages, server):
    # The server drops attributes whose UUIDs it has, so the event of the second package is empty.
    write(packages, 1, "a.example")
    packages.forward()
    write(packages, 2, "x.example")
    server.fault("drop", times=1, path="upload_stix", values=["x.example"])
    packages.forward(expect=None)
    assert "x.example" in active(server)
    assert {one["state"] for one in packages.failed()} == {"converted"}


def test_publication_comes_last(server, tmp_path):
    (tmp_path / "in").mkdir()
    feed = {
        "name": "old", "type": "path", "path": str(tmp_path / "in"),
        "misp": [{"server": "soc", "way": "stix", "publish": True}],
    }  # fmt: skip
    forwarding = Forwarding(tmp_path, server, feed)
    write(forwarding, 1, "a.example")
    forwarding.forward_all()
    (event,) = server.events()
    assert event["published"] and event["distribution"] == 0


def test_stix_2_has_no_packages_to_upload(server, tmp_path):
    feed = {
        "name": "new", "type": "taxii", "url": "https://taxii.example.org/taxii2/",
        "misp": [{"server": "soc", "way": "stix"}],
    }  # fmt: skip
    forwarding = Forwarding(tmp_path, server, feed)
    result = program.run(
        "config", "check", "--offline", "--config", forwarding.path, expect=program.USAGE
    )
    assert b'expected way = "native"' in result.stderr
