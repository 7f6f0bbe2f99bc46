"""A model of the flagging rules, to compare the program with. It is written independently."""

from dataclasses import dataclass, field


@dataclass
class Indicator:
    """One indicator of the STIX feed."""

    value: str
    confidence: int | None = None
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

    def counting(self, host: str) -> set[tuple[str, str]]:
        """Returns the indicators that flag a new or stored line with that host: feed and id."""
        named = [("list", value, value) for value in self.listed]
        for identifier, one in self.indicators.items():
            is_sure = one.confidence is None or one.confidence >= self.min_confidence
            if one.listed and not one.revoked and is_sure:
                named.append(("stix", identifier, one.value))
        return {
            (feed, identifier)
            for feed, identifier, value in named
            if covers(value, host) and not self.is_withdrawn(feed, identifier, value, host)
        }

    def is_withdrawn(self, feed: str, identifier: str, value: str, host: str) -> bool:
        """Returns whether a flag must be withdrawn: the indicator is revoked, retracted by a
        person, or allowed.
        """
        if value in self.retracted or identifier in self.retracted:
            return True
        if feed == "stix" and self.indicators[identifier].revoked:
            return True
        return any(covers(one, host) and len(one) >= len(value) for one in self.allowed)

    def after_round(self, before: set[tuple], lines: dict[int, str]) -> set[tuple]:
        """Returns the flags after a whole round, given the flags before it: (line, feed, indicator,
        value).
        """
        stay = {
            flag
            for flag in before
            if not self.is_withdrawn(flag[1], flag[2], flag[3], lines[flag[0]])
        }
        counting = {host: self.counting(host) for host in set(lines.values())}
        new = {
            (
                number,
                feed,
                identifier,
                identifier if feed == "list" else self.indicators[identifier].value,
            )
            for number, host in lines.items()
            for feed, identifier in counting[host]
        }
        # An indicator flags an event only once, with the value that it had at that time.
        known = {flag[:3] for flag in stay}
        return stay | {flag for flag in new if flag[:3] not in known}


def covers(value: str, host: str) -> bool:
    """Returns whether a listed name covers the host: the name itself or a name below it."""
    return host == value or host.endswith(f".{value}")
