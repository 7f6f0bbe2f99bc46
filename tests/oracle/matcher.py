"""The naive matcher: compares every entry with every observable, by plain rules."""

from dataclasses import dataclass

from . import addresses, names, urls, values
from .values import Entry

PARTIAL = "url_query_unlogged"


@dataclass(frozen=True, order=True)
class Found:
    """An entry that covers an observable: how, and how specifically. A greater value is more
    specific.
    """

    specificity: tuple
    entry_type: str
    entry_value: str
    how: str


@dataclass(frozen=True)
class Observable:
    """The observables in one value of an event. Each one that is set is compared."""

    host: str | None = None
    address: addresses.Address | None = None
    url: urls.Url | None = None
    hash: str | None = None
    email: str | None = None


def _with_host(host: object, **others) -> Observable:
    if isinstance(host, str):
        return Observable(host=host, **others)
    return Observable(address=host, **others)


def _url(text: str) -> Observable:
    """Parses a URL. A value without scheme and path is the `host:port` of a CONNECT, which is a
    host.
    """
    parsed = urls.parse(text)
    if parsed is None:
        return Observable()
    is_url = parsed.is_comparable and not (
        parsed.scheme is None and not any(mark in text.removeprefix("//") for mark in "/?#")
    )
    return _with_host(parsed.host, url=parsed if is_url else None)


def _host(text: str) -> Observable:
    address = addresses.strict(text)
    if address is not None:
        return Observable(address=address)
    host, _ = urls.split_host_port(text.rsplit("@", 1)[-1])
    return _with_host(urls.host_of(host, in_url=False))


def _address_field(text: str) -> Observable:
    """Parses an address with or without a port. A name in such a field is not an address."""
    has_port = text.startswith("[") or addresses.strict(text.partition(":")[0]) is not None
    return Observable(address=addresses.strict(text) or (_host(text).address if has_port else None))


def _email(text: str) -> Observable:
    local, _, host = text.rpartition("@")
    host, _ = urls.split_host_port(host)
    return _with_host(
        urls.host_of(host, in_url=False),
        email=values.email(f"{local}@{host}") if local and host else None,
    )


def read(kind: str, text: str) -> Observable:
    """Returns the observables in a value. `kind` is the field's: any, host, address, url, hash,
    email.
    """
    text = text.strip(addresses.SPACE)
    if kind == "any":
        kind = _kind_of(text)
    if kind == "address":
        return _address_field(text)
    if kind == "hash":
        return Observable(hash=text.lower() if values.is_hash(text) else None)
    return {"url": _url, "host": _host, "email": _email}[kind](text)


def _kind_of(text: str) -> str:
    """Returns the kind of a value, judged only by its form."""
    if addresses.strict(text) is not None:
        return "address"
    if values.is_hash(text):
        return "hash"
    if any(mark in text for mark in "/?#"):
        return "url"
    if "@" in text:
        return "email"
    return "host"


class Oracle:
    """All entries, in dicts by the part that must be equal, so that a few thousand entries stay
    fast. The rules are still the naive ones.
    """

    def __init__(self, blocked: list[Entry], allowed: list[Entry] = ()):
        # The allow-list may contain any network, the block-list may not.
        self.blocked = self._indexed(entry for entry in blocked if not values.is_refused(entry))
        self.allowed = self._indexed(allowed)

    @staticmethod
    def _indexed(entries) -> dict[str, list[Entry]]:
        """Returns the entries without duplicates, by key. Every observable that an entry covers has
        the entry's key (see `_keys`).
        """
        index: dict[str, list[Entry]] = {}
        for entry in dict.fromkeys(entries):
            if entry.span:
                first, last = entry.span
                # Single addresses have a key each. Every address is compared with all networks and
                # ranges.
                key = f"address {first}" if first == last else f"spans of IPv{first.version}"
            elif entry.is_prefix:
                key = "prefixes"
            elif entry.url:
                key = f"url {entry.url.key}"
            elif entry.type == "domain-name":
                key = f"domain {entry.value}"
            else:
                key = f"{entry.type} {entry.value}"
            index.setdefault(key, []).append(entry)
        return index

    @staticmethod
    def _keys(observable: Observable):
        if observable.address is not None:
            yield f"address {observable.address}"
            yield f"spans of IPv{observable.address.version}"
        if observable.url is not None:
            yield f"url {observable.url.key}"
            yield "prefixes"
        if observable.host is not None:
            for name in names.parents(observable.host):
                yield f"domain {name}"
        if observable.hash is not None:
            yield f"file {observable.hash}"
        if observable.email is not None:
            yield f"email-addr {observable.email}"

    def _covering(self, index, observable: Observable) -> list[Found]:
        found = []
        for key in self._keys(observable):
            for entry in index.get(key, ()):
                one = covers(entry, observable)
                if one is not None:
                    found.append(one)
        return found

    def matches(self, kind: str, text: str, partial: bool = False) -> list[Found]:
        """Returns the matches of a value, the most specific first, with the allow-list applied."""
        observable = read(kind, text)
        allowed = [
            one.specificity
            for one in self._covering(self.allowed, observable)
            if one.how != PARTIAL
        ]
        strongest = max(allowed, default=None)
        return sorted(
            (
                one
                for one in self._covering(self.blocked, observable)
                if (partial or one.how != PARTIAL)
                and (strongest is None or one.specificity > strongest)
            ),
            reverse=True,
        )


def covers(entry: Entry, observable: Observable) -> Found | None:
    """Returns how an entry covers an observable, or None."""
    rule = {"domain-name": _domain, "url": _url_entry}.get(
        entry.type, _address if entry.span else _equal
    )
    answer = rule(entry, observable)
    if answer is None:
        return None
    how, specificity = answer
    return Found(specificity, entry.type, entry.value, how)


def _domain(entry: Entry, observable: Observable):
    if observable.host is None:
        return None
    name = entry.value
    rank = (0, name.count("."))
    if observable.host == name:
        return None if entry.mode == values.BELOW else ("exact", rank)
    if observable.host.endswith("." + name) and entry.mode != values.EXACT:
        return "subdomain", rank
    return None


def _address(entry: Entry, observable: Observable):
    address = observable.address
    if (
        address is None
        or entry.version != address.version
        or not entry.low <= int(address) <= entry.high
    ):
        return None
    how = "range" if "-" in entry.value else "cidr" if "/" in entry.value else "exact"
    return how, (0, -addresses.size(entry.span))


def _url_entry(entry: Entry, observable: Observable):
    url = observable.url
    if url is None:
        return None
    rank = (1, len(entry.value))
    if url.key != entry.url.key:
        # A prefix covers whole path segments: `/a/b` covers `/a/b/c` but not `/a/bc`.
        below = entry.url.key if entry.url.key.endswith("/") else entry.url.key + "/"
        return ("url_prefix", rank) if entry.is_prefix and url.key.startswith(below) else None
    if entry.url.query in (None, url.query):
        return "url", rank
    return (PARTIAL, rank) if url.query == "" else None


def _equal(entry: Entry, observable: Observable):
    wanted = observable.hash if entry.type == "file" else observable.email
    return ("exact", (2, 0)) if wanted == entry.value else None
