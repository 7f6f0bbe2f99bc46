"""Searches in the MISP double find exactly what was stored."""

from tests.misp.client import ask

SEARCH = "/attributes/restSearch"


def filled(double) -> None:
    """Stores three events: published with a tag, unpublished, and one of another organisation."""
    double.tag("tlp:green")
    rows = [
        {"type": "domain", "value": f"a{number}.example", "to_ids": number % 3 > 0}
        for number in range(50)
    ]
    first = {"info": "first", "published": True, "Tag": [{"name": "tlp:green"}]}
    ask(double, "POST", "/events/add", {"Event": first | {"Attribute": rows}})
    rows = [{"type": "ip-dst", "value": f"198.51.100.{number}"} for number in range(40)]
    rows[0]["deleted"] = True
    ask(double, "POST", "/events/add", {"Event": {"info": "second", "Attribute": rows}})
    hidden = {
        "info": "hidden",
        "distribution": "0",
        "Attribute": [{"type": "md5", "value": "0" * 32}],
    }
    ask(double, "POST", "/events/add", {"Event": hidden}, double.key_of("other"))


def found(double, **asked) -> list[str]:
    """Returns the values that a search finds."""
    status, body = ask(double, "POST", SEARCH, asked)
    assert status == 200
    return [row["value"] for row in body["response"]["Attribute"]]


def stored(double, fits) -> list[str]:
    """Returns the values of the stored attributes that fit."""
    events = {each["uuid"]: each for each in double.events()}
    return [row["value"] for row in double.attributes() if fits(row, events[row["event"]])]


def is_seen(row: dict, event: dict) -> bool:
    """Returns true for attributes that the usual user finds without parameters."""
    return not row["deleted"] and event["org"] == "SourceOrg"


def test_pages_hold_each_attribute_once(misp_double):
    filled(misp_double)
    pages, number = [], 1
    while page := found(misp_double, limit=7, page=number):
        assert len(page) <= 7
        pages += page
        number += 1
    assert pages == stored(misp_double, is_seen)


def test_parameters_narrow_a_search(misp_double):
    filled(misp_double)

    def check(expected, **asked) -> None:
        wanted = stored(
            misp_double, lambda row, event: expected(row, event) and event["org"] != "OtherOrg"
        )
        assert wanted
        assert found(misp_double, **asked) == wanted

    check(lambda row, _: row["to_ids"] and not row["deleted"], to_ids=1)
    check(lambda row, _: row["type"] == "ip-dst" and not row["deleted"], type="ip-dst")
    check(lambda row, _: row["deleted"], deleted=1)
    check(lambda row, _: True, deleted=[0, 1])
    check(lambda row, event: event["published"], published=1)
    check(lambda row, event: "tlp:green" in event["tags"], tags=["tlp:green"])
    check(lambda row, event: is_seen(row, event) and not event["tags"], tags=["!tlp:green"])
    check(lambda row, _: row["value"].startswith("a1"), value="a1%")


def test_other_organisations_do_not_find_hidden_events(misp_double):
    filled(misp_double)
    assert found(misp_double, value="0" * 32) == []
    status, body = ask(
        misp_double, "POST", SEARCH, {"value": "0" * 32}, misp_double.key_of("other")
    )
    assert (status, len(body["response"]["Attribute"])) == (200, 1)
