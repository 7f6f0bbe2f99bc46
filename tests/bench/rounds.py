"""Rounds of the whole program over a large TAXII collection: the first round, one without new
objects, and one with some.
"""

import os
import shutil
import sys

from tests import program
from tests.bench import feeds, generate, report
from tests.bench.measure import ROUNDS, Command

COUNT = int(os.environ.get("THREATSIEVE_BENCH_INDICATORS", 1_000_000))
NEW = 1000
LOG_LINES = 100_000
FOLDER = program.ROOT / ".cache/bench/rounds"
HEAD = ["round", "seconds, median", "fastest to slowest", "peak MB"]


class Growing:
    """A collection of COUNT objects. A client that knows the others receives only the newest."""

    def __init__(self):
        self.newest = range(0)
        self.day = 1

    def grow(self) -> None:
        """Adds NEW objects that are a day later."""
        start = self.newest.stop or COUNT + 1
        self.newest = range(start, start + NEW)
        self.day += 1

    def quiet(self) -> None:
        """Leaves nothing new in the collection."""
        self.newest = range(self.newest.stop, self.newest.stop)

    def answer(self, query: dict[str, str]) -> tuple[bytes, str]:
        """Returns an envelope. Its objects are made for each request, because all of them together
        are large.
        """
        numbers = self.newest if "added_after" in query else range(1, COUNT + 1)
        page, size = int(query.get("next", 0)), feeds.PAGE_OBJECTS
        objects = [feeds.indicator(number) for number in numbers[page * size : (page + 1) * size]]
        return feeds.envelope(
            objects, page, -(-len(numbers) // size)
        ), f"2026-02-{self.day:02}T00:00:00.000000Z"


def write() -> None:
    """Measures and writes this part."""
    print("rounds", flush=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    log = generate.written(
        FOLDER / "access.log",
        generate.log(
            LOG_LINES,
            {"domains": ["listed.example"], "ips": [], "cidr": [], "urls": []},
            generate.SEED,
        ),
    )
    growing = Growing()
    with feeds.collection(growing.answer) as url:
        config = program.write(
            FOLDER / "threatsieve.toml",
            f'state = "{FOLDER / "state"}"',
            "[[feeds]]", 'name = "bench"', 'type = "taxii"',
            f'url = "{url}"', f"page_objects = {feeds.PAGE_OBJECTS}",
            "[[logs]]", 'name = "proxy"', f'paths = ["{log}"]',
            "[history]", 'window = "3650d"',
        )  # fmt: skip
        poll = [str(program.BINARY), "poll", "--force", "--config", str(config)]
        first, quiet, changed = (
            Command(name, poll) for name in ("the first", "nothing new", f"{NEW:,} new indicators")
        )
        first.run()
        for _ in range(ROUNDS):
            growing.grow()
            changed.run()
            growing.quiet()
            quiet.run()
    rows = []
    for one in (first, quiet, changed):
        if one.failure:
            sys.exit(f"{one.name}: {one.failure}")
        rows.append([one.name, f"{one.median:.3f}", one.spread, f"{one.peak_bytes / 1e6:,.0f}"])
    text = (
        f"## Rounds at {COUNT:,} indicators\n\n`python -m tests.bench rounds`. {report.machine()}. "
        "The times are those of the whole process, `threatsieve poll`. It polls a TAXII "
        "collection, stores what is new, builds the blacklist and switches to it, and "
        f"matches {LOG_LINES:,} lines: in the first round because they are new, and in rounds with new indicators again. "
        "The server makes its envelopes while it is asked, and the first round waits for that.\n\n"
        + report.table(HEAD, rows)
    )
    report.write("rounds", text)
