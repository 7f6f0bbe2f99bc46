"""An independent, naive implementation of the matching rules, to compare the real one with.

It is written from the documentation and RFCs only and shares no code or data with the Rust crates.
It prefers simple loops to speed. `Oracle` is the matcher; the other modules are its normaliser.
"""

from .matcher import Found, Oracle
from .values import Entry, Malformed, from_list

__all__ = ["Entry", "Found", "Malformed", "Oracle", "from_list"]
