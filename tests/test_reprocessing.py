"""Tests of `threat_match` with events that other programs wrote to, and with events that are
processed again.

They check who wrote which field, and that nothing of others is lost. They run on real nodes, one
event at a time and in a bulk request.
"""

import json

import pytest

from tests import program, pushing, stix
from tests.processing import (
    NAME,
    NUMBERS,
    TIME,
    event,
    fields_in,
    flags,
    indexed,
    matched,
    matched_or_others,
    one,
    pipeline,
    processed,
    serve,
    simulated,
)


@pytest.fixture
def node(opensearch, tmp_path):
    """A node of each release line that serves the blacklist."""
    return serve(opensearch, tmp_path)


# Processing again.


def test_processing_again_replaces_what_is_ours(node, tmp_path):
    """Processes events again with `_update_by_query`, as a backfill does."""
    mine = f"again-{next(NUMBERS)}"

    def serve(generation: int, *values: str) -> None:
        assert pushing.push(
            node, pushing.built(tmp_path, values, name=mine, generation=generation), mine
        )["acknowledged"]

    def again() -> list[dict]:
        answer = node.post(f"/{mine}/_update_by_query?pipeline={mine}&refresh=true")
        assert not answer["failures"]
        return node.documents(mine)

    serve(1, "evil.example", "filler.example")
    node.put(f"/_ingest/pipeline/{mine}", pipeline(blacklist=mine))
    others = {"feed": {"name": "other"}, "matched": {"type": "indicator_match_rule"}}
    events = [
        event(url__domain="evil.example"), event(url__domain="late.example"),
        {**event(url__domain="evil.example"), "threat": {"enrichments": [others]}},
        event(url__domain="good.example"),
    ]  # fmt: skip
    node.bulk(mine, events, mine, ids=["0", "1", "2", "3"])
    first = node.documents(mine)
    assert [pushing.is_flagged(each) for each in first] == [True, False, True, False]
    assert again() == first

    serve(2, "evil.example", "late.example")
    second = again()
    assert [pushing.is_flagged(each) for each in second] == [True, True, True, False]
    assert [pushing.generation(each, mine) for each in second] == [2, 2, 2, None]
    assert [len(matched_or_others(each)) for each in second] == [1, 1, 2, 0]
    assert second[2]["threat"]["enrichments"][0] == others

    serve(3, "late.example", "filler.example")
    third = again()
    assert third[0] == events[0] and third[2] == events[2] and third[3] == events[3]
    assert pushing.is_flagged(third[1]) and pushing.generation(third[1], mine) == 3

    # While the processor cannot check, earlier results stay.
    node.delete(f"{pushing.ENDPOINT}/{mine}")
    fourth = again()
    assert pushing.is_flagged(fourth[1]) and matched(fourth[1]) == matched(third[1])
    assert {pushing.unchecked(each) for each in fourth} == {"no-blacklist"}
    serve(4, "late.example", "filler.example")
    fifth = again()
    assert [pushing.unchecked(each) for each in fifth] == [None] * 4
    assert fifth[0] == events[0] and pushing.generation(fifth[1], mine) == 4


def test_what_senders_say_in_our_name_is_removed(node):
    forged = {"generation": {NAME: 99}, "confidence": [1, 2], "unchecked": "x", "mine": True}
    good, bad = event(url__domain="good.example"), event(url__domain="evil.example")
    events = [
        {**good, "threatsieve": forged}, {**good, "threatsieve": "text"},
        {**good, "threatsieve.generation": 1, "threatsieve.a.b": [1]},
        {**good, "threatsieve": None}, {**bad, "threatsieve": forged, "threatsieve.mine": True},
    ]  # fmt: skip
    found = processed(node, *events)
    assert found[:4] == [good] * 4
    assert found[4]["threatsieve"] == {
        "generation": {NAME: 5},
        "confidence": [85],
        "flags": flags(NAME),
    }
    assert "threatsieve.mine" not in found[4]


def test_fields_that_clash_lose_no_event(node):
    """Sends events with other content in fields of ours.

    The index could not map our values next to it. So the processor leaves them out and says so in
    the event.
    """
    bad = event(url__domain="evil.example")
    cases = [
        ({"threat": "high"}, "threat.enrichments", {"threat": "high", "indicator": "matched"}),
        (
            {"threat": [{"enrichments": []}]},
            "threat.enrichments",
            {"threat": [{"enrichments": []}]},
        ),
        (
            {"threat": {"enrichments": "text"}},
            "threat.enrichments",
            {"threat": {"enrichments": "text"}},
        ),
        (
            {"threat": {"enrichments": ["text"]}},
            "threat.enrichments",
            {"threat": {"enrichments": ["text"]}},
        ),
        ({"indicator": {"ip": "192.0.2.1"}}, "indicator", {"indicator": {"ip": "192.0.2.1"}}),
        ({"indicator": [{"ip": "192.0.2.1"}]}, "indicator", {"indicator": [{"ip": "192.0.2.1"}]}),
    ]
    found = processed(node, *({**bad, **fields} for fields, _, _ in cases))
    for (fields, clash, kept), document in zip(cases, found, strict=True):
        assert document["threatsieve"]["clash"] == [clash], fields
        assert document | kept == document, fields
        assert document["threatsieve"]["confidence"] == [85]
        where = document["threatsieve"] if clash == "threat.enrichments" else document["threat"]
        assert [each["indicator"]["id"] for each in where["enrichments"]] == [stix.identifier(1)], (
            fields
        )
    assert processed(node, *found) == found
    # A single object where ECS has a list counts as another program's one enrichment.
    assert len(matched_or_others(one(node, {**bad, "threat": {"enrichments": {"feed": {}}}}))) == 2
    assert fields_in({"threat": one(node, {**bad, "threat.enrichments": []})["threat"]}) == [
        "url.domain"
    ]


def served_as(node, folder, name: str, generation: int, *values: str) -> None:
    """Pushes another blacklist with these values."""
    assert pushing.push(
        node,
        pushing.built(folder, values, name=name, generation=generation),
        name,
        "allow_shrink=true",
    )["acknowledged"]


def run_again(node, index: str, made: dict) -> list[dict]:
    """Processes all events of an index with a pipeline again."""
    node.put(f"/_ingest/pipeline/{index}", made)
    answer = node.post(f"/{index}/_update_by_query?pipeline={index}&refresh=true")
    assert not answer["failures"]
    return node.documents(index)


def several(*options: dict) -> dict:
    """Returns a pipeline with a processor for each of these options."""
    return {"processors": [{"threat_match": one} for one in options]}


def test_two_targets_and_flags_are_each_their_own_processors(node, tmp_path):
    first, second, index = (f"{name}-{next(NUMBERS)}" for name in ("first", "second", "targets"))
    served_as(node, tmp_path, first, 1, "evil.example", "filler.example")
    served_as(node, tmp_path, second, 1, "evil.example", "filler.example")
    made = several(
        {"blacklist": first},
        {"blacklist": second, "target_field": "ioc.found", "flag_field": "ioc.flag"},
    )
    # Entries of others look like ours, but lack our mark.
    others = {"feed": {"name": "other"}, "matched": {"type": "exact", "atomic": "evil.example"}}
    bad = event(url__domain="evil.example")
    events = [
        bad,
        {**bad, "threat": {"enrichments": [others]}, "ioc": {"found": [others]}},
        event(url__domain="good.example"),
    ]
    node.put(f"/_ingest/pipeline/{index}", made)
    node.put(f"/{index}", {"mappings": {"enabled": False}})
    node.bulk(index, events, index, ids=["0", "1", "2"])
    found = node.documents(index)
    assert [len(matched_or_others(each)) for each in found] == [1, 2, 0]
    assert [len(each.get("ioc", {}).get("found", [])) for each in found] == [1, 2, 0]
    for each, expected in (
        (found[0]["threat"]["enrichments"][0], first),
        (found[0]["ioc"]["found"][0], second),
    ):
        assert each["threatsieve"] == {"blacklist": expected}
    for _ in range(3):
        assert run_again(node, index, made) == found

    # The second blacklist no longer has the value: its results are removed, and nothing else.
    served_as(node, tmp_path, second, 2, "filler.example")
    gone = run_again(node, index, made)
    assert "ioc" not in gone[0] and gone[1]["ioc"] == {"found": [others]}
    assert [len(matched_or_others(each)) for each in gone] == [1, 2, 0] and pushing.is_flagged(
        gone[1]
    )
    served_as(node, tmp_path, first, 2, "filler.example")
    assert run_again(node, index, made) == events


def test_a_pipeline_of_one_blacklist_leaves_what_is_anothers(node, tmp_path):
    first, second, index = (f"{name}-{next(NUMBERS)}" for name in ("first", "second", "alone"))
    for name in (first, second):
        served_as(node, tmp_path, name, 1, "evil.example", "filler.example")
    both, alone = (
        several({"blacklist": first}, {"blacklist": second}),
        several({"blacklist": second}),
    )
    events = [event(url__domain="evil.example")]
    node.put(f"/_ingest/pipeline/{index}", both)
    node.put(f"/{index}", {"mappings": {"enabled": False}})
    node.bulk(index, events, index)

    def marks(documents: list[dict]) -> list[str]:
        return [each["threatsieve"]["blacklist"] for each in matched_or_others(documents[0])]

    assert marks(node.documents(index)) == [first, second]
    served_as(node, tmp_path, second, 2, "filler.example")
    (document,) = run_again(node, index, alone)
    # The flag also belongs to the first blacklist.
    assert marks([document]) == [first] and pushing.is_flagged(document)
    served_as(node, tmp_path, first, 2, "filler.example")
    assert run_again(node, index, both) == events


def test_two_processors_of_one_blacklist_add_to_each_other(node):
    made = several({"blacklist": NAME, "fields": ["a"]}, {"blacklist": NAME, "fields": ["b"]})
    bad = {"@timestamp": TIME, "a": "evil.example", "b": "amber.example"}
    (found,) = simulated(node, [bad], made)
    assert fields_in(found) == ["a", "b"]
    assert simulated(node, [found], made) == [found]


def test_a_flag_of_what_may_not_be_written_goes_when_it_holds_no_more(node, tmp_path):
    """Matches only indicators with a stricter marking.

    Such an event has no enrichment that shows which blacklist flagged it.
    """
    hidden = f"hidden-{next(NUMBERS)}"
    feed = stix.write(
        tmp_path / "red.json",
        stix.indicator(
            1, "[domain-name:value = 'red.example']", object_marking_refs=[stix.TLP["red"]]
        ),
    )
    program.run(
        "build",
        "--feed",
        feed,
        "--name",
        hidden,
        "--generation",
        1,
        "-o",
        tmp_path / "red.blacklist",
    )
    assert pushing.push(node, tmp_path / "red.blacklist", hidden)["acknowledged"]
    given = event(url__domain="red.example")
    found = one(node, given, blacklist=hidden)
    assert pushing.is_flagged(found) and found["threatsieve"]["withheld"] == 1
    # The flag stays while the event cannot be checked.
    unchecked = one(node, found, blacklist="missing")
    assert pushing.is_flagged(unchecked) and pushing.unchecked(unchecked) == "no-blacklist"
    node.delete(f"{pushing.ENDPOINT}/{hidden}")
    unchecked = one(node, found, blacklist=hidden)
    assert pushing.is_flagged(unchecked) and pushing.unchecked(unchecked) == "no-blacklist"
    served_as(node, tmp_path, hidden, 2, "filler.example")
    assert one(node, unchecked, blacklist=hidden) == given
    # A flag with the same name from the sender stays the sender's.
    assert one(node, {**given, "indicator": "matched"}, blacklist=hidden) == {
        **given,
        "indicator": "matched",
    }


FORGED = {
    "generation": "forged",
    "confidence": ["x"],
    "withheld": "many",
    "unchecked": "x",
    "clash": ["y"],
    "enrichments": [{"a": 1}],
    "flags": [
        {"blacklist": "other", "field": "url", "value": "v"},
        {"blacklist": NAME, "field": "url.domain", "value": "evil.example"},
        "x",
        {},
        None,
    ],
    "mine": True,
}


@pytest.mark.parametrize(
    "options",
    [{}, {"on_unavailable": "pass"}, {"on_unavailable": "fail", "ignore_failure": True}],
    ids=["mark", "pass", "fail"],
)
def test_what_senders_say_in_our_name_is_removed_from_unchecked_events(node, options):
    good = event(url__domain="good.example")
    given = [
        {**good, "threatsieve": FORGED},
        {**good, "threatsieve": "text"},
        {**good, "threatsieve.generation": "forged", "threatsieve.a.b": [1]},
    ]
    expected = good if options else {**good, "threatsieve": {"unchecked": "no-blacklist"}}
    assert processed(node, *given, blacklist="missing", **options) == [expected] * 3
    line = {"message": "not a line", "threatsieve": FORGED}
    (found,) = processed(node, line, message_field="message", **options)
    assert found == (
        {"message": "not a line"}
        if options
        else {"message": "not a line", "threatsieve": {"unchecked": "malformed"}}
    )


def test_what_senders_say_in_our_name_is_removed_where_another_processor_checks(node):
    made = several({"blacklist": "missing"}, {"blacklist": NAME})
    bad, good = event(url__domain="evil.example"), event(url__domain="good.example")
    given = [{**bad, "threatsieve": FORGED}, {**good, "threatsieve": FORGED}]
    for order in (made, {"processors": made["processors"][::-1]}):
        for found in (simulated(node, given, order), indexed(node, given, order)):
            expected = {
                "generation": {NAME: 5},
                "confidence": [85],
                "flags": flags(NAME),
                "unchecked": "no-blacklist",
            }
            assert found[0]["threatsieve"] == expected
            assert found[1] == {**good, "threatsieve": {"unchecked": "no-blacklist"}}


def test_forged_values_cost_no_event(node):
    """Sends forged values to an index with the component template, which maps fields by type."""
    name = f"forged-{next(NUMBERS)}"
    template = json.loads((program.ROOT / "plugin-descriptors/component-template.json").read_text())
    node.put(f"/_component_template/{name}", template)
    node.put(f"/_index_template/{name}", {"index_patterns": [f"{name}*"], "composed_of": [name]})
    for number, made in enumerate(
        [
            pipeline(),
            several({"blacklist": "missing"}),
            several({"blacklist": "missing"}, {"blacklist": NAME}),
        ]
    ):
        node.put(f"/_ingest/pipeline/{name}", made)
        given = [
            {**event(url__domain=host), "threatsieve": forged}
            for host in ("evil.example", "good.example")
            for forged in (FORGED, "text", [1])
        ]
        node.bulk(f"{name}-{number}", given, name)


CLASHES = [
    ({"indicator.ip": "192.0.2.1"}, "indicator"),
    ({"indicator.ip.x": {"y": 1}}, "indicator"),
    ({"indicator": 5}, "indicator"),
    ({"indicator": True}, "indicator"),
    ({"indicator": "2026-11-25"}, "indicator"),
    ({"threat": {"enrichments": [{"indicator": "text"}]}}, "threat.enrichments"),
    ({"threat": {"enrichments": [{"indicator": {"url": "text"}}]}}, "threat.enrichments"),
    ({"threat": {"enrichments": [{"indicator.url": "text"}]}}, "threat.enrichments"),
    ({"threat": {"enrichments": [{"matched": {"field": {"name": "x"}}}]}}, "threat.enrichments"),
    ({"threat": {"enrichments": [{"matched.field.name": "x"}]}}, "threat.enrichments"),
    ({"threat": {"enrichments": [{"indicator": {"confidence": 85}}]}}, "threat.enrichments"),
    ({"threat": {"enrichments": [{"indicator": {"name": "2026-11-25"}}]}}, "threat.enrichments"),
    ({"threat": {"enrichments": {"feed": "text"}}}, "threat.enrichments"),
    ({"threat.enrichments": [{"feed": "text"}]}, "threat.enrichments"),
    ({"threat.enrichments.feed": "text"}, "threat.enrichments"),
    ({"threat": {"enrichments.feed.name": "x"}}, "threat.enrichments"),
    ({"threat.enrichments": "text"}, "threat.enrichments"),
]


def test_a_clash_costs_no_event(node):
    """Sends each event into an index of its own without a mapping.

    The index accepts the event without our processor, so it must accept it with the processor.
    """
    name = f"clash-{next(NUMBERS)}"
    node.put(f"/_ingest/pipeline/{name}", pipeline())
    bad = event(url__domain="evil.example")
    lines = []
    for number, (fields, _) in enumerate(CLASHES):
        for index, made in ((f"{name}-{number}", name), (f"{name}-bare-{number}", "_none")):
            lines += [{"index": {"_index": index, "pipeline": made}}, {**bad, **fields}]
    body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    answer = node.post("/_bulk?refresh=true", body, content_type="application/x-ndjson")
    assert not answer["errors"], [item for item in answer["items"] if "error" in item["index"]]
    for number, (fields, clash) in enumerate(CLASHES):
        (document,) = node.documents(f"{name}-{number}")
        assert document | fields == document, "what the event brought stays as it was"
        assert document["threatsieve"]["clash"] == [clash], fields
        assert document["threatsieve"]["flags"] == flags(NAME)
        ours = document["threatsieve"] if clash == "threat.enrichments" else document["threat"]
        assert [each["indicator"]["id"] for each in ours["enrichments"]] == [stix.identifier(1)], (
            fields
        )
    node.delete(f"/{name}-*")


def test_what_fits_is_no_clash(node):
    bad = event(url__domain="evil.example")
    fitting = [
        {"indicator": "suspicious"},
        {"indicator": None},
        {"indicators.ip": "192.0.2.1"},
        {"indicator.ip": None},
        {
            "threat": {
                "enrichments": [
                    {"indicator": {"name": "x", "first_seen": "yesterday", "sightings": 5}}
                ]
            }
        },
        {"threat": {"enrichments": [{"indicator.url.domain": "x"}, None]}},
        {"threat": {"enrichments": None}},
        {"threat": {"indicator": {"ip": "192.0.2.1"}}},
    ]
    for fields, document in zip(
        fitting, processed(node, *({**bad, **fields} for fields in fitting)), strict=True
    ):
        assert "clash" not in document["threatsieve"] and pushing.is_flagged(document), fields


def test_both_forms_of_the_target_are_kept(node):
    def other(name: str) -> dict:
        return {"feed": {"name": name}}

    bad = event(url__domain="evil.example")
    given = [
        {
            **bad,
            "threat.enrichments": [other("literal")],
            "threat": {"enrichments": [other("nested")]},
        },
        {
            **bad,
            "threat.enrichments": other("literal"),
            "threat": {"enrichments": other("nested"), "framework": "x"},
        },
    ]
    for document in processed(node, *given):
        assert [each["feed"]["name"] for each in matched_or_others(document)] == [
            "literal",
            "nested",
            "feed.json",
        ]
        assert "threat.enrichments" not in document
    # In an event without a match, both forms stay in place.
    good = [{**each, "url": {"domain": "good.example"}} for each in given]
    assert processed(node, *good) == good
    deep = {
        **bad,
        "a.b.c": [other("1")],
        "a": {"b.c": [other("2")], "b": {"c": [other("3")]}},
        "a.b": {"c": [other("4")]},
    }
    document = one(node, deep, target_field="a.b.c")
    assert sorted(each["feed"]["name"] for each in document["a"]["b"]["c"]) == [
        "1",
        "2",
        "3",
        "4",
        "feed.json",
    ]
    twice = {**event(), "event.original": "x", "event": {"original": "y"}}
    assert (
        pushing.unchecked(one(node, twice, message_field="event.original", message_format="text"))
        == "malformed"
    )


def test_what_updates_in_a_bulk_request_write_goes_past_pipelines(node):
    """Checks the server's own behaviour, as docs/plugin.md describes it."""
    name = f"upsert-{next(NUMBERS)}"
    node.put(f"/_ingest/pipeline/{name}", pipeline())
    node.put(f"/{name}", {"settings": {"index.default_pipeline": name}})
    bad = event(url__domain="evil.example")
    script = {"source": "ctx._source.putAll(params.event)", "params": {"event": bad}}
    updates = {
        "upsert": {"upsert": bad, "script": script},
        "doc_as_upsert": {"doc": bad, "doc_as_upsert": True},
        "scripted_upsert": {"scripted_upsert": True, "upsert": {}, "script": script},
        "doc": {"doc": bad},
        "script": {"script": script},
    }
    for way in ("_update", "_bulk"):
        for update in ("doc", "script"):
            node.put(f"/{name}/_doc/{way}-{update}", event(url__domain="good.example"))
    for update, body in updates.items():
        node.post(f"/{name}/_update/_update-{update}", body)
    lines = [
        line
        for update, body in updates.items()
        for line in ({"update": {"_id": f"_bulk-{update}"}}, body)
    ]
    answer = node.post(
        f"/{name}/_bulk",
        "".join(json.dumps(line) + "\n" for line in lines).encode(),
        content_type="application/x-ndjson",
    )
    assert not answer["errors"], answer
    node.post(f"/{name}/_refresh")
    hits = node.post(f"/{name}/_search", {"size": 20})["hits"]["hits"]
    past = {hit["_id"] for hit in hits if hit["_source"] == bad}
    assert past == {"_bulk-scripted_upsert", "_bulk-doc", "_bulk-script"}
    assert (
        all(pushing.is_flagged(hit["_source"]) for hit in hits if hit["_id"] not in past)
        and len(hits) == 10
    )


def test_a_value_of_very_many_indicators_is_bounded(node, tmp_path):
    many = f"many-{next(NUMBERS)}"
    source = tmp_path / "many.json"
    stix.write(
        source,
        *(
            stix.indicator(number, "[domain-name:value = 'evil.example']")
            for number in range(20_000)
        ),
    )
    program.run(
        "build",
        "--feed",
        source,
        "--name",
        many,
        "--generation",
        1,
        "-o",
        tmp_path / "many.blacklist",
    )
    assert pushing.push(node, tmp_path / "many.blacklist", many)["acknowledged"]
    document = one(
        node,
        {"@timestamp": TIME, "plain": "evil.example"},
        blacklist=many,
        fields=["plain"],
        max_matches=1000,
    )
    assert len(matched(document)) == 1000 and document["threatsieve"]["omitted"] == 19_000
    assert pushing.unchecked(document) is None
