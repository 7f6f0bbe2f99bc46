"""Compares the TAXII 1 messages with libtaxii: what the product writes is valid by the schemas and
says what was meant, and what libtaxii writes is understood.
"""

import datetime
import io
import json
import subprocess

import libtaxii.constants as names
import libtaxii.messages_10 as tm10
import libtaxii.messages_11 as tm11
import pytest
from libtaxii.validation import SchemaValidator

from tests import program

BEGIN = datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC).replace(microsecond=123456)
END = datetime.datetime.fromtimestamp(1_700_000_060, datetime.UTC)
HTTPS = names.VID_TAXII_HTTPS_10
STIX = names.CB_STIX_XML_111
SCHEMAS = {"1.0": SchemaValidator.TAXII_10_SCHEMA, "1.1": SchemaValidator.TAXII_11_SCHEMA}
PARSERS = {"1.0": tm10.get_message_from_xml, "1.1": tm11.get_message_from_xml}


def run(*options: str, lines: str = "") -> list[dict]:
    """Runs the example program, and returns the lines that it prints."""
    build = ["cargo", "build", "--release", "-q", "--workspace", "--example", "taxii1"]
    subprocess.run(build, cwd=program.ROOT, check=True, timeout=900)
    result = subprocess.run(
        [program.ROOT / "target/release/examples/taxii1", *options],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in result.stdout.splitlines()]


def understood(*messages) -> list[dict]:
    """Reads messages of libtaxii with the product."""
    lines = [json.dumps(message.to_xml().decode()) for message in messages]
    return run("--read", lines="\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def requests() -> dict[tuple[str, str], dict]:
    return {(one["version"], one["name"]): one for one in run()}


def test_every_request_is_valid(requests):
    validators = {version: SchemaValidator(path) for version, path in SCHEMAS.items()}
    assert len(requests) == 28
    for (version, name), request in requests.items():
        result = validators[version].validate_string(request["xml"].encode())
        assert result.valid, f"{version} {name}: {result.error_log}\n{request['xml']}"


def test_libtaxii_reads_every_request(requests):
    for (version, name), request in requests.items():
        message = PARSERS[version](request["xml"].encode())
        assert message.message_id == str(2**64 - 1), name


def test_requests_say_what_was_meant(requests):
    def request(name, version="1.1"):
        return PARSERS[version](requests[version, name]["xml"].encode())

    poll = request("poll")
    assert (poll.collection_name, poll.subscription_id) == ("a b", None)
    assert poll.exclusive_begin_timestamp_label == BEGIN
    assert poll.inclusive_end_timestamp_label == END
    parameters = poll.poll_parameters
    assert (parameters.allow_asynch, parameters.response_type) == (True, names.RT_FULL)
    bindings = [(one.binding_id, list(one.subtype_ids)) for one in parameters.content_bindings]
    assert bindings == [(STIX, []), (names.CB_STIX_XML_12, ["urn:one", "urn:two"])]
    assert request("poll, count").poll_parameters.response_type == names.RT_COUNT_ONLY
    assert request("poll by subscription").subscription_id == "s:1"
    assert request("poll by subscription", "1.0").subscription_id == "s:1"
    assert request("poll", "1.0").content_bindings == [STIX, names.CB_STIX_XML_12]

    fulfillment = request("fulfillment")
    assert (fulfillment.result_id, fulfillment.result_part_number) == ("r/1", 2)
    for action in names.ACT_TYPES_11:
        subscription = request(f"subscription {action}")
        assert (subscription.action, subscription.subscription_id) == (action, "s:1")

    inbox = request("inbox")
    assert inbox.destination_collection_names == ["a b", "c"]
    assert inbox.subscription_information.exclusive_begin_timestamp_label == BEGIN
    nested, escaped = inbox.content_blocks
    assert '<q a="1">\u00e9</q>' in nested.content
    assert escaped.content == "<p>\r\n]]></p>"
    assert nested.message == 'for <people> & "others"'


@pytest.mark.parametrize("kind", names.ST_TYPES_11)
def test_every_status_is_understood(kind):
    details = {
        names.ST_DESTINATION_COLLECTION_ERROR: {names.SD_ACCEPTABLE_DESTINATION: ["c"]},
        names.ST_INVALID_RESPONSE_PART: {names.SD_MAX_PART_NUMBER: 3},
        names.ST_NOT_FOUND: {names.SD_ITEM: "c"},
        names.ST_PENDING: {
            names.SD_ESTIMATED_WAIT: 9,
            names.SD_RESULT_ID: "r",
            names.SD_WILL_PUSH: False,
        },
        names.ST_RETRY: {names.SD_ESTIMATED_WAIT: 9},
        names.ST_UNSUPPORTED_MESSAGE_BINDING: {names.SD_SUPPORTED_BINDING: ["urn:b"]},
    }.get(kind)
    status = tm11.StatusMessage("2", "1", status_type=kind, status_detail=details, message="m")
    (answer,) = understood(status)
    assert kind.replace("_", "").lower() in answer["body"].lower()
    for name, value in (details or {}).items():
        value = value[0] if isinstance(value, list) else value
        shown = f'name: Some("{name}"), value: "{str(value)}"'
        assert shown.lower() in answer["body"].lower(), answer


def test_a_poll_response_is_understood():
    package = '<s:P xmlns:s="urn:s" xmlns:t="urn:t" id="t:1"><s:A>x &amp; y</s:A></s:P>'
    binding = tm11.ContentBinding(STIX, subtype_ids=["urn:sub"])
    blocks = [
        tm11.ContentBlock(binding, io.StringIO(package), timestamp_label=BEGIN),
        tm11.ContentBlock(tm11.ContentBinding(STIX), "plain <text> & more"),
    ]
    response = tm11.PollResponse(
        "2",
        "1",
        collection_name="c",
        more=True,
        result_id="r",
        result_part_number=2,
        exclusive_begin_timestamp_label=BEGIN,
        inclusive_end_timestamp_label=END,
        record_count=tm11.RecordCount(2, True),
        content_blocks=blocks,
    )
    (answer,) = understood(response)
    assert (answer["version"], answer["in_response_to"]) == (names.VID_TAXII_SERVICES_11, "1")
    first, second = answer["blocks"]
    assert (first["binding"], first["subtype"]) == (STIX, "urn:sub")
    assert first["label"] == 1_700_000_000_123_456
    assert "<s:A>x &amp; y</s:A></s:P>" in first["content"]
    assert second["content"] == "plain <text> & more"
    for part in ("more: true", 'result_id: Some("r")', "part: Some(2)", "count: 2", "blocks: 2"):
        assert part in answer["body"]
    assert f"end: Some(Timestamp({1_700_000_060_000_000}))" in answer["body"]


def test_discovery_collections_and_subscriptions_are_understood():
    contact = (HTTPS, "https://h/poll", [names.VID_TAXII_XML_11])
    service = tm11.ServiceInstance(names.SVC_POLL, names.VID_TAXII_SERVICES_11, *contact)
    polling = tm11.PollingServiceInstance(*contact)
    collection = tm11.CollectionInformation(
        "c",
        "d",
        [tm11.ContentBinding(STIX)],
        polling_service_instances=[polling],
        collection_type=names.CT_DATA_SET,
    )
    subscription = tm11.SubscriptionInstance("s", status=names.SS_PAUSED, poll_instances=None)
    feed = tm10.FeedInformation(
        "f",
        "d",
        [STIX],
        polling_service_instances=[
            tm10.PollingServiceInstance(HTTPS, "https://h/poll", [names.VID_TAXII_XML_10])
        ],
    )
    answers = understood(
        tm11.DiscoveryResponse("2", "1", service_instances=[service]),
        tm11.CollectionInformationResponse("2", "1", collection_informations=[collection]),
        tm11.ManageCollectionSubscriptionResponse(
            "2", "1", collection_name="c", subscription_instances=[subscription]
        ),
        tm10.FeedInformationResponse("2", "1", feed_informations=[feed]),
    )
    bodies = [answer.get("body", answer) for answer in answers]
    assert "kind: Poll" in bodies[0] and 'address: "https://h/poll"' in bodies[0]
    assert "kind: DataSet" in bodies[1] and f'id: "{STIX}"' in bodies[1]
    assert "state: Paused" in bodies[2] and 'id: "s"' in bodies[2]
    assert answers[3]["version"] == names.VID_TAXII_SERVICES_10 and 'name: "f"' in bodies[3]
