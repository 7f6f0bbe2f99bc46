"""Runs the built program as users do: with arguments and files, output and an exit code."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("THREATSIEVE", ROOT / "target/release/threatsieve"))

# Exit codes that scripts rely on.
DONE, MATCHED, USAGE, REMOTE, DAMAGED = 0, 1, 2, 3, 4


def run(
    *arguments,
    stdin: bytes | None = None,
    expect: int | None = DONE,
    timeout: float = 120,
    env=None,
):
    """Runs the program to its end. `expect` is the required exit code; None accepts any."""
    command = [str(BINARY), *map(str, arguments)]
    result = subprocess.run(
        command,
        input=stdin if stdin is not None else b"",
        capture_output=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
        check=False,
    )
    if expect is not None and result.returncode != expect:
        raise AssertionError(
            f"{' '.join(command)}: exit code {result.returncode}, expected {expect}\n"
            f"{result.stderr.decode(errors='replace')[-3000:]}"
        )
    return result


def start(*arguments, **options) -> subprocess.Popen:
    """Starts the program with pipes. The caller ends it."""
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return subprocess.Popen([str(BINARY), *map(str, arguments)], **{**pipes, **options})


def scan(*arguments, **options) -> list[dict]:
    """Returns the parsed objects of `scan --json`."""
    output = run("scan", "--json", *arguments, **options).stdout
    return [json.loads(line) for line in output.splitlines()]


def count(*arguments, **options) -> int:
    """Returns the number that `scan --count` prints."""
    return int(run("scan", "--count", *arguments, **options).stdout)


def tuples(events: Iterable[dict]) -> set[tuple]:
    """Returns every match as a tuple, for comparisons: (line, entry type, entry value, how)."""
    return {
        (event["line"], match["entry"]["type"], match["entry"]["value"], match["match"])
        for event in events
        for match in event["matches"]
    }


def values(events: Iterable[dict]) -> list[str]:
    """Returns the matched entry values, in the order of the output."""
    return [match["entry"]["value"] for event in events for match in event["matches"]]


def write(path: Path, *lines: str) -> Path:
    """Writes a file with these lines."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def read_list(path: Path) -> list[str]:
    """Returns the values of a list."""
    return path.read_text(encoding="utf-8").split()


class Peak:
    """Watches a process's peak memory.

    The figure of wait4 also counts the memory of the process that started it.
    """

    def __init__(self, process: subprocess.Popen):
        self.bytes = 0
        self._status = Path(f"/proc/{process.pid}/status")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            try:
                found = re.search(r"VmHWM:\s*(\d+) kB", self._status.read_text())
            except OSError:
                return
            # There is no such line once the process has ended but nobody has waited for it.
            self.bytes = int(found[1]) * 1024 if found else self.bytes

    def stop(self) -> int:
        """Ends the watch and returns the peak in bytes."""
        self._over.set()
        self._thread.join()
        return self.bytes
