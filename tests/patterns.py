"""Random STIX patterns and observations, over value pools so small that they often match."""

import ipaddress
import random
import uuid
from dataclasses import dataclass, field

DOMAINS = ["evil.example", "www.evil.example", "a.www.evil.example", "notevil.example", "evil.test"]
IPV4 = ["198.51.100.1", "198.51.100.129", "203.0.113.7", "198.51.101.1"]
IPV6 = ["2001:db8::1", "2001:db8::1:1", "2001:db8:1::1"]
NETWORKS4 = [
    "198.51.100.0/24",
    "198.51.100.0/25",
    "198.51.100.1/32",
    "203.0.113.4/30",
    "198.51.100.77/23",
]
NETWORKS6 = ["2001:db8::/64", "2001:db8::/32", "2001:db8:1::1/128"]
URLS = [
    "http://evil.example/a",
    "http://evil.example/a/b",
    "http://evil.example/a?q=1",
    "http://198.51.100.1/a",
    "http://evil.example/",
]
EMAILS = ["bob@evil.example", "eve@evil.example", "bob@evil.test"]
HASHES = {
    "MD5": [c * 32 for c in "abc"],
    "SHA-1": [c * 40 for c in "abc"],
    "SHA-256": [c * 64 for c in "abc"],
}
MOMENTS = [f"2020-01-01T00:00:{second:02}Z" for second in range(0, 60, 10)]

# Each path with the values that it is compared with.
PATHS = [
    ("domain-name:value", DOMAINS),
    ("ipv4-addr:value", IPV4),
    ("ipv6-addr:value", IPV6),
    ("network-traffic:src_ref.value", DOMAINS + IPV4 + IPV6),
    ("network-traffic:dst_ref.value", DOMAINS + IPV4 + IPV6),
    ("url:value", URLS),
    ("email-addr:value", EMAILS),
    ("email-message:from_ref.value", EMAILS),
    ("email-message:sender_ref.value", EMAILS),
    ("email-message:to_refs[*].value", EMAILS),
    *[
        (f"{owner}:hashes.'{kind}'", values)
        for owner in ("file", "artifact")
        for kind, values in HASHES.items()
    ],
    *[(f"file:content_ref.hashes.'{kind}'", values) for kind, values in HASHES.items()],
    # Paths that no observable has but that the observation may have.
    ("file:name", ["a.exe", "b.exe"]),
    ("network-traffic:dst_port", [80, 443]),
    ("domain-name:resolves_to_refs[*].value", IPV4 + IPV6),
    ("email-message:to_refs[0].value", EMAILS),
    ("email-message:subject", ["hello"]),
]
NOT_OBSERVABLE = 5
TYPES = ["ipv4-addr", "ipv6-addr", "domain-name"]
ADDRESS_PATHS = (
    "ipv4-addr:value",
    "ipv6-addr:value",
    "network-traffic:src_ref.value",
    "network-traffic:dst_ref.value",
)


def literal(value) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def a_test(rng: random.Random, path: str, values: list, plain: bool) -> str:
    """Returns one comparison. A plain one only states a value."""
    choices = [("equal", 40), ("in", 14)]
    if not plain:
        choices += [("unequal", 10), ("not in", 4), ("order", 2)]
    if isinstance(values[0], str) and not plain:
        choices += [("like", 10), ("matches", 3)]
    if path in ADDRESS_PATHS:
        choices += [("subset", 20), ("superset", 0 if plain else 2)]
    kind = rng.choices([name for name, _ in choices], [weight for _, weight in choices])[0]
    value = rng.choice(values)
    some = rng.sample(values, rng.randint(1, len(values)))
    network = rng.choice(
        NETWORKS4
        if path.startswith("ipv4")
        else NETWORKS6
        if path.startswith("ipv6")
        else NETWORKS4 + NETWORKS6
    )
    negation = "NOT " if not plain and rng.random() < 0.15 else ""
    match kind:
        case "equal":
            return f"{path} {rng.choice(['=', '=', '==', 'NOT !='])} {literal(value)}"
        case "unequal":
            return f"{path} {rng.choice(['!=', '<>', 'NOT ='])} {literal(value)}"
        case "in" | "not in":
            return (
                f"{path} {'NOT ' if kind == 'not in' else ''}IN ({', '.join(map(literal, some))})"
            )
        case "order":
            return f"{path} {negation}{rng.choice(['<', '<=', '>', '>='])} {literal(value)}"
        case "like":
            pattern = rng.choice(
                [
                    "%.evil.example",
                    "%.www.evil.example",
                    "%.example",
                    "%evil.example",
                    "evil%",
                    "%.evil_example",
                    "%",
                    value,
                ]
            )
            return f"{path} {negation}LIKE '{pattern}'"
        case "matches":
            return f"{path} {negation}MATCHES 'evil'"
        case "subset":
            return f"{path} {negation}ISSUBSET '{network}'"
    return f"{path} {negation}ISSUPERSET '{network}'"


def type_test(rng: random.Random, path: str) -> str:
    parent = path.rsplit(".", 1)[0]
    names = rng.sample(TYPES, 2)
    return rng.choice(
        [
            f"{parent}.type = '{names[0]}'",
            f"{parent}.type = '{names[0]}'",
            f"{parent}.type != '{names[0]}'",
            f"{parent}.type IN ('{names[0]}', '{names[1]}')",
        ]
    )


def comparison(rng: random.Random, depth: int, plain: bool, chosen=None) -> tuple[str, bool]:
    """Returns a comparison expression, and whether it is an OR that needs parentheses inside an
    AND.
    """
    path, values = chosen or rng.choice(PATHS[:-NOT_OBSERVABLE] if plain else PATHS)
    if depth == 0 or rng.random() < 0.4:
        if "_ref.value" in path and path.startswith("network") and rng.random() < 0.3:
            return type_test(rng, path), False
        return a_test(rng, path, values, plain), False
    conjunction = rng.random() < 0.5
    # An AND over different paths is mostly a conjunction. An AND over the same path can be
    # simplified.
    same = (path, values) if conjunction and (plain or rng.random() < 0.75) else chosen
    parts = []
    for _ in range(rng.randint(2, 3)):
        text, loose = comparison(rng, depth - 1, plain, same)
        parts.append(f"({text})" if (loose and conjunction) or rng.random() < 0.1 else text)
    return (" AND " if conjunction else " OR ").join(parts), not conjunction


def observation(rng: random.Random, depth: int, windows: bool, plain: bool) -> tuple[str, bool]:
    """Returns an observation expression, and whether it needs parentheses inside another one."""
    if depth == 0 or rng.random() < 0.65:
        text, loose = f"[{comparison(rng, 2, plain)[0]}]", False
    else:
        operator = "OR" if plain else rng.choices(["OR", "AND", "FOLLOWEDBY"], [6, 1, 1])[0]
        parts = [observation(rng, depth - 1, windows, plain) for _ in range(rng.randint(2, 3))]
        text, loose = (
            f" {operator} ".join(f"({text})" if loose else text for text, loose in parts),
            True,
        )
    if rng.random() < 0.3:
        start, stop = sorted(rng.sample(MOMENTS, 2))
        qualifiers = [
            "WITHIN 5 SECONDS",
            "REPEATS 1 TIMES",
            f"REPEATS {1 if plain else 2} TIMES",
        ] + [f"START t'{start}' STOP t'{stop}'"] * 3 * windows
        text, loose = f"{f'({text})' if loose else text} {rng.choice(qualifiers)}", False
    return text, loose


def pattern(rng: random.Random, windows: bool) -> str:
    """Returns a pattern. Every second one has only plain comparisons, and many of those reduce
    completely.
    """
    return observation(rng, 2, windows, plain=rng.random() < 0.5)[0]


@dataclass
class Event:
    """The content of a log record: observables by type, a time, and other objects that are no
    observables.
    """

    moment: str
    observables: list[tuple[str, str]]
    objects: list[dict] = field(default_factory=list)


def event(rng: random.Random) -> Event:
    def some(pool):
        return rng.sample(pool, rng.choice([0, 0, 1, 1, 2]))

    observables = [("domain", value) for value in some(DOMAINS)]
    observables += [("address", value) for value in some(IPV4) + some(IPV6)]
    observables += [("url", value) for value in some(URLS)]
    observables += [("email", value) for value in some(EMAILS)]
    for kind, values in HASHES.items():
        observables += [
            (kind.replace("-", "").lower(), value)
            for value in rng.sample(values, rng.choice([0, 0, 1]))
        ]
    found = Event(rng.choice(MOMENTS), observables)
    _objects(rng, found)
    return found


def _objects(rng: random.Random, found: Event) -> None:
    """Adds the event's STIX objects. Every observable gets all the roles that a log does not
    distinguish.
    """
    add = lambda kind, **properties: _add(rng, found, kind, properties)  # noqa: E731
    emails = []
    addresses = [value for kind, value in found.observables if kind == "address"]
    for kind, value in found.observables:
        if kind in ("domain", "address"):
            name = (
                "domain-name"
                if kind == "domain"
                else f"ipv{ipaddress.ip_address(value).version}-addr"
            )
            end = add(name, value=value)
            add(
                "network-traffic",
                src_ref=end,
                dst_ref=end,
                dst_port=rng.choice([80, 443]),
                protocols=["tcp"],
            )
        elif kind == "url":
            add("url", value=value)
        elif kind == "email":
            emails.append(add("email-addr", value=value))
        else:
            hashes = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256"}[kind]
            content = add("artifact", hashes={hashes: value})
            add(
                "file",
                hashes={hashes: value},
                content_ref=content,
                name=rng.choice(["a.exe", "b.exe"]),
            )
    for email in emails:
        add(
            "email-message",
            from_ref=email,
            sender_ref=email,
            to_refs=rng.sample(emails, len(emails)),
            subject="hello",
        )
    if addresses and rng.random() < 0.5:
        # This name does not occur in the event, so it is not an observable.
        other = next(o["id"] for o in found.objects if o.get("value") == addresses[0])
        add("domain-name", value="elsewhere.invalid", resolves_to_refs=[other])


def _add(rng: random.Random, found: Event, kind: str, properties: dict) -> str:
    identifier = f"{kind}--{uuid.UUID(int=rng.getrandbits(128), version=4)}"
    found.objects.append({"type": kind, "id": identifier, **properties})
    return identifier


def observed_data_21(found: Event) -> dict:
    """Returns the event as a STIX 2.1 bundle."""
    observed = {
        "type": "observed-data", "id": f"observed-data--{uuid.uuid4()}",
        "spec_version": "2.1", "number_observed": 1,
        "first_observed": found.moment, "last_observed": found.moment,
        "object_refs": [o["id"] for o in found.objects],
    }  # fmt: skip
    return {
        "type": "bundle",
        "id": f"bundle--{uuid.uuid4()}",
        "objects": [observed, *found.objects],
    }


def observed_data_20(found: Event) -> dict:
    """Returns the event as a STIX 2.0 object, whose objects refer to each other by the keys of a
    dictionary.
    """
    observed = {
        "type": "observed-data",
        "number_observed": 1,
        "first_observed": found.moment,
        "last_observed": found.moment,
    }
    return {**observed, "objects": {o["id"]: o for o in found.objects}}
