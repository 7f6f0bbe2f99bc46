"""Runs the measurements: `python -m tests.bench [PART]...`, or all of `PARTS`."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import program
from tests.bench import (
    backfill,
    differences,
    feeds,
    generate,
    ingest,
    lists,
    live,
    lookup,
    misp,
    packages,
    push,
    readers,
    report,
    rounds,
    store,
)
from tests.bench.generate import SEED
from tests.bench.measure import CAP_BYTES, CAP_SECONDS, ROUNDS, Command, interleaved, warm

CACHE = program.ROOT / ".cache/bench"
SHARED = Path(os.environ.get("THREATSIEVE_DATA", program.ROOT.parent / "shared/data"))
LOG_LINES = int(os.environ.get("THREATSIEVE_BENCH_LINES", 1_000_000))
KINDS = ("domains", "ips", "cidr", "urls")


def real_lists() -> dict[str, list[str]]:
    """Returns lists of real indicators: the large slice if this machine has it, otherwise the
    committed one.
    """
    lists = {}
    for kind in KINDS:
        large = SHARED / f"maltrail-{kind}.txt.gz"
        if large.exists():
            lists[kind] = gzip.decompress(large.read_bytes()).decode().split()
        else:
            lists[kind] = program.read_list(program.ROOT / f"tests/data/real/{kind}.txt")
    return lists


def listed(name: str, lists: dict[str, list[str]]) -> dict[str, Path]:
    """Returns the lists as files."""
    return {
        kind: generate.written(CACHE / name / f"{kind}.txt", iter(values))
        for kind, values in lists.items()
        if values
    }


def built(name: str, files: list[Path]) -> tuple[Path, Command, dict]:
    """Builds a blacklist of these lists three times, on one core."""
    target = CACHE / name / "blacklist"
    target.parent.mkdir(parents=True, exist_ok=True)
    arguments = [part for path in files for part in ("--list", str(path))]
    core = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    command = Command(
        "threatsieve build",
        [*core, str(program.BINARY), "build", "--json", *arguments, "-o", str(target)],
    )
    interleaved([command], 3)
    if command.failure:
        sys.exit(f"building {name}: {command.failure}")
    return target, command, json.loads(command.output)


def shown(command: Command, ours: Command) -> list[str]:
    """Returns one row of the comparison."""
    if command.failure:
        return [command.name, command.failure, "", "", "", ""]
    ratio = command.median / ours.median if ours.median else 0
    return [
        command.name, f"{command.median:.3f}", command.spread,
        "" if command is ours else f"{ratio:.2f}",
        f"{command.peak_bytes / 1e6:,.0f}", f"{int(command.output.split()[0]):,}",
    ]  # fmt: skip


COMMANDS = """`make bench` runs `threatsieve scan --count --blacklist BLACKLIST LOG`, `wc -l LOG`,
`grep -c -F -f LIST... LOG`, `rg -c -F -f LIST... LOG` and `grepcidr -c -f LIST LOG`, in the C
locale. The blacklist is built beforehand, and the files are in memory. Each command may take 10
minutes and 16 GB."""
HEAD = [
    "command", "seconds, median", "fastest to slowest", "times threatsieve", "peak MB",
    "lines counted",
]  # fmt: skip


def compared(commands: list[Command], ours: Command) -> str:
    """Returns the table of the comparison."""
    return report.table(HEAD, [shown(command, ours) for command in commands])


def scan(name: str, blacklist: Path, log: Path, *options: str) -> Command:
    """Returns our own command."""
    return Command(
        name,
        [str(program.BINARY), "scan", "--count", "--blacklist", str(blacklist), *options, str(log)],
    )


def build_line(command: Command, summary: dict, target: Path, count: int) -> str:
    """Returns the cost of building, and the sections of the blacklist that the matcher reads."""
    size, matcher = target.stat().st_size, summary["bytes"]["matcher"]
    sections = [
        [name, f"{size:,}", f"{size / count:.2f}"]
        for name, size in summary["bytes"]["sections"].items()
    ]
    return (
        f"`threatsieve build` on one core: {command.median:.2f} s ({command.spread}), "
        f"peak {command.peak_bytes / 1e6:,.0f} MB. {count:,} values take {matcher:,} bytes in the "
        f"matcher, {matcher / count:.1f} a value. The file, which has the metadata too, has "
        f"{size:,} bytes, {size / count:.1f} a value.\n\n"
        + report.table(["section in the matcher", "bytes", "a value"], sections)
    )


def side_by_side(name: str, title: str, lists: dict[str, list[str]]) -> None:
    """Compares our program, grep, ripgrep, grepcidr and wc on one log."""
    print(name, flush=True)
    files = listed(name, lists)
    log = generate.written(
        CACHE / name / f"access-{LOG_LINES}.log",
        generate.log(LOG_LINES, {kind: lists.get(kind, []) for kind in KINDS}, SEED),
    )
    blacklist, build, summary = built(name, list(files.values()))
    warm(log)
    patterns = [part for path in files.values() for part in ("-f", str(path))]
    ours = scan("threatsieve scan --count", blacklist, log)
    commands = [ours, scan("the same, --threads 1", blacklist, log, "--threads", "1")]
    commands += [
        Command("wc -l", ["wc", "-l", str(log)]),
        Command("grep -c -F -f", ["grep", "-c", "-F", *patterns, str(log)]),
    ]
    commands += [Command("rg -c -F -f", ["rg", "-c", "-F", *patterns, str(log)])]
    interleaved(commands, ROUNDS)
    count, size = sum(map(len, lists.values())), log.stat().st_size
    sizes = f"{count:,} values; {LOG_LINES:,} lines, {size:,} bytes."
    head = f"## {title}\n\n{COMMANDS}\n\n{report.machine()}. {sizes}"
    parts = [head, compared(commands, ours)]
    if "ips" in files:
        parts.append(addresses_alone(name, files, log))
    parts.append(build_line(build, summary, blacklist, sum(map(len, lists.values()))))
    parts.append(difference_tables(log, list(files.values()), blacklist))
    report.write(name, "\n\n".join(parts))


def addresses_alone(name: str, files: dict[str, Path], log: Path) -> str:
    """Compares our program and grepcidr on addresses and networks only."""
    lists = [files[kind] for kind in ("ips", "cidr") if kind in files]
    together = generate.written(
        CACHE / name / "addresses.txt", (line for path in lists for line in program.read_list(path))
    )
    blacklist, _, _ = built(f"{name}-addresses", [together])
    ours = scan("threatsieve scan --count, addresses alone", blacklist, log)
    commands = [ours, Command("grepcidr -c -f", ["grepcidr", "-c", "-f", str(together), str(log)])]
    interleaved(commands, ROUNDS)
    return f"### Addresses and networks alone\n\n{compared(commands, ours)}"


def difference_tables(log: Path, files: list[Path], blacklist: Path) -> str:
    """Returns tables of the lines on which grep and Threatsieve differ."""
    try:
        extra, missing = differences.compare(log, files, blacklist, CAP_SECONDS)
    except differences.subprocess.TimeoutExpired:
        return "Lines on which grep and Threatsieve differ: unknown, because grep did not finish."
    if differences.UNEXPLAINED in {**extra, **missing}:
        sys.exit("some differences from grep are unexplained; see above")
    both = extra.pop(differences.BOTH)
    rows = [[kind, f"{count:,}"] for kind, count in extra.items()]
    other = [[kind, f"{count:,}"] for kind, count in missing.items()]
    return "\n\n".join(
        [
            "### Lines on which grep and Threatsieve differ\n\n`tests/bench/differences.py` sorts "
            "them, and decides by itself what is listed. None is unexplained. "
            f"Both find {both:,} lines.",
            report.table(["`grep -F` finds, Threatsieve does not flag", "lines"], rows),
            report.table(["Threatsieve flags, `grep -F` does not find", "lines"], other),
        ]
    )


def ten_million() -> None:
    """Measures our program only, because the others do not finish at this size."""
    name, count = "ten-million", int(os.environ.get("THREATSIEVE_BENCH_MANY", 10_000_000))
    print(name, flush=True)
    path = generate.written(CACHE / name / "domains.txt", generate.domains(count, SEED))
    with path.open(encoding="utf-8") as file:
        sample = [line.strip() for number, line in enumerate(file) if number % 100 == 0]
    log = generate.written(
        CACHE / name / f"access-{LOG_LINES}.log",
        generate.log(LOG_LINES, {"domains": sample, "ips": [], "cidr": [], "urls": []}, SEED),
    )
    blacklist, build, summary = built(name, [path])
    warm(log)
    warm(blacklist)
    ours = scan("threatsieve scan --count", blacklist, log)
    interleaved([ours], ROUNDS)
    title = f"## {count:,} generated domains, Threatsieve alone\n\n{report.machine()}."
    text = f"{title}\n\n{compared([ours], ours)}\n\n{build_line(build, summary, blacklist, count)}"
    report.write(name, text)


def look_up() -> None:
    """Measures the look-up in the real lists, and in a million generated domains."""
    real = listed("real", real_lists())
    million = listed("million", {"domains": list(generate.domains(1_000_000, SEED))})
    lookup.write(
        [
            ("Real lists", real["domains"], real["ips"]),
            ("One million generated domains", million["domains"], real["ips"]),
        ]
    )


def start_up() -> None:
    """Measures the start with blacklists of each size: the whole command, and each step of it."""
    print("start", flush=True)
    empty = generate.written(CACHE / "empty.log", iter(()))
    sizes = [(name, CACHE / name / "blacklist") for name in ("real", "million", "ten-million")]
    sizes = [
        (f"{name} ({path.stat().st_size / 1e6:,.1f} MB)", path)
        for name, path in sizes
        if path.exists()
    ]
    for _, path in sizes:
        warm(path)
    commands = [scan(name, path, empty) for name, path in sizes]
    interleaved(commands, ROUNDS)
    rows = [[c.name, f"{c.median:.3f}", c.spread, f"{c.peak_bytes / 1e6:,.0f}"] for c in commands]
    bench = [*lookup.BENCH, "start", "--", *(str(path) for _, path in sizes)]
    run = subprocess.run(bench, cwd=program.ROOT, capture_output=True, text=True, check=True)
    steps = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    step_rows = [
        [name, *(f"{taken:.1f}" for taken in one.values()), f"{sum(one.values()):.1f}"]
        for (name, _), one in zip(sizes, steps, strict=True)
    ]
    shipped = [program.BINARY, *sorted((program.ROOT / "target/plugins").glob("*.zip"))]
    parts = [
        f"## Start-up\n\n`python -m tests.bench start`. {report.machine()}. The files are "
        "in the page cache.",
        "The whole command, for a scan of an empty file:",
        report.table(["blacklist", "seconds, median", "fastest to slowest", "peak MB"], rows),
        "From the file to the first answer, in milliseconds:",
        report.table(["blacklist", *steps[0], "together"], step_rows),
        "What is shipped:",
        report.table(
            ["file", "MB"],
            [[path.name, f"{path.stat().st_size / 1e6:.1f}"] for path in shipped if path.exists()],
        ),
    ]
    report.write("start", "\n\n".join(parts))


def real() -> None:
    """Measures with real lists."""
    side_by_side("real", "Real lists: a slice of stamparm/maltrail", real_lists())


def million() -> None:
    """Measures with generated domains."""
    domains = list(generate.domains(1_000_000, SEED))
    side_by_side("million", "One million generated domains", {"domains": domains})


PARTS = {
    "real": real,
    "million": million,
    "ten-million": ten_million,
    "lookup": look_up,
    "start": start_up,
    "store": store.write,
    "rounds": rounds.write,
    "feeds": feeds.write,
    "lists": lists.write,
    "packages": packages.write,
    "misp": misp.write,
    "ingest": ingest.write,
    "push": push.write,
    "backfill": backfill.write,
    "live": live.write,
    "readers": readers.write,
}
"""All parts, in the order in which they run."""


def main(wanted: list[str]) -> None:
    """Runs the named parts, or all."""
    if unknown := [name for name in wanted if name not in PARTS]:
        sys.exit(f"expected parts of {', '.join(PARTS)}; got {', '.join(unknown)}")
    missing = [
        f"{tool} (apt-get install {package})"
        for tool, package in (("rg", "ripgrep"), ("grepcidr", "grepcidr"))
        if not shutil.which(tool)
    ]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}")
    for name, part in PARTS.items():
        if not wanted or name in wanted:
            part()
    print(
        f"caps: {CAP_SECONDS} s, {CAP_BYTES >> 30} GiB; written to "
        f"{report.PAGE.relative_to(program.ROOT)}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
