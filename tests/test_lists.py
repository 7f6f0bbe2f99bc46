"""Real-world lists: accepted values, rejected lines with reasons, and the reports about both."""

import json
from pathlib import Path

import pytest

from tests import program
from tests.program import DAMAGED, DONE, REMOTE, USAGE

CASES = Path(__file__).parent / "data/cases"


def case(name: str, file: str) -> Path:
    return CASES / name / file


def examined(source, *arguments, expect=DONE, stdin=None):
    """Returns the values of `feeds test --json`, and the summary."""
    output = program.run(
        "feeds", "test", source, "--json", *arguments, expect=expect, stdin=stdin
    ).stdout
    *values, last = [json.loads(line) for line in output.splitlines()]
    return values, last["summary"]


def shown(values) -> list[str]:
    """Returns each value with its type, and its port if it has one."""
    return [
        " ".join(str(part) for part in (v["type"], v["value"], v.get("port")) if part)
        for v in values
    ]


# Cases from public reports. The file `expect` names the report.


def test_a_list_may_begin_with_a_bracket():
    listed = case("bracket-first-line", "br.txt")
    assert program.count("--list", listed, case("bracket-first-line", "log")) == 2
    values, summary = examined(case("bracket-first-line", "ab.txt"))
    assert (shown(values), summary["format"]) == (["domain-name bad-one.top"], "adblock")


def test_a_page_for_people_is_no_list(tmp_path):
    page, log = case("html-instead-of-feed", "f.csv"), case("html-instead-of-feed", "log")
    result = program.run("scan", "--list", page, log, expect=DAMAGED)
    assert b"HTML" in result.stderr and result.stdout == b""
    program.run("build", "--list", page, "-o", tmp_path / "b", expect=DAMAGED)
    assert not (tmp_path / "b").exists()


def test_json_of_another_kind_is_known_by_its_properties():
    feed = case("json-array-feed", "f.json")
    for arguments in [], ["--format", "json"], ["--format", "feodo-ipblocklist"]:
        values, summary = examined(feed, *arguments)
        assert (shown(values), summary["format"]) == (["ipv4-addr 45.66.77.88 443"], "json")
    assert program.count("--feed", feed, case("json-array-feed", "l2")) > 0


def test_misp_attributes_that_are_not_for_detection_are_skipped(tmp_path):
    listed, log = case("misp-csv-link", "m.csv"), case("misp-csv-link", "log")
    assert [event["line"] for event in program.scan("--list", listed, log)] == [1]
    rejected = tmp_path / "r.tsv"
    report = program.run(
        "build", "--json", "--list", listed, "--rejected", rejected, "-o", tmp_path / "b"
    ).stdout
    assert json.loads(report)["skipped"] == {"to_ids is 0": 3}
    assert len(rejected.read_text().splitlines()) == 1, "its head alone"


def test_netmasks_and_wildcards_are_networks_or_rejected(tmp_path):
    listed, log = case("netmask-wildcard", "f"), case("netmask-wildcard", "log")
    events = program.scan("--list", listed, log)
    assert [(event["line"], event["matches"][0]["entry"]["value"]) for event in events] == [
        (1, "45.66.77.0/24"),
        (3, "93.94.95.0/24"),
        (4, "45.66.77.0/24"),
    ]
    program.run("build", "--list", listed, "--rejected", tmp_path / "r", "-o", tmp_path / "b")
    assert "91.92.240.*" in (tmp_path / "r").read_text()


def test_otx_types_that_are_no_indicators_are_skipped():
    events = program.scan("--list", case("otx-csv", "f.csv"), case("otx-csv", "log"))
    assert [event["line"] for event in events] == [1, 2, 3, 4, 6, 7, 8]
    _, summary = examined(case("otx-csv", "f.csv"))
    assert (summary["format"], summary["taken"], summary["skipped"], summary["rejected"]) == (
        "csv",
        7,
        4,
        0,
    )


def test_the_url_column_of_phishtank_is_taken():
    events = program.scan(
        "--list", case("phishtank-csv", "online.csv"), case("phishtank-csv", "log")
    )
    assert [event["line"] for event in events] == [1, 2]


def test_comments_behind_networks_are_cut():
    listed, log = case("spamhaus-drop-txt", "list.txt"), case("spamhaus-drop-txt", "log")
    (event,) = program.scan("--list", listed, log)
    assert (event["line"], event["matches"][0]["entry"]["value"]) == (1, "45.66.76.0/22")


def test_a_stix_1_package_is_read():
    (event,) = program.scan("--feed", case("stix1-xml", "ais.xml"), case("stix1-xml", "ais.log"))
    (match,) = event["matches"]
    assert (event["line"], match["entry"]["value"]) == (2, "c2.bad-two.top")


def test_a_stix_1_package_without_an_indicator_is_doubtful():
    result = program.run(
        "scan", "--feed", case("stix1-xml", "b.xml"), case("stix1-xml", "log"), expect=DAMAGED
    )
    assert b"expected indicators, got none" in result.stderr


def test_feeds_test_knows_stix_1():
    values, summary = examined(case("stix1-xml", "ais.xml"))
    assert "ipv4-addr 45.66.77.0/24" in shown(values)
    assert (summary["format"], summary["taken"], summary["rejected"]) == ("stix1", 6, 1)


def test_a_wazuh_list_is_rejected_loudly():
    result = program.run(
        "scan", "--list", case("wazuh-cdb", "f"), case("wazuh-cdb", "log"), expect=DAMAGED
    )
    assert b"5 rejected lines" in result.stderr


# Lines, headers, encodings.


@pytest.mark.parametrize(
    "line",
    [
        "45.66.76.0/22;SBL1",
        "45.66.76.0/33",
        "45.66.76.0/255.0.255.0",
        "bad-one.top,bad-two.top",
        "bad-one.top/a,b",
        "bad one.top",
        "<bad-one.top>",
        "http://bad-one.top/a b",
        'http://bad-one.top/"x',
        "http://bad-one.top/<b>",
        "C:\\Windows\\evil.exe",
        "tmp/evil.exe",
        "Global/abc",
        "CVE-2021-44228",
        "Forbidden",
        "93.94.95.92|4444",
        "45.66.77.",
    ],
)
def test_what_is_no_value_is_never_taken_for_one(tmp_path, line):
    listed = program.write(tmp_path / "l.txt", line, "bad-ok.top", "bad-fine.top")
    values, summary = examined(listed)
    assert shown(values) == ["domain-name bad-ok.top", "domain-name bad-fine.top"]
    assert (summary["taken"], summary["rejected"]) == (2, 1)


@pytest.mark.parametrize(
    ("line", "want"),
    [
        ("45.66.76.0/22 ; SBL1", "ipv4-addr 45.66.76.0/22"),
        ("bad-one.top\t// note", "domain-name bad-one.top"),
        ("45.66.77.69\t\t# 2026-05-03 09:11:03", "ipv4-addr 45.66.77.69"),
        ("http://bad-one.top/a#b # url", "url http://bad-one.top/a#b"),
        ("http://bad-one.top/a,b;c", "url http://bad-one.top/a,b;c"),
        ("HTTP://BAD-two.top:8080/Gate.php?x=%41", "url http://bad-two.top:8080/Gate.php?x=%41"),
        ("bad-two.top/gate", "url http://bad-two.top/gate"),
        ("93.94.95.116:8443", "ipv4-addr 93.94.95.116 8443"),
        ("[2a0f:77aa::1]:443", "ipv6-addr 2a0f:77aa::1 443"),
        ("c2.bad-one.top:8080", "domain-name c2.bad-one.top 8080"),
        ("93.94.95.10-93.94.95.12", "ipv4-addr 93.94.95.10/31|ipv4-addr 93.94.95.12"),
        ("2A0F:77AA::/29", "ipv6-addr 2a0f:77a8::/29"),
        ("b\u00fccher-bad.top", "domain-name xn--bcher-bad-q9a.top"),
        ("evil[.bad-one.top", "domain-name evil.bad-one.top"),
        ("hxtps[:]//bad-one[.]top/x", "url https://bad-one.top/x"),
    ],
)
def test_values_are_printed_in_normal_form(tmp_path, line, want):
    values, _ = examined(program.write(tmp_path / "l.txt", line))
    assert "|".join(shown(values)) == want


def test_hosts_files_name_hosts_exactly(tmp_path):
    listed = program.write(
        tmp_path / "hosts",
        "127.0.0.1 localhost",
        "0.0.0.0 bad-one.top bad-two.top",
        "0.0.0.0 45.66.77.22",
    )
    values, summary = examined(listed)
    assert [(v["value"], v["scope"]) for v in values] == [
        ("bad-one.top", "exact"),
        ("bad-two.top", "exact"),
    ]
    assert (summary["format"], summary["rejected"]) == ("hosts", 1)
    log = program.write(tmp_path / "log", "bad-one.top", "www.bad-one.top")
    assert [e["line"] for e in program.scan("--log-format", "lines", "--list", listed, log)] == [1]


def test_a_header_with_several_columns_of_values_needs_a_name(tmp_path):
    listed = program.write(
        tmp_path / "v.csv",
        "Family,URL,IP,FirstSeen",
        "Bot,http://bad-one.top/p,45.66.77.119,04-05-2026",
    )
    result = program.run("feeds", "test", listed, expect=USAGE)
    assert b"csv:url" in result.stderr and b"csv:ip" in result.stderr
    assert b"viriback" in result.stderr
    assert shown(examined(listed, "--format", "csv:url")[0]) == ["url http://bad-one.top/p"]
    program.run("scan", "--list", listed, "-", expect=USAGE)
    log = program.write(tmp_path / "log", "45.66.77.119")
    assert program.count("--list", listed, "--list-format", "csv:ip", log) == 1


def test_a_header_without_a_column_of_values_is_rejected(tmp_path):
    listed = program.write(tmp_path / "t.csv", "Address,Tags", "45.66.77.121,http")
    result = program.run("feeds", "test", listed, expect=DAMAGED)
    assert b"Address" in result.stderr and b"csv:COLUMN" in result.stderr


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_are_known_by_name(tmp_path, delimiter):
    rows = [
        ["first_seen", "dst_ip", "dst_port", "Confidence", "is_active"],
        ["2026-01-01", "45.66.77.1", "443", "75", "1"],
        ["2026-01-01", "45.66.77.2", "", "", "0"],
    ]
    listed = program.write(tmp_path / "f.csv", *[delimiter.join(row) for row in rows])
    values, summary = examined(listed)
    assert values == [{"type": "ipv4-addr", "value": "45.66.77.1", "port": 443, "confidence": 75}]
    assert (summary["skipped"], summary["rejected"], summary["reasons"]) == (
        1,
        0,
        {"not active": 1},
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_lists_of_windows_are_read(encoding):
    text = "bad-one.top\r\n45.66.77.88\r\n"
    values, _ = examined("-", stdin=text.encode(encoding))
    assert shown(values) == ["domain-name bad-one.top", "ipv4-addr 45.66.77.88"]


def test_lines_may_end_with_carriage_returns():
    assert len(examined("-", stdin=b"bad-one.top\rbad-two.top\rbad-three.top\r")[0]) == 3


# Sources that are probably not feeds.


@pytest.mark.parametrize(
    "content",
    ["", "# only a comment\n", "not a value\nnor this\nbad-one.top\n", "Sorry, not now.\n"],
)
def test_a_doubtful_list_is_told_and_ends_with_4(tmp_path, content):
    listed = tmp_path / "l.txt"
    listed.write_text(content)
    log = program.write(tmp_path / "log", "bad-one.top")
    result = program.run("scan", "--count", "--list", listed, log, expect=DAMAGED)
    assert b"warning" in result.stderr
    assert int(result.stdout) == ("bad-one.top" in content), "the accepted values are used"
    program.run("build", "--list", listed, "-o", tmp_path / "b", expect=DAMAGED)
    assert (tmp_path / "b").exists()
    examined(listed, expect=DAMAGED)


def test_what_may_be_empty_is_fine(tmp_path):
    empty = program.write(tmp_path / "l.txt", "# nothing yet")
    assert program.count("--list", empty, "--may-be-empty", "-") == 0
    banner = program.write(
        tmp_path / "feodo.txt",
        "# abuse.ch Feodo Tracker Botnet C2 IP Blocklist (TXT) #",
        "# END 0 entries",
    )
    assert program.count("--list", banner, "-") == 0
    assert (
        program.count(
            "--list", program.write(tmp_path / "a.txt", "bad-one.top"), "--allow", empty, "-"
        )
        == 0
    )


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('[{"asn":64496,"asname":"x","domain":"bad-one.top"}]', b"AS numbers"),
        ('{"u": {"Orgc": {"name": "x"}, "threat_level_id": "3"}}', b"manifest"),
        ('{"_source": {"url": "https://bad-one.top/x"}}', b"logs"),
        ('["bad-one.top"]', b"STIX"),
        ("<?xml version='1.0'?><rss/>", b"XML"),
        ("# x\n// ===BEGIN ICANN DOMAINS===\ntop\nco.zz\n", b"Public Suffix List"),
        (
            "# abuse.ch SSLBL JA3 Fingerprint Blacklist (CSV)\n# ja3_md5\n"
            "e5ed17c4bc42f054c14b8768db3e23cb\n",
            b"JA3",
        ),
    ],
)
def test_what_is_no_list_of_indicators_prints_no_value(tmp_path, content, kind):
    source = tmp_path / "f"
    source.write_text(content)
    result = program.run("feeds", "test", source, "--json", expect=DAMAGED)
    assert kind in result.stderr
    (summary,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert summary["summary"]["taken"] == 0


# Ports.


def test_a_port_is_shown_and_compared_only_on_demand(tmp_path):
    listed = program.write(tmp_path / "l.txt", "45.66.77.88:8443", "c2.bad-one.top:8080")
    log = program.write(
        tmp_path / "log",
        json.dumps({"destination": {"ip": "45.66.77.88", "port": 8443}}),
        json.dumps({"destination": {"ip": "45.66.77.88", "port": 443}}),
        json.dumps({"destination": {"ip": "45.66.77.88"}}),
        json.dumps({"url": {"original": "http://c2.bad-one.top:8080/x"}}),
        json.dumps({"url": {"original": "http://c2.bad-one.top/x"}}),
    )
    events = program.scan("--list", listed, log)
    assert [event["line"] for event in events] == [1, 2, 3, 4, 5]
    assert events[0]["matches"][0]["indicators"][0]["port"] == 8443
    strict = program.scan("--list", listed, "--match-port", log)
    assert [event["line"] for event in strict] == [1, 4]


# Configured feeds.


def configured(folder, path, *settings):
    return program.write(
        folder / "threatsieve.toml",
        f'state = "{folder}/state"',
        "[[feeds]]",
        'name = "partner"',
        'type = "path"',
        f'path = "{path}"',
        *settings,
    )


def test_poll_holds_a_doubtful_first_delivery_back(tmp_path):
    listed = program.write(tmp_path / "l.txt", "not a value", "nor this", "bad-one.top")
    config = configured(tmp_path, listed)
    result = program.run("poll", "--config", config, expect=DAMAGED)
    assert b"held" in result.stdout and b"2 rejected lines" in result.stdout
    program.run("feeds", "--allow", "partner", "--config", config)
    program.run("poll", "--config", config)
    assert b"bad-one.top" in program.run("indicators", "--config", config).stdout


def test_poll_takes_an_empty_feed_that_may_be_so(tmp_path):
    listed = program.write(tmp_path / "l.txt", "# nothing yet")
    program.run("poll", "--config", configured(tmp_path, listed), expect=DAMAGED)
    program.run("poll", "--config", configured(tmp_path, listed, "may_be_empty = true"))


def test_a_configured_feed_keeps_its_ports_and_its_format(tmp_path):
    listed = program.write(
        tmp_path / "v.csv", "URL,IP,port", "http://bad-one.top/p,45.66.77.119,444"
    )
    config = configured(
        tmp_path, listed, 'format = "csv:ip"', "match_port = true", "confidence = 40"
    )
    values, summary = examined("partner", "--config", config)
    assert values == [{"type": "ipv4-addr", "value": "45.66.77.119", "port": 444, "confidence": 40}]
    program.run("poll", "--config", config)
    (found,) = [
        json.loads(line)
        for line in program.run("indicators", "--json", "--config", config).stdout.splitlines()
    ]
    assert found["values"][0]["port"] == 444
    explained = program.run("explain", "--config", config, "45.66.77.119").stdout
    assert b"port 444 only" in explained


def test_a_page_is_rejected_by_poll(tmp_path):
    page = tmp_path / "p.html"
    page.write_text("<!DOCTYPE html><html>bad-one.top</html>")
    result = program.run("poll", "--config", configured(tmp_path, page), expect=REMOTE)
    assert b"HTML" in result.stdout


def test_a_source_that_is_nothing_is_named(tmp_path):
    result = program.run(
        "feeds", "test", "nowhere.txt", "--config", configured(tmp_path, "x"), expect=USAGE
    )
    assert b"partner" in result.stderr
    assert (
        b"expected one of"
        in program.run("feeds", "test", "-", "--format", "xml", expect=USAGE).stderr
    )
