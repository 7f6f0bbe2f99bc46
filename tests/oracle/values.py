"""Values of indicators: their type, their normal form, and the reasons to refuse them."""

import functools
import ipaddress
import re
from dataclasses import dataclass

from . import addresses, names, refang, suffixes, urls

HASH_BITS = {32: 128, 40: 160, 64: 256}

EXACT, AT_AND_BELOW, BELOW = "exact", "at-and-below", "below"


class Malformed(ValueError):
    """The text is not a value that can be an entry."""


@dataclass(frozen=True)
class Entry:
    """One value of the blacklist. `value` is the shown text; the other fields are compared."""

    type: str
    value: str
    mode: str | None = None
    span: tuple | None = None
    url: urls.Url | None = None
    is_prefix: bool = False

    @functools.cached_property
    def version(self) -> int:
        """Returns the addresses' version, 4 or 6."""
        return self.span[0].version

    @functools.cached_property
    def low(self) -> int:
        """Returns the first address as a number."""
        return int(self.span[0])

    @functools.cached_property
    def high(self) -> int:
        """Returns the last address as a number."""
        return int(self.span[1])


def domain(text: str, mode: str | None = None) -> Entry:
    """Parses a domain.

    `.x` covers x and names below it, `*.x` only names below x. A name of one label is a public
    suffix (the list's default rule).
    """
    name, asked = text, mode
    if text.startswith("*."):
        name, asked = text[2:], BELOW
    elif text.startswith("."):
        name, asked = text[1:], AT_AND_BELOW
    name = names.normalise(name)
    if not names.is_domain(name):
        raise Malformed(f"{text!r} is no domain name")
    chosen = asked or AT_AND_BELOW
    if "." not in name or suffixes.is_icann(name):
        if chosen == BELOW:
            raise Malformed(f"{text!r} is everybody's names")
        chosen = EXACT
    elif suffixes.is_private(name) and asked is None:
        chosen = EXACT
    return Entry("domain-name", name, mode=chosen)


def address(text: str) -> Entry:
    """Parses an address, network or range. Its text is the shortest of these forms."""
    found = addresses.span(text)
    if found is None:
        raise Malformed(f"{text!r} is no address, network or range")
    (first, last), _ = found
    kind = f"ipv{first.version}-addr"
    networks = list(ipaddress.summarize_address_range(first, last))
    if first == last:
        shown = str(first)
    elif len(networks) == 1:
        shown = str(networks[0])
    else:
        shown = f"{first}-{last}"
    return Entry(kind, shown, span=(first, last))


def url(text: str, prefix: bool = False) -> Entry:
    """Parses a URL, with or without a scheme. An empty query counts as none.

    With `prefix`, a URL without a query also covers everything below its path.
    """
    parsed = urls.parse(text)
    if parsed is None:
        raise Malformed(f"{text!r} is no URL")
    query = parsed.query or None
    shown = parsed.key + (f"?{query}" if query else "")
    kept = urls.Url(parsed.scheme, parsed.host, parsed.port, parsed.path, query)
    return Entry("url", shown, url=kept, is_prefix=prefix and query is None)


def email(text: str) -> str:
    """Returns the address with an unchanged local part and a normalised domain."""
    local, _, host = text.rpartition("@")
    if not local or not host:
        raise Malformed(f"{text!r} is no email address")
    return f"{local}@{names.normalise(host)}"


def is_hash(text: str) -> bool:
    """Returns whether the text is an MD5, SHA-1 or SHA-256 digest in hexadecimal."""
    return len(text) in HASH_BITS and re.fullmatch("[0-9A-Fa-f]+", text) is not None


def from_list(line: str, prefix: bool = False) -> Entry:
    """Parses one value of a plain list, and detects its type by its form. `prefix` is for URLs."""
    text = refang.indicator(line.strip())
    if "://" in text:
        return url(text, prefix)
    if is_hash(text):
        return Entry("file", text.lower())
    if addresses.span(text) is not None:
        return address(text)
    base, slash, bits = text.partition("/")
    if slash and bits.isdigit() and len(bits) <= 3 and addresses.strict(base):
        raise Malformed(f"{text!r} is no network")
    if "/" in text:
        return url(text, prefix)
    if "@" in text:
        return Entry("email-addr", email(text))
    return domain(text)


def is_refused(entry: Entry) -> bool:
    """Returns whether the policy rejects the entry: too broad, or in a special-purpose network."""
    return entry.span is not None and (
        addresses.is_too_broad(entry.span) or addresses.is_special(entry.span)
    )
