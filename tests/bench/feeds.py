"""Feeds: objects a second from a TAXII 2.1 server and from a bundle, compared with taxii2-client
plus stix2.
"""

import contextlib
import json
import os
import shutil
import sys
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests import program, servers
from tests.bench import report
from tests.bench.measure import ROUNDS, Command, interleaved

COUNT = int(os.environ.get("THREATSIEVE_BENCH_OBJECTS", 50_000))
LARGE_COUNT = int(os.environ.get("THREATSIEVE_BENCH_COLLECTION_OBJECTS", 1_000_000))
MEDALLION_COUNT = int(os.environ.get("THREATSIEVE_BENCH_MEDALLION_OBJECTS", 500))
PAGE_OBJECTS = 1000
ADDED = "2026-02-01T00:00:00.000000Z"
FOLDER = program.ROOT / ".cache/bench/feeds"
HEAD = [
    "command", "objects", "seconds, median", "fastest to slowest", "objects a second",
    "times slower than threatsieve", "peak MB",
]  # fmt: skip


def indicator(number: int) -> dict:
    """Returns an indicator like those of real feeds, with the properties that parsers must read."""
    return {
        "type": "indicator", "spec_version": "2.1",
        "id": f"indicator--{uuid.UUID(int=number, version=4)}",
        "created_by_ref": "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff",
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-02T03:04:05.678Z",
        "name": f"Command and control host {number}",
        "description": "Seen in traffic of a generated family, and listed here for a benchmark.",
        "indicator_types": ["malicious-activity"], "confidence": number % 101,
        "pattern": f"[domain-name:value = 'c2-{number}.family{number % 997}.example']",
        "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2030-01-01T00:00:00Z", "labels": ["c2", "generated"],
        "object_marking_refs": ["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"],
    }  # fmt: skip


Answer = Callable[[dict[str, str]], tuple[bytes, str]]
"""Maps a query to the body of an envelope and the time when its last object was added."""


@contextlib.contextmanager
def collection(answer: Answer) -> Iterator[str]:
    """Yields the URL of a collection on a minimal server. It only sends what `answer` returns, so
    that the measurement is not one of the server.
    """
    about = json.dumps({"id": "1", "title": "Bench", "can_read": True, "can_write": False}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Sends head and body as one packet each, without delay.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            body, added = (
                answer(dict(urllib.parse.parse_qsl(url.query)))
                if url.path.endswith("/objects/")
                else (about, ADDED)
            )
            self.send_response(200)
            self.send_header("Content-Type", servers.TAXII)
            self.send_header("X-TAXII-Date-Added-Last", added)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/root/collections/1/"
    finally:
        server.shutdown()
        server.server_close()


def envelope(objects: list[dict], number: int, pages: int) -> bytes:
    """Returns one page of the given number of objects. Pages count from 0."""
    more = {"more": True, "next": str(number + 1)} if number + 1 < pages else {"more": False}
    return json.dumps({**more, "objects": objects}).encode()


def beforehand(objects: list[dict]) -> Answer:
    """Returns all objects in envelopes that are made before the measurement."""
    pages = [
        objects[start : start + PAGE_OBJECTS] for start in range(0, len(objects), PAGE_OBJECTS)
    ]
    bodies = [envelope(page, number, len(pages)) for number, page in enumerate(pages)]
    return lambda query: (bodies[int(query.get("next", 0))], ADDED)


def from_files(folder: Path, count: int) -> Answer:
    """Returns objects in envelopes that are written to files first, so that they take no memory."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = -(-count // PAGE_OBJECTS)
    for number in range(pages):
        first = number * PAGE_OBJECTS
        objects = [indicator(1 + place) for place in range(first, min(first + PAGE_OBJECTS, count))]
        (folder / str(number)).write_bytes(envelope(objects, number, pages))
    return lambda query: ((folder / str(int(query.get("next", 0)))).read_bytes(), ADDED)


class Poll(Command):
    """A first poll, into a new state each time."""

    def __init__(self, name: str, feed: list[str]):
        self.state = FOLDER / f"state-{name}"
        self.path = FOLDER / f"{name}.toml"
        program.write(self.path, f'state = "{self.state}"', "[[feeds]]", 'name = "bench"', *feed)
        super().__init__(
            "threatsieve poll, the blacklist built",
            [str(program.BINARY), "poll", "--config", str(self.path)],
        )

    def run(self) -> None:
        """Runs the poll once."""
        shutil.rmtree(self.state, ignore_errors=True)
        super().run()


def peer(name: str, *arguments: str) -> Command:
    """Returns the command of the other libraries, in a process of their own."""
    return Command(name, [sys.executable, "-m", "tests.bench.taxii_peer", *arguments])


def rows(commands: list[Command], count: int) -> list[list[str]]:
    """Returns the rows of the comparison; ours is the first."""
    ours = commands[0]
    for one in commands:
        if one.failure:
            sys.exit(f"{one.name}: {one.failure}")
    return [
        [one.name, f"{count:,}", f"{one.median:.3f}", one.spread, f"{count / one.median:,.0f}",
         "" if one is ours else f"{one.median / ours.median:.1f}", f"{one.peak_bytes / 1e6:,.0f}"]
        for one in commands
    ]  # fmt: skip


def from_collection(name: str, url: str, count: int, *login: str) -> list[list[str]]:
    """Measures a collection, our program and the others in turn. `login` is a user and a password,
    or None.
    """
    feed = ['type = "taxii"', f'url = "{url}"', f"page_objects = {PAGE_OBJECTS}"]
    if login:
        password = FOLDER / "password"
        password.touch(mode=0o600)
        feed += [
            f'user = "{login[0]}"',
            f'password = {{ file = "{program.write(password, login[1])}" }}',
        ]
    poll = Poll(name, feed)
    test = Command(
        "threatsieve feeds test, nothing stored",
        [str(program.BINARY), "feeds", "test", "bench", "--config", str(poll.path)],
    )
    others = peer("taxii2-client and stix2", "collection", url, str(PAGE_OBJECTS), *login)
    commands = [test, poll, others]
    interleaved(commands, ROUNDS)
    return rows(commands, count)


def large(count: int) -> list[list[str]]:
    """Measures our program alone with a collection that the others would need hours for."""
    folder = FOLDER / "pages"
    with collection(from_files(folder, count)) as url:
        poll = Poll("large", ['type = "taxii"', f'url = "{url}"', f"page_objects = {PAGE_OBJECTS}"])
        interleaved([poll], 1)
        measured = rows([poll], count)
    shutil.rmtree(folder)
    shutil.rmtree(poll.state)
    return measured


def from_bundle(path: Path, count: int) -> list[list[str]]:
    """Measures a bundle, our program and the others in turn."""
    build = Command(
        "threatsieve build",
        [str(program.BINARY), "build", "--feed", str(path), "-o", str(FOLDER / "blacklist")],
    )
    poll = Poll("bundle", ['type = "path"', f'path = "{path}"'])
    commands = [build, poll, peer("json and stix2", "bundle", str(path))]
    interleaved(commands, ROUNDS)
    return rows(commands, count)


def write() -> None:
    """Measures and writes this part."""
    print("feeds", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    objects = [indicator(number) for number in range(1, COUNT + 1)]
    bundle = FOLDER / "bundle.json"
    bundle.write_text(
        json.dumps(
            {"type": "bundle", "id": f"bundle--{uuid.UUID(int=1, version=4)}", "objects": objects}
        ),
        encoding="utf-8",
    )
    with collection(beforehand(objects)) as url:
        of_collection = from_collection("static", url, COUNT)
    of_bundle = from_bundle(bundle, COUNT)
    with servers.medallion(FOLDER, objects[:MEDALLION_COUNT], PAGE_OBJECTS) as server:
        url = f"{server.root}collections/{servers.OPEN}/"
        medallion = from_collection(
            "medallion", url, MEDALLION_COUNT, servers.USER, servers.PASSWORD
        )
    of_large = large(LARGE_COUNT)
    text = (
        f"## Feeds\n\n`python -m tests.bench feeds`. {report.machine()}. Threatsieve polls into a "
        "new, empty state on disk, reduces the patterns, and compiles the blacklist. The "
        f"others only fetch and parse, as `feeds test` does. Pages have {PAGE_OBJECTS:,} objects.\n\nA TAXII 2.1 collection behind a "
        f"server that sends envelopes made beforehand:\n\n{report.table(HEAD, of_collection)}\n\n"
        f"A large collection in the same way, its envelopes in files:\n\n"
        f"{report.table(HEAD, of_large)}\n\n"
        f"The first collection's objects as a bundle on disk:\n\n{report.table(HEAD, of_bundle)}\n\n"
        "The first of them behind medallion 3.0.0. This server compares each object with each, and "
        f"that takes most of the time:\n\n{report.table(HEAD, medallion)}"
    )
    report.write("feeds", text)
