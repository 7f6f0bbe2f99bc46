"""PyMISP, the client of the MISP project, drives the double and gets what MISP gave it."""

import json
import subprocess

from tests import misp
from tests.misp import captures, converter, replay
from tests.misp.client import ask

PROGRAM = converter.PROGRAM.with_name("pymisp_session.py")
NOT_CALLS = {
    "add_event_request_body", "update_event_request_body", "delete_attr_via_update_body",
    # The sightings of a whole session, and two uploads of which only the form was kept.
    "sightings", "upload_stix2_dup", "upload_stix1",
}  # fmt: skip


def prepared(double: misp.Misp) -> None:
    """Stores what the session presupposes, and lets the ids go on where MISP's did."""
    key = double.key_of("admin")
    ask(double, "POST", "/tags/add", {"name": "tlp:green"}, key)
    enabled = {"id": ["96"], "enabled": True}
    ask(double, "POST", "/warninglists/toggleEnable", enabled, key)
    last = double.state.last
    last["event"], last["attribute"] = 16, 66
    row = {"type": "domain", "value": "evil.example"}
    ask(double, "POST", "/events/add", {"info": "known", "distribution": 0, "Attribute": [row]})
    last["event"], last["attribute"], last["object"], last["sighting"] = 65, 6329, 43, 17


def test_pymisp_gets_what_it_got_from_misp():
    clock = replay.Clock()
    # The captured session took five seconds; its middle is near enough to all of them.
    clock.now = 1_795_932_825
    with misp.running(clock=clock) as double:
        prepared(double)
        command = [converter.PYTHON, "-W", "ignore", PROGRAM, double.url, double.key]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, run.stderr
        assert double.errors == []
    got = json.loads(run.stdout)
    wanted = captures.load()["pymisp_returns"]["results"]
    assert got.keys() == wanted.keys() - NOT_CALLS
    comparison = replay.Comparison({}, set())
    differences = [
        found for name in got for found in comparison.differences(got[name], wanted[name], name)
    ]
    assert differences == []
