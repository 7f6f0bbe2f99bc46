"""The ingest processor `threat_match` on real nodes: fields that it reads and writes, options that
it refuses, and events that it cannot check.

Most cases run twice, one event at a time (`_simulate`) and as one bulk request. Both must have the
same result.
"""

import json
import re
import zipfile

import pytest

from tests import engines, lines, program, pushing, stix
from tests.engines import Refused
from tests.processing import (
    BAD, INDICATORS, NAME, NUMBERS, SHA256, TIME, both_ways, event, fields_in,
    flags, indexed, matched, matched_or_others, one, pipeline, processed, serve,
    simulated,
)  # fmt: skip

PLUGINS = program.ROOT / "plugin-descriptors"
OPTIONS = PLUGINS / "core/src/main/java/org/threatsieve/core/processor/options/Option.java"
SETTINGS = PLUGINS / "opensearch/src/main/java/org/threatsieve/opensearch/NodeSettings.java"
DOCUMENT = (program.ROOT / "docs/plugin.md").read_text()


@pytest.fixture
def node(opensearch, tmp_path):
    """A node of each release line that serves the blacklist."""
    return serve(opensearch, tmp_path)


# Fields that are read.


def documented_fields() -> dict[str, str]:
    """Returns the default fields in docs/plugin.md, with their kinds."""
    rows = re.findall(r"^\| (host|address|URL|hash|email|any) \| (.+) \|$", DOCUMENT, re.MULTILINE)
    assert len(rows) == 6
    return {
        field: kind.lower() for kind, names in rows for field in re.findall(r"`([\w.]+)`", names)
    }


def nested(field: str, value) -> dict:
    made = event()
    *path, last = field.split(".")
    inner = made
    for part in path:
        inner = inner.setdefault(part, {})
    inner[last] = value
    return made


def test_the_fields_of_ecs(node):
    documented = documented_fields()
    found = processed(node, *(nested(field, BAD[kind]) for field, kind in documented.items()))
    for (field, kind), document in zip(documented.items(), found, strict=True):
        assert matched(document) == [(field, BAD[kind])], field
        assert document["indicator"] == "matched"


def test_fields_and_kinds_are_those_of_the_log_crate(node):
    """Checks that a scan and the processor assign the same kind to each ECS field."""
    source = (program.ROOT / "host/log/src/fields/known.rs").read_text()
    documented = documented_fields()
    for kind, constant in {
        "address": "ADDRESSES",
        "host": "HOSTS",
        "hash": "HASHES",
        "email": "EMAILS",
        "any": "ANY",
        "url": "URLS",
    }.items():
        ours = {
            field for field, of in documented.items() if of == kind and not field.startswith("url.")
        }
        there = set(
            re.findall(r'"([\w.]+)"', re.search(rf"const {constant}: .*?\];", source, re.DOTALL)[0])
        )
        assert ours <= there, f"{kind}: {ours - there}"
    for others in ("host.ip", "host.name", "threat.indicator.ip", "message", "user.email"):
        assert "indicator" not in one(node, nested(others, BAD["any"])), others


def test_nested_dotted_and_arrays(node):
    chosen = ["url.domain", "destination.nat.ip", "dns.answers.data", "plain", "number"]
    hit = "evil.example"
    cases = [
        ({"url": {"domain": hit}}, ["url.domain"]),
        ({"url.domain": hit}, ["url.domain"]),
        ({"url": {"domain": "good.example"}, "url.domain": hit}, ["url.domain"]),
        ({"destination": {"nat": {"ip": "203.0.112.1"}}}, ["destination.nat.ip"]),
        ({"destination": {"nat.ip": "203.0.112.1"}}, ["destination.nat.ip"]),
        ({"destination.nat": {"ip": "203.0.112.1"}}, ["destination.nat.ip"]),
        ({"destination.nat.ip": "203.0.112.1"}, ["destination.nat.ip"]),
        (
            {"dns": {"answers": [{"data": "good.example"}, {"data": hit}, {"ttl": 5}]}},
            ["dns.answers.data"],
        ),
        (
            {"dns": {"answers": [{"data": [hit, "203.0.112.1"]}, {"data": "www.evil.example"}]}},
            ["dns.answers.data"] * 2,
        ),
        ({"dns": [{"answers": {"data": hit}}]}, ["dns.answers.data"]),
        ({"dns.answers": [{"data": hit}]}, ["dns.answers.data"]),
        ({"plain": [["good.example", [hit]], None]}, ["plain"]),
        ({"plain": {"evil.example": 1}, "number": True}, []),
        ({"plain": None, "url": "evil.example", "dns": 7, "destination": [1, "x"]}, []),
        ({"plain": "", "number": 3.5}, []),
    ]
    for (fields, expected), document in zip(
        cases,
        processed(node, *({"@timestamp": TIME, **fields} for fields, _ in cases), fields=chosen),
        strict=True,
    ):
        assert fields_in(document) == expected, fields


def test_numbers_are_text(node, tmp_path):
    # 3405803521 is 203.0.112.1 as one number. Address fields are strict, so only a URL may contain
    # that form.
    assert matched(
        one(node, event(url__original="http://3405803521/x"), fields=["url.original"])
    ) == [("url.original", "http://3405803521/x")]
    digits = "12345678" * 4
    pushing.push(node, pushing.built(tmp_path, [digits], name="digits"), "digits")
    # The number is too large for a simulation to copy.
    (document,) = indexed(
        node, [{"hash": int(digits)}], pipeline(fields=["hash"], blacklist="digits")
    )
    assert matched(document) == [("hash", digits)]


def test_conjunctions_need_all_parts(node, tmp_path):
    pair = "[domain-name:value = 'evil.example' AND ipv4-addr:value = '203.0.112.1']"
    download = "[url:value = 'http://get.example/x' AND file:name = 'a b.exe']"
    malware = {"type": "malware", "id": stix.identifier(3, "malware"), "name": "Poison Ivy"}
    relation = {
        "type": "relationship", "id": stix.identifier(4, "relationship"),
        "relationship_type": "indicates", "source_ref": stix.identifier(1),
        "target_ref": malware["id"],
    }  # fmt: skip
    feed = stix.write(
        tmp_path / "feed.json", stix.indicator(1, pair), stix.indicator(2, download), malware,
        relation,
    )  # fmt: skip
    built = tmp_path / "conjunctions.blacklist"
    program.run("build", "--feed", feed, "--name", "conjunctions", "--generation", 1, "-o", built)
    pushing.push(node, built, "conjunctions")
    host, address = event(url__domain="www.evil.example"), event(destination__ip="203.0.112.1")
    both = event(url__domain="www.evil.example", destination__ip="203.0.112.1")
    named = event(url__full="http://get.example/x", file__path="C:\\Temp\\a b.exe")
    other = event(url__full="http://get.example/x", file__path="C:\\Temp\\A b.exe")
    found = processed(node, host, address, both, named, other, blacklist="conjunctions")
    assert found[0] == host and found[1] == address and found[4] == other
    assert matched(found[2]) == [
        ("url.domain", "www.evil.example"),
        ("destination.ip", "203.0.112.1"),
    ]
    assert matched(found[3]) == [
        ("url.full", "http://get.example/x"),
        ("file.path", "a b.exe"),
    ]
    for document, number in ((found[2], 1), (found[3], 2)):
        for each in document["threat"]["enrichments"]:
            assert each["indicator"]["id"] == stix.identifier(number)
        assert document["indicator"] == "matched"
    mark = {"blacklist": "conjunctions", "conjunction": "evil.example AND 203.0.112.1"}
    first = found[2]["threat"]["enrichments"][0]
    assert first["threatsieve"] == mark and first["software"] == {"name": ["Poison Ivy"]}
    line = "1795313625.005 5 10.1.2.3 TCP_MISS/200 603 GET http://{}/ - HIER_DIRECT/{} -"
    lines = [line.format("www.evil.example", end) for end in ("203.0.112.1", "203.0.112.2")]
    raw = processed(
        node, *({"message": each} for each in lines), message_field="message",
        blacklist="conjunctions",
    )  # fmt: skip
    assert len(matched(raw[0])) == 2 and "indicator" not in raw[1]


def test_matches_come_in_the_order_of_the_fields(node):
    bad = event(
        url__domain="evil.example", destination__ip="203.0.112.1", url__full="http://amber.example/"
    )
    names = ["destination.ip", "url.full", "url.domain"]
    assert fields_in(one(node, bad, fields=names)) == names
    assert fields_in(one(node, bad, fields=names[::-1])) == names[::-1]


def test_values_beyond_ascii(node, tmp_path):
    pushing.push(node, pushing.built(tmp_path, ["bücher.example"], name="beyond"), "beyond")
    hosts = [
        "bücher.example",
        "www.BÜCHER.example",
        "xn--bcher-kva.example",
        "bucher.example",
        "ü" * 300,
        "\U0001f600.example",
        "\ud800.example",
    ]
    found = processed(
        node,
        *({"@timestamp": TIME, "plain": host} for host in hosts[:-1]),
        fields=["plain"],
        blacklist="beyond",
    )
    assert [bool(matched(document)) for document in found] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    # Half a surrogate pair is possible in JSON.
    assert (
        "threatsieve"
        not in simulated(
            node, [{"plain": hosts[-1]}], pipeline(fields=["plain"], blacklist="beyond")
        )[0]
    )


# Fields that are written.


def test_a_matched_document(node):
    document = one(
        node,
        {
            **event(url__original="http://www.evil.example/5"),
            "threat": {"framework": "MITRE", "enrichments": [{"feed": {"name": "other"}}]},
        },
    )
    enrichments = document["threat"].pop("enrichments")
    feed = enrichments[1]["feed"]["name"]
    assert document == {
        "@timestamp": TIME, "url": {"original": "http://www.evil.example/5"},
        "indicator": "matched", "threat": {"framework": "MITRE"},
        "threatsieve": {"generation": {NAME: 5}, "confidence": [85], "flags": flags(NAME)},
    }  # fmt: skip
    assert enrichments == [
        {"feed": {"name": "other"}},
        {
            "feed": {"name": feed},
            "indicator": {
                "id": stix.identifier(1),
                "type": "domain-name",
                "provider": feed,
                "name": "Phishing kit",
                "confidence": "High",
                "marking": {"tlp": "GREEN"},
                "first_seen": "2020-01-01T00:00:00Z",
                "modified_at": "2026-01-01T00:00:00Z",
                "url": {"domain": "evil.example"},
            },
            "matched": {
                "atomic": "http://www.evil.example/5",
                "field": "url.original",
                "type": "subdomain",
                "occurred": TIME,
            },
            "threatsieve": {"blacklist": NAME},
        },
    ]


def test_the_example_of_the_documentation(node):
    """Runs the pipeline and event of docs/plugin.md, and compares the document."""
    made, given, written = (
        json.loads(block)
        for block in re.findall(r"^```json\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)[:3]
    )
    made["processors"][0]["threat_match"]["blacklist"] = NAME
    written["threatsieve"] |= {"generation": {NAME: 5}, "flags": flags(NAME)}
    for enrichment in written["threat"]["enrichments"]:
        assert enrichment["threatsieve"]["blacklist"] == "default"
        enrichment["threatsieve"] = {"blacklist": NAME}
    assert simulated(node, [given], made) == [written]


def test_it_is_what_a_record_of_the_controller_says(node, tmp_path):
    """Checks that the processor agrees with the controller's records (docs/records.md)."""
    log = program.write(tmp_path / "events.ndjson", json.dumps(event(url__domain="evil.example")))
    feed = stix.write(tmp_path / "feed.json", *INDICATORS)
    (scanned,) = program.scan("--feed", feed, "--log-format", "ndjson", log)
    (match,) = scanned["matches"]
    (enrichment,) = one(node, event(url__domain="evil.example"))["threat"]["enrichments"]
    assert enrichment["matched"]["field"] == match["field"]
    assert enrichment["matched"]["atomic"] == match["observable"]
    assert enrichment["matched"]["type"] == match["match"]
    assert enrichment["indicator"]["id"] == match["indicators"][0]["id"]


def test_nothing_is_written_when_nothing_matches(node):
    odd = [
        event(
            url__original="http://good.example/",
            tags=["a", "b"],
            numbers=[1, 2.5, -3],
            nothing=None,
            empty={},
            deep={"a": [{"b": []}]},
        ),
        {"no": "time"},
        {},
        {"threat": {"enrichments": [{"matched": {"type": "exact"}}]}, "indicator": "matched"},
        {"threatsieves": 1},
    ]
    assert processed(node, *odd) == odd


def test_the_events_own_time_decides(node):
    when = [
        ("2020-06-01T00:00:00Z", True),
        (1590969600000, True),
        ("2022-06-01T00:00:00Z", False),
        ("no time", False),
        (None, False),
    ]
    events = [{"@timestamp": time, "plain": "old.example"} for time, _ in when]
    assert [bool(matched(document)) for document in processed(node, *events, fields=["plain"])] == [
        holds for _, holds in when
    ]


def test_flag_and_target(node):
    bad = event(url__domain="evil.example")
    document = one(node, bad, flag_field="event.flag", flag_value="bad", target_field="ioc.found")
    assert document["event"] == {"flag": "bad"} and "indicator" not in document
    assert "threat" not in document and document["ioc"]["found"][0]["indicator"][
        "id"
    ] == stix.identifier(1)
    document = one(node, bad, flag_field=None)
    assert "indicator" not in document and document["threat"]["enrichments"]
    # An existing flag is overwritten. A dotted flag field is written as nested ECS fields.
    assert one(node, {**bad, "event.flag": "x"}, flag_field="event.flag")["event"] == {
        "flag": "matched"
    }


def test_stamp(node):
    events = [event(url__domain="evil.example"), event(url__domain="good.example"), event()]
    stamp, ours = {"generation": {NAME: 5}}, {"confidence": [85], "flags": flags(NAME)}
    assert [each.get("threatsieve") for each in processed(node, *events)] == [
        {**stamp, **ours},
        None,
        None,
    ]
    assert [each.get("threatsieve") for each in processed(node, *events, stamp="all")] == [
        {**stamp, **ours},
        stamp,
        stamp,
    ]
    assert [each.get("threatsieve") for each in processed(node, *events, stamp="none")] == [
        ours,
        None,
        None,
    ]


def test_marking_and_confidence(node):
    events = [event(url__domain=f"{name}.example") for name in ("evil", "amber", "red")]

    def outcome(**options):
        return [
            (len(matched(each)), each.get("threatsieve", {}).get("withheld"), "indicator" in each)
            for each in processed(node, *events, **options)
        ]

    shown, withheld, nothing = (1, None, True), (0, 1, True), (0, None, False)
    assert outcome() == [shown, shown, withheld]
    assert outcome(max_tlp="GREEN") == [shown, withheld, withheld]
    assert outcome(max_tlp=None) == outcome(max_tlp="RED") == [shown, shown, shown]
    assert outcome(max_tlp=None, min_confidence=50) == [shown, nothing, shown]
    # An indicator without a confidence counts.
    assert matched(one(node, event(destination__ip="203.0.112.1"), min_confidence=100))
    assert "red.example" not in json.dumps(
        one(node, {**event(), "plain": ["x.red.example"]}, fields=["plain"])["threatsieve"]
    )


def test_partial_matches_are_asked_for(node):
    bare = event(url__original="http://page.example/a?")
    assert "indicator" not in one(node, bare)
    assert (
        one(node, bare, partial=True)["threat"]["enrichments"][0]["matched"]["type"]
        == "url_query_unlogged"
    )


def test_many_matches(node):
    """Writes one enrichment for each indicator, however often it matches, and counts those above
    the limit.
    """
    bad = {
        "@timestamp": TIME,
        "plain": [f"{host}.n{number}.example" for number in range(100, 130) for host in ("a", "b")],
    }
    assert len(matched(one(node, bad, fields=["plain"]))) == 30
    document = one(node, bad, fields=["plain"], max_matches=10)
    assert len(matched(document)) == 10 and document["threatsieve"]["omitted"] == 20
    assert len(document["threatsieve"]["confidence"]) == 10


def test_two_blacklists_in_one_pipeline(node, tmp_path):
    pushing.push(
        node, pushing.built(tmp_path, ["evil.example"], name="second", generation=9), "second"
    )
    made = {
        "processors": [
            {"threat_match": {"blacklist": NAME}},
            {"threat_match": {"blacklist": "second"}},
        ]
    }
    events = [
        event(url__domain="evil.example"),
        event(url__domain="amber.example"),
        event(url__domain="good.example"),
    ]
    both, first, neither = simulated(node, events, made)
    assert indexed(node, events, made) == [both, first, neither]
    assert both["threatsieve"] == {
        "generation": {NAME: 5, "second": 9},
        "confidence": [85, None],
        "flags": flags(NAME, "second"),
    }
    assert len(matched(both)) == 2
    assert first["threatsieve"] == {
        "generation": {NAME: 5},
        "confidence": [20],
        "flags": flags(NAME),
    }
    assert neither == events[2]
    # Processed again, each blacklist finds its own match again, and nothing is doubled.
    assert simulated(node, [both, first], made) == [both, first]


def test_the_component_template_maps_it(node):
    """Checks that a strict index with the component template accepts our fields."""
    template = json.loads((program.ROOT / "plugin-descriptors/component-template.json").read_text())
    name = f"processor-{next(NUMBERS)}"
    node.put(f"/_component_template/{name}", template)
    own = {
        "dynamic": "strict",
        "properties": {"@timestamp": {"type": "date"}, "plain": {"type": "keyword"}},
    }
    node.put(
        f"/_index_template/{name}",
        {"index_patterns": [f"{name}*"], "composed_of": [name], "template": {"mappings": own}},
    )
    node.put(f"/_ingest/pipeline/{name}", pipeline(fields=["plain"], stamp="all", max_matches=1))
    values = [
        *BAD.values(),
        "good.example",
        ["red.example", "a.evil.example", "b.evil.example"],
        "page.example/a?id=1",
    ]
    node.bulk(name, [{"@timestamp": TIME, "plain": value} for value in values], name)
    inside = {
        "nested": {
            "path": "threat.enrichments",
            "query": {"term": {"threat.enrichments.indicator.id": stix.identifier(1)}},
        }
    }
    assert node.count(name, inside) == 4
    assert node.count(name, {"term": {f"threatsieve.generation.{NAME}": 5}}) == len(values)
    assert node.count(name, {"range": {"threatsieve.withheld": {"gte": 1}}}) == 1
    node.put(f"/_ingest/pipeline/{name}", pipeline(fields=["plain"], blacklist="missing"))
    node.bulk(name, [{"@timestamp": TIME, "plain": "x"}], name)
    assert node.count(name, {"exists": {"field": "threatsieve.unchecked"}}) == 1


# Raw lines.


def test_raw_lines(node):
    bad = [
        lines.squid("http://www.evil.example/a"), lines.squid("evil.example:443", method="CONNECT"),
        lines.squid("http://good.example/", peer="HIER_DIRECT/203.0.112.9"),
    ]  # fmt: skip
    good = lines.squid("http://good.example/")
    found = processed(
        node, *({"message": line} for line in [*bad, good]), {"other": 1}, message_field="message"
    )
    assert [matched(each) for each in found[:3]] == [
        [("message", "http://www.evil.example/a")],
        [("message", "evil.example:443")], [("message", "203.0.112.9")],
    ]  # fmt: skip
    assert found[0]["threat"]["enrichments"][0]["matched"]["occurred"] == "2026-08-23T00:00:00Z"
    assert found[3] == {"message": good} and found[4] == {"other": 1}


@pytest.mark.parametrize(
    ("form", "line", "atomic"),
    [
        ("combined", lines.combined("http://evil.example/"), "http://evil.example/"),
        ("text", "resolved www.evil.example for 10.0.0.1", "www.evil.example"),
        ("auto", lines.combined("http://evil.example/"), "http://evil.example/"),
        ("auto", lines.squid("http://evil.example/"), "http://evil.example/"),
    ],
)
def test_formats_of_raw_lines(node, form, line, atomic):
    made = pipeline(message_field="event.original", message_format=form)
    # Text has no time, so the enrichment contains the clock's time, which differs between the two
    # ways.
    for (document,) in both_ways(node, [{"event": {"original": line}}], made):
        assert matched(document) == [("event.original", atomic)]


def test_lines_that_are_none(node):
    bad = {"message": lines.squid("http://evil.example/")}
    events = [
        {"message": "not a line"},
        bad,
        {"message": 7},
        {"message": [bad["message"]]},
        {"message": ""},
        {"message": None},
        bad,
    ]
    found = processed(node, *events, message_field="message")
    assert [pushing.unchecked(each) for each in found] == [
        "malformed",
        None,
        "malformed",
        "malformed",
        None,
        None,
        None,
    ]
    assert [bool(matched(each)) for each in found] == [
        False,
        True,
        False,
        False,
        False,
        False,
        True,
    ]
    assert found[4:6] == events[4:6]


# Options.


@pytest.mark.parametrize(
    ("options", "named", "says"),
    [
        ({"fields": "url.domain"}, "fields", "isn't a list"),
        ({"fields": []}, "fields", "at least one"),
        ({"fields": ["a", "b", "a"]}, "fields", "[a] twice"),
        ({"fields": ["a", 7]}, "fields", "expected strings"),
        ({"fields": ["a..b"]}, "fields", "between single dots"),
        ({"fields": [""]}, "fields", "between single dots"),
        ({"fields": ["_ingest._value"]}, "fields", "the engine's own"),
        ({"fields": ["a" * 256]}, "fields", "too long"),
        ({"fields": [".".join("a" * 17)]}, "fields", "16 parts"),
        ({"fields": [f"f{number}" for number in range(257)]}, "fields", "at most 256"),
        ({"fields": ["a"], "message_field": "message"}, "message_field", "together with [fields]"),
        ({"message_format": "squid"}, "message_format", "without [message_field]"),
        ({"message_field": None}, "message_field", "missing"),
        (
            {"message_field": "message", "message_format": "csv"},
            "message_format",
            "squid, combined, text, auto",
        ),
        ({"blacklist": "No Name"}, "blacklist", "a-z, 0-9"),
        ({"blacklist": "a" * 65}, "blacklist", "1 to 64"),
        ({"min_confidence": 101}, "min_confidence", "0 to 100"),
        ({"min_confidence": "high"}, "min_confidence", "int"),
        ({"max_tlp": "PURPLE"}, "max_tlp", "CLEAR, GREEN, AMBER, AMBER+STRICT, RED"),
        ({"max_matches": 0}, "max_matches", "1 to 1000"),
        ({"max_matches": 1001}, "max_matches", "1 to 1000"),
        ({"partial": "yes"}, "partial", "boolean"),
        ({"stamp": "some"}, "stamp", "matched, all, none"),
        ({"stamp": 1}, "stamp", "string"),
        ({"on_unavailable": "drop"}, "on_unavailable", "mark, fail, pass"),
        ({"flag_field": "threatsieve.flag"}, "flag_field", "written by the processor itself"),
        ({"flag_field": "_index"}, "flag_field", "the engine's own"),
        ({"flag_field": "threat"}, "flag_field", "together with [target_field]"),
        (
            {"flag_field": "x.y", "target_field": "x.y.z"},
            "flag_field",
            "together with [target_field]",
        ),
        ({"flag_field": "url.original"}, "flag_field", "overlaps [url.original]"),
        ({"flag_field": "url"}, "flag_field", "overlaps [url.original]"),
        ({"flag_field": "url.original.flag"}, "flag_field", "overlaps [url.original]"),
        ({"flag_field": "@timestamp"}, "flag_field", "a field of ECS"),
        ({"flag_field": "plain", "fields": ["plain"]}, "flag_field", "overlaps [plain]"),
        ({"flag_field": "message", "message_field": "message"}, "flag_field", "overlaps [message]"),
        ({"flag_field": "event.kind", "fields": ["plain"]}, "flag_field", "a field of ECS"),
        ({"flag_field": "host", "fields": ["plain"]}, "flag_field", "an object of ECS"),
        ({"flag_field": "labels"}, "flag_field", "an object of ECS"),
        ({"flag_field": "tags.flag"}, "flag_field", "inside the field [tags] of ECS"),
        ({"target_field": "url"}, "target_field", "overlaps [url.original]"),
        ({"target_field": "url", "fields": ["plain"]}, "target_field", "an object of ECS"),
        ({"target_field": "threat.indicator.ip"}, "target_field", "a field of ECS"),
        ({"target_field": "threat", "flag_field": None}, "target_field", "an object of ECS"),
        ({"target_field": "plain.found", "fields": ["plain"]}, "target_field", "overlaps [plain]"),
        (
            {"fields": ["threat.enrichments.indicator.ip"]},
            "target_field",
            "overlaps [threat.enrichments.indicator.ip]",
        ),
        ({"flag_field": None, "flag_value": "x"}, "flag_value", "[flag_field] is null"),
        ({"flag_value": 7}, "flag_value", "string"),
        ({"target_field": "threatsieve"}, "target_field", "written by the processor itself"),
        ({"target_field": ""}, "target_field", "between single dots"),
        (
            {"mesage_field": "message", "message_format": "squid"},
            "mesage_field",
            "the nearest is [message_field]",
        ),
        ({"max-tlp": "RED"}, "max-tlp", "the nearest is [max_tlp]"),
        ({"field": "x"}, "field", "the nearest is [fields]"),
        ({"Stamp": "all"}, "Stamp", "the nearest is [stamp]"),
    ],
)
def test_wrong_options_are_refused(node, options, named, says):
    name = f"processor-{next(NUMBERS)}"
    with pytest.raises(Refused) as refused:
        node.put(
            f"/_ingest/pipeline/{name}",
            {"processors": [{"threat_match": {"tag": "mine", **options}}]},
        )
    assert refused.value.status == 400
    cause = refused.value.body["error"]["root_cause"][0]
    assert (
        cause["property_name"] == named
        and cause["processor_type"] == "threat_match"
        and cause["processor_tag"] == "mine"
    )
    assert cause["reason"].startswith(f"[{named}] ") and says in cause["reason"], cause["reason"]
    with pytest.raises(Refused):
        node.get(f"/_ingest/pipeline/{name}")


def documented_options() -> dict[str, str]:
    """Returns the options in docs/plugin.md and their defaults."""
    table = re.search(r"^\| option \| default \|.*?(?=\n\n)", DOCUMENT, re.MULTILINE | re.DOTALL)[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", table, re.MULTILINE))


def test_options_and_their_defaults_are_documented(node):
    source = OPTIONS.read_text()
    written = re.search(r"enum Option \{(.*?);", source, re.DOTALL)[1]
    others = re.search(r"complementOf\(EnumSet.of\((.*?)\)", source)[1].lower().split(", ")
    documented = documented_options()
    assert [*documented, *others] == [each.strip().lower() for each in written.split(",")]
    # The documented defaults are accepted, and giving them explicitly changes nothing.
    given = {
        name: json.loads(default.strip("`"))
        for name, default in documented.items()
        if re.fullmatch(r"`[^`]+`", default)
    }
    assert len(given) >= 9
    node.put(
        f"/_ingest/pipeline/processor-{next(NUMBERS)}", {"processors": [{"threat_match": given}]}
    )
    bad = [
        event(url__domain="evil.example", url__original="http://page.example/a?"),
        event(url__domain="red.example"),
        event(),
    ]
    given.pop("blacklist")
    assert processed(node, *bad, **given) == processed(node, *bad)


def test_node_settings_are_documented():
    written = re.findall(r'"(threatsieve\.\w+)"', SETTINGS.read_text())
    table = re.search(r"^\| setting \| default \|.*?(?=\n\n)", DOCUMENT, re.MULTILINE | re.DOTALL)[
        0
    ]
    assert set(written) <= set(re.findall(r"`(threatsieve\.\w+)`", table))


# The server's own options.


def test_a_verbose_simulation(node):
    made = {
        "processors": [
            {"threat_match": {"blacklist": NAME, "tag": "flags", "description": "Flags"}},
            {"set": {"field": "after", "value": 1}},
        ]
    }
    docs = [{"_source": event(url__domain=host)} for host in ("evil.example", "good.example")]
    answer = node.post("/_ingest/pipeline/_simulate?verbose=true", {"pipeline": made, "docs": docs})
    bad, good = (each["processor_results"] for each in answer["docs"])
    assert [(step["processor_type"], step["status"]) for step in bad] == [
        ("threat_match", "success"),
        ("set", "success"),
    ]
    assert bad[0]["tag"] == "flags" and bad[0]["description"] == "Flags"
    assert bad[0]["doc"]["_source"]["indicator"] == "matched"
    assert good[0]["doc"]["_source"] == docs[1]["_source"]


def test_if(node):
    made = {"processors": [{"threat_match": {"blacklist": NAME, "if": "ctx.kind == 'web'"}}]}
    bad = event(url__domain="evil.example")
    events = [{**bad, "kind": "web"}, {**bad, "kind": "dns"}] * 3
    for found in (simulated(node, events, made), indexed(node, events, made)):
        assert [pushing.is_flagged(each) for each in found] == [True, False] * 3


def test_foreach(node):
    """Calls the processor once for each element, which is never necessary but harmless."""
    made = {
        "processors": [
            {"foreach": {"field": "list", "processor": {"threat_match": {"blacklist": NAME}}}}
        ]
    }
    bad = {**event(url__domain="evil.example"), "list": [1, 2]}
    (found,) = simulated(node, [bad], made)
    assert pushing.is_flagged(found)


def test_a_bulk_request_crosses_once(node):
    def batches(made: dict, count: int) -> int:
        before = counters(node)["batches"]
        indexed(
            node, [event(url__domain=f"{number}.good.example") for number in range(count)], made
        )
        return counters(node)["batches"] - before

    assert batches(pipeline(), 500) == 1
    conditional = {"processors": [{"threat_match": {"blacklist": NAME, "if": "true"}}]}
    assert batches(conditional, 50) == 50


def counters(node, name: str = NAME) -> dict:
    (state,) = node.get(f"{pushing.ENDPOINT}/{name}")["nodes"].values()
    return state["blacklists"][name]


# When it cannot check.


def test_without_the_blacklist_events_are_marked(node):
    name = f"missing-{next(NUMBERS)}"
    since = len(node.log())
    events = [event(url__domain="evil.example"), event()] * 20
    for found in processed(node, *events, blacklist=name):
        assert found["threatsieve"] == {"unchecked": "no-blacklist"} and "indicator" not in found
    # The log reports it once, not once for each document.
    told = [line for line in node.log()[since:].splitlines() if f"[{name}]" in line]
    assert len(told) == 1 and "no-blacklist" in told[0], told


def test_passing_unavailable_events(node):
    events = [event(url__domain="evil.example"), event()]
    assert processed(node, *events, blacklist="missing", on_unavailable="pass") == events


def test_failing_unavailable_events(node):
    name = f"processor-{next(NUMBERS)}"
    node.put(f"/_ingest/pipeline/{name}", pipeline(blacklist="missing", on_unavailable="fail"))
    answer = node.bulk(name, [event(), event()], name, check=False)
    assert answer["errors"]
    for item in answer["items"]:
        # Log shippers send items with this status again.
        assert item["index"]["status"] == 503, item
        assert "blacklist [missing]" in json.dumps(item) and "no-blacklist" in json.dumps(item)
    with pytest.raises(Refused) as refused:
        node.put(f"/{name}/_doc/1?pipeline={name}", event())
    assert refused.value.status == 503


def test_failures_go_the_servers_way(node):
    failing = {"blacklist": "missing", "on_unavailable": "fail"}
    after = {"set": {"field": "after", "value": 1}}
    handled = {"set": {"field": "failed", "value": "{{_ingest.on_failure_processor_type}}"}}
    events = [event(), event(url__domain="evil.example")]
    for found in both_ways(
        node, events, {"processors": [{"threat_match": {**failing, "ignore_failure": True}}, after]}
    ):
        assert found == [{**each, "after": 1} for each in events]
    for found in both_ways(
        node,
        events,
        {"processors": [{"threat_match": {**failing, "on_failure": [handled]}}, after]},
    ):
        assert [(each["after"], "failed" in each) for each in found] == [(1, True)] * 2
    for found in both_ways(
        node, events, {"processors": [{"threat_match": failing}, after], "on_failure": [handled]}
    ):
        assert [("after" in each, "failed" in each) for each in found] == [(False, True)] * 2


def test_values_that_are_too_long_or_too_many(node):
    long = "a." * 40_000 + "evil.example"
    found = indexed(
        node,
        [{"plain": long}, {"plain": [long, "evil.example"]}, {"plain": "evil.example"}],
        pipeline(fields=["plain"]),
    )
    assert [pushing.unchecked(each) for each in found] == ["too-long", None, None]
    assert [len(matched(each)) for each in found] == [0, 1, 1]
    many = ["good.example"] * 70_000
    found = indexed(
        node,
        [{"plain": "evil.example"}, {"plain": many}, {"plain": "evil.example"}],
        pipeline(fields=["plain"]),
    )
    assert [pushing.unchecked(each) for each in found] == [None, "too-many", None]
    assert [pushing.is_flagged(each) for each in found] == [True, False, True]


def test_a_request_of_more_than_one_batch(node):
    """Exceeds the limit of a batch, 65,536 observables. Nothing is lost or mixed up at its end."""
    made = pipeline(fields=["plain"])
    events = [
        {"plain": ["good.example"] * 99 + [f"{number}.evil.example"]} for number in range(1000)
    ]
    found = indexed(node, events, made)
    assert [matched(each) for each in found] == [
        [("plain", f"{number}.evil.example")] for number in range(1000)
    ]


# The zip.


@pytest.mark.parametrize("version", ["3.8.0", "2.19.4"])
def test_the_zip(version):
    with zipfile.ZipFile(engines.plugin(version)) as archive:
        assert sorted(archive.namelist()) == [
            "LICENSE.txt", "component-template.json", "libthreatsieve.so",
            "plugin-descriptor.properties", "plugin-security.policy",
            "threatsieve-core.jar", "threatsieve-opensearch.jar",
        ]  # fmt: skip
        descriptor = archive.read("plugin-descriptor.properties").decode()
        line = version.rpartition(".")[0]
        assert (
            f'dependencies={{ opensearch: "~{line}.0" }}' in descriptor and "${" not in descriptor
        )
        assert (
            archive.read("component-template.json")
            == (program.ROOT / "plugin-descriptors/component-template.json").read_bytes()
        )
        assert archive.read("libthreatsieve.so").startswith(b"\x7fELF")
        policy = archive.read("plugin-security.policy").decode()
        assert re.findall(r"^ *permission ([\w.]+)", policy, re.MULTILINE) == [
            "java.lang.RuntimePermission"
        ]


def test_a_library_for_another_machine():
    """Installs a library for another architecture. The node starts, reports the fault, and marks
    every event.
    """
    with engines.node("3.8.0", plugins=[engines.plugin("3.8.0")], start=False) as node:
        library = node.plugins / "threatsieve/libthreatsieve.so"
        content = bytearray(library.read_bytes())
        here, other, other_name = (
            ("amd64", 183, "aarch64") if content[18] == 62 else ("aarch64", 62, "amd64")
        )
        content[18] = other
        library.write_bytes(content)
        node.start()
        said = node.wait_log(r"the matcher cannot be used.*").group()
        assert f"is built for Linux {other_name}, this machine is Linux {here}" in said
        assert pushing.unchecked(one(node, event(url__domain="evil.example"))) == "unavailable"


def test_a_key_that_is_missing():
    """Names a key file that cannot be read.

    Without a key, unsigned blacklists would be accepted. So nothing is loaded, the node starts, and
    events are marked.
    """
    for name, says in (
        ("none.pub", "none.pub, which cannot be read"),
        ("../opensearch.yml", "expected a file below"),
    ):
        with engines.node(
            "2.19.4", plugins=[engines.plugin("2.19.4")], settings={"threatsieve.trusted_key": name}
        ) as node:
            assert says in node.wait_log(r"the matcher cannot be used.*").group()
            assert pushing.unchecked(one(node, event(url__domain="evil.example"))) == "unavailable"


def test_ports_of_a_strict_list(node, tmp_path):
    """With `match_port`, an indicator matches events with its port only.

    The port is that of the destination, or that of the value itself.
    """
    name = f"ports-{next(NUMBERS)}"
    built = pushing.built(
        tmp_path, ["evil.example:8443", "203.0.112.9:8443"], name, 1, "--match-port"
    )
    assert pushing.push(node, built, name)["acknowledged"]
    host, address = {"domain": "evil.example"}, {"ip": "203.0.112.9"}
    events = [
        (event(destination={**host, "port": 8443}), True),
        (event(destination={**address, "port": "8443"}), True),
        ({**event(destination=host), "destination.port": 8443}, True),
        (event(url__original="http://evil.example:8443/x"), True),
        (event(destination={**host, "port": 443}), False),
        (event(destination={**address, "port": 0}), False),
        (event(destination={**host, "port": "many"}), False),
        (event(destination=host), False),
        (event(url__original="http://evil.example/x"), False),
    ]
    for (given, is_hit), document in zip(
        events, processed(node, *(given for given, _ in events), blacklist=name), strict=True
    ):
        assert bool(matched(document)) == is_hit, given
