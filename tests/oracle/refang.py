"""Refanging: reverts the changes that people make to values so that nobody clicks them."""

import re

_DOTS = re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)|\{dot\}", re.IGNORECASE)
_AT = re.compile(r"\[@\]|\(@\)|\[at\]|\(at\)", re.IGNORECASE)
_COLON = re.compile(r"\[:\]|\(:\)")
_SCHEME = re.compile(r"^(?:h(?:xx|\*\*)p|meow)(s?)(?=://)", re.IGNORECASE)


def host(text: str) -> str:
    """Returns a host with its dots restored. Nothing else is reverted in the values of events."""
    return _DOTS.sub(".", text)


def indicator(text: str) -> str:
    """Returns an indicator's value with scheme, colons, dots and at signs restored."""
    text = _COLON.sub(":", text.replace("[://]", "://")).replace("[/]", "/").replace("\\.", ".")
    return _SCHEME.sub(r"http\1", _AT.sub("@", host(text)))
