"""A request, as the controllers see it."""

from dataclasses import dataclass, field
from typing import Any

from tests.misp.accounts import User
from tests.misp.faults import Running


@dataclass
class Request:
    """A request of a known user, with the parts of its path."""

    method: str
    path: str
    """The path as it was sent, without its query."""
    positional: list[str]
    named: dict[str, str]
    """The parts of the path such as `limit:5`."""
    json: Any
    body: bytes
    content_type: str
    accept: str
    user: User
    running: Running = field(default_factory=Running)
    url: str = ""
    """The address that answers name."""

    @property
    def first(self) -> str:
        """Returns the first part after the action, usually an id or a UUID."""
        return self.positional[0] if self.positional else ""


def truth(value: Any) -> bool:
    """Returns the meaning of a flag as PHP understands it."""
    return value not in (None, False, 0, "", "0", "false")


def many(value: Any) -> list:
    """Returns a filter's values: a list stays, and anything else is its only element."""
    if isinstance(value, dict):
        return [each for part in value.values() for each in many(part)]
    return list(value) if isinstance(value, list | tuple) else [value]
