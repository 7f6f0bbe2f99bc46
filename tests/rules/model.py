"""The steps of a round."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tests.rules.clock import DAY, Clock
from tests.rules.deliveries import Builds, Delivery, Feed, Hold
from tests.rules.indicators import Blacklist, Flag, Key, Line, Name, Policy, Withdrawn
from tests.rules.mails import Digest, Mails


@dataclass
class Settings:
    """The configuration of a round."""

    policy: Policy = field(default_factory=Policy)
    holds: dict[str, Hold] = field(default_factory=dict)
    """The limits of each feed."""
    blacklist: Hold = field(default_factory=Hold)
    has_time: bool = True
    """There is time to match all stored lines that are due."""


@dataclass
class Expected:
    """The flags that must be there after a round, and those that may be."""

    least: dict[Key, Flag]
    most: dict[Key, Flag]


class Model:
    """The state that the program should have. A round calls the methods in their order here."""

    def __init__(self, lines: list[Line], feeds: dict[str, str], recipients: dict[str, str]):
        self.lines = lines
        self.clock = Clock()
        self.feeds = {name: Feed(role) for name, role in feeds.items()}
        self.retracted: set[str] = set()
        self.builds = Builds()
        self.flags: dict[Key, Flag] = {}
        self.mails = Mails(recipients)
        self.composed: list[Digest] = []
        """Mails that were composed, but did not arrive yet."""
        self.wrong: set[str] = set()
        """The conditions at the end of the last round."""
        self.news: list[tuple[set[str], set[str]]] = []
        """What began and what ended, in mails to operators that did not arrive yet."""
        self.read = 0
        """The number of the first line that no round can have read."""
        self.stored: set[int] = set()
        self.maybe_stored: set[int] = set()
        """Lines without an end that were read, and those that may have been."""

    def copy(self) -> "Model":
        """Returns a copy that shares the lines."""
        return copy.deepcopy(self, {id(self.lines): self.lines})

    # Operators' commands.

    def retract(self, target: str) -> None:
        self.retracted.add(target)
        self.builds.is_changed = True
        self.withdraw()

    def undo_retract(self, target: str) -> None:
        self.retracted.remove(target)
        self.builds.is_changed = self.builds.came_back = True

    def allow(self, feed: str) -> None:
        """Lets the next delivery of a feed through, and the next blacklist."""
        self.feeds[feed].is_allowed = self.builds.is_allowed = True

    # Steps of a round.

    def poll(self, name: str, delivery: Delivery | None, settings: Settings, now: float) -> None:
        """Polls a feed. There is no delivery if the feed is broken."""
        if delivery is None:
            self.feeds[name].fail(now)
            return
        taken = self.feeds[name].read(delivery, settings.holds[name], now)
        if taken and taken.is_changed:
            self.builds.is_changed = True
            self.builds.is_allowed |= taken.is_suspicious
            self.builds.came_back |= taken.is_back
        self.withdraw()

    def build(self, settings: Settings) -> None:
        if self.builds.build(self.content(), settings.blacklist, self.withdrawn):
            self.withdraw_allowed()

    def match(
        self,
        sure: set[int],
        maybe: set[int],
        settings: Settings,
        *,
        was_killed: bool = False,
        unsure: set[Name] = frozenset(),
    ) -> Expected:
        """Returns the flags after matching the lines that can be read, and those that may be.

        `unsure` are indicators of which a value was retracted in this round, sooner or later."""
        stored: dict[Key, Flag] = {}
        fresh: dict[Key, Flag] = {}
        by_host: dict[str, list] = {}
        for number in sure | maybe if self.builds.in_use is not None else ():
            line = self.lines[number]
            if line.host not in by_host:
                by_host[line.host] = list(
                    self.builds.in_use.flags(settings.policy, self.withdrawn, line.host)
                )
            for name, one, flag in by_host[line.host]:
                if one.is_valid(line.time):
                    (fresh if number >= self.read else stored)[number, *name] = flag
        # If something that was withdrawn counts again, stored lines wait for the next blacklist.
        waits = self.builds.is_changed and self.builds.came_back
        least = {} if was_killed else {**fresh}
        if settings.has_time and not waits and not was_killed:
            least |= stored
        least = {
            key: flag
            for key, flag in least.items()
            if key[1:] not in unsure and key[0] not in maybe
        }
        return Expected({**least, **self.flags}, {**fresh, **stored, **self.flags})

    def compose(self, due: dict[Key, Flag], now: float) -> None:
        self.composed += self.mails.compose(due, self.lines, now)

    def assess(self, unreadable: Iterable[str], now: float) -> set[str]:
        """Returns what is wrong with the service. `unreadable` are sources without any file."""
        wrong = {f"logs not read: {source}" for source in unreadable}
        if self.builds.is_held:
            wrong.add("blacklist held back")
        for name, feed in self.feeds.items():
            if feed.is_held:
                wrong.add(f"delivery held back: {name}")
            if feed.failing_since is not None and feed.failing_since <= now - DAY:
                wrong.add(f"feed dead: {name}")
        return wrong

    def report(self, wrong: set[str]) -> None:
        """Tells the operators what began and what ended."""
        if wrong != self.wrong:
            self.news.append((wrong - self.wrong, self.wrong - wrong))
            self.wrong = wrong

    def notice_held(self, is_held: bool, settings: Settings) -> None:
        """Notes that a blacklist was held back in a round of which not all is known."""
        if is_held and not self.builds.is_held:
            assert self.builds.is_suspicious(self.content(), settings.blacklist, self.withdrawn)
            self.builds.is_held = True

    def due(self) -> dict[Key, Flag]:
        """Returns the flags that nobody was told."""
        return {key: flag for key, flag in self.flags.items() if key not in self.mails.told}

    def has_read(self, lines: int, sure: set[int], maybe: set[int]) -> None:
        """Notes the number of lines before the round, and the lines without an end that it read."""
        self.read = lines
        self.stored |= sure
        self.maybe_stored |= maybe

    # Parts of these steps.

    @property
    def withdrawn(self) -> Withdrawn:
        revoked = {(name, id) for name, feed in self.feeds.items() for id in feed.revoked}
        return Withdrawn(self.retracted, revoked)

    def content(self) -> Blacklist:
        """Returns the content of a blacklist that is made now."""
        blacklist = Blacklist()
        for name, feed in self.feeds.items():
            if feed.role == "allow":
                blacklist.allowed.update(feed.active)
                continue
            for id, one in feed.active.items():
                values = tuple(value for value in one.values if value not in self.retracted)
                if id not in self.retracted and values:
                    blacklist.blocked[name, id] = replace(one, values=values)
        return blacklist

    def withdraw(self) -> None:
        """Removes flags that must go: revoked, retracted by a person, or allowed."""
        withdrawn = self.withdrawn
        self.flags = {
            key: flag
            for key, flag in self.flags.items()
            if not withdrawn.has(key[1:]) and flag.value not in withdrawn.retracted
        }

    def withdraw_allowed(self) -> None:
        """Removes flags that the blacklist in use allows."""
        self.flags = {
            key: flag
            for key, flag in self.flags.items()
            if not self.builds.in_use.is_allowed(flag.value, self.lines[key[0]].host)
        }
