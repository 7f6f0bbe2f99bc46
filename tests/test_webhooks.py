"""Deliveries to webhooks, as a real HTTP server receives them."""

import json
import os
import random
import re
import runpy
import time
from pathlib import Path

import jsonschema
import pytest

from tests import program, seeds
from tests.servers import certificates as make_certificates
from tests.webhooks import KEY, Answer, Hooked, receiving, verifies

KILLS = 200 if os.environ.get("THREATSIEVE_ENDURANCE") == "full" else 20
DOCS = Path(__file__).resolve().parent.parent / "docs"
SCHEMA = json.loads((DOCS / "webhooks.schema.json").read_text())


def strict(schema):
    """Returns a schema that allows no other keys, which later versions may have."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(part) for key, part in schema.items()}
    if schema.get("type") == "object":
        made["additionalProperties"] = False
    return made


VALIDATOR = jsonschema.Draft202012Validator(strict(SCHEMA))


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one


def hooked(folder, receiver, **settings) -> Hooked:
    made = Hooked(folder, {"url": receiver.url, "secret": {"file": "key"}, **settings})
    made.publish("evil.example", "bad.example", tlp="green", name="Emotet", confidence=90)
    return made


def test_a_round_is_one_delivery_of_the_documented_form(receiver, tmp_path):
    made = hooked(tmp_path, receiver, headers={"Authorization": {"file": "header"}})
    made.visit("evil.example", "www.evil.example", "bad.example")
    made.visit("evil.example", source="10.1.2.4", at=1_795_000_100)
    report = made.round()
    assert (report["webhooks_composed"], report["webhooks"]["sent"]) == (1, 1)
    (request,) = receiver.requests
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer t0ken-of-the-header"
    assert abs(time.time() - int(request.headers["x-threatsieve-timestamp"])) < 60
    assert verifies(request) and not verifies(request, "another key")
    told = request.json
    VALIDATOR.validate(told)
    assert (told["delivery"], told["kind"], told["part"], told["parts"]) == (
        request.id, "matches", 1, 1,
    )  # fmt: skip
    assert told["service"]["blacklist"] == "default" and told["service"]["generation"] == 1
    assert told["totals"] | {"first": 0, "last": 0} == {
        "events": 4, "historic": 0, "indicators": 2, "hosts": 2, "first": 0, "last": 0,
    }  # fmt: skip
    assert (told["tlp"], told["muted"], told["omitted"]) == ("GREEN", 0, 0)
    first, second = told["groups"]
    assert (first["type"], first["value"], first["events"]) == ("domain-name", "evil.example", 3)
    assert (second["value"], second["events"]) == ("bad.example", 1)
    (indicator,) = first["indicators"]
    assert (indicator["feed"], indicator["name"], indicator["confidence"]) == (
        "partner", "Emotet", 90,
    )  # fmt: skip
    assert indicator["id"] == made.indicators_given[0]["id"]
    records = [
        json.loads(line) for line in (tmp_path / "state/matches.ndjson").read_text().splitlines()
    ]
    assert {one["event"] for group in told["groups"] for one in group["examples"]} == {
        record["threatsieve"]["id"] for record in records
    }
    example = second["examples"][0]
    assert example["place"] == f"{made.log}:3" and example["observable"] == "http://bad.example/"
    assert {host["name"]: host["events"] for host in told["hosts"]} == {
        "10.1.2.3": 3, "10.1.2.4": 1,
    }  # fmt: skip
    assert made.round()["webhooks_composed"] == 0 and len(receiver.requests) == 1


def test_the_documented_check_of_a_signature_runs(receiver, tmp_path):
    made = hooked(tmp_path, receiver)
    made.visit("evil.example")
    made.round()
    (request,) = receiver.requests
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "webhooks.md").read_text(), re.DOTALL)
    check = runpy.run_path(program.write(tmp_path / "check.py", code))["is_from_threatsieve"]
    headers = {name.title(): value for name, value in request.headers.items()}
    assert check(headers, request.body, KEY.encode())
    assert not check(headers, request.body + b" ", KEY.encode())
    assert not check(headers, request.body, b"other")
    old = {**headers, "X-Threatsieve-Timestamp": "1700000000"}
    assert not check(old, request.body, KEY.encode())


def test_a_flood_is_grouped_and_divided_in_order_and_all_is_counted(receiver, tmp_path):
    made = Hooked(tmp_path, {"url": receiver.url, "max_groups": 250, "max_events": 100,
                             "max_examples": 2})  # fmt: skip
    hosts = [f"host-{number}.example" for number in range(300)]
    made.publish(*hosts)
    made.visit(*(hosts[number % 300] for number in range(99_900)))
    assert made.round()["webhooks"]["sent"] == 5
    told = [request.json for request in receiver.requests]
    for part in told:
        VALIDATOR.validate(part)
        assert part["totals"]["events"] == 99_900 and part["totals"]["indicators"] == 300
        assert part["omitted"] == 50 and part["parts"] == 5
        assert sum(len(group["examples"]) for group in part["groups"]) <= 100
    assert [part["part"] for part in told] == [1, 2, 3, 4, 5]
    values = [group["value"] for part in told for group in part["groups"]]
    assert len(values) == len(set(values)) == 250
    assert all(group["events"] == 333 for part in told for group in part["groups"])
    assert [bool(part["hosts"]) for part in told] == [True, False, False, False, False]


FAULTS = {
    "reset": Answer(fault="reset"),
    "timeout": Answer(fault="silence"),
    "429": Answer(429, {"Retry-After": "7200"}),
    "500": Answer(500, body=b"x" * 1_000_000),
    "503": Answer(503),
    "401": Answer(401),
    "404": Answer(404),
    "410": Answer(410, body=b"gone for good"),
    "redirect": Answer(302, {"Location": "http://127.0.0.1:1/"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_delays_and_keeps_order(fault, receiver, tmp_path):
    made = hooked(tmp_path, receiver)
    made.visit("evil.example")
    receiver.answers = [FAULTS[fault]]
    assert made.round(expect=program.REMOTE)["webhooks"]["retried"] == 1
    made.visit("bad.example")
    # Not due yet: the second delivery waits behind the first.
    expect = program.REMOTE if fault in {"401", "404", "410", "redirect"} else program.DONE
    assert made.round(expect=expect)["webhooks"]["sent"] == 0
    assert len(receiver.requests) == 1 and made.queue()["waiting"] == 2
    kinds = [one["kind"] for one in made.status()["conditions"]]
    assert kinds == (["webhooks_stuck"] if expect else [])
    made.make_due()
    assert made.round()["webhooks"]["sent"] == 2
    first, repeat, second = receiver.requests
    assert (repeat.id, repeat.body) == (first.id, first.body) and second.id != first.id
    assert [one["groups"][0]["value"] for one in (repeat.json, second.json)] == [
        "evil.example", "bad.example",
    ]  # fmt: skip
    assert verifies(repeat)
    assert made.status()["conditions"] == []


def test_a_server_that_asks_for_a_short_wait_is_tried_again_in_the_round(receiver, tmp_path):
    made = hooked(tmp_path, receiver)
    made.visit("evil.example")
    receiver.answers = [Answer(429, {"Retry-After": "1"})]
    report = made.round()["webhooks"]
    assert (report["sent"], report["retried"]) == (1, 0)
    first, second = receiver.requests
    assert first.id == second.id and second.at - first.at >= 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_delivery_that_is_refused_for_good_does_not_hold_the_others(status, receiver, tmp_path):
    made = hooked(tmp_path, receiver)
    made.visit("evil.example")
    receiver.answers = [Answer(status, body=b"no thanks")]
    assert made.round(expect=program.REMOTE)["webhooks"]["given_up"] == 1
    assert "no thanks" in made.queue()["error"]
    made.visit("bad.example")
    assert made.round(expect=program.REMOTE)["webhooks"]["sent"] == 1, "the condition lasts a day"
    assert [one["kind"] for one in made.status()["conditions"]] == ["webhooks_stuck"]


def test_a_receiver_that_never_answers_is_given_up_after_the_limit(receiver, tmp_path):
    made = hooked(tmp_path, receiver, give_up_after="1s")
    made.visit("evil.example")
    receiver.always = Answer(500)
    made.round(expect=program.REMOTE)
    time.sleep(1.1)
    made.make_due()
    assert made.round(expect=program.REMOTE)["webhooks"]["given_up"] == 1
    assert "tried for 1s" in made.queue()["error"]


def test_a_changed_address_is_tried_at_once(receiver, tmp_path):
    made = hooked(tmp_path, receiver)
    made.visit("evil.example")
    receiver.answers = [Answer(404)]
    made.round(expect=program.REMOTE)
    made.configure({"url": f"{receiver.url}/2", "secret": {"file": "key"}})
    assert made.round()["webhooks"]["sent"] == 1
    first, second = receiver.requests
    assert (first.id, second.path) == (second.id, "/hook/2")


def test_a_kill_between_acceptance_and_note_repeats_the_same_delivery(receiver, tmp_path):
    made = hooked(tmp_path, receiver)
    made.visit("evil.example")
    made.round()
    made.visit("bad.example")
    receiver.always = Answer(fault="silence")
    process = program.start("poll", "--config", made.path)
    end = time.monotonic() + 30
    while len(receiver.requests) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    receiver.always = Answer()
    assert made.round()["webhooks"]["sent"] == 1
    _, second, third = receiver.requests
    assert (second.id, second.body) == (third.id, third.body)


def test_kills_at_random_moments_lose_and_double_nothing(receiver, tmp_path):
    made = hooked(tmp_path, receiver)
    made.publish(*(f"host-{number}.example" for number in range(KILLS)))
    made.round()
    chance = random.Random(seeds.SEED)
    for number in range(KILLS):
        made.visit(f"host-{number}.example")
        receiver.always = chance.choice([Answer(), Answer(500), Answer(fault="reset")])
        process = program.start("poll", "--config", made.path)
        time.sleep(chance.uniform(0, 0.4))
        process.kill()
        process.communicate()
        made.make_due()
    receiver.always = Answer()
    made.round(expect=None)
    made.make_due()
    made.round()
    bodies = {}
    for request in receiver.requests:
        assert bodies.setdefault(request.id, request.body) == request.body
    accepted = {request.id: request.body for request in receiver.accepted}
    values = [group["value"] for body in accepted.values() for group in json.loads(body)["groups"]]
    assert sorted(values) == sorted(f"host-{number}.example" for number in range(KILLS))


def test_nothing_above_the_ceiling_is_sent_also_if_it_is_lowered_later(receiver, tmp_path):
    made = hooked(tmp_path, receiver, max_tlp="GREEN")
    made.publish("secret.example", tlp="red")
    made.visit("evil.example", "secret.example")
    made.round()
    (request,) = receiver.requests
    assert request.json["totals"]["events"] == 1 and b"secret.example" not in request.body
    made.configure({"url": receiver.url, "max_tlp": "RED"})
    receiver.answers = [Answer(500)]
    made.visit("secret.example")
    made.round(expect=program.REMOTE)
    made.configure({"url": receiver.url, "max_tlp": "GREEN"})
    made.make_due()
    made.round(expect=program.REMOTE)
    assert len(receiver.requests) == 2 and "above the webhook's ceiling" in made.queue()["error"]


def test_muted_matches_are_counted_only(receiver, tmp_path):
    made = hooked(tmp_path, receiver)
    made.round()
    made.run("mute", "add", "--indicator", "evil.example", "--for", "7d", "--reason", "known")
    made.visit("evil.example", "evil.example")
    made.round()
    assert receiver.requests == []
    made.visit("bad.example", "evil.example")
    made.round()
    (request,) = receiver.requests
    assert [group["value"] for group in request.json["groups"]] == ["bad.example"]
    assert request.json["muted"] == 3


def test_a_retraction_is_told_once_and_so_is_its_end(receiver, tmp_path):
    made = hooked(tmp_path, receiver)
    made.visit("evil.example", "evil.example", "bad.example")
    made.round()
    made.run("retract", "evil.example", "--reason", "ours")
    made.round()
    made.round()
    told, retraction = (request.json for request in receiver.requests)
    VALIDATOR.validate(retraction)
    assert (retraction["kind"], retraction["totals"]["events"]) == ("retraction", 2)
    (group,) = retraction["groups"]
    assert group["value"] == "evil.example"
    known = {one["event"] for one in told["groups"][0]["examples"]}
    assert {one["event"] for one in group["examples"]} == known
    made.run("retract", "--undo", "evil.example", "--reason", "theirs")
    for _ in range(3):
        made.round()
    restored = receiver.requests[-1].json
    VALIDATOR.validate(restored)
    assert (len(receiver.requests), restored["kind"]) == (3, "restored")
    assert restored["totals"]["events"] == 2


def test_what_was_never_told_is_not_retracted(receiver, tmp_path):
    made = hooked(tmp_path, receiver, max_tlp="CLEAR")
    made.visit("evil.example")
    made.round()
    made.run("retract", "evil.example", "--reason", "ours")
    made.round()
    assert receiver.requests == []


def test_conditions_are_told_to_webhooks_that_want_them(receiver, tmp_path):
    made = Hooked(
        tmp_path,
        {"url": receiver.url, "conditions": True},
        {"name": "quiet", "url": f"{receiver.url}/quiet"},
    )
    made.round()
    output = tmp_path / "state" / "matches.ndjson"
    output.unlink(missing_ok=True)
    output.mkdir()
    made.publish("evil.example")
    made.visit("evil.example")
    made.round(expect=None)
    output.rmdir()
    made.round(expect=None)
    told = [one.json for one in receiver.requests if one.path == "/hook"]
    for one in told:
        VALIDATOR.validate(one)
    conditions = [one["conditions"] for one in told if one["kind"] == "conditions"]
    assert [one["kind"] for one in conditions[0]["began"]] == ["output_blocked"]
    assert [one["kind"] for one in conditions[1]["ended"]] == ["output_blocked"]
    assert {one.json["kind"] for one in receiver.requests if one.path == "/hook/quiet"} == {
        "matches"
    }


def test_mails_and_webhooks_are_told_of_the_same_matches(receiver, tmp_path):
    made = Hooked(
        tmp_path,
        {"url": receiver.url},
        more='[alerts]\nfrom = "ts@soc.example"\nrecipients = ["soc@soc.example"]\n'
        'folder = "mails"',
    )
    made.publish("evil.example", tlp="green")
    made.visit("evil.example")
    report = made.round()
    assert (report["mails_composed"], report["webhooks_composed"]) == (1, 1)
    (mail,) = (tmp_path / "mails").iterdir()
    assert "evil[.]example" in mail.read_text() and len(receiver.requests) == 1


def test_a_webhook_that_is_removed_gets_nothing_more(receiver, tmp_path):
    made = hooked(tmp_path, receiver)
    made.visit("evil.example")
    receiver.answers = [Answer(500)]
    made.round(expect=program.REMOTE)
    made.configure()
    made.round(expect=None)
    assert len(receiver.requests) == 1
    assert made.status()["webhooks"] == []


def test_tls_with_a_client_certificate(tmp_path, tool):
    files = make_certificates(tmp_path / "certificates", tool("openssl", "openssl"))
    with receiving(files) as receiver:
        made = Hooked(
            tmp_path / "one",
            {"url": receiver.url, "client_certificate": files.client,
             "client_key": files.client_key},
            http={"ca_files": [files.authority]},
        )  # fmt: skip
        made.publish("evil.example")
        made.visit("evil.example")
        assert made.round()["webhooks"]["sent"] == 1
        made.configure({"url": receiver.url})
        made.visit("evil.example")
        assert made.round(expect=program.REMOTE)["webhooks"]["sent"] == 0


def test_a_proxy_is_used(receiver, tmp_path):
    proxy = receiver.url.removesuffix("/hook")
    made = Hooked(tmp_path, {"url": "http://hooks.example/in"},
                  http={"proxy": proxy, "allow_plain_http": True})  # fmt: skip
    made.publish("evil.example")
    made.visit("evil.example")
    made.round()
    (request,) = receiver.requests
    assert request.headers["host"] == "hooks.example"


def test_plain_http_to_other_machines_is_refused(tmp_path):
    made = Hooked(tmp_path, {"url": "http://hooks.example/services/T0000/B0000/s3cr3t-path"})
    text = made.run("config", "check", "--offline", expect=program.USAGE)
    assert "allow_plain_http" in text and "s3cr3t-path" not in text


def test_addresses_and_secrets_are_never_shown(receiver, tmp_path):
    (tmp_path / "url").parent.mkdir(exist_ok=True)
    (tmp_path / "url").write_text(f"{receiver.url}/T0/s3cr3t-path?k=qu3ry-key\n")
    (tmp_path / "url").chmod(0o600)
    made = Hooked(tmp_path, {"url": {"file": "url"}, "secret": {"file": "key"},
                             "headers": {"X-Key": {"file": "header"}}})  # fmt: skip
    made.publish("evil.example")
    made.visit("evil.example")
    echo = f"no {receiver.url}/T0/s3cr3t-path?k=qu3ry-key {KEY} Bearer t0ken-of-the-header"
    receiver.always = Answer(500, body=echo.encode())
    shown = made.run("poll", expect=program.REMOTE)
    shown += made.run("status") + made.run("status", "--json") + made.run("config", "show")
    shown += made.run("config", "check", "--offline")
    secrets = {"secret": {"file": "key"}, "headers": {"X-Key": {"file": "header"}}}
    made.configure({"url": f"{receiver.url}/T0/s3cr3t-path?k=qu3ry-key", **secrets})
    shown += made.run("config", "show") + made.run("config", "check", "--offline")
    made.make_due()
    shown += made.run("poll", expect=program.REMOTE)
    for secret in ("s3cr3t-path", "qu3ry-key", KEY, "t0ken-of-the-header"):
        assert secret not in shown, secret
    assert "webhook siem (generic, at most TLP:RED)" in shown
