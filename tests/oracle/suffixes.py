"""Public suffixes, from the list at publicsuffix.org as the package `publicsuffixlist` carries it."""

import functools
from importlib import resources

import publicsuffixlist


@functools.cache
def _rules() -> tuple[frozenset[str], frozenset[str]]:
    """Plain rules of the ICANN and of the private section, as A-labels; wildcards and exceptions left out."""
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
    """Whether a registry's rule names it."""
    return name in _rules()[0]


def is_private(name: str) -> bool:
    """Whether a rule of the private section names it."""
    return name in _rules()[1]
