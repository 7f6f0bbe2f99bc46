"""A naive matcher of patterns with `AND` and `OR`, over whole events. It writes a pattern out as
alternatives by itself, and then tries each value of the event.
"""

import ipaddress
import itertools
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Comparison:
    """A comparison: a path, and the values that it allows."""

    path: str
    values: tuple[str, ...]

    def text(self) -> str:
        if self.path.endswith("ISSUBSET"):
            return f"{self.path} '{self.values[0]}'"
        if len(self.values) == 1:
            return f"{self.path} = '{self.values[0]}'"
        return f"{self.path} IN ({', '.join(repr(value) for value in self.values)})"


@dataclass(frozen=True)
class Node:
    """`AND` or `OR` of comparisons and other nodes."""

    word: str
    parts: tuple

    def text(self) -> str:
        return "(" + f" {self.word} ".join(part.text() for part in self.parts) + ")"


@dataclass
class Event:
    """The observables of one event."""

    hosts: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    urls: set[str] = field(default_factory=set)
    digests: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    def add_url(self, url: str):
        parts = urlsplit(url)
        self.urls.add(url)
        self.hosts.add(parts.hostname)
        self.names.add(unquote(parts.path.rsplit("/", 1)[-1]))


def alternatives(pattern) -> list[tuple]:
    """Returns the pattern as alternatives of single comparisons that have to hold together."""
    if isinstance(pattern, Comparison):
        return [((pattern.path.split()[0], pattern.path, value),) for value in pattern.values]
    each = [alternatives(part) for part in pattern.parts]
    if pattern.word == "OR":
        return [one for several in each for one in several]
    return [sum(choice, ()) for choice in itertools.product(*each)]


def matches(pattern, event: Event, allowed: frozenset[str] = frozenset()) -> bool:
    """Returns whether the event carries all parts of one alternative."""
    return any(_holds(one, event, allowed) for one in alternatives(pattern))


def _holds(claims: tuple, event: Event, allowed: frozenset[str]) -> bool:
    paths = {path for path, _, _ in claims}
    if paths == {"file:name"}:
        return False  # Names of files only count together with values.
    return all(
        any(
            all(_is(test, value, seen) for of, test, value in claims if of == path)
            for seen in _seen(path, event, allowed)
        )
        for path in paths
    )


def _seen(path: str, event: Event, allowed: frozenset[str]) -> set[str]:
    match path:
        case "domain-name:value":
            return {
                host
                for host in event.hosts
                if not any(host == good or host.endswith("." + good) for good in allowed)
            }
        case "ipv4-addr:value":
            return event.addresses
        case "url:value":
            return event.urls
        case "file:name":
            return event.names
        case "file:hashes.MD5":
            return event.digests
    raise ValueError(path)


def _is(test: str, value: str, seen: str) -> bool:
    if test.startswith("domain-name"):
        return seen == value or seen.endswith("." + value)
    if test.startswith("ipv4-addr"):
        return ipaddress.ip_address(seen) in ipaddress.ip_network(value)
    return seen == value
