"""Ends what this process started, however it ends itself: SIGKILL and a closed terminal included."""

import atexit
import subprocess
from pathlib import Path

# Reads folders until this process is gone, then ends the process that each folder's `pid` names and removes the folder.
_SCRIPT = """
while IFS= read -r folder; do set -- "$@" "$folder"; done
for folder; do [ -f "$folder/pid" ] && kill -9 "$(cat "$folder/pid")" 2>/dev/null; done
[ $# -eq 0 ] || { sleep 0.2; rm -rf -- "$@"; }
"""
_process: subprocess.Popen | None = None


def watch(folder: Path) -> None:
    """From now on this folder, and the process whose id stands in its file `pid`, will not outlive this process."""
    global _process
    if _process is None:
        # In a session of its own, so that Ctrl-C does not reach it before it has done its work.
        _process = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "watchdog"], stdin=subprocess.PIPE, start_new_session=True
        )
        atexit.register(_end)
    _process.stdin.write(f"{folder}\n".encode())
    _process.stdin.flush()


def _end() -> None:
    _process.stdin.close()
    _process.wait()
