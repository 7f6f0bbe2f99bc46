"""Runs commands under a cap and measures them: wall time, processor time, peak memory."""

import os
import resource
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass, field

from tests.program import Peak

ROUNDS = int(os.environ.get("THREATSIEVE_BENCH_ROUNDS", 7))
CAP_SECONDS = 600
CAP_BYTES = 16 * 2**30
# Seconds. A longer command is repeated only once: its spread is small compared with the differences
# shown.
SLOW_SECONDS = 30


@dataclass
class Command:
    """One of the compared commands and its measurements."""

    name: str
    argv: list[str]
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    output: str = ""
    failure: str = ""

    def run(self) -> None:
        """Runs the command once.

        The memory cap applies to private writable memory, so that reserved address space is free.
        """
        started = time.perf_counter()
        process = subprocess.Popen(
            self.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (CAP_BYTES, CAP_BYTES)),
        )
        peak = Peak(process)
        timer = threading.Timer(CAP_SECONDS, process.kill)
        timer.start()
        messages: list[bytes] = []
        drain = threading.Thread(target=lambda: messages.append(process.stderr.read()), daemon=True)
        drain.start()
        output = process.stdout.read().decode(errors="replace")
        drain.join()
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - started
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        process.stderr.close()
        self.peak_bytes = max(self.peak_bytes, peak.stop())
        if elapsed >= CAP_SECONDS:
            self.failure = f"did not finish in {CAP_SECONDS // 60} minutes"
        elif (
            process.returncode > 1
            or process.returncode < 0
            or (process.returncode == 1 and messages[0])
        ):
            # Exit code 1 is how grep reports that no line matches.
            word = messages[0].decode(errors="replace").strip().splitlines()[-1:] or [
                f"exit code {process.returncode}"
            ]
            memory = "memory" in word[0].lower() or process.returncode < 0
            self.failure = (
                f"did not finish within {CAP_BYTES >> 30} GB"
                if memory
                else f"failed: {word[0][:80]}"
            )
        else:
            self.seconds.append(elapsed)
            self.cpu_seconds.append(usage.ru_utime + usage.ru_stime)
            self.output = output.strip()

    @property
    def median(self) -> float | None:
        """Returns the median of the wall time in seconds."""
        return statistics.median(self.seconds) if self.seconds and not self.failure else None

    @property
    def spread(self) -> str:
        """Returns the fastest and the slowest run."""
        count = len(self.seconds)
        return (
            f"{min(self.seconds):.2f} to {max(self.seconds):.2f}, {count} "
            f"{'run' if count == 1 else 'runs'}"
            if count
            else ""
        )


def interleaved(commands: list[Command], rounds: int) -> None:
    """Runs the commands in turn, so that a busy moment of the machine does not affect only one of
    them.
    """
    for _ in range(rounds):
        for command in commands:
            slow = len(command.seconds) >= 2 and max(command.seconds) > SLOW_SECONDS
            if not command.failure and not slow:
                print(f"  {command.name} ...", flush=True)
                command.run()


def warm(path) -> None:
    """Reads a file once, so that all commands find it in memory."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass
