"""The controller's state, read from outside."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from tests.rules import TLP, Flag, Key

TITLES = {
    "feed_held": "delivery held back",
    "feed_dead": "feed dead",
    "blacklist_held": "blacklist held back",
    "logs_unread": "logs not read",
}
"""The conditions that the model knows."""


@dataclass
class Row:
    """A match in the state."""

    flag: Flag
    is_told: bool
    is_retracted: bool


class State:
    """The contents of the state at one moment."""

    def __init__(self, path: Path):
        state = sqlite3.connect(path)
        self.rows: dict[Key, Row] = {
            (int(url.rsplit("/", 1)[1]), feed, indicator): Row(
                Flag(entry, confidence, None if tlp is None else TLP[tlp]),
                bool(told),
                retracted is not None,
            )
            for url, feed, indicator, entry, confidence, tlp, told, retracted in state.execute(
                "SELECT observable, feed, indicator, entry, confidence, tlp, told, retracted "
                "FROM matches"
            )
        }
        self.polled = dict(state.execute("SELECT name, attempted FROM feeds"))
        self.generation = state.execute(
            "SELECT generation FROM generations WHERE active = 1"
        ).fetchone()
        self.is_changed = state.execute("SELECT change <> built_change FROM builds").fetchone()[0]
        self.is_held = state.execute("SELECT held IS NOT NULL FROM builds").fetchone()[0]
        self.waiting = state.execute("SELECT count(*) FROM outbox_records").fetchone()[0]
        self.wrong = {
            f"{TITLES[kind]}: {subject}" if subject else TITLES[kind]
            for kind, subject in state.execute("SELECT kind, subject FROM conditions")
            if kind in TITLES
        }
        state.close()

    @property
    def flags(self) -> dict[Key, Flag]:
        return {key: row.flag for key, row in self.rows.items() if not row.is_retracted}

    @property
    def told(self) -> set[Key]:
        return {key for key, row in self.rows.items() if row.is_told}
