"""Polls of TAXII 1 servers that make the client wait, lose results, or misbehave. The server
validates each message that it gets against the schema.
"""

import datetime
import json

import libtaxii.messages_10 as tm10
import libtaxii.messages_11 as tm11
import pytest
from libtaxii import constants as names

from tests import hostile, program, servers, taxii1
from tests.hostile import Reply
from tests.polling import Polling
from tests.taxii1 import HEADERS, discovered, package, polled, serving, status

GOOD = polled(package("good.example", "better.example"))
XML = HEADERS[11]
NOW = datetime.datetime.now(datetime.UTC)


def polling(folder, url: str, http: dict | None = None, **settings) -> Polling:
    """Returns a configuration with one TAXII 1 feed."""
    feed = taxii1.feed(f"{url}/discovery", **{"collection": "c", **settings})
    return Polling(folder, feed, http=http, environment={"PASSWORD": servers.PASSWORD})


def kinds(server) -> list[str]:
    """Returns the types of the messages that the poll service got."""
    return [type(message).__name__ for message in server.messages]


def damaged(text: str) -> Reply:
    """Returns a poll response of many lines, and this text where another block could be."""
    xml = GOOD.to_xml(pretty_print=True).decode()
    block = xml[xml.index("<taxii_11:Content_Block") : xml.index("</taxii_11:Poll_Response")]
    return Reply(xml.replace(block, block * 200 + text), headers=XML)


BOMB = f"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "{"x" * 1000}">
<!ENTITY b "{"&a;" * 1000}"><!ENTITY c "{"&b;" * 1000}">]>
<taxii_11:Poll_Response xmlns:taxii_11="{names.NS_MAP["taxii_11"]}" message_id="1"
in_response_to="1" collection_name="c" more="false">&c;</taxii_11:Poll_Response>"""

BAD = {
    "malformed XML after many lines": (damaged("<a></b>"), "damaged XML"),
    "a message that is cut": (Reply(GOOD.to_xml()[:-40], headers=XML), "before end of input"),
    "a page to log in": (
        Reply("<!DOCTYPE html><title>Log in</title>", headers={"Content-Type": "text/html"}),
        "a page for people",
    ),
    "XHTML to log in": (
        Reply('<?xml version="1.0"?><html><body/></html>', headers=XML), "a web page"
    ),
    "an XML bomb": (Reply(BOMB, headers=XML), "document type definition"),
    "a gzip bomb": (
        Reply(hostile.bomb(200), headers={"Content-Encoding": "gzip", **XML}),
        "at most 1048576 bytes",
    ),
    "elements that are nested deep": (damaged("<a>" * 1000), "nested at most"),
    "a message without end": (Reply(GOOD.to_xml()[:-40], endless=True), "at most 1048576 bytes"),
    "JSON": (Reply('{"objects": []}', headers=XML), "expected a TAXII 1.0 or 1.1 message"),
    "nothing": (Reply("", headers=XML), "expected a TAXII 1.0 or 1.1 message"),
    "a request instead of an answer": (
        Reply(tm11.DiscoveryRequest("1").to_xml(), headers=XML), "expected an answer"
    ),
    "an answer to another request": (
        tm11.CollectionInformationResponse("2", "1"), "got a list of collections"
    ),
    "a redirect to a page to log in": (
        Reply(status=302, headers={"Location": "/login"}), "would not repeat the POST"
    ),
    "500": (Reply("traceback", status=500), "got 500"),
    "another part": (polled(package("x.example"), result_part_number=7), "part 1"),
    "more without the id of the result": (
        polled(package("x.example"), more=True), "the id of the result"
    ),
    "a part without blocks": (polled(more=True, result_id="r"), "got none"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_answer_leaves_the_last_good_state_serving(tmp_path, kind):
    bad, wanted = BAD[kind]
    with serving(GOOD, bad) as server:
        one = polling(tmp_path, server.url, http={"max_body": "1MiB", "total_timeout": "20s"})
        one.poll()
        before = one.feed("taxii1")["cursor"]
        error = one.fails("taxii1")
        assert wanted in error, error
        assert error.isprintable()
        assert one.active("taxii1") == 2 and one.indicators("good.example")
        assert one.feed("taxii1")["cursor"] == before
        server.answers[:] = [GOOD]
        one.poll()
        assert one.feed("taxii1")["error"] is None


def test_every_other_status_fails_with_its_name_text_and_details(tmp_path):
    for kind in names.ST_TYPES_11:
        if kind in (names.ST_PENDING, names.ST_RETRY, names.ST_SUCCESS):
            continue
        details = {
            names.ST_NOT_FOUND: {names.SD_ITEM: "the-item"},
            names.ST_INVALID_RESPONSE_PART: {names.SD_MAX_PART_NUMBER: 3},
            names.ST_DESTINATION_COLLECTION_ERROR: {names.SD_ACCEPTABLE_DESTINATION: ["other"]},
            names.ST_UNSUPPORTED_MESSAGE_BINDING: {names.SD_SUPPORTED_BINDING: ["urn:other"]},
        }.get(kind, {})
        with serving(status(kind, "because", **details)) as server:
            error = polling(tmp_path / kind, server.url).fails("taxii1")
            assert kind in error and "because" in error, error
            for name, value in details.items():
                value = value[0] if isinstance(value, list) else value
                assert name in error and str(value) in error, error


@pytest.mark.parametrize("code", [400, 401, 404, 500, 503])
def test_a_status_message_is_shown_whatever_the_http_status(tmp_path, code):
    details = {names.SD_ITEM: "the-item"}
    message = status(names.ST_NOT_FOUND, "no such collection", **details)
    text = message.to_xml(pretty_print=True).decode()
    # The message comes after more than is shown of other bodies.
    text = text.replace(
        "<taxii_11:Status_Message", f"<!-- {'x' * 2000} -->\n<taxii_11:Status_Message", 1
    )
    with serving(GOOD, Reply(text, status=code, headers=XML)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        error = one.fails("taxii1")
        assert f"got {code}" in error and "the status NOT_FOUND" in error, error
        assert "no such collection" in error and "the-item" in error, error
        assert one.active("taxii1") == 2


def test_a_long_status_message_with_an_http_status_is_cut(tmp_path):
    message = status(names.ST_FAILURE, "y" * 50_000).to_xml().decode()
    endless = Reply(message[:-30], status=500, headers=XML, endless=True)
    for answer in (Reply(message, status=500, headers=XML), endless):
        with serving(answer) as server:
            one = polling(tmp_path / str(answer.endless), server.url, http={"total_timeout": "20s"})
            error = one.fails("taxii1")
            assert "got 500" in error and len(error) < 1000, error
            assert ("the status FAILURE" in error) is not answer.endless, error


def test_a_short_retry_is_waited_for(tmp_path):
    retry = status(names.ST_RETRY, **{names.SD_ESTIMATED_WAIT: 1})
    with serving(retry, retry, GOOD) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii1") == 2
        assert kinds(server) == ["PollRequest"] * 3


def test_a_long_retry_is_left_to_a_later_round(tmp_path):
    retry = status(names.ST_RETRY, "busy", **{names.SD_ESTIMATED_WAIT: 3000})
    with serving(retry, GOOD) as server:
        one = polling(tmp_path, server.url)
        error = one.fails("taxii1")
        assert "RETRY" in error and "3000" in error, error
        program.run("poll", "--config", one.path, env=one.environment, expect=None)
        assert kinds(server) == ["PollRequest"], "it is not asked again so soon"
        one.poll()
        assert one.active("taxii1") == 2


def pending(wait: int, result: str | None = "r", will_push: bool = False):
    """Returns the status of a result that the server prepares."""
    details = {names.SD_ESTIMATED_WAIT: wait, names.SD_WILL_PUSH: will_push}
    return status(names.ST_PENDING, **details, **({names.SD_RESULT_ID: result} if result else {}))


def test_a_result_that_is_ready_soon_is_fetched_in_the_same_round(tmp_path):
    with serving(pending(1), pending(1), GOOD) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii1") == 2
        assert kinds(server) == ["PollRequest"] + ["PollFulfillmentRequest"] * 2
        assert server.messages[0].poll_parameters.allow_asynch
        assert (server.messages[2].result_id, int(server.messages[2].result_part_number)) == (
            "r",
            1,
        )


def test_a_result_that_is_ready_later_is_fetched_in_a_later_round(tmp_path):
    more = {"more": True, "result_id": "r"}
    with serving(pending(3000), polled(package("a.example"), **more)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii1") == 0
        program.run("poll", "--config", one.path, env=one.environment, expect=None)
        assert kinds(server) == ["PollRequest"], "the server is not asked before the time it named"
        server.answers.append(
            polled(package("b.example", number=2), more=False, result_id="r", result_part_number=2)
        )
        one.poll()
        assert kinds(server)[1:] == ["PollFulfillmentRequest"] * 2
        assert [int(message.result_part_number) for message in server.messages[1:]] == [1, 2]
        assert one.active("taxii1") == 2
        # The next period begins where the one that was pending ended.
        server.answers[:] = [GOOD]
        one.poll()
        begin = server.messages[-1].exclusive_begin_timestamp_label
        end = server.messages[0].inclusive_end_timestamp_label
        assert end - begin <= datetime.timedelta(seconds=2)


@pytest.mark.parametrize("kind", [
    names.ST_NOT_FOUND, names.ST_ASYNCHRONOUS_POLL_ERROR, names.ST_INVALID_RESPONSE_PART,
])  # fmt: skip
def test_a_result_that_the_server_has_lost_is_asked_for_again(tmp_path, kind):
    details = {names.SD_MAX_PART_NUMBER: 1} if kind == names.ST_INVALID_RESPONSE_PART else {}
    with serving(pending(3000), status(kind, **details), GOOD) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        one.poll()
        assert kinds(server) == ["PollRequest", "PollFulfillmentRequest", "PollRequest"]
        assert one.active("taxii1") == 2


def test_a_result_for_an_inbox_is_an_error(tmp_path):
    with serving(pending(1, will_push=True)) as server:
        error = polling(tmp_path, server.url).fails("taxii1")
        assert "PENDING" in error and "inbox" in error, error


def part(number: int, content: str, more: bool = True):
    """Returns a part of a result."""
    return polled(content, more=more, result_id="r", result_part_number=number)


def test_parts_are_stored_only_when_all_are_complete(tmp_path):
    first, second = package("a.example"), package("b.example", number=2)
    with serving(part(1, first), damaged("<a></b>"), GOOD) as server:
        one = polling(tmp_path, server.url)
        one.fails("taxii1")
        assert one.active("taxii1") == 0 and one.feed("taxii1")["cursor"] is None
        server.answers[:] = [part(1, first), part(2, second, more=False)]
        one.poll()
        assert one.active("taxii1") == 2


def test_a_server_that_repeats_a_part_is_stopped(tmp_path):
    same = package("a.example")
    with serving(part(1, same), part(2, same), part(3, same), part(4, same)) as server:
        error = polling(tmp_path, server.url).fails("taxii1")
        assert "repeats itself" in error, error
        assert len(server.messages) == 2


def test_a_server_without_end_is_stopped_by_the_time_and_continued(tmp_path):
    def answer(message, asked):
        if isinstance(message, tm11.DiscoveryRequest):
            return discovered(f"{url[0]}/poll")
        number = getattr(message, "result_part_number", 1)
        return part(int(number), package(f"h{number}.example", number=int(number)))

    url = []
    with hostile.serving(taxii1.answering(answer)) as server:
        url.append(server.url)
        one = polling(tmp_path, server.url, http={"poll_timeout": "3s"})
        one.poll()
        first = one.active("taxii1")
        assert first > 1
        one.poll()
        assert one.active("taxii1") > first


def test_a_large_result_is_stored_in_portions(tmp_path):
    parts = [
        part(number, package(f"h{number}.example", number=number), more=number < 5)
        for number in range(1, 6)
    ]
    with serving(*parts) as server:
        one = polling(tmp_path, server.url, http={"max_poll_objects": 2})
        one.poll()
        assert one.active("taxii1") == 5
        assert kinds(server) == ["PollRequest"] + ["PollFulfillmentRequest"] * 4


def test_the_next_poll_begins_at_the_end_that_the_server_named(tmp_path):
    end = NOW - datetime.timedelta(hours=3)
    with serving(polled(package("a.example"), inclusive_end_timestamp_label=end)) as server:
        one = polling(tmp_path, server.url, overlap="10m")
        one.poll()
        one.poll()
        first, second = server.messages
        assert first.exclusive_begin_timestamp_label is None
        assert second.exclusive_begin_timestamp_label == end - datetime.timedelta(minutes=10)


def test_a_block_that_cannot_be_read_does_not_affect_the_others(tmp_path):
    broken = package("broken.example", number=3).replace("</stix:Indicators>", "")
    contents = [
        package("a.example", number=1), broken, "not a package at all",
        "&lt;stix:STIX_Package", package("b.example", number=2),
    ]  # fmt: skip
    with serving(polled(*contents)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert {"a.example", "b.example"} <= {
            value["value"] for found in one.indicators("example") for value in found["values"]
        }
        rejected = program.run(
            "indicators", "--rejected", "--json", "--config", one.path, env=one.environment
        ).stdout.decode()
        assert "block 2" in rejected and "block 3" in rejected, rejected


@pytest.mark.parametrize("form", ["nested", "escaped", "CDATA", "hexadecimal"])
def test_content_is_read_in_every_form(tmp_path, form):
    content = package("a.example")
    if form == "nested":
        answer = polled(content)
    else:
        text = {
            "escaped": content.replace("&", "&amp;").replace("<", "&lt;"),
            "CDATA": f"<![CDATA[{content}]]>",
            "hexadecimal": content.encode().hex(),
        }[form]
        xml = polled("TEXT").to_xml().decode()
        assert ">TEXT<" in xml
        answer = Reply(xml.replace(">TEXT<", f">{text}<"), headers=XML)
    with serving(answer) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii1") == 1


def test_a_service_elsewhere_gets_the_credentials_only_where_the_feed_says_so(tmp_path):
    basic = {"user": servers.USER, "password": {"env": "PASSWORD"}}
    with serving(GOOD) as elsewhere:

        def answer(message, one):
            return discovered(f"{elsewhere.url}/poll")

        with hostile.serving(taxii1.answering(answer)) as server:
            closed = polling(tmp_path / "closed", server.url, **basic)
            error = closed.fails("taxii1")
            assert "private" in error or "loopback" in error, error
            assert not elsewhere.messages
            allowed = polling(
                tmp_path / "allowed", server.url,
                http={"allow_redirects_to": [elsewhere.url]}, **basic,
            )  # fmt: skip
            allowed.poll()
            trusted = polling(
                tmp_path / "trusted", server.url, send_credentials_to=[elsewhere.url], **basic
            )
            trusted.poll()
            explicit = polling(
                tmp_path / "explicit", server.url, poll_url=f"{elsewhere.url}/poll", **basic
            )
            explicit.poll()
        carried = ["authorization" in headers for headers in elsewhere.headers]
        assert carried == [False, True, True]


def test_a_server_that_speaks_only_1_0_is_polled(tmp_path):
    seen = []

    def answer(message, asked):
        if type(message).__module__ == tm11.__name__:
            return tm10.StatusMessage("2", "1", status_type=names.ST_UNSUPPORTED_MESSAGE_BINDING)
        if isinstance(message, tm10.DiscoveryRequest):
            return discovered(f"{url[0]}/poll", 10)
        seen.append(message)
        return tm10.PollResponse(
            "2", message.message_id, feed_name="c", inclusive_end_timestamp_label=NOW,
            content_blocks=[tm10.ContentBlock(taxii1.STIX, package("old.example"))],
        )  # fmt: skip

    url = []
    with hostile.serving(taxii1.answering(answer)) as server:
        url.append(server.url)
        one = polling(tmp_path, server.url, content_bindings=[taxii1.STIX])
        one.poll()
        one.poll()
        assert one.active("taxii1") == 1
        assert [message.feed_name for message in seen] == ["c", "c"]
        assert seen[0].content_bindings == [taxii1.STIX]
        assert seen[1].exclusive_begin_timestamp_label is not None


def test_a_token_that_has_expired_is_replaced(tmp_path):
    tokens = []

    def answer(asked):
        if asked.path == "/login":
            given = json.loads(asked.body)
            assert given == {"username": servers.USER, "password": servers.PASSWORD}
            tokens.append(f"token-{len(tokens)}-of-the-server")
            return Reply(json.dumps({"token": tokens[-1]}))
        return taxii(asked)

    def message(message, asked):
        if isinstance(message, tm11.DiscoveryRequest):
            return discovered(f"{url[0]}/poll")
        if len(tokens) == 1:
            return status(names.ST_UNAUTHORIZED, f"expired: {asked.headers['authorization']}")
        assert asked.headers["authorization"] == f"Bearer {tokens[-1]}"
        return GOOD

    taxii, url = taxii1.answering(message), []
    with hostile.serving(answer) as server:
        url.append(server.url)
        one = polling(
            tmp_path, server.url, user=servers.USER, password={"env": "PASSWORD"},
            login_url=f"{server.url}/login",
        )  # fmt: skip
        one.poll()
        assert one.active("taxii1") == 2 and len(tokens) == 2
