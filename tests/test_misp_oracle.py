"""The rows of misp-stix, which other conversions to MISP are compared with."""

import json

import pytest

from tests.misp import captures, oracle
from tests.misp.client import ask


def captured(name: str) -> bytes:
    """Returns the STIX document that a captured request uploaded."""
    body = captures.load()[name]["request"]["body"]
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def test_a_watchlist_becomes_one_row_for_each_address():
    rows = oracle.converted(captured("stix1_ip_watchlist"))
    assert [(row.type, row.value, row.to_ids) for row in rows] == [
        ("ip-dst", f"10.0.0.{number}", True) for number in range(3)
    ]


def test_rows_name_their_object():
    rows = oracle.converted(captured("stix21_bundle_no_report"))
    assert ("domain", "stix21.example", "Network activity", True, None, None) in rows
    patterns = [row.value for row in rows if row.object_name == "stix2-pattern"]
    assert "[url:value = 'http://stix21.example/a' OR domain-name:value = 'or.example']" in patterns


def test_a_document_that_is_no_stix_is_refused():
    with pytest.raises(oracle.Unconverted, match="ParseError"):
        oracle.converted(b'{"hello": "world"}')
    with pytest.raises(oracle.Unconverted, match="not one of"):
        oracle.converted(b"<hello/>")


def test_the_double_stores_the_rows_of_an_upload(misp_double):
    content = captured("stix21_bundle_no_report")
    ask(misp_double, "POST", "/events/upload_stix/2", json.loads(content))
    stored = {
        (row["type"], row["value"], row["category"], row["to_ids"], row["object_name"])
        for row in misp_double.attributes()
        if row["object_name"] != "original-imported-file"
    }
    assert stored == {row[:5] for row in oracle.converted(content)}
