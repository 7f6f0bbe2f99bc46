"""Writes MISP events with PyMISP, as a program of its own in the environment `misp`.

    pymisp_writer.py server URL KEY     adds the events to a server, and publishes them
    pymisp_writer.py feed FOLDER        writes them as a feed: a manifest, and a file for each event

Standard input is a list of events:

    {"uuid": ..., "info": ..., "timestamp": ..., "tags": [...], "published": true,
     "attributes": [{"type": ..., "value": ..., ...}],
     "objects": [{"name": "domain-ip", "attributes": {"domain": ..., "ip": ...}}]}
"""

import json
import sys
from pathlib import Path

from pymisp import MISPEvent, MISPObject, MISPOrganisation, PyMISP


def event_of(described: dict) -> MISPEvent:
    """Returns an event."""
    event = MISPEvent()
    event.uuid = described["uuid"]
    event.info = described["info"]
    event.distribution = 3
    if "timestamp" in described:
        event.timestamp = described["timestamp"]
    for tag in described.get("tags", []):
        event.add_tag(tag)
    for one in described.get("attributes", []):
        one = dict(one)
        tags = one.pop("tags", [])
        attribute = event.add_attribute(**one)
        for tag in tags:
            attribute.add_tag(tag)
    for one in described.get("objects", []):
        made = MISPObject(one["name"])
        for relation, value in one["attributes"].items():
            made.add_attribute(relation, value=value)
        event.add_object(made)
    return event


def to_server(url: str, key: str, described: list[dict]) -> None:
    """Adds events to a server."""
    server = PyMISP(url, key, ssl=False)
    for one in described:
        event = event_of(one)
        event.published = one.get("published", True)
        added = server.add_event(event, pythonify=True)
        if not isinstance(added, MISPEvent):
            raise SystemExit(f"not added: {added}")


def to_folder(folder: Path, described: list[dict]) -> None:
    """Writes events as MISP's own generator of feeds does."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest, hashes = {}, []
    organisation = MISPOrganisation()
    organisation.name, organisation.uuid = "TEST", "55f6ea5e-2c60-40e5-964f-47a8950d210f"
    for one in described:
        event = event_of(one)
        event.Orgc = organisation
        feed = event.to_feed(with_meta=True)
        hashes += [f"{digest},{event.uuid}\n" for digest in feed["Event"].pop("_hashes")]
        manifest.update(feed["Event"].pop("_manifest"))
        (folder / f"{event.uuid}.json").write_text(json.dumps(feed, default=str, indent=2))
    (folder / "hashes.csv").write_text("".join(hashes))
    (folder / "manifest.json").write_text(json.dumps(manifest, default=str))


def main() -> None:
    """Does what the arguments say."""
    described = json.load(sys.stdin)
    if sys.argv[1] == "server":
        to_server(sys.argv[2], sys.argv[3], described)
    else:
        to_folder(Path(sys.argv[2]), described)


if __name__ == "__main__":
    main()
