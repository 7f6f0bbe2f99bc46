"""Generates the data for measurements: lists of domains and Squid logs. The same seed gives the
same data.

Hosts are made of syllables and not taken from any list, so that nothing is tuned to them. Their
popularity is skewed as in real traffic: a few hosts make up most lines. The logs are in Squid's
native format with its default settings, which cut off queries.
"""

import ipaddress
import random
from collections.abc import Iterator
from pathlib import Path

SYLLABLES = (
    "ba be bo ca co da de di do fa fe fi ga go ha in ka ki la le li lo "
    "ma me mi mo na ne ni no pa pe pi po ra re ri ro sa se si so ta te ti to un va ve vi vo wa wi za"
).split()
WORDS = (
    "shop news media cloud data mail web game home tech bank food auto travel health sport music "
    "photo world city net play soft trade"
).split()
TLDS = (
    "com com com com com net org de ru co.uk io info fr nl com.br xyz online jp it pl cn top site"
).split()
SUBDOMAINS = [
    "www",
    "www",
    "www",
    "cdn",
    "api",
    "static",
    "img",
    "m",
    "login",
    "",
    "",
    "",
    "mail",
    "assets",
    "r3---sn-{}",
    "edge-{}.cdn",
    "{}.tiles",
    "v{}_b",
]
EXTENSIONS = [
    "",
    "",
    "/",
    ".html",
    ".js",
    ".css",
    ".png",
    ".jpg",
    ".woff2",
    ".php",
    ".json",
    ".m4s",
    ".gif",
]
TYPES = [
    "text/html",
    "application/javascript",
    "image/png",
    "application/json",
    "text/css",
    "-",
    "video/mp4",
]
SEED = 20260823
ORDINARY_HOSTS = 60_000
LISTED_SHARE = 0.005


def _name(rng: random.Random) -> str:
    word = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 4)))
    kind = rng.random()
    if kind < 0.25:
        word += rng.choice(WORDS)
    elif kind < 0.35:
        word += f"-{rng.choice(WORDS)}"
    elif kind < 0.42:
        word += str(rng.randint(1, 999))
    return f"{word}.{rng.choice(TLDS)}"


def domains(count: int, seed: int) -> Iterator[str]:
    """Yields this many different names, some of them below others."""
    rng = random.Random(seed)
    for number in range(count):
        word = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 5)))
        below = f"{rng.choice(SYLLABLES)}{rng.randint(0, 99)}." if rng.random() < 0.2 else ""
        # The number in base 36 makes each name unique and keeps its shape plausible.
        yield f"{below}{word}{_base36(number)}.{rng.choice(TLDS)}"


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
        if number == 0:
            return digits


def _address(rng: random.Random) -> str:
    if rng.random() < 0.12:
        return str(
            ipaddress.IPv6Address(0x2A02 << 112 | rng.getrandbits(30) << 80 | rng.getrandbits(16))
        )
    while True:
        address = ipaddress.IPv4Address(rng.getrandbits(32))
        if address.is_global and not address.is_multicast:
            return str(address)


def _path(rng: random.Random) -> str:
    parts = [
        rng.choice(WORDS + SYLLABLES) + (str(rng.randint(1, 9999)) if rng.random() < 0.3 else "")
        for _ in range(rng.randint(0, 6))
    ]
    if rng.random() < 0.25:
        parts.append(f"{rng.getrandbits(96):024x}")
    path = "/" + "/".join(parts)
    return path + (rng.choice(EXTENSIONS) if parts else "") + ("?" if rng.random() < 0.3 else "")


class _Hosts:
    """Ordinary hosts. Popular ones are drawn far more often."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.hosts = []
        while len(self.hosts) < ORDINARY_HOSTS:
            base, address = _name(rng), _address(rng)
            for _ in range(rng.randint(1, 4)):
                below = rng.choice(SUBDOMAINS).format(f"{rng.getrandbits(20):x}")
                self.hosts.append((f"{below}.{base}" if below else base, address))
        rng.shuffle(self.hosts)

    def draw(self) -> tuple[str, str]:
        """Draws a host by a rank like Zipf's: the logarithm of the rank is uniform."""
        rank = int(len(self.hosts) ** self.rng.random()) - 1
        return self.hosts[rank]


def _listed(
    rng: random.Random, lists: dict[str, list[str]]
) -> tuple[str | None, str | None, str | None]:
    """Returns host, destination address and URL for a line that touches a list. A None means that
    the line keeps its own.
    """
    kind = rng.random()
    if lists["urls"] and kind < 0.15:
        return None, None, "http://" + rng.choice(lists["urls"])
    if lists["ips"] and kind < 0.25:
        address = rng.choice(lists["ips"])
        return (address if rng.random() < 0.3 else None), address, None
    if lists["cidr"] and kind < 0.3:
        network = ipaddress.ip_network(rng.choice(lists["cidr"]))
        return None, str(network[rng.randrange(network.num_addresses)]), None
    name = rng.choice(lists["domains"])
    odd = rng.random()
    if odd < 0.02:
        name = name.title()
    elif odd < 0.05:
        name = rng.choice([f"x{name}", f"{name}.{rng.choice(TLDS)}"])  # A near miss.
    elif odd < 0.5:
        name = f"{rng.choice(['www', 'cdn', 'a.b', 'login', 'x1'])}.{name}"
    return name, None, None


def log(count: int, lists: dict[str, list[str]], seed: int) -> Iterator[str]:
    """Yields lines of Squid's native log. About one in 200 touches one of the lists."""
    rng = random.Random(seed)
    hosts = _Hosts(rng)
    clients = [
        f"10.{rng.randint(0, 9)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}" for _ in range(3_000)
    ]
    clients += [
        f"fd00:12::{rng.getrandbits(32) >> 16:x}:{rng.getrandbits(16):x}" for _ in range(300)
    ]
    now = 1_787_443_200_000
    for _ in range(count):
        now += rng.randint(0, 90)
        host, address = hosts.draw()
        url = None
        if rng.random() < LISTED_SHARE:
            listed_host, listed_address, url = _listed(rng, lists)
            host, address = listed_host or host, listed_address or address
        method, status, result = "GET", "200", "TCP_MISS"
        if url is None and rng.random() < 0.45:
            method, result = "CONNECT", "TCP_TUNNEL"
            url = f"{host}:443"
        elif url is None:
            shown = f"[{host}]" if ":" in host else host
            url = f"http://{shown}{':8080' if rng.random() < 0.01 else ''}{_path(rng)}"
            if rng.random() < 0.2:
                status, result = "304", "TCP_REFRESH_UNMODIFIED"
        user = f"user{rng.randint(1, 400)}" if rng.random() < 0.3 else "-"
        peer = f"HIER_DIRECT/{address}" if rng.random() < 0.93 else "HIER_NONE/-"
        yield (
            f"{now // 1000}.{now % 1000:03} {rng.randint(1, 99999):6} {rng.choice(clients)} "
            f"{result}/{status} "
            f"{rng.randint(200, 250_000)} {method} {url} {user} {peer} {rng.choice(TYPES)}"
        )


def written(path: Path, values: Iterator[str]) -> Path:
    """Writes one value a line, unless the file exists already. A file is complete or does not
    exist.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            file.writelines(f"{value}\n" for value in values)
        part.rename(path)
    return path
