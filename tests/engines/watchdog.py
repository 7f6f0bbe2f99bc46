"""Ends the nodes that this process started, however this process ends, including by SIGKILL and a
closed terminal.
"""

import atexit
import subprocess
from pathlib import Path

# Reads folder names until this process is gone. Then it ends the process that each folder's `pid`
# file names, and removes the folder.
_SCRIPT = """
while IFS= read -r folder; do set -- "$@" "$folder"; done
for folder; do [ -f "$folder/pid" ] && kill -9 "$(cat "$folder/pid")" 2>/dev/null; done
[ $# -eq 0 ] || { sleep 0.2; rm -rf -- "$@"; }
"""
_process: subprocess.Popen | None = None


def watch(folder: Path) -> None:
    """Ensures that this folder, and the process named in its `pid` file, do not outlive this
    process.
    """
    global _process
    if _process is None:
        # The watchdog gets its own session, so that Ctrl-C does not end it before its work is done.
        _process = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "watchdog"], stdin=subprocess.PIPE, start_new_session=True
        )
        atexit.register(_end)
    _process.stdin.write(f"{folder}\n".encode())
    _process.stdin.flush()


def _end() -> None:
    _process.stdin.close()
    _process.wait()
