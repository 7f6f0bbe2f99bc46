"""The REST session that the superseded service documents, over HTTPS with two-way TLS, against
OpenTAXII.
"""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests import misp, servers, taxii1
from tests.opentaxii import PASSWORD, USER
from tests.service import Service
from tests.taxii1 import package

KEYS = [
    "id", "status", "detailedStatus", "processType", "collection", "beginTimestamp", "endTimeStamp",
]  # fmt: skip
TIME = "%Y-%m-%dT%H:%M:%S+00:00"
SECOND = timedelta(seconds=1)


def feed(server, collection: str, **settings) -> dict:
    """Returns a feed of this server."""
    settings = {
        "name": collection,
        "collection": collection,
        "packages_to": "packages",
        "user": USER,
        "password": {"env": "PASSWORD"},
        "client_certificate": server.certificates.client,
        "client_key": server.certificates.client_key,
        **settings,
    }
    return taxii1.feed(server.discovery, **settings)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory, tool):
    """The certificates of the service and of its clients."""
    return servers.certificates(tmp_path_factory.mktemp("certificates"), tool("openssl", "openssl"))


def service(folder, server, certificates, *feeds: dict, **rest) -> Service:
    """Returns a service that demands client certificates."""
    files = {
        "certificate": certificates.server,
        "key": certificates.server_key,
        "client_ca_files": [str(certificates.authority)],
    }
    tables = {
        "server": {"listen": "127.0.0.1:0", **files},
        "http": {"ca_files": [str(server.certificates.authority)]},
    }
    one = Service(folder, list(feeds), tables, environment={"PASSWORD": PASSWORD}, **rest)
    one.certificates = certificates
    return one


def period(answer: dict) -> tuple[datetime, datetime]:
    """Returns the two times of an answer."""
    times = (answer["beginTimestamp"], answer["endTimeStamp"])
    begin, end = (datetime.strptime(time, TIME).replace(tzinfo=UTC) for time in times)
    return begin, end


def test_the_documented_session(tmp_path, opentaxii_server, certificates):
    opentaxii_server.add("session", package("first.session.example", number=1))
    feeds = [feed(opentaxii_server, "session"), feed(opentaxii_server, "other")]
    with service(tmp_path, opentaxii_server, certificates, *feeds) as one:
        assert one.scheme == "https"
        one.wait_for_rounds(1)
        assert one.ask("/checkTaxiiStatus").json == {
            "resourceType": "FLARE/TAXII", "resource": opentaxii_server.discovery,
            "statusCode": 200,
        }  # fmt: skip
        listed = one.ask("/listQuartzJobs").text
        job = r"Quartz Jobs:\[jobName\] : initializeQuartzJob \[groupName\] : group1 - (.*)"
        found = re.fullmatch(job, listed)
        # The layout of a date in Java: Thu Mar 22 12:30:25 EDT 2018.
        assert found and re.fullmatch(r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d \S+ \d{4}", found[1]), (
            listed
        )
        assert "stopped the Jobs" in one.ask("/stopQuartzJobs").text

        opentaxii_server.add("session", package("second.session.example", number=2))
        before = datetime.now(UTC)
        answer = one.poll(processType="xmlOutput")
        assert answer.status == 200 and answer.headers["content-type"] == "application/json"
        first = answer.json
        assert sorted(first) == sorted(KEYS)
        assert first["status"] == "Success" and first["detailedStatus"] == "Completed sucessfully"
        assert first["processType"] == "xmlOutput" and first["collection"] == "session"
        assert first["id"] == 2, "the number of the round"
        begin, end = period(first)
        assert begin <= before <= end + SECOND
        files = {path.name: path.read_text() for path in one.packages.iterdir()}
        assert files.keys() == {"e-package-1.xml", "e-package-2.xml"}, files.keys()
        assert "second.session.example" in files["e-package-2.xml"]

        # Without parameters: xmlOutput, and the next period.
        second = one.poll().json
        assert second["id"] == 3 and second["processType"] == "xmlOutput"
        assert period(second)[0] == end, "no gap"
        other = one.poll(collection="other").json
        assert other["collection"] == "other" and other["status"] == "Success"
        assert one.poll(name="other").json["collection"] == "other"
        assert one.poll(name="other", collection="session").status == 404

        steps = one.ask("/refreshConfig").json
        assert list(steps) == ["Controller", *(f"Step {number} of 5" for number in range(1, 6))]
        assert period(one.poll().json)[0] >= period(second)[1], "no cursor is reset"
        assert "already been started" in one.ask("/initQuartz").text, "refreshConfig starts it"
        one.stop()


def test_stix_to_misp_answers_when_misp_holds_the_packages(
    tmp_path, opentaxii_server, certificates
):
    with misp.running() as double:
        target = {"server": "soc", "way": "stix", "publish": True}
        feeds = [feed(opentaxii_server, "session misp", misp=[target])]
        servers_of_misp = [{"name": "soc", "url": double.url, "key": {"env": "KEY"}}]
        one = service(tmp_path, opentaxii_server, certificates, *feeds, misp=servers_of_misp)
        one.environment["KEY"] = double.key
        with one:
            one.wait_for_rounds(1)
            assert one.ask("/checkMispStatus").json["statusCode"] == 200
            opentaxii_server.add("session misp", package("one.misp.example", number=1))
            # The two ways have positions of their own.
            assert one.poll(processType="xmlOutput").json["status"] == "Success"
            answer = one.poll(processType="stixToMisp")
            assert answer.status == 200, answer
            assert answer.json["processType"] == "stixToMisp"
            assert answer.json["detailedStatus"] == "Completed sucessfully"
            flagged = {each["value"] for each in double.attributes() if each["to_ids"]}
            assert flagged == {"one.misp.example"}
            assert [event["published"] for event in double.events()] == [True]
            assert len(list(one.packages.iterdir())) == 1
            # A server that is down: the package waits, and the answer says so.
            double.down()
            opentaxii_server.add("session misp", package("two.misp.example", number=2))
            answer = one.poll(processType="stixToMisp")
            assert answer.status == 502 and answer.json["status"] == "Failure", answer
            assert "soc" in answer.json["detailedStatus"]
            assert double.key not in answer.text


def test_answers_about_a_taxii_server_that_fails_are_truthful(
    tmp_path, opentaxii_server, certificates
):
    feeds = [
        feed(opentaxii_server, "other", name="stranger", user="nobody"),
        feed(opentaxii_server, "nowhere", name="lost", poll_url=opentaxii_server.at("poll")),
        taxii1.feed(
            f"https://127.0.0.1:{servers.free_port()}/",
            name="down",
            collection="c",
            packages_to="packages",
        ),
        feed(opentaxii_server, "other", name="no taxii") | {"url": opentaxii_server.login},
    ]
    with service(tmp_path, opentaxii_server, certificates, *feeds) as one:
        one.wait_for_rounds(1)
        for name, code in (("stranger", 401), ("down", 0)):
            answer = one.ask(f"/checkTaxiiStatus?name={name}")
            assert answer.status == 200 and answer.json["statusCode"] == code, answer
            assert answer.json["resourceType"] == "FLARE/TAXII" and answer.json["detailedStatus"]
            assert PASSWORD not in answer.text
        answer = one.ask("/checkTaxiiStatus?name=no%20taxii").json
        assert answer["statusCode"] not in (0, 200), answer
        for name, reason in (("stranger", "UNAUTHORIZED"), ("lost", "NOT_FOUND"), ("down", "no")):
            answer = one.poll(name=name)
            assert answer.status == 502, answer
            assert set(KEYS) <= answer.json.keys() and answer.json["status"] == "Failure"
            assert reason in answer.json["detailedStatus"], answer
            assert answer.json["got"] == answer.json["detailedStatus"]
            assert answer.json["id"] > 1


def test_answers_about_a_misp_server_are_truthful(tmp_path, opentaxii_server, certificates):
    with misp.running() as double:
        servers_of_misp = [
            {"name": "soc", "url": double.url, "key": {"env": "KEY"}},
            {"name": "stranger", "url": f"{double.url}/", "key": {"env": "WRONG"}},
            {"name": "web", "url": f"{double.url}/users/", "key": {"env": "KEY"}},
        ]
        one = service(tmp_path, opentaxii_server, certificates, misp=servers_of_misp)
        one.environment |= {"KEY": double.key, "WRONG": "w" * 40}

        def code(name: str = "") -> int:
            answer = one.ask(f"/checkMispStatus{name and '?name='}{name}")
            assert answer.status == 200 and answer.json["resourceType"] == "Misp"
            assert ("detailedStatus" in answer.json) == (answer.json["statusCode"] != 200)
            assert double.key not in answer.text and "w" * 40 not in answer.text
            return answer.json["statusCode"]

        with one:
            assert one.ask("/checkMispStatus").json == {
                "resourceType": "Misp", "resource": f"{double.url}/", "statusCode": 200,
            }  # fmt: skip
            assert code("soc") == 200 and code("stranger") == 403 and code("web") not in (0, 200)
            assert one.ask("/checkMispStatus?name=nobody").status == 404
            double.state.is_live = False
            assert code() == 302, "the login page is no success"
            double.down()
            assert code() == 0
