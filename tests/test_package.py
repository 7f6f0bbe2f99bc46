"""Tests of the Debian package in a copy of this machine's system: installation, upgrade, removal,
purge. And of the units of systemd.
"""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from tests import program, releases

HARDENED_BELOW = 20
"""The limit for the exposure that `systemd-analyze security` computes: 2.0."""
SERVICES = ("threatsieve.service", "threatsieve-poll.service")


@pytest.fixture(name="deb", scope="module")
def _deb() -> Path:
    return releases.package(releases.release())


def newer(deb: Path, folder: Path) -> Path:
    """Returns the same package with a higher version, and a line more in the configuration."""
    tree, made = folder / "newer", folder / "newer.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: .*)-1$", r"\1-2", control.read_text()))
    with (tree / "etc/threatsieve/threatsieve.toml").open("a") as config:
        config.write("# A line of the next version.\n")
    pack = ["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", "-z1"]
    subprocess.run([*pack, tree, made], check=True, capture_output=True)
    return made


# Records how the scripts of the package call systemd, which does not run in the copy.
SYSTEMD = """
mkdir -p /run/systemd/system
printf '#!/bin/sh\\necho "$@" >>/tmp/calls\\n' >/usr/local/bin/systemctl
chmod 755 /usr/local/bin/systemctl
PATH=/usr/local/bin:$PATH
# The index of manual pages is not made again and again.
rm -f /var/lib/man-db/auto-update
touch /tmp/calls
part() { echo "== $1"; }
package() { dpkg "$@" >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 1; }; }
"""


def sections(output: str) -> dict[str, list[str]]:
    """Returns the lines of each part of a script's output."""
    parts = re.split(r"(?m)^== (.*)\n", output)[1:]
    return {name: text.splitlines() for name, text in zip(parts[::2], parts[1::2], strict=True)}


LIFE = """
package --install /tmp/threatsieve_*.deb
part modes
stat --format '%n %a %U:%G' /etc/threatsieve /etc/threatsieve/threatsieve.toml \\
    /var/lib/threatsieve /var/log/threatsieve /usr/bin/threatsieve
part user
getent passwd threatsieve | cut -d : -f 1,6,7
part 'calls after installation'
cat /tmp/calls
part units
systemd-analyze verify --man=no /usr/lib/systemd/system/threatsieve*.{service,timer} 2>&1
part start
cd /root && chmod 700 /root
as_user() { runuser -u threatsieve -- "$@"; }
as_user threatsieve config check 2>&1
printf '[[feeds]]\\nname = "list"\\ntype = "path"\\npath = "list.txt"\\n' \\
    >>/etc/threatsieve/threatsieve.toml
echo evil.example >/etc/threatsieve/list.txt
as_user threatsieve poll
: >/tmp/calls
package --force-confold --install /tmp/newer.deb
part 'calls after upgrade'
cat /tmp/calls
part upgraded
dpkg-query --show --showformat '${Version}\\n' threatsieve
stat --format '%n %a %U:%G' /etc/threatsieve/threatsieve.toml
grep -c '^name = "list"' /etc/threatsieve/threatsieve.toml
tail -n 1 /etc/threatsieve/threatsieve.toml.dpkg-dist
as_user threatsieve indicators evil.example
: >/tmp/calls
package --remove threatsieve
part 'calls after removal'
cat /tmp/calls
part removed
ls -d /usr/bin/threatsieve /usr/lib/systemd/system/threatsieve* /usr/share/man/man1/threatsieve* \\
    /etc/threatsieve/threatsieve.toml /var/lib/threatsieve/state.db 2>/dev/null || true
package --force-confold --install /tmp/newer.deb
part again
as_user threatsieve indicators evil.example
package --purge threatsieve
part purged
find / -xdev -path /tmp -prune -o -path /proc -prune -o -path /work -prune -o \\
    \\( -path '/etc/threatsieve*' -o -path '/var/*/threatsieve*' -o -path '/usr/*/threatsieve*' \\) \\
    -newer /tmp/script -print
getent passwd threatsieve | cut -d : -f 1
"""


def test_install_upgrade_remove_and_purge(deb, tmp_path):
    """Nothing of the configuration and the state is lost before the package is purged."""
    output = releases.in_a_copy(tmp_path, SYSTEMD + LIFE, [deb, newer(deb, tmp_path)])
    found = sections(output)
    assert found["modes"] == [
        "/etc/threatsieve 750 root:threatsieve",
        "/etc/threatsieve/threatsieve.toml 640 root:threatsieve",
        "/var/lib/threatsieve 700 threatsieve:threatsieve",
        "/var/log/threatsieve 750 threatsieve:threatsieve",
        "/usr/bin/threatsieve 755 root:root",
    ]
    assert found["user"] == ["threatsieve:/var/lib/threatsieve:/usr/sbin/nologin"]
    # The service starts when an administrator says so.
    assert found["calls after installation"] == ["daemon-reload"]
    assert found["units"] == [], "systemd-analyze verify has something to say"
    assert found["start"][0] == "/etc/threatsieve/threatsieve.toml: valid"
    assert "blacklist generation 1 is in use" in found["start"]
    assert found["calls after upgrade"] == ["daemon-reload", "try-restart threatsieve.service"]
    assert found["upgraded"][0].endswith("-2")
    # The administrator's file stays, and the new one is next to it.
    assert found["upgraded"][1:4] == [
        "/etc/threatsieve/threatsieve.toml 640 root:threatsieve",
        "1",
        "# A line of the next version.",
    ]
    assert "evil.example" in found["upgraded"][-1]
    assert found["calls after removal"] == [
        "disable --now threatsieve.service threatsieve-poll.timer",
        "stop threatsieve-poll.service",
        "daemon-reload",
    ]
    kept = ["/etc/threatsieve/threatsieve.toml", "/var/lib/threatsieve/state.db"]
    assert [line for line in found["removed"] if line.startswith("/")][-2:] == kept
    assert not [line for line in found["removed"] if line.startswith("/usr")]
    assert "evil.example" in found["again"][-1]
    # A file of the administrator's own stays; and the user, so that nobody gets its number.
    assert found["purged"][-1] == "threatsieve"
    assert [line for line in found["purged"] if line.startswith("/")] == [
        "/etc/threatsieve",
        "/etc/threatsieve/list.txt",
    ]


TARBALL = """
cd /tmp
@COMMANDS@
sed -i 's|^state = .*|state = "/var/lib/threatsieve"|' /etc/threatsieve/threatsieve.toml
chgrp threatsieve /etc/threatsieve/threatsieve.toml
chmod 640 /etc/threatsieve/threatsieve.toml
systemd-analyze verify --man=no /usr/lib/systemd/system/threatsieve*.{service,timer} 2>&1
install -d -o threatsieve -m 700 /var/lib/threatsieve
runuser -u threatsieve -- threatsieve poll
ls /usr/share/man/man1/threatsieve.1.gz
ls /etc/threatsieve
"""


def test_the_tarball_is_installed_as_documented(tmp_path):
    section = (program.ROOT / "docs/runbook.md").read_text().split("\n### The tarball\n")[1]
    commands = re.search(r"(?m)^(?:    .*\n)+", section)[0]
    (tarball,) = releases.release().glob("*.tar.gz")
    script = TARBALL.replace("@COMMANDS@", re.sub(r"(?m)^    ", "", commands))
    output = releases.in_a_copy(tmp_path, script, [tarball]).splitlines()
    assert "logs     0 events flagged in 0 new lines of 0 files" in output
    assert output[-2:] == ["/usr/share/man/man1/threatsieve.1.gz", "threatsieve.toml"], output


def test_lintian_has_no_objection(deb, tool):
    tags = subprocess.run(
        [tool("lintian", "lintian"), "--allow-root", "--fail-on", "error,warning", deb],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (tags.returncode, tags.stdout) == (0, ""), tags.stdout + tags.stderr


# The units.


def unit(name: str) -> str:
    return (releases.PACKAGING / "systemd" / name).read_text()


def settings(name: str) -> dict[str, list[str]]:
    """Returns the settings of a service, and the values of each."""
    section = unit(name).split("[Service]\n")[1].split("\n[")[0]
    found: dict[str, list[str]] = {}
    for line in section.splitlines():
        if line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardened(name, tool):
    """Fails if the exposure is 2.0 or more, on a scale from 0 (safe) to 10."""
    command = [tool("systemd-analyze", "systemd"), "security", "--offline=true"]
    command += [f"--threshold={HARDENED_BELOW - 1}", "--no-pager"]
    path = releases.PACKAGING / "systemd" / name
    done = subprocess.run([*command, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout


def test_both_services_have_the_same_protection():
    service, poll = map(settings, SERVICES)
    only_of_one = {"Type", "ExecStart", "ExecReload", "Restart", "RestartSec"}
    only_of_one |= {"RestartPreventExitStatus", "TimeoutStartSec"}
    protection = [
        {key: value for key, value in each.items() if key not in only_of_one}
        for each in (service, poll)
    ]
    assert protection[0] == protection[1] and len(protection[0]) > 25
    # The matcher's machine code must become executable; the unit gives the reason.
    assert "MemoryDenyWriteExecute" not in service
    assert all("# - MemoryDenyWriteExecute: " in unit(name) for name in SERVICES)
    assert service["UMask"] == ["0077"] and service["StateDirectoryMode"] == ["0700"]


def test_the_timer_starts_the_poll_every_quarter_of_an_hour(tool):
    timer = configparser.ConfigParser(interpolation=None)
    timer.optionxform = str
    timer.read_string(unit("threatsieve-poll.timer"))
    when = timer["Timer"]["OnCalendar"]
    command = [tool("systemd-analyze", "systemd"), "calendar", "--iterations=2", when]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={"TZ": "UTC"})
    times = re.findall(r"\d\d:(\d\d):00 UTC", said.stdout)
    assert len(set(times)) == 2 and set(times) <= {"00", "15", "30", "45"}


def system_calls(tool, name: str) -> set[str]:
    """Returns the system calls of a group of systemd's."""
    command = [tool("systemd-analyze", "systemd"), "syscall-filter", name]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = set()
    for line in map(str.strip, lines[1:]):
        if line.startswith("@"):
            found |= system_calls(tool, line)
        elif line and not line.startswith("#"):
            found.add(line)
    return found


def allowed(tool, name: str) -> set[str]:
    """Returns the system calls that a service may make, as systemd reads its settings."""
    found = system_calls(tool, "@default")
    for value in settings(name)["SystemCallFilter"]:
        groups = value.removeprefix("~").split()
        calls = set().union(*(system_calls(tool, group) for group in groups))
        found = found - calls if value.startswith("~") else found | calls
    return found


def test_the_services_may_make_every_system_call_of_the_program(tool, tmp_path):
    """Traces rounds with everything that makes calls of its own: TLS, a server, an output group."""
    for path in (program.ROOT / "tests/example").iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True).stdout.strip()
    config = (tmp_path / "threatsieve.toml").read_text()
    config = re.sub(r'"\.\./\.\./target/example-state', '"state', config)
    config += '[[feeds]]\nname = "web"\ntype = "url"\nurl = "https://localhost:9/list"\n'
    config += f'[output]\nfile = "matches.ndjson"\ngroup = "{group}"\n'
    config += '[server]\nlisten = "127.0.0.1:0"\n[opensearch]\nhosts = ["http://localhost:9"]\n'
    path = program.write(tmp_path / "threatsieve.toml", config)
    trace = [tool("strace", "strace"), "-f", "-qq", "-o", tmp_path / "trace"]
    done = subprocess.run(
        [*trace, program.BINARY, "poll", "--config", path], capture_output=True, check=False
    )
    assert done.returncode == program.REMOTE, done.stderr
    run = [program.BINARY, "run", "--config", path]
    served = subprocess.run(
        ["timeout", "--signal=TERM", "4", *trace, "--output-append-mode", *run],
        capture_output=True,
        check=False,
    )
    assert b"stopped" in served.stderr, served.stderr
    calls = set(re.findall(r"(?m)^\d+ +([a-z0-9_]+)\(", (tmp_path / "trace").read_text()))
    assert {"fchown", "mprotect", "memfd_create", "connect", "bind"} <= calls
    for name in SERVICES:
        assert calls <= allowed(tool, name), f"{name}: {calls - allowed(tool, name)}"
