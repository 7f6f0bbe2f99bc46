"""Reading the configuration again while the service runs, its schedule, and its log's file."""

import json
import re
import shutil
import signal
import ssl
import threading

import pytest

from tests import hostile, program, servers, stix
from tests.hostile import envelope
from tests.service import Service

LIST = {"name": "list", "type": "path", "path": "list.txt", "packages_to": "packages"}
OTHER = {"name": "other", "type": "path", "path": "other.txt", "packages_to": "packages"}
JOB = r"Quartz Jobs:\[jobName\] : initializeQuartzJob \[groupName\] : group1 - \w{3} \w{3} \d\d .*"
STEPS = {
    "Controller": "/refreshConfig:",
    "Step 1 of 5": "Attempt to STOP Quartz Jobs...",
    "Step 2 of 5": "Attempt to STOP Quartz Scheduler...",
    "Step 3 of 5": "Attempt to reload Configuration Properties...",
    "Step 4 of 5": (
        "Reset Begin/End TimeStamps. Will be initialized via Configuration Properties..."
    ),
    "Step 5 of 5": "Attempt to ReSTART the Quartz Scheduler...",
}


def service(folder, **tables) -> Service:
    """Returns a service with one list, which is polled whenever a round asks for it."""
    one = Service(folder, [dict(LIST)], tables)
    program.write(folder / "list.txt", "evil.example")
    program.write(folder / "other.txt", "other.example")
    return one


def by_request(one: Service) -> bool:
    """Reloads by a request. Returns whether the configuration was taken."""
    return one.ask("/refreshConfig").status == 200


def by_signal(one: Service) -> bool:
    """Reloads by SIGHUP. Returns whether the configuration was taken."""
    before = len(one.log())
    one.process.send_signal(signal.SIGHUP)
    ended = re.compile(r"configuration reloaded|the configuration is refused")
    one.wait_for(lambda: ended.search(one.log(), before))
    return "configuration reloaded" in one.log()[before:]


@pytest.fixture(params=[by_request, by_signal], ids=["request", "signal"])
def reload(request):
    """Each way to reload."""
    return request.param


def test_a_new_configuration_is_in_use_from_the_next_round_on(tmp_path, reload):
    with service(tmp_path) as one:
        one.wait_for_rounds(1)
        assert one.poll(name="other").status == 404
        one.feeds.append(OTHER)
        one.write()
        assert reload(one)
        assert one.poll(name="other").json["status"] == "Success"
        assert "other.example" in one.run("indicators", "other.example")
        one.feeds = [OTHER]
        one.write()
        assert reload(one)
        assert one.poll(name="list").status == 404


def test_the_five_steps_are_answered_as_documented(tmp_path):
    with service(tmp_path) as one:
        for method in ("GET", "POST", "PUT"):
            answer = one.ask("/refreshConfig", method)
            assert (answer.status, answer.json) == (200, STEPS)
        assert list(answer.json) == list(STEPS)


def test_a_wrong_configuration_is_refused_and_the_previous_one_stays(tmp_path, reload):
    with service(tmp_path, alerts=MAILS) as one:
        one.wait_for_rounds(1)
        right = one.config.read_text()
        one.feeds[0]["every"] = "never"
        one.feeds.append(OTHER | {"typ": "path"})
        one.write()
        assert not reload(one)
        answer = one.ask("/refreshConfig")
        assert answer.status == 422 and "Controller" not in answer.json
        for text in ("feeds.list.every", "feeds.other.typ: expected a known key"):
            assert text in answer.json["got"], answer
        assert one.poll(name="list").json["status"] == "Success"
        assert (
            "feeds.list.every"
            in program.run("status", "--config", one.config, expect=program.USAGE).stderr.decode()
        )
        one.config.write_text(right)
        one.wait_for(lambda: one.conditions() == ["config_refused"])
        assert "feeds.list.every" in one.run("status")
        assert "configuration not in use" in mails(one)
        assert reload(one)
        one.wait_for(lambda: one.conditions() == [])
        assert one.poll(name="list").json["status"] == "Success"


MAILS = {
    "from": "ts@soc.example", "recipients": ["soc@soc.example"],
    "operators": ["operator@soc.example"], "folder": "mails",
}  # fmt: skip


def mails(one: Service) -> str:
    """Returns the text of all mails, after another round."""
    one.poll(name="list")
    return "".join(path.read_text() for path in (one.folder / "mails").rglob("*") if path.is_file())


def test_a_file_that_is_gone_or_no_toml_is_refused(tmp_path):
    with service(tmp_path) as one:
        one.wait_for_rounds(1)
        one.config.write_text("state = [")
        assert one.ask("/refreshConfig").status == 422
        one.config.write_bytes(b"\xff")
        assert "UTF-8" in one.ask("/refreshConfig").json["got"]
        one.config.unlink()
        answer = one.ask("/refreshConfig")
        assert answer.status == 422 and "No such file" in answer.json["got"]
        assert one.poll(name="list").status == 200


def test_what_cannot_change_while_it_runs_is_refused_by_name(tmp_path):
    with service(tmp_path) as one:
        one.wait_for_rounds(1)
        server = one.tables["server"]
        for change, back, name in [
            (lambda: one.top.update(state=tmp_path / "elsewhere"),
             lambda: one.top.update(state=tmp_path / "state"), "state"),
            (lambda: one.tables.update(server={"listen": "127.0.0.2:1"}),
             lambda: one.tables.update(server=server), "server.listen"),
            (lambda: one.tables.pop("server"),
             lambda: one.tables.update(server=server), "server.listen"),
        ]:  # fmt: skip
            change()
            one.write()
            answer = one.ask("/refreshConfig")
            assert answer.status == 409 and answer.json["got"].startswith(f"{name}: "), answer
            assert "start the program again" in answer.json["got"]
            one.wait_for(lambda: True)
            back()
        one.write()
        one.wait_for(lambda: one.conditions() == ["config_refused"])
        assert not (tmp_path / "elsewhere").exists()
        assert by_request(one)


def test_secrets_and_certificates_are_read_again(tmp_path, tool):
    openssl = tool("openssl", "openssl")
    first, second = (servers.certificates(tmp_path / name, openssl) for name in ("one", "two"))
    token, files = tmp_path / "token", tmp_path / "files"
    files.mkdir()

    def install(of) -> None:
        shutil.copy(of.server, files / "server.pem")
        shutil.copy(of.server_key, files / "server.key")

    install(first)
    token.write_text("the first token of two\n")
    token.chmod(0o600)
    one = service(
        tmp_path,
        server={
            "listen": "127.0.0.1:0",
            "certificate": files / "server.pem",
            "key": files / "server.key",
            "token": {"file": str(token)},
        },
    )
    one.certificates = first
    old, new = (
        {"Authorization": f"Bearer the {name} token of two"} for name in ("first", "second")
    )
    with one:
        kept = one.connection()
        kept.request("GET", "/listQuartzJobs", headers=old)
        assert kept.getresponse().read()
        kept.close()
        install(second)
        token.write_text("the second token of two\n")
        assert one.ask("/listQuartzJobs", headers=new).status == 401
        assert one.ask("/refreshConfig", headers=old).status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            one.ask("/listQuartzJobs", headers=new)
        one.certificates = second
        assert one.ask("/listQuartzJobs", headers=new).status == 200
        assert one.ask("/listQuartzJobs", headers=old).status == 401
        # The key of another certificate.
        shutil.copy(first.server_key, files / "server.key")
        answer = one.ask("/refreshConfig", headers=new)
        assert answer.status == 500 and "server.pem" in answer.json["got"]
        assert one.ask("/listQuartzJobs", headers=new).status == 200


def test_a_reload_resets_no_cursor(tmp_path):
    queries: list[dict] = []

    def pages(asked: hostile.Asked) -> hostile.Reply:
        queries.append(asked.query)
        added = "2026-01-02T03:04:05.000000Z"
        reply = envelope(stix.indicator(1, "[domain-name:value = 'a.example']"))
        reply.headers |= {"X-TAXII-Date-Added-First": added, "X-TAXII-Date-Added-Last": added}
        return reply

    def answer(asked: hostile.Asked) -> hostile.Reply:
        if asked.path.endswith("/objects/"):
            return pages(asked)
        about = {"id": "1", "title": "One", "can_read": True}
        return hostile.Reply(json.dumps(about), headers={"Content-Type": servers.TAXII})

    with hostile.serving(answer) as server:
        one = service(tmp_path)
        url = f"{server.url}/api/collections/1/"
        one.feeds = [{"name": "taxii", "type": "taxii", "url": url, "packages_to": "packages"}]
        with one:
            one.wait_for_rounds(1)
            assert "added_after" not in queries[0]
            cursor = json.loads(one.run("status", "--json"))["feeds"][0]["cursor"]
            assert by_request(one) and by_signal(one)
            assert json.loads(one.run("status", "--json"))["feeds"][0]["cursor"] == cursor
            assert one.poll(name="taxii").json["status"] == "Success"
            assert queries[-1]["added_after"].startswith("2026-01-02T02:5")


def test_the_schedule_is_stopped_listed_and_started(tmp_path):
    with service(tmp_path, schedule={"every": "1s"}) as one:
        one.wait_for_rounds(2)
        assert re.fullmatch(JOB, one.ask("/listQuartzJobs").text)
        assert "already been started" in one.ask("/initQuartz").text
        stopped = one.ask("/stopQuartzJobs", "POST").text
        assert stopped == "Stop Quartz Jobs:.....the scheduler stopped the Jobs for group1."
        listed = one.ask("/listQuartzJobs").text
        assert "the schedule is stopped" in listed and "group1" not in listed
        # A round that began before has ended when another one was done.
        first = one.poll(name="list").json["id"]
        threading.Event().wait(3)
        assert one.poll(name="list").json["id"] == first + 1, "no round but those asked for"
        started = one.ask("/initQuartz").text
        assert started.startswith("Controller - Asked to Initialize Quartz Scheduler...\n")
        assert started.endswith("Starting it now.")
        one.wait_for_rounds(len(one.reports()) + 2)
        one.ask("/stopQuartzJobs")
        assert by_request(one)
        assert re.fullmatch(JOB, one.ask("/listQuartzJobs").text), "a reload starts it again"


def test_a_reload_changes_the_schedule(tmp_path):
    with service(tmp_path) as one:
        one.wait_for_rounds(1)
        before = one.ask("/listQuartzJobs").text
        one.tables["schedule"] = {"cron": "0 0 1 1 *"}
        one.write()
        assert by_request(one)
        after = one.ask("/listQuartzJobs").text
        assert "Jan 01 00:00:00" in after and after != before
        one.tables["schedule"] = {"every": "1s"}
        one.write()
        assert by_request(one)
        one.wait_for_rounds(3)


def test_the_log_file_is_renamed_when_it_is_full_and_follows_a_reload(tmp_path):
    log = tmp_path / "logs/threatsieve.log"
    log.parent.mkdir()
    one = service(
        tmp_path,
        schedule={"every": "1s"},
        logging={"format": "json", "file": log, "max_file_size": "4KB", "old_files": 2},
    )
    with one:
        one.wait_for(lambda: (tmp_path / "logs/threatsieve.log.2").exists())
        assert sorted(path.name for path in log.parent.iterdir()) == [
            "threatsieve.log",
            "threatsieve.log.1",
            "threatsieve.log.2",
        ]
        # logrotate moves it away.
        log.rename(tmp_path / "moved.log")
        one.wait_for(log.exists)
        one.tables["logging"] = {"format": "json", "file": tmp_path / "new.log"}
        one.write()
        assert by_request(one)
        one.wait_for(lambda: "round" in (tmp_path / "new.log").read_text())
        one.tables["logging"]["file"] = tmp_path / "nowhere/new.log"
        one.write()
        answer = one.ask("/refreshConfig")
        assert answer.status == 500 and "nowhere/new.log" in answer.json["got"]
        one.stop()
        lines = one.log().splitlines()
        kept = (tmp_path / "new.log").read_text().splitlines()
        assert kept == lines[-len(kept) :], "the same lines, and none is lost"
        reports = [json.loads(line) for line in kept if "report" in json.loads(line)]
        assert reports and all("round" in json.loads(line["report"]) for line in reports)
