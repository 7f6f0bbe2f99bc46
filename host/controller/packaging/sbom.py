"""Lists what a release contains: a software bill of materials (CycloneDX 1.6, JSON), and the
licence texts of the libraries of others.

    python3 sbom.py --epoch SECONDS --sbom FILE --licences FILE

It asks cargo which crates are linked into each part of the release, on this machine's target.
Build tools, macros and crates for tests only are no part of it.
"""

import argparse
import functools
import json
import re
import subprocess
import tomllib
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[3]
WASM = "wasm32-unknown-unknown"

NAMESPACE = uuid.UUID("5b0f4ed9-6f07-4c39-9c1b-6bb1f5b0a3c7")
"""The namespace of serial numbers, so that the same content has the same number."""


class Bundled(NamedTuple):
    """A C library whose source is in a crate."""

    name: str
    header: str
    version: str  # A regular expression; its groups are the parts of the version.
    licence: str


BUNDLED = {
    "aws-lc-sys": Bundled(
        "aws-lc",
        "aws-lc/include/openssl/base.h",
        r'AWSLC_VERSION_NUMBER_STRING "([\d.]+)"',
        "ISC AND (Apache-2.0 OR ISC) AND OpenSSL",
    ),
    "libsqlite3-sys": Bundled(
        "sqlite", "sqlite3/sqlite3.h", r'define SQLITE_VERSION\s+"([\d.]+)"', "blessing"
    ),
    "zstd-sys": Bundled(
        "zstd",
        "zstd/lib/zstd.h",
        r"define ZSTD_VERSION_MAJOR\s+(\d+)\s+#define ZSTD_VERSION_MINOR\s+(\d+)\s+"
        r"#define ZSTD_VERSION_RELEASE\s+(\d+)",
        "BSD-3-Clause",
    ),
}

# Parts of the release: the crate, its target, and what is made of it.
PROGRAM = ("threatsieve-controller", None, "threatsieve", "application")
LIBRARY = ("threatsieve-jni", None, "libthreatsieve.so", "library")
MATCHER = ("threatsieve-matcher", WASM, "threatsieve matcher component", "library")


class Crate(NamedTuple):
    """A crate of the lock file."""

    name: str
    version: str

    @property
    def reference(self) -> str:
        """Returns the package URL, which other parts of the document use as a reference."""
        return f"pkg:cargo/{self.name}@{self.version.replace('+', '%2B')}"


def cargo(*arguments: str) -> str:
    """Runs cargo and returns its output."""
    command = ["cargo", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@functools.cache
def packages() -> dict[Crate, dict]:
    """Returns cargo's description of every crate of the lock file."""
    found = json.loads(cargo("metadata", "--format-version", "1", "--locked"))["packages"]
    return {Crate(package["name"], package["version"]): package for package in found}


@functools.cache
def linked(package: str, target: str | None) -> frozenset[Crate]:
    """Returns the crates that are linked into a package, and the package itself."""
    command = ["tree", "--locked", "--package", package, "--edges", "normal,no-proc-macro"]
    command += ["--prefix", "none", "--format", "{p}"] + (["--target", target] if target else [])
    lines = (line.split() for line in cargo(*command).splitlines())
    return frozenset(Crate(name, version.removeprefix("v")) for name, version, *_ in lines)


def expression(licence: str | None) -> list[dict]:
    """Returns an SPDX expression as CycloneDX has it. Old crates separate licences by a slash."""
    return [{"expression": licence.replace("/", " OR ")}] if licence else []


def crate_component(crate: Crate, checksums: dict[Crate, str]) -> dict:
    """Describes a crate, with the C library in it."""
    package = packages()[crate]
    component = {
        "type": "library",
        "bom-ref": crate.reference,
        "name": crate.name,
        "version": crate.version,
        "licenses": expression(package["license"]),
        "purl": crate.reference,
    }
    if crate in checksums:
        component["hashes"] = [{"alg": "SHA-256", "content": checksums[crate]}]
    if crate.name in BUNDLED:
        component["components"] = [bundled_component(crate)]
    return component


def bundled_component(crate: Crate) -> dict:
    """Describes the C library that a crate compiles and links."""
    library = BUNDLED[crate.name]
    header = Path(packages()[crate]["manifest_path"]).parent / library.header
    found = re.search(library.version, header.read_text(errors="replace"))
    if found is None:
        raise SystemExit(f"{header}: expected the version of {library.name}, got none")
    version = ".".join(found.groups())
    return {
        "type": "library",
        "bom-ref": f"pkg:generic/{library.name}@{version}",
        "name": library.name,
        "version": version,
        "licenses": expression(library.licence),
        "purl": f"pkg:generic/{library.name}@{version}",
    }


def rust_component() -> dict:
    """Describes Rust's standard library, which is linked into everything."""
    output = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True)
    version = output.stdout.split()[1]
    return {
        "type": "library",
        "bom-ref": f"pkg:generic/rust-std@{version}",
        "name": "rust-std",
        "version": version,
        "licenses": expression("MIT OR Apache-2.0"),
        "purl": f"pkg:generic/rust-std@{version}",
    }


def java_components() -> list[dict]:
    """Describes the classes of the plugin's jar. It has no jars of others: the engine has them."""
    found = []
    for folder in ("core", "opensearch"):
        pom = ElementTree.parse(ROOT / "plugin-descriptors" / folder / "pom.xml")
        space = {"m": "http://maven.apache.org/POM/4.0.0"}
        name = pom.findtext("m:artifactId", namespaces=space)
        version = pom.findtext("m:parent/m:version", namespaces=space)
        purl = f"pkg:maven/org.threatsieve/{name}@{version}"
        found.append(
            {
                "type": "library",
                "bom-ref": purl,
                "group": "org.threatsieve",
                "name": name,
                "version": version,
                "licenses": expression("Apache-2.0"),
                "purl": purl,
            }
        )
    return found


def edges(crates: frozenset[Crate]) -> Iterator[tuple[str, list[str]]]:
    """Yields which of these crates each of them uses directly."""
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--locked"))
    by_id = {
        package["id"]: Crate(package["name"], package["version"])
        for package in metadata["packages"]
    }
    for node in metadata["resolve"]["nodes"]:
        if by_id[node["id"]] in crates:
            used = {
                by_id[dependency["pkg"]].reference
                for dependency in node["deps"]
                if by_id[dependency["pkg"]] in crates
                and any(kind["kind"] is None for kind in dependency["dep_kinds"])
            }
            yield by_id[node["id"]].reference, sorted(used)


def document(epoch: int) -> dict:
    """Makes the bill of materials."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {
        Crate(each["name"], each["version"]): each["checksum"]
        for each in lock
        if "checksum" in each
    }
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    crates = frozenset().union(*(linked(part[0], part[1]) for part in (PROGRAM, LIBRARY, MATCHER)))
    rust, java = rust_component(), java_components()
    parts, uses = [], dict(edges(crates))
    for package, target, name, kind in (PROGRAM, LIBRARY, MATCHER):
        parts.append({"type": kind, "bom-ref": name, "name": name, "version": version})
        members = linked(package, target)
        uses[name] = sorted([*(crate.reference for crate in members), rust["bom-ref"]])
    # The component is embedded in the other two.
    for name in (PROGRAM[2], LIBRARY[2]):
        uses[name].append(MATCHER[2])
    plugin = "threatsieve-opensearch.zip"
    parts.append({"type": "application", "bom-ref": plugin, "name": plugin, "version": version})
    uses[plugin] = [LIBRARY[2], *(component["bom-ref"] for component in java)]
    release = {"type": "application", "bom-ref": "release", "name": "threatsieve release"}
    uses["release"] = [PROGRAM[2], plugin]
    components = [
        *parts,
        rust,
        *java,
        *(crate_component(crate, checksums) for crate in sorted(crates)),
    ]
    made = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z"),
            "component": {**release, "version": version, "licenses": expression("Apache-2.0")},
        },
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": used} for ref, used in sorted(uses.items())],
    }
    return {
        **made,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, json.dumps(made, sort_keys=True))}",
    }


LICENCE_FILE = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


def licence_files(folder: Path) -> list[Path]:
    """Returns the files with licence texts of a crate, and of the C library in it."""
    candidates = [*folder.iterdir(), *folder.glob("*/LICENSE*")]
    return sorted(path for path in candidates if path.is_file() and LICENCE_FILE.match(path.name))


def licences() -> str:
    """Returns the licence texts of the libraries of others, each text once."""
    users: dict[str, list[str]] = {}
    without = []
    crates = frozenset().union(*(linked(part[0], part[1]) for part in (PROGRAM, LIBRARY, MATCHER)))
    for crate in sorted(crates):
        package = packages()[crate]
        if package["source"] is None:
            continue
        name = f"{crate.name} {crate.version} ({package['license']})"
        found = licence_files(Path(package["manifest_path"]).parent)
        for path in found:
            text = "\n".join(
                line.rstrip() for line in path.read_text(errors="replace").splitlines()
            )
            users.setdefault(text.strip(), []).append(name)
        if not found:
            without.append(f"{name}: {package['repository']}")
    rule = "=" * 80
    head = (
        "The program and the plugin contain these libraries of others, and Rust's standard library "
        "(MIT OR Apache-2.0).\n"
    )
    parts = [head]
    if without:
        listed = "\n".join(f"  {each}" for each in without)
        parts.append(f"Published without the text of their licence:\n\n{listed}\n")
    for text, names in sorted(users.items(), key=lambda item: item[1]):
        parts.append("\n".join(sorted(set(names))) + f"\n\n{text}\n")
    return f"\n{rule}\n\n".join(parts)


def main() -> None:
    """Writes the files that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epoch", type=int, required=True)
    parser.add_argument("--sbom", type=Path, required=True)
    parser.add_argument("--licences", type=Path, required=True)
    arguments = parser.parse_args()
    made = json.dumps(document(arguments.epoch), indent=1)
    arguments.sbom.write_text(made + "\n", encoding="utf-8")
    arguments.licences.write_text(licences(), encoding="utf-8")


if __name__ == "__main__":
    main()
