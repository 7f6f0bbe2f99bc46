"""The log formats with fields and times: detection, values, fields, validity and windows."""

import gzip
import json
import random
from datetime import datetime, timedelta, timezone

import apachelogs
import pytest

from tests import log_formats, program, seeds, stix
from tests.log_formats import ADDRESS, ADDRESS6, HOST, day

BOM = b"\xef\xbb\xbf"


@pytest.fixture
def listed(tmp_path):
    return program.write(tmp_path / "l.txt", "evil.com", ADDRESS, "2a00:1450::/32")


def fields(event: dict) -> dict[str, str]:
    """Returns the observables of an event's matches by their fields."""
    return {match["field"]: match["observable"] for match in event["matches"]}


def written(tmp_path, text: str | bytes):
    log = tmp_path / "some.log"
    log.write_bytes(text.encode() if isinstance(text, str) else text)
    return log


@pytest.mark.parametrize("name", log_formats.ALL)
@pytest.mark.parametrize("told", [True, False], ids=["told", "detected"])
def test_each_value_has_its_field(tmp_path, listed, name, told):
    lines = log_formats.ALL[name](day(8, 23))
    arguments = ["--log-format", name.split()[0]] if told else []
    log = program.write(tmp_path / "a.log", *(line for line, _ in lines))
    result = program.run("scan", "--json", "--list", listed, *arguments, log)
    events = [json.loads(line) for line in result.stdout.splitlines()]
    expected = [(number, found) for number, (_, found) in enumerate(lines, 1) if found]
    assert [(event["line"], fields(event)) for event in events] == expected
    assert f"read as {name.split()[0]}" in result.stderr.decode()
    assert b"malformed" not in result.stderr


@pytest.mark.parametrize("name", log_formats.ALL)
def test_line_ends_marks_and_packing_change_nothing(tmp_path, listed, name):
    lines = [line for line, _ in log_formats.ALL[name](day(8, 23))]
    plain = program.scan("--list", listed, written(tmp_path, "\n".join(lines) + "\n"))
    assert plain
    for text in [
        "\r\n".join(lines).encode(),
        BOM + "\n".join(lines).encode(),
        gzip.compress("\n".join(lines).encode()),
    ]:
        events = program.scan("--list", listed, written(tmp_path, text))
        assert [(e["line"], fields(e)) for e in events] == [(e["line"], fields(e)) for e in plain]


@pytest.mark.parametrize("name", log_formats.ALL)
def test_the_lines_own_time_decides(tmp_path, name):
    """The indicators are valid in August. The lines are from July, August and September."""
    # Times without a year are of the last twelve months, or of the next day.
    latest = datetime.now(timezone.utc) + timedelta(days=1)
    year = latest.year - (day(8, 23, latest.year) > latest)
    valid = {"valid_from": f"{year}-08-01T00:00:00Z", "valid_until": f"{year}-09-01T00:00:00Z"}
    feed = stix.write(
        tmp_path / "f.json",
        stix.indicator(1, "[domain-name:value = 'evil.com']", **valid),
        stix.indicator(2, f"[ipv4-addr:value = '{ADDRESS}']", **valid),
        stix.indicator(3, f"[ipv6-addr:value = '{ADDRESS6}']", **valid),
    )
    months = [log_formats.ALL[name](day(month, 23, year)) for month in (7, 8, 9)]
    lines = [line for month in months for line in month]
    log = program.write(tmp_path / "a.log", *(line for line, _ in lines))
    events = program.scan("--feed", feed, log)
    of_august = range(len(months[0]) + 1, len(months[0]) + len(months[1]) + 1)
    expected = [number for number in of_august if lines[number - 1][1]]
    assert [event["line"] for event in events] == expected
    if not name.startswith("ndjson"):
        assert {event["event"]["@timestamp"][:10] for event in events} == {f"{year}-08-23"}


@pytest.mark.parametrize("name", log_formats.ALL)
def test_windows_leave_out_old_lines(tmp_path, listed, name):
    """Follows a log in which half of the lines are older than the window."""
    now = datetime.now(timezone.utc)
    old = log_formats.ALL[name](now - timedelta(days=60))
    new = log_formats.ALL[name](now - timedelta(days=2))
    program.write(tmp_path / "a.log", *(line for line, _ in old + new))
    config = program.write(
        tmp_path / "threatsieve.toml",
        'state = "state"',
        '[output]\nfile = "flagged.ndjson"',
        f'[[feeds]]\nname = "l"\ntype = "path"\npath = "{listed}"',
        '[[logs]]\nname = "x"\npaths = ["a.log"]',
        '[history]\nwindow = "30d"',
    )
    program.run("poll", "--config", config)
    records = map(json.loads, (tmp_path / "flagged.ndjson").read_text().splitlines())
    found = sorted(record["log"]["offset"] for record in records)
    start = sum(len(line.encode()) + 1 for line, _ in old)
    expected, at = [], start
    for line, values in new:
        expected += [at] * bool(values)
        at += len(line.encode()) + 1
    assert found == expected


def test_a_header_is_remembered_between_rounds(tmp_path, listed):
    (_, _), (header, _), (line, values), *_ = log_formats.w3c_iis(day(8, 23))
    log = program.write(tmp_path / "a.log", header, line)
    config = program.write(
        tmp_path / "threatsieve.toml",
        'state = "state"',
        '[output]\nfile = "flagged.ndjson"',
        f'[[feeds]]\nname = "l"\ntype = "path"\npath = "{listed}"',
        '[[logs]]\nname = "x"\npaths = ["a.log"]',
        '[history]\nwindow = "3650d"',
    )
    for rounds in (1, 2):
        program.run("poll", "--config", config)
        records = (tmp_path / "flagged.ndjson").read_text().splitlines()
        assert len(records) == rounds
        assert json.loads(records[-1])["url"]["domain"] == HOST
        with log.open("a") as file:
            file.write(f"{line}\n")


def test_a_query_that_is_not_logged_is_a_partial_match(tmp_path):
    listed = program.write(tmp_path / "l.txt", f"http://{HOST}/a?b=1", "http://evil.com/")
    header, line = "#Fields: date time c-ip cs-host cs-uri-stem", f"10.0.0.1 {HOST} /a"
    log = program.write(tmp_path / "a.log", header, f"2026-08-23 12:00:00 {line}")
    assert program.scan("--list", listed, log) == []
    (event,) = program.scan("--partial", "--list", listed, log)
    assert [match["match"] for match in event["matches"]] == ["url_query_unlogged"]
    log = program.write(
        tmp_path / "b.log", header + " cs-uri-query", f"2026-08-23 12:00:00 {line} b=1"
    )
    (event,) = program.scan("--list", listed, log)
    assert [match["match"] for match in event["matches"]] == ["url"]


def test_ports_count(tmp_path):
    listed = program.write(tmp_path / "l.txt", f"{ADDRESS}:443", f"{HOST}:8443")
    for name in ("vpc-flow header", "paloalto"):
        lines = [line for line, _ in log_formats.ALL[name](day(8, 23))]
        log = program.write(tmp_path / "a.log", *lines)
        assert len(program.scan("--match-port", "--list", listed, log)) == 1, name
        log = program.write(tmp_path / "a.log", *(line.replace("443", "444") for line in lines))
        assert program.scan("--match-port", "--list", listed, log) == [], name


def test_damaged_lines_are_counted_and_searched(tmp_path, listed):
    for name, format_lines in log_formats.FORMATS.items():
        good = [line for line, _ in format_lines(day(8, 23))]
        log = program.write(tmp_path / "a.log", *good * 3, f"worker of {HOST} ended", "{")
        result = program.run("scan", "--json", "--list", listed, log)
        events = [json.loads(line) for line in result.stdout.splitlines()]
        assert fields(events[-1]) == {"message": HOST}, name
        assert "2 malformed lines" in result.stderr.decode(), name


NGINX = '$remote_addr - $remote_user [$time_local] $host "$request" $status "$http_referer"'


def test_a_format_string_of_nginx(tmp_path, listed):
    moment = day(8, 23).strftime("%d/%b/%Y:%H:%M:%S")
    line = f'{{}} - - [{moment} +0000] {{}} "GET /a HTTP/1.1" 200 "{{}}"'
    log = program.write(
        tmp_path / "a.log",
        line.format(ADDRESS, "good.example", "-"),
        line.format("10.0.0.1", HOST, "http://good.example/\\x22"),
        line.format("10.0.0.1", "good.example", f"https://{HOST}/"),
        f"cut {HOST}",
    )
    events = program.scan("--list", listed, "--format-string", NGINX, log)
    assert [(event["line"], fields(event)) for event in events] == [
        (1, {"source.ip": ADDRESS}),
        (2, {"url.domain": HOST, "url.original": f"http://{HOST}/a"}),
        (3, {"http.request.referrer": f"https://{HOST}/"}),
        (4, {"message": HOST}),
    ]
    assert {event["event"].get("@timestamp") for event in events} == {"2026-08-23T12:00:00Z", None}


def test_a_format_string_in_the_configuration(tmp_path, listed):
    moment = day(8, 23).strftime("%d/%b/%Y:%H:%M:%S")
    program.write(tmp_path / "a.log", f'{HOST}:80 10.0.0.1 [{moment} +0000] "GET /a HTTP/1.1"')
    text = [
        'state = "state"',
        '[output]\nfile = "flagged.ndjson"',
        f'[[feeds]]\nname = "l"\ntype = "path"\npath = "{listed}"',
        '[history]\nwindow = "3650d"',
        '[[logs]]\nname = "x"\npaths = ["a.log"]',
    ]
    string = 'format_string = \'LogFormat "%v:%p %h %t \\"%r\\"" own\''
    config = program.write(tmp_path / "threatsieve.toml", *text, string)
    program.run("poll", "--config", config)
    record = json.loads((tmp_path / "flagged.ndjson").read_text())
    assert (record["url"]["domain"], record["@timestamp"]) == (HOST, "2026-08-23T12:00:00Z")
    for added, told in [
        (string + '\nformat = "squid"', "expected either this or `format`, got both"),
        (string + '\nfields = ["a"]', "expected either this or `fields`, got both"),
        ('format_string = "%h%u"', "expected text between `%h` and `%u`"),
        ('format_string = "none"', "expected variables of nginx"),
        ('format = "custom"', 'expected "auto"'),
    ]:
        program.write(tmp_path / "threatsieve.toml", *text, added)
        result = program.run("poll", "--config", config, expect=program.USAGE)
        assert told in result.stderr.decode(), added


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--format-string", "$a$b"], "expected text between `$a` and `$b`"),
        (["--format-string", "%h %{x"], "expected a directive"),
        (["--format-string", "%h", "--log-format", "squid"], "cannot be used with"),
    ],
)
def test_faults_of_format_strings_are_told(listed, arguments, told):
    result = program.run("scan", "--list", listed, *arguments, "-", expect=program.USAGE)
    assert told in result.stderr.decode()


DIRECTIVES = [
    "%h", "%a", "%l", "%u", "%>s", "%b", "%D", '"%r"', '"%{Referer}i"', '"%{User-Agent}i"', "%v",
    "%p", "%t", '"%{X-Forwarded-For}i"', '"%{Host}i"', "%m", "%U%q", "%{usec}t", "%k", "%I",
]  # fmt: skip


def value(rng: random.Random, directive: str) -> str:
    """Returns a value as Apache writes it."""
    quoted = ["-", f"http://{HOST}/a?b", 'say \\"hi\\" \\\\', "a\\tb", "\\xc3\\xa9", "", "x, y"]
    name = directive.strip('"')
    choices = {
        "%h": [ADDRESS, "10.0.0.1"], "%a": [ADDRESS6, "10.0.0.1"], "%l": ["-"],
        "%u": ["-", "bob"], "%>s": ["200", "404"], "%b": ["-", "512"], "%D": ["17"],
        "%r": [f"GET /a?{rng.random()} HTTP/1.1", f"GET http://{HOST}/x HTTP/1.0", "-"],
        "%v": [HOST, "good.example"], "%p": ["80", "443"], "%m": ["GET"], "%U%q": ["/a", "/a?b=1"],
        "%t": ["[23/Aug/2026:12:00:00 +0000]", "[23/Aug/2026:07:00:00 -0500]"],
        "%{usec}t": ["1787486400000000"], "%k": ["0"], "%I": ["99"],
        "%{X-Forwarded-For}i": ["-", f"{ADDRESS}, 10.0.0.1"], "%{Host}i": ["-", HOST],
    }  # fmt: skip
    return rng.choice(choices.get(name, quoted))


def test_format_strings_of_apache_agree_with_another_parser(tmp_path):
    """Compares with the package apachelogs, over drawn formats and lines."""
    rng = random.Random(seeds.SEED)
    listed = program.write(tmp_path / "l.txt", "evil.com", ADDRESS, "2a00:1450::/32")
    for _ in range(40):
        chosen = rng.sample(DIRECTIVES, rng.randint(1, 8))
        if not any("t" in name and "%" in name and name.endswith("t") for name in chosen):
            chosen.append("%t")
        string = " ".join(chosen)
        other = apachelogs.LogParser(string, encoding="utf-8")
        rows = [[value(rng, name) for name in chosen] for _ in range(5)]
        lines = [" ".join(
            f'"{text}"' if name.startswith('"') else text
            for name, text in zip(chosen, row, strict=True)
        ) for row in rows]  # fmt: skip
        log = program.write(tmp_path / "a.log", *lines)
        result = program.run("scan", "--json", "--list", listed, "--format-string", string, log)
        assert b"malformed" not in result.stderr, (string, lines)
        events = {event["line"]: event for event in map(json.loads, result.stdout.splitlines())}
        for number, line in enumerate(lines, 1):
            entry = other.parse(line)
            texts = [str(text) for text in entry.directives.values() if text is not None]
            has_bad = any(bad in text for text in texts for bad in (HOST, ADDRESS, ADDRESS6))
            assert (number in events) == has_bad, (string, line)
            if event := events.get(number):
                check(event, entry, string, line)


def check(event: dict, entry, string: str, line: str) -> None:
    """Compares an event's fields with those of the other parser."""

    def at(name: str):
        found = event["event"]
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found

    for directive, name in [
        ("%>s", "http.response.status_code"),
        ("%b", "http.response.body.bytes"),
        ("%u", "user.name"),
        ("%m", "http.request.method"),
        ("%{Referer}i", "http.request.referrer"),
        ("%{User-Agent}i", "user_agent.original"),
    ]:
        if directive in entry.directives and not (directive == "%m" and '"%r"' in string):
            assert at(name) == (entry.directives[directive] or None), (string, line)
    moment = entry.request_time or entry.request_time_fields["timestamp"]
    told = datetime.fromisoformat(event["event"]["@timestamp"].replace("Z", "+00:00"))
    assert told == moment, (string, line)
