"""STIX bundles for tests."""

import json
import uuid
from pathlib import Path

TLP = {
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""Identifiers of the TLP 2.0 markings that OASIS published for STIX 2.1."""


def identifier(number: int, kind: str = "indicator") -> str:
    """Returns a valid STIX identifier. The same number always gives the same one."""
    made = uuid.UUID(int=number << 80 | 0x4000 << 64 | 0x8000 << 48 | number, version=4)
    return f"{kind}--{made}"


def indicator(number: int, pattern: str, **properties) -> dict:
    """Returns a STIX 2.1 indicator."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": identifier(number),
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": "2020-01-01T00:00:00Z",
        **properties,
    }


def bundle(*objects: dict) -> dict:
    """Returns a STIX 2.1 bundle."""
    return {"type": "bundle", "id": identifier(1, "bundle"), "objects": list(objects)}


def write(path: Path, *objects: dict) -> Path:
    """Writes a bundle to a file."""
    path.write_text(json.dumps(bundle(*objects), indent=1), encoding="utf-8")
    return path
