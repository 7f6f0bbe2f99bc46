"""Writes docs/stix1.md: what Threatsieve, misp-stix and stix2-elevator take from public packages.

    python -m tests.stix1_table

Each difference gets a reason from an independent reading of the XML. A value that is nowhere in the
XML, or whose place gives no reason, is unexplained.
"""

import functools
import ipaddress
import json
import lzma
import re
import sys
import tempfile
import textwrap
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests import program
from tests.stix1_peers import PEERS, RECORDED, packages

PAGE = program.ROOT / "docs/stix1.md"
SETS = {
    "idioms": "The idioms of stix2-elevator",
    "samples": "APT1, Poison Ivy and the watchlists of the STIX project",
    "veris": "Incidents of VERIS",
}
# Recorded for a package that would take a peer too long.
NOT_RUN = "not run"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
HEAD = """# STIX 1.x: a comparison

`python -m tests.stix1_table` wrote this page; a test holds it. It compares the values that are
taken from public packages. `tests/data/stix1/README.md` names their sources.

- **Threatsieve**: values of which each alone makes an event a match.
- **misp-stix** 2026.10.12: attributes that may be used for detection (`to_ids`).
- **stix2-elevator** 4.1.7: values in the patterns of its indicators, whatever joins them.

Counted are domains, addresses, URLs, email addresses, and digests of files (MD5, SHA-1, SHA-256).
The others may take more kinds. A number after `+` counts values that only Threatsieve takes and
that the other does not; a number after `-` counts values that only the other takes. The reasons
for these are in the last column.

Why Threatsieve takes less: a value that has to hold together with something else, that is excluded,
or that was only observed, is not enough to call an event bad. Why it takes more: it reads objects
and places that the others leave out, or the other fails on the whole package.

"Not run" is a package of a megabyte or so, for which stix2-elevator needs many minutes.
"""


@dataclass
class Row:
    """The comparison of one package."""

    ours: set[str]
    peers: dict[str, set[str] | str]
    reasons: Counter = field(default_factory=Counter)
    unexplained: dict[str, list[str]] = field(default_factory=dict)


def normal(value: str) -> str:
    """Returns a value in a form that is equal for all three: `kind value`."""
    kind, _, text = value.partition(" ")
    text = re.sub(r"\[(\.|dot)\]", ".", text.strip(), flags=re.IGNORECASE)
    if kind == "ip":
        try:
            network = ipaddress.ip_network(text, strict=False)
            text = str(network.network_address if network.num_addresses == 1 else network)
        except ValueError:
            pass
    elif kind == "url":
        text = re.sub(r"^hxxp", "http", text)
        text = re.sub(r"^(https?://)?([^/]*)", lambda m: (m[1] or "http://") + m[2].lower(), text)
    else:
        text = text.lower().rstrip(".")
    return f"{kind} {text}"


def our_kind(name: str) -> str:
    """Returns the kind of one of our types."""
    known = {"domain-name": "domain", "domain": "domain", "url": "url"}
    if name in known:
        return known[name]
    if name.startswith("ip"):
        return "ip"
    return "email" if name.startswith("email") else "hash"


def our_values(path: Path) -> set[str]:
    """Returns the values that the program takes from a package."""
    result = program.run("feeds", "test", path, "--json", expect=None)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    values = [v for v in lines if "value" in v and v["type"] != "conjunction"]
    return {normal(f"{our_kind(v['type'])} {v['value']}") for v in values}


class Reading:
    """An independent reading of a package: each text, and what is around it."""

    def __init__(self, path: Path):
        self.tree = ElementTree.parse(path)
        self.parents = {child: parent for parent in self.tree.iter() for child in parent}
        self.places: dict[str, list] = {}
        for element in self.tree.iter():
            for text in re.split(r"##comma##", element.text or ""):
                for kind in ("domain", "ip", "url", "hash", "email"):
                    if text.strip():
                        self.places.setdefault(normal(f"{kind} {text}"), []).append(element)

    def around(self, element) -> list:
        """Returns the elements around an element, the innermost first."""
        around = []
        while element in self.parents:
            element = self.parents[element]
            around.append(element)
        return around

    def left_out(self, element) -> str | None:
        """Returns the reason why a text is no value by itself."""
        around = self.around(element)
        names = [local(one.tag) for one in around]
        condition = element.get("condition")
        if any(one.get("negate") in ("true", "1") for one in around):
            return "negated"
        if condition and condition.lower() != "equals":
            return f"the condition `{condition}`"
        if "Related_Object" in names:
            return "a related object"
        if "Sighting" in names:
            return "a sighting"
        if any(one.get("operator") == "AND" for one in around):
            return "one part of `AND`"
        if reason := self.siblings(element, around):
            return reason
        if element.get("apply_condition") in ("ALL", "NONE"):
            return f"a list with `{element.get('apply_condition')}`"
        if condition is None and "Indicator" not in names:
            return "an observable without a condition"
        if names[:1] == ["Hash"] or "Hashes" in names:
            return "a digest of a part, or not of its length"
        if "Test_Mechanism" in names:
            return "a test in another language"
        return None

    def siblings(self, element, around: list) -> str | None:
        """Returns the reason if an object has several properties that hold together. The digests of
        a file are one.
        """
        for one in around:
            if local(one.tag) == "Properties":
                leaves = [
                    other
                    for other in one.iter()
                    if (other.text or "").strip() and not len(other) and local(other.tag) != "Type"
                ]
                conditioned = [other for other in leaves if other.get("condition")]
                if conditioned and element not in conditioned:
                    return "without a condition, next to one with a condition"
                if not conditioned:
                    values = {"Address_Value", "Hostname_Value", "Value", "Simple_Hash_Value"}
                    conditioned = [other for other in leaves if local(other.tag) in values]
                    several = "one of several properties of an observed object"
                else:
                    several = "one of several conditions of an object"
                others = [other for other in conditioned if not self.is_digest(other, one)]
                if len(others) + (len(others) < len(conditioned)) > 1:
                    return several
        return None

    def is_digest(self, element, top) -> bool:
        """Returns whether an element is in the digests of an object."""
        while element is not top:
            if local(element.tag) == "Hashes":
                return True
            element = self.parents[element]
        return False

    def taken(self, value: str) -> str | None:
        """Returns the place of a value that the program takes; `None` if it is nowhere."""
        for element in self.places.get(value, []):
            for one in self.around(element):
                if local(one.tag) == "Properties":
                    kind = one.get(XSI_TYPE, "").rpartition(":")[2].removesuffix("ObjectType")
                    return f"{kind}/{local(element.tag)}"
        return None


def local(tag: str) -> str:
    """Returns a name without its namespace."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def compare(path: Path, recorded: dict) -> Row:
    """Compares the three on one package."""
    peers: dict[str, set[str] | str] = {
        peer: recorded[peer].get("failed") or {normal(one) for one in recorded[peer]["values"]}
        for peer in PEERS
    }
    row, reading = Row(our_values(path), peers), Reading(path)
    for value in sorted(row.ours):
        if reading.taken(value) is None:
            row.unexplained.setdefault("threatsieve", []).append(value)
    for peer, theirs in peers.items():
        if isinstance(theirs, str):
            row.reasons[f"{peer} fails"] += theirs != NOT_RUN
            continue
        for value in sorted(theirs - row.ours):
            reasons = [reading.left_out(one) for one in reading.places.get(value, [])]
            reason = next((one for one in reasons if one), derived(value, row, reading))
            if reason:
                row.reasons[f"-: {reason}"] += 1
            else:
                row.unexplained.setdefault(peer, []).append(value)
        for value in sorted(row.ours - theirs):
            row.reasons[f"+: {reading.taken(value)}"] += 1
    return row


def derived(value: str, row: Row, reading: Reading) -> str | None:
    """Returns the reason for a value that a peer makes of another one."""
    kind, _, text = value.partition(" ")
    if kind == "ip" and not is_public(text):
        return "a private or reserved address"
    if any(text in one for one in row.ours):
        return "taken as another kind, or as a part of the value"
    if not reading.places.get(value):
        return "not in the package as such"
    return None


def is_public(text: str) -> bool:
    """Returns whether an address or a network is on the public internet."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return True
    return network.is_global


@functools.cache
def compared() -> dict[str, Row]:
    """Compares all packages."""
    recorded = json.loads(lzma.decompress(RECORDED.read_bytes()))
    with tempfile.TemporaryDirectory() as folder:
        return {
            (name := str(path.relative_to(folder))): compare(path, recorded[name])
            for path in packages(Path(folder))
        }


def cell(row: Row, peer: str) -> str:
    """Returns the cell of a peer."""
    theirs = row.peers[peer]
    if isinstance(theirs, str):
        return NOT_RUN if theirs == NOT_RUN else "fails"
    more, less = len(row.ours - theirs), len(theirs - row.ours)
    return f"{len(theirs)}" + (f" +{more}" if more else "") + (f" -{less}" if less else "")


def page() -> str:
    """Returns the page."""
    parts, rows = [HEAD], compared()
    for name, title in SETS.items():
        lines = [
            "| package | Threatsieve | misp-stix | stix2-elevator | reasons |",
            "|---|--:|--:|--:|---|",
        ]
        for path, row in rows.items():
            folder, _, file = path.partition("/")
            if folder == name:
                reasons = "; ".join(sorted(one for one, count in row.reasons.items() if count))
                cells = [len(row.ours), *(cell(row, peer) for peer in PEERS)]
                lines.append(f"| {file} | {' | '.join(map(str, cells))} | {reasons} |")
        parts.append(f"## {title}\n\n" + "\n".join(lines))
    failed = sorted(
        {
            textwrap.fill(
                f"- {path.partition('/')[2]}, {peer}: {row.peers[peer]}",
                100,
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
            for path, row in rows.items()
            for peer in PEERS
            if isinstance(row.peers[peer], str) and row.peers[peer] != NOT_RUN
        }
    )
    parts.append("## Failures\n\n" + "\n".join(failed))
    return "\n\n".join(part.strip() for part in parts) + "\n"


if __name__ == "__main__":
    for name, row in compared().items():
        for peer, values in row.unexplained.items():
            print(f"unexplained: {name}, {peer}: {values[:5]}", file=sys.stderr)
    PAGE.write_text(page(), encoding="utf-8")
