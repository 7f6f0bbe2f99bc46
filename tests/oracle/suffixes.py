"""Public suffixes, from the list of publicsuffix.org in the package `publicsuffixlist`."""

import functools
from importlib import resources

import publicsuffixlist


@functools.cache
def _rules() -> tuple[frozenset[str], frozenset[str]]:
    """Returns the plain rules of the ICANN and the private section, as A-labels, without wildcards
    and exceptions.
    """
    from . import names

    icann, private, section = set(), set(), None
    text = (
        resources.files(publicsuffixlist)
        .joinpath("public_suffix_list.dat")
        .read_text(encoding="utf-8")
    )
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("// ===BEGIN ICANN"):
            section = icann
        elif line.startswith("// ===BEGIN PRIVATE"):
            section = private
        elif line and not line.startswith(("//", "*", "!")):
            section.add(names.normalise(line))
    return frozenset(icann), frozenset(private)


def is_icann(name: str) -> bool:
    """Returns whether a rule of the ICANN section names it."""
    return name in _rules()[0]


def is_private(name: str) -> bool:
    """Returns whether a rule of the private section names it."""
    return name in _rules()[1]
