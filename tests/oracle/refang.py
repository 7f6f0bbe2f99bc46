"""Undoing what people do to values so that nobody clicks them."""

import re

_DOTS = re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)|\{dot\}", re.IGNORECASE)
_AT = re.compile(r"\[@\]|\(@\)|\[at\]|\(at\)", re.IGNORECASE)
_SCHEME = re.compile(r"^h(?:xx|XX|Xx|xX)p(s?)(?=[:\[])", re.IGNORECASE)


def host(text: str) -> str:
    """A host with its dots back: all that is undone in the values of events."""
    return _DOTS.sub(".", text)


def indicator(text: str) -> str:
    """An indicator's value with scheme, colons, dots and at signs back."""
    text = _SCHEME.sub(r"http\1", text)
    text = text.replace("[://]", "://").replace("[:]", ":")
    return _AT.sub("@", host(text))
