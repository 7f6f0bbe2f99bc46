"""A controller, its surroundings, and the model of what it should do."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

from tests import program, stix
from tests.clock import Clock
from tests.rules import Flag, Hold, Key, Line, Model, Mute, Policy, Settings
from tests.rules.clock import DAY
from tests.simulation.logs import BEGIN, Log, Readable
from tests.simulation.mailbox import Mail, Mailbox
from tests.simulation.publishers import ListPublisher, StixPublisher
from tests.simulation.records import Records
from tests.simulation.state import State

HOSTS = [f"{sub}{name}.example" for name in "abcdef" for sub in ("", "www.", "x.www.")] + [
    "good.example"
]
VALUES = [host for host in HOSTS if host != "good.example"]
SOURCES = [f"10.1.2.{number}" for number in range(1, 5)]
INDICATORS = 5
IDS = [stix.identifier(number) for number in range(INDICATORS)]
RECIPIENTS = {"soc@soc.example": "amber", "ciso@soc.example": "red", "all@soc.example": "clear"}
OPERATOR = "operator@soc.example"


class World:
    """A controller in a folder. Its model is `model`."""

    def __init__(self, folder: Path, rng: random.Random):
        self.folder, self.rng = folder, rng
        self.lines: list[Line] = []
        self.logs = {name: Log(folder, name) for name in ("access", "web")}
        self.sources = {"proxy": ["access"], "web": ["web"]}
        self.list = ListPublisher(folder / "list.txt", "unrelated.example", is_long=True)
        self.allow = ListPublisher(folder / "allow.txt", "allowed.example", is_long=False)
        self.stix = StixPublisher(folder / "stix.json", INDICATORS, VALUES, rng)
        self.feeds = {"list": self.list, "stix": self.stix, "ours": self.allow}
        self.model = Model(
            self.lines, {"list": "block", "stix": "block", "ours": "allow"}, RECIPIENTS
        )
        self.settings = Settings(Policy(), {name: Hold() for name in self.feeds})
        self.records = Records(folder / "flagged.ndjson")
        self.mailbox = Mailbox(folder / "mails")
        self.clock, self.days = Clock(folder), 0
        self.backup: tuple[Model, Records] | None = None
        self.config = folder / "threatsieve.toml"
        self.seconds = 0.3
        """The time that a round takes, about."""
        self.write()

    # The operator.

    @property
    def now(self) -> float:
        return time.time() + self.days * DAY

    def run(self, *arguments, **options) -> subprocess.CompletedProcess:
        return program.run(
            *arguments, "--config", self.config, env=self.clock.ahead(self.days), **options
        )

    def retract(self, target: str) -> None:
        self.run("retract", target, "--reason", "ours")

    def undo_retract(self, target: str) -> None:
        self.run("retract", target, "--undo", "--reason", "x")
        self.model.undo_retract(target)

    def allow_feed(self, name: str) -> None:
        self.run("feeds", "--allow", name)
        self.model.allow(name)

    def mute(self, mute: Mute, days: int) -> None:
        self.run("mute", "add", f"--{mute.kind}", mute.value, "--for", f"{days}d", "--reason", "x")
        self.model.mails.mute(mute, self.now + days * DAY)

    def unmute(self, mute: Mute) -> None:
        self.run("mute", "remove", f"--{mute.kind}", mute.value)
        self.model.mails.unmute(mute)

    def back_up(self) -> None:
        with (
            contextlib.closing(sqlite3.connect(self.folder / "state/state.db")) as state,
            contextlib.closing(sqlite3.connect(self.folder / "backup.db")) as copy,
        ):
            state.backup(copy)
        self.records.read()
        self.backup = (self.model.copy(), self.records.copy())

    def restore(self) -> None:
        """Restores the back-up as docs/operations.md says."""
        model, records = self.backup
        for suffix in ("", "-wal", "-shm"):
            (self.folder / f"state/state.db{suffix}").unlink(missing_ok=True)
        shutil.copy(self.folder / "backup.db", self.folder / "state/state.db")
        self.model = model.copy()
        self.records.return_to(records)
        # Mails that were sent since are of no interest any more.
        self.mailbox.new()

    # Logs.

    def append(self, log: Log, count: int, is_unfinished: bool = False) -> None:
        if log.is_away:
            return
        first = len(self.lines)
        self.lines += [
            Line(number, self.rng.choice(HOSTS), self.rng.choice(SOURCES), BEGIN + number)
            for number in range(first, first + count)
        ]
        log.append(self.lines[first:], is_unfinished)

    def readable(self) -> Readable:
        """Returns the lines that can be read: those of logs that are in a source."""
        all_logs, model = Readable(), self.model
        for name in {name for names in self.sources.values() for name in names}:
            of_log = self.logs[name].readable(self.now)
            all_logs.sure |= of_log.sure | (of_log.unfinished & model.stored)
            all_logs.maybe |= of_log.maybe | (of_log.unfinished & model.maybe_stored)
            all_logs.unfinished |= of_log.unfinished
        all_logs.maybe -= all_logs.sure
        return all_logs

    # Rounds.

    def write(self) -> None:
        """Writes the configuration."""
        policy, holds = self.settings.policy, self.settings.holds

        def limits(hold: Hold) -> str:
            canaries = [] if hold.canary is None else [hold.canary]
            return f"max_shrink = {hold.max_shrink}\ncanaries = {canaries}"

        recipients = [
            f'{{ address = "{address}", max_tlp = "{tlp}" }}' for address, tlp in RECIPIENTS.items()
        ]
        program.write(
            self.config,
            'state = "state"',
            *(
                f'[[feeds]]\nname = "{name}"\ntype = "path"\npath = "{feed.path.name}"\n'
                f'role = "{self.model.feeds[name].role}"\n{limits(holds[name])}'
                for name, feed in self.feeds.items()
            ),
            f"[blacklist]\n{limits(self.settings.blacklist)}",
            f'[matching]\nmin_confidence = {policy.min_confidence}\nmax_tlp = "{policy.max_tlp}"',
            *(
                f'[[logs]]\nname = "{name}"\npaths = {[f"{log}.log*" for log in logs]}'
                for name, logs in self.sources.items()
            ),
            '[history]\nwindow = "3650d"',
            f'budget = "{"5m" if self.settings.has_time else "1ms"}"',
            '[output]\nfile = "flagged.ndjson"\nmax_tlp = "RED"',
            '[alerts]\nfrom = "threatsieve@soc.example"\nmax_examples = 10',
            f"recipients = [{', '.join(recipients)}]",
            f'operators = ["{OPERATOR}"]\nfolder = "mails"',
        )

    def round(
        self,
        *,
        accept_clock: bool = False,
        kill_after: float | None = None,
        retract: tuple[float, str] | None = None,
    ) -> bool:
        """Does a round, and compares what it did with the model. Returns whether it was killed.

        `retract` is a target that is retracted during the round, and the time until then."""
        self.write()
        deliveries = {name: feed.publish() for name, feed in self.feeds.items()}
        before = State(self.folder / "state/state.db") if kill_after is not None else None
        readable = self.readable()
        mails = self.mailbox.paths()
        runs = self.model.clock.begin(self.now, accept_clock)
        arguments = ["--accept-clock"] if accept_clock else []
        begin = time.monotonic()
        with self.start("poll", "--force", *arguments) as process:
            if kill_after is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=kill_after)
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
            if retract is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=retract[0])
                self.retract(retract[1])
            error = process.stderr.read().decode(errors="replace")
            code = process.wait()
        state = State(self.folder / "state/state.db")
        assert runs or mails == self.mailbox.paths(), "a round that waits sends mails"
        try:
            return self.compare(code, runs, before, state, deliveries, readable, retract)
        except AssertionError as fault:
            raise AssertionError(f"{fault}\n{error}") from fault
        finally:
            self.seconds += (time.monotonic() - begin - self.seconds) / 10

    def compare(
        self,
        code: int,
        runs: bool,
        before: State | None,
        state: State,
        deliveries: dict,
        readable: Readable,
        retract: tuple[float, str] | None,
    ) -> bool:
        """Compares a round with the model. Returns whether it was killed."""
        if code == -signal.SIGKILL:
            self.follow_killed(before, state, deliveries, readable)
            self.model.has_read(len(self.lines), set(), readable.unfinished)
            return True
        if runs:
            self.follow(state, deliveries, readable, retract[1] if retract else None)
            sure = readable.unfinished & readable.sure
            maybe = readable.unfinished & readable.maybe
            self.model.has_read(len(self.lines), sure, maybe)
        elif retract:
            self.model.retract(retract[1])
        expected = self.exit_code(runs, deliveries)
        assert code == expected, f"exit code {code}, expected {expected}"
        same(state.flags, self.model.flags, self.model.flags)
        assert state.is_changed == self.model.builds.is_changed, "a blacklist is due, or is not"
        if not runs:
            return False
        self.check_mails()
        # What is retracted at the end of a round is written in the next one.
        assert not state.waiting or retract is not None, "records wait"
        if not state.waiting:
            records, flags = self.records.read(), self.model.flags.keys()
            assert records == flags, f"records: {records - flags} more, {flags - records} missing"
        return False

    def start(self, *arguments) -> subprocess.Popen:
        environment = {**os.environ, **self.clock.ahead(self.days)}
        quiet = {"stdin": None, "stdout": subprocess.DEVNULL}
        return program.start(*arguments, "--config", self.config, env=environment, **quiet)

    def follow(self, state: State, deliveries: dict, readable: Readable, retract: str | None):
        """Does a whole round with the model."""
        model, now = self.model, self.now
        for name, delivery in deliveries.items():
            model.poll(name, delivery, self.settings, now)
        model.build(self.settings)
        unsure = set()
        if retract is not None:
            model.retract(retract)
            # Nobody knows whether the blacklist was made before or after that.
            model.builds.is_changed = bool(state.is_changed)
            model.notice_held(state.is_held, self.settings)
            unsure = {
                (name, id)
                for name, feed in model.feeds.items()
                for id, one in feed.active.items()
                if retract == id or retract in one.values
            }
        expected = model.match(readable.sure, readable.maybe, self.settings, unsure=unsure)
        same(state.flags, expected.least, expected.most)
        model.flags = state.flags
        due = model.due()
        if retract is not None:
            # A mail may tell flags that were retracted after it was composed.
            due = {key: state.rows[key].flag for key in state.told - model.mails.told}
            assert model.due().keys() <= due.keys()
            assert {key[1:] for key in due.keys() - model.due().keys()} <= unsure | {
                key[1:] for key in due if due[key].value == retract
            }
        model.compose(due, now)
        assert model.flags.keys() <= state.told, "not told after a round"
        model.report(model.assess(self.unreadable(), now))
        assert state.wrong == model.wrong, f"{state.wrong}, expected {model.wrong}"

    def follow_killed(self, before: State, after: State, deliveries: dict, readable: Readable):
        """Does those steps with the model that the killed round did."""
        model = self.model
        for name, delivery in deliveries.items():
            if after.polled[name] != before.polled[name]:
                model.poll(name, delivery, self.settings, self.now)
        if after.generation != before.generation:
            model.builds.activate(model.content())
            model.withdraw_allowed()
        model.notice_held(after.is_held, self.settings)
        expected = model.match(readable.sure, readable.maybe, self.settings, was_killed=True)
        same(after.flags, expected.least, expected.most)
        model.flags = after.flags
        due = model.due()
        told = after.told - model.mails.told
        assert not told or told == due.keys(), "all flags are told together, or none"
        if told:
            model.compose(due, self.now)
        if after.wrong != model.wrong:
            model.report(model.assess(self.unreadable(), self.now))
            assert after.wrong == model.wrong, f"{after.wrong}, expected {model.wrong}"

    def unreadable(self) -> list[str]:
        """Returns the sources with a log of which no file is there."""
        return [
            source
            for source, names in self.sources.items()
            if any(all(one.is_away for one in self.logs[name].files()) for name in names)
        ]

    def exit_code(self, runs: bool, deliveries: dict) -> int:
        if not runs:
            return program.USAGE
        if self.unreadable():
            return program.DAMAGED
        is_held = self.model.builds.is_held or any(
            feed.is_held for feed in self.model.feeds.values()
        )
        return program.REMOTE if is_held or None in deliveries.values() else program.DONE

    def check_mails(self) -> None:
        """Compares the mails that arrived with those that were composed."""
        mails = self.mailbox.new()
        operator = [mail for mail in mails if mail.recipient == OPERATOR]
        news = [mail.news() for mail in operator]
        news = sorted(map(listed, (one for one in news if any(one))))
        expected = sorted(map(listed, self.model.news))
        assert news == expected, f"operators are told {news}, expected {expected}"
        self.model.news = []
        mails = [mail for mail in mails if mail not in operator]
        addressed = sorted(mail.recipient for mail in mails)
        expected = sorted(one.recipient for one in self.model.composed)
        assert addressed == expected, f"mails to {addressed}, expected {expected}"
        for digest in self.model.composed:
            mine = [mail for mail in mails if mail.recipient == digest.recipient]
            mails.remove(next((mail for mail in mine if self.tells(mail, digest, mine)), None))
        self.model.composed = []

    def tells(self, mail: Mail, digest, others: list[Mail]) -> bool:
        """Returns whether a mail has the content, if there are others that may have it."""
        try:
            mail.check(digest, self.lines)
        except AssertionError:
            if mail is others[-1]:
                raise
            return False
        return True


def listed(news: tuple[set[str], set[str]]) -> list[list[str]]:
    """Returns conditions that began and ended, sorted."""
    return [sorted(part) for part in news]


def same(flags: dict[Key, Flag], least: dict[Key, Flag], most: dict[Key, Flag]) -> None:
    """Compares flags with those that must be there and those that may be."""
    lost = {key: flag for key, flag in least.items() if flags.get(key) != flag}
    false = {key: flag for key, flag in flags.items() if most.get(key) != flag}
    if lost or false:
        few = 5
        raise AssertionError(
            f"{len(lost)} flags are expected and missing or different, "
            f"{len(false)} are there and not expected.\n"
            + "".join(
                f"line {key[0]} {key[1:]}: expected {least.get(key, most.get(key))}, "
                f"got {flags.get(key)}\n"
                for key in [*list(lost)[:few], *list(false)[:few]]
            )
        )
