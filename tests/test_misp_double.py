"""The MISP test double answers as the captures of a real MISP do."""

import json

from tests import misp
from tests.misp import captures, replay
from tests.misp.client import ask

LISTS = json.loads(captures.FILE.with_name("not-replayed.json").read_text())


def test_captured_requests_get_the_captured_answers():
    clock = replay.Clock()
    differing = {}
    with misp.running(clock=clock) as double:
        for name, differences in replay.Replay(double, clock).run():
            if differences:
                differing[name] = differences
        assert double.errors == []
    unknown = {name: found for name, found in differing.items() if name not in LISTS["differences"]}
    assert unknown == {}
    stale = LISTS["differences"].keys() - differing.keys()
    assert not stale, f"no longer different, so remove them from the list: {sorted(stale)}"


def test_each_capture_is_replayed_or_listed_with_a_reason():
    session = [
        line for line in replay.SESSION.read_text().splitlines() if line and line[0] not in "#!>~"
    ]
    assert len(session) == len(set(session))
    listed = LISTS["elsewhere"].keys() | LISTS["not_modelled"].keys()
    assert listed & set(session) == set()
    assert listed | set(session) == captures.load().keys()
    assert LISTS["differences"].keys() <= set(session)


def test_values_are_stored_and_refused_as_in_the_captured_table(misp_double):
    _, added = ask(misp_double, "POST", "/events/add", {"info": "values"})
    path = f"/attributes/add/{added['Event']['uuid']}"
    for row in captures.load()["attribute_values_matrix"]["results"]:
        status, body = ask(misp_double, "POST", path, {"type": row["type"], "value": row["sent"]})
        found = {"type": row["type"], "sent": row["sent"], "status": status}
        if status == 200:
            stored = body["Attribute"]
            found |= {"stored": stored["value"], "stored_type": stored["type"]}
            found |= {"category": stored["category"], "to_ids": stored["to_ids"]}
        else:
            found["errors"] = body["errors"]
        assert found == row


def test_an_upload_edits_the_event_where_newer_servers_do(misp_double):
    sent = captures.load()["stix21_as_version_2_1"]["request"]["body"]
    assert ask(misp_double, "POST", "/events/upload_stix/2", sent)[0] == 200
    changed = json.loads(json.dumps(sent).replace("v1.example", "v1-new.example"))
    assert ask(misp_double, "POST", "/events/upload_stix/2", changed)[0] == 403
    misp_double.state.edits_existing_event = True
    status, body = ask(misp_double, "POST", "/events/upload_stix/2", changed)
    assert (status, body["Event"]["uuid"]) == (200, sent["id"].removeprefix("bundle--"))
    values = [row["value"] for row in misp_double.attributes() if row["object"] is None]
    assert len(misp_double.events()) == 1
    assert values == ["v1.example"], "its timestamp is not newer, so the attribute stays"
    newer = json.loads(
        json.dumps(changed).replace('"modified": "2026-11-01', '"modified": "2026-11-02')
    )
    assert ask(misp_double, "POST", "/events/upload_stix/2", newer)[0] == 200
    values = [row["value"] for row in misp_double.attributes() if row["object"] is None]
    assert values == ["v1-new.example"]


def test_known_indicators_in_a_new_bundle_give_an_event_without_them(misp_double):
    sent = captures.load()["stix21_as_version_2_1"]["request"]["body"]
    ask(misp_double, "POST", "/events/upload_stix/2", sent)
    sent = sent | {"id": "bundle--00000000-0000-4000-8000-000000000001"}
    status, body = ask(misp_double, "POST", "/events/upload_stix/2", sent)
    assert (status, body["Attribute"]) == (200, [])


def test_an_object_may_hold_a_value_that_the_event_has(misp_double):
    template = captures.load()["object_add_domain_ip_with_template"]["request"]["body"]["Object"]
    rows = [{"type": "domain", "value": "dip2.example"}]
    event = {"Event": {"info": "twice", "Attribute": rows, "Object": [template]}}
    _, added = ask(misp_double, "POST", "/events/add", event)
    path = f"/attributes/add/{added['Event']['uuid']}"
    status, body = ask(misp_double, "POST", path, rows[0])
    assert (status, list(body["errors"])) == (403, ["value"])
    assert [row["value"] for row in misp_double.attributes()].count("dip2.example") == 2
    address = {"type": "ip-dst", "value": "198.51.100.45"}
    assert ask(misp_double, "POST", path, address)[0] == 200, "only the object has it so far"


def test_a_hundred_thousand_attributes_are_found_by_index(misp_double):
    parts = 20
    for part in range(parts):
        rows = [{"type": "domain", "value": f"d{part}-{number}.example"} for number in range(5_000)]
        event = {"Event": {"info": f"part {part}", "Attribute": rows}}
        assert ask(misp_double, "POST", "/events/add", event)[0] == 200
    wanted = {"value": [f"d{part}-17.example" for part in range(parts)]}
    _, found = ask(misp_double, "POST", "/attributes/restSearch", wanted)
    assert len(found["response"]["Attribute"]) == parts
    assert len(misp_double.attributes()) == parts * 5_000


def test_events_go_to_known_sharing_groups_only(misp_double):
    misp_double.sharing_group(3, "Partners")
    group = {"distribution": "4", "sharing_group_id": "3"}
    status, added = ask(misp_double, "POST", "/events/add", {"Event": {"info": "group"} | group})
    assert (status, added["Event"]["sharing_group_id"]) == (200, "3")
    path = f"/events/edit/{added['Event']['uuid']}"
    assert ask(misp_double, "POST", path, {"Event": group | {"sharing_group_id": "4"}})[0] == 403
    assert misp_double.events()[0]["sharing_group"] == 3
    status, body = ask(misp_double, "POST", path, {"Event": {"distribution": "0"}})
    assert (status, body["Event"]["sharing_group_id"]) == (200, "0")


def test_an_edit_with_wrong_fields_changes_nothing(misp_double):
    _, added = ask(misp_double, "POST", "/events/add", {"info": "right"})
    path = f"/events/edit/{added['Event']['uuid']}"
    wrong = {"Event": {"info": "wrong", "distribution": "9", "date": "yesterday"}}
    status, body = ask(misp_double, "POST", path, wrong)
    assert (status, body["saved"]) == (403, False)
    assert misp_double.events()[0]["info"] == "right"
