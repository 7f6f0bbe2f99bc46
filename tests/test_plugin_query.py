"""The query `threat_match` on real nodes: events that it finds, compared with the oracle, and
searches that it refuses.
"""

import ipaddress
import json
import random
import re

import pytest

from tests import engines, program, pushing, seeds, stix
from tests.engines import Refused
from tests.oracle import Oracle, from_list
from tests.processing import NUMBERS
from tests.test_matching import ALLOWED, LISTED, around, digests
from tests.test_processor import OPTIONS

KEYWORD = {"type": "keyword"}
DATE = {"type": "date"}
NAME = "query"
VALUES = ["evil.example", "203.0.112.0/24", "2001:db9::/32", "http://page.example/a?id=1"]

_served: set[str] = set()


@pytest.fixture
def node(opensearch, tmp_path):
    """A node of each release line that serves a small blacklist."""
    if opensearch.url not in _served:
        built = pushing.built(tmp_path, VALUES, NAME)
        assert pushing.push(opensearch, built, NAME)["acknowledged"]
        _served.add(opensearch.url)
    return opensearch


def index_of(node, mapping: dict, *bulks: list[dict], shards: int = 1) -> str:
    """Indexes events, each list as a segment of its own in each shard. Each event's `_id` is its
    number.
    """
    name = f"query-{next(NUMBERS)}"
    settings = {
        "number_of_replicas": 0, "number_of_shards": shards, "refresh_interval": -1,
        "merge.policy.segments_per_tier": 50,
    }  # fmt: skip
    node.put(f"/{name}", {"mappings": {"properties": mapping}, "settings": settings})
    number = 0
    for events in bulks:
        ids = [str(number + each) for each in range(len(events))]
        if events:
            node.bulk(name, events, ids=ids)
        number += len(events)
    return name


def query(*fields, **options) -> dict:
    return {"threat_match": {"blacklist": NAME, "fields": list(fields), **options}}


def found(node, index: str, query: dict, **body) -> set[int]:
    """Returns the numbers of the events that a query finds."""
    answer = node.post(
        f"/{index}/_search", {"query": query, "size": 10_000, "_source": False, **body}
    )
    assert answer["_shards"]["failed"] == 0, answer["_shards"]
    return {int(hit["_id"]) for hit in answer["hits"]["hits"]}


def refusal(node, index: str, query: dict) -> tuple[int, str]:
    """Returns the status and the reason of a refused search."""
    with pytest.raises(Refused) as refused:
        found(node, index, query)
    return refused.value.status, refused.value.body["error"]["root_cause"][0]["reason"]


# What it finds.

FIELDS = {
    "destination.domain": "host", "destination.address": "host", "url.full": "url",
    "link": "any", "file.hash.sha256": "hash", "email.from.address": "email",
    "client.address.keyword": "host",
}  # fmt: skip


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
        return "%" not in text
    except ValueError:
        return False


@pytest.mark.parametrize("seed", [1, pytest.param(seeds.SEED, id="fresh")])
def test_it_finds_what_the_oracle_finds(opensearch, tmp_path, seed):
    rng = random.Random(seed)
    listed = LISTED + digests(rng)
    oracle = Oracle([from_list(value) for value in listed], [from_list(v) for v in ALLOWED])
    name = f"query-{next(NUMBERS)}"
    allowed = program.write(tmp_path / "allowed.txt", *ALLOWED)
    pushing.push(
        opensearch, pushing.built(tmp_path, listed, name, 1, "--allow", allowed), name
    )  # fmt: skip
    values = [
        value for listed_value in listed + ALLOWED for value in around(rng, listed_value)
        # URL fields may have only a path, so that `//a/b` is ambiguous.
        if value and value.isprintable() and not value.startswith("//")
    ]  # fmt: skip
    cases = [
        (field, value) for value in values for field in rng.sample(sorted(FIELDS), 2)
        # Without an `@`, the oracle takes an address for a host.
        if FIELDS[field] != "email" or "@" in value
    ]  # fmt: skip
    cases += [("source.ip", value) for value in values if is_address(value)]
    rng.shuffle(cases)
    kinds = {**FIELDS, "source.ip": "address"}
    expected = {
        number for number, (field, value) in enumerate(cases)
        if oracle.matches(kinds[field], value)
    }  # fmt: skip
    mapping = {
        "destination.domain": KEYWORD, "url.full": KEYWORD, "link": KEYWORD,
        # Only doc values.
        "destination.address": {**KEYWORD, "index": False},
        # Only an inverted index.
        "file.hash.sha256": {**KEYWORD, "doc_values": False},
        "email.from.address": KEYWORD, "source.ip": {"type": "ip"},
        "client.address": {"type": "text", "fields": {"keyword": KEYWORD}},
    }  # fmt: skip
    events = [{field.removesuffix(".keyword"): value} for field, value in cases]
    third = len(events) // 3
    index = index_of(
        opensearch, mapping, events[:third], events[third : 2 * third], events[2 * third :],
        shards=3,
    )  # fmt: skip
    # Deleted documents stay in their segments.
    deleted = set(rng.sample(range(len(cases)), len(cases) // 8))
    opensearch.send(
        "POST", f"/{index}/_bulk?refresh=true",
        "".join(f'{{"delete": {{"_id": "{number}"}}}}\n' for number in deleted).encode(),
        content_type="application/x-ndjson",
    )  # fmt: skip
    expected -= deleted
    assert len(expected) > 500
    wanted = query(*kinds, blacklist=name)
    got = found(opensearch, index, wanted)
    differences = [(number in expected, cases[number]) for number in sorted(got ^ expected)]
    assert not differences, differences[:40]
    # A field at a time, from a cold and a warm cache.
    for field in kinds:
        of_field = {number for number in expected if cases[number][0] == field}
        assert of_field, field
        for _ in range(2):
            assert found(opensearch, index, query(field, blacklist=name)) == of_field, field


def test_many_addresses_in_one_segment(node, tmp_path):
    """Many hits are found in another way than a few."""
    rng = random.Random(7)
    networks = [ipaddress.ip_network(text) for text in ("198.18.0.0/15", "2001:db9:1::/48")]
    name = f"query-{next(NUMBERS)}"
    listed = [str(network) for network in networks]
    pushing.push(node, pushing.built(tmp_path, listed, name, 1, "--accept-special"), name)
    events, expected = [], set()
    for number in range(6000):
        network = rng.choice([*networks, ipaddress.ip_network("192.0.2.0/24")])
        address = network[rng.randrange(min(network.num_addresses, 1 << 20))]
        mapped = address.version == 4 and rng.random() < 0.5
        other = [f"192.0.2.{rng.randrange(256)}"] if rng.random() < 0.2 else []
        events.append({"ip": [*other, f"::ffff:{address}" if mapped else str(address)]})
        if any(address in each for each in networks):
            expected.add(number)
    for mapping in ({"type": "ip"}, {"type": "ip", "index": False}):
        index = index_of(node, {"ip": mapping}, events)
        assert found(node, index, query("ip", blacklist=name)) == expected


def test_the_kind_of_a_field(node):
    index = index_of(
        node, {"a": KEYWORD, "b": KEYWORD}, [{"a": "http://3405803521/x"}, {"b": "evil.example"}]
    )
    assert found(node, index, query("a", "b")) == {0, 1}
    assert found(node, index, query({"field": "a", "kind": "url"})) == {0}
    assert found(node, index, query({"field": "a", "kind": "hash"}, {"field": "b"})) == {1}
    # A file's name is never enough.
    assert found(node, index, query({"field": "a", "kind": "file_name"})) == set()


# What counts.


def served(node, tmp_path, *indicators: dict, arguments=()) -> str:
    """Pushes a blacklist of STIX indicators and returns its name."""
    name = f"query-{next(NUMBERS)}"
    feed, built = stix.write(tmp_path / "feed.json", *indicators), tmp_path / f"{name}.blacklist"
    program.run("build", "--feed", feed, "--name", name, *arguments, "-o", built)
    pushing.push(node, built, name)
    return name


def test_validity_at_the_events_own_time(node, tmp_path):
    def limited(number, pattern, first, last):
        return stix.indicator(
            number, pattern, valid_from=f"{first}T00:00:00Z", valid_until=f"{last}T00:00:00Z"
        )

    name = served(
        node, tmp_path,
        limited(1, "[domain-name:value = 'evil.example']", "2026-01-01", "2026-02-01"),
        # The same value, later once more, with a gap between.
        limited(2, "[domain-name:value = 'evil.example']", "2026-03-01", "2026-04-01"),
        limited(3, "[ipv4-addr:value = '203.0.112.0/24']", "2026-01-01", "2026-02-01"),
        limited(4, "[domain-name:value = 'now.example']", "2026-01-01", "2099-01-01"),
    )  # fmt: skip
    times = {
        "2025-12-31T23:59:59.999Z": False, "2026-01-01T00:00:00Z": True,
        "2026-01-31T23:59:59.999Z": True, "2026-02-01T00:00:00Z": False,
        "2026-02-28T23:59:59.999Z": False, "2026-03-01T00:00:00Z": True,
        "2026-03-31T23:59:59.999Z": True, "2026-04-01T00:00:00Z": False, None: False,
    }  # fmt: skip
    events = [
        {"host": "www.evil.example", **({"@timestamp": time} if time else {})} for time in times
    ]
    events += [
        {"ip": "203.0.112.9", **({"@timestamp": time} if time else {})} for time in times
    ]  # fmt: skip
    # Without a time of its own, an event counts as of now.
    events += [{"host": "now.example"}, {"host": "now.example", "@timestamp": "2100-01-01"}]
    matching = list(times.values())
    until_march = [valid and "2026-03" not in time for time, valid in times.items()]
    expected = {
        number for number, valid in enumerate([*matching, *until_march, True, False]) if valid
    }
    fields = {"host": KEYWORD, "ip": {"type": "ip"}}
    wanted = query("host", "ip", blacklist=name)
    for date in (DATE, {"type": "date_nanos"}, {**DATE, "index": False}):
        if date["type"] == "date_nanos":
            events[-1]["@timestamp"] = "2099-06-01"
        together = index_of(node, {**fields, "@timestamp": date}, events)
        # In a segment with one event each, all or none are valid.
        alone = index_of(node, {**fields, "@timestamp": date}, *([event] for event in events))
        for index in (together, alone):
            for _ in range(2):
                assert found(node, index, wanted) == expected
    # Times in another field, and no times.
    index = index_of(
        node, {**fields, "seen": DATE},
        [{"host": "evil.example", "seen": "2026-01-15"}, {"host": "evil.example"},
         {"host": "now.example", "seen": "2020-01-01"}],
    )  # fmt: skip
    hosts = query("host", blacklist=name, time_field="seen")
    assert found(node, index, hosts) == {0}
    assert found(node, index, query("host", blacklist=name, time_field=None)) == {2}
    assert found(node, index, query("host", blacklist=name)) == {2}


def test_ports_are_compared_where_the_indicator_asks(node, tmp_path):
    name = f"query-{next(NUMBERS)}"
    listed = ["evil.example:8080", "203.0.112.1:53"]
    pushing.push(node, pushing.built(tmp_path, listed, name, 1, "--match-port"), name)
    events = [
        {"host": "evil.example", "destination": {"port": 8080}},
        {"host": "evil.example", "destination": {"port": 80}},
        {"host": "evil.example"},
        {"host": "evil.example:8080", "destination": {"port": 80}},
        {"host": "evil.example:80", "destination": {"port": 8080}},
        {"ip": "203.0.112.1", "destination": {"port": 53}},
        {"ip": "203.0.112.1", "destination": {"port": 54}},
    ]
    for port in ({"type": "integer"}, KEYWORD):
        index = index_of(
            node, {"host": KEYWORD, "ip": {"type": "ip"}, "destination.port": port}, events
        )
        assert found(node, index, query("host", "ip", blacklist=name)) == {0, 3, 5}
    # As candidates, all that may match.
    candidates = query("host", "ip", blacklist=name, parts=True)
    assert found(node, index, candidates) == {0, 1, 2, 3, 5, 6}


def test_confidence_marking_and_partial_matches(node, tmp_path):
    name = served(
        node, tmp_path,
        stix.indicator(1, "[domain-name:value = 'sure.example']", confidence=80),
        stix.indicator(2, "[domain-name:value = 'unsure.example']", confidence=20),
        stix.indicator(3, "[domain-name:value = 'unknown.example']"),
        stix.indicator(
            4, "[domain-name:value = 'red.example']", object_marking_refs=[stix.TLP["red"]]
        ),
        stix.indicator(5, "[url:value = 'http://page.example/a?id=1']"),
    )  # fmt: skip
    values = ["sure.example", "unsure.example", "unknown.example", "red.example"]
    values += ["http://page.example/a?", "http://page.example/a?id=1", "http://page.example/a?id=2"]
    index = index_of(node, {"value": KEYWORD}, [{"value": value} for value in values])

    def of(**options):
        return found(node, index, query("value", blacklist=name, **options))

    assert of() == {0, 1, 2, 3, 5}
    assert of(min_confidence=50) == {0, 2, 3, 5}
    assert of(max_tlp="AMBER") == {0, 1, 2, 5}
    assert of(max_tlp=None) == of()
    assert of(partial=True) == {0, 1, 2, 3, 4, 5}


def test_parts_of_conjunctions_count_on_request(node, tmp_path):
    name = served(
        node, tmp_path,
        stix.indicator(
            1, "[domain-name:value = 'part.example' AND ipv4-addr:value = '203.0.112.1']"
        ),
        stix.indicator(2, "[domain-name:value = 'alone.example']"),
    )  # fmt: skip
    events = [
        {"host": "part.example", "ip": "203.0.112.1"}, {"host": "part.example"},
        {"ip": "203.0.112.1"}, {"host": "www.alone.example"}, {"host": "other.example"},
    ]  # fmt: skip
    index = index_of(node, {"host": KEYWORD, "ip": {"type": "ip"}}, events)
    assert found(node, index, query("host", "ip", blacklist=name)) == {3}
    candidates = found(node, index, query("host", "ip", blacklist=name, parts=True))
    assert {0, 3} <= candidates <= {0, 1, 2, 3}


# Where it works.


def test_filters_aliases_and_other_searches(node):
    hosts = ["evil.example", "a.evil.example", "good.example", "evil.example"]
    events = [{"host": host, "kind": number % 2} for number, host in enumerate(hosts)]
    index = index_of(node, {"host": KEYWORD}, events[:2], events[2:], shards=2)
    wanted = query("host")
    assert node.count(index, wanted) == 3
    assert found(node, index, {"bool": {"filter": [wanted, {"term": {"kind": 1}}]}}) == {1, 3}
    assert found(node, index, {"bool": {"must_not": [wanted]}}) == {2}
    named = node.post(
        f"/{index}/_search",
        {"query": {"threat_match": {**wanted["threat_match"], "_name": "bad", "boost": 3}}},
    )
    assert {(hit["_score"], *hit["matched_queries"]) for hit in named["hits"]["hits"]} == {
        (3.0, "bad")
    }
    alias = f"{index}-bad"
    node.post(
        "/_aliases", {"actions": [{"add": {"index": index, "alias": alias, "filter": wanted}}]}
    )
    assert found(node, alias, {"term": {"kind": 0}}) == {0}
    assert node.count(alias) == 3
    lines = [{"index": index}, {"query": wanted, "size": 0}, {"index": alias}, {"size": 0}]
    several = node.send(
        "POST", "/_msearch", "".join(f"{json.dumps(line)}\n" for line in lines).encode(),
        content_type="application/x-ndjson",
    )  # fmt: skip
    assert [each["hits"]["total"]["value"] for each in several["responses"]] == [3, 3]
    counted = node.post(
        f"/{index}/_search",
        {"size": 0, "aggs": {"bad": {"filter": wanted}}},
    )["aggregations"]["bad"]  # fmt: skip
    assert counted["doc_count"] == 3
    assert node.post(f"/{index}/_explain/1", {"query": wanted})["matched"]
    assert node.post(f"/{index}/_validate/query", {"query": wanted})["valid"]
    assert node.post(f"/{index}/_delete_by_query?refresh=true", {"query": wanted})["deleted"] == 3
    assert found(node, index, {"match_all": {}}) == {2}


def test_nested_objects_and_arrays(node):
    mapping = {
        "hosts": KEYWORD,
        "answers": {"type": "nested", "properties": {"name": KEYWORD}},
        "copy": {"type": "alias", "path": "hosts"},
    }
    events = [
        {"hosts": ["good.example", "evil.example"]}, {"answers": [{"name": "x.evil.example"}]},
        {"answers": [{"name": "good.example"}]},
    ]  # fmt: skip
    index = index_of(node, mapping, events)
    assert found(node, index, query("hosts", "answers.name")) == {0}
    assert found(node, index, query("copy")) == {0}
    inner = {"nested": {"path": "answers", "query": query("answers.name")}}
    assert found(node, index, inner) == {1}


def observables(node) -> int:
    """Returns how many values the blacklist was asked for."""
    (status,) = pushing.states(node, NAME).values()
    return status["observables"]


def test_pages_are_one_search_and_walk_once(node):
    hosts = [f"h{number}.{'evil' if number % 3 else 'good'}.example" for number in range(900)]
    events = [{"host": host} for host in hosts]
    index = index_of(node, {"host": KEYWORD}, events[:500], events[500:], shards=2)
    before = observables(node)
    whole = found(node, index, query("host"))
    assert whole == {number for number in range(900) if number % 3}
    assert observables(node) - before == 900
    pit = node.post(f"/{index}/_search/point_in_time?keep_alive=1m")["pit_id"]
    paged, last = [], None
    while True:
        page = node.post(
            "/_search",
            {
                "size": 70, "query": query("host"), "pit": {"id": pit, "keep_alive": "1m"},
                "sort": [{"host": "asc"}], **({"search_after": last} if last else {}),
            },
        )["hits"]["hits"]  # fmt: skip
        if not page:
            break
        paged += [int(hit["_id"]) for hit in page]
        last = page[-1]["sort"]
    node.delete("/_search/point_in_time", {"pit_id": [pit]})
    assert len(paged) == len(whole) and set(paged) == whole
    scroll = node.post(f"/{index}/_search?scroll=1m", {"size": 100, "query": query("host")})
    scrolled: set[int] = set()
    while scroll["hits"]["hits"]:
        scrolled |= {int(hit["_id"]) for hit in scroll["hits"]["hits"]}
        scroll = node.post(
            "/_search/scroll", {"scroll": "1m", "scroll_id": scroll["_scroll_id"]}
        )  # fmt: skip
    assert scrolled == whole
    assert observables(node) - before == 900, "the dictionaries were walked once more"


def test_a_push_is_seen_by_the_next_search(node, tmp_path):
    """No cache keeps what an older generation found."""
    name = f"query-{next(NUMBERS)}"
    hosts = ["one.example", "two.example", "two.example"]
    index = index_of(node, {"host": KEYWORD}, [{"host": host} for host in hosts])
    search = {"size": 0, "query": {"bool": {"filter": [query("host", blacklist=name)]}}}
    for generation, listed, total in ((1, "one", 1), (2, "two", 2), (3, "one", 1), (4, "two", 2)):
        built = pushing.built(tmp_path, [f"{listed}.example"], name, generation)
        assert pushing.push(node, built, name)["acknowledged"]
        for _ in range(3):
            answer = node.post(f"/{index}/_search?request_cache=true", search)
            assert answer["hits"]["total"]["value"] == total
    node.post(f"{pushing.ENDPOINT}/{name}/_rollback")
    answer = node.post(f"/{index}/_search?request_cache=true", search)
    assert answer["hits"]["total"]["value"] == 1
    cache = node.get(f"/{index}/_stats/request_cache")["_all"]["total"]["request_cache"]
    assert (cache["hit_count"], cache["miss_count"]) == (0, 0)
    # What is indexed later is found too.
    node.bulk(index, [{"host": "a.one.example"}], ids=["9"])
    assert found(node, index, query("host", blacklist=name)) == {0, 9}


# What it refuses.

DOCUMENT = (program.ROOT / "docs/plugin.md").read_text()


def test_options_and_their_defaults_are_documented(node):
    table = re.search(
        r"^\| option of the query \|.*?(?=\n\n)", DOCUMENT, re.MULTILINE | re.DOTALL
    )[0]  # fmt: skip
    documented = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", table, re.MULTILINE))
    written = re.search(r"QUERY =.*?EnumSet.of\((.*?)\)", OPTIONS.read_text(), re.DOTALL)[1]
    assert list(documented) == written.lower().split(", ")
    given = {
        name: json.loads(default.strip("`"))
        for name, default in documented.items() if name not in ("fields", "blacklist")
    }  # fmt: skip
    index = index_of(node, {"host": KEYWORD}, [{"host": "evil.example"}])
    assert found(node, index, query("host", **given)) == {0}


def test_wrong_options(node):
    index = index_of(node, {"host": KEYWORD}, [])
    for options, part in [
        ({"fields": []}, "[threat_match] [fields] is missing, expected the fields"),
        ({"fields": "host"}, "[fields] isn't a list, but of type [String]"),
        ({"fields": ["host", 7]}, "[fields] holds [7], expected names of fields, or objects"),
        ({"fields": ["host", "host"]}, "[fields] names [host] twice"),
        ({"fields": ["ho*"]}, "[fields] holds the pattern [ho*], expected names of fields"),
        ({"fields": ["_id"]}, "[_id] is one of the engine's own"),
        ({"fields": [{"field": "host", "kind": "word"}]}, "the kind [word], expected one of any"),
        ({"fields": [{"field": "host", "kinds": "url"}]}, "expected names of fields, or objects"),
        ({"fields": [f"f{n}" for n in range(257)]}, "has 257 fields, expected at most 256"),
        ({"blacklist": "No"}, "[blacklist] is [No], expected 1 to 64 of a-z"),
        ({"min_confidence": 101}, "[min_confidence] is 101, expected 0 to 100"),
        ({"max_tlp": "pink"}, "[max_tlp] is [PINK], expected one of CLEAR"),
        ({"partial": "yes"}, "[partial] isn't a boolean"),
        ({"stamp": "all"}, "[stamp] is not an option of threat_match; the nearest is"),
        ({"blacklists": "x"}, "the nearest is [blacklist]"),
        ({"boost": "x"}, "[boost] is [x], expected a number"),
    ]:  # fmt: skip
        wrong = {"threat_match": {**query("host")["threat_match"], **options}}
        status, reason = refusal(node, index, wrong)
        assert status == 400 and part in reason, (options, reason)


def test_fields_without_a_dictionary(node):
    mapping = {
        "text": {"type": "text", "fields": {"raw": KEYWORD}}, "flat": {"type": "flat_object"},
        "number": {"type": "long"}, "object": {"properties": {"a": KEYWORD}},
        "bare": {**KEYWORD, "index": False, "doc_values": False},
        "ip": {"type": "ip", "doc_values": False}, "host": KEYWORD, "wild": {"type": "wildcard"},
        "time": {**DATE, "doc_values": False},
    }  # fmt: skip
    index = index_of(node, mapping, [{"text": "evil.example", "host": "evil.example"}])
    for field, part in {
        "text": "field [text] of type [text], which has no dictionary of values: "
        "expected a field of type [keyword] or [ip]; [text.raw] is one",
        "flat": "field [flat] of type [flat_object]",
        "flat.x": "of type [flat_object]",
        "number": "field [number] of type [long]",
        "wild": "field [wild] of type [wildcard]",
        "bare": "field [bare] of type [keyword], which is mapped without [doc_values]",
        "ip": "field [ip] of type [ip], which is mapped without [doc_values]",
    }.items():
        status, reason = refusal(node, index, query("host", field))
        assert status == 400 and part in reason, reason
    # For candidates, any time will do.
    assert found(node, index, query("host", time_field="time", parts=True)) == {0}
    status, reason = refusal(node, index, query("host", time_field="time"))
    assert status == 400 and "cannot read events' times from [time] of type [date]" in reason
    # A field that the index does not have matches nothing.
    assert found(node, index, query("host", "nothing")) == {0}
    assert found(node, index, query("nothing", "object")) == set()
    # The other indices still answer.
    other = index_of(node, {"text": KEYWORD}, [{"text": "evil.example"}])
    answer = node.post(f"/{index},{other}/_search", {"query": query("text")})
    assert [hit["_index"] for hit in answer["hits"]["hits"]] == [other]
    (failure,) = answer["_shards"]["failures"]
    assert failure["index"] == index and "[text.raw] is one" in failure["reason"]["reason"]


def test_a_blacklist_that_does_not_exist(node):
    index = index_of(node, {"host": KEYWORD}, [{"host": "evil.example"}])
    status, reason = refusal(node, index, query("host", blacklist="missing"))
    assert (status, reason) == (
        400, "[threat_match] there is no blacklist [missing]: push it first"
    )  # fmt: skip
    # An alias can be made beforehand, on any node.
    alias = f"{index}-missing"
    wanted = query("host", blacklist="missing")
    node.post(
        "/_aliases", {"actions": [{"add": {"index": index, "alias": alias, "filter": wanted}}]}
    )
    assert refusal(node, alias, {"match_all": {}})[0] == 400


# Temporary blacklists.


def test_temporary_blacklists(node, tmp_path):
    name = f"_new-{next(NUMBERS)}"
    index = index_of(node, {"host": KEYWORD}, [{"host": "one.example"}, {"host": "two.example"}])

    def push(generation, *values, **options):
        folder = tmp_path / str(next(NUMBERS))
        folder.mkdir()
        arguments = [] if values else ["--may-be-empty"]
        built = pushing.built(folder, values, name, generation, *arguments)
        assert pushing.push(node, built, name, **options)["acknowledged"]

    def matching():
        return found(node, index, query("host", blacklist=name))

    push(5, "one.example", *(f"h{number}.example" for number in range(50)))
    assert matching() == {0}
    # The same generation with other and fewer entries, none, and the same file twice.
    push(5, "two.example")
    assert matching() == {1}
    push(5)
    assert matching() == set()
    push(6, "one.example")
    push(6, "one.example")
    assert matching() == {0}
    history = node.get(f"{pushing.ENDPOINT}/{name}/_history")["history"]
    assert [(each["generation"], each["kept"]) for each in history] == [(6, True)]
    with pytest.raises(Refused, match="expected generation 6 or a higher one"):
        push(5, "two.example")
    with pytest.raises(Refused, match="a temporary blacklist, of which no history is kept"):
        node.post(f"{pushing.ENDPOINT}/{name}/_rollback")
    with pytest.raises(Refused, match="are the controller's temporary blacklists"):
        pushing.set_pipeline(node, "temporary", blacklist=name)
    assert node.delete(f"{pushing.ENDPOINT}/{name}")["acknowledged"]
    with pytest.raises(Refused, match="nothing was ever pushed"):
        node.get(f"{pushing.ENDPOINT}/{name}/_history")
    assert refusal(node, index, query("host", blacklist=name))[0] == 400
    # After the deletion, any generation may come.
    push(1, "two.example")
    assert matching() == {1}
    node.delete(f"{pushing.ENDPOINT}/{name}")


# Limits and settings, on a node of its own.


def test_limits_and_the_switch(tmp_path):
    settings = {"threatsieve.query.max_time": "1nanos", "threatsieve.query.cache_size": "0b"}
    with engines.node("3.8.0", plugins=[engines.plugin("3.8.0")], settings=settings) as node:
        pushing.push(node, pushing.built(tmp_path, VALUES, NAME), NAME)
        index = index_of(node, {"host": KEYWORD, "ip": {"type": "ip"}}, [{"host": "evil.example"}])
        status, reason = refusal(node, index, query("host"))
        assert status == 503 and "took longer than [threatsieve.query.max_time], 1nanos" in reason
        node.put("/_cluster/settings", {"persistent": {"threatsieve.query.enabled": False}})
        assert refusal(node, index, query("host")) == (
            403,
            "[threat_match] queries are switched off: "
            + "the cluster setting [threatsieve.query.enabled] is false",
        )
        node.put("/_cluster/settings", {"persistent": {"threatsieve.query.enabled": None}})
        node.put("/_cluster/settings", {"persistent": {"search.allow_expensive_queries": False}})
        assert "search.allow_expensive_queries" in refusal(node, index, query("host"))[1]
        node.put("/_cluster/settings", {"persistent": {"search.allow_expensive_queries": None}})
        # Without a cache, every search walks.
        node.configure({"threatsieve.query.max_time": None})
        node.restart()
        for _ in range(2):
            assert found(node, index, query("host")) == {0}
        assert observables(node) == 2
