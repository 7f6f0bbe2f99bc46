"""Compares the reduction of STIX patterns with stix2-matcher, and the parser with stix2-patterns.

A complete reduction must match exactly the events that the pattern matches. A partial one must
match a subset of them. STIX compares names exactly, so the comparison of domains is exact, too.
"""

import ipaddress
import json
import random
import re
import subprocess
from datetime import datetime

import pytest
import stix2matcher.matcher as matcher
from stix2patterns.v20.pattern import Pattern as Pattern20
from stix2patterns.v21.pattern import Pattern as Pattern21
from stix2patterns.exceptions import ParseException

from tests import patterns, program, seeds

PATTERNS, EVENTS = 400, 6


def reduce(texts: list[str], *options: str) -> list[dict]:
    """Reduces all patterns in one process."""
    # Builds the whole workspace, as the Rust tests do. Building the example alone would compile its
    # dependencies again with other features.
    build = ["cargo", "build", "--release", "-q", "--workspace", "--example", "reduce"]
    subprocess.run(build, cwd=program.ROOT, check=True, timeout=900)
    command = [program.ROOT / "target/release/examples/reduce", *options]
    result = subprocess.run(
        command,
        input="\n".join(texts) + "\n",
        capture_output=True,
        text=True,
        cwd=program.ROOT,
        check=False,
        timeout=900,
    )
    assert result.returncode == 0, result.stderr
    answers = [json.loads(line) for line in result.stdout.split("\n")[:-1]]
    assert len(answers) == len(texts)
    return answers


def in_network(containee: str, container: str) -> bool:
    """Returns whether one network is in another.

    Replaces stix2-matcher's own test, which raises an error for names and for everything except
    IPv4.
    """
    try:
        inner, outer = (
            ipaddress.ip_network(containee, strict=False),
            ipaddress.ip_network(container, strict=False),
        )
    except ValueError:
        return False
    return inner.version == outer.version and inner.subnet_of(outer)


def microseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1_000_000)


def covers(value: dict, kind: str, seen: str) -> bool:
    """Returns whether an emitted value covers an observable exactly. Does not use the product's
    matcher.
    """
    if value["type"] != kind:
        return False
    if kind == "domain":
        return (
            seen.endswith("." + value["value"])
            if value["mode"] == "below"
            else seen == value["value"]
        )
    if kind == "address":
        return in_network(seen, value["value"])
    return value["value"] == (seen.removeprefix("http://") if kind == "url" else seen)


def ours(answer: dict, event: patterns.Event) -> bool:
    now = microseconds(event.moment)
    return any(
        value.get("start", now) <= now < value.get("stop", now + 1)
        and any(covers(value, kind, seen) for kind, seen in event.observables)
        for value in answer["values"]
    )


@pytest.mark.parametrize("version, options, form", [
    ("2.1", [], patterns.observed_data_21),
    # No START and STOP in 2.0: the matcher requires quoted timestamps there, but its own parser no
    # longer accepts them.
    ("2.0", ["--v20"], patterns.observed_data_20),
])  # fmt: skip
def test_reduction_agrees_with_stix2_matcher(monkeypatch, version, options, form):
    monkeypatch.setattr(matcher, "_ip_or_cidr_in_subnet", in_network)
    rng = random.Random(f"{seeds.SEED} {version}")
    texts = [patterns.pattern(rng, windows=version == "2.1") for _ in range(PATTERNS)]
    hits = misses = complete = partial = 0
    for text, answer in zip(texts, reduce(texts, *options), strict=True):
        assert "error" not in answer, (text, answer)
        # Conjunctions hold over a whole event, which the standard's patterns do not see
        # (docs/decisions).
        if any(value["type"] == "all" for value in answer["values"]):
            answer["complete"] = False
        complete += answer["complete"]
        partial += answer["partial"]
        if not answer["complete"] and not answer["values"]:
            continue
        compiled = matcher.Pattern(text, version)
        for event in (patterns.event(rng) for _ in range(EVENTS)):
            theirs, mine = bool(compiled.match([form(event)])), ours(answer, event)
            assert theirs or not mine, f"unsound: {text}\n{answer}\n{event}"
            assert mine or not theirs or not answer["complete"], (
                f"called complete, but misses: {text}\n{answer}\n{event}"
            )
            hits, misses = hits + mine, misses + (not theirs)
    print(f"{complete} complete and {partial} partial of {PATTERNS}; {hits} hits, {misses} misses")
    assert min(hits, misses) > PATTERNS / 4 and complete > PATTERNS / 5 and partial > PATTERNS / 20


def mutated(rng: random.Random, text: str) -> str:
    """Returns the pattern with one piece removed, added or replaced."""
    pieces = [
        " ", "(", ")", "[", "]", "'", "\\", ",", "=", "<", ">", "!",
        "NOT ", "IN ", "AND", " OR ", "EXISTS ", ".", ":", "*", "-",
        "5", "+0", "1.5", "true", "h'0a'", "b'aaaa'", "t'2020-01-01T00:00:00Z'",
        "/**/", "//", "\u00a0", "x-y", "WITHIN 5 SECONDS", "LAST",
    ]  # fmt: skip
    at = rng.randrange(len(text))
    match rng.randrange(3):
        case 0:
            return text[:at] + text[at + rng.randint(1, 3) :]
        case 1:
            return text[:at] + rng.choice(pieces) + text[at:]
    return text[:at] + rng.choice(pieces) + text[at + rng.randint(1, 3) :]


@pytest.mark.parametrize("options, oracle", [([], Pattern21), (["--v20"], Pattern20)])
def test_parser_agrees_with_stix2_patterns(options, oracle):
    rng = random.Random(f"{seeds.SEED} {oracle}")
    texts = [mutated(rng, patterns.pattern(rng, windows=True)) for _ in range(PATTERNS)]
    taken = 0
    for text, answer in zip(texts, reduce(texts, *options), strict=True):
        try:
            oracle(text)
            theirs = True
        except ParseException:
            theirs = False
        if oracle is Pattern20 and re.search(r"(START|STOP)\s*'", text):
            continue  # The first form of 2.0, which we still accept.
        # Our parser may refuse more: patterns that follow the grammar but violate the
        # specification's text.
        assert answer.get("kind") == "meaning" or ("error" not in answer) == theirs, (text, answer)
        taken += theirs
    assert PATTERNS / 20 < taken < PATTERNS * 0.95
