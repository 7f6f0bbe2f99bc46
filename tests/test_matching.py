"""Compares the program with the naive matcher, over generated and real values, in every kind of
field.

Two seeds are fixed; the third is the seed of the run.
"""

import hashlib
import ipaddress
import json
import random

import pytest

from tests import generators, program, seeds
from tests.oracle import Malformed, Oracle, from_list, names

SEEDS = [1, 20, pytest.param(seeds.SEED, id="fresh")]
REAL = program.ROOT / "tests/data/real"

# NDJSON fields (ECS) and the kind of each.
FIELDS = {
    "destination.domain": "host",
    "destination.ip": "address",
    "url.full": "url",
    "file.hash.sha256": "hash",
    "file.hash.md5": "hash",
}

LISTED = """
evil.com www.evil.com deep.er.www.evil.com *.below.net .dotted.org co.uk com *.github.io blogspot.com .netlify.app
xn--bcher-kva.example faß.example 日本.example пример.example r3---sn-x.example a_b.example xn--a.example UPPER.Example dot.example.
defanged[.]example defanged[dot]org hxxp://defanged[.]net/a[.]b single-label-tld.onion 1.example 3com.example
8.8.8.8 8.8.8.0/24 8.8.0.0/16 9.0.0.0/8 5.5.5.5-5.5.5.77 5.5.5.64-5.5.5.127 6.6.6.6/32 ::ffff:7.7.7.7 ::ffff:7.7.8.0/120 4[.]4[.]4[.]4
2600::/19 2600:1::/32 2600:1::1 2606:4700:4700::1111 2606:4700::1-2606:4700::ff FE00:1::A 2a00:1450::/32
http://evil.com/a/b http://evil.com/a/b?c=d https://evil.com:443/A/B http://evil.com:8080/a/b evil.com/schemeless url.example/
http://url.example/%7Euser/%c3%bc http://url.example/a/./b/../c http://url.example/x? http://url.example/x?a=%41 http://8.8.8.8/x
http://[2606:4700:4700::1111]:8080/v6 http://134744072/dword https://user:pw@url.example/with-user http://url.example/f#frag
http://url.example http://www.url.example/?id=1 hxxps://url[.]example/fanged http://xn--bcher-kva.example/x http://bücher.example/y
bad@mail.example Bad.Case@Mail.Example bad[at]fanged.example o'neil+tag@evil.com
""".split()

ALLOWED = """
good.evil.com *.cdn.evil.com 8.8.8.9 8.8.8.64/26 5.5.5.100-5.5.5.110 evil.com/a/b/allowed http://evil.com/a/b?c=d url.example
2600:1::/48 fine@mail.example www.below.net
""".split()


def digests(rng: random.Random) -> list[str]:
    """Returns one digest of each length."""
    data = rng.randbytes(8)
    return [hashlib.new(name, data).hexdigest() for name in ("md5", "sha1", "sha256")]


def around(rng: random.Random, listed: str):
    """Yields spellings of a listed value and similar values."""
    entry = from_list(listed)
    if entry.type == "domain-name":
        for host in generators.hosts(rng, entry.value):
            yield host
            yield from generators.in_urls(rng, host)
            yield f"someone@{host}"
    elif entry.span:
        yield from generators.in_spans(rng, *entry.span)
    elif entry.type == "url":
        yield from generators.urls(rng, listed)
        yield from generators.urls(rng, entry.value)
    elif entry.type == "file":
        yield from generators.hashes(rng, entry.value)
    else:
        yield from generators.emails(rng, entry.value)


def compare(tmp_path, listed, allowed, cases, partial=True, prefix=False):
    """Runs the cases, pairs (kind, value), and checks that both sides return the same tuples.

    Values of the kind `any` are passed as plain lines.
    """
    oracle = Oracle([from_list(v, prefix) for v in listed], [from_list(v, prefix) for v in allowed])
    cases = [(kind, value) for kind, value in dict.fromkeys(cases) if value and "\n" not in value]
    expected = {
        (number, found.entry_type, found.entry_value, found.how)
        for number, (kind, value) in enumerate(cases, 1)
        for found in oracle.matches(kind, value, partial)
    }
    plain = all(kind == "any" for kind, _ in cases)
    fields = {kind: field for field, kind in FIELDS.items()}
    text = "".join(
        f"{value}\n" if plain else json.dumps({fields[kind]: value}) + "\n" for kind, value in cases
    )
    options = ["--list", program.write(tmp_path / "listed.txt", *listed)]
    if allowed:
        options += ["--allow", program.write(tmp_path / "allowed.txt", *allowed)]
    if partial:
        options.append("--partial")
    if prefix:
        options += ["--url-match", "prefix"]
    text = text.encode("utf-8", "surrogateescape")
    events = program.scan(*options, "--log-format", "lines" if plain else "ndjson", "-", stdin=text)
    # URLs are shown in the spelling of their indicator. Only the URL itself must be the same.
    found = {
        (line, kind, from_list(value).value if kind == "url" else value, how)
        for line, kind, value, how in program.tuples(events)
    }
    differences = [
        f"{'missed' if one in expected else 'extra'}: {cases[one[0] - 1]!r}: {one[1:]}"
        for one in sorted(expected ^ found, key=lambda one: one[0])
    ]
    assert not differences, f"{len(differences)} of {len(cases)} cases differ:\n" + "\n".join(
        differences[:60]
    )
    assert expected, "nothing matches, so this shows nothing"
    return len(cases)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("allowed", [[], ALLOWED], ids=["no-allow-list", "allow-list"])
def test_lines_of_generated_values(tmp_path, seed, allowed):
    rng = random.Random(seed)
    listed = LISTED + digests(rng)
    cases = [("any", case) for value in listed + ALLOWED for case in around(rng, value)]
    assert compare(tmp_path, listed, allowed, cases) > 1_000


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", sorted(set(FIELDS.values())))
def test_fields_of_each_kind(tmp_path, seed, kind):
    rng = random.Random(seed)
    listed = LISTED + digests(rng)
    # Some logs have only the path, so `//a/b` in a field is ambiguous. The matcher cannot decide
    # that.
    cases = [
        (kind, case) for value in listed for case in around(rng, value) if not case.startswith("//")
    ]
    compare(tmp_path, listed, ALLOWED, cases)


@pytest.mark.parametrize("seed", SEEDS)
def test_urls_as_prefixes(tmp_path, seed):
    rng = random.Random(seed)
    listed = [value for value in LISTED if from_list(value).type == "url"] + [
        "http://evil.com/",
        "http://evil.com/a/",
        "http://evil.com/a",
    ]
    cases = [("any", case) for value in listed for case in around(rng, value)]
    cases += [
        ("any", f"http://evil.com/{path}")
        for path in (
            "",
            "a",
            "a/",
            "a//",
            "ab",
            "a/b/c?d=e",
            "a/bc",
            "a/b/..",
            "a/b/../c",
            "?x",
            "a?",
        )
    ]
    compare(tmp_path, listed, [], cases, prefix=True)
    compare(tmp_path, listed, ["evil.com/a/b", "url.example"], cases, prefix=True)


def test_partial_matches_only_when_asked_for(tmp_path):
    cases = [
        ("any", "http://evil.com/q?"),
        ("any", "http://evil.com/q?a=b"),
        ("any", "http://evil.com/q"),
    ]
    compare(tmp_path, ["http://evil.com/q?a=b"], [], cases, partial=True)
    compare(tmp_path, ["http://evil.com/q?a=b"], [], cases, partial=False)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["domains", "urls", "ips", "cidr"])
def test_real_values(tmp_path, seed, name):
    rng = random.Random(seed)
    listed = program.read_list(REAL / f"{name}.txt")
    cases = [("any", case) for value in rng.sample(listed, 40) for case in around(rng, value)]
    assert compare(tmp_path, listed, [], cases) > 1_000


@pytest.mark.parametrize("seed", SEEDS)
def test_all_real_lists_together(tmp_path, seed):
    rng = random.Random(seed)
    listed = [
        value
        for name in ("domains", "urls", "ips", "cidr")
        for value in program.read_list(REAL / f"{name}.txt")
    ]
    cases = [("any", case) for value in rng.sample(listed, 80) for case in around(rng, value)]
    allowed = rng.sample(listed, 40) + ["com", "1.2.3.4"]
    compare(tmp_path, listed, allowed, cases + [("any", value) for value in allowed])


def test_bytes_that_are_no_utf8(tmp_path):
    cases = [
        ("any", f"{prefix}evil.com") for prefix in ("\udcff.", "a\udcff.", "\udcff", "x.\udcc3(.")
    ]
    compare(tmp_path, ["evil.com"], [], [*cases, ("any", "http://\udcff.evil.com/\udcfe")])


@pytest.mark.parametrize("seed", SEEDS)
def test_nested_networks_and_ranges(tmp_path, seed):
    """Compares random networks in a small space, which nest, touch and overlap in all ways."""
    rng = random.Random(seed)
    listed, inside = [], []
    for _ in range(150):
        bits = rng.randint(16, 32)
        base = ipaddress.ip_network((0x08080000 | rng.randrange(2**16), bits), strict=False)
        listed.append(str(base))
        first, last = sorted(rng.randrange(2**16) for _ in range(2))
        listed.append(
            f"{ipaddress.IPv4Address(0x08080000 | first)}-"
            f"{ipaddress.IPv4Address(0x08080000 | last)}"
        )
        wide = ipaddress.ip_network(
            (0x2600 << 112 | rng.randrange(2**32) << 64, rng.randint(20, 128)), strict=False
        )
        listed.append(str(wide))
        inside += [
            str(base[0]),
            str(base[-1]),
            str(ipaddress.IPv6Address(int(wide[-1]) - rng.randrange(2))),
        ]
    inside += [str(ipaddress.IPv4Address(0x08070000 | rng.randrange(2**18))) for _ in range(500)]
    compare(tmp_path, listed, rng.sample(listed, 10), [("any", value) for value in inside])


@pytest.mark.parametrize("seed", SEEDS)
def test_labels_of_all_scripts(tmp_path, seed):
    """Lists each label as the oracle's A-label if there is one.

    A label that the program maps differently does not match.
    """
    labels = generators.unicode_labels(random.Random(seed), 4_000)
    listed = []
    for label in labels:
        try:
            listed.append(from_list(f"{names.label_to_ascii(label)}.example").value)
        except Malformed:
            pass
    assert len(labels) * 0.5 < len(listed) < len(labels), "both kinds of labels must be among them"
    compare(tmp_path, listed, [], [("any", f"{label}.example") for label in labels])
