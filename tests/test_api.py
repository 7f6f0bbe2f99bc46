"""The API below `/api/v1`: its answers, its changes, who may ask, and its document."""

import hashlib
import json
import os
import re
import sqlite3
import subprocess
import threading
import time
from urllib.parse import quote

import pytest

from tests import misp, program, servers
from tests.service import Answer, Service

READ, WRITE = "a token that only reads", "a token that may change"
PROBLEM = {"type", "status", "title", "detail", "where", "expected", "got"}
DOCUMENT = program.ROOT / "docs/openapi.json"
SCHEMATHESIS = program.ROOT / ".cache/python/schemathesis/bin/st"
HOSTS = 7


@pytest.fixture(scope="module")
def certificates(tmp_path_factory, tool):
    """The certificates of a server and a client."""
    return servers.certificates(tmp_path_factory.mktemp("certificates"), tool("openssl", "openssl"))


def lines(count: int, first: int = 0) -> list[str]:
    """Returns lines of a Squid log; each matches `evil.example`."""
    now = time.time()
    return [
        f"{now - 60 * number:.3f} 12 10.0.0.{number % HOSTS} TCP_MISS/200 45 GET "
        f"http://h{number}.evil.example/a - HIER_DIRECT/203.0.113.9 text/html"
        for number in range(first, first + count)
    ]


def service(folder, count: int = 0, servers_of_misp: list | None = None, **server) -> Service:
    """Returns a service with two lists, and a log with matches."""
    feeds = [
        {"name": "list", "type": "path", "path": "list.txt", "confidence": 60},
        {"name": "other", "type": "path", "path": "other.txt"},
    ]
    if servers_of_misp:
        feeds[0]["misp"] = [{"server": "soc"}]
    tables = {"server": {"listen": "127.0.0.1:0", "max_requests": 1_000_000, **server}}
    one = Service(folder, feeds, tables, misp=servers_of_misp)
    one.logs = [{"name": "proxy", "paths": ["access.log"]}]
    listed = ["evil.example", "93.184.216.34", "bad.example", "http://u.test/x", "192.0.2.7"]
    program.write(folder / "list.txt", *listed)
    program.write(folder / "other.txt", "evil.example", "third.example")
    program.write(folder / "access.log", *lines(count))
    return one


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A service with 40 matched events, each covered by both feeds. Tests only read."""
    with service(tmp_path_factory.mktemp("running"), 40) as one:
        one.wait_for_rounds(1)
        yield one


def get(one: Service, path: str, **parameters) -> dict:
    """Returns an answer that must be one."""
    query = "&".join(f"{name}={quote(str(value))}" for name, value in parameters.items())
    answer = one.ask(f"/api/v1{path}?{query}" if query else f"/api/v1{path}")
    assert answer.status == 200 and answer.headers["content-type"] == "application/json", answer
    return answer.json


def everything(one: Service, path: str, **parameters) -> list[dict]:
    """Returns the rows of all pages."""
    page = get(one, path, **parameters)
    rows = page["items"]
    while page["next"]:
        page = get(one, path, cursor=page["next"], **parameters)
        assert page["items"], "an empty page after the first"
        rows += page["items"]
    return rows


def problem(answer: Answer, status: int) -> dict:
    """Returns the body of an answer that must be a problem."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json.keys() == PROBLEM and answer.json["status"] == status
    return answer.json


def json_lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_answers_agree_with_the_commands(running):
    status = json.loads(running.run("status", "--json"))
    assert get(running, "/status") == status
    assert get(running, "/feeds")["items"] == json.loads(running.run("feeds", "--json"))["feeds"]
    for state in ("active", "rejected", "all"):
        told = json_lines(running.run("indicators", "--json", "--state", state))
        assert get(running, "/indicators", state=state)["items"] == told
    told = json_lines(running.run("indicators", "evil[.]example", "--json"))
    assert get(running, "/indicators", text="evil[.]example")["items"] == told and told
    for value in ("www.evil[.]example", "notevil.example", "192.0.2.7", "\u202ehostile\n"):
        told = json.loads(running.run("explain", value, "--json"))
        assert get(running, "/explain", value=value) == told, value


def test_pages_have_every_row_once(running):
    for path, parameters in (
        ("/indicators", {"state": "all"}), ("/matches", {}), ("/rounds", {}), ("/generations", {}),
    ):  # fmt: skip
        whole = get(running, path, limit=500, **parameters)
        assert whole["next"] is None
        for limit in (1, 3, 7, 79, 80):
            assert everything(running, path, limit=limit, **parameters) == whole["items"], path


def test_matches_are_filtered_and_the_newest_come_first(running):
    rows = everything(running, "/matches")
    assert len(rows) == 80, "two feeds name each of 40 events"
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert {row["observable"] for row in rows} == {f"http://h{n}.evil.example/a" for n in range(40)}
    log = (running.folder / "access.log").read_text().splitlines()
    assert all(log[row["line"] - 1] == row["raw"] for row in rows)
    found = rows[3]["found"]
    for parameters, keep in (
        ({"feed": "other"}, lambda row: row["feed"] == "other"),
        ({"source": "10.0.0.3"}, lambda row: row["source"] == "10.0.0.3"),
        ({"text": "H1"}, lambda row: "h1" in row["observable"]),
        ({"indicator": "evil.example", "feed": "list"}, lambda row: row["feed"] == "list"),
        ({"indicator": "nothing"}, lambda row: False),
        ({"since": found}, lambda row: row["found"] >= found),
        ({"until": found}, lambda row: row["found"] < found),
        ({"retracted": "true"}, lambda row: row["retracted"]),
        ({"retracted": "false"}, lambda row: not row["retracted"]),
    ):
        wanted = [row for row in rows if keep(row)]
        assert everything(running, "/matches", limit=9, **parameters) == wanted, parameters
    one = rows[17]
    assert get(running, f"/matches/{one['id']}") == one
    problem(running.ask("/api/v1/matches/999999"), 404)


def test_errors_are_problem_details(running):
    for path, status, where in (
        ("/api/v1/nothing", 404, "path"),
        ("/api/v1/matches?limit=0", 400, "parameter limit"),
        ("/api/v1/matches?limit=501", 400, "parameter limit"),
        ("/api/v1/matches?limit=", 400, "parameter limit"),
        ("/api/v1/matches?cursor=eyJ9", 400, "parameter cursor"),
        ("/api/v1/matches?since=yesterday", 400, "parameter since"),
        ("/api/v1/matches?limt=3", 400, "parameter limt"),
        ("/api/v1/indicators?state=good", 400, "parameter state"),
        (f"/api/v1/indicators?text={'x' * 501}", 400, "parameter text"),
        ("/api/v1/explain", 400, "parameter value"),
        ("/api/v1/rounds/nine", 404, "path"),
        ("/api/v1/backfills/nothing", 404, "path"),
        ("/api/v1/misp/nobody/failed", 404, "path"),
    ):
        assert problem(running.ask(path), status)["where"] == where, path
    answer = running.ask("/api/v1/status", "PATCH")
    problem(answer, 405)
    assert "GET" in answer.headers["allow"]
    problem(running.ask("/api/v1/status", headers={"Host": "evil.example"}), 421)
    problem(running.ask("/api/v1/status", headers={"Origin": "https://evil.example"}), 403)
    problem(running.ask("/api/v1/mutes", "POST", body=b"x" * 70_000), 413)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    problem(running.ask("/api/v1/mutes", "POST", headers=form, body=b"kind=host"), 415)
    for body in ([], {"kind": "host"}, {"kind": "nose", "value": "a", "reason": "b"}, "text"):
        problem(running.send("/api/v1/mutes", body), 400)


def test_mutes_are_added_listed_and_removed(tmp_path):
    with service(tmp_path) as one:
        new = {"kind": "host", "value": "hxxp://www[.]evil[.]example/a", "reason": "a <b>test</b>"}
        answer = one.send("/api/v1/mutes", {**new, "duration": "4h"})
        assert answer.status == 201, answer
        assert answer.json["value"] == "www.evil.example" and not answer.json["ended"]
        mutes = get(one, "/mutes")["items"]
        assert mutes == [answer.json] == json_lines(one.run("mute", "list", "--json"))
        longer = one.send("/api/v1/mutes", {**new, "until": "2099-01-01T00:00:00Z"}).json
        assert longer["until"] == "2099-01-01T00:00:00Z"
        assert get(one, "/mutes")["items"] == [longer], "the same mute, with a new end"
        for wrong in (
            {}, {"until": "2001-01-01"}, {"duration": "0m"}, {"duration": "soon"},
            {"until": "2099-01-01", "duration": "1h"}, {"duration": "1h", "reason": " "},
            {"duration": "1h", "value": "d41d8cd98f00b204e9800998ecf8427e"},
        ):  # fmt: skip
            problem(one.send("/api/v1/mutes", {**new, **wrong}), 422)
        assert get(one, "/mutes")["items"] == [longer], "refused ones change nothing"
        url = {"kind": "indicator", "value": "http://a.example/b c", "reason": "x"}
        added = one.send("/api/v1/mutes", {**url, "duration": "1h"}).json
        path = f"/api/v1/mutes/indicator/{quote(added['value'], safe='')}"
        assert one.ask(path, "DELETE").status == 204
        problem(one.ask(path, "DELETE"), 404)
        assert one.ask("/api/v1/mutes/host/WWW.evil.example", "DELETE").status == 204
        assert get(one, "/mutes")["items"] == []
        assert '"by":"local"' in one.log() and "asked for: add a mute" in one.log()


def test_a_retraction_takes_flags_back_until_it_is_undone(tmp_path):
    with service(tmp_path, 5) as one:
        one.wait_for_rounds(1)
        before = {row["id"] for row in everything(one, "/matches")}
        answer = one.send("/api/v1/retractions", {"target": "Evil[.]example", "reason": "ours"})
        assert answer.status == 201, answer
        assert answer.json == {"target": "evil.example", "indicators": 2, "matches": 10}
        [listed] = get(one, "/retractions")["items"]
        assert (listed["target"], listed["kind"], listed["reason"]) == (
            "evil.example", "value", "ours",
        )  # fmt: skip
        assert {row["id"] for row in everything(one, "/matches", retracted="true")} == before
        assert get(one, "/indicators", text="evil", state="retracted")["items"]
        problem(one.send("/api/v1/retractions", {"target": "no value at all", "reason": "x"}), 422)
        problem(one.ask("/api/v1/retractions/third.example", "DELETE"), 404)
        assert one.ask("/api/v1/retractions/EVIL.example", "DELETE").status == 200
        assert get(one, "/retractions")["items"] == []
        assert one.send("/api/v1/rounds", {}).status == 202
        one.wait_for_rounds(2)
        again = everything(one, "/matches", retracted="false")
        assert len(again) == 10, "stored lines are matched again"


def test_misp_servers_are_steered(tmp_path):
    with misp.running() as double:
        known = [{"name": "soc", "url": double.url, "key": {"env": "KEY"}}]
        one = service(tmp_path, servers_of_misp=known)
        one.environment["KEY"] = double.key
        double.down()
        with one:
            one.wait_for_rounds(1)
            [server] = get(one, "/misp")["items"]
            assert server["name"] == "soc" and server["waiting"] + server["changes"] > 0
            assert json_lines(one.run("misp", "list", "--json")) == [server]
            problem(one.send("/api/v1/misp/nobody/pause", {"reason": "x"}), 404)
            problem(one.send("/api/v1/misp/soc/pause", {"reason": " "}), 422)
            assert one.send("/api/v1/misp/soc/pause", {"reason": "upgrade"}).status == 204
            [server] = get(one, "/misp")["items"]
            assert server["paused"] == "upgrade" and server["paused_by_operator"]
            assert one.ask("/api/v1/misp/soc/resume", "POST").status == 204
            assert get(one, "/misp")["items"][0]["paused"] is None
            problem(one.send("/api/v1/misp/soc/retry", {"event": 4711}), 422)
            double.up()
            assert one.send("/api/v1/misp/soc/retry", {}).status == 200
            assert get(one, "/misp/soc/failed", limit=5)["items"] == json_lines(
                one.run("misp", "failed", "--json")
            )
            one.send("/api/v1/rounds", {})
            one.wait_for_rounds(2)
            assert get(one, "/misp")["items"][0]["sent"] > 0
        assert double.key not in one.log()


def test_rounds_are_started_and_listed(tmp_path):
    with service(tmp_path) as one:
        one.wait_for_rounds(1)
        program.write(tmp_path / "other.txt", "evil.example", "third.example", "new.example")
        problem(one.send("/api/v1/rounds", {"feed": "nobody"}), 404)
        assert one.send("/api/v1/rounds", {"feed": "other"}).status == 202
        one.wait_for_rounds(2)
        last = one.reports()[-1]
        assert [feed["name"] for feed in last["feeds"]] == ["other"], "one feed only"
        rounds = get(one, "/rounds")["items"]
        assert [row["number"] for row in rounds] == [2, 1]
        assert rounds[0]["report"] == last and rounds[0]["ended"]
        assert get(one, "/rounds/1") == rounds[1]
        problem(one.ask("/api/v1/rounds/9"), 404)
        generations = get(one, "/generations")["items"]
        assert [row["in_use"] for row in generations] == [True, False]
        assert generations[0]["types"] == {"domain-name": 4, "ipv4-addr": 1, "url": 1}


def test_the_configuration_is_reloaded_or_refused(tmp_path):
    with service(tmp_path) as one:
        one.wait_for_rounds(1)
        one.feeds.pop()
        one.write()
        assert one.ask("/api/v1/configuration/reload", "POST").status == 204
        assert [feed["name"] for feed in get(one, "/feeds")["items"]] == ["list"]
        one.config.write_text(one.config.read_text() + "\nnonsense = 1\n")
        refused = problem(one.ask("/api/v1/configuration/reload", "POST"), 422)
        assert "nonsense" in refused["got"]
        assert [feed["name"] for feed in get(one, "/feeds")["items"]] == ["list"]


def test_a_held_delivery_is_let_through(tmp_path):
    with service(tmp_path) as one:
        one.wait_for_rounds(1)
        program.write(tmp_path / "list.txt", "evil.example")
        one.send("/api/v1/rounds", {})
        one.wait_for_rounds(2)
        assert get(one, "/feeds")["items"][0]["held"], "it lost more than half"
        problem(one.ask("/api/v1/feeds/nobody/allow", "POST"), 404)
        assert one.ask("/api/v1/feeds/list/allow", "POST").status == 204
        one.send("/api/v1/rounds", {"feed": "list"})
        one.wait_for_rounds(3)
        feed = get(one, "/feeds")["items"][0]
        assert feed["held"] is None and feed["active"] == 1


def test_the_state_is_read_while_a_round_changes_it(tmp_path):
    with service(tmp_path, 3) as one:
        one.wait_for_rounds(1)
        other = sqlite3.connect(tmp_path / "state/state.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM matches")
        assert len(get(one, "/matches")["items"]) == 6, "as before the transaction"
        new = {"kind": "host", "value": "a.example", "duration": "1h", "reason": "waits"}
        answers = []
        change = threading.Thread(target=lambda: answers.append(one.send("/api/v1/mutes", new)))
        change.start()
        one.wait_for(lambda: "asked for: add a mute" in one.log())
        assert len(get(one, "/matches")["items"]) == 6 and not answers
        other.execute("ROLLBACK")
        change.join(timeout=60)
        assert [answer.status for answer in answers] == [201]
        other.close()


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def test_tokens_have_roles_and_names_in_the_log(tmp_path, certificates):
    tokens = [
        {"name": "grafana", "sha256": digest(READ), "role": "read"},
        {"name": "ops", "sha256": digest(WRITE), "role": "write"},
    ]
    one = service(
        tmp_path,
        tokens=tokens,
        certificate=certificates.server,
        key=certificates.server_key,
        client_ca_files=[str(certificates.authority)],
        client_role="read",
    )
    one.certificates = certificates
    new = {"kind": "host", "value": "a.example", "duration": "1h", "reason": "x"}
    with one:
        bare = one.context(None)
        assert "www-authenticate" in one.ask("/api/v1/status", context=bare).headers
        for token in ("", READ[:-1], WRITE.upper(), digest(WRITE)):
            headers = {"Authorization": f"Bearer {token}"}
            problem(one.ask("/api/v1/status", headers=headers, context=bare), 401)
        reader = {"Authorization": f"Bearer {READ}"}
        writer = {"Authorization": f"Bearer {WRITE}"}
        assert one.ask("/api/v1/status", headers=reader, context=bare).status == 200
        assert one.ask("/metrics", headers=reader, context=bare).status == 200
        refused = problem(one.send("/api/v1/mutes", new, headers=reader, context=bare), 403)
        assert "grafana" in refused["got"]
        # Paths of the superseded service change things on GET.
        assert one.ask("/refreshConfig", headers=reader, context=bare).status == 403
        assert one.ask("/listQuartzJobs", headers=reader, context=bare).status == 200
        assert one.send("/api/v1/mutes", new, headers=writer, context=bare).status == 201
        assert one.ask("/refreshConfig", headers=writer, context=bare).status == 200
        assert one.ask("/api/v1/mutes").status == 200, "with a certificate"
        problem(one.send("/api/v1/mutes", new), 403)
        # Health says nothing to those who show nothing.
        assert one.ask("/healthz", context=bare).status == 200
        assert one.ask("/metrics", context=bare).status == 401
        one.wait_for_rounds(1)
        assert one.ask("/readyz", context=bare).json == {"ready": True}
        assert one.ask("/readyz").json == {"ready": True, "reasons": [], "conditions": []}
    assert re.search(r'"by":"ops".*asked for: add a mute', one.log())
    assert READ not in one.log() and WRITE not in one.log()


@pytest.mark.parametrize(
    "tokens, expected",
    [
        ([{"name": "a", "sha256": "abc", "role": "read"}], "64 hexadecimal digits"),
        ([{"name": "a", "sha256": "g" * 64, "role": "read"}], "64 hexadecimal digits"),
        ([{"name": "a", "sha256": "0" * 64, "role": "admin"}], "read"),
        ([{"name": "a", "sha256": "0" * 64}], "role"),
        ([{"name": "a", "sha256": "0" * 64, "role": "read"}] * 2, "unique name"),
    ],
)
def test_wrong_tokens_are_refused(tmp_path, tokens, expected):
    one = service(tmp_path, tokens=tokens)
    one.write()
    found = program.run("config", "check", "--config", one.config, expect=program.USAGE)
    assert expected in found.stderr.decode(), found.stderr.decode()


def test_the_committed_document_is_the_one_that_is_served(running):
    served = json.dumps(running.ask("/api/v1/openapi.json").json, indent=2, ensure_ascii=False)
    if os.environ.get("THREATSIEVE_WRITE"):
        DOCUMENT.write_text(served + "\n")
    assert DOCUMENT.read_text() == served + "\n", (
        "write it again: THREATSIEVE_WRITE=1 .venv/bin/python -m pytest tests/test_api.py -k served"
    )


def test_schemathesis_finds_nothing(tmp_path):
    """Sends a few hundred generated requests, good and bad ones, and compares the answers with the
    document.
    """
    with misp.running() as double:
        one = service(
            tmp_path, 9, servers_of_misp=[{"name": "soc", "url": double.url, "key": {"env": "KEY"}}]
        )
        one.environment["KEY"] = double.key
        # A round started by a request would take its time.
        one.tables["history"] = {"budget": "1s"}
        with one:
            one.wait_for_rounds(1)
            (tmp_path / "schemathesis.toml").write_text(
                '[parameters]\nserver = "soc"\nid = 1\nnumber = 1\n'
                # Its own list has no 413.
                "[checks.negative_data_rejection]\n"
                'expected-statuses = ["400", "403", "404", "405", "409", "413", "415", "422"]\n'
            )
            url = f"http://127.0.0.1:{one.port}"
            done = subprocess.run(
                [
                    SCHEMATHESIS, "run", f"{url}/api/v1/openapi.json", "--url", url,
                    "--seed", "1", "--max-examples", "6", "--no-color",
                    "--suppress-health-check", "all",
                    # Texts such as times and cursors have rules that a schema cannot give.
                    "--exclude-checks", "positive_data_acceptance",
                ],
                cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            assert "Tested: 28" in done.stdout, done.stdout
            assert '"level":"error"' not in one.log(), one.log()
            one.stop()
