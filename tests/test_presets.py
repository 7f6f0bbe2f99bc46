"""Presets: samples of public feeds through the program, as a user would read them.

The samples and their expectations are older than the reader (data/feeds/README.md).
"""

import json
import tomllib
from pathlib import Path

import pytest

from tests import program
from tests.program import DAMAGED, DONE, USAGE

FEEDS = Path(__file__).parent / "data/feeds"
ROOT = Path(__file__).parent.parent
SAMPLES = sorted(path.name.removesuffix(".expect.json") for path in FEEDS.glob("*.expect.json"))
EXPECTED = {name: json.loads((FEEDS / f"{name}.expect.json").read_text()) for name in SAMPLES}


def examined(*arguments, expect=DONE):
    """Returns the entries of `feeds test --json`, the exceptions, and the summary."""
    output = program.run("feeds", "test", *arguments, "--json", expect=expect).stdout
    *lines, last = [json.loads(line) for line in output.splitlines()]
    exceptions = [line["allow"] for line in lines if "allow" in line]
    entries = {
        (line["type"], line["value"], line.get("port")): (
            line.get("confidence"),
            line.get("scope"),
        )
        for line in lines
        if "allow" not in line
    }
    return entries, exceptions, last["summary"]


def wanted(entries, scope=None):
    return {
        (one["type"], one["value"], one.get("port")): (
            one.get("confidence"),
            one.get("scope", scope),
        )
        for one in entries
    }


def is_refused(expectation):
    has_none = "unsupported" in expectation or expectation.get("purpose") == "suffixes"
    return has_none or not expectation["entries"]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_read_by_its_preset(name):
    expectation = EXPECTED[name]
    preset = ["--format", expectation["preset"]] if "preset" in expectation else []
    code = DAMAGED if is_refused(expectation) else DONE
    entries, exceptions, summary = examined(FEEDS / name, *preset, expect=code)
    assert entries == wanted(expectation["entries"], expectation.get("scope"))
    assert exceptions == expectation.get("allow", [])
    assert summary["taken"] == len(entries)


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_wrong_is_taken_from_a_sample_without_its_preset(name):
    result = program.run("feeds", "test", FEEDS / name, "--json", expect=None)
    assert result.returncode in (DONE, USAGE, DAMAGED)
    values = {json.loads(line).get("value") for line in result.stdout.splitlines()}
    assert not values & set(EXPECTED[name]["not"])
    assert result.returncode != USAGE or b"format" in result.stderr


@pytest.mark.parametrize("name", [name for name in SAMPLES if "filtered" in EXPECTED[name]])
def test_a_user_may_narrow_a_preset(tmp_path, name):
    expectation = EXPECTED[name]
    filtered, preset = expectation["filtered"], expectation["preset"]
    change = {key: value for key, value in filtered.items() if key != "entries"}
    config = tmp_path / "threatsieve.toml"
    own = f'[[presets]]\nname = "narrow"\nlike = "{preset}"\n' + toml(change)
    feeds = [f'[[feeds]]\nname = "own"\npath = "{FEEDS / name}"\npreset = "narrow"\n']
    if "where" in change:
        feeds.append(
            f'[[feeds]]\nname = "where"\npath = "{FEEDS / name}"\npreset = "{preset}"\n'
            + toml({"where": change["where"]})
        )
    config.write_text('state = "state"\n' + own + "\n".join(feeds))
    for feed in ["own", "where"][: len(feeds)]:
        entries, _, summary = examined(feed, "--config", config)
        assert entries == wanted(filtered["entries"])
        assert summary["rejected"] == 0
        assert "where" not in change or summary["skipped"] > 0


def toml(settings):
    """Writes settings without tables of their own."""

    def value(one):
        if isinstance(one, dict):
            return "{ " + ", ".join(f"{key} = {value(item)}" for key, item in one.items()) + " }"
        if isinstance(one, list):
            return "[" + ", ".join(value(item) for item in one) + "]"
        return json.dumps(one)

    return "".join(f"{key} = {value(one)}\n" for key, one in settings.items())


def test_presets_are_listed_and_shown():
    lines = program.run("feeds", "presets").stdout.decode().splitlines()
    names = [line.split()[0] for line in lines]
    assert names == sorted(names) and len(names) > 90
    assert {one["preset"] for one in EXPECTED.values() if "preset" in one} <= set(names)
    shown = program.run("feeds", "presets", "urlhaus-recent").stdout.decode()
    assert "${ABUSE_CH_KEY}" in shown and "CC0" in shown
    # The settings can be copied into a configuration.
    forms = tomllib.loads(shown)["presets"]
    assert [form["format"] for form in forms] == ["csv", "json"]
    objects = program.run("feeds", "presets", "--json").stdout.splitlines()
    assert [json.loads(line)["name"] for line in objects] == names


def test_an_unknown_preset_is_reported_with_the_nearest_one():
    result = program.run("feeds", "presets", "urlhaus-recnt", expect=USAGE)
    assert b"did you mean urlhaus-recent?" in result.stderr
    result = program.run("feeds", "test", "-", "--format", "ipsumm", expect=USAGE)
    assert b"did you mean ipsum?" in result.stderr


def test_a_preset_is_recognised_by_its_banner(tmp_path):
    _, _, summary = examined(FEEDS / "threatfox-recent.csv")
    assert (summary["format"], summary["taken"]) == ("csv", len(
        EXPECTED["threatfox-recent.csv"]["entries"]
    ))  # fmt: skip
    # Without it the columns are unknown, and the message names a preset that fits them.
    bare = tmp_path / "bare.tsv"
    bare.write_text("45.66.77.71\t10\n93.94.95.71\t3\n")
    assert b"the preset ipsum" in program.run("feeds", "test", bare, expect=DAMAGED).stderr


def test_good_values_are_not_listed_as_bad_ones_by_mistake():
    result = program.run("feeds", "test", FEEDS / "aws-ip-ranges.json", expect=DAMAGED)
    assert b"aws-ip-ranges" in result.stderr


def test_a_feed_with_a_preset_needs_nothing_else(tmp_path, monkeypatch):
    config = tmp_path / "threatsieve.toml"
    config.write_text('state = "state"\n[[feeds]]\nname = "u"\npreset = "urlhaus-recent"\n')
    result = program.run("config", "check", "--offline", "--config", config, expect=USAGE)
    assert b"ABUSE_CH_KEY" in result.stderr
    monkeypatch.setenv("ABUSE_CH_KEY", "s3cret")
    shown = program.run("config", "show", "--config", config).stdout.decode()
    assert 'feeds.u.every = "5m"' in shown and "s3cret" not in shown
    config.write_text(
        'state = "state"\n[[feeds]]\nname = "u"\npreset = "urlhaus-recent"\nevery = "1m"\n'
    )
    result = program.run("config", "check", "--offline", "--config", config, expect=USAGE)
    assert b"expected at least 5m" in result.stderr
    config.write_text('state = "state"\n[[feeds]]\nname = "u"\npreset = "urlhaus"\nwhere = [{}]\n')
    result = program.run("config", "check", "--offline", "--config", config, expect=USAGE)
    assert b"expected a column of urlhaus" in result.stderr
