"""Tests of `build`: its output, its files, and the blacklists that are refused."""

import json
import random
import re
import subprocess
import time

import pytest

from tests import lines, program, stix
from tests.program import DAMAGED, USAGE

VALUES = [
    "evil.com",
    "1.1.1.0/24",
    "1.1.1.2",
    "2606:4700::1",
    "http://evil.com/x",
    "d41d8cd98f00b204e9800998ecf8427e",
    "bad@mail.example",
]


@pytest.fixture
def listed(tmp_path):
    return program.write(
        tmp_path / "l.txt", *VALUES, "10.0.0.0/8", "not a value at all", "co.uk", "github.io"
    )


def build(target, *arguments, **options):
    result = program.run("build", *arguments, "-o", target, **options)
    return target.read_bytes() if options.get("expect", 0) == 0 else result


def test_a_built_blacklist_answers_as_its_inputs_do(tmp_path, listed):
    feed = stix.write(
        tmp_path / "f.json",
        stix.indicator(1, "[domain-name:value = 'stix.example']", confidence=70),
    )
    allow = program.write(tmp_path / "a.txt", "good.evil.com")
    inputs = ["--list", listed, "--feed", feed, "--allow", allow]
    build(tmp_path / "b", *inputs)
    cases = [
        *VALUES,
        "www.evil.com",
        "good.evil.com",
        "1.1.1.77",
        "co.uk",
        "foo.co.uk",
        "github.io",
        "x.github.io",
        "a.stix.example",
    ]
    text = "\n".join(cases).encode()
    direct = program.run("scan", "--json", "--log-format", "lines", *inputs, "-", stdin=text).stdout
    built = program.run(
        "scan", "--json", "--log-format", "lines", "--blacklist", tmp_path / "b", "-", stdin=text
    ).stdout
    assert built == direct and len(built.splitlines()) > 8


def test_what_it_prints(tmp_path, listed):
    rejected = tmp_path / "rejected.tsv"
    result = program.run("build", "--list", listed, "--rejected", rejected, "-o", tmp_path / "b")
    text = (result.stdout + result.stderr).decode()
    for kind in ("domain-name", "ipv4-addr", "ipv6-addr", "url", "file", "email-addr"):
        assert kind in text
    assert str((tmp_path / "b").stat().st_size) in re.sub(
        r"(?<=\d)[,_\u202f ](?=\d{3})", "", text
    ), "bytes"
    assert re.search(r"\bs(econds)?\b", text), "seconds"
    assert "suffix" in text, "public suffixes are reported"
    listed_refusals = rejected.read_text()
    assert "10.0.0.0/8" in listed_refusals and "not a value at all" in listed_refusals
    for line in listed_refusals.splitlines():
        assert len(line.split("\t")) == 4, line


def test_json_summary(tmp_path, listed):
    summary = json.loads(
        program.run("build", "--json", "--list", listed, "-o", tmp_path / "b").stdout
    )
    assert "domain-name" in json.dumps(summary)


def test_unreduced_patterns_are_counted_and_listed_with_the_reason(tmp_path):
    patterns = [
        "[domain-name:value = 'a.com' AND file:size = 3]",
        "[file:name MATCHES 'x.*']",
        "[domain-name:value != 'b.com']",
        "[domain-name:value = 'ok.com']",
        "[domain-name:value = ",
    ]
    feed = stix.write(tmp_path / "f.json", *(stix.indicator(n, p) for n, p in enumerate(patterns)))
    rejected = tmp_path / "rejected.tsv"
    program.run("build", "--feed", feed, "--rejected", rejected, "-o", tmp_path / "b")
    text = rejected.read_text()
    assert [stix.identifier(n) in text for n in range(5)] == [True, True, True, False, True]


def test_same_inputs_same_bytes(tmp_path, listed):
    feed = stix.write(
        tmp_path / "f.json",
        *(stix.indicator(n, f"[domain-name:value = 'd{n}.com']") for n in range(50)),
    )
    inputs = ["--list", listed, "--feed", feed, "--name", "n", "--generation", "7"]
    first = build(tmp_path / "one", *inputs)
    time.sleep(1.1)
    assert build(tmp_path / "two", *inputs) == first
    assert build(tmp_path / "three", *inputs[:-1], "8") != first
    assert build(tmp_path / "four", *inputs, "--name", "m", expect=None) != first


def test_it_replaces_the_file_in_one_step_or_not_at_all(tmp_path, listed):
    target = tmp_path / "b"
    before = build(target, "--list", listed)
    cut = tmp_path / "cut.json"
    cut.write_text('{"type": "bundle", "objects": [{"type"')
    program.run("build", "--feed", cut, "-o", target, expect=DAMAGED)
    assert target.read_bytes() == before
    program.run("build", "--list", listed, "-o", tmp_path / "no/such/folder/b", expect=USAGE)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b", "cut.json", "l.txt"], (
        "no temporary file is left"
    )


class TestRefusedBlacklists:
    @pytest.fixture
    def blacklist(self, tmp_path, listed):
        build(tmp_path / "b", "--list", listed)
        return tmp_path / "b"

    def refused(self, path, *arguments):
        result = program.run(
            "scan", "--blacklist", path, *arguments, "-", stdin=b"evil.com\n", expect=None
        )
        assert result.returncode in (USAGE, DAMAGED), result.stderr
        assert result.stdout == b"" and path.name.encode() in result.stderr
        assert b"panicked" not in result.stderr
        return result

    def test_truncated(self, blacklist):
        whole = blacklist.read_bytes()
        for kept in [0, 1, 7, 8, 63, 64, 65, 200, len(whole) // 2, len(whole) - 1]:
            blacklist.write_bytes(whole[:kept])
            self.refused(blacklist)

    def test_grown(self, blacklist):
        with blacklist.open("ab") as file:
            file.write(b"\0")
        self.refused(blacklist)

    def test_altered_anywhere(self, blacklist):
        """Changes bytes in every section. Each changed blacklist must be refused."""
        whole = blacklist.read_bytes()
        rng = random.Random(5)
        header_bytes = int.from_bytes(whole[12:16], "little")
        places = [
            at
            for at in rng.sample(range(len(whole)), 60)
            if not header_bytes - 64 <= at < header_bytes
        ]
        for at in [*range(16), *places, len(whole) - 1]:
            changed = bytearray(whole)
            changed[at] ^= 1 << rng.randrange(8)
            blacklist.write_bytes(changed)
            self.refused(blacklist)

    def test_altered_where_a_signature_would_stand(self, blacklist):
        """Changes the header's last 64 bytes. They are zeros in an unsigned blacklist, but still
        checked.
        """
        whole = blacklist.read_bytes()
        header_bytes = int.from_bytes(whole[12:16], "little")
        for at in (header_bytes - 64, header_bytes - 1):
            blacklist.write_bytes(whole[:at] + b"\1" + whole[at + 1 :])
            self.refused(blacklist)

    def test_foreign(self, blacklist):
        for other in (b"PK\x03\x04" + b"x" * 5_000, b"evil.com\n" * 1_000, b"\0" * 100_000):
            blacklist.write_bytes(other)
            self.refused(blacklist)


class TestSignatures:
    @pytest.fixture
    def keys(self, tmp_path, tool):
        openssl = tool("openssl", "openssl")

        def pair(name: str):
            private, public = tmp_path / f"{name}.pem", tmp_path / f"{name}.pub"
            subprocess.run(
                [openssl, "genpkey", "-algorithm", "ed25519", "-out", private],
                check=True,
                capture_output=True,
            )
            subprocess.run(
                [openssl, "pkey", "-in", private, "-pubout", "-out", public],
                check=True,
                capture_output=True,
            )
            return private, public

        return pair

    def test_signed_is_taken_and_everything_else_refused(self, tmp_path, listed, keys):
        (private, public), (_, stranger) = keys("ours"), keys("theirs")
        signed, plain = tmp_path / "signed", tmp_path / "plain"
        whole = build(signed, "--list", listed, "--sign-key", private)
        build(plain, "--list", listed)

        def scan(path, key, expect):
            return program.run(
                "scan",
                "--count",
                "--log-format",
                "lines",
                "--blacklist",
                path,
                "--verify-key",
                key,
                "-",
                stdin=b"evil.com\n",
                expect=expect,
            )

        assert scan(signed, public, 0).stdout == b"1\n"
        program.run(
            "scan", "--blacklist", signed, "-", stdin=b"x\n"
        )  # Without a key, no signature is required.
        for path, key in ((plain, public), (signed, stranger)):
            result = scan(path, key, None)
            assert result.returncode in (USAGE, DAMAGED) and b"sign" in result.stderr.lower()
        rng = random.Random(6)
        for at in rng.sample(range(len(whole)), 40):
            changed = bytearray(whole)
            changed[at] ^= 0x10
            signed.write_bytes(changed)
            assert scan(signed, public, None).returncode in (USAGE, DAMAGED)

    def test_name_and_generation_are_under_the_signature(self, tmp_path, listed, keys):
        private, _ = keys("ours")
        one = build(tmp_path / "1", "--list", listed, "--sign-key", private, "--generation", "1")
        two = build(tmp_path / "2", "--list", listed, "--sign-key", private, "--generation", "2")
        assert len(one) == len(two)
        assert sum(a != b for a, b in zip(one, two, strict=True)) > 60, (
            "the signature is another one"
        )

    def test_a_key_that_is_none_is_wrong_usage(self, tmp_path, listed, keys):
        private, public = keys("ours")
        rubbish = program.write(
            tmp_path / "key.pem", "-----BEGIN PRIVATE KEY-----", "AAAA", "-----END PRIVATE KEY-----"
        )
        for key in (rubbish, public, tmp_path / "missing.pem"):
            result = program.run(
                "build", "--list", listed, "--sign-key", key, "-o", tmp_path / "b", expect=USAGE
            )
            assert key.name.encode() in result.stderr
        build(tmp_path / "b", "--list", listed, "--sign-key", private)
        program.run(
            "scan", "--blacklist", tmp_path / "b", "--verify-key", rubbish, "-", expect=USAGE
        )


def _stream_bundle(pipe, megabytes: int) -> int:
    """Writes a bundle of that size.

    One object in fifty is an indicator. The others are objects that no blacklist contains, as in
    real bundles.
    """
    pipe.write(
        b'{"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000001", "objects": ['
    )
    filler = json.dumps({"type": "malware", "description": "d" * 20_000}).encode()
    written, number, indicators = 0, 0, 0
    while written < megabytes * 1_000_000:
        if number % 50 == 0:
            part = json.dumps(
                stix.indicator(number, f"[domain-name:value = 'd{number}.example']")
            ).encode()
            indicators += 1
        else:
            part = filler
        pipe.write((b"," if number else b"") + part)
        written += len(part) + 1
        number += 1
    pipe.write(b"]}")
    return indicators


@pytest.mark.parametrize("megabytes", [20, 250])
def test_a_large_bundle_is_read_in_bounded_memory(tmp_path, megabytes):
    """Checks that 250 MB are read within the same 200 MB of memory as 20 MB."""
    rejected = tmp_path / "unused"
    process = program.start(
        "build",
        "--json",
        "--feed",
        "-",
        "-o",
        tmp_path / "b",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = program.Peak(process)
    with process.stdin as pipe:
        indicators = _stream_bundle(pipe, megabytes)
    assert process.wait(120) == 0
    assert 0 < peak.stop() < 200_000_000
    text = f"d{(indicators - 1) * 50}.example\n".encode()
    assert (
        program.count("--blacklist", tmp_path / "b", "--log-format", "lines", "-", stdin=text) == 1
    )


def test_a_large_log_is_read_in_bounded_memory(listed):
    process = program.start("scan", "--count", "--list", listed, "-", stderr=subprocess.DEVNULL)
    peak = program.Peak(process)
    block = "".join(
        lines.squid(f"http://h{n}.example/path/{n}") + "\n" for n in range(20_000)
    ).encode()
    with process.stdin as pipe:
        for _ in range(100):
            pipe.write(block)
    with process.stdout as output:
        assert output.read() == b"0\n"
    assert process.wait(60) == 0
    assert 0 < peak.stop() < 300_000_000
