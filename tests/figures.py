"""Prints figures of the sources: lengths, doc comments, SQL outside the store.

Usage: `python3 -m tests.figures`. Product files only: tests, benches and fuzz targets are left out.
"""

import re
import statistics
import subprocess
from pathlib import Path

from tests import english

ROOT = Path(__file__).resolve().parent.parent
TESTS = re.compile(r"(^|/)(tests|benches|fuzz|test)/|/(tests|measure|model_tests)\.rs$")
SQL = re.compile(r'"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE) ')
FUNCTIONS = {
    ".rs": re.compile(r"^( *)(?:pub(?:\([a-z: ]+\))? )?(?:const |unsafe |async |extern \S+ )*fn "),
    ".java": re.compile(r"^( {4,})(?!return|new|throw|else|case)[\w<>\[\], .@]+ \w+\(.*\{$"),
}


def product(suffix: str) -> dict[str, list[str]]:
    """Returns the lines of each tracked product file, without the unit tests at its end."""
    listed = subprocess.run(
        ["git", "ls-files", f"*{suffix}"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    texts = {
        name: (ROOT / name).read_text().partition("#[cfg(test)]\nmod tests {")[0]
        for name in listed.stdout.split()
        if not TESTS.search(name)
    }
    return {name: text.splitlines() for name, text in texts.items()}


def functions(suffix: str, lines: list[str]) -> list[int]:
    """Returns how many lines each function has. The formatter puts its end at its own indent."""
    found = []
    for start, line in enumerate(lines):
        if begin := FUNCTIONS[suffix].match(line):
            end = f"{begin[1]}}}"
            rest = (number for number in range(start, len(lines)) if lines[number] == end)
            found.append(next(rest, start) - start + 1)
    return found


def spread(numbers: list[int]) -> str:
    """Returns the median, the ninth decile and the largest."""
    ninth = statistics.quantiles(numbers, n=10)[-1]
    return f"{statistics.median(numbers):.0f} / {ninth:.0f} / {max(numbers)}"


def main() -> None:
    """Prints a row for each figure."""
    for suffix, language in ((".rs", "Rust"), (".java", "Java")):
        files = product(suffix)
        lengths = [length for lines in files.values() for length in functions(suffix, lines)]
        print(f"{language}: product lines: {sum(map(len, files.values())):,}")
        print(f"{language}: files: {len(files)}")
        print(
            f"{language}: file lines, median / p90 / max: {spread([len(f) for f in files.values()])}"
        )
        print(f"{language}: function lines, median / p90 / max: {spread(lengths)}")
        docs = sum(
            bool(re.match(r"\s*(///|//!|/\*\*)", line)) for f in files.values() for line in f
        )
        long = sum(len(line) > english.COLUMNS for lines in files.values() for line in lines)
        print(f"{language}: lines of doc comments: {docs:,}")
        print(f"{language}: lines over {english.COLUMNS} columns: {long}")
    controller = "host/controller/src/"
    outside = [
        line
        for name, lines in product(".rs").items()
        if name.startswith(controller) and not name.startswith(f"{controller}store/")
        for line in lines
        if SQL.search(line)
    ]
    print(f"SQL literals outside store/: {len(outside)}")
    main_file = (ROOT / controller / "main.rs").read_text()
    modules = re.findall(r"^mod (\w+);$", main_file, re.MULTILINE)
    print(f"modules at the controller's top level: {len(modules)}")


if __name__ == "__main__":
    main()
