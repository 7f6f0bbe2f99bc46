"""Tests of `explain`: why a value matches or not, and which sources list it."""

import json

import pytest

from tests import program, stix


@pytest.fixture
def inputs(tmp_path):
    listed = program.write(
        tmp_path / "listed.txt", "# ours", "evil.com", "1.1.1.0/24", "http://url.example/x", "co.uk"
    )
    feed = stix.write(
        tmp_path / "feed.json",
        stix.indicator(1, "[domain-name:value = 'evil.com']", name="A bad place", confidence=80),
        stix.indicator(
            2, "[domain-name:value = 'old.example']", valid_until="2020-02-01T00:00:00Z"
        ),
    )
    allow = program.write(tmp_path / "allow.txt", "good.evil.com")
    return ["--list", listed, "--feed", feed, "--allow", allow]


def explain(*arguments, **options) -> str:
    result = program.run("explain", *arguments, **options)
    assert b"\x1b" not in result.stdout
    return result.stdout.decode()


def test_every_indicator_that_says_so(inputs):
    text = explain(*inputs, "WWW.Evil.com.")
    for part in ("evil.com", "subdomain", "listed.txt:2", stix.identifier(1)):
        assert part in text


@pytest.mark.parametrize(
    "value, part",
    [
        ("1.1.1.7", "1.1.1.0/24"),
        ("::ffff:1.1.1.7", "1.1.1.0/24"),
        ("https://user@URL.example:80/x?a=b", "url.example/x"),
        ("hxxp://www[.]evil[.]com/", "evil.com"),
        ("someone@evil.com", "evil.com"),
        ("co.uk", "co.uk"),
    ],
)
def test_values_of_each_type(inputs, value, part):
    assert part in explain(*inputs, value)
    assert program.run("explain", "--exit-code", *inputs, value, expect=1)


@pytest.mark.parametrize(
    "value",
    [
        "notevil.com",
        "foo.co.uk",
        "1.1.2.1",
        "http://url.example/xy",
        "old.example",
        "x.good.evil.com",
    ],
)
def test_values_that_do_not_match(inputs, value):
    assert explain("--exit-code", *inputs, value, expect=0).strip()


def test_it_says_why_a_covered_value_does_not_match(inputs):
    assert "2020-02-01" in explain(*inputs, "old.example")
    assert "good.evil.com" in explain(*inputs, "x.good.evil.com")
    assert explain("--at", "2020-01-15", "--exit-code", *inputs, "old.example", expect=1)


def test_from_a_built_blacklist_as_from_its_inputs(tmp_path, inputs):
    program.run("build", *inputs, "-o", tmp_path / "b")
    direct = json.loads(explain("--json", *inputs, "www.evil.com"))
    built = json.loads(explain("--json", "--blacklist", tmp_path / "b", "www.evil.com"))
    assert built == direct
    assert stix.identifier(1) in json.dumps(built)


def test_it_agrees_with_scan(inputs):
    values = [
        "evil.com",
        "x.evil.com",
        "good.evil.com",
        "notevil.com",
        "1.1.1.1",
        "http://url.example/x",
        "co.uk",
        "a.co.uk",
    ]
    matched = {
        values[event["line"] - 1]
        for event in program.scan(
            *inputs, "--log-format", "lines", "-", stdin="\n".join(values).encode()
        )
    }
    for value in values:
        program.run("explain", "--exit-code", *inputs, value, expect=1 if value in matched else 0)


def test_wrong_usage(inputs):
    program.run("explain", *inputs, expect=2)
    program.run("explain", "evil.com", expect=2)
