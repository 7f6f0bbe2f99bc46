"""STIX 1.x: packages as files, folders and URLs; what they give, compared with misp-stix and
stix2-elevator.
"""

import contextlib
import functools
import http.server
import json
import os
import threading
from pathlib import Path

import pytest

from tests import program, stix1, stix1_table
from tests.polling import Polling
from tests.program import DAMAGED, USAGE

LATE = stix1.package("e:late", stix1.indicators(stix1.indicator("e:i", "e:o")))
DEFINES = stix1.package("e:defines", stix1.observables(o=stix1.domain("late.example", "")))


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def domains(state: Polling) -> dict[str, list[str]]:
    """Returns the values of all active indicators, by id."""
    return {one["id"]: sorted(v["value"] for v in one["values"]) for one in state.indicators("")}


def packages(state: Polling, *arguments) -> list[dict]:
    """Returns the kept packages of the feed `s`."""
    command = ["feeds", "packages", "s", "--json", "--config", state.path, *arguments]
    return [json.loads(line) for line in program.run(*command).stdout.splitlines()]


@contextlib.contextmanager
def served(folder: Path):
    """Yields the URL of a folder."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


# Files, folders and URLs.


def test_references_lead_to_other_files_of_a_folder(tmp_path):
    folder = tmp_path / "packages"
    write(folder / "a.xml", LATE)
    write(folder / "b.xml", DEFINES)
    log = program.write(tmp_path / "log", "late.example")
    events = program.scan("--feed", folder, "--log-format", "lines", log)
    assert program.values(events) == ["late.example"]
    program.run("build", "--feed", folder, "-o", tmp_path / "b")
    events = program.scan("--blacklist", tmp_path / "b", "--log-format", "lines", log)
    assert program.values(events) == ["late.example"]


def test_a_folder_is_followed_from_poll_to_poll(tmp_path):
    folder = tmp_path / "packages"
    other = stix1.indicator("e:other", stix1.domain("other.example"))
    write(folder / "a.xml", LATE.replace("</stix:Indicators>", f"{other}</stix:Indicators>"))
    state = Polling(tmp_path, {"name": "s", "type": "path", "path": folder})
    state.poll()
    assert domains(state) == {"e:other": ["other.example"]}
    # What the reference leads to comes later.
    write(folder / "b.xml", DEFINES)
    state.poll()
    assert domains(state) == {"e:other": ["other.example"], "e:i": ["late.example"]}
    # A mediated package: the same id, other bytes.
    write(folder / "a.xml", LATE)
    state.poll()
    assert domains(state) == {"e:i": ["late.example"]}
    assert [one["id"] for one in packages(state)] == ["e:defines", "e:late"]


def test_a_url_may_be_a_package(tmp_path):
    page = write(tmp_path / "www/p.xml", LATE.replace('idref="e:o"', 'idref="e:none"'))
    with served(tmp_path / "www") as url:
        feed = {"name": "s", "type": "url", "url": f"{url}/p.xml", "format": "stix1"}
        state = Polling(tmp_path, {**feed, "may_be_empty": True})
        state.poll()
        assert domains(state) == {}
        found = stix1.indicators(stix1.indicator("e:i", stix1.domain("bad.example")))
        write(page, stix1.package("e:late", found))
        # The server compares whole seconds.
        os.utime(page, (2e9, 2e9))
        state.poll()
        assert domains(state) == {"e:i": ["bad.example"]}
        assert len(packages(state)) == 1


def test_packages_are_kept_as_they_were_received(tmp_path):
    folder, saved = tmp_path / "packages", tmp_path / "saved"
    text = stix1.package(
        "e:p/../1",
        "<!-- caf\u00e9 -->",
        stix1.indicators(stix1.indicator("e:i", stix1.domain("caf\u00e9.example"))),
        encoding="ISO-8859-1",
    )
    file = write(folder / "a.xml", text, "latin-1")
    state = Polling(tmp_path, {"name": "s", "type": "path", "path": folder})
    state.poll()
    assert domains(state) == {"e:i": ["xn--caf-dma.example"]}
    (kept,) = packages(state)
    assert (kept["id"], kept["bytes"]) == ("e:p/../1", len(text))
    saved.mkdir()
    packages(state, "--save", saved)
    (path,) = saved.iterdir()
    assert path.read_bytes() == file.read_bytes()
    assert packages(state, "--after", kept["number"]) == []


def test_a_policy_drops_indicators_and_whole_packages(tmp_path):
    folder = tmp_path / "packages"
    typed = stix1.indicator("e:typed", stix1.domain("typed.example")).replace(
        "<indicator:Observable>", "<indicator:Type>C2</indicator:Type><indicator:Observable>", 1
    )
    plain = stix1.indicator("e:plain", stix1.domain("plain.example"))
    test = stix1.indicator("e:test", stix1.domain("test.example"))
    header = "<stix:STIX_Header><stix:Title>Test run</stix:Title></stix:STIX_Header>"
    write(folder / "a.xml", stix1.package("e:a", stix1.indicators(typed, plain)))
    write(folder / "b.xml", stix1.package("e:b", header, stix1.indicators(test)))
    feed = {"name": "s", "type": "path", "path": folder, "max_shrink": 1.0}

    def after(**policy) -> tuple[list[str], list[str | None], dict[str, str]]:
        """Returns the active values, why packages are dropped, and why indicators are."""
        state = Polling(tmp_path, {**feed, "policy": policy})
        state.poll()
        active = sorted(value for values in domains(state).values() for value in values)
        said = program.run("indicators", "--rejected", "--json", "--config", state.path).stdout
        rejected = [json.loads(line) for line in said.splitlines()]
        dropped = [one["dropped"] for one in packages(state)]
        reasons = [one["rejected"] for one in rejected]
        return active, dropped, {one["id"]: one["reason"] for one in reasons}

    everything = ["plain.example", "test.example", "typed.example"]
    assert after() == (everything, [None, None], {})
    active, dropped, rejected = after(labels={"drop": ["c2"]})
    assert active == ["plain.example", "test.example"]
    assert dropped == [None, None] and "label" in rejected["e:typed"]
    active, dropped, rejected = after(filter={"pass": "[indicator:id LIKE 'e:t%']"})
    assert active == ["test.example", "typed.example"] and list(rejected) == ["e:plain"]
    active, dropped, rejected = after(filter={"drop_package": "[package:name LIKE 'Test%']"})
    reason = 'the feed\'s filter drops the package "e:b"'
    assert active == ["plain.example", "typed.example"]
    assert (dropped, rejected) == ([None, reason], {"e:test": reason})
    said = program.run("feeds", "packages", "s", "--config", tmp_path / "threatsieve.toml").stdout
    assert said.decode().count("dropped by the feed's filter") == 1
    active, dropped, _ = after(filter={"pass_package": "[package:name LIKE 'Test%']"})
    assert active == ["test.example"] and dropped[0] and dropped[1] is None
    assert after() == (everything, [None, None], {})


@pytest.mark.parametrize("format_", [[], ["--format", "stix1"]])
def test_feeds_test_shows_what_a_package_gives(tmp_path, format_):
    file = write(
        tmp_path / "p.xml",
        stix1.package("e:p", stix1.indicators(stix1.indicator("e:i", stix1.domain("a.example")))),
    )
    output = program.run("feeds", "test", file, "--json", *format_).stdout.splitlines()
    assert json.loads(output[-1])["summary"]["format"] == "stix1"
    assert json.loads(output[0])["value"] == "a.example"


def test_a_damaged_package_changes_nothing(tmp_path):
    folder = tmp_path / "packages"
    write(folder / "a.xml", DEFINES)
    write(folder / "b.xml", LATE)
    state = Polling(tmp_path, {"name": "s", "type": "path", "path": folder})
    state.poll()
    before = (domains(state), packages(state))
    for damaged in [LATE[:-20], "<!DOCTYPE a [<!ENTITY b 'c'>]>" + LATE.split("?>", 1)[1]]:
        write(folder / "b.xml", damaged)
        assert "b.xml" in state.fails("s")
        assert (domains(state), packages(state)) == before
    log = program.write(tmp_path / "log", "x")
    result = program.run("scan", "--feed", folder, log, expect=DAMAGED)
    assert b"no document type definition" in result.stderr


def test_a_package_is_no_list(tmp_path):
    file = write(tmp_path / "p.xml", LATE)
    result = program.run("feeds", "test", file, "--format", "lines", expect=None)
    assert result.returncode in (USAGE, DAMAGED)
    assert b"the format `stix1`" in result.stderr


# The peers.


def test_the_table_of_the_documents_is_the_comparison_of_today():
    assert stix1_table.PAGE.read_text(encoding="utf-8") == stix1_table.page(), (
        "python -m tests.stix1_table writes docs/stix1.md again"
    )


def test_every_difference_from_the_peers_has_a_reason():
    unexplained = [
        (name, peer, value)
        for name, row in stix1_table.compared().items()
        for peer, values in row.unexplained.items()
        for value in values
    ]
    assert unexplained == []
