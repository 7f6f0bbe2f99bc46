"""Faults on command.

A fault has a kind, and fits requests by method and by a part of their path. It fits the next
`times` requests (none: until it is cleared), or each with the probability `rate`, drawn with
`seed`.

    slow        the work takes `seconds`, and goes on after the client left; with `gate`, it stops
                after `store` attributes until that event is set
    reset       the connection is closed without an answer
    auth        403 as for a bad key
    permission  403 as for a role without the permission
    404 405 413 429 502 503 504   that status
    internal    500 before any work
    500         500 in the middle of it: `store` attributes of the request are stored, by default
                half of them, together with the event
    half        half of the answer's body, then the connection is closed
    html        200 with a page of HTML
    login       302 to the login page
    drop        attributes with one of `values` (values or UUIDs) are dropped silently, 200

With `after`, the work is done before the answer is spoiled; that is always so for `half`. The
outages of whole parts (worker, Redis, database, PHP, `live`) are settings of the state.
"""

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.misp.answers import (
    BAD_KEY,
    HTML,
    NO_PERMISSION,
    Answer,
    Plain,
    gateway,
    internal,
    login,
)

AT_ONCE = {"reset", "internal", "auth", "permission", "404", "405", "413", "429", "502", "503",
           "504", "html", "login"}  # fmt: skip
KINDS = AT_ONCE | {"slow", "500", "half", "drop"}
PAGE = "<!DOCTYPE html><html><head><title>Gateway</title></head><body>Please wait.</body></html>"


@dataclass
class Fault:
    """A fault, and the requests that it fits."""

    kind: str
    times: int | None = 1
    method: str = ""
    path: str = ""
    rate: float = 1.0
    seed: int = 0
    seconds: float = 1.0
    store: int | None = None
    gate: threading.Event | None = None
    values: frozenset[str] = frozenset()
    after: bool = False
    reset: str = "60"
    """The value of X-Rate-Limit-Reset."""
    hits: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(sorted(KINDS))}")
        self.values = frozenset(self.values)
        self._random = random.Random(self.seed)

    def fits(self, method: str, path: str) -> bool:
        """Returns true, and counts the request, if the fault happens to it."""
        if self.times is not None and self.hits >= self.times:
            return False
        if self.method not in ("", method) or self.path not in path:
            return False
        if self.rate < 1 and self._random.random() >= self.rate:
            return False
        self.hits += 1
        return True

    def answer(self, url: str) -> Answer | None:
        """Returns the answer in place of MISP's own; none closes the connection."""
        if self.kind == "reset":
            return None
        if self.kind == "login":
            return login()
        if self.kind == "html":
            return Answer(PAGE, 200, {}, HTML)
        if self.kind == "429":
            limit = {"X-Rate-Limit-Limit": "5", "X-Rate-Limit-Remaining": "0"}
            limit["X-Rate-Limit-Reset"] = self.reset
            return Plain(429, "Rate limit exceeded.", limit).at(url)
        pages = {
            "413": "Request Entity Too Large", "502": "Bad Gateway",
            "503": "Service Temporarily Unavailable", "504": "Gateway Time-out",
        }  # fmt: skip
        if self.kind in pages:
            return gateway(int(self.kind), pages[self.kind])
        plain = {
            "auth": Plain(403, BAD_KEY), "permission": Plain(403, NO_PERMISSION),
            "404": Plain(404, "Not Found"), "405": Plain(405, "Method Not Allowed"),
            "500": internal(), "internal": internal(),
        }  # fmt: skip
        return plain[self.kind].at(url)


@dataclass
class Running:
    """The faults that happen to one request."""

    faults: list[Fault] = field(default_factory=list)
    attributes: int = 0
    """The number of attributes in the request."""
    stored: int = 0

    def of(self, *kinds: str) -> Fault | None:
        """Returns the first fault of these kinds."""
        return next((each for each in self.faults if each.kind in kinds), None)

    def drops(self, sent: Any) -> bool:
        """Returns true if the attribute is to be dropped silently."""
        fault = self.of("drop")
        return fault is not None and bool(
            fault.values & {str(sent.get("value")), str(sent.get("uuid"))}
        )

    def before_attribute(self, state, sent: dict) -> None:
        """Fails or waits, as the faults say, before an attribute is stored."""
        if (fault := self.of("500")) is not None:
            limit = self.attributes // 2 if fault.store is None else fault.store
            if self.stored >= limit:
                raise internal()
        self.stored += 1
        if (fault := self.of("slow")) is None or not self.attributes:
            return
        if fault.gate is None:
            with state.unlocked():
                time.sleep(fault.seconds / self.attributes)
        elif self.stored > (fault.store or 0):
            with state.unlocked():
                fault.gate.wait()


class Faults:
    """The faults that are set now."""

    def __init__(self) -> None:
        self.set: list[Fault] = []

    def add(self, kind: str, **settings: Any) -> Fault:
        """Sets a fault and returns it."""
        fault = Fault(kind, **settings)
        self.set.append(fault)
        return fault

    def clear(self) -> None:
        """Removes all faults."""
        self.set.clear()

    def of_request(self, method: str, path: str) -> Running:
        """Returns the faults that happen to a request."""
        found = [each for each in list(self.set) if each.fits(method, path)]
        self.set[:] = [each for each in self.set if each.times is None or each.hits < each.times]
        return Running(found)
