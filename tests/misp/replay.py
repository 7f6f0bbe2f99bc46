"""The replay of the captured session against a double.

tests/data/misp/session.txt lists the captured cases in an order in which they can have happened.
The clock of the double follows the captures, and its ids skip where those of MISP skipped (a failed
insert uses up an id), so that ids and times compare as they are. Random UUIDs are translated.
"""

import gzip
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.misp import accounts, captures
from tests.misp.client import NoRedirect
from tests.misp.handle import Misp
from tests.misp.request import truth

SESSION = captures.FILE.with_name("session.txt")
BEGIN = 1_795_931_700
"""The time when the captures begin."""
HEADERS = ("content-type", "location", "x-result-count", "x-rate-limit-limit",
           "x-rate-limit-remaining", "x-rate-limit-reset", "x-export-module-used",
           "x-response-format", "x-skipped-elements-count")  # fmt: skip
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIMES = {"timestamp", "publish_timestamp", "date_sighting", "last_api_access", "date_modified"}
TOLERANCE_SECONDS = 3
SHORTENED = "[shortened"
ID_KINDS = {"event_id": "event", "attribute_id": "attribute", "object_id": "object",
            "tag_id": "tag"}  # fmt: skip
LISTS = {"Attribute": "attribute", "Object": "object", "Event": "event", "Tag": "tag",
         "EventTag": "event_tag", "Sighting": "sighting"}  # fmt: skip


class Clock:
    """The time of the double: that of the captures."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        """Returns the time."""
        return self.now


@dataclass
class Got:
    """An answer of the double."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Replay:
    """A replay, with the UUIDs of the captures that have other values in the double."""

    misp: Misp
    clock: Clock
    uuids: dict[str, str] = field(default_factory=dict)
    opener: Any = field(default_factory=lambda: urllib.request.build_opener(NoRedirect))

    def steps(self) -> Iterator[tuple[str, str]]:
        """Yields the steps of the session as pairs of a kind and a text."""
        for line in SESSION.read_text().splitlines():
            if line and not line.startswith("#"):
                marked = line[0] in "!>~"
                yield (line[0], line[2:]) if marked else ("case", line)

    def run(self) -> Iterator[tuple[str, list[str]]]:
        """Yields each case with its differences."""
        for kind, text in self.steps():
            if kind == "!":
                self._setting(*text.split())
            elif kind == ">":
                self._presupposed(text)
            elif kind == "~":
                self._again(text)
            else:
                yield text, self.case(text)

    def _again(self, name: str) -> None:
        """Sends the request of a case without comparing the answer."""
        got = self.send(captures.load()[name]["request"])
        assert got.status == 200, f"{name}: {got}"

    def _setting(self, verb: str, *arguments: str) -> None:
        state = self.misp.state
        if verb == "set":
            setattr(state, arguments[0], truth(arguments[1]))
        elif verb == "at":
            self.clock.now = int(arguments[0])
        elif verb == "next":
            state.last[arguments[0]] = int(arguments[1]) - 1
        elif verb == "rate":
            self.misp.limit_searches(int(arguments[0]))
        elif verb == "published":
            while state.queue:
                pass
            with state.lock:
                pass
        elif verb == "fill":
            self._fill(int(arguments[0]))
        else:
            raise ValueError(f"unknown setting: {verb}")

    def _fill(self, count: int) -> None:
        user = self.misp.state.accounts.named("publisher")
        while sum(self.misp.state.sees(user, e) for e in self.misp.state.events.values()) < count:
            self._presupposed('publisher POST /events/add {"info": "filling"}')

    def _presupposed(self, text: str) -> None:
        key, method, path, body = text.split(" ", 3)
        headers = {"Authorization": f"<KEY:{key}>", "Accept": "application/json"}
        headers["Content-Type"] = "application/json"
        got = self.send(
            {"method": method, "path": path, "headers": headers, "body": json.loads(body)}
        )
        assert got.status == 200, f"{text}: {got}"

    def case(self, name: str) -> list[str]:
        """Sends the request of a case, and returns the differences of the answer."""
        capture = captures.load()[name]
        wanted = capture["response"]
        self._prepare(wanted["body"])
        got = self.send(capture["request"])
        sent = set(UUID.findall(json.dumps(capture["request"])))
        comparison = Comparison(self.uuids, sent)
        differences = []
        if got.status != wanted["status"]:
            differences.append(f"status: {got.status}, captured {wanted['status']}: {got.body}")
        for header in HEADERS:
            found = got.headers.get(header)
            if not comparison.same_header(header, found, wanted["headers"].get(header)):
                differences.append(f"{header}: {found}, captured {wanted['headers'].get(header)}")
        comparison.is_whole = not is_shortened(wanted["body"])
        return differences + list(comparison.differences(got.body, salvaged(wanted["body"]), ""))

    def _prepare(self, body: Any) -> None:
        """Sets the clock, and skips the ids that MISP used up before this answer."""
        text = json.dumps(body)
        moments = [int(each) for each in re.findall(r"\b17959[23]\d{4}\b", text)]
        self.clock.now = max(self.clock.now, *(m for m in moments if m > BEGIN), 0)
        state = self.misp.state
        new: dict[str, list[int]] = {}
        for kind, number in ids(as_json(body), ""):
            if number > state.last[kind] and kind != "sighting":
                new.setdefault(kind, []).append(number)
        for kind, numbers in new.items():
            state.last[kind] = min(numbers) - 1

    def send(self, request: dict) -> Got:
        """Sends a captured request."""
        headers = dict(request["headers"])
        if key := headers.get("Authorization"):
            headers["Authorization"] = re.sub(
                r"<KEY:(\w+)>", lambda found: accounts.key(found[1]), key
            )
        headers.setdefault("Accept", "")
        headers.setdefault("Content-Type", "")
        path = self._translated(request["path"])
        asked = urllib.request.Request(
            self.misp.url + path, self._body(request), headers, method=request["method"]
        )
        if not headers["Accept"]:
            asked.add_header("Accept", "")
        try:
            answer = self.opener.open(asked, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            data = answer.read().decode()
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Got(answer.status, found, as_json(data))

    def _body(self, request: dict) -> bytes | None:
        body = request["body"]
        if body is None:
            return b"" if request["method"] in {"POST", "PUT"} else None
        if isinstance(body, dict | list):
            return self._translated(json.dumps(body)).encode()
        if body.startswith(SHORTENED):
            return rebuilt(body).encode()
        if request["headers"].get("Content-Encoding") == "gzip" and body != "not gzip":
            data = {"Event": {"info": "gz", "Attribute": [{"type": "domain"}]}}
            data["Event"]["Attribute"][0]["value"] = "gz.example"
            return gzip.compress(json.dumps(data).encode())
        return body.encode()

    def _translated(self, text: str) -> str:
        return UUID.sub(lambda found: self.uuids.get(found[0], found[0]), text)


def as_json(body: Any) -> Any:
    """Returns a body as JSON, where it is some."""
    if isinstance(body, str) and body[:1] in {"{", "["}:
        try:
            return json.loads(body)
        except ValueError:
            return body
    return body


def rebuilt(body: str) -> str:
    """Returns a request of which the captures have only the beginning: an event with a regular
    series of attributes, or one with a very long info.
    """
    begin = body.removeprefix(SHORTENED + "] ")
    series = re.search(r'"info": "big (\d+)".*?"uuid": "([0-9a-f-]{24})(\d{12})"', begin)
    if series is None:
        return '{"Event": {"info": "' + "x" * 51 * 1024 * 1024 + '"}}'
    first = int(series[3])
    rows = [
        {
            "uuid": f"{series[2]}{number:012}", "type": "domain",
            "value": f"big{number}.example", "to_ids": True,
        }
        for number in range(first, first + int(series[1]))
    ]  # fmt: skip
    head = json.loads(begin.partition(', "Attribute"')[0] + "}}")
    text = json.dumps({"Event": head["Event"] | {"Attribute": rows}})
    assert text.startswith(begin), "the series goes on otherwise"
    return text


def is_shortened(body: Any) -> bool:
    """Returns true for a body of which the captures have only the beginning."""
    if not isinstance(body, str):
        return False
    return body.startswith(SHORTENED) or re.search(r"\.\.\.\[\d+ bytes\]$", body) is not None


def salvaged(body: Any) -> Any:
    """Returns a body as JSON. Of a shortened one, the complete elements are kept."""
    if not is_shortened(body):
        return as_json(body)
    text = re.sub(r"\.\.\.\[\d+ bytes\]$", "", body)
    if text.startswith(SHORTENED):
        inner = text.partition("] ")[2]
        text = json.loads(inner if inner.endswith('"') and inner[-2] != "\\" else inner + '"')
    if text[:1] not in {"{", "["}:
        return text
    for end in range(len(text), 0, -1):
        if text[end - 1] in "}]":
            closed = _closed(text[:end])
            if closed is not None:
                return closed
    return text


def _closed(text: str) -> Any:
    """Returns a cut JSON text with its open brackets closed, or none if it is cut elsewhere."""
    plain = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    stack = []
    for each in plain:
        if each in "{[":
            stack.append("}" if each == "{" else "]")
        elif each in "}]":
            stack.pop()
    try:
        return json.loads(text + "".join(reversed(stack)))
    except ValueError:
        return None


def ids(body: Any, key: str) -> Iterator[tuple[str, int]]:
    """Yields the ids in an answer, with the kinds of their records."""
    if isinstance(body, list):
        for each in body:
            yield from ids(each, key)
    elif isinstance(body, dict):
        for name, value in body.items():
            if name == "RelatedEvent":
                continue
            kind = ID_KINDS.get(name) or (LISTS.get(key) if name == "id" else None)
            if kind and isinstance(value, str) and value.isdigit():
                yield kind, int(value)
            else:
                yield from ids(value, name)


@dataclass
class Comparison:
    """A comparison of an answer with the captured one."""

    uuids: dict[str, str]
    sent: set[str]
    is_whole: bool = True
    """False if the captures have only the beginning of the body."""

    def same_header(self, name: str, got: str | None, wanted: str | None) -> bool:
        """Returns true if a header has the captured value."""
        if name == "location" and got and wanted:
            return self._same_text(
                re.sub(r"https?://[^/]+", "", got), re.sub(r"https?://[^/]+", "", wanted)
            )
        if name == "x-rate-limit-reset" and got and wanted:
            return abs(int(got) - int(wanted)) <= TOLERANCE_SECONDS
        return got == wanted

    def differences(self, got: Any, wanted: Any, at: str) -> Iterator[str]:
        """Yields the differences of two bodies."""
        if isinstance(got, dict) and isinstance(wanted, dict):
            for name in wanted.keys() - got.keys():
                yield f"{at}/{name}: missing, captured {wanted[name]!r:.200}"
            for name in got.keys() - wanted.keys() if self.is_whole else ():
                yield f"{at}/{name}: {got[name]!r:.200}, not captured"
            for name in sorted(wanted.keys() & got.keys()):
                yield from self.differences(got[name], wanted[name], f"{at}/{name}")
        elif isinstance(got, list) and isinstance(wanted, list):
            if len(got) != len(wanted) if self.is_whole else len(got) < len(wanted):
                yield f"{at}: {len(got)} items, captured {len(wanted)}"
            for number, (mine, theirs) in enumerate(zip(got, wanted, strict=False)):
                yield from self.differences(mine, theirs, f"{at}/{number}")
        elif not self._same(got, wanted, at.rpartition("/")[2]):
            yield f"{at}: {got!r:.300}, captured {wanted!r:.300}"

    def _same(self, got: Any, wanted: Any, name: str) -> bool:
        if isinstance(got, bool) or isinstance(wanted, bool) or type(got) is not type(wanted):
            return got is wanted or (got == wanted and type(got) is type(wanted))
        if name in TIMES and str(got).isdigit() and str(wanted).isdigit():
            if int(wanted) > BEGIN:
                return abs(int(got) - int(wanted)) <= TOLERANCE_SECONDS
            return got == wanted
        return self._same_text(got, wanted) if isinstance(got, str) else got == wanted

    def _same_text(self, got: str, wanted: str) -> bool:
        """Returns true for the same text; random UUIDs must only differ in the same way."""
        mine, theirs = UUID.findall(got), UUID.findall(wanted)
        if len(mine) != len(theirs):
            return False
        for one, other in zip(mine, theirs, strict=True):
            expected = self.uuids.get(other, other if other in self.sent else None)
            if one != other and expected not in {None, one}:
                return False
            if one != other:
                self.uuids[other] = one
        blank = [re.sub(r"MISP\w{6,8}\b", "MISP", UUID.sub("", each)) for each in (got, wanted)]
        return blank[0] == blank[1]
