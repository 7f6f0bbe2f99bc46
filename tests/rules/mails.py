"""The mails about matches: each match is told once to everyone who may see it."""

from collections import defaultdict
from dataclasses import dataclass, field

from tests.rules.indicators import TLP, Flag, Key, Line


@dataclass(frozen=True)
class Mute:
    """Matches that are left out of mails: those of an indicator or value, a host, or a source."""

    kind: str
    value: str

    def mutes(self, key: Key, flag: Flag, line: Line) -> bool:
        match self.kind:
            case "indicator":
                return self.value in (key[2], flag.value)
            case "host":
                return self.value == line.host
            case _:
                return self.value == line.source


@dataclass(frozen=True)
class Digest:
    """The content of a mail: the matches that its recipient is told."""

    recipient: str
    flags: frozenset[tuple[Key, Flag]]
    muted: int | None
    """The number of muted matches in the mail's last lines. None if it cannot be known."""


@dataclass
class Mails:
    """The matches that were told, and the mutes."""

    recipients: dict[str, str]
    """The strictest marking that each may see."""
    told: set[Key] = field(default_factory=set)
    mutes: dict[Mute, float] = field(default_factory=dict)
    """The end of each mute."""
    muted: int = 0
    """The matches that were muted since the last mail."""
    is_muted_known: bool = True
    """False if a mute that has muted something was removed since the last mail."""

    def compose(self, due: dict[Key, Flag], lines: list[Line], now: float) -> list[Digest]:
        """Tells everyone about the flags. They count as told even if nobody may see them."""
        active = [mute for mute, until in self.mutes.items() if until > now]
        shown = {
            key: flag
            for key, flag in due.items()
            if not any(mute.mutes(key, flag, lines[key[0]]) for mute in active)
        }
        self.muted += len(due) - len(shown)
        self.told.update(due)
        digests = [
            Digest(recipient, flags, self.muted if self.is_muted_known else None)
            for recipient, ceiling in self.recipients.items()
            if (
                flags := frozenset(
                    (key, flag) for key, flag in shown.items() if flag.level <= TLP.index(ceiling)
                )
            )
        ]
        if digests:
            self.muted, self.is_muted_known = 0, True
        return digests

    def mute(self, mute: Mute, until: float) -> None:
        self.mutes[mute] = until

    def unmute(self, mute: Mute) -> None:
        del self.mutes[mute]
        self.is_muted_known = self.is_muted_known and self.muted == 0


def by_value(flags: frozenset[tuple[Key, Flag]]) -> dict[str, list[tuple[Key, Flag]]]:
    """Groups flags by the listed value."""
    groups = defaultdict(list)
    for key, flag in flags:
        groups[flag.value].append((key, flag))
    return groups
