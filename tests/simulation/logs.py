"""Logs that grow, are rotated, disappear and come back."""

import gzip
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.rules import Line

BEGIN = 1_795_322_415
"""The time of the first line, in seconds: 2026-11-22."""


@dataclass
class File:
    """A file of a log, with the numbers of its lines."""

    path: Path
    lines: list[int] = field(default_factory=list)
    is_away: bool = False
    is_unfinished: bool = False
    """The last line has no end yet."""

    def finished(self, now: float) -> bool | None:
        """Returns whether the last line counts without its end. None if that is a close call."""
        age = now - self.path.stat().st_mtime
        if self.path.suffix == ".gz" or age > 65:
            return True
        return None if age > 55 else False


@dataclass
class Readable:
    """The numbers of lines that can be read."""

    sure: set[int] = field(default_factory=set)
    maybe: set[int] = field(default_factory=set)
    """Those that may count or not."""
    unfinished: set[int] = field(default_factory=set)
    """Those without an end. Once such a line was read, it is a stored line."""


class Log:
    """A log with its rotated files."""

    def __init__(self, folder: Path, name: str):
        self.folder, self.name = folder, name
        self.current = File(folder / f"{name}.log")
        self.current.path.touch()
        self.rotated: list[File] = []
        self.rotations = self.copies = 0
        (folder / "away").mkdir(exist_ok=True)

    @property
    def is_away(self) -> bool:
        """True while no file of the log is there."""
        return self.current.is_away

    def readable(self, now: float) -> "Readable":
        """Returns the lines that can be read now."""
        readable = Readable()
        for file in self.files():
            if file.is_away or not file.lines:
                continue
            *before, last = file.lines
            readable.sure.update(before)
            if not file.is_unfinished:
                readable.sure.add(last)
                continue
            readable.unfinished.add(last)
            match file.finished(now):
                case True:
                    readable.sure.add(last)
                case None:
                    readable.maybe.add(last)
        return readable

    def append(self, lines: list[Line], is_unfinished: bool) -> None:
        """Writes lines. If it is unfinished, the end of the last one is written with the next."""
        file = self.current
        with file.path.open("a", encoding="utf-8") as log:
            log.write("\n" if file.is_unfinished else "")
            log.write("\n".join(map(squid, lines)))
            log.write("" if is_unfinished else "\n")
        file.is_unfinished = is_unfinished
        file.lines += [line.number for line in lines]

    def rotate(self, by_copy: bool, compress: bool) -> None:
        """Renames the log, or copies and truncates it. May compress the rotated file before."""
        if self.is_away or not self.current.lines:
            return
        if compress and self.rotated:
            self.compress(self.rotated[-1])
        self.rotations += 1
        target = replace(self.current, path=self.folder / f"{self.name}.log.{self.rotations}")
        if by_copy:
            shutil.copy(self.current.path, target.path)
            os.truncate(self.current.path, 0)
        else:
            self.current.path.rename(target.path)
            self.current.path.touch()
        self.rotated.append(target)
        self.current = File(self.current.path)

    def compress(self, file: File) -> None:
        if file.path.suffix != ".gz" and not file.is_away:
            packed = file.path.with_name(f"{file.path.name}.gz")
            packed.write_bytes(gzip.compress(file.path.read_bytes()))
            file.path.unlink()
            file.path = packed

    def copy(self, file: File) -> None:
        """Copies a rotated file. The copy is a file of the same log."""
        if not file.is_away:
            self.copies += 1
            path = self.folder / f"{self.name}.log.copy-{self.copies}{file.path.suffix}"
            shutil.copy(file.path, path)
            self.rotated.insert(0, replace(file, path=path))

    def take_away(self, files: list[File]) -> None:
        """Moves files to a folder that is in no source."""
        for file in files:
            if not file.is_away:
                self.move(file, self.folder / "away")

    def bring_back(self, files: list[File]) -> None:
        for file in files:
            if file.is_away:
                self.move(file, self.folder)

    @staticmethod
    def move(file: File, folder: Path) -> None:
        file.path = file.path.rename(folder / file.path.name)
        file.is_away = not file.is_away

    def delete_oldest(self) -> None:
        if len(self.rotated) > 3:
            self.rotated.pop(0).path.unlink()

    def files(self) -> list[File]:
        return [self.current, *self.rotated]


def squid(line: Line) -> str:
    """Returns a line of Squid's native log, without its end."""
    return (
        f"{line.time}.357 0 {line.source} TCP_MISS/200 603 "
        f"GET http://{line.host}/{line.number} - HIER_DIRECT/192.0.2.7 text/html"
    )
