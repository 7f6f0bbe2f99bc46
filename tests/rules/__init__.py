"""A model of the rules that the program follows, written independently of it.

The rules are those of docs/operations.md and docs/records.md. A test does the same with the model
and with the program, and compares the two.

- `indicators.py`: indicators, and which of them cover a line.
- `clock.py`: which rounds do anything.
- `deliveries.py`: which deliveries and blacklists are taken, and which are held back.
- `mails.py`: which matches each recipient is told, and when.
- `model.py`: the steps of a round, in order.
"""

from tests.rules.deliveries import Delivery, Hold
from tests.rules.indicators import TLP, Flag, Indicator, Key, Line, Name, Policy
from tests.rules.mails import Digest, Mute
from tests.rules.model import Expected, Model, Settings

__all__ = [
    "Delivery", "Digest", "Expected", "Flag", "Hold", "Indicator", "Key", "Line", "Model", "Mute",
    "Name", "Policy", "Settings", "TLP",
]  # fmt: skip
