"""The conversion of misp-stix as plain rows, to compare other conversions with.

The double uses the same process, so what `upload_stix` stores and these rows are the same.
`python -m tests.misp.oracle FILE...` prints them, one JSON list a line.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

from tests.misp.converter import SHARED


class Row(NamedTuple):
    """An attribute of a converted event."""

    type: str
    value: str
    category: str
    to_ids: bool
    object_name: str | None
    """The name of the attribute's object, if it has one."""
    relation: str | None
    """The attribute's role in that object."""


class Unconverted(Exception):
    """The message of misp-stix for a document that it does not convert."""


def converted(content: bytes) -> list[Row]:
    """Returns the attributes of a STIX 1.x package or a STIX 2.x bundle, sorted, without repeated
    ones.
    """
    version = 1 if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" else 2
    found = SHARED.convert(version, content)
    if "error" in found:
        raise Unconverted(found["error"])
    event = found["event"]
    rows = {_row(each, None) for each in event.get("Attribute", ())}
    for one in event.get("Object", ()):
        rows |= {_row(each, one["name"]) for each in one.get("Attribute", ())}
    return sorted(rows, key=lambda row: tuple(str(each) for each in row))


def _row(sent: dict, name: str | None) -> Row:
    relation = sent.get("object_relation") if name else None
    return Row(
        sent["type"], str(sent["value"]), sent["category"], bool(sent.get("to_ids")), name, relation
    )


def tags(content: bytes) -> list[str]:
    """Returns the tags of the converted event and its attributes, sorted."""
    version = 1 if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" else 2
    event = SHARED.convert(version, content).get("event", {})
    parts = [event, *event.get("Attribute", ()), *event.get("Object", ())]
    parts += [row for one in event.get("Object", ()) for row in one.get("Attribute", ())]
    return sorted({each["name"] for part in parts for each in part.get("Tag", ())})


if __name__ == "__main__":
    for path in sys.argv[1:]:
        for row in converted(Path(path).read_bytes()):
            print(json.dumps(row, ensure_ascii=False))
