"""The process that converts STIX for the double, started when it is first needed."""

import atexit
import json
import subprocess
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".cache/python/misp/bin/python"
PROGRAM = Path(__file__).with_name("convert.py")


class Converter:
    """A process with misp-stix, which converts one file after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None

    def convert(self, version: int, content: bytes) -> dict:
        """Returns `{"event": ...}` or `{"error": ...}` for a STIX document."""
        # MISP's messages contain the name of such a file.
        with self._lock, tempfile.NamedTemporaryFile(prefix="MISP") as file:
            file.write(content)
            file.flush()
            process = self._started()
            process.stdin.write(json.dumps({"version": version, "path": file.name}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        assert line, "misp-stix ended unexpectedly"
        return json.loads(line)

    def _started(self) -> subprocess.Popen:
        if self._process is None:
            assert PYTHON.exists(), f"{PYTHON} is missing; make it with: tests/prepare venv"
            self._process = subprocess.Popen(
                [PYTHON, "-W", "ignore", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            self._process.stdout.readline()
            atexit.register(self.close)
        return self._process

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            if self._process is not None:
                self._process.stdin.close()
                self._process.wait(timeout=30)
                self._process.stdout.close()
                self._process = None


SHARED = Converter()
"""One process for all doubles of a test process, because misp-stix takes seconds to start."""
