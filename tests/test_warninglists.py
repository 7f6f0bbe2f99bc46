"""MISP's warninglists: which values they cover, compared with a naive implementation over real
lists.
"""

import json
import random

import pytest

from tests import program, seeds
from tests.oracle import warninglists
from tests.oracle.values import Malformed, from_list, is_refused

LISTS = program.ROOT / "tests/data/warninglists"
FILES = sorted(LISTS.glob("*/list.json"))


def read(path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def values(rng: random.Random, entries: list[str]) -> list[str]:
    """Returns values that are equal to entries, near them, or far from them."""
    made = ["evil.com", "www.evil.com", "http://evil.com/x", "198.18.7.7", "9.9.9.9", "9.9.9.0/24"]
    for entry in rng.sample(entries, min(40, len(entries))):
        text = entry.strip("/.").split(",")[0]
        if text.startswith("^("):
            made += [
                "soc@evil.com",
                "ABUSE@sub.evil.com",
                "noc@com",
                "asoc@evil.com",
                "soc.evil.com",
            ]
            continue
        address, slash, bits = text.partition("/")
        made += [text, address]
        if slash and bits.isdigit():
            wider = max(int(bits) - rng.choice([1, 2, 4]), 9)
            made += [f"{address}/{wider}", f"{address}/{int(bits) + 2}", f"http://{address}/x"]
        made += [f"www.{text}", f"not{text}", f"{text}.evil.com", text.upper()]
        made += [f"http://{text}/a?b", f"https://x.{text}:8443/", f"http://evil.com/{text}"]
        made.append(f"bob@{text}")
    return made


def usable(written: str) -> bool:
    """Returns whether a blacklist accepts the value, so that only a warninglist takes it away."""
    try:
        entry = from_list(written)
    except (Malformed, ValueError):
        return False
    return not is_refused(entry)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_a_list_covers_what_the_naive_implementation_covers(tmp_path, path):
    rng = random.Random(seeds.SEED)
    listed = read(path)
    written = sorted({text for text in values(rng, listed["list"]) if usable(text)})
    bad = program.write(tmp_path / "bad.txt", *written)
    rejected = tmp_path / "rejected.tsv"
    files = ("--output", tmp_path / "out.blacklist", "--rejected", rejected)
    options = ("--list-format", "lines", "--warninglist", path.parent)
    program.run("build", "--list", bad, *options, *files, expect=None)
    rows = rejected.read_text(encoding="utf-8").splitlines()
    rows = [row.split("\t") for row in rows if "on the warninglist" in row]
    taken = {written[int(number) - 1] for _, number, _, _ in rows}
    expected = {text for text in written if warninglists.covers(listed, text)}
    assert taken == expected, (listed["type"], taken ^ expected)
    assert expected or listed["type"] == "regex" or not listed["list"]


def test_scan_and_explain_leave_out_what_a_warninglist_covers(tmp_path):
    good = {"name": "Known good", "version": 3, "description": "d", "type": "hostname",
            "matching_attributes": ["hostname", "domain"], "list": [".good.example"]}  # fmt: skip
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps(good))
    bad = program.write(tmp_path / "bad.txt", "www.good.example", "evil.example")
    arguments = ("--list", bad, "--warninglist", listed)
    found = program.scan(*arguments, "--log-format", "lines", "-",
                         stdin=b"www.good.example\nevil.example\n")  # fmt: skip
    assert program.values(found) == ["evil.example"]
    said = program.run("explain", *arguments, "www.good.example").stdout.decode()
    assert 'on the warninglist "Known good (version 3)": good.example' in said


@pytest.mark.parametrize(
    "text, expected",
    [
        ("<html>", "expected a MISP warninglist"),
        ('{"name": "n", "list": [], "type": "glob"}', "expected string, substring, hostname"),
        ('{"name": "n", "list": 5}', "a list of strings"),
    ],
)
def test_what_is_no_warninglist_is_named(tmp_path, text, expected):
    listed = tmp_path / "list.json"
    listed.write_text(text)
    bad = program.write(tmp_path / "bad.txt", "evil.example")
    result = program.run("scan", "--list", bad, "--warninglist", listed, "-", expect=program.USAGE)
    assert expected in result.stderr.decode() and "list.json" in result.stderr.decode()
