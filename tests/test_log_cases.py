"""Real-world logs: the inputs of public bug reports, and variations of them.

They are in tests/data/cases, where `expect` names the report.
"""

import gzip
import json

import pytest

from tests import lines, program

CASES = program.ROOT / "tests/data/cases"

# The matching lines, and the values that match in them.
MATCHING = {
    "alb-ipv6-full": {1: {"2a06:98c1:50:1:bcf4:5264:e01c:f215"}},
    "combined-xff-tagged": {1: {"45.66.77.88"}},
    "combined-xff-with-port": {1: {"45.66.77.88"}, 2: {"2a06:98c1:50::10"}},
    "eve-xff": {1: {"45.66.77.88"}, 2: {"45.66.77.88"}, 3: {"2a06:98c1:50::10"}},
    "ndjson-ip-with-port": {1: {"45.66.77.88"}, 2: {"45.66.77.88"}, 3: {"2a06:98c1:50::10"}},
    "nginx-xff-list-first": {1: {"45.66.77.88"}, 2: {"45.66.77.88"}, 3: {"2a06:98c1:50::10"}},
    "utf16-log": {1: {"bad-one.top"}, 2: {"45.66.77.88"}},
    "windows-dns-debug": {1: {"bad-one.top"}, 2: {"45.66.77.88"}},
    "zeek-proxied-single": {1: {"45.66.77.88"}, 2: {"45.66.77.88"}},
}


def matches(listed, log, *arguments, **options) -> dict[int, set[str]]:
    """Returns the listed values that match, by line."""
    events = program.scan(*arguments, "--list", listed, log, **options)
    return {
        event["line"]: {match["entry"]["value"] for match in event["matches"]} for event in events
    }


@pytest.mark.parametrize("name", MATCHING)
def test_reported_case(name):
    assert matches(CASES / name / "list.txt", CASES / name / "log") == MATCHING[name]


def test_the_first_address_of_a_list_is_the_client():
    case = CASES / "nginx-xff-list-first"
    [event] = program.scan("--list", case / "list.txt", case / "t")
    assert event["event"]["source"]["ip"] == "45.66.77.88"


@pytest.fixture
def listed(tmp_path):
    return program.write(
        tmp_path / "list.txt", "bad-one.top", "45.66.77.88",
        "2a06:98c1:50::10", "http://bad-three.top/a/b.bin",
        "evil.onion", "c2.internal", "backup.zip", "evil.pl", "http://bad-four.top/x?a=1&b=2",
    )  # fmt: skip


TEXT = "client 10.0.0.1 asked http://bad-one.top/a\nsrc=45.66.77.88 ok\nnothing\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_encodings(tmp_path, listed, encoding, pack):
    for number, text in enumerate([TEXT, TEXT.replace("\n", "\r\n")]):
        log = tmp_path / f"{number}.log"
        log.write_bytes(pack(text.encode(encoding)))
        assert matches(listed, log) == {1: {"bad-one.top"}, 2: {"45.66.77.88"}}
        assert matches(listed, "-", stdin=pack(text.encode(encoding))) == matches(listed, log)
    big = b"\xfe\xff" + TEXT.encode("utf-16-be")
    assert set(matches(listed, "-", stdin=big)) == {1, 2}


def test_utf16_lists_are_decoded(tmp_path):
    log = program.write(tmp_path / "a.log", "see bad-one.top now")
    for encoding in ["utf-16", "utf-16-le", "utf-16-be"]:
        listed = tmp_path / "l.txt"
        listed.write_bytes("bad-one.top\r\nbad-two.top\r\n".encode(encoding))
        assert matches(listed, log) == {1: {"bad-one.top"}}


def test_carriage_returns_end_lines(tmp_path, listed):
    log = tmp_path / "a.log"
    log.write_bytes(TEXT.replace("\n", "\r").encode())
    assert matches(listed, log) == {1: {"bad-one.top"}, 2: {"45.66.77.88"}}
    log.write_bytes(
        "\r".join(
            [lines.squid("http://good.example/"), lines.squid("http://bad-one.top/")]
        ).encode()
    )
    [event] = program.scan("--list", listed, log)
    assert (event["line"], event["event"]["url"]["domain"]) == (2, "bad-one.top")


@pytest.mark.parametrize("data, told", [
    ("one bad-one.top\n".encode("utf-32"), "iconv -f UTF-32LE"),
    ("one bad-one.top\n".encode("utf-32-be"), "iconv -f UTF-32BE"),
    (b"ElfFile\0" + bytes(100), "evtx_dump"),
    (b"LPKSHHRH" + bytes(100), "journalctl"),
    (b"\xd4\xc3\xb2\xa1" + bytes(100), "tcpdump"),
    (b"7z\xbc\xaf\x27\x1c" + bytes(100), "7z x -so"),
])  # fmt: skip
def test_what_cannot_be_read_says_how_it_can(tmp_path, listed, data, told):
    (tmp_path / "a.log").write_bytes(data)
    result = program.run(
        "scan", "--count", "--list", listed, tmp_path / "a.log", expect=program.DAMAGED
    )
    assert told in result.stderr.decode() and "a.log" in result.stderr.decode()


@pytest.mark.parametrize(
    "header",
    [
        "Nov 22 02:30:25 gw app[7]: ",
        "<134>1 2026-11-22T02:30:25Z gw app - - - ",
        "2026-11-22T02:30:25.1Z stdout F ",
    ],
)
def test_syslog_headers_stand_before_any_format(tmp_path, listed, header):
    for message, name in [
        (lines.squid("http://bad-one.top/"), "squid"),
        (lines.combined("http://bad-one.top/"), "combined"),
        (lines.eve_dns("bad-one.top"), "ndjson"),
    ]:
        log = program.write(tmp_path / f"{name}.log", header + message, header + message)
        result = program.run("scan", "--json", "--list", listed, log)
        assert [json.loads(line)["line"] for line in result.stdout.splitlines()] == [1, 2]
        assert f"read as {name}" in result.stderr.decode() and b"malformed" not in result.stderr


def test_a_line_that_is_not_of_the_format_is_counted_and_searched(tmp_path, listed):
    for good in [
        lines.squid("http://good.example/"),
        lines.combined("http://good.example/"),
        lines.eve_dns("good.example"),
    ]:
        log = program.write(
            tmp_path / "a.log",
            *[good] * 5,
            "starting, upstream is bad-one.top",
            good[: len(good) // 2],
        )
        result = program.run("scan", "--json", "--list", listed, log)
        assert [json.loads(line)["line"] for line in result.stdout.splitlines()] == [6]
        assert "2 malformed lines" in result.stderr.decode()


def test_a_format_that_was_told_on_one_line_is_told_again(tmp_path, listed):
    for first in ["example.net", "{}"]:
        log = program.write(tmp_path / "a.log", first, *[lines.squid("http://bad-one.top/")] * 3)
        assert set(matches(listed, log)) == {2, 3, 4}


@pytest.mark.parametrize(
    "text, found",
    [
        ("tcp 2a06:98c1:50:0:0:0:0:10:443 open", "2a06:98c1:50::10"),
        ("from [2a06:98c1:50::10]:443", "2a06:98c1:50::10"),
        ("to ::ffff:45.66.77.88:5555", "45.66.77.88"),
        ("it was hxxp://bad-one[.top/a today", "bad-one.top"),
        ("it was bad-one.]top today", "bad-one.top"),
        ("it was bad-one[[.]]top today", "bad-one.top"),
        ("it was bad-one<.>top today", "bad-one.top"),
        ("it was bad-one\\.top today", "bad-one.top"),
        ("it was 45[.66.77[.]88 today", "45.66.77.88"),
        ("mail from bob[at]bad-one[.]top today", "bad-one.top"),
        ("see <http://bad-three.top/a/b.bin>, please", "http://bad-three.top/a/b.bin"),
        ("see 'http://bad-three.top/a/b.bin', please", "http://bad-three.top/a/b.bin"),
        ("see «http://bad-three.top/a/b.bin», please", "http://bad-three.top/a/b.bin"),
        ("see &lt;http://bad-three.top/a/b.bin&gt; please", "http://bad-three.top/a/b.bin"),
        (
            'x {"u":"\\u003chttp://bad-three.top/a/b.bin\\u003e"} y z',
            "http://bad-three.top/a/b.bin",
        ),
        ("key=http://bad-three.top/a/b.bin other=1", "http://bad-three.top/a/b.bin"),
        ("href=3Dhttp://bad-three.top/a/b.bin other=1", "http://bad-three.top/a/b.bin"),
        (
            "CEF:0|a|b|1|2|3|4|request=http://bad-four.top/x?a\\=1&b\\=2 src=10.0.0.1",
            "http://bad-four.top/x?a=1&b=2",
        ),
        ("see http://bad-four.top/x?a=1&amp;b=2 and", "http://bad-four.top/x?a=1&b=2"),
        ("a==45.66.77.88= b", "45.66.77.88"),
        ("x ip=2a06:98c1:50::10,y", "2a06:98c1:50::10"),
        ("go to www.evil.onion now", "evil.onion"),
        ("go to host.c2.internal now", "c2.internal"),
        ("read nginx.conf and main.c2", None),
        ("Rcv 10.0.0.1 A (3)www(7)bad-one(3)top(0)", "bad-one.top"),
    ],
)
def test_free_text(tmp_path, listed, text, found):
    log = program.write(tmp_path / "a.log", "first words of a log", text)
    values = matches(listed, log).get(2, set())
    assert (found in values) if found else not values, values


def test_a_word_that_is_mostly_a_files_name_is_a_partial_match(tmp_path, listed):
    bare = [
        "unpacked backup.zip again",
        "perl said in evil.pl line 7",
        "C:\\tools\\backup.zip is gone",
    ]
    full = [
        "asked http://backup.zip/ today",
        "open backup.zip:443 today",
        "open backup.zip/x today",
        "mail to bob@evil.pl today",
    ]
    log = program.write(tmp_path / "a.log", *bare, *full)
    assert set(matches(listed, log)) == {4, 5, 6, 7}
    events = program.scan("--partial", "--list", listed, log)
    kinds = {event["line"]: event["matches"][0]["match"] for event in events}
    assert kinds == {
        1: "file_name",
        2: "file_name",
        3: "file_name",
        4: "exact",
        5: "exact",
        6: "exact",
        7: "exact",
    }
    assert (
        "3 partial matches" in program.run("scan", "--count", "--list", listed, log).stderr.decode()
    )
    # A field for hosts contains hosts, and so does a log of one value a line.
    log = program.write(tmp_path / "b.log", lines.eve_dns("backup.zip"))
    assert matches(listed, log) == {1: {"backup.zip"}}
    log = program.write(tmp_path / "c.log", "good.example", "evil.pl", "10.0.0.1")
    assert matches(listed, log) == {2: {"evil.pl"}}


def test_cut_lines_are_damage(tmp_path, listed):
    log = tmp_path / "a.log"
    log.write_bytes(b"bad-one.top " + b"x" * (17 * 1024 * 1024) + b"\nsee 45.66.77.88\n")
    result = program.run("scan", "--json", "--list", listed, log, expect=program.DAMAGED)
    assert [json.loads(line)["line"] for line in result.stdout.splitlines()] == [1, 2]
    assert "1 overlong line" in result.stderr.decode()


def test_known_fields(tmp_path, listed):
    bad = "45.66.77.88"
    events = [
        {"xff": bad},
        {"http": {"xff": f"10.0.0.1, {bad}"}},
        {"tunnel": {"src_ip": bad}},
        {"tunnel": {"dest_ip": bad}},
        {"dns": {"authorities": [{"rrname": "bad-one.top", "rdata": "x"}]}},
        {"dns": {"additionals": [{"rrname": "a", "rdata": bad}]}},
        {"tls": {"subject": "C=US, CN=*.bad-one.top"}},
        {"x_forwarded_for": f"{bad}, 10.0.0.1"},
        {"http_x_forwarded_for": bad},
        {"request": {"headers": {"X-Forwarded-For": [f"10.0.0.1,{bad}:80"]}}},
        {"x_real_ip": bad},
        {"request.host": bad, "request.name": "a"},
        {"socks": {"request": {"name": "bad-one.top"}}},
        {"socks.request.host": bad},
        {"proxied": [f"X-FORWARDED-FOR -> {bad}"]},
        {"proxied": f"FORWARDED -> for={bad};proto=http"},
        {"_index": "a", "_id": "1", "_source": {"source": {"ip": bad}}},
        {
            "hits": {
                "hits": [
                    {"_source": {"destination.ip": "10.0.0.1"}},
                    {"_source": {"destination.ip": bad}},
                ]
            }
        },
        {"source": {"ip": f"[2a06:98c1:50::10]:443, {bad}"}},
        {"remote_addr": f"{bad}:5555"},
        {"message": f"CEF:0|a|b|1|2|3|4|src={bad} dst=10.0.0.1"},
        {"message": "act=deny dhost=bad-one.top url=/"},
    ]
    log = program.write(tmp_path / "a.log", *map(json.dumps, events))
    assert set(matches(listed, log)) == set(range(1, len(events) + 1))
