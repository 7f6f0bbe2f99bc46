"""The policy of a feed: what counts, and what a change means for new and stored lines and flags."""

import json
import re

import pytest

from tests import program, stix
from tests.polling import toml

NOW = 1_795_322_415
IDS = {name: stix.identifier(number) for number, name in enumerate(("low", "plain", "high"), 1)}


def line(number: int, host: str) -> str:
    """Returns a line of Squid's native log."""
    return (
        f"{NOW + number}.357 0 10.1.2.3 TCP_MISS/200 603 GET http://{host}/{number} - "
        "HIER_DIRECT/192.0.2.7 text/html"
    )


class Watch:
    """A controller with one STIX bundle and one log, whose policy changes."""

    def __init__(self, folder):
        self.folder = folder
        self.bundle, self.log = folder / "bundle.json", folder / "access.log"
        self.config = folder / "threatsieve.toml"
        self.log.touch()
        self.deliver(
            indicator("low", "low.example", confidence=20, labels=["Benign"]),
            indicator("plain", "plain.example"),
            indicator("high", "high.example", confidence=90, labels=["c2"],
                      object_marking_refs=[stix.TLP["red"]]),
        )  # fmt: skip
        self.set()

    def deliver(self, *objects):
        stix.write(self.bundle, *objects)

    def set(self, **policy):
        """Writes the configuration with this policy."""
        program.write(
            self.config,
            'state = "state"',
            '[[feeds]]\nname = "stix"\ntype = "path"\npath = "bundle.json"\nmax_shrink = 1.0',
            *(["[feeds.policy]"] if policy else []),
            *(f"{key} = {toml(value)}" for key, value in policy.items()),
            '[[logs]]\nname = "proxy"\npaths = ["access.log"]',
            '[history]\nwindow = "3650d"',
            '[output]\nfile = "flagged.ndjson"',
        )

    def visit(self, *hosts, expect=program.DONE):
        """Appends a line for each host, and runs a round."""
        with self.log.open("a") as log:
            number = len(self.log.read_text().splitlines())
            log.writelines(f"{line(number + one, host)}\n" for one, host in enumerate(hosts))
        return self.poll(expect)

    def poll(self, expect=program.DONE):
        result = program.run("poll", "--force", "--json", "--config", self.config, expect=expect)
        return json.loads(result.stdout)

    def take_records(self) -> list[tuple[str, str]]:
        """Returns the kind and the host of each record that is new since the last call."""
        output = self.folder / "flagged.ndjson"
        records = [json.loads(text) for text in output.read_text().splitlines()] if (
            output.exists()
        ) else []  # fmt: skip
        hosts = {}
        for record in records:
            if "url" in record:
                host = re.sub("^http://([^/]+)/.*$", r"\1", record["url"]["original"])
                hosts[record["threatsieve"]["id"]] = host
        kinds = [
            (record["threatsieve"]["kind"], hosts[record["threatsieve"]["id"]])
            for record in records
        ]
        new, self.seen = kinds[getattr(self, "seen", 0) :], len(kinds)
        return sorted(new)

    def why(self, name: str) -> tuple[str, list[str]]:
        """Returns the state of an indicator, and the rules for which it is not active."""
        output = program.run(
            "indicators", IDS[name], "--state", "all", "--json", "--config", self.config
        ).stdout
        (found,) = [json.loads(text) for text in output.splitlines()]
        return found["state"], [why["rule"] for why in found["why"]]

    def feed(self) -> dict:
        output = program.run("feeds", "--json", "--config", self.config).stdout
        (feed,) = json.loads(output)["feeds"]
        return feed


def indicator(name: str, value: str, **properties) -> dict:
    pattern = f"[domain-name:value = '{value}']"
    return {**stix.indicator(1, pattern, name=name, **properties), "id": IDS[name]}


HOSTS = ("low.example", "plain.example", "high.example")
ALL = [("flag", host) for host in sorted(HOSTS)]


@pytest.fixture
def watch(tmp_path):
    return Watch(tmp_path)


@pytest.mark.parametrize(
    "policy, left_out, rule, state",
    [
        ({"min_confidence": 50}, "low", "below_confidence", "outside_policy"),
        ({"max_tlp": "AMBER"}, "high", "above_tlp", "outside_policy"),
        ({"labels": {"drop": ["benign"]}}, "low", "no_value", "rejected"),
        ({"filter": {"drop": "[indicator:confidence > 50]"}}, "high", "no_value", "rejected"),
        (
            {"filter": {"drop": f"[indicator:id = '{IDS['plain']}']"}},
            "plain",
            "no_value",
            "rejected",
        ),
    ],
)
def test_a_rule_works_in_both_directions(watch, policy, left_out, rule, state):
    host = f"{left_out}.example"
    # A policy that is there from the start.
    watch.set(**policy)
    watch.visit(*HOSTS)
    assert watch.take_records() == [one for one in ALL if one[1] != host]
    assert watch.why(left_out) == (state, [rule])
    if state == "outside_policy":
        assert watch.feed()["outside_policy"] == {rule: 1}
    # Without it, stored lines are flagged.
    watch.set()
    watch.poll()
    assert watch.take_records() == [("flag", host)]
    assert watch.why(left_out) == ("active", [])
    assert watch.feed()["outside_policy"] == {}
    # With it again, new lines are not flagged, and older flags stay.
    watch.set(**policy)
    assert watch.visit(*HOSTS)["held"] is None
    assert watch.take_records() == [one for one in ALL if one[1] != host]


def test_an_empty_blacklist_by_policy_is_not_held_back(watch):
    watch.visit(*HOSTS)
    watch.set(types=["url"])
    report = watch.visit(*HOSTS)
    assert (report["held"], report["generation"]) == (None, 2)
    assert watch.take_records() == ALL
    assert watch.feed()["outside_policy"] == {"type": 3}
    assert watch.why("plain") == ("outside_policy", ["type"])
    watch.set(types=["url", "domain-name"])
    watch.poll()
    assert watch.take_records() == ALL


def test_pass_lists_name_what_counts(watch):
    watch.set(labels={"pass": ["C2"]})
    watch.visit(*HOSTS)
    assert watch.take_records() == [("flag", "high.example")]
    watch.set(filter={"pass": "[indicator:name LIKE '%l%']"})
    watch.poll()
    assert watch.take_records() == [("flag", "low.example"), ("flag", "plain.example")]
    said = program.run("indicators", "--rejected", "--config", watch.config).stdout.decode()
    assert IDS["high"] in said and "the feed's filter passes" in said


def test_scope_decides_about_names_below(watch):
    watch.set(scope="exact")
    watch.visit("www.plain.example", "plain.example")
    assert watch.take_records() == [("flag", "plain.example")]
    watch.set()
    watch.poll()
    assert watch.take_records() == [("flag", "www.plain.example")]


def test_age_and_expiry_end_values(watch):
    # The lines are of November 2026, and the indicators of January.
    for policy in ({"max_age": "90d"}, {"expiry": {"domain-name": "90d"}}):
        watch.set(**policy)
        watch.visit("plain.example")
        assert watch.take_records() == []
        assert watch.why("plain") == ("expired", ["expired"])
    watch.set(expiry={"url": "90d"}, max_age="365d")
    watch.poll()
    assert watch.take_records() == [("flag", "plain.example")] * 2
    watch.deliver(indicator("plain", "plain.example", modified="2026-02-01T00:00:00Z"))
    watch.set(max_age="30d")
    watch.visit("plain.example")
    assert watch.take_records() == []


def warninglist(watch, name: str, *entries: str):
    text = {"name": name, "version": 1, "description": "d", "type": "hostname",
            "matching_attributes": ["domain", "hostname"], "list": list(entries)}  # fmt: skip
    folder = watch.folder / "lists" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "list.json").write_text(json.dumps(text))


@pytest.mark.parametrize("setting", ["warninglists", "allow"])
def test_a_list_takes_flags_back_and_its_end_sets_them_again(watch, setting):
    def listed(*entries):
        if setting == "warninglists":
            warninglist(watch, "good", *entries)
        else:
            (watch.folder / "lists").mkdir(exist_ok=True)
            program.write(watch.folder / "lists/ours.txt", *entries)

    rule = {"warninglists": "warninglist", "allow": "allow_list"}[setting]
    watch.visit(*HOSTS)
    assert watch.take_records() == ALL
    listed("plain.example")
    watch.set(**{setting: ["lists"]})
    watch.visit("plain.example")
    assert watch.take_records() == [("retraction", "plain.example")]
    assert watch.why("plain") == ("outside_policy", [rule])
    assert watch.feed()["outside_policy"] == {rule: 1}
    said = program.run("indicators", "--rejected", "--config", watch.config).stdout.decode()
    assert "plain.example" in said and ("good (version 1)" in said or "ours.txt" in said)
    explained = program.run("explain", "plain.example", "--config", watch.config).stdout.decode()
    assert "good (version 1)" in explained or "ours.txt" in explained
    # A list whose content changes is read again.
    listed("example.org", "low.example")
    watch.poll()
    assert ("retraction", "low.example") in (records := watch.take_records())
    # The event that was flagged before gets an addition, the other one a flag.
    assert [one for one in records if one[0] != "retraction"] == [
        ("addition", "plain.example"),
        ("flag", "plain.example"),
    ]
    watch.set()
    watch.poll()
    assert watch.take_records() == [("addition", "low.example")]


def test_a_list_that_cannot_be_read_keeps_the_blacklist_in_use(watch):
    watch.visit(*HOSTS)
    (watch.folder / "lists").mkdir()
    (watch.folder / "lists/broken.json").write_text("{")
    watch.set(warninglists=["lists"])
    report = watch.poll(expect=None)
    assert "broken.json" in report["held"] and "expected a MISP warninglist" in report["held"]
    assert watch.visit("plain.example", expect=None)["follow"]["events"] == 1
    warninglist(watch, "good", "plain.example")
    (watch.folder / "lists/broken.json").unlink()
    assert watch.poll()["held"] is None
    assert watch.why("plain") == ("outside_policy", ["warninglist"])


def test_one_value_of_several_feeds_is_one_entry(tmp_path):
    values = {
        "domain": ("[domain-name:value = 'evil.example']", "evil.example"),
        "ipv4": ("[ipv4-addr:value = '93.184.216.34']", "93.184.216.34"),
        "network": ("[ipv4-addr:value ISSUBSET '93.184.0.0/16']", "93.184.0.0/16"),
        "ipv6": ("[ipv6-addr:value = '2a00::1']", "2a00:0::1"),
        "url": ("[url:value = 'http://evil.example/x']", "https://evil.example/x"),
        "md5": ("[file:hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661']",
                "0CC175B9C0F1B6A831C399E269772661"),
        "sha1": ("[file:hashes.'SHA-1' = '86f7e437faa5a7fce15d1ddcb9eaeaea377667b8']",
                 "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        "sha256": ("[file:hashes.'SHA-256' = '" + "ab" * 32 + "']", "AB" * 32),
        "email": ("[email-addr:value = 'bob@evil.example']", "bob@EVIL.example"),
    }  # fmt: skip
    bundle = stix.write(
        tmp_path / "one.json",
        *(
            stix.indicator(number, pattern)
            for number, (pattern, _) in enumerate(values.values(), 1)
        ),
    )
    listed = program.write(tmp_path / "two.txt", *(value for _, value in values.values()))
    arguments = ("--feed", bundle, "--list", listed)
    built = json.loads(program.run("build", *arguments, "-o", tmp_path / "b", "--json").stdout)
    assert sum(built["entries"].values()) == len(values) == built["statements"] / 2
    for _, value in values.values():
        wanted = value.replace("0.0/16", "0.9")
        said = json.loads(program.run("explain", *arguments, wanted, "--json").stdout)
        feeds = {one["feed"] for entry in said["entries"] for one in entry["indicators"]}
        assert feeds == {"one.json", "two.txt"}, value


def test_the_table_of_feeds_shows_where_each_stands(watch):
    table = program.run("feeds", "--config", watch.config).stdout.decode()
    assert table.splitlines()[0].split() == [
        "FEED", "TYPE", "ACTIVE", "LAST", "SUCCESS", "NEXT", "RUN", "CURSOR",
    ]  # fmt: skip
    assert table.splitlines()[1].split() == ["stix", "path", "0", "never", "next", "round", "-"]
    watch.set(min_confidence=50)
    watch.poll()
    row, note = program.run("feeds", "--config", watch.config).stdout.decode().splitlines()[1:]
    assert re.match(r"stix  path  3 +\d{4}-\d\d-\d\dT\S+  next round +\S*bytes=", row), row
    assert note.strip() == "outside its policy: 1 below_confidence"
    feed = watch.feed()
    assert (feed["type"], feed["next_run"], feed["error"]) == ("path", None, None)
    watch.bundle.write_text("{")
    watch.poll(expect=program.REMOTE)
    assert (
        "failed 1 times in a row" in program.run("feeds", "--config", watch.config).stdout.decode()
    )


def test_a_test_of_a_feed_applies_its_policy(watch):
    watch.set(min_confidence=50)
    text = program.run("feeds", "test", "stix", "--config", watch.config, "--json").stdout
    *values, summary = [json.loads(one) for one in text.splitlines()]
    assert [one["value"] for one in values] == ["plain.example", "high.example"]
    assert summary["summary"]["reasons"] == {"below_confidence": 1}


@pytest.mark.parametrize(
    "policy, expected",
    [
        ({"min_confidence": 101}, "feeds.stix.policy.min_confidence: expected an integer"),
        ({"types": ["domain"]}, "policy.types[0]: expected one of domain-name, ipv4-addr"),
        ({"types": []}, "expected at least one type, got an empty list"),
        ({"scope": "wide"}, 'expected "exact" or "subtree"'),
        ({"filter": {"pass": "[x:y = 1]"}}, "expected paths that start with `indicator:`"),
        ({"filter": {"pass": "confidence > 5"}}, "policy.filter.pass: expected an expression"),
        ({"expiry": {"domain": "5d"}}, "policy.expiry.domain: expected a known key (domain-name"),
        ({"min_confidense": 5}, "did you mean `min_confidence`?"),
    ],
)
def test_a_fault_in_a_policy_is_named_with_its_place(watch, policy, expected):
    watch.set(**policy)
    result = program.run(
        "config", "check", "--offline", "--config", watch.config, expect=program.USAGE
    )
    assert expected in result.stderr.decode(), result.stderr.decode()


def test_an_allow_list_has_no_policy(watch):
    text = watch.config.read_text().replace("max_shrink = 1.0", 'role = "allow"\npolicy = {}')
    watch.config.write_text(text)
    result = program.run(
        "config", "check", "--offline", "--config", watch.config, expect=program.USAGE
    )
    assert "expected no policy for an allow-list" in result.stderr.decode()
