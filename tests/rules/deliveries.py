"""Deliveries and blacklists that are taken, and those that are held back."""

from dataclasses import dataclass, field

from tests.rules.indicators import Blacklist, Indicator, Withdrawn


@dataclass
class Hold:
    """The limits beyond which something is held back."""

    max_shrink: float = 1.0
    canary: str | None = None


@dataclass
class Delivery:
    """The whole content of a feed."""

    mark: object
    """It is equal if nothing was written to the feed in between."""
    indicators: dict[str, Indicator]


@dataclass
class Feed:
    """The last delivery of a feed that was taken, and what an operator said about the next."""

    role: str = "block"
    active: dict[str, Indicator] = field(default_factory=dict)
    revoked: dict[str, int] = field(default_factory=dict)
    """The version that was revoked, by id."""
    mark: object = None
    is_held: bool = False
    is_allowed: bool = False
    failing_since: float | None = None

    def fail(self, now: float) -> None:
        """Keeps everything, because the feed cannot be read."""
        if self.failing_since is None:
            self.failing_since = now

    def read(self, delivery: Delivery, hold: Hold, now: float) -> "Taken | None":
        """Takes a delivery, or holds it back. Returns the changes, or None if it is not taken."""
        self.failing_since = None
        if delivery.mark == self.mark:
            return None
        listed = {id: one for id, one in delivery.indicators.items() if not one.is_revoked}
        revoked = {id: one.version for id, one in delivery.indicators.items() if one.is_revoked}
        leaving = [
            id for id, one in self.active.items() if id not in listed and not one.is_over(now)
        ]
        is_suspicious = bool(leaving) and (
            not listed or len(leaving) / len(self.active) > hold.max_shrink
        )
        values = {value for one in listed.values() for value in one.values}
        is_suspicious |= hold.canary is not None and hold.canary not in values
        if is_suspicious and not self.is_allowed:
            self.is_held = True
            return None
        # A revocation lasts until there is a newer version.
        listed = {
            id: one
            for id, one in listed.items()
            if id not in self.revoked or one.version > self.revoked[id]
        }
        taken = Taken(
            is_suspicious,
            is_changed=listed != self.active,
            is_back=any(id in self.revoked for id in listed),
        )
        self.revoked = {
            id: version for id, version in {**self.revoked, **revoked}.items() if id not in listed
        }
        self.active, self.mark = listed, delivery.mark
        self.is_held = self.is_allowed = False
        return taken


@dataclass
class Taken:
    """The consequences of a delivery."""

    is_suspicious: bool
    """An operator let it through."""
    is_changed: bool
    is_back: bool
    """Some of its indicators were revoked before."""


@dataclass
class Builds:
    """The blacklist in use, and the reasons to make another."""

    in_use: Blacklist | None = None
    is_changed: bool = True
    """Something changed since the blacklist in use was made."""
    is_held: bool = False
    is_allowed: bool = False
    came_back: bool = False
    """Something that was withdrawn counts again since the blacklist in use was made."""

    def build(self, new: Blacklist, hold: Hold, withdrawn: Withdrawn) -> bool:
        """Puts a new blacklist in use, unless it is held back. Returns whether it is in use."""
        if not self.is_changed:
            return False
        if self.is_suspicious(new, hold, withdrawn) and not self.is_allowed:
            self.is_held = True
            return False
        self.activate(new)
        return True

    def activate(self, new: Blacklist) -> None:
        self.in_use = new
        self.is_changed = self.is_held = self.is_allowed = self.came_back = False

    def is_suspicious(self, new: Blacklist, hold: Hold, withdrawn: Withdrawn) -> bool:
        if hold.canary is not None and hold.canary not in new.entries():
            return True
        if self.in_use is None:
            return False
        # What left for a reason of its own does not count as shrinking.
        staying = {
            value
            for name, one in self.in_use.blocked.items()
            for value in one.values
            if not withdrawn.has(name) and value not in withdrawn.retracted
        }
        fewer = len(staying) - len(new.entries())
        return bool(staying) and fewer / len(staying) > hold.max_shrink
