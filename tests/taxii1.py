"""TAXII 1 feeds and STIX 1.x packages, and a server that answers each message as a test decides."""

import contextlib
from collections.abc import Callable, Iterator

import libtaxii.messages_10 as tm10
import libtaxii.messages_11 as tm11
from libtaxii import constants
from libtaxii.validation import SchemaValidator

from tests import hostile
from tests.hostile import Asked, Reply

STIX = constants.CB_STIX_XML_111
VALIDATORS = {
    10: SchemaValidator(SchemaValidator.TAXII_10_SCHEMA),
    11: SchemaValidator(SchemaValidator.TAXII_11_SCHEMA),
}
HEADERS = {
    11: {"Content-Type": "application/xml", "X-TAXII-Content-Type": constants.VID_TAXII_XML_11},
    10: {"Content-Type": "application/xml", "X-TAXII-Content-Type": constants.VID_TAXII_XML_10},
}


def package(*domains: str, number: int = 1) -> str:
    """Returns a package with an indicator for each domain. Its ids come from the number."""
    indicators = "".join(
        f"""
    <stix:Indicator id="e:indicator-{number}-{place}" timestamp="2026-01-01T00:00:00Z"
        xsi:type="indicator:IndicatorType">
      <indicator:Observable id="e:observable-{number}-{place}">
        <cybox:Object id="e:object-{number}-{place}">
          <cybox:Properties xsi:type="DomainNameObj:DomainNameObjectType" type="FQDN">
            <DomainNameObj:Value condition="Equals">{domain}</DomainNameObj:Value>
          </cybox:Properties>
        </cybox:Object>
      </indicator:Observable>
    </stix:Indicator>"""
        for place, domain in enumerate(domains)
    )
    return f"""<stix:STIX_Package
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xmlns:stix="http://stix.mitre.org/stix-1" xmlns:e="http://example.org/"
    xmlns:indicator="http://stix.mitre.org/Indicator-2"
    xmlns:cybox="http://cybox.mitre.org/cybox-2"
    xmlns:DomainNameObj="http://cybox.mitre.org/objects#DomainNameObject-1"
    id="e:package-{number}" version="1.1.1" timestamp="2026-01-01T00:00:00Z">
  <stix:Indicators>{indicators}
  </stix:Indicators>
</stix:STIX_Package>"""


def feed(url: str, **settings) -> dict:
    """Returns a feed of type taxii1."""
    return {"name": "taxii1", "type": "taxii1", "url": url, "overlap": "1s", **settings}


def block(content: str, binding: str = STIX) -> tm11.ContentBlock:
    """Returns a content block. XML becomes nested elements."""
    return tm11.ContentBlock(tm11.ContentBinding(binding), content)


def polled(*contents: str, to: str = "1", **rest) -> tm11.PollResponse:
    """Returns a poll response with a block for each content."""
    blocks = [block(content) for content in contents]
    return tm11.PollResponse("2", to, collection_name="c", content_blocks=blocks, **rest)


def status(kind: str, message: str | None = None, **details) -> tm11.StatusMessage:
    """Returns a status message."""
    return tm11.StatusMessage(
        "2", "1", status_type=kind, status_detail=details or None, message=message
    )


def discovered(poll: str, version: int = 11, *others: str) -> tm11.DiscoveryResponse:
    """Returns a discovery response with poll services at these addresses."""
    module = tm11 if version == 11 else tm10
    protocol = {"https": constants.VID_TAXII_HTTPS_10, "http": constants.VID_TAXII_HTTP_10}
    binding = constants.VID_TAXII_XML_11 if version == 11 else constants.VID_TAXII_XML_10
    services = constants.VID_TAXII_SERVICES_11 if version == 11 else constants.VID_TAXII_SERVICES_10
    instances = [
        module.ServiceInstance(
            constants.SVC_POLL, services, protocol[url.split(":")[0]], url, [binding]
        )
        for url in (poll, *others)
    ]
    return module.DiscoveryResponse("2", "1", service_instances=instances)


Answered = Reply | tm10.TAXIIMessage | tm11.TAXIIMessage


def answering(answer: Callable[[object, Asked], Answered]) -> hostile.Answer:
    """Validates each message against its schema, and passes it to `answer` as one of libtaxii."""

    def reply(asked: Asked) -> Reply:
        is_10 = asked.headers["x-taxii-content-type"] == constants.VID_TAXII_XML_10
        version = 10 if is_10 else 11
        result = VALIDATORS[version].validate_string(asked.body)
        assert result.valid, f"{result.error_log}\n{asked.body.decode()}"
        message = (tm10 if is_10 else tm11).get_message_from_xml(asked.body)
        answered = answer(message, asked)
        if isinstance(answered, Reply):
            return answered
        version = 10 if type(answered).__module__ == tm10.__name__ else 11
        return Reply(answered.to_xml(), headers=HEADERS[version])

    return reply


class Serving:
    """A server whose poll service gives prepared answers, one for each request in turn; the last
    again and again. Discovery answers by itself.
    """

    def __init__(self, *answers: Answered):
        self.answers = list(answers)
        self.messages: list = []
        """All messages to the poll service."""
        self.headers: list[dict] = []
        """The headers of each."""
        self.url = ""

    def answer(self, message, asked: Asked) -> Answered:
        """Answers a message."""
        if isinstance(message, tm11.DiscoveryRequest):
            return discovered(f"{self.url}/poll")
        self.messages.append(message)
        self.headers.append(asked.headers)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextlib.contextmanager
def serving(*answers: Answered) -> Iterator[Serving]:
    """Runs such a server."""
    one = Serving(*answers)
    with hostile.serving(answering(one.answer)) as server:
        one.url = server.url
        yield one
