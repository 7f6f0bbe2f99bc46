"""A client that follows the rules for writing to MISP recovers from every fault of the double."""

import http.client
import random

import pytest

from tests import misp, seeds
from tests.misp.client import ask

EVENT = "7b1f0c9e-0001-5a00-8000-000000000001"
TRIES = 400


def attributes(count: int) -> list[dict]:
    """Returns attributes with UUIDs of their own."""
    return [
        {
            "uuid": f"7b1f0c9e-00a1-5a00-8000-{number:012}",
            "type": "domain",
            "value": f"d{number}.example",
            "to_ids": number % 2 == 0,
        }
        for number in range(count)
    ]


def careful(double: misp.Misp, method: str, path: str, body=None) -> tuple[int, object]:
    """Sends a request; an answer that is none counts as status 0."""
    try:
        status, found = ask(double, method, path, body, seconds=10)
    except (http.client.HTTPException, OSError):
        return 0, None
    return (status, found) if isinstance(found, dict) else (0, None)


def held(double: misp.Misp) -> dict[str, dict] | None:
    """Returns what the event holds, or none if that cannot be read now."""
    status, body = careful(double, "GET", f"/events/view/{EVENT}/deleted:1")
    if status == 404 and body["message"] == "Invalid event":
        return {}
    if status != 200 or "Event" not in body:
        return None
    return {row["uuid"]: row for row in body["Event"]["Attribute"]}


def differs(row: dict, known: dict | None) -> bool:
    """Returns true if an attribute is not stored as it is wanted."""
    return known is None or any(known[name] != row[name] for name in ("value", "to_ids"))


def write(double: misp.Misp, rows: list[dict]) -> None:
    """Writes an event until it is read back as it should be: view, compare, add or edit."""
    for _ in range(TRIES):
        known = held(double)
        if known is None:
            continue
        missing = [row for row in rows if differs(row, known.get(row["uuid"]))]
        if known and not missing:
            return
        event = {"uuid": EVENT, "info": "recovery", "distribution": "0", "Attribute": missing}
        careful(double, "POST", f"/events/edit/{EVENT}" if known else "/events/add", event)
    raise AssertionError(f"not written after {TRIES} tries")


@pytest.mark.parametrize("offset", range(3))
def test_after_random_faults_the_event_holds_what_was_sent(misp_double, offset):
    choices = random.Random(seeds.SEED + offset)
    misp_double.random_faults(seed=choices.randrange(1_000_000), rate=0.6)
    rows = attributes(30)
    for _ in range(20):
        write(misp_double, rows)
        for row in choices.sample(rows, 10):
            row["to_ids"] = not row["to_ids"]
    write(misp_double, rows)
    found = {row["uuid"]: row for row in misp_double.attributes()}
    assert {uuid: (row["value"], row["to_ids"]) for uuid, row in found.items()} == {
        row["uuid"]: (row["value"], row["to_ids"]) for row in rows
    }
    met = {fault for logged in misp_double.requests for fault in logged.faults}
    assert len(met) > 5, f"hardly any fault happened: {met}"
