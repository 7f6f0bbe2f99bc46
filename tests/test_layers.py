"""The permitted dependencies between crates and modules, checked with cargo's metadata and the
sources.
"""

import functools
import json
import re
import subprocess
from pathlib import Path

from tests import program

# Each crate of the workspace, and the others that it may use. The matcher's component is built by
# build dependencies, which count too.
ALLOWED = {
    "threatsieve-blacklist": set(),
    "threatsieve-matcher": {"threatsieve-blacklist"},
    "threatsieve-feed": {"threatsieve-blacklist"},
    "threatsieve-flag": {"threatsieve-blacklist"},
    "threatsieve-log": {"threatsieve-blacklist"},
    "threatsieve-misp": {"threatsieve-blacklist"},
    "threatsieve-runner": {"threatsieve-blacklist"},
    "threatsieve-jni": {
        "threatsieve-blacklist",
        "threatsieve-flag",
        "threatsieve-log",
        "threatsieve-runner",
    },
    "threatsieve-controller": {
        "threatsieve-blacklist",
        "threatsieve-feed",
        "threatsieve-flag",
        "threatsieve-log",
        "threatsieve-misp",
        "threatsieve-runner",
    },
}


@functools.cache
def metadata() -> dict:
    """Returns cargo's metadata, including indirect dependencies."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    return json.loads(
        subprocess.run(command, cwd=program.ROOT, check=True, capture_output=True).stdout
    )


def members() -> dict[str, dict]:
    ids = set(metadata()["workspace_members"])
    return {package["name"]: package for package in metadata()["packages"] if package["id"] in ids}


def test_crates_use_only_what_they_may():
    assert members().keys() == ALLOWED.keys()
    for name, package in members().items():
        # Development dependencies are free: they are not part of the product.
        used = {
            d["name"]
            for d in package["dependencies"]
            if d["name"] in ALLOWED and d["kind"] != "dev"
        }
        assert used <= ALLOWED[name], f"{name} uses {used - ALLOWED[name]}"


def test_only_the_runner_names_wasmtime():
    users = {
        name
        for name, package in members().items()
        if any(d["name"].startswith("wasmtime") for d in package["dependencies"])
    }
    assert users == {"threatsieve-runner"}


def test_no_compiler_is_in_what_is_shipped():
    """Checks that only the runner's build depends on the compiler. The matcher is compiled when the
    program is built.
    """
    command = ["cargo", "tree", "--locked", "--edges", "normal", "--prefix", "none", "--package"]
    for package in ("threatsieve-controller", "threatsieve-jni"):
        tree = subprocess.run(
            [*command, package], cwd=program.ROOT, check=True, capture_output=True, text=True
        ).stdout
        names = {line.split()[0] for line in tree.splitlines() if line}
        assert "wasmtime" in names, tree
        # Data structures of Cranelift that the runtime uses, too. They compile nothing.
        structures = {"cranelift-bforest", "cranelift-bitset", "cranelift-entity"}
        compilers = {name for name in names - structures if "cranelift" in name or "winch" in name}
        assert not compilers, f"{package} has a compiler: {compilers}"


def test_the_parsers_and_the_blacklist_know_no_runtime():
    nodes = {node["id"]: node for node in metadata()["resolve"]["nodes"]}
    names = {package["id"]: package["name"] for package in metadata()["packages"]}
    for member in (
        "threatsieve-blacklist",
        "threatsieve-matcher",
        "threatsieve-feed",
        "threatsieve-flag",
        "threatsieve-log",
        "threatsieve-misp",
    ):
        seen, waiting = set(), [members()[member]["id"]]
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen.add(current)
                kinds = (
                    (d["pkg"], {kind["kind"] for kind in d["dep_kinds"]})
                    for d in nodes[current]["deps"]
                )
                waiting += [package for package, kind in kinds if None in kind]
        reached = {names[package] for package in seen}
        assert not {name for name in reached if name == "tokio" or name.startswith("wasmtime")}, (
            member
        )


CONTROLLER = program.ROOT / "host/controller/src"
BELOW_THE_STORE = {"config", "network", "rejection", "seed", "sources", "store", "text"}
"""Modules of the controller that store/ may use. They do not use store/."""


def product_sources(folder: Path) -> dict[Path, str]:
    """Returns the sources below a folder, without the parts for tests."""
    paths = [
        path
        for path in sorted(folder.rglob("*.rs"))
        if "tests" not in path.relative_to(folder).with_suffix("").parts
    ]
    paths = [path for path in paths if path.stem not in ("measure", "model_tests")]
    return {path: path.read_text().partition("#[cfg(test)]\nmod tests")[0] for path in paths}


def test_sql_is_in_the_store_alone():
    calls = re.compile(
        r"rusqlite|\.(execute|execute_batch|query_row|query_map|prepare|prepare_cached)\("
    )
    for path, text in product_sources(CONTROLLER).items():
        if path.relative_to(CONTROLLER).parts[0] != "store":
            found = [line.strip() for line in text.splitlines() if calls.search(line)]
            assert not found, f"{path}: {found}"


def test_the_store_uses_nothing_above_it():
    for path, text in product_sources(CONTROLLER / "store").items():
        used = set(re.findall(r"\bcrate::(\w+)", text))
        assert used <= BELOW_THE_STORE, f"{path} uses {used - BELOW_THE_STORE}"
    for path, text in product_sources(CONTROLLER).items():
        module = path.relative_to(CONTROLLER).with_suffix("").parts[0]
        assert "crate::store" not in text or module not in BELOW_THE_STORE - {"store"}, (
            f"{path} uses the store"
        )
