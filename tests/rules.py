"""A model of the flagging rules, to compare the program with. It is written independently."""

from dataclasses import dataclass, field


TLP = ["clear", "green", "amber", "amber+strict", "red"]
"""The markings, the strictest last. An indicator without one counts as clear."""


@dataclass
class Indicator:
    """One indicator of the STIX feed."""

    value: str
    confidence: int | None = None
    tlp: str | None = None
    valid: tuple[int, int | None] = (0, None)
    """The seconds since 1970 from which and until which events count."""
    revoked: bool = False
    version: int = 1
    listed: bool = True


@dataclass
class Rules:
    """The current feeds, allow-list and retractions."""

    listed: set[str] = field(default_factory=set)
    indicators: dict[str, Indicator] = field(default_factory=dict)
    allowed: set[str] = field(default_factory=set)
    retracted: set[str] = field(default_factory=set)
    """Values and ids of indicators."""
    min_confidence: int = 0
    max_tlp: str = "red"

    def counting(self, host: str, time: int) -> set[tuple[str, str]]:
        """Returns the indicators that flag a line of that host and time: feed and id."""
        named = [("list", value, value) for value in self.listed]
        for identifier, one in self.indicators.items():
            is_sure = one.confidence is None or one.confidence >= self.min_confidence
            is_open = TLP.index(one.tlp or "clear") <= TLP.index(self.max_tlp)
            first, end = one.valid
            is_valid = first <= time and (end is None or time < end)
            if one.listed and not one.revoked and is_sure and is_open and is_valid:
                named.append(("stix", identifier, one.value))
        return {
            (feed, identifier)
            for feed, identifier, value in named
            if covers(value, host) and not self.is_withdrawn(feed, identifier, value, host)
        }

    def is_withdrawn(self, feed: str, identifier: str, value: str, host: str) -> bool:
        """Returns whether a flag must go: revoked, retracted by a person, or allowed."""
        if value in self.retracted or identifier in self.retracted:
            return True
        if feed == "stix" and self.indicators[identifier].revoked:
            return True
        return any(covers(one, host) and len(one) >= len(value) for one in self.allowed)

    def after_round(self, before: set[tuple], lines: dict[int, str], begin: int) -> set[tuple]:
        """Returns the flags after a whole round: (line, feed, indicator, value).

        `before` has those before the round. Line N happened in the second `begin + N`."""
        stay = {
            flag
            for flag in before
            if not self.is_withdrawn(flag[1], flag[2], flag[3], lines[flag[0]])
        }
        new = {
            (
                number,
                feed,
                identifier,
                identifier if feed == "list" else self.indicators[identifier].value,
            )
            for number, host in lines.items()
            for feed, identifier in self.counting(host, begin + number)
        }
        # An indicator flags an event only once, with the value that it had at that time.
        known = {flag[:3] for flag in stay}
        return stay | {flag for flag in new if flag[:3] not in known}


def covers(value: str, host: str) -> bool:
    """Returns whether a listed name covers the host: the name itself or a name below it."""
    return host == value or host.endswith(f".{value}")
