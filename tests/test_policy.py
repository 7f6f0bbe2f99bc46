"""The indicators that count: validity, revocation, confidence, markings, partial and exact matches,
allow-lists.
"""

import json
import re

import pytest

from tests import lines, program, stix

DAY = 86_400
EVIL = "[domain-name:value = 'evil.com']"


def matching(tmp_path, *arguments, log=None, stdin=b"evil.com\n") -> list[str]:
    """Returns the matched entry values. Without a log, the input is `evil.com`."""
    files = [log] if log else ["--log-format", "lines", "-"]
    return program.values(program.scan(*arguments, *files, stdin=None if log else stdin))


def at(text: str) -> list[str]:
    return ["--at", text]


def test_validity_includes_its_start_and_excludes_its_end(tmp_path):
    feed = stix.write(
        tmp_path / "f.json",
        stix.indicator(
            1, EVIL, valid_from="2026-08-01T00:00:00Z", valid_until="2026-09-01T00:00:00.5Z"
        ),
    )
    for moment, holds in [
        ("2026-07-31T23:59:59.999999Z", False),
        ("2026-08-01T00:00:00Z", True),
        ("2026-08-01T02:00:00+02:00", True),
        ("2026-09-01T00:00:00.499Z", True),
        ("2026-09-01T00:00:00.5Z", False),
        ("2026-08-31T22:00:00.5-02:00", False),
    ]:
        assert matching(tmp_path, "--feed", feed, *at(moment)) == ["evil.com"] * holds, moment


def test_the_events_own_time_decides_before_the_clock(tmp_path):
    feed = stix.write(
        tmp_path / "f.json",
        stix.indicator(
            1, EVIL, valid_from="2026-08-23T00:00:00Z", valid_until="2026-08-25T00:00:00Z"
        ),
    )
    times = [lines.EPOCH - 0.001, lines.EPOCH, lines.EPOCH + 2 * DAY - 0.001, lines.EPOCH + 2 * DAY]
    log = program.write(
        tmp_path / "a.log", *(lines.squid("http://evil.com/", at=time) for time in times)
    )
    assert [e["line"] for e in program.scan("--feed", feed, log)] == [2, 3]
    days = program.write(
        tmp_path / "b.log",
        *(lines.combined("http://evil.com/", day=day) for day in (22, 23, 24, 25)),
    )
    assert [e["line"] for e in program.scan("--feed", feed, days)] == [2, 3]
    # A value without a time is judged by the clock, by which this indicator has expired or is not
    # yet valid.
    past = stix.write(
        tmp_path / "p.json", stix.indicator(1, EVIL, valid_until="2020-02-01T00:00:00Z")
    )
    future = stix.write(
        tmp_path / "q.json", stix.indicator(1, EVIL, valid_from="2999-01-01T00:00:00Z")
    )
    assert matching(tmp_path, "--feed", past, "--feed", future) == []


def test_only_the_indicators_that_hold_are_named(tmp_path):
    feed = stix.write(
        tmp_path / "f.json",
        stix.indicator(1, EVIL, valid_until="2026-02-01T00:00:00Z"),
        stix.indicator(2, EVIL, valid_from="2026-02-01T00:00:00Z"),
        stix.indicator(3, EVIL, confidence=10),
        stix.indicator(4, EVIL, confidence=90),
    )
    (event,) = program.scan(
        "--feed",
        feed,
        "--log-format",
        "lines",
        "--min-confidence",
        "50",
        *at("2026-01-15"),
        "-",
        stdin=b"evil.com\n",
    )
    (match,) = event["matches"]
    named = {indicator["id"] for indicator in match["indicators"]}
    assert stix.identifier(4) in named
    assert not named & {stix.identifier(2), stix.identifier(3)}


def test_revoked_withdraws_only_its_own_indicator(tmp_path):
    one = stix.write(
        tmp_path / "one.json",
        stix.indicator(1, EVIL),
        stix.indicator(2, "[domain-name:value = 'other.com']"),
    )
    gone = stix.write(
        tmp_path / "two.json",
        stix.indicator(1, EVIL, revoked=True, modified="2026-02-01T00:00:00Z"),
    )
    assert matching(tmp_path, "--feed", one) == ["evil.com"]
    assert matching(tmp_path, "--feed", one, "--feed", gone) == []
    assert matching(tmp_path, "--feed", gone, "--feed", one) == [], (
        "the order of the feeds does not matter"
    )
    vouched = program.write(tmp_path / "l.txt", "evil.com")
    assert matching(tmp_path, "--feed", one, "--feed", gone, "--list", vouched) == ["evil.com"]


def test_the_newest_version_wins_over_all_bundles(tmp_path):
    def version(place: int, name: str, modified: str):
        return stix.write(
            tmp_path / f"{place}.json",
            stix.indicator(1, f"[domain-name:value = '{name}']", modified=modified),
        )

    old = version(1, "old.com", "2026-01-01T00:00:00Z")
    new = version(2, "new.com", "2026-01-01T00:00:00.001Z")
    text = b"old.com\nnew.com\n"
    for feeds in ([old, new], [new, old]):
        given = [part for feed in feeds for part in ("--feed", feed)]
        assert matching(tmp_path, *given, stdin=text) == ["new.com"]


def test_min_confidence(tmp_path):
    feed = stix.write(
        tmp_path / "f.json",
        *(
            stix.indicator(n, f"[domain-name:value = 'c{n}.com']", confidence=n)
            for n in (0, 15, 49, 50, 85, 100)
        ),
    )
    text = "".join(f"c{n}.com\n" for n in (0, 15, 49, 50, 85, 100)).encode()
    for least, expected in [(0, 6), (15, 5), (50, 3), (51, 2), (100, 1)]:
        assert (
            len(matching(tmp_path, "--feed", feed, "--min-confidence", least, stdin=text))
            == expected
        )


def test_confidence_of_a_csv_list(tmp_path):
    listed = program.write(
        tmp_path / "l.csv", "value,confidence", "low.com,10", '"high.com",90', "none.com,"
    )
    text = b"low.com\nhigh.com\nnone.com\n"
    assert set(matching(tmp_path, "--list", listed, stdin=text)) == {
        "low.com",
        "high.com",
        "none.com",
    }
    found = matching(tmp_path, "--list", listed, "--min-confidence", "50", stdin=text)
    assert "high.com" in found and "low.com" not in found
    events = program.scan("--list", listed, "--log-format", "lines", "-", stdin=text)
    assert [e["matches"][0]["indicators"][0].get("confidence") for e in events] == [10, 90, None]


@pytest.mark.parametrize("spelling", ["2.0", "1.0", "extension"])
def test_the_ceiling_on_markings(tmp_path, spelling):
    """Checks TLP 2.0 as in STIX 2.1, and TLP 1.0 as STIX 2.0 and 2.1 define it."""
    one = {
        "white": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
        "green": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
        "amber": "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
        "red": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
    }
    markings = stix.TLP if spelling != "1.0" else one
    definitions = []
    if spelling == "extension":
        markings = {
            level: stix.identifier(100 + n, "marking-definition")
            for n, level in enumerate(stix.TLP)
        }
        definitions = [
            {
                "type": "marking-definition",
                "spec_version": "2.1",
                "id": identifier,
                "created": "2026-01-01T00:00:00.000Z",
                "name": f"TLP:{level.upper()}",
                "extensions": {
                    "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {
                        "extension_type": "property-extension",
                        "tlp_2_0": level,
                    }
                },
            }
            for level, identifier in markings.items()
        ]
    objects = [
        stix.indicator(n, f"[domain-name:value = 'l{n}.com']", object_marking_refs=[marking])
        for n, marking in enumerate(markings.values())
    ]
    feed = stix.write(tmp_path / "f.json", *objects, *definitions)
    text = "".join(f"l{n}.com\n" for n in range(len(markings))).encode()
    assert len(matching(tmp_path, "--feed", feed, stdin=text)) == len(markings)
    for place, level in enumerate(markings):
        found = matching(
            tmp_path,
            "--feed",
            feed,
            "--max-tlp",
            "clear" if level == "white" else level,
            stdin=text,
        )
        assert found == [f"l{n}.com" for n in range(place + 1)], level


def test_an_unknown_marking_fails_closed(tmp_path):
    unknown = stix.identifier(7, "marking-definition")
    feed = stix.write(tmp_path / "f.json", stix.indicator(1, EVIL, object_marking_refs=[unknown]))
    assert matching(tmp_path, "--feed", feed, "--max-tlp", "green") == []


def test_partial_url_matches_need_asking(tmp_path):
    listed = program.write(tmp_path / "l.txt", "http://drive.example/uc?id=X")
    log = program.write(
        tmp_path / "a.log",
        lines.squid("http://drive.example/uc?"),
        lines.squid("http://drive.example/uc"),
        lines.squid("http://drive.example/uc?id=X"),
        lines.squid("http://drive.example/uc?id=Y"),
    )
    assert program.count("--list", listed, log) == 1
    assert program.count("--partial", "--list", listed, log) == 2
    events = program.scan("--partial", "--list", listed, log)
    assert [(e["line"], m["match"]) for e in events for m in e["matches"]] == [
        (1, "url_query_unlogged"),
        (3, "url"),
    ]
    program.run(
        "scan",
        "--quiet",
        "--exit-code",
        "--list",
        listed,
        program.write(tmp_path / "b.log", lines.squid("http://drive.example/uc?")),
    )


def test_exact_leaves_out_what_is_below(tmp_path):
    listed = program.write(tmp_path / "l.txt", "evil.com", "1.1.1.0/24")
    text = b"evil.com\nwww.evil.com\n"
    assert len(matching(tmp_path, "--list", listed, stdin=text)) == 2
    events = program.scan("--exact", "--list", listed, "--log-format", "lines", "-", stdin=text)
    assert [e["line"] for e in events] == [1]


def test_prefix_mode_takes_whole_path_segments(tmp_path):
    listed = program.write(tmp_path / "l.txt", "http://evil.com/a/b")
    cases = [
        "http://evil.com/a/b",
        "http://evil.com/a/b/",
        "http://evil.com/a/b/c?d",
        "http://evil.com/a/bc",
        "http://evil.com/a",
        "http://evil.com:8080/a/b/c",
        "http://www.evil.com/a/b/c",
        "http://evil.com/a/b?x=1",
    ]
    text = "\n".join(cases).encode()
    found = {}
    for mode in ("exact", "prefix"):
        events = program.scan(
            "--url-match", mode, "--list", listed, "--log-format", "lines", "-", stdin=text
        )
        found[mode] = {cases[e["line"] - 1]: m["match"] for e in events for m in e["matches"]}
    assert set(found["exact"]) == {cases[0], cases[7]}
    assert set(found["prefix"]) == {cases[0], cases[1], cases[2], cases[7]}
    assert found["prefix"][cases[2]] == "url_prefix"


class TestAllowList:
    def check(self, tmp_path, listed, allowed, log, expected):
        block = program.write(tmp_path / "l.txt", *listed)
        allow = program.write(tmp_path / "a.txt", *allowed)
        result = program.run(
            "scan",
            "--json",
            "--list",
            block,
            "--allow",
            allow,
            program.write(tmp_path / "x.log", *log),
        )
        events = [json.loads(line) for line in result.stdout.splitlines()]
        found = [
            (e["line"], re.sub("^https?://", "", m["entry"]["value"]))
            for e in events
            for m in e["matches"]
        ]
        assert found == expected
        return result

    def test_equal_or_lesser_specificity_is_suppressed(self, tmp_path):
        log = [
            lines.squid(f"http://{host}/")
            for host in ("evil.com", "good.evil.com", "x.good.evil.com", "bad.good.evil.com")
        ]
        self.check(
            tmp_path,
            ["evil.com", "bad.good.evil.com"],
            ["good.evil.com"],
            log,
            [(1, "evil.com"), (4, "bad.good.evil.com")],
        )

    def test_an_allowed_domain_does_not_hide_a_listed_url_below_it(self, tmp_path):
        log = [lines.squid("http://sites.google.com/x"), lines.squid("http://sites.google.com/y")]
        listed = ["http://sites.google.com/x", "sites.google.com"]
        self.check(
            tmp_path, listed, ["google.com", "sites.google.com"], log, [(1, "sites.google.com/x")]
        )

    def test_another_observable_of_the_event_still_matches(self, tmp_path):
        log = [
            lines.squid("http://good.example/", peer="HIER_DIRECT/1.1.1.2"),
            lines.combined("http://good.example/", referrer="http://evil.com/"),
        ]
        log_one, log_two = [log[0]], [log[1]]
        self.check(
            tmp_path, ["1.1.1.2", "good.example"], ["good.example"], log_one, [(1, "1.1.1.2")]
        )
        self.check(
            tmp_path, ["evil.com", "good.example"], ["good.example"], log_two, [(1, "evil.com")]
        )

    def test_addresses(self, tmp_path):
        log = [
            lines.squid("http://h.example/", peer=f"HIER_DIRECT/{ip}")
            for ip in ("1.1.1.1", "1.1.1.2", "1.1.1.130", "1.1.2.1")
        ]
        self.check(
            tmp_path,
            ["1.1.0.0/16", "1.1.1.130"],
            ["1.1.1.0/24"],
            log,
            [(3, "1.1.1.130"), (4, "1.1.0.0/16")],
        )

    def test_what_it_suppresses_is_counted(self, tmp_path):
        log = [lines.squid("http://evil.com/")] * 7
        result = self.check(tmp_path, ["evil.com"], ["evil.com"], log, [])
        assert re.search(rb"allow[^\n]*\b7\b|\b7\b[^\n]*allow", result.stderr), result.stderr


class TestRefusals:
    def test_special_and_broad_networks_unless_asked_for(self, tmp_path):
        listed = program.write(
            tmp_path / "l.txt",
            "10.1.2.3",
            "127.0.0.1",
            "192.168.0.0/16",
            "fe80::1",
            "8.0.0.0/7",
            "2600::/18",
            "9.9.9.9",
        )
        text = b"10.1.2.3\n127.0.0.1\n192.168.3.4\nfe80::1\n8.8.8.8\n2600::1\n9.9.9.9\n"
        assert matching(tmp_path, "--list", listed, stdin=text) == ["9.9.9.9"]
        special = matching(tmp_path, "--list", listed, "--accept-special", stdin=text)
        assert special == ["10.1.2.3", "127.0.0.1", "192.168.0.0/16", "fe80::1", "9.9.9.9"]
        assert "8.0.0.0/7" in matching(tmp_path, "--list", listed, "--accept-broad", stdin=text)

    @pytest.mark.parametrize(
        "network, kept",
        [
            ("9.0.0.0/8", True),
            ("8.0.0.0/7", False),
            ("8.0.0.0-8.255.255.255", True),
            ("8.0.0.0-9.0.0.0", False),
            ("8.128.0.0-9.127.255.255", True),
            ("2600::/19", True),
            ("2600::/18", False),
            ("100.64.0.0/10", False),
            ("100.0.0.0/8", False),
            ("::ffff:8.0.0.0/104", True),
            ("::ffff:0:0/96", False),
            ("224.0.0.1", False),
            ("240.0.0.1", False),
            ("198.18.0.1", False),
            ("192.0.2.1", False),
            ("2001:db8::1", False),
            ("fc00::1", False),
            ("::", False),
            ("0.0.0.0/0", False),
            ("::/0", False),
            ("9.255.255.255-10.0.0.0", False),
            ("11.0.0.0", True),
        ],
    )
    def test_floors_and_registries(self, tmp_path, network, kept):
        rejected = tmp_path / "rejected.tsv"
        listed = program.write(tmp_path / "l.txt", network)
        program.run(
            "build", "--list", listed, "--rejected", rejected, "-o", tmp_path / "b", expect=None
        )
        refused = [
            line for line in rejected.read_text().splitlines() if "\t1\t" in line or ":1\t" in line
        ]
        assert len(refused) == (0 if kept else 1), rejected.read_text()
