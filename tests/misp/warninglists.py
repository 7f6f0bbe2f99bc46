"""Warninglists: seven of MISP's own, of which the long ones are shortened."""

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.misp import captures
from tests.misp.answers import Answer, Plain, internal
from tests.misp.records import Attribute
from tests.misp.request import Request, truth

if TYPE_CHECKING:
    from tests.misp.state import State

ENTRIES = {
    "95": ["dns.google", "one.one.one.one", "resolver1.opendns.com"],
    "96": ["8.8.8.8/32", "8.8.4.4/32", "1.1.1.1/32", "1.0.0.1/32", "9.9.9.9/32"],
    "101": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
    "103": [
        "0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
    ],
    "106": ["co.uk", "com.au", "co.jp", "gov.uk"],
    "124": ["com", "net", "org", "uk", "de", "jp"],
}  # fmt: skip


@dataclass
class Warninglist:
    """A list, with its entries."""

    head: dict
    entries: list[str]
    is_enabled: bool = False

    def match(self, value: str) -> str | None:
        """Returns the entry that a value matches."""
        if self.head["type"] == "cidr":
            try:
                address = ipaddress.ip_network(value.split("|")[-1], strict=False)
            except ValueError:
                return None
            return next((each for each in self.entries if _contains(each, address)), None)
        if self.head["type"] == "hostname":
            name = value.lower().split("|")[0]
            return next((each for each in self.entries if f".{name}".endswith(f".{each}")), None)
        return next((each for each in self.entries if each == value.lower()), None)

    def form(self) -> dict:
        """Returns the form of `warninglists/index`."""
        return {"Warninglist": self.head | {"enabled": self.is_enabled}}


def _contains(entry: str, address) -> bool:
    network = ipaddress.ip_network(entry, strict=False)
    return network.version == address.version and address.subnet_of(network)


@dataclass
class Warninglists:
    """All lists of a server. They are not enabled when the server is new."""

    lists: dict[str, Warninglist] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = captures.load()
        for each in known["warninglists_enabled"]["response"]["body"]["Warninglists"]:
            head = each["Warninglist"]
            entries = ENTRIES.get(head["id"]) or [
                one["value"]
                for one in known["warninglist_view"]["response"]["body"]["Warninglist"][
                    "WarninglistEntry"
                ]
                if isinstance(one, dict)
            ]
            self.lists[head["id"]] = Warninglist(head, entries)

    def hits(self, value: str) -> list[tuple[Warninglist, str]]:
        """Returns the enabled lists that a value is on, each with the entry."""
        enabled = (each for each in self.lists.values() if each.is_enabled)
        found = [(each, each.match(value)) for each in enabled]
        return sorted(
            ((each, entry) for each, entry in found if entry),
            key=lambda pair: int(pair[0].head["id"]),
        )

    def warnings(self, attribute: Attribute) -> list[dict]:
        """Returns the warnings of an attribute."""
        if not attribute.to_ids:
            return []
        return [
            {
                "value": attribute.value, "match": entry, "warninglist_id": each.head["id"],
                "warninglist_name": each.head["name"],
                "warninglist_category": each.head["category"],
            }
            for each, entry in self.hits(attribute.value)
            if attribute.type in each.head["valid_attributes"].split(", ")
        ]  # fmt: skip


def index(state: "State", request: Request) -> Answer:
    """Answers `warninglists/index`."""
    only = truth(request.named.get("enabled"))
    found = [each for each in state.warninglists.lists.values() if each.is_enabled or not only]
    return Answer({"Warninglists": [each.form() for each in found]})


def view(state: "State", request: Request) -> Answer:
    """Answers `warninglists/view`."""
    one = state.warninglists.lists.get(request.first)
    if one is None:
        raise Plain(404, "Invalid warninglist.")
    captured = captures.load()["warninglist_view"]["response"]["body"]["Warninglist"]
    head = {name: one.head[name] for name in captured if name in one.head}
    head["enabled"] = one.is_enabled
    number = one.head["id"]
    if number == captured["id"]:
        return Answer({"Warninglist": captured | {"enabled": one.is_enabled}})
    head["WarninglistEntry"] = [
        {"id": f"{number}{position:05}", "value": entry, "warninglist_id": number, "comment": None}
        for position, entry in enumerate(one.entries)
    ]
    head["WarninglistType"] = [
        {"id": f"{number}{position}", "type": kind, "warninglist_id": number}
        for position, kind in enumerate(one.head["valid_attributes"].split(", "))
    ]
    return Answer({"Warninglist": head})


def toggle(state: "State", request: Request) -> Answer:
    """Answers `warninglists/toggleEnable`."""
    sent = request.json or {}
    wanted = sent.get("id", [])
    wanted = [str(each) for each in (wanted if isinstance(wanted, list) else [wanted])]
    found = [each for number, each in state.warninglists.lists.items() if number in wanted]
    enabled = truth(sent.get("enabled"))
    for each in found:
        each.is_enabled = enabled
    word = "enabled" if enabled else "disabled"
    return Answer({"saved": True, "success": f"{len(found)} warninglist(s) {word}"})


def check(state: "State", request: Request) -> Answer:
    """Answers `warninglists/checkValue`. A list in `value` makes MISP fail."""
    sent = request.json
    if not sent:
        raise Plain(404, "No valid data received.")
    if isinstance(sent, dict):
        if isinstance(sent.get("value"), list):
            raise internal()
        sent = [sent.get("value")]
    found = {}
    for value in sent:
        if hits := state.warninglists.hits(str(value)):
            found[value] = [
                {"id": each.head["id"], "name": each.head["name"], "matched": entry}
                for each, entry in hits
            ]
    return Answer(found or [])
