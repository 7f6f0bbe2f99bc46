"""The HTTP server of `run`: who may send requests, its limits, and its end."""

import json
import socket
import ssl
import subprocess
import threading

import pytest

from tests import hostile, program, servers
from tests.hostile import Reply, envelope
from tests.service import Service

TOKEN = "a token that is long enough"
TYPE = {"Content-Type": servers.TAXII}
LIST = {"name": "list", "type": "path", "path": "list.txt", "packages_to": "packages"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory, tool):
    """The certificates of a server and a client."""
    return servers.certificates(tmp_path_factory.mktemp("certificates"), tool("openssl", "openssl"))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory, tool):
    """Certificates of another authority."""
    return servers.certificates(tmp_path_factory.mktemp("foreign"), tool("openssl", "openssl"))


def service(folder, certificates=None, **server) -> Service:
    """Returns a service with one list."""
    if certificates:
        server = {"certificate": certificates.server, "key": certificates.server_key, **server}
    one = Service(folder, [LIST], {"server": {"listen": "127.0.0.1:0", **server}})
    one.certificates = certificates
    program.write(folder / "list.txt", "evil.example")
    return one


def test_two_way_tls_demands_a_certificate_of_the_authority(tmp_path, certificates, foreign):
    with service(tmp_path, certificates, client_ca_files=[str(certificates.authority)]) as one:
        assert one.scheme == "https"
        assert one.ask("/listQuartzJobs").status == 200
        server_as_client = one.context(None)
        server_as_client.load_cert_chain(certificates.server, certificates.server_key)
        for context in (one.context(None), one.context(foreign), server_as_client):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                one.ask("/listQuartzJobs", context=context)
        with socket.create_connection(("127.0.0.1", one.port), timeout=30) as plain:
            plain.sendall(b"GET /listQuartzJobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"Quartz" not in plain.recv(1000), "plain HTTP"
        assert one.ask("/listQuartzJobs").status == 200


def test_a_server_keystore_may_be_pkcs12(tmp_path, certificates, tool):
    keystore = tmp_path / "server.p12"
    subprocess.run(
        [
            tool("openssl", "openssl"), "pkcs12", "-export", "-in", certificates.server,
            "-inkey", certificates.server_key, "-passout", "pass:word", "-out", keystore,
        ],
        check=True,
    )  # fmt: skip
    one = service(
        tmp_path, keystore=str(keystore), keystore_password={"env": "WORD"}, token={"env": "TOKEN"}
    )
    one.certificates = certificates
    one.environment |= {"WORD": "word", "TOKEN": TOKEN}
    with one:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert one.ask("/listQuartzJobs", headers=headers).status == 200


def test_off_loopback_a_token_or_a_certificate_is_needed(tmp_path, certificates, foreign):
    one = service(
        tmp_path,
        certificates,
        listen="0.0.0.0:0",
        token={"env": "TOKEN"},
        client_ca_files=[str(certificates.authority)],
    )
    one.environment["TOKEN"] = TOKEN
    with one:
        bare = one.context(None)
        answer = one.ask("/stopQuartzJobs", context=bare)
        assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer"
        assert answer.json["where"] == "header Authorization" and answer.json["got"] == "neither"
        for wrong in (
            "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}",
            TOKEN, f"Bearer {TOKEN.upper()}",
        ):  # fmt: skip
            answer = one.ask("/stopQuartzJobs", headers={"Authorization": wrong}, context=bare)
            assert answer.status == 401 and TOKEN not in answer.text, wrong
        # An unknown path tells nothing to those who may not know.
        assert one.ask("/nothing", context=bare).status == 401
        right = {"Authorization": f"bearer {TOKEN}"}
        assert "group1 - " in one.ask("/listQuartzJobs", headers=right, context=bare).text
        assert one.ask("/listQuartzJobs").status == 200, "with a certificate"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            one.ask("/listQuartzJobs", headers=right, context=one.context(foreign))
    assert TOKEN not in one.log()


@pytest.mark.parametrize(
    "server, expected",
    [
        ({"listen": "0.0.0.0:8443"}, ["`certificate` and `key`", "`tokens` or `client_ca_files`"]),
        ({"listen": "[::]:8443"}, ["`certificate` and `key`"]),
        (
            {"listen": "192.0.2.1:8443", "certificate": "c.pem", "key": "k.pem"},
            ["`token`, `tokens` or `client_ca_files`"],
        ),
        ({"client_ca_files": ["ca.pem"]}, ["without TLS"]),
        ({"certificate": "c.pem"}, ["expected `key` alongside it"]),
        ({"listen": "localhost"}, ["an IP address and a port"]),
        ({"hosts": ["a:1"]}, ["a host name without a port"]),
        ({"max_connections": 1}, ["an integer from 4"]),
    ],
)
def test_a_server_that_would_be_open_is_a_wrong_configuration(tmp_path, server, expected):
    one = Service(tmp_path, [], {"server": server})
    one.write()
    command = ("config", "check", "--offline", "--config", one.config)
    error = program.run(*command, expect=program.USAGE).stderr.decode()
    for text in expected:
        assert text in error, error


def test_certificates_that_cannot_be_read_are_found_before_the_start(tmp_path, certificates):
    one = service(tmp_path, certificates, key=str(certificates.client_key))
    one.write()
    for command in (["config", "check", "--offline"], ["run"]):
        error = program.run(*command, "--config", one.config, expect=program.USAGE).stderr.decode()
        assert "[server]" in error and str(certificates.server) in error, error


def test_only_names_of_the_server_are_answered_and_no_pages_of_others(tmp_path):
    with service(tmp_path, hosts=["proxy.example"]) as one:
        for host in ("localhost", f"127.0.0.1:{one.port}", "[::1]", "proxy.example:443"):
            assert one.ask("/listQuartzJobs", headers={"Host": host}).status == 200, host
        for host in ("evil.example", "127.0.0.1.evil.example", "192.0.2.1", ""):
            answer = one.ask("/listQuartzJobs", headers={"Host": host})
            assert answer.status == 421 and answer.json["where"] == "header Host", host
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            answer = one.ask("/stopQuartzJobs", headers=headers)
            assert answer.status == 403 and "where" in answer.json, headers
        assert "group1 - " in one.ask("/listQuartzJobs").text, "it runs still"


def test_wrong_requests_get_a_body_that_says_what_is_wrong(tmp_path):
    with service(tmp_path) as one:
        for method, path, headers, body, status in [
            ("GET", "/nothing", {}, None, 404),
            ("GET", "/misptransclient", {}, None, 405),
            ("POST", "/checkTaxiiStatus", {}, None, 405),
            ("POST", "/misptransclient?processType=xml", {}, None, 400),
            ("POST", "/misptransclient?procesType=xmlOutput", {}, None, 400),
            ("POST", "/misptransclient?name=list&name=other", {}, None, 400),
            ("POST", "/misptransclient?name=nobody", {}, None, 404),
            ("POST", "/misptransclient?collection=nothing", {}, None, 404),
            ("POST", "/misptransclient", {}, None, 404),
            ("POST", "/misptransclient?name=list&processType=stixToMisp", {}, None, 409),
            ("GET", "/checkTaxiiStatus", {}, None, 404),
            ("GET", "/checkTaxiiStatus?name=list", {}, None, 404),
            ("GET", "/checkMispStatus", {}, None, 404),
            ("GET", "/checkMispStatus?name=soc", {}, None, 404),
            ("POST", "/misptransclient?name=list", {}, b"x" * 70_000, 413),
            ("POST", "/misptransclient?name=list", {"Content-Length": "99999999999"}, None, 413),
        ]:
            answer = one.ask(path, method, headers, body)
            assert answer.status == status, (path, answer)
            assert answer.headers["content-type"] == "application/json"
            assert {"what", "where", "expected", "got"} <= answer.json.keys(), answer
            if path.startswith("/misptransclient") and status in (400, 404, 409):
                assert answer.json["status"] == "Failure" and answer.json["detailedStatus"]
        assert one.ask("/listQuartzJobs", headers={"X": "y" * 20_000}).status == 431
        assert one.ask("/listQuartzJobs", headers={f"X-{n}": "y" for n in range(90)}).status == 431
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert one.ask("/misptransclient", "POST", form, b"name=list").status == 200


def test_slow_and_silent_clients_keep_nobody_out(tmp_path):
    with service(tmp_path, max_connections=8) as one:
        slow = [socket.create_connection(("127.0.0.1", one.port), timeout=60) for _ in range(2)]
        for number, each in enumerate(slow):
            each.sendall(
                b"GET /listQuartzJobs HTTP/1.1\r\nHost: localhost\r\nX: "[: 16 * (1 + number)]
            )
        # One address gets a quarter.
        third = socket.create_connection(("127.0.0.1", one.port), timeout=60)
        with third, pytest.raises(OSError):
            third.sendall(b"GET /listQuartzJobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if third.recv(1000) == b"":
                raise ConnectionError
        for each in slow:
            with each:
                received = b"".join(iter(lambda: each.recv(1000), b""))
            assert b"200 OK" not in received
        one.wait_for(lambda: is_answered(one))
        idle = one.connection()
        idle.request("GET", "/listQuartzJobs")
        assert idle.getresponse().read()
        # A connection without a further request is closed, too.
        assert idle.sock.recv(1000) == b""
        idle.close()
        body = socket.create_connection(("127.0.0.1", one.port), timeout=60)
        head = b"POST /misptransclient HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
        with body:
            body.sendall(head + b"x")
            assert b"408" in body.recv(1000)


def is_answered(one: Service) -> bool:
    """Returns whether a request gets an answer."""
    try:
        return one.ask("/listQuartzJobs").status == 200
    except OSError:
        return False


def test_too_many_requests_are_refused_for_a_while(tmp_path):
    with service(tmp_path, max_requests=5) as one:
        answers = [one.ask("/listQuartzJobs") for _ in range(20)]
        refused = [answer for answer in answers if answer.status == 429]
        assert 10 <= len(refused) <= 15, [answer.status for answer in answers]
        assert int(refused[0].headers["retry-after"]) >= 1
        assert "server.max_requests" in refused[0].json["expected"]


class Gate:
    """A TAXII server whose answers wait until a test lets them go."""

    def __init__(self):
        self.open, self.asked = threading.Event(), threading.Event()

    def answer(self, asked: hostile.Asked) -> Reply:
        """Waits, and answers with nothing new."""
        self.asked.set()
        self.open.wait(60)
        about = {"id": "1", "title": "One", "can_read": True}
        is_objects = asked.path.endswith("/objects/")
        return envelope() if is_objects else Reply(json.dumps(about), headers=TYPE)


@pytest.fixture(name="gate")
def _gate():
    gate = Gate()
    with hostile.serving(gate.answer) as server:
        gate.url = f"{server.url}/api/collections/1/"
        yield gate
        gate.open.set()


def gated(folder, gate, **server) -> Service:
    """Returns a service with a list and a TAXII server that does not answer."""
    one = service(folder, **server)
    one.feeds.append({"name": "slow", "type": "taxii", "url": gate.url, "packages_to": "packages"})
    return one


def test_polls_on_request_are_done_one_after_the_other(tmp_path):
    with service(tmp_path) as one:
        one.wait_for_rounds(1)
        answers: list = []
        asking = [
            threading.Thread(target=lambda: answers.append(one.poll(name="list"))) for _ in range(6)
        ]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        assert {answer.status for answer in answers} == {200}
        assert len({answer.json["id"] for answer in answers}) == 6
        assert {answer.json["status"] for answer in answers} == {"Success"}
        rounds = [report["round"] for report in one.reports()]
        assert rounds == list(range(1, 8)), rounds


def test_a_poll_waits_for_its_turn_but_not_for_ever(tmp_path, gate):
    with gated(tmp_path, gate, max_wait="1s") as one:
        one.wait_for(gate.asked.is_set)
        answer = one.poll(name="list")
        assert answer.status == 503 and answer.json["what"] == "another round is running"
        assert "server.max_wait" in answer.json["expected"] and answer.headers["retry-after"]
        gate.open.set()
        one.wait_for_rounds(1)
        assert one.poll(name="list").json["id"] == 2, "the request that was given up ran no round"
        gate.open.clear()
        answer = one.poll(name="slow")
        assert answer.status == 504 and answer.json["what"] == "the round is still running"
        gate.open.set()
        one.wait_for_rounds(3)


def test_a_full_queue_of_polls_refuses_more(tmp_path, gate):
    with gated(tmp_path, gate, max_connections=200) as one:
        one.wait_for(gate.asked.is_set)
        answers: list = []
        asking = [
            threading.Thread(target=lambda: answers.append(one.poll(name="list")))
            for _ in range(20)
        ]
        for thread in asking:
            thread.start()
        one.wait_for(lambda: len(answers) >= 4)
        gate.open.set()
        for thread in asking:
            thread.join()
        assert sorted(answer.status for answer in answers) == 16 * [200] + 4 * [503]


def test_the_program_ends_in_time_with_requests_in_flight(tmp_path, gate):
    with gated(tmp_path, gate) as one:
        one.wait_for(gate.asked.is_set)
        gate.open.set()
        one.wait_for_rounds(1)
        gate.open.clear()
        gate.asked.clear()
        answers: dict = {}

        def ask(name: str) -> None:
            answers[name] = one.poll(name=name)

        first = threading.Thread(target=ask, args=["slow"])
        first.start()
        one.wait_for(gate.asked.is_set)
        second = threading.Thread(target=ask, args=["list"])
        second.start()
        idle = one.connection()
        idle.request("GET", "/listQuartzJobs")
        assert idle.getresponse().read(), "this connection waits for a further request"
        one.process.terminate()
        assert one.process.wait(timeout=10) == program.DONE, one.log()
        for thread in (first, second):
            thread.join()
        assert answers["slow"].status == 503 and answers["slow"].json["status"] == "Failure"
        assert answers["list"].status == 503
        idle.close()
        # Everything goes on from there.
        gate.open.set()
        one.start()
        assert one.poll(name="slow").json["status"] == "Success"


def test_a_killed_program_loses_nothing_that_was_asked_for(tmp_path):
    with service(tmp_path) as one:
        one.wait_for_rounds(1)
        for number in range(6):
            program.write(tmp_path / "list.txt", "evil.example", f"h{number}.example")
            asking = threading.Thread(target=lambda: ignore(lambda: one.poll(name="list")))
            asking.start()
            if number % 2:
                one.wait_for(lambda count=number: len(one.reports()) > count // 2)
            one.process.kill()
            one.process.wait()
            asking.join()
            one.start()
            assert one.poll(name="list").json["status"] == "Success"
            found = one.run("indicators", f"h{number}.example")
            assert f"h{number}.example" in found
        one.run("status", "--check")


def ignore(call) -> None:
    """Calls, whatever becomes of it."""
    try:
        call()
    except OSError:
        pass
