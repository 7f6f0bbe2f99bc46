"""A service whose page many people have open: the time of rounds without and with them, the time
that the page takes, and the time that the service takes to stop.
"""

import asyncio
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from datetime import datetime

from tests import program
from tests.bench import generate, report
from tests.bench.generate import SEED
from tests.service import Service

READERS = int(os.environ.get("THREATSIEVE_BENCH_READERS", 100))
COUNT = int(os.environ.get("THREATSIEVE_BENCH_READ_INDICATORS", 100_000))
TURNS = int(os.environ.get("THREATSIEVE_BENCH_TURNS", 6))
EVERY = 5.0
"""Seconds between two loads by one reader."""
ROUNDS = 4
"""Rounds of a turn."""
PAUSE = 2.0
"""Seconds between two rounds, in which the pages show the last one."""
STOPS = 3
LOG_LINES = 100_000
NEW_LINES = 2000
"""Log lines that come before each round."""
NEW = 100
"""Indicators that come before each round. As many others go."""
INTO_A_ROUND = 0.3
"""Seconds from the request for a round to SIGTERM."""
FOLDER = program.ROOT / ".cache/bench/readers"
PARTS = ("/", "/page/page.css", "/page/page.js", "/page/icon.svg")


class Connection:
    """One reader's connection for requests. It stays open, as a browser's does."""

    def __init__(self, address: str, port: int):
        self.address, self.port = address, port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.turn = asyncio.Lock()

    async def opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Returns a new connection from the reader's own address."""
        return await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(self.address, 0), limit=1 << 20
        )

    async def ask(self, path: str, streams) -> int:
        """Sends a request, and reads the head of its answer. Returns the length of its body, or 0
        if the head has none.
        """
        source, sink = streams
        sink.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
        head = (await source.readuntil(b"\r\n\r\n")).decode()
        if not head.startswith("HTTP/1.1 200"):
            raise ValueError(f"{path}: expected status 200, got {head.splitlines()[0]!r}")
        length = re.search(r"(?i)content-length: (\d+)", head)
        return int(length[1]) if length else 0

    async def get(self, path: str) -> bytes:
        """Returns the body of an answer."""
        async with self.turn:
            self.streams = self.streams or await self.opened()
            try:
                return await self.streams[0].readexactly(await self.ask(path, self.streams))
            except BaseException:
                self.close()
                raise

    async def news(self) -> AsyncIterator[dict]:
        """Yields the events of the page on a connection of their own, until the server ends it."""
        streams = await self.opened()
        try:
            await self.ask("/page/live", streams)
            # The other lines are lengths of chunks, and empty.
            while line := await streams[0].readline():
                if line.startswith(b"data: "):
                    yield json.loads(line[len(b"data: ") :])
        finally:
            streams[1].close()

    def close(self) -> None:
        """Ends the connection."""
        if self.streams:
            self.streams[1].close()
            self.streams = None


class Readers:
    """Readers that load the page again and again, on one thread. Each has an address of its own."""

    def __init__(self, port: int):
        self.port = port
        self.seconds: list[float] = []
        self.errors: list[str] = []
        self.renewals = 0
        self.cpu_share = 0.0
        self.loaded: set[int] = set()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self) -> "Readers":
        self.thread.start()
        end = time.monotonic() + 60
        while len(self.loaded) < READERS:
            if time.monotonic() > end or not self.thread.is_alive():
                self.__exit__()
                sys.exit(
                    f"readers: {len(self.loaded)} of {READERS} have loaded the page after 60 s; "
                    f"the first errors: {self.errors[:3]}"
                )
            time.sleep(0.05)
        return self

    def __exit__(self, *_) -> None:
        # The loop is closed if the readers have failed.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.readers.cancel)
        self.thread.join()

    def run(self) -> None:
        """Runs all readers until they are ended."""
        started, cpu = time.monotonic(), time.thread_time()
        with asyncio.Runner() as runner, contextlib.suppress(asyncio.CancelledError):
            runner.run(self.all())
        self.cpu_share = (time.thread_time() - cpu) / (time.monotonic() - started)

    async def all(self) -> None:
        """Runs all readers. They begin one after the other."""
        self.loop, self.readers = asyncio.get_running_loop(), asyncio.current_task()
        await asyncio.gather(*(self.one(number) for number in range(READERS)))

    async def one(self, number: int) -> None:
        """Loads the page every few seconds, and keeps it up to date in between."""
        connection = Connection(f"127.1.{number // 250}.{number % 250 + 1}", self.port)
        due = self.loop.time() + EVERY * number / READERS
        live: asyncio.Task | None = None
        try:
            while True:
                await asyncio.sleep(due - self.loop.time())
                if live:
                    live.cancel()
                started = self.loop.time()
                try:
                    page, *_ = [await connection.get(path) for path in PARTS]
                except (OSError, EOFError, ValueError) as error:
                    self.errors.append(f"{type(error).__name__}: {error}")
                else:
                    self.seconds.append(self.loop.time() - started)
                    self.loaded.add(number)
                    live = self.loop.create_task(self.live(connection, page))
                due = max(due + EVERY, self.loop.time())
        finally:
            connection.close()
            if live:
                live.cancel()

    async def live(self, connection: Connection, page: bytes) -> None:
        """Listens to events, and loads the page if it changed, as the page's own script does."""
        try:
            async for news in connection.news():
                if f'data-version="{news["version"]}"'.encode() not in page:
                    page = await connection.get("/")
                    self.renewals += 1
        except (OSError, EOFError, ValueError) as error:
            self.errors.append(f"{type(error).__name__}: {error}")


class Busy(Service):
    """A service with a list and a log that change before each round."""

    def __init__(self):
        shutil.rmtree(FOLDER, ignore_errors=True)
        feeds = [{"name": "list", "type": "path", "path": "list.txt", "max_shrink": 1.0}]
        mails = {"from": "ts@example.org", "recipients": ["soc@example.org"], "folder": "mails"}
        server = {"listen": "127.0.0.1:0"}
        tables = {
            "server": server, "alerts": mails, "output": {"file": "matches.ndjson"},
            "history": {"window": "3650d"},
        }  # fmt: skip
        super().__init__(FOLDER, feeds, tables)
        (FOLDER / "mails").mkdir()
        self.logs = [{"name": "proxy", "paths": ["access.log"]}]
        rounds = 2 * TURNS * ROUNDS + 2 * STOPS + 2
        self.values = deque(generate.domains(COUNT + NEW * rounds, SEED))
        self.lines = log_lines(LOG_LINES + NEW_LINES * rounds, [*self.values][::100])
        self.grow(LOG_LINES)

    def grow(self, lines: int = NEW_LINES) -> None:
        """Changes the list, and adds lines to the log."""
        for _ in range(NEW):
            self.values.popleft()
        program.write(FOLDER / "list.txt", *itertools.islice(self.values, COUNT))
        with (FOLDER / "access.log").open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in itertools.islice(self.lines, lines))

    def ended(self) -> int:
        """Returns the number of rounds that the log of the service reports."""
        return self.log().count('"report":')

    def round(self) -> float:
        """Asks for a round. Returns the seconds until it has ended."""
        time.sleep(PAUSE)
        self.grow()
        before, asked = self.ended(), time.time()
        self.send("/api/v1/rounds", {})
        self.wait_for(lambda: self.ended() > before, 600)
        newest = self.ask("/api/v1/rounds?limit=1").json["items"][0]
        (feed,) = newest["report"]["feeds"]
        added = feed["taken"]["added"]
        if added != NEW:
            sys.exit(f"readers: round {newest['number']}: expected {NEW} new values, got {added}")
        return datetime.fromisoformat(newest["ended"]).timestamp() - asked

    def start(self) -> None:
        """Starts the service, and waits until its first round has ended."""
        before = self.ended()
        super().start()
        self.wait_for(lambda: self.ended() > before, 600)

    def stopped(self, during_a_round: bool) -> float:
        """Stops the service. Returns the seconds until its process has ended."""
        before = self.ended()
        if during_a_round:
            self.grow()
            self.send("/api/v1/rounds", {})
            time.sleep(INTO_A_ROUND)
            if self.ended() > before:
                sys.exit(f"readers: expected a round of more than {INTO_A_ROUND} s, got a shorter")
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        seconds = time.monotonic() - started
        if code != program.DONE:
            sys.exit(f"readers: expected exit code 0 after SIGTERM, got {code}")
        return seconds


def log_lines(count: int, listed: list[str]) -> Iterator[str]:
    """Yields the lines of a log whose last line is of this moment."""
    lists = {"domains": listed, "ips": [], "cidr": [], "urls": []}
    lines = list(generate.log(count, lists, SEED))
    later = int(time.time() - float(lines[-1].split()[0]))
    for line in lines:
        seconds, dot, rest = line.partition(".")
        yield f"{int(seconds) + later}{dot}{rest}"


def rounds_table(without: list[float], with_readers: list[float]) -> str:
    """Returns the table of rounds without and with readers."""
    alone = statistics.median(without)
    rows = []
    for name, seconds in (("none", without), (f"{READERS}", with_readers)):
        median = statistics.median(seconds)
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        rows.append([name, f"{len(seconds)}", f"{median:.3f}", spread, f"{median / alone:.2f}"])
    head = ["readers", "rounds", "seconds, median", "fastest to slowest", "times without"]
    return report.table(head, rows)


def pages_table(turns: list[Readers]) -> str:
    """Returns the table of the loads of the page."""
    seconds = sorted(each for turn in turns for each in turn.seconds)
    row = [
        f"{len(seconds):,}",
        *(f"{one * 1000:,.0f}" for one in (
            statistics.median(seconds), seconds[len(seconds) * 99 // 100], seconds[-1],
        )),
        f"{sum(turn.renewals for turn in turns):,}",
        str(sum(len(turn.errors) for turn in turns)),
    ]  # fmt: skip
    head = ["loads", "ms, median", "99th percentile", "slowest", "updates in between", "errors"]
    return report.table(head, [row])


def stops_table(stops: dict[str, list[float]]) -> str:
    """Returns the table of stops."""
    rows = [
        [name, str(len(seconds)), f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}"]
        for name, seconds in stops.items()
    ]
    return report.table(["SIGTERM", "stops", "seconds, median", "slowest"], rows)


def write() -> None:
    """Measures and writes this part."""
    print("readers", flush=True)
    without, with_readers, turns = [], [], []
    with Busy() as service:
        # The first round of all loads everything, and the second is not counted either.
        service.round()
        for turn in range(TURNS):
            # The log grows, so each of the two goes first in turn.
            for is_read in (False, True) if turn % 2 == 0 else (True, False):
                with Readers(service.port) if is_read else contextlib.nullcontext() as readers:
                    seconds = [service.round() for _ in range(ROUNDS)]
                (with_readers if is_read else without).extend(seconds)
                if readers:
                    turns.append(readers)
                    print(*readers.errors[:3], sep="\n", end="", flush=True)
                shown = ", ".join(f"{each:.2f}" for each in seconds)
                print(f"  {READERS if is_read else 'no'} readers: {shown} s", flush=True)
        stops: dict[str, list[float]] = {"between rounds": [], "during a round": []}
        for _ in range(STOPS):
            for name, seconds in stops.items():
                with Readers(service.port):
                    seconds.append(service.stopped(name == "during a round"))
                print(f"  stopped {name}: {seconds[-1]:.2f} s", flush=True)
                service.start()
    shares = [turn.cpu_share for turn in turns]
    parts = [
        f"## A page with {READERS} readers",
        f"`python -m tests.bench readers`. {report.machine()}. `threatsieve run` with "
        f"{COUNT:,} domains of a list, a Squid log of {LOG_LINES:,} lines, and mails to a folder. "
        f"Before each round, {NEW:,} domains of the list are replaced and the log gets "
        f"{NEW_LINES:,} lines. A round polls, builds, matches what is new, and matches the log "
        "again with the new domains. Its time is from the request for it (`POST /api/v1/rounds`) "
        f"to its end. {ROUNDS} rounds without readers and {ROUNDS} with them take turns, with a pause of "
        f"{PAUSE:.0f} s before each round.",
        rounds_table(without, with_readers),
        f"Each reader loads the page every {EVERY:.0f} s with its style sheet, script and icon, "
        "listens to its events, and loads it again when they say that it changed, as a browser "
        f"does. The readers share the cores with the service, and take "
        f"{statistics.median(shares):.0%} of one. A load is from the first request to the last "
        "byte:",
        pages_table(turns),
        "The time from SIGTERM to the end of the process, while all of them read:",
        stops_table(stops),
        "A reader needs two connections and about 60 requests a minute, and has an address of its "
        "own here. Readers that share one address, such as that of a proxy, need a higher "
        "`server.max_connections` and `server.max_requests`.",
    ]
    report.write("readers", "\n\n".join(parts))
