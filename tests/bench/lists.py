"""Lists: lines a second of a plain list, a hosts file, CSV and JSON with the same names."""

import json
import os
from pathlib import Path

from tests import program
from tests.bench import report
from tests.bench.measure import ROUNDS, Command, interleaved

COUNT = int(os.environ.get("THREATSIEVE_BENCH_LISTED", 500_000))
FOLDER = program.ROOT / ".cache/bench/lists"
HEAD = [
    "form", "read by", "seconds, median", "fastest to slowest", "lines a second",
    "times slower than the plain list", "peak MB",
]  # fmt: skip


def name(number: int) -> str:
    """Returns a name like those of generated domains."""
    return f"c2-{number * 7919 % 10_000_019}.family{number % 997}.example"


def written(file: str, lines) -> Path:
    path = FOLDER / file
    with path.open("w", encoding="utf-8") as out:
        out.writelines(lines)
    return path


def record(number: int) -> str:
    """Returns a record as in ThreatFox's export."""
    return (
        f'"2026-05-04 05:31:00", "{8_800_000 + number}", "{name(number)}", "domain", '
        '"botnet_cc", "win.madeup", "None", "MadeUp", "", "75", "False", "None", "c2", "0", "x"\n'
    )


def forms() -> list[tuple[str, str, Path]]:
    """Writes the list in each form. Returns the form, its format for the program, and its file."""
    numbers = range(1, COUNT + 1)
    plain = written("plain.txt", (f"{name(one)}\n" for one in numbers))
    hosts = written("hosts", (f"0.0.0.0 {name(one)}\n" for one in numbers))
    header = written(
        "header.csv",
        ["id,domain,confidence\n", *(f'{one},"{name(one)}",75\n' for one in numbers)],
    )
    threatfox = written("threatfox.csv", (record(one) for one in numbers))
    objects = ({"id": one, "domain": name(one), "confidence": 75} for one in numbers)
    array = written("array.json", [json.dumps(list(objects))])
    answer = written(
        "answer.json",
        [
            json.dumps({
                "query_status": "ok",
                "data": [
                    {"id": one, "ioc": name(one), "ioc_type": "domain", "confidence_level": 75}
                    for one in numbers
                ],
            })
        ],
    )  # fmt: skip
    rules = written("adblock.txt", (f"||{name(one)}^\n" for one in numbers))
    return [
        ("plain list", "lines", plain),
        ("hosts file", "hosts", hosts),
        ("CSV with a header", "csv", header),
        ("CSV of 15 columns", "threatfox-recent", threatfox),
        ("JSON array", "json", array),
        ("JSON with records inside", "threatfox-api", answer),
        ("filter list", "adblock", rules),
    ]


def write() -> None:
    """Measures and writes this part."""
    print("lists", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    listed = forms()
    commands = [
        Command(
            form,
            [str(program.BINARY), "build", "--list", str(path), "--list-format", reader,
             "-o", str(FOLDER / "blacklist")],
        )
        for form, reader, path in listed
    ]  # fmt: skip
    interleaved(commands, ROUNDS)
    ours = commands[0]
    rows = []
    for (form, reader, _), one in zip(listed, commands, strict=True):
        if one.failure:
            raise SystemExit(f"{form}: {one.failure}")
        rows.append([
            form, f"`{reader}`", f"{one.median:.3f}", one.spread, f"{COUNT / one.median:,.0f}",
            "" if one is ours else f"{one.median / ours.median:.1f}",
            f"{one.peak_bytes / 1e6:,.0f}",
        ])  # fmt: skip
    text = (
        f"## Lists\n\n`python -m tests.bench lists`. {report.machine()}. "
        f"`threatsieve build --list FILE --list-format NAME` reads {COUNT:,} names and compiles "
        f"the blacklist.\n\n{report.table(HEAD, rows)}"
    )
    report.write("lists", text)
