"""The files of a release, made from the built program and plugins, and a system for them."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests import engines, program, shared

PACKAGING = program.ROOT / "host/controller/packaging"
EPOCH = "1795600000"
UNITS = ("threatsieve.service", "threatsieve-poll.service", "threatsieve-poll.timer")


def build(folder: Path, **environment) -> Path:
    """Makes a release in a folder."""
    command = [PACKAGING / "build", "--program", program.BINARY, "--out", folder]
    command += ["--plugins", engines.plugin("3.8.0").parent]
    made = subprocess.run(
        command,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return folder


def release() -> Path:
    """Returns the folder of a release that all workers share."""

    @contextlib.contextmanager
    def made() -> Iterator[Path]:
        yield build(shared.folder("release"))

    return shared.server("release", made)


def package(folder: Path) -> Path:
    """Returns the Debian package of a release."""
    (found,) = folder.glob("threatsieve_*.deb")
    return found


def unpacked(folder: Path, to: Path) -> Path:
    """Unpacks the Debian package of a release, and returns the folder."""
    subprocess.run(["dpkg-deb", "--extract", package(folder), to], check=True)
    return to


def as_root() -> list[str]:
    """Returns what precedes a command that needs root."""
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


COPY = """
set -euo pipefail
mount -t tmpfs tmpfs "$1"
mkdir "$1"/changes "$1"/work "$1"/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" "$1"/root
"""
IN_A_COPY = """
mount --bind /dev "$1"/root/dev
mount -t proc proc "$1"/root/proc
# Nothing of the machine's own services, and folders for this test alone.
for folder in run tmp; do mount -t tmpfs tmpfs "$1"/root/"$folder"; done
cp -r "$2"/. "$1"/root/tmp/
chmod -R go+rX "$1"/root/tmp
chmod 1777 "$1"/root/tmp
exec chroot "$1"/root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \\
    DEBIAN_FRONTEND=noninteractive bash -euo pipefail /tmp/script
"""
BOOTED = """
mkdir "$1"/root/srv/test
cp -r "$2"/. "$1"/root/srv/test/
cat >"$1"/root/etc/systemd/system/test.service <<'UNIT'
[Unit]
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
Environment=LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
ExecStart=bash -euo pipefail /srv/test/script
StandardOutput=file:/srv/test/output
StandardError=file:/srv/test/errors
UNIT
rm -f "$1"/root/etc/machine-id
touch "$1"/root/etc/machine-id
timeout 400 systemd-nspawn --quiet --register=no --keep-unit --private-network \\
    --directory "$1"/root --boot systemd.unit=test.service >"$1"/boot 2>&1 || true
cat "$1"/root/srv/test/output || true
if [ ! -e "$1"/root/srv/test/done ]; then
    tail -n 20 "$1"/boot >&2
    cat "$1"/root/srv/test/errors >&2
    exit 1
fi
"""


def in_a_copy(folder: Path, script: str, files: list[Path], boot: bool = False) -> str:
    """Runs a script as root in a copy of this machine's system, and returns its output.

    The files are in the copy's /tmp. All changes disappear with the copy, which is an overlay in a
    mount namespace of its own. With `boot`, systemd runs in the copy and runs the script; then the
    files are in /srv/test.
    """
    mount, given = folder / "copy", folder / "given"
    mount.mkdir(parents=True)
    given.mkdir()
    for path in files:
        shutil.copy(path, given)
    (given / "script").write_text(script + ("\ntouch /srv/test/done\n" if boot else ""))
    command = [*as_root(), "unshare", "--mount", "--pid", "--fork", "--kill-child"]
    done = subprocess.run(
        [*command, "bash", "-c", COPY + (BOOTED if boot else IN_A_COPY), "copy", mount, given],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
