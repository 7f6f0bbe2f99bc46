"""Tests of `make deploy-plugin`: the home of a real server gets the plugin, and an unsuitable home
is refused.
"""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests import engines, program

DEPLOY = program.ROOT / "plugin-descriptors/deploy"


def deploy(home: Path, zips: Path = program.ROOT / "target/plugins", expect: int = 0) -> str:
    """Runs the script and returns its output."""
    result = subprocess.run(
        [str(DEPLOY), str(home)],
        env={**os.environ, "ZIPS": str(zips)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == expect, result.stdout + result.stderr
    return result.stdout + result.stderr


def files(folder: Path) -> list[str]:
    """Returns the names of all files and folders below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("version", ["3.8.0", "2.19.4"])
def test_a_server_has_the_plugin_after_its_next_start(version):
    with engines.node(version, start=False) as node:
        said = deploy(node.folder)
        assert (
            f"OpenSearch {version}" in said
            and "Nothing was restarted" in said
            and "RuntimePermission" in said
        ), said
        installed = node.plugins / "threatsieve"
        assert {path.stat().st_uid for path in installed.rglob("*")} == {node.plugins.stat().st_uid}
        node.start()
        assert [plugin["component"] for plugin in node.get("/_cat/plugins?format=json")] == [
            "threatsieve"
        ]
        # Deploys again while the server has the library in memory.
        before = files(node.folder / "plugins")
        deploy(node.folder)
        assert files(node.folder / "plugins") == before and not list(
            node.folder.glob(".threatsieve*")
        )
        node.get("/_plugins/_threatsieve/blacklist")
        node.restart()
        assert [plugin["component"] for plugin in node.get("/_cat/plugins?format=json")] == [
            "threatsieve"
        ]


def test_another_version_or_machine_is_refused_before_anything_is_copied(tmp_path):
    with engines.node("3.8.0", start=False) as node:
        before = files(node.folder)
        shutil.copy(engines.plugin("2.19.4"), tmp_path)
        said = deploy(node.folder, tmp_path, expect=1)
        assert (
            "expected a zip for OpenSearch 3.8.0, got threatsieve-opensearch-2.19" in said
            and "make plugin ENGINES=3.8.0" in said
        ), said
        other = tmp_path / "threatsieve-opensearch-3.8.0.zip"
        with (
            zipfile.ZipFile(engines.plugin("3.8.0")) as ours,
            zipfile.ZipFile(other, "w") as theirs,
        ):
            for item in ours.infolist():
                content = ours.read(item)
                if item.filename == "libthreatsieve.so":
                    # e_machine in the ELF header; 22 is IBM S/390.
                    content = content[:18] + (22).to_bytes(2, "little") + content[20:]
                theirs.writestr(item, content)
        said = deploy(node.folder, tmp_path, expect=1)
        assert (
            f"has the architecture {os.uname().machine}," in said
            and "is built for machine 22" in said
        ), said
        assert files(node.folder) == before


def test_what_is_no_server_is_told(tmp_path):
    assert "expected an OpenSearch home" in deploy(tmp_path, expect=1)
    nowhere = subprocess.run(
        ["make", "-n", "deploy-plugin"],
        cwd=program.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'plugin-descriptors/deploy ""' in nowhere.stdout
    assert (
        "expected where to install: make deploy-plugin HOST="
        in subprocess.run([str(DEPLOY), ""], capture_output=True, text=True, check=False).stderr
    )
