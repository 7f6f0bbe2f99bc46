"""Matches as STIX sightings in the collections of real TAXII servers: medallion for 2.1, medallion
1.1.0 for 2.0.
"""

import json
import os
import sqlite3
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
import stix2

from tests import program, servers, stix, taxii2_servers
from tests.hostile import Asked, Reply, serving
from tests.polling import Polling, toml
from tests.servers import EMPTY, OPEN
from tests.stix import TLP

LINE = "{at}.250 0 10.1.2.3 TCP_MISS/200 603 GET http://{host}/ - HIER_DIRECT/192.0.2.7 text/html"
AT = 1_795_000_000
VERSIONS = ["2.1", "2.0"]
GREEN = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"
"""TLP:GREEN as both versions of STIX define it."""


def indicators(version: str) -> list[dict]:
    """Returns indicators of h1.example (GREEN), h2.example (unmarked) and h3.example (RED)."""
    marks = {"2.1": {1: TLP["green"], 3: TLP["red"]}, "2.0": {1: GREEN}}[version]
    made = []
    for number in (1, 2, 3):
        one = stix.indicator(number, f"[domain-name:value = 'h{number}.example']", labels=["x"])
        if number in marks:
            one["object_marking_refs"] = [marks[number]]
        if version == "2.0":
            del one["spec_version"], one["pattern_type"]
        made.append(one)
    return made


@pytest.fixture(scope="module")
def medallions(tmp_path_factory):
    """The servers of both versions. Each test looks only at sightings of its own reporter."""
    new, old = (tmp_path_factory.mktemp(name) for name in ("medallion", "medallion20"))
    with (
        servers.medallion(new, indicators("2.1")) as one,
        taxii2_servers.medallion_20(old, indicators("2.0")) as other,
    ):
        yield {"2.1": one, "2.0": other}


class Reporting(Polling):
    """A controller that reads a collection and reports matches to it."""

    def __init__(self, folder, server, url: str = "", **settings):
        self.settings = {
            "name": "partner",
            "type": "taxii",
            "url": url or f"{server.root}collections/{OPEN}/",
            "user": servers.USER,
            "password": {"env": "PASSWORD"},
            "overlap": "1s",
            "sightings": True,
            "sightings_reporter": str(folder),
            **settings,
        }
        environment = {"PASSWORD": servers.PASSWORD}
        super().__init__(folder, self.settings, environment=environment)
        self.folder, self.server, self.log = folder, server, folder / "access.log"
        self.log.touch()
        self.rest = '[[logs]]\nname = "proxy"\npaths = ["access.log"]\n'
        self.rest += '[history]\nwindow = "3650d"\n[matching]\nmax_tlp = "RED"\n'
        self.configure()

    def configure(self, **settings) -> None:
        """Changes settings of the feed."""
        self.settings |= settings
        feed = "".join(f"{key} = {toml(value)}\n" for key, value in self.settings.items())
        text = f'state = "state"\n[[feeds]]\n{feed}{self.rest}'
        self.path.write_text(text, encoding="utf-8")

    def visit(self, *hosts: str, at: int = AT) -> None:
        """Appends a line for each host to the log, a second apart."""
        with self.log.open("a", encoding="utf-8") as log:
            for number, host in enumerate(hosts):
                log.write(LINE.format(at=at + number, host=host) + "\n")

    def round(self, expect: int | None = program.DONE) -> dict:
        """Runs a round. Returns its report on sightings."""
        output = program.run(
            "poll", "--force", "--json", "--config", self.path, expect=expect, env=self.environment
        ).stdout
        report = json.loads(output)["sightings"]
        return report[0] if report else {}

    def make_due(self) -> None:
        """Lets a failed attempt be repeated at once."""
        state = sqlite3.connect(self.folder / "state" / "state.db")
        state.execute("UPDATE sighting_feeds SET next_attempt = 0")
        state.commit()
        state.close()

    def objects(self, collection: str = OPEN) -> list[dict]:
        """Returns the objects of this reporter in the collection, with all their versions."""
        is_old = isinstance(self.server, taxii2_servers.Medallion20)
        accept = taxii2_servers.STIX_20 if is_old else servers.TAXII
        query = urllib.parse.urlencode({"match[version]": "all"})
        request = urllib.request.Request(
            f"{self.server.root}collections/{collection}/objects/?{query}",
            headers={"Accept": accept,
                     "Authorization": servers.basic(servers.USER, servers.PASSWORD)},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:
            objects = json.load(answer).get("objects", [])
        (identity,) = [one["id"] for one in objects if one.get("name") == str(self.folder)] or [""]
        return [one for one in objects if identity in (one["id"], one.get("created_by_ref"))]

    def sightings(self, collection: str = OPEN) -> list[dict]:
        """Returns the sightings in the collection."""
        return [one for one in self.objects(collection) if one["type"] == "sighting"]


@pytest.mark.parametrize("version", VERSIONS)
def test_matches_become_one_sighting_for_each_indicator(version, medallions, tmp_path):
    made = Reporting(tmp_path, medallions[version])
    made.visit("h1.example")
    made.round()
    assert made.sightings() == [], "what was found before is not reported"
    made.visit("www.h1.example", "h2.example", "h1.example", "h3.example", at=AT + 100)
    assert made.round()["sent"] == (2 if version == "2.1" else 3)
    identity, *_ = [one for one in made.objects() if one["type"] == "identity"]
    sightings = {one["sighting_of_ref"]: one for one in made.sightings()}
    first = sightings[stix.identifier(1)]
    assert first["count"] == 2 and first["where_sighted_refs"] == [identity["id"]]
    assert (first["first_seen"], first["last_seen"]) == (
        "2026-11-18T11:08:20.250Z", "2026-11-18T11:08:22.250Z",
    )  # fmt: skip
    assert first["object_marking_refs"] == [GREEN]
    assert "object_marking_refs" not in sightings[stix.identifier(2)]
    if version == "2.1":
        assert stix.identifier(3) not in sightings, "it is RED"
    for one in made.objects():
        parsed = stix2.parse(one, version=version, allow_custom=False)
        assert parsed["type"] == one["type"] and one.get("spec_version", "2.0") == version
    # Nothing is repeated, and later matches make another object.
    assert made.round()["sent"] == 0
    made.visit("h1.example", at=AT + 200)
    made.round()
    of_first = [one for one in made.sightings() if one["sighting_of_ref"] == stix.identifier(1)]
    assert sorted(one["count"] for one in of_first) == [1, 2]
    assert len({one["id"] for one in of_first}) == 2


def passing_on(server, answer):
    """Returns what passes requests on to a server. `answer` may replace the answer to a POST."""

    def reply(asked: Asked) -> Reply:
        names = ("accept", "authorization", "content-type")
        headers = {name: asked.headers[name] for name in names if name in asked.headers}
        query = f"?{urllib.parse.urlencode(asked.query)}" if asked.query else ""
        request = urllib.request.Request(
            server.url + asked.path + query, data=asked.body or None, headers=headers,
            method=asked.method,
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=60) as got:
                status, kind, body = got.status, got.headers["Content-Type"], got.read()
        except urllib.error.HTTPError as error:
            status, kind, body = error.code, error.headers["Content-Type"], error.read()
        passed = Reply(body, status, {"Content-Type": kind})
        return answer(passed) if asked.method == "POST" else passed

    return reply


@pytest.mark.parametrize("version", VERSIONS)
def test_a_lost_answer_adds_nothing_twice(version, medallions, tmp_path):
    lost = []

    def lose(passed: Reply) -> Reply:
        if len(lost) < 3:
            lost.append(passed)
            return Reply(b"busy", 503, {"Retry-After": "600"})
        return passed

    server = medallions[version]
    with serving(passing_on(server, lose)) as between:
        made = Reporting(tmp_path, server, url=f"{between.url}/root/collections/{OPEN}/")
        made.round()
        made.visit("h1.example", "h2.example")
        for _ in range(3):
            assert made.round(expect=program.REMOTE)["error"]
            assert made.round()["sent"] == 0, "not due"
            made.make_due()
        assert made.round()["sent"] == 2
    assert len(made.sightings()) == 2 and len(lost) == 3


@pytest.mark.parametrize("version", VERSIONS)
def test_a_kill_after_the_server_took_them_adds_nothing_twice(version, medallions, tmp_path):
    taken = []

    def hold(passed: Reply) -> Reply:
        taken.append(passed)
        if len(taken) == 1:
            time.sleep(20)
        return passed

    server = medallions[version]
    with serving(passing_on(server, hold)) as between:
        made = Reporting(tmp_path, server, url=f"{between.url}/root/collections/{OPEN}/")
        made.round()
        made.visit("h1.example", "h2.example")
        process = program.start(
            "poll", "--force", "--config", made.path,
            env={**os.environ, **made.environment},
        )  # fmt: skip
        end = time.monotonic() + 30
        while not taken and time.monotonic() < end:
            time.sleep(0.02)
        process.kill()
        process.communicate()
        # More matches do not change what may have been sent.
        made.visit("h1.example", at=AT + 500)
        assert made.round()["sent"] == 3
    assert sorted(one["count"] for one in made.sightings()) == [1, 1, 1]
    assert len({one["id"] for one in made.sightings()}) == 3


def test_another_collection_gets_them_if_that_is_configured(medallions, tmp_path):
    server = medallions["2.1"]
    other = f"{server.root}collections/{EMPTY}/"
    made = Reporting(tmp_path, server, sightings_to=other)
    made.round()
    made.visit("h1.example")
    assert made.round()["sent"] == 1
    assert made.sightings() == [] and len(made.sightings(EMPTY)) == 1
    assert 'sightings go to "Empty"' in made.check()


def test_a_ceiling_lets_more_or_less_through(medallions, tmp_path):
    made = Reporting(tmp_path, medallions["2.1"], sightings_max_tlp="RED")
    made.round()
    made.visit("h3.example")
    assert made.round()["sent"] == 1
    (sighting,) = made.sightings()
    assert sighting["object_marking_refs"] == [
        "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"
    ]
    made.configure(sightings_max_tlp="CLEAR")
    made.visit("h1.example", "h2.example", at=AT + 100)
    assert made.round()["sent"] == 1
    assert {one["sighting_of_ref"] for one in made.sightings()} == {
        stix.identifier(3), stix.identifier(2),
    }  # fmt: skip


def test_they_are_off_by_default_and_begin_with_later_matches(medallions, tmp_path):
    made = Reporting(tmp_path, medallions["2.1"], sightings=False)
    made.visit("h1.example")
    assert made.round() == {}
    made.configure(sightings=True)
    made.round()
    made.visit("h1.example", at=AT + 100)
    made.round()
    made.configure(sightings=False)
    made.visit("h1.example", at=AT + 200)
    made.round()
    made.configure(sightings=True)
    made.round()
    assert len(made.sightings()) == 1


def test_a_collection_that_cannot_be_written_is_a_condition(medallions, tmp_path):
    server = medallions["2.0"]
    made = Reporting(tmp_path, server, sightings_to=f"{server.root}collections/last/")
    made.rest += '[health]\nstuck_after = "1s"\n'
    made.configure()
    made.round()
    made.visit("h1.example")
    assert "can_write" in made.check(expect=program.REMOTE)
    assert "can_write" in made.round(expect=program.REMOTE)["error"]
    time.sleep(1.1)
    made.make_due()
    made.round(expect=program.REMOTE)
    output = program.run("status", "--json", "--config", made.path, env=made.environment).stdout
    status = json.loads(output)
    assert [one["kind"] for one in status["conditions"]] == ["sightings_stuck"]
    assert status["sightings"][0]["waiting"] == 1
    made.configure(sightings_to=f"{server.root}collections/{OPEN}/")
    made.make_due()
    assert made.round(expect=None)["sent"] == 1


@pytest.mark.parametrize(("settings", "message"), [
    ({"sightings_to": "https://elsewhere.example/c/"}, "credentials go to no other server"),
    ({"sightings_reporter": ""}, "sightings_reporter"),
    ({"sightings_max_tlp": "PINK"}, "sightings_max_tlp"),
])  # fmt: skip
def test_wrong_settings_are_explained(settings, message, tmp_path):
    made = Reporting(tmp_path, None, url="https://taxii.example/c/", **settings)
    assert message in program.run(
        "config", "check", "--offline", "--config", made.path, expect=program.USAGE,
        env=made.environment,
    ).stderr.decode()  # fmt: skip
