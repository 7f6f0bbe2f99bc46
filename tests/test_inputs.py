"""The inputs of `scan`: formats, compression, folders, standard input, and files that change while
they are read.
"""

import gzip
import json
import os
import threading
import time

import pytest
import zstandard

from tests import lines, program

EVIL_HASH = "44d88612fea8a8f36de82e1278abb02f"

FORMATS = {
    "squid": [
        lines.squid("http://good.example/"),
        lines.squid("http://www.evil.com/x?"),
        lines.squid("evil.com:443", method="CONNECT"),
        lines.squid("http://good.example/", client="203.0.112.5"),
        lines.squid("http://good.example/", peer="ORIGINAL_DST/2a00:1450:1::9"),
    ],
    "combined": [
        lines.combined("http://good.example/"),
        lines.combined("http://www.evil.com/x?"),
        lines.combined("evil.com:443", method="CONNECT"),
        lines.combined("http://good.example/", client="203.0.112.5"),
        lines.combined("http://good.example/", referrer="https://evil.com/from"),
        lines.combined("http://[2a00:1450:1::9]:8080/"),
    ],
    "ndjson": [
        lines.eve_dns("good.example"),
        lines.eve_dns("www.evil.com"),
        lines.eve_tls("evil.com"),
        lines.eve_http("good.example", "/", destination="203.0.112.5"),
        lines.eve_http("www.evil.com", "/x"),
        lines.ecs(destination__ip="203.0.112.5"),
        lines.ecs(destination={"ip": ["198.51.100.7", "2a00:1450:1::9"]}),
        lines.ecs(url={"full": "http://evil.com/"}),
        lines.ecs(file={"hash": {"md5": EVIL_HASH.upper()}}),
    ],
    "zeek": lines.zeek_dns("good.example", "www.evil.com", "evil.com"),
    "lines": [
        "good.example",
        "www.evil.com",
        "http://evil.com/x",
        "203.0.112.77",
        EVIL_HASH,
        "someone@evil.com",
        "2a00:1450:1::9",
    ],
    "text": [
        "nothing to see here",
        "Aug 23 00:00:00 fw kernel: DROP SRC=203.0.112.5 DST=192.168.7.9 LEN=40",
        "he wrote to (someone@evil.com), then opened <http://www.evil.com/x>.",
        f'hash={EVIL_HASH}; peer [2a00:1450:1::9]:443, name "evil.com".',
        "notevil.com and evil.community are others",
    ],
}
MATCHING = {
    "squid": [2, 3, 4, 5], "combined": [2, 3, 4, 5, 6], "ndjson": [2, 3, 4, 5, 6, 7, 8, 9],
    "zeek": [9, 10], "lines": [2, 3, 4, 5, 6, 7], "text": [2, 3, 4],
}  # fmt: skip


@pytest.fixture
def listed(tmp_path):
    return program.write(
        tmp_path / "l.txt", "evil.com", "203.0.112.0/24", "2a00:1450::/32", EVIL_HASH
    )


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("told", [True, False], ids=["told", "detected"])
def test_each_format(tmp_path, listed, name, told):
    log = program.write(tmp_path / "some.log", *FORMATS[name])
    events = program.scan("--list", listed, *(["--log-format", name] if told else []), log)
    assert [event["line"] for event in events] == MATCHING[name]


@pytest.mark.parametrize("name", FORMATS)
def test_carriage_returns_and_a_missing_last_newline_change_nothing(tmp_path, listed, name):
    log = tmp_path / "some.log"
    log.write_bytes("\r\n".join(FORMATS[name]).encode())
    events = program.scan("--list", listed, "--log-format", name, log)
    assert [event["line"] for event in events] == MATCHING[name]


def test_formats_are_told_file_by_file(tmp_path, listed):
    files = [program.write(tmp_path / f"{name}.log", *text) for name, text in FORMATS.items()]
    events = program.scan("--list", listed, *files)
    assert [(os.path.basename(e["file"]).split(".")[0], e["line"]) for e in events] == [
        (name, line) for name in FORMATS for line in MATCHING[name]
    ]


def test_fields_of_the_log_get_ecs_names(tmp_path, listed):
    log = program.write(
        tmp_path / "a.log",
        lines.combined(
            "http://www.evil.com/x", client="203.0.112.5", referrer="http://sub.evil.com/"
        ),
    )
    (event,) = program.scan("--list", listed, log)
    fields = [match["field"] for match in event["matches"]]
    assert set(fields) >= {"source.ip", "http.request.referrer"}
    assert fields[-1] == "http.request.referrer", "a referrer counts last"
    assert len(fields) == 3 and any(field.startswith("url.") for field in fields)


def test_fields_can_be_named(tmp_path, listed):
    log = program.write(
        tmp_path / "a.log",
        json.dumps({"my": {"own": "www.evil.com"}, "dns": {"question": {"name": "evil.com"}}}),
        json.dumps({"my.own": "good.example"}),
        json.dumps({"my.own": ["x.example", "evil.com"]}),
    )
    events = program.scan("--list", listed, "--log-format", "ndjson", "--field", "my.own", log)
    assert [e["line"] for e in events] == [1, 3]
    assert {m["field"] for e in events for m in e["matches"]} == {"my.own"}


def test_connect_matches_the_host_and_no_url(tmp_path):
    listed = program.write(
        tmp_path / "l.txt", "http://evil.com/", "https://evil.com:8443/", "1.1.1.2"
    )
    log = program.write(
        tmp_path / "a.log",
        lines.squid("evil.com:443", method="CONNECT"),
        lines.squid("1.1.1.2:443", method="CONNECT"),
        lines.squid("evil.com:8443", method="CONNECT"),
    )
    assert [
        (e["line"], m["match"]) for e in program.scan("--list", listed, log) for m in e["matches"]
    ] == [(2, "exact")]


def test_a_parent_proxys_name_is_no_destination(tmp_path):
    listed = program.write(tmp_path / "l.txt", "1.1.1.2")
    log = program.write(
        tmp_path / "a.log",
        lines.squid("http://a.example/", peer="FIRSTUP_PARENT/1.1.1.2"),
        lines.squid("http://a.example/", peer="HIER_DIRECT/1.1.1.2"),
    )
    assert [e["line"] for e in program.scan("--list", listed, log)] == [2]


def packed(name: str, data: bytes) -> bytes:
    half = len(data) // 2
    if name == "gzip":
        return gzip.compress(data[:half]) + gzip.compress(data[half:])
    if name == "zstd":
        return zstandard.compress(data[:half]) + zstandard.compress(data[half:])
    return data


@pytest.mark.parametrize("name", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("stdin", [False, True], ids=["file", "stdin"])
def test_compression_is_told_by_content(tmp_path, listed, name, stdin):
    """Also reads several compressed members in one file, as log rotation and appending produce
    them.
    """
    text = "".join(line + "\n" for _ in range(3_000) for line in FORMATS["squid"])
    data = packed(name, text.encode())
    log = tmp_path / "access.log.1"
    log.write_bytes(data)
    assert (
        program.count("--list", listed, "-" if stdin else log, stdin=data if stdin else None)
        == 12_000
    )


def test_folders_are_read_through_in_order(tmp_path, listed):
    logs = tmp_path / "logs"
    (logs / "b" / "deep").mkdir(parents=True)
    for place in ("a.log", "b/deep/x.log", "b/y.log.gz", "c.log"):
        data = f"{lines.squid('http://evil.com/' + place)}\n".encode()
        (logs / place).write_bytes(gzip.compress(data) if place.endswith("gz") else data)
    (logs / "loop").symlink_to(logs)
    events = program.scan("--list", listed, logs)
    assert [os.path.relpath(e["file"], logs) for e in events] == [
        "a.log",
        "b/deep/x.log",
        "b/y.log.gz",
        "c.log",
    ]


def test_standard_input_is_the_default(listed):
    text = f"{lines.squid('http://evil.com/')}\n".encode()
    assert program.count("--list", listed, stdin=text) == 1
    assert program.count("--list", listed, "-", stdin=text) == 1


def _line_within(stream, seconds: float) -> bytes:
    """Returns the next line of a pipe, or nothing if it does not come in time."""
    answer = []
    reader = threading.Thread(target=lambda: answer.append(stream.readline()), daemon=True)
    reader.start()
    reader.join(seconds)
    return answer[0] if answer else b""


@pytest.mark.parametrize("name", ["squid", "ndjson", "lines", "text"])
def test_endless_input_shows_a_match_at_once(listed, name):
    process = program.start("scan", "--json", "--list", listed, "-")
    try:
        for place in (1, 2, 3):
            process.stdin.write(f"{FORMATS[name][0]}\n{FORMATS[name][1]}\n".encode())
            process.stdin.flush()
            line = _line_within(process.stdout, 5)
            assert line, "a match must appear while the pipe is still open"
            assert json.loads(line)["line"] == 2 * place
            assert process.poll() is None
    finally:
        process.stdin.close()
        process.stdout.read()
        assert process.wait(10) == 0
        process.stdout.close()
        process.stderr.close()


def _half_read(tmp_path, listed, change):
    """Starts a scan, reads one line, changes the file, and reads the rest of the output."""
    log = tmp_path / "busy.log"
    with log.open("w") as file:
        for number in range(400_000):
            file.write(lines.squid(f"http://evil.com/{number}") + "\n")
    process = program.start("scan", "--json", "--list", listed, log)
    process.stdin.close()
    first = json.loads(process.stdout.readline())
    time.sleep(0.5)
    change(log)
    rest = process.stdout.read()
    message = process.stderr.read()
    code = process.wait(60)
    process.stdout.close()
    process.stderr.close()
    assert first["line"] == 1
    assert code in (program.DONE, program.DAMAGED), f"ended with {code}: {message!r}"
    assert b"panicked" not in message
    return [json.loads(line)["line"] for line in rest.splitlines()]


def test_a_file_that_shrinks_does_no_harm(tmp_path, listed):
    def shrink(log):
        os.truncate(log, 1_000)

    seen = _half_read(tmp_path, listed, shrink)
    assert seen == list(range(2, len(seen) + 2))


def test_a_file_that_is_rotated_is_read_to_its_end(tmp_path, listed):
    def rotate(log):
        log.rename(log.with_suffix(".log.1"))
        program.write(log, lines.squid("http://evil.com/of-the-new-file"))

    assert _half_read(tmp_path, listed, rotate) == list(range(2, 400_001))


def test_odd_files_are_survived(tmp_path, listed):
    files = {
        "empty.log": b"",
        "newlines.log": b"\n\r\n\n",
        "nul.log": b"\0" * 100_000,
        "long.log": lines.squid("http://evil.com/" + "a" * 3_000_000).encode()
        + b"\n"
        + lines.squid("http://evil.com/").encode(),
        "binary.log": bytes(range(256)) * 2_000,
        "latin1.log": lines.squid("http://evil.com/caf\xe9").encode("latin-1") + b"\n",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    events = program.scan(
        "--list", listed, "--log-format", "squid", *(tmp_path / name for name in files)
    )
    seen = [(os.path.basename(e["file"]), e["line"]) for e in events]
    assert ("long.log", 2) in seen and ("latin1.log", 1) in seen
    for name in files:
        program.run("scan", "--count", "--list", listed, tmp_path / name)
