"""Indicators, and which of them cover a line."""

from collections.abc import Iterator
from dataclasses import dataclass, field

TLP = ["clear", "green", "amber", "amber+strict", "red"]
"""The markings, the strictest last. An indicator without one counts as clear."""

Name = tuple[str, str]
"""The feed of an indicator, and its id. The id of a line of a list is its value."""

Key = tuple[int, str, str]
"""The line of a flag, and the indicator's name. An indicator flags an event only once."""


@dataclass(frozen=True)
class Line:
    """A line of a log."""

    number: int
    host: str
    source: str
    """The address that the request came from."""
    time: int
    """Seconds since 1970."""


@dataclass(frozen=True)
class Indicator:
    """A version of an indicator, as its publisher delivers it."""

    values: tuple[str, ...]
    confidence: int | None = None
    tlp: str | None = None
    valid: tuple[int, int | None] = (0, None)
    """The seconds since 1970 from which and until which events count."""
    is_revoked: bool = False
    version: int = 0

    def is_valid(self, time: int) -> bool:
        first, end = self.valid
        return first <= time and (end is None or time < end)

    def is_over(self, now: float) -> bool:
        return self.valid[1] is not None and self.valid[1] <= now


@dataclass(frozen=True)
class Flag:
    """The details of a flag, as they were when it was set."""

    value: str
    confidence: int | None
    tlp: str | None

    @property
    def level(self) -> int:
        return TLP.index(self.tlp or "clear")


@dataclass
class Policy:
    """The indicators that count."""

    min_confidence: int = 0
    max_tlp: str = "red"

    def takes(self, one: Indicator) -> bool:
        is_sure = one.confidence is None or one.confidence >= self.min_confidence
        return is_sure and TLP.index(one.tlp or "clear") <= TLP.index(self.max_tlp)


@dataclass
class Withdrawn:
    """Indicators and values that must not flag anything, whatever the blacklist has."""

    retracted: set[str] = field(default_factory=set)
    """Values and ids that an operator retracted."""
    revoked: set[Name] = field(default_factory=set)
    """Indicators that their publishers revoked."""

    def has(self, name: Name) -> bool:
        return name in self.revoked or name[1] in self.retracted


@dataclass
class Blacklist:
    """The content of a blacklist."""

    blocked: dict[Name, Indicator] = field(default_factory=dict)
    allowed: set[str] = field(default_factory=set)

    def entries(self) -> set[str]:
        return {value for one in self.blocked.values() for value in one.values}

    def is_allowed(self, value: str, host: str) -> bool:
        """Returns whether an allowed name hides a listed one: it is the same or more specific."""
        return any(covers(one, host) and len(one) >= len(value) for one in self.allowed)

    def flags(
        self, policy: Policy, withdrawn: Withdrawn, host: str
    ) -> Iterator[tuple[Name, Indicator, Flag]]:
        """Returns the indicators that flag lines of that host, if they are valid at their time.

        If an indicator covers the host by several values, the most specific one counts."""
        for name, one in self.blocked.items():
            if not policy.takes(one) or withdrawn.has(name):
                continue
            values = [
                value
                for value in one.values
                if covers(value, host)
                and value not in withdrawn.retracted
                and not self.is_allowed(value, host)
            ]
            if values:
                yield name, one, Flag(max(values, key=len), one.confidence, one.tlp)


def covers(value: str, host: str) -> bool:
    """Returns whether a listed name covers the host: the name itself or a name below it."""
    return host == value or host.endswith(f".{value}")
