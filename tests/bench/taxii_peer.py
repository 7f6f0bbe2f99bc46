"""Processes a collection or bundle with other libraries: taxii2-client fetches it, stix2 parses it.
Prints the number of indicators.

Usage: python -m tests.bench.taxii_peer collection URL PAGE_OBJECTS [USER PASSWORD] | bundle FILE
"""

import json
import sys

import stix2
from taxii2client.v21 import Collection, as_pages


def collection(
    url: str, page_objects: str, user: str | None = None, password: str | None = None
) -> int:
    """Fetches all pages and parses all objects."""
    pages = as_pages(
        Collection(url, user=user, password=password).get_objects, per_request=int(page_objects)
    )
    return sum(len(stix2.parse(one)["id"]) > 0 for page in pages for one in page.get("objects", []))


def bundle(path: str) -> int:
    """Parses the objects of a bundle."""
    with open(path, encoding="utf-8") as file:
        return sum(len(stix2.parse(one)["id"]) > 0 for one in json.load(file)["objects"])


if __name__ == "__main__":
    print(bundle(sys.argv[2]) if sys.argv[1] == "bundle" else collection(*sys.argv[2:]))
