"""The house's own rules: the top level stays as it is designed, and continuous integration runs what the README says."""

import re
import subprocess

from tests import program

FOLDERS = {".ci", "wit", "guest", "host", "plugin-descriptors", "tests", "docs"}
# Files that tools want at the top.
FILES = {"Cargo.toml", "Cargo.lock", "Makefile", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE", ".gitignore", "rust-toolchain.toml", "rustfmt.toml", "clippy.toml", "deny.toml"}


def test_the_top_level():
    tracked = subprocess.run(["git", "ls-files"], cwd=program.ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    tops = {name.split("/")[0] for name in tracked if name}
    assert tops <= FOLDERS | FILES | {".cargo"}, tops - FOLDERS - FILES


def test_continuous_integration_runs_the_readmes_command():
    commands = [line for line in (program.ROOT / ".ci/run").read_text().splitlines() if line.startswith("make")]
    assert commands == ["make test"]
    assert "make test" in (program.ROOT / "README.md").read_text()


def test_every_target_has_a_word_of_help():
    makefile = (program.ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    shown = subprocess.run(["make", "--no-print-directory"], cwd=program.ROOT, check=True, capture_output=True, text=True).stdout
    assert targets == {line.split()[1] for line in shown.splitlines()}
    assert targets >= {"help", "build", "run", "test", "bench", "lint", "fuzz", "clean"}
