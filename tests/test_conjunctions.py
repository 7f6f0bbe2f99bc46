"""Tests of conjunctions: `[domain-name:value = 'a' AND ipv4-addr:value = 'b']` matches an event
that carries both.
"""

import email
import email.policy
import json
import random

import pytest

from tests import program, seeds, stix
from tests.oracle import conjunctions
from tests.oracle.conjunctions import Comparison, Event, Node

DOMAINS = [f"bad{number}.example.com" for number in range(5)]
ADDRESSES = [f"45.66.{number // 3}.{number}" for number in range(6)]
NETWORKS = ["45.66.0.0/24", "45.66.1.0/24", "10.0.0.0/8", "0.0.0.0/0"]
NAMES = ["invoice.exe", "a b.doc", "index.html", "Update.exe"]
URLS = [f"http://{domain}/x/{name.replace(' ', '%20')}" for domain in DOMAINS for name in NAMES[:2]]
DIGESTS = [f"{number:032x}" for number in range(1, 4)]
PATHS = {
    "domain-name:value": DOMAINS,
    "ipv4-addr:value": ADDRESSES,
    "ipv4-addr:value ISSUBSET": NETWORKS,
    "url:value": URLS,
    "file:name": NAMES,
    "file:hashes.MD5": DIGESTS,
}
TIME = "2026-11-22T02:13:45Z"


def pattern(rng: random.Random, depth: int = 0):
    """Returns a pattern of at most three levels."""
    if depth == 3 or (depth > 0 and rng.random() < 0.6):
        path = rng.choice(list(PATHS))
        count = 1 if "ISSUBSET" in path else rng.choice([1, 1, 1, 2])
        return Comparison(path, tuple(rng.sample(PATHS[path], count)))
    parts = tuple(pattern(rng, depth + 1) for _ in range(rng.randint(2, 3)))
    return Node(rng.choice(["AND", "AND", "OR"]), parts)


def event(rng: random.Random) -> tuple[dict, Event]:
    """Returns an event as JSON, and its observables."""
    seen = Event()
    fields: dict = {"@timestamp": TIME}

    def some(values):
        return rng.sample(values, rng.choice([0, 1, 1, 2]))

    if urls := some(URLS)[:1]:
        fields["url"] = {"original": urls[0]}
        seen.add_url(urls[0])
    if hosts := some(DOMAINS):
        fields["dns"] = {"question": {"name": rng.choice(["", "www."]) + hosts[0]}}
        seen.hosts.add(fields["dns"]["question"]["name"])
    if addresses := some(ADDRESSES):
        fields["destination"] = {"ip": addresses}
        seen.addresses.update(addresses)
    file: dict = {}
    if digests := some(DIGESTS)[:1]:
        file["hash"] = {"md5": digests[0].upper()}
        seen.digests.add(digests[0])
    if names := some(NAMES)[:1]:
        file["path"] = rng.choice(["", "C:\\Temp\\", "/tmp/"]) + names[0]
        seen.names.update({names[0], file["path"]})
    if file:
        fields["file"] = file
    return fields, seen


def identifiers(found: dict) -> set[str]:
    return {indicator["id"] for match in found["matches"] for indicator in match["indicators"]}


@pytest.mark.parametrize("allowed", [(), tuple(DOMAINS[:2])])
def test_scan_agrees_with_the_naive_matcher(tmp_path, allowed):
    rng = random.Random(f"{seeds.SEED} conjunctions {allowed}")
    written = [pattern(rng) for _ in range(300)]
    events = [event(rng) for _ in range(300)]
    feed = stix.write(
        tmp_path / "feed.json",
        *(stix.indicator(number, f"[{one.text()}]") for number, one in enumerate(written)),
    )
    log = program.write(tmp_path / "events.ndjson", *(json.dumps(fields) for fields, _ in events))
    allow = ["--allow", program.write(tmp_path / "allow.txt", *allowed)] if allowed else []
    # Single networks of special purpose are values too, if nothing else is with them.
    wide = ["--accept-broad", "--accept-special"]
    found = program.scan("--feed", feed, *allow, *wide, log)
    ours = {one["line"]: identifiers(one) for one in found}
    hits = 0
    for line, (_, seen) in enumerate(events, 1):
        theirs = {
            stix.identifier(number)
            for number, one in enumerate(written)
            if conjunctions.matches(one, seen, frozenset(allowed))
        }
        assert ours.get(line, set()) == theirs, (line, seen)
        hits += len(theirs)
    assert hits > 1000


PAIR = "[domain-name:value = 'evil.com' AND ipv4-addr:value = '45.66.77.88']"
BOTH = {
    "@timestamp": TIME,
    "dns": {"question": {"name": "www.evil.com"}},
    "destination": {"ip": "45.66.77.88"},
}
NAME = {"@timestamp": TIME, "dns": {"question": {"name": "www.evil.com"}}}
ADDRESS = {"@timestamp": TIME, "destination": {"ip": "45.66.77.88"}}


def scan(tmp_path, *events: dict, objects=None, options=()) -> list[dict]:
    feed = stix.write(tmp_path / "feed.json", *(objects or [stix.indicator(1, PAIR)]))
    log = program.write(tmp_path / "events.ndjson", *map(json.dumps, events))
    return program.scan("--feed", feed, *options, log)


def test_one_enrichment_a_part_with_the_id(tmp_path):
    (found,) = scan(tmp_path, NAME, BOTH, ADDRESS)
    assert found["line"] == 2
    parts = [
        (m["observable"], m["field"], m["entry"]["value"], m["match"]) for m in found["matches"]
    ]
    assert sorted(parts) == [
        ("45.66.77.88", "destination.ip", "45.66.77.88", "exact"),
        ("www.evil.com", "dns.question.name", "evil.com", "subdomain"),
    ]
    for match in found["matches"]:
        (indicator,) = match["indicators"]
        assert indicator["id"] == stix.identifier(1)
        assert indicator["conjunction"] == "evil.com AND 45.66.77.88"


def test_a_url_and_the_name_of_a_file(tmp_path):
    url = "http://evil.com/get?x=1"
    objects = [stix.indicator(1, f"[url:value = '{url}' AND file:name = 'b c.exe']")]
    with_name = {"@timestamp": TIME, "url": {"original": url}, "file": {"name": "b c.exe"}}
    other_case = {"@timestamp": TIME, "url": {"original": url}, "file": {"name": "B c.exe"}}
    (found,) = scan(tmp_path, other_case, with_name, {"file": {"name": "b c.exe"}}, objects=objects)
    assert found["line"] == 2
    named = [match for match in found["matches"] if match["field"] == "file.name"]
    assert [match["observable"] for match in named] == ["b c.exe"]
    assert named[0]["entry"] == {"type": "file", "value": "b c.exe"}


def test_a_url_of_squid_names_the_file(tmp_path):
    feed = stix.write(
        tmp_path / "feed.json",
        stix.indicator(1, "[domain-name:value = 'evil.com' AND file:name = 'b c.exe']"),
    )
    line = "1795313625.005 5 10.1.2.3 TCP_MISS/200 603 GET http://www.evil.com/x/{} - HIER_DIRECT/192.0.2.7 -"
    log = program.write(
        tmp_path / "access.log", line.format("b%20c.exe"), line.format("b%20c.exe/")
    )
    assert [one["line"] for one in program.scan("--feed", feed, log)] == [1]


def test_a_part_alone_counts_for_nothing(tmp_path):
    feed = stix.write(tmp_path / "feed.json", stix.indicator(1, PAIR))
    log = program.write(tmp_path / "events.ndjson", *map(json.dumps, [NAME, ADDRESS] * 5))
    result = program.run("scan", "--feed", feed, "--exit-code", log)
    assert b"outside the policy" not in result.stderr and b"suppressed" not in result.stderr
    assert program.count("--feed", feed, log) == 0


def test_the_same_value_of_another_feed_matches_alone(tmp_path):
    listed = program.write(tmp_path / "listed.txt", "45.66.77.88")
    found = scan(tmp_path, NAME, BOTH, ADDRESS, options=["--list", listed])
    assert [one["line"] for one in found] == [2, 3]
    (match,) = [m for m in found[0]["matches"] if m["field"] == "destination.ip"]
    assert len(match["indicators"]) == 2, "one match for each observable and entry"
    assert identifiers(found[1]) == {"listed.txt:1"}


@pytest.mark.parametrize("good", ["evil.com", "www.evil.com", "45.66.77.88"])
def test_an_allowed_part_suppresses_the_whole(tmp_path, good):
    allow = program.write(tmp_path / "allow.txt", good)
    assert scan(tmp_path, BOTH, options=["--allow", allow]) == []


@pytest.mark.parametrize(
    "properties, options",
    [
        ({"valid_until": "2026-11-22T02:13:45Z"}, []),
        ({"valid_from": "2026-11-22T02:13:46Z"}, []),
        ({"confidence": 20}, ["--min-confidence", "21"]),
        ({"object_marking_refs": [stix.TLP["red"]]}, ["--max-tlp", "amber"]),
    ],
)
def test_the_indicator_must_count(tmp_path, properties, options):
    objects = [stix.indicator(1, PAIR, **properties)]
    assert scan(tmp_path, BOTH, objects=objects, options=options) == []


def test_broad_parts_are_accepted_only_with_a_narrow_one(tmp_path):
    feed = stix.write(
        tmp_path / "feed.json",
        stix.indicator(
            1, "[domain-name:value = 'evil.com' AND ipv4-addr:value ISSUBSET '0.0.0.0/0']"
        ),
        stix.indicator(2, "[ipv4-addr:value ISSUBSET '10.0.0.0/8' AND file:name = 'a.exe']"),
    )
    rejected = tmp_path / "rejected.tsv"
    out = tmp_path / "out.blacklist"
    program.run("build", "--feed", feed, "--rejected", rejected, "-o", out)
    text = rejected.read_text()
    assert stix.identifier(2) in text and stix.identifier(1) not in text
    log = program.write(tmp_path / "events.ndjson", json.dumps(BOTH), json.dumps(ADDRESS))
    assert [one["line"] for one in program.scan("--blacklist", out, log)] == [1]


def test_a_value_in_very_many_conjunctions_costs_nothing(tmp_path):
    """All share one address. Each is found by its own name."""
    feed = stix.write(
        tmp_path / "feed.json",
        *(
            stix.indicator(
                number,
                f"[domain-name:value = 'n{number}.evil.com' AND ipv4-addr:value = '45.66.77.88']",
            )
            for number in range(3000)
        ),
    )
    out, rejected = tmp_path / "out.blacklist", tmp_path / "rejected.tsv"
    program.run("build", "--feed", feed, "--rejected", rejected, "-o", out)
    assert "conjunction" not in rejected.read_text()
    last = {**BOTH, "dns": {"question": {"name": "n2999.evil.com"}}}
    log = program.write(tmp_path / "events.ndjson", json.dumps(last), json.dumps(ADDRESS))
    (found,) = program.scan("--blacklist", out, log)
    assert identifiers(found) == {stix.identifier(2999)}


def test_merged_blacklists_keep_their_conjunctions(tmp_path):
    feed = stix.write(
        tmp_path / "feed.json",
        stix.indicator(
            1,
            "[domain-name:value = 'evil.com' AND ipv4-addr:value ISSUBSET '10.0.0.0/8' AND file:name = 'x']",
        ),
    )
    out = tmp_path / "out.blacklist"
    program.run("build", "--feed", feed, "-o", out)
    other = program.write(tmp_path / "other.txt", "other.example")
    whole = {**NAME, "destination": {"ip": "10.1.1.1"}, "process": {"name": "x"}}
    log = program.write(tmp_path / "events.ndjson", json.dumps(whole), json.dumps(NAME))
    found = program.scan("--blacklist", out, "--list", other, log)
    assert [identifiers(one) for one in found] == [{stix.identifier(1)}]


def test_explain_says_which_parts_are_missing(tmp_path):
    feed = stix.write(tmp_path / "feed.json", stix.indicator(1, PAIR))
    text = program.run("explain", "--feed", feed, "www.evil.com").stdout.decode()
    assert "does not match" in text and "missing here: 45.66.77.88" in text
    assert program.run("explain", "--exit-code", "--feed", feed, "www.evil.com", expect=0)
    told = json.loads(program.run("explain", "--json", "--feed", feed, "45.66.77.88").stdout)
    ((entry,),) = (told["entries"],)
    assert entry["conjunctions"][0]["missing"] == ["evil.com"] and not told["matches"]


def test_explain_of_a_url_that_has_all_parts(tmp_path):
    feed = stix.write(
        tmp_path / "feed.json",
        stix.indicator(1, "[domain-name:value = 'evil.com' AND file:name = 'a.exe']"),
    )
    text = program.run("explain", "--feed", feed, "http://evil.com/x/a.exe").stdout.decode()
    assert "does not match" not in text and "all parts are here" in text


def squid(number: int, url: str, address: str) -> str:
    return (
        f"{1_795_322_415 + number}.357 0 10.1.2.3 TCP_MISS/200 603 GET {url} - "
        f"HIER_DIRECT/{address} text/html"
    )


class Rounds:
    """A controller with one bundle, one allow-list and one log."""

    def __init__(self, folder):
        self.bundle, self.log, self.allow = (
            folder / "bundle.json",
            folder / "access.log",
            folder / "allow.txt",
        )
        self.records_file = folder / "flagged.ndjson"
        self.mails = folder / "mails"
        self.config = program.write(
            folder / "threatsieve.toml",
            'state = "state"',
            '[[feeds]]\nname = "stix"\ntype = "path"\npath = "bundle.json"\nmax_shrink = 1.0\nmay_be_empty = true',
            '[[feeds]]\nname = "ours"\ntype = "path"\npath = "allow.txt"\nrole = "allow"\nmax_shrink = 1.0\nmay_be_empty = true',
            "[blacklist]\nmax_shrink = 0.5",
            '[[logs]]\nname = "proxy"\npaths = ["access.log"]',
            '[history]\nwindow = "3650d"',
            '[output]\nfile = "flagged.ndjson"',
            '[alerts]\nfrom = "threatsieve@soc.example"\nrecipients = ["soc@soc.example"]\nfolder = "mails"',
        )
        self.allow.write_text("")
        self.log.touch()

    def publish(self, *objects):
        stix.write(self.bundle, *objects)

    def append(self, *lines):
        with self.log.open("a", encoding="utf-8") as log:
            log.writelines(f"{each}\n" for each in lines)

    def run(self, *arguments) -> str:
        return program.run(*arguments, "--config", self.config).stdout.decode()

    def poll(self) -> dict:
        return json.loads(self.run("poll", "--json"))

    def records(self) -> list[dict]:
        return [json.loads(each) for each in self.records_file.read_text().splitlines()]

    def mail(self) -> str:
        newest = max(self.mails.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        message = email.message_from_bytes(newest.read_bytes(), policy=email.policy.default)
        return message.get_body(("plain",)).get_content()


@pytest.fixture
def rounds(tmp_path):
    return Rounds(tmp_path)


OTHER = stix.indicator(9, "[domain-name:value = 'other.example']")
PAIRED = squid(1, "http://www.evil.com/x", "45.66.77.88")


def test_new_lines_and_stored_lines_match_alike(rounds):
    rounds.publish(OTHER)
    rounds.append(PAIRED, squid(2, "http://www.evil.com/x", "45.66.77.89"))
    rounds.poll()
    rounds.publish(OTHER, stix.indicator(1, PAIR))
    rounds.append(
        squid(3, "http://evil.com/y", "45.66.77.88"), squid(4, "http://a.example/", "45.66.77.88")
    )
    report = rounds.poll()
    assert (report["follow"]["events"], report["history"]["events"]) == (1, 1)
    assert (report["follow"]["matches"], report["history"]["matches"]) == (1, 1)
    old, new = sorted(
        rounds.records(), key=lambda one: one["threatsieve"]["historic"], reverse=True
    )
    assert (old["log"]["offset"], new["threatsieve"]["historic"]) == (0, False)
    for record in (old, new):
        enrichments = record["threat"]["enrichments"]
        assert [one["indicator"]["id"] for one in enrichments] == [stix.identifier(1)] * 2
        assert {one["threatsieve"]["conjunction"] for one in enrichments} == {
            "evil.com AND 45.66.77.88"
        }
        assert {one["matched"]["field"] for one in enrichments} == {
            "url.original",
            "destination.ip",
        }
    mail = rounds.mail()
    assert "1 indicator matched: 2 events" in " ".join(mail.split())
    assert rounds.poll()["generation"] is None


@pytest.mark.parametrize("target", ["45.66.77.88", "evil.com", stix.identifier(1)])
def test_what_retracts_a_part_retracts_the_whole(rounds, target):
    rounds.publish(OTHER, stix.indicator(1, PAIR))
    rounds.append(PAIRED)
    rounds.poll()
    rounds.run("retract", target, "--reason", "ours")
    rounds.append(squid(2, "http://www.evil.com/x", "45.66.77.88"))
    rounds.poll()
    assert [record["threatsieve"]["kind"] for record in rounds.records()] == ["flag", "retraction"]


def test_an_allowed_part_retracts_the_whole_once(rounds):
    rounds.publish(OTHER, stix.indicator(1, PAIR))
    rounds.append(PAIRED)
    rounds.poll()
    program.write(rounds.allow, "evil.com", "45.66.77.88")
    rounds.poll()
    assert [record["threatsieve"]["kind"] for record in rounds.records()] == ["flag", "retraction"]


def test_parts_do_not_count_as_shrinking(rounds):
    """A conjunction that is withdrawn is one value that leaves, however many parts it has."""
    rounds.publish(
        OTHER,
        stix.indicator(
            1,
            "[url:value = 'http://a.example/' AND ipv4-addr:value = '45.66.77.88' AND domain-name:value = 'evil.com' AND file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']",
        ),
    )
    assert rounds.poll()["generation"] == 1
    rounds.publish(OTHER)
    assert rounds.poll()["generation"] == 2


# Threats that indicators are related to.


def threat(kind: str, number: int, name: str, **properties) -> dict:
    return {
        "type": kind, "spec_version": "2.1", "id": stix.identifier(number, kind), "name": name,
        "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z", **properties,
    }  # fmt: skip


def relation(number: int, indicator: int, target: dict, **properties) -> dict:
    return {
        "type": "relationship", "spec_version": "2.1",
        "id": stix.identifier(number, "relationship"), "relationship_type": "indicates",
        "source_ref": stix.identifier(indicator), "target_ref": target["id"],
        "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z", **properties,
    }  # fmt: skip


MALWARE = threat("malware", 1, "Poison Ivy")
ACTOR = threat("intrusion-set", 2, "APT1", object_marking_refs=[stix.TLP["red"]])
TECHNIQUE = threat(
    "attack-pattern", 3, "Phishing",
    external_references=[{"source_name": "capec", "external_id": "CAPEC-98"},
                         {"source_name": "mitre-attack", "external_id": "T1566"}],
)  # fmt: skip
EVIL = stix.indicator(1, "[domain-name:value = 'evil.com']")


def test_names_of_threats_come_with_the_match(tmp_path):
    objects = [relation(1, 1, MALWARE), relation(2, 1, TECHNIQUE), TECHNIQUE, EVIL, MALWARE]
    (found,) = scan(tmp_path, NAME, objects=objects)
    (match,) = found["matches"]
    assert match["indicators"][0]["threats"] == [
        {"kind": "software", "name": "Poison Ivy"},
        {"kind": "technique", "name": "Phishing", "id": "T1566"},
    ]
    text = program.run("explain", "--feed", tmp_path / "feed.json", "evil.com").stdout.decode()
    assert "Poison Ivy" in text and "Phishing" in text


def test_revoked_relationships_and_threats_are_not_named(tmp_path):
    for objects in (
        [EVIL, MALWARE, relation(1, 1, MALWARE, revoked=True)],
        [EVIL, {**MALWARE, "revoked": True}, relation(1, 1, MALWARE)],
        [EVIL, MALWARE, relation(1, 1, MALWARE),
         relation(1, 1, MALWARE, revoked=True, modified="2026-01-02T00:00:00Z")],
        [EVIL, MALWARE, relation(1, 1, MALWARE, relationship_type="uses")],
    ):  # fmt: skip
        (found,) = scan(tmp_path, NAME, objects=objects)
        assert "threats" not in found["matches"][0]["indicators"][0]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_either_end_may_come_in_another_poll(rounds, order):
    """A folder's file is a whole delivery, so each poll adds an object to the earlier ones."""
    objects = [EVIL, relation(1, 1, MALWARE), MALWARE]
    published = []
    for number in order:
        published.append(objects[number])
        rounds.publish(OTHER, *published)
        rounds.poll()
    rounds.append(squid(1, "http://www.evil.com/x", "192.0.2.7"))
    rounds.poll()
    (record,) = rounds.records()
    (enrichment,) = record["threat"]["enrichments"]
    assert enrichment["software"] == {"name": ["Poison Ivy"]}
    assert "related to software Poison Ivy" in rounds.mail()
    assert "Poison Ivy" in rounds.run("explain", "evil.com")
    rounds.publish(OTHER, EVIL, MALWARE)
    rounds.poll()
    assert "Poison Ivy" not in rounds.run("explain", "evil.com")


def test_a_threat_is_withheld_by_its_own_marking(rounds):
    config = rounds.config.read_text().replace("[output]\n", '[output]\nmax_tlp = "amber"\n')
    rounds.config.write_text(config)
    rounds.publish(EVIL, ACTOR, MALWARE, relation(1, 1, ACTOR), relation(2, 1, MALWARE))
    rounds.append(squid(1, "http://www.evil.com/x", "192.0.2.7"))
    rounds.poll()
    (enrichment,) = rounds.records()[0]["threat"]["enrichments"]
    assert "group" not in enrichment and enrichment["software"]["name"] == ["Poison Ivy"]


def test_sightings_and_other_objects_are_read_past(tmp_path):
    sighting = {
        "type": "sighting", "spec_version": "2.1", "id": stix.identifier(5, "sighting"),
        "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
        "sighting_of_ref": stix.identifier(1), "count": 3, "x_ours": {"a": [1]},
    }  # fmt: skip
    observed = {
        "type": "observed-data", "spec_version": "2.1", "id": stix.identifier(6, "observed-data"),
        "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
        "first_observed": "2026-01-01T00:00:00Z", "last_observed": "2026-01-01T00:00:00Z",
        "number_observed": 1, "object_refs": [],
    }  # fmt: skip
    custom = {
        **EVIL,
        "x_score": 7,
        "extensions": {"extension-definition--1": {"extension_type": "property-extension"}},
    }
    (found,) = scan(tmp_path, NAME, objects=[sighting, observed, custom])
    assert identifiers(found) == {stix.identifier(1)}
