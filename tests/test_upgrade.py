"""The state of an earlier version: nothing is flagged or mailed again, and events that the earlier
version missed are flagged.
"""

import json
import sqlite3
from pathlib import Path

from tests import program

STATE = Path(__file__).parent / "data/upgrade/state-2.sql"
"""A state of the program with schema 2.

It has a list, a STIX bundle and an allow-list. Two logs were missing while history jobs ran. A job
set a flag although the value is allowed, and one value is retracted.
"""


def line(number: int, host: str) -> str:
    return (
        f"{1_795_322_415 + number}.357 0 10.1.2.3 TCP_MISS/200 603 GET http://{host}/{number} - "
        "HIER_DIRECT/192.0.2.7 text/html\n"
    )


def test_a_state_of_schema_2_goes_on(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/history").mkdir()
    (tmp_path / "state/history/3.blacklist").write_bytes(b"what was new")
    state = sqlite3.connect(tmp_path / "state/state.db")
    state.executescript(STATE.read_text(encoding="utf-8").replace("@FOLDER@", str(tmp_path)))
    state.close()
    config = program.write(
        tmp_path / "threatsieve.toml",
        'state = "state"',
        '[[feeds]]\nname = "list"\ntype = "path"\npath = "list.txt"\nmax_shrink = 1.0\nmay_be_empty = true',
        '[[feeds]]\nname = "stix"\ntype = "path"\npath = "bundle.json"\nmax_shrink = 1.0\nmay_be_empty = true',
        '[[feeds]]\nname = "ours"\ntype = "path"\npath = "ours.txt"\nrole = "allow"',
        "[blacklist]\nmax_shrink = 1.0",
        '[[logs]]\nname = "proxy"\npaths = ["logs/access.log*"]',
        '[history]\nwindow = "3650d"',
        '[output]\nfile = "flagged.ndjson"',
        '[alerts]\nfrom = "threatsieve@soc.example"\nrecipients = ["soc@soc.example"]\nfolder = "mails"',
    )
    program.write(
        tmp_path / "list.txt",
        "evil.example",
        "unrelated.example",
        "later.example",
        "ours.example",
        "gone.example",
    )
    program.write(tmp_path / "ours.txt", "www.ours.example")
    indicator = {
        "type": "indicator", "spec_version": "2.1",
        "id": "indicator--00000000-0000-4000-8000-000000000000", "confidence": 80,
        "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
        "valid_from": "2020-01-01T00:00:00Z",
        "pattern_type": "stix",
        "pattern": "[domain-name:value = 'stix.example']", "name": "stix.example",
    }  # fmt: skip
    (tmp_path / "bundle.json").write_text(
        json.dumps(
            {
                "type": "bundle",
                "id": "bundle--00000000-0000-4000-8000-000000000000",
                "objects": [indicator],
            }
        )
    )
    hosts = [
        "good.example",
        "www.evil.example",
        "later.example",
        "stix.example",
        "www.ours.example",
        "gone.example",
    ]
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/access.log").write_text(
        "".join(line(n, host) for n, host in enumerate(hosts))
    )
    older = ["later.example", "evil.example", "good.example"]
    (tmp_path / "logs/access.log.1").write_text(
        "".join(line(100 + n, host) for n, host in enumerate(older))
    )

    def poll(*arguments):
        return json.loads(
            program.run("poll", "--json", "--force", "--config", config, *arguments).stdout
        )

    # The state was last used at another time, so the clock needs to be accepted.
    report = poll("--accept-clock")
    assert (report["errors"], report["follow"]["new_files"], report["follow"]["events"]) == (
        [],
        0,
        0,
    )
    assert (report["history"]["files"], report["history"]["files_left"]) == (2, 0)
    records = [json.loads(each) for each in (tmp_path / "flagged.ndjson").read_text().splitlines()]
    flagged = [
        (record["threatsieve"]["kind"], record.get("url", {}).get("domain")) for record in records
    ]
    # The flag that the allow-list forbids is retracted. Missed events are flagged. Everything else
    # was already flagged.
    assert sorted(flagged, key=str) == [
        ("flag", "gone.example"),
        ("flag", "later.example"),
        ("retraction", None),
    ]
    assert (
        next(each for each in records if each["threatsieve"]["kind"] == "retraction")[
            "threatsieve"
        ]["indicator"]
        == "ours.example"
    )
    assert report["mails_composed"] == 1
    assert not (tmp_path / "state/history").exists()
    again = poll()
    assert (again["generation"], again["history"]["lines"], again["mails_composed"]) == (None, 0, 0)
