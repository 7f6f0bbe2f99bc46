"""Rounds that do anything, and rounds that wait because the clock jumped."""

from dataclasses import dataclass

DAY = 86_400


@dataclass
class Clock:
    """The times that the next round compares its own with."""

    last: float | None = None
    """The last round that did anything."""
    suspect: float | None = None
    """The round before, if it waited."""

    def begin(self, now: float, is_accepted: bool) -> bool:
        """Begins a round, and returns whether it does anything."""

        def is_near(time: float | None) -> bool:
            return time is not None and abs(now - time) <= DAY

        if is_accepted or self.last is None or is_near(self.last) or is_near(self.suspect):
            self.last, self.suspect = now, None
            return True
        self.suspect = now
        return False
