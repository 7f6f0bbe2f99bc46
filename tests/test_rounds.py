"""Whole rounds, as cron and people start them.

Old and new lines are flagged and alerted once, and nothing is lost when the program is killed.
"""

import fcntl
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest

from tests import program, seeds

KILLS = 300 if os.environ.get("THREATSIEVE_ENDURANCE") == "full" else 20


def line(number: int, host: str, client: str = "10.1.2.3") -> str:
    """Returns a line of Squid's native log."""
    return (
        f"{1_795_322_415 + number}.357 0 {client} TCP_MISS/200 603 GET http://{host}/{number} - "
        "HIER_DIRECT/192.0.2.7 text/html"
    )


class Post:
    """A controller with one list, one STIX bundle and one log."""

    def __init__(self, folder):
        self.folder = folder
        self.list, self.bundle, self.log = (
            folder / "list.txt",
            folder / "bundle.json",
            folder / "access.log",
        )
        self.records_file, self.mails = folder / "flagged.ndjson", folder / "mails"
        self.objects = {}
        self.config = program.write(
            folder / "threatsieve.toml",
            'state = "state"',
            '[schedule]\nevery = "1s"',
            '[[feeds]]\nname = "list"\ntype = "path"\npath = "list.txt"\nmax_shrink = 1.0\nmay_be_empty = true',
            '[[feeds]]\nname = "stix"\ntype = "path"\npath = "bundle.json"\nmax_shrink = 1.0\nmay_be_empty = true',
            "[blacklist]\nmax_shrink = 1.0",
            '[[logs]]\nname = "proxy"\npaths = ["access.log*"]',
            '[history]\nwindow = "3650d"',
            '[output]\nfile = "flagged.ndjson"',
            '[alerts]\nfrom = "threatsieve@soc.example"\nrecipients = ["soc@soc.example"]\nfolder = "mails"',
        )
        self.log.touch()
        self.write_list("unrelated.example")
        self.write_bundle()

    def write_list(self, *values):
        program.write(self.list, *values)

    def write_bundle(self, **indicators):
        """Adds indicators to the bundle: names with (value, revoked)."""
        self.objects.update(indicators)
        objects = [
            {
                "type": "indicator", "spec_version": "2.1",
                "id": f"indicator--00000000-0000-4000-8000-{number:012}",
                "created": "2026-01-01T00:00:00Z",
                "modified": f"2026-01-0{2 if revoked else 1}T00:00:00Z", "revoked": revoked,
                "valid_from": "2020-01-01T00:00:00Z", "pattern_type": "stix",
                "pattern": f"[domain-name:value = '{value}']", "name": name,
            }
            for number, (name, (value, revoked)) in enumerate(sorted(self.objects.items()))
        ]  # fmt: skip
        self.bundle.write_text(
            json.dumps(
                {
                    "type": "bundle",
                    "id": "bundle--00000000-0000-4000-8000-000000000000",
                    "objects": objects,
                }
            )
        )

    def append(self, *lines):
        with self.log.open("a", encoding="utf-8") as log:
            log.writelines(f"{each}\n" for each in lines)

    def poll(self, *arguments, expect=program.DONE):
        return json.loads(
            program.run("poll", "--json", "--config", self.config, *arguments, expect=expect).stdout
        )

    def status(self):
        return json.loads(program.run("status", "--json", "--config", self.config).stdout)

    def records(self):
        if not self.records_file.exists():
            return []
        return [
            json.loads(each) for each in self.records_file.read_text(encoding="utf-8").splitlines()
        ]

    def kinds(self):
        return [record["threatsieve"]["kind"] for record in self.records()]


@pytest.fixture
def post(tmp_path):
    return Post(tmp_path)


def test_new_lines_are_flagged_once_and_old_ones_when_an_indicator_arrives(post):
    post.append(line(1, "good.example"), line(2, "www.evil.example"), line(3, "late.example"))
    post.write_list("evil.example")
    first = post.poll()
    assert (first["generation"], first["follow"]["events"], first["mails_composed"]) == (1, 1, 1)
    assert [record["log"]["offset"] for record in post.records()] == [
        len(line(1, "good.example")) + 1
    ]
    again = post.poll()
    assert (again["generation"], again["follow"]["lines"], again["mails_composed"]) == (None, 0, 0)
    post.write_list("evil.example", "late.example")
    post.append(line(4, "late.example"))
    third = post.poll()
    assert (third["generation"], third["follow"]["events"], third["history"]["events"]) == (2, 1, 1)
    flagged = post.records()
    assert (
        post.kinds() == ["flag"] * 3
        and len({record["threatsieve"]["id"] for record in flagged}) == 3
    )
    assert all(record["indicator"] == "matched" for record in flagged)
    assert sorted(record["threatsieve"]["historic"] for record in flagged) == [False, False, True]
    assert len(list(post.mails.glob("*.eml"))) == 2


def test_what_is_held_explains_a_value(post):
    post.write_list("evil.example")
    none = program.run("explain", "--config", post.config, "www.evil.example", expect=program.USAGE)
    assert b"`threatsieve poll` makes the first one" in none.stderr
    post.poll()
    said = program.run(
        "explain", "--config", post.config, "hxxp://www[.]evil[.]example/x"
    ).stdout.decode()
    assert "domain-name evil.example covers it (subdomain)" in said and "list evil.example" in said


def test_a_second_indicator_adds_to_a_flagged_event(post):
    post.append(line(1, "www.evil.example"))
    post.write_list("evil.example")
    post.poll()
    post.write_bundle(parent=("evil.example", False))
    post.poll()
    assert post.kinds() == ["flag", "addition"]
    one, two = post.records()
    assert one["threatsieve"]["id"] == two["threatsieve"]["id"]
    assert [each["feed"]["name"] for each in two["threat"]["enrichments"]] == ["stix"]


def test_revoked_and_retracted_indicators_take_their_flags_back(post):
    post.append(line(1, "a.example"), line(2, "b.example"))
    post.write_bundle(a=("a.example", False), kept=("kept.example", False))
    post.write_list("b.example")
    post.poll()
    post.write_bundle(a=("a.example", True))
    said = program.run(
        "retract", "b.example", "--reason", "our own", "--config", post.config
    ).stdout.decode()
    assert "1 earlier matches retracted" in said
    post.poll()
    assert post.kinds() == ["flag", "flag", "retraction", "retraction"]
    post.append(line(3, "a.example"), line(4, "b.example"))
    assert post.poll()["follow"]["events"] == 0
    assert post.status()["retracted"] == 1
    program.run("retract", "b.example", "--reason", "it is bad", "--undo", "--config", post.config)
    assert post.poll()["history"]["matches"] >= 1


def test_a_failing_feed_leaves_the_others_alone(post):
    post.write_list("evil.example")
    post.append(line(1, "evil.example"))
    post.bundle.write_text('{"type": "bundle", "objects": [{')
    report = post.poll(expect=program.REMOTE)
    assert {feed["name"]: feed["outcome"] for feed in report["feeds"]} == {
        "list": "taken",
        "stix": "failed",
    }
    assert post.kinds() == ["flag"]
    shown = {feed["name"]: feed["error"] for feed in post.status()["feeds"]}
    assert shown["list"] is None and "bundle.json" in shown["stix"]


def test_a_longer_window_reaches_older_lines_and_logs(post):
    post.write_list("evil.example")
    configured = post.config.read_text()
    post.config.write_text(configured.replace('window = "3650d"', 'window = "1h"'))
    post.append(line(1, "evil.example"))
    old = program.write(post.folder / "access.log.1", line(2, "evil.example"))
    os.utime(old, (1_795_322_500, 1_795_322_500))
    followed = post.poll()["follow"]
    assert (followed["passed_over"], followed["too_old"], post.kinds()) == (1, 1, [])
    post.config.write_text(configured)
    post.poll()
    assert post.kinds() == ["flag", "flag"]
    assert post.poll()["follow"]["read"] == 0


def is_locked(path) -> bool:
    """Returns whether a process holds the lock of a state."""
    try:
        with open(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def test_two_rounds_never_overlap(post):
    with program.start("run", "--config", post.config) as service:
        try:
            wait_for(lambda: is_locked(post.folder / "state/lock"))
            result = program.run("poll", "--config", post.config)
            assert b"another round is being done" in result.stderr and result.stdout == b""
            program.run("run", "--config", post.config, expect=program.USAGE)
        finally:
            service.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert service.wait(timeout=30) == program.DONE
            assert time.monotonic() - began < 10


def test_run_goes_on_with_what_comes(post):
    post.write_list("evil.example")
    with program.start("run", "--config", post.config, stderr=subprocess.DEVNULL) as service:
        try:
            post.append(line(1, "evil.example"))
            wait_for(lambda: post.kinds() == ["flag"])
            post.append(line(2, "new.example"), line(3, "evil.example"))
            wait_for(lambda: post.kinds() == ["flag", "flag"])
            post.write_list("evil.example", "new.example")
            wait_for(lambda: len(post.kinds()) == 3)
        finally:
            service.send_signal(signal.SIGTERM)
            assert service.wait(timeout=30) == program.DONE


def wait_for(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.05)


def has_ended(process, seconds):
    """Returns whether a process ends within this time."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def has_ended_before(process, path):
    """Waits for the end of a process or a change of a path, without pausing. Returns whether the
    process ended first.
    """

    def stamp():
        return path.stat().st_size, path.stat().st_mtime_ns

    before = stamp() if path.exists() else None
    while process.poll() is None:
        if path.exists() and stamp() != before:
            return False
    return True


def test_killed_at_any_moment_nothing_is_lost_and_nothing_told_twice(post):
    """Kills rounds at random moments while feed and log grow, then runs one to its end.

    Everything is flagged and alerted exactly once.
    """
    rng = random.Random(seeds.SEED)
    listed, expected, number = ["first.example"], set(), 0
    kills = rotations = 0
    while kills < KILLS:
        listed.append(f"evil{kills}.example")
        post.write_list(*listed)
        lines = []
        for _ in range(rng.randint(50, 400)):
            number += 1
            # Hosts that are already listed, ones that will be, and ones that never are.
            host = rng.choice(
                [rng.choice(listed), f"evil{rng.randint(0, KILLS + 5)}.example", "good.example"]
            )
            lines.append(line(number, host, f"10.0.0.{rng.randint(1, 9)}"))
            expected.add((number, host))
        post.append(*lines)
        if rng.random() < 0.1:
            rotations += 1
            post.log.rename(post.folder / f"access.log.{rotations}")
        with program.start(
            "poll",
            "--force",
            "--config",
            post.config,
            stdin=None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as one:
            # The moment between writing a record or mail and confirming it is too short to hit by
            # chance.
            watched = rng.choice([None, None, post.records_file, post.mails])
            if (
                has_ended(one, rng.uniform(0.0, 0.25))
                if watched is None
                else has_ended_before(one, watched)
            ):
                continue
            one.send_signal(signal.SIGKILL)
            kills += 1
    post.poll("--force")
    assert post.poll("--force")["follow"]["lines"] == 0
    wanted = {number for number, host in expected if host in listed}
    flagged = [record for record in post.records() if record["threatsieve"]["kind"] == "flag"]
    ids = [record["threatsieve"]["id"] for record in flagged]
    assert len(ids) == len(set(ids))
    found = sorted(int(record["url"]["original"].rsplit("/", 1)[1]) for record in flagged)
    assert found == sorted(wanted)
    state = sqlite3.connect(post.folder / "state/state.db")
    assert state.execute("SELECT count(*) FROM matches WHERE told = 0").fetchone() == (0,)
    assert state.execute("SELECT count(*) FROM outbox_records").fetchone() == (0,)
    names = {
        f"{row[0].strip('<>')}.eml"
        for row in state.execute("SELECT message_id FROM mails WHERE state = 1")
    }
    assert names == {path.name for path in post.mails.glob("*.eml")}
    assert state.execute("SELECT count(*) FROM mails WHERE state <> 1").fetchone() == (0,)


def test_a_list_that_shrinks_is_held_until_allowed(post):
    config = post.config.read_text(encoding="utf-8").replace(
        'path = "list.txt"\nmax_shrink = 1.0\nmay_be_empty = true',
        'path = "list.txt"\nmax_shrink = 0.5',
    )
    post.config.write_text(config, encoding="utf-8")
    post.write_list(*(f"evil{n}.example" for n in range(10)))
    post.poll()
    post.write_list("evil0.example")
    report = post.poll(expect=program.REMOTE)
    assert report["feeds"][0]["outcome"] == "held" and report["generation"] is None
    post.append(line(1, "evil9.example"))
    assert post.poll(expect=program.REMOTE)["follow"]["events"] == 1
    held = program.run("feeds", "--held", "--config", post.config).stdout.decode()
    assert "held back" in held and "feeds --allow list" in held
    program.run("feeds", "--allow", "list", "--config", post.config)
    assert post.poll("--force")["feeds"][0]["outcome"] == "taken"
    post.append(line(2, "evil9.example"))
    assert post.poll()["follow"]["events"] == 0
    found = program.run(
        "indicators", "evil9", "--state", "removed", "--json", "--config", post.config
    ).stdout
    assert json.loads(found)["state"] == "removed"
