"""The three ways to find stored events, compared with the pipeline that flags events as they are
indexed, and with an oracle.
"""

import json
import random

import pytest

from tests import generators, pushing, seeds, stix
from tests.backfilling import Backfilling, claims, flagged
from tests.oracle import Oracle, from_list
from tests.test_backfill import MAPPING, NUMBERS, stored

LISTED = [
    "evil.example", "www.deep.evil.example", "*.below.example", "xn--bcher-kva.example",
    "203.0.112.0/24", "198.51.100.7", "2001:db8:1::/48", "192.0.2.10-192.0.2.20",
    "http://page.example/a", "http://page.example/a?id=1", "https://203.0.113.9/x",
]  # fmt: skip
KINDS = {"url.original": "url", "url.domain": "host", "destination.ip": "address"}
EVENTS = 400


@pytest.fixture
def node(opensearch, tmp_path):
    claims(opensearch, tmp_path)
    return opensearch


def events(rng: random.Random) -> list[dict]:
    """Returns events with forms of listed values, and with harmless values."""
    hosts = [
        form
        for name in ("evil.example", "deep.evil.example", "below.example", "bücher.example")
        for form in generators.hosts(rng, name)
    ]
    urls = [
        form
        for url in LISTED[-3:]
        for form in generators.urls(rng, url)
        # It may be the path of a request to another host, or a URL without its scheme.
        if not form.startswith("//")
    ]
    addresses = ["203.0.112.9", "203.0.113.1", "198.51.100.7", "2001:db8:1::5", "2001:db8:2::1"]
    addresses += ["192.0.2.15", "192.0.2.21", "::ffff:203.0.112.1", "10.0.0.1"]
    made = []
    for number in range(EVENTS):
        event = {"@timestamp": f"2026-11-{number % 27 + 1:02}T12:00:00Z"}
        if rng.random() < 0.8:
            host = rng.choice([*hosts, *3 * ["good.example", "a.good.example"]])
            event["url"] = {"domain": host}
            if rng.random() < 0.7:
                event["url"]["original"] = rng.choice([*urls, f"http://{host}/p"])
        if rng.random() < 0.7:
            event["destination"] = {"ip": rng.choice(addresses)}
        made.append(event)
    return made


def values(event: dict):
    """Returns each observable with its kind."""
    for field, kind in KINDS.items():
        outer, inner = field.split(".")
        value = event.get(outer, {}).get(inner)
        if value is not None:
            yield kind, value


def bare(document: dict) -> dict:
    """Returns a flagged event without what may differ: a backfill says that it was one."""
    copy = json.loads(json.dumps(document))
    copy.get("threatsieve", {}).pop("historic", None)
    copy.get("threatsieve", {}).pop("generation", None)
    enrichments = copy.get("threat", {}).get("enrichments", [])
    for each in enrichments:
        # If several observables are covered in the same way, the first one is shown. Pipelines read
        # fields in an order of their own.
        del each["matched"]["atomic"], each["matched"]["field"]
    enrichments.sort(key=lambda each: each["indicator"]["id"])
    return copy


def test_all_ways_find_what_the_pipeline_and_the_oracle_find(node, tmp_path):
    rng = random.Random(seeds.SEED)
    name, made = f"ways-{next(NUMBERS)}", events(rng)
    list_file = tmp_path / "c/list.txt"
    controller = Backfilling(tmp_path / "c", node, name, f"{name}-none", push=True)
    controller.tables["feeds"] = {
        "name": "feed", "type": "path", "path": "list.txt", "max_shrink": 1.0,
    }  # fmt: skip
    controller.write()
    list_file.write_text("\n".join(LISTED) + "\n", encoding="utf-8")
    controller.poll()
    pushing.set_pipeline(node, name, blacklist=name)
    ids = [f"{number:04}" for number in range(EVENTS)]
    settings = {"number_of_shards": 2, "number_of_replicas": 0}
    for kind in ("live", "query", "values", "scan"):
        node.put(f"/{name}-{kind}", {"mappings": MAPPING, "settings": settings})
        node.bulk(f"{name}-{kind}", made, name if kind == "live" else None, ids=ids)
    live = {number: bare(each) for number, each in stored(node, f"{name}-live").items()}
    for way in ("query", "values", "scan"):
        report = controller.backfill("--index", f"{name}-{way}", "--way", way)
        (of_index,) = report["indices"]
        assert of_index["way"] == way
        found = {n: bare(each) for n, each in stored(node, f"{name}-{way}").items()}
        differing = [(each, live[n]) for n, each in found.items() if each != live[n]]
        assert differing == [], way
    oracle = Oracle([from_list(value) for value in LISTED])
    for number, event in zip(ids, made, strict=True):
        wanted = any(oracle.matches(kind, value) for kind, value in values(event))
        assert bool(flagged(live[number])) == wanted, event
    assert 20 < sum(bool(flagged(each)) for each in live.values()) < EVENTS - 20


def test_urls_in_parts_and_conjunctions(node, tmp_path):
    """Checks events whose URL is in several fields, and values that count only together."""
    name = f"parts-{next(NUMBERS)}"
    mapping = {
        "properties": {
            "host": {"type": "keyword"},
            "uri": {"type": "keyword"},
            "destination": {"properties": {"ip": {"type": "ip"}}},
            "url": {"properties": {"domain": {"type": "keyword"}}},
        }
    }
    made = [
        {"host": "page.example", "uri": "/a"},
        {"host": "page.example", "uri": "/b"},
        {"url": {"domain": "both.example"}, "destination": {"ip": "192.0.2.7"}},
        {"url": {"domain": "both.example"}, "destination": {"ip": "192.0.2.8"}},
    ]
    objects = [
        stix.indicator(1, "[url:value = 'http://page.example/a']"),
        stix.indicator(2, "[domain-name:value = 'both.example' AND ipv4-addr:value = '192.0.2.7']"),
    ]
    wanted = {"0": {stix.identifier(1)}, "2": {stix.identifier(2)}}
    for way in ("query", "values", "scan"):
        index = f"{name}-{way}"
        node.put(f"/{index}", {"mappings": mapping, "settings": {"number_of_replicas": 0}})
        node.bulk(index, made, ids=["0", "1", "2", "3"])
        controller = Backfilling(tmp_path / way, node, f"{name}-{way}", index, way=way)
        controller.publish(*objects)
        controller.poll()
        found = {number: flagged(each) for number, each in stored(node, index).items()}
        assert {number: ids for number, ids in found.items() if ids} == wanted, way
