"""The exchanges that were captured on a real MISP 2.5.1, read from tests/data/misp."""

import functools
import json
import lzma
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "data/misp/captures.json.xz"


@functools.cache
def load() -> dict[str, dict]:
    """Returns the captures by the name of their case."""
    return json.loads(lzma.decompress(FILE.read_bytes()))
