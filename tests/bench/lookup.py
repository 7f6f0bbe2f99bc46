"""The look-up itself, natively and in the component. Runs the Rust benchmark of host/runner and
formats its figures.
"""

import json
import subprocess
from pathlib import Path

from tests import program
from tests.bench import report

BENCH = ["cargo", "bench", "--quiet", "--workspace", "--profile", "release", "--bench"]
"""The benches use what `cargo build --release` has built already."""
COMMAND = [*BENCH, "lookup", "--"]


def measured(title: str, domains: Path, addresses: Path) -> str:
    """Returns a section with one table of times and a line on building, bytes and instances."""
    run = subprocess.run(
        [*COMMAND, str(domains), str(addresses)],
        cwd=program.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    made, loaded = lines[0], lines[-1]
    rows = [
        [one["set"], str(one["batch"]), f"{one['native_ns']:.0f}", f"{one['component_ns']:.0f}",
         f"{one['component_without_signals_ns']:.0f}",
         f"{one['component_ns'] / one['native_ns']:.1f}", f"{one['hits']:,}"]
        for one in lines[1:-1]
    ]  # fmt: skip
    head = [
        "looked up",
        "batch",
        "native, ns",
        "component, ns",
        "without signal-based traps, ns",
        "component / native",
        "hits",
    ]
    return (
        f"### {title}\n\n{made['domains']:,} domains and {made['addresses']:,} addresses take "
        f"{made['guest_bytes']:,} bytes in the matcher, "
        f"{made['guest_bytes'] / (made['domains'] + made['addresses']):.1f} an entry. "
        "Times are for one observable, medians of nine rounds.\n\n"
        f"{report.table(head, rows)}\n\nA call that has to make its instance first takes "
        f"{loaded['instance_and_call_us']:.0f} µs. The private memory of 16 more instances is "
        f"{loaded['private_kib_of_16_more']:,} KiB together."
    )


def write(lists: list[tuple[str, Path, Path]]) -> None:
    """Measures with each pair of lists and writes this part."""
    print("lookup", flush=True)
    sections = [measured(title, domains, addresses) for title, domains, addresses in lists]
    intro = (
        "## The look-up itself\n\n`python -m tests.bench lookup`, which is part of `make bench`. "
        f"{report.machine()}."
    )
    report.write("lookup", "\n\n".join([intro, *sections]))
