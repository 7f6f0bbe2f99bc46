"""Types and categories of attributes, and the rules for values: their normal form and refusals.

tests/data/misp has MISP's own list of types (describe_types) and the answers for 73 values
(attribute_values_matrix), which are the base of these rules.
"""

import functools
import ipaddress
import re
import socket
import uuid as uuids
from datetime import UTC, datetime
from typing import Any

from tests.misp import captures

LARGEST_TEXT = 65_535
"""The bytes that a text column of the database holds."""
HASHES = {
    "md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128,
    "sha512/224": 56, "sha512/256": 64, "sha3-224": 56, "sha3-256": 64, "sha3-384": 96,
    "sha3-512": 128, "imphash": 32, "authentihash": 64, "cdhash": 40, "pehash": 40,
    "ja3-fingerprint-md5": 32, "jarm-fingerprint": 62, "hassh-md5": 32, "hasshserver-md5": 32,
    "x509-fingerprint-md5": 32, "x509-fingerprint-sha1": 40, "x509-fingerprint-sha256": 64,
    "telfhash": 70, "git-commit-id": 40,
}  # fmt: skip
EMAILS = {
    "email", "email-src", "email-dst", "email-reply-to", "eppn", "target-email",
    "whois-registrant-email", "dns-soa-email", "jabber-id",
}  # fmt: skip
REFANGED = {
    "ip-src", "ip-dst", "domain", "hostname", "url", "uri", "link", "email", "email-src",
    "email-dst", "domain|ip", "ip-dst|port", "ip-src|port", "hostname|port",
}  # fmt: skip
DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9_-]{1,63}\.)+[a-z0-9-]*[a-z][a-z0-9-]*")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OTHER = 'Please double check the value or select type "other".'
BAD_IP = "IP address has an invalid format."
BAD_DOMAIN = f"Domain has an invalid format. {OTHER}"
BAD_UUID = "Please provide a valid RFC 4122 UUID"
NOT_COMPOSITE = "Composite type found but the value not in the composite (value1|value2) format."
TOO_LONG = (
    "The entered string is too long and would get truncated. Please consider adding the data as "
    "an attachment instead"
)


@functools.cache
def described() -> dict:
    """Returns MISP's own description of its types and categories."""
    return captures.load()["describe_types"]["response"]["body"]["result"]


def default_category(type_: str) -> str:
    """Returns the category that an attribute of this type gets if it names none."""
    return described()["sane_defaults"][type_]["default_category"]


def default_to_ids(type_: str) -> bool:
    """Returns the default of `to_ids` in `attributes/add`."""
    return bool(described()["sane_defaults"][type_]["to_ids"])


@functools.cache
def _types() -> frozenset[str]:
    return frozenset(described()["types"])


@functools.cache
def _types_of(category: str) -> frozenset[str]:
    return frozenset(described()["category_type_mappings"].get(category, ()))


def type_errors(type_: Any, category: str | None) -> dict:
    """Returns the errors of a type and a category, by field."""
    if not type_:
        return {"type": ["No type set."]}
    if type_ not in _types():
        return {"type": ["Invalid type."]}
    errors = {}
    if category is not None:
        known = described()["categories"]
        if category not in known:
            shown = "Payload delivery, Antivirus detection, Payload installation, Files dropped ..."
            errors["category"] = [f"Options : {shown}"]
        if type_ not in _types_of(category):
            errors["type"] = ["Options depend on the selected category."]
    return errors


def is_uuid(text: Any) -> bool:
    """Returns true for the shape of a UUID. MISP checks no version and no variant."""
    return isinstance(text, str) and UUID.fullmatch(text.lower()) is not None


def new_uuid() -> str:
    """Returns a random UUID."""
    return str(uuids.uuid4())


def narrow(text: str) -> str:
    """Returns a value as the database stores it: characters of four bytes become `?`."""
    if text.isascii():
        return text
    return "".join("?" if ord(each) > 0xFFFF else each for each in text)


def fails_in_column(text: str) -> bool:
    """Returns true for comments and infos that make the database fail."""
    if text.isascii():
        return len(text) > LARGEST_TEXT
    return len(text.encode()) > LARGEST_TEXT or any(ord(each) > 0xFFFF for each in text)


def normal(type_: str, value: Any) -> str:
    """Returns the form in which MISP stores a value."""
    text = narrow(str(value)).strip()
    if type_ in REFANGED:
        text = _refanged(text)
    if type_ in {"ip-src", "ip-dst"}:
        return _normal_ip(text)
    if type_ in {"domain", "hostname"}:
        return _normal_domain(text)
    if type_ in {"ip-dst|port", "ip-src|port", "hostname|port"}:
        if "|" not in text and text.count(":") == 1:
            text = text.replace(":", "|")
        first, bar, port = text.partition("|")
        change = _normal_domain if type_ == "hostname|port" else _normal_ip
        return change(first) + bar + port
    if type_ == "domain|ip":
        first, bar, second = text.partition("|")
        return _normal_domain(first) + bar + _normal_ip(second)
    if type_.startswith("filename|"):
        first, bar, second = text.rpartition("|")
        return first + bar + (second.lower() if type_[9:] in HASHES else second)
    return _normal_other(type_, text)


def _normal_other(type_: str, text: str) -> str:
    if type_ in HASHES or type_ in EMAILS or type_ in {"mac-address", "mac-eui-64"}:
        return text.lower()
    if type_ == "AS":
        return re.sub(r"^AS\s*", "", text.upper())
    if type_ == "vulnerability":
        return text.upper().replace("\u2013", "-")
    if type_ == "datetime":
        moment = seen(text)
        return text if moment is None else moment.replace("+00:00", "+0000")
    return text


def _refanged(text: str) -> str:
    text = re.sub(r"^h(xx|tt|\*\*)p(s?):", r"http\2:", text) if text.startswith("h") else text
    if "[" not in text and "(" not in text:
        return text
    text = re.sub(r"\[\.\]|\[dot\]|\(dot\)", ".", text)
    return text.replace("[://]", "://").replace("[:]", ":").replace("[@]", "@")


def _normal_ip(text: str) -> str:
    address, slash, length = text.partition("/")
    try:
        if ":" in address:
            packed = socket.inet_pton(socket.AF_INET6, address)
            address = socket.inet_ntop(socket.AF_INET6, packed)
    except OSError:
        return text
    whole = "128" if ":" in address else "32"
    return address if not slash or length == whole else f"{address}/{length}"


def _normal_domain(text: str) -> str:
    text = text.lower().rstrip(".")
    if not text.isascii():
        try:
            return text.encode("idna").decode()
        except UnicodeError:
            return text
    return text


def halves(type_: str, value: str) -> tuple[str, str]:
    """Returns the two columns in which a value is stored."""
    if "|" in type_ and "|" in value:
        first, _, second = value.partition("|")
        return first, second
    return value, ""


def problem(type_: str, value: str) -> str | None:
    """Returns MISP's objection to a value in its normal form."""
    if not value:
        return "Value cannot be empty."
    if len(value.encode()) > LARGEST_TEXT:
        return TOO_LONG
    if "|" in type_ and type_ != "malware-sample" and "|" not in value:
        return NOT_COMPOSITE
    if type_ in {"ip-src", "ip-dst"}:
        return None if _is_network(value) else BAD_IP
    if type_ in {"domain", "hostname"}:
        return None if DOMAIN.fullmatch(value) else BAD_DOMAIN
    if "|" in type_:
        return _composite_problem(type_, value)
    return _plain_problem(type_, value)


def _composite_problem(type_: str, value: str) -> str | None:
    left, right = type_.split("|", 1)
    first, second = value.rpartition("|")[::2] if left == "filename" else value.partition("|")[::2]
    kinds = {"ip": "ip-dst"}
    if left != "filename" and (found := problem(kinds.get(left, left), first)):
        return found
    return None if right in {"value", "pattern"} else problem(kinds.get(right, right), second)


def _plain_problem(type_: str, value: str) -> str | None:
    if (length := HASHES.get(type_)) is not None:
        if re.fullmatch(f"[0-9a-f]{{{length}}}", value):
            return None
        return (
            "Checksum has an invalid length or format (expected: "
            f"{length} hexadecimal characters). {OTHER}"
        )
    if type_ in EMAILS:
        fits = EMAIL.fullmatch(value) and "." in value.rpartition("@")[2]
        return None if fits else f"Email address has an invalid format. {OTHER}"
    rules = {
        "AS": (_is_integer(value, 1, 4_294_967_295),
               "AS number have to be integer between 1 and 4294967295"),
        "port": (_is_integer(value, 1, 65_535),
                 "Port numbers have to be integers between 1 and 65535."),
        "vulnerability": (re.fullmatch(r"CVE-\d{4}-\d{4,}", value),
                          "Invalid format. Expected: CVE-xxxx-xxxx..."),
        "mac-address": (re.fullmatch(r"([0-9a-f]{2}[:-]){5}[0-9a-f]{2}", value),
                        f"Value not in the right type/format. {OTHER}"),
        "size-in-bytes": (value.isdigit(),
                          "The value has to be a whole number greater or equal 0."),
        "datetime": (seen(value) is not None, "Datetime has to be in the ISO 8601 format."),
    }  # fmt: skip
    fits, message = rules.get(type_, (True, ""))
    return None if fits else message


def _is_integer(text: str, least: int, most: int) -> bool:
    return text.isdigit() and least <= int(text) <= most


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return True


def seen(text: Any) -> str | None:
    """Returns a `first_seen` or `last_seen` as MISP shows it, or none for other texts."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")
