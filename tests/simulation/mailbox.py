"""The mails in the folder, read back as the matches that they tell."""

import email
import email.policy
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.rules import TLP, Digest, Line
from tests.simulation.state import TITLES

MAX_VOUCHERS = MAX_NAMED = 5


@dataclass
class Group:
    """A listed value in a mail."""

    events: int = 0
    hosts: int = 0
    vouchers: set[str] = field(default_factory=set)
    """The indicators that are named, by feed and id."""
    more_vouchers: int = 0
    examples: set[int] = field(default_factory=set)
    """The numbers of the lines that are shown."""
    more_examples: int = 0


class Mailbox:
    """A reader of the mails that are new."""

    def __init__(self, folder: Path):
        self.folder, self.seen = folder, set()

    def paths(self) -> set[Path]:
        return set(self.folder.glob("*.eml"))

    def new(self) -> list["Mail"]:
        """Returns the new mails."""
        paths = sorted(self.paths() - self.seen)
        self.seen.update(paths)
        return [Mail(path.read_bytes()) for path in paths]


class Mail:
    """A mail, parsed."""

    def __init__(self, content: bytes):
        message = email.message_from_bytes(content, policy=email.policy.default)
        self.recipient, self.subject = message["To"], message["Subject"]
        body = message.get_body(("plain",))
        self.text = plain(body.get_content()) if body else ""

    def news(self) -> tuple[set[str], set[str]]:
        """Returns the conditions that began and those that ended, without those not modelled."""
        began, _, rest = self.text.partition("\nENDED\n")
        ended = rest.partition("\nSTILL WRONG\n")[0]
        began = began.partition("\nSTILL WRONG\n")[0].partition("\nBEGAN\n")[2]
        return tuple(
            {
                title
                for title in re.findall(r"^\* (.+?)(?: \(after .*\))?$", part, re.M)
                if title.split(":")[0] in TITLES.values()
            }
            for part in (began, ended)
        )

    def check(self, digest: Digest, lines: list[Line]) -> None:
        """Compares the mail with the matches that it should tell."""
        by_value, by_source = defaultdict(list), defaultdict(set)
        for key, flag in digest.flags:
            by_value[flag.value].append(key)
            by_source[lines[key[0]].source].add(key[0])
        events = {key[0] for key, _ in digest.flags}
        counts = re.search(r"(\S+) indicators? matched: (\S+) events? from (\S+) hosts?", self.text)
        assert counts and [number(one) for one in counts.groups()] == [
            len(by_value), len(events), len(by_source),
        ], self.text  # fmt: skip
        markings = [flag.tlp for _, flag in digest.flags if flag.tlp]
        strictest = max(markings, key=TLP.index).upper() if markings else None
        found = re.match(r"TLP:(\S+)\n|no TLP marking\n", self.text)
        assert found and found[1] == strictest, (strictest, self.text)
        assert f"TLP:{strictest} " in self.subject if strictest else "TLP" not in self.subject
        groups = self.groups()
        assert groups.keys() <= by_value.keys(), self.text
        if not re.search(r"^and \S+ more indicators?$", self.text, re.M):
            assert groups.keys() == by_value.keys(), self.text
        for value, group in groups.items():
            keys = by_value[value]
            numbers = {key[0] for key in keys}
            assert group.events == len(numbers), (value, self.text)
            assert group.hosts == len({lines[one].source for one in numbers}), (value, self.text)
            names = {f"{feed} {id}" for _, feed, id in keys}
            assert group.vouchers <= names, (value, names, self.text)
            assert len(group.vouchers) + group.more_vouchers == len(names), (value, self.text)
            assert group.examples <= numbers, (value, self.text)
            assert len(group.examples) + group.more_examples == len(numbers), (value, self.text)
        for source, shown in self.sources().items():
            assert shown == len(by_source[source]), (source, self.text)
        muted = re.search(r"(\S+) match(?:es were| was) muted since", self.text)
        if digest.muted is not None:
            assert (number(muted[1]) if muted else 0) == digest.muted, self.text

    def groups(self) -> dict[str, Group]:
        groups: dict[str, Group] = defaultdict(Group)
        for value, part in parts(self.between("WHY: THE INDICATORS", "NEWEST EVENTS")):
            group = groups[value]
            counts = re.search(r"^    (\S+) events? from (\S+) hosts?", part, re.M)
            group.events, group.hosts = number(counts[1]), number(counts[2])
            for feed, id in re.findall(r"- feed (\w+): .*(?:\n      (indicator--\S+))?", part):
                group.vouchers.add(f"{feed} {id or value}")
            more = re.search(r"- and (\S+) more indicator", part)
            group.more_vouchers = number(more[1]) if more else 0
        for value, part in parts(self.between("NEWEST EVENTS", "WHAT NEXT")):
            shown = re.findall(r"^    url\.original \S+/(\d+), ", part, re.M)
            groups[value].examples = {int(one) for one in shown}
            more = re.search(r"^ *and (\S+) more event", part, re.M)
            groups[value].more_examples = number(more[1]) if more else 0
        return groups

    def sources(self) -> dict[str, int]:
        """Returns the number of events of each source that is shown."""
        part = self.between("WHICH HOSTS TOUCHED WHAT", "WHY: THE INDICATORS")
        found = re.findall(r"^(10\.\S+)\n    (\S+) events?", part, re.M)
        return {source: number(events) for source, events in found}

    def between(self, start: str, end: str) -> str:
        return self.text.partition(f"\n{start}\n")[2].partition(f"\n{end}\n")[0]


def parts(text: str) -> list[tuple[str, str]]:
    """Cuts a part of a mail at the numbered values."""
    cut = re.split(r"^\d+\. (\S+)\n", text, flags=re.M)[1:]
    return list(zip(cut[::2], cut[1::2], strict=True))


def plain(text: str) -> str:
    """Returns a text without the brackets that defang it."""
    return text.replace("\r\n", "\n").replace("[", "").replace("]", "")


def number(text: str) -> int:
    return int(text.replace(",", ""))
