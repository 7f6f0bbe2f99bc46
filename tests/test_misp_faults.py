"""The MISP test double misbehaves on command, and recovers."""

import http.client
import json
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from tests import misp, program, servers
from tests.misp.client import ask

EVENT = "7b1f0c9e-0001-5a00-8000-000000000001"


def event(count: int, uuid: str = EVENT) -> dict:
    """Returns an event with this number of attributes."""
    rows = [{"type": "domain", "value": f"d{number}.example"} for number in range(count)]
    return {"Event": {"uuid": uuid, "info": "faults", "distribution": "0", "Attribute": rows}}


def values(double: misp.Misp) -> list[str]:
    """Returns the values that the double holds."""
    return [row["value"] for row in double.attributes()]


def wait_for(double: misp.Misp, count: int) -> None:
    """Waits until the double holds this number of attributes."""
    end = time.monotonic() + 60
    while len(values(double)) != count:
        assert time.monotonic() < end, f"{len(values(double))} attributes, expected {count}"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("internal", 500), ("auth", 403), ("permission", 403), ("404", 404), ("405", 405),
        ("413", 413), ("429", 429), ("502", 502), ("503", 503), ("504", 504), ("html", 200),
        ("login", 302),
    ],
)  # fmt: skip
@pytest.mark.parametrize("after", [False, True])
def test_a_fault_spoils_one_answer(misp_double, kind, status, after):
    misp_double.fault(kind, path="/events/add", after=after)
    assert ask(misp_double, "GET", "/servers/getVersion")[0] == 200
    assert ask(misp_double, "POST", "/events/add", event(2))[0] == status
    assert len(misp_double.events()) == after
    status, _ = ask(misp_double, "POST", "/events/add", event(2))
    assert status == (404 if after else 200)
    assert values(misp_double) == ["d0.example", "d1.example"]


def test_an_error_in_the_middle_leaves_the_event_half_stored(misp_double):
    misp_double.fault("500", path="/events/add", store=3)
    assert ask(misp_double, "POST", "/events/add", event(10))[0] == 500
    assert values(misp_double) == ["d0.example", "d1.example", "d2.example"]
    misp_double.fault("500", path="/events/edit")
    assert ask(misp_double, "POST", f"/events/edit/{EVENT}", event(10))[0] == 500
    assert len(values(misp_double)) > 3


def test_half_a_body_arrives_after_the_work(misp_double):
    misp_double.fault("half")
    with pytest.raises(http.client.IncompleteRead):
        ask(misp_double, "POST", "/events/add", event(2))
    assert len(misp_double.attributes()) == 2


def test_a_connection_is_closed_without_an_answer(misp_double):
    misp_double.fault("reset")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        ask(misp_double, "POST", "/events/add", event(2))
    assert misp_double.events() == []


def test_attributes_are_dropped_silently(misp_double):
    misp_double.fault("drop", times=None, values=["d1.example"])
    status, body = ask(misp_double, "POST", "/events/add", event(3))
    assert (status, len(body["Event"]["Attribute"])) == (200, 2)
    assert "errors" not in body
    misp_double.clear()
    ask(misp_double, "POST", f"/events/edit/{EVENT}", event(3))
    assert sorted(values(misp_double)) == ["d0.example", "d1.example", "d2.example"]


def test_slow_work_goes_on_after_the_client_left(misp_double):
    gate = threading.Event()
    misp_double.fault("slow", path="/events/add", store=10, gate=gate)
    with pytest.raises(TimeoutError):
        ask(misp_double, "POST", "/events/add", event(30), seconds=1)
    wait_for(misp_double, 10)
    # A repetition meets the event, and an edit meets the work, as captured.
    assert ask(misp_double, "POST", "/events/add", event(30))[0] == 404
    assert ask(misp_double, "POST", f"/events/edit/{EVENT}", event(30))[0] == 500
    status, body = ask(misp_double, "GET", f"/events/view/{EVENT}")
    assert status == 200
    assert len(body["Event"]["Attribute"]) == 10
    gate.set()
    wait_for(misp_double, 30)


def test_a_dead_worker_leaves_events_in_the_queue(misp_double):
    ask(misp_double, "POST", "/events/add", event(1))
    misp_double.state.is_worker_alive = False
    status, body = ask(misp_double, "POST", f"/events/publish/{EVENT}")
    assert (status, body["message"]) == (200, "Job queued")
    assert list(misp_double.state.queue) == [1]
    assert not misp_double.events()[0]["published"]
    misp_double.state.is_worker_alive = True
    misp_double.wait_published(EVENT)


def test_a_server_comes_up_again_with_what_it_held(misp_double):
    ask(misp_double, "POST", "/events/add", event(2))
    misp_double.down()
    with pytest.raises(urllib.error.URLError):
        ask(misp_double, "GET", "/servers/getVersion")
    misp_double.up()
    assert ask(misp_double, "GET", f"/events/view/{EVENT}")[0] == 200


def test_a_server_that_goes_down_closes_its_connections(misp_double):
    connection = http.client.HTTPConnection("127.0.0.1", misp_double.port, timeout=30)
    connection.request("GET", "/users/heartbeat")
    assert connection.getresponse().read()
    misp_double.down()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        connection.request("GET", "/users/heartbeat")
        connection.getresponse()
    connection.close()


def test_permissions_change_while_the_server_runs(misp_double):
    named = {"Event": {"info": "tags", "Tag": [{"name": "none:such"}]}}
    ask(misp_double, "POST", "/events/add", named)
    misp_double.grant("publisher", "perm_tag_editor")
    ask(misp_double, "POST", "/events/add", named)
    assert [each["tags"] for each in misp_double.events()] == [[], ["none:such"]]
    misp_double.revoke("publisher", "perm_add")
    assert ask(misp_double, "POST", "/events/add", named)[0] == 403


def test_random_faults_repeat_with_their_seed():
    def statuses(seed: int) -> list[int]:
        with misp.running() as double:
            double.fault("502", times=None, rate=0.3, seed=seed)
            return [ask(double, "GET", "/servers/getVersion")[0] for _ in range(40)]

    first = statuses(7)
    assert first == statuses(7)
    assert first != statuses(8)
    assert set(first) == {200, 502}


def test_faults_are_set_over_http_too(misp_double):
    assert ask(misp_double, "POST", "/_double/fault", {"kind": "503", "path": "/users"})[0] == 200
    assert ask(misp_double, "POST", "/_double/fault", {"kind": "none such"})[0] == 400
    assert ask(misp_double, "GET", "/users/view/me")[0] == 503
    assert ask(misp_double, "POST", "/_double/set", {"is_live": False})[0] == 200
    assert ask(misp_double, "GET", "/servers/getVersion")[0] == 302
    ask(misp_double, "POST", "/_double/set", {"is_live": True})
    assert ask(misp_double, "GET", "/_double/events") == (200, [])
    assert [each.path for each in misp_double.requests] == ["/users/view/me", "/servers/getVersion"]


def test_concurrent_writers_store_everything_once(misp_double):
    ask(misp_double, "POST", "/events/add", event(0))

    def write(number: int) -> None:
        for each in range(20):
            row = {"type": "domain", "value": f"w{number}-{each}.example"}
            assert ask(misp_double, "POST", f"/attributes/add/{EVENT}", row)[0] == 200

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(values(misp_double))) == len(values(misp_double)) == 160


def test_a_server_with_tls_demands_its_client(tool, tmp_path):
    certificates = servers.certificates(tmp_path / "certificates", tool("openssl", "openssl"))
    with misp.secured(certificates, needs_client=True) as double:
        context = ssl.create_default_context(cafile=certificates.authority)
        request = urllib.request.Request(
            f"{double.url}/servers/getVersion",
            headers={"Authorization": double.key, "Accept": "application/json"},
        )
        with pytest.raises(OSError):
            urllib.request.urlopen(request, context=context, timeout=30).read()
        context.load_cert_chain(certificates.client, certificates.client_key)
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            assert json.load(answer)["version"] == "2.5.1"
        assert double.errors == []


def test_the_double_runs_as_a_program():
    command = [sys.executable, "-m", "tests.misp", "--port", "0", "--tag", "tlp:green"]
    with subprocess.Popen(command, cwd=program.ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            key = process.stdout.readline().rpartition(" ")[2].strip()
            headers = {"Authorization": key, "Accept": "application/json"}
            request = urllib.request.Request(f"{url}/tags/index", headers=headers)
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert [tag["name"] for tag in json.load(answer)["Tag"]] == ["tlp:green"]
        finally:
            process.kill()
