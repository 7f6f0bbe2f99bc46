"""Classifies the lines on which `grep -F` and `threatsieve scan` differ, in both directions.

`python -m tests.bench.differences LOG LIST...` runs both and prints a table. It decides a second
time which lines match, with the oracle's normaliser. A line counts as explained only if this second
decision agrees with the scan. All other lines are "unexplained", and a single one of them is an
error.
"""

import collections
import ipaddress
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import program
from tests.oracle import Malformed, from_list, matcher, names, values

UNEXPLAINED = "unexplained"
BOTH = "lines that both find"


@dataclass(frozen=True)
class Line:
    """The fields of a native Squid line that can match."""

    client: str
    method: str
    url: str
    user: str
    peer: str

    @classmethod
    def of(cls, text: str) -> "Line":
        fields = text.split()
        return cls(fields[2], fields[5], fields[6], fields[7], fields[8].partition("/")[2])


class Listed:
    """The lists as sets, one for each way of comparing."""

    def __init__(self, lines: list[str]):
        self.names, self.exact_names, self.urls, self.addresses = set(), set(), {}, set()
        self.networks = collections.defaultdict(set)
        self.refused = set()
        for line in lines:
            try:
                entry = from_list(line)
            except Malformed:
                self.refused.add(line)
                continue
            if values.is_refused(entry):
                self.refused.add(line)
            elif entry.type == "domain-name":
                (self.exact_names if entry.mode == values.EXACT else self.names).add(entry.value)
            elif entry.type == "url":
                self.urls.setdefault(entry.url.key, set()).add(entry.url.query)
            elif entry.span and entry.span[0] == entry.span[1]:
                self.addresses.add(entry.span[0])
            elif entry.span:
                for network in ipaddress.summarize_address_range(*entry.span):
                    self.networks[network.version, network.prefixlen].add(int(network[0]))

    def _address(self, address) -> str | None:
        if address is None:
            return None
        if address in self.addresses:
            return "address"
        for (version, bits), bases in self.networks.items():
            if (
                version == address.version
                and int(address) >> (address.max_prefixlen - bits) << (address.max_prefixlen - bits)
                in bases
            ):
                return "address inside a listed network"
        return None

    def match(self, line: Line) -> str | None:
        """Returns the kind of listed value that the line matches, or None."""
        observable = matcher.read("url", line.url)
        queries = self.urls.get(observable.url.key, ()) if observable.url else ()
        if queries and (None in queries or observable.url.query in queries):
            return "url"
        if observable.host is not None:
            above = names.parents(observable.host)
            if above[0] in self.exact_names or any(name in self.names for name in above):
                return "host"
        for address in (
            observable.address,
            matcher.read("address", line.client).address,
            matcher.read("address", line.peer).address,
        ):
            found = self._address(address)
            if found:
                return found
        return None


class Substrings:
    """Finds the listed texts in a line, as grep does."""

    def __init__(self, texts: list[str]):
        self.by_start = collections.defaultdict(list)
        self.width = min(6, min(map(len, texts)))
        for text in texts:
            self.by_start[text[: self.width]].append(text)

    def within(self, line: str):
        """Yields every listed text in the line, with its position."""
        for place in range(len(line) - self.width + 1):
            for text in self.by_start.get(line[place : place + self.width], ()):
                if line.startswith(text, place):
                    yield text, place


def kind_of_extra(line: str, text: str, place: int) -> str:
    """Explains a line that only grep finds, by the position of the listed text in the line."""
    spans = [match.span() for match in re.finditer(r"\S+", line)]
    field = next((n for n, (start, end) in enumerate(spans) if start <= place < end), None)
    if field != 6:
        if field in (2, 8) and re.fullmatch(r"[0-9.]+", text):
            return "part of a longer address"
        return "in another field than the URL"
    start, end = spans[6]
    url = line[start:end]
    host_start = start + (url.index("://") + 3 if "://" in url else 0)
    host_end = host_start + len(re.match(r"[^/?]*", line[host_start:end])[0])
    if place >= host_end:
        return "in the path of a URL"
    after = line[place + len(text) : place + len(text) + 1]
    before = line[place - 1]
    if place + len(text) > host_end:
        return "a longer path or host than the listed URL's"
    if re.fullmatch(r"[0-9.]+", text):
        return "part of a longer address"
    if place > host_start and before not in ".@":
        return "inside a longer label: notevil.com for evil.com"
    if after and (after == "." or after.isalnum() or after in "-_"):
        return "the front of a longer name: evil.com.example for evil.com"
    return "a listed public suffix or URL's host, matched by itself only"


def kind_of_missing(line: Line, text: str, found: str, listed_texts: set[str]) -> str:
    """Explains a line that grep does not find although it matches."""
    if found == "address inside a listed network":
        return found
    if text != text.lower() and any(
        name in listed_texts for name in names.parents(names.normalise(_host(line)))
    ):
        return "case"
    if "xn--" in _host(line) or not line.url.isascii():
        return "internationalised name"
    if found == "address":
        return "another spelling of an address"
    if found == "url":
        return "another spelling of a URL: port, case, encoding, query"
    return "another spelling of a host: case, trailing dot, encoding"


def _host(line: Line) -> str:
    host = re.sub("^[a-zA-Z]+://", "", line.url)
    return re.sub(r":\d+$", "", re.match(r"[^/?]*", host)[0])


def compare(
    log: Path, lists: list[Path], blacklist: Path, cap_seconds: int = 600
) -> tuple[dict, dict]:
    """Counts by kind: the lines that only grep finds, and the lines that only the scan finds."""
    texts = [
        text for path in lists for text in path.read_text(encoding="utf-8").splitlines() if text
    ]
    patterns = [part for path in lists for part in ("-f", str(path))]
    grep = subprocess.run(
        ["grep", "-n", "-F", *patterns, str(log)],
        capture_output=True,
        env={**os.environ, "LC_ALL": "C"},
        timeout=cap_seconds,
        check=False,
    )
    grep_lines = {}
    for found in grep.stdout.decode().splitlines():
        number, _, line = found.partition(":")
        grep_lines[int(number)] = line
    scanned = program.run(
        "scan", "--json", "--blacklist", blacklist, log, timeout=cap_seconds
    ).stdout
    our_lines = {event["line"]: event["raw"] for event in map(json.loads, scanned.splitlines())}
    listed, substrings = Listed(texts), Substrings(texts)
    extra, missing = collections.Counter(), collections.Counter()
    for number in grep_lines.keys() - our_lines.keys():
        line = grep_lines[number]
        text, place = max(
            substrings.within(line), key=lambda found: len(found[0]), default=(None, 0)
        )
        if text is None or listed.match(Line.of(line)):
            extra[UNEXPLAINED] += 1
            print(f"unexplained, only grep: {line}", file=sys.stderr)
        elif text in listed.refused:
            extra["a listed value that is rejected: special-purpose, too broad or malformed"] += 1
        else:
            extra[kind_of_extra(line, text, place)] += 1
    all_texts = set(texts)
    for number in our_lines.keys() - grep_lines.keys():
        text = our_lines[number]
        line = Line.of(text)
        found = listed.match(line)
        if found is None:
            missing[UNEXPLAINED] += 1
            print(f"unexplained, only the scan: {text}", file=sys.stderr)
        else:
            missing[kind_of_missing(line, text, found, all_texts)] += 1
    return (
        {BOTH: len(grep_lines.keys() & our_lines.keys()), **dict(extra.most_common())},
        dict(missing.most_common()),
    )


def main(arguments: list[str]) -> int:
    """Prints the kinds. Returns 1 if a line is unexplained."""
    log, *lists = map(Path, arguments)
    blacklist = log.with_suffix(".differences.blacklist")
    program.run("build", *(part for path in lists for part in ("--list", path)), "-o", blacklist)
    extra, missing = compare(log, lists, blacklist)
    for title, counts in (("only grep -F", extra), ("only threatsieve", missing)):
        print(title)
        for kind, count in counts.items():
            print(f"{count:10,}  {kind}")
    return 1 if UNEXPLAINED in extra or UNEXPLAINED in missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
