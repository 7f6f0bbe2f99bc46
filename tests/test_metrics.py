"""Metrics, health, and the alert rules of docs/prometheus."""

import json
import re
import subprocess

import pytest

from tests import program
from tests.service import Service
from tests.test_api import lines

RULES = program.ROOT / "docs/prometheus/rules.yml"
SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
UNITS = ("_seconds", "_bytes", "_total", "_info")


def samples(text: str) -> dict[tuple, float]:
    """Returns the values by name and labels."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            found[name, *sorted(LABEL.findall(labels or ""))] = float(value)
    return found


def service(folder, **tables) -> Service:
    """Returns a service with a list and a log."""
    one = Service(folder, [{"name": 'a "list"', "type": "path", "path": "list.txt"}], tables)
    one.logs = [{"name": "proxy", "paths": ["access.log"]}]
    program.write(folder / "list.txt", "evil.example", "192.0.2.7", "bad.example")
    program.write(folder / "access.log", *lines(12), "no line of Squid")
    return one


def metrics(one: Service) -> dict[tuple, float]:
    answer = one.ask("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples(answer.text)


def test_metrics_have_what_the_status_has(tmp_path):
    with service(tmp_path) as one:
        one.wait_for_rounds(1)
        found, status = metrics(one), json.loads(one.run("status", "--json"))
        feed = ("feed", 'a \\"list\\"')
        assert found["threatsieve_feed_indicators", feed] == 3 == status["feeds"][0]["active"]
        assert found["threatsieve_feed_failures", feed] == 0
        assert found["threatsieve_blacklist_generation",] == 1
        assert found["threatsieve_blacklist_entries", ("type", "domain-name")] == 2
        assert found["threatsieve_lines_total", ("kind", "new")] == 13
        assert found["threatsieve_events_flagged_total", ("kind", "new")] == 12
        assert found["threatsieve_lines_malformed_total",] == 1
        assert found["threatsieve_matches", ("state", "active")] == 12
        assert found["threatsieve_rounds_total", ("result", "complete")] == 1
        assert found["threatsieve_last_round_complete",] == 1
        assert found["threatsieve_queue_length", ("queue", "records"), ("target", "")] == 0
        assert 1e6 < found["process_resident_memory_bytes",] < 1e9
        assert all(not value for key, value in found.items() if key[0] == "threatsieve_conditions")
        # A feed that fails, and a program that starts again: counters start at zero.
        one.stop()
        (tmp_path / "list.txt").unlink()
        one.tables["health"] = {"feed_dead_after": "1s"}
        one.start()
        one.wait_for_rounds(2)
        found = metrics(one)
        assert found["threatsieve_feed_failures", feed] == 1
        assert found["threatsieve_lines_total", ("kind", "new")] == 0
        assert found["threatsieve_matches", ("state", "active")] == 12


def test_records_that_wait_have_an_age(tmp_path):
    (tmp_path / "blocked").mkdir(parents=True)
    one = service(tmp_path, output={"file": "blocked"})
    with one:
        one.wait_for_rounds(1)
        found = metrics(one)
        records = ("queue", "records"), ("target", "")
        assert found["threatsieve_queue_length", *records] == 12
        oldest = found["threatsieve_queue_oldest_timestamp_seconds", *records]
        assert oldest <= found["threatsieve_last_round_timestamp_seconds",]
        assert found["threatsieve_conditions", ("kind", "output_blocked")] == 1


def test_every_family_has_help_a_type_and_a_unit(tmp_path, tool):
    with service(tmp_path) as one:
        one.wait_for_rounds(1)
        text = one.ask("/metrics").text
    helped = re.findall(r"^# HELP ([a-z_]+) \S", text, re.MULTILINE)
    typed = dict(re.findall(r"^# TYPE ([a-z_]+) (gauge|counter)$", text, re.MULTILINE))
    names = {name for name, *_ in samples(text)}
    assert names == set(helped) == typed.keys() and len(helped) == len(names)
    for name, kind in typed.items():
        assert (kind == "counter") == name.endswith("_total"), name
        assert ("timestamp" not in name) or name.endswith("_timestamp_seconds"), name
    checked = subprocess.run(
        [tool("promtool", "prometheus"), "check", "metrics"],
        input=text, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0 and not checked.stdout, checked.stdout + checked.stderr


def test_the_alert_rules_are_right_and_name_only_what_there_is(tool):
    promtool = tool("promtool", "prometheus")
    for arguments in (["check", "rules", RULES], ["test", "rules", RULES.with_name("tests.yml")]):
        done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    known = set(re.findall(r'"((?:threatsieve|process)_[a-z_]+)"', sources()))
    named = set(re.findall(r"\bthreatsieve_[a-z_]+", RULES.read_text()))
    assert named and named <= known, named - known
    kinds = set(re.findall(r'kind="([a-z_]+)"', RULES.read_text()))
    assert kinds <= conditions(), kinds - conditions()


def sources() -> str:
    folder = program.ROOT / "host/controller/src/serve/metrics"
    return "".join(path.read_text() for path in sorted(folder.iterdir()))


def conditions() -> set[str]:
    """Returns the kinds of conditions, and of lines and events."""
    text = (program.ROOT / "host/controller/src/conditions/mod.rs").read_text()
    return set(re.findall(r'Kind::\w+ => "([a-z_]+)"', text)) | {"new", "stored"}


def test_readiness_gives_its_reasons(tmp_path):
    one = service(tmp_path)
    (tmp_path / "list.txt").unlink()
    with one:
        assert one.ask("/healthz").text == "ok\n"
        one.wait_for_rounds(1)
        answer = one.ask("/readyz")
        assert answer.status == 503
        assert answer.json["reasons"] == ["there is no blacklist yet"]
        program.write(tmp_path / "list.txt", "evil.example")
        one.ask("/stopQuartzJobs")
        assert len(one.ask("/readyz").json["reasons"]) == 2
        one.send("/api/v1/rounds", {"feed": 'a "list"'})
        one.wait_for_rounds(2)
        assert one.ask("/readyz").json["reasons"] == ["the schedule is stopped"]
        one.ask("/initQuartz")
        assert one.ask("/readyz").status == 200
        state = tmp_path / "state/state.db"
        state.rename(tmp_path / "state/elsewhere.db")
        answer = one.ask("/readyz")
        assert answer.status == 503 and "cannot be read" in answer.json["reasons"][0]


@pytest.mark.parametrize("path", ["/metrics?name=x", "/readyz?x", "/healthz?x=1"])
def test_unknown_parameters_are_refused(tmp_path, path):
    with service(tmp_path) as one:
        assert one.ask(path).status == 400
