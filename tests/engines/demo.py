"""Demonstration, `make demo-opensearch`: from an empty node to flagged documents, with what an
administrator would type at each step.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests import program, pushing
from tests.engines import assemble
from tests.engines.node import Node, node

VERSION = "3.8.0"
EXAMPLE = program.ROOT / "tests/example"
TEMPLATE = program.ROOT / "plugin-descriptors/component-template.json"
INDEX = "filebeat-squid"
PIPELINE = {
    "description": "Flags requests that touch an indicator",
    "processors": [{"threat_match": {"message_field": "message"}}],
}
SHOWN = 6
"""Number of flagged documents that are printed in full. The others get one line each."""


def run(_arguments: list[str]) -> None:
    """Runs the whole demonstration."""
    plugin = assemble.plugin(VERSION)
    with tempfile.TemporaryDirectory() as folder:
        say("Building the blacklist from the example feed")
        blacklist = Path(folder) / "default.blacklist"
        inputs = [
            "--feed",
            EXAMPLE / "bundle.json",
            "--list",
            EXAMPLE / "domains.txt",
            "--list",
            EXAMPLE / "networks.txt",
            "--list",
            EXAMPLE / "urls.csv",
            "--allow",
            EXAMPLE / "allow.txt",
        ]
        result = program.run("build", *inputs, "--generation", 1, "-o", blacklist)
        print((result.stdout + result.stderr).decode().rstrip())

        say(f"Starting OpenSearch {VERSION} with {plugin.name}")
        with node(VERSION, plugins=[plugin]) as server:
            print(server.url)
            show(server, blacklist)


def show(server: Node, blacklist: Path) -> None:
    """Sets the node up, indexes the log, and prints the flagged documents."""
    say(f"Pushing it: PUT {pushing.ENDPOINT}/default")
    answer = pushing.push(server, blacklist)
    for each in answer["nodes"].values():
        print(
            f"{each['name']}: generation {each['generation']}, {each['state']}, after "
            f"{each['took_ms']} ms"
        )

    say(
        "Mappings and pipeline: PUT /_component_template/threatsieve, "
        "/_index_template/filebeat, /_ingest/pipeline/threatsieve"
    )
    server.put("/_component_template/threatsieve", json.loads(TEMPLATE.read_text()))
    server.put("/_ingest/pipeline/threatsieve", PIPELINE)
    settings = {"index.default_pipeline": "threatsieve", "index.number_of_replicas": 0}
    server.put("/_index_template/filebeat", {
        "index_patterns": ["filebeat-*"], "composed_of": ["threatsieve"],
        "template": {"settings": settings},
    })  # fmt: skip
    print(json.dumps(PIPELINE["processors"]))

    events = list(filebeat_events(EXAMPLE / "squid.log"))
    say(f"Indexing {len(events)} lines of a real Squid log, as Filebeat ships them")
    for start in range(0, len(events), 50):
        server.bulk(INDEX, events[start : start + 50])

    flagged = server.documents(INDEX, {"term": {"indicator": "matched"}})
    flagged.sort(key=lambda document: document["log"]["offset"])
    say(
        f"{len(flagged)} of {server.count(INDEX)} documents are flagged: "
        f"GET /{INDEX}/_search?q=indicator:matched"
    )
    for document in flagged[:SHOWN]:
        print_document(document)
    print()
    for document in flagged[SHOWN:]:
        print(f"  {document['message'][:100]}")
    assert not server.count(INDEX, {"exists": {"field": "threatsieve.unchecked"}}), (
        "some documents were not checked"
    )


def filebeat_events(log: Path):
    """Yields the lines of a log as Filebeat's events: the raw line and its position."""
    offset = 0
    for line in log.read_bytes().splitlines(keepends=True):
        yield {
            "@timestamp": "2026-11-25T12:00:00.000Z",
            "message": line.decode(errors="replace").rstrip("\n"),
            "log": {"offset": offset, "file": {"path": "/var/log/squid/access.log"}},
            "input": {"type": "filestream"},
            "event": {"module": "squid", "dataset": "squid.access"},
            "host": {"name": "proxy-1"},
            "agent": {"type": "filebeat", "version": "7.12.1"},
            "ecs": {"version": "1.8.0"},
        }
        offset += len(line)


def print_document(document: dict) -> None:
    """Prints the line and why it is flagged."""
    print(f"\n  {document['message']}")
    for enrichment in document["threat"]["enrichments"]:
        indicator, matched = enrichment["indicator"], enrichment["matched"]
        marking = indicator.get("marking", {}).get("tlp")
        print(
            f"    {matched['atomic']} in {matched['field']}: "
            f"{indicator.get('id', 'a listed value')} of {enrichment['feed']['name']}"
            f", confidence {indicator.get('confidence', 'not given')}"
            + (f", TLP {marking}" if marking else "")
        )


def say(what: str) -> None:
    """Prints the heading of a step, bold on a terminal."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}{what}{plain}", flush=True)
