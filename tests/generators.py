"""Generates event values from listed ones: spellings that must match and near misses."""

import ipaddress
import random
import re
import unicodedata

# Labels to put before names: ordinary ones, ones that IDNA refuses, and ones that IDNA maps.
LABELS = [
    "www", "a.b.c", "a_b", "_dmarc", "r3---sn-x", "xn--a",
    "xn--zz--", "-a-", "x--y", "bücher", "BÜCHER", "xn--bcher-kva",
    "ｗｗｗ", "mu\u00adller", "日本", "\u0300x", "ab\u200dc", "faß", "1",
    "127", "0x7f", "пример", "אב", "a" * 63, "a" * 64, "*", "a b",
]  # fmt: skip
SCHEMES = ["http://", "https://", "HTTP://", "hTTps://"]


def _random_case(rng: random.Random, text: str) -> str:
    return "".join(rng.choice((c.lower(), c.upper())) if c.isascii() else c for c in text)


def _percent(rng: random.Random, text: str) -> str:
    return "".join(f"%{ord(c):02x}" if c.isalnum() and rng.random() < 0.4 else c for c in text)


def _fullwidth(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and c not in ".-_" else c for c in text)


def _changed(rng: random.Random, text: str) -> str:
    """Replaces one character."""
    if not text:
        return "x"
    at = rng.randrange(len(text))
    return text[:at] + rng.choice("abcxyz019") + text[at + 1 :]


def _u_labels(name: str) -> str:
    """Converts Punycode labels to Unicode where they decode."""
    try:
        return ".".join(
            label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label
            for label in name.split(".")
        )
    except UnicodeError:
        return name


def hosts(rng: random.Random, name: str):
    """Yields spellings of a host and similar names."""
    above = name.split(".", 1)[-1]
    yield from (name, name + ".", _random_case(rng, name), _u_labels(name), _fullwidth(name))
    yield from (
        f"{rng.choice(LABELS)}.{name}",
        f"{rng.choice(LABELS)}.{rng.choice(LABELS)}.{name}.",
    )
    yield from (
        f"not{name}",
        f"-{name}",
        f"{name}x",
        f"{name}.com",
        f"{name}-x.org",
        _changed(rng, name),
        above,
    )
    yield from (
        name.replace(".", "。"),
        name.replace(".", "[.]", 1),
        name.replace(".", "(.)"),
        f"{name}:8080",
        f"w.{name}.:443",
    )
    yield name.replace(".", ".\u00ad", 1)


def in_urls(rng: random.Random, host: str):
    """Yields URLs with that host."""
    scheme = rng.choice(SCHEMES)
    yield from (
        f"{scheme}{host}",
        f"{scheme}{host}/",
        f"{scheme}{host}:8443/a?b=c#d",
        f"{scheme}{host}:/",
        f"{scheme}{host}:http/",
        f"{scheme}{host}:99999/x",
        f"ftp://{host}/x",
    )
    yield from (
        f"{scheme}user:p%40ss@{host}/",
        f"{scheme}good.example@{host}:80/",
        f"{scheme}{host}@good.example/",
    )
    yield from (
        f"{scheme}good.example/{host}/",
        f"{scheme}good.example/?u=http://{host}/",
        f"{scheme}{_percent(rng, host)}/x",
    )


def _other_forms(address) -> list[str]:
    """Returns spellings that only a URL's host may have, and ones that are never valid."""
    if address.version == 6:
        return [
            f"[{address}]",
            f"[{address.exploded}]",
            f"[{str(address).upper()}]",
            f"[{address}%25eth0]",
        ]
    a, b, c, d = address.packed
    value = int(address)
    return [
        str(value), hex(value), oct(value).replace("o", ""),
        f"{a:#x}.{b}.{c}.{d}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a}.{b}.{c * 256 + d}", f"{a}.{b * 65536 + c * 256 + d}",
        f"0X{a:X}.{b}.{c}.{d}.", f"{a}.{b}.{c}", f"%3{a // 100}{a % 100:02}.{b}.{c}.{d}",
    ]  # fmt: skip


def addresses(rng: random.Random, address):
    """Yields spellings of an address and nearby addresses."""
    if address.version == 4:
        yield from (
            str(address),
            f"::ffff:{address}",
            f"::FFFF:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}",
        )
        yield from (
            f"{address}:8080",
            f"[::ffff:{address}]:443",
            f"::{address}",
            f"{address}.",
            f"0{address}",
            f"{address}0",
            f"1{address}",
        )
    else:
        yield from (
            str(address),
            address.exploded,
            str(address).upper(),
            f"{address}%eth0",
            f"{address}%25eth0",
        )
        yield from (f"[{address}]:443", f"[{address}]", f"[{address}%eth0]:80", f"{address}/")
    for step in (-1, 1):
        try:
            yield str(address + step)
        except ipaddress.AddressValueError:
            pass
    for form in rng.sample(_other_forms(address), 3):
        yield from (form, f"{rng.choice(SCHEMES)}{form}/x", f"{rng.choice(SCHEMES)}{form}:8080")


def in_spans(rng: random.Random, first, last):
    """Yields addresses at the ends of a network or range, inside it and just outside it."""
    inside = type(first)(rng.randint(int(first), int(last)))
    for value in {int(first) - 1, int(first), int(inside), int(last), int(last) + 1}:
        if 0 <= value < 2**first.max_prefixlen:
            yield from addresses(rng, type(first)(value))


def urls(rng: random.Random, listed: str):
    """Yields spellings of a listed URL and similar URLs."""
    rest = re.sub("^[a-zA-Z]+://", "", listed)
    authority, slash, tail = rest.partition("/")
    path, _, query = tail.partition("?")
    yield from (f"{scheme}{rest}" for scheme in SCHEMES)
    yield from (
        rest,
        f"http://{_random_case(rng, authority)}/{tail}",
        f"http://{authority}./{tail}",
        f"http://u@{rest}",
    )
    yield from (
        f"http://{authority}:80/{tail}",
        f"http://{authority}:443/{tail}",
        f"https://{authority}:80/{tail}",
        f"http://{authority}:8080/{tail}",
    )
    yield from (
        f"http://www.{rest}",
        f"http://x{rest}",
        f"http://{authority}/{path}?",
        f"http://{authority}/{path}",
        f"http://{rest}#top",
    )
    yield from (
        f"http://{authority}/{path}?{_changed(rng, query)}",
        f"http://{authority}/{path}?x=1&{query}",
        f"http://{rest}&x=1",
    )
    yield from (
        f"http://{authority}/./a/../{tail}",
        f"http://{authority}/a/%2e%2e/{tail}",
        f"http://{authority}//{tail}",
    )
    yield from (
        f"http://{authority}/{path}/",
        f"http://{authority}/{path}x",
        f"http://{authority}/{path}/more",
        f"http://{authority}/x{path}",
    )
    yield from (
        f"http://{authority}/{_percent(rng, path)}",
        f"http://{authority}/{path.swapcase()}",
        f"http://{authority}/",
        f"{authority}:443",
    )
    yield from (
        f"http://{authority}/{path}%",
        f"http://{authority}/%{tail}",
        f"http://{authority}/%{_percent(rng, tail)}",
        f"http://{authority}/%4%31?{query}%",
    )
    yield from (
        f"http://{authority}:/{tail}",
        f"http://{authority}:x/{tail}",
        f"ftp://{rest}",
        f"ws://{rest}",
        f"//{rest}",
    )
    yield from (
        f"gopher://{rest}",
        f"http://{rest.replace('.', '[.]', 1)}",
        f"http://good.example/{rest}",
        f"http://good.example/?{rest}",
    )


def hashes(rng: random.Random, digest: str):
    """Yields spellings of a digest and similar strings."""
    yield from (
        digest,
        digest.upper(),
        _random_case(rng, digest),
        digest[:-1],
        digest + "0",
        _changed(rng, digest[:-1]) + digest[-1:],
    )


def emails(rng: random.Random, address: str):
    """Yields spellings of an email address and similar addresses."""
    local, _, host = address.rpartition("@")
    yield from (
        address,
        f"{local}@{_random_case(rng, host)}",
        f"{local.swapcase()}@{host}",
        f"x{address}",
        f"{address}x",
    )
    yield from (f"{local}@www.{host}", f"other@{host}", f"{local}+x@{host}", f"{address}.")


def unicode_labels(rng: random.Random, count: int) -> list[str]:
    """Returns labels of neighbouring characters of all scripts: ones that IDNA accepts, maps, or
    refuses.
    """
    separators = set(".\u3002\uff0e\uff61")
    labels = []
    while len(labels) < count:
        start = rng.randrange(0xA0, 0x1F000)
        chars = (chr(start + rng.randrange(64)) for _ in range(rng.randint(1, 4)))
        # Characters without a name are unassigned, surrogates or controls. Skip them, because
        # Unicode versions may differ in which are assigned.
        label = "".join(
            char for char in chars if unicodedata.name(char, "") and char not in separators
        )
        if label:
            labels.append(rng.choice(("", "", "a", "ab-")) + label)
    return labels
