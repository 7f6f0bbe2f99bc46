"""Writes docs/misp-oracle.md: the events that host/misp and misp-stix make of the same STIX.

    python -m tests.misp_oracle

Each difference gets a reason by rules that look only at the two events. A difference without a
reason is unexplained.
"""

import contextlib
import functools
import ipaddress
import json
import re
import subprocess
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests import program
from tests.misp.converter import SHARED
from tests.stix1_peers import packages

PAGE = program.ROOT / "docs/misp-oracle.md"
PATTERNS = program.ROOT / "host/feed/tests/data/patterns"
BUNDLES = ["tests/example/bundle.json", "tests/data/feeds/stix21-bundle.json"]
# misp-stix needs most of the time for a few larger packages.
MAX_PACKAGE_BYTES = 1_000_000
NAMESPACE = uuid.UUID("0e9c1a52-62b1-4c1e-9d4b-1f6a34c1b0aa")
TIME = "2026-11-01T00:00:00.000Z"

FAMILIES = {
    "domain": "name",
    "hostname": "name",
    "ip-dst": "address",
    "ip-src": "address",
    "url": "url",
    "uri": "url",
    "link": "url",
    "md5": "digest",
    "sha1": "digest",
    "sha256": "digest",
    "email": "email",
    "email-src": "email",
    "email-dst": "email",
    "stix2-pattern": "pattern",
}
"""The types of MISP that hold what Threatsieve matches."""

HEAD = """# MISP events: a comparison with misp-stix

`python -m tests.misp_oracle` wrote this page; a test holds it. MISP itself imports STIX with
misp-stix. Both make an event of the same STIX, and the attributes with `to_ids` are compared by
type and value. [misp-conversion.md](misp-conversion.md) says what Threatsieve makes of what.

- **packages**: those of STIX 1.x in `tests/data/stix1`, up to 1 MB each
- **patterns**: the examples of the OASIS validator for STIX 2.1, one indicator each
- **bundles**: those of STIX 2.1 in `tests/example` and `tests/data/feeds`
"""

Values = dict[tuple[str, str], str]
"""The attributes: family and comparable value to type."""


@dataclass
class Comparison:
    """The differences of one corpus, by reason."""

    documents: int = 0
    same: int = 0
    reasons: Counter = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)


def comparable(family: str, value: str) -> str:
    """Returns a value in a form that is equal for both."""
    value = value.strip()
    if family == "address":
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            return value
        return str(network.network_address if network.num_addresses == 1 else network)
    if family == "url":
        value = value.replace("[.]", ".").replace("hxxp", "http", 1)
        return re.sub(r"^(\w+://)?([^/]*)", lambda m: (m[1] or "http://") + m[2].lower(), value)
    return value if family == "pattern" else value.lower()


@dataclass
class Event:
    """The attributes of an event that count."""

    flagged: Values = field(default_factory=dict)
    unflagged: Values = field(default_factory=dict)
    patterns: str = ""
    others: Counter = field(default_factory=Counter)

    @staticmethod
    def of(event: dict) -> "Event":
        read = Event()
        objects = [a for o in event.get("Object", []) for a in o.get("Attribute", [])]
        for attribute in [*event.get("Attribute", []), *objects]:
            # misp-stix gives lists of STIX 1.x as they are, and MISP stores each element.
            values = attribute["value"]
            for value in values if isinstance(values, list) else [str(values)]:
                read.add(attribute["type"], value.strip(), attribute.get("to_ids"))
        return read

    def add(self, kind: str, value: str, to_ids: bool) -> None:
        if kind == "stix2-pattern":
            self.patterns += value + "\n"
        kinds, values = kind.split("|"), value.split("|")
        if len(kinds) != len(values) or kind == "stix2-pattern":
            kinds, values = [kind], [value]
        for one, text in zip(kinds, values, strict=True):
            family = FAMILIES.get(one)
            if family:
                held = self.flagged if to_ids else self.unflagged
                held[family, comparable(family, text)] = one
            elif to_ids:
                self.others[one] += 1


def compare(into: Comparison, ours: dict, peers: dict, name: str) -> None:
    """Compares the two conversions of a document."""
    into.documents += 1
    if "error" in peers:
        into.reasons["misp-stix fails on the whole document"] += 1
        return
    our, their = Event.of(ours["body"]["Event"]), Event.of(peers["event"])
    refused = {one["value"].lower(): one["reason"] for one in ours["unconvertible"]}
    together = {part.lower() for part in ours["together"]}
    for key, kind in our.flagged.items():
        theirs = their.flagged.get(key) or their.unflagged.get(key, kind)
        if key not in their.flagged:
            into.reasons[only_ours(key, kind, their)] += 1
        elif theirs == kind:
            into.same += 1
        if theirs != kind and (reason := other_type(kind, theirs)):
            into.reasons[reason] += 1
        elif theirs != kind:
            into.unexplained.append(f"{name}: {key} is {kind}, for misp-stix {theirs}")
    for key in their.flagged.keys() - our.flagged.keys():
        into.reasons[only_theirs(key, refused, together)] += 1
    if their.others:
        into.reasons["only misp-stix: types that no log has an observable for"] += sum(
            their.others.values()
        )


def other_type(ours: str, theirs: str) -> str | None:
    """Returns the reason for another type of the same value."""
    if (ours, theirs) == ("domain", "hostname"):
        return "`domain` for `hostname`: a name stands for all hosts below it, too"
    if (ours, theirs) == ("ip-dst", "ip-src"):
        return "`ip-dst` for `ip-src`: indicators do not keep the direction"
    if (ours, theirs) in (("email-src", "email-dst"), ("email-src", "email")):
        return f"`email-src` for `{theirs}`: indicators do not keep the role"
    if (ours, theirs) in (("url", "uri"), ("url", "link")):
        return f"`url` for `{theirs}`"
    return None


def only_ours(key: tuple[str, str], kind: str, their: Event) -> str:
    """Returns the reason why misp-stix has no such attribute with `to_ids`."""
    family, value = key
    if kind == "stix2-pattern":
        return "only Threatsieve: a conjunction that no object fits, as a pattern"
    if key in their.unflagged:
        return "only Threatsieve: misp-stix has the value without `to_ids`"
    if value in their.patterns.lower():
        return "only Threatsieve: misp-stix keeps the whole pattern"
    return f"only Threatsieve: misp-stix leaves the {family} out"


def only_theirs(key: tuple[str, str], refused: dict[str, str], together: set[str]) -> str:
    """Returns the reason why host/misp has no such attribute."""
    family, value = key
    if family == "pattern":
        return "only misp-stix: a pattern that it does not take apart"
    if value in refused:
        return f"only misp-stix: {refused[value]}"
    if value in together:
        return "only misp-stix: a part of a conjunction alone"
    return "only misp-stix: not read as bad by itself ([stix1.md](stix1.md), [lists.md](lists.md))"


def bundle(pattern: str) -> dict:
    """Returns a bundle with one indicator."""
    identity = f"identity--{uuid.uuid5(NAMESPACE, 'identity')}"
    common = {"spec_version": "2.1", "created": TIME, "modified": TIME}
    objects = [
        {"type": "identity", "id": identity, "name": "Test", **common},
        {
            "type": "indicator",
            "id": f"indicator--{uuid.uuid5(NAMESPACE, pattern)}",
            "created_by_ref": identity,
            "pattern": pattern,
            "pattern_type": "stix",
            "valid_from": TIME,
            **common,
        },
    ]
    own = uuid.uuid5(NAMESPACE, "bundle " + pattern)
    return {"type": "bundle", "id": f"bundle--{own}", "objects": objects}


def convert(lines: list[str]) -> list[dict]:
    """Returns what host/misp makes of files, or of indicators as JSON."""
    with converter() as process:
        return [ask(process, line) for line in lines]


@contextlib.contextmanager
def converter() -> Iterator[subprocess.Popen]:
    """Runs the example of host/misp."""
    build = ["cargo", "build", "--release", "-q", "--workspace", "--example", "convert"]
    subprocess.run(build, cwd=program.ROOT, check=True, timeout=900)
    with subprocess.Popen(
        [program.ROOT / "target/release/examples/convert"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def ask(process: subprocess.Popen, line: str) -> dict:
    """Returns the answer to one line."""
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def documents(folder: Path) -> list[tuple[str, int, Path]]:
    """Returns the corpus, the version of STIX and the path of each document."""
    found = [
        ("packages", 1, path)
        for path in packages(folder)
        if path.stat().st_size <= MAX_PACKAGE_BYTES
    ]
    lines = [
        line
        for name in ("v21_pass.txt", "v21_inspect.txt")
        for line in (PATTERNS / name).read_text(encoding="utf-8").splitlines()
    ]
    for number, pattern in enumerate(dict.fromkeys(filter(None, lines))):
        path = folder / f"pattern-{number}.json"
        path.write_text(json.dumps(bundle(pattern)), encoding="utf-8")
        found.append(("patterns", 2, path))
    return found + [("bundles", 2, program.ROOT / name) for name in BUNDLES]


@functools.cache
def compared() -> dict[str, Comparison]:
    """Returns the comparison of each corpus."""
    result: dict[str, Comparison] = {}
    with tempfile.TemporaryDirectory() as folder:
        all_ = documents(Path(folder))
        for (corpus, version, path), ours in zip(
            all_, convert([str(path) for *_, path in all_]), strict=True
        ):
            into = result.setdefault(corpus, Comparison())
            if "error" in ours:
                into.documents += 1
                into.reasons["Threatsieve reads no indicator"] += 1
                continue
            compare(into, ours, SHARED.convert(version, path.read_bytes()), path.name)
    return result


def page() -> str:
    """Returns the page."""
    corpora = compared()
    names = list(corpora)
    reasons = sorted({reason for one in corpora.values() for reason in one.reasons})
    rows = [
        ("documents", [one.documents for one in corpora.values()]),
        ("the same type and value", [one.same for one in corpora.values()]),
        *((reason, [one.reasons[reason] for one in corpora.values()]) for reason in reasons),
    ]
    table = [f"| | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    table += [f"| {name} | {' | '.join(map(str, counts))} |" for name, counts in rows]
    return f"{HEAD}\n" + "\n".join(table) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    for corpus, comparison in compared().items():
        print(corpus, *comparison.unexplained, sep="\n  ")
