"""Logs of a real Squid: new ones in both of its formats, and the committed example."""

import re

import pytest

from tests import program
from tests.oracle import Oracle, from_list
from tests.squid import make_logs

REAL = program.ROOT / "tests/data/real"
EXAMPLE = program.ROOT / "tests/example"
# Squid's peer codes for the origin itself, as opposed to a parent proxy.
ORIGINS = ("HIER_DIRECT", "ORIGINAL_DST", "PINNED")


@pytest.fixture(scope="module")
def logs(tmp_path_factory, tool):
    tool("squid", "squid")
    native, combined, _ = make_logs.make_logs(tmp_path_factory.mktemp("squid"))
    return {"squid": native, "combined": combined}


def observables(name: str, line: str) -> list[tuple[str, str]]:
    """Returns kind and text of everything in a line that can match. Splits the line in a simple
    way.
    """
    if name == "squid":
        fields = line.split()
        code, _, peer = fields[8].partition("/")
        return [("address", fields[2]), ("url", fields[6])] + [("address", peer)] * (
            code in ORIGINS
        )
    found = re.match(
        r'(\S+) \S+ \S+ \[[^]]*\] "(\S+) (\S+) [^"]*" \d+ \d+ "((?:[^"\\]|\\.)*)"', line
    )
    if not found:
        return []
    return [("address", found[1]), ("url", found[3])] + [("url", found[4])] * (found[4] != "-")


@pytest.mark.parametrize("name", ["squid", "combined"])
def test_fresh_logs_match_as_the_oracle_says(logs, name):
    lists = [REAL / f"{kind}.txt" for kind in ("domains", "ips", "cidr", "urls")]
    listed = [value for path in lists for value in program.read_list(path)]
    oracle = Oracle([from_list(value) for value in listed])
    expected = {
        (number, found.entry_type, found.entry_value, found.how)
        for number, line in enumerate(logs[name].read_text().splitlines(), 1)
        for kind, text in observables(name, line)
        for found in oracle.matches(kind, text)
    }
    options = [part for path in lists for part in ("--list", path)]
    events = program.scan(*options, logs[name])
    found = {
        (line, kind, from_list(value).value if kind == "url" else value, how)
        for line, kind, value, how in program.tuples(events)
    }
    assert found == expected
    seen = {value for _, _, value, _ in found}
    assert seen >= {
        *make_logs.LISTED_DOMAINS,
        *make_logs.LISTED_URLS,
        *make_logs.LISTED_ADDRESSES[:2],
        "68.183.203.0/24",
    }
    assert {how for *_, how in found} >= {"exact", "subdomain", "cidr", "url"}


def test_fresh_logs_are_understood_in_full(logs):
    """Checks that no line is malformed. Lines that Squid itself calls an error have no URL."""
    for name, log in logs.items():
        result = program.run("scan", "--count", "--list", REAL / "domains.txt", log)
        assert b"malformed" not in result.stderr, (name, result.stderr)


def test_the_formats_are_told_apart(logs):
    for name, log in logs.items():
        told = program.run(
            "scan", "--json", "--log-format", name, "--list", REAL / "domains.txt", log
        ).stdout
        assert (
            program.run("scan", "--json", "--list", REAL / "domains.txt", log).stdout == told != b""
        )


def test_ipv6_and_connect(tmp_path, logs):
    listed = program.write(tmp_path / "l.txt", "::1", "login.corp.example", "six.example.org")
    for name, log in logs.items():
        events = program.scan("--accept-special", "--list", listed, log)
        lines = [e["raw"] for e in events]
        assert any(
            "CONNECT login.corp.example:443" in line or "CONNECT login.corp.example" in line
            for line in lines
        )
        assert any("[::1]" in line for line in lines), name
        fields = {m["field"] for e in events for m in e["matches"] if m["entry"]["value"] == "::1"}
        assert "source.ip" in fields and (name == "combined" or "destination.ip" in fields)


def test_the_example_shows_each_kind_of_match():
    events = program.scan(
        "--feed", EXAMPLE / "bundle.json", "--list",
        EXAMPLE / "domains.txt", "--list", EXAMPLE / "networks.txt",
        "--list", EXAMPLE / "urls.csv", "--allow", EXAMPLE / "allow.txt", EXAMPLE / "squid.log",
    )  # fmt: skip
    found = {
        (re.sub("^https?://", "", m["entry"]["value"]), m["match"])
        for e in events
        for m in e["matches"]
    }
    assert found == {
        ("mofa-gov-qa.ml", "exact"), ("mofa-gov-qa.ml", "subdomain"),
        ("brokering.xyz", "exact"), ("indryz.beauty", "exact"),
        ("185.53.177.19", "exact"), ("68.183.203.0/24", "cidr"),
        ("84.54.50.60-84.54.50.80", "range"),
        ("irannihon.com/xmlrpc.php", "url"), ("absupplies.co.uk/et4fcy.tar", "url"),
        # The second part of a conjunction.
        ("et4fcy.tar", "exact"),
    }  # fmt: skip
    raw = "\n".join(event["raw"] for event in events)
    assert "oussamartx" not in raw and "www.indryz" not in raw and "notmofa" not in raw
