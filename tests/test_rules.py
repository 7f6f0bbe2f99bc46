"""Random rounds, compared with a model of the rules.

Between two rounds, feeds, allow-list, confidence, validity, markings and retractions change, logs
and records rotate, and a feed breaks. Some rounds are killed. `make test` does 60 rounds with 20
kills; `make endurance` does 2,000 with 200. A failure prints the seed: THREATSIEVE_SEED repeats it.
"""

import copy
import dataclasses
import gzip
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
from datetime import UTC, datetime

import pytest

from tests import program, stix
from tests.rules import Indicator, Rules
from tests.seeds import SEED

ROUNDS, KILLS = (2000, 200) if os.environ.get("THREATSIEVE_ENDURANCE") == "full" else (60, 20)
HOSTS = [f"{sub}{name}.example" for name in "abcdef" for sub in ("", "www.", "x.www.")] + [
    "good.example"
]
VALUES = [host for host in HOSTS if host != "good.example"]
BEGIN = 1_795_322_415
FIRST_VERSION = 1_767_225_600
"""2026-01-01"""


class World:
    """A controller with its logs and feeds, and the model of them."""

    def __init__(self, folder, rng):
        self.folder, self.rng = folder, rng
        self.rules = Rules(
            listed={"unrelated.example"},
            indicators={
                identifier(n): Indicator(value=rng.choice(VALUES), listed=False) for n in range(5)
            },
        )
        self.lines: dict[int, str] = {}
        self.log, self.rotated, self.record_files = folder / "access.log", 0, []
        self.log.touch()
        self.budget, self.is_broken = "5m", False
        self.delivered: dict[str, Indicator] = {}
        self.write()

    # Changes by others between two rounds.

    def append(self):
        """Appends new lines, sometimes many."""
        with self.log.open("a", encoding="utf-8") as log:
            for _ in range(self.rng.choice([1, 3, 30, 300])):
                number, host = len(self.lines), self.rng.choice(HOSTS)
                self.lines[number] = host
                log.write(
                    f"{BEGIN + number}.357 0 10.1.2.3 TCP_MISS/200 603 GET http://{host}/{number} - HIER_DIRECT/192.0.2.7 text/html\n"
                )

    def change_list(self):
        self.rules.listed = {"unrelated.example", *self.rng.sample(VALUES, self.rng.randint(0, 5))}

    def change_allowed(self):
        self.rules.allowed = set(self.rng.sample(VALUES, self.rng.randint(0, 2)))

    def change_indicator(self):
        one = self.rng.choice(list(self.rules.indicators.values()))
        one.version += 1
        one.listed, one.revoked = self.rng.random() < 0.9, self.rng.random() < 0.3
        one.confidence = self.rng.choice([None, 10, 50, 90])
        one.tlp = self.rng.choice([None, *stix.TLP])
        first, end = sorted(self.rng.sample(range(max(10, 2 * len(self.lines))), 2))
        one.valid = (self.rng.choice([0, BEGIN + first]), self.rng.choice([None, BEGIN + end]))

    def change_confidence(self):
        self.rules.min_confidence = self.rng.choice([0, 30, 70])

    def change_tlp(self):
        self.rules.max_tlp = self.rng.choice(["green", "amber", "red"])

    def retract(self):
        target = self.rng.choice([*VALUES, *self.rules.indicators])
        if target in self.rules.retracted:
            self.run("retract", target, "--undo", "--reason", "x")
            self.rules.retracted.remove(target)
        else:
            self.run("retract", target, "--reason", "ours")
            self.rules.retracted.add(target)

    def rotate_log(self):
        """Renames the log, or copies and truncates it. Sometimes compresses the previous one."""
        if not self.log.stat().st_size:
            return
        self.rotated += 1
        target = self.folder / f"access.log.{self.rotated}"
        if self.rng.random() < 0.5:
            self.log.rename(target)
        else:
            shutil.copy(self.log, target)
            os.truncate(self.log, 0)
        self.log.touch()
        older = self.folder / f"access.log.{self.rotated - 1}"
        if older.exists() and self.rng.random() < 0.5:
            (self.folder / f"{older.name}.gz").write_bytes(gzip.compress(older.read_bytes()))
            older.unlink()

    def rotate_records(self):
        current = self.folder / "flagged.ndjson"
        if current.exists():
            target = self.folder / f"flagged.ndjson.{len(self.record_files) + 1}"
            current.rename(target)
            self.record_files.append(target)

    # Rounds.

    def write(self):
        program.write(self.folder / "list.txt", *sorted(self.rules.listed))
        program.write(self.folder / "allow.txt", "allowed.example", *sorted(self.rules.allowed))
        objects = [
            {
                "type": "indicator",
                "spec_version": "2.1",
                "id": name,
                "created": "2026-01-01T00:00:00Z",
                "revoked": one.revoked,
                "modified": at(FIRST_VERSION + one.version),
                "valid_from": at(one.valid[0]),
                "pattern_type": "stix",
                "pattern": f"[domain-name:value = '{one.value}']",
                **({} if one.confidence is None else {"confidence": one.confidence}),
                **({} if one.tlp is None else {"object_marking_refs": [stix.TLP[one.tlp]]}),
                **({} if one.valid[1] is None else {"valid_until": at(one.valid[1])}),
            }
            for name, one in self.rules.indicators.items()
            if one.listed or one.revoked
        ]
        objects.append({**STAYS})
        bundle = {
            "type": "bundle",
            "id": "bundle--00000000-0000-4000-8000-000000000000",
            "objects": objects,
        }
        if not self.is_broken:
            self.delivered = copy.deepcopy(self.rules.indicators)
        # What is cut off is no delivery: what came before holds.
        text = json.dumps(bundle)
        (self.folder / "bundle.json").write_text(text[: len(text) // 2] if self.is_broken else text)
        self.config = program.write(
            self.folder / "threatsieve.toml",
            'state = "state"',
            *(
                f'[[feeds]]\nname = "{name}"\ntype = "path"\npath = "{path}"\nrole = "{role}"\nmax_shrink = 1.0'
                for name, path, role in [
                    ("list", "list.txt", "block"),
                    ("stix", "bundle.json", "block"),
                    ("ours", "allow.txt", "allow"),
                ]
            ),
            "[blacklist]\nmax_shrink = 1.0",
            f'[matching]\nmin_confidence = {self.rules.min_confidence}\nmax_tlp = "{self.rules.max_tlp}"',
            '[[logs]]\nname = "proxy"\npaths = ["access.log*"]',
            f'[history]\nwindow = "3650d"\nbudget = "{self.budget}"',
            '[output]\nfile = "flagged.ndjson"\nmax_tlp = "RED"',
            '[alerts]\nfrom = "threatsieve@soc.example"\nrecipients = ["soc@soc.example"]\nfolder = "mails"',
        )

    def run(self, *arguments):
        return program.run(*arguments, "--config", self.config)

    def start(self):
        quiet = {"stdin": None, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return program.start("poll", "--force", "--config", self.config, **quiet)

    def flags(self):
        """Returns the flags in the state: (line, feed, indicator, value)."""
        state = sqlite3.connect(self.folder / "state/state.db")
        rows = state.execute(
            "SELECT observable, feed, indicator, entry FROM matches WHERE retracted IS NULL"
        ).fetchall()
        state.close()
        return {
            (int(url.rsplit("/", 1)[1]), feed, indicator, entry)
            for url, feed, indicator, entry in rows
        }

    def written(self):
        """Returns the flags in the records: none twice, none taken back that was not there."""
        flags, lines = set(), {}
        for path in [*self.record_files, self.folder / "flagged.ndjson"]:
            for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
                record = json.loads(text)
                ours = record["threatsieve"]
                if ours["kind"] == "retraction":
                    flag = (lines[ours["id"]], ours["feed"], ours["indicator"])
                    assert flag in flags, text
                    flags.remove(flag)
                    continue
                assert (ours["kind"] == "flag") == (ours["id"] not in lines), text
                for enrichment in record["threat"]["enrichments"]:
                    number = int(enrichment["matched"]["atomic"].rsplit("/", 1)[1])
                    assert lines.setdefault(ours["id"], number) == number
                    flag = (number, enrichment["feed"]["name"], enrichment["indicator"]["id"])
                    assert flag not in flags, text
                    flags.add(flag)
        assert len(set(lines.values())) == len(lines), "a line has two names"
        return flags


def at(seconds):
    """A time as STIX has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def identifier(number):
    return f"indicator--00000000-0000-4000-8000-{number:012}"


STAYS = {
    "type": "indicator",
    "spec_version": "2.1",
    "id": identifier(999),
    "created": "2026-01-01T00:00:00Z",
    "modified": "2026-01-01T00:00:00Z",
    "valid_from": "2020-01-01T00:00:00Z",
    "pattern_type": "stix",
    "pattern": "[domain-name:value = 'unrelated2.example']",
}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, random.Random(SEED))


def test_rounds_follow_the_rules_whatever_happens_between_and_within_them(world):
    rng = world.rng
    changes = [
        world.append,
        world.append,
        world.change_list,
        world.change_allowed,
        world.change_indicator,
        world.change_confidence,
        world.change_tlp,
        world.retract,
        world.rotate_log,
        world.rotate_records,
    ]
    world.append()
    world.run("poll", "--force")
    kills = number = 0
    is_killed = False
    while number < ROUNDS or kills < KILLS:
        number += 1
        for change in rng.choices(changes, k=rng.randint(1, 4)):
            change()
        # After a kill nobody knows whether the delivery before was taken.
        world.is_broken = not is_killed and rng.random() < 0.15
        is_killed = not world.is_broken and rng.random() < (KILLS - kills) / max(1, ROUNDS - number)
        world.budget = rng.choice(["5m", "5m", "1ms"])
        world.write()
        before = world.flags()
        if is_killed:
            with world.start() as one:
                try:
                    one.wait(timeout=rng.uniform(0.0, 0.4))
                except subprocess.TimeoutExpired:
                    one.send_signal(signal.SIGKILL)
                    kills += 1
            continue
        with world.start() as one:
            if rng.random() < 0.3 and not world.rules.retracted:
                try:
                    one.wait(timeout=rng.uniform(0.0, 0.3))
                except subprocess.TimeoutExpired:
                    world.retract()
            assert one.wait() == (program.REMOTE if world.is_broken else program.DONE)
        if world.budget == "5m":
            rules = dataclasses.replace(world.rules, indicators=world.delivered)
            expected = rules.after_round(before, world.lines, BEGIN)
            flags = world.flags()
            where = f"THREATSIEVE_SEED={SEED}, round {number}"
            assert {flag[:3] for flag in flags} == {flag[:3] for flag in expected}, where
            if number % max(1, ROUNDS // 60) == 0:
                assert world.written() == {flag[:3] for flag in flags}, where
    world.budget, world.is_broken = "5m", False
    world.write()
    world.run("poll", "--force")
    assert json.loads(world.run("poll", "--force", "--json").stdout)["history"]["lines"] == 0
    assert world.written() == {flag[:3] for flag in world.flags()}
    state = sqlite3.connect(world.folder / "state/state.db")
    assert state.execute(
        "SELECT count(*) FROM matches WHERE told = 0 AND retracted IS NULL"
    ).fetchone() == (0,)
    assert state.execute("SELECT count(*) FROM outbox_records").fetchone() == (0,)
