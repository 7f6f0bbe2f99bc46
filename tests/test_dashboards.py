"""Tests of the saved objects for OpenSearch Dashboards: their form, and each of their queries on a
real node. Dashboards itself is not part of the tests.
"""

import importlib.util
import itertools
import json
import os
import re
from collections import Counter

import pytest

from tests import program, pushing, stix, vega_lite

NUMBERS = itertools.count(os.getpid() * 1000)
PATH = program.ROOT / "docs/dashboards"
OBJECTS = [json.loads(line) for line in (PATH / "threatsieve.ndjson").read_text().splitlines()]
SUMMARY = OBJECTS.pop()
BY_ID = {each["id"]: each for each in OBJECTS}
TEMPLATE = json.loads((program.ROOT / "plugin-descriptors/component-template.json").read_text())
WINDOW = {"gte": "2026-11-20T00:00:00Z", "lte": "2026-11-30T00:00:00Z"}
"""The time that a user of the dashboard looks at."""


def decoded(each: dict, name: str) -> dict:
    """Returns the JSON in a text attribute of an object."""
    return json.loads(each["attributes"][name])


def source(each: dict) -> dict:
    """Returns what an object searches."""
    return json.loads(each["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])


def index_pattern(each: dict) -> dict:
    """Returns the index pattern of a search or a visualisation."""
    (found,) = (link for link in each["references"] if link["type"] == "index-pattern")
    assert found["name"] == source(each)["indexRefName"]
    return BY_ID[found["id"]]


def spec(each: dict) -> dict:
    """Returns the specification of a plot that Vega draws."""
    return json.loads(decoded(each, "visState")["params"]["spec"])


def of_type(kind: str) -> list[dict]:
    return [each for each in OBJECTS if each["type"] == kind]


VEGA = [each for each in of_type("visualization") if decoded(each, "visState")["type"] == "vega"]
AGGREGATED = [each for each in of_type("visualization") if each not in VEGA]


# The form.


def test_the_file_is_what_its_definition_makes():
    loader = importlib.util.spec_from_file_location("make", PATH / "make.py")
    made = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(made)
    assert made.text() == made.FILE.read_text(), "run: python3 docs/dashboards/make.py"


def test_objects_refer_to_objects_of_the_file():
    assert len(BY_ID) == len(OBJECTS) == SUMMARY["exportedCount"]
    seen = set()
    for each in OBJECTS:
        names = [link["name"] for link in each["references"]]
        assert len(names) == len(set(names))
        for link in each["references"]:
            assert BY_ID[link["id"]]["type"] == link["type"]
            # Dashboards imports in the order of the file.
            assert link["id"] in seen
        seen.add(each["id"])
    used = {link["id"] for each in OBJECTS for link in each["references"]}
    assert used == set(BY_ID) - {"threatsieve"}, "an object is on no dashboard"


REQUIRED = {
    "index-pattern": {"title": str, "timeFieldName": str},
    "search": {"title": str, "columns": list, "sort": list, "kibanaSavedObjectMeta": dict},
    "visualization": {
        "title": str,
        "visState": str,
        "uiStateJSON": str,
        "kibanaSavedObjectMeta": dict,
    },
    "dashboard": {
        "title": str,
        "panelsJSON": str,
        "optionsJSON": str,
        "timeRestore": bool,
        "kibanaSavedObjectMeta": dict,
    },
}


@pytest.mark.parametrize("each", OBJECTS, ids=lambda each: each["id"])
def test_an_object_has_the_form_of_its_type(each):
    assert each.keys() == {"id", "type", "attributes", "references", "migrationVersion"}
    for name, kind in REQUIRED[each["type"]].items():
        assert isinstance(each["attributes"][name], kind), name
    for name, value in each["attributes"].items():
        if name.endswith("JSON"):
            json.loads(value)
    if each["type"] in ("search", "visualization"):
        assert source(each)["query"]["language"] == "lucene" and source(each)["filter"] == []
    if each["type"] == "visualization":
        assert decoded(each, "visState")["title"] == each["attributes"]["title"]
    if each in AGGREGATED:
        aggs = decoded(each, "visState")["aggs"]
        assert [agg["id"] for agg in aggs] == [str(number + 1) for number in range(len(aggs))]
        assert aggs[0]["type"] == "count"


def test_the_panels_lie_on_the_grid_and_do_not_overlap():
    (dashboard,) = of_type("dashboard")
    panels = decoded(dashboard, "panelsJSON")
    names = {link["name"] for link in dashboard["references"]}
    assert {panel["panelRefName"] for panel in panels} == names
    taken = Counter()
    for panel in panels:
        place = panel["gridData"]
        assert place["i"] == panel["panelIndex"] and place["x"] + place["w"] <= 48
        taken.update(
            itertools.product(
                range(place["x"], place["x"] + place["w"]),
                range(place["y"], place["y"] + place["h"]),
            )
        )
    assert set(taken.values()) == {1}


def test_plots_of_vega_take_the_time_and_the_filters_of_the_dashboard():
    events = BY_ID["threatsieve-events"]["attributes"]
    for each in VEGA:
        url = spec(each)["data"]["url"]
        assert url["%context%"] is True and url["%timefield%"] == events["timeFieldName"]
        assert url["index"] == events["title"]
        # Dashboards refuses a query next to the context.
        assert url["body"].keys() == {"size", "aggs"}


# The queries.


def indicator(number: int, host: str, name: str, **properties) -> dict:
    return stix.indicator(number, f"[domain-name:value = '{host}']", name=name, **properties)


FEEDS = {
    "partner": [
        indicator(
            1,
            "evil.example",
            "Phishing kit",
            confidence=85,
            object_marking_refs=[stix.TLP["green"]],
        ),
        indicator(
            2, "amber.example", "Loader", confidence=20, object_marking_refs=[stix.TLP["amber"]]
        ),
    ],
    # Two of one feed cover the same events, which count once for the feed.
    "ours": [
        indicator(3, "evil.example", "Seen by us"),
        indicator(5, "evil.example", "Seen again"),
        indicator(4, "bad.example", "Beacon"),
    ],
}
HOSTS = ["evil.example"] * 3 + ["amber.example"] * 2 + ["bad.example"] + ["good.example"] * 4


def event(number: int, host: str, day: int = 25) -> dict:
    return {
        "@timestamp": f"2026-11-{day}T{number % 24:02}:00:00Z",
        "source": {"ip": f"10.1.2.{number % 3}"},
        "url": {"original": f"http://www.{host}/{number}"},
    }


class Indices:
    """Indices with events that the plugin flagged, and with records of the controller."""

    def __init__(self, node, folder):
        self.node, number = node, next(NUMBERS)
        self.events, self.records = f"dash-events-{number}", f"dash-records-{number}"
        blacklist = f"dash-{number}"
        files = [
            part
            for name, indicators in FEEDS.items()
            for part in ("--feed", stix.write(folder / f"{name}.json", *indicators))
        ]
        built = folder / "dash.blacklist"
        program.run("build", *files, "--name", blacklist, "-o", built)
        assert pushing.push(node, built, blacklist)["acknowledged"]
        pushing.set_pipeline(node, blacklist, blacklist=blacklist)
        pushing.set_pipeline(node, f"{blacklist}-missing", blacklist=f"{blacklist}-missing")
        own = {
            "@timestamp": {"type": "date"},
            "source": {"properties": {"ip": {"type": "ip"}}},
            "url": {"properties": {"original": {"type": "keyword"}}},
        }
        mappings = {"properties": {**TEMPLATE["template"]["mappings"]["properties"], **own}}
        node.put(f"/{self.events}", {"mappings": mappings})
        events = [event(number, host) for number, host in enumerate(HOSTS)]
        # An enrichment of somebody else does not count as one of Threatsieve's.
        events[0]["threat"] = {"enrichments": [{"feed": {"name": "other"}}]}
        # Too old for the dashboard's time.
        events.append(event(1, "evil.example", day=11))
        node.bulk(self.events, events, pipeline=blacklist)
        missed = [event(number, "evil.example") for number in range(5)]
        node.bulk(self.events, missed, pipeline=f"{blacklist}-missing")
        node.bulk(self.records, self.retractions(folder))
        window = (WINDOW["gte"], WINDOW["lte"])
        self.documents = [
            each
            for each in node.documents(self.events)
            if window[0] <= each["@timestamp"] <= window[1]
        ]
        self.flagged = [each for each in self.documents if each.get("indicator") == "matched"]

    @staticmethod
    def retractions(folder) -> list[dict]:
        """Returns the records of a controller that flagged two events and retracted one flag."""
        program.write(folder / "list.txt", "evil.example", "bad.example")
        program.write(
            folder / "access.log",
            *(
                f"1795322415.357 0 10.1.2.3 TCP_MISS/200 603 GET http://{host}/ - HIER_NONE/- text/html"
                for host in ("evil.example", "bad.example")
            ),
        )
        config = program.write(
            folder / "threatsieve.toml",
            'state = "state"',
            '[[feeds]]\nname = "list"\ntype = "path"\npath = "list.txt"',
            '[[logs]]\nname = "proxy"\npaths = ["access.log"]',
            '[history]\nwindow = "3650d"',
            '[output]\nfile = "records.ndjson"',
        )
        program.run("poll", "--config", config)
        program.run("retract", "evil.example", "--reason", "our own site", "--config", config)
        program.run("poll", "--config", config)
        records = [
            json.loads(line) for line in (folder / "records.ndjson").read_text().splitlines()
        ]
        assert [each["threatsieve"]["kind"] for each in records].count("retraction") == 1
        for each in records:
            if "retracted" in each["threatsieve"]:
                each["threatsieve"]["retracted"] = "2026-11-26T09:30:00Z"
        return records

    def search(self, index: str, time: str, query: dict | None, body: dict) -> dict:
        """Searches as Dashboards does: the query, and the time as a filter."""
        filters = [{"range": {time: {**WINDOW, "format": "strict_date_optional_time"}}}]
        filters += [query] if query else []
        return self.node.post(
            f"/{index}/_search",
            {"track_total_hits": True, "query": {"bool": {"filter": filters}}, **body},
        )

    def ask(self, each: dict, body: dict) -> dict:
        """Runs the query of a search or a visualisation."""
        pattern = index_pattern(each)["attributes"]
        index = self.events if pattern["title"].startswith("filebeat") else self.records
        query = {
            "query_string": {"query": source(each)["query"]["query"], "analyze_wildcard": True}
        }
        return self.search(index, pattern["timeFieldName"], query, body)

    def count(self, each: dict) -> Counter:
        """Runs the aggregation that Dashboards makes of a visualisation, and counts its buckets."""
        aggs = [agg for agg in decoded(each, "visState")["aggs"] if agg["type"] != "count"]
        body: dict = {}
        for agg in reversed(aggs):
            body = {"aggs": {agg["id"]: {**request(agg), **body}}}
        answer = self.ask(each, {"size": 0, **body})
        return Counter(dict(buckets(answer["aggregations"], [agg["id"] for agg in aggs])))

    def buckets(self, each: dict) -> list[dict]:
        """Runs the query of a plot of Vega, and returns the data that it draws."""
        data = spec(each)["data"]
        url = data["url"]
        found = self.search(self.events, url["%timefield%"], None, url["body"])
        for name in data["format"]["property"].split("."):
            found = found[name]
        return found


def request(agg: dict) -> dict:
    """Returns the request for the buckets of a visualisation's aggregation."""
    params = agg["params"]
    if agg["type"] == "date_histogram":
        assert params["interval"] == "auto"
        interval = {"fixed_interval": "3h", "min_doc_count": params["min_doc_count"]}
        return {"date_histogram": {"field": params["field"], **interval}}
    assert (agg["type"], params["orderBy"]) == ("terms", "1")
    order = {"order": {"_count": params["order"]}, "size": params["size"]}
    return {"terms": {"field": params["field"], **order}}


def buckets(answer: dict, ids: list[str]):
    """Yields the keys of each innermost bucket, with its count."""
    for bucket in answer[ids[0]]["buckets"]:
        key = bucket.get("key_as_string", bucket["key"])
        if ids[1:]:
            for inner, count in buckets(bucket, ids[1:]):
                yield (key, *inner), count
        else:
            yield (key,), bucket["doc_count"]


def three_hours(document: dict) -> str:
    """Returns the beginning of an event's three hours, as the node writes it."""
    day, hour = document["@timestamp"][:11], int(document["@timestamp"][11:13])
    return f"{day}{hour // 3 * 3:02}:00:00.000Z"


def enrichments(document: dict) -> list[dict]:
    """Returns the enrichments that Threatsieve wrote."""
    found = document.get("threat", {}).get("enrichments", [])
    return [each for each in found if "threatsieve" in each]


def test_each_query_finds_what_it_should(opensearch, tmp_path):
    indices = Indices(opensearch, tmp_path)
    flagged, documents = indices.flagged, indices.documents
    unchecked = [each for each in documents if "unchecked" in each.get("threatsieve", {})]
    assert (len(flagged), len(unchecked), len(documents)) == (6, 5, 15)
    hour = "2026-11-26T09:00:00.000Z"
    expected = {
        "threatsieve-flagged-over-time": Counter((three_hours(each),) for each in flagged),
        "threatsieve-by-source": Counter((each["source"]["ip"],) for each in flagged),
        "threatsieve-unchecked-over-time": Counter(
            (three_hours(each), "no-blacklist") for each in unchecked
        ),
        "threatsieve-retracted-over-time": Counter({(hour,): 1}),
    }
    assert expected.keys() == {each["id"] for each in AGGREGATED}
    for each in AGGREGATED:
        assert indices.count(each) == expected[each["id"]], each["id"]
    found = {}
    for each in of_type("search"):
        ((field, order),) = each["attributes"]["sort"]
        answer = indices.ask(each, {"size": 50, "sort": [{field: order}]})["hits"]
        found[each["id"]] = [hit["_source"] for hit in answer["hits"]]
    times = [each["@timestamp"] for each in found["threatsieve-flagged"]]
    assert times == sorted((each["@timestamp"] for each in flagged), reverse=True)
    assert len(found["threatsieve-unchecked"]) == 5
    (retraction,) = found["threatsieve-retractions"]
    assert retraction["threatsieve"]["indicator"] == "evil.example"
    # Every column is a field that something has.
    for each in of_type("search"):
        columns = [column for column in each["attributes"]["columns"] if "threatsieve" in column]
        for column in columns:
            assert all(column.split(".")[1] in hit["threatsieve"] for hit in found[each["id"]])


def test_each_plot_shows_what_was_found(opensearch, tmp_path):
    indices = Indices(opensearch, tmp_path)
    values = {each["id"]: indices.buckets(each) for each in VEGA}

    def by(read) -> Counter:
        # An event counts once for each value.
        return Counter(
            value
            for each in indices.flagged
            for value in {read(part) for part in enrichments(each)}
        )

    def marking(part: dict) -> str:
        return part["indicator"].get("marking", {}).get("tlp", "not marked")

    shown = {
        name: {each["key"]: each["events"]["doc_count"] for each in found}
        for name, found in values.items()
    }
    assert shown["threatsieve-by-indicator"] == by(lambda part: part["indicator"]["name"])
    assert shown["threatsieve-by-indicator"]["Phishing kit"] == 3
    assert shown["threatsieve-by-feed"] == {"partner.json": 5, "ours.json": 4}
    levels = {
        (each["key"], level["key"]): level["events"]["doc_count"]
        for each in values["threatsieve-by-marking"]
        for level in each["confidence"]["buckets"]
    }
    assert levels == by(lambda part: (marking(part), part["indicator"]["confidence"]))
    assert levels["GREEN", "High"] == 3 and levels["not marked", "Not Specified"] == 4
    plots = [{**spec(each), "data": {"values": values[each["id"]]}} for each in VEGA]
    for each, drawn in zip(VEGA, vega_lite.draw(plots), strict=True):
        texts = set(re.findall(r"<text[^>]*>([^<]+)</text>", drawn))
        assert texts >= {"events", *shown[each["id"]]}, each["id"]
        bars = re.findall(r'aria-roledescription="bar"', drawn)
        wanted = shown[each["id"]]
        if each["id"] == "threatsieve-by-marking":
            wanted = levels
            assert texts >= {confidence for _, confidence in levels}
        assert len(bars) == len(wanted), each["id"]
