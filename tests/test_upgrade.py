"""The state of an earlier version: nothing is lost, flagged or mailed again, and events that the
earlier version missed are flagged. And the state of a later version, which is refused.
"""

import contextlib
import hashlib
import json
import re
import sqlite3
import time
from pathlib import Path

import pytest

from tests import program

STATE = Path(__file__).parent / "data/upgrade/state-2.sql"
"""A state of the program with schema 2.

It has a list, a STIX bundle and an allow-list. Two logs were missing while history jobs ran. A job
set a flag although the value is allowed, and one value is retracted.
"""


def line(number: int, host: str) -> str:
    return (
        f"{1_795_322_415 + number}.357 0 10.1.2.3 TCP_MISS/200 603 GET http://{host}/{number} - "
        "HIER_DIRECT/192.0.2.7 text/html\n"
    )


def test_a_state_of_schema_2_goes_on(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/history").mkdir()
    (tmp_path / "state/history/3.blacklist").write_bytes(b"what was new")
    state = sqlite3.connect(tmp_path / "state/state.db")
    state.executescript(STATE.read_text(encoding="utf-8").replace("@FOLDER@", str(tmp_path)))
    state.close()
    config = program.write(
        tmp_path / "threatsieve.toml",
        'state = "state"',
        '[[feeds]]\nname = "list"\ntype = "path"\npath = "list.txt"\nmax_shrink = 1.0\nmay_be_empty = true',
        '[[feeds]]\nname = "stix"\ntype = "path"\npath = "bundle.json"\nmax_shrink = 1.0\nmay_be_empty = true',
        '[[feeds]]\nname = "ours"\ntype = "path"\npath = "ours.txt"\nrole = "allow"',
        "[blacklist]\nmax_shrink = 1.0",
        '[[logs]]\nname = "proxy"\npaths = ["logs/access.log*"]',
        '[history]\nwindow = "3650d"',
        '[output]\nfile = "flagged.ndjson"',
        '[alerts]\nfrom = "threatsieve@soc.example"\nrecipients = ["soc@soc.example"]\nfolder = "mails"',
    )
    program.write(
        tmp_path / "list.txt",
        "evil.example",
        "unrelated.example",
        "later.example",
        "ours.example",
        "gone.example",
    )
    program.write(tmp_path / "ours.txt", "www.ours.example")
    indicator = {
        "type": "indicator", "spec_version": "2.1",
        "id": "indicator--00000000-0000-4000-8000-000000000000", "confidence": 80,
        "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
        "valid_from": "2020-01-01T00:00:00Z",
        "pattern_type": "stix",
        "pattern": "[domain-name:value = 'stix.example']", "name": "stix.example",
    }  # fmt: skip
    (tmp_path / "bundle.json").write_text(
        json.dumps(
            {
                "type": "bundle",
                "id": "bundle--00000000-0000-4000-8000-000000000000",
                "objects": [indicator],
            }
        )
    )
    hosts = [
        "good.example",
        "www.evil.example",
        "later.example",
        "stix.example",
        "www.ours.example",
        "gone.example",
    ]
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/access.log").write_text(
        "".join(line(n, host) for n, host in enumerate(hosts))
    )
    older = ["later.example", "evil.example", "good.example"]
    (tmp_path / "logs/access.log.1").write_text(
        "".join(line(100 + n, host) for n, host in enumerate(older))
    )

    def poll(*arguments):
        return json.loads(
            program.run("poll", "--json", "--force", "--config", config, *arguments).stdout
        )

    # The state was last used at another time, so the clock needs to be accepted.
    report = poll("--accept-clock")
    assert (report["errors"], report["follow"]["new_files"], report["follow"]["events"]) == (
        [],
        0,
        0,
    )
    assert (report["history"]["files"], report["history"]["files_left"]) == (2, 0)
    records = [json.loads(each) for each in (tmp_path / "flagged.ndjson").read_text().splitlines()]
    flagged = [
        (record["threatsieve"]["kind"], record.get("url", {}).get("domain")) for record in records
    ]
    # The flag that the allow-list forbids is retracted. Missed events are flagged. Everything else
    # was already flagged.
    assert sorted(flagged, key=str) == [
        ("flag", "gone.example"),
        ("flag", "later.example"),
        ("retraction", None),
    ]
    assert (
        next(each for each in records if each["threatsieve"]["kind"] == "retraction")[
            "threatsieve"
        ]["indicator"]
        == "ours.example"
    )
    assert report["mails_composed"] == 1
    assert not (tmp_path / "state/history").exists()
    again = poll()
    assert (again["generation"], again["history"]["lines"], again["mails_composed"]) == (None, 0, 0)


# The version before this one. When a schema is released, add a state of it, and let this test start
# from the newest one that is not the present one.
BEFORE = STATE.with_name("state-6.sql")
ADDED_BY_THE_COMMAND = {"mutes": 1}
"""Rows that the command adds by which the test brings the state up to date."""


def rows(path: Path) -> dict[str, list[dict]]:
    """Returns the rows of all tables."""
    with contextlib.closing(sqlite3.connect(path)) as state:
        state.row_factory = sqlite3.Row
        names = state.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        return {
            name: [dict(row) for row in state.execute(f'SELECT * FROM "{name}"')]
            for (name,) in names
        }


def asked(path: Path, sql: str) -> list[tuple]:
    """Returns the answer of SQLite itself."""
    with contextlib.closing(sqlite3.connect(path)) as state:
        return state.execute(sql).fetchall()


def columns(path: Path) -> dict[str, set[str]]:
    """Returns the columns of each table, with their types, and the indices."""
    tables = asked(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")
    found = {
        name: {repr(row[1:]) for row in asked(path, f'PRAGMA table_info("{name}")')}
        for (name,) in tables
    }
    indices = asked(path, "SELECT name FROM sqlite_schema WHERE type = 'index'")
    return {**found, "indices": {name for (name,) in indices}}


class Earlier:
    """A folder with the state of the version before, and the files around it."""

    def __init__(self, folder: Path):
        self.state, self.output = folder / "state/state.db", folder / "flagged.ndjson"
        self.mails = folder / "mails"
        self.state.parent.mkdir(parents=True)
        with contextlib.closing(sqlite3.connect(self.state)) as state:
            script = BEFORE.read_text(encoding="utf-8")
            state.executescript(script.replace("@FOLDER@", str(folder)))
            # Mails that wait were composed just now, so that none is too old to be sent.
            now = time.time_ns() // 1000
            state.execute(
                "UPDATE mails SET composed = ?, next_attempt = NULL WHERE state = 0", [now]
            )
            state.commit()
        self.config = program.write(
            folder / "threatsieve.toml",
            'state = "state"',
            '[[feeds]]\nname = "list"\ntype = "path"\npath = "list.txt"\nmax_shrink = 1.0',
            "[blacklist]\nmax_shrink = 1.0",
            '[[logs]]\nname = "proxy"\npaths = ["logs/access.log*"]',
            '[history]\nwindow = "3650d"',
            '[output]\nfile = "flagged.ndjson"',
            '[alerts]\nfrom = "threatsieve@soc.example"\nrecipients = ["soc@soc.example"]',
            'folder = "mails"',
        )
        program.write(folder / "list.txt", "later.example")
        hosts = ["good.example", "www.evil.example", "stix.example", "pair.example"]
        hosts += ["packaged.example", "www.ours.example"]
        lines = [line(number, host) for number, host in enumerate(hosts)]
        lines += [line(20, "stix.example"), line(21, "stix.example"), line(22, "later.example")]
        (folder / "logs").mkdir()
        (folder / "logs/access.log").write_text("".join(lines))

    def run(self, *arguments, expect: int | None = program.DONE):
        return program.run(*arguments, "--config", self.config, expect=expect)


def test_every_table_keeps_its_rows(tmp_path):
    earlier = Earlier(tmp_path)
    before = rows(earlier.state)
    assert len(before) >= 37 and all(before.values()), "a table has no row to keep"
    earlier.run("mute", "add", "--host", "new.example", "--for", "7d", "--reason", "test")
    after = rows(earlier.state)
    for name, kept in before.items():
        assert len(after[name]) == len(kept) + ADDED_BY_THE_COMMAND.get(name, 0), name
        for row in kept:
            found = [{key: each[key] for key in row if key in each} for each in after[name]]
            assert {key: row[key] for key in found[0]} in found, (name, row)
    assert asked(earlier.state, "PRAGMA integrity_check") == [("ok",)]
    assert asked(earlier.state, "PRAGMA foreign_key_check") == []
    # It is the same as a new state, apart from what is in it.
    new = Earlier(tmp_path / "new")
    new.state.unlink()
    new.run("mute", "add", "--host", "new.example", "--for", "7d", "--reason", "test")
    version = asked(new.state, "PRAGMA user_version")
    assert asked(earlier.state, "PRAGMA user_version") == version
    assert columns(earlier.state) == columns(new.state)


def test_the_state_of_the_version_before_goes_on(tmp_path):
    """Sends what waited. Nothing is matched, muted or retracted again."""
    earlier = Earlier(tmp_path)
    report = json.loads(
        earlier.run("poll", "--json", "--force", "--accept-clock", expect=None).stdout
    )
    assert report["errors"] == []
    assert (report["follow"]["lines"], report["follow"]["events"]) == (0, 0), report["follow"]
    assert (report["records"]["waiting"], report["delivery"]["sent"] >= 2) == (0, True)
    records = [json.loads(each) for each in earlier.output.read_text().splitlines()]
    flagged = [each["url"]["domain"] for each in records if each["threatsieve"]["kind"] == "flag"]
    assert sorted(flagged) == ["later.example", "stix.example"]
    retracted = json.loads(earlier.run("status", "--json").stdout)["retracted"]
    muted = earlier.run("mute").stdout
    assert (retracted, b"proxy.example.org" in muted) == (1, True)
    again = json.loads(earlier.run("poll", "--json", "--force", expect=None).stdout)
    assert (again["errors"], again["records"]["written"], again["mails_composed"]) == ([], 0, 0)


@pytest.mark.parametrize("command", [["poll"], ["run"], ["status"], ["mute"]], ids=lambda it: it[0])
def test_the_state_of_a_later_version_is_refused_and_not_changed(tmp_path, command):
    """A downgrade: the message says what was expected, what is there, and why."""
    earlier = Earlier(tmp_path)
    earlier.run("poll", "--force", "--accept-clock", expect=None)
    ((ours,),) = asked(earlier.state, "PRAGMA user_version")
    with contextlib.closing(sqlite3.connect(earlier.state)) as state:
        state.execute(f"PRAGMA user_version = {ours + 1}")
        state.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    digest = hashlib.sha256(earlier.state.read_bytes()).digest()
    refused = earlier.run(*command, expect=None)
    assert refused.returncode not in (program.DONE, program.MATCHED)
    said = refused.stderr.decode()
    expected = f"expected a state of version {ours} or older, got {ours + 1}: it was written by a"
    assert re.search(rf"state\.db: .*{expected} newer threatsieve", said), said
    assert hashlib.sha256(earlier.state.read_bytes()).digest() == digest
