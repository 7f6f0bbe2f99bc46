"""STIX 1.x: packages a second, compared with python-stix plus misp-stix."""

import os
import random
import shutil
import sys
from pathlib import Path

from tests import program
from tests.bench import feeds, report
from tests.bench.measure import ROUNDS, Command, interleaved
from tests.stix1 import EQUALS, indicators, package

COUNT = int(os.environ.get("THREATSIEVE_BENCH_PACKAGES", 2_000))
PEER_COUNT = int(os.environ.get("THREATSIEVE_BENCH_PEER_PACKAGES", 50))
PYTHON = program.ROOT / ".cache/stix1/bin/python"
FOLDER = program.ROOT / ".cache/bench/packages"
HEAD = [
    "command", "packages", "seconds, median", "fastest to slowest", "packages a second",
    "times slower than threatsieve", "peak MB",
]  # fmt: skip


def properties(kind: str, name: str) -> str:
    """Returns the properties of one object."""
    match kind:
        case "domain":
            return (
                '<cybox:Properties xsi:type="DomainNameObj:DomainNameObjectType">'
                f"<DomainNameObj:Value {EQUALS}>{name}.example</DomainNameObj:Value>"
                "</cybox:Properties>"
            )
        case "address":
            number = int(name.rsplit("-", 1)[1])
            address = f"203.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            return (
                '<cybox:Properties xsi:type="AddressObj:AddressObjectType" category="ipv4-addr">'
                f"<AddressObj:Address_Value {EQUALS}>{address}</AddressObj:Address_Value>"
                "</cybox:Properties>"
            )
        case "url":
            return (
                '<cybox:Properties xsi:type="URIObj:URIObjectType" type="URL">'
                f"<URIObj:Value {EQUALS}>http://{name}.example/gate.php?a=1&amp;b=2</URIObj:Value>"
                "</cybox:Properties>"
            )
        case _:
            digest = f"{random.Random(name).getrandbits(128):032x}"
            return (
                '<cybox:Properties xsi:type="FileObj:FileObjectType"><FileObj:Hashes>'
                "<cyboxCommon:Hash><cyboxCommon:Type>MD5</cyboxCommon:Type>"
                f"<cyboxCommon:Simple_Hash_Value {EQUALS}>{digest}"
                "</cyboxCommon:Simple_Hash_Value></cyboxCommon:Hash></FileObj:Hashes>"
                "</cybox:Properties>"
            )


def shared(number: int) -> str:
    """Returns a package of ten indicators, like those that a sector shares."""
    all_ = []
    for place in range(10):
        kind = ["domain", "address", "url", "file"][place % 4]
        name = f"host-{number * 10 + place}"
        all_.append(
            f'<stix:Indicator id="e:indicator-{number}-{place}" '
            'timestamp="2026-01-02T03:04:05.678Z" xsi:type="indicator:IndicatorType">'
            f"<indicator:Title>Command and control {name}</indicator:Title>"
            "<indicator:Description>Seen in traffic of a generated family.</indicator:Description>"
            f'<indicator:Observable id="e:observable-{number}-{place}">'
            f'<cybox:Object id="e:object-{number}-{place}">{properties(kind, name)}</cybox:Object>'
            "</indicator:Observable><indicator:Confidence><stixCommon:Value "
            'xsi:type="stixVocabs:HighMediumLowVocab-1.0">High</stixCommon:Value>'
            "</indicator:Confidence></stix:Indicator>"
        )
    stamp = ' timestamp="2026-01-02T03:04:05.678Z"'
    return package(f"e:package-{number}", indicators(*all_), more=stamp)


def written(folder: Path, count: int) -> Path:
    """Writes packages, one a file."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:06}.xml").write_text(shared(number), encoding="utf-8")
    return folder


def rows(commands: list[Command], counts: list[int]) -> list[list[str]]:
    """Returns the rows of the comparison; ours is the first."""
    for one in commands:
        if one.failure:
            sys.exit(f"{one.name}: {one.failure}")
    ours = counts[0] / commands[0].median
    return [
        [one.name, f"{count:,}", f"{one.median:.3f}", one.spread, f"{count / one.median:,.0f}",
         "" if one is commands[0] else f"{ours / (count / one.median):.1f}",
         f"{one.peak_bytes / 1e6:,.0f}"]
        for one, count in zip(commands, counts, strict=True)
    ]  # fmt: skip


def write() -> None:
    """Measures and writes this part."""
    print("packages", flush=True)
    if not PYTHON.exists():
        sys.exit(f"missing: {PYTHON.relative_to(program.ROOT)}; tests/stix1_peers.py makes it")
    ours = written(FOLDER / "ours", COUNT)
    theirs = written(FOLDER / "theirs", PEER_COUNT)
    build = Command(
        "threatsieve build",
        [str(program.BINARY), "build", "--feed", str(ours), "-o", str(FOLDER / "blacklist")],
    )
    feeds.FOLDER.mkdir(parents=True, exist_ok=True)
    poll = feeds.Poll("packages", ['type = "path"', f'path = "{ours}"'])
    peer = Command(
        "python-stix and misp-stix",
        [str(PYTHON), "-m", "tests.bench.stix1_peer", str(theirs)],
    )
    commands, counts = [build, poll, peer], [COUNT, COUNT, PEER_COUNT]
    interleaved(commands, ROUNDS)
    text = (
        f"## STIX 1.x packages\n\n`python -m tests.bench packages`. {report.machine()}. Each "
        "package is a file of its own with ten indicators. Threatsieve reduces them and compiles "
        "the blacklist; a poll also keeps the packages as they are. The others parse the packages "
        "and make MISP attributes of them. They get fewer packages, and their start (about a "
        f"second) counts.\n\n{report.table(HEAD, rows(commands, counts))}"
    )
    report.write("packages", text)
