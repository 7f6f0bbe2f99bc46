"""House rules: the top level has no unexpected files, and continuous integration runs the README's
command.
"""

import re
import subprocess
from pathlib import Path

import pytest

from tests import program

FOLDERS = {".ci", "wit", "guest", "host", "plugin-descriptors", "tests", "docs"}
# Files at the top level, most of them because tools expect them there.
FILES = {
    "Cargo.toml",
    "Cargo.lock",
    "Makefile",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "NOTICE",
    ".gitignore",
    "ruff.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "clippy.toml",
    "deny.toml",
}

PAGES = [
    *(program.ROOT / name for name in ("README.md", "CHANGELOG.md", "tests/README.md")),
    *sorted((program.ROOT / "docs").rglob("*.md")),
]
# A folder that a tool creates below FOLDERS.
BUILT = "tests/fuzz/artifacts"


def test_the_top_level():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=program.ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    tops = {name.split("/")[0] for name in tracked if name}
    assert tops <= FOLDERS | FILES | {".cargo"}, tops - FOLDERS - FILES


def test_continuous_integration_runs_the_readmes_command():
    commands = [
        line
        for line in (program.ROOT / ".ci/run").read_text().splitlines()
        if line.startswith("make")
    ]
    assert commands == ["make test"]
    assert "make test" in (program.ROOT / "README.md").read_text()


def test_the_program_is_small():
    """A build with other settings than those of Cargo.toml may be larger."""
    assert program.BINARY.stat().st_size < 30_000_000


def test_every_target_has_a_word_of_help():
    makefile = (program.ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    shown = subprocess.run(
        ["make", "--no-print-directory"],
        cwd=program.ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert targets == {line.split()[1] for line in shown.splitlines()}
    assert targets >= {"help", "build", "run", "test", "bench", "lint", "fuzz", "clean"}


def anchors(page: Path) -> set[str]:
    """Returns the names that links use for a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(program.ROOT)))
def test_what_a_page_names_exists(page):
    """Checks links, their anchors, and paths in backticks from the repository's top. A name in
    capitals is a placeholder.
    """
    text = page.read_text()
    missing = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if "://" not in link and (not target.exists() or anchor and anchor not in anchors(target)):
            missing.append(link)
    for path in re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`", text):
        is_example = path.startswith(BUILT) or any(part.isupper() for part in path.split("/"))
        if not is_example and not (program.ROOT / path).exists():
            missing.append(path)
    assert not missing, f"{page.name} names what is not there: {missing}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(program.ROOT)))
def test_prose_has_at_most_100_columns(page):
    """Checks all lines except tables, code, and lines with a link. The program writes the
    reference, which is excepted.
    """
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    long = [line for line in text.splitlines() if len(line) > 100]
    long = [line for line in long if not line.startswith(("|", "    ")) and "](" not in line]
    assert page.name == "reference.md" or not long, long


def test_the_maps_files_exist():
    """Checks the short file names in docs/architecture.md, which are relative to the folders of its
    table.
    """
    page = (program.ROOT / "docs/architecture.md").read_text()
    folders = dict(re.findall(r"^\| `(\w+)/` \| \[([\w./-]+)\]", page, re.MULTILINE))
    names = re.findall(rf"`({'|'.join(folders)})/([\w./-]+)`", page)
    missing = [
        name for short, name in names if not Path(program.ROOT, folders[short], name).is_file()
    ]
    assert len(names) > 50 and not missing, missing
