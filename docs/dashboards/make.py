"""Writes threatsieve.ndjson, the saved objects for OpenSearch Dashboards, next to this file:

    python3 docs/dashboards/make.py

tests/test_dashboards.py compares the file with this definition, and runs its queries on a node.
"""

import json
from pathlib import Path

FILE = Path(__file__).with_name("threatsieve.ndjson")
EVENTS, RECORDS = "filebeat-*", "threatsieve-records-*"
"""Names of indices: those of flagged events, and those of the controller's records."""
EVENTS_ID, RECORDS_ID = "threatsieve-events", "threatsieve-records"
"""Ids of their index patterns."""
EVENT_TIME, RETRACTION_TIME = "@timestamp", "threatsieve.retracted"
FLAGGED, UNCHECKED = "indicator:matched", "_exists_:threatsieve.unchecked"
RETRACTED = "threatsieve.kind:retraction"
ROWS = 20
"""Bars or rows of one panel."""

INDEX_REFERENCE = "kibanaSavedObjectMeta.searchSourceJSON.index"
VERSIONS = {
    "index-pattern": "7.6.0",
    "search": "7.9.3",
    "visualization": "7.10.0",
    "dashboard": "7.9.3",
}
"""The formats of the attributes: the newest that OpenSearch Dashboards has had since its start."""


def compact(value) -> str:
    """Returns JSON that is a text in other JSON."""
    return json.dumps(value, separators=(",", ":"))


def saved(kind: str, name: str, attributes: dict, references: list[dict]) -> dict:
    """Returns a saved object."""
    return {
        "id": name,
        "type": kind,
        "attributes": attributes,
        "references": references,
        "migrationVersion": {kind: VERSIONS[kind]},
    }


def reference(name: str, kind: str, target: str) -> dict:
    """Returns a reference from one object to another."""
    return {"name": name, "type": kind, "id": target}


def index_pattern(name: str, title: str, time: str) -> dict:
    """Returns an index pattern. Dashboards reads the fields from the cluster."""
    return saved("index-pattern", name, {"title": title, "timeFieldName": time}, [])


def source(query: str) -> dict:
    """Returns the part of an object that says what it searches."""
    text = {"query": {"query": query, "language": "lucene"}, "filter": []}
    return {"searchSourceJSON": compact({**text, "indexRefName": INDEX_REFERENCE})}


def search(name: str, title: str, index: str, query: str, columns: list[str], time: str) -> dict:
    """Returns a saved search, the newest events first."""
    attributes = {
        "title": title,
        "description": "",
        "columns": columns,
        "sort": [[time, "desc"]],
        "hits": 0,
        "version": 1,
        "kibanaSavedObjectMeta": source(query),
    }
    return saved("search", name, attributes, [reference(INDEX_REFERENCE, "index-pattern", index)])


def visualization(name: str, title: str, state: dict, meta: dict, references: list[dict]) -> dict:
    """Returns a visualisation."""
    attributes = {
        "title": title,
        "description": "",
        "version": 1,
        "uiStateJSON": "{}",
        "visState": compact({"title": title, **state}),
        "kibanaSavedObjectMeta": meta,
    }
    return saved("visualization", name, attributes, references)


def aggregated(name: str, title: str, index: str, query: str, kind: str, aggs, params) -> dict:
    """Returns a visualisation that Dashboards itself makes the query for: counts in buckets."""
    count = {"id": "1", "enabled": True, "type": "count", "schema": "metric", "params": {}}
    state = {"type": kind, "aggs": [count, *aggs], "params": params}
    to_index = reference(INDEX_REFERENCE, "index-pattern", index)
    return visualization(name, title, state, source(query), [to_index])


def over_time(name: str, title: str, index: str, query: str, time: str, split: str | None) -> dict:
    """Returns bars over time, of one colour for each value of the field `split`."""
    buckets = {"field": time, "interval": "auto", "min_doc_count": 1, "extended_bounds": {}}
    aggs = [
        {
            "id": "2",
            "enabled": True,
            "type": "date_histogram",
            "schema": "segment",
            "params": {**buckets, "useNormalizedOpenSearchInterval": True},
        }
    ]
    if split:
        aggs.append(terms("3", split, "group"))
    axis = {"show": True, "style": {}, "labels": {"show": True, "truncate": 100}}
    params = {
        "type": "histogram",
        "grid": {"categoryLines": False},
        "categoryAxes": [
            {
                **axis,
                "id": "CategoryAxis-1",
                "type": "category",
                "position": "bottom",
                "scale": {"type": "linear"},
                "title": {},
            }
        ],
        "valueAxes": [
            {
                **axis,
                "id": "ValueAxis-1",
                "name": "LeftAxis-1",
                "type": "value",
                "position": "left",
                "scale": {"type": "linear", "mode": "normal"},
                "title": {"text": "events"},
            }
        ],
        "seriesParams": [
            {
                "show": True,
                "type": "histogram",
                "mode": "stacked",
                "data": {"label": "events", "id": "1"},
                "valueAxis": "ValueAxis-1",
            }
        ],
        "addTooltip": True,
        "addLegend": split is not None,
        "legendPosition": "right",
        "times": [],
        "addTimeMarker": False,
        "labels": {"show": False},
    }
    return aggregated(name, title, index, query, "histogram", aggs, params)


def table(name: str, title: str, index: str, query: str, field: str) -> dict:
    """Returns a table: the most frequent values of a field."""
    params = {"perPage": ROWS, "showPartialRows": False, "showTotal": False, "totalFunc": "sum"}
    return aggregated(
        name, title, index, query, "table", [terms("2", field, "bucket")], {**params, "sort": {}}
    )


def terms(number: str, field: str, schema: str) -> dict:
    """Returns buckets for the most frequent values of a field."""
    params = {"field": field, "orderBy": "1", "order": "desc", "size": ROWS}
    return {"id": number, "enabled": True, "type": "terms", "schema": schema, "params": params}


ENRICHMENTS = "threat.enrichments"


def events_by(field: str, inner: dict | None = None, missing: str | None = None) -> dict:
    """Returns an aggregation: the values of a field of enrichments, with the number of events."""
    # An event counts once for a value, however many of its enrichments have it.
    terms = {"field": f"{ENRICHMENTS}.{field}", "size": ROWS}
    return {
        "terms": {**terms, **({"missing": missing} if missing else {})},
        "aggs": {**(inner or {}), "events": {"reverse_nested": {}}},
    }


def ours(aggregation: dict) -> dict:
    """Returns an aggregation over the enrichments that Threatsieve wrote.

    They are nested documents. Only Vega can ask for those; other visualisations cannot.
    """
    written = {"exists": {"field": f"{ENRICHMENTS}.threatsieve.blacklist"}}
    inner = {"ours": {"filter": written, "aggs": {"values": aggregation}}}
    return {"enrichments": {"nested": {"path": ENRICHMENTS}, "aggs": inner}}


def vega(name: str, title: str, aggregation: dict, transform: list[dict], encoding: dict) -> dict:
    """Returns bars of events, drawn by Vega-Lite. The dashboard's time and filters hold for it."""
    data = {
        "url": {
            "%context%": True,
            "%timefield%": EVENT_TIME,
            "index": EVENTS,
            "body": {"size": 0, "aggs": ours(aggregation)},
        },
        "format": {"property": "aggregations.enrichments.ours.values.buckets"},
    }
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": data,
        "transform": transform,
        "mark": {"type": "bar", "tooltip": True},
        "encoding": encoding,
    }
    params = {"spec": json.dumps(spec, indent=1)}
    nothing = {
        "searchSourceJSON": compact({"query": {"query": "", "language": "lucene"}, "filter": []})
    }
    return visualization(name, title, {"type": "vega", "aggs": [], "params": params}, nothing, [])


def axis(field: str, **options) -> dict:
    """Returns an axis with names."""
    return {"field": field, "type": "nominal", "title": None, **options}


EVENTS_AXIS = {
    "field": "count",
    "type": "quantitative",
    "title": "events",
    "axis": {"tickMinStep": 1},
}


def by_enrichment(name: str, title: str, field: str) -> dict:
    """Returns bars: the most frequent values of a field of enrichments."""
    counted = [{"calculate": "datum.events.doc_count", "as": "count"}]
    names = axis("key", sort="-x", axis={"labelLimit": 300})
    return vega(name, title, events_by(field), counted, {"y": names, "x": EVENTS_AXIS})


def by_marking() -> dict:
    """Returns bars for each TLP marking, divided by confidence."""
    aggregation = events_by(
        "indicator.marking.tlp",
        {"confidence": events_by("indicator.confidence")},
        missing="not marked",
    )
    transform = [
        {"flatten": ["confidence.buckets"], "as": ["level"]},
        {"calculate": "datum.level.key", "as": "confidence"},
        {"calculate": "datum.level.events.doc_count", "as": "count"},
    ]
    encoding = {
        "y": axis("key"),
        "x": EVENTS_AXIS,
        "color": axis("confidence", title="confidence"),
    }
    return vega(
        "threatsieve-by-marking",
        "Flagged events by TLP and confidence",
        aggregation,
        transform,
        encoding,
    )


def dashboard(panels: list[tuple[dict, int, int, int, int]]) -> dict:
    """Returns the dashboard. A panel has a place and a size on a grid of 48 columns."""
    placed, references = [], []
    for number, (panel, x, y, width, height) in enumerate(panels):
        name = f"panel_{number}"
        place = {"x": x, "y": y, "w": width, "h": height, "i": str(number)}
        placed.append(
            {
                "version": "2.19.0",
                "gridData": place,
                "panelIndex": str(number),
                "embeddableConfig": {},
                "panelRefName": name,
            }
        )
        references.append(reference(name, panel["type"], panel["id"]))
    attributes = {
        "title": "Threatsieve",
        "description": "Flagged events, events that could not be checked, and retractions",
        "hits": 0,
        "version": 1,
        "panelsJSON": compact(placed),
        "optionsJSON": compact({"hidePanelTitles": False, "useMargins": True}),
        "timeRestore": True,
        "timeFrom": "now-7d",
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 0},
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": compact(
                {"query": {"query": "", "language": "lucene"}, "filter": []}
            )
        },
    }
    return saved("dashboard", "threatsieve", attributes, references)


def objects() -> list[dict]:
    """Returns all saved objects. The indices come first, because the others refer to them."""
    flagged = over_time(
        "threatsieve-flagged-over-time",
        "Flagged events over time",
        EVENTS_ID,
        FLAGGED,
        EVENT_TIME,
        None,
    )
    indicators = by_enrichment(
        "threatsieve-by-indicator", "Flagged events by indicator", "indicator.name"
    )
    feeds = by_enrichment("threatsieve-by-feed", "Flagged events by feed", "feed.name")
    marking = by_marking()
    sources = table(
        "threatsieve-by-source", "Flagged events by source", EVENTS_ID, FLAGGED, "source.ip"
    )
    unchecked = over_time(
        "threatsieve-unchecked-over-time",
        "Events that could not be checked, by reason",
        EVENTS_ID,
        UNCHECKED,
        EVENT_TIME,
        "threatsieve.unchecked",
    )
    retracted = over_time(
        "threatsieve-retracted-over-time",
        "Retractions over time",
        RECORDS_ID,
        RETRACTED,
        RETRACTION_TIME,
        None,
    )
    newest = search(
        "threatsieve-flagged",
        "Flagged events",
        EVENTS_ID,
        FLAGGED,
        ["source.ip", "url.original", "destination.ip", "message"],
        EVENT_TIME,
    )
    not_checked = search(
        "threatsieve-unchecked",
        "Events that could not be checked",
        EVENTS_ID,
        UNCHECKED,
        ["threatsieve.unchecked", "message"],
        EVENT_TIME,
    )
    retractions = search(
        "threatsieve-retractions",
        "Retractions",
        RECORDS_ID,
        RETRACTED,
        ["threatsieve.indicator", "threatsieve.feed", "threatsieve.reason", "threatsieve.id"],
        RETRACTION_TIME,
    )
    panels = [
        (flagged, 0, 0, 48, 11),
        (indicators, 0, 11, 24, 16),
        (sources, 24, 11, 24, 16),
        (feeds, 0, 27, 24, 12),
        (marking, 24, 27, 24, 12),
        (newest, 0, 39, 48, 18),
        (unchecked, 0, 57, 24, 11),
        (not_checked, 24, 57, 24, 11),
        (retracted, 0, 68, 24, 11),
        (retractions, 24, 68, 24, 11),
    ]
    return [
        index_pattern(EVENTS_ID, EVENTS, EVENT_TIME),
        index_pattern(RECORDS_ID, RECORDS, RETRACTION_TIME),
        *(panel for panel, *_ in panels),
        dashboard(panels),
    ]


def text() -> str:
    """Returns the content of the file: one object a line, and a summary."""
    found = objects()
    summary = {"exportedCount": len(found), "missingRefCount": 0, "missingReferences": []}
    return "".join(f"{json.dumps(each)}\n" for each in [*found, summary])


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
