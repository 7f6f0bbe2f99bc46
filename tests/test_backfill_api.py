"""Backfills that are started, watched and cancelled through the API, while `run` runs."""

import hashlib
import json
import re
from urllib.parse import urlencode

import pytest

from tests import program, stix
from tests.backfilling import Backfilling, claims, flagged
from tests.servers import free_port
from tests.service import Answer, Service
from tests.test_api import everything, get, problem
from tests.test_backfill import (
    EVENTS,
    EVIL,
    FIRST,
    MAPPING,
    NUMBERS,
    OTHERS,
    WANTED,
    event,
    found,
    index,
    stored,
)

PATH = "/api/v1/backfills"
MANY = 1000
RATE = 100
"""Events in a second: a backfill of all takes ten seconds."""


@pytest.fixture
def node(opensearch_3, tmp_path):
    claims(opensearch_3, tmp_path)
    return opensearch_3


@pytest.fixture
def name():
    return f"asked-{next(NUMBERS)}"


def service(folder, node, name: str, *indices: str, every: str = "1h", **settings) -> Service:
    """Returns a service whose rounds match the events of these indices. `settings` are those of
    `[opensearch.backfill]`.
    """
    controller = Backfilling(folder, node, name, *indices, **settings)
    controller.publish(FIRST, *OTHERS)
    tables = {
        **controller.tables,
        "schedule": {"every": every},
        "server": {"listen": "127.0.0.1:0", "max_requests": 1_000_000},
    }
    return Service(folder, [tables.pop("feeds")], tables)


def many(node, name: str) -> None:
    """Creates an index with events that all match."""
    made = [event(number, "evil.example") for number in range(MANY)]
    index(node, name, {f"{number:04}": each for number, each in enumerate(made)})


def ask(one: Service, **body) -> dict:
    """Starts a backfill, and returns it."""
    answer = one.send(PATH, body)
    assert answer.status == 202, answer
    made = answer.json
    assert answer.headers["location"] == f"{PATH}/{made['id']}"
    assert (made["kind"], made["state"]) == ("asked", "queued")
    return made


def look(one: Service, made: dict) -> dict:
    """Returns a backfill as it is now."""
    return get(one, f"/backfills/{made['id']}")


def wait(one: Service, made: dict, condition, seconds: float = 60) -> dict:
    """Waits until the condition holds for a backfill, and returns it."""
    one.wait_for(lambda: condition(look(one, made)), seconds)
    return look(one, made)


def ended(one: Service, made: dict) -> dict:
    return wait(one, made, lambda it: it["asked"]["ended"] is not None)


def is_running(backfill: dict) -> bool:
    return backfill["state"] == "running" and backfill["asked"]["read"] > 0


def cancel(one: Service, made: dict) -> Answer:
    return one.ask(f"{PATH}/{made['id']}", "DELETE")


def test_a_backfill_does_what_the_command_does(node, name, tmp_path):
    command, ranged, own = f"{name}-command", f"{name}-ranged", f"{name}-own"
    ways = {way: f"{name}-{way}" for way in ("query", "values", "scan")}
    for each in (command, ranged, *ways.values()):
        index(node, each)
    index(node, own, {"2": EVENTS["2"]})
    one = service(tmp_path / "c", node, name, own)
    one.write()
    one.run("poll", "--force")
    one.run("backfill", "--index", command)
    assert found(node, command) == WANTED
    with one:
        one.wait_for_rounds(1)
        assert found(node, ways["scan"]) == {}
        for way, each in ways.items():
            made = ask(one, indices=[each], way=way)
            assert made["asked"]["indices"] == [each] and made["asked"]["way"] == way
            done = ended(one, made)
            assert done["state"] == "done", done
            assert found(node, each) == WANTED, way
            asked = done["asked"]
            assert asked["flagged"] == len(WANTED) and asked["by"] == "local"
            # Two searches may find the same event.
            assert len(WANTED) <= asked["read"] <= 2 * len(EVENTS)
            assert asked["outcome"] == f"5 flagged of {asked['read']} events read"
            assert done["done"] == done["total"] == len(EVENTS) and done["left"] == 0
        made = ask(one, indices=[ranged], since="2026-11-04", until="2026-11-05T12:00:00Z")
        assert (made["asked"]["since"], made["asked"]["until"]) == (
            "2026-11-04T00:00:00Z", "2026-11-05T12:00:00Z",
        )  # fmt: skip
        assert ended(one, made)["state"] == "done"
        # Number 8 has no time.
        assert found(node, ranged) == {number: WANTED[number] for number in ("3", "8")}
        again = ended(one, ask(one, indices=[command], way="scan"))
        assert again["asked"]["flagged"] == 0 and again["asked"]["read"] == len(EVENTS)
        every = everything(one, "/backfills", limit=2)
        assert [each["id"] for each in every] == ["logs", "indices", "5", "4", "3", "2", "1"]
        assert every == everything(one, "/backfills") and every[2] == again
        one.send("/api/v1/rounds", {})
        one.wait_for_rounds(2)
        rounds = get(one, "/backfills/indices")
        assert (rounds["state"], rounds["total"]) == ("idle", 2), "its own index alone"
        missing = ended(one, ask(one, indices=[f"{name}-nothing*"]))
        assert (
            missing["state"] == "failed"
            and "no index has a name like" in (missing["asked"]["outcome"])
        )
    assert '"by":"local"' in one.log() and "asked for: start a backfill" in one.log()


def test_what_runs_and_what_waits_is_cancelled(node, name, tmp_path):
    own = f"{name}-own"
    many(node, name)
    index(node, own, {"2": EVENTS["2"]})
    one = service(tmp_path / "c", node, name, own, rate=RATE)
    with one:
        one.wait_for_rounds(1)
        runs, waits, later = (ask(one, indices=[name], way="scan") for _ in range(3))
        wait(one, runs, is_running)
        assert look(one, waits)["state"] == "queued"
        # A round does not wait for it.
        assert one.send("/api/v1/rounds", {}).status == 202
        one.wait_for_rounds(2)
        wait(one, runs, is_running)
        assert cancel(one, waits).json["state"] == "cancelled"
        before = wait(one, runs, lambda it: it["asked"]["read"] >= 2 * RATE)
        assert before["state"] == "running" and before["asked"]["read"] < MANY
        answer = cancel(one, runs)
        assert (answer.status, answer.json["state"]) == (200, "cancelled"), answer
        assert answer.json["asked"]["outcome"] == "cancelled by local"
        # The third one has its turn, so the first one has ended.
        wait(one, later, is_running)
        after = look(one, runs)
        assert after["asked"]["read"] <= before["asked"]["read"] + 3 * RATE
        assert look(one, waits)["asked"]["started"] is None
        assert 0 < after["asked"]["flagged"] <= len(found(node, name)) < MANY
        for made in (runs, waits, {"id": "logs"}, {"id": "indices"}):
            problem(cancel(one, made), 409)
        for unknown in ("99", "nobody", "-1", "9" * 30):
            problem(cancel(one, {"id": unknown}), 404)
            problem(one.ask(f"{PATH}/{unknown}"), 404)
        # The end of the program does not end it.
        one.stop()
        one.start()
        assert look(one, later)["state"] in ("queued", "running")
        assert cancel(one, later).status == 200


def test_rounds_and_a_kill_come_in_between(node, name, tmp_path):
    own = f"{name}-own"
    rate = 2 * RATE
    many(node, name)
    index(node, own, {"1": EVENTS["1"]})
    one = service(tmp_path / "c", node, name, own, every="1s", rate=rate, budget="1s")
    with one:
        one.wait_for_rounds(1)
        made = ask(one, indices=[name], way="scan")
        wait(one, made, lambda it: it["asked"]["read"] >= rate)
        killed = look(one, made)
        assert killed["state"] == "running" and 0 < killed["done"] < killed["total"] == MANY
        one.process.kill()
        one.process.wait()
        one.start()
        rounds = len(one.reports())
        done = wait(one, made, lambda it: it["asked"]["ended"] is not None, 120)
        assert done["state"] == "done", done
        assert done["asked"]["started"] == killed["asked"]["started"]
        # It went on. Of the page that was cut off, some events were flagged already.
        assert MANY - 2 * rate <= done["asked"]["read"] <= MANY
        assert len(one.reports()) - rounds >= 2, "rounds in between"
        one.stop()
    documents = stored(node, name)
    assert all(flagged(each) == {EVIL} for each in documents.values())
    assert all(len(each["threatsieve"]["flags"]) == 1 for each in documents.values())
    # Rounds of this index report each event once.
    one.tables["opensearch.backfill"] |= {"indices": [own, name], "rate": 0, "budget": "60s"}
    one.write()
    controller = Backfilling(tmp_path / "other", node, name)
    controller.mails = tmp_path / "c/mails"
    for _ in range(2):
        one.run("poll", "--force")
        assert controller.told() == MANY + 1


def test_what_fails_says_why(node, name, tmp_path):
    closed, own = f"{name}-closed", f"{name}-own"
    index(node, closed)
    node.post(f"/{closed}/_close")
    index(node, own, {"1": EVENTS["1"]})
    index(node, f"{name}-open")
    one = service(tmp_path / "c", node, name, own)
    with one:
        one.wait_for_rounds(1)
        failed = ended(one, ask(one, indices=[f"{name}-*"]))
        assert (
            failed["state"] == "failed"
            and f"{closed}: it is closed" in (failed["asked"]["outcome"])
        )
        assert found(node, f"{name}-open") == WANTED, "the others are done"
        other = Backfilling(tmp_path / "other", node, name, own)
        other.publish(FIRST)
        other.backfill("--take-over", expect=None)
        failed = ended(one, ask(one, all=True))
        assert failed["state"] == "failed"
        assert "another controller holds" in failed["asked"]["outcome"]
        one.tables["opensearch"]["hosts"] = [f"http://127.0.0.1:{free_port()}"]
        one.write()
        assert one.ask("/api/v1/configuration/reload", "POST").status == 204
        failed = ended(one, ask(one, all=True))
        assert failed["state"] == "failed" and failed["asked"]["outcome"]
        problem(cancel(one, failed), 409)


class Nowhere:
    """A node that nobody runs."""

    url = "http://127.0.0.1:9"


def waiting(folder) -> Service:
    """Returns a service without a blacklist, so that backfills wait."""
    one = service(folder, Nowhere, "default", "proxy-*")
    (folder / "bundle.json").unlink()
    return one


def test_requests_that_are_wrong_are_refused(tmp_path):
    with waiting(tmp_path) as one:
        for body, status in (
            ({}, 422), ({"way": "scan"}, 422), ({"all": False}, 422),
            ({"all": True, "indices": ["a"]}, 422), ({"since": "yesterday"}, 422),
            ({"since": "2026-11-02", "until": "2026-11-01"}, 422), ({"indices": []}, 422),
            ({"indices": [".."]}, 422), ({"indices": ["a,b"]}, 422), ({"indices": ["_all"]}, 422),
            ({"indices": ["x" * 256]}, 422), ({"indices": ["a"] * 21}, 422),
            ({"indices": ["x" * 200] * 11}, 422), ({"indices": "a"}, 400), ({"indices": [1]}, 400),
            ({"all": True, "way": "fast"}, 400), ({"all": 1}, 400), ({"al": True}, 400), ([], 400),
        ):  # fmt: skip
            problem(one.send(PATH, body), status)
        problem(one.ask(PATH, "POST", body=b"{}"), 415)
        problem(one.ask(f"{PATH}?limit=0"), 400)
        problem(one.ask(f"{PATH}?state=done"), 400)
        assert [each["id"] for each in get(one, "/backfills")["items"]] == ["logs", "indices"]
        # Without indices in the configuration, there is nothing to match.
        del one.tables["opensearch.backfill"]
        one.write()
        assert one.ask("/api/v1/configuration/reload", "POST").status == 204
        assert "[opensearch.backfill]" in problem(one.send(PATH, {"all": True}), 409)["expected"]
        assert [each["id"] for each in get(one, "/backfills")["items"]] == ["logs"]
        problem(cancel(one, {"id": "indices"}), 404)


def test_only_some_wait_and_the_page_cancels_them(tmp_path):
    with waiting(tmp_path) as one:
        made = [ask(one, since=f"2026-11-{number + 1:02}") for number in range(16)]
        full = one.send(PATH, {"all": True})
        problem(full, 503)
        assert full.headers["retry-after"] == "30"
        rows = get(one, "/backfills", limit=500)["items"]
        numbers = [each["id"] for each in reversed(made)]
        assert [row["id"] for row in rows] == ["logs", "indices", *numbers]
        for limit in (1, 2, 3, 17, 18):
            assert everything(one, "/backfills", limit=limit) == rows, limit
        page = one.ask("/").text
        assert "all indices, since 2026-11-16 00:00:00" in page and "It waits for its turn" in page
        token = re.search(r'name="form" value="([^"]+)"', page)[1]
        form = {"Content-Type": "application/x-www-form-urlencoded"}

        def send(**fields):
            return one.ask("/page/cancel", "POST", form, urlencode(fields).encode())

        assert send(form="guessed", id=made[0]["id"]).status == 403
        assert send(form=token, id=made[0]["id"]).headers["location"] == "/?done=cancelled"
        assert look(one, made[0])["state"] == "cancelled"
        assert send(form=token, id=made[0]["id"]).status == 409
        assert send(form=token, id="logs").status == 409
        assert ask(one, all=True)["id"] == "17", "there is a place again"


def test_only_writers_start_and_cancel(tmp_path):
    one = waiting(tmp_path)
    one.tables["server"]["tokens"] = [
        {"name": role, "sha256": hashlib.sha256(role.encode()).hexdigest(), "role": role}
        for role in ("read", "write")
    ]
    read, write = ({"Authorization": f"Bearer {role}"} for role in ("read", "write"))
    with one:
        problem(one.send(PATH, {"all": True}), 401)
        problem(one.send(PATH, {"all": True}, headers=read), 403)
        made = one.send(PATH, {"all": True}, headers=write).json
        assert made["asked"]["by"] == "write"
        path = f"{PATH}/{made['id']}"
        problem(one.ask(path, "DELETE", headers=read), 403)
        assert one.ask(path, headers=read).json == made
        assert one.ask(path, "DELETE", headers=write).json["state"] == "cancelled"
    logged = [json.loads(line) for line in one.log().splitlines() if "asked for" in line]
    assert [(line["by"], line["message"]) for line in logged] == [
        ("write", "asked for: start a backfill"), ("write", "asked for: cancel a backfill"),
    ]  # fmt: skip
    assert program.run("status", "--config", one.config, expect=None).stdout
