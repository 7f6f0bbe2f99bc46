"""Writes tables between markers of docs/performance.md. A rerun replaces only its own part."""

import datetime
import os
import platform
import re
import textwrap
from pathlib import Path

from tests.program import ROOT

PAGE = ROOT / "docs/performance.md"
HEAD = """# Performance

`make bench` measured these figures. Each table is from one run on one machine; the commands of a
table took turns. Ratios carry over to other machines, seconds do not.
"""


def machine() -> str:
    """Returns cores, processor, memory, system and date: everything that figures depend on, but no
    names.
    """
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*: (.*)", text)
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} shared cores "
        f"({model[1].strip() if model else platform.machine()}), {gigabytes:.0f} GiB, "
        f"Linux {platform.release().split('-')[0]}, {datetime.date.today().isoformat()}"
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    """Returns a Markdown table. The first column is aligned left, the others right."""
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def wrapped(text: str) -> str:
    """Wraps paragraphs at 100 columns, but leaves code as it is."""
    fill = textwrap.TextWrapper(100, break_long_words=False, break_on_hyphens=False).fill
    whole = re.sub(r"`[^`]*`", lambda code: re.sub(r"\s", "\0", code[0]), text.strip())
    parts = whole.split("\n\n")
    return "\n\n".join(part if part[0] in "|#" else fill(part) for part in parts).replace("\0", " ")


def write(name: str, text: str) -> None:
    """Replaces the part with this name, or appends it."""
    start, end = f"<!-- bench: {name} -->", f"<!-- end of bench: {name} -->"
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
    part = f"{start}\n{wrapped(text)}\n{end}"
    if start in page and end in page:
        before, _, rest = page.partition(start)
        page = before + part + rest.partition(end)[2]
    else:
        page = f"{page.rstrip()}\n\n{part}\n"
    PAGE.write_text(page, encoding="utf-8")
