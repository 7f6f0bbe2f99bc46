"""Host names: lower case, trailing dot, IDNA label by label (UTS 46, non-transitional)."""

import re

import idna

# UTS 46 section 4 step 3: these characters separate labels, too.
LABEL_SEPARATORS = re.compile("[.\u3002\uff0e\uff61]")


def ascii_lower(text: str) -> str:
    """Converts only A to Z to lower case, as a comparison of bytes would."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def _check_unicode_label(label: str) -> None:
    """Raises an error for labels that UTS 46 section 4.1 refuses. CheckHyphens is off; CheckJoiners
    and CheckBidi are on.
    """
    if idna.uts46_remap(label, std3_rules=False, transitional=False) != label:
        raise idna.IDNAError(f"{label!r} is not in its mapped form")
    idna.check_initial_combiner(label)
    idna.check_bidi(label)
    for position, char in enumerate(label):
        if char in "\u200c\u200d" and not idna.valid_contextj(label, position):
            raise idna.IDNAError(f"{label!r} has a joiner out of context")


def label_to_ascii(label: str) -> str:
    """Converts a label to its A-label. A label that IDNA refuses stays as it is, in lower case."""
    if label.isascii():
        # An ASCII label maps to its lower case, even if it starts with `xn--` and IDNA refuses it.
        return ascii_lower(label)
    try:
        mapped = idna.uts46_remap(label, std3_rules=False, transitional=False)
        if mapped.startswith("xn--"):
            _check_unicode_label(mapped[4:].encode("ascii").decode("punycode"))
        if mapped.isascii():
            return mapped
        _check_unicode_label(mapped)
        return "xn--" + mapped.encode("punycode").decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return ascii_lower(label)


def normalise(host: str) -> str:
    """Returns a host name in the form that is compared: A-labels in lower case, no trailing dot."""
    labels = [label_to_ascii(label) for label in LABEL_SEPARATORS.split(host)]
    if len(labels) > 1 and labels[-1] == "":
        labels.pop()
    return ".".join(labels)


def parents(host: str) -> list[str]:
    """Returns the host and all names above it, the most specific first: `a.b.c`, `b.c`, `c`."""
    labels = host.split(".")
    return [".".join(labels[start:]) for start in range(len(labels))]


def is_domain(name: str) -> bool:
    """Returns whether a normalised name can be a domain entry: non-empty labels of permitted bytes,
    lengths within DNS limits.
    """
    labels = name.split(".")
    return (
        len(name) <= 253
        and all(0 < len(label) <= 63 for label in labels)
        and all(re.fullmatch(r"[a-z0-9_-]+", label) for label in labels)
        and not labels[-1].isdigit()
    )
