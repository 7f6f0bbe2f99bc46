"""The operator's view: file modes, damage, a wrong clock, reports of faults, and upgrades of the
state.
"""

import contextlib
import email
import email.policy
import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests import program
from tests.clock import Clock

NOW = 1_795_322_415
"""The time of the log lines, in seconds: 2026-11-22."""
NOBODY = 65534


def line(number: int, host: str, time: int = NOW) -> str:
    """Returns a line of Squid's native log."""
    return (
        f"{time + number}.357 0 10.1.2.3 TCP_MISS/200 603 GET http://{host}/{number} - "
        "HIER_DIRECT/192.0.2.7 text/html\n"
    )


class Desk:
    """A controller with one list, logs, an output file, and mails in a folder."""

    def __init__(self, folder: Path, *settings: str, top: str = ""):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.state = folder, folder / "state"
        self.list, self.log, self.output, self.mails = (
            folder / "list.txt",
            folder / "access.log",
            folder / "out/matches.ndjson",
            folder / "mails",
        )
        self.environment = {}
        tables = {
            "feeds": '[[feeds]]\nname = "list"\ntype = "path"\npath = "list.txt"',
            "logs": '[[logs]]\nname = "proxy"\npaths = ["access.log*"]',
            "history": '[history]\nwindow = "3650d"',
            "output": '[output]\nfile = "out/matches.ndjson"',
            "alerts": (
                '[alerts]\nfrom = "threatsieve@soc.example"\nrecipients = ["soc@soc.example"]\n'
                'operators = ["operator@soc.example"]\nfolder = "mails"'
            ),
        }
        for setting in settings:
            tables[setting.split("]")[0].strip("[")] = setting
        self.config = program.write(
            folder / "threatsieve.toml", f'state = "state"\n{top}', *tables.values()
        )
        program.write(self.list, "evil.example")
        self.log.write_text(line(1, "www.evil.example"))

    def run(self, *arguments, **options) -> subprocess.CompletedProcess:
        return program.run(*arguments, "--config", self.config, env=self.environment, **options)

    def poll(self, *arguments, expect: int = program.DONE) -> dict:
        return json.loads(self.run("poll", "--json", *arguments, expect=expect).stdout)

    def status(self, *arguments) -> dict:
        return json.loads(self.run("status", "--json", *arguments).stdout)

    def conditions(self) -> dict[str, str]:
        """Returns the subjects of the present conditions, by kind."""
        return {
            condition["kind"]: condition["subject"] for condition in self.status()["conditions"]
        }

    def records(self) -> list[dict]:
        return [json.loads(record) for record in self.output.read_text().splitlines()]

    def news(self) -> list[str]:
        """Returns the subjects of the mails to the operator, oldest first."""
        paths = sorted(self.mails.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        mails = [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in paths
        ]
        return [mail["Subject"] for mail in mails if mail["To"] == "operator@soc.example"]

    @contextlib.contextmanager
    def database(self):
        connection = sqlite3.connect(self.state / "state.db")
        with connection:
            yield connection
        connection.close()


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.fixture
def open_folder():
    """A folder that every user can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def without_rights() -> dict:
    """Returns options that start a program as a user without root's rights, so that file modes
    apply.
    """
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


# Modes.


def test_only_the_owner_reads_the_state_and_the_group_reads_records(desk, monkeypatch):
    previous = os.umask(0)
    try:
        desk.poll()
    finally:
        os.umask(previous)
    for path in [desk.state, *desk.state.rglob("*"), desk.mails, *desk.mails.iterdir()]:
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path
    assert (mode(desk.output), mode(desk.output.parent)) == (0o640, 0o750)
    # An upgrade removes permissions that an earlier version left to everyone.
    desk.state.chmod(0o755)
    (desk.state / "state.db").chmod(0o644)
    desk.output.chmod(0o644)
    desk.poll()
    assert (mode(desk.state), mode(desk.state / "state.db"), mode(desk.output)) == (
        0o700,
        0o600,
        0o640,
    )


def test_the_output_has_the_mode_and_group_of_the_settings(tmp_path):
    group = 1 if os.geteuid() == 0 else os.getgid()
    desk = Desk(
        tmp_path, f'[output]\nfile = "out/matches.ndjson"\nmode = "0664"\ngroup = "{group}"'
    )
    desk.poll()
    assert (mode(desk.output), desk.output.stat().st_gid) == (0o664, group)
    assert (mode(desk.output.parent), desk.output.parent.stat().st_gid) == (0o775, group)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ('mode = "0777"', "octal mode"),
        ('mode = "0044"', "octal mode"),
        ('group = "no-such-group"', "a group of this machine"),
    ],
)
def test_a_wrong_mode_or_group_is_refused(tmp_path, setting, expected):
    desk = Desk(tmp_path, f"[output]\n{setting}")
    assert (
        expected in desk.run("config", "check", "--offline", expect=program.USAGE).stderr.decode()
    )


# Damage.


def damaged(desk: Desk) -> None:
    """Writes 8 KiB of 0xff into the middle of the state, and sets its last check a day back."""
    with desk.database() as database:
        database.execute("CREATE TABLE filler (body TEXT)")
        database.executemany(
            "INSERT INTO filler VALUES (?)", [(f"{number:0500}",) for number in range(4000)]
        )
        database.execute("UPDATE upkeep SET checked = checked - 86400000000")
    path = desk.state / "state.db"
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 8192)


def test_damage_is_found_on_request_and_within_a_day(desk):
    desk.poll()
    assert b"no damage was found" in desk.run("status", "--check").stderr
    damaged(desk)
    before = (desk.state / "state.db").read_bytes()
    for verb in [["status", "--check"], ["poll"], ["run"]]:
        said = desk.run(*verb, expect=program.DAMAGED).stderr.decode()
        assert "state.db: the state is damaged" in said and '"Restore"' in said, said
    assert (desk.state / "state.db").read_bytes() == before, (
        "nothing is written into a damaged state"
    )


def test_a_state_is_checked_after_a_kill(desk):
    desk.poll()
    checked = desk.status()["state"]["checked"]
    desk.poll()
    assert desk.status()["state"]["checked"] == checked, "less than a day ago"
    with desk.database() as database:
        database.execute("UPDATE rounds SET ended = NULL")
    desk.poll()
    assert desk.status()["state"]["checked"] > checked


@pytest.mark.parametrize("content", [b"", b"\0" * 4096])
def test_an_emptied_state_is_no_new_one(desk, content):
    desk.poll()
    (desk.state / "state.db").write_bytes(content)
    for verb in ["poll", "run", "status", "indicators", "feeds", "mute"]:
        said = desk.run(verb, expect=program.DAMAGED).stderr.decode()
        assert '"Restore"' in said, said
    assert (desk.state / "state.db").read_bytes() == content
    (desk.state / "state.db").unlink()
    assert desk.poll()["generation"] == 1


def test_reading_needs_no_right_to_write(open_folder):
    desk = Desk(open_folder)
    binary = shutil.copy(program.BINARY, open_folder / "program")
    desk.poll()
    for path in [desk.state, *desk.state.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    desk.list.chmod(0o444)
    before = sorted(path.name for path in desk.state.iterdir())
    for verb in [
        ["status", "--json"],
        ["status", "--check"],
        ["feeds"],
        ["indicators"],
        ["mute"],
        ["explain", "evil.example"],
    ]:
        result = subprocess.run(
            [binary, *verb, "--config", desk.config],
            capture_output=True,
            check=False,
            **without_rights(),
        )
        assert result.returncode == program.DONE, result.stderr
    assert sorted(path.name for path in desk.state.iterdir()) == before
    desk.state.chmod(0o755)


def test_a_status_before_the_first_round_makes_no_state(desk):
    assert desk.status()["round"] is None and not desk.state.exists()
    assert "round     none yet" in desk.run("status").stdout.decode()


# Nothing is silent.


def test_an_output_that_cannot_be_written_is_reported_once_and_loses_nothing(desk):
    desk.output.mkdir(parents=True)
    report = desk.poll(expect=program.USAGE)
    assert (
        "expected a regular file" in report["records"]["error"]
        and report["records"]["waiting"] == 1
    )
    assert desk.conditions() == {"output_blocked": ""}
    assert desk.news() == ["[threatsieve] problem: output not writable"]
    text = desk.run("poll", expect=program.USAGE).stdout.decode()
    assert "wrong    output not writable" in text and "records  0 written, 1 waiting: " in text
    assert len(desk.news()) == 1, "once when it begins"
    desk.output.rmdir()
    assert desk.poll()["records"]["written"] == 1
    assert desk.conditions() == {} and len(desk.records()) == 1
    assert desk.news()[1:] == ["[threatsieve] over: output not writable"], "once when it ends"
    desk.poll()
    assert len(desk.news()) == 2


def test_an_output_is_tried_before_there_is_a_record(desk):
    desk.log.write_text(line(1, "good.example"))
    desk.output.mkdir(parents=True)
    desk.poll(expect=program.USAGE)
    assert desk.conditions() == {"output_blocked": ""}


def test_a_delivery_that_is_held_back_is_reported_until_it_is_let_through(desk):
    program.write(desk.list, *(f"evil{number}.example" for number in range(10)))
    desk.poll()
    program.write(desk.list, "evil0.example")
    assert desk.poll(expect=program.REMOTE)["feeds"][0]["outcome"] == "held"
    assert desk.conditions() == {"feed_held": "list"}
    desk.poll(expect=program.REMOTE)
    assert desk.news() == ["[threatsieve] problem: delivery held back: list"]
    desk.run("feeds", "--allow", "list")
    desk.poll()
    assert desk.news()[1:] == ["[threatsieve] over: delivery held back: list"]


def test_a_dead_feed_is_reported_after_its_time(tmp_path):
    desk = Desk(tmp_path, '[health]\nfeed_dead_after = "10h"')
    desk.poll()
    desk.list.unlink()
    desk.poll(expect=program.REMOTE)
    assert desk.conditions() == {}, "a first failure is nothing"
    with desk.database() as database:
        database.execute("UPDATE feeds SET failing_since = failing_since - 36000000000")
    desk.poll(expect=program.REMOTE)
    assert desk.conditions() == {"feed_dead": "list"}
    assert desk.news() == ["[threatsieve] problem: feed dead: list"]
    program.write(desk.list, "evil.example")
    desk.poll()
    assert desk.conditions() == {}


def test_mails_that_do_not_get_through_are_reported(desk):
    desk.mails.write_text("no folder")
    desk.poll(expect=program.REMOTE)
    with desk.database() as database:
        database.execute("UPDATE mails SET composed = composed - 7200000000, next_attempt = NULL")
    desk.poll(expect=program.REMOTE)
    assert desk.conditions() == {"mails_stuck": "soc@soc.example"}
    desk.mails.unlink()
    with desk.database() as database:
        database.execute("UPDATE mails SET next_attempt = NULL")
    desk.poll("--force", expect=program.REMOTE)
    desk.poll()
    assert desk.conditions() == {}
    assert sorted(desk.news()) == [
        "[threatsieve] over: mails not delivered: soc@soc.example",
        "[threatsieve] problem: mails not delivered: soc@soc.example",
    ]


def test_long_and_old_lines_are_counted(tmp_path):
    desk = Desk(tmp_path, '[history]\nwindow = "30d"')
    long = line(2, "good.example/" + "a" * (17 << 20))
    desk.log.write_text(
        line(1, "www.evil.example", time=1_600_000_000) + long + line(3, "good.example")
    )
    report = desk.poll(expect=program.DAMAGED)
    assert (report["follow"]["cut"], report["follow"]["too_old"], report["follow"]["events"]) == (
        1,
        1,
        0,
    )
    assert desk.conditions() == {"events_unchecked": ""}
    desk.log.write_text(desk.log.read_text() + line(4, "good.example"))
    assert desk.poll()["follow"]["cut"] == 0
    assert [subject.split(": ")[0] for subject in desk.news()] == [
        "[threatsieve] problem",
        "[threatsieve] over",
    ]


def test_a_scan_that_cuts_lines_says_so_by_its_exit_code(tmp_path):
    listed = program.write(tmp_path / "list.txt", "evil.example")
    log = tmp_path / "access.log"
    log.write_text(line(1, "good.example/" + "a" * (17 << 20)))
    program.run("scan", "--list", listed, log, expect=program.DAMAGED)


@pytest.mark.parametrize("pattern", ["logs/*/*.log", "logs/*/access.log", "logs/**/*.log", "logs"])
def test_one_unreadable_folder_hides_nothing_else(open_folder, pattern):
    desk = Desk(open_folder, f'[[logs]]\nname = "proxy"\npaths = ["{pattern}"]')
    binary = shutil.copy(program.BINARY, open_folder / "program")
    for number, name in enumerate(["a", "b", "c"]):
        (open_folder / "logs" / name).mkdir(parents=True)
        (open_folder / "logs" / name / "access.log").write_text(
            line(number, f"{name}.evil.example")
        )
    if os.geteuid() == 0:
        for path in [open_folder, *open_folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)

    def poll(expect: int) -> dict:
        result = subprocess.run(
            [binary, "poll", "--json", "--config", desk.config],
            capture_output=True,
            check=False,
            **without_rights(),
        )
        assert result.returncode == expect, result.stderr
        return json.loads(result.stdout)

    assert poll(program.DONE)["follow"]["events"] == 3
    (open_folder / "logs/b").chmod(0)
    with (open_folder / "logs/c/access.log").open("a") as log:
        log.write(line(7, "c.evil.example"))
    report = poll(program.DAMAGED)
    assert (report["follow"]["events"], report["follow"]["gone"]) == (1, 0)
    (trouble,) = report["follow"]["troubles"]
    assert (
        trouble["path"].endswith(("logs/b", "logs/b/access.log"))
        and "ermission denied" in trouble["what"]
    )
    assert [condition["kind"] for condition in report["conditions"]] == ["logs_unread"]
    (open_folder / "logs/b").chmod(0o755)
    report = poll(program.DONE)
    assert report["follow"]["lines"] == 0, "the file in it is the one that it was"


# The clock.


@pytest.fixture
def clock(desk, tmp_path):
    """Returns a function that sets the desk's clock this many days ahead."""
    library = Clock(tmp_path)

    def ahead(days: int) -> None:
        desk.environment = library.ahead(days)

    return ahead


def test_a_clock_that_jumps_for_one_round_changes_nothing(desk, clock):
    desk.poll()
    desk.log.write_text(desk.log.read_text() + line(2, "www.evil.example"))
    for days in [100, -100]:
        clock(days)
        report = desk.poll(expect=program.USAGE)
        assert report["clock"] and report["follow"] is None
        status = desk.run("status").stdout.decode()
        assert "this round did nothing" in status and "`threatsieve poll --accept-clock`" in status
    clock(0)
    assert desk.poll()["follow"]["events"] == 1
    assert desk.status()["clock"] is None


def test_a_second_round_confirms_the_clock(desk, clock):
    desk.poll()
    clock(100)
    desk.poll(expect=program.USAGE)
    desk.log.write_text(desk.log.read_text() + line(2, "www.evil.example"))
    assert desk.poll()["follow"]["events"] == 1
    clock(200)
    desk.poll(expect=program.USAGE)
    clock(300)
    desk.poll(expect=program.USAGE)
    assert "clock" not in desk.poll("--accept-clock")
    assert "clock" not in desk.poll()


def test_a_feed_that_failed_under_a_wrong_clock_is_polled_under_the_right_one(
    desk, clock, tmp_path
):
    text = desk.config.read_text().replace(
        'type = "path"\npath = "list.txt"', 'type = "url"\nurl = "http://127.0.0.1:9/list.txt"'
    )
    desk.config.write_text(text)
    clock(365)
    desk.poll(expect=program.REMOTE)
    clock(0)
    (feed,) = desk.poll("--accept-clock", expect=program.REMOTE)["feeds"]
    assert feed["outcome"] == "failed", "it does not wait a year"


# Growth.


def test_what_is_kept_has_limits_that_status_shows(tmp_path):
    desk = Desk(tmp_path, '[retention]\nrejections = 3\nrounds = 2\ngenerations = 1\nmails = "1h"')
    # More values than rejected lines, otherwise the first delivery would be held back.
    good = [f"good{number}.example" for number in range(20)]
    program.write(desk.list, "evil.example", *good, *(f"no value {number}" for number in range(10)))
    desk.poll()
    for number in range(3):
        program.write(
            desk.list,
            "evil.example",
            *good,
            f"evil{number}.example",
            *(f"no value {number}" for number in range(10)),
        )
        desk.poll()
    with desk.database() as database:
        database.execute("UPDATE mails SET composed = composed - 7200000000")
        database.execute("UPDATE upkeep SET pruned = pruned - 86400000000")
    assert desk.poll()["pruned"] == {
        "events": 0,
        "files": 0,
        "mails": 1,
        "deliveries": 0,
        "packages": 0,
        "rejections": 7,
        "rounds": 3,
    }
    assert "pruned" not in desk.poll(), "once a day"
    kept = desk.status()["state"]["kept"]
    assert {name: rows["rows"] for name, rows in kept.items()} == {
        "rejections": 3,
        "events": 1,
        "mails": 0,
        "deliveries": 0,
        "generations": 1,
        "packages": 0,
        "rounds": 3,
    }
    assert (kept["events"]["limit"], kept["mails"]["max_age_seconds"]) == (1_000_000, 3600)
    assert len(list((desk.state / "blacklists").iterdir())) == 1
    assert "3 rejections (a feed at most 3)" in desk.run("status").stdout.decode()


# Upgrade.


def test_a_state_of_version_2_is_upgraded(desk):
    """Upgrades a state that the program of commit 4fe9b83 made.

    It has 12 matched lines in two files, and a history job for `late.example` that had not begun.
    Nothing is flagged or mailed twice, and the job is done.
    """
    hosts = ["www.evil.example", "late.example", "good.example"]
    for name, numbers in [("access.log.1", range(6)), ("access.log", range(6, 12))]:
        (desk.folder / name).write_text(
            "".join(line(number, hosts[number % 3]) for number in numbers)
        )
    desk.state.mkdir()
    (desk.state / "state.db").write_bytes(
        gzip.decompress((program.ROOT / "tests/data/state-version-2.db.gz").read_bytes())
    )
    program.write(desk.list, "evil.example", "late.example", "ours.example")
    said = desk.run("status", expect=program.USAGE).stderr.decode()
    assert "the next round brings it up to date" in said
    desk.poll("--accept-clock")
    report = desk.poll()
    assert report["follow"]["lines"] == 0 and report["mails_composed"] == 0
    flagged = sorted(record["url"]["domain"] for record in desk.records())
    assert flagged == ["late.example"] * 4 and all(
        record["threatsieve"]["historic"] for record in desk.records()
    )
    status = desk.status()
    assert (status["retracted"], status["history"]["files"], status["conditions"]) == (1, 0, [])
    assert b"proxy.example.org" in desk.run("mute").stdout


# Back-up and restore, with the exact commands of the documentation.


def commands(heading: str) -> list[str]:
    """Returns the shell commands below a heading of docs/operations.md, one text for each block."""
    section = (
        (program.ROOT / "docs/operations.md")
        .read_text()
        .split(f"\n## {heading}\n")[1]
        .split("\n## ")[0]
    )
    blocks = re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks]


def follow_docs(desk: Desk, backup: Path, script: str) -> str:
    """Runs commands of the documentation in a shell, with this desk's state and user instead of the
    service's.
    """
    names = {
        "/var/lib/threatsieve": str(desk.state),
        "/backup": str(backup),
        "-o threatsieve -g threatsieve": f"-o {os.getuid()} -g {os.getgid()}",
    }
    for name, ours in names.items():
        script = script.replace(name, ours)
    shell = f"""
        set -euo pipefail
        systemctl() {{ [ "$2" = threatsieve ]; }}
        sudo() {{ [ "$1 $2" = "-u threatsieve" ]; shift 2; "$@"; }}
        threatsieve() {{ "{program.BINARY}" "$@" --config "{desk.config}"; }}
        {script}"""
    result = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


@pytest.mark.parametrize("way", [0, 1])
def test_back_up_and_restore_as_documented(desk, tmp_path, way):
    ways = commands("Back up")
    assert len(ways) == 2
    backup = tmp_path / "backup"
    backup.mkdir()
    desk.poll()
    reader = sqlite3.connect(desk.state / "state.db")
    if way == 0:
        # The state is in use: its write-ahead log has data that the file lacks.
        reader.execute("SELECT count(*) FROM events").fetchone()
    desk.run("mute", "add", "--host", "kept.example.org", "--for", "7d", "--reason", "scanner")
    follow_docs(desk, backup, ways[way])
    reader.close()
    desk.log.write_text(desk.log.read_text() + line(2, "www.evil.example"))
    desk.poll()
    # Days later the disk fails, in the middle of writing.
    with desk.database() as database:
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("UPDATE rounds SET started = started")
        shutil.copy(desk.state / "state.db-wal", tmp_path / "wal")
    (desk.state / "state.db").write_bytes(b"")
    shutil.copy(tmp_path / "wal", desk.state / "state.db-wal")
    shutil.rmtree(desk.state / "blacklists")
    desk.run("poll", expect=program.DAMAGED)
    (script,) = commands("Restore")
    said = follow_docs(desk, backup, script)
    assert "no damage was found" in said and "blacklist generation 2 is in use" in said, said
    assert (mode(desk.state / "state.db"), mode(desk.state)) == (0o600, 0o700)
    ids = [record["threatsieve"]["id"] for record in desk.records()]
    assert len(ids) == 3 and len(set(ids)) == 2, (
        "what came after the back-up is written again, under the same id"
    )
    assert b"kept.example.org" in desk.run("mute").stdout
    desk.poll()
