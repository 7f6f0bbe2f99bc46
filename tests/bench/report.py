"""Writes tables between markers of docs/performance.md, so that a rerun replaces its own part and nothing else."""

import datetime
import os
import platform
import re
from pathlib import Path

from tests.program import ROOT

PAGE = ROOT / "docs/performance.md"
HEAD = """# Performance

Figures of `make bench`, each table from one run on one machine, its commands taking turns. Ratios carry over to other machines, seconds do not.
"""


def machine() -> str:
    """Cores, processor, memory, system and date: what figures depend on, and no names."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*: (.*)", text)
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} shared cores ({model[1].strip() if model else platform.machine()}), {gigabytes:.0f} GiB, "
        f"Linux {platform.release().split('-')[0]}, {datetime.date.today().isoformat()}"
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, its first column to the left and the others to the right."""
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def write(name: str, text: str) -> None:
    """Replaces the part of that name, or adds it at the end."""
    start, end = f"<!-- bench: {name} -->", f"<!-- end of bench: {name} -->"
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
    part = f"{start}\n{text.strip()}\n{end}"
    if start in page and end in page:
        before, _, rest = page.partition(start)
        page = before + part + rest.partition(end)[2]
    else:
        page = f"{page.rstrip()}\n\n{part}\n"
    PAGE.write_text(page, encoding="utf-8")
