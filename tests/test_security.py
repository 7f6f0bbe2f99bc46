"""TLS, users and roles of the security plugin on a real 2.19, as in docs/security.md."""

import itertools
import json
import urllib.request
from pathlib import Path

import pytest

from tests import program, pushing, stix
from tests.backfilling import Backfilling, claims, flagged
from tests.controller import Controller
from tests.pushing import ENDPOINT, built, event, is_flagged
from tests.secured import (
    CONTROLLER,
    PASSWORD,
    PUSHER,
    SETTER,
    SHIPPER,
    STRANGER,
    WATCHER,
    Secured,
)  # fmt: skip

GENERATIONS = itertools.count(1)
"""Generations of the node's only blacklist: each push takes the next number."""

EVIL = "evil.example"


@pytest.fixture
def pushed(secured, tmp_path):
    """Pushes the next generation of a blacklist as a user with the right to push."""
    generation = next(GENERATIONS)
    answer = secured.push(PUSHER, built(tmp_path, [EVIL], generation=generation))
    assert answer["acknowledged"] and answer["generation"] == generation, answer
    return generation


def test_the_documented_role_may_push_look_and_roll_back(secured, pushed, tmp_path):
    status = secured.send(PUSHER, "GET", f"{ENDPOINT}/default")
    assert status["blacklists"]["default"]["generation"] == pushed
    next_one = built(tmp_path, [EVIL, "other.example"], generation=next(GENERATIONS))
    assert secured.push(PUSHER, next_one)["acknowledged"]
    newest = secured.send(PUSHER, "GET", f"{ENDPOINT}/default/_history")["history"]
    assert {entry["pushed_by"] for entry in newest} == {"pusher"}
    assert secured.send(PUSHER, "POST", f"{ENDPOINT}/default/_rollback")["acknowledged"]


def test_the_documented_role_may_push_in_parts(secured, tmp_path):
    blacklist = built(tmp_path, [EVIL, "parts.example"], generation=next(GENERATIONS))
    assert pushing.push_in_parts(secured.node, blacklist, user=PUSHER, context=secured.context)[
        "acknowledged"
    ]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", f"{ENDPOINT}/default", None),
        ("GET", "/events/_search", None),
        ("GET", "/.threatsieve-blacklists/_search", None),
        ("PUT", "/.threatsieve-blacklists/_doc/1", {"a": 1}),
        ("POST", "/events/_doc", {"a": 1}),
        ("PUT", "/_cluster/settings", {"persistent": {"threatsieve.blacklist.default": "9:00"}}),
        ("PUT", "/_ingest/pipeline/flag", {"processors": []}),
        ("GET", "/_plugins/_security/api/internalusers", None),
        ("GET", "/_cluster/state", None),
    ],
)
def test_the_documented_role_may_do_nothing_else(secured, pushed, method, path, body):
    assert secured.status_of(PUSHER, method, path, body) == 403


def test_who_may_look_may_not_push(secured, pushed, tmp_path):
    assert secured.send(WATCHER, "GET", ENDPOINT)["blacklists"]["default"]["generation"] == pushed
    assert secured.send(WATCHER, "GET", f"{ENDPOINT}/default/_history")["history"]
    refused_everything_that_changes(secured, WATCHER, tmp_path)


def test_a_user_without_the_role_is_refused(secured, pushed, tmp_path):
    for path in ("", "/default", "/default/_history"):
        assert secured.status_of(STRANGER, "GET", ENDPOINT + path) == 403
    refused_everything_that_changes(secured, STRANGER, tmp_path)


def test_who_is_unknown_is_refused(secured, pushed):
    assert secured.status_of(None, "GET", ENDPOINT) == 401
    assert secured.status_of(("pusher", "wrong"), "GET", ENDPOINT) == 401


def refused_everything_that_changes(secured: Secured, user: tuple[str, str], folder: Path) -> None:
    """Checks that this user can make none of the changing calls, and that nothing has changed."""
    before = secured.node.get(ENDPOINT)["blacklists"]
    blacklist = built(folder, ["stranger.example"], generation=next(GENERATIONS)).read_bytes()
    for method, path, body in (
        ("PUT", "/default", blacklist),
        ("POST", f"/default/_upload?bytes={len(blacklist)}&digest={'0' * 64}", None),
        ("PUT", "/default/_upload/any/0", blacklist),
        ("POST", "/default/_upload/any/_commit", None),
        ("DELETE", "/default/_upload/any", None),
        ("POST", "/default/_rollback", None),
        ("DELETE", "/default", None),
    ):
        assert secured.status_of(user, method, ENDPOINT + path, body) == 403, path
    assert secured.node.get(ENDPOINT)["blacklists"] == before


def test_a_shipper_needs_no_right_of_ours(secured, pushed):
    """Flags a shipper's events, although it may neither read nor push the blacklist."""
    lines = [
        {"index": {"_id": "bad"}},
        event(EVIL),
        {"index": {"_id": "good"}},
        event("good.example"),
    ]
    body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    answer = secured.send(
        SHIPPER,
        "POST",
        "/events/_bulk?pipeline=flag&refresh=true",
        body,
        content_type="application/x-ndjson",
    )
    assert not answer["errors"], answer
    assert [is_flagged(document) for document in secured.node.documents("events")] == [True, False]
    assert secured.status_of(SHIPPER, "GET", ENDPOINT) == 403


def test_the_documented_role_may_set_up(secured, tmp_path):
    """Sets up with the program itself: the check of mappings, the component template, and then the
    pipeline.
    """
    password = program.write(tmp_path / "password", SETTER[1])
    password.chmod(0o600)
    sign_in = {
        "user": SETTER[0],
        "password": {"file": password},
        "ca_files": [secured.certificates.authority],
    }
    controller = Controller(tmp_path, "setup", [secured.node.url], **sign_in)
    controller.run("opensearch", "template", "--put")
    secured.node.put(
        "/_index_template/events", {"index_patterns": ["events*"], "composed_of": ["threatsieve"]}
    )
    secured.node.put("/events-set-up")
    checked = json.loads(
        controller.run("opensearch", "check", "--json", "--index", "events-set-up")
    )
    assert checked["nodes"], checked
    secured.send(SETTER, "PUT", "/_ingest/pipeline/set-up", {"processors": [{"threat_match": {}}]})
    refused_everything_that_changes(secured, SETTER, tmp_path)


def test_the_blacklists_index_is_hidden_from_who_may_read_everything(secured, pushed):
    security = "/_plugins/_security/api"
    secured.node.put(
        f"{security}/roles/reads_all",
        {"index_permissions": [{"index_patterns": ["*"], "allowed_actions": ["read", "write"]}]},
    )
    secured.node.put(f"{security}/rolesmapping/reads_all", {"users": ["stranger"]})
    try:
        assert (
            secured.status_of(STRANGER, "PUT", "/.threatsieve-blacklists/_doc/1", {"a": 1}) == 403
        )
    finally:
        secured.node.delete(f"{security}/rolesmapping/reads_all")


def test_the_controller_removes_its_own_temporary_blacklists(secured, pushed, tmp_path):
    secured.push(PUSHER, built(tmp_path, [EVIL], "_new-default"), name="_new-default")
    for user in (WATCHER, STRANGER):
        assert secured.status_of(user, "DELETE", f"{ENDPOINT}/_new-default") == 403
    assert secured.send(PUSHER, "DELETE", f"{ENDPOINT}/_new-default")["acknowledged"]
    assert secured.status_of(PUSHER, "DELETE", f"{ENDPOINT}/default") == 403


def test_a_query_needs_the_right_to_search_and_shows_nothing_hidden(secured, pushed, tmp_path):
    """Document- and field-level security hold, whatever others have searched for before."""
    node, security = secured.node, "/_plugins/_security/api"
    fields = {"host": {"type": "keyword"}, "ip": {"type": "ip"}, "team": {"type": "keyword"}}
    fields["bare"] = {"type": "keyword", "index": False}
    node.put("/logs", {"mappings": {"properties": fields}, "settings": {"number_of_replicas": 0}})
    hosts = [EVIL, f"a.{EVIL}", "good.example"]
    events = [{"host": host, "bare": host, "team": host[0]} for host in hosts]
    events[2]["ip"] = "203.0.112.1"
    node.bulk("logs", events, ids=["0", "1", "2"])
    roles = {
        "reader": {}, "no-hosts": {"fls": ["~host", "~bare", "~ip"]},
        "masked": {"masked_fields": ["host", "bare", "ip"]},
        "team-a": {"dls": json.dumps({"term": {"team": "a"}})},
    }  # fmt: skip
    for name, limits in roles.items():
        node.put(f"{security}/internalusers/{name}", {"password": PASSWORD})
        rights = {"index_patterns": ["logs"], "allowed_actions": ["indices:data/read/search"]}
        node.put(f"{security}/roles/{name}", {"index_permissions": [{**rights, **limits}]})
        node.put(f"{security}/rolesmapping/{name}", {"users": [name]})
    secured.push(PUSHER, built(tmp_path, [EVIL, "203.0.112.0/24"], generation=next(GENERATIONS)))

    def search(*fields: str) -> dict:
        return {"query": {"threat_match": {"fields": list(fields)}}}

    def found(user: str, *fields: str) -> set[str]:
        answer = secured.send((user, PASSWORD), "POST", "/logs/_search", search(*fields))
        return {hit["_id"] for hit in answer["hits"]["hits"]}

    # In both orders: what one user's search finds is not kept for another's.
    for user in ("no-hosts", "reader", "masked", "no-hosts", "team-a", "masked", "reader"):
        expected = {"reader": {"0", "1"}, "team-a": {"1"}}.get(user, set())
        assert found(user, "host") == found(user, "bare") == expected, user
        assert found(user, "ip") == ({"2"} if user == "reader" else set()), user
    assert secured.status_of(STRANGER, "POST", "/logs/_search", search("host")) == 403


def test_nothing_is_said_without_tls(secured):
    with pytest.raises(OSError):
        urllib.request.urlopen(secured.node.url.replace("https", "http"), timeout=10)


@pytest.mark.parametrize("way", ["query", "values", "scan"])
def test_the_documented_role_may_match_stored_events(secured, tmp_path, way):
    """Flags stored events and takes a flag back, with the roles of docs/security.md."""
    index = f"events-{way}"
    fields = {"properties": {"url": {"properties": {"domain": {"type": "keyword"}}}}}
    secured.node.put(f"/{index}", {"mappings": fields, "settings": {"number_of_replicas": 0}})
    secured.node.bulk(index, [event(EVIL), event("good.example")], ids=["bad", "good"])
    signs_in = {"ca_files": [secured.certificates.authority]}
    claims(secured.node, tmp_path, user=SETTER, **signs_in)
    controller = Backfilling(tmp_path / "c", secured.node, f"stored-{way}", index, way=way)
    controller.sign_in(*CONTROLLER, **signs_in)
    indicator = stix.indicator(1, f"[domain-name:value = '{EVIL}']")
    controller.publish(indicator)
    report = controller.poll()
    assert report["backfill"]["events"] == 1
    later = stix.indicator(2, "[domain-name:value = 'good.example']")
    controller.publish(indicator, later)
    report = controller.poll()
    assert [each["way"] for each in report["backfill"]["indices"]] == [way]
    bad, good = secured.node.documents(index)
    assert (flagged(bad), flagged(good)) == ({indicator["id"]}, {later["id"]})
    controller.run("retract", EVIL, "--reason", "ours")
    controller.poll()
    assert not is_flagged(secured.node.documents(index)[0])
    # What the role does not give.
    for method, path, body in (
        ("PUT", "/events-new", {}),
        ("DELETE", f"/{index}", None),
        ("DELETE", f"/{index}/_doc/bad", None),
        ("GET", "/others/_search", None),
        ("POST", "/threatsieve-claims/_search", {}),
    ):
        assert secured.status_of(CONTROLLER, method, path, body) == 403, path
