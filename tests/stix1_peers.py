"""Records what misp-stix and stix2-elevator take from the packages in data/stix1.

The two need an environment of their own and many minutes, so the tests read the recording. To make
it again, remove peers.json.xz and run:

    python3 -m venv .cache/stix1
    .cache/stix1/bin/pip install -r tests/data/stix1/requirements.txt
    .cache/stix1/bin/python -m tests.stix1_peers

- Of misp-stix, the attributes count that may be used for detection (`to_ids`).
- Of stix2-elevator, the values of equality in the patterns of its indicators count, whatever joins
  them. STIX 2 calls them values; whether one alone is enough is not asked here.
"""

import contextlib
import io
import json
import lzma
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

DATA = Path(__file__).parent / "data" / "stix1"
RECORDED = DATA / "peers.json.xz"
SECONDS = 600
PEERS = ["misp-stix", "stix2-elevator"]

MISP_TYPES = {
    "domain": ["domain"],
    "hostname": ["domain"],
    "ip-src": ["ip"],
    "ip-dst": ["ip"],
    "ip-src|port": ["ip", None],
    "ip-dst|port": ["ip", None],
    "hostname|port": ["domain", None],
    "domain|ip": ["domain", "ip"],
    "url": ["url"],
    "uri": ["url"],
    "link": ["url"],
    "md5": ["hash"],
    "sha1": ["hash"],
    "sha256": ["hash"],
    "filename|md5": [None, "hash"],
    "filename|sha1": [None, "hash"],
    "filename|sha256": [None, "hash"],
    "email": ["email"],
    "email-src": ["email"],
    "email-dst": ["email"],
}

# A comparison of STIX 2 with literals: the path, and one value or a list of them.
TEXT = r"'(?:[^'\\]|\\.)*'"
COMPARISON = re.compile(rf"([\w-]+:[\w.'\[\]*-]+) *(?:=|ISSUBSET|IN) *({TEXT}|\(.*?\))")
PATTERN_TYPES = [
    (re.compile(r"^domain-name:value$"), "domain"),
    (re.compile(r"^ipv[46]-addr:value$"), "ip"),
    (re.compile(r"^network-traffic:(src|dst)_ref\.value$"), None),
    (re.compile(r"^url:value$"), "url"),
    (re.compile(r"^email-addr:value$"), "email"),
    (re.compile(r"^email-message:(from|sender|to|cc|bcc)_refs?(\[\*\])?\.value$"), "email"),
    (re.compile(r"hashes\.'?(MD5|SHA-?1|SHA-?256)'?$"), "hash"),
]


def packages(folder: Path) -> list[Path]:
    """Unpacks the packages, and returns their files in order."""
    with tarfile.open(DATA / "packages.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return sorted(folder.glob("*/*.xml"))


def restore_lxml() -> None:
    """Restores a class that lxml dropped, and that libraries of the peers ask for."""
    from lxml import etree

    etree._ElementStringResult = etree._ElementUnicodeResult


def misp_stix(path: Path) -> list[str]:
    """Returns the values that misp-stix takes from a package."""
    restore_lxml()
    import stix_edh  # noqa: F401, it registers markings
    from misp_stix_converter import ExternalSTIX1toMISPParser
    from misp_stix_converter.stix2misp.exceptions import MissingSTIXContentError
    from misp_stix_converter.tools import stix1_loading_helpers as loading

    package = loading.load_stix1_package(path)
    parser = ExternalSTIX1toMISPParser()
    parser.load_stix_package(package)
    try:
        parser.parse_stix_package()
    except MissingSTIXContentError:
        # It takes nothing.
        return []
    values = set()
    events = parser.misp_events
    for event in events.values() if isinstance(events, dict) else [events]:
        for attribute in [*event.attributes, *(a for o in event.objects for a in o.attributes)]:
            kinds = MISP_TYPES.get(attribute.type, []) if attribute.to_ids else []
            parts = str(attribute.value).split("|") if len(kinds) > 1 else [str(attribute.value)]
            values.update(f"{k} {v}" for k, v in zip(kinds, parts, strict=False) if k)
    return sorted(values)


def stix2_elevator(path: Path) -> list[str]:
    """Returns the values in the patterns that stix2-elevator makes of a package."""
    restore_lxml()
    import stix_edh  # noqa: F401, it registers markings
    from stix2elevator import elevate
    from stix2elevator.options import initialize_options, set_option_value

    initialize_options({"spec_version": "2.1", "log_level": "CRITICAL", "silent": True})
    set_option_value("missing_policy", "ignore")
    with contextlib.redirect_stdout(io.StringIO()):
        elevated = elevate(str(path))
    if not elevated:
        raise ValueError("no bundle")
    values = set()
    for one in json.loads(elevated).get("objects", []):
        if one["type"] == "indicator" and one.get("pattern_type") == "stix":
            values.update(pattern_values(one["pattern"]))
    return sorted(values)


def pattern_values(pattern: str) -> set[str]:
    """Returns the values that a pattern compares with, whatever joins the comparisons."""
    values = set()
    for path, literals in COMPARISON.findall(pattern):
        kinds = [kind for expression, kind in PATTERN_TYPES if expression.search(path)]
        for literal in re.findall(TEXT, literals) if kinds else []:
            text = re.sub(r"\\(.)", r"\1", literal[1:-1])
            is_address = re.fullmatch(r"[0-9.]+(/\d+)?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*(/\d+)?", text)
            values.add(f"{kinds[0] or ('ip' if is_address else 'domain')} {text}")
    return values


def one(peer: str, path: Path) -> dict:
    """Runs one peer on one file in a process of its own."""
    command = [sys.executable, "-m", "tests.stix1_peers", peer, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return {"failed": f"no result in {SECONDS} seconds"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"failed": last.replace(str(path.parent), "...")[:200]}
    return {"values": json.loads(done.stdout.splitlines()[-1])}


def main() -> None:
    if len(sys.argv) == 3:
        run = {"misp-stix": misp_stix, "stix2-elevator": stix2_elevator}[sys.argv[1]]
        print(json.dumps(run(Path(sys.argv[2]))))
        return
    recorded = json.loads(lzma.decompress(RECORDED.read_bytes())) if RECORDED.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(packages(Path(folder)), key=lambda path: path.stat().st_size):
            name = str(path.relative_to(folder))
            if name in recorded:
                continue
            recorded[name] = {peer: one(peer, path) for peer in PEERS}
            shown = {
                p: len(r.get("values", [])) or r.get("failed", 0) for p, r in recorded[name].items()
            }
            print(name, shown, flush=True)
            text = json.dumps(recorded, indent=0, sort_keys=True) + "\n"
            RECORDED.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
