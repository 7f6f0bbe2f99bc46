"""Collections of a real TAXII 2.1 server, medallion, that change in ways of their own: new ids for
known objects, definitions that come late, threats, and collections that move.
"""

import email
import json
from email.policy import default

import pytest

from tests import program, servers, stix
from tests.polling import Polling, toml

NOW = 1_795_322_415
MARKING = stix.identifier(1, "marking-definition")


def line(number: int, host: str) -> str:
    """Returns a line of Squid's native log."""
    return (
        f"{NOW + number}.357 0 10.1.2.3 TCP_MISS/200 603 GET http://{host}/{number} - "
        "HIER_DIRECT/192.0.2.7 text/html\n"
    )


class Watch(Polling):
    """A controller with one collection and one log, which writes records and mails."""

    def __init__(self, folder, url: str):
        self.folder = folder
        feed = {"name": "taxii", "type": "taxii", "url": url, "collection": "open",
                "user": servers.USER, "password": {"env": "PASSWORD"},
                "overlap": "1ms"}  # fmt: skip
        super().__init__(folder, feed, environment={"PASSWORD": servers.PASSWORD})
        (folder / "access.log").touch()
        self.add(
            '[[logs]]\nname = "proxy"\npaths = ["access.log"]',
            '[history]\nwindow = "3650d"',
            '[output]\nfile = "flagged.ndjson"',
            '[alerts]\nfrom = "t@soc.example"\nrecipients = ["soc@soc.example"]\nfolder = "mails"',
        )

    def add(self, *sections: str):
        """Adds sections to the configuration."""
        self.path.write_text(self.path.read_text() + "\n" + "\n".join(sections) + "\n")

    def visit(self, *hosts: str):
        """Appends a line for each host."""
        with (self.folder / "access.log").open("a") as log:
            log.writelines(line(number, host) for number, host in enumerate(hosts))

    def records(self) -> list[dict]:
        output = self.folder / "flagged.ndjson"
        return [json.loads(one) for one in output.read_text().splitlines()]

    def mails(self) -> list[str]:
        """Returns the texts of the mails about matches."""
        files = sorted((self.folder / "mails").glob("*.eml"))
        mails = [email.message_from_bytes(one.read_bytes(), policy=default) for one in files]
        texts = [(mail["Subject"], mail.get_body(["plain"]).get_content()) for mail in mails]
        return [text for subject, text in texts if "new ids" not in subject + text]

    def run(self, *arguments, expect: int = program.DONE) -> str:
        command = [*arguments, "--config", self.path]
        return program.run(*command, expect=expect, env=self.environment).stdout.decode()


@pytest.fixture
def server(tmp_path):
    """A server of its own, because each test changes it."""
    folder = tmp_path / "server"
    folder.mkdir()
    with servers.medallion(folder, [named(1, "first.example")]) as running:
        yield running


@pytest.fixture
def watch(tmp_path, server):
    return Watch(tmp_path / "watch", server.root)


def named(number: int, host: str, **properties) -> dict:
    return stix.indicator(number, f"[domain-name:value = '{host}']", name=host, **properties)


HOSTS = [f"h{number}.example" for number in range(12)]


def test_a_server_that_changes_its_ids_counts_nothing_twice(watch, server):
    server.add(*(named(100 + n, host) for n, host in enumerate(HOSTS)))
    watch.visit(*HOSTS[:3])
    watch.poll()
    assert len(watch.records()) == 3 and len(watch.mails()) == 1
    watch.run("retract", stix.identifier(105), "--reason", "ours")
    # The last object comes again with the next poll, and the others do not.
    server.add(named(50, "last.example"))
    watch.poll()
    generation = json.loads(watch.run("status", "--json"))["blacklist"]["generation"]
    # The same objects under new ids, stamped with the time of the change.
    stamps = dict.fromkeys(("created", "modified", "valid_from"), "2026-06-01T00:00:00.000Z")
    server.add(*(named(200 + n, host, **stamps) for n, host in enumerate(HOSTS)))
    report = watch.poll_json()
    taken = report["feeds"][0]["taken"]
    assert (taken["added"], taken["renamed"]) == (0, 12), taken
    active = {one["id"] for one in watch.indicators("")}
    assert active == {stix.identifier(n) for n in (1, 50, *range(200, 212)) if n != 205}
    # Nothing is flagged or mailed again, and the retraction holds.
    assert len(watch.records()) == 3 and len(watch.mails()) == 1
    watch.visit(HOSTS[3], HOSTS[5])
    watch.poll()
    last = watch.records()[3:]
    assert [one["threat"]["enrichments"][0]["indicator"]["id"] for one in last] == [
        stix.identifier(203)
    ]
    assert len(last[0]["threat"]["enrichments"]) == 1
    status = json.loads(watch.run("status", "--json"))
    (condition,) = [one for one in status["conditions"] if one["kind"] == "feed_ids_changed"]
    assert condition["subject"] == "taxii" and "12 of 14" in condition["what"], condition
    assert "new ids for known indicators: taxii" in watch.run("status")
    assert status["blacklist"]["generation"] > generation
    # A withdrawal names the new id only, and reaches flags of before.
    gone = {**stamps, "modified": "2026-06-02T00:00:00.000Z"}
    server.add(named(201, HOSTS[1], revoked=True, **gone))
    watch.poll()
    retraction = watch.records()[-1]["threatsieve"]
    assert (retraction["kind"], retraction["indicator"]) == ("retraction", stix.identifier(101))
    assert not watch.indicators(HOSTS[1])


def test_a_definition_that_comes_later_holds_for_known_indicators(watch, server):
    watch.add('[matching]\nmax_tlp = "amber"')
    server.add(
        named(100, "marked.example", object_marking_refs=[MARKING]),
        named(101, "both.example", object_marking_refs=[MARKING, stix.TLP["red"]]),
        named(102, "other.example", object_marking_refs=[stix.identifier(2, "marking-definition")]),
    )
    watch.visit("marked.example", "both.example", "other.example")
    watch.poll()
    levels = lambda: {one["id"][-3:]: one.get("tlp") for one in rows(watch)}
    red = {"064": "RED", "065": "RED", "066": "RED", "001": None}
    assert levels() == red and watch.records() == []
    server.add(
        {"type": "marking-definition", "spec_version": "2.1", "id": MARKING,
         "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
         "definition_type": "tlp", "definition": {"tlp": "green"}}
    )  # fmt: skip
    watch.poll()
    assert levels() == {**red, "064": "GREEN"}
    # The stored line is flagged, now that the indicator counts.
    (record,) = watch.records()
    assert record["url"]["domain"] == "marked.example"
    assert record["threat"]["enrichments"][0]["indicator"]["marking"]["tlp"] == "GREEN"


def rows(watch) -> list[dict]:
    output = watch.run("indicators", "", "--state", "all", "--json")
    return [json.loads(text) for text in output.splitlines()]


def test_threats_of_a_collection_reach_the_record_the_mail_and_explain(watch, server):
    common = {"spec_version": "2.1", "created": "2026-01-01T00:00:00.000Z",
              "modified": "2026-01-01T00:00:00.000Z"}  # fmt: skip
    malware = {"type": "malware", "id": stix.identifier(1, "malware"), "is_family": True,
               "name": "Poison Ivy", **common}  # fmt: skip
    campaign = {
        "type": "campaign",
        "id": stix.identifier(1, "campaign"),
        "name": "th3bug",
        **common,
    }
    technique = {
        "type": "attack-pattern", "id": stix.identifier(1, "attack-pattern"), "name": "Phishing",
        "external_references": [{"source_name": "mitre-attack", "external_id": "T1566"}],
        **common,
    }  # fmt: skip
    threats = [malware, campaign, technique]
    relations = [
        {"type": "relationship", "id": stix.identifier(n, "relationship"), **common,
         "relationship_type": "indicates", "source_ref": stix.identifier(1),
         "target_ref": threat["id"]}
        for n, threat in enumerate(threats, 1)
    ]  # fmt: skip
    watch.poll()
    # Both ends come after the indicator, in polls of their own.
    server.add(*relations)
    watch.poll()
    server.add(*threats)
    watch.visit("www.first.example")
    watch.poll()
    (record,) = watch.records()
    (enrichment,) = record["threat"]["enrichments"]
    assert enrichment["software"] == {"name": ["Poison Ivy"]}
    assert enrichment["group"] == {"name": ["th3bug"]}
    assert enrichment["technique"] == {"id": ["T1566"], "name": ["Phishing"]}
    (mail,) = watch.mails()
    text = watch.run("explain", "www.first.example")
    for name in ("Poison Ivy", "th3bug", "Phishing"):
        assert name in mail and name in text, name


@pytest.mark.parametrize(
    "moved",
    [
        {"collection": "Renamed"},
        {"collection": stix.identifier(9, "x")[3:]},
        {"path": "elsewhere/"},
    ],
)
def test_a_collection_that_moved_is_named_and_the_last_good_state_serves(watch, server, moved):
    watch.poll()
    text = watch.path.read_text()
    text = text.replace(
        'collection = "open"', f"collection = {toml(moved.get('collection', 'open'))}"
    )
    text = text.replace(server.root, server.root.replace("root/", moved.get("path", "root/")))
    watch.path.write_text(text)
    error = watch.fails("taxii")
    assert "expected" in error and "got" in error, error
    if "collection" in moved:
        assert moved["collection"] in error and "Open" in error, error
    else:
        assert "elsewhere" in error and "404" in error, error
    assert watch.active("taxii") == 1
    watch.visit("first.example")
    watch.poll(expect=program.REMOTE)
    assert len(watch.records()) == 1
