"""MISP as a source: the attributes of a server, through the double, and feeds in MISP's format."""

import contextlib
import functools
import http.server
import json
import os
import subprocess
import threading
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest

from tests import misp, program
from tests.misp.converter import PYTHON
from tests.polling import Polling

WRITER = Path(__file__).with_name("pymisp_writer.py")
NOW = 1_777_600_000
MANY = 2_500


def ask(double: misp.Misp, path: str, body: dict) -> dict:
    """Sends a POST request as the usual user, and returns the JSON of the answer."""
    headers = {
        "Accept": "application/json", "Content-Type": "application/json",
        "Authorization": double.key,
    }  # fmt: skip
    request = urllib.request.Request(double.url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def attribute(value: str, kind: str = "domain", **others) -> dict:
    """Describes an attribute that is meant for detection, with a UUID made from its value."""
    number = str(uuid.uuid5(uuid.NAMESPACE_DNS, value))
    return {"uuid": number, "type": kind, "value": value, "to_ids": True, **others}


def add(double: misp.Misp, info: str, *attributes: dict, tags: tuple = (), **others) -> str:
    """Adds a published event. Returns its UUID."""
    number = str(uuid.uuid5(uuid.NAMESPACE_URL, info))
    double.tag(*tags)
    event = {"uuid": number, "info": info, "published": True, "Attribute": list(attributes)}
    event |= {"Tag": [{"name": tag} for tag in tags], **others}
    ask(double, "/events/add", {"Event": event})
    return number


def change(double: misp.Misp, event: str, **others) -> None:
    """Edits an event, which stays published."""
    sent = {"uuid": event, "published": True, **others}
    ask(double, f"/events/edit/{event}", {"Event": sent})


def write(described: list[dict], *arguments) -> None:
    """Has PyMISP write events."""
    assert PYTHON.exists(), f"{PYTHON} is missing; make it with: tests/prepare venv"
    subprocess.run(
        [PYTHON, "-W", "ignore", WRITER, *map(str, arguments)],
        input=json.dumps(described), text=True, check=True,
    )  # fmt: skip


@pytest.fixture(name="double")
def _double():
    with misp.running() as found:
        yield found
        assert found.errors == []


@pytest.fixture(name="source")
def _source(double, tmp_path):
    """A configuration that reads the double."""
    return lambda **others: Polling(
        tmp_path,
        {"name": "misp", "type": "misp", "url": double.url, "key": {"env": "MISP_KEY"}} | others,
        http={"poll_timeout": "1m"},
        environment={"MISP_KEY": double.key},
    )


def active(polling: Polling, name: str = "misp") -> set[str]:
    """Returns the values of the active indicators."""
    output = program.run(
        "indicators", "", "--json", "--limit", "10000", "--config", polling.path,
        env=polling.environment,
    ).stdout  # fmt: skip
    found = [json.loads(line) for line in output.splitlines()]
    return {
        value["value"]
        for one in found
        if one["feed"] == name and one["state"] == "active"
        for value in one["values"]
    }


def test_a_first_poll_reads_what_is_meant_for_detection(double, source):
    add(
        double, "first",
        attribute("evil.example"),
        attribute("45.66.77.91|8443", "ip-dst|port"),
        attribute("two.example|45.66.77.91", "domain|ip"),
        attribute("off.example", to_ids=False),
        attribute("evil.dll", "filename"),
    )  # fmt: skip
    ask(double, "/events/add", {"Event": {
        "info": "unpublished", "Attribute": [attribute("hidden.example")],
    }})  # fmt: skip
    polling = source()
    polling.poll()
    assert active(polling) == {"evil.example", "two.example", "45.66.77.91"}
    also = source(published_only=False)
    also.poll()
    assert active(also) == {"evil.example", "two.example", "45.66.77.91", "hidden.example"}


def test_changes_deletions_and_retagging_arrive(double, source):
    kept = add(double, "kept", attribute("stays.example"), attribute("goes.example"),
               attribute("off.example"))  # fmt: skip
    tagged = add(double, "tagged", attribute("tagged.example"), tags=("ours",))
    polling = source()
    polling.poll()
    assert active(polling) == {"stays.example", "goes.example", "off.example", "tagged.example"}

    later = {"timestamp": double.state.now() + 1}
    change(double, kept, Attribute=[
        attribute("goes.example") | {"deleted": True} | later,
        attribute("off.example") | {"to_ids": False} | later,
        attribute("new.example"),
    ])  # fmt: skip
    polling.poll()
    assert active(polling) == {"stays.example", "new.example", "tagged.example"}
    states = {one["values"][0]["value"]: one["state"] for one in everything(polling)
              if one["values"]}  # fmt: skip
    assert "goes.example" not in states or states["goes.example"] == "revoked"

    later = {"timestamp": double.state.now() + 2}
    change(double, kept, Attribute=[attribute("off.example") | later])
    polling.poll()
    assert "off.example" in active(polling), "it is meant for detection again"

    ask(double, f"/events/unpublish/{tagged}", {})
    polling.poll()
    assert "tagged.example" not in active(polling)
    ask(double, f"/events/publish/{tagged}", {})
    double.wait_published(tagged)
    polling.poll()
    assert "tagged.example" in active(polling)


def everything(polling: Polling) -> list[dict]:
    """Returns all indicators of the state."""
    output = program.run(
        "indicators", "", "--state", "all", "--json", "--config", polling.path,
        env=polling.environment,
    ).stdout  # fmt: skip
    return [json.loads(line) for line in output.splitlines()]


def test_tags_choose_attributes(double, source):
    add(double, "green", attribute("green.example"), tags=("tlp:green",))
    add(double, "none", attribute("none.example"),
        attribute("own.example", Tag=[{"name": "ours"}]))  # fmt: skip
    double.tag("ours", "type:test")
    test = add(double, "test", attribute("test.example"), tags=("tlp:green", "type:test"))
    polling = source(tags=["tlp:green", "ours", "!type:test"])
    polling.poll()
    assert active(polling) >= {"green.example"}
    assert not active(polling) & {"none.example", "test.example"}
    ask(double, "/tags/removeTagFromObject", {"uuid": test, "tag": "type:test"})
    ask(double, f"/events/publish/{test}", {})
    double.wait_published(test)
    polling.poll()
    assert "test.example" in active(polling)
    ask(double, "/tags/removeTagFromObject", {"uuid": test, "tag": "tlp:green"})
    ask(double, f"/events/publish/{test}", {})
    double.wait_published(test)
    polling.poll()
    assert "test.example" not in active(polling)


def test_a_deleted_event_withdraws_its_indicators(double, source):
    add(double, "stays", *[attribute(f"stays{number}.example") for number in range(5)])
    gone = add(double, "gone", attribute("gone.example"))
    polling = source()
    polling.poll()
    ask(double, f"/events/delete/{gone}", {})
    polling.poll()
    assert "gone.example" not in active(polling) and len(active(polling)) == 5


def test_an_event_without_attributes_left_revokes_them(double, source):
    add(double, "stays", *[attribute(f"stays{number}.example") for number in range(5)])
    event = add(double, "emptied", attribute("emptied.example"))
    polling = source()
    polling.poll()
    later = {"deleted": True, "timestamp": double.state.now() + 1}
    change(double, event, Attribute=[attribute("emptied.example") | later])
    polling.poll()
    found = [one for one in everything(polling) if one["state"] == "revoked"]
    assert [one["id"] for one in found] == [attribute("emptied.example")["uuid"]]


def test_many_attributes_come_in_pages(double, source):
    add(double, "many", *[attribute(f"d{number}.example") for number in range(MANY)])
    polling = source()
    polling.poll()
    assert polling.active("misp") == MANY
    pages = [one for one in double.requests if one.path == "/attributes/restSearch"]
    assert len(pages) == 3
    polling.poll()
    assert polling.active("misp") == MANY


@pytest.fixture
def in_parts(double, tmp_path) -> Polling:
    """A server with 180 attributes that is stored in several parts."""
    for part in range(6):
        add(double, f"part {part}", *[attribute(f"d{part}-{n}.example") for n in range(30)])
    return Polling(
        tmp_path,
        {"name": "misp", "type": "misp", "url": double.url, "key": {"env": "MISP_KEY"},
         "page_objects": 7},
        http={"max_poll_objects": 40}, environment={"MISP_KEY": double.key},
    )  # fmt: skip


def test_small_parts_are_stored_and_continued(in_parts):
    in_parts.poll()
    assert in_parts.active("misp") == 180


def test_a_poll_that_is_killed_is_made_up_for(double, in_parts):
    for after in (3, 9, 20):
        before = len(double.requests)
        double.fault("slow", path="/restSearch", times=None, seconds=0.05)
        environment = {**os.environ, **in_parts.environment}
        process = program.start("poll", "--force", "--config", in_parts.path, env=environment)
        while len(double.requests) < before + after and process.poll() is None:
            threading.Event().wait(0.01)
        process.kill()
        process.communicate()
        double.clear()
    in_parts.poll()
    assert in_parts.active("misp") == 180


def test_an_unchanged_server_is_not_read_again(double, source):
    add(double, "old", attribute("evil.example"), timestamp=NOW)
    polling = source()
    polling.poll()
    before = len(double.requests)
    polling.poll()
    paths = [one.path for one in double.requests[before:]]
    assert paths == ["/events/index"]
    # A recent event is read again: the server may still have been writing.
    add(double, "new", attribute("new.example"))
    polling.poll()
    before = len(double.requests)
    polling.poll()
    paths = [one.path for one in double.requests[before:]]
    assert paths == ["/events/index", "/events/restSearch", "/attributes/restSearch"]


def test_a_change_in_the_second_of_the_poll_is_found(double, source):
    add(double, "new", attribute("evil.example"), attribute("gone.example"))
    polling = source()
    polling.poll()
    # The time of the event stays as it is.
    with double.state.lock:
        for one in list(double.state.attributes.values()):
            one.to_ids = one.value != "gone.example"
    polling.poll()
    assert active(polling) == {"evil.example"}


def test_threats_follow_the_tags(double, source, tmp_path):
    actor = 'misp-galaxy:threat-actor="APT28"'
    event = add(double, "tagged", attribute("evil.example"), tags=(actor, "tlp:amber"))
    polling = source()
    polling.poll()
    [found] = scanned(polling, "evil.example", tmp_path)
    assert [one["name"] for one in found["threats"]] == ["APT28"] and found["tlp"] == "AMBER"
    ask(double, "/tags/removeTagFromObject", {"uuid": event, "tag": actor})
    ask(double, f"/events/publish/{event}", {})
    double.wait_published(event)
    polling.poll()
    [found] = scanned(polling, "evil.example", tmp_path)
    assert "threats" not in found and found["tlp"] == "AMBER"


def scanned(polling: Polling, host: str, folder: Path) -> list[dict]:
    """Returns the indicators that match a visit to a host, by the newest blacklist."""
    log = program.write(folder / "log", f"GET http://www.{host}/a", "GET http://ok.example/")
    blacklists = (polling.path.parent / "state" / "blacklists").iterdir()
    newest = max(blacklists, key=lambda path: path.stat().st_mtime_ns)
    [event] = program.scan("--blacklist", newest, log)
    [match] = event["matches"]
    return match["indicators"]


def test_enabled_warninglists_are_saved_for_policies(double, tmp_path):
    add(double, "one", attribute("evil.example"), attribute("dns.google", "hostname"))
    lists = tmp_path / "lists"
    with double.state.lock:
        for number in ("95", "101"):
            double.state.warninglists.lists[number].is_enabled = True
    polling = Polling(
        tmp_path,
        {"name": "misp", "type": "misp", "url": double.url, "key": {"env": "MISP_KEY"},
         "warninglists_to": lists, "policy": {"warninglists": [str(lists)]}},
        environment={"MISP_KEY": double.key},
    )  # fmt: skip
    polling.poll()
    assert sorted(one.name.split("-v")[0] for one in lists.iterdir()) == [
        "misp-warninglist-101", "misp-warninglist-95",
    ]  # fmt: skip
    assert outside(polling) == {"dns.google"}
    before = len(double.requests)
    polling.poll()
    views = [one for one in double.requests[before:] if "/warninglists/view" in one.path]
    assert views == [], "the lists did not change"
    double.state.warninglists.lists["95"].is_enabled = False
    polling.poll()
    assert [one.name.split("-v")[0] for one in lists.iterdir()] == ["misp-warninglist-101"]
    assert outside(polling) == set()


def outside(polling: Polling) -> set[str]:
    """Returns the values that the policy takes away."""
    output = program.run(
        "indicators", "", "--state", "outside-policy", "--json", "--config", polling.path,
        env=polling.environment,
    ).stdout  # fmt: skip
    found = [json.loads(line) for line in output.splitlines()]
    return {why["value"] for one in found for why in one["why"] if why["value"]}


def test_everything_is_compared_from_time_to_time(double, source):
    add(double, "old", attribute("evil.example"), attribute("gone.example"), timestamp=NOW)
    polling = source(compare_every="1s")
    polling.poll()
    # Nothing about the event tells that this attribute is not there any more.
    state = double.state
    with state.lock:
        for one in list(state.attributes.values()):
            if one.value == "gone.example":
                one.deleted = True
    threading.Event().wait(1.1)
    polling.poll()
    assert active(polling) == {"evil.example"}


@pytest.mark.parametrize(
    ("kind", "want"),
    [
        ("login", "login page"),
        ("auth", "Authentication failed"),
        ("permission", "You do not have permission"),
        ("html", "got a page for people"),
        ("half", "the connection broke"),
        ("500", "500 Internal Server Error"),
        ("404", "404 Not Found"),
    ],
)
@pytest.mark.parametrize("path", ["/events/index", "/events/restSearch", "/attributes/restSearch"])
def test_a_fault_leaves_the_feed_as_it_was(double, source, kind, want, path):
    event = add(double, "one", attribute("evil.example"))
    polling = source()
    polling.poll()
    change(double, event, Attribute=[attribute("new.example")])
    double.fault(kind, path=path, times=None)
    error = polling.fails("misp")
    assert want in error and double.key not in error
    assert active(polling) == {"evil.example"}
    double.clear()
    polling.poll()
    assert active(polling) == {"evil.example", "new.example"}


def test_a_rate_limit_is_respected(double, source):
    add(double, "one", attribute("evil.example"))
    double.fault("429", path="/attributes/restSearch", times=None, reset="700")
    polling = source()
    assert "429" in polling.fails("misp")
    before = len(double.requests)
    polling.poll_due()
    assert len(double.requests) == before, "the server asked for 700 s"
    status = json.loads(
        program.run("status", "--json", "--config", polling.path, env=polling.environment).stdout
    )
    feed = status["feeds"][0]
    assert feed["next_attempt"] is not None


def test_a_server_that_ignores_conditions_is_refused(double, source, monkeypatch):
    from tests.misp import search

    add(double, "asked", attribute("evil.example"))
    add(double, "other", attribute("other.example"), published=False)
    monkeypatch.setattr(search, "_in_event", lambda asked, event: True)
    monkeypatch.setattr(search, "candidates", lambda state, asked: list(state.attributes.values()))
    assert "ignores conditions" in source().fails("misp")


def test_a_server_never_gets_its_own_indicators_back(double, tmp_path):
    config = tmp_path / "threatsieve.toml"
    program.write(
        config,
        f'state = "{tmp_path / "state"}"',
        "[[misp]]",
        'name = "soc"',
        f'url = "{double.url}/"',
        'key = { env = "MISP_KEY" }',
        "[[feeds]]",
        'name = "misp"',
        'type = "misp"',
        f'url = "{double.url}"',
        'key = { env = "MISP_KEY" }',
        'misp = ["soc"]',
    )
    result = program.run(
        "config", "check", "--config", config, expect=program.USAGE, env={"MISP_KEY": double.key}
    )
    assert b"is not sent back to it" in result.stderr


def test_an_unknown_type_of_attributes_is_refused(double, source):
    result = program.run(
        "config", "check", "--config", source(attribute_types=["domian"]).path,
        expect=program.USAGE, env={"MISP_KEY": double.key},
    )  # fmt: skip
    assert b"expected a type of MISP" in result.stderr and b"domian" in result.stderr


def described(**of_first) -> list[dict]:
    """Describes two events, with an object."""
    return [
        {
            "uuid": "11111111-aaaa-4bbb-8ccc-000000000001", "info": "A campaign", "timestamp": NOW,
            "tags": ["tlp:green", 'misp-galaxy:threat-actor="APT28"'],
            "attributes": [
                attribute("evil.example", comment="second stage"),
                attribute("two.example|45.66.77.91", "domain|ip"),
                attribute("off.example", to_ids=False),
            ],
            "objects": [{"name": "domain-ip", "attributes": {"domain": "three.example"}}],
        } | of_first,
        {
            "uuid": "11111111-aaaa-4bbb-8ccc-000000000002", "info": "Files", "timestamp": NOW,
            "attributes": [attribute(
                "invoice.exe|c39643a36a17abc6aefed5e9a2735fa698c69f0595428befff9a25bb18e6a010",
                "filename|sha256",
            )],
        },
    ]  # fmt: skip


HASH = "c39643a36a17abc6aefed5e9a2735fa698c69f0595428befff9a25bb18e6a010"
VALUES = {"evil.example", "two.example", "three.example", HASH}


def test_events_of_pymisp_come_out_as_matches(double, source, tmp_path):
    double.tag("tlp:green", 'misp-galaxy:threat-actor="APT28"')
    write(described(), "server", double.url, double.key)
    polling = source()
    polling.poll()
    assert active(polling) == VALUES
    [one] = polling.indicators("evil.example")
    assert one["tlp"] == "GREEN" and one["name"] == "A campaign: second stage"
    assert one["id"] == attribute("evil.example")["uuid"]
    [found] = scanned(polling, "evil.example", tmp_path)
    assert (found["feed"], found["id"]) == ("misp", one["id"])
    assert [threat["name"] for threat in found["threats"]] == ["APT28"]


@contextlib.contextmanager
def served(folder: Path):
    """Serves a folder over HTTP. Yields the address and the list of requested paths."""
    paths = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *_):
            paths.append(self.path)

        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", paths
    finally:
        server.shutdown()
        server.server_close()


def test_a_feed_of_pymisp_is_read_from_a_url_event_by_event(tmp_path):
    folder = tmp_path / "feed"
    write(described(), "feed", folder)
    with served(folder) as (url, paths):
        polling = Polling(tmp_path, {"name": "misp", "type": "misp-feed", "url": url})
        polling.poll()
        assert active(polling) == VALUES
        paths.clear()
        polling.poll()
        assert paths == ["/manifest.json"]
        changed = described(timestamp=NOW + 5, attributes=[attribute("new.example")], objects=[])
        write(changed, "feed", folder)
        paths.clear()
        polling.poll()
        assert paths == ["/manifest.json", f"/{changed[0]['uuid']}.json"]
        assert active(polling) == {"new.example", HASH}
        manifest = json.loads((folder / "manifest.json").read_text())
        del manifest[changed[1]["uuid"]]
        (folder / "manifest.json").write_text(json.dumps(manifest))
        polling.poll()
        assert active(polling) == {"new.example"}


def test_a_feed_of_pymisp_is_read_from_a_folder(tmp_path):
    folder = tmp_path / "feed"
    write(described(), "feed", folder)
    polling = Polling(
        tmp_path,
        {"name": "misp", "type": "misp-feed", "path": str(folder), "attribute_types": ["domain"]},
    )
    polling.poll()
    assert active(polling) == {"evil.example", "three.example"}


def test_an_event_of_a_feed_that_cannot_be_read_does_not_affect_the_others(tmp_path):
    folder = tmp_path / "feed"
    write(described(), "feed", folder)
    broken = folder / f"{described()[0]['uuid']}.json"
    good = broken.read_text()
    broken.write_text(good[:100])
    polling = Polling(tmp_path, {"name": "misp", "type": "misp-feed", "path": str(folder)})
    for _ in range(2):
        polling.poll()
        assert active(polling) == {HASH}
        [rejected] = rejections(polling)
        assert rejected["kind"] == "unreadable MISP event" and rejected["id"] == broken.stem
    broken.write_text(good)
    polling.poll()
    assert active(polling) == VALUES
    assert rejections(polling) == []


def rejections(polling: Polling) -> list[dict]:
    """Returns the rejections of deliveries."""
    output = program.run(
        "indicators", "--rejected", "--json", "--config", polling.path, env=polling.environment
    ).stdout
    return [json.loads(line)["rejected"] for line in output.splitlines()]


def test_a_manifest_under_another_type_names_the_right_one(tmp_path):
    folder = tmp_path / "feed"
    write(described(), "feed", folder)
    result = program.run("feeds", "test", folder / "manifest.json", expect=program.DAMAGED)
    assert b"misp-feed" in result.stderr


def test_feeds_test_reads_a_server_and_a_feed(double, source, tmp_path):
    add(double, "one", attribute("evil.example"), attribute("evil.dll", "filename"))
    polling = source()
    result = program.run(
        "feeds", "test", "misp", "--json", "--config", polling.path, env=polling.environment
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["value"] for line in lines[:-1]] == ["evil.example"]
    assert lines[-1]["summary"]["format"] == "misp" and lines[-1]["summary"]["skipped"] == 1
    assert "MISP 2.5.1 with 1 events" in polling.check()


def test_an_unpublished_event_leaves_when_everything_is_compared(double, source):
    add(double, "stays", attribute("stays.example"), timestamp=NOW)
    event = add(double, "leaves", attribute("evil.example"), timestamp=NOW)
    polling = source(compare_every="1s")
    polling.poll()
    ask(double, f"/events/unpublish/{event}", {})
    threading.Event().wait(1.1)
    polling.poll()
    assert active(polling) == {"stays.example"}
