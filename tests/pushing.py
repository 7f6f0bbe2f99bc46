"""Blacklists for real nodes: building them, pushing them, and events that show their effect."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests import program
from tests.engines import Node

ENDPOINT = "/_plugins/_threatsieve/blacklist"


def built(
    folder: Path, values: Iterable[str], name: str = "default", generation: int = 1, *arguments
) -> Path:
    """Builds a blacklist file of these values."""
    source = program.write(folder / f"{name}-{generation}.txt", *values)
    target = folder / f"{name}-{generation}.blacklist"
    program.run(
        "build",
        "--list",
        source,
        "--name",
        name,
        "--generation",
        generation,
        *arguments,
        "-o",
        target,
    )
    return target


def header_digest(blacklist: bytes) -> str:
    """Returns the digest at the end of a blacklist's header.

    After it come the signature (64 bytes) and the signature's digest (32 bytes).
    """
    end = int.from_bytes(blacklist[12:16], "little") - 64 - 32
    return blacklist[end - 32 : end].hex()


def push(node: Node, blacklist: Path, name: str = "default", query: str = "", **options) -> dict:
    """Pushes a file in one request and returns the answer.

    `query` is the part of the URL after `?`. The other options are those of `Node.send`.
    """
    return node.put(
        f"{ENDPOINT}/{name}{'?' if query else ''}{query}", blacklist.read_bytes(), **options
    )


def push_in_parts(
    node: Node, blacklist: Path, name: str = "default", query: str = "", **options
) -> dict:
    """Pushes a file as the controller pushes large ones. Arguments and answer are as for `push`."""
    content = blacklist.read_bytes()
    begun = node.post(
        f"{ENDPOINT}/{name}/_upload?bytes={len(content)}&digest={header_digest(content)}", **options
    )
    upload, size = f"{ENDPOINT}/{name}/_upload/{begun['upload']}", begun["part_bytes"]
    for number in range(begun["parts"]):
        node.put(f"{upload}/{number}", content[number * size : (number + 1) * size], **options)
    return node.post(f"{upload}/_commit{'?' if query else ''}{query}", **options)


def set_pipeline(node: Node, identifier: str, **options) -> None:
    """Creates a pipeline with one `threat_match` with these options."""
    node.put(f"/_ingest/pipeline/{identifier}", {"processors": [{"threat_match": options}]})


def event(host: str) -> dict:
    """Returns a web server's event in ECS."""
    return {
        "@timestamp": "2026-11-25T12:00:00.000Z",
        "url": {"original": f"http://{host}/", "domain": host},
    }


def is_flagged(document: dict) -> bool:
    """Returns whether an event is flagged as a match."""
    return document.get("indicator") == "matched"


def unchecked(document: dict) -> str | None:
    """Returns the event's own reason for not being checked, or None if it was checked."""
    return document.get("threatsieve", {}).get("unchecked")


def generation(document: dict, name: str = "default") -> int | None:
    """Returns the generation that the event was checked against, as the event records it."""
    return document.get("threatsieve", {}).get("generation", {}).get(name)


def states(node: Node, name: str = "default") -> dict[str, dict]:
    """Returns each node's report on a blacklist, by node name."""
    return {
        each["name"]: each["blacklists"].get(name, {})
        for each in node.get(f"{ENDPOINT}/{name}")["nodes"].values()
    }


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Waits until the condition is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not after {seconds} s"
        time.sleep(0.1)


def wait_for_generation(node: Node, names: list[str], wanted: int, seconds: float = 60) -> None:
    """Waits until these nodes serve the generation."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = states(node)
        if all(now.get(name, {}).get("generation") == wanted for name in names):
            return
        time.sleep(0.1)
    raise AssertionError(
        f"not all of {names} serve generation {wanted} after {seconds} s: {states(node)}"
    )
