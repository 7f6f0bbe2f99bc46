"""URLs, split into the compared parts: host, port, path and query (RFC 3986 section 6)."""

import re
from dataclasses import dataclass

from . import addresses, names, refang

WEB_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
OTHER_PORTS = {"ftp": 21}
# In place of a port: an invalid one, and none with a scheme whose port is unknown.
BAD_PORT, UNKNOWN_PORT = -1, -2
# Those of WHATWG's forbidden host code points that would make it a different URL.
FORBIDDEN_IN_HOST = set("/\\?#@:[]%")
UNRESERVED = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True)
class Url:
    """A URL in the form that is compared.

    `host` is a normalised name or an address. `port` is None for the web's ports 80 and 443.
    """

    scheme: str | None
    host: object
    port: int | None
    path: str
    query: str | None

    @property
    def shown_host(self) -> str:
        """Returns the host as a URL writes it."""
        return f"[{self.host}]" if getattr(self.host, "version", 0) == 6 else str(self.host)

    @property
    def key(self) -> str:
        """Returns host, port and path: everything except the query."""
        return self.shown_host + (f":{self.port}" if self.port is not None else "") + self.path

    @property
    def is_comparable(self) -> bool:
        """Returns whether the URL can match URL entries.

        It needs a host that can be in an entry. It also needs a known port: an explicit one, that
        of its scheme, or the web's if there is no scheme.
        """
        return self.port not in (BAD_PORT, UNKNOWN_PORT) and not (
            isinstance(self.host, str) and FORBIDDEN_IN_HOST & set(self.host)
        )


def _percent(text: str) -> str:
    """Normalises percent-encoding (RFC 3986 section 6.2.2).

    Decodes triplets of unreserved characters, and writes the others with upper-case digits. First
    encodes characters that a URL may not contain: non-ASCII, blanks, and a percent sign that begins
    no triplet.
    """
    raw = text.encode("utf-8", "surrogateescape")
    text = "".join(chr(byte) if 0x21 <= byte <= 0x7E else f"%{byte:02X}" for byte in raw)
    text = re.sub("%(?![0-9A-Fa-f]{2})", "%25", text)

    def one(match: re.Match) -> str:
        char = chr(int(match[1], 16))
        return char if char in UNRESERVED else match[0].upper()

    return re.sub("%([0-9A-Fa-f]{2})", one, text)


def _without_dot_segments(path: str) -> str:
    """Removes dot segments (RFC 3986 section 5.2.4) from a path that starts with a slash."""
    kept = []
    segments = path.split("/")[1:]
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        if segment == "..":
            if kept:
                kept.pop()
            if last:
                kept.append("")
        elif segment == ".":
            if last:
                kept.append("")
        else:
            kept.append(segment)
    return "/" + "/".join(kept)


def _percent_decoded(host: str) -> str:
    raw = re.sub(
        b"%([0-9A-Fa-f]{2})",
        lambda match: bytes([int(match[1], 16)]),
        host.encode("utf-8", "surrogateescape"),
    )
    return raw.decode("utf-8", "surrogateescape")


def host_of(text: str, in_url: bool) -> object:
    """Parses a host: an address (in a URL also in WHATWG's forms) or a normalised name."""
    text = refang.host(text)
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    address = addresses.strict(text)
    if address is not None:
        return address
    if in_url:
        text = _percent_decoded(text)
    name = names.normalise(text)
    address = addresses.url_host(name) if in_url else addresses.strict(name)
    return name if address is None else address


def split_host_port(text: str) -> tuple[str, int | None]:
    """Splits `host`, `host:port` or `[v6]:port`.

    A bare IPv6 address has no port. An invalid port still ends the host.
    """
    if text.startswith("[") and ":" in text.partition("]")[0]:
        host, _, rest = text.partition("]")
        return host + "]", _port(rest[1:]) if rest.startswith(":") else None
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, _port(port)
    return text, None


def _port(text: str) -> int | None:
    """Parses a port's number. An empty one means the scheme's default (RFC 3986 section 3.2.3)."""
    if text == "":
        return None
    return int(text) if re.fullmatch("[0-9]{1,5}", text) and int(text) < 65536 else BAD_PORT


def parse(text: str) -> Url | None:
    """Splits `[scheme:][//][userinfo@]host[:port][/path][?query][#fragment]`."""
    text = text.strip(addresses.SPACE).split("#", 1)[0]
    scheme = None
    text = text.removeprefix("//")
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)
    if match:
        scheme, text = match[1].lower(), text[match.end() :]
    match = re.match(r"[^/?]*", text)
    authority, rest = match[0], text[match.end() :]
    host, port = split_host_port(authority.rsplit("@", 1)[-1])
    if host in ("", "[]"):
        return None
    path, mark, query = rest.partition("?")
    if port is None:
        port = WEB_PORTS.get(scheme or "http") or OTHER_PORTS.get(scheme, UNKNOWN_PORT)
    path = _without_dot_segments(_percent(path or "/"))
    return Url(
        scheme=scheme,
        host=host_of(host, in_url=True),
        port=None if port in WEB_PORTS.values() else port,
        path=path,
        query=_percent(query) if mark else None,
    )
