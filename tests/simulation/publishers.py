"""Feeds that change, shrink and break."""

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from tests import stix
from tests.rules import Delivery, Indicator

FIRST_VERSION = 1_767_225_600
"""2026-01-01"""
CANARY = "canary.example"
STAYING, BULK = 12, 60
"""The numbers of values that stay in each feed, and of those that leave and come back together.

With these numbers, the bulk's leaving is always more than half of a feed, and that of all else is
less. Of the blacklist, it is more than half if the other feed's bulk is gone."""


class Publisher:
    """A feed in a file."""

    def __init__(self, path: Path):
        self.path = path
        self.has_bulk, self.is_broken = True, False
        self.written: str | None = None

    def write(self, text: str) -> None:
        """Writes the feed, if it changed."""
        if self.is_broken:
            text = self.broken(text)
        if text != self.written:
            self.path.unlink(missing_ok=True)
            if text:
                self.path.write_text(text, encoding="utf-8")
            self.written = text

    def mark(self) -> object:
        """Returns a value that changes when the file is written again."""
        status = self.path.stat()
        return status.st_mtime_ns, status.st_ino

    def fillers(self) -> list[str]:
        name = self.path.stem
        count = STAYING + (BULK if self.has_bulk else 0)
        return [f"{name}-{number}.filler" for number in range(count)]

    @staticmethod
    def broken(text: str) -> str:
        """Returns the content of the broken feed. Nothing means that the file is missing."""
        return ""


class ListPublisher(Publisher):
    """A list of names."""

    def __init__(self, path: Path, always: str, is_long: bool):
        super().__init__(path)
        self.always, self.is_long = always, is_long
        self.values: set[str] = set()
        self.has_canary, self.is_empty = is_long, False

    def listed(self) -> list[str]:
        if self.is_empty:
            return []
        canary = [CANARY] if self.has_canary else []
        return [
            self.always, *canary, *sorted(self.values), *(self.fillers() if self.is_long else []),
        ]  # fmt: skip

    def publish(self) -> Delivery | None:
        self.write("".join(f"{value}\n" for value in ["# names", *self.listed()]))
        if self.is_broken:
            return None
        return Delivery(self.mark(), {value: Indicator((value,)) for value in self.listed()})


class StixPublisher(Publisher):
    """A bundle of indicators."""

    def __init__(self, path: Path, indicators: int, values: list[str], rng: Random):
        super().__init__(path)
        self.values, self.rng = values, rng
        self.versions: dict[str, Indicator] = {}
        self.listed: set[str] = set()
        self.numbers = range(indicators)

    def change(self, last: int) -> None:
        """Publishes a new version of an indicator. `last` is about the time of the last line."""
        rng = self.rng
        id = stix.identifier(rng.choice(self.numbers))
        before = self.versions.get(id)
        values = tuple(rng.sample(self.values, rng.choice([1, 1, 2])))
        first, end = sorted(rng.sample(range(last - 2000, last + 100), 2))
        self.versions[id] = Indicator(
            values=before.values if before and rng.random() < 0.6 else values,
            confidence=rng.choice([None, 10, 50, 90]),
            tlp=rng.choice([None, *stix.TLP]),
            valid=(rng.choice([0, 0, first]), rng.choice([None, None, end])),
            is_revoked=rng.random() < 0.25,
            version=before.version + 1 if before else 1,
        )
        (self.listed.add if rng.random() < 0.9 else self.listed.discard)(id)

    def publish(self) -> Delivery | None:
        delivered = {
            id: one for id, one in self.versions.items() if id in self.listed or one.is_revoked
        }
        for number, filler in enumerate(self.fillers()):
            delivered[stix.identifier(1000 + number)] = Indicator((filler,))
        objects = [as_stix(id, one) for id, one in delivered.items()]
        self.write(json.dumps(stix.bundle(*objects)))
        return None if self.is_broken else Delivery(self.mark(), delivered)

    @staticmethod
    def broken(text: str) -> str:
        """Returns the content of the broken feed. A part of a bundle is no delivery."""
        return text[: len(text) // 2]


def as_stix(id: str, one: Indicator) -> dict:
    """Returns an indicator as STIX has it."""
    first, end = one.valid
    values = " OR ".join(f"domain-name:value = '{value}'" for value in one.values)
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": id,
        "created": "2026-01-01T00:00:00Z",
        "revoked": one.is_revoked,
        "modified": at(FIRST_VERSION + one.version),
        "valid_from": at(first),
        "pattern_type": "stix",
        "pattern": f"[{values}]",
        **({} if one.confidence is None else {"confidence": one.confidence}),
        **({} if one.tlp is None else {"object_marking_refs": [stix.TLP[one.tlp]]}),
        **({} if end is None else {"valid_until": at(end)}),
    }


def at(seconds: int) -> str:
    """Returns a time as STIX has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
