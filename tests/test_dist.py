"""Tests of what a release contains: the tarball, the Debian package, the bill of materials, the
checksums, and the files of the container image.
"""

import gzip
import hashlib
import json
import os
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests import engines, program, releases
from tests.test_layers import metadata

PYTHON = program.ROOT / ".cache/python/release/bin/python"
DOC = "usr/share/doc/threatsieve"


@pytest.fixture(name="release", scope="module")
def _release() -> Path:
    return releases.release()


@pytest.fixture(name="tree", scope="module")
def _tree(release, tmp_path_factory) -> Path:
    """The unpacked Debian package."""
    return releases.unpacked(release, tmp_path_factory.mktemp("tree"))


def listed(root: Path) -> dict[str, bytes]:
    """Returns the content of all files below a folder."""
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def packed(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def test_the_same_inputs_make_the_same_bytes(release, tmp_path):
    """Another folder, user mask, time zone and language change nothing."""
    old = os.umask(0o077)
    try:
        again = releases.build(tmp_path / "again", TZ="Asia/Tokyo", LANG="de_DE.UTF-8")
    finally:
        os.umask(old)
    assert listed(again) == listed(release)


def test_the_files_of_a_release(release):
    version = program.run("--version").stdout.decode().split()[1]
    names = {path.name for path in release.iterdir()}
    machine = os.uname().machine
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[machine]
    assert names == {
        "SHA256SUMS",
        f"threatsieve-{version}-{machine}-linux-gnu.tar.gz",
        f"threatsieve_{version}-1_{architecture}.deb",
        f"threatsieve-{version}.cdx.json",
        *(path.name for path in engines.plugin("3.8.0").parent.glob("threatsieve-opensearch-*")),
    }
    sums = dict(
        reversed(line.split("  ")) for line in (release / "SHA256SUMS").read_text().splitlines()
    )
    assert sums.keys() == names - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == digest
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    subprocess.run(command, cwd=release, check=True, capture_output=True)


def test_tarball_and_package_have_the_same_files(release, tree):
    (path,) = release.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        files = {
            member.name.split("/", 1)[1]: archive.extractfile(member).read()
            for member in members
            if member.isfile()
        }
    assert {(member.uid, member.gid) for member in members} == {(0, 0)}
    assert {member.mtime for member in members} == {int(releases.EPOCH)}
    assert len({member.name.split("/")[0] for member in members}) == 1
    # What Debian wants in addition.
    extra = {f"{DOC}/copyright", f"{DOC}/changelog.Debian.gz"}
    extra.add("usr/share/lintian/overrides/threatsieve")
    assert files.pop("LICENSE") == (program.ROOT / "LICENSE").read_bytes()
    ours = listed(tree)
    assert ours.keys() - files.keys() == extra
    assert {name: ours[name] for name in files} == files


def test_the_package_names_what_it_needs(release):
    shown = subprocess.run(
        ["dpkg-deb", "--field", releases.package(release)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    fields = dict(re.findall(r"(?m)^([\w-]+): (.*)$", shown))
    needed = {
        line.split()[0]
        for line in subprocess.run(
            ["ldd", program.BINARY], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        if "=>" in line
    }
    # libc6 has libm.
    assert needed == {"libc.so.6", "libm.so.6", "libgcc_s.so.1"}
    found = re.search(r"libc6 \(>= (\d+)\.(\d+)\), libgcc-s1", fields["Depends"])
    newest = max(
        (int(major), int(minor))
        for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", program.BINARY.read_bytes())
    )
    assert tuple(map(int, found.groups())) == newest
    assert fields["Version"] == program.run("--version").stdout.decode().split()[1] + "-1"


def test_manual_pages_and_completions_are_the_programs_own(tree, tmp_path):
    program.run("man", tmp_path)
    pages = {path.name: path.read_text() for path in tmp_path.iterdir()}
    found = {path.stem: packed(path) for path in (tree / "usr/share/man/man1").iterdir()}
    assert found == pages and "threatsieve-poll.1" in found
    places = {
        "bash": "usr/share/bash-completion/completions/threatsieve",
        "zsh": "usr/share/zsh/vendor-completions/_threatsieve",
        "fish": "usr/share/fish/vendor_completions.d/threatsieve.fish",
    }
    for shell, place in places.items():
        assert (tree / place).read_bytes() == program.run("completions", shell).stdout


def test_the_unpacked_program_runs_with_its_configuration(tree, tmp_path):
    binary, config = tree / "usr/bin/threatsieve", tree / "etc/threatsieve/threatsieve.toml"
    first = program.run("config", "init").stdout.decode()
    changed = first.replace('\nstate = "state"\n', '\nstate = "/var/lib/threatsieve"\n')
    assert config.read_text() == changed != first
    said = subprocess.run(
        [binary, "config", "check", "--config", config], capture_output=True, text=True, check=False
    )
    assert said.returncode == program.DONE and f"{config}: valid" in said.stdout + said.stderr
    mine = tmp_path / "threatsieve.toml"
    mine.write_text(changed.replace("/var/lib/threatsieve", str(tmp_path / "state")))
    done = subprocess.run(
        [binary, "poll", "--config", mine], capture_output=True, text=True, check=False
    )
    assert done.returncode == program.DONE, done.stderr
    example = program.ROOT / "tests/example"
    command = [binary, "scan", "--count", "--feed", example / "bundle.json", example / "squid.log"]
    assert int(subprocess.run(command, check=True, capture_output=True).stdout) > 0


def test_the_package_has_the_files_that_the_documentation_names(tree):
    for ours, place in {
        "plugin-descriptors/component-template.json": "threatsieve/component-template.json",
        "docs/dashboards/threatsieve.ndjson": "threatsieve/dashboards/threatsieve.ndjson",
        "docs/runbook.md": "doc/threatsieve/docs/runbook.md",
    }.items():
        assert (tree / "usr/share" / place).read_bytes() == (program.ROOT / ours).read_bytes()
    for name in releases.UNITS:
        text = (tree / "usr/lib/systemd/system" / name).read_text()
        for page in re.findall(r"man:([\w-]+)\(1\)", text):
            assert (tree / f"usr/share/man/man1/{page}.1.gz").is_file()
        for path in re.findall(r"file:(/\S+)", text):
            assert (tree / path.lstrip("/")).is_file()
        for command in re.findall(r"ExecStart=/(\S+)", text):
            assert (tree / command).is_file()
    changes = packed(tree / DOC / "changelog.gz")
    assert changes == (program.ROOT / "CHANGELOG.md").read_text()


# The bill of materials.


@pytest.fixture(name="bill", scope="module")
def _bill(release) -> dict:
    (path,) = release.glob("*.cdx.json")
    return json.loads(path.read_text())


VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(f"{fault}" if fault else 0)
"""


def test_the_bill_of_materials_follows_its_schema(release, tree, bill):
    (path,) = release.glob("*.cdx.json")
    checked = subprocess.run(
        [PYTHON, "-c", VALIDATE],
        input=path.read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr[-2000:]
    references = {each["bom-ref"] for each in bill["components"]}
    assert len(references) == len(bill["components"])
    known = references | {bill["metadata"]["component"]["bom-ref"]}
    for each in bill["dependencies"]:
        assert each["ref"] in known and set(each["dependsOn"]) <= references
    assert packed(tree / DOC / "threatsieve.cdx.json.gz") == path.read_text()


def crates(bill: dict) -> dict[tuple[str, str], dict]:
    return {
        (each["name"], each["version"]): each
        for each in bill["components"]
        if each.get("purl", "").startswith("pkg:cargo/")
    }


def test_every_crate_in_the_program_is_in_the_bill(bill):
    """Compares with the paths of sources in the program's own messages, and with cargo's graph."""
    named = {
        (name.decode(), version.decode())
        for path in (program.BINARY, program.ROOT / "target/release/libthreatsieve.so")
        if path.is_file()
        for name, version in re.findall(
            rb"/registry/src/[^/]{1,60}/([\w-]+?)-(\d+\.\d+\.\d+[\w.+-]*)/", path.read_bytes()
        )
    }
    found = crates(bill)
    assert len(named) > 100 and named <= found.keys(), named - found.keys()
    lock = {(each["name"], each["version"]): each for each in metadata()["packages"]}
    assert found.keys() <= lock.keys()
    direct = next(
        each for each in metadata()["packages"] if each["name"] == "threatsieve-controller"
    )
    macros = {
        each["name"]
        for each in metadata()["packages"]
        if any("proc-macro" in target["kind"] for target in each["targets"])
    }
    names = {name for name, _ in found}
    for dependency in direct["dependencies"]:
        if dependency["kind"] is None and dependency["name"] not in macros:
            assert dependency["name"] in names
    # Tools of the build and of tests are no part of the program.
    assert not {"cranelift-codegen", "cc", "syn", "wit-component"} & names
    for (name, version), each in found.items():
        assert each["licenses"] or lock[name, version]["source"] is None


WITHOUT_C = {"aws-lc-rs", "threatsieve-runner"}
"""Crates that name a native library, although the C code is in another crate, or is none."""


def test_c_libraries_in_crates_are_in_the_bill(bill):
    found = crates(bill)
    native = {
        each["name"]
        for each in metadata()["packages"]
        if each["links"] and (each["name"], each["version"]) in found
    }
    bundled = {
        name: each["components"][0] for (name, _), each in found.items() if "components" in each
    }
    assert bundled.keys() == native - WITHOUT_C
    # The program says by itself which SQLite it has.
    assert bundled["libsqlite3-sys"]["version"].encode() in program.BINARY.read_bytes()
    assert {each["name"] for each in bundled.values()} == {"sqlite", "zstd", "aws-lc"}


def test_the_plugins_have_no_libraries_of_others(release, bill):
    java = {each["name"] for each in bill["components"] if each.get("group") == "org.threatsieve"}
    assert java == {"threatsieve-core", "threatsieve-opensearch"}
    for path in release.glob("threatsieve-opensearch-*.zip"):
        with zipfile.ZipFile(path) as plugin:
            binary = [name for name in plugin.namelist() if name.endswith((".jar", ".so"))]
            jars = ["threatsieve-core.jar", "threatsieve-opensearch.jar"]
            assert sorted(binary) == ["libthreatsieve.so", *jars]
            for name in jars:
                with plugin.open(name) as jar, zipfile.ZipFile(jar) as classes:
                    names = [each for each in classes.namelist() if each.endswith(".class")]
                assert names and all(each.startswith("org/threatsieve/") for each in names)


def test_the_licences_of_all_libraries_are_in_the_package(tree, bill):
    text = packed(tree / DOC / "THIRD-PARTY.txt.gz")
    for name, version in crates(bill):
        assert name.startswith("threatsieve-") or f"{name} {version} (" in text
    assert "Permission is hereby granted, free of charge" in text


# The container image.


def test_the_files_of_the_image_are_all_that_the_program_needs(tmp_path):
    """Runs the program in the image's root folder, without anything of this machine."""
    out = tmp_path / "container"
    command = [releases.PACKAGING / "container", "--layout-only"]
    subprocess.run(
        [*command, "--program", program.BINARY, "--out", out], check=True, capture_output=True
    )
    text = (out / "Containerfile").read_text()
    for copied in re.findall(r"(?m)^COPY (?:--\S+ )?(\S+) ", text):
        assert (out / copied).is_dir()
    assert "\nFROM scratch\n" in text and "\nUSER 65532:65532\n" in text
    root, state = out / "root", out / "root/var/lib/threatsieve"
    state.mkdir(parents=True)
    config = program.run("config", "init").stdout.decode()
    config = config.replace('state = "state"', 'state = "/var/lib/threatsieve"')
    feed = '[[feeds]]\nname = "list"\ntype = "path"\npath = "list.txt"\n'
    (root / "etc/threatsieve/threatsieve.toml").write_text(config + feed)
    program.write(root / "etc/threatsieve/list.txt", "evil.example")
    subprocess.run([*releases.as_root(), "chown", "65532:65532", state], check=True)
    subprocess.run([*releases.as_root(), "chmod", "700", state], check=True)
    chroot = [*releases.as_root(), "chroot", "--userspec=65532:65532", root]
    for arguments in (["config", "check"], ["poll"], ["status"]):
        done = subprocess.run(
            [*chroot, "/usr/bin/threatsieve", *arguments],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == program.DONE, done.stderr
    assert "generation 1, 1 entries" in done.stdout
    # The folder of the state belongs to the image's user.
    subprocess.run([*releases.as_root(), "rm", "-r", state], check=True)
