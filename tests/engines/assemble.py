"""Assembles real OpenSearch servers from the jars on Maven Central. The project publishes all parts
of a server there, but not its archive.

A home has `lib/`, `modules/` and, from 3.0 on, `agent/`. It is made once for each version, in
`.cache/engines/VERSION`, and never changed afterwards, because nodes link to its jars. Differences
from the archive: no bundled JDK, no start scripts, and only the modules named below.
"""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.program import ROOT

VERSIONS = ("3.8.0", "2.19.4", "2.19.1")
"""The servers of the tests. 2.19.1 is there for the security plugin, which is on Central for that
version.
"""

INSTALLED = Path("/usr/lib/jvm")
"""The folder in which Debian installs JDKs."""

SECURITY = "org.opensearch.plugin:opensearch-security:2.19.1.0:zip"
"""The only zip of the security plugin on Central: TLS, users and roles, with all jars that it
needs.
"""

CACHE = ROOT / ".cache/engines"


class Missing(Exception):
    """Something that a server needs is not on this machine. The message says what to install."""


@dataclass(frozen=True)
class Line:
    """The requirements of one release line of the server."""

    jdk: range
    """Major versions of Java that the server runs on."""
    agent: bool
    """True if a Java agent confines the server, False if the security manager does."""


LINES = {"3.8": Line(jdk=range(21, 100), agent=True), "2.19": Line(jdk=range(17, 18), agent=False)}

# Module: (artifact of org.opensearch.plugin, class, the module whose classes it sees). The class
# names in 2.x lack `Module`.
MODULES = {
    "transport-netty4": (
        "transport-netty4-client",
        "org.opensearch.transport.Netty4ModulePlugin",
        None,
    ),
    "lang-painless": ("lang-painless", "org.opensearch.painless.PainlessModulePlugin", None),
    "ingest-common": (
        "ingest-common",
        "org.opensearch.ingest.common.IngestCommonModulePlugin",
        "lang-painless",
    ),
    "reindex": ("reindex-client", "org.opensearch.index.reindex.ReindexModulePlugin", None),
    "analysis-common": (
        "analysis-common",
        "org.opensearch.analysis.common.CommonAnalysisModulePlugin",
        "lang-painless",
    ),
    "mapper-extras": (
        "mapper-extras-client",
        "org.opensearch.index.mapper.MapperExtrasModulePlugin",
        None,
    ),
}

# The minimum that each module asks for. Without "accept,connect" the agent prevents nodes from
# finding each other, and no log says so.
POLICIES = {
    "3.8": {"transport-netty4": ['java.net.SocketPermission "*", "accept,connect"']},
    "2.19": {
        "transport-netty4": [
            'java.net.SocketPermission "*", "accept,connect"',
            'java.io.FilePermission "/proc/sys/net/core/somaxconn", "read"',
            'java.lang.RuntimePermission "setContextClassLoader"',
            'java.lang.RuntimePermission "getClassLoader"',
            'java.util.PropertyPermission "sun.nio.ch.bugLevel", "write"',
        ],
        "lang-painless": [
            'java.lang.RuntimePermission "createClassLoader"',
            'java.lang.RuntimePermission "getClassLoader"',
        ],
    },
}

# The server's optional dependencies that the archive contains, at the versions in its own POM.
OPTIONAL = {
    "3.8": [
        "org.apache.logging.log4j:log4j-core:2.25.4",
        "org.locationtech.spatial4j:spatial4j:0.7",
        "org.locationtech.jts:jts-core:1.15.0",
    ],
    "2.19": [
        "org.apache.logging.log4j:log4j-core:2.21.0",
        "org.locationtech.spatial4j:spatial4j:0.7",
        "org.locationtech.jts:jts-core:1.15.0",
    ],
}

# Not every 2.19 version has this jar on Central. Its two classes are the same in all of them.
CLASS_LOADER = {"2.19.4": "2.19.1"}


def line_of(version: str) -> str:
    """Returns the release line: `3.8` for `3.8.0`."""
    line = version.rpartition(".")[0]
    if line not in LINES:
        raise Missing(
            f"OpenSearch {version} cannot be assembled: known lines are {', '.join(LINES)}"
        )
    return line


def home(version: str) -> Path:
    """Returns the prepared home of this version. Makes it first if it does not exist."""
    made = CACHE / version
    if not (made / "lib").is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=f"{version}-") as folder:
            assemble(version, Path(folder) / "home", Path(folder) / "build")
            os.replace(Path(folder) / "home", made)
    return made


def assemble(version: str, made: Path, build: Path) -> None:
    """Makes a home at `made`. Maven works in `build`."""
    line = line_of(version)
    loader = CLASS_LOADER.get(version, version)
    server = [
        f"org.opensearch:opensearch:{version}",
        f"org.opensearch:opensearch-plugin-classloader:{loader}",
        *OPTIONAL[line],
    ]
    parts = {"lib": server} | {
        name: [f"org.opensearch.plugin:{artifact}:{version}"]
        for name, (artifact, _, _) in MODULES.items()
    }
    if LINES[line].agent:
        parts["agent"] = [
            f"org.opensearch:opensearch-agent:{version}",
            f"org.opensearch:opensearch-agent-bootstrap:{version}",
        ]
    jars = download(parts, build)

    lay(made / "lib", jars.pop("lib"))
    if loader != version:
        # The security manager's policy names this jar exactly.
        os.rename(
            made / f"lib/opensearch-plugin-classloader-{loader}.jar",
            made / f"lib/opensearch-plugin-classloader-{version}.jar",
        )
    if "agent" in jars:
        lay(made / "agent", jars.pop("agent"))
    in_lib = {jar.name for jar in (made / "lib").iterdir()}
    for name, found in jars.items():
        _, _, extended = MODULES[name]
        seen = in_lib | {jar.name for jar in jars.get(extended, [])}
        lay(made / "modules" / name, [jar for jar in found if jar.name not in seen])
        describe(made / "modules" / name, name, version)
    # Nodes run as another user, so the permissions must not depend on this user's umask.
    subprocess.run(["chmod", "-R", "a+rX,go-w", str(made)], check=True)


def lay(folder: Path, jars: list[Path]) -> None:
    """Moves jars into a new folder."""
    folder.mkdir(parents=True)
    for jar in jars:
        os.rename(jar, folder / jar.name)


def describe(folder: Path, name: str, version: str) -> None:
    """Writes a module's descriptor, and its policy if it has one. The jars do not contain them."""
    _, class_name, extended = MODULES[name]
    line = line_of(version)
    properties = {
        "description": name,
        "version": version,
        "opensearch.version": version,
        "java.version": LINES[line].jdk.start,
        "name": name,
        "classname": class_name
        if LINES[line].agent
        else class_name.replace("ModulePlugin", "Plugin"),
        "custom.foldername": "",
        "extended.plugins": extended or "",
        "has.native.controller": "false",
    }
    (folder / "plugin-descriptor.properties").write_text(
        "".join(f"{key}={value}\n" for key, value in properties.items())
    )
    if permissions := POLICIES[line].get(name):
        grants = "".join(f"  permission {permission};\n" for permission in permissions)
        (folder / "plugin-security.policy").write_text(f"grant {{\n{grants}}};\n")


def download(parts: dict[str, list[str]], build: Path) -> dict[str, list[Path]]:
    """Lets Maven fetch the artifacts of each part (`group:artifact:version`) with their runtime
    dependencies. Returns the jars by part.
    """
    head = '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
    build.mkdir(parents=True)
    for name, artifacts in parts.items():
        (build / name).mkdir()
        dependencies = "".join(
            f"<dependency>{coordinates(artifact)}</dependency>" for artifact in artifacts
        )
        pom = (
            f"{head}{coordinates(f'engines:{name}:1')}"
            f"<dependencies>{dependencies}</dependencies></project>"
        )
        (build / name / "pom.xml").write_text(pom)
    modules = "".join(f"<module>{name}</module>" for name in parts)
    (build / "pom.xml").write_text(
        f"{head}{coordinates('engines:all:1')}<packaging>pom</packaging>"
        f"<modules>{modules}</modules></project>"
    )
    maven("copy-dependencies", "-f", build / "pom.xml", "-DincludeScope=runtime")
    return {name: sorted((build / name / "target/dependency").iterdir()) for name in parts}


def maven(goal: str, *arguments) -> None:
    """Runs a goal of Maven's dependency plugin."""
    mvn = shutil.which("mvn")
    if not mvn:
        raise Missing("mvn is missing; install it with: apt-get install maven")
    command = [
        mvn,
        "-q",
        "-B",
        f"org.apache.maven.plugins:maven-dependency-plugin:3.6.1:{goal}",
        *map(str, arguments),
    ]
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if result.returncode:
        errors = re.findall(
            r"^\[ERROR\] (.+)$", re.sub(r"\x1b\[[\d;]*m", "", result.stdout), re.MULTILINE
        )
        raise Missing(
            "Maven could not fetch the server's parts:\n"
            + ("\n".join(errors[:5]) or result.stdout[-2000:])
        )


def coordinates(artifact: str) -> str:
    """Returns `group:artifact:version` as POM elements."""
    group, name, version = artifact.split(":")
    return f"<groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>"


def java(version: str) -> Path:
    """Returns the `java` for this version of the server. Looks in JAVA_HOME, JAVA17_HOME,
    JAVA21_HOME and similar variables, then in /usr/lib/jvm.
    """
    wanted = LINES[line_of(version)].jdk
    named = [
        Path(value)
        for key, value in sorted(os.environ.items())
        if re.fullmatch(r"JAVA\d*_HOME", key)
    ]
    found = {}
    for candidate in [*named, *sorted(INSTALLED.glob("*"))]:
        release = candidate / "release"
        if release.is_file() and (candidate / "bin/java").is_file():
            major = re.search(r'JAVA_VERSION="(\d+)', release.read_text())
            if major:
                found.setdefault(int(major[1]), candidate / "bin/java")
    fitting = [major for major in sorted(found) if major in wanted]
    if not fitting:
        need = str(wanted.start) if len(wanted) == 1 else f"{wanted.start} or newer"
        raise Missing(
            f"OpenSearch {version} needs a JDK {need}; found "
            f"{', '.join(map(str, sorted(found))) or 'none'} in JAVA_HOME, JAVA*_HOME and "
            f"{INSTALLED}. Install one and, if it is elsewhere, name its folder in "
            f"JAVA{wanted.start}_HOME"
        )
    return found[fitting[0]]


def security_plugin() -> Path:
    """Returns the security plugin's zip, for a server of version 2.19.1."""
    _, name, version, kind = SECURITY.split(":")
    made = CACHE / f"{name}-{version}.{kind}"
    if not made.is_file():
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="security-") as folder:
            maven("copy", f"-Dartifact={SECURITY}", f"-DoutputDirectory={folder}")
            os.replace(Path(folder) / made.name, made)
    return made


def plugin(version: str) -> Path:
    """Returns our plugin's zip for this version of the server. Any patch version of its release
    line will do.
    """
    line = line_of(version)
    found = sorted((ROOT / "target/plugins").glob(f"threatsieve-opensearch-{line}.*.zip"))
    if not found:
        raise Missing(
            f"{ROOT}/target/plugins has no threatsieve-opensearch-{line}.*.zip; "
            "build it with: make plugin"
        )
    return found[-1]
