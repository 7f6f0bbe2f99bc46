"""Tests of `scan`: the output of each mode, and the exit codes."""

import json
import re
import signal

import pytest

from tests import lines, program, stix
from tests.program import DAMAGED, DONE, MATCHED, USAGE

ESCAPE = b"\x1b"


@pytest.fixture
def listed(tmp_path):
    return program.write(
        tmp_path / "listed.txt", "evil.com", "203.0.112.0/24", "http://bad.example/x"
    )


@pytest.fixture
def log(tmp_path):
    """Five lines, of which the second, third and fifth match."""
    return program.write(
        tmp_path / "access.log",
        lines.squid("http://good.example/"),
        lines.squid("http://www.evil.com/a"),
        lines.squid("cdn.evil.com:443", method="CONNECT"),
        lines.squid("http://notevil.com/evil.com?evil.com"),
        lines.squid("http://good.example/", peer="HIER_DIRECT/203.0.112.9"),
    )


def test_json_is_one_object_a_matching_event(listed, log):
    events = program.scan("--list", listed, log)
    assert [event["line"] for event in events] == [2, 3, 5]
    first = events[0]
    assert {"file", "line", "raw", "event", "matches"} <= first.keys()
    assert first["file"] == str(log)
    assert first["raw"] == log.read_text().splitlines()[1]
    assert first["event"]["url"]["original"] == "http://www.evil.com/a"
    assert first["event"]["source"]["ip"] == "192.168.7.9"
    (match,) = first["matches"]
    assert {"observable", "field", "match", "entry", "indicators"} <= match.keys()
    assert match["match"] == "subdomain"
    assert match["entry"] == {"type": "domain-name", "value": "evil.com"}
    (indicator,) = match["indicators"]
    assert {"id", "feed"} <= indicator.keys()
    assert "listed" in indicator["feed"]
    assert indicator["id"].endswith(":1")
    assert events[2]["matches"][0]["entry"] == {"type": "ipv4-addr", "value": "203.0.112.0/24"}
    assert events[2]["matches"][0]["match"] == "cidr"
    assert events[2]["matches"][0]["field"] == "destination.ip"


def test_a_url_match_comes_before_that_of_its_host(tmp_path, log):
    listed = program.write(
        tmp_path / "l.txt", "evil.com", "com", "http://www.evil.com/a", "www.evil.com"
    )
    (event, _) = program.scan("--list", listed, log)
    assert [
        (m["entry"]["type"], m["entry"]["value"].removeprefix("http://")) for m in event["matches"]
    ] == [
        ("url", "www.evil.com/a"),
        ("domain-name", "www.evil.com"),
        ("domain-name", "evil.com"),
    ]


def test_one_match_names_every_indicator_that_vouches(tmp_path, log):
    one = program.write(tmp_path / "one.txt", "evil.com")
    two = program.write(tmp_path / "two.txt", "# nothing", "evil[.]com")
    feed = stix.write(
        tmp_path / "f.json",
        *(stix.indicator(n, "[domain-name:value = 'EVIL.com']") for n in (1, 2)),
    )
    event = program.scan("--list", one, "--list", two, "--feed", feed, log)[0]
    (match,) = event["matches"]
    ids = {indicator["id"] for indicator in match["indicators"]}
    assert ids == {"one.txt:1", "two.txt:2", stix.identifier(1), stix.identifier(2)}


def test_count_is_the_number_of_matching_events_alone(tmp_path, listed, log):
    assert program.run("scan", "--count", "--list", listed, log).stdout == b"3\n"
    # An event with two matches counts once, and files are added up.
    both = program.write(
        tmp_path / "both.log", lines.squid("http://evil.com/", peer="HIER_DIRECT/203.0.112.9")
    )
    assert program.count("--list", listed, log, both) == 4
    assert program.count("--list", listed, program.write(tmp_path / "empty.log")) == 0


def test_files_with_matches(tmp_path, listed, log):
    clean = program.write(tmp_path / "clean.log", lines.squid("http://good.example/"))
    output = program.run("scan", "--files-with-matches", "--list", listed, clean, log).stdout
    assert output.decode().splitlines() == [str(log)]


def test_names_that_a_terminal_would_obey_are_written_out(tmp_path, listed):
    folder = tmp_path / "logs"
    folder.mkdir()
    name = "a\x1b]0;owned\x07\nb\u202egol.\u009b2J"
    program.write(folder / name, lines.squid("http://evil.com/"))
    output = program.run("scan", "--files-with-matches", "--list", listed, folder).stdout.decode()
    assert output == f"{folder}/a\\x1b]0;owned\\x07\\x0ab\\u{{202e}}gol.\\u{{9b}}2J\n"


def test_json_leaves_nothing_that_a_terminal_would_obey(tmp_path, listed):
    hostile = "\u202emoc.\u009b31m\x7f\u200f\u2028\u2066"
    log = program.write(tmp_path / "a\u202e.log", lines.squid(f"http://evil.com/{hostile}"))
    output = program.run("scan", "--json", "--list", listed, log).stdout
    text = output.decode()
    assert not any(
        character in text
        for character in hostile.replace("moc.", "").replace("31m", "")
        if not character.isascii() or character == "\x7f"
    )
    [event] = [json.loads(line) for line in text.splitlines()]
    assert hostile in event["raw"] and event["file"] == str(log)


def test_quiet_prints_no_events(listed, log):
    result = program.run("scan", "--quiet", "--exit-code", "--list", listed, log, expect=MATCHED)
    assert result.stdout == b""


def test_table_says_what_matched_and_why(listed, log):
    output = program.run("scan", "--list", listed, log).stdout
    text = output.decode()
    assert ESCAPE not in output, "colours off a terminal"
    for part in (
        "www.evil.com",
        "cdn.evil.com",
        "evil.com",
        "203.0.112.9",
        "203.0.112.0/24",
        "subdomain",
        "cidr",
    ):
        assert part in text
    assert "notevil" not in text


def test_control_characters_of_a_log_do_not_reach_the_terminal(tmp_path, listed):
    log = tmp_path / "hostile.log"
    log.write_bytes(lines.squid("http://evil.com/\x1b]0;title\x07\x1b[31mred").encode() + b"\n")
    result = program.run("scan", "--list", listed, log)
    assert b"evil.com" in result.stdout
    assert ESCAPE not in result.stdout and b"\x07" not in result.stdout


@pytest.mark.parametrize(
    "mode", [[], ["--json"], ["--count"], ["--files-with-matches"], ["--quiet"]]
)
def test_exit_code_only_on_request(listed, log, tmp_path, mode):
    clean = program.write(tmp_path / "clean.log", lines.squid("http://good.example/"))
    program.run("scan", *mode, "--list", listed, log, expect=DONE)
    program.run("scan", *mode, "--exit-code", "--list", listed, log, expect=MATCHED)
    program.run("scan", *mode, "--exit-code", "--list", listed, clean, expect=DONE)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-option"],
        ["--list", "/does/not/exist.txt", "-"],
        ["--feed", "/does/not/exist.json", "-"],
        ["--blacklist", "/does/not/exist.tsv", "-"],
        ["--log-format", "syslog", "-"],
        ["--at", "yesterday", "-"],
        ["--min-confidence", "101", "-"],
        ["--threads", "many", "-"],
        ["--json", "--count", "-"],
        ["-"],
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_wrong_usage_is_2_with_a_message(listed, arguments):
    given = (
        arguments
        if arguments == ["-"] or "exist" in " ".join(arguments)
        else ["--list", listed, *arguments]
    )
    result = program.run("scan", *given, expect=USAGE)
    assert result.stderr.strip() and result.stdout == b""
    assert b"panicked" not in result.stderr


def test_a_missing_log_is_reported_and_the_others_are_read(tmp_path, listed, log):
    result = program.run(
        "scan", "--count", "--list", listed, tmp_path / "missing.log", log, expect=USAGE
    )
    assert b"missing.log" in result.stderr


def test_damaged_input_is_4_and_wins_over_1(tmp_path, listed, log):
    import gzip

    packed = gzip.compress(
        b"".join(lines.squid(f"http://evil.com/{n}").encode() + b"\n" for n in range(50_000))
    )
    damaged = tmp_path / "cut.log.gz"
    damaged.write_bytes(packed[: len(packed) // 2])
    result = program.run(
        "scan", "--json", "--exit-code", "--list", listed, damaged, log, expect=DAMAGED
    )
    assert b"cut.log.gz" in result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert any(e["file"] == str(damaged) for e in events), (
        "what was read before the damage is shown"
    )
    assert [e["line"] for e in events if e["file"] == str(log)] == [2, 3, 5], (
        "the files after it are read"
    )


def test_a_truncated_bundle_is_4(tmp_path, log):
    bundle = tmp_path / "cut.json"
    bundle.write_text(
        '{"type": "bundle", "id": "bundle--1", "objects": [{"type": "indicator", "pat'
    )
    result = program.run("scan", "--feed", bundle, log, expect=DAMAGED)
    assert b"cut.json" in result.stderr


def test_malformed_lines_are_counted_and_shown_never_fatal(tmp_path, listed):
    log = program.write(
        tmp_path / "odd.log",
        lines.squid("http://evil.com/1"),
        "",
        "this is no squid line",
        "1787443200.000",
        lines.squid("http://evil.com/2"),
    )
    result = program.run("scan", "--count", "--log-format", "squid", "--list", listed, log)
    assert result.stdout == b"2\n"
    assert re.search(rb"\b2\b[^\n]*malformed|malformed[^\n]*\b2\b", result.stderr), result.stderr


@pytest.mark.parametrize("threads", ["2", "3", "16"])
def test_output_keeps_the_order_of_the_input(tmp_path, listed, threads):
    files = []
    for number in range(5):
        text = (
            lines.squid(f"http://h{n % 7}.{'evil.com' if n % 3 else 'good.example'}/{n}")
            for n in range(20_000)
        )
        files.append(program.write(tmp_path / f"{number}.log", *text))
    one = program.run("scan", "--json", "--threads", "1", "--list", listed, *files).stdout
    assert (
        program.run("scan", "--json", "--threads", threads, "--list", listed, *files).stdout == one
    )
    places = [(event["file"], event["line"]) for event in map(json.loads, one.splitlines())]
    assert places == sorted(places) and len(places) > 60_000


def test_a_closed_pipe_ends_quietly(tmp_path, listed):
    log = program.write(
        tmp_path / "long.log", *(lines.squid(f"http://evil.com/{n}") for n in range(100_000))
    )
    process = program.start("scan", "--json", "--list", listed, log)
    assert json.loads(process.stdout.readline())["line"] == 1
    process.stdout.close()
    process.stdin.close()
    message = process.stderr.read()
    assert process.wait(60) in (DONE, -signal.SIGPIPE)
    assert message == b""
    process.stderr.close()


def test_help_has_an_example_for_each_verb():
    for verb in ("scan", "build", "explain"):
        text = program.run(verb, "--help").stdout.decode()
        assert f"threatsieve {verb} " in text and "xample" in text
