"""MISP's warninglists, compared entry by entry with one value: slow, and easy to read."""

import re

from . import addresses, names
from .values import Entry, Malformed, from_list

# The types of values that an attribute of MISP holds.
ATTRIBUTES = {
    "domain-name": {"domain", "hostname", "hostname|port"},
    "ipv4-addr": {"ip-src", "ip-dst", "ip-src|port", "ip-dst|port"},
    "ipv6-addr": {"ip-src", "ip-dst", "ip-src|port", "ip-dst|port"},
    "url": {"url", "uri", "link"},
    "file": {"md5", "sha1", "sha256", "filename|md5", "filename|sha1", "filename|sha256"},
    "email-addr": {"email", "email-src", "email-dst", "target-email", "whois-registrant-email",
                   "dns-soa-email", "email-reply-to"},
}  # fmt: skip
DIGESTS = {32: "md5", 40: "sha1", 64: "sha256"}


def is_about(listed: dict, entry: Entry) -> bool:
    """Returns whether the list is about values of this type."""
    attributes = set(listed.get("matching_attributes") or ["ALL"])
    if "ALL" in attributes:
        return True
    wanted = ATTRIBUTES[entry.type]
    if entry.type == "file":
        algorithm = DIGESTS[len(entry.value)]
        wanted = {algorithm, f"filename|{algorithm}"}
    return bool(attributes & wanted)


def host_of(entry: Entry) -> str | None:
    """Returns the host of a value, if it has one."""
    if entry.type == "url":
        return str(entry.url.host)
    if entry.type == "email-addr":
        return entry.value.rpartition("@")[2]
    if entry.type == "file" or (entry.span and entry.span[0] != entry.span[1]):
        return None
    return entry.value


def whole(text: str) -> str:
    """Returns a text in the form in which whole values are compared."""
    try:
        entry = from_list(text.strip())
    except Malformed:
        return text.strip().lower()
    return entry.value.lower() if entry.type == "email-addr" else entry.value


def covers(listed: dict, written: str) -> bool:
    """Returns whether a warninglist covers the value that a list writes like this."""
    entry = from_list(written)
    if not is_about(listed, entry):
        return False
    return any(one(listed.get("type", "string"), text, entry, written) for text in listed["list"])


def one(kind: str, text: str, entry: Entry, written: str) -> bool:
    """Returns whether one entry of a list covers a value."""
    host = host_of(entry)
    if kind == "string":
        return bool(text.strip()) and whole(text) in (whole(written), written.lower())
    if kind == "hostname":
        if host is None:
            return False
        listed = text.strip().strip(".")
        span = addresses.span(listed)
        if span is not None:
            return str(span[0][0]) == host and span[0][0] == span[0][1]
        return names.normalise(listed) in names.parents(host)
    if kind == "cidr":
        span = addresses.span(text.strip())
        inner = entry.span or (addresses.span(host) or [None])[0] if host or entry.span else None
        if span is None or inner is None or span[0][0].version != inner[0].version:
            return False
        return span[0][0] <= inner[0] and inner[1] <= span[0][1]
    shown = entry.value if entry.type == "domain-name" else written
    if kind == "substring":
        return bool(text.strip()) and text.lower() in shown.lower()
    pattern, _, flags = text[1:].rpartition("/")
    return re.search(pattern.replace("\\/", "/"), shown, re.I if "i" in flags else 0) is not None
