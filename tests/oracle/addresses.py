"""Addresses, networks and ranges. Address fields are strict; URL hosts may have WHATWG's other
forms.
"""

import ipaddress
import re
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address
Span = tuple[Address, Address]

# Stripped from the ends of an event's value: ASCII white space, not that of other scripts.
SPACE = " \t\n\f\r"
# Prefix lengths of the broadest networks that an indicator may name by default.
FLOOR_BITS = {4: 8, 6: 19}

# Networks that IANA's special-purpose address registries (RFC 6890 and successors) list as not
# globally reachable, or without a statement about it (6to4). Also multicast (RFC 5771, RFC 4291)
# and the former site-local addresses (RFC 3879).
SPECIAL = [
    ipaddress.ip_network(text)
    for text in """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
    192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
    ::/128 ::1/128 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20 5f00::/16
    fc00::/7 fe80::/10 fec0::/10 ff00::/8
    """.split()
]


def unmap(address: Address) -> Address:
    """Converts an IPv4-mapped IPv6 address to IPv4 (RFC 4291 section 2.5.5.2)."""
    return getattr(address, "ipv4_mapped", None) or address


def strict(text: str) -> Address | None:
    """Parses an address in its textual form (RFC 4291, dotted quads without leading zeros).

    Removes brackets and a zone id (RFC 4007).
    """
    bare = text
    if text.startswith("[") and text.endswith("]") and ":" in text:
        bare = text = text[1:-1]
    if ":" in text and "%" in text:
        bare = text.split("%", 1)[0]
    try:
        return unmap(ipaddress.ip_address(bare))
    except ValueError:
        return None


def _number(part: str) -> int | None:
    """Parses one part of an IPv4 address like the WHATWG URL standard: decimal, hexadecimal after
    0x, octal after 0.
    """
    if part == "":
        return None
    base, digits = 10, part
    if part[:2] in ("0x", "0X"):
        base, digits = 16, part[2:]
    elif len(part) > 1 and part[0] == "0":
        base, digits = 8, part[1:]
    if digits == "":
        return 0
    if not re.fullmatch({10: "[0-9]+", 16: "[0-9a-fA-F]+", 8: "[0-7]+"}[base], digits):
        return None
    return int(digits, base)


def url_host(host: str) -> Address | None:
    """Returns the IPv4 address of a URL's host, by the WHATWG URL standard's IPv4 parser."""
    parts = host.split(".")
    if len(parts) > 1 and parts[-1] == "":
        parts.pop()
    if len(parts) > 4:
        return None
    numbers = [_number(part) for part in parts]
    if any(number is None for number in numbers):
        return None
    *head, last = numbers
    if any(number > 255 for number in head) or last >= 256 ** (5 - len(numbers)):
        return None
    value = last
    for position, number in enumerate(head):
        value += number * 256 ** (3 - position)
    return IPv4Address(value)


def span(text: str) -> tuple[Span, str] | None:
    """Returns the first and last address of an address, a CIDR network or a range `first-last`, and
    which of the three it is.
    """
    if "/" in text:
        base, _, bits = text.partition("/")
        if not bits.isdigit():
            return None
        try:
            whole = ipaddress.ip_network(f"{base}/{int(bits)}", strict=False)
        except ValueError:
            return None
        first, last = whole[0], whole[-1]
        if whole.version == 6 and whole.prefixlen >= 96:
            first, last = unmap(first), unmap(last)
        return (first, last), "cidr"
    if "-" in text:
        first, last = (strict(part.strip()) for part in text.split("-", 1))
        if first is None or last is None or first.version != last.version or first > last:
            return None
        return (first, last), "range"
    address = strict(text)
    return None if address is None else ((address, address), "address")


def size(extent: Span) -> int:
    """Returns the number of addresses in the span."""
    return int(extent[1]) - int(extent[0]) + 1


def is_too_broad(extent: Span) -> bool:
    """Returns whether the span has more addresses than the broadest network allowed by default."""
    first = extent[0]
    return size(extent) > 2 ** (first.max_prefixlen - FLOOR_BITS[first.version])


def is_special(extent: Span) -> bool:
    """Returns whether the span overlaps a network that is not globally reachable."""
    first, last = extent
    return any(
        network.version == first.version and first <= network[-1] and network[0] <= last
        for network in SPECIAL
    )
