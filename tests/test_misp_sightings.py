"""Reports matches to the MISP test double as sightings, and retractions as false positives."""

import pytest

from tests import misp, stix
from tests.forwarding import Forwarding
from tests.stix import TLP

LINE = "{at}.000 0 10.1.2.3 TCP_MISS/200 603 GET http://{host}/ - HIER_DIRECT/192.0.2.7 text/html"


@pytest.fixture
def server():
    with misp.running() as double:
        double.tag("tlp:green", "tlp:red")
        yield double
        assert double.errors == []


def forwarding(folder, server, **settings) -> Forwarding:
    stix.write(
        folder / "bundle.json",
        stix.indicator(1, "[domain-name:value = 'green.example']",
                       object_marking_refs=[TLP["green"]]),
        stix.indicator(2, "[domain-name:value = 'red.example']", object_marking_refs=[TLP["red"]]),
    )  # fmt: skip
    feed = {"name": "partner", "type": "path", "path": "bundle.json"}
    made = Forwarding(folder, server, feed, **settings)
    with made.path.open("a", encoding="utf-8") as config:
        config.write('[[logs]]\nname = "proxy"\npaths = ["access.log"]\n')
        config.write('[history]\nwindow = "3650d"\n[matching]\nmax_tlp = "RED"\n')
    (folder / "access.log").touch()
    return made


def visit(made: Forwarding, at: int, host: str) -> None:
    with (made.folder / "access.log").open("a", encoding="utf-8") as log:
        log.write(LINE.format(at=at, host=host) + "\n")


def test_matches_become_sightings_once_and_below_the_ceiling(server, tmp_path):
    made = forwarding(tmp_path, server, sightings=True)
    visit(made, 1_795_000_000, "green.example")
    made.forward()
    assert server.sightings() == [], "what was found before is not reported"
    visit(made, 1_795_000_100, "green.example")
    visit(made, 1_795_000_200, "red.example")
    assert made.forward()["sightings"] == 1
    (sighting,) = server.sightings()
    value = {one["uuid"]: one["value"] for one in server.attributes()}[sighting["attribute"]]
    assert (value, int(sighting["date"])) == ("green.example", 1_795_000_100)
    assert str(sighting["type"]) == "0"
    made.forward()
    assert len(server.sightings()) == 1


def test_a_retraction_by_an_operator_is_a_false_positive(server, tmp_path):
    made = forwarding(tmp_path, server, sightings=True)
    made.forward()
    visit(made, 1_795_000_100, "green.example")
    made.forward()
    made.run("retract", "green.example", "--reason", "ours")
    made.forward()
    assert sorted(str(one["type"]) for one in server.sightings()) == ["0", "1"]


@pytest.mark.parametrize("fault", ["reset", "500", "502", "429", "half"])
def test_a_fault_neither_loses_nor_doubles_sightings(server, tmp_path, fault):
    made = forwarding(tmp_path, server, sightings=True)
    made.forward()
    visit(made, 1_795_000_100, "green.example")
    server.fault(fault, path="bulkSaveSightings", after=fault in {"reset", "half"})
    made.forward(expect=None)
    made.forward_all()
    made.forward_all()
    assert len(server.sightings()) == 1


def test_sightings_are_off_unless_asked_for(server, tmp_path):
    made = forwarding(tmp_path, server)
    made.forward()
    visit(made, 1_795_000_100, "green.example")
    made.forward()
    assert server.sightings() == []
