"""Tests of `tests/all`, which `make test` runs: its steps in order, its exit status, and the final
table.

The commands of the steps only print their names here.
"""

import os
import shutil
import subprocess

import pytest

from tests import program

SAYS_ITS_NAME = """#!/bin/sh
echo "${0##*/} $*"
[ "${0##*/} $*" != "$FAILS" ]
"""
COMMANDS = ["tests/prepare", "plugin-descriptors/opensearch/build", "bin/cargo", ".venv/bin/python"]
STEPS = [
    "prepare toolchain", "prepare tests", "cargo build --release",
    "build 3.8.0 2.19.4", "cargo test --release --workspace --no-run",
    "cargo test --release --workspace", "python -m pytest tests -q -n 2",
]  # fmt: skip


@pytest.fixture
def tree(tmp_path):
    """A copy of `tests/all`, and commands that do nothing."""
    for name in COMMANDS:
        command = tmp_path / name
        command.parent.mkdir(parents=True, exist_ok=True)
        command.write_text(SAYS_ITS_NAME)
        command.chmod(0o755)
    for name in ("all", "times.py", "__init__.py"):
        shutil.copy(program.ROOT / "tests" / name, tmp_path / "tests")
    return tmp_path


def run(tree, **environment: str) -> tuple[int, list[str]]:
    """Runs `tests/all`, and returns its exit status and the printed lines."""
    environment = {
        "THREATSIEVE_SEED": "7",
        "PATH": f"{tree}/bin:{os.environ['PATH']}",
        **environment,
    }
    result = subprocess.run(
        [tree / "tests/all", "3.8.0", "2.19.4"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    return result.returncode, result.stdout.splitlines()


def test_all_steps_and_the_table(tree):
    status, said = run(tree)
    done = [line for line in said if line in STEPS]
    # One step runs at the same time as others.
    assert status == 0 and sorted(done) == sorted(STEPS)
    assert [step for step in done if step != "prepare tests"] == [
        step for step in STEPS if step != "prepare tests"
    ]
    assert done.index("prepare tests") < done.index("build 3.8.0 2.19.4")
    table = said[said.index(next(line for line in said if line.startswith("step "))) :]
    assert [line.split("  ")[0] for line in table[1:9]] == [
        "toolchain", *[line.split("  ")[0] for line in table[2:4]],
        "plugin", "cargo test, building", "cargo test", "pytest", "total",
    ]  # fmt: skip
    assert {line.split("  ")[0] for line in table[2:4]} == {
        "cargo build",
        "packages and servers (meanwhile)",
    }
    assert said[-1] == "THREATSIEVE_SEED=7 repeats the random choices of this run"


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_ends_the_run_with_the_table(tree, step):
    status, said = run(tree, FAILS=step)
    assert status != 0 and any(line.startswith("total ") for line in said)
    later = STEPS[STEPS.index(step) + 1 :]
    # The compiler works while packages are downloaded.
    assert not [
        line
        for line in said
        if line in later and (step, line) != ("prepare tests", "cargo build --release")
    ], said
