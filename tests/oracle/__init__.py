"""An independent, naive implementation of the matching rules, to hold the real one to.

Written from docs and RFCs alone; it shares no code and no data with the Rust crates, and prefers
loops that are easy to believe over speed. `Oracle` is the matcher, the other modules its normaliser.
"""

from .matcher import Found, Oracle
from .values import Entry, Malformed, from_list

__all__ = ["Entry", "Found", "Malformed", "Oracle", "from_list"]
