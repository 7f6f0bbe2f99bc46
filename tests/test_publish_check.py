"""Tests of `opensearch check`: it reports a problem exactly if a real index refuses a flagged
event.
"""

import itertools
import json

import pytest

from tests import engines, program, pushing
from tests.controller import Controller
from tests.pushing import event

NUMBERS = itertools.count()
EVIL = "evil.example"
TEMPLATE = json.loads((program.ROOT / "plugin-descriptors/component-template.json").read_text())[
    "template"
]["mappings"]["properties"]
EVENT = {
    "@timestamp": {"type": "date"},
    "url": {"properties": {"original": {"type": "keyword"}, "domain": {"type": "keyword"}}},
}


def enrichments(**properties) -> dict:
    """Returns a mapping of `threat` with nested enrichments, which have these fields."""
    return {"threat": {"properties": {"enrichments": {"type": "nested", "properties": properties}}}}


CASES = {
    "anything": ({}, {}, None),
    "our own fields": ({"dynamic": "strict", "properties": {**EVENT, **TEMPLATE}}, {}, None),
    "strict": (
        {"dynamic": "strict", "properties": EVENT},
        {},
        "it is strict, and lacks indicator, threat, threatsieve",
    ),
    "strict inside": (
        {
            "properties": {
                "threat": {"dynamic": "strict", "properties": {"framework": {"type": "keyword"}}}
            }
        },
        {},
        "it is strict, and lacks threat.enrichments",
    ),
    "not dynamic": ({"dynamic": False, "properties": EVENT}, {}, None),
    "an object": (
        {"properties": {"indicator": {"properties": {"ip": {"type": "ip"}}}}},
        {},
        "indicator is an object",
    ),
    "threat a keyword": (
        {"properties": {"threat": {"type": "keyword"}}},
        {},
        "threat is a keyword, expected an object",
    ),
    "enrichments a text": (
        {"properties": {"threat": {"properties": {"enrichments": {"type": "text"}}}}},
        {},
        "threat.enrichments is a text",
    ),
    "enrichments an object": (
        {"properties": {"threat": {"properties": {"enrichments": {"type": "object"}}}}},
        {},
        None,
    ),
    "flattened": ({"properties": {"threat": {"type": "flat_object"}}}, {}, None),
    "a flag that is a number": (
        {"properties": {"indicator": {"type": "long"}}},
        {},
        "indicator is of type long",
    ),
    "forgiving": (
        {"properties": {"indicator": {"type": "long"}}},
        {"index.mapping.ignore_malformed": True},
        None,
    ),
    "a time that is a number": (
        {"properties": enrichments(matched={"properties": {"occurred": {"type": "boolean"}}})},
        {},
        "threat.enrichments.matched.occurred is of type boolean",
    ),
    "a confidence that is text": (
        {"properties": {"threatsieve": {"properties": {"confidence": {"type": "text"}}}}},
        {},
        None,
    ),
    "full": (
        {"properties": {**EVENT, **{f"f{number}": {"type": "long"} for number in range(16)}}},
        {"index.mapping.total_fields.limit": 20},
        "it has 20 of at most 20 fields",
    ),
}


@pytest.fixture(scope="module")
def controllers(tmp_path_factory, opensearch_3, opensearch_2):
    """A controller for each node. Its blacklist is pushed, and there is a pipeline."""
    made = {}
    for node in (opensearch_3, opensearch_2):
        controller = Controller(tmp_path_factory.mktemp("check"), "check", [node.url])
        controller.write_list(EVIL)
        assert controller.poll()["outcome"] == "acknowledged"
        pushing.set_pipeline(node, "check", blacklist="check")
        made[node.version] = controller
    return made


def judged(controller: Controller, *arguments) -> tuple[int, dict]:
    """Returns the exit code and the findings, by the name of the index or index template."""
    result = program.run(
        "opensearch", "check", "--json", *arguments, "--config", controller.config, expect=None
    )
    report = json.loads(result.stdout)
    return result.returncode, {one["name"]: one["findings"] for one in report["indices"]}


@pytest.mark.parametrize("case", CASES)
def test_a_problem_is_what_a_real_index_refuses(opensearch, controllers, case):
    mapping, settings, expected = CASES[case]
    index = f"check-{next(NUMBERS)}"
    opensearch.put(f"/{index}", {"mappings": mapping, "settings": settings})
    code, found = judged(controllers[opensearch.version], "--index", index)
    problems = [finding["what"] for finding in found[index] if finding["is_problem"]]
    assert len(problems) == bool(expected) and (not expected or problems[0].startswith(expected)), (
        found
    )
    assert code == (program.DAMAGED if expected else program.DONE)
    assert all(finding["remedy"] for finding in found[index])
    try:
        opensearch.put(f"/{index}/_doc/1?pipeline=check&refresh=true", event(EVIL))
        is_taken = True
    except engines.Refused as refused:
        assert refused.status == 400, refused
        is_taken = False
    assert is_taken == (expected is None)


def test_the_limit_of_fields_is_exact_for_the_template(opensearch, controllers):
    """Creates an index that lacks only the generation's field, with room for one more field or
    none.
    """
    fields = {**EVENT, **TEMPLATE}
    for spare, is_fine in ((0, False), (1, True)):
        index = f"check-{next(NUMBERS)}"
        settings = {"index.mapping.total_fields.limit": counted(fields) + spare}
        opensearch.put(f"/{index}", {"mappings": {"properties": fields}, "settings": settings})
        assert judged(controllers[opensearch.version], "--index", index)[0] == (
            program.DONE if is_fine else program.DAMAGED
        )
        status = 201 if is_fine else 400
        try:
            opensearch.put(f"/{index}/_doc/1?pipeline=check", event(EVIL))
        except engines.Refused as refused:
            assert refused.status == status and "Limit of total fields" in str(refused), refused
        else:
            assert is_fine


def counted(properties: dict) -> int:
    """Counts fields as the server does."""
    return sum(
        1 + counted(field.get("properties", {})) + counted(field.get("fields", {}))
        for field in properties.values()
    )


def test_enrichments_that_are_no_nested_objects_are_noted(opensearch, controllers):
    index = f"check-{next(NUMBERS)}"
    opensearch.put(
        f"/{index}",
        {
            "mappings": {
                "properties": {"threat": {"properties": {"enrichments": {"type": "object"}}}}
            }
        },
    )
    _, found = judged(controllers[opensearch.version], "--index", index)
    assert ["not nested" in finding["what"] for finding in found[index]] == [True]


def test_the_template_makes_a_strict_index_fit(opensearch, controllers):
    controller = controllers[opensearch.version]
    printed = program.run("opensearch", "template").stdout
    assert json.loads(printed)["template"]["mappings"]["properties"] == TEMPLATE
    strict = {
        "template": {"mappings": {"dynamic": "strict", "properties": EVENT}},
        "index_patterns": ["fit-*"],
        "priority": 500,
    }
    opensearch.put("/_index_template/fit", strict)
    code, found = judged(controller, "--index", "fit-2026*")
    assert code == program.DAMAGED and "it is strict" in found["fit"][0]["what"], found
    assert "is stored; name it in `composed_of`" in controller.run(
        "opensearch", "template", "--put"
    )
    opensearch.put("/_index_template/fit", {**strict, "composed_of": ["threatsieve"]})
    assert judged(controller, "--index", "fit-2026*") == (program.DONE, {"fit": []})
    opensearch.put("/fit-2026/_doc/1?pipeline=check&refresh=true", event(EVIL))
    assert opensearch.documents("fit-2026", {"term": {"indicator": "matched"}})
    assert judged(controller, "--index", "fit-2026*") == (program.DONE, {"fit": [], "fit-2026": []})
    opensearch.delete("/_index_template/fit")


def test_the_check_is_for_people_too(opensearch_3, controllers):
    opensearch_3.put("/check-text", {"mappings": {"dynamic": "strict"}})
    text = controllers["3.8.0"].run(
        "opensearch", "check", "--index", "check-text", expect=program.DAMAGED
    )
    first, index, problem, *_ = text.splitlines()
    assert first.startswith(
        f"cluster threatsieve-tests at {opensearch_3.url}, OpenSearch 3.8.0: the plugin is on "
        "1 of 1 ingest node"
    )
    assert index == "index check-text" and problem.startswith("  problem: it is strict"), text
    elsewhere = controllers["3.8.0"].run(
        "opensearch", "check", "--index", "check-text", "--flag-field", "", expect=program.DAMAGED
    )
    assert "lacks threat, threatsieve:" in elsewhere
    controllers["3.8.0"].run(
        "opensearch", "check", "--index", "no-such-index", expect=program.REMOTE
    )
