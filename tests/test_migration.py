"""The use that the MISP transfer service's users make of files, up to MISP: packages are written to
a folder, a script lets some of them through, and a feed of those goes to the MISP test double.
"""

import json
import subprocess
import sys
import urllib.request

import fastavro
import pytest

from tests import misp, program, stix1
from tests.forwarding import Forwarding, active

FILTER = """
import pathlib, sys
source, target = map(pathlib.Path, sys.argv[1:])
for path in source.glob("*.xml"):
    text = path.read_text()
    if "private.example" not in text:
        (target / path.name).write_text(text)
"""


def domains(forwarding: Forwarding) -> dict:
    """Returns the domains of the double. It adds the file of a package by itself."""
    return {key: state for key, state in forwarding.held().items() if key[0] == "domain"}


@pytest.mark.parametrize("way", ["native", "stix"])
def test_packages_that_a_script_lets_through_go_to_misp_and_no_others(tmp_path, way):
    source, out, filtered = (tmp_path / name for name in ("source", "out", "filtered"))
    for folder in (source, out, filtered):
        folder.mkdir()
    script = program.write(tmp_path / "filter.py", FILTER)
    (source / "one.xml").write_text(stix1.of_domains("e:one", "a.example", "b.example"))
    (source / "two.xml").write_text(stix1.of_domains("e:two", "private.example"))
    feeds = [
        {"name": "all", "type": "path", "path": source, "packages_to": out, "misp": []},
        {
            "name": "some", "type": "path", "path": filtered, "may_be_empty": True,
            "max_shrink": 1.0, "misp": [{"server": "soc", "way": way}],
        },
    ]  # fmt: skip
    with misp.running() as server:
        forwarding = Forwarding(tmp_path, server, *feeds)
        forwarding.forward()
        assert server.events() == []

        def pass_on() -> None:
            subprocess.run([sys.executable, script, out, filtered], check=True)
            forwarding.forward_all()

        pass_on()
        assert domains(forwarding) == active("domain", "a.example", "b.example")
        # A corrected package edits its event.
        (source / "one.xml").write_text(stix1.of_domains("e:one", "a.example", "c.example"))
        forwarding.forward()
        pass_on()
        assert len(server.events()) == 1
        off = {("domain", "b.example"): (False, False)}
        assert domains(forwarding) == active("domain", "a.example", "c.example") | off
        assert server.errors == []


def upload(server: misp.Misp, text: str) -> int:
    """Uploads a package as the service did. Returns the number of the event."""
    request = urllib.request.Request(
        f"{server.url}/events/upload_stix",
        data=text.encode(),
        headers={"Authorization": server.key, "Content-Type": "application/xml",
                 "Accept": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:
        return int(json.load(answer)["Event"]["id"])


def test_packages_that_the_service_sent_are_not_sent_again(tmp_path):
    texts = {
        f"e:{name}": stix1.of_domains(f"e:{name}", f"{name}.example")
        for name in ("sent", "failed", "forgotten", "new")
    }
    source, old = tmp_path / "source", tmp_path / "mtc"
    source.mkdir()
    old.mkdir()
    with misp.running() as server:
        sent = upload(server, texts["e:sent"])
        upload(server, texts["e:forgotten"])
        program.write(
            old / "config.properties",
            f"misptransclient.post.baseurl={server.url}/events/",
            f"misp.authorization.key={server.key}",
            "mtc.processtype=stixToMisp",
            "stixtransclient.poll.baseurl=https://taxii.example/poll",
            "stixtransclient.source.collection=AIS",
        )
        tracked = [
            {"stix_id": "e:sent", "event_id": str(sent)},
            {"stix_id": "e:failed", "event_id": None},
            {"stix_id": "e:forgotten", "event_id": None},
        ]
        schema = json.loads(
            (program.ROOT / "tests/data/flare-misp-service/tracker.avsc").read_text()
        )
        with (old / "trackers.avro").open("wb") as file:
            fastavro.writer(file, schema, tracked)
        path = tmp_path / "threatsieve.toml"
        # There is no application.properties.
        program.run("config", "import", old, "--output", path, expect=program.DAMAGED)
        # The packages come from a folder instead of a TAXII server.
        text = path.read_text().replace('type = "taxii1"', f'type = "path"\npath = "{source}"')
        lines = [
            line
            for line in text.splitlines()
            if not line.startswith(('url = "https://taxii', "poll_url", "collection"))
        ]
        program.write(path, *lines)
        before = len(server.requests)
        for name, content in texts.items():
            (source / f"{name[2:]}.xml").write_text(content)
        for _ in range(4):
            program.run("poll", "--force", "--config", path, expect=None)
            program.run("misp", "retry", "--config", path, expect=None)
        uploads = [
            one for one in server.requests[before:] if one.path.startswith("/events/upload_stix")
        ]
        assert len(uploads) == 2, "the failed one, and the new one"
        values = [one["value"] for one in server.attributes() if one["type"] == "domain"]
        assert sorted(values) == [
            "failed.example",
            "forgotten.example",
            "new.example",
            "sent.example",
        ]
        # A package that changed later edits the event that it had.
        (source / "sent.xml").write_text(
            stix1.of_domains("e:sent", "sent.example", "later.example")
        )
        for _ in range(3):
            program.run("poll", "--force", "--config", path, expect=None)
        assert len(server.events()) == 4
        held = {one["value"] for one in server.attributes() if not one["deleted"]}
        assert "later.example" in held
        assert server.errors == []
