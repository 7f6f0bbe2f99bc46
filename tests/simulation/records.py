"""The records in the output file, read as they grow."""

import copy
import gzip
import json
import os
import shutil
from pathlib import Path

from tests.rules import Key


class Records:
    """A reader of the output file that knows the flags by what it read.

    It checks that no flag is written twice, and none is taken back that is not there."""

    def __init__(self, path: Path):
        self.path, self.position, self.rotations = path, 0, 0
        self.flags: set[Key] = set()
        self.lines: dict[str, int] = {}
        """The number of each event's line, by the event's id."""
        self.numbers: dict[int, str] = {}

    def read(self) -> set[Key]:
        """Reads what was added, up to the last whole line."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self.position)
                added = file.read()
            whole = added[: added.rfind(b"\n") + 1]
            self.position += len(whole)
            for text in whole.splitlines():
                self.take(json.loads(text))
        return self.flags

    def take(self, record: dict) -> None:
        ours = record["threatsieve"]
        id = ours["id"]
        if ours["kind"] == "retraction":
            key = (self.lines[id], ours["feed"], ours["indicator"])
            assert key in self.flags, record
            self.flags.remove(key)
            return
        assert (ours["kind"] == "flag") == (id not in self.lines), record
        for enrichment in record["threat"]["enrichments"]:
            number = int(enrichment["matched"]["atomic"].rsplit("/", 1)[1])
            assert self.lines.setdefault(id, number) == number, record
            assert self.numbers.setdefault(number, id) == id, ("a line has two ids", record)
            key = (number, enrichment["feed"]["name"], enrichment["indicator"]["id"])
            assert key not in self.flags, record
            self.flags.add(key)

    def rotate(self, by_copy: bool, compress: bool) -> None:
        """Renames the file, or copies and truncates it. May compress the rotated file."""
        if not self.path.exists():
            return
        self.read()
        self.rotations += 1
        target = self.path.with_name(f"{self.path.name}.{self.rotations}")
        if by_copy:
            shutil.copy(self.path, target)
            os.truncate(self.path, 0)
        else:
            self.path.rename(target)
        if compress:
            target.with_name(f"{target.name}.gz").write_bytes(gzip.compress(target.read_bytes()))
            target.unlink()
        self.position = 0

    def copy(self) -> "Records":
        return copy.deepcopy(self)

    def return_to(self, before: "Records") -> None:
        """Forgets what was written since. A restored state writes it again, after this."""
        self.read()
        self.flags, self.lines = set(before.flags), dict(before.lines)
        self.numbers = dict(before.numbers)
