"""Packages of STIX 1.x as files in a folder: names, changes, faults, kills, and the use that the
MISP transfer service's users make of them.
"""

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests import program, seeds, stix1
from tests.polling import Polling
from tests.program import DAMAGED, USAGE

KILLS = 200 if os.environ.get("THREATSIEVE_ENDURANCE") == "full" else 20


def package(identifier: str, *domains: str, more: str = "") -> str:
    """Returns a package with these domains."""
    name = re.sub(r"\W", "-", identifier)
    all_ = [
        stix1.indicator(f"e:{name}-{number}", stix1.domain(domain))
        for number, domain in enumerate(domains)
    ]
    # The line end of a file is no part of a package.
    return stix1.package(identifier, stix1.indicators(*all_), more=more).rstrip()


class Writing(Polling):
    """A feed of a folder of packages, which are written to the folder `out`."""

    def __init__(self, folder: Path, **settings):
        self.source, self.out = folder / "source", folder / "out"
        for made in (self.source, self.out):
            made.mkdir(parents=True, exist_ok=True)
        self.names: dict[str, str] = {}
        feed = {"name": "s", "type": "path", "path": self.source, "packages_to": self.out}
        super().__init__(folder, {"max_shrink": 1.0, **feed, **settings})

    def publish(self, identifier: str, *domains: str, **more) -> bytes:
        """Writes a package into the feed's folder. Returns its bytes."""
        content = package(identifier, *domains, **more).encode()
        name = self.names.setdefault(identifier, f"{len(self.names)}.xml")
        (self.source / name).write_bytes(content)
        return content

    def report(self, expect: int = program.DONE) -> list[dict]:
        """Runs a round. Returns its report on packages."""
        result = program.run("poll", "--force", "--json", "--config", self.path, expect=expect)
        return json.loads(result.stdout)["packages"]

    def files(self) -> dict[str, bytes]:
        """Returns the files in the folder, hidden ones too."""
        return {path.name: path.read_bytes() for path in self.out.iterdir() if path.is_file()}

    def conditions(self) -> dict[str, str]:
        """Returns the conditions of `status`, with their subjects."""
        status = json.loads(program.run("status", "--json", "--config", self.path).stdout)
        return {one["kind"]: one["subject"] for one in status["conditions"]}


def test_each_package_is_a_file_with_the_bytes_that_came(tmp_path):
    state = Writing(tmp_path)
    ids = ["example:Package-33fe3b22-0201-47cf-85d0-97c02164528d", "guest.Abuse_ch:P-1.2_a"]
    expected = {id_.replace(":", "-") + ".xml": state.publish(id_, "a.example") for id_ in ids}
    report = {"feed": "s", "written": 2, "waiting": 0, "missed": 0, "error": None}
    assert state.report() == [report]
    assert state.files() == expected
    # A file that a script takes away is not written again.
    taken = next(iter(expected))
    (state.out / taken).unlink()
    assert state.report() == [{**report, "written": 0}]
    assert taken not in state.files()
    # A package that changed is, under its name; the others stay as they are.
    changed = state.publish(ids[0], "b.example")
    assert state.report() == [{**report, "written": 1}]
    assert state.files() == {**expected, taken: changed}
    output = program.run("poll", "--force", "--config", state.path).stdout.decode()
    assert "packages" not in output, "nothing to report"
    state.publish("e:new", "c.example")
    output = program.run("poll", "--force", "--config", state.path).stdout.decode()
    assert "packages s: 1 written, 0 waiting\n" in output


def test_other_encodings_stay_as_they_are(tmp_path):
    state = Writing(tmp_path)
    text = stix1.package(
        "e:p",
        "<!-- caf\u00e9 -->",
        stix1.indicators(stix1.indicator("e:i", stix1.domain("a.example"))),
        encoding="ISO-8859-1",
    )
    (state.source / "a.xml").write_bytes(text.encode("latin-1"))
    state.poll()
    assert state.files() == {"e-p.xml": text.encode("latin-1")}


HOSTILE = [
    "e:a", "e-a", "E:A", "e:A", "E-a",
    "../../escape", "..", ".hidden", "-rf", "a/b", "a\\b",
    "con", "CON", "nul.txt", "Com1:x", "com1", "lpt9.a",
    "caf\u00e9", "cafe\u0301", "\u202eevil", "a b", "a*b", "a?b", "a|b", "$(touch x)",
    "x" * 200, "x" * 201, "\u00e9" * 100, "\u00e9" * 101,
]  # fmt: skip


def test_no_two_packages_share_a_file_and_no_name_is_unsafe(tmp_path):
    state = Writing(tmp_path)
    rng = random.Random(f"{seeds.SEED} names")
    letters = "aAbB.:-_ /\\*\u00e9\u00c9%"
    made = {"".join(rng.choices(letters, k=rng.randint(1, 6))).strip() for _ in range(150)}
    ids = [*HOSTILE, *sorted(made - {"", *HOSTILE})]
    contents = {state.publish(id_, f"{number}.example") for number, id_ in enumerate(ids)}
    assert state.report()[0]["written"] == len(contents) == len(ids)
    names = sorted(state.files())
    assert set(state.files().values()) == contents
    assert len({name.lower() for name in names}) == len(names)
    device = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*\.xml", name) and len(name) < 210, name
        assert not device.match(name), name
    assert not (tmp_path / "escape").exists() and sorted(os.listdir(state.out)) == names
    # A package keeps its name when its content changes.
    for number, id_ in enumerate(ids):
        state.publish(id_, f"changed-{number}.example")
    assert state.report()[0]["written"] == len(ids)
    assert sorted(state.files()) == names
    # The files that `feeds packages` saves are named alike.
    saved = tmp_path / "saved"
    saved.mkdir()
    program.run("feeds", "packages", "s", "--save", saved, "--config", state.path)
    assert sorted(path.name for path in saved.iterdir()) == names


def test_two_feeds_share_a_folder_and_no_file(tmp_path):
    for name in ("one", "two", "out"):
        (tmp_path / name).mkdir()
    for name in ("one", "two"):
        (tmp_path / name / "p.xml").write_text(package("e:p", f"{name}.example"))
    feeds = [
        {"name": name, "type": "path", "path": tmp_path / name, "packages_to": tmp_path / "out"}
        for name in ("one", "two")
    ]
    Polling(tmp_path, *feeds).poll()
    texts = {path.read_text() for path in (tmp_path / "out").iterdir()}
    assert texts == {package("e:p", "one.example"), package("e:p", "two.example")}
    assert (tmp_path / "out/e-p.xml").read_text() == package("e:p", "one.example")


def test_a_missing_folder_is_reported_until_it_is_there_and_nothing_is_lost(tmp_path):
    state = Writing(tmp_path)
    first = state.publish("e:first", "a.example")
    state.poll()
    moved = tmp_path / "moved"
    state.out.rename(moved)
    second = state.publish("e:second", "b.example")
    (report,) = state.report(expect=USAGE)
    assert (report["written"], report["waiting"]) == (0, 1) and "No such file" in report["error"]
    assert state.conditions() == {"packages_blocked": "s"}
    text = program.run("poll", "--config", state.path, expect=USAGE).stdout.decode()
    assert "wrong    packages not written: s" in text and "1 package waits" in text
    assert not state.out.exists(), "it may be a disk that is not mounted"
    # The rest of the round works.
    assert state.active("s") == 2
    moved.rename(state.out)
    assert state.report()[0]["written"] == 1
    assert state.files() == {"e-first.xml": first, "e-second.xml": second}
    assert state.conditions() == {}


def test_a_place_that_another_thing_has_stops_at_that_package_only(tmp_path):
    state = Writing(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("not to be replaced")
    (state.out / "e-2.xml").symlink_to(secret)
    contents = {}
    for number in range(1, 4):
        contents[f"e-{number}.xml"] = state.publish(f"e:{number}", f"{number}.example")
        expect = program.DONE if number == 1 else USAGE
        (report,) = state.report(expect=expect)
    assert report["waiting"] == 2 and "e-2.xml" in report["error"]
    assert state.files().keys() == {"e-1.xml", "e-2.xml"}
    assert secret.read_text() == "not to be replaced"
    (state.out / "e-2.xml").unlink()
    assert state.report()[0]["written"] == 2
    assert state.files() == contents


def limited() -> None:
    """Limits files to 4 MiB: a write beyond that fails, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))


def test_a_disk_without_room_leaves_no_part_of_a_file_and_the_next_round_goes_on(tmp_path):
    state = Writing(tmp_path)
    contents = {}
    for number, filler in enumerate([10, 10, 5 << 20, 10]):
        comment = f"<!-- {'x' * filler} -->"
        text = package(f"e:{number}", f"{number}.example").replace("<stix:I", comment + "<stix:I")
        (state.source / f"{number}.xml").write_text(text)
        contents[f"e-{number}.xml"] = text.encode()
    command = [program.BINARY, "poll", "--json", "--config", state.path]
    result = subprocess.run(command, capture_output=True, preexec_fn=limited, check=False)
    assert result.returncode == USAGE, result.stderr
    (report,) = json.loads(result.stdout)["packages"]
    assert "e-2.xml" in report["error"] and (report["written"], report["waiting"]) == (2, 2)
    assert state.files() == {name: contents[name] for name in ("e-0.xml", "e-1.xml")}
    assert state.conditions() == {"packages_blocked": "s"}
    assert state.report()[0]["written"] == 2
    assert state.files() == contents and state.conditions() == {}


def test_a_package_that_is_not_kept_is_named(tmp_path):
    state = Writing(tmp_path)
    with state.path.open("a") as config:
        config.write('[retention]\npackage_bytes = "1B"\n')
    shutil.rmtree(state.out)
    state.publish("e:gone", "a.example")
    state.report(expect=USAGE)
    state.out.mkdir()
    result = program.run("poll", "--json", "--config", state.path, expect=DAMAGED)
    assert json.loads(result.stdout)["packages"][0]["missed"] == 1
    assert "e:gone" in result.stderr.decode() and state.files() == {}
    state.poll()


def test_killed_at_any_moment_no_file_is_half_and_none_is_missing(tmp_path):
    rng = random.Random(f"{seeds.SEED} kills")
    state = Writing(tmp_path)
    versions: dict[str, list[bytes]] = {}

    def publish(count: int) -> None:
        for _ in range(count):
            number = rng.randrange(60)
            padding = f"{rng.random()}" * rng.randrange(2000)
            content = package(f"e:{number}", f"{number}.example", f"{rng.random()}.example")
            content = content.replace("</stix:STIX", f"<!-- {padding} --></stix:STIX").encode()
            (state.source / f"{number}.xml").write_bytes(content)
            versions.setdefault(f"e-{number}.xml", []).append(content)

    publish(60)
    started = time.monotonic()
    state.poll()
    usual = time.monotonic() - started
    killed = interrupted = 0
    while killed < KILLS:
        publish(40)
        poll = program.start("poll", "--force", "--config", state.path)
        try:
            poll.wait(timeout=rng.uniform(0.2, 1.1) * usual)
        except subprocess.TimeoutExpired:
            poll.kill()
            killed += 1
        poll.communicate()
        for name, content in state.files().items():
            assert not name.endswith(".xml") or content in versions[name], name
            interrupted += name.endswith(".tmp")
    state.poll()
    assert state.files() == {name: contents[-1] for name, contents in versions.items()}


FILTER = """
import pathlib, sys
source, target = map(pathlib.Path, sys.argv[1:])
for path in source.glob("*.xml"):
    text = path.read_text()
    if "private.example" not in text:
        (target / path.name).write_text(text)
"""


def test_a_script_filters_packages_between_two_feeds(tmp_path):
    """Does what the MISP transfer service's README proposes: packages are written to a folder, a
    script passes some of them on, and the result goes the usual way.
    """
    source, out, filtered = (tmp_path / name for name in ("source", "out", "filtered"))
    for folder in (source, out, filtered):
        folder.mkdir()
    script = program.write(tmp_path / "filter.py", FILTER)
    feeds = [
        {"name": "all", "type": "path", "path": source, "packages_to": out},
        {"name": "some", "type": "path", "path": filtered, "may_be_empty": True},
    ]
    state = Polling(tmp_path, *feeds)
    texts = {"e:good": package("e:good", "a.example", "b.example")}
    texts["e:bad"] = package("e:bad", "private.example")
    for id_, text in texts.items():
        (source / f"{id_[2:]}.xml").write_text(text)
    state.poll()
    assert state.active("some") == 0
    subprocess.run([sys.executable, script, out, filtered], check=True)
    state.poll()
    assert state.active("some") == 2
    assert [path.read_text() for path in filtered.iterdir()] == [texts["e:good"]]


def test_a_package_that_the_filter_drops_is_written_when_it_counts(tmp_path):
    drop = {"filter": {"drop_package": "[package:id LIKE 'e:test%']"}}
    state = Writing(tmp_path, policy=drop)
    state.publish("e:test-1", "test.example")
    good = state.publish("e:good", "good.example")
    report = {"feed": "s", "written": 1, "waiting": 0, "missed": 0, "error": None}
    assert state.report() == [report]
    assert state.files() == {"e-good.xml": good}
    state = Writing(tmp_path)
    assert state.report() == [report]
    assert set(state.files()) == {"e-good.xml", "e-test-1.xml"}
