"""The units under a real systemd, in a copy of this machine's system: with all their protection the
program reads logs of a group, secrets of root and its configuration, and writes its output.
"""

import re
import time

from tests import program, releases
from tests.test_package import sections

LINE = "{at}.357 0 10.1.2.3 TCP_MISS/200 603 GET http://evil.example/ - HIER_NONE/- text/html\n"
CONFIG = """
[[feeds]]
name = "list"
type = "path"
path = "list.txt"

[[logs]]
name = "proxy"
paths = ["/srv/test/access.log"]

[output]
file = "/var/log/threatsieve/matches.ndjson"
group = "adm"

[server]
listen = "127.0.0.1:8443"
token = { file = "/run/credentials/threatsieve.service/token" }
"""
DROP_IN = """[Service]
SupplementaryGroups=adm
LoadCredential=token:/etc/threatsieve/credentials/token
"""
SCRIPT = """
set -E
trap 'journalctl --lines 40 --output cat >&2' ERR
part() { echo "== $1"; }
# Waits until a command succeeds.
until_true() { for _ in $(seq 1200); do ! "$@" >/dev/null 2>&1 || return 0; sleep 0.05; done; "$@"; }
rm -f /var/lib/man-db/auto-update
cd /srv/test
dpkg --install threatsieve_*.deb >/dev/null
chgrp adm access.log
chmod 640 access.log
chmod 755 /srv/test
cp list.txt /etc/threatsieve
cat config >>/etc/threatsieve/threatsieve.toml
install -d -m 700 /etc/threatsieve/credentials /etc/systemd/system/threatsieve.service.d
install -m 600 token /etc/threatsieve/credentials/token
cp drop-in /etc/systemd/system/threatsieve.service.d/override.conf
systemctl daemon-reload
systemctl start threatsieve
until_true test -s /var/log/threatsieve/matches.ndjson
part output
stat --format '%a %U:%G' /var/log/threatsieve/matches.ndjson
cat /var/log/threatsieve/matches.ndjson
part limits
process=$(systemctl show --property MainPID --value threatsieve)
grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' "/proc/$process/status"
part reload
systemctl reload threatsieve
logged() { journalctl --unit threatsieve --output cat | grep --quiet "$1"; }
until_true logged 'configuration reloaded'
systemctl is-active threatsieve
part upgrade
dpkg --install threatsieve_*.deb >/dev/null
systemctl is-active threatsieve
[ "$process" != "$(systemctl show --property MainPID --value threatsieve)" ] && echo restarted
part stop
systemctl stop threatsieve
systemctl show --property Result --value threatsieve
# The secret is there only for the service.
part poll
sed -i '/^\\[server\\]/,$d' /etc/threatsieve/threatsieve.toml
mkdir -p /etc/systemd/system/threatsieve-poll.service.d
printf '[Service]\\nSupplementaryGroups=adm\\n' \\
    >/etc/systemd/system/threatsieve-poll.service.d/override.conf
echo later.example >>/etc/threatsieve/list.txt
systemctl daemon-reload
systemctl start threatsieve-poll
journalctl --unit threatsieve-poll --output cat
part wrong
echo 'wrong = 1' >/etc/threatsieve/threatsieve.toml
systemctl start threatsieve || true
failed() { [ "$(systemctl is-failed threatsieve)" = failed ]; }
until_true failed
systemctl show --property ExecMainStatus,NRestarts threatsieve
part end
systemctl enable threatsieve-poll.timer 2>/dev/null
dpkg --purge threatsieve >/dev/null 2>&1
ls /etc/systemd/system/timers.target.wants | grep -c threatsieve || true
"""


def test_the_units_work_with_all_their_protection(tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    given = {
        "access.log": LINE.format(at=int(time.time())),
        "list.txt": "evil.example\n",
        "config": CONFIG,
        "token": "0123456789abcdef0123456789abcdef\n",
        "drop-in": DROP_IN,
    }
    for name, text in given.items():
        (files / name).write_text(text)
    deb = releases.package(releases.release())
    output = releases.in_a_copy(tmp_path, SCRIPT, [deb, *files.iterdir()], boot=True)
    found = sections(output)
    assert found["output"][0] == "640 threatsieve:adm"
    assert '"indicator":"matched"' in found["output"][1]
    limits = dict(line.split(":\t", 1) for line in found["limits"])
    assert (limits["NoNewPrivs"], limits["Seccomp"]) == ("1", "2")
    assert int(limits["CapEff"], 16) == 0 and not limits["Uid"].startswith("0\t")
    assert found["reload"] == ["active"] and found["upgrade"] == ["active", "restarted"]
    assert found["stop"] == ["success"]
    assert "blacklist generation 2 is in use" in found["poll"]
    # A wrong configuration is not tried again and again.
    assert sorted(found["wrong"]) == [f"ExecMainStatus={program.USAGE}", "NRestarts=0"]
    assert found["end"] == ["0"]
    assert not re.search("denied|not permitted", output, re.IGNORECASE)
